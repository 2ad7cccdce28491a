"""Parts that many networks are made of."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, interpolate, pad, relu

from course_utils.ops.checks import require_tensor, whole_numbers
from course_utils.ops.convmatrix import bilinear_kernel

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Network = TypeVar("Network", bound=nn.Module)


class Normalise(nn.Module):
    """Subtract a mean and divide by a standard deviation, channel by channel.

    A network that does so itself takes every image in [0, 1]. Its two buffers are no part of the `state_dict`, so that
    weights from elsewhere, which know nothing of them, load with `strict=True`.

    Shapes: images (B, C, H, W), floating → the same. Raises: ValueError for other shapes and types: one channel would be
    taken for all of them, and bytes for numbers in [0, 1].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        require_tensor(images, "images")
        if images.ndim != 4 or images.shape[1] != len(self.mean) or not images.is_floating_point():
            raise ValueError(
                f"This network needs floating images (B, {len(self.mean)}, H, W) in [0, 1], but got {images.dtype} of shape "
                f"{tuple(images.shape)}; divide bytes by 255, repeat the channel of a grey image, and stack images."
            )
        return (images - self.mean) / self.std


def new_parameters() -> dict[str, Any]:
    """The type and the device in which PyTorch's own layers make their parameters, for those made by a function."""
    return {"dtype": torch.get_default_dtype(), "device": torch.get_default_device()}


def positive_integers(values: Sequence[int], name: str) -> tuple[int, ...]:
    """A number for each stage of a network, as a tuple.

    Raises: ValueError if it is not a tuple or list of positive integers.
    """
    if not isinstance(values, (tuple, list)):
        raise ValueError(f"{name} must be a tuple of integers, one for each stage, but is {values!r}.")
    return tuple(whole_numbers(1, **{f"{name}[{index}]": value for index, value in enumerate(values)}))


def conv_norm(
    in_channels: int, out_channels: int, kernel_size: int = 3, *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A convolution and its batch norm; ceil(n / stride) pixels of n, for an odd kernel.

    Without a bias, which the norm would subtract again.
    """
    padding = dilation * (kernel_size - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def separable_conv_norm(
    in_channels: int, out_channels: int, *, dilation: int = 1, norm_between: bool = True
) -> nn.Sequential:
    """A depth-wise 3×3 convolution, each channel on its own, then a 1×1 convolution that mixes them, and its batch norm.

    9·in_channels + in_channels·out_channels weights, where an ordinary convolution has 9·in_channels·out_channels.

    Source: Chen et al. 2018, section 3.1 and figure 3, arXiv:1802.02611 (atrous separable convolution). `norm_between`: batch
    norm and ReLU between the two, as there in the modified Xception.
    """
    depthwise = nn.Conv2d(
        in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False
    )
    between = [nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True)] if norm_between else []
    return nn.Sequential(depthwise, *between, *conv_norm(in_channels, out_channels, 1))


class ResidualBlock(nn.Module):
    """relu(branch(x) + shortcut(x)).

    Source: He, Zhang, Ren and Sun 2016, section 3.2, arXiv:1512.03385.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.branch(x) + self.shortcut(x))


def projection(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Module:
    """The shortcut of a residual block: nothing, or a 1×1 convolution where channels or size change.

    Source: He et al. 2016, section 3.3, option B, arXiv:1512.03385.
    """
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return conv_norm(in_channels, out_channels, 1, stride=stride)


def basic_block(
    in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1, first_dilation: int | None = None
) -> ResidualBlock:
    """Two 3×3 convolutions beside a shortcut; `first_dilation` is that of the first, where it differs.

    Source: He et al. 2016, figure 5 left, arXiv:1512.03385.
    """
    branch = nn.Sequential(
        conv_norm(in_channels, out_channels, stride=stride, dilation=first_dilation or dilation),
        nn.ReLU(inplace=True),
        conv_norm(out_channels, out_channels, dilation=dilation),
    )
    return ResidualBlock(branch, projection(in_channels, out_channels, stride=stride))


def with_he_weights(network: Network, *, uniform: bool = False) -> Network:
    """Draw the weights of a network's convolutions, or of a single one, with the variance of He; biases are 0.

    Source: He, Zhang, Ren and Sun 2015, section 2.2, arXiv:1502.01852. By default the distribution is normal, and its
    variance the one that keeps the size of gradients (the backward case).

    Differs from the paper: `uniform=True` draws uniformly, with the variance that keeps the size of maps (the forward case).
    That is quicker for DeconvNet's 252 million weights.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            if uniform:
                nn.init.kaiming_uniform_(layer.weight, mode="fan_in", nonlinearity="relu")
            else:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def resize(maps: Tensor, size: Sequence[int], *, align_corners: bool = False) -> Tensor:
    """Bilinear interpolation to a size (H, W), never by a factor: a map of ⌈65 / 8⌉ rows, eight times as large, has 72.

    Everything of this course has `align_corners=False`; True is for networks that take the weights of those that have it.
    """
    return interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)


def sees_one_value(maps: Tensor, layers: nn.Module) -> bool:
    """Whether a batch norm among these layers is training on maps that have a single value for each channel.

    Less its mean that is 0: nothing is left, and PyTorch refuses. The maps of a whole image in a batch of one are such.
    """
    learns = any(isinstance(layer, nn.BatchNorm2d) and layer.training for layer in layers.modules())
    return learns and len(maps) * maps[0, 0].numel() == 1


class TransposedUpsampling(nn.Module):
    """Upsampling by a transposed convolution that begins as bilinear interpolation, one kernel for each channel.

    Source: Long, Shelhamer and Darrell 2015, section 3.3, arXiv:1411.4038. One kernel for each channel, and not one
    for each pair of them, follows the authors' notes on their code.

    Shapes: `maps` (B, C, h, w) → (B, C, *size), with sides of at most factor·(h + 1) and factor·(w + 1).

    Differs from the paper: the map's edge is continued beyond the border, where a transposed convolution sees zeros and
    logits would fade; the paper pads the image by 100 pixels instead.

    Raises: ValueError for a larger size.
    """

    def __init__(self, channels: int, factor: int, *, learned: bool) -> None:
        super().__init__()
        self.channels, self.factor = channels, factor
        kernel = bilinear_kernel(factor, **new_parameters())
        if learned:
            self.kernel = nn.Parameter(kernel.repeat(channels, 1, 1, 1))
        else:
            # Known from the factor, so not in the state_dict.
            self.register_buffer("kernel", kernel[None, None], persistent=False)

    def forward(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        largest = tuple(self.factor * (n + 1) for n in maps.shape[2:])
        if size[0] > largest[0] or size[1] > largest[1]:
            raise ValueError(
                f"A map of {tuple(maps.shape[2:])} is upsampled {self.factor} times to {largest} at most, but {tuple(size)} is "
                "asked for; the strides of these maps are not what they were said to be."
            )
        # Rounded down, a map has up to a pixel less than the size wants: at the bottom and right the edge goes on for two.
        edged = pad(maps, (1, 2, 1, 2), mode="replicate")
        kernel = self.kernel.expand(self.channels, 1, -1, -1)
        upsampled = conv_transpose2d(edged, kernel, stride=self.factor, groups=self.channels)
        # What the kernel reaches beyond the map, and the edge that was put there.
        start = self.factor + math.ceil((self.factor - 1) / 2)
        return upsampled[:, :, start : start + size[0], start : start + size[1]]

    def extra_repr(self) -> str:
        return f"{self.channels}, factor={self.factor}, learned={isinstance(self.kernel, nn.Parameter)}"
