"""Comparing what a student's code gives with what the solution gives, and saying the difference in a sentence."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from course_utils.exercises.neutral import neutral_state
from course_utils.exercises.parts import Leaf, leaves
from course_utils.exercises.telling import shown

TOLERANCE = 1e-6
TOLERANCE_OF_ROUNDED_TYPES = 1e-4

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


def form_difference(expected: Any, actual: Any) -> str | None:
    """What is wrong with the form of an answer: its parts, kind or shape; None where the form is right."""
    if is_used_up(actual) and isinstance(expected, list | tuple):
        kind = type(expected).__name__
        return f"Expected a {kind}, but got a {type(actual).__name__}: wrap it in `{kind}(...)`."
    wanted, given = leaves(expected), leaves(_as_expected_sequence(actual, expected))
    if any(leaf.kind == "str" for leaf in given) and not any(leaf.kind == "str" for leaf in wanted):
        return "Expected numbers, but got strings: leave out the quotes, or the `str(...)`."
    if [leaf.place for leaf in wanted] != [leaf.place for leaf in given]:
        return f"Expected {_parts(expected, wanted)}, but got {_parts(actual, given)}."
    for want, have in zip(wanted, given, strict=True):
        which = f" at {want.place}" if want.place else ""
        numeric = isinstance(want.values, torch.Tensor) and isinstance(have.values, torch.Tensor)
        if not numeric:
            if want.kind != have.kind:
                return f"Expected {want.kind}{which}, but got {have.kind}."
        elif _are_short_lists(expected, want, have):
            return f"Expected {shown(want.values)}{which}, but got {shown(have.values)}."
        elif want.values.shape != have.values.shape:
            return f"Expected the shape {tuple(want.values.shape)}{which}, but got {tuple(have.values.shape)}."
        elif want.kind != have.kind and not (_are_numbers(want, have) and not have.values.frac().any()):
            return f"Expected {want.kind}{which}, but got {have.kind}."
    return None


def _are_short_lists(expected: Any, want: Leaf, have: Leaf) -> bool:
    """Whether two answers in place of a list have so few numbers that these say more than how many there are."""
    sizes = [leaf.values.numel() for leaf in (want, have)]
    rows = all(leaf.values.dim() == 1 for leaf in (want, have))
    return isinstance(expected, list) and rows and sizes[0] != sizes[1] and max(sizes) <= 16


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
    """Which elements differ, whole numbers at all, others relative to the largest finite expected value: bool, of the leaf's
    shape."""
    if not isinstance(want.values, torch.Tensor):
        return torch.tensor(want.values is not have.values and want.values != have.values)
    relative = tolerances * (TOLERANCE_OF_ROUNDED_TYPES if have.rounded else TOLERANCE)
    if want.kind == "whole numbers":
        relative = 0.0  # ids of 255000 that are one too large are other ids
    finite = want.values[want.values.isfinite()]
    scale = float(finite.abs().max()) if len(finite) else 1.0
    both_nan = want.values.isnan() & have.values.isnan()
    same = (want.values == have.values) | ((want.values - have.values).abs() <= relative * max(scale, 1e-12))
    return ~(same | both_nan)
