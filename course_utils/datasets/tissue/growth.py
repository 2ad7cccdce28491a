"""A section through tissue: cells as a Voronoi partition of jittered seeds, in integers only.

Seeds stand on a lattice, one in each square, and some share a cell with a neighbour; the plane is bent before each pixel looks
for its nearest seeds, so that membranes curve.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from course_utils.datasets.noise import ATLAS_SIZE, noise_atlas, sampled
from course_utils.datasets.random_draws import Draws

UNIT = 1 << 14
"""Height of every picture in its own coordinates: x runs to the right from the middle, y downwards from the top."""

LATTICE = 160
SEEDS = LATTICE * LATTICE
"""The lattice of seeds repeats after so many squares, which is further than the widest picture shows."""

TURNS = ((5, 0), (4, 3), (3, 4), (0, 5), (-3, 4), (-4, 3))
"""Directions (cosine and sine in fifths) in which the tissue is stretched."""

SMOOTH = 10_000
"""Largest value of the noise that bends."""

# The squares around a pixel's own that may hold its nearest seeds; the far corners never do.
NEIGHBOURS = tuple((down, right) for down in range(-2, 3) for right in range(-2, 3) if abs(down * right) < 4)

Integers = NDArray[np.int64]


class Tissue(NamedTuple):
    """What chance decides: side of a lattice square; direction and percent of the stretch; thickness of a membrane; where the
    noise is read; and for each seed its place in the square, its cell, and the radius of the mitochondrion at it (0: none)."""

    square: int
    turn: tuple[int, int]
    stretch: int
    thickness: int
    offset: tuple[int, int]
    seed_x: Integers
    seed_y: Integers
    cell: Integers
    organelle: Integers


class Section(NamedTuple):
    """What a picture shows of a tissue, (H, W) each: the nearest seed, the vector from it, its cell, the thickness of the
    membrane, and the distance to the border of the next cell, which is `gap / (2 sqrt(spread))`."""

    seed: Integers
    across: Integers
    along: Integers
    cell: Integers
    thickness: Integers
    gap: Integers
    spread: Integers


def lay_tissue(draws: Draws) -> Tissue:
    """A tissue of larger or smaller cells."""
    square = UNIT // draws.between(5, 7)
    turn, stretch = draws.choice(TURNS), draws.between(100, 160)
    offset = draws.between(0, ATLAS_SIZE - 1), draws.between(0, ATLAS_SIZE - 1)
    thickness = square * draws.between(8, 11) // 100
    seed_x, seed_y = (draws.integers(12, 88, SEEDS) * square // 100 for _ in range(2))
    cell = joined(draws, square, seed_x, seed_y)
    alone = np.bincount(cell, minlength=SEEDS)[cell] == 1
    radius = (
        draws.integers(22, 36, SEEDS) * square // np.where(alone, 100, 160)
    )  # a small one, where another seed is close
    organelle = np.where(draws.integers(0, 99, SEEDS) < 24, radius, 0)
    return Tissue(square, turn, stretch, thickness, offset, seed_x, seed_y, cell, organelle)


def joined(draws: Draws, square: int, seed_x: Integers, seed_y: Integers) -> Integers:
    """The cell of each seed: its own, or that of its neighbour to the right or below where the two are close.

    Seeds that are close share a long border, so that a cell of two does not fall apart.
    """
    seeds = np.arange(SEEDS)
    row, column = np.divmod(seeds, LATTICE)
    right, below = row * LATTICE + (column + 1) % LATTICE, (row + 1) % LATTICE * LATTICE + column
    close = square * square * 8 // 10
    to_right = (seed_x[right] + square - seed_x) ** 2 + (seed_y[right] - seed_y) ** 2 < close
    to_below = (seed_x[below] - seed_x) ** 2 + (seed_y[below] + square - seed_y) ** 2 < close
    wish = draws.integers(0, 99, SEEDS)
    cell = np.where(to_right & (wish < 60), right, np.where(to_below & (wish > 40), below, seeds))
    for _ in range(2):  # a cell that joins one that joins another
        cell = cell[cell]
    return cell


def cut(tissue: Tissue, height: int, width: int) -> Section:
    """Look for the nearest seed, and the nearest one of another cell, from each pixel of a picture."""
    x, y = bent(tissue, height, width)
    row, column = y // tissue.square, x // tissue.square

    def seed_of(down: int | Integers, right: int | Integers) -> Integers:
        return (row + down) % LATTICE * LATTICE + (column + right) % LATTICE

    def vector_from(down: int | Integers, right: int | Integers, seed: Integers) -> tuple[Integers, Integers]:
        across = x - (column + right) * tissue.square - tissue.seed_x.take(seed)
        return across, y - (row + down) * tissue.square - tissue.seed_y.take(seed)

    first, second = np.full((2, *x.shape), 1 << 40)
    first_place, second_place, first_cell = np.full((3, *x.shape), -1)
    for place, (down, right) in enumerate(NEIGHBOURS):
        seed = seed_of(down, right)
        across, along = vector_from(down, right, seed)
        squares, cell = across * across + along * along, tissue.cell.take(seed)
        nearest, elsewhere = squares < first, cell != first_cell
        overtakes, follows = nearest & elsewhere, ~nearest & elsewhere & (squares < second)
        second = np.where(overtakes, first, np.where(follows, squares, second))
        second_place = np.where(overtakes, first_place, np.where(follows, place, second_place))
        first, first_cell = np.where(nearest, squares, first), np.where(nearest, cell, first_cell)
        first_place = np.where(nearest, place, first_place)

    down, right = np.array(NEIGHBOURS).T
    seed, next_seed = (seed_of(down.take(place), right.take(place)) for place in (first_place, second_place))
    across, along = vector_from(down.take(first_place), right.take(first_place), seed)
    next_across, next_along = vector_from(down.take(second_place), right.take(second_place), next_seed)
    spread = (across - next_across) ** 2 + (along - next_along) ** 2
    swelling = smooth_noise(height, width, scale=3, offset=tissue.offset[::-1])
    thickness = tissue.thickness * (5 * SMOOTH // 2 + swelling) // (2 * SMOOTH)
    return Section(seed, across, along, first_cell, thickness, second - first, spread)


def read_labels(section: Section) -> tuple[Integers, Integers]:
    """Labels (0 cell, 1 membrane) and instances of a section: (H, W) int64 each; the cells in sight have the ids 1, 2, ….

    A membrane is nowhere open: where it is thinner than a pixel, the last pixel of one of the two cells is membrane.
    """
    cell = section.cell
    inside = section.gap**2 >= section.thickness**2 * section.spread
    inside[:, :-1] &= cell[:, :-1] == cell[:, 1:]
    inside[:-1] &= cell[:-1] == cell[1:]
    inside = opened(inside, max(2, len(cell) // 32))
    seen = np.bincount(cell[inside], minlength=SEEDS) > 0
    return 1 - inside.astype(np.int64), np.where(inside, np.cumsum(seen).take(cell), 0)


def opened(inside: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """The pixels that some square block of this side covers without leaving the inside: no splinters are left."""
    blocks = np.pad(inside, side - 1, mode="edge")
    for axis in (0, 1):
        blocks = sliding_window_view(blocks, side, axis=axis).all(-1)
    for axis in (0, 1):
        blocks = sliding_window_view(blocks, side, axis=axis).any(-1)
    return blocks & inside


def bent(tissue: Tissue, height: int, width: int) -> tuple[Integers, Integers]:
    """Coordinates of the pixel centres in the tissue: turned, stretched, and bent by noise, (H, W) each."""
    x, y = pixel_centres(height, width)
    x, y = x[None, :], y[:, None]
    (cosine, sine), (dx, dy) = tissue.turn, tissue.offset
    bend_x = smooth_noise(height, width, scale=1, offset=(dx, dy)) * tissue.square
    bend_y = smooth_noise(height, width, scale=1, offset=(dy + 200, dx + 300)) * tissue.square
    along, across = (x * cosine + y * sine) * 20 // tissue.stretch, (y * cosine - x * sine) // 5
    return along + bend_x * 36 // (100 * SMOOTH), across + bend_y * 36 // (100 * SMOOTH)


def pixel_centres(height: int, width: int) -> tuple[Integers, Integers]:
    """x (W,) and y (H,) of the pixel centres."""
    return (2 * np.arange(width) + 1 - width) * UNIT // (2 * height), (2 * np.arange(height) + 1) * UNIT // (2 * height)


def smooth_noise(height: int, width: int, *, scale: int, offset: tuple[int, int], octaves: int = 2) -> Integers:
    """Noise with little detail, repeated `scale` times per picture height: (H, W), -10,000 to 10,000."""
    atlas = noise_atlas(octaves=octaves, amplitude=SMOOTH)
    return sampled(atlas, *pixel_centres(height, width), unit=UNIT, scale=scale, offset=offset).astype(np.int64)
