"""A diagram of Mask R-CNN: its stages, what goes from one to the next, and where losses are taken."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_utils import plots
from course_utils.models.detection.quick_heads import QuickRoIHeads

_WIDTH, _HEIGHT = 592, 232  # in pixels at the course's 80 dots per inch, as in a notebook

Place = tuple[float, float, float, float]
"""Left, top, width and height of a box, in pixels, y downwards."""


def draw_mask_rcnn(heads: QuickRoIHeads) -> Figure:
    """Draw the stages of the Mask R-CNN that has these heads: networks in blue, and under each its losses; white is what passes.

    In training masks are drawn in proposals. In use, they are drawn in the boxes that the box head has refined: the dashed arrow.

    Raises: ValueError for other heads.
    """
    if not isinstance(heads, QuickRoIHeads):
        raise ValueError(
            f"draw_mask_rcnn needs the heads of a `quick_mask_rcnn`, its `roi_heads`, but got {type(heads).__name__}."
        )
    figure = plt.figure(figsize=(_WIDTH / 80, _HEIGHT / 80), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0))
    axes.set_axis_off()
    box_cells, grid, mask = heads.box_size, heads.grid_size, heads.mask_size
    image = _value(axes, (4, 16, 60, 40), "image")
    pyramid = _network(axes, (86, 8, 92, 56), "backbone\nand pyramid")
    proposals = _network(axes, (86, 142, 92, 56), "proposal\nnetwork")
    _loss(axes, proposals, "objectness, boxes")
    box_regions = _value(axes, (246, 8, 92, 56), f"RoIAlign\n{box_cells} × {box_cells} cells")
    mask_regions = _value(axes, (246, 142, 92, 56), f"RoIAlign\n{grid} × {grid} cells")
    box_head = _network(axes, (366, 8, 84, 56), "box head")
    mask_head = _network(axes, (366, 142, 84, 56), "mask head")
    _loss(axes, box_head, "classes, boxes")
    _loss(axes, mask_head, "masks")
    found = _value(axes, (478, 8, 110, 56), "class, score,\nrefined box")
    drawn = _value(axes, (478, 142, 110, 56), f"for each class\n{mask} × {mask} cells")
    for before, after in ((image, pyramid), (pyramid, box_regions), (box_regions, box_head), (box_head, found)):
        _arrow(axes, _right(before), _left(after))
    for before, after in ((proposals, mask_regions), (mask_regions, mask_head), (mask_head, drawn)):
        _arrow(axes, _right(before), _left(after))
    _arrow(axes, (132, 64), (132, 142))
    _arrow(axes, (178, 52), (250, 140))  # the map that masks are cut from
    _arrow(axes, (178, 154), (250, 66))  # the boxes that the box head looks at
    axes.text(212, 26, "maps", ha="center", va="center")
    axes.text(212, 182, "proposals", ha="center", va="center")
    _arrow(axes, (520, 64), (310, 140), dashed=True)
    axes.text(462, 112, "in use", va="center", color="0.35")
    return figure


def _network(axes: Axes, place: Place, text: str) -> Place:
    return _box(axes, place, text, plots.COLOURS[0], "white")


def _value(axes: Axes, place: Place, text: str) -> Place:
    return _box(axes, place, text, "white", "black")


def _box(axes: Axes, place: Place, text: str, ground: str, ink: str) -> Place:
    x, y, width, height = place
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=5", facecolor=ground, edgecolor="0.3")
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", color=ink)
    return place


def _loss(axes: Axes, place: Place, text: str) -> None:
    x, y, width, height = place
    axes.text(x + width / 2, y + height + 14, text, ha="center", va="center", color=plots.COLOURS[3], fontweight="bold")


def _left(place: Place) -> tuple[float, float]:
    return place[0], place[1] + place[3] / 2


def _right(place: Place) -> tuple[float, float]:
    return place[0] + place[2], place[1] + place[3] / 2


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False) -> None:
    style = {"linestyle": (0, (4, 3)), "color": "0.35"} if dashed else {"color": "black"}
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0} | style
    )
