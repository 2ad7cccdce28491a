"""The arguments on which the exercises of lesson 03 are tried, and second ways to two of its answers."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops import resample

# Two images with two channels, as if they came from maps of 5 x 7 pixels. No place beyond the 4 · 6 pixels of a map of twice the
# pooled size, so that an answer that forgets the output's size runs, and can be told what is wrong with it.
POOLED = torch.tensor(
    [
        [[[6.0, 2.0, 9.0], [4.0, 8.0, 1.0]], [[15.0, 7.0, 3.0], [11.0, 5.0, 12.0]]],
        [[[21.0, 14.0, 17.0], [10.0, 20.0, 13.0]], [[16.0, 22.0, 18.0], [25.0, 19.0, 23.0]]],
    ]
)
PLACES = torch.tensor(
    [
        [[[8, 3, 12], [21, 16, 19]], [[1, 9, 11], [14, 23, 18]]],
        [[[0, 2, 5], [22, 17, 19]], [[7, 10, 4], [15, 23, 18]]],
    ]
)

# Literal probes with as many rows as columns, so that matrices in the wrong places run, and can be told what is wrong with them.
GRADIENT = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [4.0, 0.0, -3.0]], dtype=torch.float64)
ROWS = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64)
COLUMNS = torch.tensor([[0.75, 0.25], [0.375, 0.625], [0.125, 0.875]], dtype=torch.float64)

# For both rules: larger and smaller, even and odd.
SIZES_AND_RULES = [
    (2, 4, False),
    (2, 4, True),
    (3, 7, False),
    (3, 7, True),
    (7, 3, False),
    (7, 3, True),
    (4, 9, False),
    (6, 5, True),
]


def _between(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (), generator=generator))


def _numbers(generator: torch.Generator, *shape: int) -> Tensor:
    """Different whole numbers above 0, as float32: exact, and of the type that `torch.zeros` has."""
    count = torch.Size(shape).numel()
    return (torch.randperm(2 * count, generator=generator)[:count] + 1).float().reshape(shape)


def map_and_factor(generator: torch.Generator) -> tuple[Tensor, int]:
    return _numbers(generator, 2, 3, _between(generator, 2, 3), 4), _between(generator, 2, 4)


def overlapping_windows(generator: torch.Generator) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Windows of 3 x 3 at every second pixel: two may share a maximum. The map is twice the pooled size, as it is with windows
    of 2 x 2, so that `F.max_unpool2d` takes these shapes with either kernel."""
    size = 2 * _between(generator, 3, 4), 2 * _between(generator, 5, 6)
    maps = _numbers(generator, 2, 3, *size)
    return *F.max_pool2d(maps, 3, stride=2, padding=1, return_indices=True), size


def point(generator: torch.Generator) -> tuple[float, float]:
    x, y = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    return x, y


def weights_by_sampling(x: float, y: float) -> Tensor:
    """Four maps, each of them 1 at one corner, sampled at the point."""
    corners = torch.eye(4, dtype=torch.float64).reshape(1, 4, 2, 2)
    return resample.bilinear_sample(corners, torch.tensor([[[x + 0.5, y + 0.5]]], dtype=torch.float64)).flatten()


def two_sizes(generator: torch.Generator) -> tuple[int, int]:
    return _between(generator, 2, 5), _between(generator, 6, 11)


def sizes_and_rule(generator: torch.Generator) -> tuple[int, int, bool]:
    return *two_sizes(generator), bool(_between(generator, 0, 1))


def coordinates_by_a_ramp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """The ramp 0, 1, 2, … has the value j at pixel j: interpolated, it is the coordinates themselves."""
    ramp = torch.arange(n_in, dtype=torch.float64)[None, None]
    return F.interpolate(ramp, n_out, mode="linear", align_corners=align_corners)[0, 0]


def _means(generator: torch.Generator, n_out: int, n_in: int) -> Tensor:
    """A matrix whose rows are positive and sum to 1."""
    weights = torch.rand(n_out, n_in, generator=generator, dtype=torch.float64) + 0.1
    return weights / weights.sum(dim=1, keepdim=True)


def gradient_and_matrices(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    n_in, n_out = _between(generator, 2, 4), _between(generator, 5, 7)
    gradient = torch.randn(n_out, n_out, generator=generator, dtype=torch.float64)
    return gradient, _means(generator, n_out, n_in), _means(generator, n_out, n_in)


def pooled_and_factor(generator: torch.Generator) -> tuple[Tensor, int]:
    return _numbers(generator, 2, 3, 3, 4), _between(generator, 2, 3)
