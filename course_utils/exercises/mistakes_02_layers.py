"""What people get wrong in lesson 02 with layers: kernels, dilations, receptive fields; each docstring says what."""

import math

from torch import Tensor

Layers = list[tuple[int, int, int]]


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


def jump_after_the_stride(layers: Layers) -> tuple[int, int]:
    """You multiply the jump by a layer's stride before you use it. The layer's inputs are as far apart as the layers before
    it have put them; its own stride counts from the next layer on."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        jump *= stride
        size += dilation * (kernel_size - 1) * jump
    return size, jump


def dilation_forgotten(layers: Layers) -> tuple[int, int]:
    """You left out the dilation: it is the factor by which a kernel's inputs stand further apart."""
    return _recursion([(kernel_size, stride, 1) for kernel_size, stride, _ in layers])


def kernel_not_minus_one(layers: Layers) -> tuple[int, int]:
    """You add k steps for each layer. A kernel of k has k inputs and k - 1 steps between them."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * kernel_size * jump
        jump *= stride
    return size, jump


def dilated_kernel_one_too_large(layers: Layers) -> tuple[int, int]:
    """You give a dilated kernel the width d · k. There are k - 1 steps of d between its k inputs: d (k - 1) + 1."""
    return _recursion([(dilation * kernel_size, stride, 1) for kernel_size, stride, dilation in layers])


def strides_forgotten_in_the_size(layers: Layers) -> tuple[int, int]:
    """Your size takes no notice of the strides before a layer: after a stride of 2, neighbours are 2 pixels apart."""
    size = 1 + sum(dilation * (kernel_size - 1) for kernel_size, _, dilation in layers)
    return size, math.prod(stride for _, stride, _ in layers)


def last_stride_only(layers: Layers) -> tuple[int, int]:
    """Your jump is the stride of one layer, set anew in each. The strides multiply: `jump *= stride`."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump = stride
    return size, jump


def strides_added(layers: Layers) -> tuple[int, int]:
    """You add the strides. Every second of every third is every sixth: they multiply."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump += stride
    return size, jump


def product_of_kernels(layers: Layers) -> tuple[int, int]:
    """You multiply the kernels' widths. Two kernels of 3 see 5 pixels, not 9: their windows overlap."""
    size = math.prod(dilation * (kernel_size - 1) + 1 for kernel_size, _, dilation in layers)
    return size, math.prod(stride for _, stride, _ in layers)


def size_from_zero(layers: Layers) -> tuple[int, int]:
    """You start at size 0. Before the first layer a unit is a pixel, and sees itself: 1."""
    size, jump = _recursion(layers)
    return size - 1, jump


def _recursion(layers: Layers) -> tuple[int, int]:
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return size, jump
