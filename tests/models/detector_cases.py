"""What the tests of detectors share: images with objects, and torchvision's detectors beside ours with the same weights."""

from functools import cache, partial

import torch
from tolerances import NETWORK
from torch import Tensor, nn
from unfilled import drawn, unfilled

from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection import mask_rcnn
from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.heads import box_head, keypoint_head, mask_head
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.models.detection.rpn import RPN
from course_utils.models.fpn import FPN
from course_utils.ops.boxes import masks_to_boxes

CLASSES, KEYPOINTS, WIDTH, HIDDEN = 5, 3, 24, 32
SIZES = ((64, 96), (32, 40))  # the second is doubled to a shorter side of 64, and padded
RENAME = {
    "masks": mask_rcnn.maskrcnn_resnet50_fpn_from_torchvision,
    "masks v2": mask_rcnn.maskrcnn_resnet50_fpn_v2_from_torchvision,
    "boxes": mask_rcnn.fasterrcnn_resnet50_fpn_from_torchvision,
    "keypoints": mask_rcnn.keypointrcnn_resnet50_fpn_from_torchvision,
}
KINDS = tuple(RENAME)


def small_pyramid() -> FPN:
    return FPN(small_resnet(widths=(4, 6, 8)), 8, extra="pool")  # strides 4, 8, 16


def small_detector(num_classes: int = 3, **settings) -> MaskRCNN:
    """A detector that is made and run in milliseconds."""
    heads = RoIHeads(
        8,
        (4, 8),
        num_classes,
        box=box_head(8, num_classes, width=16),
        mask=mask_head(8, num_classes, width=8, convolutions=1),
        samples=16,
    )
    pyramid = small_pyramid()
    rpn = RPN(8, Anchors(pyramid.strides), samples=32, before_nms=(50, 50), after_nms=(20, 20))
    return MaskRCNN(pyramid, num_classes, **{"rpn": rpn, "roi_heads": heads} | settings)


def images_of(*sizes: tuple[int, int]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.rand(3, *size, generator=draw, dtype=torch.float64) for size in sizes]


def target_of(size: tuple[int, int], count: int, seed: int, *, classes: int = CLASSES) -> dict[str, Tensor]:
    """Rectangles with a hole, and keypoints of which some are not labelled and some lie outside."""
    draw = torch.Generator().manual_seed(seed)
    height, width = size
    masks = torch.zeros(count, height, width, dtype=torch.bool)
    for n in range(count):
        h, w = height // 3 + 2 * n, width // 3 - 3 * n
        y, x = (int(torch.randint(room, (), generator=draw)) for room in (height - h, width - w))
        masks[n, y : y + h, x : x + w] = True
        masks[n, y + 2 : y + 5, x + 3 : x + 7] = False
    boxes = masks_to_boxes(masks)
    places = torch.rand(count, KEYPOINTS, 2, generator=draw) * 1.2
    seen = torch.arange(count * KEYPOINTS).view(count, KEYPOINTS, 1) % 3
    keypoints = torch.cat([boxes[:, None, :2] + places * (boxes[:, 2:] - boxes[:, :2])[:, None], seen], 2)
    labels = 1 + torch.arange(count) % (classes - 1)
    return {"boxes": boxes.double(), "labels": labels, "masks": masks, "keypoints": keypoints}


def targets_of(kind: str) -> list[dict[str, Tensor]]:
    classes = 2 if kind == "keypoints" else CLASSES
    return [target_of(size, 3 - n, n, classes=classes) for n, size in enumerate(SIZES)]


@cache
def pair(kind: str) -> tuple[MaskRCNN, nn.Module]:
    """Ours and theirs on ResNet-18 with narrow parts, in float64, with few proposals and detections."""
    ours, theirs = _ours(kind), _theirs(kind)
    ours.load_state_dict(RENAME[kind](theirs.state_dict()), strict=True)
    return ours.eval(), theirs.eval()


def calm(theirs: nn.Module) -> None:
    """Weights of outputs such that proposals stay in the image and no class is certain."""
    with torch.no_grad():
        images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
        size = theirs.backbone(images)["0"].std()
        heads = theirs.roi_heads
        for layer, factor in (
            (theirs.rpn.head.bbox_pred, 0.2),
            (theirs.rpn.head.cls_logits, 1),
            (heads.box_predictor.bbox_pred, 0.5),
            (heads.box_predictor.cls_score, 1),
            (getattr(heads.mask_predictor, "mask_fcn_logits", None), 1),
            (getattr(heads.keypoint_predictor, "kps_score_lowres", None), 1),
        ):
            if layer is not None:
                layer.weight.mul_(factor / size)


