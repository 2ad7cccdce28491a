"""Whether a gradient gets back to what an answer is made of, and whether it is the solution's."""

import copy
import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course_utils.exercises.neutral import neutral_state

TOLERANCE = 1e-3  # relative to the largest: some answers compute in float32


def of_arguments(function: Callable[..., Any], arguments: Sequence[Any]) -> list[list[Tensor | None]]:
    """For each argument, the gradients of what `function` gives in its tensors; None where nothing gets back to one.

    To be called in the neutral state; `function` has one of its own.
    """
    given = copy.deepcopy(tuple(arguments))
    found = [[tensor for tensor in tensors(argument) if tensor.is_floating_point()] for argument in given]
    inputs = [tensor.requires_grad_() for part in found for tensor in part]
    gradients: Sequence[Tensor | None] = [None] * len(inputs)
    try:
        # Warnings of a tensor that is made a number are told below.
        with neutral_state(), warnings.catch_warnings(action="ignore"), _GridsThatDoNotCrash():
            value = function(*given)
        total = sum(tensor.sum() for tensor in tensors(value) if tensor.requires_grad)
        if isinstance(total, Tensor) and inputs:
            gradients = torch.autograd.grad(total, inputs, allow_unused=True)
    except (RuntimeError, TypeError):  # NumPy was asked for a tensor that takes part in a gradient
        pass
    rest = iter(gradients)
    return [[next(rest) for _ in part] for part in found]


class _GridsThatDoNotCrash(TorchFunctionMode):
    """Where a coordinate is NaN or infinite, the gradient of `grid_sample` ends the process, whatever the values are. Here it
    is NaN."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if function is not F.grid_sample:
            return function(*arguments, **(named or {}))
        bound = inspect.signature(function).bind(*arguments, **(named or {}))
        grid = bound.arguments["grid"]
        bound.arguments["grid"] = grid.nan_to_num()
        nothing = 0 * grid.detach().sum()  # or NaN
        return function(*bound.args, **bound.kwargs) * (1 + nothing)


def problem(name: str, wanted: Sequence[Tensor | None], given: Sequence[Tensor | None]) -> str | None:
    """What is wrong with the gradients of the argument `name`; None where nothing is, or the solution has none there."""
    for want, have in zip(wanted, given, strict=True):
        if want is None or not want.isfinite().all():
            continue
        if have is None and want.any():
            return (
                f"The values are right, but no gradient gets back to all of `{name}`, so that what comes before cannot "
                "learn. Is there a `.detach()`, `.item()`, `float(...)`, `torch.no_grad()`, `.data` or NumPy on the way?"
            )
        if have is None:
            return (
                f"The values are right, but `{name}` plays no part in the answer here. Of a constant nothing can be learnt, and "
                f"`backward()` raises an error on it. `0 * {name}.sum()` is 0 as well, and has a gradient."
            )
        if not have.isfinite().all():
            return (
                f"The values are right, but the gradient that gets back to `{name}` is NaN or infinite: one such step ruins "
                "a network. It runs through every operation, those too whose result is replaced later, by `nan_to_num`, "
                "`where` or a product with 0. Decide before you divide by 0, or take the logarithm of it."
            )
        if want.numel() and (want - have).abs().max() > TOLERANCE * max(float(want.abs().max()), 1e-6):
            return (
                f"The values are right, but another gradient gets back to `{name}`: a part of the formula takes no part in "
                "it. Is there a `.detach()`, `.item()` or `torch.no_grad()` in one place?"
            )
    return None


def tensors(value: Any) -> Iterable[Tensor]:
    """The tensors of an answer or an argument, lists and tuples taken apart."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)
