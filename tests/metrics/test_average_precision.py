import math

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_curve

from course_utils.metrics.average_precision import average_precision, precision_recall

SCORES = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5])
HITS = torch.tensor([True, False, True, False, True])


def test_precision_and_recall_by_hand() -> None:
    """TP, FP, TP, FP, TP, and 4 objects."""
    curve = precision_recall(SCORES, HITS, 4)
    assert curve.recall.tolist() == [0.25, 0.25, 0.5, 0.5, 0.75]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2, 3 / 5])
    assert curve.envelope.tolist() == pytest.approx([1, 2 / 3, 2 / 3, 3 / 5, 3 / 5])
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    assert (curve.largest_recall, curve.positives) == (0.75, 4)


def test_average_precision_by_hand() -> None:
    """Recalls up to 1/4 have precision 1, up to 1/2 2/3, up to 3/4 3/5: 26, 25 and 25 of 101 recalls; 3, 3 and 2 of 11."""
    curve = precision_recall(SCORES, HITS, 4)
    assert average_precision(curve, points=None) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert average_precision(curve) == pytest.approx((26 + 25 * 2 / 3 + 25 * 3 / 5) / 101)
    assert average_precision(curve, points=11) == pytest.approx((3 + 3 * 2 / 3 + 2 * 3 / 5) / 11)


def test_recalls_are_rounded_as_in_pycocotools() -> None:
    """0.57 of its 101 recalls is a little above 57 / 100."""
    recalls, scores = np.linspace(0, 1, 101), torch.arange(100, 0, -1) / 100
    assert recalls[57] > 57 / 100
    for n in range(1, 101):
        found = average_precision(precision_recall(scores, torch.arange(100) < n, 100))
        assert found == pytest.approx((recalls <= n / 100).sum() / 101, abs=1e-12)


def test_the_order_of_detections_does_not_matter_and_of_equal_scores_the_first_comes_first() -> None:
    order = torch.tensor([3, 0, 4, 2, 1])
    assert torch.equal(
        precision_recall(SCORES[order], HITS[order], 4).precision, precision_recall(SCORES, HITS, 4).precision
    )
    equal = precision_recall(torch.ones(2), torch.tensor([True, False]), 1)
    assert equal.precision.tolist() == pytest.approx([1, 0.5])


def test_ignored_detections_count_neither_way() -> None:
    ignored = torch.tensor([True, True, False, False, False])
    curve = precision_recall(SCORES, HITS, 2, ignored=ignored)
    assert curve.precision.tolist() == pytest.approx([0, 0, 1, 1 / 2, 2 / 3])
    assert curve.recall.tolist() == [0, 0, 0.5, 0.5, 1]


def test_precision_and_recall_equal_scikit_learn() -> None:
    draw = torch.Generator().manual_seed(0)
    scores, hits = torch.rand(60, generator=draw, dtype=torch.float64), torch.rand(60, generator=draw) < 0.4
    precision, recall, thresholds = precision_recall_curve(hits.numpy(), scores.numpy())
    curve = precision_recall(scores, hits, int(hits.sum()))
    assert curve.precision.flip(0).tolist() == pytest.approx(precision[:-1].tolist(), abs=1e-12)
    assert curve.recall.flip(0).tolist() == pytest.approx(recall[:-1].tolist(), abs=1e-12)
    assert curve.scores.flip(0).tolist() == thresholds.tolist() and 0.2 < precision.mean() < 0.9


def test_rows_are_curves_of_their_own() -> None:
    draw = torch.Generator().manual_seed(1)
    scores, hits = torch.rand(30, generator=draw), torch.rand(2, 3, 30, generator=draw) < 0.4
    positives = torch.randint(12, 20, (2, 3), generator=draw)
    curve = precision_recall(scores, hits, positives)
    for points in (101, None):
        found = average_precision(curve, points=points)
        rows = zip(hits.flatten(0, 1), positives.flatten().tolist(), strict=True)
        wanted = torch.stack([average_precision(precision_recall(scores, row, n), points=points) for row, n in rows])
        assert torch.equal(found, wanted.view(2, 3)) and len(found.unique()) > 3


@pytest.mark.parametrize("points", [101, 11, None])
def test_no_detections_score_0_and_no_objects_nothing(points) -> None:
    none = precision_recall(torch.zeros(0), torch.zeros(0).bool(), 3)
    assert average_precision(none, points=points) == 0 and none.largest_recall == 0
    for hits in (torch.zeros(0).bool(), torch.zeros(5).bool()):
        nothing = precision_recall(torch.zeros(len(hits)), hits, 0)
        assert math.isnan(average_precision(nothing, points=points)) and math.isnan(nothing.largest_recall)


@pytest.mark.parametrize(
    ("arguments", "named", "told"),
    [
        ((SCORES.long(), HITS, 4), {}, "floating scores"),
        ((SCORES, HITS.long(), 4), {}, "bool hits"),
        ((SCORES, HITS[:4], 4), {}, "floating scores"),
        ((SCORES, HITS, -1), {}, "positives must be an integer of 0 or more"),
        ((SCORES, HITS, 4), {"ignored": HITS[:4]}, "ignored must be bool of the shape of hits"),
    ],
)
def test_precision_recall_refuses(arguments, named, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        precision_recall(*arguments, **named)


def test_average_precision_refuses_one_point() -> None:
    with pytest.raises(ValueError, match="points must be an integer of 2 or more"):
        average_precision(precision_recall(SCORES, HITS, 4), points=1)


@pytest.mark.gpu
def test_average_precision_on_a_gpu() -> None:
    found = average_precision(precision_recall(SCORES.cuda(), HITS.cuda(), 4))
    assert found.is_cuda and found.cpu() == average_precision(precision_recall(SCORES, HITS, 4))
