"""Comparing what a student's code gives with what the solution gives, and saying the difference in a sentence."""

import copy
import functools
import linecache
import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

TOLERANCE = 1e-6
TOLERANCE_OF_ROUNDED_TYPES = 1e-4


class Outcome(NamedTuple):
    """What one call gave: a value or an exception, and the position of an argument that the call changed."""

    value: Any
    error: BaseException | None
    changed: int | None


class Leaf(NamedTuple):
    """One number, array or word of an answer: its place, its kind, its values, whether its type is a rounded one."""

    place: str
    kind: str
    values: Any
    rounded: bool


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> Outcome:
    """Call `function` on a copy of `arguments`, and notice whether it changed one in place."""
    given = copy.deepcopy(tuple(arguments))
    try:
        value = function(*given)
    except (Exception, SystemExit) as error:  # whatever a student's code raises is an answer
        return Outcome(None, error, None)
    changed = [n for n, (before, after) in enumerate(zip(arguments, given, strict=True)) if difference(before, after)]
    return Outcome(value, None, changed[0] if changed else None)


def leaves(value: Any, place: str = "") -> list[Leaf]:
    """An answer taken apart: tensors, arrays, numbers and words; lists of numbers count as one array."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key], f"{place}[{key!r}]")]
    if isinstance(value, tuple):
        return [leaf for n, part in enumerate(value) for leaf in leaves(part, f"{place}[{n}]")]
    if isinstance(value, list):
        try:
            return [_array_leaf(torch.as_tensor(value), place, rounded=True)]
        except (TypeError, ValueError, RuntimeError):
            return [leaf for n, part in enumerate(value) for leaf in leaves(part, f"{place}[{n}]")]
    if isinstance(value, torch.Tensor):
        return [_array_leaf(value, place, rounded=value.dtype in (torch.float32, torch.float16, torch.bfloat16))]
    if isinstance(value, np.ndarray | np.generic):
        return [_array_leaf(torch.as_tensor(np.array(value)), place, rounded=True)]
    if isinstance(value, bool | int | float):
        return [_array_leaf(torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None), place)]
    return [Leaf(place, type(value).__name__, value, False)]


def _array_leaf(values: torch.Tensor, place: str, rounded: bool = False) -> Leaf:
    if values.dtype == torch.bool:
        kind = "truth values"
    elif values.is_complex():
        kind, values = "complex numbers", values.abs()
    else:
        kind = "decimal numbers" if values.is_floating_point() else "whole numbers"
    return Leaf(place, kind, values.detach().cpu().to(torch.float64), rounded)


def form_difference(expected: Any, actual: Any) -> str | None:
    """What is wrong with the form of an answer: its parts, kind or shape; None where the form is right."""
    wanted, given = leaves(expected), leaves(_as_expected_sequence(actual, expected))
    if [leaf.place for leaf in wanted] != [leaf.place for leaf in given]:
        return f"Expected {_parts(expected, wanted)}, but got {_parts(actual, given)}."
    for want, have in zip(wanted, given, strict=True):
        which = f" at {want.place}" if want.place else ""
        numeric = isinstance(want.values, torch.Tensor) and isinstance(have.values, torch.Tensor)
        if not numeric:
            if want.kind != have.kind:
                return f"Expected {want.kind}{which}, but got {have.kind}."
        elif want.values.shape != have.values.shape:
            return f"Expected the shape {tuple(want.values.shape)}{which}, but got {tuple(have.values.shape)}."
        elif want.kind != have.kind and not (want.kind == "decimal numbers" and have.kind == "whole numbers"):
            return f"Expected {want.kind}{which}, but got {have.kind}."
    return None


def _as_expected_sequence(actual: Any, expected: Any) -> Any:
    """A list where a tuple is expected is meant as one, and a tuple where a list is."""
    if isinstance(actual, list) and isinstance(expected, tuple):
        return tuple(actual)
    return list(actual) if isinstance(actual, tuple) and isinstance(expected, list) else actual


def _parts(value: Any, found: list[Leaf]) -> str:
    if len(found) == 1 and not found[0].place:
        return "one value"
    return f"a {type(value).__name__} of {len(found)} value{'s' if len(found) != 1 else ''}"


def is_number(given: Any) -> bool:
    """Whether an answer is one finite number, of whatever type."""
    try:
        return form_difference(0.0, given) is None and math.isfinite(float(given))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False


def difference(expected: Any, actual: Any, *, tolerances: float = 1.0) -> str | None:
    """Where two answers of the same form differ by more than `tolerances` tolerances; None where nowhere."""
    wanted, given = leaves(expected), leaves(_as_expected_sequence(actual, expected))
    if len(wanted) != len(given) or form_difference(expected, actual):
        return "The form differs."
    for want, have in zip(wanted, given, strict=True):
        which = f" at {want.place}" if want.place else ""
        if not isinstance(want.values, torch.Tensor):
            if want.values is not have.values and want.values != have.values:
                return f"expected {want.values!r}{which}, got {have.values!r}"
            continue
        wrong = _unequal(want, have, tolerances)
        if wrong.any():
            if want.values.numel() <= 16:
                return f"expected {shown(want.values)}{which}, got {shown(have.values)}"
            index = tuple(wrong.nonzero()[0].tolist())
            return (
                f"expected {shown(want.values[index])} at index {list(index)}{which}, got {shown(have.values[index])}"
            )
    return None


def _unequal(want: Leaf, have: Leaf, tolerances: float) -> torch.Tensor:
    """Which elements differ, relative to the largest finite expected value: bool, of the leaf's shape."""
    relative = tolerances * (TOLERANCE_OF_ROUNDED_TYPES if have.rounded else TOLERANCE)
    finite = want.values[want.values.isfinite()]
    scale = float(finite.abs().max()) if len(finite) else 1.0
    both_nan = want.values.isnan() & have.values.isnan()
    same = (want.values == have.values) | ((want.values - have.values).abs() <= relative * max(scale, 1e-12))
    return ~(same | both_nan)


def returning_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its NumPy array or list turned into the tensor that the lesson goes on with."""

    @functools.wraps(function)
    def converted(*arguments: Any, **named: Any) -> torch.Tensor:
        return torch.as_tensor(np.asarray(function(*arguments, **named)))

    return converted


def size_of(arguments: Sequence[Any]) -> int:
    """How much there is to read in a probe: its number of elements."""
    return sum(leaf.values.numel() if isinstance(leaf.values, torch.Tensor) else 1 for leaf in leaves(tuple(arguments)))


def shown(value: Any) -> str:
    """A value as a student reads it: short, numbers to six digits."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic | list | float | int | bool):
        found = leaves(value)
        if len(found) == 1 and isinstance(found[0].values, torch.Tensor):
            values = found[0].values
            if values.numel() > 64:
                return f"an array of shape {tuple(values.shape)}"
            return _nested(values.tolist(), found[0].kind)
    return repr(value)


def _nested(values: Any, kind: str) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_nested(value, kind) for value in values) + "]"
    if kind == "truth values":
        return str(bool(values))
    return str(int(values)) if kind == "whole numbers" else f"{values:.6g}"


def where_raised(error: BaseException, filename: str) -> str:
    """The student's line that raised, as ' in line 3: `x = y / 0`'; empty where it is not in the student's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    if not frames:
        return ""
    line = linecache.getline(filename, frames[-1].lineno or 0).strip()
    return f" in line {frames[-1].lineno}" + (f": `{line}`" if line else "")
