"""Scores of boundaries: boundary IoU, boundary F1 and the Hausdorff distance."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils.metrics.semantic import (
    are_known,
    as_labels,
    checked_classes,
    count_pairs,
    scores,
    without_void,
)
from course_utils.metrics.surface import Spacing, checked_spacing, contour, distances_to
from course_utils.ops.checks import real_number, require_bools, require_tensor
from course_utils.ops.distance import distance_to
from course_utils.ops.labels import void_label
from course_utils.ops.masks import boundaries
from course_utils.ops.precision import float64_device

_VOID = -1


def boundary_iou(
    pred: Tensor,
    target: Tensor,
    num_classes: int,
    *,
    width: float | None = None,
    ignore_index: int | None = 255,
    border: bool = False,
    per_image: bool = False,
) -> Tensor:
    """IoU of each class, looking only at its pixels within `width` of another class: (K,) float64, CPU.

    Source: Cheng et al. 2021, section 4 (arXiv 2103.16562). `width=None` is the paper's 2 % of the image's diagonal.
    Differs from the paper: its code measures the distance to a boundary in steps of a 3 x 3 neighbourhood, this one is
    Euclidean; its code counts the border of the image as a boundary, this one where `border=True`; and instead of pairs
    of masks this takes label maps, and gathers over all images given, as mean IoU does. `per_image=True` takes an IoU for
    each image and class, and averages over the images that have one.

    The prediction is void where the truth is, and void is another class, so that a perfect prediction has an IoU of 1.
    NaN for a class without any boundary in both. For masks, pass them with `num_classes=2` and take class 1.

    Shapes: as `confusion_matrix`, with two dimensions at least. Raises: ValueError as that does, and for a width below 1.
    """
    require_bools(per_image=per_image)
    if per_image:
        of_one = partial(boundary_iou, num_classes=num_classes, width=width, ignore_index=ignore_index, border=border)
        return _mean_of_images(of_one, pred, target, num_classes, ignore_index)
    matrix = boundary_matrix(pred, target, num_classes, width=width, ignore_index=ignore_index, border=border)
    return scores(matrix).iou[:-1]


def boundary_matrix(
    pred: Tensor,
    target: Tensor,
    num_classes: int,
    *,
    width: float | None = None,
    ignore_index: int | None = 255,
    border: bool = False,
) -> Tensor:
    """Confusion matrix of label maps from which all but the boundaries is erased: (K + 1, K + 1) int64.

    The last class is "on no boundary". Matrices of several batches add up; `scores(matrix).iou[:K]` is the boundary IoU.
    """
    num_classes = checked_classes(num_classes)
    pred, target = _voided(pred, target, num_classes, ignore_index)
    if width is None:
        width = max(1, round(0.02 * math.hypot(*target.shape[-2:])))
    kept = []
    for labels in (pred, target):
        near = boundaries(labels, width, ignore_index=_VOID, border=border)
        kept.append(labels.masked_fill(~near & (labels != _VOID), num_classes))
    return count_pairs(kept[0], kept[1], num_classes + 1, _VOID, known=True)


def boundary_f1(
    pred: Tensor,
    target: Tensor,
    num_classes: int,
    *,
    tolerance: float | None = None,
    ignore_index: int | None = 255,
    per_image: bool = False,
) -> Tensor:
    """F1 of the contour pixels of each class that have a contour pixel of the other map within `tolerance`: (K,) float64, CPU.

    Source: Csurka et al. 2013, "What is a good evaluation measure for semantic segmentation?" (BMVC), section 3. Precision
    is the share of the predicted contour near the true one, recall that of the true contour near the predicted one.
    `tolerance=None` is the paper's 0.75 % of the image's diagonal.
    Differs from the paper: it takes an F1 for every image and averages, which `per_image=True` does; without it the pixels
    of all images given are counted together, as mean IoU does.

    A class's contour: its pixels with a neighbour, of four, of another class (see `boundaries`; the border of the image
    is no contour, void is another class, the prediction is void where the truth is). NaN for a class without a
    contour in both, 0 for one that has a contour in only one of them.

    Shapes: as `confusion_matrix`, with two dimensions at least. Raises: ValueError as that does, and for a tolerance
    below 0.
    """
    num_classes = checked_classes(num_classes)
    require_bools(per_image=per_image)
    if per_image:
        of_one = partial(boundary_f1, num_classes=num_classes, tolerance=tolerance, ignore_index=ignore_index)
        return _mean_of_images(of_one, pred, target, num_classes, ignore_index)
    pred, target = _voided(pred, target, num_classes, ignore_index)
    if tolerance is None:
        tolerance = 0.0075 * math.hypot(*target.shape[-2:])
    tolerance = real_number(tolerance, "tolerance", 0, math.inf, finite=False)
    pred_edges, target_edges = (boundaries(labels, ignore_index=_VOID) for labels in (pred, target))
    counts = []
    for k in range(num_classes):
        found, true = pred_edges & (pred == k), target_edges & (target == k)
        right = found & distance_to(true, limit=tolerance).isfinite()
        seen = true & distance_to(found, limit=tolerance).isfinite()
        counts.append(torch.stack([found.sum(), true.sum(), right.sum(), seen.sum()]))
    found, true, right, seen = torch.stack(counts, dim=1).cpu().double()
    precision, recall = right / found.clamp(min=1), seen / true.clamp(min=1)
    f1 = torch.where(precision + recall > 0, 2 * precision * recall / (precision + recall), 0)
    return f1.masked_fill(found + true == 0, math.nan)


def hausdorff_distance(a: Tensor, b: Tensor, *, percentile: float = 100, spacing: Spacing = 1.0) -> Tensor:
    """How far, at most, a contour pixel of one mask is from the contour of the other: (…) float64, in the spacing's unit.

    Source: Huttenlocher et al. 1993 (IEEE TPAMI 15), section 2. With a `percentile` below 100, such as the 95 of medical
    segmentation, that of each contour's distances to the other is taken, and then the larger of the two, as MONAI does
    (others pool both sets first); between two pixels it is interpolated linearly.
    Differs from the paper: it takes any point sets; these are the contours, the pixels of a mask with a neighbour, of
    four, outside the mask. What lies beyond the image is outside.

    Two empty masks have the distance 0; one empty mask is infinitely far from the other. So one empty mask makes every mean
    over a data set infinite: count such images, and report them apart. `spacing`: the size of a pixel, such as millimetres.

    Shapes: `a`, `b` bool (…, H, W) → (…), on their device, or on the CPU if that has no float64. Raises: ValueError for other
    types or shapes, a percentile not in 0 … 100, and a spacing that is not above 0.
    """
    require_tensor(a, "a")
    require_tensor(b, "b")
    if a.dtype != torch.bool or b.dtype != torch.bool or a.shape != b.shape or a.ndim < 2:
        raise ValueError(
            "hausdorff_distance needs two bool masks of one shape (…, H, W), but got "
            f"{a.dtype} {tuple(a.shape)} and {b.dtype} {tuple(b.shape)}; compare labels with a class (`labels == 3`)."
        )
    percentile = real_number(percentile, "percentile", 0, 100)
    spacing = checked_spacing(spacing)
    a, b = (mask.to(float64_device(mask.device)) for mask in (a, b))
    contours = [contour(mask).reshape(math.prod(a.shape[:-2]), *a.shape[-2:]) for mask in (a, b)]
    distances = torch.zeros(len(contours[0]), dtype=torch.float64, device=a.device)
    for n, (contour_a, contour_b) in enumerate(zip(*contours, strict=True)):
        if not contour_a.any() or not contour_b.any():
            distances[n] = 0 if contour_a.any() == contour_b.any() else math.inf
            continue
        a_to_b = distances_to(contour_b, spacing)[contour_a]
        b_to_a = distances_to(contour_a, spacing)[contour_b]
        distances[n] = max(a_to_b.quantile(percentile / 100), b_to_a.quantile(percentile / 100))
    return distances.view(a.shape[:-2])


def _mean_of_images(
    score: Callable[[Tensor, Tensor], Tensor], pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None
) -> Tensor:
    """The mean of a score over the images, class by class, where an image has one."""
    pred, target = as_labels(pred, target, num_classes, void_label(ignore_index))
    if target.ndim < 2:
        raise ValueError(f"Boundaries need label maps (…, H, W), but target has the shape {tuple(target.shape)}.")
    size = (math.prod(target.shape[:-2]), *target.shape[-2:])
    each = [score(p, t) for p, t in zip(pred.reshape(size), target.reshape(size), strict=True)]
    if not each:
        return torch.full((num_classes,), math.nan, dtype=torch.float64, device="cpu")
    return torch.stack(each).nanmean(0)


def _voided(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """Prediction and truth as labels, both -1 where the truth is void."""
    ignore_index = void_label(ignore_index)
    pred, target = as_labels(pred, target, num_classes, ignore_index)
    if target.ndim < 2:
        raise ValueError(f"Boundaries need label maps (…, H, W), but target has the shape {tuple(target.shape)}.")
    known = are_known(pred, target, num_classes, ignore_index)
    pred, target, valid = without_void(pred, target, num_classes, ignore_index, known=known)
    return pred.masked_fill(~valid, _VOID), target.masked_fill(~valid, _VOID)
