"""Mask R-CNN: a pyramid of maps, proposals, and heads that look at each proposal."""

from collections.abc import Sequence

from torch import Tensor, nn

from course_utils.models.backbones.contract import require_backbone
from course_utils.models.backbones.resnet import resnet50
from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.heads import box_head, keypoint_head, mask_head
from course_utils.models.detection.images import (
    batch_images,
    checked_images,
    resize_images,
    resized_size,
    scale_target,
    size_of,
)
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.models.detection.rpn import RPN
from course_utils.models.detection.targets import Target, checked_targets
from course_utils.models.detection.torchvision_names import (
    fasterrcnn_resnet50_fpn_from_torchvision as fasterrcnn_resnet50_fpn_from_torchvision,
    keypointrcnn_resnet50_fpn_from_torchvision as keypointrcnn_resnet50_fpn_from_torchvision,
    maskrcnn_resnet50_fpn_from_torchvision as maskrcnn_resnet50_fpn_from_torchvision,
    maskrcnn_resnet50_fpn_v2_from_torchvision as maskrcnn_resnet50_fpn_v2_from_torchvision,
)
from course_utils.models.fpn import FPN
from course_utils.models.frozen_norm import with_frozen_norms
from course_utils.ops.checks import Pair, require_bools, whole_number
from course_utils.ops.roi import paste_masks


