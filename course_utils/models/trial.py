"""Run any network on an image of any size to measure something, without computing a value where that is possible."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from course_utils.models.modes import modes_kept
from course_utils.ops.checks import is_integer

Found = TypeVar("Found")
Size = int | Sequence[int]


def try_out(model: nn.Module, size: Size, measure: Callable[[nn.Module, Tensor], Found]) -> Found:
    """What `measure(network, image)` finds, with a copy of the model on the device "meta" and an image of this size.

    There only sizes are computed. Where that fails, for one because the model holds tensors that are neither parameters nor
    buffers or looks at values, `measure` gets the model itself and an image of zeros on its device. Either is in evaluation
    mode, and the model is left as it was. `size` is as in `cost.cost`.

    Raises: ValueError if `model` is not a module or `size` is no size; and what the model raises.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model must be an nn.Module, but is a {type(model).__name__}; put its layers into nn.Sequential."
        )
    shape = image_shape(model, size)
    like = next((value for value in model.parameters() if value.is_floating_point()), None)
    dtype, device = (torch.float32, torch.device("cpu")) if like is None else (like.dtype, like.device)
    with torch.inference_mode(False):
        try:
            return measure(_on_meta(model).eval(), torch.empty(shape, dtype=dtype, device="meta"))
        except Exception:  # whatever it is, it comes again below if it is not because of the device
            with modes_kept(model):
                return measure(model.eval(), torch.zeros(shape, dtype=dtype, device=device))


def image_shape(model: nn.Module, size: Size) -> tuple[int, ...]:
    """(B, C, H, W) from a side, (H, W), (C, H, W) or (B, C, H, W); channels that are not given are those of `model`.

    Raises: ValueError for anything else than one to four positive integers.
    """
    values = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if not 2 <= len(values) <= 4 or not all(is_integer(value) and value > 0 for value in values):
        raise ValueError(
            f"size must be a positive integer, (H, W), (C, H, W) or (B, C, H, W), but is {size!r}; for a square grey image "
            "of 572 pixels give 572 or (1, 572, 572)."
        )
    values = tuple(map(int, values))
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    before = (1, first.in_channels if first else 3)
    return (*before[: 4 - len(values)], *values)


def _on_meta(model: nn.Module) -> nn.Module:
    """A copy of a model whose parameters and buffers have no values; what is not one of these is copied as it is."""
    empty: dict[int, Tensor] = {}
    for buffer in model.buffers():
        empty[id(buffer)] = torch.empty_like(buffer, device="meta")
    for parameter in model.parameters():
        values = torch.empty_like(parameter, device="meta")
        empty[id(parameter)] = nn.Parameter(values, requires_grad=parameter.requires_grad)
    return deepcopy(model, memo=empty)
