"""A device without float64, as Apple's GPUs (MPS) are, whose tensors do have values: each stands in a CPU tensor.

As on such a GPU, float64 is refused, and so is a computation with tensors on two devices. What else such a GPU lacks, this one
does not show.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from course_utils.ops import precision

DEVICE = torch.device("lazy:0")
"""It is known by name only; of "mps", a PyTorch that was built without it cannot index."""
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Elsewhere(Tensor):
    """A tensor that says that it is on `DEVICE`; its values are in `kept`."""

    kept: Tensor

    @staticmethod
    def __new__(cls, kept: Tensor) -> "Elsewhere":
        if kept.dtype == torch.float64:
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        named = {"strides": kept.stride(), "storage_offset": kept.storage_offset(), "dtype": kept.dtype}
        made = Tensor._make_wrapper_subclass(cls, kept.shape, device=DEVICE, **named)
        made.kept = kept
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(function, args, kwargs or {})

    def tolist(self) -> Any:
        return self.kept.tolist()

    def new_tensor(self, data: Any) -> Tensor:
        return Elsewhere(self.kept.new_tensor(data))

    def __repr__(self) -> str:
        return f"Elsewhere({self.kept})"


class _Made(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _call(function, args, kwargs or {})


class _MadeOfNumbers(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if function is torch.tensor and torch.device(named.get("device") or DEVICE).type == DEVICE.type:
            return function(*args, **named | {"device": torch.device("cpu")}).to(DEVICE)
        return function(*args, **named)


@contextmanager
def without_float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, tensors are made on `DEVICE` where no device is named, and may be moved there."""
    monkeypatch.setattr(precision, "WITHOUT_FLOAT64", (DEVICE.type,))
    with _Made(), DEVICE, _MadeOfNumbers():
        yield


def _call(function: Any, args: Any, named: dict[str, Any]) -> Any:
    given = [part for part in tree_leaves((args, named)) if isinstance(part, Tensor)]
    there = {id(part.kept): part for part in given if isinstance(part, Elsewhere)}
    if there and function not in COPIES and "index" not in str(function):
        if any(part.ndim and not isinstance(part, Elsewhere) for part in given):
            raise RuntimeError(f"Expected all tensors to be on the same device, but {function} got mps:0 and cpu.")
    device = named.get("device")
    if device is not None:
        named = named | {"device": torch.device("cpu")}
    elif there:
        device = DEVICE
    if function is torch.ops.aten.copy_.default:
        device = args[0].device

    def outer(value: Any) -> Any:
        if not isinstance(value, Tensor) or torch.device(device or "cpu").type != DEVICE.type:
            return value
        return there[id(value)] if id(value) in there else Elsewhere(value)  # what is written in place stays itself

    return tree_map(outer, function(*tree_map(_inner, args), **tree_map(_inner, named)))


def _inner(value: Any) -> Any:
    return value.kept if isinstance(value, Elsewhere) else value
