"""FPN: a feature pyramid on any backbone, and itself a backbone."""

import re
from collections.abc import Iterator, Mapping

from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import resnet_from_torchvision
from course_utils.models.layers import conv_norm
from course_utils.ops.checks import require_bools, whole_number

EXTRA = {"none": 0, "pool": 1, "convolutions": 2}  # how many coarser levels each of them adds


class FPN(nn.Module):
    """A feature pyramid, which is a backbone: maps of equally many channels, and each has what the coarser ones know.

    Source: Lin, Dollár, Girshick, He, Hariharan and Belongie 2017, section 3 and figure 3, arXiv:1612.03144. A 1×1 convolution
    brings each map to `channels`. From the coarsest up, the sum so far is enlarged to the size of the next finer map (nearest
    pixel) and added to it. A 3×3 convolution smooths each sum.

    - `stride`: that of the finest map that is used; the paper's P2 to P5 have strides 4 to 32. Where a stride repeats, the last
      map is taken.
    - `extra`: coarser levels, for detectors. "pool" takes every second pixel of the coarsest level (P6; section 4.1).
      "convolutions" makes two levels by 3×3 convolutions of stride 2 (P6 and P7; Lin, Goyal, Girshick, He and Dollár 2017,
      section 4, arXiv:1708.02002).
    - `norm`: batch norm after the 1×1 and the 3×3 convolutions, as in torchvision's detectors "v2".

    Shapes: images (B, 3, H, W) in [0, 1] → a list of maps (B, channels, H/4, W/4), then H/8, …, for every size that the backbone
    takes.

    Differs from the paper: "convolutions" begin at P5, as in torchvision, and not at C5, the backbone's coarsest map.

    Raises: ValueError if `backbone` is not a backbone or has no map at this stride, for another `extra`, and for a number of
    channels below 1.
    """

    def __init__(
        self, backbone: nn.Module, channels: int = 256, *, stride: int = 4, extra: str = "none", norm: bool = False
    ) -> None:
        super().__init__()
        channels = whole_number(channels, "channels", minimum=1)
        if not isinstance(extra, str) or extra not in EXTRA:
            raise ValueError(f"extra must be one of {', '.join(map(repr, EXTRA))}, but is {extra!r}.")
        require_bools(norm=norm)
        promised = require_backbone(backbone)
        last_map_at(promised.strides, stride)
        used = sorted({value for value in promised.strides if value >= stride})
        self.levels = [last_map_at(promised.strides, value) for value in used]  # finest first
        self.strides = (*used, *(used[-1] * 2 ** (level + 1) for level in range(EXTRA[extra])))
        self.channels = (channels,) * len(self.strides)
        self.backbone = backbone
        widths = [promised.channels[level] for level in self.levels]
        if norm:
            self.laterals = nn.ModuleList(conv_norm(width, channels, 1) for width in widths)
            self.outputs = nn.ModuleList(conv_norm(channels, channels) for _ in widths)
        else:
            self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
            self.outputs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in widths)
        self.extra = extra
        further = EXTRA[extra] if extra == "convolutions" else 0
        self.further = nn.ModuleList(nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(further))
        for layer in self.convolutions():
            # No ReLU follows, so that weights of variance 1/N keep the size of values.
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="linear")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def convolutions(self) -> Iterator[nn.Conv2d]:
        """Those of the pyramid itself, without its backbone's."""
        for part in (self.laterals, self.outputs, self.further):
            yield from (layer for layer in part.modules() if isinstance(layer, nn.Conv2d))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.backbone(images)
        *finer, x = (lateral(maps[level]) for lateral, level in zip(self.laterals, self.levels, strict=True))
        merged = [x]  # (B, channels, H/32, W/32)
        for lateral in reversed(finer):
            x = lateral + interpolate(x, size=lateral.shape[2:], mode="nearest")  # H/16, then H/8, …
            merged.append(x)
        pyramid = [output(x) for output, x in zip(self.outputs, reversed(merged), strict=True)]
        return pyramid + self._further(pyramid[-1])

    def _further(self, coarsest: Tensor) -> list[Tensor]:
        if self.extra == "pool":
            return [max_pool2d(coarsest, 1, stride=2)]  # (B, channels, H/64, W/64)
        levels: list[Tensor] = []
        for convolution in self.further:
            levels.append(convolution(relu(levels[-1]) if levels else coarsest))  # H/64, then H/128
        return levels


def fpn_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ResNet with its pyramid, as torchvision's `resnet_fpn_backbone` makes it, under the names of `FPN(resnet, …)`.

    Its norm is `nn.BatchNorm2d`, or `FrozenBatchNorm2d` for a network `with_frozen_norms`. Names that begin with "fpn." are those
    of a `FeaturePyramidNetwork`; they may come alone.

    Raises: ValueError for the weights of another network.
    """
    body = {name.removeprefix("body."): value for name, value in state.items() if name.startswith("body.")}
    renamed = {f"backbone.{name}": value for name, value in resnet_from_torchvision(body).items()}
    places = {"inner_blocks": "laterals", "layer_blocks": "outputs", "extra_blocks": "further"}
    with_norm = any("_blocks.0.1." in name for name in state)
    for name in (name for name in state if not name.startswith("body.")):
        # For example fpn.inner_blocks.3.0.weight and fpn.extra_blocks.p6.weight; with norms .0 is the convolution, .1 the norm.
        found = re.fullmatch(r"fpn\.(inner_blocks|layer_blocks|extra_blocks)\.p?(\d)(\.[01])?\.(\w+)", name)
        if found is None:
            raise ValueError(f"These are not the weights of torchvision's pyramid on a ResNet: there is a {name}.")
        part, level, layer, kind = found.groups()
        place = int(level) - 6 if part == "extra_blocks" else int(level)
        renamed[f"{places[part]}.{place}{layer if with_norm else ''}.{kind}"] = state[name]
    return renamed
