"""Scores of semantic segmentation, all from one confusion matrix."""

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from course_utils.ops.checks import is_integer, real_number, require_tensor
from course_utils.ops.counts import count_indices
from course_utils.ops.known import on_host, recall
from course_utils.ops.labels import LabelRange, know_range, outside, require_label_type, void_label
from course_utils.ops.precision import in_float64

Absent = Literal["nan", "truth", "zero", "one"]
MOST_CLASSES = 2**13
"""A matrix of more classes has more than half a gigabyte; what asks for one has mistaken ids for classes."""


def confusion_matrix(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None = 255) -> Tensor:
    """Count how often each true class was predicted as each class: (K, K) int64, rows truth, columns prediction.

    Shapes: `target` integer labels (…); `pred` integer labels of the same shape, or logits (…, K, H, W) for a target
    (…, H, W): the class with the largest is taken. A bool mask stands for the labels 0 and 1. Pixels whose truth is
    `ignore_index` (void) are left out, whatever was predicted there; with `ignore_index=None` no pixel is void.
    Matrices of several batches add up to the matrix of the data set.

    Raises: ValueError for shapes that do not match, types that are no labels, and, where the truth is not void, logits that
    are NaN and labels outside 0 … K - 1.
    """
    num_classes, ignore_index = checked_classes(num_classes), void_label(ignore_index)
    pred, target = as_labels(pred, target, num_classes, ignore_index)
    return count_pairs(
        pred, target, num_classes, ignore_index, known=are_known(pred, target, num_classes, ignore_index)
    )


def count_pairs(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None, *, known: bool) -> Tensor:
    """The confusion matrix of integer labels of one shape; for `known` see `without_void`."""
    size = num_classes**2
    counts = torch.zeros(size, dtype=torch.int64, device=target.device)
    # In pieces that stay in a processor's cache this takes a fraction of the time that it takes in one go.
    piece = max(2**18, size) if on_host(target) else max(target.numel(), 1)
    for p, t in zip(pred.flatten().split(piece), target.flatten().split(piece), strict=True):
        p, t, valid = without_void(p, t, num_classes, ignore_index, known=known)
        counts += count_indices(t * num_classes + p, size)
        counts[0] -= (~valid).sum()  # void came as class 0, predicted as class 0
    return counts.view(num_classes, num_classes)


