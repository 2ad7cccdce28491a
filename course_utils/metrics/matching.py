"""Which predicted instance stands for which true one: greedily by confidence, as COCO does, or the best permutation."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor


class Matching(NamedTuple):
    """Pairs of predicted and true instances that overlap, each instance in one pair at most.

    `pred`, `truth` (P,) int64: which ones; `iou` (P,) float64; all on the CPU. `mean_iou`: the sum of these IoUs over the
    larger number of instances, so that one without a partner counts as 0; 1 where there are none at all.
    """

    pred: Tensor
    truth: Tensor
    iou: Tensor
    mean_iou: float


def best_matching(iou: Tensor) -> Matching:
    """The pairs with the largest sum of IoUs, of all N! permutations; pairs that do not overlap are left out.

    The ids of class-free instances are arbitrary: instance 3 of the truth may well be instance 7 of the prediction. A greedy
    choice, the largest IoU first, may block a better sum: of [[.9, .8], [.85, .1]] it takes .9 and .1, where .8 and .85 are
    there. SciPy's `linear_sum_assignment` finds the best in O(N³) steps.

    Source: Kuhn 1955, "The Hungarian method for the assignment problem"; the solver is Crouse's of 2016.

    Shapes: `iou` floating (N, M), rows for predicted instances.

    Raises: ValueError for another type or shape, and values outside 0 … 1.
    """
    require_tensor(iou, "iou")
    if not iou.is_floating_point() or iou.ndim != 2:
        raise ValueError(
            f"best_matching needs a floating matrix of IoUs (N, M), but got {iou.dtype} {tuple(iou.shape)}; "
            "`mask_iou` makes one of masks."
        )
    from scipy.optimize import linear_sum_assignment

    values = iou.detach().cpu().double()
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("iou must hold values from 0 to 1, but some are outside or NaN.")
    rows, columns = (torch.from_numpy(found) for found in linear_sum_assignment(values.numpy(), maximize=True))
    paired = values[rows, columns]
    overlap = paired > 0
    most = max(values.shape)
    mean = math.fsum(paired.tolist()) / most if most else 1.0
    return Matching(rows[overlap], columns[overlap], paired[overlap], mean)


class Candidates(NamedTuple):
    """Pairs that may be matched, NumPy arrays (P,): the detection, the truth, and how well they overlap."""

    detection: np.ndarray
    truth: np.ndarray
    iou: np.ndarray


def match_greedily(
    candidates: Candidates, rank: np.ndarray, crowd: np.ndarray, ignored: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """COCO's matching, for every image, class, area range A and threshold T at once.

    The detections of an image and class have the ranks 0, 1, …: first the most confident one of each chooses, then the
    second, and so on. It takes the truth that overlaps best, of those that reach the threshold, are not taken, and count in
    this area range; only where there is none, one that is ignored. Of two that overlap equally it takes the later. A crowd
    can be taken again and again.

    Shapes: `rank` (N,) of the detections; `crowd` (M,) and `ignored` (M, A) of the truths; `thresholds` (T,) → which truth
    each detection has, -1 for none, (N, A, T) int32.
    """
    areas, levels = ignored.shape[1], len(thresholds)
    order = np.lexsort((-candidates.truth, -candidates.iou, candidates.detection))  # the best of a detection first
    truth, iou = candidates.truth[order], candidates.iou[order]
    count = np.bincount(candidates.detection, minlength=len(rank))
    first = count.cumsum() - count
    matched = np.full((len(rank), areas, levels), -1, dtype=np.int32)
    taken = np.zeros((len(crowd), areas, levels), dtype=bool)
    for place in range(int(rank[count > 0].max(initial=-1)) + 1):
        rows = np.flatnonzero((rank == place) & (count > 0))
        if len(rows) == 0:
            continue
        choices = np.arange(count[rows].max())
        exists = choices < count[rows, None]  # (n, C)
        entry = np.where(exists, first[rows, None] + choices, 0)
        m = truth[entry]  # (n, C)
        reaches = exists[..., None] & (iou[entry][..., None] >= thresholds)  # (n, C, T)
        fits = reaches[:, :, None] & (crowd[m][..., None, None] | ~taken[m])  # (n, C, A, T)
        counts = fits & ~ignored[m][..., None]
        choice = np.where(counts.any(1), counts.argmax(1), fits.argmax(1))  # (n, A, T): argmax is the first True
        n, a, t = fits.any(1).nonzero()
        chosen = m[n, choice[n, a, t]]
        matched[rows[n], a, t] = chosen
        taken[chosen, a, t] = True
    return matched
