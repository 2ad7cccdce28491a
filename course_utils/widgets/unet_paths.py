"""Explorer of lesson 08: one pixel of a U-Net's output, the ways down to the image, and what an odd width does."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from course_utils import plots
from course_utils.ops.checks import whole_number
from course_utils.widgets.explorer import Explorer, Slider

LEVELS = 4
"""The image's own, and those after one, two and three poolings."""
CONVOLUTIONS = 2
"""Of three pixels each, at every level, on the way down and on the way up."""
_REST, _SHORT = "#D5D9DD", plots.COLOURS[3]
_OF_LEVEL = [plots.COLOURS[n] for n in (0, 1, 2, 4)]


class Way(NamedTuple):
    """What reaches the output pixel by one skip, or by the lowest map: units at its level, and pixels of the image."""

    units: range
    pixels: range


def sizes(width: int) -> list[int]:
    """The widths of the maps on the way down; a pooling drops an odd column.

    Raises: ValueError if nothing is left of the width.
    """
    width = whole_number(width, "width", minimum=2 ** (LEVELS - 1))
    return [width // 2**level for level in range(LEVELS)]


def missing(width: int) -> list[int]:
    """How many columns the enlarged map lacks beside the skip, level by level, without the lowest."""
    found = sizes(width)
    return [fine - 2 * coarse for fine, coarse in zip(found, found[1:], strict=False)]


def ways(pixel: int, width: int) -> list[Way]:
    """The ways from an output pixel down to the image, one for each level.

    Raises: ValueError for a pixel outside the image.
    """
    found, maps = [], sizes(width)
    pixel = whole_number(pixel, "pixel", minimum=0)
    if pixel >= width:
        raise ValueError(f"pixel must be one of the {width} of the output, 0 to {width - 1}, but is {pixel}.")
    asked = range(pixel, pixel + 1)
    for level, size in enumerate(maps):
        if level < LEVELS - 1:
            asked = _widened(asked, size)  # the convolutions on the way up
        found.append(Way(asked, _pixels(asked, level, maps)))
        # One unit below for two above; the repeated last column, where one is missing, comes from the last unit.
        below = maps[min(level + 1, LEVELS - 1)]
        asked = range(asked.start // 2, min((asked.stop - 1) // 2 + 1, below))
        asked = range(min(asked.start, below - 1), max(asked.stop, min(asked.start, below - 1) + 1))
    return found


def _pixels(units: range, level: int, maps: list[int]) -> range:
    """The pixels of the image that units of a level on the way down see."""
    seen = _widened(units, maps[level])
    for finer in reversed(maps[:level]):
        seen = _widened(range(2 * seen.start, min(2 * seen.stop, finer)), finer)
    return seen


def _widened(units: range, size: int) -> range:
    """What the convolutions of a level take for these units, within the map."""
    return range(max(units.start - CONVOLUTIONS, 0), min(units.stop + CONVOLUTIONS, size))


def draw(figure: Figure | SubFigure, *, pixel: int, width: int) -> None:
    """Draw the maps of all levels, down on the left and up on the right, and on them what the output pixel has seen."""
    pixel = min(pixel, width - 1)
    axes, maps, found = figure.subplots(), sizes(width), ways(pixel, width)
    lacking = missing(width)
    right = width + 14
    _strip(axes, -1.0, 0, [1] * width)
    for level, way in reversed(list(enumerate(found))):
        axes.barh(-1.0, len(way.pixels), left=way.pixels.start, height=0.5, color=_OF_LEVEL[level], zorder=3)
    for level, (size, way) in enumerate(zip(maps, found, strict=True)):
        unit, colour = 2**level, _OF_LEVEL[level]
        _strip(axes, level, 0, [unit] * size)
        axes.barh(level, unit * len(way.units), left=unit * way.units.start, height=0.5, color=colour, zorder=3)
        if level == LEVELS - 1:
            axes.annotate("", (right, level - 1 + 0.3), (unit * size, level), arrowprops=_arrow(colour))
            continue
        _strip(axes, level, right, [unit] * (size - lacking[level]))
        if lacking[level]:
            left = right + unit * (size - lacking[level])
            axes.barh(level, unit * lacking[level], left=left, height=0.5, color="white", edgecolor=_SHORT, zorder=2)
        taken = _widened(way.units, size)
        axes.barh(
            level, unit * len(taken), left=right + unit * taken.start, height=0.5, color=colour, alpha=0.35, zorder=3
        )
        axes.annotate("", (right - 1, level), (unit * size + 1, level), arrowprops=_arrow(colour))
    axes.barh(-1.0, 1, left=right + pixel, height=0.5, color="black", zorder=4)
    _strip(axes, -1.0, right, [1] * width)
    _label(axes, found, maps, right)


def _arrow(colour: str) -> dict[str, object]:
    return {"arrowstyle": "->", "color": colour, "linewidth": 2}


def _strip(axes: Axes, level: float, left: float, units: list[int]) -> None:
    """A row of units side by side."""
    starts = [left + sum(units[:n]) for n in range(len(units))]
    axes.barh(
        [level] * len(units), units, left=starts, height=0.5, color=_REST, edgecolor="white", linewidth=0.6, zorder=1
    )


def _label(axes: Axes, found: list[Way], maps: list[int], right: float) -> None:
    """What the levels are called and what each way has seen."""
    names = [
        f"by {'the skip' if n < LEVELS - 1 else 'the lowest map'} at 1/{2**n}: {len(w.pixels)}"
        for n, w in enumerate(found)
    ]
    axes.set_yticks([-1, *range(LEVELS)], ["image: pixels seen", *names])
    for tick, colour in zip(axes.get_yticklabels()[1:], _OF_LEVEL, strict=True):
        tick.set_color(colour)
    axes.invert_yaxis()
    width = maps[0]
    axes.set(xlim=(-1, right + width + 1), xticks=[])
    lacking = [level for level, columns in enumerate(missing(width)) if columns]
    if lacking:
        short = (f"{2 * maps[level + 1]} columns meet {maps[level]} at 1/{2**level}" for level in reversed(lacking))
        title = f"{width} pixels: {', '.join(map(str, maps))}; {', '.join(short)}"
    else:
        title = f"{width} pixels: {', '.join(map(str, maps))}; every enlarged map fits its skip"
    axes.set_title(title, color=_SHORT if lacking else "black", fontweight="bold")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def alt(*, pixel: int, width: int) -> str:
    """What there is to see for one setting."""
    pixel = min(pixel, width - 1)
    found = ways(pixel, width)
    seen = ", ".join(f"{len(way.pixels)} by 1/{2**level}" for level, way in enumerate(found))
    lacking = [f"1/{2**level}" for level, columns in enumerate(missing(width)) if columns]
    fits = f"at {' and '.join(lacking)} a column is missing beside the skip" if lacking else "every map fits its skip"
    return (
        f"The maps of a U-Net for an image {width} pixels wide, down on the left, up on the right. Output pixel {pixel} has seen "
        f"{seen} pixels of the image; {fits}."
    )


PATHS = Explorer(
    draw,
    alt,
    {"pixel": Slider("output pixel", 0, 71, 1, 37), "width": Slider("width of the image", 40, 72, 1, 64)},
    [{"pixel": 37, "width": 64}, {"pixel": 2, "width": 64}, {"pixel": 37, "width": 69}],
    size=(10.5, 3.6),
)
