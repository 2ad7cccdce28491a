"""Mistakes in non-maximum suppression that are other programs than the solution with an edit."""

from collections.abc import Callable

import torch
import torchvision
from torch import Tensor

from course_utils.exercises.lesson_11 import overlap
from course_utils.exercises.task import with_variants

box_iou = overlap.box_iou._solution


def _kept(
    boxes: Tensor, scores: Tensor, threshold: float, overlap: Callable[[Tensor, Tensor], Tensor] = box_iou
) -> list:
    """The solution, for any measure of how much two boxes overlap."""
    kept: list[int] = []
    for n in scores.argsort(descending=True, stable=True).tolist():
        if all(overlap(boxes[n], boxes[m]) <= threshold for m in kept):
            kept.append(n)
    return kept


def _share_of_the_smaller(a: Tensor, b: Tensor) -> Tensor:
    shared = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
    return shared / torch.minimum((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())


def nan_of_no_area(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """Two of these boxes have no area. Your IoU of them is NaN, 0 / 0, and NaN <= t is false, as NaN > t is. `box_iou` gives 0
    where neither has an area."""
    return _kept(boxes, scores, threshold, lambda a, b: torchvision.ops.box_iou(a[None], b[None])[0, 0])


@with_variants(
    lambda *arguments: _kept(*arguments, overlap=lambda a, b: _share_of_the_smaller(a, b).nan_to_num(0)),
)
def share_of_the_smaller(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """You divide what two boxes share by the smaller of the two. IoU divides by what they cover together: take `box_iou`."""
    return _kept(boxes, scores, threshold, _share_of_the_smaller)


def one_added(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """Your boxes are 1 wider and higher than they are here: coordinates are continuous, from 2 to 5 it is 3. Take `box_iou`."""
    return _kept(boxes + boxes.new_tensor([0, 0, 1, 1]), scores, threshold)


def _scores_above(least: float) -> Callable[..., list]:
    return lambda boxes, scores, threshold: [n for n in _kept(boxes, scores, threshold) if scores[n] > least]


@with_variants(*(_scores_above(least) for least in (0.05, 0.1, 0.3, 0.5)))
def low_scores_dropped(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """You drop boxes because their *score* is low. Scores may be any numbers, also below 0: only a better box drops another."""
    return _scores_above(0)(boxes, scores, threshold)


def removed_on_the_way(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """You take boxes out of the list that you are going through. With each one taken out the rest move up, and the next one is
    skipped. Collect those that are left in a new list."""
    waiting, kept = scores.argsort(descending=True, stable=True).tolist(), []
    while waiting:
        kept.append(waiting.pop(0))
        for n in waiting:
            if box_iou(boxes[kept[-1]], boxes[n]) > threshold:
                waiting.remove(n)
    return kept


@with_variants(lambda boxes, *rest: torch.tensor(_mask(boxes, *rest), dtype=torch.bool))
def yes_or_no(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """You say of each box whether it is kept: that is a mask. Give the indices of those that are, best first."""
    return _mask(boxes, scores, threshold)


def _mask(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    return [n in _kept(boxes, scores, threshold) for n in range(len(boxes))]


@with_variants(lambda boxes, *rest: [boxes[n] for n in _kept(boxes, *rest)])
def boxes_instead_of_indices(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """You give the boxes themselves. Give their indices: with these one can choose from scores and classes as well."""
    return boxes[_kept(boxes, scores, threshold)]


WRONG_SUPPRESSIONS = (
    nan_of_no_area,
    share_of_the_smaller,
    one_added,
    low_scores_dropped,
    removed_on_the_way,
    yes_or_no,
    boxes_instead_of_indices,
)
