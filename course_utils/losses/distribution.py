"""Losses that compare distributions pixel by pixel: cross-entropy and what is made of it."""

import math
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from course_utils.losses.masking import (
    mean_of_sum,
    one_hot,
    require_class_vector,
    without_void,
)
from course_utils.ops.checks import real_number


def cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    weight: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean of -log p of the true class, over the valid pixels.

    With class weights `weight` (K,) the mean is a weighted one, Σ w_y (-log p_y) / Σ w_y, so that a factor common to all
    weights changes nothing. `label_smoothing` = s replaces the one-hot truth g by (1 - s) g + s / K: Szegedy et al. 2016,
    section 7 (arXiv 1512.00567).
    """
    label_smoothing = real_number(label_smoothing, "label_smoothing", 0, 1)
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index)
    log_p = logits.log_softmax(1)
    weights = valid.to(log_p.dtype)
    if weight is not None:
        weight = require_class_vector(weight, "weight", logits)
        weights = weights * weight[labels]
    total = (1 - label_smoothing) * (weights * -_of_true_class(log_p, labels)).sum()
    if label_smoothing > 0:
        weighted = log_p if weight is None else log_p * weight[:, None, None]
        total = total - label_smoothing * (weighted.mean(1) * valid).sum()
    return mean_of_sum(total, weights.sum())


def focal_loss(
    logits: Tensor, target: Tensor, *, ignore_index: int | None = 255, gamma: float = 2.0, weight: Tensor | None = None
) -> Tensor:
    """Mean of -(1 - p)^γ log p of the true class, over the valid pixels: cross-entropy that easy pixels leave.

    Source: Lin et al. 2017, equation 4, and with `weight` (K,), their α, equation 5 (arXiv 1708.02002).
    Differs from the paper: one softmax over classes, not a sigmoid for each (that is `sigmoid_focal_loss`); the mean is
    taken over pixels, whose weights it is not divided by.
    """
    gamma = real_number(gamma, "gamma", 0, math.inf)
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index)
    log_p = _of_true_class(logits.log_softmax(1), labels)
    # Not 0, where a power below 1 is infinitely steep.
    rest = (-log_p.expm1()).clamp_min(torch.finfo(log_p.dtype).tiny)
    losses = -(rest**gamma) * log_p
    if weight is not None:
        losses = losses * require_class_vector(weight, "weight", logits)[labels]
    return mean_of_sum((losses * valid).sum(), valid.sum())


def sigmoid_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    gamma: float = 2.0,
    alpha: float | None = None,
    multilabel: bool = False,
) -> Tensor:
    """The focal loss with a sigmoid for each class against the rest: mean of -α_t (1 - p_t)^γ log p_t over pixels and classes.

    p_t is the probability of the right answer. α_t is `alpha` where that is yes and 1 - `alpha` where it is no; 1 by default.

    Source: Lin et al. 2017, equation 5 (arXiv 1708.02002).
    Differs from the paper: the mean is taken over all pixels and classes, not over what is foreground.
    """
    gamma = real_number(gamma, "gamma", 0, math.inf)
    yes, valid, right = _answers(logits, target, ignore_index, multilabel)
    # Of an infinite logit the logarithm is infinite, and 0 times that no number.
    log_rest = logsigmoid(-right).clamp_min(torch.finfo(right.dtype).min)
    losses = -(gamma * log_rest).exp() * logsigmoid(right)
    if alpha is not None:
        alpha = real_number(alpha, "alpha", 0, 1)
        losses = torch.where(yes, alpha * losses, (1 - alpha) * losses)
    return mean_of_sum((losses * valid).sum(), valid.sum())


def top_k_loss(logits: Tensor, target: Tensor, *, ignore_index: int | None = 255, fraction: float = 0.1) -> Tensor:
    """Mean of the largest cross-entropies: of the hardest `fraction` of all valid pixels of the batch, rounded up.

    Source: Wu, Shen and van den Hengel 2016, online bootstrapping (arXiv 1605.06885).
    Differs from the paper: a fraction of the pixels, not a number of them.
    """
    fraction = real_number(fraction, "fraction", 0, 1, exclusive=True)
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index)
    losses = -_of_true_class(logits.log_softmax(1), labels)
    # As a ratio of whole numbers, with which rounding up is exact: a tenth of 30 pixels is 3, and not 3.0000000000000004.
    part, whole = Fraction(fraction).limit_denominator(10**9).as_integer_ratio()
    at_most = min(max(-(-losses.numel() * part // whole), 1), losses.numel())
    hardest = losses.masked_fill(~valid, -1).flatten().topk(at_most).values  # void comes last
    # How many of them are to be taken stays a tensor: as a number, it would have to be waited for on a GPU.
    labelled = valid.sum()
    count = (-(-labelled * part // whole)).clamp_min(1) * (labelled > 0)
    chosen = torch.arange(at_most, device=losses.device) < count
    return mean_of_sum(torch.where(chosen, hardest, 0).sum(), count.to(losses.dtype))


def bce_with_logits_loss(
    logits: Tensor, target: Tensor, *, ignore_index: int | None = 255, pos_weight: Tensor | None = None
) -> Tensor:
    """Mean of the binary cross-entropies of multi-label truth: target (B, K, H, W) in {0, 1, `ignore_index`}.

    -(w y log σ(x) + (1 - y) log(1 - σ(x))) for every valid pixel and class, where w is the class's entry of `pos_weight`
    (K,): above 1 it raises recall, below 1 precision. The mean is not divided by it.
    """
    yes, valid, right = _answers(logits, target, ignore_index, multilabel=True)
    losses = -logsigmoid(right)
    if pos_weight is not None:
        pos_weight = require_class_vector(pos_weight, "pos_weight", right)[:, None, None]
        losses = torch.where(yes, pos_weight * losses, losses)
    return mean_of_sum((losses * valid).sum(), valid.sum())


def _of_true_class(values: Tensor, labels: Tensor) -> Tensor:
    """(B, K, H, W) at labels (B, H, W) → (B, H, W)."""
    return values.gather(1, labels[:, None]).squeeze(1)


def _answers(
    logits: Tensor, target: Tensor, ignore_index: int | None, multilabel: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Whether each class is true, whether that is known, and the logit of the right answer: all (B, K, H, W)."""
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    yes = labels == 1 if multilabel else one_hot(labels, logits.shape[1])
    # 1 - σ(x) = σ(-x): no logarithm ever sees a probability that was rounded to 0.
    return yes, (valid if multilabel else valid[:, None]).expand_as(logits), torch.where(yes, logits, -logits)
