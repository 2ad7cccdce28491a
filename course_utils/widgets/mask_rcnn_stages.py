"""Explorer of lesson 12: one image on its way through a Mask R-CNN, stage by stage."""

from collections.abc import Sequence
from functools import partial
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke
from torch import Tensor, nn

from course_utils import plots
from course_utils.ops.roi import paste_masks
from course_utils.plots.boxes import Dashes, draw_boxes, tinted
from course_utils.plots.overlays import draw as draw_picture, to_picture
from course_utils.widgets.detector_stages import NAMES, Found, Stages, sentence, stages
from course_utils.widgets.explorer import Explorer, Slider
from course_utils.widgets.placing import Place, axes_at

NUMBERED = 6  # detections that have a number, and a grid of their own

_SIZE = (9.0, 5.0)
_LEFT, _RIGHT = Place(0.1, 1.12, 4.35, 3.2), Place(4.55, 1.12, 4.35, 3.2)
_CRUMBS, _BAR = Place(0.1, 4.65, 8.8, 0.3), Place(3.2, 0.75, 2.6, 0.15)
_ROW, _TEXT = Place(0.1, 0.68, 8.8, 0.3), Place(0.1, 0.0, 8.8, 0.6)
_PROPOSAL = "#003C66"
_STYLES: tuple[tuple[str, Dashes], ...] = (
    (plots.COLOURS[0], (0, ())),
    (plots.COLOURS[3], (0, (3, 1))),
    (plots.COLOURS[2], (0, (1, 0.6))),
    (plots.COLOURS[5], (0, (4, 1, 1, 1))),
    (plots.COLOURS[7], (0, (2, 2))),
)
_HEAT = "cividis"


def draw(figure: Figure | SubFigure, *, all_stages: Stages, stage: int, threshold: float) -> None:
    """Draw one stage, 1 to 7: what goes into it on the left, what comes out of it on the right, and a sentence below."""
    _draw_text(figure, all_stages, stage, threshold)
    draw_stage = (_image, _maps, _scores, _proposals, _boxes, _grids, _masks)[stage - 1]
    draw_stage(figure, all_stages, threshold)


def _draw_text(figure: Figure | SubFigure, all_stages: Stages, stage: int, threshold: float) -> None:
    """Draw the row with the names of all stages above, and the sentence of this one below."""
    crumbs, below = axes_at(figure, _CRUMBS, _TEXT)
    for axes in (crumbs, below):
        axes.set(xlim=(0, 8.8), ylim=(0, 1))
        _bare(axes)
    for number, name in enumerate(NAMES, 1):
        here = number == stage
        box = {"facecolor": plots.COLOURS[7], "edgecolor": "none", "boxstyle": "round,pad=0.25"} if here else None
        colour, weight = ("white", "bold") if here else ("0.35", "normal")
        place = 0.63 + 1.257 * (number - 1)
        crumbs.text(place, 0.45, f"{number} {name}", color=colour, weight=weight, ha="center", va="center", bbox=box)
    below.text(4.4, 0.45, _in_lines(sentence(all_stages, stage, threshold)), ha="center", va="center", linespacing=1.25)


