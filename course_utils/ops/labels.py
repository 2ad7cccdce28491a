"""Label maps: what they may hold. The same checks for losses, metrics and operations.

A label map holds integers: classes 0 … K - 1, and `ignore_index` where the truth is void.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.checks import is_integer, require_tensor
from course_utils.ops.known import recall, remember


class LabelRange(NamedTuple):
    """The smallest and the largest label of a map, in which void counts as 0; `void` is the label that is void."""

    low: int
    high: int
    void: int | None


def void_label(ignore_index: object) -> int | None:
    """The label that marks void, as Python's `int`; None where nothing is void.

    Raises: ValueError if it is not an integer: then no pixel would be void.
    """
    if ignore_index is not None and not is_integer(ignore_index):
        raise ValueError(
            f"ignore_index must be the integer that marks void, or None where nothing is void, but is {ignore_index!r}."
        )
    return None if ignore_index is None else int(ignore_index)


def require_label_type(labels: Tensor, name: str) -> None:
    """Refuse a label map that holds no integers; a bool mask holds 0 and 1.

    Raises: ValueError that says how to make labels of what came.
    """
    require_tensor(labels, name)
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"{name} must hold integer labels, but is {labels.dtype}; {_remedy(labels)}.")


def _remedy(labels: Tensor) -> str:
    """How to make labels of these numbers: whole ones are converted; probabilities and logits choose a class first."""
    if labels.is_complex() or bool((labels == labels.round()).all()):
        return "convert it with `.long()`"
    return "of probabilities or logits take the largest, `.argmax(1)`, or compare them with a threshold"


def label_range(labels: Tensor, ignore_index: int | None) -> LabelRange:
    """The range of a map's labels. It is looked at once; on a GPU, this look is waited for."""
    known = recall(labels, "range")
    if isinstance(known, LabelRange) and known.void == ignore_index:
        return known
    low, high = 0, 0
    if labels.numel() > 0:
        whole = labels.long()
        valid = whole if ignore_index is None else whole * (whole != ignore_index)
        low, high = torch.stack(valid.aminmax()).tolist()
    return know_range(labels, LabelRange(low, high, ignore_index))


def know_range(labels: Tensor, found: LabelRange) -> LabelRange:
    """Remember the range of a map: of labels that have moved to a GPU, say, that of the ones on the host."""
    remember(labels, "range", found)
    return found


def outside(found: LabelRange, num_classes: int) -> int | None:
    """A label that is no class of 0 … K - 1; None where all are."""
    if found.low < 0:
        return found.low
    return found.high if found.high >= num_classes else None
