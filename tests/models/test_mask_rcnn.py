"""Mask R-CNN as a whole: its contract, other parts in it, images of several sizes, objects that cannot be learnt, and wirings."""

from copy import deepcopy

import pytest
import torch
from detector_cases import small_detector, small_pyramid, target_of
from torch import nn

from course_utils.metrics.instance import AveragePrecision
from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection import heads, wirings
from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.models.detection.rpn import RPN
from course_utils.models.fpn import FPN

LOSSES = {"objectness", "rpn_boxes", "classes", "boxes", "masks"}


def images_of(*sizes):
    draw = torch.Generator().manual_seed(0)
    return [torch.rand(3, *size, generator=draw) for size in sizes]


def batch(count=2, size=(48, 64)):
    return torch.stack(images_of(*[size] * count))


def objects(count, size=(48, 64), seed=0):
    target = target_of(size, count, seed, classes=3)
    return target | {"boxes": target["boxes"].float()}


def losses_and_gradients(model, images, targets):
    """Losses of a step, all finite, and that all gradients are."""
    torch.manual_seed(0)
    losses = model(images, targets)
    assert all(loss.ndim == 0 and loss.isfinite() for loss in losses.values())
    model.zero_grad()
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    return {name: loss.item() for name, loss in losses.items()}


# What goes in and comes out


def test_in_training_there_are_losses_and_every_parameter_learns():
    torch.manual_seed(0)
    model = small_detector()
    losses = losses_and_gradients(model, batch(), [objects(3), objects(2, seed=1)])
    assert set(losses) == LOSSES and all(loss > 0 for loss in losses.values())
    assert all(p.grad.any() for n, p in model.named_parameters() if "laterals.2" not in n or "bias" not in n)


def test_in_evaluation_there_are_detections_that_the_metric_takes():
    torch.manual_seed(0)
    model = small_detector().eval()
    model.roi_heads.min_score = 0.0
    found = model(batch())
    assert len(found) == 2
    for one in found:
        n = len(one["boxes"])
        assert 0 < n <= 100
        assert (one["labels"].shape, one["scores"].shape) == ((n,), (n,)) and set(one["labels"].tolist()) == {1, 2}
        assert (one["masks"].shape, one["masks"].dtype) == ((n, 48, 64), torch.bool)
        assert one["mask_grids"].shape == (n, 28, 28) and 0 <= one["mask_grids"].min() <= one["mask_grids"].max() <= 1
        assert one["scores"].tolist() == sorted(one["scores"].tolist(), reverse=True)
        assert one["boxes"].min() >= 0 and (one["boxes"][:, 2:] <= torch.tensor([64.0, 48])).all()
    metric = AveragePrecision(3)
    metric.update(found, [objects(3), objects(2, seed=1)])
    assert 0 <= metric.compute().ap50 <= 1


def test_a_mask_is_where_its_grid_is_above_a_half():
    class Known(nn.Module):
        def forward(self, maps, proposals, image_sizes, targets):
            grid = torch.zeros(1, 4, 4)
            grid[0, :2] = 1
            box = torch.tensor([[8.0, 4, 24, 20]])
            return [{"boxes": box, "labels": torch.tensor([1]), "scores": torch.ones(1), "mask_grids": grid}], {}

    (found,) = small_detector(roi_heads=Known()).eval()(batch(1))
    wanted = torch.zeros(48, 64, dtype=torch.bool)
    wanted[4:12, 8:24] = True
    assert torch.equal(found["masks"][0], wanted)


def test_detections_do_not_change_with_the_image_beside():
    torch.manual_seed(0)
    model = small_detector().eval()
    model.roi_heads.min_score = 0.0
    images = batch(2)
    together, alone = model(images)[1], model(images[1:])[0]
    for name in together:
        torch.testing.assert_close(together[name], alone[name], rtol=1e-4, atol=1e-4)


