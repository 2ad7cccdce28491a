"""What people get wrong in lesson 02 with layers: kernels and dilations; each docstring says what."""

import math

from torch import Tensor


def channels_last(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """You read a row of the weight as (h, w, C). `nn.Flatten` runs over (C, h, w): the last axis fastest, the channel
    slowest."""
    return weight.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def sides_swapped(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """You read each channel as w rows of h numbers, and turn it afterwards. It was flattened row by row: h rows of w."""
    return weight.reshape(-1, channels, width, height).transpose(2, 3)


def flipped(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Your kernel is flipped, as in the convolution of mathematics. `nn.Conv2d` does not flip: it multiplies the first weight
    by the first pixel of the window, just as the linear layer does."""
    return weight.reshape(-1, channels, height, width).flip(2, 3)


def averaged_over_places(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Each place of your kernel has the same weight, the mean over all places. The linear layer has a weight of its own
    for each place, so it is no 1 × 1 convolution, and no average before one either."""
    return weight.reshape(-1, channels, height, width).mean(dim=(2, 3), keepdim=True).expand(-1, -1, height, width)


def weight_transposed(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """You transposed the weight first. `nn.Linear` stores it as (out, in): a row has all the weights of one output, and that
    is one kernel."""
    return weight.T.reshape(-1, channels, height, width)


def channels_before_outputs(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """You cut the weight into channels first and into outputs second. A row of the weight belongs to one output: the axis K
    comes first, in the weight and in the kernel."""
    return weight.reshape(channels, -1, height, width).transpose(0, 1)


def inputs_first(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Your kernel is (C, K, h, w). `nn.Conv2d` stores the outputs first, (K, C, h, w), as `nn.Linear` does: the other way
    round is the order of the *transposed* convolution."""
    return weight.reshape(-1, channels, height, width).transpose(0, 1)


def cut_into_channels_first(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """You let C be the first axis. A row of the weight belongs to one output, so that the axis K comes first, in the weight
    and in the kernel: (K, C, h, w)."""
    return weight.reshape(channels, -1, height, width)


def width_before_height(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Your kernel is (K, C, w, h): width and height have changed places. In PyTorch rows come before columns."""
    return weight.reshape(-1, channels, width, height)


def channels_axis_last(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Your kernel is (K, h, w, C), which is another library's order. In PyTorch the channels come before rows and columns, in
    the kernel and in the maps that were flattened."""
    return weight.reshape(-1, height, width, channels)


def one_by_one(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """This is a 1 × 1 kernel on C·h·w channels, as it has been taught of all fully connected layers. But the maps have C
    channels, and the layer looks at h × w places of them: its kernel is as large as that. Only a layer whose input is a single
    place becomes a 1 × 1 convolution."""
    return weight[:, :, None, None]


def own_stride_included(strides: list[int]) -> list[int]:
    """You counted the layer's own stride. It thins out what comes *after* the layer; the layer's own input is as dense as
    the layers before it left it."""
    return [math.prod(strides[: n + 1]) for n in range(len(strides))]


def sum_of_strides(strides: list[int]) -> list[int]:
    """You add the strides. Every second of every third is every sixth: they multiply."""
    return [sum(strides[:n]) or 1 for n in range(len(strides))]


def layer_before_only(strides: list[int]) -> list[int]:
    """You take the stride of the one layer before. The strides of all layers before it have gone, and all are to be made
    good."""
    return [1, *strides[:-1]]


def strides_as_dilations(strides: list[int]) -> list[int]:
    """You turned each layer's stride into its own dilation. The layer itself still looks at neighbours; it is the layers
    after it whose inputs have moved apart."""
    return list(strides)


def product_of_all(strides: list[int]) -> list[int]:
    """You gave all layers the stride of the whole network. A layer's inputs have moved apart by the strides before it only:
    the first layer sees the image as ever."""
    return [math.prod(strides)] * len(strides)


def strides_after(strides: list[int]) -> list[int]:
    """You multiplied the strides that come after the layer. Its inputs come from the layers before it."""
    return [math.prod(strides[n + 1 :]) for n in range(len(strides))]


def no_dilation(strides: list[int]) -> list[int]:
    """Without dilation each layer looks at direct neighbours, which were its neighbours at stride 1 only: taking the strides
    away has moved them apart."""
    return [1] * len(strides)


def undilated_is_zero(strides: list[int]) -> list[int]:
    """Your first layer has the dilation 0: all its weights would fall on one pixel. Neighbours are at distance 1, and 1 is
    what PyTorch calls no dilation."""
    return [math.prod(strides[:n]) if n else 0 for n in range(len(strides))]


def holes(strides: list[int]) -> list[int]:
    """You count the holes between two inputs. A dilation is the distance from one to the next: one more."""
    return [math.prod(strides[:n]) - 1 for n in range(len(strides))]


def one_too_many(strides: list[int]) -> list[int]:
    """You give one dilation more than there are layers. Your last one is that of a layer behind the end: no layer looks at
    what the last one leaves."""
    return [math.prod(strides[:n]) for n in range(len(strides) + 1)]


def doubled_at_each_stride(strides: list[int]) -> list[int]:
    """You double the dilation at each layer that skipped. This is right where all strides are 1 or 2, as in the lesson's
    network; a stride of 3 moves neighbours 3 times as far apart."""
    return [2 ** sum(stride > 1 for stride in strides[:n]) for n in range(len(strides))]


def largest_so_far(strides: list[int]) -> list[int]:
    """You take the largest stride so far. Every second of every third is every sixth: all strides before a layer count, and
    they multiply."""
    return [max(strides[:n], default=1) for n in range(len(strides))]


def powers_of_two(strides: list[int]) -> list[int]:
    """You double the dilation at each layer, as some networks do on purpose. Here the dilation makes good what the strides
    did: after a layer with stride 1 nothing has moved apart."""
    return [2**n for n in range(len(strides))]


def skipped_pixels_added(strides: list[int]) -> list[int]:
    """You add up what each stride skips. After a stride of 2 a step is 2 pixels long, and the next stride counts in such
    steps: they multiply."""
    return [1 + sum(stride - 1 for stride in strides[:n]) for n in range(len(strides))]


LINEAR_TO_CONVOLUTION = [
    channels_last,
    channels_axis_last,
    sides_swapped,
    width_before_height,
    flipped,
    averaged_over_places,
    weight_transposed,
    channels_before_outputs,
    cut_into_channels_first,
    inputs_first,
    one_by_one,
]
DILATIONS = [
    own_stride_included,
    sum_of_strides,
    skipped_pixels_added,
    layer_before_only,
    strides_as_dilations,
    product_of_all,
    strides_after,
    no_dilation,
    undilated_is_zero,
    holes,
    one_too_many,
    doubled_at_each_stride,
    largest_so_far,
    powers_of_two,
]
