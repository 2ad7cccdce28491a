"""Mistakes in pairing instances that are other programs than the solution with an edit."""

from collections.abc import Callable

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from course_utils.exercises.task import with_variants


@with_variants(lambda iou: _each_in_turn(iou.T))
def each_in_turn(iou: Tensor) -> float:
    """You let one instance after the other take the best partner that is left. What an earlier one takes may be worth more to
    a later one: it is the *sum* that is to be as large as it can be."""
    return _each_in_turn(iou)


def _each_in_turn(iou: Tensor) -> float:
    if max(iou.shape) == 0:
        return 1.0
    total, left = 0.0, iou.clone()
    for row in range(min(iou.shape)):
        column = int(left[row].argmax())
        total += float(iou[row, column])
        left[:, column] = -1
    return total / max(iou.shape)


def _scored(
    chosen_by: Callable[[Tensor], Tensor] = torch.clone,
    counted: Callable[[Tensor], Tensor] = torch.clone,
    divisor: Callable[[Tensor], float] = lambda iou: max(iou.shape),
) -> Callable[[Tensor], float]:
    """A version that chooses the pairs by the largest sum of one thing, counts another, and divides by a number."""

    def version(iou: Tensor) -> float:
        if max(iou.shape) == 0:
            return 1.0
        rows, columns = linear_sum_assignment(chosen_by(iou), maximize=True)
        return float(counted(iou)[rows, columns].sum()) / divisor(iou)

    return version


def _from_one_half_on(iou: Tensor) -> Tensor:
    return torch.where(iou >= 0.5, iou, 0 * iou)


def _or_an_error(number: Callable[[Tensor], int]) -> list[Callable[[Tensor], float]]:
    """Division by a number, where it is 0: an error, or NaN."""
    return [_scored(divisor=number), _scored(divisor=lambda iou: number(iou) or float("nan"))]


@with_variants(
    lambda iou: _best_sum(iou[: iou.shape[1]]) / max(iou.shape) if max(iou.shape) else 1.0,
    lambda iou: _best_sum(iou[:, : len(iou)]) / max(iou.shape) if max(iou.shape) else 1.0,
)
def permutations_cut_off(iou: Tensor) -> float:
    """If one side has more instances than the other, you never pair its last ones. Any of them may be left over."""
    size = min(iou.shape)
    return _best_sum(iou[:size, :size]) / max(iou.shape) if max(iou.shape) else 1.0


def _best_sum(iou: Tensor) -> float:
    return float(iou[linear_sum_assignment(iou, maximize=True)].sum())


@with_variants(
    *(_scored(lambda iou, power=power: iou**power) for power in (0.5, 3)),
    *(_scored(lambda iou, least=least: torch.where(iou >= least, iou, 0 * iou)) for least in (0.05, 0.1, 0.3, 0.5)),
    *(_scored(lambda iou, steps=steps: (iou * steps).long()) for steps in (10, 100)),
    *(_scored(lambda iou, steps=steps: (iou * steps).round()) for steps in (10, 100)),
    _scored(lambda iou: (iou + 1e-12).log()),
    _scored(lambda iou: (iou > 0.5).double()),
)
def another_sum(iou: Tensor) -> float:
    """You choose the pairs by something other than the sum of their IoUs: by powers of them, rounded ones, or only those above a
    threshold. Give `linear_sum_assignment` the IoUs as they are."""
    return _scored(torch.square)(iou)


@with_variants(_scored(counted=torch.neg))
def costs_added(iou: Tensor) -> float:
    """You add up costs, 1 - IoU or -IoU. The pairs are right; give the sum of their IoUs, `iou[rows, columns]`."""
    return _scored(counted=lambda iou: 1 - iou)(iou)


@with_variants(_scored(counted=lambda iou: (iou >= 0.5).double()), _scored(*[lambda iou: (iou > 0.5).double()] * 2))
def pairs_counted(iou: Tensor) -> float:
    """You count pairs. Each is worth its IoU, and no more: add these up."""
    return _scored(counted=lambda iou: (iou > 0.5).double())(iou)


@with_variants(_scored(_from_one_half_on, _from_one_half_on))
def pairs_from_one_half_on(iou: Tensor) -> float:
    """You count pairs from an IoU of 0.5 on only. There is no threshold here: a bad pair counts with what it has."""
    return _scored(counted=_from_one_half_on)(iou)


@with_variants(*_or_an_error(lambda iou: min(iou.shape)))
def mean_of_the_pairs(iou: Tensor) -> float:
    """You divide by the number of pairs. Instances that are left over count as well, as 0: otherwise one good guess is a full
    score."""
    return _scored(divisor=lambda iou: max(min(iou.shape), 1))(iou)


def mean_of_the_overlapping_pairs(iou: Tensor) -> float:
    """You divide by the number of pairs that overlap. An instance whose partner does not overlap it counts, as 0."""
    if max(iou.shape) == 0:
        return 1.0
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return float(iou[rows, columns].sum()) / max(int((iou[rows, columns] > 0).sum()), 1)


@with_variants(*_or_an_error(len))
def share_of_the_predicted(iou: Tensor) -> float:
    """You divide by the number of predicted instances. If there are more true ones, those that nobody found have to count."""
    return _scored(divisor=lambda iou: max(len(iou), 1))(iou)


@with_variants(*_or_an_error(lambda iou: iou.shape[1]))
def share_of_the_true(iou: Tensor) -> float:
    """You divide by the number of true instances. If more are predicted, those that were made up have to count."""
    return _scored(divisor=lambda iou: max(iou.shape[1], 1))(iou)


WRONG_PAIRINGS = (
    each_in_turn,
    permutations_cut_off,
    another_sum,
    costs_added,
    pairs_counted,
    pairs_from_one_half_on,
    mean_of_the_pairs,
    mean_of_the_overlapping_pairs,
    share_of_the_predicted,
    share_of_the_true,
)
