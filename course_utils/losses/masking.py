"""What every loss does first: check its input, take void out of it, and turn logits and labels into probabilities."""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from course_utils.ops.checks import require_bools, require_tensor
from course_utils.ops.known import recall, remember
from course_utils.ops.labels import label_range, outside, require_label_type, void_label
from course_utils.ops.precision import at_least_float32

Absent = Literal["left_out", "zero", "counted"]
"""What becomes of a class that the truth of the batch lacks, see `course_utils.losses`."""


class Valid(NamedTuple):
    """Logits in float32 at least and int64 labels, both 0 where the truth is void; `valid`: where it is not.

    `labels` and `valid` have the shape of the target.
    """

    logits: Tensor
    labels: Tensor
    valid: Tensor


class Soft(NamedTuple):
    """Probabilities and truth (0.0 or 1.0), both 0 where the truth is void; `valid`: where it is not.

    All (B, K, H, W), `valid` bool.
    """

    probabilities: Tensor
    truth: Tensor
    valid: Tensor


def without_void(logits: Tensor, target: Tensor, *, ignore_index: int | None, multilabel: bool = False) -> Valid:
    """Take void out of logits and target, see `course_utils.losses` for their shapes.

    Raises: ValueError for shapes, types and labels that do not fit.
    """
    require_bools(multilabel=multilabel)
    ignore_index = void_label(ignore_index)
    _require_shapes(logits, target, multilabel)
    _require_labels(target, 2 if multilabel else logits.shape[1], ignore_index)
    target = target.long()
    valid = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    labels = target * valid
    # Chosen, not multiplied: not even an infinite logit leaves a gradient behind.
    everywhere = valid if multilabel else valid[:, None]
    logits = torch.where(everywhere, at_least_float32(logits), 0)
    return Valid(logits, labels, valid)


def soft_masks(logits: Tensor, target: Tensor, *, ignore_index: int | None, multilabel: bool = False) -> Soft:
    """Probabilities by softmax (by sigmoid with `multilabel=True`) beside the one-hot truth, without void.

    Raises: as `without_void`.
    """
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    if multilabel:
        probabilities, truth = logits.sigmoid(), labels == 1
    else:
        probabilities, truth, valid = logits.softmax(1), one_hot(labels, logits.shape[1]), valid[:, None]
    return Soft(probabilities * valid, (truth & valid).to(logits.dtype), valid.expand_as(logits))


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """The mask of each class: (B, H, W) → bool (B, K, H, W)."""
    return labels[:, None] == torch.arange(num_classes, device=labels.device)[:, None, None]


def mean_of_sum(total: Tensor, count: Tensor) -> Tensor:
    """total / count, and 0 where the count is 0."""
    return torch.where(count == 0, 0 * total, total / torch.where(count == 0, 1, count))


def mean_over_classes(losses: Tensor, present: Tensor, absent: Absent) -> Tensor:
    """The mean of the classes' losses; `present` says which classes are in the truth. Both (…, K)."""
    counted = present if absent == "left_out" else torch.ones_like(present)
    summed = losses if absent == "counted" else losses * present
    return mean_of_sum(summed.sum(), counted.sum())


def require_absent(absent: Absent) -> None:
    """Refuse an unknown rule for absent classes.

    Raises: ValueError.
    """
    if absent not in get_args(Absent):
        raise ValueError(f"absent must be one of {get_args(Absent)}, but is {absent!r}.")


def require_class_vector(vector: Tensor, name: str, logits: Tensor) -> Tensor:
    """A vector with one weight a class, in the type and on the device of the logits.

    Raises: ValueError for another shape, and for weights that are negative, not finite, or all 0.
    """
    require_tensor(vector, name)
    if vector.shape != logits.shape[1:2]:
        raise ValueError(
            f"{name} must hold one number for each of the {logits.shape[1]} classes, but its shape is "
            f"{tuple(vector.shape)}."
        )
    # Looked at once for all steps of a training, since a GPU has to be waited for.
    if not recall(vector, "weights"):
        if vector.is_complex() or not (vector.isfinite() & (vector >= 0)).all() or not vector.any():
            raise ValueError(
                f"{name} must hold finite numbers of 0 or more, and not only 0, but holds {vector.tolist()}; "
                "`class_weights` makes such weights from counts."
            )
        remember(vector, "weights", True)
    return vector.to(logits)


def _require_shapes(logits: Tensor, target: Tensor, multilabel: bool) -> None:
    require_tensor(logits, "logits")
    require_tensor(target, "target")
    if not logits.is_floating_point() or logits.ndim != 4:
        raise ValueError(
            f"logits must be floating (B, K, H, W), but are {logits.dtype} of shape {tuple(logits.shape)}; pass what the "
            "network returns, before softmax and argmax."
        )
    require_label_type(target, "target")
    if target.device != logits.device:
        raise ValueError(f"logits are on {logits.device} and target on {target.device}; move one of them.")
    batch, classes, *size = logits.shape
    if classes == 0:
        raise ValueError(
            f"logits have no class, (B, K, H, W) = {tuple(logits.shape)}; the network needs an output for each."
        )
    if not multilabel and classes < 2:
        raise ValueError(
            f"logits have {classes} class, (B, K, H, W) = {tuple(logits.shape)}, but softmax needs two or more: that of one "
            "class is 1 everywhere. For foreground or not, pass multilabel=True and target[:, None]."
        )
    expected = tuple(logits.shape) if multilabel else (batch, *size)
    if target.shape != expected:
        raise ValueError(
            f"target must have the shape {expected} for logits {tuple(logits.shape)}"
            f"{' and multilabel=True' if multilabel else ''}, but has {tuple(target.shape)}; {_fix(target, expected, size)}."
        )


def _fix(target: Tensor, expected: tuple[int, ...], size: list[int]) -> str:
    if list(target.shape[-2:]) != size:
        return "resize the logits to the size of the truth (`course_utils.ops.resample`)"
    if len(expected) == 4:
        return "each class needs a map of its own, in {0, 1, void}; add the axis of one class with `target[:, None]`"
    if target.ndim == 4 and target.shape[1] == 1:
        return "take the axis of length 1 away with `target[:, 0]`"
    if target.ndim == 4:
        return "make labels of a one-hot truth with `target.argmax(1)`, or pass multilabel=True if classes may overlap"
    return "give each image its labels"


def _require_labels(target: Tensor, num_classes: int, ignore_index: int | None) -> None:
    # A wrong label would end the process on a GPU, with a message that names no label.
    found = outside(label_range(target, ignore_index), num_classes)
    if found is not None:
        raise ValueError(
            f"target must hold labels in 0 … {num_classes - 1} or void ({ignore_index}), but holds {found}; map it to these "
            "classes (a mask stored as 0 and 255 becomes labels by `(target > 127).long()`), or correct ignore_index."
        )