def _in_lines(words: str, width: int = 98) -> str:
    """The words in one line, or in several that are about equally long."""
    lines = -(-len(words) // width)
    return fill(words, width if lines == 1 else len(words) // lines + 6)


def _image(figure: Figure | SubFigure, all_stages: Stages, _: float) -> None:
    _one(figure, _LEFT, to_picture(all_stages.image), "the image")
    parts = zip(("red", "green", "blue"), all_stages.image, strict=True)
    _panels(figure, [(name, channel.numpy(), 0.0, 1.0) for name, channel in parts], cmap="gray")


def _maps(figure: Figure | SubFigure, all_stages: Stages, _: float) -> None:
    _one(figure, _LEFT, to_picture(all_stages.image), "the image")
    _panels(figure, [(f"stride {s}", m.numpy(), None, None) for s, m in all_stages.maps.items()], cmap=_HEAT)
    _bar(figure, "low", "high")


def _scores(figure: Figure | SubFigure, all_stages: Stages, _: float) -> None:
    axes = _one(figure, _LEFT, _pale(all_stages), f"the {len(all_stages.anchors)} best anchors, the best darkest")
    _thin_boxes(axes, all_stages.anchors)
    scores = {stride: score.numpy() for stride, score in all_stages.scores.items()}
    panels = [(f"stride {s}", scores.get(s), 0.0, 1.0) for s in all_stages.maps]
    _panels(figure, panels, cmap=_HEAT, missing="no anchors here")
    _bar(figure, "0", "1")


def _proposals(figure: Figure | SubFigure, all_stages: Stages, _: float) -> None:
    for place, boxes, when in (
        (_LEFT, all_stages.candidates, "before"),
        (_RIGHT, all_stages.proposals, "after"),
    ):
        axes = _one(figure, place, _pale(all_stages), f"{when} NMS: {len(boxes)} boxes")
        _thin_boxes(axes, boxes)
    (axes,) = axes_at(figure, _ROW)
    _bare(axes)
    axes.text(0.5, 0.5, "the darker a box, the higher its score", ha="center", va="center", transform=axes.transAxes)


def _boxes(figure: Figure | SubFigure, all_stages: Stages, threshold: float) -> None:
    before, after = all_stages.before.above(threshold), all_stages.found.above(threshold)
    for place, found, when in ((_LEFT, before, "before"), (_RIGHT, after, "after")):
        axes = _one(figure, place, _pale(all_stages), f"{when} NMS: {_count(found)}")
        _draw_found(axes, found, all_stages, width=1.5 if found is before else 2.5)
    _draw_numbers(axes, after, all_stages)
    _list_best(figure, after, all_stages)


def _grids(figure: Figure | SubFigure, all_stages: Stages, threshold: float) -> None:
    found = all_stages.found.above(threshold)
    axes = _one(figure, _LEFT, _pale(all_stages), _count(found))
    _draw_found(axes, found, all_stages)
    _draw_numbers(axes, found, all_stages)
    best = _names(found, all_stages)
    panels = [(name, grid.numpy(), 0.0, 1.0) for name, grid in zip(best, found.grids, strict=False)]
    for axes in _panels(figure, panels, cmap=_HEAT, columns=3):
        if axes.images and np.ptp(axes.images[0].get_array()) > 0:
            axes.contour(axes.images[0].get_array(), levels=[0.5], colors="white", linewidths=2)
    _bar(figure, "0", "1")


def _masks(figure: Figure | SubFigure, all_stages: Stages, threshold: float) -> None:
    found = all_stages.found.above(threshold)
    pasted = paste_masks(found.grids, found.boxes, all_stages.image.shape[1:])  # (N, H, W)
    highest = pasted.amax(0).numpy() if len(pasted) else np.zeros(all_stages.image.shape[1:])
    axes = _one(figure, _LEFT, highest, "probabilities, at their places")
    axes.images[0].set(cmap=_HEAT, clim=(0, 1))
    picture = to_picture(all_stages.image)
    for label, (colour, _) in _styles(all_stages).items():
        picture = tinted(picture, (pasted > 0.5)[found.labels == label], colour, opacity=0.6)
    axes = _one(figure, _RIGHT, picture, "masks: above 0.5")
    _draw_found(axes, found, all_stages, width=1.5)
    _draw_numbers(axes, found, all_stages)
    _list_best(figure, found, all_stages)


def _one(figure: Figure | SubFigure, place: Place, picture: np.ndarray, title: str) -> Axes:
    (axes,) = axes_at(figure, place)
    draw_picture(axes, picture, title)
    return axes


Panel = tuple[str, np.ndarray | None, float | None, float | None]
"""Its title, its values if there are any, and the values of both ends of its colours."""


def _panels(
    figure: Figure | SubFigure,
    panels: Sequence[Panel],
    *,
    cmap: str,
    columns: int = 2,
    missing: str = "",
) -> list[Axes]:
    """Draw small pictures in two rows on the right."""
    width, height = _RIGHT.width / columns, _RIGHT.height / 2 + 0.14
    places = [
        Place(
            _RIGHT.left + width * (n % columns), _RIGHT.bottom + height * (1 - n // columns), width - 0.1, height - 0.35
        )
        for n in range(2 * columns)
    ]
    row = axes_at(figure, *places)
    for axes in row:
        _bare(axes)
    for axes, (title, values, low, high) in zip(row, panels, strict=False):
        axes.set_title(title, fontsize=12, pad=3)
        if values is None:
            axes.text(0.5, 0.5, missing, ha="center", va="center", transform=axes.transAxes)
        else:
            axes.imshow(values, cmap=cmap, vmin=low, vmax=high)
    return row


def _bar(figure: Figure | SubFigure, low: str, high: str) -> None:
    """Draw what the colours mean."""
    (axes,) = axes_at(figure, _BAR)
    axes.imshow(np.linspace(0, 1, 64)[None], cmap=_HEAT, aspect="auto")
    _bare(axes)
    axes.text(-0.03, 0.5, low, ha="right", va="center", transform=axes.transAxes)
    axes.text(1.03, 0.5, high, ha="left", va="center", transform=axes.transAxes)


def _bare(axes: Axes) -> None:
    """No ticks, no frame, no ground."""
    axes.set(xticks=[], yticks=[], frame_on=False)


def _pale(all_stages: Stages) -> np.ndarray:
    """The image mixed with white, so that lines on it are seen."""
    return (to_picture(all_stages.image) * 0.5 + 127).astype(np.uint8)


def _thin_boxes(axes: Axes, boxes: Tensor) -> None:
    """Draw boxes (N, 5) with thin lines, the less transparent the higher the score in the last column is."""
    x1, y1, x2, y2, score = boxes.flip(0).unbind(1)  # the best is drawn last
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2, x1, y1], 1).reshape(-1, 5, 2) - 0.5
    colours = np.tile((*to_rgb(_PROPOSAL), 1.0), (len(boxes), 1))
    colours[:, 3] = score.clamp(0.1, 1)
    axes.add_collection(LineCollection(list(corners), colors=colours, linewidths=1.2), autolim=False)


def _styles(all_stages: Stages) -> dict[int, tuple[str, Dashes]]:
    """The colour and the dashes of each class that was found, whatever its score."""
    labels = sorted(set(all_stages.before.labels.tolist()))
    return {label: _STYLES[n % len(_STYLES)] for n, label in enumerate(labels)}


def _draw_found(axes: Axes, found: Found, all_stages: Stages, *, width: float = 2.5) -> None:
    for label, (colour, dashes) in _styles(all_stages).items():
        draw_boxes(axes, found.boxes[found.labels == label], colour=colour, dashes=dashes, width=width)


def _draw_numbers(axes: Axes, found: Found, all_stages: Stages) -> None:
    """Write the numbers of the best detections beside their boxes, none on top of another."""
    height, width = all_stages.image.shape[1:]
    cell = max(width / _LEFT.width, height / _LEFT.height)  # pixels of the image in an inch
    step_x, step_y = 0.16 * cell, 0.21 * cell  # of a digit
    taken: list[tuple[float, float]] = []
    styles = _styles(all_stages)
    for number, (box, label) in enumerate(zip(found.boxes[:NUMBERED].tolist(), found.labels.tolist(), strict=False), 1):
        x1, y1, x2, y2 = box
        columns, rows = (x1, x2 - step_x, x1 - step_x, x2), (y1 - step_y, y1, y2 - step_y, y2)
        places = [(x, y) for y in rows for x in columns]
        inside = [(x, y) for x, y in places if 0 <= x <= width - step_x and 0 <= y <= height - step_y] or places
        free = [p for p in inside if all(abs(p[0] - x) >= step_x or abs(p[1] - y) >= step_y for x, y in taken)]
        x, y = (free or inside)[0]
        taken.append((x, y))
        text = axes.text(x + step_x / 2 - 0.5, y + step_y / 2 - 0.5, str(number), ha="center", va="center_baseline")
        text.set(color=styles[label][0], fontweight="bold", path_effects=[withStroke(linewidth=3, foreground="white")])


def _list_best(figure: Figure | SubFigure, found: Found, all_stages: Stages) -> None:
    """Write what the numbered detections are in a row below the pictures."""
    (axes,) = axes_at(figure, _ROW)
    _bare(axes)
    styles = _styles(all_stages)
    for n, (name, label) in enumerate(zip(_names(found, all_stages), found.labels.tolist(), strict=False)):
        text = axes.text((n + 0.5) / NUMBERED, 0.5, name, ha="center", va="center", transform=axes.transAxes)
        text.set(color=styles[label][0], fontweight="bold")


def _names(found: Found, all_stages: Stages) -> list[str]:
    """Number, class and score of the best detections."""
    best = list(zip(found.labels.tolist(), found.scores.tolist(), strict=True))[:NUMBERED]
    return [f"{n} {all_stages.classes[label]} {score:.2f}" for n, (label, score) in enumerate(best, 1)]


def _count(found: Found) -> str:
    return "1 box" if len(found.scores) == 1 else f"{len(found.scores)} boxes"


def alt(*, all_stages: Stages, stage: int, threshold: float) -> str:
    """What there is to see for one setting."""
    found = all_stages.found.above(threshold)
    listed = ", ".join(_names(found, all_stages)) or "nothing"
    best = f" The best with a score of at least {threshold:.2f}: {listed}." if stage >= 5 else ""
    return f"Stage {stage} of 7 of a Mask R-CNN, {NAMES[stage - 1]}. {sentence(all_stages, stage, threshold)}{best}"


def stages_explorer(model: nn.Module, image: Tensor, classes: Sequence[str]) -> Explorer:
    """The explorer of one image (3, H, W) and a network as from `quick_mask_rcnn`; `classes` are the names of its labels.

    All stages are computed once. Raises: ValueError as `stages`.
    """
    all_stages = stages(model, image, classes)
    return Explorer(
        partial(draw, all_stages=all_stages),
        partial(alt, all_stages=all_stages),
        {
            "stage": Slider("stage", 1, len(NAMES), 1, 1),
            "threshold": Slider("least score (stages 5 to 7)", 0.0, 1.0, 0.05, 0.3),
        },
        [{"stage": stage} for stage in (3, 5, 7)],
        size=_SIZE,
        placed=True,
    )
