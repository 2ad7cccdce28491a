"""A pyramid for small images: the map that regions are cut from has stride 2."""

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import conv_norm
from course_utils.ops.checks import whole_numbers


class FinePyramid(nn.Module):
    """A feature pyramid whose finest map, at stride 2, knows what the coarse ones know; itself a backbone.

    From stride 4 on it sums as FPN does (Lin et al. 2017, section 3, arXiv:1612.03144), with batch norm. The sum at stride 4,
    enlarged once more, is added to the backbone's map of stride 2; smoothed, this is the finest map. The map of stride 4 is made
    from it by a convolution of stride 2, those of strides 8 and 16 from the sums there.

    - `channels`: of the maps at strides 4, 8 and 16, and of all sums; `fine_channels`: of the map at stride 2.

    Shapes: images (B, 3, H, W) in [0, 1] → a list of maps (B, fine_channels, H/2, W/2), (B, channels, H/4, W/4), and so on to
    stride 16, for every size that the backbone takes. A backbone may have maps at strides above 16, which the sums begin with.

    Differs from the paper: there the finest map has stride 4. In images of 96 × 128, a person is 10 pixels wide.

    Raises: ValueError if `backbone` is not a backbone or lacks a map at stride 2, 4, 8 or 16; for numbers below 1.
    """

    strides = (2, 4, 8, 16)

    def __init__(self, backbone: nn.Module, channels: int = 48, *, fine_channels: int = 32) -> None:
        super().__init__()
        channels, fine_channels = whole_numbers(1, channels=channels, fine_channels=fine_channels)
        promised = require_backbone(backbone)
        used = sorted({*self.strides, *(stride for stride in promised.strides if stride > self.strides[-1])})
        self.levels = [last_map_at(promised.strides, stride) for stride in used]  # finest first
        finest, *others = (promised.channels[level] for level in self.levels)
        self.channels = (fine_channels, channels, channels, channels)
        self.backbone = backbone
        self.laterals = nn.ModuleList(conv_norm(width, channels, 1) for width in others)
        self.finest = conv_norm(finest, fine_channels, 1)
        self.narrow = nn.Conv2d(channels, fine_channels, 1, bias=False)
        self.fine = _smooth(fine_channels, fine_channels)
        self.quarter = _smooth(fine_channels, channels, stride=2)
        self.outputs = nn.ModuleList(_smooth(channels, channels) for _ in self.strides[2:])

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.backbone(images)
        finest, *others = (maps[level] for level in self.levels)
        sums: list[Tensor] = []
        for lateral, map_ in zip(reversed(self.laterals), reversed(others), strict=True):
            x = lateral(map_)
            sums.insert(0, x + _enlarged(sums[0], x) if sums else x)  # (B, channels, H/32, W/32), then H/16, H/8, H/4
        quarter, *coarse = map(relu, sums)
        x = self.finest(finest)
        fine = self.fine(relu(x + _enlarged(self.narrow(quarter), x)))  # (B, fine_channels, H/2, W/2)
        coarse = [output(x) for output, x in zip(self.outputs, coarse, strict=False)]  # (B, channels, H/8, W/8), H/16
        return [fine, self.quarter(fine), *coarse]


def _smooth(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv_norm(in_channels, out_channels, stride=stride), nn.ReLU(inplace=True))


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return interpolate(coarse, size=fine.shape[2:], mode="nearest")
