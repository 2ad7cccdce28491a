"""The arguments on which the exercises of lesson 04 are tried: whole numbers, so that every sum is exact in float32.

They are chosen so that the likeliest mistakes run on all of them: maps are at least as large as their kernels, and larger
than twice the padding.
"""

import torch
from torch import Tensor

_SMALL = torch.tensor([[2.0, 7.0, -1.0], [5.0, 3.0, 11.0]])
_LARGE = torch.tensor([[1.0, -4.0, 6.0, 9.0], [8.0, 2.0, -3.0, 5.0], [-7.0, 10.0, 4.0, 13.0]])
_LARGEST = (torch.arange(30.0).reshape(5, 6) * 7) % 31 - 11
_TWO = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
_THREE = torch.tensor([[2.0, -1.0, 4.0], [7.0, 3.0, 0.0], [5.0, -6.0, 9.0]])
_FLAT = torch.tensor([[1.0, 2.0, 4.0], [3.0, 6.0, 5.0]])

# Kernel, length, stride. The first is the example of the lesson; in the others the last window does not end at the border.
# (length - k + 1) // stride rows are too few in the last only.
SIGNALS = [
    (torch.tensor([11.0, 13.0, 17.0]), 6, 1),
    (torch.tensor([2.0, -3.0, 5.0]), 8, 2),
    (torch.tensor([4.0, 9.0]), 9, 3),
]
# n, kernel size, stride, padding, dilation, output padding.
SIZES = [
    (2, 3, 1, 0, 1, 0),
    (2, 2, 2, 0, 1, 0),
    (3, 3, 2, 1, 1, 0),
    (4, 3, 2, 1, 1, 1),
    (5, 3, 2, 2, 3, 0),
    (7, 4, 3, 1, 2, 2),
    (1, 5, 4, 1, 1, 3),
]
# Map, kernel, stride: strides that divide the kernel, that do not, and one that is larger than it.
SCATTERED = [(_SMALL, _FLAT, 2), (_SMALL[:, :2], _TWO, 1), (_SMALL, _TWO, 3), (_LARGE, _THREE[:, :2], 1)]
SQUARE_KERNELS = [(_SMALL, _TWO, 2), (_LARGE, _THREE, 1), (_SMALL, _THREE, 3), (_LARGE, _THREE, 2)]
# Map, kernel, stride, padding. No padding is not the smallest, so that it is not the first that a student reads of.
CROPS = [(_LARGE, _TWO, 2, 1), (_LARGE, _THREE, 1, 1), (_LARGE, _THREE, 2, 0), (_LARGEST, _THREE[:, :2], 3, 2)]


def _numbers(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(-20, 21, shape, generator=generator).float()


def _between(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def draw_signal(generator: torch.Generator) -> tuple[Tensor, int, int]:
    """Kernel, length and stride; the length is a whole number of strides."""
    return _numbers(generator, _between(generator, 2, 3)), 6 * _between(generator, 2, 3), _between(generator, 1, 3)


def draw_map(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Map, kernel, stride."""
    return _numbers(generator, 4, 3), _numbers(generator, 3, 2), _between(generator, 1, 3)


def draw_square_kernel(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Map, square kernel, stride."""
    size = _between(generator, 2, 4)
    return _numbers(generator, 5, 4), _numbers(generator, size, size), _between(generator, 1, 3)


def draw_cropped(generator: torch.Generator) -> tuple[Tensor, Tensor, int, int]:
    """Map, kernel, stride and padding."""
    return (
        _numbers(generator, 5, 6),
        _numbers(generator, 4, 3),
        _between(generator, 1, 3),
        _between(generator, 1, 2),
    )
