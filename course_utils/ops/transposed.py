"""Three ways to a transposed convolution; `conv_transpose2d` in `convmatrix` checks their arguments and picks one."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from course_utils.ops.checks import Pair
from course_utils.ops.csr import convolution_csr, transpose_csr


def by_scatter(
    x: Tensor, weight: Tensor, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Each input value times the whole kernel is added into the output."""
    (batch, _, height, width), (kernel_height, kernel_width) = x.shape, weight.shape[2:]
    # One scaled kernel for each input value, summed over the input channels.
    grouped_x, grouped_weight = x.unflatten(1, (groups, -1)), weight.unflatten(0, (groups, -1))
    scaled = torch.einsum("giokl, bgihw -> bgoklhw", grouped_weight, grouped_x).flatten(1, 2)
    # The whole output; `padding` is cut off all around at the end.
    out = x.new_zeros(batch, scaled.shape[1], size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    for ky in range(kernel_height):
        for kx in range(kernel_width):
            top, left = ky * dilation[0], kx * dilation[1]
            rows = slice(top, top + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(left, left + (width - 1) * stride[1] + 1, stride[1])
            out[:, :, rows, columns] += scaled[:, :, ky, kx]
    return out[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]


def by_matrix(
    x: Tensor, weight: Tensor, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """The transpose of the matrix of the convolution that leads from the output's size to the input's."""
    matrix = convolution_csr(
        weight,
        input_size=size,
        output_size=(x.shape[2], x.shape[3]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return (transpose_csr(matrix) @ x.flatten(1).t()).t().reshape(len(x), groups * weight.shape[1], *size)


def by_zero_stuffing(
    x: Tensor, weight: Tensor, *, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """An ordinary convolution, with the flipped kernel, of the input with zeros between its pixels."""
    height, width = ((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True))
    stuffed = x.new_zeros(*x.shape[:2], height, width)
    stuffed[:, :, :: stride[0], :: stride[1]] = x
    # Padding so that the kernel's last tap just reaches the first pixel, less what is cut off; below 0 that is a crop.
    reach_y, reach_x = (d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
    top, left = reach_y - padding[0], reach_x - padding[1]
    bottom, right = size[0] + reach_y - height - top, size[1] + reach_x - width - left
    # As an ordinary convolution has it: the kernel flipped, and its channels (C_out, C_in / groups).
    kernel = weight.flip(2, 3).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return conv2d(pad(stuffed, (left, right, top, bottom)), kernel, dilation=dilation, groups=groups)


METHODS = {"scatter": by_scatter, "matrix": by_matrix, "zero_stuffing": by_zero_stuffing}
