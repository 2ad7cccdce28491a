"""The quick Mask R-CNN as a whole: its size, degenerate images, and that it learns."""

import pytest
import torch
from quick_cases import narrow_mask_rcnn, picture, rectangles
from unet_cases import count

from course_utils.metrics.overlaps import mask_iou
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection.centre_rpn import CentreRPN
from course_utils.models.detection.quick_heads import one_sample
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn, small_anchors
from course_utils.models.quick_unet import QuickResNet
from course_utils.training.optimisers import Muon

SIZE = (48, 64)
LOSSES = {"objectness", "rpn_boxes", "classes", "boxes", "masks"}


def test_its_size():
    assert count(quick_mask_rcnn(8)) == 717_390
    assert count(quick_mask_rcnn(2)) < count(quick_mask_rcnn(8)) < 0.02 * 44_454_513


def test_its_arguments_reach_its_parts():
    def loss(*_):
        return torch.zeros(())

    backbone = small_resnet(widths=(4, 6, 8, 10, 12))
    model = quick_mask_rcnn(3, backbone=backbone, pooling=one_sample, mask_loss=loss, softmax_masks=True, jittered=0)
    heads = model.roi_heads
    assert model.backbone.backbone is backbone and isinstance(model.rpn, CentreRPN)
    assert (heads.pooling, heads.mask_loss, heads.softmax_masks, heads.sampling.copies) == (one_sample, loss, True, 0)
    assert heads.stride == 2 and heads.num_classes == 3


def test_a_crowd_has_more_proposals():
    usual, crowded = (quick_mask_rcnn(2, crowded=crowded).rpn for crowded in (False, True))
    assert (usual.candidates, usual.kept) == ((150, 500), (48, 160))
    assert (crowded.candidates, crowded.kept) == ((150, 1000), (48, 300))
    with pytest.raises(ValueError, match="crowded must be True or False"):
        quick_mask_rcnn(2, crowded=1)


def test_its_anchors_are_upright_and_wide():
    sizes = small_anchors()([torch.zeros(1, 1, 1, 1)] * 3)
    width, height = (sizes[0][:, 2:] - sizes[0][:, :2]).unbind(1)
    assert torch.allclose(width * height, torch.tensor(100.0))
    assert torch.allclose(width / height, torch.tensor([0.35, 1.6]), atol=0.01)


def test_every_parameter_learns():
    torch.manual_seed(0)
    model = narrow_mask_rcnn().double()
    targets = [rectangles(SIZE, (4, 4, 20, 16), (30, 8, 40, 40)), rectangles(SIZE, (10, 10, 30, 30))]
    images = torch.stack([picture(target) for target in targets]).double()
    losses = model(images, targets)
    assert losses.keys() == LOSSES and all(loss.dtype == torch.float64 and loss > 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_detections_have_masks_in_the_image_and_channels_last_gives_the_same():
    torch.manual_seed(0)
    model = narrow_mask_rcnn(min_score=0.0, detections=7).double().eval()
    images = torch.rand(2, 3, 33, 50, dtype=torch.float64)
    with torch.no_grad():
        found, again = model(images), model(images.contiguous(memory_format=torch.channels_last))
    for some, others in zip(found, again, strict=True):
        assert some["masks"].shape == (7, 33, 50) and some["masks"].dtype == torch.bool
        assert (some["boxes"][:, 2] <= 50).all() and some["boxes"].dtype == torch.float64
        for name, values in some.items():
            torch.testing.assert_close(others[name], values)


CROWD = rectangles(SIZE, (4, 4, 20, 16), (30, 8, 40, 40)) | {"iscrowd": torch.ones(2, dtype=torch.bool)}
FLAT = rectangles(SIZE, (4, 4, 20, 16))
FLAT = FLAT | {"boxes": torch.tensor([[4.0, 4, 4, 16]])}
ONE_PIXEL = rectangles(SIZE, (0, 0, 1, 1), (63, 47, 64, 48), (20, 20, 21, 21))
FULL = rectangles(SIZE, (0, 0, 64, 48))
NOTHING = rectangles(SIZE)


@pytest.mark.parametrize(
    ("targets", "objects"),
    [
        ([NOTHING, FULL], True),
        ([NOTHING, NOTHING], False),
        ([CROWD, CROWD], False),
        ([FLAT, NOTHING], False),
        ([ONE_PIXEL, FULL], True),
    ],
    ids=["none in one image", "none at all", "all crowd", "no area", "one pixel and the whole image"],
)
def test_degenerate_objects(targets, objects):
    torch.manual_seed(0)
    model = narrow_mask_rcnn()
    losses = model(torch.stack([picture(target) for target in targets]), targets)
    assert all(loss.isfinite() for loss in losses.values())
    assert (losses["rpn_boxes"] > 0) == (losses["boxes"] > 0) == (losses["masks"] > 0) == objects
    sum(losses.values()).backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("size", [(3, 5), (16, 20), (31, 33)])
def test_an_image_smaller_than_the_coarsest_stride(size):
    torch.manual_seed(0)
    model = narrow_mask_rcnn(min_score=0.0)
    target = rectangles(size, (0, 0, 3, 3))
    losses = model(picture(target).expand(2, -1, -1, -1), [target, target])
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())
    with torch.no_grad():
        (found,) = model.eval()(picture(target)[None])
    assert len(found["boxes"]) and found["masks"].shape[1:] == size


