"""Explorer of lesson 11: a box slides over a feature map, and RoIPool and RoIAlign read what is in it."""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from course_utils import plots
from course_utils.ops.checks import require_tensor
from course_utils.ops.roi import roi_align, roi_pool
from course_utils.widgets.explorer import Explorer, Slider
from course_utils.widgets.placing import Place, axes_at

RAMP = torch.arange(16.0, dtype=torch.float64, device="cpu").expand(12, 16)
"""The map f(y, x) = x of 12 × 16 cells: what a bin reads tells where it has read."""

STRIDE, SAMPLES = 16, 2
_POOL, _ALIGN, _BOX = plots.COLOURS[3], plots.COLOURS[0], "black"
_CELLS = LinearSegmentedColormap.from_list("cells", ["#FFFFFF", "#8E949B"])
_MOST_NUMBERS = 3  # bins along an axis whose numbers can be read
_MARGIN = 1.5  # cells beside the map, in which the bins of an axis are drawn
# Inches from the lower left corner.
_SIZE = (9.0, 5.0)
_MAPS = Place(0.35, 1.95, 3.3, 2.7), Place(3.85, 1.95, 3.3, 2.7)
_GRIDS = Place(0.4, 0.12, 1.4, 1.4), Place(3.9, 0.12, 1.4, 1.4)
_CURVE = Place(7.6, 0.62, 1.3, 3.35)


Bins = Sequence[tuple[float, float]]


class Pooled(NamedTuple):
    """What the two read of one box, both (bins, bins)."""

    pool: Tensor
    align: Tensor


def pooled(features: Tensor, x: float, y: float, side: float, bins: int) -> Pooled:
    """What both read of the square box whose upper left corner is at (x, y), in cells of the map (H, W)."""
    found = _read(features, torch.tensor([x], dtype=torch.float64), y, side, bins)
    return Pooled(found.pool[0], found.align[0])


def _read(features: Tensor, x: Tensor, y: float, side: float, bins: int) -> Pooled:
    """The same for N boxes beside each other, with the corners x (N,): both (N, bins, bins)."""
    y_of_all = torch.full_like(x, y)
    corners = torch.stack([x, y_of_all, x + side, y_of_all + side], 1) * STRIDE  # (N, 4), pixels of the image
    feature_map = features[None, None].double()  # (1, 1, H, W)
    pool = roi_pool(feature_map, [corners], bins, spatial_scale=1 / STRIDE)
    align = roi_align(feature_map, [corners], bins, spatial_scale=1 / STRIDE, sampling_ratio=SAMPLES, aligned=True)
    return Pooled(pool[:, 0], align[:, 0])


def rounded(start: float, end: float) -> tuple[int, int]:
    """The first and the last cell that RoIPool takes of an axis from `start` to `end`; halves are rounded up."""
    first, last = math.floor(start + 0.5), math.floor(end + 0.5)
    return first, max(first, last)


def pool_bins(start: float, end: float, bins: int) -> list[tuple[int, int]]:
    """The bins of RoIPool along an axis, each with its first cell and the one after its last. They may share cells."""
    first, last = rounded(start, end)
    width = (last - first + 1) / bins
    return [(first + math.floor(n * width), first + math.ceil((n + 1) * width)) for n in range(bins)]


def align_samples(start: float, end: float, bins: int) -> list[float]:
    """Where RoIAlign reads along an axis: two places a bin, a quarter of the bin from its ends."""
    step = (end - start) / (bins * SAMPLES)
    return [start + (n + 0.5) * step for n in range(bins * SAMPLES)]


def slide(features: Tensor, y: float, side: float, bins: int) -> tuple[Tensor, Pooled]:
    """The first bin's value as the box goes from the left to the right, pixel by pixel: places in cells, values, all (N,)."""
    last = _last_place(features.shape[1], _largest_side(features))
    pixels = torch.arange(round(last * STRIDE) + 1, dtype=torch.float64)  # (N,)
    found = _read(features, pixels / STRIDE, y, side, bins)
    return pixels / STRIDE, Pooled(found.pool[:, 0, 0], found.align[:, 0, 0])


