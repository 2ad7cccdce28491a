"""What students of lesson 03 may write: right answers in other forms are right, wrong ones are refused and told why."""

import numpy as np
import pytest
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise, lesson_03 as exercise


def _nails_by_convolution(x, factor):
    kernel = torch.zeros(x.shape[1], 1, factor, factor)
    kernel[:, :, 0, 0] = 1
    return F.conv_transpose2d(x, kernel, stride=factor, groups=x.shape[1])


def _nails_in(dtype):
    def nails(x, factor):
        result = torch.zeros(*x.shape[:2], x.shape[2] * factor, x.shape[3] * factor, dtype=dtype)
        result[:, :, ::factor, ::factor] = x
        return result

    return nails


def _unpooled_one_by_one(x, indices, output_size):
    result = torch.zeros(*x.shape[:2], *output_size)
    for place in np.ndindex(*x.shape):
        row, column = divmod(int(indices[place]), output_size[1])
        result[(*place[:2], row, column)] = x[place]
    return result


def _added(x, indices, output_size):
    flat = x.new_zeros(*x.shape[:2], output_size[0] * output_size[1])
    return flat.scatter_add(2, indices.flatten(2), x.flatten(2)).unflatten(2, output_size)


def _corners(x, y):
    return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]


def _source_one_by_one(n_in, n_out, align_corners):
    found = []
    for i in range(n_out):
        source = i * (n_in - 1) / (n_out - 1) if align_corners else (i + 0.5) * n_in / n_out - 0.5
        found.append(min(max(source, 0), n_in - 1))
    return found


def _by_two_matrices(points, factor, size):
    def matrix(n_in: int, n_out: int) -> torch.Tensor:
        place = (torch.arange(n_out) / factor).clamp(max=n_in - 1)
        return (1 - (place[:, None] - torch.arange(n_in)).abs()).clamp(min=0)

    rows, columns = (matrix(n, total) for n, total in zip(points.shape[-2:], size, strict=True))
    return rows @ points.float() @ columns.T


def _matrix_by_neighbours(n_in, n_out):
    matrix = torch.zeros(n_out, n_in)
    for i, source in enumerate(_source_one_by_one(n_in, n_out, False)):
        left = int(source)
        matrix[i, left] += 1 - (source - left)
        matrix[i, min(left + 1, n_in - 1)] += source - left
    return matrix


@pytest.mark.parametrize(
    ("task", "right"),
    [
        (exercise.bed_of_nails, _nails_by_convolution),
        (exercise.bed_of_nails, _nails_in(torch.float32)),
        (exercise.bed_of_nails, _nails_in(torch.float64)),
        (exercise.max_unpool, _unpooled_one_by_one),
        (exercise.max_unpool, _added),  # windows that overlap are not asked for
        (exercise.bilinear_weights, _corners),
        (exercise.bilinear_weights, lambda x, y: np.array(_corners(x, y))),
        (exercise.bilinear_weights, lambda x, y: torch.tensor(_corners(x, y))),
        (exercise.bilinear_weights, lambda x, y: torch.outer(*torch.tensor([[1 - y, y], [1 - x, x]])).flatten()),
        (exercise.source_coordinates, _source_one_by_one),
        (exercise.source_coordinates, lambda *sizes: np.array(_source_one_by_one(*sizes))),
        (exercise.source_coordinates, lambda *sizes: torch.tensor(_source_one_by_one(*sizes))),
        (exercise.upsample_points, _by_two_matrices),
        (exercise.interpolation_matrix, _matrix_by_neighbours),
        (exercise.interpolation_matrix, lambda *sizes: _matrix_by_neighbours(*sizes).tolist()),
        (exercise.interpolation_matrix, lambda *sizes: _matrix_by_neighbours(*sizes).to_sparse()),
        (exercise.interpolation_matrix, lambda *sizes: scipy.sparse.csr_matrix(_matrix_by_neighbours(*sizes).numpy())),
        (exercise.resize_gradient, lambda gradient, rows, columns: (columns.T @ gradient.T @ rows).T),
        (exercise.resize_gradient, lambda *given: torch.einsum("ab,ai,bj->ij", *given).float()),
        (exercise.resize_gradient, lambda gradient, rows, columns: rows.numpy().T @ gradient.numpy() @ columns.numpy()),
    ],
)
def test_other_forms_are_right(task: Exercise, right) -> None:
    assert task.judge(right).text == "right."


def _by_autograd(gradient, rows, columns):
    x = torch.zeros(rows.shape[1], columns.shape[1], dtype=gradient.dtype, requires_grad=True)
    (rows @ x @ columns.T).backward(gradient)
    return x.grad