def test_crowds_and_objects_without_area_are_left_out():
    torch.manual_seed(0)
    model = small_detector()
    target = objects(3)
    target["boxes"][1, 2] = target["boxes"][1, 0]
    target["iscrowd"] = torch.tensor([False, False, True])
    first = {name: value[:1] for name, value in target.items()}
    given = deepcopy(target)
    found = losses_and_gradients(deepcopy(model), batch(), [target, objects(2)])
    assert found == losses_and_gradients(deepcopy(model), batch(), [first, objects(2)])
    assert all(torch.equal(target[name], given[name]) for name in given), "what was given is not changed"


EMPTY = {name: value[:0] for name, value in objects(1).items()}
ONE_PIXEL = torch.zeros(1, 48, 64, dtype=torch.bool)
ONE_PIXEL[0, 10, 20] = True
CASES = {
    "an image without objects": [objects(3), EMPTY],
    "no object at all": [EMPTY, EMPTY],
    "crowds only": [objects(3) | {"iscrowd": torch.ones(3, dtype=torch.bool)}, EMPTY],
    "boxes without area": [objects(2) | {"boxes": torch.tensor([[3.0, 3, 3, 9], [60, 40, 50, 30]])}, EMPTY],
    "a mask of one pixel": [
        {"boxes": torch.tensor([[20.0, 10, 21, 11]]), "labels": torch.tensor([1]), "masks": ONE_PIXEL}, objects(2),
    ],
    "a mask without pixels": [objects(1) | {"masks": torch.zeros(1, 48, 64, dtype=torch.bool)}, objects(2)],
    "a box as large as the image": [objects(1) | {"boxes": torch.tensor([[0.0, 0, 64, 48]])}, EMPTY],
    "500 objects": [{name: value.repeat(250, *[1] * (value.ndim - 1)) for name, value in objects(2).items()}, EMPTY],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_finite(name):
    torch.manual_seed(0)
    losses = losses_and_gradients(small_detector(), batch(), CASES[name])
    assert set(losses) == LOSSES
    if name in ("no object at all", "crowds only", "boxes without area"):
        assert losses["rpn_boxes"] == losses["boxes"] == losses["masks"] == 0 < losses["classes"]
    else:
        assert losses["rpn_boxes"] > 0 and losses["masks"] > 0


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (3, 64), (65, 97)])
def test_images_of_every_size(size):
    torch.manual_seed(0)
    model = small_detector().eval()
    model.roi_heads.min_score = 0.0
    (found,) = model(batch(1, size))
    assert found["masks"].shape[1:] == size
    everything = torch.ones(1, *size, dtype=torch.bool)
    box = torch.tensor([[0.0, 0, size[1], size[0]]])
    target = {"boxes": box, "labels": torch.tensor([2]), "masks": everything}
    torch.manual_seed(0)
    losses = model.train()(batch(2, size), [target, target])
    assert all(loss.isfinite() for loss in losses.values())


def test_nothing_is_found():
    torch.manual_seed(0)
    model = small_detector().eval()
    model.roi_heads.min_score = 1.0
    (found,) = model(batch(1))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "boxes": (0, 4), "labels": (0,), "scores": (0,), "mask_grids": (0, 28, 28), "masks": (0, 48, 64),
    }  # fmt: skip


# Images of several sizes


def test_images_of_several_sizes_are_resized_and_results_brought_back():
    torch.manual_seed(0)
    model = small_detector(min_size=32, max_size=48, divisor=16).eval()
    model.roi_heads.min_score = 0.0
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    found = model(images_of((64, 64), (20, 80)))
    assert seen == [(2, 3, 32, 48)]  # 32 × 32, and 12 × 48, as a batch
    for one, (height, width) in zip(found, ((64, 64), (20, 80)), strict=True):
        assert one["masks"].shape[1:] == (height, width)
        assert one["boxes"][:, 2].max() > width * 0.8 and (one["boxes"] <= torch.tensor([width, height] * 2)).all()
    targets = [objects(2, (64, 64)), objects(1, (20, 80))]
    losses_and_gradients(model.train(), images_of((64, 64), (20, 80)), targets)


