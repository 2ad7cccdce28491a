"""What the tests of the quick Mask R-CNN share: images of rectangles, and a network that is made in milliseconds."""

import torch
from torch import Tensor, nn

from course_utils.models.detection.centre_rpn import CentreRPN
from course_utils.models.detection.fine_pyramid import FinePyramid
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_heads import QuickRoIHeads
from course_utils.models.detection.quick_mask_rcnn import small_anchors
from course_utils.models.quick_unet import QuickResNet
from course_utils.ops.boxes import masks_to_boxes


def narrow_backbone() -> nn.Module:
    return QuickResNet((4, 6, 8, 8, 8), 1)


def narrow_mask_rcnn(num_classes: int = 3, **heads) -> MaskRCNN:
    pyramid = FinePyramid(narrow_backbone(), 8, fine_channels=6)
    rpn = CentreRPN(8, small_anchors(), candidates=(40, 60), kept=(12, 20))
    return MaskRCNN(
        pyramid, num_classes, rpn=rpn, roi_heads=QuickRoIHeads(6, num_classes, hidden=8, mask_channels=4, **heads)
    )


def rectangles(size: tuple[int, int], *corners: tuple[int, int, int, int], labels: tuple[int, ...] = ()) -> dict:
    """A target of rectangles (x1, y1, x2, y2), with labels 1, 2, 1, 2, … if none are given."""
    masks = torch.zeros(len(corners), *size, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(masks, corners, strict=True):
        mask[y1:y2, x1:x2] = True
    given = labels or tuple(1 + place % 2 for place in range(len(corners)))
    return {"boxes": masks_to_boxes(masks).float(), "labels": torch.tensor(given, dtype=torch.int64), "masks": masks}


def picture(target: dict, *, seed: int = 0) -> Tensor:
    """Grey noise in which objects of label 1 are bright and others dark: (3, H, W)."""
    image = 0.45 + 0.1 * torch.rand(3, *target["masks"].shape[1:], generator=torch.Generator().manual_seed(seed))
    for mask, label in zip(target["masks"], target["labels"], strict=True):
        image[:, mask] += 0.3 if label == 1 else -0.3
    return image
