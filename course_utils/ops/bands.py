"""Products with matrices that are zero outside a band, such as those that resize an image."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from course_utils.ops.precision import without_autocast

BLOCK = 16  # columns computed together: more waste time on zeros, fewer on calls
SMALL = 2**23  # multiplications that take no longer than finding the band


def two_sided_product(rows: Tensor, x: Tensor, columns: Tensor) -> Tensor:
    """`rows @ x @ columns.T`, which applies one matrix to the columns of an image and another to its rows.

    On a CPU, only the bands of both matrices are multiplied, and the gradient is the same product with both transposed.
    It is exact for matrices without a band too, and slow. Products stay in the type of `x` under autocast.

    Shapes: `rows` (H_out, H), `x` (…, H, W), `columns` (W_out, W), of one type → (…, H_out, W_out). Differentiable in `x`;
    the matrices are constants.
    """
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        if x.shape[:-2].numel() * rows.numel() * columns.shape[0] > SMALL:
            return _TwoSidedProduct.apply(x, rows, columns)
    with without_autocast(x.device):
        return rows @ (x @ columns.T)


class _TwoSidedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.rows, ctx.columns = rows, columns
        if rows.shape[0] < rows.shape[1]:  # first what makes the image smaller
            return _combine_columns(_combine_rows(x, rows), columns)
        return _combine_rows(_combine_columns(x, columns), rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _TwoSidedProduct.apply(gradient, ctx.rows.T, ctx.columns.T), None, None


def _combine_rows(x: Tensor, matrix: Tensor) -> Tensor:
    """`matrix @ x`: each new row is a weighted sum of a few rows, which embedding_bag takes from a table of all rows."""
    height, width = x.shape[-2:]
    first, last = _band(matrix)
    taps = max(1, int((last - first).max()) + 1)
    rows = first.clamp(max=height - taps)[:, None] + torch.arange(taps, device=x.device)
    weights = matrix.gather(1, rows)
    table = x.reshape(-1, width)
    images = table.shape[0] // height
    indices = torch.arange(images, device=x.device)[:, None, None] * height + rows
    combined = embedding_bag(indices.view(-1, taps), table, mode="sum", per_sample_weights=weights.repeat(images, 1))
    return combined.view(*x.shape[:-2], -1, width)


def _combine_columns(x: Tensor, matrix: Tensor) -> Tensor:
    """`x @ matrix.T`, some columns at a time: they need only the columns of `x` within the band."""
    n_out, n_in = matrix.shape
    first, last = (ends.tolist() for ends in _band(matrix))
    table = x.reshape(-1, n_in)
    out = x.new_empty(table.shape[0], n_out)
    for start in range(0, n_out, BLOCK):
        block = slice(start, start + BLOCK)
        band = slice(min(first[block]), max(last[block]) + 1)  # empty where all rows are zeros
        torch.mm(table[:, band], matrix[block, band].T, out=out[:, block])
    return out.view(*x.shape[:-1], n_out)


def _band(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last column that is not zero in every row; in a row of zeros the last comes before the first."""
    n_out, n_in = matrix.shape
    rows, columns = matrix.nonzero(as_tuple=True)
    first = columns.new_full((n_out,), n_in - 1).scatter_reduce_(0, rows, columns, "amin")
    return first, columns.new_full((n_out,), -1).scatter_reduce_(0, rows, columns, "amax")
