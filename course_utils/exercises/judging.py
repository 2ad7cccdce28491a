"""Comparing what a student's code gives with what the solution gives, and saying the difference in a sentence."""

import linecache
import math
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from course_utils.exercises.neutral import neutral_state

TOLERANCE = 1e-6
TOLERANCE_OF_ROUNDED_TYPES = 1e-4
NUMBERS_SHOWN = 64

_OTHER_TYPE = (
    "Two types of number meet: most checks run in float64. Make new tensors of the type that you were given, "
    "`x.new_zeros(...)`, or say `dtype=x.dtype`."
)
COMMON_ERRORS = {  # in the text of an exception: what to say of it in every exercise
    "self.dtype to be equal to src.dtype": _OTHER_TYPE,
    "destination dtypes match": _OTHER_TYPE,
    "must have the same scalar type": _OTHER_TYPE,
    "same dtype": _OTHER_TYPE,
    "expected scalar type": _OTHER_TYPE,
    "and bias type": _OTHER_TYPE,
    "before Module.__init__()": "The first line of `__init__` is `super().__init__()`.",
    'missing the required "forward"': "Is the method called `forward`, and indented as `__init__` is?",
}


class Leaf(NamedTuple):
    """One number, array or word of an answer: its place, its kind, its values, whether its type is a rounded one."""

    place: str
    kind: str
    values: Any
    rounded: bool


def leaves(value: Any, place: str = "") -> list[Leaf]:
    """An answer taken apart: tensors, arrays, numbers and words; lists of numbers count as one array."""
    value = dense(value)
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


def dense(value: Any) -> Any:
    """A sparse tensor, or a sparse matrix of SciPy's, with its zeros written out; all else as it is."""
    if isinstance(value, torch.Tensor):
        return value if value.layout == torch.strided else value.to_dense()
    return value.toarray() if hasattr(value, "toarray") else value


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
    if is_used_up(actual) and isinstance(expected, list | tuple):
        kind = type(expected).__name__
        return f"Expected a {kind}, but got a {type(actual).__name__}: wrap it in `{kind}(...)`."
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
        elif want.kind != have.kind and not (_are_numbers(want, have) and not have.values.frac().any()):
            return f"Expected {want.kind}{which}, but got {have.kind}."
    return None


def _are_numbers(*found: Leaf) -> bool:
    return all(leaf.kind in ("decimal numbers", "whole numbers") for leaf in found)


def _as_expected_sequence(actual: Any, expected: Any) -> Any:
    """A list where a tuple is expected is meant as one, and a tuple where a list is."""
    if isinstance(actual, list) and isinstance(expected, tuple):
        return tuple(actual)
    return list(actual) if isinstance(actual, tuple) and isinstance(expected, list) else actual


def _parts(value: Any, found: list[Leaf]) -> str:
    if len(found) == 1 and not found[0].place:
        shape = tuple(found[0].values.shape) if isinstance(found[0].values, torch.Tensor) else ()
        return f"one array of shape {shape}" if shape else "one value"
    return f"a {type(value).__name__} of {len(found)} value{'s' if len(found) != 1 else ''}"


def is_used_up(value: Any) -> bool:
    """Whether it is a generator, a map or a zip, which can be run through only once."""
    return isinstance(value, Iterator)


def fixed_size(wanted: Sequence[Any], given: Sequence[Any]) -> str:
    """What to add where an answer has the same size on all probes along an axis on which it should vary, or nothing."""
    shapes, others = ([_shape_of_first(value) for value in values] for values in (wanted, given))
    if len({len(shape) for shape in shapes + others}) != 1:
        return ""
    for sizes, have in zip(zip(*shapes, strict=True), zip(*others, strict=True), strict=True):
        if len(set(sizes)) > 1 and len(set(have)) == 1 and have[0] > 1:
            return f" Yours has {have[0]} there whatever was asked; the check asks for other sizes as well."
    return ""


def _shape_of_first(value: Any) -> tuple[int, ...]:
    found = leaves(value)
    return tuple(found[0].values.shape) if found and isinstance(found[0].values, torch.Tensor) else ()


@neutral_state()
def is_number(given: Any) -> bool:
    """Whether an answer is one finite number, of whatever type."""
    try:
        return form_difference(0.0, given) is None and math.isfinite(float(given))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False


def same(expected: Any, actual: Any, *, tolerances: float = 1.0) -> bool:
    """Whether two answers have the same form, and differ by at most `tolerances` tolerances."""
    if _identical(expected, actual):
        return True
    pairs = _pairs(expected, actual)
    return pairs is not None and not any(_unequal(want, have, tolerances).any() for want, have in pairs)


def _identical(expected: Any, actual: Any) -> bool:
    """Whether they are equal tensors of one kind, found without taking them apart."""
    tensors = isinstance(expected, torch.Tensor) and isinstance(actual, torch.Tensor)
    alike = tensors and all(getattr(expected, of) == getattr(actual, of) for of in ("dtype", "device", "layout"))
    return alike and torch.equal(expected, actual)


