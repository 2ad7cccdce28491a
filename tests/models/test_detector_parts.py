"""Anchors, their matching with truth, and sampling: by hand, against torchvision, at the edges, and what is refused."""

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.assignment import BACKGROUND, BETWEEN, balanced_sample, match_boxes


def maps_of(*sizes: tuple[int, int]) -> list[Tensor]:
    return [torch.zeros(1, 2, *size) for size in sizes]


# Anchors


def test_anchors_by_hand():
    (found,) = Anchors((8,), sizes=((4,),), ratios=(1, 4))(maps_of((2, 1)))
    # Of area 16: 4 × 4, and 2 wide and 8 high; around the cells' middles (4, 4) and (4, 12).
    assert found.tolist() == [[2, 2, 6, 6], [3, 0, 5, 8], [2, 10, 6, 14], [3, 8, 5, 16]]
    (legacy,) = Anchors((8,), sizes=((4,),), ratios=(1, 4), legacy=True)(maps_of((2, 1)))
    assert torch.equal(legacy + 4, found)  # around the cells' first corners


def test_anchors_have_their_area_and_ratio_and_are_8_strides_large():
    anchors = Anchors((4, np.int64(8)))
    assert (anchors.sizes, anchors.per_cell) == (((32,), (64,)), 3)
    fine, coarse = anchors(maps_of((3, 5), (2, 3)))
    assert (fine.shape, coarse.shape) == ((45, 4), (18, 4))
    width, height = (fine[:, 2:] - fine[:, :2]).unbind(1)
    torch.testing.assert_close(width * height, torch.full((45,), 1024.0))
    torch.testing.assert_close((height / width).view(15, 3), torch.tensor([0.5, 1, 2]).expand(15, 3))
    centres = (fine[::3, :2] + fine[::3, 2:]) / 2
    torch.testing.assert_close(centres[[0, 1, 5]], torch.tensor([[2.0, 2], [6, 2], [2, 6]]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_anchors_equal_torchvision_anchor_generator(dtype):
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.image_list import ImageList

    sizes, ratios = ((10, 23.0), (32, 40), (64, 100)), (0.5, 1.0, 3.0)
    # Of 5 rows of stride 16, those of the last map are 2: torchvision takes 80 // 2 for its stride, not 32.
    maps = [map_.to(dtype) for map_ in maps_of((10, 12), (5, 6), (2, 3))]
    image = torch.zeros(1, 3, 80, 96)
    wanted = AnchorGenerator(sizes, (ratios,) * 3)(ImageList(image, [(80, 96)]), maps)[0]
    found = Anchors((8, 16, 32), sizes=sizes, ratios=ratios, legacy=True)(maps)
    assert torch.equal(torch.cat(found), wanted) and wanted.dtype == found[0].dtype == dtype
    even = Anchors((8, 16, 32), sizes=sizes, ratios=ratios)(maps)
    steps = [(level[2][6 * 3, 1] - level[2][0, 1]).item() for level in (found, even)]  # from row to row, of 3 cells
    assert steps == pytest.approx([40, 32])


def test_anchors_of_half_precision_maps_are_not_rounded_to_it():
    (found,) = Anchors((4,))([torch.zeros(1, 2, 3, 600, dtype=torch.bfloat16)])
    assert found.dtype == torch.float32 and (found[3 * 599 + 1, [0, 2]].sum() / 2).item() == 599.5 * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Anchors((4, 0)), r"strides\[1\] must be an integer of 1 or more"),
        (lambda: Anchors((4, 8), sizes=((32,),)), "a tuple of numbers for each of 2 strides"),
        (lambda: Anchors((4,), sizes=(32,)), r"sizes\[0\] must be a tuple of positive numbers, but is 32"),
        (lambda: Anchors((4,), ratios=(0, 1)), r"ratios must be a tuple of positive numbers, but is \(0, 1\)"),
        (lambda: Anchors((4, 8), sizes=((32,), (16, 64))), "Each map needs as many sizes as the others"),
        (lambda: Anchors((4,), legacy="no"), "legacy must be True or False"),
        (lambda: Anchors((4, 8))(maps_of((2, 2))), r"a map for each of the strides \(4, 8\), but there are 1"),
    ],
)
def test_anchors_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Matching

TRUTH = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
BOXES = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 5], [0, 0, 10, 2], [20, 0, 30, 4], [50, 50, 60, 60]])


def test_matching_by_hand():
    # IoU with the first: 0.9, 0.5, 0.2; of the fourth with the second: 0.4.
    found = match_boxes(TRUTH, BOXES, high=0.7, low=0.3)
    assert found.tolist() == [0, BETWEEN, BACKGROUND, BETWEEN, BACKGROUND]
    assert match_boxes(TRUTH, BOXES, high=0.7, low=0.3, keep_best=True).tolist() == [0, BETWEEN, BACKGROUND, 1, -1]
    # Thresholds belong to what they allow.
    assert match_boxes(TRUTH, BOXES, high=0.5, low=0.5).tolist() == [0, 0, -1, -1, -1]


def test_a_best_box_may_go_to_another_object_that_it_overlaps_more():
    truth = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 1]])
    assert match_boxes(truth, torch.tensor([[0.0, 0, 10, 5]]), high=0.7, low=0.3, keep_best=True).tolist() == [0]


