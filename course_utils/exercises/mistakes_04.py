"""What people get wrong in lesson 04, transposed convolution: each function makes one mistake, its docstring says which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def _rows_of_kernel(kernel: Tensor, length: int, stride: int, *, step: int, gap: int) -> Tensor:
    """A matrix of the right size whose row r holds the kernel from column r * step on, its taps `gap` columns apart."""
    taps = torch.arange(len(kernel))
    matrix = kernel.new_zeros((length - len(kernel)) // stride + 1, length)
    for row in range(len(matrix)):
        matrix[row, row * step + gap * taps] = kernel
    return matrix


def flipped_rows(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Your rows hold the kernel back to front. That is the convolution of mathematics; what networks call a convolution
    takes the kernel as it stands."""
    return _rows_of_kernel(kernel.flip(0), length, stride, step=stride, gap=1)


def rows_move_by_one(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The number of rows is right, but each row is moved by one column only. The stride is how far the window moves."""
    return _rows_of_kernel(kernel, length, stride, step=1, gap=1)


def stride_as_dilation(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The stride has come in between the taps of one row; that would be a dilation. It belongs between one row and the
    next."""
    return _rows_of_kernel(kernel, length, stride, step=1, gap=stride)


def first_tap_again(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The last entry of your rows is the first tap once more, as in the misprinted matrix. A row holds the whole kernel, each
    tap once."""
    return _rows_of_kernel(torch.cat([kernel[:-1], kernel[:1]]), length, stride, step=stride, gap=1)


def only_the_first_window(kernel: Tensor, length: int, stride: int) -> Tensor:
    """Only the first row is filled, and all the others are zero: does the `return` stand inside the loop?"""
    matrix = _rows_of_kernel(kernel, length, stride, step=stride, gap=1)
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


def stride_for_each_value(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You count a stride for every value. Strides lie *between* the values, and between n values there are n - 1."""
    return n * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + output_padding


def one_short(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """One is missing. Try n = 1 with a kernel of 3, stride 1 and no padding: one value becomes three."""
    return (n - 1) * stride + dilation * (kernel_size - 1) - 2 * padding + output_padding


def dilation_forgotten(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """The dilation does not change your size, but a kernel with holes in it reaches further than its number of taps."""
    return (n - 1) * stride + kernel_size - 2 * padding + output_padding


def dilation_times_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """You multiply the kernel's size by the dilation. The dilation is the distance between taps, and of those there is one
    fewer than taps: draw a kernel of 3 with dilation 2."""
    return (n - 1) * stride + dilation * kernel_size - 2 * padding + output_padding


def padding_once(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """You take the padding off once, but it stands at both ends."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - padding + output_padding


def output_padding_twice(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """You add the output padding at both ends. It stands at one end only: it chooses among sizes that one stride apart
    would skip, so that it has to be able to add 1."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding + 2 * output_padding


def output_padding_forgotten(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int
) -> int:
    """The output padding does not change your size. It is there to do so: it adds rows and columns at one end."""
    return (n - 1) * stride + dilation * (kernel_size - 1) + 1 - 2 * padding


def _transposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    return F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def _first_values_only(x: Tensor, count: int) -> Tensor:
    first = torch.zeros_like(x)
    first.view(-1)[:count] = x.reshape(-1)[:count]
    return first


def overwrites(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Where two blocks overlap, your later one replaces the earlier one. The blocks are added up."""
    (height, width), (rows, columns) = x.shape, kernel.shape
    out = torch.zeros_like(_transposed(x, kernel, stride))
    for i in range(height):
        for j in range(width):
            out[i * stride : i * stride + rows, j * stride : j * stride + columns] = x[i, j] * kernel
    return out


def block_is_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You write the kernel upside down and back to front. When it is scattered, it stays as it is; only the view as an
    ordinary convolution needs it flipped."""
    return _transposed(x, kernel.flip(0, 1), stride)


def blocks_move_by_one(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The size of your output knows the stride, but the blocks do not: neighbouring values write one pixel apart, and the
    rest of the output stays zero."""
    out, close = torch.zeros_like(_transposed(x, kernel, stride)), _transposed(x, kernel, 1)
    out[: close.shape[0], : close.shape[1]] = close
    return out


def mean_of_the_overlap(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Where blocks overlap, you take their mean. A transposed convolution adds: that uneven overlap makes uneven sums is its
    weakness, but it is what it does."""
    count = _transposed(torch.ones_like(x), torch.ones_like(kernel), stride)
    return _transposed(x, kernel, stride) / count.clamp(min=1)


def bare_kernel(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You add the same kernel everywhere, whatever the input is. Each block is the kernel times the value that writes it."""
    return _transposed(torch.ones_like(x), kernel, stride)


def only_the_first_row(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Only the first row of x has been scattered: does the `return` stand inside the outer loop?"""
    return _transposed(_first_values_only(x, x.shape[1]), kernel, stride)


def only_the_first_value(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Only the first value of x has been scattered: does the `return` stand inside the loops?"""
    return _transposed(_first_values_only(x, 1), kernel, stride)


def kernel_not_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The kernel is not flipped yet. A value writes its *last* tap furthest to the right, so that the pixel there has to read
    that tap from its left: seen from the output, the kernel is turned round."""
    return _transposed(x, kernel.flip(0, 1), stride)


def kernel_transposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You transposed the kernel. What is transposed is the large matrix C; in the kernel, that turns both axes round, and
    swaps none."""
    return _transposed(x, kernel.T.flip(0, 1), stride)


def kernel_flipped_and_transposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel and transposed it as well. Flipping is all: rows stay rows, though their order is turned
    round."""
    return _transposed(x, kernel.T, stride)


def flipped_top_to_bottom(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel top to bottom only. The picture has two axes, and what holds for one holds for the other."""
    return _transposed(x, kernel.flip(1), stride)


def flipped_left_to_right(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel left to right only. The picture has two axes, and what holds for one holds for the other."""
    return _transposed(x, kernel.flip(0), stride)


def quarter_turn(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You turned the kernel by 90 degrees. Flipping both axes is half a turn: 180 degrees."""
    return _transposed(x, kernel.rot90(3), stride)


def given_cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """This is still the version given. Set `padding` to 0, 1 and 2: does its output grow or shrink, and what does
    `F.conv_transpose2d(..., padding=padding)` do?"""
    return _transposed(F.pad(x, (padding,) * 4), kernel, stride)


def cropped_at_the_start(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The size is right, but you cut everything off at the top and at the left. `padding` comes off each of the four
    sides."""
    return _transposed(x, kernel, stride)[2 * padding :, 2 * padding :]


def cropped_at_the_end(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The size is right, but you cut everything off at the bottom and at the right. `padding` comes off each of the four
    sides."""
    out = _transposed(x, kernel, stride)
    return out[: out.shape[0] - 2 * padding, : out.shape[1] - 2 * padding]


def cropped_and_flipped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """Size and crop are right, but the kernel is the wrong way round: `F.conv_transpose2d` takes it as it stands, and an
    ordinary convolution in its place needs it flipped."""
    out = _transposed(x, kernel.flip(0, 1), stride)
    return out[padding : out.shape[0] - padding, padding : out.shape[1] - padding]


def _size(factor: int) -> int:
    return 2 * factor - factor % 2


def _product(factor: int, *, centre: float, reach: float) -> Tensor:
    triangle = 1 - (torch.arange(_size(factor)) - centre).abs() / reach
    return torch.outer(triangle, triangle)


def centre_too_far_left(factor: int) -> Tensor:
    """For an even factor your peak is half a pixel too far to the left: a kernel with an even number of taps has its centre
    between two of them, and no tap is 1."""
    return _product(factor, centre=factor - 1, reach=factor)


def centre_too_far_right(factor: int) -> Tensor:
    """For an even factor your peak is half a pixel too far to the right: taps are counted from 0 to k - 1, so that their
    middle is (k - 1) / 2."""
    return _product(factor, centre=_size(factor) // 2, reach=factor)


def centre_between_taps(factor: int) -> Tensor:
    """For an odd factor your kernel is not symmetric: it has an odd number of taps, and the middle one is the centre."""
    return _product(factor, centre=factor - 0.5, reach=factor)


def sums_to_one(factor: int) -> Tensor:
    """Your weights sum to 1, which is right for a blur. Here an output pixel meets only every f-th tap along each axis, and
    it is those few that have to sum to 1."""
    return _product(factor, centre=(_size(factor) - 1) / 2, reach=factor) / factor**2


def all_ones(factor: int) -> Tensor:
    """All your weights are equal: neighbours are added up, near or far. Bilinear weights fall with the distance from the
    centre."""
    return torch.ones(_size(factor), _size(factor))


def not_divided_by_the_factor(factor: int) -> Tensor:
    """Your triangle falls to 0 within one pixel of the *output*, and is negative beyond. It has to reach to the next pixel of
    the input, which is f output pixels away."""
    return _product(factor, centre=(_size(factor) - 1) / 2, reach=1)


def zero_at_the_edge(factor: int) -> Tensor:
    """Your triangle is 0 at the first and last tap, which are wasted so. It falls to 0 at the distance f from the centre, and
    that is outside of the kernel."""
    return _product(factor, centre=(_size(factor) - 1) / 2, reach=(_size(factor) - 1) / 2)


def triangles_averaged(factor: int) -> Tensor:
    """You average the two triangles. Bilinear means linear along one axis, then along the other: the weights are multiplied,
    and a corner is far in both."""
    triangle = 1 - (torch.arange(_size(factor)) - (_size(factor) - 1) / 2).abs() / factor
    return (triangle[:, None] + triangle[None, :]) / 2
