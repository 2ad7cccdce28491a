"""Explorer of lesson 09: where the nine taps of an atrous kernel lie on the image, for each output stride and rate."""

from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from course_utils import plots
from course_utils.datasets.scenes import Scenes
from course_utils.models.backbones.small import small_resnet
from course_utils.models.cost import cost
from course_utils.ops.atrous import effective_kernel_size, share_inside, taps_inside
from course_utils.ops.checks import Pair, whole_number, whole_numbers
from course_utils.plots.overlays import to_picture
from course_utils.widgets.explorer import Choice, Explorer, Slider

SIZE = HEIGHT, WIDTH = 96, 128
OUTPUT_STRIDES = (32, 16, 8)
_SCENE = 17  # of the validation set: a car on the left, a person on the right of it
_LEAST_MARGIN = 32  # pixels around the image, so that small kernels are drawn at one scale

_INSIDE, _ZEROS, _PADDING, _REST = plots.COLOURS[0], plots.COLOURS[3], "#D9DCE0", "#E8EAED"
_SPAN, _COST = "black", plots.COLOURS[5]


class Tap(NamedTuple):
    """The cell of the last map that a tap reads; one that is not inside is a zero of the padding."""

    row: int
    column: int
    inside: bool


class Found(NamedTuple):
    """The taps inside at a place, the share of places with all nine, pixels from the first tap to the last."""

    inside: int
    share: float
    span: int


def map_size(output_stride: int) -> Pair:
    """Rows and columns of the last map.

    Raises: ValueError for a stride that is not one of `OUTPUT_STRIDES`.
    """
    if output_stride not in OUTPUT_STRIDES:
        raise ValueError(
            f"output_stride must be one of {', '.join(map(str, OUTPUT_STRIDES))}, but is {output_stride!r}."
        )
    return HEIGHT // output_stride, WIDTH // output_stride


def taps(output_stride: int, rate: int, row: int, column: int) -> list[Tap]:
    """The nine taps of a 3×3 kernel whose centre is the cell with the pixel (row, column) of the image, row by row.

    Raises: ValueError for another output stride, a rate below 1, and a pixel outside the image.
    """
    rows, columns = map_size(output_stride)
    rate = whole_number(rate, "rate", minimum=1)
    down, across = _cell(output_stride, row, column)
    steps = (-rate, 0, rate)
    cells = [(down + below, across + beside) for below in steps for beside in steps]
    return [Tap(y, x, 0 <= y < rows and 0 <= x < columns) for y, x in cells]


def _cell(output_stride: int, row: int, column: int) -> Pair:
    """The cell of the last map in which a pixel of the image lies."""
    row, column = whole_numbers(0, row=row, column=column)
    if row >= HEIGHT or column >= WIDTH:
        raise ValueError(
            f"The image has {HEIGHT} rows and {WIDTH} columns, counted from 0, but the place is ({row}, {column})."
        )
    return row // output_stride, column // output_stride


def measure(output_stride: int, rate: int, row: int, column: int) -> Found:
    """What a kernel at a place sees. The span goes from the middle of the first tap to the middle of the last.

    Arguments and errors: as `taps`.
    """
    size = map_size(output_stride)
    cells = effective_kernel_size(3, rate) - 1
    inside = taps_inside(size, rate)[_cell(output_stride, row, column)]
    return Found(int(inside), share_inside(size, rate), cells * output_stride)


@cache
def relative_cost() -> dict[int, float]:
    """Multiply-adds of the small residual network by output stride, as multiples of those at 32. The rate plays no part."""
    counts = {stride: cost(small_resnet(output_stride=stride), SIZE).multiply_adds for stride in OUTPUT_STRIDES}
    return {stride: count / counts[32] for stride, count in counts.items()}


@cache
def _scene() -> np.ndarray:
    return to_picture(Scenes("val", SIZE)[_SCENE].image)


def draw(figure: Figure | SubFigure, *, output_stride: str, rate: int, row: int, column: int) -> None:
    """Draw the taps on the image and the zeros around it, and beside it what they see and what the network costs."""
    stride = int(output_stride)
    read, found = taps(stride, rate, row, column), measure(stride, rate, row, column)
    left, right = figure.subfigures(1, 2, width_ratios=(1.33, 1))
    _draw_taps(left.subplots(), read, stride, rate)
    _draw_numbers(right.subplots(), found, stride)


