"""YOLACT's losses: matching and mining by hand, each loss in a loop, gradients, targets of every kind, what is refused."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss
from yolact_cases import drawn_outputs, rectangles

from course_utils.models.detection.yolact_losses import (
    four_losses,
    hard_negative_loss,
    match,
)
from course_utils.models.detection.yolact_targets import stack_targets
from course_utils.ops.boxes import box_iou, encode

SIZE = (32, 48)
TWO = rectangles((2, 3, 14, 15), (20, 8, 46, 30), labels=[2, 1])
ONE = rectangles((30, 2, 38, 18), labels=[1])
NONE = rectangles()


# --- Which anchor stands for which object


def test_matching_by_hand():
    anchors = torch.tensor(
        [[0.0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 4.5], [0, 0, 10, 3], [20, 0, 30, 10], [21, 0, 29, 10]]
    )
    boxes = torch.tensor([[[0.0, 0, 10, 10], [20, 0, 24, 10]]])
    found = match(anchors, boxes)
    assert found.objects[0, :4].tolist() == [0, 0, 0, 0] and found.objects[0, 4].item() == 1
    # IoU 1, .5, .45, .3 with the first object; .4 and 3/9 with the second, whose best anchor the fifth is.
    assert found.positive.tolist() == [[True, True, False, False, True, False]]
    assert found.negative.tolist() == [[False, False, False, True, False, True]]
    found = match(anchors, boxes, matching=(0.45, 0.3))  # float32 has 0.45 and 0.3 a little above and below these
    assert found.positive.tolist() == [[True, True, True, False, True, False]]
    assert not found.negative.any()


def test_an_anchor_that_is_the_best_of_two_takes_the_one_it_overlaps_more():
    anchors = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    boxes = torch.tensor([[[0.0, 0, 5, 10], [0, 0, 8, 10], [0, 0, 3, 10]]])
    found = match(anchors, boxes)
    assert found.objects[0, 0].item() == 1 and found.positive.tolist() == [[True, False]]


def test_the_best_anchor_of_an_object_is_its_own_even_where_it_overlaps_another_more():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10.5]])
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 21]]])  # the second prefers the second anchor, at IoU .5
    assert match(anchors, boxes).objects.tolist() == [[0, 1]]


def test_boxes_without_area_match_nothing():
    anchors = torch.tensor([[0.0, 0, 10, 10], [5, 5, 9, 9]])
    found = match(anchors, torch.tensor([[[5.0, 5, 5, 9], [0, 0, 0, 0]]]))
    assert not found.positive.any() and found.negative.all()


# --- Hard negative mining


def test_mining_by_hand():
    losses = torch.tensor([[1.0, 9, 2, 3, 8, 4, 7, 5], [1, 2, 3, 4, 5, 6, 7, 8]])
    positive = torch.tensor([[True, False, False, False, False, False, False, False], [True] * 2 + [False] * 6])
    negative = torch.tensor([[False, False, True, True, True, True, False, True], [False] * 2 + [True] * 6])
    # First image: 1, and of 2, 3, 8, 4, 5 the three largest. Second: 1 + 2, and all six others.
    assert hard_negative_loss(losses, positive, negative).item() == 1 + 8 + 5 + 4 + sum(range(1, 9))
    assert hard_negative_loss(losses, positive, negative, ratio=1).item() == 1 + 8 + 1 + 2 + 8 + 7
    assert hard_negative_loss(losses, positive & False, negative).item() == 8 + 5 + 4 + 8 + 7 + 6


def test_mining_takes_no_more_negatives_than_there_are():
    losses = torch.tensor([[1.0, 2, 3]])
    positive, negative = torch.tensor([[True, False, False]]), torch.tensor([[False, True, False]])
    assert hard_negative_loss(losses, positive, negative).item() == 3


# --- The losses against their definitions, one anchor after the other


def by_definition(outputs, targets):
    positives, classes, boxes, masks, semantic = 0, 0, 0, 0, 0
    for image, target in enumerate(targets):
        true = target["boxes"].double()
        h, w = outputs.prototypes.shape[2:]
        shares = target["masks"].double().reshape(len(true), h, SIZE[0] // h, w, SIZE[1] // w).mean((2, 4))
        iou = box_iou(outputs.anchors, true) if len(true) else torch.zeros(len(outputs.anchors), 1)
        best = {int(iou[:, m].argmax()): m for m in range(len(true))}
        negatives = []
        count = 0
        for n, row in enumerate(iou):
            m = best.get(n, int(row.argmax()))
            logits = outputs.classes[image, n]
            if n in best or row.max() >= 0.5:
                count += 1
                classes += cross_entropy(logits, target["labels"][m])
                offsets = encode(true[m], outputs.anchors[n], weights=(10, 10, 5, 5))
                boxes += smooth_l1_loss(outputs.offsets[image, n], offsets, reduction="sum")
                mask = sum(
                    c * p for c, p in zip(outputs.coefficients[image, n], outputs.prototypes[image], strict=True)
                )
                x1, y1, x2, y2 = (true[m] / 4).tolist()
                part = slice(math.floor(y1), math.ceil(y2)), slice(math.floor(x1), math.ceil(x2))
                masks += binary_cross_entropy_with_logits(mask[part], shares[m][part])
            elif row.max() < 0.4:
                negatives.append(cross_entropy(logits, torch.tensor(0)))
        positives += count
        classes += sum(sorted(negatives, key=lambda loss: loss.item(), reverse=True)[: 3 * max(count, 1)])
        wanted = torch.zeros_like(outputs.semantic[image])
        for label, share in zip(target["labels"].tolist(), shares, strict=True):
            wanted[label - 1] += share.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
        semantic += (
            binary_cross_entropy_with_logits(outputs.semantic[image], wanted, reduction="sum") / wanted[0].numel()
        )
    total = max(positives, 1)
    return {
        "classes": classes / total,
        "boxes": 1.5 * boxes / total,
        "masks": 6.125 * masks / total,
        "semantic": semantic / len(targets),
    }


@pytest.mark.parametrize("targets", [[TWO, ONE], [ONE, NONE]], ids=["objects in both", "objects in one"])
def test_they_are_what_their_definitions_give_and_so_are_their_gradients(targets):
    outputs = drawn_outputs()
    found, expected = four_losses(outputs, targets, SIZE), by_definition(outputs, targets)
    learnt = [outputs.classes, outputs.offsets, outputs.coefficients, outputs.prototypes, outputs.semantic]
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=0)
    ours, theirs = (torch.autograd.grad(sum(losses.values()), learnt) for losses in (found, expected))
    for have, want in zip(ours, theirs, strict=True):
        assert want.abs().sum() > 0
        torch.testing.assert_close(have, want, rtol=0, atol=1e-12)


def test_masks_by_hand():
    """One prototype whose sums are the logits of the truth: a box of 8 × 8 pixels is 2 × 2 of the prototype's."""
    outputs = drawn_outputs(1, prototypes=1)
    prototypes = torch.full((1, 1, 8, 12), -20.0, dtype=torch.float64)
    prototypes[..., 2:4, 3:5] = 20
    outputs = outputs._replace(prototypes=prototypes, coefficients=torch.ones_like(outputs.coefficients))
    assert four_losses(outputs, [rectangles((12, 8, 20, 16))], SIZE)["masks"] < 1e-6
    # With the box one column farther to the left, a half of its pixels are wrong by 20, whatever the number of anchors.
    assert four_losses(outputs, [rectangles((8, 8, 16, 16))], SIZE)["masks"].item() == pytest.approx(6.125 * 20 / 2)


