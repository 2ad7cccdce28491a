"""What known versions give is computed once, and only as far as an answer agrees with it."""

import copy
from collections import Counter

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise


def test_known_versions_are_run_once_and_only_while_they_agree() -> None:
    ran: Counter[str] = Counter()

    def square(x: Tensor) -> Tensor:
        """x · x."""
        ran["solution"] += 1
        return x * x

    def doubled(x: Tensor) -> Tensor:
        """You double."""
        ran["doubled"] += 1
        return 2 * x

    def raises(x: Tensor) -> Tensor:
        """You divide."""
        ran["raises"] += 1
        raise ZeroDivisionError("by nothing")

    probes = [(torch.arange(1.0, length),) for length in (3, 5, 8)]
    task = Exercise("square", square, probes, [doubled, raises], ["?"], differentiable=True)
    assert task.judge(lambda x: x + 1).misconception == ""
    assert ran == {"solution": 3, "doubled": 1, "raises": 1}, "the smallest probe was enough"
    for _ in range(3):
        assert task.judge(lambda x: x + x).misconception == "doubled"
        assert task.judge(lambda x: x**2).status == "right"
        assert task.judge(lambda x: [1][9]).status == "error"
    assert ran == {"solution": 3 + 3, "doubled": 3, "raises": 1}, "its values once a probe, and its gradients"

    def divides(x: Tensor) -> Tensor:
        raise ZeroDivisionError("by nothing")

    assert task.judge(divides).misconception == "raises"


def test_what_is_kept_holds_no_graph_and_no_frames() -> None:
    class Layer(nn.Module):
        """A layer."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.layer = nn.Linear(width, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
            return self.layer(x), [x, self.layer(x)]

    class Broken(Layer):
        """A layer that is given what it cannot take."""

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.layer(x.T)
            except RuntimeError as error:
                raise ValueError("too wide") from error

    task = Exercise("Layer", Layer, [(torch.rand(2, 3).double(),)], [Broken], ["?"], build=(3,))
    assert task.judge(Broken).misconception == "Broken"
    kept = {version: outcome for (version, *_), outcome in task._versions._kept.items()}
    plain, (given, mapped) = kept[Layer].value
    assert not any(value.requires_grad for value in (plain, given, mapped))
    error = kept[Broken].error
    assert error is not None and (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


def test_no_version_changes_the_arguments_of_another() -> None:
    def total(rows: list[Tensor]) -> Tensor:
        """The sum of all rows."""
        return sum(rows, torch.zeros(2))

    def emptied(rows: list[Tensor]) -> Tensor:
        """You change the rows, and empty the list."""
        first = rows.pop(0).zero_()
        return first + sum(rows, torch.zeros(2))

    probes = [([torch.tensor([1.0, 2.0]), torch.tensor([5.0, 7.0])],)]
    before = copy.deepcopy(probes)
    task = Exercise("total", total, probes, [emptied], ["?"])
    for _ in range(2):
        assert task.judge(emptied).misconception == "emptied"
        assert task.judge(lambda rows: torch.stack(rows).sum(0)).status == "right"
    assert all(torch.equal(row, was) for row, was in zip(task.probes[0][0], before[0][0], strict=True))
