"""Fast NMS: by hand, against the definition in a loop, beside exact NMS, batches, ties, boxes without area."""

import pytest
import torch
from test_suppression import draw_boxes

from course_utils.ops.overlap import intersection_and_union
from course_utils.ops.suppression import fast_nms, nms


def by_definition(boxes, scores, threshold):
    """One box after the other, as the paper says it."""
    kept = []
    for i in range(len(boxes)):
        kept.append(True)
        for j in range(len(boxes)):
            better = scores[j] > scores[i] or (scores[j] == scores[i] and j < i)
            shared, union = intersection_and_union(boxes[i], boxes[j])
            kept[-1] &= not (better and shared / union > threshold)
    return kept


def test_a_box_that_is_dropped_does_drop_others():
    """Each overlaps its neighbours by a half of its width: exact NMS keeps every second one."""
    boxes = torch.tensor([[float(x), 0, x + 4, 1] for x in range(0, 12, 2)])
    scores = torch.linspace(1, 0.5, 6)
    assert nms(boxes, scores, 0.3).tolist() == [0, 2, 4]
    assert fast_nms(boxes, scores, 0.3).tolist() == [True, False, False, False, False, False]
    assert fast_nms(boxes, scores, 0.4).all()


def test_what_is_exactly_at_the_threshold_stays_and_ties_go_to_the_first():
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 0, 4, 4]])
    assert fast_nms(boxes, torch.tensor([0.5, 0.5, 0.5]), 0.5).tolist() == [True, True, False]
    assert fast_nms(boxes, torch.tensor([0.5, 0.5, 0.6]), 0.4).tolist() == [False, False, True]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_it_is_the_definition(threshold):
    boxes, scores = draw_boxes(60, objects=8)
    found = fast_nms(boxes, scores, threshold)
    assert found.tolist() == by_definition(boxes, scores, threshold)
    assert threshold == 1 or 0 < found.sum() < 60


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("objects", [20, 200])
def test_exact_nms_keeps_all_that_it_keeps_and_more(dtype, threshold, objects):
    boxes, scores = draw_boxes(400, objects=objects, dtype=dtype, seed=objects)
    fast, exact = (
        set(fast_nms(boxes, scores, threshold).nonzero()[:, 0].tolist()),
        set(nms(boxes, scores, threshold).tolist()),
    )
    assert fast and fast <= exact and (fast < exact or threshold > 0.8)


def test_classes_and_images_are_taken_one_by_one():
    several = [[draw_boxes(30, objects=4, seed=3 * row + column) for column in range(3)] for row in range(2)]
    boxes = torch.stack([torch.stack([boxes for boxes, _ in row]) for row in several])  # (2, 3, 30, 4)
    scores = torch.stack([torch.stack([scores for _, scores in row]) for row in several])
    found = fast_nms(boxes, scores, 0.5)
    for row in range(2):
        for column in range(3):
            assert torch.equal(found[row, column], fast_nms(*several[row][column], 0.5))


def test_no_boxes_and_boxes_without_area():
    assert fast_nms(torch.zeros(0, 4), torch.zeros(0), 0.5).shape == (0,)
    assert fast_nms(torch.zeros(2, 3, 0, 4), torch.zeros(2, 3, 0), 0.5).shape == (2, 3, 0)
    points = torch.tensor([[3.0, 3, 3, 3]]).repeat(4, 1)
    assert fast_nms(points, torch.arange(4.0), 0.0).all()


def test_gradients_stay_out():
    boxes, scores = draw_boxes(20, objects=4)
    assert not fast_nms(boxes.requires_grad_(), scores.requires_grad_(), 0.5).requires_grad


@pytest.mark.parametrize(
    ("boxes", "scores", "threshold", "message"),
    [
        (torch.zeros(4), torch.zeros(()), 0.5, r"boxes \(…, N, 4\) and one floating score for each, .* shape \(4,\)"),
        (torch.zeros(2, 3, 4), torch.zeros(3), 0.5, r"have the shape \(2, 3, 4\), and scores .* of shape \(3,\)"),
        (torch.zeros(3, 4), torch.zeros(3).long(), 0.5, "scores are torch.int64"),
        (torch.zeros(3, 4), torch.zeros(3), 50, "threshold must be a number from 0 to 1, but is 50"),
    ],
)
def test_it_refuses(boxes, scores, threshold, message):
    with pytest.raises(ValueError, match=message):
        fast_nms(boxes, scores, threshold)


def test_exact_nms_still_takes_no_batch():
    with pytest.raises(ValueError, match=r"Needed are boxes \(N, 4\)"):
        nms(torch.zeros(2, 3, 4), torch.zeros(2, 3), 0.5)


@pytest.mark.gpu
def test_it_is_the_same_on_a_gpu():
    boxes, scores = draw_boxes(300, objects=30)
    assert torch.equal(fast_nms(boxes.cuda(), scores.cuda(), 0.5).cpu(), fast_nms(boxes, scores, 0.5))
