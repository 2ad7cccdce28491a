"""Non-maximum suppression: of boxes that overlap much, only the best is kept."""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from course_utils.ops.checks import real_number, require_tensor
from course_utils.ops.overlap import (
    box_area,
    intersection_and_union,
    require_boxes,
    require_same_device,
    shared_area,
)
from course_utils.ops.precision import at_least_float32

Decay = Literal["hard", "linear", "gaussian"]
BLOCK = 192  # boxes that are decided on together: more compare more pairs in vain, fewer take more steps
PAIRS = 2**17  # pairs whose areas stay in a processor's cache


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Keep the best box, drop all whose IoU with it is above `threshold`, go on with the best of the rest.

    Of equal scores the first box counts as the better one. A box without area is never dropped and drops none.

    Equal to torchvision's `nms`, index for index; like it, compares IoUs of float32 with the exact threshold, so that 3/5,
    which float32 rounds up, is above 0.6.

    Shapes: `boxes` (N, 4), `scores` (N,), both floating → indices of kept boxes, int64, best first.

    Raises: ValueError for other shapes and types, tensors on two devices, and a threshold outside 0 … 1.
    """
    boxes, limit = _checked(boxes, scores, threshold)
    best_first = scores.argsort(descending=True, stable=True)
    return best_first[_survivors(boxes[best_first], limit)]


def batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """`nms` within each group: boxes of two classes, pyramid levels or images never drop each other.

    Differs from torchvision: of up to 1000 boxes, it moves groups apart and compares them all, which rounds coordinates, and
    leaves groups mixed where coordinates are negative; of more, the order of equal scores is left to chance. Here groups
    are compared as they are, and of equal scores the first box always comes first.

    Shapes: `boxes` (N, 4) and `scores` (N,) floating, `groups` (N,) integer → indices of kept boxes of all groups, int64,
    best first.

    Raises: ValueError as `nms`, and for groups of another shape, type or device.
    """
    require_tensor(groups, "groups")
    boxes, limit = _checked(boxes, scores, threshold)
    if groups.shape != scores.shape or groups.is_floating_point() or groups.is_complex():
        raise ValueError(
            f"groups must hold one integer for each of {len(scores)} boxes, but is {groups.dtype} of shape "
            f"{tuple(groups.shape)}; use `.long()`."
        )
    require_same_device(boxes=boxes, groups=groups)
    best_first = scores.argsort(descending=True, stable=True)
    by_group = best_first[groups[best_first].argsort(stable=True)]
    kept = torch.zeros_like(groups, dtype=torch.bool)
    kept[by_group[_survivors(boxes[by_group], limit, groups[by_group])]] = True
    return best_first[kept[best_first]]


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    *,
    decay: Decay = "gaussian",
    threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> tuple[Tensor, Tensor]:
    """Lower the scores of boxes that overlap a better one, instead of dropping them.

    Again and again the best box is taken, and the score of each other box, at IoU u with it, is multiplied by
    - "gaussian": exp(-u² / sigma);
    - "linear": 1 - u where u is above `threshold`;
    - "hard": 0 where u is above `threshold`, which is `nms`.
    Boxes with scores below `min_score` are dropped.

    Source: Bodla et al. 2017, section 3 (arXiv 1704.04503).
    Differs from the paper: an IoU of exactly `threshold` changes nothing, as in `nms`.

    Shapes: `boxes` (N, 4), `scores` (N,), both floating → indices int64 (K,) of the boxes in the order in which they were
    taken, and their lowered scores (K,), which fall.

    Raises: ValueError as `nms`, for another decay, a sigma that is not above 0, and a `min_score` that is not above 0.
    """
    boxes, limit = _checked(boxes, scores, threshold)
    if decay not in get_args(Decay):
        raise ValueError(f"decay must be one of {get_args(Decay)}, but is {decay!r}.")
    sigma = real_number(sigma, "sigma", 0, math.inf, exclusive=True)
    min_score = real_number(min_score, "min_score", 0, math.inf, exclusive=True)
    scores, waiting = scores.detach().clone(), torch.arange(len(boxes), device=boxes.device)
    taken = []
    while len(waiting := waiting[scores[waiting] >= min_score]):
        place = scores[waiting].argmax()
        best = waiting[place]
        taken.append(best)
        waiting = waiting[waiting != best]
        shared, union = intersection_and_union(boxes[best], boxes[waiting])
        iou = (shared / union).nan_to_num(0)
        if decay == "gaussian":
            factor = torch.exp(-(iou**2) / sigma)
        else:
            factor = torch.where(iou > limit, 0 if decay == "hard" else 1 - iou, 1)
        scores[waiting] *= factor.to(scores.dtype)
    kept = torch.stack(taken) if taken else waiting
    return kept, scores[kept]


def fast_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Drop each box whose IoU with any better one is above `threshold`, even with one that is dropped itself.

    All are decided on at once, with one table of pairs. What this keeps, `nms` keeps too, but not the other way round: a box
    whose only better neighbour is dropped stays in `nms`, and goes here. Of equal scores the first box counts as the better one.

    Source: Bolya, Zhou, Xiao and Lee 2019, section 5 (arXiv 1904.02689).

    Shapes: `boxes` (…, N, 4), `scores` (…, N), both floating → whether each box is kept, bool (…, N). Boxes of two classes or
    images, along the axes before, never drop each other.

    Raises: ValueError as `nms`.
    """
    boxes, limit = _checked(boxes, scores, threshold, batched=True)
    place = torch.arange(boxes.shape[-2], device=boxes.device)
    better = scores[..., :, None] > scores[..., None, :]  # (…, N, N): the first than the second
    better |= (scores[..., :, None] == scores[..., None, :]) & (place[:, None] < place)
    shared, union = intersection_and_union(boxes[..., :, None, :], boxes[..., None, :, :])
    return ~((shared / union > limit) & better).any(-2)  # NaN, the IoU of no areas, is above nothing


