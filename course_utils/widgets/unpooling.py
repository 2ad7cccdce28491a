"""Explorer of lesson 07: a thin line is pooled and brought back, by copies, bilinearly, or to the places that were stored."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from course_utils import plots
from course_utils.ops.checks import whole_number
from course_utils.ops.unpool import max_pool_with_indices, max_unpool
from course_utils.widgets.explorer import Explorer, Slider

SIDE = 32
WAYS = NEAREST, BILINEAR, INDICES = "nearest copy", "bilinear", "with indices"
_MOST_POOLINGS = 3

_LIT, _LOST, _BESIDE = plots.COLOURS[2], "#ABABAB", plots.COLOURS[3]
# What is counted, and the colour that it has in the pictures.
_ROWS = {"on the line": _LIT, "lost from it": _LOST, "beside it": _BESIDE, "not zero": None}
_FAINTEST = 0.4  # so that a faint pixel of the line still looks green
_TIMES = {1: "once", 2: "twice", 3: "three times"}


class Returned(NamedTuple):
    """What came back: pixels that are not zero on the line, zero on it, not zero beside it; the share not zero of all."""

    on_line: int
    lost: int
    beside: int
    not_zero: float


def line(x: int, slope: float) -> Tensor:
    """A map of zeros with one 1 in each row: in column x in row 16, `slope` columns further right with each row: (32, 32).

    Rows in which it would be outside have none. Raises: ValueError where the line is not in row 16 or is not steep.
    """
    x = whole_number(x, "x", minimum=0)
    if x >= SIDE or not -1 <= slope <= 1:
        raise ValueError(f"x is at most {SIDE - 1} and slope from -1 to 1, but they are {x} and {slope}.")
    rows = torch.arange(SIDE)
    columns = (x + slope * (rows - SIDE // 2)).floor().long()
    inside = (columns >= 0) & (columns < SIDE)
    image = torch.zeros(SIDE, SIDE)
    image[rows[inside], columns[inside]] = 1
    return image


def pooled(image: Tensor, poolings: int) -> tuple[Tensor, list[Tensor]]:
    """A map after 2 × 2 max poolings, and the stored places of each: (32, 32) → (32 / 2^n, 32 / 2^n).

    Raises: ValueError for other numbers of poolings than 1, 2 and 3.
    """
    poolings = whole_number(poolings, "poolings", minimum=1)
    if poolings > _MOST_POOLINGS:
        raise ValueError(f"poolings must be at most {_MOST_POOLINGS}, but is {poolings}.")
    places = []
    for _ in range(poolings):
        image, indices = max_pool_with_indices(image, 2)
        places.append(indices)
    return image, places


def restore(image: Tensor, poolings: int) -> dict[str, Tensor]:
    """The map after pooling, brought back to its size in three ways: name → (32, 32)."""
    small, places = pooled(image, poolings)
    unpooled = small
    for indices in reversed(places):
        unpooled = max_unpool(unpooled, indices, (2 * unpooled.shape[0], 2 * unpooled.shape[1]))
    coarse = small[None, None]
    return {
        NEAREST: F.interpolate(coarse, size=image.shape, mode="nearest")[0, 0],
        BILINEAR: F.interpolate(coarse, size=image.shape, mode="bilinear")[0, 0],
        INDICES: unpooled,
    }


def measure(poolings: int, x: int, slope: float) -> dict[str, Returned]:
    """What came back of the line in each way."""
    image = line(x, slope)
    found = {}
    for way, back in restore(image, poolings).items():
        lit, on_line = back > 0, image > 0
        found[way] = Returned(
            on_line=int((lit & on_line).sum()),
            lost=int((~lit & on_line).sum()),
            beside=int((lit & ~on_line).sum()),
            not_zero=float(lit.float().mean()),
        )
    return found


def draw(figure: Figure | SubFigure, *, poolings: int, x: int, slope: float) -> None:
    """Draw the line, the pooled map and the three that came back, and below each of these what is right in it."""
    image = line(x, slope)
    small, _ = pooled(image, poolings)
    above, below = figure.subfigures(2, 1, height_ratios=(2.1, 1.05))
    pictures = above.subplots(1, 5)
    window = 2**poolings
    size = f"{len(small)} × {len(small)}"
    pictures[0].imshow((1 - image).numpy(), cmap="gray", vmin=0, vmax=1, extent=(0, SIDE, SIDE, 0))
    pictures[1].imshow((1 - small).numpy(), cmap="gray", vmin=0, vmax=1, extent=(0, SIDE, SIDE, 0))
    for axes, back in zip(pictures[2:], restore(image, poolings).values(), strict=True):
        axes.imshow(_judged(back, image).numpy(), extent=(0, SIDE, SIDE, 0))
    for axes, title in zip(pictures, ("the line", f"pooled: {size}", *WAYS), strict=True):
        axes.set_title(title)
        axes.set(xticks=[], yticks=[], xlim=(0, SIDE), ylim=(SIDE, 0))
        axes.spines[:].set_visible(True)
        _draw_windows(axes, window)
    _write_numbers(below.subplots(), measure(poolings, x, slope))


def _draw_windows(axes: Axes, window: int) -> None:
    across = [((n, 0), (n, SIDE)) for n in range(window, SIDE, window)]
    down = [((0, n), (SIDE, n)) for n in range(window, SIDE, window)]
    axes.add_collection(LineCollection(across + down, colors="#C8C8C8", linewidths=0.5))


def _judged(back: Tensor, image: Tensor) -> Tensor:
    """A picture (32, 32, 3): what came back on the line and beside it in two colours, the paler the weaker, what is lost grey."""
    picture = torch.ones(*image.shape, 3)
    on_line, lit = image > 0, back > 0
    for colour, place, faintest in ((_LIT, on_line & lit, _FAINTEST), (_BESIDE, ~on_line & lit, 0)):
        weight = back[place][:, None].clamp(min=faintest)
        picture[place] = weight * _rgb(colour) + (1 - weight)
    picture[on_line & ~lit] = _rgb(_LOST)
    return picture


def _rgb(colour: str) -> Tensor:
    return torch.tensor([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])


def _write_numbers(axes: Axes, found: dict[str, Returned]) -> None:
    """Write one row a number and one column a way; the squares before the rows' names are the colours of the pictures."""
    axes.set(xlim=(0, 5), ylim=(len(_ROWS), 0))
    axes.axis("off")
    for row, (name, colour) in enumerate(_ROWS.items()):
        if colour is not None:
            axes.plot(0.62, row + 0.5, "s", color=colour, markersize=11)
        axes.text(0.74, row + 0.5, f"share {name} (%)" if colour is None else f"pixels {name}", va="center")
        for column, returned in enumerate(found.values()):
            text = f"{100 * returned.not_zero:.1f}" if colour is None else str(returned[row])
            axes.text(column + 2.5, row + 0.5, text, ha="center", va="center", fontsize=13)


def alt(*, poolings: int, x: int, slope: float) -> str:
    """What there is to see for one setting."""
    told = "; ".join(
        f"{way}, {back.on_line} of {back.on_line + back.lost} pixels of the line, {back.beside} beside it, "
        f"{100 * back.not_zero:.1f} % of the map not zero"
        for way, back in measure(poolings, x, slope).items()
    )
    return f"A line in column {x}, slope {slope:g}, pooled {_TIMES[poolings]} and brought back: {told}."


UNPOOLING = Explorer(
    draw,
    alt,
    {
        "poolings": Slider("poolings", 1, _MOST_POOLINGS, 1, 2),
        "x": Slider("column of the line", 8, 24, 1, 17),
        "slope": Slider("slope", 0.0, 1.0, 0.25, 0.25),
    },
    [
        {"poolings": 3, "x": 17, "slope": 0.0},
        {"poolings": 3, "x": 22, "slope": 0.0},
        {"poolings": 2, "x": 17, "slope": 0.5},
    ],
    size=(9.0, 3.2),
)
