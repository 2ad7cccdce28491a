"""A convolution's matrix."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_04 import maps
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def convolution_matrix(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The matrix that convolves a signal of `length` values (padded already) with `kernel` (k,): (n_out, length)."""
    taps = len(kernel)
    rows = (length - taps) // stride + 1
    matrix = kernel.new_zeros(rows, length)
    for row in range(rows):
        matrix[row, row * stride : row * stride + taps] = kernel
    return matrix


def _draw_signal(generator: torch.Generator) -> tuple[Tensor, int, int]:
    """Kernel, length and stride; the length is a whole number of strides."""
    kernel = maps.numbers(generator, maps.between(generator, 2, 3))
    return kernel, 6 * maps.between(generator, 2, 3), maps.between(generator, 1, 3)


SLIPS = read_slips("""
flipped_rows
    Your rows hold the kernel back to front. That is the convolution of mathematics; what networks call a
    convolution takes the kernel as it stands.
    - ] = kernel
    + ] = kernel.flip(0)

rows_move_by_one
    The number of rows is right, but each row is moved by one column only. The stride is how far the window moves.
    - row * stride : row * stride + taps
    + row : row + taps

stride_ignored
    This is the matrix for stride 1, whatever the stride is. A larger stride leaves out windows: there are fewer
    rows, and each begins `stride` columns after the one above it.
    - // stride
    +
    - row * stride : row * stride + taps
    + row : row + taps

stride_as_dilation
    The stride has come in between the taps of one row; that would be a dilation. It belongs between one row and the
    next.
    - row * stride : row * stride + taps
    + row : row + taps * stride : stride

last_row_missing
    Your last row is missing. The window stands somewhere before it moves for the first time: there is one place
    more than there are moves.
    - // stride + 1
    + // stride

rounded_too_late
    With stride 1 your number of rows is right, with others not always. Count the moves: how many strides fit into
    length - k, rounded down? Only then add 1, for the place before the first move.
    - (length - taps) // stride + 1
    + (length - taps + 1) // stride

columns_instead_of_rows
    Your matrix is the transpose of the one asked for: it has an output's weights in a column. An output is a row,
    so that C @ signal works.
    - return matrix
    + return matrix.T

rows_wrap_round
    There are too many rows: in the last ones the kernel leaves the signal on the right and comes in again on the
    left, as `torch.roll` does. Stop at the last window that fits in whole.
    - (length - taps) // stride + 1
    + len(range(0, length, stride))
    - row * stride : row * stride + taps
    + torch.arange(row * stride, row * stride + taps) % length

rows_cut_off
    There are too many rows: the last ones have room for a part of the kernel only. Padding, if there is any, is
    already in `length`, so that every window fits in whole.
    - (length - taps) // stride + 1
    + len(range(0, length, stride))
    - ] = kernel
    + ] = kernel[: length - row * stride]

padded_once_more
    You added a padding of your own. If there is any, it is already in `length`: the matrix has `length` columns.
    - taps = len(kernel)
    + taps = len(kernel)
    + length = length + 2 * (taps // 2)

first_tap_again
    The last entry of your rows is the first tap once more, as in the misprinted matrix. A row holds the whole
    kernel, each tap once.
    - ] = kernel
    + ] = torch.cat([kernel[:-1], kernel[:1]])

whole_numbers
    Your matrix holds whole numbers: what stands behind the decimal point is cut off when the kernel is written into it.
    Make it of the kernel's type: `kernel.new_zeros(rows, length)`.
    - length)
    - for
    + length, dtype=torch.long)
    + for

only_the_first_window
    Only the first row is filled, and all the others are zero: does the `return` stand inside the loop?
    - ] = kernel
    - return matrix
    + ] = kernel
    + return matrix
""")


convolution_matrix = Exercise(
    "convolution_matrix",
    convolution_matrix,
    [
        # The first is the example of the lesson; in the others the last window does not end at the border.
        (torch.tensor([11.0, 13.0, 17.0]), 6, 1),
        (torch.tensor([2.5, -0.75, 5.0]), 8, 2),
        # Room for one window only.
        (torch.tensor([6.0, -5.0]), 2, 1),
        # (length - k + 1) // stride rows are too few here.
        (torch.tensor([4.0, 9.0]), 9, 3),
    ],
    SLIPS,
    [
        "Row r computes output r: which values of the signal does that output read, and with which weights?",
        "Output r reads the k values from r * stride on. How often does a window of k fit into `length`, if it moves by stride?",
        "There are (length - k) // stride + 1 rows. Start with zeros, `kernel.new_zeros(rows, length)`, and write the kernel "
        "into each row.",
    ],
    reference=lambda kernel, length, stride: convmatrix.conv_matrix(kernel[None, None], length, stride=stride),
    common_errors={
        "expanded size of the tensor": "The slice of the row is not as long as the kernel. A window is k values long, "
        "whatever the stride: does yours end k after its start? If it does, it sticks out of the matrix: there is a row too "
        "many, or a row starts too far to the right.",
        "out of bounds": "A row or a tap is outside of the matrix. How often does the window fit into the signal?",
        "number of sizes provided": "The kernel does not fit into one entry: write it into a slice of the row, as long as it is.",
        "takes 1 positional argument": "Is a size not a whole number? `/` gives decimal numbers, `//` whole ones.",
    },
    draw=_draw_signal,
    library=("conv_matrix",),
    unaffected={"the lesson multiplies by the matrix, and learns nothing through it": ["detached"]},
    difficulty=2,
    minutes=10,
)
