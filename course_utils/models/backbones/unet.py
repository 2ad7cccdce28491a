"""The contracting path of U-Net as a backbone."""

from collections.abc import Sequence

from torch import Tensor, nn

from course_utils.models.layers import ResidualBlock, positive_integers, projection
from course_utils.ops.checks import require_bools, require_tensor, whole_number


class UNetEncoder(nn.Module):
    """Two 3×3 convolutions at each level, padded and with batch norm, and 2×2 max pooling between: strides 1, 2, 4, ….

    Source: Ronneberger, Fischer and Brox 2015, figure 1, arXiv:1505.04597; with padding and batch norm as most people build it.

    Shapes: images (B, in_channels, H, W) → one map for each width; map i has ⌊H / 2^i⌋ rows. With 3 channels it is a backbone.
    Images are not normalised.

    Raises: ValueError for fewer than two widths and numbers below 1; when called, for other images, and for sides of which
    nothing is left.
    """

    def __init__(
        self, widths: Sequence[int], in_channels: int = 3, *, bias: bool = False, residual: bool = False
    ) -> None:
        super().__init__()
        self.in_channels = whole_number(in_channels, "in_channels", minimum=1)
        require_bools(bias=bias, residual=residual)
        self.channels = levels(widths)
        self.strides = tuple(2**level for level in range(len(self.channels)))
        self.pool = nn.MaxPool2d(2)
        pairs = zip((self.in_channels, *self.channels), self.channels, strict=False)
        self.levels = nn.ModuleList(
            double_convolution(narrow, wide, bias=bias, residual=residual) for narrow, wide in pairs
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        require_images(images, self.in_channels)
        smallest = min(images.shape[2:])
        if smallest < self.strides[-1]:
            raise ValueError(
                f"After {len(self.strides) - 1} poolings nothing is left of {smallest} pixels; images need sides of at least "
                f"{self.strides[-1]}."
            )
        maps = [self.levels[0](images)]  # (B, C_0, H, W)
        for level in self.levels[1:]:
            maps.append(level(self.pool(maps[-1])))  # (B, C_i, H/2^i, W/2^i)
        return maps


def levels(widths: Sequence[int]) -> tuple[int, ...]:
    """The channels of a U-Net's levels, finest first.

    Raises: ValueError for fewer than two, and if they are not positive integers.
    """
    channels = positive_integers(widths, "widths")
    if len(channels) < 2:
        raise ValueError(f"widths must name the channels of two levels at least, but is {channels}.")
    return channels


def require_images(images: Tensor, channels: int) -> None:
    """Refuse what is not a batch of floating images with this many channels.

    Raises: ValueError that says what came.
    """
    require_tensor(images, "images")
    if images.ndim != 4 or images.shape[1] != channels or not images.is_floating_point():
        raise ValueError(
            f"This network needs floating images (B, {channels}, H, W) in [0, 1], but got {images.dtype} of shape "
            f"{tuple(images.shape)}; divide bytes by 255, stack images, or give the network other `in_channels`."
        )


def double_convolution(
    in_channels: int, out_channels: int, middle: int | None = None, *, bias: bool = False, residual: bool = False
) -> nn.Module:
    """Two 3×3 convolutions, each with batch norm and ReLU; `residual`: the second ReLU after the sum with a shortcut."""
    middle = middle or out_channels
    branch = [
        *(nn.Conv2d(in_channels, middle, 3, padding=1, bias=bias), nn.BatchNorm2d(middle), nn.ReLU(inplace=True)),
        *(nn.Conv2d(middle, out_channels, 3, padding=1, bias=bias), nn.BatchNorm2d(out_channels)),
    ]
    if residual:
        return ResidualBlock(nn.Sequential(*branch), projection(in_channels, out_channels))
    return nn.Sequential(*branch, nn.ReLU(inplace=True))
