"""Explorer of lesson 03: where every output pixel looks in the input, by both rules of `align_corners`."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from course_utils import plots
from course_utils.ops.resample import interpolation_matrix
from course_utils.widgets.explorer import Explorer, Slider

_INPUT, _OUTPUT, _LOOK = plots.COLOURS[4], plots.COLOURS[1], plots.COLOURS[3]
_TITLES = {
    False: "align_corners=False: pixels are areas; each looks straight up, clamped at the border",
    True: "align_corners=True: pixels are points; the first looks at the first, the last at the last",
}


def sources(n_in: int, n_out: int, *, align_corners: bool) -> list[float]:
    """Where the output pixels look, in numbers of input pixels: what interpolation makes of the ramp 0, 1, 2, …

    Raises: ValueError for numbers of pixels that are no integers or below 1.
    """
    matrix = interpolation_matrix(n_in, n_out, align_corners=align_corners, dtype=torch.float64)
    return (matrix @ torch.arange(n_in, dtype=torch.float64)).tolist()


def draw(figure: Figure | SubFigure, *, n_in: int, n_out: int) -> None:
    """Draw both rows of pixels over the same interval, twice, with a line from each output pixel to where it looks."""
    places = [sources(n_in, n_out, align_corners=align_corners) for align_corners in _TITLES]
    for axes, looks, title in zip(figure.subplots(2, 1), places, _TITLES.values(), strict=True):
        _draw_rule(axes, n_in, n_out, looks)
        axes.set_title(title, loc="left")


def _draw_rule(axes: Axes, n_in: int, n_out: int, places: list[float]) -> None:
    width = n_in / n_out
    for pixel in range(n_in):
        axes.add_patch(Rectangle((pixel, 2), 1, 1, facecolor=_INPUT, alpha=0.45, edgecolor="none"))
        axes.add_patch(Rectangle((pixel, 2), 1, 1, fill=False, edgecolor="black"))
        axes.text(pixel + 0.5, 2.7, str(pixel), ha="center", va="center", fontsize=13)
    axes.plot([pixel + 0.5 for pixel in range(n_in)], [2.3] * n_in, "|", color="black", markersize=14, zorder=3)
    for pixel, place in enumerate(places):
        centre = (pixel + 0.5) * width
        axes.add_patch(Rectangle((pixel * width, 0), width, 1, facecolor=_OUTPUT, alpha=0.45, edgecolor="none"))
        axes.add_patch(Rectangle((pixel * width, 0), width, 1, fill=False, edgecolor="black"))
        axes.text(centre, 0.36, str(pixel), ha="center", va="center", fontsize=13 if n_out <= 16 else 12)
        axes.plot([centre, place + 0.5], [0.75, 2.3], color=_LOOK, linewidth=1.8, zorder=2)
        axes.plot(place + 0.5, 2.3, "o", color=_LOOK, markersize=7, zorder=4)
    for height, name in ((2.5, "input"), (0.5, "output")):
        axes.text(-0.015 * n_in, height, name, ha="right", va="center", fontsize=13)
    shown = ", ".join(f"{place:.4g}" for place in places[:6]) + (", …" if n_out > 6 else "")
    axes.text(0, -0.3, f"looks at {shown}", va="top", fontsize=13)
    axes.set(xlim=(-0.09 * n_in, n_in * 1.005), ylim=(-0.85, 3.05))
    axes.axis("off")


def alt(*, n_in: int, n_out: int) -> str:
    """What there is to see for one setting."""
    told = []
    for align_corners in (False, True):
        places = sources(n_in, n_out, align_corners=align_corners)
        listed = ", ".join(f"{place:.4g}" for place in places[:5])
        told.append(f"with align_corners={align_corners} {'the first five' if n_out > 5 else 'they'} look at {listed}")
    return f"{n_out} output pixels over {n_in} input pixels, each with a line to where it looks: {'; '.join(told)}."


COORDINATES = Explorer(
    draw,
    alt,
    {"n_in": Slider("input pixels", 2, 8, 1, 4), "n_out": Slider("output pixels", 2, 24, 1, 8)},
    [{"n_in": 4, "n_out": 8}, {"n_in": 4, "n_out": 5}, {"n_in": 8, "n_out": 4}],
    size=(9.0, 4.6),
)
