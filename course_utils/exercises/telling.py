"""How values, probes and exceptions are written down for a student."""

import inspect
import linecache
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from course_utils.exercises.parts import leaves, size_of

NUMBERS_SHOWN = 64
LONGEST = 300  # characters in which a probe is written down; above that, its arrays are told by their shapes


def described(names: Sequence[str], probe: Sequence[Any]) -> str:
    """The arguments of a probe with their numbers, as "For x = [1, 2], factor = 3"; in short where that is too long."""
    text = _described(names, probe, NUMBERS_SHOWN)
    return text if len(text) <= LONGEST else in_short(names, probe)


def in_short(names: Sequence[str], probe: Sequence[Any]) -> str:
    """A probe where its numbers do not matter: arrays by their shape."""
    return _described(names, probe, 12)


def _described(names: Sequence[str], probe: Sequence[Any], most: int) -> str:
    pairs = zip(names, probe, strict=False)
    return "For " + ", ".join(f"{name} = {shown(value, most=most)}" for name, value in pairs)


def shown(value: Any, *, most: int = NUMBERS_SHOWN, digits: int = 6) -> str:
    """A value as a student reads it: numbers to `digits` digits; an array by its shape where it has more than `most` numbers,
    or is no row or table of them."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic | list | float | int | bool):
        found = leaves(value)
        arrays = [leaf.values for leaf in found if isinstance(leaf.values, torch.Tensor)]
        if len(found) == 1 and arrays:
            values = found[0].values
            shape = tuple(values.shape)
            if values.numel() == 0:
                return f"an empty array of shape {shape}"
            table = values.reshape(shape[next((n for n, size in enumerate(shape) if size > 1), len(shape)) :])
            if values.numel() > most or table.dim() > 2:
                return f"an array of shape {shape}"
            if values.dim() <= 2:
                return _nested(values.tolist(), found[0].kind, digits)
            text = _nested((table if table.dim() else table[None]).tolist(), found[0].kind, digits)
            return f"{text} in the shape {shape}"
    if isinstance(value, list | tuple) and any(_are_arrays(part) for part in value):
        most = most if size_of(value) <= most else 0
        return "[" + ", ".join(shown(part, most=most) for part in value) + "]"
    if _are_arrays(value):
        if size_of(value) <= min(most, 16):
            return "[" + ", ".join(shown(part) for part in value) + "]"
        shapes = ", ".join(str(tuple(part.shape)) for part in value if isinstance(part, torch.Tensor))
        return f"a {type(value).__name__} of {len(value)} arrays of shapes {shapes}"
    return repr(value)


def _are_arrays(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value)


def _nested(values: Any, kind: str, digits: int) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_nested(value, kind, digits) for value in values) + "]"
    if kind == "truth values":
        return str(bool(values))
    return str(int(values)) if kind == "whole numbers" else f"{values:.{digits}g}"


def where_raised(error: BaseException, candidate: Callable[..., Any]) -> str:
    """The student's line that raised, as ' in line 3: `x = y / 0`'; empty where it is not in the student's code."""
    function = candidate if inspect.isfunction(candidate) else getattr(candidate, "forward", None)
    filename = function.__code__.co_filename if inspect.isfunction(function) else ""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    if not frames:
        return ""
    line = linecache.getline(filename, frames[-1].lineno or 0).strip()
    return f" in line {frames[-1].lineno}" + (f": `{line}`" if line else "")
