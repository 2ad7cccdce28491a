"""DeepLab v3 and v3+: atrous spatial pyramid pooling on any backbone, and a decoder for it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from course_utils.models.aspp import ASPP, aspp_rates, convolution_kind, level_of_aspp
from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import on_resnet, resnet50, resnet101, weights_of
from course_utils.models.fcn import fcn_head, require_auxiliary
from course_utils.models.layers import conv_norm, resize
from course_utils.ops.checks import require_bools, whole_number, whole_numbers


class DeepLabV3(nn.Module):
    """DeepLab v3 on any backbone: ASPP on its deepest map of stride `output_stride`, scores, bilinear interpolation.

    Source: Chen et al. 2017, section 3.3, arXiv:1706.05587.

    - `backbone` is made with that output stride, too: `resnet50(output_stride=16)`, with the paper's multi-grid
      `resnet50(output_stride=16, multi_grid=(1, 2, 4))`.
    - `rates`: those of `aspp_rates` if not given. `channels`, `dropout`, `separable`: see `ASPP`.
    - `auxiliary`: a head on the map before, for a second loss in training; see `with_auxiliary`.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Differs from the paper: a 3×3 convolution between ASPP and scores, and the auxiliary head, as in torchvision.

    Raises: ValueError if `backbone` is not a backbone or has no map at this stride, and as `ASPP`. A warning says if the backbone
    has coarser maps, which nothing reads.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        dropout: float = 0.5,
        separable: bool = False,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        num_classes, channels = whole_numbers(1, num_classes=num_classes, channels=channels)
        require_bools(auxiliary=auxiliary)
        rates = aspp_rates(output_stride) if rates is None else rates
        self.level = level_of_aspp(backbone, output_stride)
        self.backbone = backbone
        widths = require_backbone(backbone).channels
        self.head = nn.Sequential(
            ASPP(widths[self.level], channels, rates=rates, dropout=dropout, separable=separable),
            *(conv_norm(channels, channels), nn.ReLU(inplace=True)),
            nn.Conv2d(channels, num_classes, 1),
        )
        if auxiliary and self.level == 0:
            raise ValueError("auxiliary=True needs a map before the one that ASPP reads, but this backbone has none.")
        self.auxiliary_head = fcn_head(widths[self.level - 1], num_classes) if auxiliary else None

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.backbone(images)[self.level])  # (B, K, H/16, W/16)
        return resize(logits, images.shape[2:])  # (B, K, H, W)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the auxiliary head on the map before, for a second loss in training."""
        auxiliary_head = require_auxiliary(self.auxiliary_head)
        maps, size = self.backbone(images), images.shape[2:]
        return resize(self.head(maps[self.level]), size), resize(auxiliary_head(maps[self.level - 1]), size)


