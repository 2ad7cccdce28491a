"""Average precision of instances as COCO defines it, and the best matching of instances without classes."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from course_utils.metrics.average_precision import Curve
from course_utils.metrics.image_pairs import ImagePair, Instances, IouType, compare
from course_utils.metrics.keypoints import COCO_SIGMAS, checked_sigmas
from course_utils.metrics.matching import Matching, best_matching
from course_utils.metrics.outcomes import Outcomes, judge
from course_utils.metrics.overlaps import mask_iou, require_two_stacks
from course_utils.metrics.semantic import checked_classes
from course_utils.ops.checks import is_number, require_bools, whole_number

THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
RECALLS = tuple(np.linspace(0, 1, 101).tolist())
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
"""COCO's area ranges in pixels; an object on a border is in both. For keypoints, COCO leaves the small ones out."""


def match_instances(pred: Tensor, truth: Tensor) -> Matching:
    """The best pairs of predicted and true masks of one image, whatever their order or ids: see `best_matching`.

    Shapes: bool (N, H, W) and (M, H, W). Raises: ValueError for other types, or two sizes.
    """
    require_two_stacks(pred, truth, ("pred", "truth"))
    return best_matching(mask_iou(pred, truth))


class InstanceScores(NamedTuple):
    """What COCO reports, all on the CPU; NaN where there is nothing to be found, which counts in no mean.

    `ap`: the mean of precision over T thresholds of the IoU, R recalls and K classes, for the most detections allowed;
    `ap50`, `ap75`: at one threshold (NaN without it). `ap_by_area`, `ap_by_class` (K,): of objects of one range of areas, of
    one class. `ar`: the largest recall, averaged over thresholds and classes, by the number of detections that an image may
    have of a class; `ar_by_area`: for the most.
    `precision`, `scores` (T, R, K, A, D) and `recall` (T, K, A, D) float64: what these are the means of, for A areas and D
    numbers of detections; `scores` are the confidences at which each recall is reached.
    """

    ap: float
    ap50: float
    ap75: float
    ap_by_area: dict[str, float]
    ap_by_class: Tensor
    ar: dict[int, float]
    ar_by_area: dict[str, float]
    precision: Tensor
    recall: Tensor
    scores: Tensor


