"""An answer taken apart into its numbers, arrays and words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch


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
        return [_array_leaf(value, place, rounded=value.dtype == torch.float32)]
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
    elif values.dtype in (torch.float16, torch.bfloat16):
        kind = "numbers of half precision"  # the next layer, in float32, would refuse them
    else:
        kind = "decimal numbers" if values.is_floating_point() else "whole numbers"
    return Leaf(place, kind, values.detach().cpu().to(torch.float64), rounded)


def size_of(arguments: Sequence[Any]) -> int:
    """How much there is to read in a probe: its number of elements."""
    return sum(leaf.values.numel() if isinstance(leaf.values, torch.Tensor) else 1 for leaf in leaves(tuple(arguments)))


def has_an_empty_array(arguments: Sequence[Any]) -> bool:
    """Whether there is an array without elements in a probe."""
    return any(isinstance(leaf.values, torch.Tensor) and not leaf.values.numel() for leaf in leaves(tuple(arguments)))