def test_what_pads_a_batch_is_0_to_the_backbone():
    model = small_detector(divisor=32).eval()
    seen = []
    model.backbone.backbone.normalise.register_forward_hook(lambda *parts: seen.append(parts[2]))
    model(images_of((20, 30), (40, 10)))
    assert seen[0].shape == (2, 3, 64, 32)
    assert not seen[0][0, :, 20:].any() and not seen[0][1, :, :, 10:].any() and seen[0][0, :, :20, :30].all()


# Other parts


@pytest.mark.parametrize(
    ("backbone", "strides"),
    [
        (small_pyramid, (4, 8, 16)),
        (lambda: FPN(small_resnet(widths=(4, 6, 8)), 8, stride=2), (2, 4, 8)),
        (lambda: small_resnet(widths=(4, 5, 6, 7, 8)), (4, 8, 16, 32, 64)),
        (lambda: resnet18(output_stride=8), (4, 8, 16)),
    ],
    ids=["pyramid", "pyramid from stride 2", "channels that differ", "strides that repeat"],
)
def test_every_backbone_serves(backbone, strides):
    torch.manual_seed(0)
    model = MaskRCNN(backbone(), 3)
    assert model.backbone.strides == model.rpn.anchors.strides == strides
    assert model.roi_heads.strides == tuple(stride for stride in strides if stride <= 32)
    model.rpn.before_nms = model.rpn.after_nms = (20, 20)
    model.roi_heads.samples = 8
    assert set(losses_and_gradients(model, batch(), [objects(2), objects(1)])) == LOSSES


def test_parts_are_called_as_documented():
    calls = []

    class Proposals(nn.Module):
        def forward(self, maps, image_sizes, targets):
            calls.append(([tuple(map_.shape) for map_ in maps], image_sizes, targets))
            losses = {} if targets is None else {"proposals": maps[0].mean()}
            return [torch.tensor([[1.0, 2, 9, 8]])] * len(image_sizes), losses

    class Heads(nn.Module):
        def forward(self, maps, proposals, image_sizes, targets):
            calls.append((proposals, image_sizes, targets))
            one = {"boxes": proposals[0], "labels": torch.tensor([1]), "scores": torch.tensor([0.5])}
            return [one] * len(image_sizes), {"own": maps[1].mean()}

    model = MaskRCNN(small_pyramid(), 3, rpn=Proposals(), roi_heads=Heads())
    targets = [objects(2), objects(1)]
    assert set(model(batch(), targets)) == {"proposals", "own"}
    assert calls[0][0] == [(2, 8, 12, 16), (2, 8, 6, 8), (2, 8, 3, 4)]
    assert calls[0][1] == calls[1][1] == [(48, 64)] * 2 and len(calls[1][0]) == 2
    assert torch.equal(calls[0][2][0]["boxes"], targets[0]["boxes"])
    found = model.eval()(batch())
    assert calls[2][2] is calls[3][2] is None and set(found[0]) == {"boxes", "labels", "scores"}


def test_a_student_replaces_pooling_and_mask_loss():
    seen = []

    def pooling(maps, boxes, output_size):
        seen.append((len(maps), len(boxes), output_size))
        return maps[0].mean().expand(sum(map(len, boxes)), 8, *output_size)

    def mask_loss(logits, labels, targets):
        assert logits.shape[1:] == (3, 28, 28) and len(labels) == len(logits) == len(targets)
        assert targets.shape[1:] == (28, 28) and set(labels.tolist()) <= {1, 2}
        return 7 + 0 * logits.sum()

    own = RoIHeads(8, (4, 8), 3, mask=heads.mask_head(8, 3, width=8), pooling=pooling, mask_loss=mask_loss, samples=16)
    model = small_detector(roi_heads=own)
    losses = model(batch(), [objects(2), objects(1)])
    assert losses["masks"].item() == 7
    assert seen == [(2, 2, (7, 7)), (2, 2, (14, 14))]