def draw(figure: Figure | SubFigure, *, features: Tensor, x: float, y: float, side: float, bins: int) -> None:
    """Draw the map twice, with what RoIPool and what RoIAlign makes of the box, their grids, and the curve of the first bin."""
    found = pooled(features, x, y, side, bins)
    left, right, pool_grid, align_grid, curve = axes_at(figure, *_MAPS, *_GRIDS, _CURVE)
    _draw_map(left, features, rows=True)
    _draw_map(right, features, rows=False)
    _draw_pool(left, features, x, y, side, bins)
    _draw_align(right, x, y, side, bins)
    for axes in (left, right):
        axes.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=_BOX, linewidth=1.2, zorder=6))
    _draw_grid(pool_grid, features, found.pool, _POOL, _pool_words(x, side, bins))
    _draw_grid(align_grid, features, found.align, _ALIGN, _align_words(x, side, bins))
    _draw_curve(curve, features, found, x, y, side, bins)


def _draw_map(axes: Axes, features: Tensor, *, rows: bool) -> None:
    """Draw the cells, and the numbers of every fourth column and row; `rows=False` leaves those of the rows out."""
    height, width = features.shape
    low, high = _range(features)
    axes.imshow(features.numpy(), extent=(0, width, height, 0), cmap=_CELLS, vmin=low, vmax=high)
    axes.vlines(range(width + 1), 0, height, color="white", linewidth=0.6)
    axes.hlines(range(height + 1), 0, width, color="white", linewidth=0.6)
    axes.set(xlim=(-_MARGIN, width + 0.1), ylim=(height + 0.1, -_MARGIN), anchor="SW", xticks=[], yticks=[])
    axes.axis("off")
    for cell in range(0, width, 4):
        axes.text(cell, height + 0.2, str(cell), ha="center", va="top")
    for cell in range(0, height if rows else 0, 4):
        axes.text(-_MARGIN, cell, str(cell), ha="right", va="center")


def _draw_pool(axes: Axes, features: Tensor, x: float, y: float, side: float, bins: int) -> None:
    """Draw the cells that RoIPool takes, its bins beside the map, the first one filled, and the maximum of each."""
    across, down = pool_bins(x, x + side, bins), pool_bins(y, y + side, bins)
    left, top, right, bottom = across[0][0], down[0][0], across[-1][1], down[-1][1]
    taken = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=_POOL, hatch="//", linewidth=0)
    axes.add_patch(taken)
    axes.add_patch(
        Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=_POOL, linewidth=2.5, zorder=4)
    )
    _draw_first_bin(axes, across[0], down[0], _POOL)
    _draw_bins(axes, across, down, _POOL)
    maxima = [_place_of_maximum(features, columns, rows) for rows in down for columns in across]
    axes.plot(*zip(*maxima, strict=True), "D", color=_POOL, markeredgecolor="white", markersize=6, zorder=7)
    axes.set_title("RoIPool: ◆ maximum of a bin", color=_POOL, fontweight="bold")


def _draw_align(axes: Axes, x: float, y: float, side: float, bins: int) -> None:
    """Draw the bins of RoIAlign, the first one filled, and the places where it reads."""
    edges_x, edges_y = ([start + n * side / bins for n in range(bins + 1)] for start in (x, y))
    thin = 1.5 if bins <= _MOST_NUMBERS else 0.6
    axes.vlines(edges_x, y, y + side, color=_ALIGN, linewidth=thin, zorder=4)
    axes.hlines(edges_y, x, x + side, color=_ALIGN, linewidth=thin, zorder=4)
    across, down = (list(zip(edges[:-1], edges[1:], strict=True)) for edges in (edges_x, edges_y))
    _draw_first_bin(axes, across[0], down[0], _ALIGN)
    _draw_bins(axes, across, down, _ALIGN)
    samples_x, samples_y = np.meshgrid(align_samples(x, x + side, bins), align_samples(y, y + side, bins))
    axes.plot(
        samples_x.flatten(),
        samples_y.flatten(),
        "o",
        color=_ALIGN,
        markersize=min(5, max(1, 6 * side / bins - 2)),
        zorder=7,
    )
    axes.set_title("RoIAlign: ● samples of a bin", color=_ALIGN, fontweight="bold")


