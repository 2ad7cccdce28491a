"""The U-Net of this course for two cores: what a minute of training can do decided how it is made."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.unet import levels
from course_utils.models.layers import Normalise, ResidualBlock, basic_block, conv_norm, positive_integers, resize
from course_utils.ops.checks import whole_number, whole_numbers


class QuickResNet(nn.Module):
    """Residual blocks after a stem at half the resolution, `blocks` at each stride: a backbone; see `small_unet`."""

    def __init__(self, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        widths = self.channels = positive_integers(widths, "widths")
        blocks = whole_number(blocks, "blocks", minimum=1)
        self.strides = tuple(2 ** (level + 1) for level in range(len(widths)))
        self.normalise = Normalise((0.45, 0.45, 0.45), (0.25, 0.25, 0.25))
        self.stem = nn.Sequential(conv_norm(3, widths[0], stride=2), nn.ReLU(inplace=True))
        self.stages = nn.ModuleList()
        for narrow, wide in zip(widths, widths[1:], strict=False):
            others = [basic_block(wide, wide) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(_smaller(narrow, wide), *others))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [self.stem(self.normalise(images))]  # (B, C_0, H/2, W/2)
        for stage in self.stages:
            maps.append(stage(maps[-1]))  # (B, C_i, H/2^(i+1), W/2^(i+1))
        return maps


def _smaller(in_channels: int, out_channels: int) -> ResidualBlock:
    """A residual block of half the size, whose shortcut takes the mean of 2×2 pixels, so that none of them is thrown away.

    Source: He et al. 2019, figure 2c, arXiv:1812.01187.
    """
    branch = nn.Sequential(
        conv_norm(in_channels, out_channels, stride=2), nn.ReLU(inplace=True), conv_norm(out_channels, out_channels)
    )
    mean = nn.AvgPool2d(2, ceil_mode=True)  # at an odd edge, of the pixels that there are
    return ResidualBlock(branch, nn.Sequential(mean, conv_norm(in_channels, out_channels, 1)))


class SmallUNet(nn.Module):
    """A U-Net that adds its skips and looks at the image again at full resolution, on any backbone; see `small_unet`.

    `detail`: channels of what it sees there. Where a stride repeats, the last map is taken.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Raises: ValueError if `backbone` is not a backbone, and for numbers below 1.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, *, detail: int = 8) -> None:
        super().__init__()
        num_classes, detail = whole_numbers(1, num_classes=num_classes, detail=detail)
        channels, strides = require_backbone(backbone)
        self.backbone = backbone
        self.levels = [last_map_at(strides, stride) for stride in sorted(set(strides))]  # finest first
        widths = [channels[level] for level in self.levels]
        self.normalise = Normalise((0.45, 0.45, 0.45), (0.25, 0.25, 0.25))
        self.context = PyramidPooling(widths[-1])
        down = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(wide, narrow, 1, bias=False) for wide, narrow in down)
        self.merge = nn.ModuleList(nn.Sequential(conv_norm(narrow, narrow), nn.ReLU()) for _, narrow in down)
        self.coarse = nn.Conv2d(widths[0], detail, 1, bias=False)
        self.detail = conv_norm(3, detail)
        self.head = nn.Conv2d(detail, num_classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        *finer, x = (maps[level] for level in self.levels)
        x = self.context(x)  # (B, 128, H/16, W/16)
        for narrow, merge, skip in zip(self.narrow, self.merge, reversed(finer), strict=True):
            x = merge(resize(narrow(x), skip.shape[2:]) + skip)  # (B, 64, H/8, W/8), then 32 at H/4, 16 at H/2
        x = resize(self.coarse(x), images.shape[2:]) + self.detail(self.normalise(images))  # (B, 8, H, W)
        return self.head(relu(x))  # (B, K, H, W)


class PyramidPooling(nn.Module):
    """A map and what is seen in a whole quarter, a half and all of it: means over bins, enlarged and added.

    Source: Zhao et al. 2017, section 3.2, arXiv:1612.01105. Differs from it: bins 1, 2, 4, and sums instead of more channels.

    Shapes: (B, C, H, W) → the same.
    """

    BINS = (1, 2, 4)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, channels, 1, bias=False) for _ in self.BINS)
        self.merge = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, maps: Tensor) -> Tensor:
        x = maps
        for bins, convolution in zip(self.BINS, self.convolutions, strict=True):
            x = x + resize(convolution(adaptive_avg_pool2d(maps, bins)), maps.shape[2:])
        return self.merge(x)


def small_unet(
    num_classes: int, *, widths: tuple[int, ...] = (16, 32, 64, 128), blocks: int = 2, detail: int = 8
) -> SmallUNet:
    """The course's best network for two cores: 0.8 million parameters, and nearly four times as many images a second in
    training as a U-Net with a quarter of the published channels.

    It leaves full resolution at once (a stem of stride 2), adds its skips (Chaurasia and Culurciello 2017, arXiv:1707.03718),
    has one convolution where U-Net's decoder has two, pools over the whole image at the bottom, and looks at the image again
    before the classes: thin things need its edges.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size.

    Raises: ValueError for numbers that are not positive integers.
    """
    num_classes, detail = whole_numbers(1, num_classes=num_classes, detail=detail)
    return SmallUNet(QuickResNet(levels(widths), blocks), num_classes, detail=detail)