class MaskRCNN(nn.Module):
    """Mask R-CNN on any backbone: propose boxes, then classify each, refine it and draw its mask.

    Source: He, Gkioxari, Dollár and Girshick 2017, arXiv:1703.06870. Class 0 is background; objects have the labels 1 to
    num_classes - 1.

    - `backbone`: if its maps have equally many channels and each stride is twice the one before, as those of `FPN`, it serves
      as it is; if not, as `FPN(backbone, 256, extra="pool")`.
    - `rpn(maps, image_sizes, targets)` gives (proposals, losses): a tensor (n, 4) for each image in pixels of the input, and a
      dict of scalars. `image_sizes` are (h, w) of each image in the batch, which may be padded. `targets` is None in evaluation.
    - `roi_heads(maps, proposals, image_sizes, targets)` gives (detections, losses): a dict for each image with "boxes" (n, 4),
      "labels" (n,), "scores" (n,), and where it has them "mask_grids" (n, m, m), probabilities, and "keypoints" (n, K, 3).
      By default both are made for the maps that the backbone has; RoIs read from maps of stride 32 at most.
    - `min_size`, `max_size`: resize each image so that its shorter side is `min_size`, or less where its longer side would
      exceed `max_size`. None: as it comes. `divisor`: batches are padded to multiples of it, with the colour that the backbone
      takes for 0.
    - `legacy`: as torchvision's detectors (see `Anchors`, `RoIHeads` and `paste_masks`), for which its weights were learnt.

    Shapes: images (B, 3, H, W) in [0, 1], or a list of (3, h, w) of several sizes.
    In training mode with targets, a dict for each image with "boxes" (n, 4), "labels" (n,), "masks" bool (n, h, w), and where
    they are learnt "keypoints" (n, K, 3) → scalar losses "objectness", "rpn_boxes", "classes", "boxes", "masks", "keypoints".
    What is marked in "iscrowd" (n,) bool, and what has no area, is left out.
    In evaluation mode → a dict for each image as from `roi_heads`, and "masks" bool (n, h, w): where the grids, drawn into the
    image, are above 0.5.

    Several processes: each divides its losses by the number of its own samples, which differs little from process to process;
    one process with the whole batch would divide by that of all.

    Differs from torchvision: names of losses; masks are bool, and their probabilities those of the grid.

    Raises: ValueError if `backbone` is not a backbone, for numbers that cannot be, and for images and targets of other forms.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        rpn: nn.Module | None = None,
        roi_heads: nn.Module | None = None,
        min_size: int | None = None,
        max_size: int = 1333,
        divisor: int = 1,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = whole_number(num_classes, "num_classes", minimum=2)
        self.min_size = None if min_size is None else whole_number(min_size, "min_size", minimum=1)
        self.max_size = whole_number(max_size, "max_size", minimum=1)
        self.divisor = whole_number(divisor, "divisor", minimum=1)
        require_bools(legacy=legacy)
        self.legacy = legacy
        ready = rpn is not None and roi_heads is not None
        self.backbone = backbone if ready else _as_pyramid(backbone)
        (channels, *_), strides = require_backbone(self.backbone)
        if rpn is None:
            rpn = RPN(channels, Anchors(strides, legacy=legacy))
        if roi_heads is None:
            mask = mask_head(channels, num_classes)
            roi_heads = RoIHeads(channels, _up_to_32(strides), num_classes, mask=mask, legacy=legacy)
        self.rpn, self.roi_heads = rpn, roi_heads

    def forward(
        self, images: Tensor | Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        images = checked_images(images)
        given = [size_of(image) for image in images]
        sizes = given if self.min_size is None else [resized_size(size, self.min_size, self.max_size) for size in given]
        if self.training:
            targets = checked_targets(targets, len(images), self.num_classes)
            targets = [scale_target(*parts) for parts in zip(targets, given, sizes, strict=True)]
        else:
            targets = None
        if sizes != given:
            images = resize_images(list(images), sizes)
        maps = self.backbone(batch_images(images, self.divisor, self.backbone))
        proposals, first_losses = self.rpn(maps, sizes, targets)
        detections, second_losses = self.roi_heads(maps, proposals, sizes, targets)
        if self.training:
            return first_losses | second_losses
        parts = zip(detections, sizes, given, strict=True)
        return [self._with_masks(scale_target(found, size, back), back) for found, size, back in parts]

    def _with_masks(self, found: dict[str, Tensor], size: Pair) -> dict[str, Tensor]:
        if "mask_grids" not in found or "masks" in found:
            return found
        return found | {"masks": paste_masks(found["mask_grids"], found["boxes"], size, legacy=self.legacy) > 0.5}


def _as_pyramid(backbone: nn.Module) -> nn.Module:
    """The backbone itself, if one head can look at all of its maps, or a pyramid on it."""
    channels, strides = require_backbone(backbone)
    doubling = all(after == 2 * before for before, after in zip(strides, strides[1:], strict=False))
    return backbone if len(set(channels)) == 1 and doubling else FPN(backbone, 256, extra="pool")


def _up_to_32(strides: Sequence[int]) -> list[int]:
    """The strides of the maps that regions read from."""
    return [stride for stride in strides if stride <= 32] or [strides[0]]


def maskrcnn_resnet50_fpn(
    num_classes: int = 91, *, min_size: int = 800, max_size: int = 1333, frozen_eps: float | None = None
) -> MaskRCNN:
    """Mask R-CNN on ResNet-50 and FPN, as torchvision has it, with 44,454,513 parameters at 91 classes.

    Source: He et al. 2017, section 3, arXiv:1703.06870.

    `frozen_eps`: None for batch norm that learns, which is what torchvision makes without weights. A number: the norms of the
    ResNet are frozen, their 53,120 numbers no parameters, and this is added to their variances: 0 for torchvision's weights
    "COCO_V1", 1e-5 for those of a backbone.
    """
    return _with_resnet50(
        num_classes, mask=mask_head(256, num_classes), sizes=(min_size, max_size), frozen_eps=frozen_eps
    )


def fasterrcnn_resnet50_fpn(
    num_classes: int = 91, *, min_size: int = 800, max_size: int = 1333, frozen_eps: float | None = None
) -> MaskRCNN:
    """Faster R-CNN: `maskrcnn_resnet50_fpn` without masks.

    Source: Ren, He, Girshick and Sun 2015, arXiv:1506.01497; on a pyramid: Lin et al. 2017, section 5.2, arXiv:1612.03144.
    """
    return _with_resnet50(num_classes, sizes=(min_size, max_size), frozen_eps=frozen_eps)


def keypointrcnn_resnet50_fpn(
    num_classes: int = 2,
    *,
    num_keypoints: int = 17,
    min_size: int = 800,
    max_size: int = 1333,
    frozen_eps: float | None = None,
) -> MaskRCNN:
    """Mask R-CNN for keypoints instead of masks, otherwise as `maskrcnn_resnet50_fpn`.

    Source: He et al. 2017, section 5, arXiv:1703.06870.
    """
    keypoints = keypoint_head(256, num_keypoints)
    return _with_resnet50(num_classes, keypoints=keypoints, sizes=(min_size, max_size), frozen_eps=frozen_eps)


def maskrcnn_resnet50_fpn_v2(num_classes: int = 91, *, min_size: int = 800, max_size: int = 1333) -> MaskRCNN:
    """Mask R-CNN with batch norm in pyramid and heads, two convolutions in the RPN and four before the box.

    It has 46,359,409 parameters at 91 classes.

    Source: Li et al. 2021, section 3, arXiv:2111.11429, and torchvision.
    """
    box = box_head(256, num_classes, convolutions=4)
    mask = mask_head(256, num_classes, norm=True)
    return _with_resnet50(num_classes, box=box, mask=mask, sizes=(min_size, max_size), norm=True, rpn_convolutions=2)


def _with_resnet50(
    num_classes: int,
    *,
    box: nn.Module | None = None,
    mask: nn.Module | None = None,
    keypoints: nn.Module | None = None,
    sizes: Pair,
    frozen_eps: float | None = None,
    norm: bool = False,
    rpn_convolutions: int = 1,
) -> MaskRCNN:
    """A detector as torchvision wires it."""
    resnet = resnet50()
    if frozen_eps is not None:
        resnet = with_frozen_norms(resnet, eps=frozen_eps)
    backbone = FPN(resnet, 256, extra="pool", norm=norm)
    rpn = RPN(256, Anchors(backbone.strides, legacy=True), convolutions=rpn_convolutions)
    heads = RoIHeads(
        256, _up_to_32(backbone.strides), num_classes, box=box, mask=mask, keypoints=keypoints, legacy=True
    )
    return MaskRCNN(
        backbone, num_classes, rpn=rpn, roi_heads=heads, min_size=sizes[0], max_size=sizes[1], divisor=32, legacy=True
    )
