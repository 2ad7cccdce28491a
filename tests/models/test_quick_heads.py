"""Regions to learn from, what they see, and detections of the quick heads, on cases that can be followed by hand."""

import math

import pytest
import torch
from quick_cases import rectangles

from course_utils.models.detection.quick_heads import QuickRoIHeads, one_sample
from course_utils.models.detection.quick_targets import (
    Sampling,
    clip_regions,
    in_one_row,
    read_masks,
    sample_regions,
    true_objects,
)
from course_utils.ops.boxes import decode, encode
from course_utils.ops.roi import roi_align

SIZE = (24, 32)
ALL = Sampling(copies=0, jitter=0.0, positives=100, negatives=100)


def proposal(*rows: tuple[float, ...], score: float = 0.81) -> torch.Tensor:
    return torch.tensor([(*row, score) for row in rows]).view(-1, 5)


def objects_of(*targets: dict):
    return true_objects(targets, torch.float32)


NOTHING = rectangles(SIZE)
ONE = rectangles(SIZE, (4, 4, 12, 12))
TWO = rectangles(SIZE, (2, 2, 10, 10), (20, 4, 28, 20), labels=(2, 1))


# What masks look like from a box


def test_a_cell_reads_the_pixel_in_which_its_middle_lies():
    """A grid of 2 × 2 on the box (1, 0, 5, 2): middles at x = 2 and 4, y = 0.5 and 1.5."""
    mask = torch.zeros(1, 3, 6, dtype=torch.bool)
    mask[0, 0, 2] = mask[0, 1, 4] = True
    seen = read_masks(mask, torch.tensor([0]), torch.tensor([[1.0, 0, 5, 2]]), 2)
    assert torch.equal(seen, torch.tensor([[[1.0, 0], [0, 1]]]))
    mask = mask.roll(1, 2)
    assert not read_masks(mask, torch.tensor([0]), torch.tensor([[1.0, 0, 5, 2]]), 2).any()


def test_each_box_reads_its_own_object():
    masks = torch.stack([torch.ones(4, 4), torch.zeros(4, 4)]).bool()
    boxes = torch.tensor([[0.0, 0, 4, 4], [1, 1, 3, 3], [0, 0, 1, 1]])
    seen = read_masks(masks, torch.tensor([1, 0, 0]), boxes, 3)
    assert seen.flatten(1).mean(1).tolist() == [0, 1, 1]


def test_a_mask_of_one_pixel_and_the_image_s_border():
    mask = torch.zeros(1, 5, 7, dtype=torch.bool)
    mask[0, 4, 6] = True
    boxes = torch.tensor([[6.0, 4, 7, 5], [5, 3, 7, 5]])
    seen = read_masks(mask, torch.tensor([0, 0]), boxes, 4)
    assert seen[0].all() and torch.equal(seen[1].nonzero(), torch.tensor([[2, 2], [2, 3], [3, 2], [3, 3]]))


def test_beyond_the_border_a_box_sees_the_last_pixels():
    mask = torch.zeros(1, 2, 3, dtype=torch.bool)
    mask[0, 1, 2] = True
    assert read_masks(mask, torch.tensor([0]), torch.tensor([[3.0, 2, 9, 9]]), 2).all()
    assert not read_masks(mask, torch.tensor([0]), torch.tensor([[-5.0, -5, -1, -1]]), 2).any()


# Which regions are learnt from


def test_what_finds_an_object_comes_first():
    """IoU with the square of side 8: 0 for the first box, 1, then 48 / 80, then 32 / 96, below the half that counts."""
    proposed = proposal((20, 10, 28, 18), (4, 4, 12, 12), (6, 4, 14, 12), (8, 4, 16, 12))
    torch.manual_seed(0)
    regions, match = sample_regions([proposed], objects_of(ONE), [SIZE], ALL)
    assert match.tolist() == [0, 0, -1, -1]
    assert sorted(regions[:2, 1].tolist()) == [4, 6] and sorted(regions[2:, 1].tolist()) == [8, 20]
    assert (regions[:, 0] == 0).all() and regions.shape == (4, 5)


