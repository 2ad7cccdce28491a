"""Which boxes are to find which objects, and which of them a training step looks at."""

import torch
from torch import Tensor

from course_utils.ops.boxes import box_iou
from course_utils.ops.checks import real_number, require_bools, require_tensor, whole_number

BACKGROUND, BETWEEN = -1, -2
"""Matches of a box that is to find nothing, and of one that counts neither as an object nor as background."""


def match_boxes(truth: Tensor, boxes: Tensor, *, high: float, low: float, keep_best: bool = False) -> Tensor:
    """For each box, the true one that it overlaps most, if their IoU is at least `high`.

    Below `low` a box is BACKGROUND (-1), from there to `high` BETWEEN (-2). With `keep_best=True`, the boxes that overlap a
    true one more than all others do are never lost to it: they too get the true box that each overlaps most.

    Source: Ren, He, Girshick and Sun 2015, section 3.1.2, arXiv:1506.01497.

    Differs from torchvision: a true box that none overlaps keeps none as its best; there it makes objects of all boxes.

    Shapes: `truth` (M, 4) and `boxes` (N, 4), floating → int64 (N,). Raises: ValueError as `box_iou`, and for thresholds that
    are not 0 ≤ low ≤ high ≤ 1.
    """
    high = real_number(high, "high", 0, 1)
    low = real_number(low, "low", 0, high)
    require_bools(keep_best=keep_best)
    iou = box_iou(truth, boxes)  # (M, N)
    if len(truth) == 0:
        return torch.full_like(boxes[:, 0], BACKGROUND, dtype=torch.int64)
    best, match = iou.max(0)
    matches = torch.where(best >= high, match, torch.where(best >= low, BETWEEN, BACKGROUND))
    if keep_best and len(boxes):
        highest = iou.amax(1, keepdim=True)
        is_best = ((iou == highest) & (highest > 0)).any(0)
        matches = torch.where(is_best, match, matches)
    return matches


def balanced_sample(
    matches: Tensor, count: int, positive_share: float, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draw `count` boxes, at most `positive_share` of them matched with an object, the others BACKGROUND.

    Where objects are rare, most of what is drawn is background; BETWEEN is never drawn. Without a generator, random
    numbers are PyTorch's common ones, as those of dropout are: `fit` seeds them anew at each step. With the same seed,
    torchvision draws the same.

    Source: Ren, He, Girshick and Sun 2015, section 3.1.3, arXiv:1506.01497.

    Shapes: `matches` as from `match_boxes` (N,) → indices int64, at most `count`, ascending. Raises: ValueError for another
    count, and a share outside 0 … 1.
    """
    require_tensor(matches, "matches")
    count = whole_number(count, "count", minimum=1)
    positive_share = real_number(positive_share, "positive_share", 0, 1)
    positive, negative = (matches >= 0).nonzero()[:, 0], (matches == BACKGROUND).nonzero()[:, 0]
    positive = some_of(positive, int(count * positive_share), generator)
    negative = some_of(negative, count - len(positive), generator)
    return torch.cat([positive, negative]).sort().values


def some_of(indices: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """At most `count` of these, drawn at random."""
    return indices[torch.randperm(len(indices), generator=generator, device=indices.device)[:count]]
