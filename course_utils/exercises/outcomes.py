"""What one call of a version gave, a value or an exception, and whether two calls gave the same."""

import copy
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from course_utils.exercises import judging
from course_utils.exercises.neutral import neutral_state


class Outcome(NamedTuple):
    """What one call gave: a value or an exception, and the position of an argument that the call changed."""

    value: Any
    error: BaseException | None
    changed: int | None


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> Outcome:
    """Call `function` on a copy of `arguments`, and notice whether it changed one in place.

    To be called in the neutral state; `function` has one of its own, so that nothing that it sets stays.
    """
    given = copy.deepcopy(tuple(arguments))
    try:
        with neutral_state(), warnings.catch_warnings(action="ignore"):  # the caller may have made errors of them
            value = function(*given)
    except (Exception, SystemExit) as error:  # whatever a student's code raises is an answer
        return Outcome(None, error, None)
    changed = [
        n for n, (before, after) in enumerate(zip(arguments, given, strict=True)) if not judging.same(before, after)
    ]
    return Outcome(value, None, changed[0] if changed else None)


def without_history(outcome: Outcome) -> Outcome:
    """An outcome to be kept: its values and its exception's words, and nothing of how they came about."""
    error = outcome.error
    if error is not None:
        error = error.with_traceback(None)
        error.__cause__ = error.__context__ = None
    return Outcome(_copied(outcome.value), error, outcome.changed)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, list | tuple):
        return type(value)([_copied(part) for part in value])
    return value


def differ(one: Outcome, other: Outcome, *, tolerances: float = 1.0) -> bool:
    """Whether two calls gave different values or, where they raised, said it in different words, in whatever order."""
    if one.error is None and other.error is None:
        return not judging.same(one.value, other.value, tolerances=tolerances)
    return _words(one.error) != _words(other.error)


def _words(error: BaseException | None) -> list[str]:
    return [] if error is None else sorted(re.findall(r"\w+", f"{type(error).__name__} {error}"))
