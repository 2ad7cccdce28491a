import math

import pytest
import torch
import torchvision.ops

from course_utils.ops import boxes as boxes_module
from course_utils.ops.boxes import box_iou
from course_utils.ops.suppression import BLOCK, batched_nms, nms, soft_nms

DTYPES = [torch.float64, torch.float32]
THRESHOLDS = [0.0, 0.3, 0.5, 0.7, 1.0]


def draw_boxes(count, *, dtype=torch.float64, seed=0, objects=None, side=40.0):
    """Random boxes, or with `objects` boxes that crowd around as many places; and scores with many ties."""
    random = torch.Generator().manual_seed(seed)
    places = count if objects is None else objects
    corner = torch.rand(places, 2, generator=random, dtype=torch.float64) * 200
    size = torch.rand(places, 2, generator=random, dtype=torch.float64) * side + 1
    boxes = torch.cat([corner, corner + size], 1)
    if objects is not None:
        boxes = boxes[torch.randint(objects, (count,), generator=random)]
        boxes = boxes + torch.randn(count, 4, generator=random, dtype=torch.float64) * 0.1 * side
    scores = torch.randint(50, (count,), generator=random) / 50
    return boxes.to(dtype), scores.to(dtype)


def test_the_best_of_two_that_overlap_is_kept():
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 3], [10, 0, 12, 2], [0, 0, 4, 5]])  # IoU .75, 0, .8 with the first
    scores = torch.tensor([0.9, 0.8, 0.1, 0.95])
    assert nms(boxes, scores, 0.5).tolist() == [3, 2]
    assert nms(boxes, scores, 0.77).tolist() == [3, 1, 2]
    assert nms(boxes, scores, 0.6).tolist() == [3, 2]  # 3 and 1: 12 / 20 is not above it, but 0 and 1 do overlap


def test_a_box_that_is_dropped_drops_no_other():
    """Each overlaps its neighbours by a half of its width: 1 drops 2, which would have dropped 3."""
    boxes = torch.tensor([[float(x), 0, x + 4, 1] for x in range(0, 12, 2)])
    scores = torch.linspace(1, 0.5, 6)
    assert nms(boxes, scores, 0.3).tolist() == [0, 2, 4]


