"""What a name is bound to after the check: the student's version, made fit for the cells that follow."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from course_utils.exercises.parts import dense
from course_utils.exercises.weights import copy_weights
from course_utils.messages import show_message

Version = Callable[..., Any]


def giving_its_kind(candidate: Version, wanted: Any, given: Any) -> Version:
    """The candidate, what it gives turned into the kind that the lesson goes on with: a dense tensor, whole numbers."""
    if isinstance(wanted, int) and isinstance(given, float):
        convert: Callable[[Any], Any] = int
    elif _whole(wanted) and isinstance(given, list) and not _whole(given):

        def convert(value: Any) -> list[int]:
            return [int(number) for number in value]

    elif isinstance(wanted, torch.Tensor) and _is_of_another_kind(wanted, given):

        def convert(value: Any) -> torch.Tensor:
            tensor = torch.as_tensor(dense(value) if hasattr(value, "shape") else np.asarray(value))
            return tensor if wanted.is_floating_point() else tensor.to(wanted.dtype)

    else:
        return candidate

    @functools.wraps(candidate)
    def converted(*arguments: Any, **named: Any) -> Any:
        return convert(candidate(*arguments, **named))

    return converted


def _whole(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(number, int) for number in value)


def _is_of_another_kind(wanted: torch.Tensor, given: Any) -> bool:
    if isinstance(given, torch.Tensor):
        return given.layout != torch.strided or given.is_floating_point() > wanted.is_floating_point()
    return isinstance(given, np.ndarray | np.generic | list | float | int) or hasattr(given, "toarray")


def with_a_way_on(name: str, candidate: Version, solution: Version) -> Version:
    """A wrong version that the lesson goes on with; where it raises, the solution takes its place, and the student is told."""
    if isinstance(candidate, type) and issubclass(candidate, nn.Module):
        return _module_with_a_way_on(name, candidate, solution)

    @functools.wraps(candidate)
    def going_on(*arguments: Any, **named: Any) -> Any:
        try:
            return candidate(*arguments, **named)
        except Exception as error:  # whatever it raises, the lesson goes on
            _tell(name, error)
            return solution(*arguments, **named)

    return going_on


def _module_with_a_way_on(name: str, candidate: type[nn.Module], solution: Version) -> Version:
    def forward(module: nn.Module, *inputs: Any) -> Any:
        try:
            return candidate.forward(module, *inputs)
        except Exception as error:  # whatever it raises, the lesson goes on
            _tell(name, error)
            instead = solution(*module.built_with).to(next(module.parameters()))
            copy_weights(module, instead)
            return instead(*inputs)

    def begin(module: nn.Module, *arguments: Any) -> None:
        candidate.__init__(module, *arguments)
        module.built_with = arguments

    return type(candidate.__name__, (candidate,), {"__init__": begin, "forward": forward, "__doc__": candidate.__doc__})


def _tell(name: str, error: Exception) -> None:
    text = f"your version raises {type(error).__name__} here: {error}\nThe lesson goes on with the solution."
    show_message(f"{name}: {text}", tone="warning")
