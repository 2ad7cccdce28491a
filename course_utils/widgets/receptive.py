"""Explorer of lesson 02: one unit of the last layer, and all that it sees, layer by layer down to the pixels."""

from collections import Counter
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from course_utils import plots
from course_utils.ops.checks import whole_numbers
from course_utils.widgets.explorer import Choice, Explorer, Slider

WAYS = PLAIN, STRIDES, DILATIONS = "plain", "stride 2", "dilation doubles"
_SEEN, _UNITS, _REST = plots.COLOURS[3], plots.COLOURS[0], "#C9CDD2"
_FEWEST_PIXELS = 35  # drawn, so that small fields can be compared


class Layer(NamedTuple):
    """One layer in pixels: how far apart the inputs of a unit are, how much a unit sees, how far apart units are."""

    step: int
    size: int
    jump: int


def fields(every_layer: str, kernel: int, layers: int) -> list[Layer]:
    """Field and jump after each layer, by the recursion r += d (k - 1) j, j *= s.

    Raises: ValueError for an even kernel, whose units have no pixel below them, for another way than the three, and for
    numbers that are not integers of 1 or more.
    """
    if every_layer not in WAYS:
        raise ValueError(f"every_layer must be one of {', '.join(WAYS)}, but is {every_layer!r}.")
    kernel, layers = whole_numbers(1, kernel=kernel, layers=layers)
    if kernel % 2 == 0:
        raise ValueError(
            f"kernel must be odd, so that a unit stands above the middle of what it sees, but is {kernel}."
        )
    found = []
    size, jump = 1, 1
    for number in range(layers):
        step = jump * (2**number if every_layer == DILATIONS else 1)
        size += step * (kernel - 1)
        jump *= 2 if every_layer == STRIDES else 1
        found.append(Layer(step, size, jump))
    return found


def paths(every_layer: str, kernel: int, layers: int) -> list[Counter[int]]:
    """The units that feed the last layer's unit at 0, by place in pixels, and on how many ways each does.

    One counter a level, from the pixels to the last layer, which has the one unit {0: 1}.
    """
    levels = [Counter({0: 1})]
    for layer in reversed(fields(every_layer, kernel, layers)):
        below: Counter[int] = Counter()
        for place, ways in levels[0].items():
            for source in _inputs(place, layer.step, kernel):
                below[source] += ways
        levels.insert(0, below)
    return levels


def _inputs(place: int, step: int, kernel: int) -> range:
    """The places of the units that a unit at `place` sees in the layer below it."""
    reach = step * (kernel // 2)
    return range(place - reach, place + reach + 1, step)


def draw(figure: Figure | SubFigure, *, every_layer: str, kernel: int, layers: int) -> None:
    """Draw the units of all layers above the pixels, and the lines along which one unit at the top sees."""
    chain, levels = fields(every_layer, kernel, layers), paths(every_layer, kernel, layers)
    axes = figure.subplots()
    edge = max(_FEWEST_PIXELS // 2, chain[-1].size // 2 + 2)
    for level, layer in enumerate(chain):
        _draw_lines(axes, level, levels[level + 1], layer.step, kernel)
    for level, jump in enumerate([1, *(layer.jump for layer in chain)]):
        marker, colour = ("s", _SEEN) if level == 0 else ("o", _UNITS)
        everywhere = [place for place in range(-edge, edge + 1) if place % jump == 0]
        look = {"marker": marker, "markersize": min(8.5, 380 * jump / (2 * edge + 1)), "linestyle": "none"}
        axes.plot(everywhere, [level] * len(everywhere), color=_REST, **look)
        axes.plot(list(levels[level]), [level] * len(levels[level]), color=colour, zorder=4, **look)
    axes.plot(0, layers, "o", color=_UNITS, markersize=13, zorder=5)
    _label(axes, chain)
    axes.set(xlim=(-1.02 * edge - 0.5, 1.02 * edge + 0.5), ylim=(-0.5, layers + 0.4))
    title = (
        f"one unit of layer {layers} sees {len(levels[0])} pixels, its neighbour as many, {chain[-1].jump} further on"
    )
    axes.set_title(title, color=_SEEN, fontweight="bold")


def _draw_lines(axes: Axes, level: int, above: Counter[int], step: int, kernel: int) -> None:
    """Lines from each unit of one level to its inputs, which are one level lower; faint where there are many."""
    ends = [(source, place) for place in above for source in _inputs(place, step, kernel)]
    faint = 0.25 + 0.55 * min(1, 30 / len(ends))
    axes.plot(list(zip(*ends, strict=True)), [level, level + 1], color=_UNITS, alpha=faint, linewidth=1.3)


def _label(axes: Axes, chain: list[Layer]) -> None:
    """Name the levels on the left, and write field and jump on the right."""
    axes.set_yticks(range(len(chain) + 1), ["pixels", *(f"layer {n + 1}" for n in range(len(chain)))])
    right = axes.twinx()
    right.set_yticks(
        range(len(chain) + 1), ["r = 1, j = 1", *(f"r = {layer.size}, j = {layer.jump}" for layer in chain)]
    )
    right.set_ylim(-0.5, len(chain) + 0.4)
    for side in (axes, right):
        side.tick_params(length=0)
        side.spines[:].set_visible(False)
    axes.set_xticks([])


def alt(*, every_layer: str, kernel: int, layers: int) -> str:
    """What there is to see for one setting."""
    chain = fields(every_layer, kernel, layers)
    grown = ", ".join(str(layer.size) for layer in chain)
    return (
        f"Lines from one unit of layer {layers} down to the pixels that it sees, kernel {kernel}, {every_layer}: its receptive "
        f"field has a size of {chain[-1].size} pixels and a stride of {chain[-1].jump}; layer by layer the size is {grown}."
    )


def draw_paths(figure: Figure | SubFigure, *, every_layer: str, kernel: int, layers: int) -> None:
    """Draw on how many ways each pixel reaches the unit: its share of the field if all weights are equal."""
    ways = paths(every_layer, kernel, layers)[0]
    axes = figure.subplots()
    places = sorted(ways)
    axes.bar(places, [100 * ways[place] / ways.total() for place in places], width=0.9, color=_SEEN)
    axes.set(xlabel="pixels from the middle", ylabel="share of all ways (%)")
    axes.set_title(f"{len(ways)} pixels are seen, but not alike", fontweight="bold")


def alt_paths(*, every_layer: str, kernel: int, layers: int) -> str:
    """What there is to see in the figure of `draw_paths`."""
    ways = paths(every_layer, kernel, layers)[0]
    return (
        f"Bars over the {len(ways)} pixels seen, kernel {kernel}, {layers} layers, {every_layer}: of {ways.total()} ways to "
        f"the unit {ways[0]} begin at the pixel in the middle, {ways[max(ways)]} at each of the outermost."
    )


RECEPTIVE = Explorer(
    draw,
    alt,
    {
        "every_layer": Choice("every layer", WAYS),
        "kernel": Slider("kernel", 3, 5, 2, 3),
        "layers": Slider("layers", 1, 5, 1, 4),
    },
    [
        {"every_layer": PLAIN, "layers": 4},
        {"every_layer": STRIDES, "layers": 4},
        {"every_layer": DILATIONS, "layers": 4},
    ],
    size=(9.0, 3.4),
)
