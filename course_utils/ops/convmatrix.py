"""Convolution and transposed convolution as a matrix and its transpose, and two more ways to the transposed one."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d as ordinary_conv2d, pad

from course_utils.ops.checks import IntPair, Pair, int_pair, require_integers
from course_utils.ops.convsizes import (
    output_size,
    require_channels,
    require_groups,
    require_matching,
    require_weight,
    sizes_along_both_axes,
    transposed_output_size,
)
from course_utils.ops.csr import csr_matrix, transpose_csr


def conv_matrix(
    weight: Tensor,
    input_size: IntPair,
    *,
    stride: IntPair = 1,
    padding: IntPair = 0,
    dilation: IntPair = 1,
    groups: int = 1,
    sparse: bool = False,
) -> Tensor:
    """The matrix C of a convolution: vec(conv(x)) = C vec(x). Its transpose is the transposed convolution's.

    Source: Dumoulin and Visin 2016, section 4.1, arXiv 1603.07285.

    Shapes: `weight` (C_out, C_in / groups, kH, kW) and `input_size` (H, W) → (C_out·H_out·W_out, C_in·H·W), or
    `weight` (C_out, C_in / groups, k) and `input_size` n → (C_out·n_out, C_in·n). Differentiable in `weight`.

    With `sparse=True` in CSR form (entries row by row), which multiplies many times faster than COO. For products with
    the transpose take `transpose_csr(matrix)`; `matrix.t()` is right too, but is sorted anew for each product.

    Raises: ValueError for a weight and sizes that do not fit each other, and for a kernel larger than the padded input.
    """
    if isinstance(input_size, int):
        require_weight(weight, axes=1)
        weight, input_size = weight[:, :, None], (1, input_size)
        stride, padding, dilation = (1, stride), (0, padding), (1, dilation)
    input_size = int_pair(input_size, "input_size")
    require_weight(weight, axes=2)
    require_groups(groups, weight.shape[0])
    stride, padding, dilation = (
        int_pair(stride, "stride"),
        int_pair(padding, "padding", minimum=0),
        int_pair(dilation, "dilation"),
    )
    size = sizes_along_both_axes(output_size, input_size, weight, stride=stride, padding=padding, dilation=dilation)
    matrix = _sparse_matrix(weight, input_size, size, stride, padding, dilation, groups)
    return matrix if sparse else matrix.to_dense()


def _along_both_axes(stride: IntPair, padding: IntPair, dilation: IntPair) -> tuple[Pair, Pair, Pair]:
    return int_pair(stride, "stride"), int_pair(padding, "padding", minimum=0), int_pair(dilation, "dilation")


def _sparse_matrix(
    weight: Tensor, input_size: Pair, output_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """The matrix in CSR form.

    A row is an output pixel, a column an input pixel. At output pixel (oy, ox) tap (ky, kx) of the kernel lies on input
    pixel (y, x), and there the matrix has the entry weight[c_out, c_in, ky, kx]; none if that is outside, in the padding.
    """
    (height, width), group_channels = input_size, weight.shape[1]
    shape = (weight.shape[0], *output_size, *weight.shape[1:])
    # All combinations in the order in which the entries are stored, row by row and from left to right.
    c_out, oy, ox, c_in, ky, kx = (
        torch.arange(n, device=weight.device).view(-1, *[1] * (5 - axis)) for axis, n in enumerate(shape)
    )
    y = oy * stride[0] + ky * dilation[0] - padding[0]
    x = ox * stride[1] + kx * dilation[1] - padding[1]
    channel = c_out // (weight.shape[0] // groups) * group_channels + c_in
    row = (c_out * output_size[0] + oy) * output_size[1] + ox
    column = (channel * height + y) * width + x
    inside = ((0 <= y) & (y < height)) & ((0 <= x) & (x < width))

    kept = inside.expand(shape).flatten().nonzero()[:, 0]
    rows, columns, values = (
        tensor.expand(shape).flatten().index_select(0, kept) for tensor in (row, column, weight[:, None, None])
    )
    return csr_matrix(rows, columns, values, (math.prod(shape[:3]), groups * group_channels * height * width))


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntPair = 1,
    padding: IntPair = 0,
    dilation: IntPair = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution as a product with its matrix, for small maps: C has C_out·C_in/groups·kH·kW entries a pixel.

    Shapes: `x` (B, C_in, H, W), `weight` (C_out, C_in / groups, kH, kW), `bias` (C_out,) → (B, C_out, H_out, W_out).
    Padding is zeros. float16 and bfloat16 are multiplied in float32.

    Raises: ValueError for shapes, types or devices that do not fit each other, and for a kernel larger than the padded
    input.
    """
    require_matching(x, weight, bias, axes=2)
    require_groups(groups, weight.shape[0])
    require_channels(x, groups * weight.shape[1], bias, weight.shape[0])
    stride, padding, dilation = (
        int_pair(stride, "stride"),
        int_pair(padding, "padding", minimum=0),
        int_pair(dilation, "dilation"),
    )
    input_size = tuple(x.shape[2:])
    size = sizes_along_both_axes(output_size, input_size, weight, stride=stride, padding=padding, dilation=dilation)
    matrix = _sparse_matrix(_at_least_float32(weight), input_size, size, stride, padding, dilation, groups)
    out = (matrix @ _at_least_float32(x).flatten(1).t()).t().to(x.dtype)
    return _add_bias(out.reshape(len(x), weight.shape[0], *size), bias)


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` along one axis. Shapes: `x` (B, C_in, n), `weight` (C_out, C_in / groups, k) → (B, C_out, n_out)."""
    require_matching(x, weight, bias, axes=1)
    stride, padding, dilation = (1, stride), (0, padding), (1, dilation)
    x, weight = x[:, :, None], weight[:, :, None]
    return conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)[:, :, 0]


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: IntPair = 1,
    padding: IntPair = 0,
    output_padding: IntPair = 0,
    groups: int = 1,
    dilation: IntPair = 1,
    method: str = "scatter",
) -> Tensor:
    """Transposed convolution, in one of three ways that give the same.

    - "scatter": each input value times the whole kernel is added into the output.
    - "matrix": the transpose of the convolution's matrix; float16 and bfloat16 are multiplied in float32.
    - "zero_stuffing": an ordinary convolution, with the flipped kernel, of the input with zeros between its pixels.

    Source: Dumoulin and Visin 2016, chapter 4, arXiv 1603.07285.

    Shapes: `x` (B, C_in, H, W), `weight` (C_in, C_out / groups, kH, kW) as in PyTorch, `bias` (C_out,)
    → (B, C_out, H_out, W_out), by `transposed_output_size`.

    Raises: ValueError for shapes, types or devices that do not fit each other, for another method, and as
    `transposed_output_size`.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, but is {method!r}.")
    require_matching(x, weight, bias, axes=2)
    require_groups(groups, weight.shape[0])
    require_channels(x, weight.shape[0], bias, groups * weight.shape[1])
    stride, padding, dilation = (
        int_pair(stride, "stride"),
        int_pair(padding, "padding", minimum=0),
        int_pair(dilation, "dilation"),
    )
    output_padding = int_pair(output_padding, "output_padding", minimum=0)
    steps = {"stride": stride, "padding": padding, "dilation": dilation}
    size = sizes_along_both_axes(
        transposed_output_size, tuple(x.shape[2:]), weight, **steps, output_padding=output_padding
    )
    return _add_bias(METHODS[method](x, weight, size, stride, padding, dilation, groups), bias)


def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
    method: str = "scatter",
) -> Tensor:
    """`conv_transpose2d` along one axis. Shapes: `x` (B, C_in, n), `weight` (C_in, C_out / groups, k) → (B, C_out, n_out)."""
    require_matching(x, weight, bias, axes=1)
    return conv_transpose2d(
        x[:, :, None],
        weight[:, :, None],
        bias,
        stride=(1, stride),
        padding=(0, padding),
        output_padding=(0, output_padding),
        groups=groups,
        dilation=(1, dilation),
        method=method,
    )[:, :, 0]


def _by_scatter(
    x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
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


def _by_matrix(
    x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    matrix = _sparse_matrix(_at_least_float32(weight), size, tuple(x.shape[2:]), stride, padding, dilation, groups)
    out = (transpose_csr(matrix) @ _at_least_float32(x).flatten(1).t()).t().to(x.dtype)
    return out.reshape(len(x), groups * weight.shape[1], *size)


def _by_zero_stuffing(
    x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    height, width = ((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True))
    stuffed = x.new_zeros(*x.shape[:2], height, width)
    stuffed[:, :, :: stride[0], :: stride[1]] = x
    # Padding so that the kernel's last tap just reaches the first pixel, less what is cut off; below 0 that is a crop.
    reach_y, reach_x = (d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True))
    top, left = reach_y - padding[0], reach_x - padding[1]
    bottom, right = size[0] + reach_y - height - top, size[1] + reach_x - width - left
    # As an ordinary convolution has it: the kernel flipped, and its channels (C_out, C_in / groups).
    kernel = weight.flip(2, 3).unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return ordinary_conv2d(pad(stuffed, (left, right, top, bottom)), kernel, dilation=dilation, groups=groups)


METHODS = {"scatter": _by_scatter, "matrix": _by_matrix, "zero_stuffing": _by_zero_stuffing}


def bilinear_kernel(factor: int, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """The kernel with which a transposed convolution upsamples bilinearly: a tent, `factor` pixels to each side.

    Used with stride `factor` and padding ceil((factor − 1) / 2), for each channel on its own. At the border it differs
    from bilinear interpolation, since beyond it are zeros, and not the last pixel again.

    Source: Long, Shelhamer and Darrell 2015, section 3.3, arXiv 1411.4038, and their code for the kernel.

    Shapes: (k, k) with k = 2·factor − factor % 2.

    Raises: ValueError for a factor that is no integer or below 1.
    """
    require_integers(1, factor=factor)
    size = 2 * factor - factor % 2
    from_centre = torch.arange(size, dtype=dtype, device=device) - (size - 1) / 2
    tent = 1 - from_centre.abs() / factor
    return tent[:, None] * tent


def overlap_count(input_size: IntPair, kernel_size: IntPair, *, stride: IntPair = 1, padding: IntPair = 0) -> Tensor:
    """How many input pixels write into each output pixel of a transposed convolution: even if stride divides kernel.

    Source: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts", doi 10.23915/distill.00003.

    Shapes: `input_size` (H, W) → (H_out, W_out) int64, or n → (n_out,).

    Raises: ValueError as `transposed_output_size`.
    """
    if isinstance(input_size, int):
        return _overlap_along_axis(input_size, kernel_size, stride, padding)
    arguments = {"input_size": input_size, "kernel_size": kernel_size, "stride": stride, "padding": padding}
    rows, columns = zip(
        *(int_pair(value, name, minimum=0 if name == "padding" else 1) for name, value in arguments.items()),
        strict=True,
    )
    return _overlap_along_axis(*rows)[:, None] * _overlap_along_axis(*columns)


def _overlap_along_axis(n: int, kernel_size: int, stride: int, padding: int) -> Tensor:
    size = transposed_output_size(n, kernel_size, stride=stride, padding=padding)
    written = torch.arange(n)[:, None] * stride + torch.arange(kernel_size)
    return written.flatten().bincount()[padding : padding + size]


def _at_least_float32(tensor: Tensor) -> Tensor:
    """Sparse products know no float16 and bfloat16 on a CPU."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _add_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias[:, None, None]