def _draw_first_bin(axes: Axes, across: tuple[float, float], down: tuple[float, float], colour: str) -> None:
    corner = across[0], down[0]
    axes.add_patch(Rectangle(corner, across[1] - across[0], down[1] - down[0], color=colour, alpha=0.35, linewidth=0))


def _draw_bins(axes: Axes, across: Bins, down: Bins, colour: str) -> None:
    """Draw the bins of both axes above and left of the map, every other one further out, so that overlaps are seen."""
    strong = [1.0] + [0.5] * (len(across) - 1)
    out = [-1.0 if place % 2 else -0.4 for place in range(len(across))]
    gap = 0.06
    starts, ends = np.array(across).T + [[gap], [-gap]]
    axes.hlines(out, starts, ends, color=colour, alpha=strong, linewidth=4.5)
    starts, ends = np.array(down).T + [[gap], [-gap]]
    axes.vlines(out, starts, ends, color=colour, alpha=strong, linewidth=4.5)


def _place_of_maximum(features: Tensor, columns: tuple[int, int], rows: tuple[int, int]) -> tuple[float, float]:
    """The middle of the cell with the largest value of a bin, (x, y); of equal ones the first."""
    cells = features[slice(*rows), slice(*columns)]
    row, column = divmod(int(cells.argmax()), cells.shape[1])
    return columns[0] + column + 0.5, rows[0] + row + 0.5


def _draw_grid(axes: Axes, features: Tensor, grid: Tensor, colour: str, words: str) -> None:
    """Draw what was read, with its numbers where there is room for them, and beside it the arithmetic."""
    low, high = _range(features)
    bins = len(grid)
    axes.imshow(grid.numpy(), extent=(0, bins, bins, 0), cmap=_CELLS, vmin=low, vmax=high)
    axes.add_patch(Rectangle((0, 0), 1, 1, color=colour, alpha=0.35, linewidth=0))
    axes.add_patch(Rectangle((0, 0), bins, bins, fill=False, edgecolor=colour, linewidth=2, clip_on=False))
    if bins <= _MOST_NUMBERS:
        digits = 0 if max(abs(low), abs(high)) >= 100 else 4 - bins
        for row, values in enumerate(grid.tolist()):
            for column, value in enumerate(values):
                axes.text(column + 0.5, row + 0.5, f"{value:.{digits}f}", ha="center", va="center")
    axes.axis("off")
    axes.text(1.08, 1, words, transform=axes.transAxes, va="top", linespacing=1.5)


def _pool_words(x: float, side: float, bins: int) -> str:
    first, last = rounded(x, x + side)
    widths = sorted({end - start for start, end in pool_bins(x, x + side, bins)})
    return (
        "black box → cells\n"
        f"{x * STRIDE:g}/16 = {x:.2f} → {first}\n"
        f"{(x + side) * STRIDE:g}/16 = {x + side:.2f} → {last}\n"
        f"{last - first + 1} cells / {bins} bins\n"
        f"→ {' or '.join(map(str, widths))} cells a bin"
    )


def _align_words(x: float, side: float, bins: int) -> str:
    return (
        "black box in cells\n"
        f"{x * STRIDE:g}/16 = {x:.2f}\n"
        f"{(x + side) * STRIDE:g}/16 = {x + side:.2f}\n"
        f"{side:g} cells / {bins} bins\n"
        f"= {side / bins:.2f} cells a bin"
    )


