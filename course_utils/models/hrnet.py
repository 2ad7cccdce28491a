"""HRNet: a stream at high resolution from the first stage to the last, and coarser ones beside it that exchange with it."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import bottleneck_block, resnet_from_torchvision
from course_utils.models.layers import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalise,
    basic_block,
    conv_norm,
    positive_integers,
    resize,
    with_he_weights,
)
from course_utils.ops.checks import whole_numbers


class HRNet(nn.Module):
    """Parallel resolutions that exchange what they know, as a backbone: strides 2 to 32; see `hrnet_w18`.

    - `width`: channels at stride 4; each coarser resolution has twice as many.
    - `modules`: how many `ParallelBlocks` stages 2, 3 and 4 have; these stages have 2, 3 and 4 resolutions.
    - `blocks`: residual blocks in each resolution between two exchanges, and in the first stage.
    - `stem`: channels at stride 2.

    Raises: ValueError for numbers below 1, and if `modules` has other than three.
    """

    def __init__(self, width: int, *, modules: Sequence[int] = (1, 4, 3), blocks: int = 4, stem: int = 64) -> None:
        super().__init__()
        width, blocks, stem = whole_numbers(1, width=width, blocks=blocks, stem=stem)
        modules = positive_integers(modules, "modules")
        if len(modules) != 3:
            raise ValueError(f"modules needs a number for each of the stages 2, 3 and 4, but has {len(modules)}.")
        widths = [width * 2**branch for branch in range(4)]
        wide = 4 * stem
        self.channels = (stem, *widths)
        self.strides = (2, 4, 8, 16, 32)
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stem = nn.ModuleList([_convolution(3, stem, stride=2), _convolution(stem, stem, stride=2)])
        self.first_stage = nn.Sequential(
            bottleneck_block(stem, wide), *(bottleneck_block(wide, wide) for _ in range(blocks - 1))
        )
        self.first_branch = _convolution(wide, width)
        self.new_branches = nn.ModuleList(
            _convolution(before, after, stride=2)
            for before, after in zip((wide, *widths[1:]), widths[1:], strict=False)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ParallelBlocks(widths[:branches], blocks) for _ in range(count)))
            for branches, count in zip((2, 3, 4), modules, strict=True)
        )
        with_he_weights(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        half = self.stem[0](self.normalise(images))  # (B, 64, H/2, W/2)
        x = self.first_stage(self.stem[1](half))  # (B, 256, H/4, W/4)
        maps = [self.first_branch(x)]  # (B, C, H/4, W/4)
        for begin, stage in zip(self.new_branches, self.stages, strict=True):
            maps.append(begin(x))  # (B, 2C, H/8, W/8), then 4C at H/16, 8C at H/32
            maps = stage(maps)
            x = maps[-1]
        return [half, *maps]


class ParallelBlocks(nn.Module):
    """Residual blocks in each resolution, and then an exchange: each becomes the sum of all of them.

    Source: Wang et al. 2020, sections 3.1 and 3.2, figure 2, arXiv:1908.07919.

    Shapes: maps (B, widths[i], h, w), each with half the rows and columns of the one before → the same.
    """

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(basic_block(width, width) for _ in range(blocks))) for width in widths
        )
        self.exchange = nn.ModuleList(Fusion(widths, target) for target in range(len(widths)))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [fusion(maps) for fusion in self.exchange]


class Fusion(nn.Module):
    """The sum of all resolutions in one of them, the target.

    Source: Wang et al. 2020, section 3.2 and figure 3, arXiv:1908.07919. A finer map comes down by 3×3 convolutions of stride 2,
    a coarser one up by a 1×1 convolution and an interpolation.

    Shapes: `maps` as in `ParallelBlocks` → that of the target.

    Differs from the paper: the interpolation takes the nearest pixel, as in timm and in HRNet's first version (Sun et al.
    2019, arXiv:1902.09212), and follows the 1×1 convolution.
    """

    def __init__(self, widths: Sequence[int], target: int) -> None:
        super().__init__()
        self.target = target
        self.paths = nn.ModuleList(_path(widths, source, target) for source in range(len(widths)))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        size = maps[self.target].shape[2:]
        arriving = [path(x) for path, x in zip(self.paths, maps, strict=True)]
        for source in range(self.target + 1, len(maps)):
            arriving[source] = interpolate(arriving[source], size=size, mode="nearest")
        return relu(sum(arriving[1:], arriving[0]))  # (B, widths[target], h, w)


def _path(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """The convolutions from one resolution to another; on the way down, the last alone changes the channels."""
    if source == target:
        return nn.Identity()
    if source > target:
        return conv_norm(widths[source], widths[target], 1)
    layers: list[nn.Module] = []
    for _ in range(target - source - 1):
        layers += [conv_norm(widths[source], widths[source], stride=2), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, conv_norm(widths[source], widths[target], stride=2))


def _convolution(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv_norm(in_channels, out_channels, stride=stride), nn.ReLU(inplace=True))


def hrnet_w18() -> HRNet:
    """HRNet-W18 with random weights: channels 64 at stride 2, then 18, 36, 72, 144 at strides 4 to 32.

    Source: Wang et al. 2020, section 3, arXiv:1908.07919. The map of stride 2 is that of the stem's first convolution.
    Weights from timm load through `hrnet_from_timm`.

    Shapes: images (B, 3, H, W) in [0, 1] → five maps (B, C, H/2, W/2), then H/4, …, for every size.
    """
    return HRNet(18)


def hrnet_w48() -> HRNet:
    """HRNet-W48: as `hrnet_w18`, with channels 64, 48, 96, 192, 384."""
    return HRNet(48)


def small_hrnet() -> HRNet:
    """An HRNet for two cores: channels 16, 16, 32, 64, 128, one block between two exchanges, one exchange a stage."""
    return HRNet(16, modules=(1, 1, 1), blocks=1, stem=16)


class HRNetV2(nn.Module):
    """HRNetV2's head on any backbone: the maps from `stride` on, brought to the size of the finest, are joined and scored.

    Two 1×1 convolutions score them; the first keeps the channels. Where a stride repeats, the last map is taken.

    Source: Wang et al. 2020, section 3.3 and figure 4b, arXiv:1908.07919. On `hrnet_w18` it has 9,641,119 parameters for 19
    classes, on `hrnet_w48` 65,859,379.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Raises: ValueError if `backbone` is not a backbone or has no map from this stride on, and for numbers below 1.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, *, stride: int = 4) -> None:
        super().__init__()
        num_classes, stride = whole_numbers(1, num_classes=num_classes, stride=stride)
        channels, strides = require_backbone(backbone)
        last_map_at(strides, stride)
        used = sorted({value for value in strides if value >= stride})
        self.backbone = backbone
        self.levels = [last_map_at(strides, value) for value in used]  # finest first
        joined = sum(channels[level] for level in self.levels)
        self.mix = nn.Sequential(nn.Conv2d(joined, joined, 1), nn.BatchNorm2d(joined), nn.ReLU(inplace=True))
        self.score = nn.Conv2d(joined, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        finest, *coarser = (maps[level] for level in self.levels)
        enlarged = [resize(x, finest.shape[2:]) for x in coarser]
        x = torch.cat([finest, *enlarged], dim=1)  # (B, 15C, H/4, W/4)
        logits = self.score(self.mix(x))  # (B, K, H/4, W/4)
        return resize(logits, images.shape[2:])  # (B, K, H, W)


def hrnetv2_w18(num_classes: int) -> HRNetV2:
    """`HRNetV2` on `hrnet_w18`."""
    return HRNetV2(hrnet_w18(), num_classes)


def small_hrnetv2(num_classes: int) -> HRNetV2:
    """`HRNetV2` on `small_hrnet`, which two cores can train."""
    return HRNetV2(small_hrnet(), num_classes)


def hrnet_from_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A timm HRNet's `state_dict` under the names that it has here, without the layers that classify.

    Raises: ValueError for the weights of another network.
    """
    classifier = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.")
    trunk = {name: value for name, value in state.items() if not name.startswith(classifier)}
    return {_our_name(name): value for name, value in trunk.items()}


def _our_name(name: str) -> str:
    """Theirs number the stages from 1 on: stage2.0.branches.1.3.bn2.bias → stages.0.0.branches.1.3.branch.2.1.bias."""
    if stem := re.fullmatch(r"(conv|bn)([12])\.(\w+)", name):
        return f"stem.{int(stem[2]) - 1}.0.{('conv', 'bn').index(stem[1])}.{stem[3]}"
    if block := re.fullmatch(r"layer1\.(\d\..+)", name):
        return f"first_stage.{_name_in_block(block[1])}"
    if begun := re.fullmatch(r"transition1\.0\.([01]\.\w+)", name):
        return f"first_branch.0.{begun[1]}"
    if begun := re.fullmatch(r"transition([123])\.\1\.0\.([01]\.\w+)", name):
        return f"new_branches.{int(begun[1]) - 1}.0.{begun[2]}"
    if stage := re.fullmatch(r"stage([234])\.(\d)\.(.+)", name):
        module = f"stages.{int(stage[1]) - 2}.{stage[2]}"
        if block := re.fullmatch(r"branches\.(\d)\.(\d\..+)", stage[3]):
            return f"{module}.branches.{block[1]}.{_name_in_block(block[2])}"
        if up := re.fullmatch(r"fuse_layers\.(\d)\.(\d\.[01]\.\w+)", stage[3]):
            return f"{module}.exchange.{up[1]}.paths.{up[2]}"
        if down := re.fullmatch(r"fuse_layers\.(\d)\.(\d)\.(\d)\.([01]\.\w+)", stage[3]):
            target, source, number, layer = down.groups()  # of the convolutions, with a ReLU between each two
            return f"{module}.exchange.{target}.paths.{source}.{2 * int(number)}.{layer}"
    raise ValueError(f"These are not the weights of timm's hrnet_w18 or hrnet_w48: there is a {name}.")


def _name_in_block(name: str) -> str:
    """Within a residual block, as in a ResNet: 3.bn2.bias → 3.branch.2.1.bias."""
    (renamed,) = resnet_from_torchvision({f"layer1.{name}": torch.empty(0)})
    return renamed.removeprefix("stages.0.")
