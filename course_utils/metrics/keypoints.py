"""How near predicted keypoints are: COCO's object keypoint similarity, which takes the place of the IoU."""

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.checks import is_number, require_tensor
from course_utils.ops.precision import float64_device

COCO_SIGMAS = tuple(
    tenths / 10
    for tenths in (
        0.26,
        *(0.25, 0.25, 0.35, 0.35),
        *(0.79, 0.79, 0.72, 0.72, 0.62, 0.62),
        *(1.07, 1.07, 0.87, 0.87, 0.89, 0.89),
    )
)
"""How far annotators of COCO disagree on each keypoint of a person, from the nose to the ankles, over the square root of the
area: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles, always left and right."""


def keypoint_similarity(
    pred: Tensor, truth: Tensor, areas: Tensor, boxes: Tensor, *, sigmas: tuple[float, ...] = COCO_SIGMAS
) -> Tensor:
    """The object keypoint similarity (OKS) of each predicted pose with each true one: 1 on the spot, 0 far away.

        OKS = mean over visible keypoints i of exp(-d_i² / (2 s² k_i²)),   s² = area of the object,   k_i = 2 σ_i

    so that half the size of a body allows half the distance, and an eye less of it than a hip. A true pose without a visible
    keypoint, which counts neither as found nor as missed, is compared with its box, made three times as large: d_i is then how
    far a predicted keypoint lies outside of it.

    Source: the evaluation code of COCO (Lin et al. 2014, arXiv 1405.0312), which the page on keypoint evaluation explains.

    Shapes: `pred` (N, K, 2 or 3) and `truth` (M, K, 3) as x, y and, in the truth, visibility, 0 where a keypoint is not
    marked; `areas` (M,); `boxes` (M, 4); `sigmas` (K,) → (N, M) float64, computed on the CPU, then on the device of `pred` if
    that has float64.

    Raises: ValueError for other shapes, and as many sigmas as there are no keypoints.
    """
    for name, value in (("pred", pred), ("truth", truth), ("areas", areas), ("boxes", boxes)):
        require_tensor(value, name)
    sigmas = checked_sigmas(sigmas)
    require_keypoints(pred, "pred", len(sigmas), (2, 3))
    require_keypoints(truth, "truth", len(sigmas), (3,))
    if areas.shape != (len(truth),) or boxes.shape != (len(truth), 4):
        raise ValueError(
            f"areas must be (M,) and boxes (M, 4) for M = {len(truth)} true poses, but are {tuple(areas.shape)} and "
            f"{tuple(boxes.shape)}."
        )
    p, t, a, b = (value.detach().cpu().double().numpy() for value in (pred, truth, areas, boxes))
    return torch.from_numpy(similarities(p, t, a, b, sigmas)).to(float64_device(pred.device))


def similarities(
    pred: np.ndarray, truth: np.ndarray, areas: np.ndarray, boxes: np.ndarray, sigmas: tuple[float, ...]
) -> np.ndarray:
    """`keypoint_similarity` of NumPy arrays of float64, unchecked."""
    found = np.zeros((len(pred), len(truth)))
    allowed = (2 * np.array(sigmas)) ** 2  # (K,)
    for m, (points, area, box) in enumerate(zip(truth, areas, boxes, strict=True)):
        visible = points[:, 2] > 0
        if visible.any():
            away = pred[:, :, :2] - points[:, :2]  # (N, K, 2)
        else:
            visible = np.ones_like(visible)
            start, end = 2 * box[:2] - box[2:], 2 * box[2:] - box[:2]
            away = np.maximum(start - pred[:, :, :2], 0) + np.maximum(pred[:, :, :2] - end, 0)
        squared = away[..., 0] ** 2 + away[..., 1] ** 2  # (N, K)
        exponent = squared / allowed / (area + np.spacing(1)) / 2
        near = np.exp(-np.ascontiguousarray(exponent[:, visible]))  # (N, visible)
        found[:, m] = near.sum(axis=1) / visible.sum()
    return found


def pose_areas(keypoints: np.ndarray) -> np.ndarray:
    """The area of the box around all keypoints of a prediction, which COCO compares with the area ranges: (N, K, …) → (N,)."""
    if len(keypoints) == 0:
        return np.zeros(0)
    extent = keypoints[:, :, :2].max(axis=1) - keypoints[:, :, :2].min(axis=1)  # (N, 2)
    return extent[:, 0] * extent[:, 1]


def checked_sigmas(sigmas: tuple[float, ...]) -> tuple[float, ...]:
    """The sigmas as Python's floats.

    Raises: ValueError if they are not positive numbers, at least one.
    """
    if not isinstance(sigmas, (tuple, list)) or not sigmas or not all(is_number(s) and s > 0 for s in sigmas):
        raise ValueError(f"sigmas must be a tuple of positive numbers, one for each keypoint, but is {sigmas!r}.")
    return tuple(float(sigma) for sigma in sigmas)


def require_keypoints(keypoints: Tensor, name: str, count: int, columns: tuple[int, ...]) -> None:
    """Refuse keypoints of another shape, and those that are not finite.

    Raises: ValueError that names the argument.
    """
    require_tensor(keypoints, name)
    if keypoints.ndim != 3 or keypoints.shape[1] != count or keypoints.shape[2] not in columns:
        raise ValueError(
            f"{name} must be keypoints (N, {count}, {' or '.join(map(str, columns))}), since there are {count} sigmas, but "
            f"has the shape {tuple(keypoints.shape)}; pass the sigmas of your keypoints, or x, y and visibility of each."
        )
    if not keypoints.isfinite().all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinity; look for where it arises.")