def _draw_taps(axes: Axes, read: list[Tap], stride: int, rate: int) -> None:
    """Draw the image in the middle of the zeros that the kernel needs around it, the cells of both, and the taps."""
    rows, columns = map_size(stride)
    padding = rate * stride
    top, left, bottom, right = -padding, -padding, HEIGHT + padding, WIDTH + padding
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, facecolor=_PADDING))
    axes.imshow(_scene(), extent=(0, WIDTH, HEIGHT, 0), alpha=0.9, zorder=1)
    across = [((left, y), (right, y)) for y in range(top, bottom + 1, stride)]
    down = [((x, top), (x, bottom)) for x in range(left, right + 1, stride)]
    axes.add_collection(LineCollection(across + down, colors="white", linewidths=0.6, zorder=2))
    margin = max(padding, _LEAST_MARGIN) + 1
    stroke = min(1.5, 20 * stride / (WIDTH + 2 * margin))  # thinner on cells that are drawn small
    for tap in read:
        _mark(axes, tap, stride, stroke)
    _mark_span(axes, read, stride)
    axes.set(xlim=(-margin, WIDTH + margin), ylim=(HEIGHT + margin, -margin), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
    axes.set_title(f"map: {rows} × {columns} cells of {stride} px, taps {padding} px apart")


def _mark(axes: Axes, tap: Tap, stride: int, stroke: float) -> None:
    """Mark the cell of a tap, a little inside its edges; one that reads a zero is crossed out."""
    gap = 0.06 * stride
    x, y, side = tap.column * stride + gap, tap.row * stride + gap, stride - 2 * gap
    large = tap.inside and stride == 32  # then the image is to be seen through it
    colour = _INSIDE if tap.inside else _ZEROS
    filled, edge = to_rgba(colour, 0.35 if large else 1), 2 if large else 0
    axes.add_patch(Rectangle((x, y), side, side, facecolor=filled, edgecolor=colour, linewidth=edge, zorder=4))
    if not tap.inside:
        ends = [((x, y), (x + side, y + side)), ((x, y + side), (x + side, y))]
        axes.add_collection(LineCollection(ends, colors="white", linewidths=stroke, zorder=4))


def _mark_span(axes: Axes, read: list[Tap], stride: int) -> None:
    """Draw the square through the middles of the outer taps, and a dot on the middle one."""
    first, middle, last = ((tap.column * stride + stride / 2, tap.row * stride + stride / 2) for tap in read[::4])
    side = last[0] - first[0]
    # Below the taps, which are small; above them where they touch each other and would hide it.
    for colour, width, height in (("white", 5, 3), (_SPAN, 2, 5 if side == 2 * stride else 3)):
        axes.add_patch(Rectangle(first, side, side, fill=False, edgecolor=colour, linewidth=width, zorder=height))
    axes.add_line(_dot(*middle))


def _dot(x: float, y: float) -> Line2D:
    return Line2D([x], [y], marker="o", linestyle="none", color=_SPAN, markeredgecolor="white", markersize=5, zorder=6)


def _draw_numbers(axes: Axes, found: Found, stride: int) -> None:
    """Write the four numbers below each other, each above its bar; below them what the marks mean."""
    axes.set(xlim=(0, 1), ylim=(300, 0))
    axes.axis("off")
    costs = relative_cost()
    dearest = max(costs.values())
    _write(axes, 0, "taps inside the map here", f"{found.inside} of 9")
    for place in range(9):
        inside = place < found.inside
        axes.add_patch(Rectangle((place / 9, 20), 0.1, 12, facecolor=_INSIDE if inside else _ZEROS))
        if not inside:
            axes.plot(place / 9 + 0.05, 26, "x", color="white", markersize=7, markeredgewidth=2)
    _write(axes, 42, "places with all nine inside", f"{100 * found.share:.0f} %")
    _bar(axes, 62, found.share, _INSIDE)
    _write(axes, 84, "from first to last tap", f"{found.span} px")
    _bar(axes, 104, found.span / WIDTH, _SPAN)
    axes.text(1, 125, f"image: {WIDTH} px", ha="right", va="center")
    _write(axes, 142, "network's multiply-adds", f"× {costs[stride]:.1f}")
    _bar(axes, 162, costs[stride] / dearest, _COST)
    axes.text(0, 183, "stride", va="center")
    for each, times in costs.items():
        axes.text(
            times / dearest, 183, f"{each}", ha="right", va="center", fontweight="bold" if each == stride else "normal"
        )
    marks = {
        "tap inside the map": Patch(facecolor=_INSIDE),
        "tap on a zero": Patch(facecolor=_ZEROS, edgecolor="white", hatch="xx"),
        "zeros around the map": Patch(facecolor=_PADDING),
        "from first to last tap": Line2D([], [], color=_SPAN, linewidth=2),
        "here: the middle tap": _dot(0, 0),
    }
    axes.legend(marks.values(), marks, loc="lower left", borderpad=0, borderaxespad=0, labelspacing=0.25)


def _write(axes: Axes, y: float, name: str, value: str) -> None:
    axes.text(0, y + 9, name, va="center")
    axes.text(1, y + 9, value, va="center", ha="right", fontweight="bold")


def _bar(axes: Axes, y: float, share: float, colour: str) -> None:
    """Draw a share of a whole; what is more than the whole ends in an arrowhead."""
    axes.add_patch(Rectangle((0, y), 1, 12, facecolor=_REST))
    axes.add_patch(Rectangle((0, y), min(share, 1), 12, facecolor=colour))
    if share > 1:
        axes.plot(0.97, y + 6, ">", color="white", markersize=7)


def alt(*, output_stride: str, rate: int, row: int, column: int) -> str:
    """What there is to see for one setting."""
    stride = int(output_stride)
    found, (rows, columns) = measure(stride, rate, row, column), map_size(stride)
    return (
        f"A street scene under the {rows} × {columns} cells of a map of output stride {stride}, and the taps of a 3×3 kernel "
        f"of rate {rate} on it: they are {rate * stride} px apart, {found.span} px from the first to the last; with its middle "
        f"at row {row}, column {column} the kernel has {found.inside} of 9 taps inside the map, and it has all nine inside at "
        f"{100 * found.share:.0f} % of the places; the network takes {relative_cost()[stride]:.1f} times the multiply-adds "
        f"of output stride 32."
    )


TAPS = Explorer(
    draw,
    alt,
    {
        "output_stride": Choice("output stride", tuple(map(str, OUTPUT_STRIDES))),
        "rate": Slider("rate", 1, 8, 1, 1),
        "row": Slider("row of the image", 4, HEIGHT - 4, 8, 52),
        "column": Slider("column of the image", 4, WIDTH - 4, 8, 44),
    },
    [
        {"output_stride": "32", "rate": 1},
        {"output_stride": "8", "rate": 1},
        {"output_stride": "8", "rate": 4},
        {"output_stride": "8", "rate": 8},
    ],
    size=(7.4, 3.9),
)
