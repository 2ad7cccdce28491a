"""A small residual network as a backbone."""

from torch import Tensor, nn

from course_utils.models.layers import Normalise, basic_block, conv_norm, positive_integers
from course_utils.models.pretrained import check_weights_name, load_own
from course_utils.ops.checks import whole_number

WIDTHS = (24, 40, 64, 96, 128)


class SmallResNet(nn.Module):
    """Residual blocks after a stem at half the resolution; see `small_resnet`."""

    def __init__(self, widths: tuple[int, ...], output_stride: int) -> None:
        super().__init__()
        self.channels = widths
        self.strides = tuple(min(2 ** (level + 1), output_stride) for level in range(len(widths)))
        self.normalise = Normalise((0.45, 0.45, 0.45), (0.25, 0.25, 0.25))
        self.stem = nn.Sequential(conv_norm(3, widths[0], stride=2), nn.ReLU(inplace=True))
        self.blocks = nn.ModuleList()
        dilation = 1
        for level, (narrow, wide) in enumerate(zip(widths, widths[1:], strict=False)):
            stride = self.strides[level + 1] // self.strides[level]
            # The trade of a stride for dilation, as in `resnet.ResNet`.
            first_dilation, dilation = dilation, dilation * (2 // stride)
            self.blocks.append(
                basic_block(narrow, wide, stride=stride, dilation=dilation, first_dilation=first_dilation)
            )

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [self.stem(self.normalise(images))]  # (B, C_0, H/2, W/2)
        for block in self.blocks:
            maps.append(block(maps[-1]))  # (B, C_i, H/stride, W/stride), the strides of `self.strides`
        return maps


def small_resnet(
    *, widths: tuple[int, ...] = WIDTHS, output_stride: int | None = None, weights: str | None = None
) -> SmallResNet:
    """A residual network made to learn much in a minute on two cores: one block a stride, 0.5 million parameters.

    Strides 2, 4, 8, …: one for each width. Full resolution, where a convolution costs most, is left at once. With
    `output_stride`, one of these strides, the blocks after it keep the resolution and dilate, as those of `resnet18`.

    Weights: None (random), or "patterns" for what a classifier of shapes and textures has learnt, at any output stride
    (`course_utils.recipes.pretraining`).

    Raises: ValueError for widths that are not positive integers, for another output stride, for other weights, and for weights
    with other widths than theirs; as `models.pretrained.load_own` where the file of the weights is missing or damaged.
    """
    widths = positive_integers(widths, "widths")
    if not widths:
        raise ValueError(f"widths must name at least one number of channels, but is empty; try {WIDTHS}.")
    strides = [2 ** (level + 1) for level in range(len(widths))]
    wanted = strides[-1] if output_stride is None else whole_number(output_stride, "output_stride", minimum=1)
    if wanted not in strides:
        raise ValueError(
            f"output_stride must be one of the strides {', '.join(map(str, strides))} of these widths, but is {wanted}."
        )
    check_weights_name(weights, "patterns")
    if weights is not None and widths != WIDTHS:
        raise ValueError(
            f'The weights "patterns" are those of widths {WIDTHS}, but widths is {widths}; take these widths, or weights=None.'
        )
    network = SmallResNet(widths, wanted)
    if weights == "patterns":
        load_own(network, "small_resnet_patterns.safetensors")
    return network
