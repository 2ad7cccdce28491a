"""A pyramid for small images: the map that regions are cut from has stride 2."""

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import conv_norm
from course_utils.ops.checks import whole_numbers


class FinePyramid(nn.Module):
    """A feature pyramid whose finest map, at stride 2, knows what the coarse ones know; itself a backbone.

    The sums of FPN (Lin et al. 2017, section 3, arXiv:1612.03144), with batch norm, from stride 4 on. Added to the map of stride
    2 and smoothed, the sum of stride 4 becomes the finest map, with fewer channels. The map of stride 4 is made from that one.

    - `channels`: those of the maps at strides 4, 8 and 16; `fine_channels`: those at stride 2.

    Shapes: images (B, 3, H, W) in [0, 1] → a list of maps (B, fine_channels, H/2, W/2), (B, channels, H/4, W/4), and so on to
    stride 16, for every size that the backbone takes.

    Differs from the paper: there the finest map has stride 4; in images of 96 × 128, a person is 10 pixels wide.

    Raises: ValueError if `backbone` is not a backbone, or has no maps at strides 2, 4, 8 and 16; for numbers below 1.
    """

    strides = (2, 4, 8, 16)

    def __init__(self, backbone: nn.Module, channels: int = 48, *, fine_channels: int = 32) -> None:
        super().__init__()
        channels, fine_channels = whole_numbers(1, channels=channels, fine_channels=fine_channels)
        promised = require_backbone(backbone)
        for stride in self.strides:
            last_map_at(promised.strides, stride)
        used = sorted({stride for stride in promised.strides if stride >= 2})
        self.levels = [last_map_at(promised.strides, stride) for stride in used]  # finest first
        finest, *others = (promised.channels[level] for level in self.levels)
        self.channels = (fine_channels, channels, channels, channels)
        self.backbone = backbone
        self.laterals = nn.ModuleList(conv_norm(width, channels, 1) for width in others)
        self.finest = conv_norm(finest, fine_channels, 1)
        self.narrow = nn.Conv2d(channels, fine_channels, 1, bias=False)
        self.fine = _smooth(fine_channels, fine_channels)
        self.quarter = _smooth(fine_channels, channels, stride=2)
        self.outputs = nn.ModuleList(_smooth(channels, channels) for _ in (8, 16))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.backbone(images)
        finest, *others = (maps[level] for level in self.levels)
        sums: list[Tensor] = []
        for lateral, map_ in zip(reversed(self.laterals), reversed(others), strict=True):
            x = lateral(map_)
            sums.insert(0, x + _enlarged(sums[0], x) if sums else x)  # (B, channels, H/32, W/32), then H/16, …, H/4
        sums = [relu(x) for x in sums]
        x = self.finest(finest)
        fine = self.fine(relu(x + _enlarged(self.narrow(sums[0]), x)))  # (B, fine_channels, H/2, W/2)
        return [fine, self.quarter(fine), *(output(x) for output, x in zip(self.outputs, sums[1:], strict=False))]


def _smooth(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv_norm(in_channels, out_channels, stride=stride), nn.ReLU(inplace=True))


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return interpolate(coarse, size=fine.shape[2:], mode="nearest")
