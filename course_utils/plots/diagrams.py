"""Diagrams of networks: which values a unit reads, and a whole network as a U."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import plots
from course_utils.models.dataflow import IMAGE
from course_utils.models.ledger import Ledger


def draw_readings(axes: Axes, *, stride: int, title: str) -> None:
    """Draw what the first output of a kernel of 3 reads above a pooling of 2, in one dimension.

    With a stride of 2 the pooling keeps every second place, and the kernel reads neighbours; with a stride of 1 it keeps
    all, and the kernel, dilated by 2, reads every second. `stride` is 1 or 2.

    Raises: ValueError for another stride.
    """
    if stride not in (1, 2):
        raise ValueError(f"The diagram is drawn for strides 1 and 2, but stride is {stride}.")
    image, pooled, output = plots.COLOURS[4], plots.COLOURS[1], plots.COLOURS[2]
    axes.plot(range(9), [0] * 9, "o", markersize=15, color=image)
    for place in range(0, 8, stride):
        read = place in (0, 2, 4)
        colour, width = (pooled, 2) if read else ("0.75", 1)
        for below in (place, place + 1):
            axes.plot([below, place], [0, 1], color=colour, linewidth=width, zorder=0)
        axes.plot(place, 1, "o", markersize=15, color=colour)
        if read:
            axes.plot([place, 0], [1, 2], color=output, linewidth=2, zorder=0)
    axes.plot(0, 2, "o", markersize=15, color=output)
    axes.set(
        xticks=[], yticks=[0, 1, 2], yticklabels=["image", "pooling of 2", "kernel of 3"], title=title, ylim=(-0.4, 2.4)
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


# --- A network in the form of a U

_WIDTH = 592  # of a figure in a notebook, in pixels at the course's 80 dots per inch
_TEXT = 19  # the height of a line of text
_HALVING = 8  # so much lower is the box of a map with half the rows


class _Station(NamedTuple):
    """What is drawn as one box: successive maps of one stride. `reads` are the places of other stations."""

    stride: float
    shapes: tuple[tuple[int, ...], ...]
    reads: frozenset[int]

    @property
    def channels(self) -> str:
        widest, last = max(shape[0] for shape in self.shapes), self.shapes[-1][0]
        return f"{last}" if widest == last else f"{widest}→{last}"

    @property
    def size(self) -> str:
        (_, *first), (_, *last) = self.shapes[0], self.shapes[-1]
        if last[0] != last[1]:
            return f"{last[0]}×{last[1]}"
        return f"{last[0]}" if first == last else f"{first[0]}→{last[0]}"


class _Box(NamedTuple):
    """Where a station is drawn: its centre, width and height in pixels, y downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        """Above the channels."""
        return self.y - self.height / 2 - _TEXT

    @property
    def lower(self) -> float:
        """Where the way to and from the sides begins and ends; skips do so as far above the middle."""
        return self.y + self.height / 4


