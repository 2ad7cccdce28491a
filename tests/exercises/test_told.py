"""What a student is told of errors, forms, gradients and modules, on small exercises made up here."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise, telling


def added_by_rows(x: Tensor, row: Tensor) -> Tensor:
    """Add a row to each row of x (H, W)."""
    return x + row[None, :]


def added_by_columns(x: Tensor, row: Tensor) -> Tensor:
    """A row that stands upright is added to the columns: its new axis is the wrong one."""
    return x + row[:, None]


@pytest.fixture
def exercise() -> Exercise:
    probes = [(torch.rand(rows, columns).double(), torch.rand(columns).double()) for rows, columns in ((2, 3), (5, 4))]
    return Exercise("added_by_rows", added_by_rows, probes, [added_by_columns], ["?"], differentiable=True)


def test_a_misconception_that_raises_is_known_by_what_it_says_and_binds_the_solution(exercise: Exercise) -> None:
    verdict = exercise.judge(lambda x, row: row.unsqueeze(1) + x)
    assert (verdict.status, verdict.misconception) == ("error", "added_by_columns")
    first, second, *_ = verdict.text.splitlines()
    assert first.startswith("not yet. A row that stands upright") and second.startswith("your code raised RuntimeError")
    assert exercise(lambda x, row: row[:, None] + x) is added_by_rows


def test_another_exception_is_not_taken_for_it(exercise: Exercise) -> None:
    verdict = exercise.judge(lambda x, row: x + row[:2])
    assert verdict.status == "error" and verdict.misconception == ""


def test_exceptions_show_large_arguments_by_their_shapes(exercise: Exercise) -> None:
    big = (torch.rand(4, 5).double(), torch.rand(5).double())
    text = Exercise("added_by_rows", added_by_rows, [big], [], ["?"]).judge(lambda x, row: x[9]).text
    assert "For x = an array of shape (4, 5), row = [" in text


def test_types_that_differ_are_explained_in_every_exercise(exercise: Exercise) -> None:
    verdict = exercise.judge(lambda x, row: x + torch.eye(x.shape[1]) @ row)
    assert "`x.new_zeros(...)`" in verdict.text.splitlines()[0]


def test_a_gradient_that_is_stopped_is_told_where_one_is_asked_for(exercise: Exercise) -> None:
    assert exercise.judge(lambda x, row: x + row).status == "right"
    for stopped in (lambda x, row: x.detach() + row, lambda x, row: torch.as_tensor(x.numpy()) + row):
        verdict = exercise.judge(stopped)
        assert verdict.status == "wrong" and "no gradient gets back to all of `x`" in verdict.text
    free = Exercise("added_by_rows", added_by_rows, exercise.probes, [], ["?"])
    assert free.judge(lambda x, row: x.detach() + row).status == "right"


def test_coordinates_that_are_nan_give_a_gradient_that_is_nan_and_do_not_end_the_process() -> None:
    def row_read(x: Tensor, places: Tensor) -> Tensor:
        """Read x (1, W) between its pixels at places (N,)."""
        points = torch.stack([2 * places / (x.shape[1] - 1) - 1, 0 * places], -1)
        return F.grid_sample(x[None, None], points[None, None], padding_mode="border", align_corners=True)[0, 0, 0]

    def divided_by_0(x: Tensor, places: Tensor) -> Tensor:
        points = torch.stack([2 * places / (x.shape[1] - 1) - 1, places / (len(x) - 1)], -1)
        return F.grid_sample(x[None, None], grid=points[None, None], padding_mode="border", align_corners=True)[0, 0, 0]

    probe = (torch.tensor([[1.5, -2, 4, 0.25]]).double(), torch.tensor([0.5, 2.75]).double())
    task = Exercise("row_read", row_read, [probe], [], ["?"], differentiable=["x"])
    assert task.judge(row_read).status == "right"
    assert "gets back to `x` is NaN or infinite" in task.judge(divided_by_0).text


def test_the_first_probe_has_something_in_it_and_lists_are_told_by_their_numbers() -> None:
    def above(x: Tensor, least: float) -> list:
        """The indices of what is above `least` in x (N,)."""
        return [n for n, value in enumerate(x.tolist()) if value > least]

    probes = [(torch.zeros(0).double(), 3.0), (torch.tensor([1.5, 4, 2]).double(), 1.75), (torch.ones(1).double(), 0.5)]
    task = Exercise("above", above, probes, [], ["?"])
    assert [len(probe[0]) for probe in task.probes] == [1, 0, 3]
    text = task.judge(lambda x, least: [n for n, value in enumerate(x.tolist()) if value > 2]).text
    assert text.endswith("Expected [0], but got an empty array of shape (0,).\nFor x = [1], least = 0.5")
    text = task.judge(lambda x, least: above(x, least if len(x) < 3 else 1)).text
    assert text.endswith("Expected [1, 2], but got [0, 1, 2].\nFor x = [1.5, 4, 2], least = 1.75")


def test_a_generator_is_to_be_wrapped_and_binds_the_solution() -> None:
    def doubles(n: int) -> list[int]:
        """The doubles of 0 to n - 1."""
        return [2 * k for k in range(n)]

    task = Exercise("doubles", doubles, [(3,), (5,)], [], ["?"])
    for once, kind in ((lambda n: (2 * k for k in range(n)), "generator"), (lambda n: map(int, range(n)), "map")):
        verdict = task.judge(once)
        assert verdict.status == "error"
        assert f"Expected a list, but got a {kind}: wrap it in `list(...)`." in verdict.text
        assert task(once) is doubles


def test_a_size_that_never_changes_is_told() -> None:
    def zeros(n: int) -> Tensor:
        """(2, n) zeros."""
        return torch.zeros(2, n)

    task = Exercise("zeros", zeros, [(3,), (5,)], [], ["?"])
    assert "Yours has 4 there whatever was asked" in task.judge(lambda n: torch.zeros(2, 4)).text
    assert "whatever was asked" not in task.judge(lambda n: torch.zeros(3, n)).text
    assert "whatever was asked" not in task.judge(lambda n: torch.zeros(2, n + 1)).text


def test_lists_of_maps_are_shown_by_their_shapes() -> None:
    maps = [torch.zeros(1, 3, 4, 5), torch.zeros(1, 6, 2, 3)]
    assert telling.shown(maps) == "a list of 2 arrays of shapes (1, 3, 4, 5), (1, 6, 2, 3)"
    assert telling.shown([torch.tensor([1.5, 2]), torch.tensor([3])]) == "[[1.5, 2], [3]]"
    assert telling.shown((4, 5)) == "(4, 5)"


class Pair(nn.Module):
    """Two layers, one after the other: a 1 × 1 convolution and one of 3 × 3."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 1)
        self.second = nn.Conv2d(width, classes, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.fixture
def pair() -> Exercise:
    advice = {"parameters should have the shapes": "Two convolutions, 1 × 1 and 3 × 3."}
    return Exercise(
        "Pair", Pair, [(torch.rand(2, 3, 5, 6).double(),)], [Narrow], ["?"], build=(3, 2), common_errors=advice
    )


class Narrow(Pair):
    """Your first convolution gives the classes already: it keeps the width."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width, classes)
        self.first, self.second = nn.Conv2d(width, classes, 1), nn.Conv2d(classes, classes, 3)


def test_layers_made_in_another_order_get_their_own_weights(pair: Exercise) -> None:
    class LastFirst(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.b, self.a = nn.Conv2d(width, classes, 3), nn.Conv2d(width, width, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x))

    assert pair.judge(LastFirst).status == "right"


def test_a_linear_layer_takes_the_weights_of_a_one_by_one_convolution(pair: Exercise) -> None:
    class Linear(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(width, width), nn.Conv2d(width, classes, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x.movedim(1, -1)).movedim(-1, 1))

    assert pair.judge(Linear).status == "right"


def test_parameters_of_other_shapes_are_told_as_the_exercises_own_sentence(pair: Exercise) -> None:
    class Wide(Pair):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__(width, classes)
            self.first = nn.Conv2d(width, width, 5)

    verdict = pair.judge(Wide)
    assert verdict.status == "error" and verdict.text.startswith(
        "Two convolutions, 1 × 1 and 3 × 3.\nThe module's parameters"
    )
    assert verdict.text.endswith("It was built with width = 3, classes = 2.") and "raised" not in verdict.text


def test_a_misconception_of_other_layers_is_known_whatever_they_are_called(pair: Exercise) -> None:
    class Mine(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.both = nn.Sequential(nn.Conv2d(width, classes, 1), nn.Conv2d(classes, classes, 3))

        def forward(self, x: Tensor) -> Tensor:
            return self.both(x)

    verdict = pair.judge(Mine)
    assert verdict.misconception == "Narrow" and verdict.text.startswith("not yet. Your first convolution gives")


def test_modules_without_parameters_are_told_why(pair: Exercise) -> None:
    class Hidden(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.layers = [nn.Conv2d(width, width, 1), nn.Conv2d(width, classes, 3)]

    class InForward(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.widths = [width, classes]

    class Lazy(nn.Module):
        def __init__(self, width: int, classes: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.LazyConv2d(width, 1), nn.LazyConv2d(classes, 3))

    class NoModule:
        def __init__(self, width: int, classes: int) -> None:
            self.width, self.classes = width, classes

    assert pair.judge(Hidden).text.startswith("A list or a dictionary hides its layers")
    assert pair.judge(InForward).text.startswith("Layers are made in `__init__`")
    assert pair.judge(Lazy).text.startswith("A lazy layer has no weights")
    assert "`class Pair(nn.Module):` makes it one" in pair.judge(NoModule).text


def test_a_module_has_to_let_the_gradient_through(pair: Exercise) -> None:
    class Stopped(Pair):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    assert "no gradient gets back to all of `x`" in pair.judge(Stopped).text