def test_500_objects():
    torch.manual_seed(0)
    corners = [(x, y, x + 3, y + 2) for y in range(0, 60, 3) for x in range(0, 100, 4)]
    target = rectangles((60, 100), *corners)
    assert len(target["boxes"]) == 500
    losses = narrow_mask_rcnn()(picture(target).expand(2, -1, -1, -1), [target, target])
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


def test_what_is_refused():
    with pytest.raises(ValueError, match="num_classes must be"):
        quick_mask_rcnn(1)
    with pytest.raises(ValueError, match="no map at stride 16"):
        quick_mask_rcnn(3, backbone=QuickResNet((4, 6, 8), 1))
    with pytest.raises(ValueError, match="softmax_masks must be True or False"):
        quick_mask_rcnn(3, softmax_masks=1)
    sizes = rectangles(SIZE, (4, 4, 20, 16)), rectangles((32, 32), (4, 4, 20, 16))
    with pytest.raises(ValueError, match="QuickRoIHeads learns from images of one size"):
        narrow_mask_rcnn()([picture(target) for target in sizes], sizes)


@pytest.mark.slow
def test_it_learns_an_image_by_heart():
    torch.manual_seed(0)
    target = rectangles(SIZE, (6, 8, 26, 20), (40, 10, 50, 40))
    image = picture(target)[None].contiguous(memory_format=torch.channels_last)
    model = quick_mask_rcnn(3).to(memory_format=torch.channels_last)
    updates = Muon(model.parameters(), lr=8e-3)
    for _ in range(60):
        updates.zero_grad()
        sum(model(image, [target]).values()).backward()
        updates.step()
    with torch.no_grad():
        (found,) = model.eval()(image)
    best = mask_iou(found["masks"], target["masks"]).max(0)
    assert (best.values > 0.8).all() and torch.equal(found["labels"][best.indices], target["labels"])
    assert found["scores"][best.indices].min() > 0.5


@pytest.mark.gpu
def test_losses_and_detections_on_a_gpu():
    torch.manual_seed(0)
    model = narrow_mask_rcnn(min_score=0.0).double().eval()
    target = rectangles(SIZE, (4, 4, 20, 16), (30, 8, 40, 40))
    images = torch.stack([picture(target), picture(target, seed=1)]).double()
    with torch.no_grad():
        wanted, found = model(images), model.cuda()(images.cuda())
    for have, want in zip(found, wanted, strict=True):
        assert all(torch.allclose(have[name].cpu().double(), value.double()) for name, value in want.items())
    on_gpu = {name: value.cuda() for name, value in target.items()}
    losses = model.train()(images.cuda(), [on_gpu, on_gpu])
    sum(losses.values()).backward()
    assert all(loss.isfinite() for loss in losses.values())