def test_what_is_exactly_at_the_threshold_stays_and_ties_go_to_the_first():
    boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 2], [0, 0, 4, 4]])
    assert nms(boxes, torch.tensor([0.5, 0.5, 0.5]), 0.5).tolist() == [0, 1]
    assert nms(boxes, torch.tensor([0.5, 0.5, 0.6]), 0.4).tolist() == [2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("part, whole", [(3, 5), (3, 10), (1, 10), (1, 3), (4, 5), (2, 5), (7, 10), (9, 10), (1, 2)])
def test_iou_and_threshold_are_compared_as_torchvision_compares_them(part, whole, dtype):
    """In float32, 3/5 is above 0.6, and 7/10 below 0.7: the threshold is not rounded."""
    boxes = torch.tensor([[0, 0, whole, 1], [0, 0, part, 1]], dtype=dtype)
    scores = torch.tensor([0.9, 0.8], dtype=dtype)
    assert torch.equal(nms(boxes, scores, part / whole), torchvision.ops.nms(boxes, scores, part / whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("objects", [None, 12])
def test_nms_equals_torchvision_index_for_index(objects, threshold, dtype):
    for count in (1, 2, 17, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5):
        boxes, scores = draw_boxes(count, dtype=dtype, objects=objects, seed=count)
        kept = nms(boxes, scores, threshold)
        assert torch.equal(kept, torchvision.ops.nms(boxes, scores, threshold))
    assert 1 < len(kept) < count or threshold == 1


def test_nms_equals_torchvision_where_tails_are_longer_than_a_piece():
    for objects in (None, 30):
        boxes, scores = draw_boxes(4000, dtype=torch.float32, objects=objects, side=25)
        kept = nms(boxes, scores, 0.5)
        assert torch.equal(kept, torchvision.ops.nms(boxes, scores, 0.5)) and 30 < len(kept) < 4000


@pytest.mark.parametrize("dtype", DTYPES)
def test_nms_equals_torchvision_on_degenerate_boxes(dtype):
    boxes, scores = draw_boxes(400, dtype=dtype, objects=20)
    boxes = boxes.round()
    boxes[::5, 2] = boxes[::5, 0]  # lines
    boxes[::7, 2:] = boxes[::7, :2]  # points
    boxes[::9] = boxes[::9].roll(2, 1)  # reversed
    boxes[1::50] = boxes[1]  # the same box several times
    boxes[3::100, 2] = math.inf
    boxes[4::100, 1] = math.nan
    scores[5::60] = math.nan
    for threshold in (0.0, 0.5):
        kept = nms(boxes, scores, threshold)
        assert torch.equal(kept, torchvision.ops.nms(boxes, scores, threshold)) and 1 < len(kept) < 400


def test_no_boxes():
    none, groups = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    for kept in (nms(none, none[:, 0], 0.5), batched_nms(none, none[:, 0], groups, 0.5)):
        assert kept.shape == (0,) and kept.dtype == torch.int64
    kept, scores = soft_nms(none, none[:, 0])
    assert kept.shape == scores.shape == (0,) and kept.dtype == torch.int64 and scores.dtype == torch.float32


@pytest.mark.parametrize("count, kinds", [(1, 1), (30, 3), (900, 5), (900, 300), (1000, 1)])
def test_batched_nms_equals_torchvision_index_for_index(count, kinds):
    """Corners are whole numbers, which torchvision moves apart without rounding them."""
    boxes, scores = draw_boxes(count, objects=25)
    boxes = boxes.clamp(min=0).round()
    groups = torch.randint(kinds, (count,), generator=torch.Generator().manual_seed(1)) * 3
    kept = batched_nms(boxes, scores, groups, 0.4)
    assert torch.equal(kept, torchvision.ops.batched_nms(boxes, scores, groups, 0.4))


def test_batched_nms_of_many_boxes_keeps_what_torchvision_keeps():
    """Above 1000 boxes torchvision goes group by group, and leaves the order of ties open: here there are none."""
    boxes, _ = draw_boxes(2500, objects=40)
    scores = torch.randperm(2500, generator=torch.Generator().manual_seed(0)).double()
    groups = torch.randint(4, (2500,), generator=torch.Generator().manual_seed(1))
    kept = batched_nms(boxes, scores, groups, 0.4)
    assert torch.equal(kept, torchvision.ops.batched_nms(boxes, scores, groups, 0.4)) and 50 < len(kept) < 2500
    ties = (scores / 100).floor()
    kept, library = (function(boxes, ties, groups, 0.4) for function in (batched_nms, torchvision.ops.batched_nms))
    assert torch.equal(kept.sort().values, library.sort().values)
    assert torch.equal(kept, kept[ties[kept].argsort(descending=True, stable=True)])


def test_batched_nms_is_nms_of_each_group():
    boxes, scores = draw_boxes(700, objects=20)  # some coordinates are negative
    groups = torch.randint(-3, 4, (700,), generator=torch.Generator().manual_seed(1))
    kept = batched_nms(boxes, scores, groups, 0.3)
    for group in range(-3, 4):
        members = (groups == group).nonzero()[:, 0]
        expected = members[nms(boxes[members], scores[members], 0.3)]
        assert torch.equal(kept[groups[kept] == group], expected)
    assert torch.equal(scores[kept], scores[kept].sort(descending=True).values)


def soft_nms_by_definition(boxes, scores, weigh, min_score):
    """One box after the other, as figure 2 of the paper has it."""
    iou = box_iou(boxes, boxes).tolist()
    left, taken = dict(enumerate(scores.tolist())), []
    while left:
        best = max(left, key=lambda n: (left[n], -n))
        score = left.pop(best)
        if score >= min_score:
            taken.append((best, score))
        for n in left:
            left[n] *= weigh(iou[best][n])
    return taken


SOFT = {
    "hard": lambda u: 0 if u > 0.3 else 1,
    "linear": lambda u: 1 - u if u > 0.3 else 1,
    "gaussian": lambda u: math.exp(-(u**2) / 0.5),
}


@pytest.mark.parametrize("decay", SOFT)
def test_soft_nms_equals_its_definition(decay):
    boxes, scores = draw_boxes(40, objects=4)
    kept, lowered = soft_nms(boxes, scores, decay=decay, min_score=0.05)
    expected = soft_nms_by_definition(boxes, scores, SOFT[decay], 0.05)
    assert kept.tolist() == [n for n, _ in expected]
    assert lowered.tolist() == pytest.approx([score for _, score in expected])
    assert len(kept) > 5 and (lowered != scores[kept]).any() == (decay != "hard")
    assert torch.equal(lowered, lowered.sort(descending=True).values)


def test_hard_soft_nms_is_nms():
    for objects in (None, 10):
        boxes, scores = draw_boxes(200, objects=objects)
        kept, lowered = soft_nms(boxes, scores + 0.01, decay="hard", threshold=0.5)
        assert torch.equal(kept, nms(boxes, scores, 0.5)) and torch.equal(lowered, (scores + 0.01)[kept])


def test_soft_nms_leaves_scores_alone_and_takes_boxes_without_area():
    boxes = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 2, 2]])
    scores = torch.tensor([0.9, 0.8, 0.7], requires_grad=True)
    kept, lowered = soft_nms(boxes, scores)
    assert kept.tolist() == [0, 1, 2] and torch.equal(lowered, scores.detach()) and not lowered.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    boxes, scores = draw_boxes(60, dtype=dtype, objects=5)
    assert torch.equal(nms(boxes, scores, 0.5), nms(boxes.float(), scores.float(), 0.5))
    assert soft_nms(boxes, scores)[1].dtype == dtype


