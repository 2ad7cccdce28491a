"""Detectors with torchvision's weights against torchvision's, in float64: stage by stage, then losses and detections."""

import pytest
import torch
from detector_cases import KINDS, RENAME, SIZES, assert_close, calm, images_of, pair, targets_of
from tolerances import NETWORK, SINGLE_INSIDE
from unet_cases import count
from unfilled import drawn, unfilled

from course_utils.models.detection import mask_rcnn
from course_utils.models.detection.images import batch_images, resize_images, scale_target
from course_utils.models.detection.region_targets import mask_targets
from course_utils.ops.pasting import paste_masks

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
NAMES = {
    "classes": "loss_classifier",
    "boxes": "loss_box_reg",
    "masks": "loss_mask",
    "keypoints": "loss_keypoint",
    "objectness": "loss_objectness",
    "rpn_boxes": "loss_rpn_box_reg",
}
RESIZED = [(64, 96), (64, 80)]


def batch_of(theirs):
    return theirs.transform(images_of(*SIZES))[0]


# Stage by stage


@EVERY_KIND
def test_batch_and_maps_equal_torchvision(kind):
    ours, theirs = pair(kind)
    batch = batch_of(theirs)
    assert batch.image_sizes == RESIZED and batch.tensors.shape[2:] == (64, 96)
    own = batch_images(resize_images(images_of(*SIZES), RESIZED), 32, ours.backbone)
    with torch.no_grad():
        assert_close(ours.backbone.backbone.normalise(own), batch.tensors)
        maps, wanted = ours.backbone(own), list(theirs.backbone(batch.tensors).values())
    assert len(maps) == len(wanted) == 5
    for have, want in zip(maps, wanted, strict=True):
        assert_close(have, want)


@pytest.mark.parametrize("kind", ["masks", "masks v2"])
def test_rpn_equals_torchvision(kind):
    from torchvision.models.detection.rpn import concat_box_prediction_layers

    ours, theirs = pair(kind)
    batch = batch_of(theirs)
    with torch.no_grad():
        features = theirs.backbone(batch.tensors)
        maps = list(features.values())
        logits, offsets = ours.rpn.predict(maps)
        their_logits, their_offsets = concat_box_prediction_layers(*theirs.rpn.head(maps))
        assert_close(torch.cat(logits, 1).flatten(), their_logits.flatten())
        assert_close(torch.cat(offsets, 1).flatten(0, 1), their_offsets)
        anchors = theirs.rpn.anchor_generator(batch, maps)
        assert torch.equal(torch.cat(ours.rpn.anchors(maps)), anchors[0])
        proposals, losses = ours.rpn(maps, RESIZED)
        wanted, _ = theirs.rpn(batch, features)
    assert losses == {} and len(wanted) == 2 and min(map(len, wanted)) > 20
    for have, want in zip(proposals, wanted, strict=True):
        assert_close(have, want)
        assert have.std() > 1


@EVERY_KIND
def test_regions_and_heads_equal_torchvision(kind):
    ours, theirs = pair(kind)
    batch = batch_of(theirs)
    with torch.no_grad():
        features = theirs.backbone(batch.tensors)
        maps = list(features.values())[:4]
        proposals, _ = ours.rpn(list(features.values()), RESIZED)
        proposals[0][0] = torch.tensor([3.0, 5, 3, 5])  # without area
        regions = ours.roi_heads.pooling(maps, proposals, (7, 7))
        wanted = theirs.roi_heads.box_roi_pool(features, proposals, RESIZED)
        assert_close(regions, wanted)
        logits, offsets = ours.roi_heads.box(wanted)
        their_logits, their_offsets = theirs.roi_heads.box_predictor(theirs.roi_heads.box_head(wanted))
        assert_close(logits, their_logits)
        assert_close(offsets.flatten(1), their_offsets)
        regions = ours.roi_heads.pooling(maps, proposals, (14, 14))
        if "masks" in kind:
            wanted = theirs.roi_heads.mask_predictor(theirs.roi_heads.mask_head(regions))
            assert_close(ours.roi_heads.mask(regions), wanted)
        if kind == "keypoints":
            wanted = theirs.roi_heads.keypoint_predictor(theirs.roi_heads.keypoint_head(regions))
            assert_close(ours.roi_heads.keypoints(regions), wanted)


