"""Transposed convolution as a convolution of the map with zeros between its values."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_04 import maps
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def by_zero_stuffing(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The same transposed convolution, x (H, W) and kernel (k, k), by an ordinary one: F.conv2d with stride 1."""
    (height, width), size = x.shape, len(kernel)
    stuffed = x.new_zeros((height - 1) * stride + 1, (width - 1) * stride + 1)
    stuffed[::stride, ::stride] = x
    padded = F.pad(stuffed, (size - 1,) * 4)
    return F.conv2d(padded[None, None], kernel.flip(0, 1)[None, None])[0, 0]


def _draw_square_kernel(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Map, square kernel, stride."""
    size = maps.between(generator, 2, 4)
    return maps.numbers(generator, 5, 4), maps.numbers(generator, size, size), maps.between(generator, 1, 3)


SLIPS = read_slips("""
kernel_not_flipped
    The kernel is not flipped yet. A value writes its *last* tap furthest to the right, so that the pixel there has
    to read that tap from its left: seen from the output, the kernel is turned round.
    - .flip(0, 1)
    +

kerneltransposed
    You transposed the kernel. What is transposed is the large matrix C; in the kernel, that turns both axes round,
    and swaps none.
    - .flip(0, 1)
    + .T

kernel_flipped_andtransposed
    You flipped the kernel and transposed it as well. Flipping is all: rows stay rows, though their order is turned
    round.
    - .flip(0, 1)
    + .T.flip(0, 1)

flipped_top_to_bottom
    You flipped the kernel top to bottom only. The picture has two axes, and what holds for one holds for the other.
    - flip(0, 1)
    + flip(0)

flipped_left_to_right
    You flipped the kernel left to right only. The picture has two axes, and what holds for one holds for the other.
    - flip(0, 1)
    + flip(1)

quarter_turn
    You turned the kernel by 90 degrees. Flipping both axes is half a turn: 180 degrees.
    - flip(0, 1)
    + rot90()

one_zero_too_many
    You put `stride` zeros between two values, so that they stand stride + 1 places apart. They have to write
    `stride` places apart: that is one zero less.
    - (height - 1) * stride + 1, (width - 1) * stride + 1
    + (height - 1) * (stride + 1) + 1, (width - 1) * (stride + 1) + 1
    - [::stride, ::stride]
    + [:: stride + 1, :: stride + 1]

zeros_behind_the_last
    Your map has zeros behind the last value too, as the bed of nails of lesson 03 has, so that the output ends in
    zeros. Zeros are stuffed *between* the values only.
    - (height - 1) * stride + 1, (width - 1) * stride + 1
    + height * stride, width * stride

nothing_stuffed
    This is right for stride 1; with others it gives the same, for no zeros have been put between the values. They
    push them so far apart as the blocks are to be.
    - stuffed[::stride, ::stride] = x
    + stuffed = x

copies_stuffed
    You fill up with copies of the values, so that each writes its block several times. Between the values there has
    to be nothing: zeros.
    - stuffed[::stride, ::stride] = x
    + stuffed = x.repeat_interleave(stride, 0).repeat_interleave(stride, 1)

stride_in_the_convolution
    The stride has been used twice: once to stuff zeros, once in F.conv2d, which leaves out most of the output
    again. Over the stuffed map the window moves by one.
    - [None, None])[0, 0]
    + [None, None], stride=stride)[0, 0]

stride_instead_of_zeros
    You gave the stride to F.conv2d. There it makes the window jump and the output smaller; here the output is to
    grow: let the window move by one, and push the values apart.
    - stuffed[::stride, ::stride] = x
    + stuffed = x
    - [None, None])[0, 0]
    + [None, None], stride=stride)[0, 0]

padded_before_stuffing
    You pad first and stuff then, so that the border has been pushed apart as well and is too wide. Stuff first,
    then pad by k - 1.
    - (height, width), size = x.shape, len(kernel)
    + size = len(kernel)
    + x = F.pad(x, (size - 1,) * 4)
    + height, width = x.shape
    - F.pad(stuffed, (size - 1,) * 4)
    + stuffed

