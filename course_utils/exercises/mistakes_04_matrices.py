"""What people get wrong in lesson 04 about the convolution's matrix and the output's size: each function makes one mistake,
its docstring says which."""

import torch
from torch import Tensor


def _rows_of_kernel(kernel: Tensor, length: int, *, starts: range, gap: int = 1) -> Tensor:
    """A matrix with a row for each start: there the kernel begins, its taps `gap` columns apart; what sticks out is lost."""
    matrix = kernel.new_zeros(len(starts), length + gap * len(kernel))
    for row, start in enumerate(starts):
        matrix[row, start + gap * torch.arange(len(kernel))] = kernel
    return matrix[:, :length]


def _windows(kernel: Tensor, length: int, stride: int) -> range:
    return range(0, length - len(kernel) + 1, stride)


def flipped_rows(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Your rows hold the kernel back to front. That is the convolution of mathematics; what networks call a convolution
    takes the kernel as it stands."""
    return _rows_of_kernel(kernel.flip(0), length, starts=_windows(kernel, length, stride))


def rows_move_by_one(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The number of rows is right, but each row is moved by one column only. The stride is how far the window moves."""
    return _rows_of_kernel(kernel, length, starts=range(len(_windows(kernel, length, stride))))


def stride_ignored(kernel: Tensor, length: int, stride: int) -> Tensor:
    """This is the matrix for stride 1, whatever the stride is. A larger stride leaves out windows: there are fewer rows, and
    each begins `stride` columns after the one above it."""
    return _rows_of_kernel(kernel, length, starts=_windows(kernel, length, 1))


def stride_as_dilation(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The stride has come in between the taps of one row; that would be a dilation. It belongs between one row and the
    next."""
    return _rows_of_kernel(kernel, length, starts=range(len(_windows(kernel, length, stride))), gap=stride)


def last_row_missing(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Your last row is missing. The window stands somewhere before it moves for the first time: there is one place more than
    there are moves."""
    return _rows_of_kernel(kernel, length, starts=_windows(kernel, length, stride)[:-1])


def rounded_too_late(kernel: Tensor, length: int, stride: int) -> Tensor:
    """With stride 1 your number of rows is right, with others not always. Count the moves: how many strides fit into
    length - k, rounded down? Only then add 1, for the place before the first move."""
    return _rows_of_kernel(kernel, length, starts=range(0, (length - len(kernel) + 1) // stride * stride, stride))


def columns_instead_of_rows(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Your matrix is the transpose of the one asked for: it has an output's weights in a column. An output is a row, so that
    C @ signal works."""
    return _rows_of_kernel(kernel, length, starts=_windows(kernel, length, stride)).T


def rows_wrap_round(kernel: Tensor, length: int, stride: int) -> Tensor:
    """There are too many rows: in the last ones the kernel leaves the signal on the right and comes in again on the left, as
    `torch.roll` does. Stop at the last window that fits in whole."""
    row = torch.cat([kernel, kernel.new_zeros(length - len(kernel))])
    return torch.stack([row.roll(start) for start in range(0, length, stride)])


def rows_cut_off(kernel: Tensor, length: int, stride: int) -> Tensor:
    """There are too many rows: the last ones have room for a part of the kernel only. Padding, if there is any, is already in
    `length`, so that every window fits in whole."""
    return _rows_of_kernel(kernel, length, starts=range(0, length, stride))


def padded_once_more(kernel: Tensor, length: int, stride: int) -> Tensor:
    """You added a padding of your own. If there is any, it is already in `length`: the matrix has `length` columns."""
    longer = length + 2 * (len(kernel) // 2)
    return _rows_of_kernel(kernel, longer, starts=_windows(kernel, longer, stride))


def first_tap_again(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The last entry of your rows is the first tap once more, as in the misprinted matrix. A row holds the whole kernel, each
    tap once."""
    wrong = torch.cat([kernel[:-1], kernel[:1]])
    return _rows_of_kernel(wrong, length, starts=_windows(kernel, length, stride))


def only_the_first_window(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Only the first row is filled, and all the others are zero: does the `return` stand inside the loop?"""
    matrix = _rows_of_kernel(kernel, length, starts=_windows(kernel, length, stride))
    matrix[1:] = 0
    return matrix


def forward_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """This is the size after an ordinary convolution, which shrinks. The transposed one goes the other way: solve that
    formula for the size before it."""
    return (n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def padding_added(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """Your output grows with the padding. The padding of the ordinary convolution made its input larger; on the way back it
    is taken off again."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 + 2 * padding + output_padding


def padding_once(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """You take the padding off once, but it stands at both ends."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - padding + output_padding


def stride_for_each_value(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You count a stride for every value. Strides lie *between* the values, and between n values there are n - 1."""
    return n * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + output_padding


def one_short(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """One is missing. Try n = 1 with a kernel of 3, stride 1 and no padding: one value becomes three."""
    return (n - 1) * stride + dilation * (kernel_size - 1) - 2 * padding + output_padding


def one_too_many(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """There is one too many. Try n = 1 with a kernel of 3, stride 1 and no padding: one value becomes three, not four."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 2 - 2 * padding + output_padding


def one_too_many_without_dilation(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """There is one too many: with n = 1, a kernel of 3, stride 1 and no padding one value becomes three. And the dilation
    changes nothing in yours, but a kernel with holes in it reaches further than its number of taps."""
    return (n - 1) * stride + kernel_size + 1 - 2 * padding + output_padding


def dilation_forgotten(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """The dilation does not change your size, but a kernel with holes in it reaches further than its number of taps."""
    return (n - 1) * stride + kernel_size - 2 * padding + output_padding


def dilation_times_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """You multiply the kernel's size by the dilation. The dilation is the distance between taps, and of those there is one
    fewer than taps: draw a kernel of 3 with dilation 2."""
    return (n - 1) * stride + dilation * kernel_size - 2 * padding + output_padding


def dilation_times_all(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """You multiply the whole size by the dilation. It only widens the kernel: how far apart the blocks begin, and what is cut
    off, do not depend on it."""
    return dilation * ((n - 1) * stride + kernel_size - 2 * padding) + output_padding


def dilation_and_output_padding_swapped(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """Dilation and output padding are swapped in yours: the dilation spreads the taps of the kernel, output padding adds to
    the end."""
    return (n - 1) * stride + output_padding * (kernel_size - 1) + 1 - 2 * padding + dilation


def output_padding_forgotten(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """The output padding does not change your size. It is there to do so: it adds rows and columns at one end."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding


def output_padding_twice(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You add the output padding at both ends. It stands at one end only: it chooses among sizes that one stride apart
    would skip, so that it has to be able to add 1."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + 2 * output_padding


def output_padding_times_stride(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You multiply the output padding by the stride. It counts places of the output, and adds so many as it says."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + output_padding * stride


def output_padding_taken_off(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You take the output padding off. It is `padding` that makes the output smaller; output padding makes it larger."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding - output_padding
