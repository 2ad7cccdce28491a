"""The Mask R-CNN of this course for two cores: what two minutes of training can do decided how it is made."""

from torch import nn

from course_utils.models.detection.centre_rpn import CentreRPN, small_anchors
from course_utils.models.detection.fine_pyramid import FinePyramid
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_heads import QuickRoIHeads
from course_utils.models.quick_unet import QuickResNet

WIDTHS = (16, 32, 64, 96, 96)


def quick_mask_rcnn(num_classes: int, *, backbone: nn.Module | None = None, **heads: object) -> MaskRCNN:
    """Mask R-CNN with 0.7 million parameters."""
    pyramid = FinePyramid(QuickResNet(WIDTHS, 1) if backbone is None else backbone)
    rpn = CentreRPN(pyramid.channels[-1], small_anchors())
    return MaskRCNN(pyramid, num_classes, rpn=rpn, roi_heads=QuickRoIHeads(pyramid.channels[0], num_classes, **heads))