padded_by_the_whole_kernel
    You pad by one too many: the outermost windows of yours see zeros only. The first window has to see the first
    value with its last tap.
    - (size - 1,)
    + (size,)

padded_left_and_right_only
    You pad on the left and on the right, and nothing at the top and at the bottom. `F.pad` wants two numbers for each
    axis, the last axis first: four here.
    - (size - 1,) * 4
    + (size - 1,) * 2

not_padded
    The padding is missing, so that the outermost values are seen by a few windows only. The first window has to see
    the first value with its last tap, and nothing else.
    - F.pad(stuffed, (size - 1,) * 4)
    + stuffed

padded_to_the_same_size
    You pad so that the convolution keeps the size of the stuffed map. The output has to be larger: a value writes k
    places, and some of them are beyond the border. The first window has to see the first value with its last tap.
    - (size - 1,) * 4
    + ((size - 1) // 2, size // 2) * 2

padded_by_half_the_kernel
    You pad by half the kernel, which is for keeping a size. The output has to be larger: a value writes k places,
    and some of them are beyond the border. The first window has to see the first value with its last tap.
    - (size - 1,)
    + (size // 2,)
""")


by_zero_stuffing = Exercise(
    "by_zero_stuffing",
    by_zero_stuffing,
    [
        (maps.SMALL, torch.tensor([[3.0]]), 2),
        (maps.SMALL, maps.TWO, 2),
        (maps.LARGE, maps.THREE, 1),
        (maps.SMALL, maps.THREE, 3),
        (maps.LARGE, maps.THREE, 2),
    ],
    SLIPS,
    [
        "Begin with stride 1: how far do you have to pad, so that the first window sees the first value and nothing else?",
        "Between two values that are to write s pixels apart stand s - 1 zeros, and none after the last: "
        "(H - 1) * s + 1 rows. `stuffed[::stride, ::stride] = x` puts the values there.",
        "Pad by k - 1 on all four sides and convolve with `kernel.flip(0, 1)`. F.conv2d wants (B, C, H, W): `x[None, None]`.",
    ],
    reference=lambda x, kernel, stride: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, method="zero_stuffing"
    )[0, 0],
    common_errors={
        "Expected 3D (unbatched) or 4D": "F.conv2d wants maps (B, C, H, W) and weights (C_out, C_in, k, k): `x[None, None]` adds "
        "two axes, `[0, 0]` takes them off again.",
        "expected stride": "F.conv2d wants maps (B, C, H, W) and weights (C_out, C_in, k, k): `x[None, None]` adds two axes.",
        "conv2d() received an invalid combination": "The third argument of `F.conv2d` is the bias: say what a number is, "
        "`padding=...` or `stride=...`. Map and kernel are tensors, sizes are whole numbers.",
        "argument 'pad'": "`F.pad` wants two numbers for each axis: `F.pad(stuffed, (k - 1,) * 4)`.",
        "flip() missing": "`flip` wants to know which axes: `kernel.flip(0, 1)` turns both round.",
        "step must be greater than zero": "PyTorch has no `[::-1]`; `kernel.flip(0, 1)` turns both axes round.",
        "Kernel size can't be greater": "The padding is missing: k - 1 zeros on each side.",
        "must match the size of tensor": "The stuffed map has (H - 1) * stride + 1 rows, and likewise columns.",
        "expanded size of the tensor": "The stuffed map has (H - 1) * stride + 1 rows, and likewise columns. (And with k = 1 a "
        "slice that ends at `-(k - 1)` is empty, for `-0` is 0.)",
    },
    draw=_draw_square_kernel,
    differentiable=True,
    library=("conv_transpose2d", "ConvTranspose2d"),
    difficulty=3,
    minutes=12,
)