def difference(expected: Any, actual: Any) -> str | None:
    """Where two answers of the same form differ by more than the tolerance; None where nowhere."""
    pairs = _pairs(expected, actual)
    if pairs is None:
        return "The form differs."
    for want, have in pairs:
        wrong = _unequal(want, have)
        if not wrong.any():
            continue
        which = f" at {want.place}" if want.place else ""
        if not isinstance(want.values, torch.Tensor):
            return f"expected {want.values!r}{which}, got {have.values!r}"
        index = tuple(wrong.nonzero()[0].tolist())
        if want.values.numel() <= 16 and max(want.values.shape, default=1) >= want.values.numel():
            index = ()  # one row of numbers, or one number: all of it
        wanted_text, given_text = _told_apart(want.values[index], have.values[index])
        at = f" at index {list(index)}" if index else ""
        return f"expected {wanted_text}{at}{which}, got {given_text}"
    return None


def only_rounded(expected: Any, actual: Any) -> bool:
    """Whether two answers of the same form agree but for what float32 rounds off."""
    pairs = _pairs(expected, actual) or []
    rounded = [(want, have._replace(rounded=True)) for want, have in pairs]
    return bool(pairs) and not any(_unequal(want, have, 0.1).any() for want, have in rounded)


def _pairs(expected: Any, actual: Any) -> list[tuple[Leaf, Leaf]] | None:
    """The parts of two answers, side by side; None where their forms differ."""
    if form_difference(expected, actual):
        return None
    return list(zip(leaves(expected), leaves(_as_expected_sequence(actual, expected)), strict=True))


def _told_apart(want: torch.Tensor, have: torch.Tensor) -> tuple[str, str]:
    """Two values as texts, with six digits, or with as many as it takes to see that they differ."""
    texts = [(shown(want, digits=digits), shown(have, digits=digits)) for digits in (6, 9, 12, 17)]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[-1])


def _unequal(want: Leaf, have: Leaf, tolerances: float = 1.0) -> torch.Tensor:
    """Which elements differ, relative to the largest finite expected value: bool, of the leaf's shape."""
    if not isinstance(want.values, torch.Tensor):
        return torch.tensor(want.values is not have.values and want.values != have.values)
    relative = tolerances * (TOLERANCE_OF_ROUNDED_TYPES if have.rounded else TOLERANCE)
    finite = want.values[want.values.isfinite()]
    scale = float(finite.abs().max()) if len(finite) else 1.0
    both_nan = want.values.isnan() & have.values.isnan()
    same = (want.values == have.values) | ((want.values - have.values).abs() <= relative * max(scale, 1e-12))
    return ~(same | both_nan)


def size_of(arguments: Sequence[Any]) -> int:
    """How much there is to read in a probe: its number of elements."""
    return sum(leaf.values.numel() if isinstance(leaf.values, torch.Tensor) else 1 for leaf in leaves(tuple(arguments)))


def shown(value: Any, *, most: int = NUMBERS_SHOWN, digits: int = 6) -> str:
    """A value as a student reads it: numbers to `digits` digits; an array by its shape where it has more than `most` numbers,
    or is no row or table of them."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic | list | float | int | bool):
        found = leaves(value)
        arrays = [leaf.values for leaf in found if isinstance(leaf.values, torch.Tensor)]
        if len(found) == 1 and arrays:
            values = found[0].values
            shape = tuple(values.shape)
            table = values.reshape(shape[next((n for n, size in enumerate(shape) if size > 1), len(shape)) :])
            if values.numel() > most or table.dim() > 2:
                return f"an array of shape {shape}"
            if values.dim() <= 2:
                return _nested(values.tolist(), found[0].kind, digits)
            text = _nested((table if table.dim() else table[None]).tolist(), found[0].kind, digits)
            return f"{text} in the shape {shape}"
    if isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value):
        if size_of(value) <= min(most, 16):
            return "[" + ", ".join(shown(part) for part in value) + "]"
        shapes = ", ".join(str(tuple(part.shape)) for part in value if isinstance(part, torch.Tensor))
        return f"a {type(value).__name__} of {len(value)} arrays of shapes {shapes}"
    return repr(value)


def _nested(values: Any, kind: str, digits: int) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_nested(value, kind, digits) for value in values) + "]"
    if kind == "truth values":
        return str(bool(values))
    return str(int(values)) if kind == "whole numbers" else f"{values:.{digits}g}"


def where_raised(error: BaseException, filename: str) -> str:
    """The student's line that raised, as ' in line 3: `x = y / 0`'; empty where it is not in the student's code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    if not frames:
        return ""
    line = linecache.getline(filename, frames[-1].lineno or 0).strip()
    return f" in line {frames[-1].lineno}" + (f": `{line}`" if line else "")
