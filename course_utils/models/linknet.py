"""Linknet: a decoder that adds what the encoder saw, and computes on a quarter of the channels."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import on_resnet, weights_of
from course_utils.models.layers import conv_norm
from course_utils.models.unet_decoder import fit
from course_utils.ops.checks import whole_numbers


class Linknet(nn.Module):
    """Linknet on any backbone: from the coarsest map up, each is enlarged to the size of the next finer one, which is added.

    Source: Chaurasia and Culurciello 2017, section 3 and figures 1 and 2, arXiv:1707.03718.

    `width`: channels of the steps without a map to add to, which lead from the finest map to the image's size.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Differs from the paper, as segmentation_models_pytorch does: transposed convolutions are 4×4 and not 3×3, so that each pixel
    is reached equally often; the last step is like the others; scores come from a 1×1 convolution.

    Raises: ValueError if `backbone` is not a backbone, and for numbers below 1.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, *, width: int = 32) -> None:
        super().__init__()
        num_classes, width = whole_numbers(1, num_classes=num_classes, width=width)
        channels, strides = require_backbone(backbone)
        self.backbone = backbone
        used = sorted(set(strides))
        self.levels = [last_map_at(strides, stride) for stride in used]  # finest first
        factors = [coarse // fine for fine, coarse in zip(used, used[1:], strict=False)][::-1]
        widths = [channels[level] for level in reversed(self.levels)]
        # Where no map has the image's size, two rows for one until it is reached.
        self.halvings = (used[0] - 1).bit_length()
        factors += [2] * self.halvings
        widths += [width] * self.halvings
        self.steps = nn.ModuleList(
            LinknetStep(wide, narrow, factor=factor)
            for wide, narrow, factor in zip(widths, widths[1:], factors, strict=False)
        )
        self.head = nn.Conv2d(widths[-1], num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        x, *finer = (maps[level] for level in reversed(self.levels))  # (B, C, H/32, W/32); then H/16, …
        linked, unlinked = self.steps[: len(finer)], self.steps[len(finer) :]
        for step, skip in zip(linked, finer, strict=True):
            x = step(x, skip.shape[2:]) + skip  # (B, C, H/16, W/16), then H/8, …
        for left, step in zip(reversed(range(self.halvings)), unlinked, strict=True):
            x = step(x, [-(-side // 2**left) for side in images.shape[2:]])  # (B, width, H, W) at last
        return self.head(x)  # (B, K, H, W)


class LinknetStep(nn.Module):
    """A 1×1 convolution to a quarter of the channels, a transposed one that enlarges, a 1×1 one to the next map's channels.

    Source: Chaurasia and Culurciello 2017, figure 3, arXiv:1707.03718.

    Shapes: (B, in_channels, h, w) → (B, out_channels, *size), a size of about `factor` times h and w.
    """

    def __init__(self, in_channels: int, out_channels: int, *, factor: int) -> None:
        super().__init__()
        middle = max(in_channels // 4, 1)
        self.narrow = nn.Sequential(conv_norm(in_channels, middle, 1), nn.ReLU(inplace=True))
        self.enlarge = nn.Sequential(
            nn.ConvTranspose2d(middle, middle, 2 * factor, stride=factor, padding=factor // 2),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
        )
        self.widen = nn.Sequential(conv_norm(middle, out_channels, 1), nn.ReLU(inplace=True))

    def forward(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        x = self.narrow(maps)  # (B, in_channels/4, h, w)
        x = fit(self.enlarge(x), size)  # (B, in_channels/4, 2h, 2w)
        return self.widen(x)  # (B, out_channels, 2h, 2w)


def linknet_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `Linknet` on a ResNet under the names of `Linknet(resnet, …)`.

    Raises: ValueError for the weights of another network.
    """
    with weights_of("smp's Linknet on a ResNet, as it is made by default"):
        return on_resnet(state, _name_of_smp)


def _name_of_smp(name: str) -> str:
    """decoder.blocks.BLOCK.block.2.0.weight → steps.BLOCK.widen.0.0.weight, segmentation_head.0.bias → head.bias."""
    if score := re.fullmatch(r"segmentation_head\.0\.(weight|bias)", name):
        return f"head.{score[1]}"
    found = re.fullmatch(r"decoder\.blocks\.(\d)\.block\.([012])\.([01])\.(\w+)", name)
    if found is None:
        raise ValueError(f"there is a {name}")
    block, layer, part, kind = found.groups()
    return f"steps.{block}.{('narrow.0', 'enlarge', 'widen.0')[int(layer)]}.{part}.{kind}"
