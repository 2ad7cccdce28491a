"""ResNet-18, 34, 50, 101 and 152 as backbones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from course_utils.models.layers import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalise,
    ResidualBlock,
    basic_block,
    conv_norm,
    positive_integers,
    projection,
    with_he_weights,
)
from course_utils.models.pretrained import IMAGENET, check_weights_name, load_pretrained
from course_utils.ops.checks import whole_number


def bottleneck_block(
    in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1, first_dilation: int | None = None
) -> ResidualBlock:
    """A 3×3 convolution between two 1×1 ones on a quarter of the channels, beside a shortcut.

    Source: He, Zhang, Ren and Sun 2016, figure 5 right, arXiv:1512.03385.

    Differs from the paper: the 3×3 convolution takes the stride, not the first 1×1, as in torchvision.
    """
    width = out_channels // 4
    branch = nn.Sequential(
        conv_norm(in_channels, width, 1),
        nn.ReLU(inplace=True),
        conv_norm(width, width, stride=stride, dilation=first_dilation or dilation),
        nn.ReLU(inplace=True),
        conv_norm(width, out_channels, 1),
    )
    return ResidualBlock(branch, projection(in_channels, out_channels, stride=stride))


class ResNet(nn.Module):
    """A stem and four stages of residual blocks; see `resnet18` to `resnet152`."""

    def __init__(
        self,
        block: Callable[..., ResidualBlock],
        lengths: tuple[int, ...],
        widths: tuple[int, ...],
        *,
        output_stride: int,
        multi_grid: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        output_stride = whole_number(output_stride, "output_stride", minimum=1)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride must be 8, 16 or 32, but is {output_stride!r}.")
        self.channels = (64, *widths)
        self.strides = tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stem = nn.Sequential(conv_norm(3, 64, 7, stride=2), nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.ModuleList()
        dilation, in_channels = 1, 64
        for length, width, wanted in zip(lengths, widths, (4, 8, 16, 32), strict=True):
            stride = 1 if wanted == 4 or wanted > output_stride else 2
            # Without its stride, a convolution's outputs lie twice as close: those after it step over every other one.
            # It does not itself; its inputs lie as before.
            first_dilation, dilation = dilation, dilation * (2 if wanted > output_stride else 1)
            dilations = [dilation] * length
            if multi_grid is not None and wanted == 32:
                dilations = _multi_grid(multi_grid, dilations)
                first_dilation = dilations[0]
            first = block(in_channels, width, stride=stride, dilation=dilations[0], first_dilation=first_dilation)
            others = (block(width, width, dilation=each) for each in dilations[1:])
            self.stages.append(nn.Sequential(first, *others))
            in_channels = width
        with_he_weights(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [self.stem(self.normalise(images))]  # (B, 64, H/2, W/2)
        x = self.pool(maps[0])  # (B, 64, H/4, W/4)
        for stage in self.stages:
            x = stage(x)  # (B, C, H/stride, W/stride), the strides of `self.strides`
            maps.append(x)
        return maps


def _multi_grid(multi_grid: Sequence[int], dilations: Sequence[int]) -> list[int]:
    """The dilations of a stage's blocks, each times its own number."""
    factors = positive_integers(multi_grid, "multi_grid")
    if len(factors) != len(dilations):
        raise ValueError(f"multi_grid needs a number for each of {len(dilations)} blocks, but has {len(factors)}.")
    return [factor * dilation for factor, dilation in zip(factors, dilations, strict=True)]


def resnet18(*, output_stride: int = 32, weights: str | None = None) -> ResNet:
    """ResNet-18: channels 64, 64, 128, 256, 512 at strides 2 to 32. Weights: None (random) or "imagenet".

    Source: He, Zhang, Ren and Sun 2016, table 1, arXiv:1512.03385; the trade of strides for dilation: Yu, Koltun and
    Funkhouser 2017, section 3, arXiv:1705.09914, and Chen et al. 2018, section 3.1, arXiv:1606.00915.

    With `output_stride` 16 or 8 later stages keep their resolution and dilate instead: every second (fourth) value of a map
    is the one that the strided network computes.

    Raises: ValueError for another output stride, and other weights.
    """
    return _resnet("resnet18", basic_block, (2, 2, 2, 2), (64, 128, 256, 512), output_stride, weights)


