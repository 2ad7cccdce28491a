"""Losses that compare boundaries: probabilities weighted by distance to the boundary of truth or prediction.

Both take `absent` and `multilabel`, see `course_utils.losses`. Distances are in pixels, and found in each image alone. Where
an image has no boundary of a class, because it has nothing of it or nothing else, distances are undefined and taken as 0.
"""

import torch
from torch import Tensor

from course_utils.losses.masking import (
    Absent,
    mean_of_sum,
    mean_over_classes,
    require_absent,
    soft_masks,
)
from course_utils.ops.checks import real_number, require_tensor
from course_utils.ops.distance import distance_to
from course_utils.ops.known import on_host


def boundary_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1/N Σ φ p, where φ is the signed distance to the true boundary, see `signed_distance`.

    It is negative for a good prediction, 0 for an empty one, and weak for small objects: add a region loss.

    Source: Kervadec et al. 2019, section 2 (arXiv 1812.07032).
    Differs from the paper: nothing; the authors' code has 0, not -1, at the innermost pixels next to the boundary.
    """
    require_absent(absent)
    p, g, valid = soft_masks(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    phi = signed_distance(g > 0, valid, dtype=p.dtype)
    return _mean(phi * p, g, valid, absent)


def hausdorff_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    alpha: float = 2.0,
    absent: Absent = "left_out",
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1/N Σ (p - g)² (d_p^α + d_g^α), with the distances to the boundaries of prediction and truth.

    The prediction's boundary is that of p > 1/2; no gradient goes through its distance.

    Source: Karimi and Salcudean 2020, section 2, the form by distance transforms (arXiv 1904.10030).
    """
    require_absent(absent)
    alpha = real_number(alpha, "alpha", 0, 8, exclusive=True)  # float32 holds sums of such powers even for large images
    p, g, valid = soft_masks(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    distances = sum(signed_distance(mask, valid, dtype=p.dtype).abs() ** alpha for mask in (p > 0.5, g > 0))
    return _mean((p - g).square() * distances, g, valid, absent)


def signed_distance(mask: Tensor, valid: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Distance to the nearest pixel outside the mask, negative, for pixels inside; to the nearest inside for those outside.

    Void pixels, where `valid` is False, are neither inside nor outside, and have distance 0; so has every pixel of an image
    that has no inside or no outside. In a row with a mask of three pixels: 2 1 -1 -2 -1 1 2.

    Shapes: `mask`, `valid` bool (…, H, W) → `dtype` (…, H, W).

    Raises: ValueError for masks of other types or shapes.
    """
    require_tensor(mask, "mask")
    valid = torch.ones_like(mask) if valid is None else valid
    require_tensor(valid, "valid")
    if mask.dtype != torch.bool or valid.dtype != torch.bool or mask.ndim < 2 or valid.shape != mask.shape:
        raise ValueError(
            f"signed_distance needs bool masks of one shape (…, H, W), but mask is {mask.dtype} {tuple(mask.shape)} and valid "
            f"{valid.dtype} {tuple(valid.shape)}; compare labels with a class (`labels == 3`)."
        )
    inside, outside = mask & valid, ~mask & valid
    bounded = inside.any(-1).any(-1) & outside.any(-1).any(-1)
    if not on_host(mask):
        # How many images are bounded is not asked for, since a GPU would have to be waited for: distances in all of them.
        return torch.where(bounded[..., None, None], _distances(inside, outside, dtype), 0)
    distances = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    distances[bounded] = _distances(inside[bounded], outside[bounded], dtype)
    return distances


def _distances(inside: Tensor, outside: Tensor, dtype: torch.dtype) -> Tensor:
    to_inside, to_outside = distance_to(inside, dtype=dtype), distance_to(outside, dtype=dtype)
    return torch.where(outside, to_inside, 0) - torch.where(inside, to_outside, 0)


def _mean(values: Tensor, truth: Tensor, valid: Tensor, absent: Absent) -> Tensor:
    pixels = (0, 2, 3)
    losses = mean_of_sum(values.sum(pixels), valid.sum(pixels))
    return mean_over_classes(losses, truth.sum(pixels) > 0, absent)