def test_c4_heads_share_the_last_stage():
    torch.manual_seed(0)
    backbone = small_resnet(widths=(4, 6, 8))
    stage = nn.Sequential(nn.Conv2d(8, 10, 3, padding=1), nn.ReLU())

    class LastMap(nn.Module):
        channels, strides = (8,), (8,)

        def __init__(self):
            super().__init__()
            self.backbone = backbone

        def forward(self, images):
            return self.backbone(images)[-1:]

    box, mask = heads.c4_heads(stage, 10, 3)
    own = RoIHeads(8, (8,), 3, box=box, mask=mask, grid_size=7, samples=16)
    model = MaskRCNN(LastMap(), 3, roi_heads=own)
    model.rpn.after_nms = (10, 10)
    assert model.backbone.strides == (8,) and model.rpn.anchors.strides == (8,)
    losses_and_gradients(model, batch(), [objects(2), objects(1)])
    model.eval().roi_heads.min_score = 0.0
    assert model(batch())[0]["mask_grids"].shape[1:] == (14, 14)
    names = [name for name, _ in model.named_parameters() if name.startswith("roi_heads")]
    assert len(names) == 2 + 4 + 4, "the stage is there once"


def test_it_learns():
    """Two images by heart: a few steps halve the loss."""
    torch.manual_seed(0)
    model, targets = small_detector(), [objects(2), objects(1, seed=1)]
    updates = torch.optim.AdamW(model.parameters(), 3e-3)
    totals = []
    for _ in range(25):
        updates.zero_grad()
        total = sum(model(batch(), targets).values())
        total.backward()
        updates.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] / 2


# The wirings


def test_faster_rcnn_is_fast_rcnn_with_its_own_proposals():
    torch.manual_seed(0)
    model = small_detector().eval()
    images = batch()
    maps = model.backbone(images)
    proposals, _ = model.rpn(maps, [(48, 64)] * 2)
    scores, boxes = wirings.fast_rcnn(model, images, proposals)
    assert scores.shape == (sum(map(len, proposals)), 3) and boxes.shape == (len(scores), 3, 4)
    torch.testing.assert_close(scores.sum(1), torch.ones(len(scores)))
    for have, want in zip(wirings.faster_rcnn(model, images), (scores, boxes), strict=True):
        assert torch.equal(have, want)
    detections = model.roi_heads.best(boxes[: len(proposals[0])], scores[: len(proposals[0])], (48, 64))
    assert torch.equal(detections["scores"], model(images)[0]["scores"])


def test_r_cnn_runs_the_backbone_on_every_crop():
    torch.manual_seed(0)
    model = small_detector().eval()
    runs = []
    model.backbone.register_forward_hook(lambda _, inputs, __: runs.append(inputs[0].shape))
    images, proposals = batch(), [torch.tensor([[0.0, 0, 28, 28], [5, 5, 50, 30]]), torch.tensor([[3.0, 9, 17, 30]])]
    scores, boxes = wirings.r_cnn(model, images, proposals, batch_size=2)
    assert runs == [(2, 3, 28, 28), (1, 3, 28, 28)] and (scores.shape, boxes.shape) == ((3, 3), (3, 3, 4))
    # A crop of 28 × 28 pixels is these pixels.
    features = model.backbone(images[:1, :, :28, :28])[0]
    torch.testing.assert_close(scores[:1], model.roi_heads.box(features)[0].softmax(1), rtol=1e-4, atol=1e-5)
    runs.clear()
    wirings.fast_rcnn(model, images, proposals)
    assert runs == [(2, 3, 48, 64)]


# What is refused

