"""The arguments on which the exercises of lesson 06 are tried: whole numbers, so that sums are exact in float32.

Where a map is half as large as another, it is rounded up, so that the likeliest mistake, to double and to crop, runs on all.
"""

import torch
from torch import Tensor


def _numbers(generator: torch.Generator, *shape: int, double: bool = False) -> Tensor:
    numbers = torch.randint(-9, 10, shape, generator=generator)
    return numbers.double() if double else numbers.float()


def _mixed(count: int, *shape: int) -> Tensor:
    """Whole numbers from -11 on, none of them twice, in no order that a mistake could be hidden by."""
    return ((torch.arange(count) * 7) % count - 11).reshape(shape).double()


def _classifier(generator: torch.Generator, batch: int, map_size: tuple[int, int], size: tuple[int, int]) -> tuple:
    channels, hidden, classes = 3, 5, 2
    return (
        _numbers(generator, batch, channels, *map_size),
        _numbers(generator, hidden, channels * size[0] * size[1]),
        _numbers(generator, hidden),
        _numbers(generator, classes, hidden),
        _numbers(generator, classes),
        size,
    )


def draw_classifier(generator: torch.Generator) -> tuple:
    """Features, two weights and biases, and the window's size: odd and even sides, never a square."""
    return _classifier(generator, 2, (7, 9), (3, 4))


def draw_scores(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Coarse scores, and fine ones of odd height and even width."""
    return _numbers(generator, 2, 3, 4, 3, double=True), _numbers(generator, 2, 3, 7, 6, double=True)


def draw_maps(generator: torch.Generator) -> tuple[list[Tensor], tuple[int, int]]:
    """Maps at strides 8, 16 and 32 of two images of 37 × 83."""
    shapes = ((3, 5, 11), (4, 3, 6), (5, 2, 3))
    return [_numbers(generator, 2, *shape, double=True) for shape in shapes], (37, 83)


# Features, weights and biases of two layers, (h, w). Maps have room for a window of w × h, too, and for two of h × w after one
# another.
CLASSIFIERS = [
    _classifier(torch.Generator().manual_seed(10), 1, (4, 6), (2, 3)),
    _classifier(torch.Generator().manual_seed(11), 2, (6, 5), (3, 2)),
]
SCORES = [
    (_mixed(12, 1, 2, 2, 3), _mixed(30, 1, 2, 3, 5)),
    (_mixed(24, 2, 2, 2, 3), _mixed(96, 2, 2, 4, 6)),
]
# Of an image of 9 × 17, so that they can be read.
MAPS = [([_mixed(18, 1, 3, 2, 3), _mixed(8, 1, 4, 1, 2), _mixed(5, 1, 5, 1, 1)], (9, 17))]
FACTORS = [(3, 2), (2, 3), (4, 4), (1, 5)]
