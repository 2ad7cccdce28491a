"""What functions ask of their tensors and numbers before they compute, and how they take them over.

Whoever calls may hand over numbers of Python or of NumPy. These functions give them back as Python's, whose arithmetic
neither overflows nor wraps around, and refuse everything else.
"""

import math
from numbers import Integral, Real
from typing import TypeGuard

import torch
from torch import Tensor

Pair = tuple[int, int]
IntPair = int | Pair


def require_tensor(value: object, name: str) -> None:
    """Refuse what is not a tensor.

    Raises: ValueError that names the argument, what came, and the way to convert it.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, but is {type(value).__name__}; convert it with `torch.as_tensor`.")


def require_bools(**values: bool) -> None:
    """Refuse what is neither True nor False: the text "no" would count as true.

    Raises: ValueError that names the argument.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, but is {value!r}.")


def whole_number(value: object, name: str, *, minimum: int) -> int:
    """An integer of Python or NumPy as Python's `int`. A size that is not known yet, in an export, stays what it is.

    Raises: ValueError that names the argument, for anything else and for a number below `minimum`.
    """
    if not is_integer(value) or value < minimum:
        whole = (isinstance(value, float) and value.is_integer()) or (isinstance(value, Tensor) and value.ndim == 0)
        remedy = "; convert it with `int`" if whole else ""
        raise ValueError(f"{name} must be an integer of {minimum} or more, but is {value!r}{remedy}.")
    return value if isinstance(value, torch.SymInt) else int(value)


def whole_numbers(minimum: int, **values: object) -> list[int]:
    """Several of them, in the order in which they are given: `n, stride = whole_numbers(1, n=n, stride=stride)`.

    Raises: ValueError as `whole_number`.
    """
    return [whole_number(value, name, minimum=minimum) for name, value in values.items()]


def real_number(
    value: object, name: str, minimum: float, maximum: float, *, exclusive: bool = False, finite: bool = True
) -> float:
    """A number of Python or NumPy from `minimum` to `maximum` as Python's `float`.

    With `exclusive=True` the minimum itself is refused, with `finite=False` infinity is not.

    Raises: ValueError that names the argument, for anything else.
    """
    if not (is_number(value) or (not finite and _is_infinite(value))) or not minimum <= value <= maximum:
        remedy = "; convert it with `float`" if isinstance(value, Tensor) and value.ndim == 0 else ""
        remedy = "; give a finite one" if finite and _is_infinite(value) and value > 0 else remedy
        raise ValueError(f"{name} must be a number from {minimum} to {maximum}, but is {value!r}{remedy}.")
    if exclusive and value == minimum:
        raise ValueError(f"{name} must be above {minimum}, but is {value!r}.")
    return float(value)


def int_pair(value: IntPair, name: str, *, minimum: int = 1) -> Pair:
    """One integer for both axes, or one for each: (vertical, horizontal).

    Raises: ValueError for anything else, and for integers below `minimum`.
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(is_integer(number) and number >= minimum for number in pair):
        raise ValueError(
            f"{name} must be an integer of {minimum} or more, or two of them (vertical, horizontal), but is {value!r}."
        )
    rows, columns = whole_numbers(minimum, rows=pair[0], columns=pair[1])
    return rows, columns


def is_integer(value: object) -> TypeGuard[int]:
    """Whether this is an integer of Python or NumPy, which compute alike; a bool does not count as one."""
    # A SymInt stands for a size that is not known yet when a network is exported.
    return isinstance(value, (Integral, torch.SymInt)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is a finite real number of Python or NumPy, which compute alike; a bool does not count as one."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False


def _is_infinite(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and abs(value) == math.inf
