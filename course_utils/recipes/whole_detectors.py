"""What the quick Mask R-CNN is compared with: the usual one on the same small backbone, torchvision's and this course's."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.heads import box_head, mask_head
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_mask_rcnn import small_backbone
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.models.detection.rpn import RPN
from course_utils.models.detection.targets import Target
from course_utils.models.fpn import FPN

CHANNELS = 48
SIZES = ((10,), (20,), (40,), (80,))
"""One size of anchors for each of the strides 4 to 32; each has the shapes 0.5, 1 and 2."""
HIDDEN, DRAWN = 128, (32, 32)
"""Width of the two linear layers of the box head, and of the convolutions of the mask head."""
BEFORE_NMS, AFTER_NMS, SAMPLES = 500, 200, 128
"""Proposals of a level before non-maximum suppression, of an image after it, and those of them that are learnt from."""


def usual_mask_rcnn(num_classes: int) -> MaskRCNN:
    """This course's `MaskRCNN` with the parts, sizes and numbers that `torchvision_mask_rcnn` has."""
    pyramid = FPN(small_backbone(), CHANNELS)
    rpn = RPN(CHANNELS, Anchors(pyramid.strides, sizes=SIZES), before_nms=(BEFORE_NMS,) * 2, after_nms=(AFTER_NMS,) * 2)
    heads = RoIHeads(
        CHANNELS,
        pyramid.strides,
        num_classes,
        box=box_head(CHANNELS, num_classes, width=HIDDEN),
        mask=mask_head(CHANNELS, num_classes, width=DRAWN[0], convolutions=len(DRAWN)),
        samples=SAMPLES,
        min_score=0.02,
    )
    return MaskRCNN(pyramid, num_classes, rpn=rpn, roi_heads=heads)


def torchvision_mask_rcnn(num_classes: int, backbone: nn.Module | None = None) -> nn.Module:
    """torchvision's Mask R-CNN on the small backbone, or another with maps at strides 2 to 32; called as ours is.

    Images are neither resized nor normalised: the backbone does that itself.
    """
    from torchvision.models.detection import MaskRCNN as TheirMaskRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
    from torchvision.ops import MultiScaleRoIAlign

    levels = [str(level) for level in range(len(SIZES))]
    network = TheirMaskRCNN(
        _TheirPyramid(small_backbone() if backbone is None else backbone),
        rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * len(SIZES)),
        rpn_pre_nms_top_n_train=BEFORE_NMS,
        rpn_pre_nms_top_n_test=BEFORE_NMS,
        rpn_post_nms_top_n_train=AFTER_NMS,
        rpn_post_nms_top_n_test=AFTER_NMS,
        box_roi_pool=MultiScaleRoIAlign(levels, 7, 2),
        box_head=TwoMLPHead(CHANNELS * 7**2, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, num_classes),
        box_batch_size_per_image=SAMPLES,
        box_score_thresh=0.02,
        mask_roi_pool=MultiScaleRoIAlign(levels, 14, 2),
        mask_head=MaskRCNNHeads(CHANNELS, DRAWN, dilation=1),
        mask_predictor=MaskRCNNPredictor(DRAWN[-1], DRAWN[-1], num_classes),
        image_mean=(0.0, 0.0, 0.0),
        image_std=(1.0, 1.0, 1.0),
    )
    # `_skip_resize` would hold in training alone.
    network.transform.resize = lambda image, target=None: (image, target)
    return _CalledAsOurs(network)


class _TheirPyramid(nn.Module):
    """A backbone of this course and torchvision's pyramid, in the form in which its detectors take them."""

    def __init__(self, backbone: nn.Module) -> None:
        from torchvision.ops import FeaturePyramidNetwork

        super().__init__()
        self.backbone, self.out_channels = backbone, CHANNELS
        self.fpn = FeaturePyramidNetwork(list(backbone.channels[1:]), CHANNELS)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        _, *maps = self.backbone(images)  # at strides 4 to 32
        return self.fpn(OrderedDict((str(level), map_) for level, map_ in enumerate(maps)))


class _CalledAsOurs(nn.Module):
    """torchvision's detector with masks that are bool, in targets and detections."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, images: Tensor | Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        if self.training:
            theirs = [
                {"boxes": given["boxes"], "labels": given["labels"], "masks": given["masks"].to(torch.uint8)}
                for given in targets or ()
            ]
            return self.network(list(images), theirs)
        return [found | {"masks": found["masks"][:, 0] > 0.5} for found in self.network(list(images))]
