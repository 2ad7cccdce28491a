"""Sparse matrices in compressed row form (CSR), in which a product takes one pass over the entries."""

import warnings

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import require_tensor


def csr_matrix(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """The sparse matrix of entries that are sorted by row, then by column. Differentiable in the values.

    Shapes: `rows` and `columns` int64 (N,), `values` (N,) → CSR of this size.
    """
    row_starts = pad(rows.bincount(minlength=size[0]).cumsum(0), (1, 0))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(row_starts, columns, values, size, check_invariants=False)


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
