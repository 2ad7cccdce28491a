"""What a transposed convolution makes of a plain picture: the sums of its kernel's taps, phase by phase."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_04 import maps
from course_utils.exercises.slips import read_slips


def phase_sums(kernel: Tensor, stride: int) -> Tensor:
    """What a picture of ones becomes inside, at output rows i, i + stride, ... and columns j, j + stride, ...: (s, s)."""
    sums = kernel.new_zeros(stride, stride)
    for i in range(stride):
        for j in range(stride):
            sums[i, j] = kernel[i::stride, j::stride].sum()
    return sums


SLIPS = read_slips("""
blocks
    You add up neighbouring taps, block by block. Two inputs stand a stride apart in the output, so that the taps which
    meet in one place are a stride apart in the kernel as well.
    - kernel[i::stride, j::stride]
    + kernel[i * stride : (i + 1) * stride, j * stride : (j + 1) * stride]

one_tap
    Each of your sums has a single tap. Where the kernel is larger than the stride, several inputs write into one place.
    - kernel[i::stride, j::stride].sum()
    + (kernel[i, j] if i < kernel.shape[0] and j < kernel.shape[1] else 0)

axes_exchanged
    Rows and columns are exchanged: the first index of the table belongs to the rows of the output.
    - kernel[i::stride, j::stride]
    + kernel[j::stride, i::stride]

flipped
    You have flipped the kernel. A transposed convolution writes it down as it is: its first tap goes to row 0 of the
    place that the input belongs to.
    - kernel[i::stride, j::stride]
    + kernel.flip(0, 1)[i::stride, j::stride]

counted
    You count the taps that meet. That is the answer for a kernel of ones only: add the taps up.
    - .sum()
    + .numel()

averaged
    You average the taps that meet. What is written into one place is added up.
    - kernel[i::stride, j::stride].sum()
    + kernel[i::stride, j::stride].sum() / max(1, kernel[i::stride, j::stride].numel())

rows_only
    You have sorted the rows by phase and not the columns: the stride goes along both axes.
    - j::stride
    + :

columns_only
    You have sorted the columns by phase and not the rows: the stride goes along both axes.
    - i::stride
    + :

always_two
    This is the answer for stride 2, whatever the stride is.
    - sums = kernel
    + stride = 2
    + sums = kernel
""")

phase_sums = Exercise(
    "phase_sums",
    phase_sums,
    [
        (maps.TWO, 1),
        (maps.THREE, 2),
        (maps.LARGE, 2),
        (maps.LARGE, 3),
        (maps.SMALL, 4),
    ],
    SLIPS,
    [
        "One axis first: kernel 3, stride 2, a signal of ones. Write the kernel down at the places 0, 2 and 4. Which of its taps "
        "meet at place 2, and which at place 3?",
        "Two inputs that are neighbours write their kernels a stride apart. So the taps that meet in one output are a stride "
        "apart. Which of them is the first, for an output whose row leaves the remainder i when divided by the stride?",
        "A slice with a step takes every s-th value: `kernel[i::stride, j::stride]`.",
    ],
    draw=lambda generator: (
        maps.numbers(generator, maps.between(generator, 2, 6), maps.between(generator, 2, 6)),
        maps.between(generator, 1, 3),
    ),
    reference=lambda kernel, stride: torch.stack(
        [torch.stack([kernel[i::stride, j::stride].sum() for j in range(stride)]) for i in range(stride)]
    ),
    library=("conv_transpose2d", "ConvTranspose2d"),
    differentiable=True,
    difficulty=2,
    minutes=8,
)
