"""A stride replaced by dilation, with the same weights."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops.atrous import atrous_conv2d


def without_stride(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """A network convolves x (B, C, H, W) by `first` (D, C, 3, 3) with stride 2 and padding 1, and the result by `second`
    (E, D, 3, 3) with stride 1 and padding 1. Give what the same weights give if dilation takes the place of the stride:
    (B, E, H, W). Every second row and column of that, from the first one on, has the network's own values."""
    maps = F.conv2d(x, first, padding=1)  # (B, D, H, W)
    return F.conv2d(maps, second, padding=2, dilation=2)  # (B, E, H, W)


def _strided(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return F.conv2d(F.conv2d(x, first, stride=2, padding=1), second, padding=1)


def _dilated(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return atrous_conv2d(atrous_conv2d(x, first, rate=1), second, rate=2)


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 7) % count * 0.75 + first).reshape(shape).double()


def _draw_network(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    def quarters(*shape: int) -> Tensor:
        return torch.randint(-19, 20, shape, generator=generator).double() / 4

    height, width = torch.randint(3, 9, (2,), generator=generator).tolist()
    return quarters(2, 2, height, width + 1), quarters(3, 2, 3, 3), quarters(1, 3, 3, 3)


def shifted_images(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """You shift the image and run the network four times. Inside that is right. At the border it is not: a shifted image has
    lost its first row, and the convolution reads zeros where that was. There is a way in one run, without a shift."""
    result = x.new_zeros(len(x), len(second), *x.shape[2:])
    for row in range(min(2, x.shape[2])):
        for column in range(min(2, x.shape[3])):
            result[:, :, row::2, column::2] = _strided(x[:, :, row:, column:], first, second)
    return result


SLIPS = read_slips("""
not_dilated
    The stride is gone, but `second` now reads direct neighbours. In the network its inputs were two pixels of x apart.
    - padding=2, dilation=2
    + padding=1

first_dilated_as_well
    You dilate `first` as well. It reads x itself, in which nothing has moved: its taps stay side by side.
    - F.conv2d(x, first, padding=1)
    + F.conv2d(x, first, padding=2, dilation=2)

padding_not_widened
    `second` is dilated, but has a padding of 1 only, so that the map becomes smaller. How far from its centre does the
    dilated kernel read?
    - padding=2, dilation=2
    + padding=1, dilation=2

second_not_padded
    `second` has lost its padding, so that the map becomes smaller. Where the network read zeros, the dilated one has to as
    well.
    - padding=2, dilation=2
    + dilation=2

first_not_padded
    `first` has lost its padding of 1, so that the map becomes smaller. That padding does not change.
    - F.conv2d(x, first, padding=1)
    + F.conv2d(x, first)

stride_kept
    You dilate `second`, but `first` still has its stride: the map is as coarse as before. Dilation comes in its *place*.
    - F.conv2d(x, first, padding=1)
    + F.conv2d(x, first, stride=2, padding=1)

every_second_value_only
    These are the network's own values, at every second row and column. The values between are asked for as well.
    - F.conv2d(maps, second, padding=2, dilation=2)
    + _strided(x, first, second)

copies_between
    Every second value is the network's, but those between are copies of them. Nothing new can be seen in a map that was
    enlarged; here each place is to be computed from its own pixels of x.
    - F.conv2d(maps, second, padding=2, dilation=2)
    + F.interpolate(_strided(x, first, second), size=x.shape[2:], mode="nearest")

interpolated
    You enlarge the coarse map by interpolation. That invents the values between; here each place is to be computed from its
    own pixels of x.
    - F.conv2d(maps, second, padding=2, dilation=2)
    + F.interpolate(_strided(x, first, second), size=x.shape[2:], mode="bilinear")

image_enlarged
    You enlarge x and keep the stride. Then `first` sees blown-up pixels; it is to see x as it is, at every place.
    - F.conv2d(maps, second, padding=2, dilation=2)
    + _strided(F.interpolate(x, scale_factor=2.0, mode="bilinear"), first, second)

zeros_between
    You put the network's values two apart, with zeros between. The values between are to be computed as well.
    - return F.conv2d(maps, second, padding=2, dilation=2)
    + result = x.new_zeros(len(x), len(second), *x.shape[2:])
    + result[:, :, ::2, ::2] = _strided(x, first, second)
    + return result

relu_between
    You put a ReLU between the two. In this network there is none: every second value should be the network's own.
    - maps = F.conv2d(x, first, padding=1)
    + maps = F.conv2d(x, first, padding=1).relu()
""")

without_stride = Exercise(
    "without_stride",
    without_stride,
    [
        (_numbered(-2.0, 1, 1, 3, 4), _numbered(-3.25, 1, 1, 3, 3), _numbered(-1.5, 1, 1, 3, 3)),
        (_numbered(-9.25, 2, 2, 5, 6), _numbered(-7.5, 3, 2, 3, 3), _numbered(-12.25, 2, 3, 3, 3)),
        (_numbered(-5.75, 1, 3, 6, 1), _numbered(-4.5, 2, 3, 3, 3), _numbered(-8.25, 1, 2, 3, 3)),
    ],
    [*SLIPS, shifted_images],
    [
        "Take the stride away and change nothing else. What did `second` read beside a value before, and what does it read now?",
        "What was its neighbour is now two places away. Which of the two convolutions has to read every second place?",
        "`first` with stride 1, then `second` with `dilation=2`. Its taps are 2 from the centre, as far as its padding goes.",
    ],
    reference=_dilated,
    draw=_draw_network,
    common_errors={
        "channels, but got": "A kernel is (channels out, channels in, 3, 3): `first` works on x, `second` on what that gives.",
        "greater than actual input size": "With dilation 2 a kernel of 3 × 3 spans 5 × 5. What padding keeps the size then?",
        "should be the same": "`F.conv2d(map, weight, ...)` takes the map first, then the weight.",
    },
    differentiable=["x"],  # weights may be copied into layers
    difficulty=3,
    minutes=10,
)