def as_labels(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """Prediction (labels or logits) and truth as integer labels of one shape, see `confusion_matrix`."""
    if not isinstance(pred, Tensor) or not isinstance(target, Tensor):
        raise ValueError(
            f"pred and target must be tensors, but are {type(pred).__name__} and {type(target).__name__}; convert them "
            "with `torch.as_tensor`."
        )
    require_label_type(target, "target")
    if pred.is_complex():
        raise ValueError(f"pred must hold labels or logits, but is {pred.dtype}; take its real part.")
    if pred.is_floating_point():
        logits_shape = (*target.shape[:-2], num_classes, *target.shape[-2:])
        if target.ndim < 2 or pred.shape != logits_shape:
            raise ValueError(
                f"pred is floating, so that it must be logits (…, K, H, W) = {logits_shape} for this target, but its shape "
                f"is {tuple(pred.shape)}. If it holds labels, convert it with `.long()`."
            )
        largest, pred = pred.max(dim=-3)
        unknown = largest.isnan() if ignore_index is None else largest.isnan() & (target != ignore_index)
        if unknown.any():
            raise ValueError("pred holds logits that are NaN, of which none is the largest; look for where they arise.")
        know_range(pred, LabelRange(0, num_classes - 1, None))
    if pred.shape != target.shape:
        raise ValueError(
            f"pred and target must have one shape, but these have {tuple(pred.shape)} and {tuple(target.shape)}; resize the "
            "logits to the truth's size before the largest is taken."
        )
    if torch.bool in (pred.dtype, target.dtype) and num_classes != 2:
        raise ValueError(f"A bool mask has two classes, but num_classes is {num_classes}; pass integer labels.")
    if pred.device != target.device:
        raise ValueError(f"pred is on {pred.device} and target on {target.device}; move one of them.")
    return pred, target


def checked_classes(num_classes: int) -> int:
    """The number of classes as Python's `int`.

    Raises: ValueError if it is not an integer of 1 or more, and for more classes than a matrix can have.
    """
    if not is_integer(num_classes) or not 1 <= num_classes <= MOST_CLASSES:
        raise ValueError(f"num_classes must be a whole number from 1 to {MOST_CLASSES}, but is {num_classes!r}.")
    return int(num_classes)


def are_known(pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None) -> bool:
    """Whether both are known to be labels of these classes, so that they need not be looked at again."""
    of_pred, of_target = recall(pred, "range"), recall(target, "range")
    if not isinstance(of_pred, LabelRange) or not isinstance(of_target, LabelRange):
        return False
    if outside(of_pred, num_classes) is not None or outside(of_target, num_classes) is not None:
        return False
    return of_pred.void is None and of_target.void == ignore_index  # a prediction has no void of its own


def without_void(
    pred: Tensor, target: Tensor, num_classes: int, ignore_index: int | None, *, known: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels that are 0 where the truth is void, and a mask of where it is not.

    Their type is int16 where it holds all of them and K² - 1, otherwise int64. `known`: they are known to be labels of these
    classes (`are_known`), and are not looked at.

    Raises: ValueError for other labels outside 0 … K - 1.
    """
    small = num_classes**2 <= _LARGEST and abs(ignore_index or 0) <= _LARGEST
    if known:
        pred, target = ((labels.short() if small else labels.long()) for labels in (pred, target))
    else:
        pred, target = (_narrowed(labels) if small else labels.long() for labels in (pred, target))
    valid = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    pred, target = pred * valid, target * valid
    for name, labels in () if known else (("pred", pred), ("target", target)):
        low, high = _extremes(labels)
        if low < 0 or high >= num_classes:
            found = low if low < 0 else high
            void = name == "pred" and found == ignore_index
            fix = "a prediction has no void" if void else "map them to these classes"
            raise ValueError(
                f"{name} must hold labels in 0 … {num_classes - 1} wherever the truth is not void ({ignore_index}), but "
                f"holds {found}; {fix}, or correct num_classes or ignore_index."
            )
    return pred, target, valid


_LARGEST = torch.iinfo(torch.int16).max


def _narrowed(labels: Tensor) -> Tensor:
    """The same labels as int16, if it holds them all (arithmetic takes a quarter of the time then), otherwise as int64."""
    labels = labels.long()
    low, high = _extremes(labels)
    return labels.short() if -_LARGEST <= low and high <= _LARGEST else labels


def _extremes(labels: Tensor) -> tuple[int, int]:
    if labels.numel() == 0:
        return 0, 0
    low, high = labels.aminmax()
    return int(low), int(high)


class SemanticScores(NamedTuple):
    """What a confusion matrix says, on the CPU; NaN where something is undefined.

    Per class, (K,) float64: `iou` = TP / (TP + FP + FN), `dice` = F1 = 2 TP / (2 TP + FP + FN), `precision` =
    TP / (TP + FP) (undefined for a class that is never predicted), `recall` = TP / (TP + FN) (undefined for one that the
    truth lacks).
    Over the data set: `mean_iou`, `mean_accuracy` and `macro_f1` are the means of `iou`, `recall` and `dice` over the
    classes that are not NaN; macro F1 is thus the mean of F1s, not the F1 of mean precision and mean recall. `micro_f1` is
    the F1 of the summed TP, FP and FN: with one label a pixel, `pixel_accuracy`. `frequency_weighted_iou` weights a
    class by its share of the truth. `matrix`: the counts, rows truth.
    """

    iou: Tensor
    dice: Tensor
    precision: Tensor
    recall: Tensor
    mean_iou: float
    mean_accuracy: float
    pixel_accuracy: float
    frequency_weighted_iou: float
    macro_f1: float
    micro_f1: float
    matrix: Tensor


def scores(matrix: Tensor, *, absent: Absent = "nan") -> SemanticScores:
    """Every score of a confusion matrix (K, K), rows truth.

    Mean accuracy, mean IU and frequency-weighted IU: Long et al. 2015, section 5 (arXiv 1411.4038).

    `absent` says what becomes of a class that is neither in the truth nor predicted:
    "nan": NaN, and left out of the means; "zero" or "one": it scores 0 or 1 and counts;
    "truth": as "nan", and so is every class that the truth lacks, even one that was predicted.

    Raises: ValueError for a matrix that is not square or has negative counts, and for an unknown `absent`.
    """
    require_tensor(matrix, "matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(f"A confusion matrix has the shape (K, K), but this has {tuple(matrix.shape)}.")
    if not (matrix >= 0).all():
        raise ValueError("A confusion matrix holds counts, but this has negative entries or NaN.")
    if absent not in get_args(Absent):
        raise ValueError(f"absent must be one of {get_args(Absent)}, but is {absent!r}.")
    matrix = matrix.detach().cpu()
    counts = matrix.double()
    hits, truth, predicted, total = counts.diag(), counts.sum(1), counts.sum(0), counts.sum()
    union = truth + predicted - hits
    per_class = torch.stack([hits / union, 2 * hits / (truth + predicted), hits / predicted, hits / truth])
    if absent == "truth":
        per_class[:, truth == 0] = math.nan
    elif absent != "nan":
        per_class[:, union == 0] = {"zero": 0.0, "one": 1.0}[absent]
    iou, dice, precision, recall = per_class
    return SemanticScores(
        iou=iou,
        dice=dice,
        precision=precision,
        recall=recall,
        mean_iou=float(iou.nanmean()),
        mean_accuracy=float(recall.nanmean()),
        pixel_accuracy=float(hits.sum() / total),
        frequency_weighted_iou=float((truth * iou).nansum() / total),
        macro_f1=float(dice.nanmean()),
        micro_f1=float(2 * hits.sum() / (truth.sum() + predicted.sum())),
        matrix=matrix,
    )


class ConfusionMatrix:
    """A confusion matrix that gathers batch by batch, since the mean of batch scores is not the score of the data set.

    `matrix` (K, K) int64 is on the device of the last batch. `absent`: see `scores`.
    """

    def __init__(self, num_classes: int, *, ignore_index: int | None = 255, absent: Absent = "nan") -> None:
        if absent not in get_args(Absent):
            raise ValueError(f"absent must be one of {get_args(Absent)}, but is {absent!r}.")
        self.num_classes, self.ignore_index = checked_classes(num_classes), void_label(ignore_index)
        self.absent = absent
        self.matrix = torch.zeros(self.num_classes, self.num_classes, dtype=torch.int64, device="cpu")

    def update(self, pred: Tensor, target: Tensor) -> None:
        """Add a batch of labels or logits, see `confusion_matrix`; a batch that is refused changes nothing."""
        counts = confusion_matrix(pred, target, self.num_classes, self.ignore_index)
        self.matrix = self.matrix.to(counts.device) + counts

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add what another one has gathered, on another process, say.

        Raises: ValueError where the two count different things.
        """
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise ValueError(
                f"Only matrices of the same classes and void label merge, but these have (num_classes, ignore_index) = "
                f"{(self.num_classes, self.ignore_index)} and {(other.num_classes, other.ignore_index)}."
            )
        self.matrix = self.matrix + other.matrix.to(self.matrix.device)

    def compute(self) -> SemanticScores:
        """The scores of all that was gathered; NaN throughout where that is nothing (and `absent` is "nan")."""
        return scores(self.matrix, absent=self.absent)


def power_mean(values: Tensor, exponent: float, *, dim: int = -1) -> Tensor:
    """The power mean (1/n · Σ v^q)^(1/q) of non-negative values along `dim`, q = `exponent`.

    q = 1: arithmetic; 0: geometric (the limit); -1: harmonic, of precision and recall the F1; ∞ and -∞: largest and
    smallest. For q ≤ 0 the mean is 0 as soon as one value is.

    Shapes: `values` floating, (…, n, …) → (…, …), without `dim`.

    Raises: ValueError for values that are negative, not finite, not floating or none at all, and for a NaN exponent.
    """
    require_tensor(values, "values")
    if not values.is_floating_point() or values.numel() == 0 or not ((values >= 0) & values.isfinite()).all():
        raise ValueError(f"power_mean needs finite floating values of 0 and above, at least one, but got {values}.")
    exponent = real_number(exponent, "exponent", -math.inf, math.inf, finite=False)
    if math.isinf(exponent):
        return values.amax(dim) if exponent > 0 else values.amin(dim)
    exact = in_float64(values)
    if exponent == 0:
        return exact.log().mean(dim).exp().to(values.dtype).to(values.device)
    # Relative to the extreme that dominates, no power overflows; expm1 and log1p keep the digits where q is near 0.
    extreme = exact.amax(dim, keepdim=True) if exponent > 0 else exact.amin(dim, keepdim=True)
    relative = torch.where(extreme == 0, 1, exact / extreme)
    logarithm = torch.expm1(exponent * relative.log()).mean(dim).log1p() / exponent
    return (extreme.squeeze(dim) * logarithm.exp()).to(values.dtype).to(values.device)