def _ramp_interpolated(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    return F.interpolate(torch.arange(float(n_in))[None, None], n_out, mode="linear", align_corners=align_corners)[0, 0]


@pytest.mark.parametrize(
    ("task", "answer", "function"),
    [
        (exercise.max_unpool, lambda x, places, size: F.max_unpool2d(x, places, 2, output_size=size), "max_unpool2d"),
        (exercise.source_coordinates, _ramp_interpolated, "interpolate"),
        (
            exercise.interpolation_matrix,
            lambda n, m: F.interpolate(torch.eye(n)[None], m, mode="linear")[0].T,
            "interpolate",
        ),
        (exercise.resize_gradient, _by_autograd, "backward"),
    ],
)
def test_the_library_is_right_and_told(task: Exercise, answer, function: str) -> None:
    verdict = task.judge(answer)
    assert verdict.status == "right" and f"by the library: `{function}`" in verdict.text


@pytest.mark.parametrize("task", [exercise.bed_of_nails, exercise.max_unpool], ids=lambda task: task.name)
@pytest.mark.parametrize(
    "change", [Tensor.trunc, Tensor.abs, Tensor.relu, Tensor.long, lambda result: result[:1].expand_as(result)]
)
def test_what_whole_and_positive_probes_would_let_through_is_refused(task: Exercise, change) -> None:
    verdict = task.judge(lambda *given: change(task._solution(*given)))
    assert verdict.status == "wrong" and "expected" in verdict.text


def test_a_map_of_whole_numbers_cuts_off_fractions() -> None:
    verdict = exercise.bed_of_nails.judge(_nails_in(torch.long))
    assert "expected [-2.5, 6] in the shape (1, 1, 1, 2), got [-2, 6]" in verdict.text


@pytest.mark.parametrize("task", [exercise.bed_of_nails, exercise.max_unpool, exercise.upsample_points])
def test_maps_without_a_gradient_are_refused(task: Exercise) -> None:
    verdict = task.judge(lambda x, *others: task._solution(x.detach(), *others))
    assert verdict.status == "wrong" and "no gradient gets back to all of" in verdict.text


def test_an_answer_for_as_many_rows_as_columns_is_refused() -> None:
    """Loops that go to the same number along both axes of x: right, where x has as many columns as rows."""

    def square(gradient, rows, columns):
        numbers = range(rows.shape[1])
        return torch.tensor([[float(rows[:, i] @ gradient @ columns[:, j]) for j in numbers] for i in numbers])

    assert exercise.resize_gradient.judge(square).status != "right"


@pytest.mark.parametrize(
    ("task", "answer", "told"),
    [
        (exercise.max_unpool, lambda x, places, size: F.max_unpool2d(x, places, 2, size), "fourth argument"),
        (exercise.max_unpool, lambda x, places, size: F.max_unpool2d(x, places, size), "third argument"),
        (exercise.max_unpool, lambda x, places, size: F.max_unpool2d(x, places, 2, 2, size), "fifth argument"),
        (exercise.max_unpool, lambda x, places, size: x.new_zeros(9).scatter(0, x, places), "places come first"),
        (exercise.bed_of_nails, lambda x, factor: F.conv_transpose2d(x, x, factor), "is the bias"),
        (
            exercise.source_coordinates,
            lambda n_in, n_out, rule: (
                torch.arange(n_out) * (n_in - 1) / (n_out - 1)
                if rule
                else (torch.arange(n_out) + 0.5) * n_in / n_out - 0.5
            ).clamp(n_in - 1),
            "both ends",
        ),
        (exercise.source_coordinates, lambda n_in, n_out, rule: torch.arange(n_out, torch.float64), "by its name"),
    ],
)
def test_a_position_that_means_something_else_is_told(task: Exercise, answer, told: str) -> None:
    verdict = task.judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text.splitlines()[0]


@pytest.mark.parametrize(
    ("task", "answer", "names"),
    [
        (exercise.bilinear_weights, lambda x, y: tuple(_corners(y, x)), "x_and_y_swapped+four_numbers"),
        (
            exercise.source_coordinates,
            lambda n_in, n_out, rule: torch.arange(n_out) * ((n_in - 1) / (n_out - 1) if rule else n_in / n_out),
            "no_half_pixel+not_clamped",
        ),
        (
            exercise.source_coordinates,
            lambda n_in, n_out, rule: (
                torch.arange(n_out) * (n_out - 1) / (n_in - 1)
                if rule
                else ((torch.arange(n_out) + 0.5) * n_out / n_in - 0.5).clamp(0, n_in - 1)
            ),
            "ratio_of_areas_inverted+ratio_of_points_inverted",
        ),
    ],
)
def test_two_mistakes_at_once_get_both_sentences(task: Exercise, answer, names: str) -> None:
    assert task.judge(answer).misconception == names
