"""The float types in which sums and products are computed."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

FLOAT_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def at_least_float32(tensor: Tensor) -> Tensor:
    """In float16 and bfloat16 sums lose their small terms, and a CPU has no sparse products of these types."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """In this context products stay in the type of their factors."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def require_float_type(dtype: torch.dtype) -> None:
    """Refuse what weights cannot be computed for: integers, complex numbers, and types of 8 bits."""
    if dtype not in FLOAT_TYPES:
        raise ValueError(f"Weights are floating, but dtype is {dtype!r}; take torch.float32 or torch.float64.")
