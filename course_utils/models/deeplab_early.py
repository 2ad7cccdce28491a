"""DeepLab v1 and v2: scores from kernels with a large field of view, summed; and how v3+ changed Xception, as a table."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbones.contract import require_backbone
from course_utils.models.backbones.resnet import resnet101
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.layers import positive_integers, resize
from course_utils.ops.checks import whole_number

MODIFIED_XCEPTION = (
    (
        "depth",
        "more layers than Xception, in all flows",
        "more layers, but the entry flow as it was: fast, little memory",
    ),
    ("reduction", "max pooling", "depth-wise separable convolutions with a stride, which can be traded for a rate"),
    ("after a depth-wise 3×3", "nothing", "batch norm and ReLU, as in MobileNet"),
)
"""What differs, in Aligned Xception, and in the backbone of DeepLab v3+.

Source: Chen et al. 2018, section 3.2 and figure 4, arXiv:1802.02611.
"""


class DeepLabV2(nn.Module):
    """DeepLab v2 on any backbone: parallel classifiers on its last map, each with its rate, whose scores are summed.

    Source: Chen et al. 2018, section 3.2, arXiv:1606.00915. With a single rate it is v1 with a large field of view: Chen et al.
    2015, section 4, arXiv:1412.7062.

    - `backbone` has output stride 8 in the papers, for which the rates are given.
    - `hidden`: channels of the layers fc6 (3×3, with the rate) and fc7 (1×1) of a classifier, 1024 on VGG-16. None, as on
      ResNet-101: it is a single 3×3 convolution.

    Scores are enlarged by bilinear interpolation. Neither batch norm nor a view of the whole image: both came with v3. Scores and
    image then go into a dense CRF.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Raises: ValueError if `backbone` is not a backbone, for no rate at all, and for numbers below 1.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        rates: Sequence[int] = (6, 12, 18, 24),
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        hidden = None if hidden is None else whole_number(hidden, "hidden", minimum=1)
        rates = positive_integers(rates, "rates")
        if not rates:
            raise ValueError("rates must name the rate of one classifier at least, but is empty; v1 has (12,).")
        channels = require_backbone(backbone).channels[-1]
        self.backbone = backbone
        self.classifiers = nn.ModuleList(_classifier(channels, hidden, num_classes, rate) for rate in rates)

    def forward(self, images: Tensor) -> Tensor:
        x = self.backbone(images)[-1]  # (B, C, H/8, W/8)
        logits = torch.stack([classifier(x) for classifier in self.classifiers]).sum(0)  # (B, K, H/8, W/8)
        return resize(logits, images.shape[2:])  # (B, K, H, W)


def _classifier(channels: int, hidden: int | None, num_classes: int, rate: int) -> nn.Module:
    if hidden is None:
        return nn.Conv2d(channels, num_classes, 3, padding=rate, dilation=rate)
    return nn.Sequential(
        *(nn.Conv2d(channels, hidden, 3, padding=rate, dilation=rate), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout()),
        nn.Conv2d(hidden, num_classes, 1),
    )


def deeplab_v1(num_classes: int, *, weights: str | None = None) -> DeepLabV2:
    """DeepLab v1 with a large field of view and without CRF: VGG-16 at output stride 8, fc6 3×3 with rate 12.

    Source: Chen et al. 2015, section 4, "DeepLab-LargeFOV", arXiv:1412.7062. 20,505,429 parameters for 21 classes. Weights of the
    backbone: None (random) or "imagenet".

    Differs from the paper: fc6 and fc7 begin with random weights, not with some of those of VGG-16; the poolings without a stride
    are 2×2, as in `backbones.vgg`.

    Shapes and errors: as `DeepLabV2`; ValueError for other weights.
    """
    return DeepLabV2(vgg16(output_stride=8, weights=weights), num_classes, rates=(12,), hidden=1024)


def deeplab_v2(num_classes: int, *, weights: str | None = None) -> DeepLabV2:
    """DeepLab v2 with ASPP, without CRF: ResNet-101 at output stride 8, rates 6, 12, 18 and 24. Weights as in `deeplab_v1`.

    Source: Chen et al. 2018, section 4.1, arXiv:1606.00915. Shapes and errors: as `deeplab_v1`.
    """
    return DeepLabV2(resnet101(output_stride=8, weights=weights), num_classes)
