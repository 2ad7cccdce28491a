"""What people get wrong in lesson 04 about scattering and zero-stuffing: each function makes one mistake, its docstring says
which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def transposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The transposed convolution of a map (H, W) with a kernel (kh, kw), without padding."""
    return F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def _first_values_only(x: Tensor, count: int) -> Tensor:
    first = torch.zeros_like(x)
    first.view(-1)[:count] = x.reshape(-1)[:count]
    return first


def overwrites(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Where two blocks overlap, your later one replaces the earlier one. The blocks are added up."""
    (height, width), (rows, columns) = x.shape, kernel.shape
    out = torch.zeros_like(transposed(x, kernel, stride))
    for i in range(height):
        for j in range(width):
            out[i * stride : i * stride + rows, j * stride : j * stride + columns] = x[i, j] * kernel
    return out


def block_is_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You write the kernel upside down and back to front. When it is scattered, it stays as it is; only the view as an
    ordinary convolution needs it flipped."""
    return transposed(x, kernel.flip(0, 1), stride)


def blocks_move_by_one(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The size of your output knows the stride, but the blocks do not: neighbouring values write one pixel apart, and the
    rest of the output stays zero."""
    out, close = torch.zeros_like(transposed(x, kernel, stride)), transposed(x, kernel, 1)
    out[: close.shape[0], : close.shape[1]] = close
    return out


def mean_of_the_overlap(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Where blocks overlap, you take their mean. A transposed convolution adds: that uneven overlap makes uneven sums is its
    weakness, but it is what it does."""
    count = transposed(torch.ones_like(x), torch.ones_like(kernel), stride)
    return transposed(x, kernel, stride) / count.clamp(min=1)


def bare_kernel(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You add the same kernel everywhere, whatever the input is. Each block is the kernel times the value that writes it."""
    return transposed(torch.ones_like(x), kernel, stride)


def added_instead_of_multiplied(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You add the value to the kernel. Each block is the kernel *times* the value that writes it; then the blocks are added
    up."""
    return transposed(torch.ones_like(x), kernel, stride) + transposed(x, torch.ones_like(kernel), stride)


def bare_value(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You write the same value into the whole block, and the kernel's weights play no part. Each block is the kernel times
    the value that writes it."""
    return transposed(x, torch.ones_like(kernel), stride)


def side_by_side(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Your blocks stand side by side, each beginning where the last one ends, as `torch.kron` puts them. How far apart they
    begin is up to the stride; where it is smaller than the kernel, they overlap."""
    return torch.kron(x, kernel)


def one_stride_too_large(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The blocks are right, but zeros are left over at the bottom and at the right: your output is one stride too large. The
    last of H values begins after H - 1 strides."""
    return F.pad(transposed(x, kernel, stride), (0, stride, 0, stride))


def gathered(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """This is the ordinary convolution, which gathers many values into one and makes the map smaller. The transposed one
    scatters one value into many."""
    return F.conv2d(x[None, None], kernel[None, None], stride=stride)[0, 0]


def stride_between_the_taps(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The stride stands between the taps of a block; that is a dilation. It belongs between one block and the next: a block's
    own taps are neighbours."""
    out = torch.zeros_like(transposed(x, kernel, stride))
    spread = F.conv_transpose2d(x[None, None], kernel[None, None], dilation=stride)[0, 0]
    out[: spread.shape[0], : spread.shape[1]] = spread
    return out


def only_the_first_row(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Only the first row of x has been scattered: does the `return` stand inside the outer loop?"""
    return transposed(_first_values_only(x, x.shape[1]), kernel, stride)


def only_the_first_value(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Only the first value of x has been scattered: does the `return` stand inside the loops?"""
    return transposed(_first_values_only(x, 1), kernel, stride)


def kernel_not_flipped(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The kernel is not flipped yet. A value writes its *last* tap furthest to the right, so that the pixel there has to read
    that tap from its left: seen from the output, the kernel is turned round."""
    return transposed(x, kernel.flip(0, 1), stride)


def kerneltransposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You transposed the kernel. What is transposed is the large matrix C; in the kernel, that turns both axes round, and
    swaps none."""
    return transposed(x, kernel.T.flip(0, 1), stride)


def kernel_flipped_andtransposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel and transposed it as well. Flipping is all: rows stay rows, though their order is turned
    round."""
    return transposed(x, kernel.T, stride)


def flipped_top_to_bottom(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel top to bottom only. The picture has two axes, and what holds for one holds for the other."""
    return transposed(x, kernel.flip(1), stride)


def flipped_left_to_right(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You flipped the kernel left to right only. The picture has two axes, and what holds for one holds for the other."""
    return transposed(x, kernel.flip(0), stride)


def quarter_turn(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You turned the kernel by 90 degrees. Flipping both axes is half a turn: 180 degrees."""
    return transposed(x, kernel.rot90(3), stride)


def _convolved(padded: Tensor, kernel: Tensor) -> Tensor:
    """The ordinary convolution with the flipped kernel."""
    return F.conv2d(padded[None, None], kernel.flip(0, 1)[None, None])[0, 0]


def _stuffed(x: Tensor, stride: int) -> Tensor:
    return transposed(x, x.new_ones(1, 1), stride)


def one_zero_too_many(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You put `stride` zeros between two values, so that they stand stride + 1 places apart. They have to write `stride` places
    apart: that is one zero less."""
    return transposed(x, kernel, stride + 1)


def zeros_behind_the_last(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Your map has zeros behind the last value too, as the bed of nails of lesson 03 has, so that the output ends in zeros.
    Zeros are stuffed *between* the values only."""
    return F.pad(transposed(x, kernel, stride), (0, stride - 1, 0, stride - 1))


def nothing_stuffed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """This is right for stride 1; with others it gives the same, for no zeros have been put between the values. They push them
    so far apart as the blocks are to be."""
    return transposed(x, kernel, 1)


def copies_stuffed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You fill up with copies of the values, so that each writes its block several times. Between the values there has to be
    nothing: zeros."""
    return transposed(x.repeat_interleave(stride, 0).repeat_interleave(stride, 1), kernel, 1)


def stride_in_the_convolution(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The stride has been used twice: once to stuff zeros, once in F.conv2d, which leaves out most of the output again. Over
    the stuffed map the window moves by one."""
    return transposed(x, kernel, stride)[::stride, ::stride]


def stride_instead_of_zeros(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You gave the stride to F.conv2d. There it makes the window jump and the output smaller; here the output is to grow:
    let the window move by one, and push the values apart."""
    return transposed(x, kernel, 1)[::stride, ::stride]


def padded_before_stuffing(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You pad first and stuff then, so that the border has been pushed apart as well and is too wide. Stuff first, then pad by
    k - 1."""
    return _convolved(_stuffed(F.pad(x, (len(kernel) - 1,) * 4), stride), kernel)


def padded_by_the_whole_kernel(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You pad by one too many: the outermost windows of yours see zeros only. The first window has to see the first value with
    its last tap."""
    return F.pad(transposed(x, kernel, stride), (1,) * 4)


def not_padded(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The padding is missing, so that the outermost values are seen by a few windows only. The first window has to see the first
    value with its last tap, and nothing else."""
    return _convolved(_stuffed(x, stride), kernel)


def padded_to_the_same_size(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You pad so that the convolution keeps the size of the stuffed map. The output has to be larger: a value writes k places,
    and some of them are beyond the border. The first window has to see the first value with its last tap."""
    before, after = (len(kernel) - 1) // 2, len(kernel) // 2
    return _convolved(F.pad(_stuffed(x, stride), (before, after, before, after)), kernel)


def padded_by_half_the_kernel(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """You pad by half the kernel, which is for keeping a size. The output has to be larger: a value writes k places, and some
    of them are beyond the border. The first window has to see the first value with its last tap."""
    return _convolved(F.pad(_stuffed(x, stride), (len(kernel) // 2,) * 4), kernel)
