"""Losses that compare regions: one minus the overlap of soft prediction and truth, class by class.

All take `absent` and `multilabel`, see `course_utils.losses`. Sums run over the valid pixels of the batch, or with
`per_image=True` over those of each image, whose classes are then averaged as classes of their own. `smooth` is the ε that
is added to numerator and denominator, in pixels; where both are 0, the overlap is 1.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.losses.masking import (
    Absent,
    mean_of_sum,
    mean_over_classes,
    require_absent,
    soft_masks,
)
from course_utils.ops.checks import real_number, require_bools


class Sums(NamedTuple):
    """Sums over pixels of p g, of p (or p²) and of g, for each class (K,) or each image and class (B, K); and ε."""

    common: Tensor
    predicted: Tensor
    truth: Tensor
    smooth: float


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1 - (2 Σ p g + ε) / (Σ p + Σ g + ε), the soft form of 1 - F1.

    Source: Drozdzal et al. 2016, section 3 (arXiv 1608.04117).
    """
    common, predicted, truth, smooth = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    losses = 1 - _ratio(2 * common + smooth, predicted + truth + smooth)
    return mean_over_classes(losses, truth > 0, absent)


def squared_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
    pooled: bool = False,
) -> Tensor:
    """Mean over classes of 1 - (2 Σ p g + ε) / (Σ p² + Σ g² + ε); with `pooled=True` sums run over the classes as well.

    Source: Milletari et al. 2016, the Dice loss layer of V-Net (arXiv 1606.04797); `pooled`: Ma 2020, the Dice loss
    (arXiv 2005.13449), one ratio in which large classes weigh more, and absent ones need no rule.
    """
    require_bools(pooled=pooled)
    sums = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel, power=2)
    common, predicted, truth = (s.sum(-1, keepdim=True) for s in sums[:3]) if pooled else sums[:3]
    losses = 1 - _ratio(2 * common + sums.smooth, predicted + truth + sums.smooth)
    return mean_over_classes(losses, truth > 0, absent)


def generalised_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
    exponent: float = 2.0,
) -> Tensor:
    """1 - (2 Σ_k w_k Σ p g + ε) / (Σ_k w_k Σ (p + g) + ε) with w_k = (Σ g)^-`exponent`: a small class weighs as much as a large.

    Source: Sudre et al. 2017, section 2 (arXiv 1707.03237).
    Differs from the paper: a class that the truth lacks, whose weight would be infinite, has weight 0 ("left_out" and
    "zero" are the same here); with `absent="counted"` it has the largest weight of the others.
    """
    exponent = real_number(exponent, "exponent", 0, 4)  # float32 still holds the weight of 16 million pixels
    common, predicted, truth, smooth = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    present = truth > 0
    weights = torch.where(present, truth.clamp_min(1) ** -exponent, 0)
    if absent == "counted":
        weights = torch.where(present, weights, weights.amax(-1, keepdim=True))
    numerator, denominator = 2 * (weights * common).sum(-1), (weights * (predicted + truth)).sum(-1)
    losses = 1 - _ratio(numerator + smooth, denominator + smooth)
    labelled = present.any(-1)  # the images that are not all void, where each has a loss of its own
    return mean_of_sum((losses * labelled).sum(), labelled.sum())


def jaccard_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1 - (Σ p g + ε) / (Σ p + Σ g - Σ p g + ε), the soft form of 1 - IoU.

    Source: Rahman and Wang 2016, section 2.
    """
    common, predicted, truth, smooth = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    losses = 1 - _ratio(common + smooth, predicted + truth - common + smooth)
    return mean_over_classes(losses, truth > 0, absent)


def tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    alpha: float = 0.3,
    beta: float = 0.7,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1 - (TP + ε) / (TP + α FP + β FN + ε), where TP = Σ p g, FP = Σ p (1 - g), FN = Σ (1 - p) g.

    α = β = 1/2 gives Dice (with 2 ε there), α = β = 1 Jaccard; β > α raises recall.

    Source: Salehi et al. 2017, section 2 (arXiv 1706.05721), whose α and β for lesions are the defaults.
    """
    sums = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    return mean_over_classes(_tversky(sums, alpha, beta), sums.truth > 0, absent)


def focal_tversky_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of (1 - T)^(1/γ), where 1 - T is a class's Tversky loss; γ > 1 keeps its gradient large to the end.

    Source: Abraham and Khan 2019, section 2.2 (arXiv 1810.07842).
    Differs from the paper: α weights FP and β FN, as in `tversky_loss`, not the other way round; a mean over classes, not
    a sum.
    """
    gamma = real_number(gamma, "gamma", 0, math.inf, exclusive=True)
    sums = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    losses = _tversky(sums, alpha, beta)
    # At 0 a root is infinitely steep, and rounding can lead below it.
    imperfect = ~(losses <= 0)  # NaN as well, which is to stay
    losses = torch.where(imperfect, torch.where(imperfect, losses, 1) ** (1 / gamma), 0)
    return mean_over_classes(losses, sums.truth > 0, absent)


def asymmetric_similarity_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    beta: float = 1.5,
    absent: Absent = "left_out",
    per_image: bool = False,
    smooth: float = 0.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1 - F_β, where F_β = (1 + β²) TP / ((1 + β²) TP + β² FN + FP), TP, FP and FN as in `tversky_loss`.

    The Tversky loss with α = 1 / (1 + β²) for FP and β² / (1 + β²) for FN: recall counts β times as much as precision.

    Source: Hashemi et al. 2018 (arXiv 1803.11078).
    """
    beta = real_number(beta, "beta", 0, 1000)  # beyond, only recall would be left
    sums = _sums(logits, target, ignore_index, absent, per_image, smooth, multilabel)
    losses = _tversky(sums, 1 / (1 + beta**2), beta**2 / (1 + beta**2))
    return mean_over_classes(losses, sums.truth > 0, absent)


def _sums(
    logits: Tensor,
    target: Tensor,
    ignore_index: int | None,
    absent: Absent,
    per_image: bool,
    smooth: float,
    multilabel: bool,
    *,
    power: int = 1,
) -> Sums:
    require_absent(absent)
    require_bools(per_image=per_image)
    smooth = real_number(smooth, "smooth", 0, math.inf)
    p, g, _ = soft_masks(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    pixels = (2, 3) if per_image else (0, 2, 3)
    return Sums((p * g).sum(pixels), (p**power).sum(pixels), g.sum(pixels), smooth)


def _tversky(sums: Sums, alpha: float, beta: float) -> Tensor:
    alpha, beta = real_number(alpha, "alpha", 0, math.inf), real_number(beta, "beta", 0, math.inf)
    if alpha == beta == 0:
        raise ValueError("alpha and beta must not both be 0, or no error costs anything; 1/2 for both gives Dice.")
    common, predicted, truth, smooth = sums
    return 1 - _ratio(common + smooth, common + alpha * (predicted - common) + beta * (truth - common) + smooth)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Numerator / denominator, and 1 where both are 0: nothing was predicted where nothing is."""
    empty = denominator == 0
    return torch.where(empty, 1, numerator / torch.where(empty, 1, denominator))
