"""Panoptic quality: how many segments were found, and how well those that were."""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.metrics.semantic import checked_classes
from course_utils.ops.counts import count_indices
from course_utils.ops.panoptic import VOID, checked_things, class_and_id, is_thing, require_crowd
from course_utils.ops.precision import float64_device

_TABLE = 2**20  # so many pairs are counted in a table; more are sorted first


class Quality(NamedTuple):
    """PQ = SQ · RQ, averaged over classes: of all segments the quality, of those found their mean IoU, and the F1 of finding."""

    pq: float
    sq: float
    rq: float


class PanopticScores(NamedTuple):
    """What COCO reports: of all classes, of things and of stuff; NaN where there are none. All on the CPU.

    `by_class` (K, 3) float64: PQ, SQ and RQ; NaN for a class that is neither there nor predicted, which counts in no mean.
    `tp`, `fp`, `fn` (K,) int64: segments found, predicted where none is, and missed; `iou` (K,): the sum of those found.
    """

    all: Quality
    things: Quality
    stuff: Quality
    by_class: Tensor
    tp: Tensor
    fp: Tensor
    fn: Tensor
    iou: Tensor


class PanopticQuality:
    """Panoptic quality that gathers image by image.

    A true and a predicted segment of one class and one image are a pair if their IoU is above one half: no segment can have two
    such partners, since segments do not overlap. With the pairs TP, PQ = Σ IoU / (|TP| + |FP| / 2 + |FN| / 2).
    What is void in the truth is no part of a union; a predicted segment of which more than half lies on void or on crowds of
    its class is no FP; a crowd is no FN. A class without pairs has an SQ of 0, as in COCO's code.

    Source: Kirillov et al. 2019, section 4, arXiv:1801.00868, and COCO's evaluation code (panopticapi). Differs from it: several
    crowds of one class and image count together, where the code takes the last one alone; COCO has at most one.

    `things`: the classes whose ids tell objects apart; the ids of all others do not matter. Void has the class 255, in the truth
    and, where nothing is predicted, in the prediction.

    Raises: ValueError for things that are no classes, and for more than 255 classes.
    """

    def __init__(self, num_classes: int, things: Collection[int]) -> None:
        self.num_classes = checked_classes(num_classes)
        kinds = checked_things(things)
        if self.num_classes > VOID or any(label >= self.num_classes for label in kinds):
            raise ValueError(
                f"There may be {VOID} classes at most, since {VOID} is void, and things must be among them, but there are "
                f"{self.num_classes}, with the things {sorted(kinds)}."
            )
        self.things = is_thing(torch.arange(self.num_classes, device="cpu"), kinds)
        self._counts = torch.zeros(3, self.num_classes, dtype=torch.int64, device="cpu")  # TP, FP, FN
        self._iou = torch.zeros(self.num_classes, dtype=torch.float64, device="cpu")

    def update(self, pred: Tensor, truth: Tensor, *, crowd: Tensor | None = None) -> None:
        """Add an image or a batch of them; one that is refused changes nothing.

        Shapes: panoptic maps (…, H, W, 2), see `ops.panoptic`; `crowd` bool (…, H, W): true pixels of things in a region
        where objects are not told apart.

        Raises: ValueError for other types and shapes, two shapes, and classes that are neither 0 … K - 1 nor void.
        """
        maps = [class_and_id(values, name) for values, name in ((pred, "pred"), (truth, "truth"))]
        if pred.shape != truth.shape:
            raise ValueError(
                f"pred and truth must have one shape, but have {tuple(pred.shape)} and {tuple(truth.shape)}."
            )
        for (classes, _), name in zip(maps, ("pred", "truth"), strict=True):
            bad = classes[(classes != VOID) & ((classes < 0) | (classes >= self.num_classes))]
            if bad.numel():
                raise ValueError(
                    f"{name} must hold classes from 0 to {self.num_classes - 1}, or {VOID} for void, but has {int(bad[0])}."
                )
        if crowd is None:
            crowd = torch.zeros_like(maps[1][0], dtype=torch.bool)
        require_crowd(crowd, maps[1][0])
        *batch, height, width, _ = truth.shape
        layers = [layer.reshape(math.prod(batch), height * width) for layer in (*maps[0], *maps[1], crowd)]
        for image in zip(*layers, strict=True):
            self._add(*image)

    def _add(self, p: Tensor, p_ids: Tensor, t: Tensor, t_ids: Tensor, crowd: Tensor) -> None:
        """One image: count the pixels of each pair of segments, and judge by these counts alone."""
        pred, pred_names = self._segments(p, p_ids, torch.zeros_like(crowd))
        true, true_names = self._segments(t, t_ids, crowd)
        shared = _count_pairs(true, pred, len(true_names), len(pred_names)).to(float64_device(p.device)).double().cpu()
        # Segment 0 is void on both sides.
        pred_class, true_class, of_crowd = pred_names[:, 0], true_names[:, 0], true_names[:, 2] == 1
        pred_area, true_area = shared.sum(0), shared.sum(1)
        union = true_area[:, None] + pred_area - shared - shared[0]
        iou = shared / union.clamp(min=1)
        alike = (true_class[:, None] == pred_class) & ~of_crowd[:, None]
        alike[0], alike[:, 0] = False, False
        paired = alike & (iou > 0.5)
        # The share of a predicted segment that nobody can blame it for: on void, and on crowds of its class.
        excused = shared[0] + (shared * ((true_class[:, None] == pred_class) & of_crowd[:, None])).sum(0)
        false = ~paired.any(0) & (excused <= 0.5 * pred_area)
        missed = ~paired.any(1) & ~of_crowd
        false[0], missed[0] = False, False
        found = paired.any(1)
        for row, classes in enumerate((true_class[found], pred_class[false], true_class[missed])):
            self._counts[row] += count_indices(classes, self.num_classes)
        self._iou.index_add_(0, true_class[found], (iou * paired).sum(1)[found])

    def _segments(self, classes: Tensor, ids: Tensor, crowd: Tensor) -> tuple[Tensor, Tensor]:
        """The number of each pixel's segment, 0 for void, and of each number the class, the id, and whether it is a crowd."""
        of_thing = self.things.to(classes.device)[classes.clamp(0, self.num_classes - 1)] & (classes != VOID)
        ids, crowd = ids * of_thing, crowd & of_thing
        width = int(ids.max()) + 1 if ids.numel() else 1
        keys = torch.where(classes == VOID, 0, 1 + (classes * width + ids) * 2 + crowd)
        length = 1 + 2 * width * self.num_classes
        if length <= _TABLE:
            there = count_indices(keys, length) > 0
            there[0] = True
            numbers = (there.cumsum(0) - 1)[keys]
            names = there.nonzero().flatten().cpu()
        else:
            names, numbers = torch.cat([keys.new_zeros(1), keys]).unique(return_inverse=True)
            names, numbers = names.cpu(), numbers[1:]
        rest = (names - 1).clamp(min=0)
        return numbers, torch.stack([rest // 2 // width, rest // 2 % width, rest % 2], -1)

    def compute(self) -> PanopticScores:
        """The scores of all images so far; NaN throughout where that is nothing."""
        tp, fp, fn = self._counts
        weight = tp + fp / 2 + fn / 2
        seen = weight > 0
        pq, rq = (torch.where(seen, part / weight, torch.nan) for part in (self._iou, tp.double()))
        sq = torch.where(seen, self._iou / tp.clamp(min=1), torch.nan)
        by_class = torch.stack([pq, sq, rq], -1)
        groups = [seen, seen & self.things, seen & ~self.things]
        of_all, of_things, of_stuff = (Quality(*by_class[group].mean(0).tolist()) for group in groups)
        return PanopticScores(
            of_all, of_things, of_stuff, by_class, tp.clone(), fp.clone(), fn.clone(), self._iou.clone()
        )


def _count_pairs(true: Tensor, pred: Tensor, rows: int, columns: int) -> Tensor:
    """How many pixels are in each pair of segments: (rows, columns) int64."""
    return count_indices(true * columns + pred, rows * columns).view(rows, columns)
