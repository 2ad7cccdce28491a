"""The judge against what passes where probes are tame: the solution, and one thing done to what it takes or gives."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from course_utils.exercises import Exercise, tasks
from course_utils.exercises.neutral import neutral_state
from course_utils.lessons import LESSONS

CODE = [task for lesson in LESSONS for task in tasks(lesson) if isinstance(task, Exercise)]

Change = Callable[[Any], Any]


def of_decimals(change: Callable[[Tensor], Tensor]) -> Change:
    """A change of decimal numbers, wherever they are in a value; whole numbers and truth values stay."""

    def changed(value: Any) -> Any:
        if isinstance(value, Tensor):
            return change(value) if value.is_floating_point() else value
        if isinstance(value, float):
            return float(change(torch.tensor(value, dtype=torch.float64)))
        return type(value)(changed(part) for part in value) if isinstance(value, list | tuple) else value

    return changed


def first_of_batch(value: Any) -> Any:
    """The first of two or more items along the first axis, for each of them."""
    if isinstance(value, Tensor):
        return value[:1].expand_as(value) if value.dim() > 1 else value
    return type(value)(first_of_batch(part) for part in value) if isinstance(value, list | tuple) else value


CHANGES: dict[str, Change] = {
    "truncated": of_decimals(torch.trunc),
    "rounded": of_decimals(lambda value: torch.round(value, decimals=1)),
    "absolute": of_decimals(torch.abs),
    "nothing below 0": of_decimals(torch.relu),
    "nothing above 1": of_decimals(lambda value: value.clamp(max=1)),
    "first of the batch": first_of_batch,
}
KINDS = [f"{change} {where}" for change in CHANGES for where in ("arguments", "result")]


def wrapped(task: Exercise, kind: str) -> Callable[..., Any]:
    """The solution with one change of all that it takes, or of what it gives."""
    name, _, where = kind.rpartition(" ")
    change = CHANGES[name]

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        if where == "arguments":
            return lambda *arguments: function(*change(arguments))
        return lambda *arguments: change(function(*arguments))

    if task.kind != "module":
        return around(task._solution)

    class Module(task._solution):
        def forward(self, *inputs: Any) -> Any:
            return around(super().forward)(*inputs)

    return Module


def touches(change: str, value: Any) -> bool:
    """Whether a value has any part that the change is about: a decimal number, or several items."""
    if isinstance(value, list | tuple):
        return any(touches(change, part) for part in value)
    if change == "first of the batch":
        return isinstance(value, Tensor) and value.dim() > 1
    return isinstance(value, float) or (isinstance(value, Tensor) and value.is_floating_point())


def about(task: Exercise) -> list[str]:
    """The kinds of change that touch an argument or the result of an exercise."""
    with neutral_state():
        results = [task._versions.known_outcome(task._solution, number).value for number in range(len(task.probes))]
    values = {"arguments": task.probes, "result": results}
    return [kind for kind in KINDS if touches(kind.rpartition(" ")[0], values[kind.rpartition(" ")[2]])]


def harmless(task: Exercise) -> set[str]:
    return {kind for kinds in task.unaffected.values() for kind in kinds}


@pytest.mark.parametrize(
    ("task", "kind"),
    [pytest.param(task, kind, id=f"{task.name}-{kind}") for task in CODE for kind in about(task)],
)
def test_a_changed_solution_is_refused_or_the_exercise_says_why_not(task: Exercise, kind: str) -> None:
    status = task.judge(wrapped(task, kind)).status
    if kind in harmless(task):
        assert status == "right", f"{task.name} says that {kind} does no harm, but it does"
    else:
        assert status in ("wrong", "error"), f"{task.name}: the solution with {kind} passes"


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
def test_what_is_called_harmless_has_a_reason_and_is_tried(task: Exercise) -> None:
    assert all(len(reason.split()) > 2 for reason in task.unaffected)
    assert harmless(task) <= {*about(task), "detached"}


@pytest.mark.parametrize("task", CODE, ids=lambda task: task.name)
def test_a_detached_answer_is_refused_wherever_the_solution_has_a_gradient(task: Exercise) -> None:
    with neutral_state():
        gradients = [task._versions.wanted_gradients(number) for number in range(len(task.probes))]
    learns = any(part is not None and part.any() for probe in gradients for found in probe for part in found)
    result = of_decimals(Tensor.detach)
    if task.kind == "module":

        class Detached(task._solution):
            def forward(self, *inputs: Any) -> Any:
                return result(super().forward(*inputs))

        status = task.judge(Detached).status
    else:
        status = task.judge(lambda *arguments: result(task._solution(*arguments))).status
    if "detached" in harmless(task) or not learns:
        assert status == "right"
    else:
        assert status == "wrong", f"{task.name}: a detached answer passes, though its solution has a gradient"
