"""A stride replaced by dilation, with the same weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.ops.atrous import atrous_conv2d

LAYERS_OF_ONES_OWN = (
    "A new `nn.Conv2d` has a bias and weights of its own, which are random. Here the weights are given, and there is no bias: "
    "`F.conv2d(map, weight, ...)` takes them as they are."
)


def without_stride(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """A network convolves x (B, C, H, W) by `first` (D, C, 3, 3) with stride 2 and padding 1, and the result by `second`
    (E, D, 3, 3) with stride 1 and padding 1. Give the map (B, E, H, W) of the same network, whose stride 2 is left out: at every
    second row and column, from the first one on, the result is to be exactly what the strided network gives, and the places
    between are computed in the same way."""
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


def _by_transposition(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    maps = F.conv2d(x, first, stride=2, padding=1)
    return F.conv_transpose2d(maps, second.transpose(0, 1), stride=2, padding=1, output_padding=1)


@with_variants(lambda x, *weights: _by_transposition(x, *weights)[:, :, : x.shape[2], : x.shape[3]])
def transposed(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """You enlarge the coarse map by a transposed convolution. What the strided `first` has left out does not come back that way,
    and `second` is turned round. Compute the values between from x."""
    return _by_transposition(x, first, second)


@with_variants(lambda *arguments: _with_rates(*arguments, (1, 2)))
def one_axis_only(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """You dilate along one axis only. The stride was 2 along the rows and along the columns."""
    return _with_rates(x, first, second, (2, 1))


def _with_rates(x: Tensor, first: Tensor, second: Tensor, rates: tuple[int, int]) -> Tensor:
    return F.conv2d(F.conv2d(x, first, padding=1), second, padding=rates, dilation=rates)


def _in_layers(x: Tensor, first: Tensor, second: Tensor, *, given: bool) -> Tensor:
    layers = nn.Sequential(
        nn.Conv2d(first.shape[1], len(first), 3, padding=1),
        nn.Conv2d(second.shape[1], len(second), 3, padding=2, dilation=2),
    ).to(x.dtype)
    if given:
        layers[0].weight.data, layers[1].weight.data = first, second
    return layers(x)


@with_variants(lambda *arguments: _in_layers(*arguments, given=False))
def layers_with_biases(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """A new `nn.Conv2d` has a bias and weights of its own, which are random. Here the weights are given, and there is no bias:
    `F.conv2d(map, weight, ...)` takes them as they are."""
    return _in_layers(x, first, second, given=True)


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

rate_3
    `second` reads every third place: two zeros would stand between its weights. The stride was 2, and what lay side by side
    now lies two places apart.
    - padding=2, dilation=2
    + padding=3, dilation=3

rate_4
    `second` reads every fourth place. One stride of 2 is left out, so that the grid is twice as fine, not four times.
    - padding=2, dilation=2
    + padding=4, dilation=4

padded_in_front_only
    You put all the zeros round the image. Then `first` computes values out there as well, where `second` is to read zeros:
    each convolution has a padding of its own.
    - F.conv2d(x, first, padding=1)
    + F.conv2d(x, first, padding=3)
    - padding=2, dilation=2
    + dilation=2

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
    [*SLIPS, transposed, one_axis_only, layers_with_biases, shifted_images],
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
        "type (float) should be the same": LAYERS_OF_ONES_OWN,
        "(torch.FloatTensor) should be the same": LAYERS_OF_ONES_OWN,
    },
    differentiable=["x"],  # weights may be copied into layers
    difficulty=3,
    minutes=10,
)
