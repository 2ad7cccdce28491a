"""One image's predicted instances beside its true ones: checked, ranked, and with the pairs that overlap enough."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.metrics.keypoints import pose_areas, require_keypoints, similarities
from course_utils.metrics.matching import Candidates
from course_utils.metrics.overlaps import (
    PackedMasks,
    box_areas,
    host_array,
    mask_boundaries,
    paired_box_iou,
    require_two_stacks,
)
from course_utils.ops.checks import require_tensor

IouType = Literal["masks", "boxes", "boundaries", "keypoints"]
Instances = Mapping[str, Tensor]
KEYS: dict[IouType, str] = {"masks": "masks", "boxes": "boxes", "boundaries": "masks", "keypoints": "keypoints"}


_ONE_EACH = ("masks", "boxes", "keypoints", "scores", "iscrowd", "area")


class Detections(NamedTuple):
    """N detections, NumPy arrays (N,); those of one image and class from the most confident, of `rank` 0, on."""

    label: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    area: np.ndarray


class Truths(NamedTuple):
    """M true instances, NumPy arrays (M,); `ignored` are crowds, and poses without a visible keypoint."""

    label: np.ndarray
    area: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray


class ImagePair(NamedTuple):
    """What an image's instances are, and the pairs of one class that overlap as much as the lowest threshold asks."""

    detections: Detections
    truths: Truths
    candidates: Candidates


def compare(
    prediction: Instances,
    target: Instances,
    *,
    iou_type: IouType,
    num_classes: int,
    class_agnostic: bool,
    lowest: float,
    most: int,
    sigmas: tuple[float, ...],
) -> ImagePair:
    """Rank the detections of an image, the `most` confident ones of each class, and find the pairs with an IoU ≥ `lowest`.

    Raises: ValueError for instances that are not as `AveragePrecision.update` says.
    """
    _require_instances(prediction, "prediction", ("scores",), iou_type, num_classes, len(sigmas))
    needed = ("boxes",) if iou_type == "keypoints" else ()
    _require_instances(target, "target", needed, iou_type, num_classes, len(sigmas))
    if KEYS[iou_type] == "masks":
        require_two_stacks(prediction["masks"], target["masks"], ("prediction['masks']", "target['masks']"))
    if class_agnostic:
        prediction, target = _as_one_class(prediction), _as_one_class(target)
    labels, true_label = (instances["labels"].long().cpu().numpy() for instances in (prediction, target))
    scores, crowd = _numbers(prediction["scores"]), host_array(target.get("iscrowd"), len(true_label))
    order = np.lexsort((-scores, labels))  # by class, the most confident first; equal ones stay in their order
    rank = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    order, rank = order[rank < most], rank[rank < most]
    label = labels[order]
    n, m = (label[:, None] == true_label).nonzero()
    iou, area, true_area = _measure(prediction, target, iou_type, order[n], m, crowd, sigmas)
    enough = iou >= lowest
    ignored = crowd | ~_has_keypoints(target) if iou_type == "keypoints" else crowd
    return ImagePair(
        Detections(label, scores[order], rank, area[order]),
        Truths(true_label, true_area, crowd, ignored),
        Candidates(n[enough], m[enough], iou[enough]),
    )


def _measure(
    prediction: Instances,
    target: Instances,
    iou_type: IouType,
    n: np.ndarray,
    m: np.ndarray,
    crowd: np.ndarray,
    sigmas: tuple[float, ...],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How well the pairs (n, m) overlap (P,), and the areas of all detections (N,) and true instances (M,)."""
    annotated = _numbers(target["area"]) if "area" in target else None
    found, true = prediction[KEYS[iou_type]], target[KEYS[iou_type]]
    if iou_type == "keypoints":
        boxes, poses = _numbers(target["boxes"]), _numbers(found)
        areas = box_areas(boxes) if annotated is None else annotated
        return similarities(poses, _numbers(true), areas, boxes, sigmas)[n, m], pose_areas(poses), areas
    if iou_type == "boxes":
        a, b = _numbers(found), _numbers(true)
        iou, area, areas = paired_box_iou(a[n], b[m], crowd[m]), box_areas(a), box_areas(b)
    else:
        masks, true_masks = PackedMasks(found), PackedMasks(true)
        iou, area, areas = masks.iou(true_masks, n, m, crowd), masks.areas, true_masks.areas
        if iou_type == "boundaries":
            rims = PackedMasks(mask_boundaries(found)), PackedMasks(mask_boundaries(true))
            iou = np.where(crowd[m], iou, np.minimum(iou, rims[0].iou(rims[1], n, m, crowd)))
    return iou, area, areas if annotated is None else annotated


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def _has_keypoints(target: Instances) -> np.ndarray:
    return np.asarray((_numbers(target["keypoints"])[:, :, 2] > 0).any(axis=1))


def _as_one_class(instances: Instances) -> Instances:
    """All with label 0, in the order of their labels, in which pycocotools puts them."""
    order = instances["labels"].argsort(stable=True)
    ordered = {key: instances[key][order] for key in _ONE_EACH if key in instances}
    return ordered | {"labels": torch.zeros_like(order)}


def _require_instances(
    instances: Instances, name: str, needed: tuple[str, ...], iou_type: IouType, num_classes: int, points: int
) -> None:
    """Refuse what is not the instances of one image.

    Raises: ValueError that says which entry is wrong, and how to mend it.
    """
    shape_key = KEYS[iou_type]
    needed = ("labels", shape_key, *needed)
    if not isinstance(instances, Mapping) or not set(needed) <= set(instances):
        came = sorted(instances) if isinstance(instances, Mapping) else type(instances).__name__
        raise ValueError(
            f"A {name} must be a dict with the keys {list(needed)}, but is {came}; give one for each image."
        )
    looked_at = [key for key in instances if key in (*needed, "iscrowd", "area")]
    for key in looked_at:
        require_tensor(instances[key], f"{name}['{key}']")
    labels = instances["labels"]
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.ndim != 1:
        raise ValueError(f"{name}['labels'] must be integers (N,), but is {labels.dtype} {tuple(labels.shape)}.")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f"{name}['labels'] must be 0 … {num_classes - 1}, but go from {int(labels.min())} to {int(labels.max())}; map them "
            "to these, or correct num_classes."
        )
    shapes: dict[str, tuple[int, ...]] = {"scores": (), "iscrowd": (), "area": (), "boxes": (4,)}
    for key in (key for key in looked_at if key in shapes):
        value, shape = instances[key], (len(labels), *shapes[key])
        if value.shape != shape:
            raise ValueError(
                f"{name}['{key}'] must have the shape {shape}, as labels do, but has {tuple(value.shape)}."
            )
        if not value.isfinite().all():
            raise ValueError(f"{name}['{key}'] must be finite, but holds NaN or infinity; look for where it arises.")
    if iou_type == "keypoints":
        require_keypoints(instances[shape_key], f"{name}['keypoints']", points, (3,) if name == "target" else (2, 3))
    if instances[shape_key].ndim == 0 or len(instances[shape_key]) != len(labels):
        raise ValueError(
            f"{name}['{shape_key}'] must have an entry for each of {len(labels)} labels, but has the shape "
            f"{tuple(instances[shape_key].shape)}."
        )