def test_an_iou_of_a_half_is_enough():
    _, match = sample_regions([proposal((4, 4, 12, 8), (4, 4, 12, 7.9))], objects_of(ONE), [SIZE], ALL)
    assert match.tolist() == [0, -1]


def test_an_object_of_another_image_does_not_count():
    proposed = [proposal((4, 4, 12, 12)), proposal((4, 4, 12, 12))]
    regions, match = sample_regions(proposed, objects_of(NOTHING, ONE), [SIZE, SIZE], ALL)
    assert regions[:, 0].tolist() == [1, 0] and match.tolist() == [0, -1]


def test_a_region_finds_the_object_that_it_overlaps_most():
    overlapping = rectangles(SIZE, (4, 4, 12, 12), (6, 4, 14, 12))
    _, match = sample_regions([proposal((5.5, 4, 13.5, 12))], objects_of(overlapping), [SIZE], ALL)
    assert match.tolist() == [1]


def test_jittered_copies_lie_around_the_true_boxes_and_in_the_image():
    copied = Sampling(copies=200, jitter=0.075, positives=1000, negatives=1000)
    torch.manual_seed(0)
    objects = objects_of(TWO)
    regions, match = sample_regions([proposal()], objects, [SIZE], copied)
    assert len(regions) == 400 and (match >= 0).float().mean() > 0.95
    own = regions[match == 1]
    moved = (own[:, 1:] - objects.boxes[1]) / torch.tensor([8, 16, 8, 16])
    assert moved.mean().abs() < 0.01 and 0.06 < moved.std() < 0.08
    border = objects_of(rectangles(SIZE, (0, 0, 32, 24)))
    regions, _ = sample_regions([proposal()], border, [SIZE], copied)
    assert (regions[:, 1:] >= 0).all() and (regions[:, 3] <= 32).all() and (regions[:, 4] <= 24).all()


def test_without_jitter_copies_are_the_true_boxes():
    regions, match = sample_regions([proposal()], objects_of(TWO), [SIZE], ALL._replace(copies=2))
    assert torch.equal(regions[:, 1:], objects_of(TWO).boxes[match]) and len(match) == 4


def test_there_are_at_most_so_many_an_image_on_average():
    many = proposal(*[(4 + n / 100, 4, 12, 12) for n in range(40)], *[(20, 10 + n / 10, 24, 20) for n in range(40)])
    some = ALL._replace(positives=5, negatives=7)
    _, match = sample_regions([many, proposal()], objects_of(ONE, NOTHING), [SIZE, SIZE], some)
    assert (match >= 0).sum() == 10 and (match < 0).sum() == 14


def test_no_objects_boxes_without_area_and_nothing_at_all():
    flat = proposal((4, 4, 4, 12), (40, 4, 50, 12), (1, 1, 3, 3))  # the second lies outside
    regions, match = sample_regions([flat], objects_of(NOTHING), [SIZE], ALL._replace(copies=3))
    assert regions[:, 1:].tolist() == [[1, 1, 3, 3]] and match.tolist() == [-1]
    regions, match = sample_regions([flat[:2]], objects_of(NOTHING), [SIZE], ALL)
    assert regions.shape == (0, 5) and match.shape == (0,)


def test_rows_of_several_images():
    rows = in_one_row([proposal((1, 2, 3, 4)), proposal(), proposal((5, 6, 7, 8))])
    assert rows[:, 0].tolist() == [0, 2] and rows.shape == (2, 6)
    clipped = clip_regions(torch.tensor([[0.0, -1, -2, 50, 50], [1, 3, 4, 50, 5]]), [(10, 20), (30, 40)])
    assert clipped.tolist() == [[0, 0, 0, 20, 10], [1, 3, 4, 40, 5]]


