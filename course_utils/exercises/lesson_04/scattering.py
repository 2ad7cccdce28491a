"""Transposed convolution as a scatter: each value writes a block."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_04 import maps
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def scatter(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Transposed convolution without padding: each value of x (H, W) times the kernel (kh, kw), added into the output."""
    (height, width), (rows, columns) = x.shape, kernel.shape
    out = x.new_zeros((height - 1) * stride + rows, (width - 1) * stride + columns)
    for i in range(height):
        for j in range(width):
            out[i * stride : i * stride + rows, j * stride : j * stride + columns] += x[i, j] * kernel
    return out


def _draw_map(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Map, kernel, stride."""
    return maps.numbers(generator, 4, 3), maps.numbers(generator, 3, 2), maps.between(generator, 1, 3)


def gathered(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """This is the ordinary convolution, which gathers many values into one and makes the map smaller. The transposed one
    scatters one value into many."""
    return F.conv2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


SLIPS = read_slips("""
overwrites
    Where two blocks overlap, your later one replaces the earlier one. The blocks are added up.
    - +=
    + =

block_is_flipped
    You write the kernel upside down and back to front. When it is scattered, it stays as it is; only the view as an
    ordinary convolution needs it flipped.
    - x[i, j] * kernel
    + x[i, j] * kernel.flip(0, 1)

blocks_move_by_one
    The size of your output knows the stride, but the blocks do not: neighbouring values write one pixel apart, and
    the rest of the output stays zero.
    - i * stride : i * stride + rows, j * stride : j * stride + columns
    + i : i + rows, j : j + columns

mean_of_the_overlap
    Where blocks overlap, you take their mean. A transposed convolution adds: that uneven overlap makes uneven sums
    is its weakness, but it is what it does.
    - for i in range(height):
    + count = torch.zeros_like(out)
    + for i in range(height):
    - x[i, j] * kernel
    + x[i, j] * kernel
    + count[i * stride : i * stride + rows, j * stride : j * stride + columns] += 1
    - return out
    + return out / count.clamp(min=1)

bare_kernel
    You add the same kernel everywhere, whatever the input is. Each block is the kernel times the value that writes
    it.
    - x[i, j] * kernel
    + kernel

added_instead_of_multiplied
    You add the value to the kernel. Each block is the kernel *times* the value that writes it; then the blocks are
    added up.
    - x[i, j] * kernel
    + x[i, j] + kernel

bare_value
    You write the same value into the whole block, and the kernel's weights play no part. Each block is the kernel
    times the value that writes it.
    - * kernel
    +

side_by_side
    Your blocks stand side by side, each beginning where the last one ends, as `torch.kron` puts them. How far apart
    they begin is up to the stride; where it is smaller than the kernel, they overlap.
    - (height - 1) * stride + rows, (width - 1) * stride + columns
    + height * rows, width * columns
    - i * stride : i * stride + rows, j * stride : j * stride + columns
    + i * rows : (i + 1) * rows, j * columns : (j + 1) * columns

one_stride_too_large
    The blocks are right, but zeros are left over at the bottom and at the right: your output is one stride too
    large. The last of H values begins after H - 1 strides.
    - (height - 1) * stride + rows, (width - 1) * stride + columns
    + height * stride + rows, width * stride + columns

stride_between_the_taps
    The stride stands between the taps of a block; that is a dilation. It belongs between one block and the next: a
    block's own taps are neighbours.
    - i * stride : i * stride + rows, j * stride : j * stride + columns
    + i : i + rows * stride : stride, j : j + columns * stride : stride

only_the_first_row
    Only the first row of x has been scattered: does the `return` stand inside the outer loop?
    - range(height)
    + range(1)

only_the_first_value
    Only the first value of x has been scattered: does the `return` stand inside the loops?
    - kernel
    - return out
    + kernel
    + return out
""")


_OUTSIDE = (
    "The block and the part of the output that it is added to differ in size. Does i count rows, in x and in the output, and j "
    "columns? Does a block begin at i * stride, and is it kh long, whatever the stride? The output has (H - 1) * stride + kh "
    "rows and (W - 1) * stride + kw columns."
)

scatter = Exercise(
    "scatter",
    scatter,
    [
        # Strides that divide the kernel, that do not, and one that is larger than it.
        (maps.SMALL, torch.tensor([[1.0, 2.0, 4.0], [3.0, 6.0, 5.0]]), 2),
        (maps.SMALL[:, :2], maps.TWO, 1),
        (maps.SMALL, maps.TWO, 3),
        (maps.LARGE, maps.THREE[:, :2], 1),
    ],
    [*SLIPS, gathered],
    [
        "Start from zeros of the right size: the block of the last value in x has to fit in exactly.",
        "Value (i, j) writes into the rows from i * stride to i * stride + kh, and likewise for the columns.",
        "`out[top : top + kh, left : left + kw] += x[i, j] * kernel`, for all i and j.",
    ],
    reference=lambda x, kernel, stride: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, method="scatter"
    )[0, 0],
    common_errors={
        "argument 'bias'": "The third argument of `F.conv_transpose2d` is the bias: say that it is the stride, `stride=stride`.",
        "Expected 3D (unbatched) or 4D": "`x[None, None]` adds the two axes that PyTorch wants, `[0, 0]` takes them off again.",
        "Cannot cast ufunc": "The output was made of whole numbers; give it the type of x.",
        "is out of bounds": _OUTSIDE,
        "can't be cast to the desired output type": "The output was made of whole numbers; `x.new_zeros(...)` has the type of x.",
        "must match the size of tensor": _OUTSIDE,
        "match the broadcast shape": _OUTSIDE,
        "expanded size of the tensor": _OUTSIDE,
    },
    draw=_draw_map,
    library=("conv_transpose2d", "ConvTranspose2d"),
    unaffected={"it shows what is written where, and the lesson learns nothing through it": ["detached"]},
    difficulty=2,
    minutes=12,
)