def test_mask_targets_equal_torchvision():
    from torchvision.models.detection.roi_heads import project_masks_on_boxes

    target = targets_of("masks")[0]
    boxes = torch.tensor([[3.2, 4.1, 40.7, 33.3], [10, 10, 11, 11], [0, 0, 96, 64], [20, 30, 20, 30.0]]).double()
    matches = torch.tensor([2, 0, 1, 1])
    wanted = project_masks_on_boxes(target["masks"], boxes, matches, 28)
    assert_close(mask_targets(target["masks"], boxes, matches, 28, legacy=True), wanted)


# End to end


@EVERY_KIND
def test_losses_and_gradients_equal_torchvision(kind):
    ours, theirs = pair(kind)
    images, targets = images_of(*SIZES), targets_of(kind)
    try:
        torch.manual_seed(3)
        losses = ours.train()(images, targets)
        torch.manual_seed(3)
        wanted = theirs.train()(images, targets)
    finally:
        ours.eval(), theirs.eval()
    extra = {"masks v2": "masks", "boxes": None}.get(kind, kind)
    assert set(losses) == {"objectness", "rpn_boxes", "classes", "boxes", extra} - {None}
    assert {NAMES[name] for name in losses} == set(wanted)
    for name, loss in losses.items():
        want = wanted[NAMES[name]]
        if name == "objectness":  # which torchvision computes in float32, although its gradient is float64's
            assert want.dtype == torch.float32
            torch.testing.assert_close(loss, want.double(), **SINGLE_INSIDE)
        else:
            assert_close(loss, want)
    parameters = {
        name: parameter
        for name, parameter in theirs.named_parameters()
        if name.startswith(("rpn", "roi_heads", "backbone.fpn")) or "layer4.1.conv" in name
    }
    names, own = RENAME[kind](parameters), dict(ours.named_parameters())
    assert len(names) == len(parameters) > 20
    gradients = torch.autograd.grad(sum(losses.values()), [own[name] for name in names])
    wanted_gradients = torch.autograd.grad(sum(wanted.values()), list(names.values()))
    largest = max(gradient.abs().max().item() for gradient in wanted_gradients)
    for have, want in zip(gradients, wanted_gradients, strict=True):
        assert want.any()
        torch.testing.assert_close(have, want, rtol=NETWORK[torch.float64]["rtol"], atol=1e-11 * largest)


@EVERY_KIND
def test_detections_equal_torchvision(kind):
    ours, theirs = pair(kind)
    images = images_of(*SIZES)
    with torch.no_grad():
        detections, wanted = ours(images), theirs(images)
    for have, want, (height, width) in zip(detections, wanted, SIZES, strict=True):
        assert len(want["boxes"]) == 6
        assert torch.equal(have["labels"], want["labels"])
        assert_close(have["boxes"], want["boxes"])
        assert_close(have["scores"], want["scores"])
        if "masks" in kind:
            assert have["mask_grids"].shape == (6, 28, 28) and have["masks"].dtype == torch.bool
            assert 0 < have["masks"].double().mean() < 1
            probabilities = paste_masks(have["mask_grids"], have["boxes"], (height, width), legacy=True)
            assert_close(probabilities, want["masks"][:, 0])
            assert torch.equal(have["masks"], want["masks"][:, 0] > 0.5)
        if kind == "keypoints":  # which torchvision rounds to float32
            relative = {"rtol": SINGLE_INSIDE["atol"], "atol": SINGLE_INSIDE["atol"]}
            torch.testing.assert_close(have["keypoints"], want["keypoints"].double(), **relative)
            torch.testing.assert_close(have["keypoint_scores"], want["keypoints_scores"].double(), **relative)
            assert have["keypoints"][..., :2].std() > 1