def _checked(boxes: Tensor, scores: Tensor, threshold: float, *, batched: bool = False) -> tuple[Tensor, float]:
    """Boxes without a way back for gradients, and the threshold in their type."""
    require_boxes(boxes, "boxes")
    require_tensor(scores, "scores")
    fitting = boxes.ndim == 2 or (batched and boxes.ndim > 2)
    if not fitting or scores.shape != boxes.shape[:-1] or not scores.is_floating_point():
        raise ValueError(
            f"Needed are boxes ({'…, ' * batched}N, 4) and one floating score for each, but boxes have the shape "
            f"{tuple(boxes.shape)}, and scores are {scores.dtype} of shape {tuple(scores.shape)}."
        )
    require_same_device(boxes=boxes, scores=scores)
    boxes = at_least_float32(boxes.detach())
    return boxes, _rounded_down(real_number(threshold, "threshold", 0, 1), boxes.dtype)


def _rounded_down(value: float, dtype: torch.dtype) -> float:
    """The largest number of the type that is not above the value: what is above one is above the other."""
    nearest = torch.tensor(value, dtype=dtype, device="cpu")
    if float(nearest) > value:
        nearest = torch.nextafter(nearest, torch.zeros_like(nearest))
    return float(nearest)


def _survivors(boxes: Tensor, limit: float, groups: Tensor | None = None) -> Tensor:
    """Indices of the boxes that `nms` keeps, ascending. Boxes are sorted by group, and within each best first.

    A block of boxes is decided on at once. What it keeps then drops boxes behind it.
    """
    waiting = torch.arange(len(boxes), device=boxes.device)
    table = torch.cat([boxes.T, box_area(boxes)[None]])  # (5, N): what is waiting, corners and areas
    kept = [waiting[:0]]
    while len(waiting):
        block, waiting = waiting[:BLOCK], waiting[BLOCK:]
        head, tail = table[:, :BLOCK], table[:, BLOCK:]
        drops = _overlap(head, head, limit).triu_(1)
        if groups is not None:
            drops &= groups[block, None] == groups[block]
        stays = _undropped(drops)
        kept.append(block[stays])
        droppers, count = stays, len(waiting)
        if groups is not None:  # of all groups in the block but the last, no box is waiting
            last = groups[block[-1]]
            droppers, count = stays[groups[block[stays]] == last], int((groups[waiting] == last).sum())
        dropped = torch.zeros_like(waiting, dtype=torch.bool)
        # amax of bools is any, and takes a fraction of the time.
        dropped[:count] = _overlap(head[:, droppers], tail[:, :count], limit).amax(0)
        left = (~dropped).nonzero()[:, 0]
        waiting, table = waiting[left], tail[:, left]
    return torch.cat(kept)


def _overlap(a: Tensor, b: Tensor, limit: float) -> Tensor:
    """Whether the IoU of each pair is above the limit: (5, N), (5, M) → bool (N, M). Of no areas it is NaN, above nothing."""
    found = []
    for some in b.split(max(PAIRS // a.shape[1], 1), 1):
        shared = shared_area(a[:4, :, None], some[:4, None])
        union = (a[4, :, None] + some[4]).sub_(shared)
        found.append(shared.div_(union) > limit)
    return torch.cat(found, 1)


def _undropped(drops: Tensor) -> Tensor:
    """Indices of the boxes that stay, where `drops[i, j]` says that box i, if it stays, drops the later box j.

    At first all stay. Then, again and again, those stay that none of the staying drops. The first box is right from the
    start, and box n after n rounds, since it hangs on earlier ones only. So what a round does not change is right.
    """
    drops = drops.float()  # a product counts the droppers of each box
    stays = torch.ones(len(drops), dtype=torch.float32, device=drops.device)
    while True:
        before, stays = stays, drops.t().mv(stays).eq_(0)
        if torch.equal(before, stays):
            return stays.nonzero()[:, 0]