class DeepLabV3Plus(nn.Module):
    """DeepLab v3+ on any backbone: ASPP's map is enlarged to stride 4, joined with the backbone's map there, and refined.

    Source: Chen et al. 2018, sections 3.1 and 4.1, figure 2, tables 1 and 2, arXiv:1802.02611.

    - `backbone`, `output_stride`, `rates`, `dropout`: as in `DeepLabV3`. `channels`: of ASPP and of the decoder.
    - `low_channels`: channels that a 1×1 convolution leaves of the map at stride 4, so that it does not outweigh ASPP's.
    - `before`, `after`: numbers of 3×3 convolutions before the enlarging and after the joining.
    - `separable`, `norm_between`: as in `ASPP`, for these convolutions as well.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Differs from the paper: dropout, as in libraries, and norms within separable convolutions, which it names for its backbone.
    For smp's network see `smp_weights.deeplab_v3plus_from_smp`.

    Raises: ValueError as `DeepLabV3`, and if the backbone has no map at stride 4 or ASPP reads that.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        low_channels: int = 48,
        before: int = 0,
        after: int = 2,
        dropout: float = 0.5,
        separable: bool = True,
        norm_between: bool = True,
    ) -> None:
        super().__init__()
        num_classes, channels, low_channels, after = whole_numbers(
            1, num_classes=num_classes, channels=channels, low_channels=low_channels, after=after
        )
        before = whole_number(before, "before", minimum=0)
        rates = aspp_rates(output_stride) if rates is None else rates
        widths, strides = require_backbone(backbone)
        self.low_level, self.level = last_map_at(strides, 4), level_of_aspp(backbone, output_stride)
        if self.level <= self.low_level:
            raise ValueError(
                f"The decoder refines ASPP's map by one of stride 4, but output_stride is {output_stride}."
            )
        self.backbone = backbone
        kind = {"separable": separable, "norm_between": norm_between}
        self.aspp = ASPP(widths[self.level], channels, rates=rates, dropout=dropout, **kind)
        convolution = convolution_kind(**kind)
        self.before = _in_series(convolution, [channels] * (before + 1))
        self.low = nn.Sequential(conv_norm(widths[self.low_level], low_channels, 1), nn.ReLU(inplace=True))
        self.after = _in_series(convolution, [channels + low_channels, *[channels] * after])
        self.head = nn.Conv2d(channels, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        context = self.before(self.aspp(maps[self.level]))  # (B, C, H/16, W/16)
        low = self.low(maps[self.low_level])  # (B, 48, H/4, W/4)
        joined = torch.cat([resize(context, low.shape[2:]), low], dim=1)  # (B, C + 48, H/4, W/4)
        logits = self.head(self.after(joined))  # (B, K, H/4, W/4)
        return resize(logits, images.shape[2:])  # (B, K, H, W)


def _in_series(convolution: Callable[..., nn.Sequential], widths: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(nn.Sequential(convolution(*pair), nn.ReLU(inplace=True)) for pair in pairwise(widths)))


def deeplabv3_resnet50(num_classes: int, *, auxiliary: bool = True, weights: str | None = None) -> DeepLabV3:
    """The DeepLab v3 that libraries mean: ResNet-50 at output stride 8, rates 12, 24 and 36, no multi-grid.

    Source: torchvision's `deeplabv3_resnet50`. 42,004,074 parameters for 21 classes, 39,638,869 without the auxiliary head.
    Weights of the backbone: None (random) or "imagenet".

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W); `with_auxiliary` gives two of these.

    Raises: ValueError for other weights, and a number of classes below 1.
    """
    return DeepLabV3(resnet50(output_stride=8, weights=weights), num_classes, output_stride=8, auxiliary=auxiliary)


def deeplabv3_resnet101(num_classes: int, *, auxiliary: bool = True, weights: str | None = None) -> DeepLabV3:
    """As `deeplabv3_resnet50`, on ResNet-101: 60,996,202 parameters, 58,630,997 without the auxiliary head."""
    return DeepLabV3(resnet101(output_stride=8, weights=weights), num_classes, output_stride=8, auxiliary=auxiliary)


def deeplabv3_resnet50_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's `deeplabv3_resnet50` or `_resnet101` `state_dict` under the names that it has here.

    Raises: ValueError for the weights of another network.
    """
    with weights_of("torchvision's DeepLab v3 on a ResNet"):
        return on_resnet(state, _our_name, encoder="backbone.")


_HEADS = {
    **{f"classifier.0.convs.{i}.{part}": f"head.0.branches.{i}.{part}" for i in range(4) for part in (0, 1)},
    **{f"classifier.0.convs.4.{part + 1}": f"head.0.image.{part}" for part in (0, 1)},  # after the pooling
    **{f"classifier.0.project.{part}": f"head.0.project.0.{part}" for part in (0, 1)},
    **{f"classifier.{part + 1}": f"head.1.{part}" for part in (0, 1)},
    "classifier.4": "head.3",
    **{f"aux_classifier.{part}": f"auxiliary_head.0.{part}" for part in (0, 1)},
    "aux_classifier.4": "auxiliary_head.3",
}
"""Layers of torchvision's heads, and the same here: `part` 0 is a convolution, 1 its norm."""


def _our_name(name: str) -> str:
    layer, _, kind = name.rpartition(".")
    return f"{_HEADS[layer]}.{kind}"
