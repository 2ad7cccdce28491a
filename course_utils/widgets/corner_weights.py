"""Explorer of lesson 03: a point between four corners, and the four areas that are its bilinear weights."""

from numbers import Real

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_utils import plots
from course_utils.ops.checks import whole_number
from course_utils.ops.resample import bilinear_sample
from course_utils.widgets.explorer import Explorer, Slider

_CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
_COLOURS = (plots.COLOURS[0], plots.COLOURS[1], plots.COLOURS[2], plots.COLOURS[5])


def weights_and_value(x: float, y: float, last: int) -> tuple[list[float], float]:
    """The weights of the corners 00, 10, 01, 11 and the interpolated value, with f(1, 1) = last.

    Raises: ValueError for a point outside the unit square, and for a last value that is no integer or below 0.
    """
    for name, coordinate in (("x", x), ("y", y)):
        if not isinstance(coordinate, Real) or not 0 <= coordinate <= 1:
            raise ValueError(f"{name} must be a number between 0 and 1, the corners' places, but is {coordinate!r}.")
    last = whole_number(last, "last", minimum=0)
    point = torch.tensor([[[x, y]]], dtype=torch.float64)
    one_at_each_corner = torch.eye(4, dtype=torch.float64).reshape(1, 4, 2, 2)
    weights = bilinear_sample(one_at_each_corner, point + 0.5).flatten().tolist()
    return weights, float(bilinear_sample(_map_of(last), point + 0.5))


def _map_of(last: int) -> Tensor:
    return torch.tensor([[[[1, 3], [2, last]]]], dtype=torch.float64)


def draw(figure: Figure | SubFigure, *, x: float, y: float, last: int) -> None:
    """Draw the sum of products, the unit square cut into four areas, and the interpolated surface."""
    weights, value = weights_and_value(x, y, last)
    values = _map_of(last).flatten().tolist()
    parts = figure.subplot_mosaic("ss;aw", height_ratios=(0.13, 1), width_ratios=(1.2, 1))
    _draw_sum(parts["s"], f"f({x:.4g}, {y:.4g}) =", values, weights, value)
    _draw_areas(parts["a"], x, y, values, weights)
    _draw_surface(parts["w"], x, y, last)


def _draw_sum(axes: Axes, what: str, values: list[float], weights: list[float], value: float) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    axes.text(0, 0.5, what, va="center", fontsize=14)
    style = {"ha": "center", "va": "center", "fontsize": 14}
    for n, (weight, corner, colour) in enumerate(zip(weights, values, _COLOURS, strict=True)):
        box = {"boxstyle": "round,pad=0.25", "facecolor": colour, "alpha": 0.4, "edgecolor": "none"}
        axes.text(0.26 + 0.18 * n, 0.5, f"{weight:.4g} · {corner:.0f}", bbox=box, **style)
        axes.text(0.35 + 0.18 * n, 0.5, "+" if n < 3 else "=", **style)
    axes.text(0.945, 0.5, f"{value:.4g}", weight="bold", **style)


def _draw_areas(axes: Axes, x: float, y: float, values: list[float], weights: list[float]) -> None:
    for (right, lower), colour, weight, value in zip(_CORNERS, _COLOURS, weights, values, strict=True):
        # The area across from a corner is its weight: for a point at the corner that area is the whole square.
        left, width = (0, x) if right else (x, 1 - x)
        top, height = (0, y) if lower else (y, 1 - y)
        axes.add_patch(Rectangle((left, top), width, height, facecolor=colour, alpha=0.4, edgecolor="none"))
        if width >= 0.25 and height >= 0.1:
            axes.text(left + width / 2, top + height / 2, f"{weight:.4g}", ha="center", va="center", fontsize=12)
        circle = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": colour, "linewidth": 3}
        across, down = right + (0.08 if right else -0.08), lower + (0.08 if lower else -0.08)
        axes.text(across, down, f"{value:.0f}", ha="center", va="center", fontsize=15, bbox=circle)
        side = "right" if right else "left"
        axes.text(0.97 if right else 0.03, down, f"× {weight:.4g}", ha=side, va="center", fontsize=14)
    axes.plot([0, 1], [y, y], [x, x], [0, 1], color="black", linewidth=1)
    axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, edgecolor="black", linewidth=1.5))
    axes.plot(x, y, "o", color="black", markersize=9, zorder=5)
    axes.set(xlim=(-0.25, 1.25), ylim=(1.2, -0.2), aspect="equal", title="a corner's weight: the area across from it")
    axes.axis("off")


def _draw_surface(axes: Axes, x: float, y: float, last: int) -> None:
    side = torch.linspace(0, 1, 101, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)[None]
    surface = bilinear_sample(_map_of(last), grid + 0.5)[0, 0].numpy()
    axes.imshow(surface, extent=(0, 1, 1, 0), cmap="Blues", vmin=-1, vmax=10, interpolation="bilinear")
    levels = [level / 2 for level in range(1, 16)]
    axes.contour(side.numpy(), side.numpy(), surface, levels=levels, colors="black", linewidths=0.8)
    for right, lower in _CORNERS:
        corner = f"f({right}, {lower}) = {_map_of(last)[0, 0, lower, right]:.0f}"
        place = {"ha": "right" if right else "left", "va": "top" if lower else "bottom"}
        axes.text(right, 1.03 if lower else -0.03, corner, fontsize=12, **place)
    axes.plot(x, y, "o", color="black", markersize=9, clip_on=False, zorder=5)
    axes.set(xticks=[], yticks=[], xlabel="x →", ylabel="← y")
    axes.set_title("f in between, a line every ½", pad=24)


def alt(*, x: float, y: float, last: int) -> str:
    """What there is to see for one setting."""
    weights, value = weights_and_value(x, y, last)
    listed = ", ".join(f"{weight:.4g}" for weight in weights)
    return (
        f"The unit square cut at ({x:.4g}, {y:.4g}) into four areas, the weights {listed} of the corners 00, 10, 01, 11 with the "
        f"values 1, 3, 2, {last}: their sum of products is {value:.4g}. Beside it the surface with its contour lines."
    )


WEIGHTS = Explorer(
    draw,
    alt,
    {
        "x": Slider("x", 0.0, 1.0, 0.05, 0.25),
        "y": Slider("y", 0.0, 1.0, 0.05, 0.75),
        "last": Slider("f(1, 1)", 0, 8, 1, 4),
    },
    [{"x": 0.5, "y": 0.5}, {"x": 0.25, "y": 0.75}, {"x": 0.25, "y": 0.75, "last": 8}],
    size=(9.0, 4.4),
)
