"""Convolution and transposed convolution as a matrix and its transpose, and two more ways to the transposed one."""

import torch
from torch import Tensor

from course_utils.ops.checks import IntPair, int_pair, is_integer, whole_number, whole_numbers
from course_utils.ops.convsizes import (
    checked_groups,
    output_size,
    require_channels,
    require_matching,
    require_weight,
    sizes_along_both_axes,
    steps_along_both_axes,
    steps_along_one_axis,
    transposed_output_size,
)
from course_utils.ops.csr import convolution_csr
from course_utils.ops.precision import at_least_float32, require_float_type, without_autocast
from course_utils.ops.transposed import METHODS


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
    `weight` (C_out, C_in / groups, k) and `input_size` n → (C_out·n_out, C_in·n). Differentiable once, in `weight`.
    Not for meta tensors, since the entries are counted.

    With `sparse=True` in CSR form (entries row by row), which multiplies many times faster than COO. For products with
    the transpose take `transpose_csr(matrix)`; `matrix.t()` is right too, but is sorted anew for each product. A NaN in
    the input makes every output of the dense matrix NaN, since 0 · NaN is NaN (as is 0 · ∞), and of the sparse one only
    those that see it.

    Raises: ValueError for a weight and sizes that do not fit each other, and for a kernel larger than the padded input.
    """
    if is_integer(input_size):
        require_weight(weight, axes=1)
        weight, input_size = weight[:, :, None], (1, int(input_size))
        steps = steps_along_one_axis(stride, padding, dilation)
    else:
        steps = steps_along_both_axes(stride, padding, dilation)
    input_size = int_pair(input_size, "input_size")
    require_weight(weight, axes=2)
    groups = checked_groups(groups, weight.shape[0])
    size = sizes_along_both_axes(output_size, input_size, weight, **steps)
    matrix = convolution_csr(weight, input_size=input_size, output_size=size, **steps, groups=groups)
    return matrix if sparse else matrix.to_dense()


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
    Padding is zeros. float16 and bfloat16 are multiplied in float32, float32 also under autocast. Differentiable once.
    Not for meta tensors.

    Raises: ValueError for shapes, types or devices that do not fit each other, and for a kernel larger than the padded
    input.
    """
    require_matching(x, weight, bias, axes=2)
    groups = checked_groups(groups, weight.shape[0])
    require_channels(x, groups * weight.shape[1], bias, weight.shape[0])
    steps = steps_along_both_axes(stride, padding, dilation)
    input_size = (x.shape[2], x.shape[3])
    size = sizes_along_both_axes(output_size, input_size, weight, **steps)
    with without_autocast(x.device):
        matrix = convolution_csr(
            at_least_float32(weight), input_size=input_size, output_size=size, **steps, groups=groups
        )
        out = (matrix @ at_least_float32(x).flatten(1).t()).t().reshape(len(x), weight.shape[0], *size)
    return _add_bias(out, bias).to(x.dtype)


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
    steps = steps_along_one_axis(stride, padding, dilation)
    return conv2d(x[:, :, None], weight[:, :, None], bias, **steps, groups=groups)[:, :, 0]


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
    - "matrix": the transpose of the convolution's matrix, which is built at every call: for small maps.
    - "zero_stuffing": an ordinary convolution, with the flipped kernel, of the input with zeros between its pixels.

    float16 and bfloat16 are multiplied and summed in float32, float32 also under autocast. "matrix" is not for meta
    tensors.

    Source: Dumoulin and Visin 2016, chapter 4, arXiv 1603.07285.

    Shapes: `x` (B, C_in, H, W), `weight` (C_in, C_out / groups, kH, kW) as in PyTorch, `bias` (C_out,)
    → (B, C_out, H_out, W_out), by `transposed_output_size`.

    Raises: ValueError for shapes, types or devices that do not fit each other, for another method, and as
    `transposed_output_size`.
    """
    if method not in list(METHODS):  # a list has no hash to look up
        raise ValueError(f"method must be one of {', '.join(METHODS)}, but is {method!r}.")
    require_matching(x, weight, bias, axes=2)
    groups = checked_groups(groups, weight.shape[0])
    require_channels(x, weight.shape[0], bias, groups * weight.shape[1])
    steps = steps_along_both_axes(stride, padding, dilation)
    output_padding = int_pair(output_padding, "output_padding", minimum=0)
    size = sizes_along_both_axes(
        transposed_output_size, (x.shape[2], x.shape[3]), weight, **steps, output_padding=output_padding
    )
    with without_autocast(x.device):
        out = METHODS[method](at_least_float32(x), at_least_float32(weight), size=size, **steps, groups=groups)
    return _add_bias(out, bias).to(x.dtype)


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
    output_padding = whole_number(output_padding, "output_padding", minimum=0)
    steps = steps_along_one_axis(stride, padding, dilation)
    x, weight, end = x[:, :, None], weight[:, :, None], (0, output_padding)
    return conv_transpose2d(x, weight, bias, **steps, output_padding=end, groups=groups, method=method)[:, :, 0]


def bilinear_kernel(factor: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """The kernel with which a transposed convolution upsamples bilinearly: a tent, `factor` pixels to each side.

    Used with stride `factor` and padding ceil((factor − 1) / 2), for each channel on its own. At the border it differs
    from bilinear interpolation, since beyond it are zeros, and not the last pixel again.

    Source: Long, Shelhamer and Darrell 2015, section 3.3, arXiv 1411.4038, and their code for the kernel.

    Shapes: (k, k) with k = 2·factor − factor % 2.

    Raises: ValueError for a factor that is no integer or below 1, and for a type that is not floating.
    """
    factor = whole_number(factor, "factor", minimum=1)
    require_float_type(dtype)
    size = 2 * factor - factor % 2
    precise = torch.promote_types(dtype, torch.float32)
    from_centre = torch.arange(size, dtype=precise, device=device) - (size - 1) / 2
    tent = 1 - from_centre.abs() / factor
    return (tent[:, None] * tent).to(dtype)


def overlap_count(input_size: IntPair, kernel_size: IntPair, *, stride: IntPair = 1, padding: IntPair = 0) -> Tensor:
    """How many input pixels write into each output pixel of a transposed convolution: even if stride divides kernel.

    Source: Odena, Dumoulin and Olah 2016, "Deconvolution and checkerboard artifacts", doi 10.23915/distill.00003.

    Shapes: `input_size` (H, W) → (H_out, W_out) int64, or n → (n_out,).

    Raises: ValueError as `transposed_output_size`.
    """
    if is_integer(input_size):
        n, kernel, step = whole_numbers(1, n=input_size, kernel_size=kernel_size, stride=stride)
        return _overlap_along_axis(n, kernel, step, whole_number(padding, "padding", minimum=0))
    arguments = {"input_size": input_size, "kernel_size": kernel_size, "stride": stride, "padding": padding}
    rows, columns = zip(
        *(int_pair(value, name, minimum=0 if name == "padding" else 1) for name, value in arguments.items()),
        strict=True,
    )
    return _overlap_along_axis(*rows)[:, None] * _overlap_along_axis(*columns)


def _overlap_along_axis(n: int, kernel_size: int, stride: int, padding: int) -> Tensor:
    size = transposed_output_size(n, kernel_size, stride=stride, padding=padding)
    written = torch.arange(n, device="cpu")[:, None] * stride + torch.arange(kernel_size, device="cpu")
    return written.flatten().bincount()[padding : padding + size]


def _add_bias(out: Tensor, bias: Tensor | None) -> Tensor:
    return out if bias is None else out + bias[:, None, None]
