"""The float types in which sums and products are computed."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

FLOAT_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

WITHOUT_FLOAT64 = ("mps",)
"""Kinds of devices that have no float64: Apple's GPUs."""


def at_least_float32(tensor: Tensor) -> Tensor:
    """In float16 and bfloat16 sums lose their small terms, and a CPU has no sparse products of these types."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def float64_device(device: torch.device) -> torch.device:
    """Where float64 is computed for a device: there, or on the CPU if it has none."""
    return torch.device("cpu") if device.type in WITHOUT_FLOAT64 else device


def in_float64(tensor: Tensor) -> Tensor:
    """The same numbers in float64, on the tensor's device, or on the CPU if that has none."""
    # In two steps, since the type must not change before the device.
    return tensor.to(float64_device(tensor.device)).double()


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """In this context products stay in the type of their factors."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def require_float_type(dtype: torch.dtype) -> None:
    """Refuse what weights cannot be computed for: integers, complex numbers, and types of 8 bits."""
    if dtype not in FLOAT_TYPES:
        raise ValueError(f"Weights are floating, but dtype is {dtype!r}; take torch.float32 or torch.float64.")
