"""R-CNN, Fast R-CNN and Faster R-CNN: the same backbone and the same box head, wired in three ways.

They differ in what is computed again and again. R-CNN shows each proposal to the backbone, as an image of its own. Fast R-CNN
shows it the image once, and cuts all proposals out of its maps. Faster R-CNN finds the proposals in these maps, too.

All give scores (N, K), softmax over K classes of which 0 is background, and boxes (N, K, 4), one for each class, for the N
proposals of all images.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.detection.images import size_of
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.ops.boxes import decode
from course_utils.ops.checks import whole_number
from course_utils.ops.roi import roi_align


@torch.no_grad()
def r_cnn(
    model: MaskRCNN, images: Tensor, proposals: Sequence[Tensor], *, batch_size: int = 64
) -> tuple[Tensor, Tensor]:
    """Crop each proposal from the image, bring the crops to one size, and run the backbone on each.

    A crop has as many pixels as the head's region has cells, times the stride of the finest map: 28 × 28 for 7 × 7 at stride 4.
    So that map is what the head gets.

    Source: Girshick, Donahue, Darrell and Malik 2014, section 2, arXiv:1311.2524. Differs from the paper: there, the crop has
    227 × 227 pixels with 16 of context, and linear classifiers are fitted to the features afterwards.

    Shapes: `images` (B, 3, H, W) in [0, 1], `proposals` (n, 4) for each. Raises: ValueError as `roi_align`.
    """
    heads, batch_size = _heads(model), whole_number(batch_size, "batch_size", minimum=1)
    height, width = heads.box_size
    stride = heads.strides[0]
    crops = roi_align(images, proposals, (height * stride, width * stride), aligned=True)  # (N, 3, 28, 28)
    features = [model.backbone(some)[0] for some in crops.split(batch_size)]  # (n, C, 7, 7) each
    return _classified(heads, torch.cat(features), proposals)


@torch.no_grad()
def fast_rcnn(model: MaskRCNN, images: Tensor, proposals: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Run the backbone once, and cut all proposals out of its maps.

    Source: Girshick 2015, section 2, arXiv:1504.08083.

    Shapes: `images` (B, 3, H, W) in [0, 1], `proposals` (n, 4) for each. Raises: ValueError as `roi_align`.
    """
    return _from_maps(_heads(model), model.backbone(images), proposals)


@torch.no_grad()
def faster_rcnn(model: MaskRCNN, images: Tensor) -> tuple[Tensor, Tensor]:
    """Run the backbone once, find proposals in its maps, and cut them out of the same maps.

    Source: Ren, He, Girshick and Sun 2015, section 3, arXiv:1506.01497.

    Shapes: `images` (B, 3, H, W) in [0, 1].
    """
    maps = model.backbone(images)
    proposals, _ = model.rpn(maps, [size_of(image) for image in images])
    return _from_maps(_heads(model), maps, proposals)


def _from_maps(heads: RoIHeads, maps: Sequence[Tensor], proposals: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    features = heads.pooling(maps[: len(heads.strides)], proposals, heads.box_size)  # (N, C, 7, 7)
    return _classified(heads, features, proposals)


def _classified(heads: RoIHeads, features: Tensor, proposals: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    logits, offsets = heads.box(features)  # (N, K), (N, K, 4)
    return logits.softmax(1), decode(offsets, torch.cat(list(proposals)), weights=heads.box_weights)


def _heads(model: MaskRCNN) -> RoIHeads:
    if not isinstance(model, MaskRCNN) or not isinstance(model.roi_heads, RoIHeads):
        raise ValueError(f"model must be a MaskRCNN with RoIHeads, whose parts are wired here, but is {model!r:.100}.")
    return model.roi_heads
