"""Sparse matrices in compressed row form (CSR), in which a product takes one pass over the entries."""

import math
import warnings

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import Pair, require_tensor


def csr_matrix(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """The sparse matrix of entries that are sorted by row, then by column. Its values can be differentiated once.

    Shapes: `rows` and `columns` int64 (N,), `values` (N,) → CSR of this size.
    """
    row_starts = pad(rows.bincount(minlength=size[0]).cumsum(0), (1, 0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(row_starts, columns, values, size, device=values.device, check_invariants=False)


def transpose_csr(matrix: Tensor) -> Tensor:
    """The transpose of a sparse matrix in CSR form, in CSR form again. Differentiable.

    Raises: ValueError for another matrix.
    """
    require_tensor(matrix, "matrix")
    if matrix.layout != torch.sparse_csr or matrix.ndim != 2:
        raise ValueError(
            f"transpose_csr needs a CSR matrix, but this is {matrix.layout} with {matrix.ndim} dimensions; a dense matrix "
            "is transposed with `.t()`, and made sparse with `.to_sparse_csr()`."
        )
    rows = torch.arange(matrix.shape[0], device=matrix.device).repeat_interleave(matrix.crow_indices().diff())
    order = matrix.col_indices().int().argsort(stable=True)  # int32 is sorted several times as fast
    columns, rows, values = (tensor.index_select(0, order) for tensor in (matrix.col_indices(), rows, matrix.values()))
    return csr_matrix(columns, rows, values, (matrix.shape[1], matrix.shape[0]))


def convolution_csr(
    weight: Tensor,
    *,
    input_size: Pair,
    output_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """The matrix of a convolution, of arguments that fit each other.

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