def test_suppression_is_found_in_boxes_too():
    assert (boxes_module.nms, boxes_module.batched_nms, boxes_module.soft_nms) == (nms, batched_nms, soft_nms)


def test_bad_input_is_refused():
    boxes, scores = draw_boxes(5)
    groups = torch.zeros(5, dtype=torch.int64)
    calls = (nms, lambda *a: batched_nms(*a[:2], groups, a[2]), lambda *a: soft_nms(*a[:2], threshold=a[2]))
    for call in calls:
        with pytest.raises(ValueError, match="boxes must be floating boxes"):
            call(boxes.long(), scores, 0.5)
        for bad in (scores[:4], scores[:, None], scores > 0.5):
            with pytest.raises(ValueError, match=r"boxes \(N, 4\) and one floating score for each"):
                call(boxes, bad, 0.5)
        with pytest.raises(ValueError, match=r"boxes \(N, 4\) and one floating score for each"):
            call(boxes[None], scores, 0.5)
        for threshold in (-0.1, 1.1, math.nan, "0.5", None):
            with pytest.raises(ValueError, match="threshold must be a number from 0 to 1"):
                call(boxes, scores, threshold)
        with pytest.raises(ValueError, match="one device, but there are boxes on meta, scores on cpu"):
            call(boxes.to("meta"), scores, 0.5)
    for bad in (groups[:4], groups.float(), groups[:, None]):
        with pytest.raises(ValueError, match="groups must hold one integer for each of 5 boxes"):
            batched_nms(boxes, scores, bad, 0.5)
    with pytest.raises(ValueError, match="decay must be one of"):
        soft_nms(boxes, scores, decay="soft")
    for settings in ({"sigma": 0}, {"sigma": -1}, {"min_score": 0}, {"min_score": math.inf}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
            soft_nms(boxes, scores, **settings)


@pytest.mark.gpu
def test_suppression_is_the_same_on_a_gpu():
    boxes, _ = draw_boxes(900, objects=30)
    scores = torch.randperm(900, generator=torch.Generator().manual_seed(0)).double() + 1
    groups = torch.randint(4, (900,), generator=torch.Generator().manual_seed(1))
    on_gpu = [tensor.cuda() for tensor in (boxes, scores, groups)]
    assert torch.equal(nms(*on_gpu[:2], 0.5).cpu(), nms(boxes, scores, 0.5))
    assert torch.equal(batched_nms(*on_gpu, 0.5).cpu(), batched_nms(boxes, scores, groups, 0.5))
    for mine, expected in zip(soft_nms(*on_gpu[:2]), soft_nms(boxes, scores), strict=True):
        torch.testing.assert_close(mine.cpu(), expected, rtol=1e-9, atol=1e-9)
