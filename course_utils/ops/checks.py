"""What functions ask of their tensors and numbers before they compute."""

import math
from numbers import Integral, Real

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


def require_integers(minimum: int, **values: int) -> None:
    """Refuse what is no integer, or below `minimum`.

    Raises: ValueError that names the argument.
    """
    for name, value in values.items():
        if not is_integer(value) or value < minimum:
            whole = (isinstance(value, float) and value.is_integer()) or (isinstance(value, Tensor) and value.ndim == 0)
            remedy = "; convert it with `int`" if whole else ""
            raise ValueError(f"{name} must be an integer of {minimum} or more, but is {value!r}{remedy}.")


def require_range(minimum: float, maximum: float, **values: float) -> None:
    """Refuse what is no finite number from minimum to maximum; a maximum of inf is no bound.

    Raises: ValueError that names the argument.
    """
    for name, value in values.items():
        if not is_number(value) or not minimum <= value <= maximum:
            remedy = "; convert it with `float`" if isinstance(value, Tensor) and value.ndim == 0 else ""
            remedy = "; give a finite one" if isinstance(value, Real) and value == math.inf else remedy
            raise ValueError(f"{name} must be a number from {minimum} to {maximum}, but is {value!r}{remedy}.")


def int_pair(value: IntPair, name: str, *, minimum: int = 1) -> tuple[int, int]:
    """One integer for both axes, or one for each: (vertical, horizontal).

    Raises: ValueError for anything else, and for integers below `minimum`.
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(is_integer(number) and number >= minimum for number in pair):
        raise ValueError(
            f"{name} must be an integer of {minimum} or more, or two of them (vertical, horizontal), but is {value!r}."
        )
    return pair


def is_integer(value: object) -> bool:
    """Whether this is an integer of Python or NumPy; a bool is none."""
    # A SymInt stands for a size that is not known yet when a network is exported.
    return isinstance(value, (Integral, torch.SymInt)) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether this is a finite real number of Python or NumPy; a bool is none."""
    return isinstance(value, Real) and not isinstance(value, bool) and -math.inf < value < math.inf