def test_targets_are_resized_as_in_torchvision():
    target = targets_of("keypoints")[1]
    theirs = pair("keypoints")[1].transform
    for before, after in (((32, 40), (64, 80)), ((32, 40), (21, 27))):
        theirs.fixed_size = after[::-1]
        wanted = theirs([torch.rand(3, *before)], [target])[1][0]
        theirs.fixed_size = None
        found = scale_target(target, before, after)
        assert torch.equal(found["masks"], wanted["masks"].bool()) and found["masks"].any()
        for name in ("boxes", "keypoints"):
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("size", "wanted"), [((480, 640), (800, 1066)), ((427, 640), (800, 1199)), ((300, 1000), (399, 1333))]
)
def test_sizes_equal_torchvision(size, wanted):
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    from course_utils.models.detection.images import resized_size

    resized = GeneralizedRCNNTransform(800, 1333, [0], [1])([torch.rand(1, *size)])[0].image_sizes[0]
    assert tuple(resized) == resized_size(size, 800, 1333) == wanted


# The networks that torchvision has weights for

COUNTS = {
    "maskrcnn_resnet50_fpn": (44_454_513, 44_401_393),
    "fasterrcnn_resnet50_fpn": (41_808_406, 41_755_286),
    "keypointrcnn_resnet50_fpn": (59_190_378, 59_137_258),
    "maskrcnn_resnet50_fpn_v2": (46_359_409, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_the_network_takes_torchvisions_weights(name):
    from torchvision.models import detection

    make, rename = getattr(mask_rcnn, name), getattr(mask_rcnn, f"{name}_from_torchvision")
    learning, frozen = COUNTS[name]
    with unfilled():
        ours, theirs = make(), getattr(detection, name)(weights=None, weights_backbone=None)
    assert count(ours) == count(theirs) == learning
    ours.load_state_dict(rename(theirs.state_dict()), strict=True)
    if frozen is None:
        return
    # As torchvision makes them with weights: norms that do not learn, and no eps.
    from torchvision.models import resnet50
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops import FrozenBatchNorm2d

    with unfilled():
        theirs.backbone = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 5)
        ours = make(frozen_eps=0.0)
    assert count(ours) == count(theirs) == frozen
    state = theirs.state_dict()
    older = {_older_name(key): value for key, value in state.items()}
    assert any(key.startswith("rpn.head.conv.w") for key in older)
    for given in (state, older):
        ours.load_state_dict(rename(given), strict=True)


def _older_name(name):
    """Of files that torchvision wrote before it changed these names, as those of its weights are."""
    name = name.replace("rpn.head.conv.0.0", "rpn.head.conv")
    for n in range(4):
        name = name.replace(f"roi_heads.mask_head.{n}.0", f"roi_heads.mask_head.mask_fcn{n + 1}")
    return name


@pytest.mark.slow
def test_the_network_predicts_as_torchvisions_with_frozen_norms():
    """The whole of `maskrcnn_resnet50_fpn` as with the weights "COCO_V1", on a small image."""
    from torchvision.models import resnet50
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops import FrozenBatchNorm2d

    with unfilled():
        ours = mask_rcnn.maskrcnn_resnet50_fpn(5, min_size=64, max_size=128, frozen_eps=0.0).double().eval()
    normalise = ours.backbone.backbone.normalise
    theirs = drawn(
        lambda: MaskRCNN(
            _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 5),
            num_classes=5,
            min_size=64,
            max_size=128,
            image_mean=normalise.mean.flatten().tolist(),
            image_std=normalise.std.flatten().tolist(),
            rpn_post_nms_top_n_test=20,
            box_detections_per_img=3,
            box_score_thresh=0.01,
        )
    )
    overwrite_eps(theirs, 0.0)
    calm(theirs)
    ours.load_state_dict(mask_rcnn.maskrcnn_resnet50_fpn_from_torchvision(theirs.state_dict()), strict=True)
    ours.rpn.after_nms = (20, 20)
    ours.roi_heads.most, ours.roi_heads.min_score = 3, 0.01
    with torch.no_grad():
        (have,), (want,) = ours(images_of((64, 64))), theirs(images_of((64, 64)))
    assert len(want["boxes"]) == 3 and torch.equal(have["labels"], want["labels"])
    for name in ("boxes", "scores"):
        assert_close(have[name], want[name])
    assert torch.equal(have["masks"], want["masks"][:, 0] > 0.5) and have["masks"].any()


def test_weights_of_another_network_are_refused():
    with pytest.raises(
        ValueError, match="not the weights of torchvision's fasterrcnn_resnet50_fpn .there is a roi_heads.mask"
    ):
        mask_rcnn.fasterrcnn_resnet50_fpn_from_torchvision(pair("masks")[1].state_dict())
