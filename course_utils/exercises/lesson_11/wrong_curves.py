"""Mistakes in average precision that are other programs than the solution with an edit."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.task import with_variants


def _precision_and_recall(hits: Tensor, positives: int) -> tuple[Tensor, Tensor]:
    found = hits.double().cumsum(0)
    return found / torch.arange(1, len(hits) + 1), found / positives


def _mean_height(hits: Tensor, positives: int, points: list[float]) -> float:
    precision, recall = _precision_and_recall(hits, positives)
    return sum(max(precision[recall >= point].tolist(), default=0.0) for point in points) / len(points)


def _by_score(scores: Tensor, hits: Tensor) -> Tensor:
    return hits[scores.argsort(descending=True, stable=True)]


def hits_first(scores: Tensor, hits: Tensor, positives: int) -> float:
    """Of equal scores you take the hits first, which flatters. Whether one is a hit has no say: the first given comes first."""
    order = sorted(range(len(hits)), key=lambda n: (-float(scores[n]), not hits[n]))
    return _mean_height(hits[order], positives, [n / 100 for n in range(101)])


def steps_added_up(scores: Tensor, hits: Tensor, positives: int) -> float:
    """You come to the recalls by adding 0.01 again and again. Each sum is rounded, so that some come out above the recall that is
    meant, and it is not reached: take n / 100."""
    points = [0.0]
    for _ in range(100):
        points.append(points[-1] + 0.01)
    return _mean_height(_by_score(scores, hits), positives, points)


def _above(least: float) -> Callable[..., float]:
    def version(scores: Tensor, hits: Tensor, positives: int) -> float:
        sure = scores > least
        return _mean_height(_by_score(scores[sure], hits[sure]), positives, [n / 100 for n in range(101)])

    return version


@with_variants(*(_above(least) for least in (0.05, 0.3, 0.499, 0.5)))
def low_scores_dropped(scores: Tensor, hits: Tensor, positives: int) -> float:
    """You drop detections because their score is low. Scores may be any numbers: they give an order, and nothing else."""
    return _above(0)(scores, hits, positives)


def interpolated(scores: Tensor, hits: Tensor, positives: int) -> float:
    """You join the points of the curve by straight lines. Between two of them nothing is detected: at each recall the height is
    the highest precision from there on, so that the curve has steps."""
    precision, recall = _precision_and_recall(_by_score(scores, hits), positives)
    if not len(hits):
        return 0.0
    envelope = precision.flip(0).cummax(0).values.flip(0)
    return float(np.interp(np.arange(101) / 100, recall.numpy(), envelope.numpy(), right=0).mean())


@with_variants(lambda scores, hits, positives: _mean_at_hits(scores, hits) if hits.any() else 0.0)
def mean_precision_of_those_found(scores: Tensor, hits: Tensor, positives: int) -> float:
    """You take the mean of the precision at the hits. Objects that nobody finds cost nothing then. COCO's has an envelope, and
    101 recalls."""
    return _mean_at_hits(scores, hits)


def _mean_at_hits(scores: Tensor, hits: Tensor) -> float:
    hits = _by_score(scores, hits)
    return float(_precision_and_recall(hits, 1)[0][hits].mean())


@with_variants(lambda *arguments: _mean_or(1.0, *arguments))
def no_detections(scores: Tensor, hits: Tensor, positives: int) -> float:
    """If there are no detections, N = 0, no recall is reached: all heights are 0, and so is their mean."""
    return _mean_or(float("nan"), scores, hits, positives)


def _mean_or(nothing: float, scores: Tensor, hits: Tensor, positives: int) -> float:
    points = [n / 100 for n in range(101)]
    return _mean_height(_by_score(scores, hits), positives, points) if len(hits) else nothing


WRONG_CURVES = (
    hits_first,
    steps_added_up,
    low_scores_dropped,
    interpolated,
    mean_precision_of_those_found,
    no_detections,
)
