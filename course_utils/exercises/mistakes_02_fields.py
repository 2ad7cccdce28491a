"""What people get wrong in lesson 02 with receptive fields: each docstring says what."""

import math

Layers = list[tuple[int, int, int]]


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
    return math.prod(kernel_size for kernel_size, _, _ in layers), math.prod(stride for _, stride, _ in layers)


def size_from_zero(layers: Layers) -> tuple[int, int]:
    """You start at size 0. Before the first layer a unit is a pixel, and sees itself: 1."""
    size, jump = _recursion(layers)
    return size - 1, jump


def jump_before_size(layers: Layers) -> tuple[int, int]:
    """Both numbers are right, but they have changed places: first the size, then the jump."""
    size, jump = _recursion(layers)
    return jump, size


def own_stride_for_the_jump(layers: Layers) -> tuple[int, int]:
    """You let a layer's own stride stretch its kernel. What stretches it is how far apart its inputs are, in pixels: the
    strides of all layers *before* it, multiplied."""
    size = 1 + sum(dilation * (kernel_size - 1) * stride for kernel_size, stride, dilation in layers)
    return size, math.prod(stride for _, stride, _ in layers)


def stride_and_dilation_swapped(layers: Layers) -> tuple[int, int]:
    """You read the second number of a layer as its dilation and the third as its stride. The order is that of `nn.MaxPool2d`
    without its padding: kernel size, stride, dilation."""
    return _recursion([(kernel_size, dilation, stride) for kernel_size, stride, dilation in layers])


def dilation_in_the_jump(layers: Layers) -> tuple[int, int]:
    """You multiply the jump by the dilation as well. A dilated layer still computes a unit at every place: dilation moves the
    *inputs* of a unit apart, and only a stride the units."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride * dilation
    return size, jump


def dilation_as_a_stride(layers: Layers) -> tuple[int, int]:
    """You let the dilation stretch all later layers instead of its own. It moves the *inputs* of its own units apart; the
    units themselves stand as close as before, and only a stride changes that."""
    return _recursion([(kernel_size, stride * dilation, 1) for kernel_size, stride, dilation in layers])


def size_times_stride(layers: Layers) -> tuple[int, int]:
    """You multiply the size by a layer's stride. A stride makes nothing larger by itself: it lengthens the steps of all later
    layers, by the factor that you keep in the jump."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size = size * stride + dilation * (kernel_size - 1)
        jump *= stride
    return size, jump


def recursion_from_the_wrong_end(layers: Layers) -> tuple[int, int]:
    """This recursion runs the other way: size = (size - 1) · stride + width of the kernel begins at the *last* layer and ends
    at the image. Turn the layers round, or let the jump grow from the first layer on."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size = (size - 1) * stride + dilation * (kernel_size - 1) + 1
        jump *= stride
    return size, jump


def jump_stays_one(layers: Layers) -> tuple[int, int]:
    """Your jump is 1 to the end. Every layer multiplies it by its stride, for the layers that come after."""
    return 1 + sum(dilation * (kernel_size - 1) for kernel_size, _, dilation in layers), 1


def last_layer_only(layers: Layers) -> tuple[int, int]:
    """You set the size anew in each layer, and only what the last one adds is left. Every layer *adds* to the size that there
    was before."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size = dilation * (kernel_size - 1) * jump
        jump *= stride
    return size, jump


def first_layer_only(layers: Layers) -> tuple[int, int]:
    """Your function returns after the first layer: is the `return` inside the loop?"""
    return _recursion(layers[:1])


def skipped_units_added(layers: Layers) -> tuple[int, int]:
    """You add up what each stride skips. After a stride of 2 a step is 2 pixels long, and the next stride counts in such
    steps: the jump is a product."""
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump += stride - 1
    return size, jump


def widths_added(layers: Layers) -> tuple[int, int]:
    """You add the widths of the kernels. Two kernels of 3 see 5 pixels, not 6: windows of neighbours overlap, and a layer adds
    its steps only, each as long as the strides before it make it."""
    size = sum(dilation * (kernel_size - 1) + 1 for kernel_size, _, dilation in layers)
    return size, math.prod(stride for _, stride, _ in layers)


def odd_kernels_only(layers: Layers) -> tuple[int, int]:
    """You add k // 2 on either side, which is right for odd kernels. A kernel of 2 has a single step between its inputs, and
    one of 4 has three."""
    return _recursion([(kernel_size // 2 * 2 + 1, stride, dilation) for kernel_size, stride, dilation in layers])


def _recursion(layers: Layers) -> tuple[int, int]:
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return size, jump


RECEPTIVE_FIELD = [
    jump_after_the_stride,
    own_stride_for_the_jump,
    size_times_stride,
    recursion_from_the_wrong_end,
    strides_forgotten_in_the_size,
    jump_stays_one,
    last_stride_only,
    strides_added,
    skipped_units_added,
    dilation_forgotten,
    dilation_in_the_jump,
    dilation_as_a_stride,
    stride_and_dilation_swapped,
    kernel_not_minus_one,
    dilated_kernel_one_too_large,
    odd_kernels_only,
    product_of_kernels,
    widths_added,
    size_from_zero,
    last_layer_only,
    first_layer_only,
    jump_before_size,
]
