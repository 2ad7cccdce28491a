"""Explorer of lesson 11: the threshold of the confidence moves along the precision-recall curve."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from torch import Tensor

from course_utils import plots
from course_utils.metrics.average_precision import Curve, average_precision, precision_recall
from course_utils.metrics.image_pairs import Instances
from course_utils.metrics.instance import THRESHOLDS
from course_utils.metrics.matching import Candidates, match_greedily
from course_utils.metrics.overlaps import mask_iou
from course_utils.ops.boxes import box_iou, masks_to_boxes
from course_utils.plots.boxes import Dashes, draw_boxes, tinted
from course_utils.plots.overlays import draw as draw_picture, to_picture
from course_utils.widgets.explorer import Choice, Explorer, Slider
from course_utils.widgets.placing import Place, axes_at

Overlap = Literal["masks", "boxes"]
_HIT, _FALSE, _MISSED, _LINE = plots.COLOURS[0], plots.COLOURS[3], plots.COLOURS[6], "black"
_AREA, _COUNTED, _BELOW = "#CFE3F2", "#E4E7EA", "#9A9FA5"
_SIZE = (9.0, 4.85)
_PICTURE, _CURVE, _STRIP = Place(0.1, 1.3, 4.1, 3.15), Place(4.9, 1.85, 2.35, 2.6), Place(0.25, 0.6, 8.5, 0.4)


class Found(NamedTuple):
    """The N detections of a class in several images, and what each is at T thresholds of the IoU.

    `scores` (N,) float64; `image` (N,) int64, where it is; `match` (T, N) int64, which true object of its image it hits, -1 for
    none; `shapes` and `true_shapes`: for each image the masks (n, H, W) or boxes (n, 4), in the same order.
    """

    scores: Tensor
    image: Tensor
    match: Tensor
    shapes: list[Tensor]
    true_shapes: list[Tensor]

    def curve(self, level: int) -> Curve:
        """Precision and recall at one threshold of the IoU."""
        return precision_recall(self.scores, self.match[level] >= 0, sum(map(len, self.true_shapes)))


class Counts(NamedTuple):
    """What the detections at or above a threshold are: hits (TP), false alarms (FP), and the objects missed (FN)."""

    hits: int
    false_alarms: int
    missed: int


def match_class(
    predictions: Sequence[Instances], targets: Sequence[Instances], *, label: int = 0, overlap: Overlap = "masks"
) -> Found:
    """The detections of one class in the order of images, from the most confident in each, matched as COCO does.

    Arguments as `instance.AveragePrecision.update`; what it says of crowds does not hold here: there must be none.

    Raises: ValueError for lists of two lengths, another overlap, and crowds.
    """
    if len(predictions) != len(targets) or overlap not in ("masks", "boxes"):
        raise ValueError(
            "match_class needs a prediction for each target, and the overlap of 'masks' or 'boxes', but got "
            f"{len(predictions)} and {len(targets)}, and {overlap!r}."
        )
    scores, images, matches, shapes, true_shapes = [], [], [], [], []
    for number, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        if "iscrowd" in target and bool(target["iscrowd"].any()):
            raise ValueError(f"Target {number} has a crowd, which cannot be drawn as an object; leave it out.")
        chosen = (prediction["labels"] == label).nonzero()[:, 0]
        chosen = chosen[prediction["scores"][chosen].argsort(descending=True, stable=True)]
        found, true = prediction[overlap][chosen].cpu(), target[overlap][target["labels"] == label].cpu()
        iou = mask_iou(found, true) if overlap == "masks" else box_iou(found.double(), true.double())
        scores.append(prediction["scores"][chosen].detach().double().cpu())
        images.append(torch.full((len(chosen),), number, device="cpu"))
        matches.append(_matches(iou))
        shapes.append(found)
        true_shapes.append(true)
    return Found(torch.cat(scores), torch.cat(images), torch.cat(matches, 1), shapes, true_shapes)


def _matches(iou: Tensor) -> Tensor:
    """Which true object each detection hits, -1 for none: (N, M), the most confident detection first → (T, N)."""
    n, m = np.indices(iou.shape).reshape(2, -1)
    none = np.zeros(iou.shape[1], dtype=bool)
    pairs = Candidates(n, m, iou.numpy().flatten())
    matched = match_greedily(pairs, np.arange(len(iou)), none, none[:, None], np.array(THRESHOLDS))  # (N, 1, T)
    return torch.from_numpy(matched[:, 0].T).long()


def level_of(iou: float) -> int:
    """The number of the threshold of the IoU that is nearest, 0 for 0.50 to 9 for 0.95."""
    return int(np.abs(np.array(THRESHOLDS) - iou).argmin())


def count(found: Found, *, threshold: float, iou: float) -> Counts:
    """What the detections of all images are whose confidence is the threshold or more."""
    hit = found.match[level_of(iou)] >= 0
    kept = found.scores >= threshold
    hits = int((hit & kept).sum())
    return Counts(hits, int((~hit & kept).sum()), sum(map(len, found.true_shapes)) - hits)


def draw(
    figure: Figure | SubFigure,
    *,
    images: Sequence[np.ndarray],
    found: Found,
    threshold: float,
    iou: float,
    image: int = 1,
) -> None:
    """Draw an image with its detections, the curve of all images with the threshold on it, and all confidences."""
    picture, curve, strip = axes_at(figure, _PICTURE, _CURVE, _STRIP)
    _draw_image(picture, images[image - 1], found, image - 1, threshold, level_of(iou))
    _draw_curve(curve, found, threshold, iou)
    _draw_confidences(strip, found, threshold, level_of(iou))


def _draw_image(axes: Axes, picture: np.ndarray, found: Found, image: int, threshold: float, level: int) -> None:
    """Draw what counts in one image: hits, false alarms, and the objects that no counted detection hits."""
    here = found.image == image
    match, kept = found.match[level, here], found.scores[here] >= threshold
    shapes, true_shapes = found.shapes[image], found.true_shapes[image]
    missed = torch.ones(len(true_shapes), dtype=torch.bool)
    missed[match[kept & (match >= 0)]] = False
    groups: tuple[tuple[Tensor, str, Dashes], ...] = (
        (true_shapes[missed], _MISSED, (0, (3, 1.5))),
        (shapes[kept & (match < 0)], _FALSE, (0, (1, 1))),
        (shapes[kept & (match >= 0)], _HIT, (0, ())),
    )
    for group, colour, _ in groups[1:]:
        picture = tinted(picture, group, colour, opacity=0.55) if group.ndim == 3 else picture
    draw_picture(axes, picture)
    for group, colour, dashes in groups:
        ground = "black" if colour == _MISSED else "white"
        draw_boxes(axes, _boxes(group), colour=colour, dashes=dashes, ground=ground)
    marks = {"hit": _HIT, "false alarm": _FALSE, "missed": _MISSED}
    lines = [Line2D([], [], color=colour, linestyle=dashes, linewidth=3) for _, colour, dashes in groups[::-1]]
    axes.legend(lines, marks, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, borderpad=0.2, columnspacing=1.2)


def _boxes(shapes: Tensor) -> Tensor:
    return masks_to_boxes(shapes) if shapes.ndim == 3 else shapes


def _draw_curve(axes: Axes, found: Found, threshold: float, iou: float) -> None:
    """Draw precision over recall, the area under its envelope, where the threshold is, and the numbers beside it."""
    curve, counts = found.curve(level_of(iou)), count(found, threshold=threshold, iou=iou)
    recall, precision = [0.0, *curve.recall.tolist()], [1.0, *curve.precision.tolist()]
    envelope = curve.envelope.tolist()
    axes.fill_between(recall, [*envelope[:1], *envelope], step="pre", color=_AREA, linewidth=0)
    axes.plot(recall[1:], precision[1:], color=_BELOW, linewidth=1.5)
    kept = counts.hits + counts.false_alarms
    axes.plot(recall[1 : kept + 1], precision[1 : kept + 1], color=_LINE, linewidth=2)
    if kept:
        axes.plot(recall[kept], precision[kept], "o", color=_LINE, markersize=10, clip_on=False, zorder=5)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision", title=f"all images, IoU ≥ {iou:.2f}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks((0, 0.5, 1), ("0", "0.5", "1"))
    objects = counts.hits + counts.missed
    lines = (
        (f"{counts.hits} hits (TP)", _HIT),
        (f"{counts.false_alarms} false (FP)", _FALSE),
        (f"{counts.missed} missed (FN)", _LINE),
        ("precision", _LINE),
        (f"  {counts.hits}/{kept} = {_ratio(counts.hits, kept)}", _LINE),
        ("recall", _LINE),
        (f"  {counts.hits}/{objects} = {_ratio(counts.hits, objects)}", _LINE),
        ("AP", _LINE),
        (f"  area = {_area(curve)}", _LINE),
    )
    for place, (line, colour) in enumerate(lines):
        axes.text(1.1, 0.97 - 0.115 * place, line, color=colour, transform=axes.transAxes, va="center")


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"


def _area(curve: Curve) -> str:
    """The area under the envelope; of no objects there is none."""
    return f"{float(average_precision(curve, points=None)):.2f}".replace("nan", "–")


def _draw_confidences(axes: Axes, found: Found, threshold: float, level: int) -> None:
    """Draw every detection at its confidence, a hit as a dot and a false alarm as a cross; what does not count is pale."""
    axes.axvspan(threshold, 1, color=_COUNTED, zorder=0)
    axes.axvline(threshold, color=_LINE, linewidth=3, clip_on=False)
    hit, kept = found.match[level] >= 0, found.scores >= threshold
    for chosen, colour, marker in ((hit, _HIT, "o"), (~hit, _FALSE, "X")):
        for counts, opacity in ((kept, 1.0), (~kept, 0.35)):
            scores = found.scores[chosen & counts]
            heights = [0.5] * len(scores)
            axes.plot(scores, heights, marker, color=colour, alpha=opacity, markersize=10, markeredgecolor="white")
    axes.set(
        xlim=(0, 1), ylim=(0, 1), yticks=[], xlabel="confidence of each detection: from the threshold on, it counts"
    )
    axes.spines["left"].set_visible(False)


def alt(*, images: Sequence[np.ndarray], found: Found, threshold: float, iou: float, image: int = 1) -> str:
    """What there is to see for one setting."""
    counts, area = count(found, threshold=threshold, iou=iou), _area(found.curve(level_of(iou)))
    kept, objects = counts.hits + counts.false_alarms, counts.hits + counts.missed
    return (
        f"Image {image} of {len(images)} with boxes of hits, false alarms and missed objects, the precision-recall curve of all "
        f"images at an IoU of {iou:.2f} with a mark at the threshold {threshold:.2f}, and all confidences in a row: "
        f"{counts.hits} hits, {counts.false_alarms} false alarms, {counts.missed} missed; precision "
        f"{_ratio(counts.hits, kept)}, recall {_ratio(counts.hits, objects)}, AP {area}."
    )


def threshold_explorer(
    images: Sequence[Tensor],
    predictions: Sequence[Instances],
    targets: Sequence[Instances],
    *,
    label: int = 0,
    overlap: Overlap = "masks",
) -> Explorer:
    """The explorer of the detections of one class in some images (3, H, W) of one size.

    The AP that it shows is the area under the envelope; COCO's, the mean over 101 recalls, is nearly the same. Predictions and
    targets: see `match_class`. Raises: ValueError as it does, and for no images or as many as do not fit.
    """
    if not images or len(images) != len(targets):
        raise ValueError(
            f"threshold_explorer needs an image for each target, but got {len(images)} and {len(targets)}."
        )
    found = match_class(predictions, targets, label=label, overlap=overlap)
    pictures = [to_picture(image) for image in images]
    controls: dict[str, Slider | Choice] = {
        "threshold": Slider("confidence threshold", 0.0, 1.0, 0.02, 0.5),
        "iou": Slider("IoU of a hit", 0.5, 0.95, 0.05, 0.5),
    }
    if len(images) > 1:
        controls["image"] = Slider("image", 1, len(images), 1, 1)
    settings = [{"threshold": 0.8, "iou": 0.5}, {"threshold": 0.3, "iou": 0.5}, {"threshold": 0.3, "iou": 0.75}]
    return Explorer(
        partial(draw, images=pictures, found=found),
        partial(alt, images=pictures, found=found),
        controls,
        settings,
        size=_SIZE,
        placed=True,
    )
