"""Precision and recall as a threshold of confidence moves, and their average, as PASCAL VOC and COCO define it."""

import math
import sys
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import require_tensor, whole_number
from course_utils.ops.precision import in_float64

EPSILON = sys.float_info.epsilon
"""COCO's code divides by TP + FP + ε, so that the precision of nothing is 0, and that of one hit alone just below 1."""


class Curve(NamedTuple):
    """Precision and recall of the first n detections, n = 1 … N, in the order of their confidence.

    `scores` (N,) float64: the confidence of the n-th, the threshold at which it is the last to count; `precision` and `recall`
    (…, N) float64; `positives` (…) int64: how many objects there are to be found.
    """

    scores: Tensor
    precision: Tensor
    recall: Tensor
    positives: Tensor

    @property
    def envelope(self) -> Tensor:
        """The highest precision at this recall or a larger one: (…, N). It only falls, where precision goes up and down."""
        return self.precision.flip(-1).cummax(-1).values.flip(-1)

    @property
    def largest_recall(self) -> Tensor:
        """The recall of all detections: (…), 0 where there are none, NaN where nothing is to be found."""
        return pad(self.recall, (1, 0))[..., -1].masked_fill(self.positives == 0, math.nan)

    def precision_at(self, recalls: Tensor) -> tuple[Tensor, Tensor]:
        """The envelope where each recall is first reached, and the score there: (R,) float64, ascending → twice (…, R).

        0 where a recall is not reached, NaN where nothing is to be found.
        """
        wanted = recalls.expand(*self.recall.shape[:-1], -1).contiguous()
        place = torch.searchsorted(self.recall.contiguous(), wanted)  # (…, R): N where it is not reached
        found = pad(self.envelope, (0, 1)).gather(-1, place), pad(self.scores, (0, 1))[place]
        nothing = (self.positives == 0)[..., None]
        return found[0].masked_fill(nothing, math.nan), found[1].masked_fill(nothing, math.nan)


def precision_recall(scores: Tensor, hits: Tensor, positives: int | Tensor, *, ignored: Tensor | None = None) -> Curve:
    """The curve that detections draw: sort them by confidence, and count hits and false alarms from the first on.

        precision = TP / (TP + FP),   recall = TP / positives

    Of equal scores the first comes first. Ignored detections count neither as hits nor as false alarms.

    Shapes: `scores` floating (N,); `hits` and `ignored` bool (…, N), a row for each threshold of the IoU, say; `positives`,
    how many objects there are: a number, or integers (…), one for each row → `Curve`, on the device of the scores, or on the
    CPU if that has no float64.

    Raises: ValueError for other types or shapes, and fewer than 0 objects.
    """
    require_tensor(scores, "scores")
    require_tensor(hits, "hits")
    if (
        not scores.is_floating_point()
        or scores.ndim != 1
        or hits.dtype != torch.bool
        or hits.shape[-1:] != scores.shape
    ):
        raise ValueError(
            "precision_recall needs floating scores (N,) and bool hits (…, N), but got "
            f"{scores.dtype} {tuple(scores.shape)} and {hits.dtype} {tuple(hits.shape)}."
        )
    ignored = torch.zeros_like(hits) if ignored is None else ignored
    require_tensor(ignored, "ignored")
    if ignored.dtype != torch.bool or ignored.shape != hits.shape:
        raise ValueError(f"ignored must be bool of the shape of hits, but is {ignored.dtype} {tuple(ignored.shape)}.")
    if not isinstance(positives, Tensor):
        positives = torch.tensor(whole_number(positives, "positives", minimum=0), device=scores.device)
    order = scores.argsort(descending=True, stable=True)
    hits, counted = hits[..., order], ~ignored[..., order]
    found, wrong = in_float64((hits & counted).cumsum(-1)), in_float64((~hits & counted).cumsum(-1))
    ranked, positives = in_float64(scores.detach()[order]), positives.long().to(found.device)
    return Curve(ranked, found / (found + wrong + EPSILON), found / positives[..., None], positives)


def average_precision(curve: Curve, *, points: int | None = 101) -> Tensor:
    """The mean of the envelope over recalls from 0 to 1: (…) float64, NaN where nothing is to be found.

    `points`: how many recalls, equally spaced. 101: COCO; 11: PASCAL VOC until 2009 (Everingham et al. 2010, section 4.2);
    None: all of them, the area under the envelope, PASCAL VOC since 2010. COCO's AP of a class at one IoU is this number;
    see `instance.AveragePrecision` for the rest of its rules.

    Raises: ValueError for fewer than 2 points.
    """
    if points is None:
        steps = pad(curve.recall, (1, 0)).diff(dim=-1)  # (…, N)
        return (steps * curve.envelope).sum(-1).masked_fill(curve.positives == 0, math.nan)
    recalls = np.linspace(0, 1, whole_number(points, "points", minimum=2))  # PyTorch's differ in the last digit
    return curve.precision_at(torch.from_numpy(recalls).to(curve.recall.device))[0].mean(-1)
