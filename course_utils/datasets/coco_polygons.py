"""Polygons as COCO's files store them: filled as pycocotools fills them, and drawn around the pixels of a mask."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.datasets.coco_masks import checked_mask_size, require_mask
from course_utils.ops.checks import is_number
from course_utils.ops.masks import connected_components

Polygon = list[float]
"""Corners x1, y1, x2, y2, … in continuous pixel coordinates: pixel i covers [i, i + 1)."""

FINE = 5
"""Steps in a pixel: outlines are drawn on a grid that is so much finer, before columns of pixels are read from it."""

FARTHEST = 100_000
"""Pixels from the origin. What lies farther out is damaged, and its outline would take all memory."""

Integers = NDArray[np.int64]


def polygons_to_mask(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Tensor:
    """The pixels that lie in any of the polygons, equal to pycocotools' pixel for pixel: (H, W) bool.

    Each outline is drawn on a grid of fifths of a pixel. Where it passes the middle of a column of pixels, it changes, from
    there down, what is inside into outside and back. So two passes at one place cancel each other, and a part of a polygon
    that is run through twice is not inside. Polygons with no, one or two corners have no inside. Without polygons, the mask
    is empty.

    Differs from pycocotools: that refuses an empty list, and polygons with less than three corners.

    Raises: ValueError for polygons that are not lists with an even count of finite numbers, and for corners farther away than
    100,000 pixels.
    """
    height, width = checked_mask_size(size)
    mask = np.zeros(width * height, dtype=bool)
    for polygon in polygons:
        # Positions of pixels, going down the columns. What crosses below the last row changes the next column.
        positions, passes = np.unique(_crossings(_outline(_corners(polygon)), height, width), return_counts=True)
        changes = positions[passes % 2 == 1]
        inside = np.arange(len(changes) + 1) % 2 == 1
        mask |= np.repeat(inside, np.diff([0, *changes, mask.size]))
    return torch.from_numpy(np.ascontiguousarray(mask.reshape(width, height).T))  # (H, W)


def _corners(polygon: Sequence[float]) -> NDArray[np.float64]:
    """The corners of a polygon: (N, 2)."""
    if not isinstance(polygon, list | tuple) or len(polygon) % 2 or not all(map(is_number, polygon)):
        found = f"{len(polygon)} entries" if isinstance(polygon, list | tuple) else repr(polygon)[:60]
        raise ValueError(f"A polygon is a list of numbers [x1, y1, x2, y2, ...], two for each corner, but has {found}.")
    corners = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    if (np.abs(corners) > FARTHEST).any():
        raise ValueError(
            f"A polygon's corners must be pixel coordinates within ±{FARTHEST}, but one is {np.abs(corners).max():g}."
        )
    return corners


def _outline(corners: NDArray[np.float64]) -> Integers:
    """The points of the fine grid along the outline, in the order of the corners: (M, 2).

    Each side goes step by step along the axis on which it is longer, always from its smaller coordinate, so that it has the
    same points whichever way round it is run through. Conversions to integers cut off, as those of C do.
    """
    start = (FINE * corners + 0.5).astype(np.int64)  # (N, 2)
    end = np.roll(start, -1, axis=0)
    span = np.abs(end - start)
    along = (span[:, 1] > span[:, 0]).astype(np.int64)  # the axis of each side
    sides = np.arange(len(start))
    backwards = start[sides, along] > end[sides, along]
    low = np.where(backwards[:, None], end, start)
    rise = np.where(backwards[:, None], start, end) - low
    length = rise[sides, along]
    slope = rise[sides, 1 - along] / np.maximum(length, 1)

    side = np.repeat(sides, length + 1)  # (M,)
    step = np.arange(len(side)) - np.repeat(np.cumsum(length + 1) - length - 1, length + 1)
    step = np.where(backwards[side], length[side] - step, step)
    points = np.empty((len(side), 2), dtype=np.int64)
    rows, axis = np.arange(len(side)), along[side]
    points[rows, axis] = low[side, axis] + step
    points[rows, 1 - axis] = (low[side, 1 - axis] + slope[side] * step + 0.5).astype(np.int64)
    return points


def _crossings(points: Integers, height: int, width: int) -> Integers:
    """Where an outline passes the middle of a column: positions of the pixels below it, going down the columns."""
    before, after = points[:-1], points[1:]
    # The middle of column i lies between the steps 5 i + 2 and 5 i + 3.
    left = np.where(after[:, 0] < before[:, 0], after[:, 0], after[:, 0] - 1)
    column = left // FINE
    middle = (after[:, 0] != before[:, 0]) & (left % FINE == FINE // 2) & (column >= 0) & (column < width)
    upper = np.minimum(before[:, 1], after[:, 1])
    row = np.clip((upper + FINE // 2) // FINE, 0, height)
    return (column * height + row)[middle]


def mask_to_polygons(mask: Tensor) -> list[Polygon]:
    """The outline of a mask along the edges of its pixels, one polygon for each connected piece (four neighbours).

    `polygons_to_mask` and pycocotools give the same mask back, also with holes: a polygon goes to its hole and back along one
    line, which cancels itself. A mask without pixels has no polygon.

    Shapes: `mask` bool (H, W).

    Raises: ValueError for a mask of another type or shape.
    """
    require_mask(mask)
    pieces = np.pad(connected_components(mask).cpu().numpy(), 1)
    polygons: dict[int, list[tuple[int, int]]] = {}
    for loop in _loops(pieces > 0):
        x, y = loop[0]
        # The first side of a loop has the piece below it, or above it where the loop is a hole.
        piece = int(max(pieces[y + 1, x + 1], pieces[y, x + 1]))
        if piece not in polygons:
            polygons[piece] = loop
        else:
            polygons[piece] += [polygons[piece][0], *loop, loop[0]]
    return [[number for corner in polygon for number in corner] for polygon in polygons.values()]


def _loops(padded: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """The closed lines between inside and outside as corners (x, y), each from its uppermost left one.

    The corners along a row of the grid are joined in pairs, and those along a column as well. So a loop alternates between
    the two.

    Shapes: `padded` (H + 2, W + 2), a mask with a rim of False.
    """
    upper_left, upper_right = padded[:-1, :-1], padded[:-1, 1:]  # the pixels around each point of the grid: (H+1, W+1)
    lower_left, lower_right = padded[1:, :-1], padded[1:, 1:]
    falling = upper_left & lower_right & ~upper_right & ~lower_left
    rising = upper_right & lower_left & ~upper_left & ~lower_right
    count = (upper_left ^ upper_right ^ lower_left ^ lower_right) + 2 * (falling | rising)
    y, x = (np.repeat(places, count[count > 0]) for places in np.nonzero(count))
    # Two pixels that touch at a point have a corner each. Where they are the upper right and the lower left one, the
    # corner that is left of the other is below it.
    second = np.r_[False, (y[1:] == y[:-1]) & (x[1:] == x[:-1])]
    below = np.where(rising[y, x], ~second, second)
    down = np.lexsort((below, y, x))
    along_column = np.empty(len(x), dtype=np.int64)
    along_column[down] = down.reshape(-1, 2)[:, ::-1].ravel()

    partner, corners = along_column.tolist(), list(zip(x.tolist(), y.tolist(), strict=True))
    taken, loops = [False] * len(corners), []
    for first in range(len(corners)):
        loop, corner = [], first
        while not taken[corner]:
            other = corner ^ 1  # along the row: 0 and 1, 2 and 3, …
            taken[corner] = taken[other] = True
            loop += [corners[corner], corners[other]]
            corner = partner[other]
        if loop:
            loops.append(loop)
    return loops
