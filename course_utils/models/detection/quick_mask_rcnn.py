"""The Mask R-CNN of this course for two cores: what two minutes of training can do decided how it is made."""

from torch import nn

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.centre_rpn import CentreRPN
from course_utils.models.detection.fine_pyramid import FinePyramid
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_heads import MaskLoss, Pooling, QuickRoIHeads
from course_utils.models.pretrained import check_weights_name, load_own
from course_utils.models.quick_unet import QuickResNet
from course_utils.ops.checks import require_bools

WIDTHS = (16, 32, 64, 96, 96)


def quick_mask_rcnn(
    num_classes: int,
    *,
    backbone: nn.Module | None = None,
    pooling: Pooling | None = None,
    mask_loss: MaskLoss | None = None,
    softmax_masks: bool = False,
    jittered: int = 3,
    crowded: bool = False,
    weights: str | None = None,
) -> MaskRCNN:
    """A Mask R-CNN that learns from nothing in two minutes on one core: 717,390 parameters at 8 classes.

    Its parts are those of the paper (He et al. 2017, arXiv:1703.06870): a backbone, here a stem at stride 2 and one residual
    block at each of the strides 4 to 32, `QuickResNet`; a pyramid, `FinePyramid`; proposals, `CentreRPN`; heads for class, box
    and mask, `QuickRoIHeads`. Class 0 is background.

    - `backbone`: another one, with maps at strides 2, 4, 8 and 16.
    - `pooling`, `mask_loss`, `softmax_masks`, `jittered`: see `QuickRoIHeads`.
    - `crowded`: for images of a hundred objects; in evaluation there are 300 proposals of 1000 candidates, not 160 of 500.
    - `weights="nuclei"`: it has learnt to find nuclei in microscope images, with 2 classes and its own backbone; see
      `recipes.nuclei`. It is made for a crowd.

    Shapes: as `MaskRCNN`; in training the images of a batch have one size.

    Differs from the paper, for small images and short trainings: the pyramid begins at stride 2, and all regions are cut from its
    finest map; anchors near an object's centre answer for it, and all anchors are learnt from; true boxes, jittered, join the
    proposals; boxes are learnt by generalised IoU; batch norm and layer norm everywhere; about a sixtieth of the parameters.

    Raises: ValueError as these classes, for other weights, and for weights of another network; as `pretrained.load_own`.
    """
    require_bools(crowded=crowded)
    check_weights_name(weights, "nuclei")
    if weights is not None and (num_classes != 2 or backbone is not None):
        raise ValueError(
            f'The weights "{weights}" are those of 2 classes on the network\'s own backbone, but num_classes is {num_classes!r}'
            f'{"" if backbone is None else " and there is another backbone"}; write `quick_mask_rcnn(2, weights="{weights}")`.'
        )
    pyramid = FinePyramid(small_backbone() if backbone is None else backbone)
    channels, anchors = pyramid.channels[-1], small_anchors()
    if crowded or weights is not None:
        rpn = CentreRPN(channels, anchors, candidates=(150, 1000), kept=(48, 300))
    else:
        rpn = CentreRPN(channels, anchors)
    heads = QuickRoIHeads(
        pyramid.channels[0],
        num_classes,
        stride=pyramid.strides[0],
        pooling=pooling,
        mask_loss=mask_loss,
        softmax_masks=softmax_masks,
        jittered=jittered,
    )
    model = MaskRCNN(pyramid, num_classes, rpn=rpn, roi_heads=heads)
    if weights is not None:
        load_own(model, f"quick_mask_rcnn_{weights}.safetensors")
    return model


def small_backbone() -> QuickResNet:
    """A stem and one residual block at each of the strides 4 to 32: maps at strides 2 to 32."""
    return QuickResNet(WIDTHS, 1)


def small_anchors() -> Anchors:
    """Two shapes for each of three sizes, upright as persons and wide as cars: of 10, 20 and 40 pixels, if they were squares."""
    return Anchors((4, 8, 16), sizes=((10,), (20,), (40,)), ratios=(2.86, 0.625))