class AveragePrecision:
    """Average precision that gathers image by image, since the mean of images' AP is not that of the data set.

    Source: Lin et al. 2014 (arXiv 1405.0312), https://cocodataset.org/#detection-eval, and its evaluation code, to which all
    numbers are equal to the last digit. Differs from it: what it calls -1 is NaN; `ap` is that of the largest of
    `max_detections`, whatever it is; boxes are (x1, y1, x2, y2). Boundary AP: see `boundary_mask_iou`; keypoints: see
    `keypoint_similarity`.

    `num_classes`: labels are 0 … num_classes - 1. A class that no image has does not count, so that labels which begin at 1,
    with 0 for background, fit too. `class_agnostic=True` takes all for one class.
    `iou_type`: what overlaps, "masks", "boxes", "boundaries" or "keypoints". `areas`: by name, "all" among them;
    `max_detections`: how many of an image and class count, the most confident ones; `sigmas`: see `keypoint_similarity`.
    For keypoints, the defaults of these two are COCO's: no small objects, 20 detections.

    Raises: ValueError for thresholds and recalls that are not ascending numbers from 0 to 1, for areas without "all", and for
    other unknown or impossible settings.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        iou_type: IouType = "masks",
        thresholds: tuple[float, ...] = THRESHOLDS,
        recalls: tuple[float, ...] = RECALLS,
        areas: Mapping[str, tuple[float, float]] | None = None,
        max_detections: tuple[int, ...] | None = None,
        class_agnostic: bool = False,
        sigmas: tuple[float, ...] = COCO_SIGMAS,
    ) -> None:
        if iou_type not in get_args(IouType):
            raise ValueError(f"iou_type must be one of {get_args(IouType)}, but is {iou_type!r}.")
        require_bools(class_agnostic=class_agnostic)
        of_keypoints = iou_type == "keypoints"
        if areas is None:
            areas = {name: span for name, span in AREAS.items() if name != "small" or not of_keypoints}
        if max_detections is None:
            max_detections = (20,) if of_keypoints else (1, 10, 100)
        self.num_classes, self.iou_type, self.class_agnostic = checked_classes(num_classes), iou_type, class_agnostic
        self.thresholds, self.recalls = _ascending(thresholds, "thresholds"), _ascending(recalls, "recalls")
        self.areas, self.max_detections = _checked_areas(areas), _checked_counts(max_detections)
        self.sigmas = checked_sigmas(sigmas)
        # COCO's code lowers a threshold of 1, so that an IoU of 1 that was rounded down still reaches it.
        self._levels = np.minimum(self.thresholds, 1 - 1e-10)
        self._images: list[ImagePair] = []

    def update(self, predictions: Sequence[Instances], targets: Sequence[Instances]) -> None:
        """Add images: a dict for each, of tensors of its N detections and of its M true instances.

        Predictions: "labels" integer (N,), "scores" (N,), and what overlaps, "masks" bool (N, H, W), "boxes" (N, 4) or
        "keypoints" (N, K, 2 or 3). Targets: "labels" (M,) and "masks", "boxes" or "keypoints" (M, K, 3) with visibility; for
        keypoints "boxes", too. They may have "iscrowd" (M,), for regions with many objects: what lies in one is neither a
        hit nor a false alarm; and "area" (M,), COCO's annotated area, otherwise that of the mask or the box. Other keys do
        not matter. Everything is computed on the CPU. A batch that is refused changes nothing.

        Raises: ValueError for missing keys, other types or shapes, labels that are no classes, and numbers that are not finite.
        """
        lists = isinstance(predictions, (list, tuple)) and isinstance(targets, (list, tuple))
        if not lists or len(predictions) != len(targets):
            raise ValueError(
                "update needs a list of predictions and a list of targets, a dict for each image in both, but got "
                f"{_told(predictions)} and {_told(targets)}; of one image: update([prediction], [target])."
            )
        self._images += [
            compare(
                prediction,
                target,
                iou_type=self.iou_type,
                num_classes=self.num_classes,
                class_agnostic=self.class_agnostic,
                lowest=self._levels.min(),
                most=max(self.max_detections),
                sigmas=self.sigmas,
            )
            for prediction, target in zip(predictions, targets, strict=True)
        ]

    def compute(self) -> InstanceScores:
        """The scores of all images so far; NaN throughout where that is nothing."""
        outcomes = self._outcomes()
        recalls = torch.tensor(self.recalls, dtype=torch.float64, device="cpu")
        by_class = []
        for k in range(len(outcomes.positives)):
            curve = outcomes.curve(k, self.max_detections)  # (D, A, T, N)
            by_class.append(
                (*curve.precision_at(recalls), curve.largest_recall[..., None])
            )  # (D, A, T, R), R = 1 at last
        columns = (torch.stack(column) for column in zip(*by_class, strict=True))  # (K, D, A, T, R)
        precision, scores, recall = (column.permute(3, 4, 0, 2, 1) for column in columns)  # (T, R, K, A, D)
        recall = recall[:, 0]  # (T, K, A, D)
        every, a50, a75 = list(self.areas).index("all"), self._places(0.5), self._places(0.75)
        best, found = precision[..., -1], recall[..., -1]  # (T, R, K, A), (T, K, A)
        ap_by_class = [_mean(best[:, :, k, every]) for k in range(best.shape[2])]
        return InstanceScores(
            ap=_mean(best[..., every]),
            ap50=_mean(best[a50, ..., every]),
            ap75=_mean(best[a75, ..., every]),
            ap_by_area={name: _mean(best[..., a]) for a, name in enumerate(self.areas)},
            ap_by_class=torch.tensor(ap_by_class, dtype=torch.float64, device="cpu"),
            ar={most: _mean(recall[:, :, every, d]) for d, most in enumerate(self.max_detections)},
            ar_by_area={name: _mean(found[..., a]) for a, name in enumerate(self.areas)},
            precision=precision,
            recall=recall,
            scores=scores,
        )

    def curve(self, label: int = 0, *, threshold: float = 0.5) -> Curve:
        """Precision and recall of one class at one threshold of the IoU, (N,), of objects of all sizes.

        Raises: ValueError for a label that is no class and a threshold that is not among those of this metric.
        """
        outcomes, places = self._outcomes(), self._places(threshold)
        label = whole_number(label, "label", minimum=0)
        if label >= len(outcomes.positives) or not places:
            raise ValueError(
                f"curve needs a label below {len(outcomes.positives)} and one of the thresholds {self.thresholds}, but got "
                f"{label} and {threshold!r}."
            )
        every, level = list(self.areas).index("all"), places[0]
        scores, *rows = outcomes.curve(label, self.max_detections[-1:])
        precision, recall, positives = (row[0, every, level] for row in rows)
        return Curve(scores, precision, recall, positives)

    def _outcomes(self) -> Outcomes:
        classes = 1 if self.class_agnostic else self.num_classes
        return judge(self._images, classes, np.array(list(self.areas.values())), self._levels)

    def _places(self, threshold: float) -> list[int]:
        return [t for t, level in enumerate(self.thresholds) if math.isclose(level, threshold)]


def _mean(values: Tensor) -> float:
    """The mean of what is not NaN; NumPy's, whose order of summation gives pycocotools' last digit."""
    valid = values[~values.isnan()]
    return float(valid.numpy().mean()) if len(valid) else math.nan


def _ascending(numbers: tuple[float, ...], name: str) -> tuple[float, ...]:
    """Numbers as Python's floats.

    Raises: ValueError where they do not ascend from 0 to 1 at most, or are none.
    """
    right = isinstance(numbers, (tuple, list)) and numbers and all(is_number(n) and 0 <= n <= 1 for n in numbers)
    if not right or list(numbers) != sorted(set(numbers)):
        raise ValueError(f"{name} must be a tuple of numbers that ascend from 0 to 1 at most, but is {numbers!r}.")
    return tuple(float(number) for number in numbers)


def _checked_counts(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of detections as Python's integers, ascending.

    Raises: ValueError where one is not a whole number of 1 or more, or there is none.
    """
    if not isinstance(counts, (tuple, list)) or not counts:
        raise ValueError(f"max_detections must be a tuple of whole numbers, but is {counts!r}.")
    return tuple(sorted(whole_number(count, "max_detections", minimum=1) for count in counts))


def _checked_areas(areas: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Area ranges as Python's floats.

    Raises: ValueError where one is not two numbers, or "all" is missing.
    """
    if not isinstance(areas, Mapping) or "all" not in areas:
        raise ValueError(f'areas must be a dict of (smallest, largest) by name, with one for "all", but is {areas!r}.')
    for name, span in areas.items():
        if not isinstance(span, (tuple, list)) or len(span) != 2 or not all(map(is_number, span)) or span[0] > span[1]:
            raise ValueError(f"areas[{name!r}] must be (smallest, largest) in pixels, but is {span!r}.")
    return {name: (float(low), float(high)) for name, (low, high) in areas.items()}


def _told(images: object) -> str:
    return f"{len(images)} of them" if isinstance(images, (list, tuple)) else type(images).__name__
