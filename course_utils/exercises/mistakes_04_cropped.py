"""What people get wrong in lesson 04 about padding: each function makes one mistake, its docstring says which."""

import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.mistakes_04 import transposed


def _cut(
    x: Tensor, kernel: Tensor, stride: int, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0
) -> Tensor:
    """The transposed convolution without padding, with so many rows and columns cut off."""
    out = transposed(x, kernel, stride)
    return out[top : out.shape[0] - bottom, left : out.shape[1] - right]


def given_cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """This is still the version given. Set `padding` to 0, 1 and 2: does its output grow or shrink, and what does
    `F.conv_transpose2d(..., padding=padding)` do?"""
    return transposed(F.pad(x, (padding,) * 4), kernel, stride)


def empty_without_padding(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """Right for every padding but 0: `-0` is 0, so that `out[0:-0]` is `out[0:0]`, from the beginning to the beginning, and
    nothing is left. Count the end from the front."""
    return transposed(x, kernel, stride)[padding:-padding, padding:-padding]


def cut_once_at_the_start(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut `padding` off at the top and at the left, and nothing at the bottom and at the right. It comes off all four
    sides."""
    return _cut(x, kernel, stride, top=padding, left=padding)


def cut_once_at_the_end(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut `padding` off at the bottom and at the right, and nothing at the top and at the left. It comes off all four
    sides."""
    return _cut(x, kernel, stride, bottom=padding, right=padding)


def cut_once_at_the_end_and_empty(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut `padding` off at the bottom and at the right only; it comes off all four sides. And with padding 0 nothing is
    left of yours: `out[:-0]` is `out[:0]`, which is empty. Count the end from the front."""
    return transposed(x, kernel, stride)[:-padding, :-padding]


def cut_at_the_start(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The size is right, but you cut everything off at the top and at the left. `padding` comes off each of the four
    sides."""
    return _cut(x, kernel, stride, top=2 * padding, left=2 * padding)


def cut_at_the_end(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The size is right, but you cut everything off at the bottom and at the right. `padding` comes off each of the four
    sides."""
    return _cut(x, kernel, stride, bottom=2 * padding, right=2 * padding)


def rows_only(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The rows are right, but nothing is cut off at the left and at the right. The picture has two axes, and what holds for
    one holds for the other."""
    return _cut(x, kernel, stride, top=padding, bottom=padding)


def columns_only(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """The columns are right, but nothing is cut off at the top and at the bottom. The picture has two axes, and what holds
    for one holds for the other."""
    return _cut(x, kernel, stride, left=padding, right=padding)


def padding_ignored(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """This is the transposed convolution without padding: the padding changes nothing in yours. It takes something away, but
    not from the input."""
    return transposed(x, kernel, stride)


def cut_by_one(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut off one row and one column on each side, whatever the padding is. That is right for a padding of 1 only."""
    return transposed(x, kernel, stride)[1:-1, 1:-1]


def twice_on_each_side(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut twice the padding off each side. It is 2 * padding for the two sides together, `padding` for each."""
    return _cut(x, kernel, stride, top=2 * padding, bottom=2 * padding, left=2 * padding, right=2 * padding)


def padding_times_stride(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut padding * stride off each side. The padding counts places of the large map, which is the output here; the
    stride has nothing to do with it."""
    cut = padding * stride
    return _cut(x, kernel, stride, top=cut, bottom=cut, left=cut, right=cut)


def input_cut(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut the padding off the input, so that whole values are lost before they are scattered. Scatter all of them, and
    cut what comes out."""
    rows, columns = x.shape
    return transposed(x[padding : rows - padding, padding : columns - padding], kernel, stride)


def padded_and_cut(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """You cut the output as you should, but the input is still padded with zeros before. They write nothing, they only make
    the output larger."""
    padded = F.pad(x, (padding,) * 4)
    return _cut(padded, kernel, stride, top=padding, bottom=padding, left=padding, right=padding)


def cut_and_flipped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """What is cut off is right, but the kernel is the wrong way round: `F.conv_transpose2d` takes it as it stands, and an
    ordinary convolution in its place needs it flipped."""
    return _cut(x, kernel.flip(0, 1), stride, top=padding, bottom=padding, left=padding, right=padding)