def test_of_equal_best_boxes_all_are_kept():
    boxes = torch.tensor([[0.0, 0, 10, 3], [0, 7, 10, 10], [0, 0, 10, 2]])
    assert match_boxes(TRUTH[:1], boxes, high=0.7, low=0.3, keep_best=True).tolist() == [0, 0, BACKGROUND]


def test_an_object_that_no_box_overlaps_keeps_none():
    truth = torch.tensor([[80.0, 80, 90, 90], [5, 5, 5, 5]])
    assert match_boxes(truth, BOXES, high=0.7, low=0.3, keep_best=True).tolist() == [-1] * 5


@pytest.mark.parametrize("keep_best", [True, False])
def test_matching_equals_torchvision_matcher(keep_best):
    from torchvision.models.detection._utils import Matcher
    from torchvision.ops import box_iou

    draw = torch.Generator().manual_seed(0)
    corner, size = (torch.rand(300, 2, generator=draw, dtype=torch.float64) * 50 for _ in range(2))
    boxes = torch.cat([corner, corner + size], 1)
    truth = torch.cat([boxes[:4] + 3, boxes[5:8]])
    wanted = Matcher(0.7, 0.3, keep_best)(box_iou(truth, boxes))
    found = match_boxes(truth, boxes, high=0.7, low=0.3, keep_best=keep_best)
    assert torch.equal(found, wanted) and {-2, -1, 0, 5} <= set(found.tolist())


def test_nothing_to_match():
    none = torch.zeros(0, 4)
    assert match_boxes(none, BOXES, high=0.5, low=0.5).tolist() == [BACKGROUND] * 5
    assert match_boxes(TRUTH, none, high=0.5, low=0.5, keep_best=True).shape == (0,)
    assert match_boxes(none, none, high=0.5, low=0.5).dtype == torch.int64


def test_matching_refuses_thresholds_the_wrong_way_round():
    with pytest.raises(ValueError, match="low must be a number from 0 to 0.3, but is 0.7"):
        match_boxes(TRUTH, BOXES, high=0.3, low=0.7)


# Sampling


def test_a_sample_is_balanced_ascending_and_without_what_lies_between():
    matches = torch.tensor([3, BETWEEN, BACKGROUND, 0, BACKGROUND, BETWEEN, 1, BACKGROUND, BACKGROUND])
    found = balanced_sample(matches, 4, 0.5, generator=torch.Generator().manual_seed(0))
    assert found.tolist() == sorted(found.tolist()) and len(set(found.tolist())) == 4
    assert (matches[found] >= 0).sum() == 2 and (matches[found] == BACKGROUND).sum() == 2
    everything = balanced_sample(matches, 100, 1.0)
    assert everything.tolist() == [0, 2, 3, 4, 6, 7, 8]
    few = balanced_sample(matches, 5, 0.9, generator=torch.Generator().manual_seed(0))
    assert (matches[few] >= 0).sum() == 3 and len(few) == 5, "background fills what objects leave"
    assert balanced_sample(matches[:0], 3, 0.5).shape == (0,)
    assert balanced_sample(torch.full((5,), BETWEEN), 3, 0.5).shape == (0,)


def test_every_box_is_drawn_as_often():
    matches = torch.tensor([0, 0, 1, *[BACKGROUND] * 5])
    draw = torch.Generator().manual_seed(0)
    counts = sum(balanced_sample(matches, 4, 0.5, generator=draw).bincount(minlength=8) for _ in range(600))
    torch.testing.assert_close(counts.double(), torch.tensor([400.0] * 3 + [240.0] * 5).double(), rtol=0.15, atol=0)


def test_a_sample_equals_torchvision_balanced_sampler():
    from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

    draw = torch.Generator().manual_seed(0)
    matches = torch.randint(-2, 3, (200,), generator=draw)
    labels = torch.where(matches >= 0, 1, torch.where(matches == BACKGROUND, 0, -1))
    for count, share in ((64, 0.25), (512, 0.25), (50, 0.5)):
        torch.manual_seed(5)
        (positive,), (negative,) = BalancedPositiveNegativeSampler(count, share)([labels])
        torch.manual_seed(5)
        assert torch.equal(balanced_sample(matches, count, share), (positive | negative).nonzero()[:, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], 2, 0.5), "matches must be a tensor"),
        ((torch.tensor([0]), 0, 0.5), "count must be an integer of 1 or more, but is 0"),
        ((torch.tensor([0]), 2, 1.5), "positive_share must be a number from 0 to 1, but is 1.5"),
    ],
)
def test_sampling_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        balanced_sample(*arguments)


@pytest.mark.gpu
def test_parts_on_a_gpu():
    maps = [map_.cuda() for map_ in maps_of((3, 5))]
    (anchors,) = Anchors((4,))(maps)
    matches = match_boxes(TRUTH.cuda(), anchors, high=0.7, low=0.3, keep_best=True)
    assert torch.equal(matches.cpu(), match_boxes(TRUTH, anchors.cpu(), high=0.7, low=0.3, keep_best=True))
    drawn = balanced_sample(matches, 8, 0.5)
    assert drawn.is_cuda and len(drawn) == 8
