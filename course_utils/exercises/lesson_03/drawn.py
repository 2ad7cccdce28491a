"""What is drawn at random for several of the exercises."""

import torch
from torch import Tensor


def between(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def different_numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Different odd quarters, some below 0, as float32: exact, and of the type that `torch.zeros` has."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(2 * count, generator=generator)[:count] - count + 0.5) / 2).reshape(shape)


def two_sizes(generator: torch.Generator) -> tuple[int, int]:
    return between(generator, 2, 5), between(generator, 6, 11)