def test_masks_must_be_there_and_have_one_size():
    with pytest.raises(ValueError, match=r'targets \[1\] have no "masks"'):
        objects_of(ONE, {name: ONE[name] for name in ("boxes", "labels")})
    with pytest.raises(ValueError, match=r"images of one size, but the masks .* \[\(8, 9\), \(24, 32\)\]"):
        objects_of(ONE, rectangles((8, 9), (1, 1, 3, 3)))


# The heads


def heads_of(num_classes: int = 3, **settings) -> QuickRoIHeads:
    torch.manual_seed(0)
    return QuickRoIHeads(4, num_classes, **{"hidden": 8, "mask_channels": 4} | settings)


def fine_map(count: int = 1, *, dtype=torch.float32) -> torch.Tensor:
    height, width = SIZE
    return torch.rand(
        count, 4, height // 2, width // 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    ).to(dtype)


def test_regions_are_cut_out_in_cells_of_the_map():
    features = fine_map()
    region = torch.tensor([[0.0, 4, 6, 18, 20]])
    heads, seen = heads_of(pooling=lambda *given: (calls.append(given), one_sample(*given))[1]), None
    calls: list = []
    heads.look_at_boxes(features, region), heads.eval().draw_masks(features, region)
    assert [size for _, _, size in calls] == [7, 14]
    assert all(torch.equal(regions, torch.tensor([[0.0, 2, 3, 9, 10]])) for _, regions, _ in calls)
    seen = one_sample(features, calls[0][1], 7)
    wanted = roi_align(features, region, 7, spatial_scale=0.5, sampling_ratio=1, aligned=True)
    torch.testing.assert_close(seen, wanted)
    # A bin of one cell whose middle is the cell's: the cell itself.
    torch.testing.assert_close(seen, features[:, :, 3:10, 2:9])


def test_losses_of_an_untrained_network():
    """All logits of classes are 0, so that each of 2 regions costs ln 3; masks of logit 0 cost ln 2."""
    heads = heads_of(jittered=0)
    for layer in (heads.classes, heads.offsets, heads.mask[-1]):
        torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    proposed = proposal((4, 4, 12, 12), (20, 10, 28, 18), (6, 4, 14, 12))
    _, losses = heads([fine_map()], [proposed], [SIZE], [ONE])
    assert losses["classes"].item() == pytest.approx(math.log(3))
    assert losses["masks"].item() == pytest.approx(math.log(2))
    # Of the two that are to find the square, one does; the other has IoU 48 / 80, and the hull of both is their union.
    assert losses["boxes"].item() == pytest.approx((1 - 48 / 80) / 2)


def test_only_so_many_regions_draw_a_mask():
    counts = []

    def counted(logits, labels, seen):
        counts.append((logits.shape, labels.tolist(), seen.shape))
        return logits.sum()

    heads = heads_of(jittered=50, positives=30, masked=4, mask_loss=counted)
    heads([fine_map(2)], [proposal(), proposal()], [SIZE, SIZE], [TWO, NOTHING])
    shape, labels, seen = counts[0]
    assert shape == (8, 3, 28, 28) and seen == (8, 28, 28) and set(labels) <= {1, 2}


def test_the_mask_loss_is_given_what_each_region_sees():
    def told(logits, labels, seen):
        return seen.mean((1, 2)).sum()

    heads = heads_of(jittered=0, mask_loss=told)
    _, losses = heads([fine_map()], [proposal((4, 4, 12, 12), (4, 4, 12, 14))], [SIZE], [ONE])
    # The second sees the square in the first 8 of 10 rows: the middles of 22 of 28 cells.
    assert losses["masks"].item() == pytest.approx(1 + 22 / 28)


def test_the_mask_loss_is_given_each_region_s_own_label():
    """A full square of label 2, and of label 1 a square whose lower half is free."""
    target = rectangles(SIZE, (2, 2, 10, 10), (20, 4, 28, 12), labels=(2, 1))
    target["masks"][1, 8:] = False
    shares = {}

    def told(logits, labels, seen):
        shares.update(zip(labels.tolist(), seen.mean((1, 2)).tolist(), strict=True))
        return logits.sum()

    heads_of(jittered=0, mask_loss=told)([fine_map()], [proposal((2, 2, 10, 10), (20, 4, 28, 12))], [SIZE], [target])
    assert shares == {2: 1.0, 1: 0.5}


def test_without_objects_the_mask_loss_is_not_asked():
    heads = heads_of(mask_loss=lambda *_: pytest.fail("asked"))
    _, losses = heads([fine_map()], [proposal((4, 4, 12, 12))], [SIZE], [NOTHING])
    assert losses["masks"] == losses["boxes"] == 0 and losses["classes"] > 0
    _, losses = heads([fine_map()], [proposal()], [SIZE], [NOTHING])
    assert losses["classes"] == losses["masks"] == losses["boxes"] == 0
    sum(losses.values()).backward()


def certain(heads: QuickRoIHeads, label: int, *, by: float = 6.0) -> QuickRoIHeads:
    """Heads that say of every region that it holds this label, leave its box, and draw masks of logit 1, 2, …."""
    with torch.no_grad():
        for layer in (heads.classes, heads.offsets, heads.mask[-1]):
            layer.weight.zero_(), layer.bias.zero_()
        heads.classes.bias[label] = by
        heads.mask[-1].bias.copy_(torch.arange(1.0, heads.num_classes + 1))
    return heads.eval()


def test_detections_are_the_best_of_each_class_and_image():
    """A score is the class's probability times the root of the proposal's: 0.9 · p for 0.81."""
    heads = certain(heads_of(), 2)
    probability = torch.tensor([0.0, 0, 6]).softmax(0)[2]
    proposed = [
        torch.cat([proposal((4, 4, 12, 12), (5, 4, 13, 12)), proposal((20, 10, 28, 18), score=0.25)]),
        proposal(),
        proposal((1, 1, 7, 9), score=1.0),
    ]
    found, losses = heads([fine_map(3)], proposed, [SIZE] * 3)
    assert losses == {} and [len(some["boxes"]) for some in found] == [2, 0, 1]
    assert found[0]["boxes"].tolist() == [[4, 4, 12, 12], [20, 10, 28, 18]] and found[0]["labels"].tolist() == [2, 2]
    torch.testing.assert_close(found[0]["scores"], probability * torch.tensor([0.9, 0.5]))
    assert found[2]["boxes"].tolist() == [[1, 1, 7, 9]]
    torch.testing.assert_close(found[0]["mask_grids"], torch.full((2, 28, 28), 3.0).sigmoid())
    assert found[1]["mask_grids"].shape == (0, 28, 28) and found[1]["labels"].dtype == torch.int64


def test_a_better_box_drops_one_of_its_class_and_image_only():
    heads = certain(heads_of(), 2, by=1.0)
    found, _ = heads([fine_map(2)], [proposal((4, 4, 12, 12))] * 2, [SIZE] * 2)
    for some in found:
        assert some["labels"].tolist() == [2, 1] and some["boxes"].tolist() == [[4, 4, 12, 12]] * 2


def test_a_score_is_the_mean_of_two_looks():
    heads = heads_of(min_score=0.0).eval()
    first = torch.tensor([[0.0, 4, 4, 12, 12]])
    with torch.no_grad():
        heads.offsets.bias.copy_(torch.tensor([5.0, 0, 0, 0]))  # half a width to the right
        once, offsets = heads.look_at_boxes(fine_map(), first)
        refined = torch.cat([first[:, :1], decode(offsets, first[:, 1:], weights=(10, 10, 5, 5))], 1)
        again, _ = heads.look_at_boxes(fine_map(), refined)
    assert (once - again).abs().max() > 1e-3
    (found,), _ = heads([fine_map()], [proposal((4, 4, 12, 12), score=1.0)], [SIZE])
    wanted = (once.softmax(1) + again.softmax(1))[0, 1:] / 2
    torch.testing.assert_close(found["scores"], wanted.sort(descending=True)[0])


def test_maps_that_compete_are_seen_through_a_softmax():
    heads = certain(heads_of(softmax_masks=True), 1)
    (found,), _ = heads([fine_map()], [proposal((4, 4, 12, 12))], [SIZE])
    torch.testing.assert_close(found["mask_grids"][0, 0, 0], torch.tensor([1.0, 2, 3]).softmax(0)[1])


def test_a_box_is_refined_once_or_twice():
    torch.manual_seed(0)
    once, twice = (certain(heads_of(twice=both), 1) for both in (False, True))
    first, second = torch.tensor([[4.0, 4, 12, 12]]), torch.tensor([[6.0, 4, 14, 12]])
    offset = encode(second, first, weights=(10, 10, 5, 5))[0]  # 2 pixels to the right
    for heads, wanted in ((once, [6, 4, 14, 12]), (twice, [8, 4, 16, 12])):
        heads.offsets.bias.data.copy_(offset)
        (found,), _ = heads([fine_map()], [proposal((4, 4, 12, 12))], [SIZE])
        torch.testing.assert_close(found["boxes"][0], torch.tensor(wanted).float())


def test_of_detections_none_is_flat_and_only_so_many_are_kept():
    heads = certain(heads_of(detections=2), 1)
    proposed = proposal((3, 3, 3, 9), (40, 3, 50, 9), (1, 1, 4, 4), (8, 1, 12, 4), (16, 1, 20, 4))
    (found,), _ = heads([fine_map()], [proposed], [SIZE])
    assert found["boxes"].tolist() == [[1, 1, 4, 4], [8, 1, 12, 4]]


def test_float64_channels_last_and_every_gradient():
    heads, proposed = heads_of(jittered=5).double(), [proposal((4, 4, 12, 12), (20, 10, 28, 18)).double()]
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        _, losses = heads([fine_map(dtype=torch.float64).contiguous(memory_format=layout)], proposed, [SIZE], [ONE])
        results.append(losses)
    assert all(loss.dtype == torch.float64 for loss in results[0].values())
    assert all(torch.allclose(results[1][name], results[0][name], rtol=1e-10) for name in results[0])
    sum(results[0].values()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in heads.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 1}, "num_classes must be an integer of 2 or more"),
        ({"stride": 0}, "stride must be"),
        ({"jittered": -1}, "jittered must be an integer of 0 or more"),
        ({"jitter": 2}, "jitter must be a number from 0 to 1"),
        ({"positives": 0}, "positives must be"),
        ({"min_score": "low"}, "min_score must be"),
        ({"twice": 1}, "twice must be True or False"),
        ({"softmax_masks": "no"}, "softmax_masks must be True or False"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        QuickRoIHeads(**{"channels": 4, "num_classes": 3} | settings)


@pytest.mark.gpu
def test_losses_and_detections_on_a_gpu():
    heads, proposed = heads_of(jittered=0).double(), [proposal((4, 4, 12, 12), (6, 4, 14, 12)).double()]
    _, losses = heads([fine_map(dtype=torch.float64)], proposed, [SIZE], [ONE])
    (want,), _ = heads.eval()([fine_map(dtype=torch.float64)], proposed, [SIZE])
    heads, given = heads.cuda(), ([fine_map(dtype=torch.float64).cuda()], [proposed[0].cuda()], [SIZE])
    (have,), _ = heads(*given)
    _, found = heads.train()(*given, [{name: part.cuda() for name, part in ONE.items()}])
    assert all(torch.allclose(found[name].cpu(), losses[name]) for name in losses)
    for name, wanted in want.items():
        torch.testing.assert_close(have[name].cpu(), wanted)
