"""The numbers on which the exercises of lesson 06 are tried: quarters, of which sums are exact in float32, and which
no rounding to whole numbers or to one decimal leaves as they are.

Where a map is half as large as another, it is rounded up, so that the likeliest mistake, to double and to crop, runs on all.
"""

import torch
from torch import Tensor


def drawn(generator: torch.Generator, *shape: int, double: bool = False) -> Tensor:
    numbers = torch.randint(-39, 40, shape, generator=generator) / 4
    return numbers.double() if double else numbers


def mixed(count: int, *shape: int) -> Tensor:
    """Whole numbers from -11 on, none of them twice, in no order that a mistake could be hidden by."""
    return ((torch.arange(count) * 7) % count - 11).reshape(shape).double()