def draw_network(ledger: Ledger, *, title: str = "") -> Figure:
    """Draw a network as a U from its ledger: one box for the maps of each stride, on the way down and on the way up.

    Above a box stand the channels of its last map, with those of the widest before if that is another: 128→8. Below it
    stands the side of the map, with that of the first before if that is another, or rows × columns; it is not repeated in
    the next box. Each doubling makes a box wider or higher by the same amount. Grey arrows are the skips, as the
    ledger's `reads` say; if there are layers on a skip, as FCN's scores, their channels stand on it, and if it is cut to
    the size of the map that it meets, that side.

    Layers of one stride that follow each other are one box. What has no stride, such as pyramid pooling, is left out.

    Raises: ValueError for a network that returns no map made from the image.
    """
    stations = _stations(ledger)
    way = _longest_way(stations)
    boxes, height = _places([stations[number] for number in way])
    figure = plt.figure(figsize=(_WIDTH / 80, height / 80), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    axes.set_title(title, y=1, pad=-16)
    at = dict(zip(way, boxes, strict=True))
    for before, after in zip(way, way[1:], strict=False):
        _draw_step(axes, at[before], at[after])
    skips = _skips(stations, way)
    for (origin, end), channels in skips.items():
        _draw_skip(axes, at[origin], at[end], channels)
    written = ""
    for number, box in at.items():
        colour = {0: plots.COLOURS[4], way[-1]: plots.COLOURS[2]}.get(number, plots.COLOURS[0])
        axes.add_patch(Rectangle((box.left, box.top + _TEXT), box.width, box.height, color=colour))
        axes.text(box.x, box.top + _TEXT / 2, stations[number].channels, ha="center", va="center")
        size = stations[number].size
        if size != written:
            inside = 2 + 4.5 * len(size)  # half of its width
            x = min(max(box.x, inside), _WIDTH - inside)
            axes.text(x, box.y + (box.height + _TEXT) / 2, size, ha="center", va="center")
        written = size
    square = all(station.shapes[-1][1] == station.shapes[-1][2] for station in stations)
    words = ["above: channels", "below: side" if square else "below: rows × columns"]
    if skips:
        words.append("grey: skips" + ", → cut to" * any("→" in label for label in skips.values()))
    axes.text(8, height - 8, "\n".join(words), va="bottom")
    return figure


def _stations(ledger: Ledger) -> list[_Station]:
    """The image, the maps of each stride in the order of the calls, and the output; what it is made of is followed to them."""
    output = next((found for found in ledger.outputs if len(found.shape) == 3 and found.stride and found.reads), None)
    if output is None:
        raise ValueError(
            "The drawing is of a network that makes maps (K, H, W) from an image, but none of this one's outputs is one whose "
            "way can be followed; make the ledger of its part that ends with maps."
        )
    stations = [_Station(1, (ledger.image,), frozenset())]
    standing_for: dict[int, frozenset[int]] = {IMAGE: frozenset({0})}
    lines = [*ledger.layers, output]
    last_layer = max(output.reads)
    given_by_it = output.reads == (last_layer,) and last_layer != IMAGE and lines[last_layer].shape == output.shape
    head = last_layer if given_by_it else len(lines) - 1
    for number, layer in enumerate(lines[: head + 1]):
        reads = frozenset().union(*(standing_for[place] for place in layer.reads))
        shapes = {ledger.image if place == IMAGE else lines[place].shape for place in layer.reads}
        changes = layer.parameters or shapes != {layer.shape}
        if number != head and (not layer.stride or len(layer.shape) != 3 or not changes):
            standing_for[number] = reads
            continue
        last = stations[-1]
        if number != head and len(stations) > 1 and last.stride == layer.stride:
            itself = {len(stations) - 1}
            stations[-1] = _Station(last.stride, (*last.shapes, layer.shape), (last.reads | reads) - itself)
        else:
            stations.append(_Station(layer.stride, (layer.shape,), reads))
        standing_for[number] = frozenset({len(stations) - 1})
    return stations


def _longest_way(stations: Sequence[_Station]) -> list[int]:
    """From the image to the output through as many stations as there can be: all the way down, and up again."""
    lengths: list[int] = []
    for station in stations:
        lengths.append(1 + max((lengths[number] for number in station.reads), default=0))
    way = [len(stations) - 1]
    while stations[way[-1]].reads:
        way.append(max(stations[way[-1]].reads, key=lambda number: (lengths[number], number)))
    return way[::-1]


def _skips(stations: Sequence[_Station], way: Sequence[int]) -> dict[tuple[int, int], str]:
    """From and to which stations on the way the skips go, with what stands on them: channels of layers, or what is cut."""
    found: dict[tuple[int, int], str] = {}
    for before, after in zip(way, way[1:], strict=False):
        for skip in stations[after].reads - {before}:
            # Maps that are joined have one stride. If that is the one before, they are joined there.
            end = before if stations[skip].stride == stations[before].stride else after
            origin = skip
            while origin not in way:  # through the layers on the skip, if possible without a change of stride
                reads = stations[origin].reads
                origin = max(reads, key=lambda number: (stations[number].stride == stations[skip].stride, number))
            if origin not in (before, end):
                found[origin, end] = _cut(stations[origin], stations[end]) if skip in way else stations[skip].channels
    return found


def _cut(skip: _Station, joined: _Station) -> str:
    """The side that a skip is cut to, that of the map which it meets; nothing if that is not smaller."""
    before, after = skip.shapes[-1][1], joined.shapes[0][1]
    return f"→{after}" if before > after else ""


def _places(stations: Sequence[_Station]) -> tuple[list[_Box], float]:
    """Where the stations on the way are drawn, from left to right, each at the height of its stride; and how high all is."""
    heights = [10 + _HALVING * math.log2(max(station.shapes[-1][1], 1)) for station in stations]
    columns = _WIDTH / len(stations)
    widest = math.log2(max(shape[0] for station in stations for shape in station.shapes) + 1)
    y, middles = 8.0, {}
    for stride in sorted({station.stride for station in stations}):
        highest = max(height for station, height in zip(stations, heights, strict=True) if station.stride == stride)
        middles[stride] = y + _TEXT + highest / 2
        y += highest + 2 * _TEXT + 8
    boxes = []
    for number, (station, height) in enumerate(zip(stations, heights, strict=True)):
        channels = max(shape[0] for shape in station.shapes)
        width = 0.8 * columns * math.log2(channels + 1) / widest
        boxes.append(_Box((number + 0.5) * columns, middles[station.stride], width, height))
    return boxes, y


def _draw_step(axes: Axes, before: _Box, after: _Box) -> None:
    """From a map to the next: to the side and down, up and to the side, or straight on."""
    if after.y == before.y:
        middle = before.y + min(before.height, after.height) / 4
        start, end, style = (before.right, middle), (after.left, middle), "arc3"
    elif after.y > before.y:
        start, end, style = (before.right, before.lower), (after.x - after.width / 4, after.top), "angleA=0,angleB=90"
    else:
        start, end, style = (before.x + before.width / 4, before.top), (after.left, after.lower), "angleA=90,angleB=0"
    if style != "arc3":
        style = f"angle,{style},rad=6"
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=arrow | {"connectionstyle": style})


def _draw_skip(axes: Axes, before: _Box, after: _Box, label: str) -> None:
    start, end = ((before.right, before.y), (after.left, after.y))
    raised = min(before.height, after.height) / 4
    arrow = {"arrowstyle": "-|>", "color": "0.6", "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end[0], end[1] - raised), (start[0], start[1] - raised), arrowprops=arrow)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - raised)
    axes.text(*middle, label, ha="center", va="bottom", color="0.35")