def _draw_curve(axes: Axes, features: Tensor, found: Pooled, x: float, y: float, side: float, bins: int) -> None:
    """Draw the first bin's value for every place of the box, and where it stands now."""
    places, values = slide(features, y, side, bins)
    axes.step(places, values.pool, where="post", color=_POOL)
    axes.plot(places, values.align, color=_ALIGN)
    axes.axvspan(math.floor(x), math.floor(x) + 1, color="#E8EAED", zorder=0)
    now = float(found.pool[0, 0]), float(found.align[0, 0])
    for value, colour, marker in zip(now, (_POOL, _ALIGN), "Do", strict=True):
        axes.plot(x, value, marker, color=colour, markeredgecolor="white", markersize=9, zorder=4, clip_on=False)
    low, high = _range(features)
    room = 0.04 * (high - low) or 1
    axes.set(xlim=(0, float(places[-1])), ylim=(low - room, high + room), xlabel="left edge")
    for axis, ticks in ((axes.xaxis, _ticks(0, float(places[-1]), 3)), (axes.yaxis, _ticks(low, high, 5))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    lines = ("first bin:", _BOX), (f"RoIPool {now[0]:.2f}", _POOL), (f"RoIAlign {now[1]:.2f}", _ALIGN)
    for place, (line, colour) in enumerate(lines):
        axes.text(-0.2, 1.19 - 0.07 * place, line, color=colour, fontweight="bold", transform=axes.transAxes)


def _ticks(low: float, high: float, steps: int) -> list[float]:
    return [tick for tick in MaxNLocator(steps, steps=(1, 2, 5, 10)).tick_values(low, high) if low <= tick <= high]


def _range(features: Tensor) -> tuple[float, float]:
    return float(features.min()), float(features.max())


def _largest_side(features: Tensor) -> float:
    return min(6.0, min(features.shape) - 2.0)


def _last_place(size: int, largest: float) -> float:
    """How far from the start of an axis a box may begin: RoIPool takes one cell more, and that is on the map as well."""
    return size - 1 - largest


def alt(*, features: Tensor, x: float, y: float, side: float, bins: int) -> str:
    """What there is to see for one setting."""
    found = pooled(features, x, y, side, bins)
    first, last = rounded(x, x + side)
    height, width = features.shape
    return (
        f"A feature map of {height} × {width} cells, twice. A box from {x:.2f} to {x + side:.2f} across and from {y:.2f} to "
        f"{y + side:.2f} down, {bins} × {bins} bins. RoIPool takes the columns {first} to {last}, and its first bin reads "
        f"{float(found.pool[0, 0]):.2f}; RoIAlign rounds nothing, and its first bin reads {float(found.align[0, 0]):.2f}. As the "
        f"box moves, what RoIPool reads jumps, and what RoIAlign reads does not."
    )


def pooling_explorer(features: Tensor) -> Explorer:
    """The explorer on a feature map of stride 16, a learnt channel, say: floating (H, W), 8 cells or more along each axis.

    Raises: ValueError for another map, and one that holds NaN or infinity.
    """
    require_tensor(features, "features")
    if not features.is_floating_point() or features.ndim != 2 or min(features.shape) < 8:
        raise ValueError(
            "pooling_explorer needs one channel of a feature map, floating (H, W) with at least 8 cells along each axis, but got "
            f"{features.dtype} {tuple(features.shape)}; choose a channel by `maps[0, channel]`."
        )
    if not features.isfinite().all():
        raise ValueError("features must be finite, but at least one holds NaN or infinity; look for where it arises.")
    features = features.detach().cpu().double()
    (height, width), largest = features.shape, _largest_side(features)
    return Explorer(
        partial(draw, features=features),
        partial(alt, features=features),
        {
            "x": Slider("left edge (cells)", 0.0, _last_place(width, largest), 0.25, 3.25),
            "y": Slider("upper edge (cells)", 0.0, _last_place(height, largest), 0.25, 3.0),
            "side": Slider("side of the box (cells)", 1.0, largest, 0.25, 4.0),
            "bins": Slider("bins along a side", 2, 7, 1, 2),
        },
        [{"x": 3.25}, {"x": 3.5}, {"x": 3.5, "bins": 7}],
        size=_SIZE,
        placed=True,
    )


POOLING = pooling_explorer(RAMP)
