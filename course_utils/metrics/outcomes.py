"""What becomes of the detections of a whole data set: hits, false alarms, or of no account."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from course_utils.metrics.average_precision import Curve, precision_recall
from course_utils.metrics.image_pairs import Detections, ImagePair, Truths
from course_utils.metrics.matching import Candidates, match_greedily


class Outcomes(NamedTuple):
    """What the N detections of a data set are, for A area ranges and T thresholds; NumPy arrays.

    `hit`, `ignored` bool (A, T, N); `positives` (K, A): how many objects of each class are to be found.
    """

    detections: Detections
    hit: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray

    def curve(self, label: int, max_detections: Sequence[int]) -> Curve:
        """The curves (D, A, T, N) of a class, for D numbers of detections of an image that count, the most confident ones."""
        rows = np.flatnonzero(self.detections.label == label)
        score, rank = self.detections.score[rows], self.detections.rank[rows]
        too_many = rank >= np.array(max_detections)[:, None, None, None]  # (D, 1, 1, N)
        ignored = torch.from_numpy(self.ignored[..., rows] | too_many)  # (D, A, T, N)
        hit = torch.from_numpy(self.hit[..., rows]).expand(ignored.shape)
        positives = torch.from_numpy(self.positives[label])[:, None].expand(ignored.shape[:-1])
        return precision_recall(torch.from_numpy(score), hit, positives, ignored=ignored)


def judge(images: Sequence[ImagePair], num_classes: int, areas: np.ndarray, thresholds: np.ndarray) -> Outcomes:
    """Match all images. Ignored are detections that match what is ignored, and those without a match outside the area range.

    Shapes: `areas` (A, 2), the smallest and the largest; `thresholds` (T,).
    """
    detections, truths, candidates = _joined(images)
    truth_ignored = truths.ignored[:, None] | _outside(truths.area, areas)  # (M, A)
    matched = match_greedily(candidates, detections.rank, truths.crowd, truth_ignored, thresholds)  # (N, A, T)
    # An entry more at the end, where -1 finds it: no match.
    match_ignored = np.pad(truth_ignored, ((0, 1), (0, 0)))[matched, np.arange(len(areas))[:, None]]
    ignored = np.where(matched >= 0, match_ignored, _outside(detections.area, areas)[..., None])  # (N, A, T)
    return Outcomes(
        detections,
        hit=np.moveaxis(matched >= 0, 0, -1),
        ignored=np.moveaxis(ignored, 0, -1),
        positives=np.stack([(~truth_ignored[truths.label == k]).sum(axis=0) for k in range(num_classes)]),
    )


def _outside(area: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Whether each area (N,) is outside each range (A, 2): (N, A)."""
    return np.asarray((area[:, None] < areas[:, 0]) | (area[:, None] > areas[:, 1]))


def _joined(images: Sequence[ImagePair]) -> ImagePair:
    """Several images, one after the other; the candidates' numbers go on from one image to the next."""
    floats, integers = np.zeros(0), np.zeros(0, dtype=np.int64)
    detections = [Detections(integers, floats, integers, floats), *(image.detections for image in images)]
    truths = [Truths(integers, floats, integers > 0, integers > 0), *(image.truths for image in images)]
    candidates, n, m = [Candidates(integers, integers, floats)], 0, 0
    for image in images:
        pairs = image.candidates
        candidates.append(Candidates(pairs.detection + n, pairs.truth + m, pairs.iou))
        n, m = n + len(image.detections.label), m + len(image.truths.label)
    return ImagePair(
        Detections(*map(np.concatenate, zip(*detections, strict=True))),
        Truths(*map(np.concatenate, zip(*truths, strict=True))),
        Candidates(*map(np.concatenate, zip(*candidates, strict=True))),
    )
