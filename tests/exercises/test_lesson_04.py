"""Lesson 04: other right answers are right, and wrong ones that whole or tame numbers would hide are refused."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import lesson_04 as exercise


def matrix_of(zeros: Any, kernel: Any, length: int, stride: int) -> Any:
    """The convolution's matrix, its rows written into the zeros that a function makes."""
    matrix = zeros(((length - len(kernel)) // stride + 1, length))
    for row in range(len(matrix)):
        matrix[row, row * stride : row * stride + len(kernel)] = kernel
    return matrix


def scattered(zeros: Any, x: Any, kernel: Any, stride: int) -> Any:
    (height, width), (rows, columns) = x.shape, kernel.shape
    out = zeros(((height - 1) * stride + rows, (width - 1) * stride + columns))
    for i in range(height):
        for j in range(width):
            block = out[i * stride : i * stride + rows, j * stride : j * stride + columns]
            block[:] = block + x[i, j] * kernel
    return out


def stuffed(x: Tensor, stride: int, zeros: Any = torch.zeros) -> Tensor:
    out = zeros(((x.shape[0] - 1) * stride + 1, (x.shape[1] - 1) * stride + 1))
    out[::stride, ::stride] = x
    return out


def whole(shape: tuple[int, ...]) -> Tensor:
    return torch.zeros(shape, dtype=torch.long)


def framed_by_a_slice(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    small, edge = stuffed(x, stride), len(kernel) - 1
    framed = F.pad(torch.zeros_like(small), (edge,) * 4)
    framed[edge:-edge, edge:-edge] = small
    return convolved(framed, kernel)


def convolved(x: Tensor, kernel: Tensor, **settings: Any) -> Tensor:
    return F.conv2d(x[None, None], kernel.flip(0, 1)[None, None], **settings)[0, 0]


def transposed(x: Tensor, kernel: Tensor, *, stride: int, **settings: Any) -> Tensor:
    return F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride, **settings)[0, 0]


def tent_of_numpy(factor: int) -> np.ndarray:
    size = 2 * factor - factor % 2
    rows, columns = np.ogrid[:size, :size]
    middle = (size - 1) / 2
    return (1 - abs(rows - middle) / factor) * (1 - abs(columns - middle) / factor)


RIGHT = {
    "matrix in NumPy": ("convolution_matrix", lambda k, n, s: matrix_of(np.zeros, k.numpy(), n, s)),
    "matrix of new zeros": ("convolution_matrix", lambda k, n, s: matrix_of(torch.zeros, k, n, s)),
    "matrix in float64": ("convolution_matrix", lambda k, n, s: matrix_of(k.double().new_zeros, k.double(), n, s)),
    "matrix as lists": ("convolution_matrix", lambda k, n, s: matrix_of(np.zeros, k.tolist(), n, s).tolist()),
    "sparse matrix": ("convolution_matrix", lambda k, n, s: matrix_of(k.new_zeros, k, n, s).to_sparse()),
    "convolved unit vectors": (
        "convolution_matrix",
        lambda k, n, s: F.conv1d(torch.eye(n)[:, None], k[None, None], stride=s)[:, 0].T,
    ),
    "scatter in NumPy": ("scatter", lambda x, k, s: scattered(np.zeros, x.numpy(), k.numpy(), s)),
    "scatter into new zeros": ("scatter", lambda x, k, s: scattered(torch.zeros, x, k, s)),
    "stuffing, padded by conv2d": (
        "by_zero_stuffing",
        lambda x, k, s: convolved(stuffed(x, s), k, padding=len(k) - 1),
    ),
    "size as a whole float": (
        "transposed_size",
        lambda n, k, s, p, d, o: float((n - 1) * s + d * (k - 1) + 1 - 2 * p + o),
    ),
    "cut by negative padding": ("cropped", lambda x, k, s, p: F.pad(transposed(x, k, stride=s), (-p,) * 4)),
    "cut by the library": ("cropped", lambda x, k, s, p: transposed(x, k, stride=s, padding=p)),
    "tent in NumPy": ("bilinear_kernel", tent_of_numpy),
    "tent as lists": ("bilinear_kernel", lambda factor: tent_of_numpy(factor).tolist()),
}


@pytest.mark.parametrize(("name", "answer"), RIGHT.values(), ids=RIGHT)
def test_other_right_answers_are_right(name: str, answer: Any) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert (verdict.status, verdict.text) == ("right", "right.")


WRONG = {
    "matrix of whole numbers": (
        "convolution_matrix",
        lambda k, n, s: matrix_of(whole, k, n, s),
        "behind the decimal point is cut off",
    ),
    "matrix without signs": (
        "convolution_matrix",
        lambda k, n, s: matrix_of(k.new_zeros, k.abs(), n, s),
        "expected [[6, -5]], got [[6, 5]]",
    ),
    "scatter of whole numbers": (
        "scatter",
        lambda x, k, s: scattered(whole, x, k, s),
        "expected 3.125 at index [0, 0], got 3",
    ),
    "stuffing of whole numbers": (
        "by_zero_stuffing",
        lambda x, k, s: convolved(stuffed(x, s, whole).float(), k, padding=len(k) - 1),
        "expected 3.125 at index [0, 0], got 2.5",
    ),
    "slice that ends at -0": (
        "by_zero_stuffing",
        framed_by_a_slice,
        "is empty, for `-0` is 0",
    ),
    "stuffing without a gradient": (
        "by_zero_stuffing",
        lambda x, k, s: convolved(stuffed(x, s), k.detach(), padding=len(k) - 1),
        "no gradient gets back to all of `kernel`",
    ),
    "padding of two numbers": (
        "by_zero_stuffing",
        lambda x, k, s: convolved(F.pad(stuffed(x, s), (len(k) - 1,) * 2), k),
        "wants two numbers for each axis, the last axis first",
    ),
    "padding of one number": (
        "by_zero_stuffing",
        lambda x, k, s: convolved(F.pad(stuffed(x, s), len(k) - 1), k),
        "wants two numbers for each axis",
    ),
    "padding in place of the bias": (
        "by_zero_stuffing",
        lambda x, k, s: F.conv2d(stuffed(x, s)[None, None], k[None, None], len(k) - 1)[0, 0],
        "The third argument of `F.conv2d` is the bias",
    ),
    "flip without axes": (
        "by_zero_stuffing",
        lambda x, k, s: F.conv2d(stuffed(x, s)[None, None], k.flip()[None, None])[0, 0],
        "`kernel.flip(0, 1)` turns both round",
    ),
    "stride in place of the bias": (
        "scatter",
        lambda x, k, s: F.conv_transpose2d(x[None, None], k[None, None], s)[0, 0],
        "The third argument of `F.conv_transpose2d` is the bias",
    ),
    "stride in place of the bias, then cut": (
        "cropped",
        lambda x, k, s, p: F.conv_transpose2d(x[None, None], k[None, None], s)[0, 0, p:-p, p:-p],
        "The third argument of `F.conv_transpose2d` is the bias",
    ),
    "cut, but rounded": (
        "cropped",
        lambda x, k, s, p: transposed(x.round(), k, stride=s, padding=p),
        "expected -23.375 at index [0, 0], got -23.5",
    ),
    "cut without a gradient": (
        "cropped",
        lambda x, k, s, p: transposed(x, k, stride=s, padding=p).detach(),
        "no gradient gets back to all of `x`",
    ),
    "cut with rows and columns exchanged": (
        "cropped",
        lambda x, k, s, p: (lambda out: out[p : out.shape[1] - p, p : out.shape[0] - p])(transposed(x, k, stride=s)),
        "a shape says the rows first",
    ),
    "cut by the library, without the stride": (
        "cropped",
        lambda x, k, s, p: transposed(x, k, stride=1, padding=p),
        "The stride changes nothing in yours",
    ),
    "size without brackets": (
        "transposed_size",
        lambda n, k, s, p, d, o: n - 1 * s + d * (k - 1) + 1 - 2 * p + o,
        "`*` binds before `-`",
    ),
    "size without padding": (
        "transposed_size",
        lambda n, k, s, p, d, o: (n - 1) * s + d * (k - 1) + 1 + o,
        "The padding does not change your size",
    ),
    "size of a padded input": (
        "transposed_size",
        lambda n, k, s, p, d, o: (n + 2 * p - 1) * s + d * (k - 1) + 1 + o,
        "the padding makes the input larger",
    ),
    "size of undilated, uncut scatter": (
        "transposed_size",
        lambda n, k, s, p, d, o: (n - 1) * s + k + o - 2 * p,
        "The dilation does not change your size",
    ),
    "tent of whole numbers": (
        "bilinear_kernel",
        lambda factor: torch.from_numpy(tent_of_numpy(factor)).long(),
        "expected 0.0625 at index [0, 0], got 0",
    ),
}


@pytest.mark.parametrize(("name", "answer", "told"), WRONG.values(), ids=WRONG)
def test_wrong_answers_are_refused_with_a_word_that_helps(name: str, answer: Any, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error")
    assert told in verdict.text


def sized_by_convolution(n: int, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    signal, weight = torch.zeros(1, 1, n), torch.zeros(1, 1, kernel)
    return F.conv_transpose1d(signal, weight, None, stride, padding, output_padding, 1, dilation).shape[-1]


@pytest.mark.parametrize(
    ("name", "answer", "called"),
    [
        ("convolution_matrix", exercise.convolution_matrix.reference, "conv_matrix"),
        (
            "scatter",
            lambda x, k, s: F.conv_transpose2d(x[None, None], k[None, None], stride=s)[0, 0],
            "conv_transpose2d",
        ),
        (
            "by_zero_stuffing",
            lambda x, k, s: F.conv_transpose2d(x[None, None], k[None, None], stride=s)[0, 0],
            "conv_transpose2d",
        ),
        ("transposed_size", sized_by_convolution, "conv_transpose1d"),
    ],
)
def test_an_answer_by_the_library_is_right_and_told_so(name: str, answer: Any, called: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status == "right"
    assert f"right, by the library: `{called}`" in verdict.text
