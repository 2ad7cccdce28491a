"""A small residual network as a backbone."""

from torch import Tensor, nn

from course_utils.models.layers import Normalise, basic_block, conv_norm, positive_integers


class SmallResNet(nn.Module):
    """Residual blocks after a stem at half the resolution; see `small_resnet`."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = widths
        self.strides = tuple(2 ** (level + 1) for level in range(len(widths)))
        self.normalise = Normalise((0.45, 0.45, 0.45), (0.25, 0.25, 0.25))
        self.stem = nn.Sequential(conv_norm(3, widths[0], stride=2), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleList(
            basic_block(narrow, wide, stride=2) for narrow, wide in zip(widths, widths[1:], strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [self.stem(self.normalise(images))]  # (B, C_0, H/2, W/2)
        for block in self.blocks:
            maps.append(block(maps[-1]))  # (B, C_i, H/2^(i+1), W/2^(i+1))
        return maps


def small_resnet(*, widths: tuple[int, ...] = (24, 40, 64, 96, 128)) -> SmallResNet:
    """A residual network made to learn much in a minute on two cores: one block a stride, 0.5 million parameters.

    Strides 2, 4, 8, …: one for each width. Full resolution, where a convolution costs most, is left at once.

    Raises: ValueError for widths that are not positive integers.
    """
    widths = positive_integers(widths, "widths")
    if not widths:
        raise ValueError("widths must name at least one number of channels, but is empty; try (24, 40, 64, 96, 128).")
    return SmallResNet(widths)