def test_a_box_has_its_place_where_pixels_of_prototypes_are_no_squares():
    """4 rows and 2 columns of the image are one of the prototype."""
    outputs = drawn_outputs(1, prototypes=1)
    prototypes = torch.full((1, 1, 8, 12), -20.0, dtype=torch.float64)
    prototypes[..., 2:4, 3:5] = 20
    outputs = outputs._replace(prototypes=prototypes, coefficients=torch.ones_like(outputs.coefficients))
    assert four_losses(outputs, [rectangles((6, 8, 10, 16), size=(32, 24))], (32, 24))["masks"] < 1e-6
    found = four_losses(outputs, [rectangles((6, 8, 12, 16), size=(32, 24))], (32, 24))["masks"].item()
    assert found == pytest.approx(6.125 * 20 / 3)


def test_what_two_objects_of_a_class_cover_counts_once_in_semantics():
    outputs = drawn_outputs(1)
    once = four_losses(outputs, [rectangles((8, 8, 24, 24))], SIZE)["semantic"]
    twice = four_losses(outputs, [rectangles((8, 8, 24, 24), (8, 8, 24, 24))], SIZE)["semantic"]
    torch.testing.assert_close(twice, once)


def test_the_target_of_a_mask_is_the_share_of_a_pixel_that_is_covered():
    truth = stack_targets([rectangles((4, 4, 6, 8), (0, 0, 48, 32))], drawn_outputs(1).prototypes)
    assert truth.masks[0, 0].nonzero().tolist() == [[1, 1]] and truth.masks[0, 0, 1, 1] == 0.5
    assert (truth.masks[0, 1] == 1).all()


