"""VGG-16 as a backbone."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from course_utils.models.layers import IMAGENET_MEAN, IMAGENET_STD, Normalise, positive_integers, with_he_weights
from course_utils.models.pretrained import IMAGENET, check_weights_name, load_pretrained
from course_utils.ops.checks import whole_number

VGG16_DEPTHS = (2, 2, 3, 3, 3)  # convolutions of each stage
VGG16_WIDTHS = (64, 128, 256, 512, 512)


def vgg_stages(
    widths: tuple[int, ...] = VGG16_WIDTHS, *, dilations: tuple[int, ...] = (1, 1, 1, 1, 1)
) -> nn.ModuleList:
    """The 13 convolutions of VGG-16 with their ReLUs, in five stages between which the network pools.

    Source: Simonyan and Zisserman 2015, table 1, column D, arXiv:1409.1556.

    Raises: ValueError for widths that are not five positive integers.
    """
    widths = positive_integers(widths, "widths")
    if len(widths) != len(VGG16_DEPTHS):
        raise ValueError(f"VGG-16 has five stages, and widths one number for each, but widths are {widths}.")
    stages, in_channels = nn.ModuleList(), 3
    for length, width, dilation in zip(VGG16_DEPTHS, widths, dilations, strict=True):
        layers: list[nn.Module] = []
        for _ in range(length):
            convolution = nn.Conv2d(in_channels, width, 3, padding=dilation, dilation=dilation)
            layers += [convolution, nn.ReLU(inplace=True)]
            in_channels = width
        stages.append(nn.Sequential(*layers))
    return stages


class VGG16(nn.Module):
    """VGG-16 without its classifier; see `vgg16`."""

    def __init__(self, *, output_stride: int) -> None:
        super().__init__()
        output_stride = whole_number(output_stride, "output_stride", minimum=1)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride must be 8, 16 or 32, but is {output_stride!r}.")
        self.channels = (*VGG16_WIDTHS, VGG16_WIDTHS[-1])
        self.strides = tuple(min(stride, output_stride) for stride in (1, 2, 4, 8, 16, 32))
        self.dilations = tuple(max(stride // output_stride, 1) for stride in (1, 2, 4, 8, 16, 32))
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stages = vgg_stages(dilations=self.dilations[:-1])
        with_he_weights(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = self.normalise(images), []
        for stage, dilation, dilation_after in zip(self.stages, self.dilations, self.dilations[1:], strict=False):
            maps.append(stage(x))  # (B, C, H/stride, W/stride), the strides of `self.strides`
            x = max_pool2d(maps[-1], 2) if dilation == dilation_after else _pool_all(maps[-1], dilation)
        return [*maps, x]


def _pool_all(x: Tensor, dilation: int) -> Tensor:
    """Max pooling 2×2 without a stride: at each place what the strided pooling would give if it began there."""
    padded = pad(x, (0, dilation, 0, dilation), value=-float("inf"))
    return max_pool2d(padded, 2, stride=1, dilation=dilation)


def vgg16(*, output_stride: int = 32, weights: str | None = None) -> VGG16:
    """VGG-16: channels 64, 128, 256, 512, 512, 512 at strides 1 to 32. Weights: None (random) or "imagenet".

    Source: Simonyan and Zisserman 2015, arXiv:1409.1556; the trade of strides for dilation: Chen et al. 2015, section 3.1,
    arXiv:1412.7062.

    With `output_stride` 16 or 8 later poolings keep the resolution, and what follows is dilated: every second (fourth)
    value of a map is the one that the strided network computes.

    Differs from the paper: DeepLab's poolings without a stride are 3×3 and not 2×2, so that these values differ there.

    Raises: ValueError for another output stride, and other weights.
    """
    check_weights_name(weights)
    network = VGG16(output_stride=output_stride)
    if weights == "imagenet":
        load_pretrained(network, IMAGENET["vgg16"], vgg_from_torchvision)
    return network


def vgg_keys(stages: nn.ModuleList) -> dict[str, str]:
    """The name in torchvision's VGG of every tensor of these stages, by the name that it has in a network with `stages`.

    torchvision numbers all layers through, poolings included; here they are numbered within their stage.
    """
    names, passed = {}, 0
    for number, stage in enumerate(stages):
        for name in stage.state_dict():
            layer, tensor = name.split(".")
            names[f"stages.{number}.{name}"] = f"features.{passed + int(layer)}.{tensor}"
        passed += len(list(stage.children())) + 1
    return names


def vgg_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's VGG-16 `state_dict` under the names that it has here, without the classifier."""
    with torch.device("meta"):  # for the names alone
        stages = vgg_stages()
    return {ours: state[theirs] for ours, theirs in vgg_keys(stages).items()}
