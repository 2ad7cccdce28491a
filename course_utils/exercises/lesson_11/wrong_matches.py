"""Mistakes in matching anchors that are other programs than the solution with an edit."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises.task import with_variants

Match = Callable[[Tensor, float, float], Tensor]


def _labels(iou: Tensor, high: float, low: float, by: float = 0.0) -> Tensor:
    """The solution, where the best anchors of an object may be worse by a number."""
    if iou.shape[1] == 0:
        return torch.full((len(iou),), -1)
    largest, best = iou.max(dim=1)
    needed = (iou >= iou.max(dim=0).values - by).any(dim=1)
    return torch.where(needed | (largest >= high), best, torch.where(largest < low, -1, -2))


def _where_there_are_objects(version: Match) -> Match:
    return lambda iou, high, low: (version if iou.shape[1] else _labels)(iou, high, low)


def last_of_a_tie(iou: Tensor, high: float, low: float) -> Tensor:
    """Of several anchors that overlap an object best, you keep the last one only. They are equally good: keep them all."""
    if iou.shape[1] == 0:
        return torch.full((len(iou),), -1)
    largest, best = iou.max(dim=1)
    labels = torch.where(largest >= high, best, torch.where(largest < low, -1, -2))
    needed = len(iou) - 1 - iou.flip(0).argmax(dim=0)
    labels[needed] = best[needed]
    return labels


def _of_each_object(iou: Tensor, high: float, low: float) -> Tensor:
    largest, best = iou.max(dim=0)
    return torch.where(largest >= high, best, torch.where(largest < low, -1, -2))


@with_variants(
    _where_there_are_objects(_of_each_object),
    _where_there_are_objects(lambda iou, high, low: iou.argmax(dim=0)),
    lambda iou, high, low: iou.argmax(dim=0),
)
def wrong_axis(iou: Tensor, high: float, low: float) -> Tensor:
    """Your answer has one entry for each object: `dim=0` goes along the anchors. Each *anchor* needs an entry: look for its
    object along `dim=1`."""
    return _of_each_object(iou, high, low)


@with_variants(*((lambda iou, *_, pair=pair: _labels(iou, *pair)) for pair in ((0.7, 0.3), (0.5, 0.4), (0.5, 0.5))))
def fixed_thresholds(iou: Tensor, high: float, low: float) -> Tensor:
    """You do not use `high` and `low`, but numbers of your own. They are arguments: each call has its own."""
    return _labels(iou, 0.5, 0.3)


@with_variants(*((lambda *arguments, by=by: _labels(*arguments, by=by)) for by in (1e-4, 0.01, 0.05, 0.1)))
def nearly_the_best(iou: Tensor, high: float, low: float) -> Tensor:
    """You count anchors that are nearly as good as the best one of an object. Only those count that have exactly its IoU."""
    return _labels(iou, high, low, by=1e-3)


def last_above_high(iou: Tensor, high: float, low: float) -> Tensor:
    """Of several objects that an anchor overlaps by `high`, you take the last. Its own is the one that it overlaps most."""
    labels = _labels(iou, high, low)
    if iou.shape[1] == 0:
        return labels
    above = ((iou >= high).long() * torch.arange(1, iou.shape[1] + 1)).amax(dim=1) - 1
    return torch.where((above >= 0) & ~(iou == iou.amax(dim=0)).any(dim=1), above, labels)


def last_of_equal_objects(iou: Tensor, high: float, low: float) -> Tensor:
    """Of several objects that an anchor overlaps equally, you take the last as its own. It is to be the first."""
    labels = _labels(iou, high, low)
    return torch.where(labels >= 0, iou.shape[1] - 1 - iou.flip(1).argmax(dim=1), labels) if iou.shape[1] else labels


@with_variants(lambda iou, high, low: _labels(iou, high, low) if iou.shape[1] else torch.zeros(len(iou)).long())
def no_objects_no_background(iou: Tensor, high: float, low: float) -> Tensor:
    """If there are no objects, M = 0, every anchor is background, -1."""
    return _labels(iou, high, low) if iou.shape[1] else torch.full((len(iou),), -2)


WRONG_MATCHES = (
    last_of_a_tie,
    wrong_axis,
    fixed_thresholds,
    nearly_the_best,
    last_above_high,
    last_of_equal_objects,
    no_objects_no_background,
)
