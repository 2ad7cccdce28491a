"""Maps and kernels of whole numbers and quarters, so that every sum is exact in float32.

The small ones are whole: in what they give a student can follow a mistake by hand. Maps are at least as large as
their kernels, and larger than twice the padding, so that the likeliest mistakes run on all of them.
"""

import torch
from torch import Tensor

SMALL = torch.tensor([[2.0, 7.0, -1.0], [5.0, 3.0, 11.0]])
LARGE = torch.tensor([[1.25, -4.0, 6.0, 9.5], [8.0, 2.75, -3.0, 5.0], [-7.0, 10.0, 4.5, 13.0]])
TWO = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
THREE = torch.tensor([[2.5, -0.75, 4.0], [7.0, 3.0, 0.0], [5.0, -6.0, 9.25]])


def numbers(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(-20, 21, shape, generator=generator) / 4


def between(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))
