"""How far a unit sees."""

import torch
from torch import nn

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.sliding import fields


def receptive_field(layers: list[tuple[int, int, int]]) -> tuple[int, int]:
    """How many pixels across does one unit of the last layer see, and how many pixels apart are two neighbouring units?

    layers: (kernel_size, stride, dilation), the one next to the image first; result: (size, jump).
    """
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return size, jump


def _draw_layers(generator: torch.Generator) -> tuple[list[tuple[int, int, int]]]:
    layers = torch.randint(1, 5, (4, 3), generator=generator) + torch.tensor([1, 0, 0])
    return ([tuple(layer) for layer in layers.tolist()],)


SLIPS = read_slips("""
jump_after_the_stride
    You multiply the jump by a layer's stride before you use it. The layer's inputs are as far apart as the layers
    before it have put them; its own stride counts from the next layer on.
    - size += dilation * (kernel_size - 1) * jump
    - jump *= stride
    + jump *= stride
    + size += dilation * (kernel_size - 1) * jump

own_stride_for_the_jump
    You let a layer's own stride stretch its kernel. What stretches it is how far apart its inputs are, in pixels:
    the strides of all layers *before* it, multiplied.
    - * jump
    + * stride

size_times_stride
    You multiply the size by a layer's stride. A stride makes nothing larger by itself: it lengthens the steps of
    all later layers, by the factor that you keep in the jump.
    - size += dilation * (kernel_size - 1) * jump
    + size = size * stride + dilation * (kernel_size - 1)

recursion_from_the_wrong_end
    This recursion runs the other way: size = (size - 1) · stride + width of the kernel begins at the *last* layer
    and ends at the image. Turn the layers round, or let the jump grow from the first layer on.
    - size += dilation * (kernel_size - 1) * jump
    + size = (size - 1) * stride + dilation * (kernel_size - 1) + 1

strides_forgotten_in_the_size
    Your size takes no notice of the strides before a layer: after a stride of 2, neighbours are 2 pixels apart.
    - * jump
    +

jump_stays_one
    Your jump is 1 to the end. Every layer multiplies it by its stride, for the layers that come after.
    - jump *= stride
    +

last_stride_only
    Your jump is the stride of one layer, set anew in each. The strides multiply: `jump *= stride`.
    - jump *= stride
    + jump = stride

strides_added
    You add the strides. Every second of every third is every sixth: they multiply.
    - jump *= stride
    + jump += stride

skipped_units_added
    You add up what each stride skips. After a stride of 2 a step is 2 pixels long, and the next stride counts in
    such steps: the jump is a product.
    - jump *= stride
    + jump += stride - 1

dilation_forgotten
    You left out the dilation: it is the factor by which a kernel's inputs stand further apart.
    - dilation *
    +

dilation_in_the_jump
    You multiply the jump by the dilation as well. A dilated layer still computes a unit at every place: dilation
    moves the *inputs* of a unit apart, and only a stride the units.
    - jump *= stride
    + jump *= stride * dilation

dilation_as_a_stride
    You let the dilation stretch all later layers instead of its own. It moves the *inputs* of its own units apart;
    the units themselves stand as close as before, and only a stride changes that.
    - dilation *
    +
    - jump *= stride
    + jump *= stride * dilation

stride_and_dilation_swapped
    You read the second number of a layer as its dilation and the third as its stride. The order is that of
    `nn.MaxPool2d` without its padding: kernel size, stride, dilation.
    - stride, dilation in
    + dilation, stride in

kernel_not_minus_one
    You add k steps for each layer. A kernel of k has k inputs and k - 1 steps between them.
    - (kernel_size - 1)
    + kernel_size

dilated_kernel_one_too_large
    You give a dilated kernel the width d · k. There are k - 1 steps of d between its k inputs: d (k - 1) + 1.
    - dilation * (kernel_size - 1)
    + (dilation * kernel_size - 1)

odd_kernels_only
    You add k // 2 on either side, which is right for odd kernels. A kernel of 2 has a single step between its
    inputs, and one of 4 has three.
    - (kernel_size - 1)
    + (kernel_size // 2 * 2)

one_side_only
    You add k // 2, which is as far as a kernel sees to one side. It sees as far to the other: between its k inputs are
    k - 1 steps.
    - (kernel_size - 1)
    + (kernel_size // 2)

product_of_kernels
    You multiply the kernels' widths. Two kernels of 3 see 5 pixels, not 9: their windows overlap.
    - size += dilation * (kernel_size - 1) * jump
    + size *= kernel_size

widths_added
    You add the widths of the kernels. Two kernels of 3 see 5 pixels, not 6: windows of neighbours overlap, and a
    layer adds its steps only, each as long as the strides before it make it.
    - = 1
    + = 0
    - * jump
    + + 1

size_from_zero
    You start at size 0. Before the first layer a unit is a pixel, and sees itself: 1.
    - = 1
    + = 0

jump_from_zero
    Your jump begins at 0, and a product that is 0 stays so. Before the first layer two neighbours are pixels: 1 apart.
    - , 1
    + , 0

last_layer_only
    You set the size anew in each layer, and only what the last one adds is left. Every layer *adds* to the size
    that there was before.
    - size +=
    + size =

first_layer_only
    Your function returns after the first layer: is the `return` inside the loop?
    - jump *= stride
    + jump *= stride
    + return size, jump

jump_before_size
    Both numbers are right, but they have changed places: first the size, then the jump.
    - return size, jump
    + return jump, size
""")


receptive_field = Exercise(
    "receptive_field",
    receptive_field,
    [
        ([(4, 3, 2)],),
        ([(3, 1, 1), (3, 1, 1)],),
        ([(1, 2, 1), (3, 1, 1)],),
        ([(3, 2, 1), (5, 1, 1)],),
        ([(5, 1, 2), (2, 3, 1)],),
        ([(7, 2, 1), (3, 2, 1), (3, 1, 4), (2, 3, 1)],),
    ],
    SLIPS,
    [
        "Begin with size 1 and jump 1, a pixel, and go through the layers. What does a kernel of 3 add at jump 1?",
        "A kernel has k - 1 steps between its inputs. Each step is `dilation` units of the layer before, `jump` pixels each.",
        "In each layer: `size += dilation * (kernel_size - 1) * jump`, and only then `jump *= stride`.",
    ],
    reference=lambda layers: fields.receptive_field(
        [nn.MaxPool2d(size, stride, dilation=dilation) for size, stride, dilation in layers]
    )[:2],
    draw=_draw_layers,
    difficulty=1,
    minutes=6,
)