def resnet34(*, output_stride: int = 32, weights: str | None = None) -> ResNet:
    """ResNet-34: as `resnet18`, with 3, 4, 6 and 3 blocks."""
    return _resnet("resnet34", basic_block, (3, 4, 6, 3), (64, 128, 256, 512), output_stride, weights)


def resnet50(*, output_stride: int = 32, weights: str | None = None, multi_grid: Sequence[int] | None = None) -> ResNet:
    """ResNet-50: as `resnet34` with bottleneck blocks; channels 64, 256, 512, 1024, 2048.

    `multi_grid`: the dilations of the last stage's three blocks are its own times these numbers, (1, 2, 4) in DeepLab v3
    (Chen et al. 2017, section 3.2.1, arXiv:1706.05587). Its first block dilates then as well. Without them the first block
    keeps the dilation of the stage before, so that weights learnt with strides give the same values.

    Raises: ValueError as `resnet18`, and if `multi_grid` is not three positive integers.
    """
    return _resnet(
        "resnet50", bottleneck_block, (3, 4, 6, 3), (256, 512, 1024, 2048), output_stride, weights, multi_grid
    )


def resnet101(
    *, output_stride: int = 32, weights: str | None = None, multi_grid: Sequence[int] | None = None
) -> ResNet:
    """ResNet-101: as `resnet50`, with 23 blocks in the third stage."""
    return _resnet(
        "resnet101", bottleneck_block, (3, 4, 23, 3), (256, 512, 1024, 2048), output_stride, weights, multi_grid
    )


def resnet152(
    *, output_stride: int = 32, weights: str | None = None, multi_grid: Sequence[int] | None = None
) -> ResNet:
    """ResNet-152: as `resnet50`, with 8 blocks in the second stage and 36 in the third."""
    return _resnet(
        "resnet152", bottleneck_block, (3, 8, 36, 3), (256, 512, 1024, 2048), output_stride, weights, multi_grid
    )


def _resnet(
    name: str,
    block: Callable[..., ResidualBlock],
    lengths: tuple[int, ...],
    widths: tuple[int, ...],
    output_stride: int,
    weights: str | None,
    multi_grid: Sequence[int] | None = None,
) -> ResNet:
    check_weights_name(weights)
    network = ResNet(block, lengths, widths, output_stride=output_stride, multi_grid=multi_grid)
    if weights == "imagenet":
        load_pretrained(network, IMAGENET[name], resnet_from_torchvision)
    return network


def resnet_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A torchvision ResNet's `state_dict` under the names that it has here, without the classifier."""
    return {_our_name(name): value for name, value in state.items() if not name.startswith("fc.")}


def _our_name(name: str) -> str:
    """Ours for torchvision's: layer3.0.bn2.bias → stages.2.0.branch.2.1.bias, conv1.weight → stem.0.0.weight."""
    parts = name.split(".")
    if parts[0] in ("conv1", "bn1"):
        return f"stem.0.{_place[parts[0][:-1]]}.{parts[1]}"
    stage, block, layer = int(parts[0].removeprefix("layer")) - 1, parts[1], parts[2]
    if layer == "downsample":
        return f"stages.{stage}.{block}.shortcut.{parts[3]}.{parts[4]}"
    # The branch has a ReLU between each two convolutions with their norms.
    return f"stages.{stage}.{block}.branch.{2 * (int(layer[-1]) - 1)}.{_place[layer[:-1]]}.{parts[3]}"


_place = {"conv": 0, "bn": 1}  # in `conv_norm`


def on_resnet(
    state: Mapping[str, Tensor],
    our_name: Callable[[str], str],
    *,
    encoder: str = "encoder.",
    backbone: str = "backbone.",
) -> dict[str, Tensor]:
    """The weights of a network on a ResNet, renamed: those under `encoder` as `resnet_from_torchvision` does, and put under
    `backbone`; the others get the names that `our_name` gives for theirs.

    Raises: KeyError, ValueError or IndexError for the weights of another network; see `weights_of`.
    """
    inside = {name.removeprefix(encoder): value for name, value in state.items() if name.startswith(encoder)}
    renamed = {f"{backbone}{name}": value for name, value in resnet_from_torchvision(inside).items()}
    return renamed | {our_name(name): value for name, value in state.items() if not name.startswith(encoder)}


@contextmanager
def weights_of(network: str) -> Iterator[None]:
    """Say whose weights were expected, where renaming them fails."""
    try:
        yield
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"These are not the weights of {network} ({error}); make such a one.") from error