def test_each_object_counts_alike_however_large_it_is():
    """Logits 0 cost log 2 a pixel, in the mean over the box."""
    outputs = drawn_outputs(1)
    outputs = outputs._replace(coefficients=torch.zeros_like(outputs.coefficients))
    for box in ((0, 0, 48, 32), (13, 13, 14, 14), (2, 3, 15, 16)):
        assert four_losses(outputs, [rectangles(box)], SIZE)["masks"].item() == pytest.approx(6.125 * math.log(2))


def test_only_the_masks_of_the_anchors_that_fit_best_are_learnt_where_there_are_many():
    outputs = drawn_outputs(1)
    outputs = outputs._replace(coefficients=torch.zeros_like(outputs.coefficients))
    count = int(match(outputs.anchors, TWO["boxes"].double()[None]).positive.sum())
    assert count > 1
    found = four_losses(outputs, [TWO], SIZE, masks_per_image=1)["masks"].item()
    assert found == pytest.approx(6.125 * math.log(2) / count)


def test_weights_of_the_losses():
    outputs = drawn_outputs()
    ones = four_losses(outputs, [TWO, ONE], SIZE, loss_weights=(1, 1, 1, 1))
    for name, weight in {"classes": 1, "boxes": 1.5, "masks": 6.125, "semantic": 1}.items():
        torch.testing.assert_close(four_losses(outputs, [TWO, ONE], SIZE)[name], weight * ones[name])


# --- Targets of every kind


def with_crowds(target, crowd):
    return target | {"iscrowd": torch.tensor(crowd)}


def test_crowds_and_boxes_without_area_are_left_out():
    outputs = drawn_outputs(1)
    wanted = four_losses(outputs, [ONE], SIZE)
    more = rectangles((30, 2, 38, 18), (2, 3, 14, 15), (5, 5, 5, 9), labels=[1, 2, 2])
    found = four_losses(outputs, [with_crowds(more, [False, True, False])], SIZE)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name])


MANY = rectangles(*[(x % 40, x % 25, x % 40 + 1 + x % 8, x % 25 + 1 + x % 7) for x in range(500)])
TARGETS = {
    "no objects": [NONE, NONE],
    "only crowds": [with_crowds(TWO, [True, True]), with_crowds(ONE, [1])],
    "objects in one of two": [NONE, TWO],
    "one pixel": [rectangles((5, 6, 6, 7)), rectangles((0, 0, 1, 1), (47, 31, 48, 32))],
    "no mask in the box": [TWO | {"masks": torch.zeros(2, *SIZE, dtype=torch.bool)}, ONE],
    "500 objects": [MANY, ONE],
    "twice the same": [rectangles((2, 3, 14, 15), (2, 3, 14, 15)), ONE],
}


