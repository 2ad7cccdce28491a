"""Weighted sums of rows of a table, and their gradient, which is a sum of the same kind."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

from course_utils.ops.precision import at_least_float32


def sum_rows(table: Tensor, rows: Tensor, weights: Tensor, counts: Tensor | None = None) -> Tensor:
    """For each result, the sum of some rows of the table, each times its weight: what `embedding_bag` computes.

    Its gradient takes a third of the time of `embedding_bag`'s: where row r goes into result n with weight w, the gradient of
    n goes into that of r with weight w. So entries are sorted by row, and summed in the same way.

    Shapes: `table` floating (R, C); `rows` integer and `weights` of the table's type (N, T), T entries for each result; or
    both (E,), with `counts` (N,) of how many each result has, one after the other → (N, C). Differentiable in the table, once.
    """
    return _RowSums.apply(table, rows, weights, counts)


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, weights: Tensor, counts: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weights, counts)
        ctx.rows_of_table, ctx.type = len(table), table.dtype
        starts = None if counts is None else counts.cumsum(0) - counts
        return embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        rows, weights, counts = ctx.saved_tensors
        by_row, order = rows.flatten().int().sort()
        if counts is None:
            result = order // rows.shape[1]
        else:
            numbers = torch.arange(len(counts), device=counts.device)
            result = numbers.repeat_interleave(counts, output_size=len(rows)).index_select(0, order)
        starts = torch.searchsorted(by_row, torch.arange(ctx.rows_of_table, dtype=by_row.dtype, device=by_row.device))
        # index_select takes a fifth of the time of indexing.
        weights = at_least_float32(weights.flatten().index_select(0, order))
        gradient = at_least_float32(gradient)
        found = embedding_bag(result, gradient.contiguous(), starts, mode="sum", per_sample_weights=weights)
        return found.to(ctx.type), None, None, None
