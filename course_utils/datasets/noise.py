"""A picture of smooth noise, made once and read by every scene and every tissue at a place of its own."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.random_draws import Draws

ATLAS_SIZE = 512


@cache
def noise_atlas(octaves: int = 7, amplitude: int = 110) -> NDArray[np.int32]:
    """Noise, the smoother the fewer octaves, that repeats in both directions: (512, 512) int32, at most `amplitude`.

    Every scene reads it at an offset and a scale of its own, which costs one look-up instead of an interpolation.
    """
    draws = Draws(0)
    total = np.zeros((ATLAS_SIZE, ATLAS_SIZE), np.int64)
    for octave in range(octaves):
        cells = 4 << octave
        lattice = draws.integers(-100_000, 100_000, cells * cells).reshape(cells, cells)
        for axis in (0, 1):  # without its mean, no row and no column shows as a band
            lattice -= lattice.sum(axis, keepdims=True) // cells
        picture = spline(spline(lattice, axis=0), axis=1)
        shift = 37 * octave  # so that the lattices of the octaves do not lie on each other
        total += np.roll(picture, (shift, 2 * shift), axis=(0, 1)) * 3**octave * 5 ** (octaves - 1 - octave)
    atlas = (total * amplitude // np.abs(total).max()).astype(np.int32)
    atlas.flags.writeable = False
    return atlas


def spline(values: NDArray[np.int64], *, axis: int) -> NDArray[np.int64]:
    """Values on a ring, stretched along an axis to the size of the atlas by a cubic B-spline, in integers."""
    step = ATLAS_SIZE // values.shape[axis]
    t = np.arange(ATLAS_SIZE) % step
    before, at, after = (step - t) ** 3, 3 * t**3 - 6 * t**2 * step + 4 * step**3, t**3
    weights = before, at, 6 * step**3 - before - at - after, after
    shape = (-1, 1) if axis == 0 else (1, -1)
    neighbours = (np.repeat(np.roll(values, 1 - number, axis), step, axis) for number in range(4))
    return sum(n * weight.reshape(shape) for n, weight in zip(neighbours, weights, strict=True)) // (6 * step**3)


def sampled(
    atlas: NDArray[np.int32],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    *,
    unit: int,
    scale: int,
    offset: tuple[int, int],
) -> NDArray[np.int32]:
    """The atlas, repeated `scale` times per `unit`, at columns x (W,) and rows y (H,): (H, W)."""
    rows = (y * scale * ATLAS_SIZE // unit + offset[1]) % ATLAS_SIZE
    columns = (x * scale * ATLAS_SIZE // unit + offset[0]) % ATLAS_SIZE
    return atlas.take(rows, axis=0).take(columns, axis=1)
