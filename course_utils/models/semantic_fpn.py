"""Semantic FPN: the semantic head of Panoptic FPN on a feature pyramid."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbones.resnet import on_resnet, weights_of
from course_utils.models.fpn import FPN
from course_utils.models.layers import positive_integers, resize
from course_utils.ops.checks import require_bools, whole_numbers


class SemanticHead(nn.Module):
    """The semantic branch of Panoptic FPN: every level is brought to the size of the finest, and their sum is scored.

    Source: Kirillov, Girshick, He and Dollár 2019, section 3.1 and figure 3, arXiv:1901.02446. A level is enlarged step by
    step, each time to the size of the next finer level: 3×3 convolution, group norm, ReLU, bilinear interpolation. The finest
    level has one step, and keeps its size.

    - `channels`: those of the pyramid's levels, finest first.
    - `width`: channels of the sum, a multiple of `groups`.
    - `align_corners`: how to interpolate; segmentation_models_pytorch has True.

    Shapes: `maps`, one for each level, (B, C, h, w) and coarser → logits (B, num_classes, h, w).

    Raises: ValueError for numbers below 1, and a width that the groups do not divide.
    """

    def __init__(
        self,
        channels: Sequence[int],
        num_classes: int,
        *,
        width: int = 128,
        groups: int = 32,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        channels = positive_integers(channels, "channels")
        num_classes, width, groups = whole_numbers(1, num_classes=num_classes, width=width, groups=groups)
        require_bools(align_corners=align_corners)
        if width % groups:
            raise ValueError(
                f"Group norm takes groups of equally many channels, but {groups} groups do not divide a width of {width}; "
                "change `width` or `groups`."
            )
        self.branches = nn.ModuleList(
            SemanticBranch(count, width, max(level, 1), groups=groups, align_corners=align_corners)
            for level, count in enumerate(channels)
        )
        self.score = nn.Conv2d(width, num_classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        sizes = [map_.shape[2:] for map_ in maps]
        enlarged = []
        for level, (branch, x) in enumerate(zip(self.branches, maps, strict=True)):
            finer = sizes[:level][::-1] or sizes[:1]  # the finest level keeps its size
            enlarged.append(branch(x, finer))  # (B, width, H/4, W/4)
        return self.score(sum(enlarged[1:], enlarged[0]))  # (B, K, H/4, W/4)


class SemanticBranch(nn.Module):
    """The way of one level to the size of the finest; see `SemanticHead`.

    Shapes: `maps` (B, in_channels, h, w) and a size for each step → (B, width, *size), the last of them.
    """

    def __init__(self, in_channels: int, width: int, steps: int, *, groups: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, width, 3, padding=1, bias=False), nn.GroupNorm(groups, width), nn.ReLU(inplace=True)
            )
            for before in [in_channels, *[width] * (steps - 1)]
        )

    def forward(self, maps: Tensor, sizes: Sequence[Sequence[int]]) -> Tensor:
        for step, size in zip(self.steps, sizes, strict=True):
            maps = resize(step(maps), size, align_corners=self.align_corners)  # (B, width, H/16, W/16), then H/8, H/4
        return maps


class SemanticFPN(nn.Module):
    """Semantic FPN: a feature pyramid on any backbone, and `SemanticHead` on it.

    Source: Kirillov, Girshick, He and Dollár 2019, section 3.1, arXiv:1901.02446.

    `channels` and `stride` are those of the pyramid; `width`, `groups` and `align_corners` as in `SemanticHead`.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Raises: ValueError as `FPN` and `SemanticHead`.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        channels: int = 256,
        stride: int = 4,
        width: int = 128,
        groups: int = 32,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.pyramid = FPN(backbone, channels, stride=stride)
        self.head = SemanticHead(
            self.pyramid.channels, num_classes, width=width, groups=groups, align_corners=align_corners
        )

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.pyramid(images))  # (B, K, H/4, W/4)
        return resize(logits, images.shape[2:], align_corners=self.align_corners)  # (B, K, H, W)


def semantic_fpn_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """smp's `FPN` on a ResNet, with "add" as its merge policy, under the names of `SemanticFPN(resnet, …, align_corners=True)`.

    smp's pyramid has no 3×3 convolutions at its end; here they get kernels that change nothing.

    Raises: ValueError for the weights of another network.
    """
    with weights_of("smp's FPN on a ResNet, as it is made by default"):
        renamed = on_resnet(state, _name_of_smp, backbone="pyramid.backbone.")
        for level in range(4):
            bias = renamed[f"pyramid.laterals.{level}.bias"]
            identity = nn.init.dirac_(torch.empty(len(bias), len(bias), 3, 3, dtype=bias.dtype, device=bias.device))
            renamed |= {
                f"pyramid.outputs.{level}.weight": identity,
                f"pyramid.outputs.{level}.bias": torch.zeros_like(bias),
            }
    return renamed


def _name_of_smp(name: str) -> str:
    """decoder.p5.bias and decoder.p4.skip_conv.bias → pyramid.laterals.3.bias and .2.bias;
    decoder.seg_blocks.0.block.2.block.1.bias → head.branches.3.steps.2.1.bias: theirs begin with the coarsest level.
    """
    if lateral := re.fullmatch(r"decoder\.p(\d)(?:\.skip_conv)?\.(weight|bias)", name):
        return f"pyramid.laterals.{int(lateral[1]) - 2}.{lateral[2]}"
    if step := re.fullmatch(r"decoder\.seg_blocks\.(\d)\.block\.(\d)\.block\.([01])\.(weight|bias)", name):
        return f"head.branches.{3 - int(step[1])}.steps.{step[2]}.{step[3]}.{step[4]}"
    if score := re.fullmatch(r"segmentation_head\.0\.(weight|bias)", name):
        return f"head.score.{score[1]}"
    raise ValueError(f"there is a {name}")