def _theirs(kind: str) -> nn.Module:
    from torchvision.models import resnet18
    from torchvision.models.detection import faster_rcnn, keypoint_rcnn, mask_rcnn, rpn
    from torchvision.models.detection.backbone_utils import BackboneWithFPN
    from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead

    norm = nn.BatchNorm2d if kind == "masks v2" else None
    classes = 2 if kind == "keypoints" else CLASSES
    limits = {
        "rpn_pre_nms_top_n_train": 60, "rpn_pre_nms_top_n_test": 50, "rpn_post_nms_top_n_train": 40,
        "rpn_post_nms_top_n_test": 30, "box_batch_size_per_image": 24, "box_detections_per_img": 6,
        "box_score_thresh": 0.01, "min_size": 64, "max_size": 128,
        "image_mean": resnet18_mean(), "image_std": resnet18_std(),
    }  # fmt: skip

    def make() -> nn.Module:
        levels = {f"layer{n}": str(n - 1) for n in range(1, 5)}
        backbone = BackboneWithFPN(resnet18(weights=None), levels, [64, 128, 256, 512], WIDTH, norm_layer=norm)
        if norm is None:
            head = TwoMLPHead(WIDTH * 49, HIDDEN)
        else:
            head = FastRCNNConvFCHead((WIDTH, 7, 7), [WIDTH] * 4, [HIDDEN], norm_layer=norm)
        parts = limits | {"box_head": head, "box_predictor": FastRCNNPredictor(HIDDEN, classes)}
        if norm is not None:
            parts["rpn_head"] = rpn.RPNHead(WIDTH, 3, conv_depth=2)
        if kind == "boxes":
            return faster_rcnn.FasterRCNN(backbone, **parts)
        if kind == "keypoints":
            return keypoint_rcnn.KeypointRCNN(
                backbone,
                keypoint_head=keypoint_rcnn.KeypointRCNNHeads(WIDTH, (HIDDEN,) * 8),
                keypoint_predictor=keypoint_rcnn.KeypointRCNNPredictor(HIDDEN, KEYPOINTS),
                **parts,
            )
        return mask_rcnn.MaskRCNN(
            backbone,
            mask_head=mask_rcnn.MaskRCNNHeads(WIDTH, (HIDDEN,) * 4, 1, norm_layer=norm),
            mask_predictor=mask_rcnn.MaskRCNNPredictor(HIDDEN, HIDDEN, classes),
            **parts,
        )

    theirs = drawn(make)
    theirs.transform.torch_choice = lambda sizes: sizes[0]  # which would draw a random number for each image
    calm(theirs)
    return theirs


def resnet18_mean() -> list[float]:
    """What our ResNet subtracts: in float32, which differs from what torchvision subtracts in float64."""
    return resnet18().normalise.mean.flatten().tolist()


def resnet18_std() -> list[float]:
    return resnet18().normalise.std.flatten().tolist()


def _ours(kind: str) -> MaskRCNN:
    with unfilled():
        classes = 2 if kind == "keypoints" else CLASSES
        second = kind == "masks v2"
        pyramid = FPN(resnet18(), WIDTH, extra="pool", norm=second)
        anchors = Anchors(pyramid.strides, legacy=True)
        rpn = RPN(WIDTH, anchors, convolutions=1 + second, before_nms=(60, 50), after_nms=(40, 30))
        mask = partial(mask_head, WIDTH, classes, width=HIDDEN, norm=second)
        heads = RoIHeads(
            WIDTH,
            (4, 8, 16, 32),
            classes,
            box=box_head(WIDTH, classes, width=HIDDEN, convolutions=4 * second),
            mask=mask() if "masks" in kind else None,
            keypoints=keypoint_head(WIDTH, KEYPOINTS, width=HIDDEN) if kind == "keypoints" else None,
            samples=24,
            detections=6,
            min_score=0.01,
            legacy=True,
        )
        settings = {"min_size": 64, "max_size": 128, "divisor": 32, "legacy": True}
        return MaskRCNN(pyramid, classes, rpn=rpn, roi_heads=heads, **settings).double()


def assert_close(have: Tensor, want: Tensor) -> None:
    """As equal as two networks in float64; of numbers that nearly cancel, the relative difference says nothing."""
    assert want.numel() and want.abs().max() > 0
    scale = want.abs().max().item()
    torch.testing.assert_close(have, want, rtol=NETWORK[torch.float64]["rtol"], atol=1e-11 * scale)