@pytest.mark.parametrize("name", TARGETS)
def test_losses_and_gradients_are_finite(name):
    outputs = drawn_outputs()
    losses = four_losses(outputs, TARGETS[name], SIZE)
    assert all(loss.isfinite() and loss >= 0 for loss in losses.values())
    objects = name not in ("no objects", "only crowds")
    assert (losses["boxes"] > 0) == (losses["masks"] > 0) == objects and losses["classes"] > 0
    sum(losses.values()).backward()
    for part in (outputs.classes, outputs.offsets, outputs.coefficients, outputs.prototypes, outputs.semantic):
        assert part.grad.isfinite().all()


# --- What is refused


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (ONE, "a dict for each of 2 images, but got dict"),
        ([ONE], "a dict for each of 2 images, but got 1 of them"),
        ([ONE, {"boxes": ONE["boxes"]}], r'targets\[1\] must be a dict with tensors "boxes", "labels" and "masks"'),
        ([ONE, [1]], r"targets\[1\] must be a dict"),
        ([ONE, ONE | {"labels": [1]}], r"targets\[1\] must be a dict with tensors"),
        ([ONE | {"boxes": torch.zeros(2, 4)}, ONE], r"masks \(M, 32, 48\), but their shapes are \(2, 4\), \(1,\) and"),
        ([ONE | {"masks": ONE["masks"][:, 1:]}, ONE], r"and \(1, 31, 48\)"),
        (
            [ONE | {"masks": ONE["masks"].float()}, ONE],
            "bool masks, but they are torch.float32, torch.int64 and torch.float32",
        ),
        ([ONE | {"labels": torch.tensor([0])}, ONE], r"from 1 to 2, and 0 is background, .* go from 0 to 0"),
        ([ONE | {"labels": torch.tensor([3])}, ONE], "go from 3 to 3; map them"),
    ],
)
def test_targets_that_are_refused(targets, message):
    with pytest.raises(ValueError, match=message):
        four_losses(drawn_outputs(), targets, SIZE)


def test_numbers_that_are_refused():
    with pytest.raises(ValueError, match="masks_per_image must be an integer of 1 or more"):
        four_losses(drawn_outputs(), [ONE, ONE], SIZE, masks_per_image=0)
    with pytest.raises(ValueError, match="loss_weights must be four numbers"):
        four_losses(drawn_outputs(), [ONE, ONE], SIZE, loss_weights=(1, 1, 1))
    with pytest.raises(ValueError, match="loss_weights must be a tuple of numbers above 0"):
        four_losses(drawn_outputs(), [ONE, ONE], SIZE, loss_weights=(1, 1, 1, "1"))


def test_matching_and_mining_refuse():
    with pytest.raises(
        ValueError, match=r"got \(3, 4\) and \(1, 0, 4\); where an image has no object, give a box of zeros"
    ):
        match(torch.zeros(3, 4), torch.zeros(1, 0, 4))
    for matching, message in (
        ((0.4, 0.5), r"matching\[1\] must be a number from 0 to 0.4, but is 0.5"),
        (0.5, "be two numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            match(torch.ones(3, 4), torch.ones(1, 1, 4), matching=matching)
    with pytest.raises(ValueError, match=r"two bool masks of that shape, but got \(1, 3\), torch.bool \(1, 2\)"):
        hard_negative_loss(torch.ones(1, 3), torch.ones(1, 2).bool(), torch.ones(1, 3).bool())
    with pytest.raises(ValueError, match="ratio must be an integer of 1 or more"):
        hard_negative_loss(torch.ones(1, 3), torch.ones(1, 3).bool(), torch.ones(1, 3).bool(), ratio=0)


@pytest.mark.gpu
def test_they_are_the_same_on_a_gpu():
    outputs = drawn_outputs()
    wanted = four_losses(outputs, [TWO, ONE], SIZE)
    there = type(outputs)(*(part.detach().cuda() for part in outputs))
    targets = [{name: value.cuda() for name, value in target.items()} for target in (TWO, ONE)]
    for name, loss in four_losses(there, targets, SIZE).items():
        torch.testing.assert_close(loss.cpu(), wanted[name].detach())
