"""Atrous spatial pyramid pooling, as DeepLab v3 and v3+ have it, and where in a backbone it reads."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import conv_norm, positive_integers, resize, sees_one_value, separable_conv_norm
from course_utils.ops.checks import real_number, require_bools, whole_number, whole_numbers


def aspp_rates(output_stride: int) -> tuple[int, int, int]:
    """The rates of ASPP: (6, 12, 18) at output stride 16 and twice as much at 8, so that they span as much of the image.

    Source: Chen et al. 2017, section 3.3, arXiv:1706.05587; for strides 4 and 32, which it does not have, by the same rule.

    Raises: ValueError for another output stride.
    """
    output_stride = whole_number(output_stride, "output_stride", minimum=1)
    if output_stride not in (4, 8, 16, 32):
        raise ValueError(f"output_stride must be 4, 8, 16 or 32, but is {output_stride}; for others give `rates`.")
    return 96 // output_stride, 192 // output_stride, 288 // output_stride


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a map seen by kernels of several rates and as a whole, joined and projected.

    Source: Chen et al. 2017, section 3.3 and figure 5, arXiv:1706.05587. The branches are a 1×1 convolution, a 3×3 one for each
    rate, and image pooling: the mean of the map, a 1×1 convolution, spread over the map again.

    - `rates`: see `aspp_rates`. There may be none.
    - `dropout`: its probability after the projection.
    - `separable`: depth-wise separable branches, as in v3+; `norm_between` as in `layers.separable_conv_norm`.
    - `image_pooling=False` leaves that branch out.

    From 2048 channels to 256: 15,535,104 parameters; separable 3,019,776; these without a norm between 3,007,488.

    Shapes: (B, in_channels, H, W) → (B, channels, H, W).

    Differs from the paper: dropout, as in libraries.

    Raises: ValueError for numbers below 1, and a dropout that is no probability. In training, with image pooling, also for a
    single image: batch norm needs two values of each channel, and there the image leaves one.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        rates: Sequence[int],
        dropout: float = 0.5,
        separable: bool = False,
        norm_between: bool = True,
        image_pooling: bool = True,
    ) -> None:
        super().__init__()
        in_channels, channels = whole_numbers(1, in_channels=in_channels, channels=channels)
        dropout = real_number(dropout, "dropout", 0, 1)
        require_bools(separable=separable, norm_between=norm_between, image_pooling=image_pooling)
        convolution = convolution_kind(separable, norm_between)
        self.branches = nn.ModuleList([conv_norm(in_channels, channels, 1)])
        self.branches.extend(
            convolution(in_channels, channels, dilation=rate) for rate in positive_integers(rates, "rates")
        )
        self.image = conv_norm(in_channels, channels, 1) if image_pooling else None
        joined = channels * (len(self.branches) + image_pooling)
        self.project = nn.Sequential(conv_norm(joined, channels, 1), nn.ReLU(inplace=True), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        seen = [branch(x) for branch in self.branches]  # each (B, channels, H, W)
        if self.image is not None:
            mean = x.mean((2, 3), keepdim=True)  # (B, in_channels, 1, 1)
            if sees_one_value(mean, self.image):
                raise ValueError(
                    "In training, batch norm needs two values or more of each channel, but image pooling leaves one for each "
                    "image, and this batch has a single image. Take batches of two or more, also at the end of the data, or put "
                    "the batch norm into evaluation mode."
                )
            seen.append(resize(self.image(mean), x.shape[2:]))  # (B, channels, H, W)
        joined = relu(torch.cat(seen, dim=1))  # (B, 5·channels, H, W)
        return self.project(joined)  # (B, channels, H, W)


def convolution_kind(separable: bool, norm_between: bool) -> Callable[..., nn.Sequential]:
    """What makes a 3×3 convolution with its norm."""
    return partial(separable_conv_norm, norm_between=norm_between) if separable else conv_norm


def level_of_aspp(backbone: nn.Module, output_stride: int) -> int:
    """The place, among a backbone's maps, of the deepest of a stride; a warning if there are coarser ones."""
    strides = require_backbone(backbone).strides
    level = last_map_at(strides, output_stride)
    if level < len(strides) - 1:
        warnings.warn(
            f"ASPP reads the map of stride {output_stride}, but the backbone goes on to {strides[-1]}: its layers after that map "
            f"learn nothing. Make it with this output stride, as `resnet50(output_stride={output_stride})`, so that they dilate, "
            f"or give output_stride={strides[-1]} here.",
            stacklevel=3,
        )
    return level
