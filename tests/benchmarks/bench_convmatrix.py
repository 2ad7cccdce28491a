"""Convolutions by their matrices against the library's convolutions, see `tools/bench.py`."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_utils.ops.convmatrix import conv2d, conv_matrix, conv_transpose2d
from course_utils.ops.csr import transpose_csr

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
DOUBLING = {"stride": 2, "padding": 1}  # with a kernel of 4


def _random(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def bench_matrix_build_sparse_64_to_128() -> Comparison:
    """The matrix of the transposed convolution, ready for fast products."""
    x, weight = _random(1, 1, 64, 64), _random(1, 1, 4, 4)
    return (
        lambda: transpose_csr(conv_matrix(weight, (128, 128), **DOUBLING, sparse=True)),
        lambda: F.conv_transpose2d(x, weight, **DOUBLING),
        25,
    )


def bench_matrix_build_sparse_64_to_128_not_transposed() -> Comparison:
    x, weight = _random(1, 1, 64, 64), _random(1, 1, 4, 4)
    return (
        lambda: conv_matrix(weight, (128, 128), **DOUBLING, sparse=True),
        lambda: F.conv_transpose2d(x, weight, **DOUBLING),
        25,
    )


def bench_matrix_product_sparse_64_to_128() -> Comparison:
    x, weight = _random(1, 1, 64, 64), _random(1, 1, 4, 4)
    matrix, vector = transpose_csr(conv_matrix(weight, (128, 128), **DOUBLING, sparse=True)), x.flatten()
    return (lambda: matrix @ vector, lambda: F.conv_transpose2d(x, weight, **DOUBLING), 1)


def bench_matrix_conv2d_whole() -> Comparison:
    x, weight = _random(4, 8, 32, 32), _random(8, 8, 3, 3)
    return (lambda: conv2d(x, weight, padding=1), lambda: F.conv2d(x, weight, padding=1), None)


def bench_matrix_conv2d_product_alone() -> Comparison:
    x, weight = _random(4, 8, 32, 32), _random(8, 8, 3, 3)
    matrix, columns = conv_matrix(weight, (32, 32), padding=1, sparse=True), x.flatten(1).t()
    return (lambda: matrix @ columns, lambda: F.conv2d(x, weight, padding=1), None)


def _transposed(method: str) -> Comparison:
    x, weight = _random(4, 8, 32, 32), _random(8, 8, 4, 4)
    return (
        lambda: conv_transpose2d(x, weight, **DOUBLING, method=method),
        lambda: F.conv_transpose2d(x, weight, **DOUBLING),
        None,
    )


def bench_matrix_conv_transpose2d_by_scatter() -> Comparison:
    return _transposed("scatter")


def bench_matrix_conv_transpose2d_by_matrix() -> Comparison:
    return _transposed("matrix")


def bench_matrix_conv_transpose2d_by_zero_stuffing() -> Comparison:
    return _transposed("zero_stuffing")