WITHOUT_MASKS = {name: value for name, value in objects(1).items() if name != "masks"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaskRCNN(None, 3), "a backbone is an nn.Module"),
        (lambda: MaskRCNN(small_pyramid(), 1), "num_classes must be an integer of 2 or more, but is 1"),
        (lambda: MaskRCNN(small_pyramid(), 3, min_size=0), "min_size must be an integer of 1 or more"),
        (lambda: MaskRCNN(small_pyramid(), 3, divisor=0.5), "divisor must be an integer of 1 or more"),
        (lambda: MaskRCNN(small_pyramid(), 3, legacy=1), "legacy must be True or False"),
        (lambda: small_detector()(batch()), "targets must be a list with a dict for each of 2 images, but got NoneType"),
        (lambda: small_detector()(batch(), [EMPTY]), "a dict for each of 2 images, but got 1 of them"),
        (lambda: small_detector()(batch(), [EMPTY, {"boxes": EMPTY["boxes"]}]), r"targets\[1\] .* has the keys \['boxes'\]"),
        (lambda: small_detector()(batch(1), [objects(2) | {"labels": torch.tensor([1, 3])}]), "from 1 to 2, since 0 is"),
        (lambda: small_detector()(batch(1), [objects(2) | {"labels": torch.tensor([1])}]), "one entry for each of 2 boxes"),
        (lambda: small_detector()(batch(1), [objects(2) | {"labels": [1, 2]}]), r'\["labels"\] must be a tensor, but is list'),
        (lambda: small_detector()(batch(1), [objects(2) | {"iscrowd": [0, 0]}]), r'\["iscrowd"\] must be a tensor'),
        (
            lambda: small_detector()(batch(1), [objects(2) | {"boxes": objects(2)["boxes"].long()}]),
            r'\["boxes"\] must be floating .*`.float\(\)`',
        ),
        (
            lambda: small_detector()(batch(1), [objects(2) | {"masks": objects(2)["masks"][:, None]}]),
            r'\["masks"\] must be \(n, H, W\), but have the shape \(2, 1, 48, 64\)',
        ),
        (lambda: small_detector()(batch(1), [objects(1) | {"labels": torch.ones(1)}]), "int64 .n,., but is torch.float32"),
        (lambda: small_detector()(batch(1), [objects(1) | {"boxes": torch.zeros(1, 5)}]), "must be floating boxes"),
        (lambda: small_detector()(batch(1), [WITHOUT_MASKS]), 'for masks needs "masks" in every target'),
        (lambda: small_detector().eval()(batch()[0]), r"floating \(B, 3, H, W\) in \[0, 1\], or a list"),
        (lambda: small_detector().eval()(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "but got torch.uint8 of shape"),
        (lambda: small_detector().eval()([]), r"images must be floating .* but got \[\]"),
        (lambda: RPN(8, (4, 8)), r"anchors must be Anchors, as `Anchors\(\(4, 8, 16, 32, 64\)\)`, but is \(4, 8\)"),
        (lambda: RPN(8, Anchors((4,)), low=0.8), "low must be a number from 0 to 0.7, but is 0.8"),
        (lambda: RoIHeads(8, (4,), 3, samples=0), "samples must be an integer of 1 or more"),
        (lambda: heads.mask_head(8, 0), "num_classes must be an integer of 1 or more"),
        (lambda: wirings.fast_rcnn(None, batch(), []), "model must be a MaskRCNN with RoIHeads"),
    ],
)  # fmt: skip
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.gpu
def test_a_detector_on_a_gpu():
    torch.manual_seed(0)
    model = small_detector().cuda()
    targets = [{name: value.cuda() for name, value in objects(n).items()} for n in (2, 0)]
    losses_and_gradients(model, batch().cuda(), targets)
    model.eval().roi_heads.min_score = 0.0
    assert all(value.is_cuda for value in model(batch().cuda())[0].values())
