"""The state in which exercises are made and judged, whatever the caller or a student's code has set."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import _get_current_function_mode_stack, _len_torch_function_stack, _pop_mode, _push_mode
from torch.utils import _device


def _matmul_precision() -> str | None:
    """None where it was set for one library on its own, as in `ATTRIBUTES`: PyTorch then refuses to sum it up."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


# How a setting is read, how it is set, and its value in the neutral state; None: as the caller has it.
SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda both: torch.autograd.set_detect_anomaly(*both),
        (False, True),
    ),
    (torch.get_num_threads, torch.set_num_threads, None),
    (_matmul_precision, torch.set_float32_matmul_precision, None),
)
ATTRIBUTES: tuple[tuple[Any, str, Any], ...] = (
    (torch.backends.mkldnn.matmul, "fp32_precision", "none"),
    (torch.backends.cuda.matmul, "fp32_precision", None),
    (torch.backends.cudnn, "deterministic", None),
    (torch.backends.cudnn, "benchmark", None),
    (torch.utils.deterministic, "fill_uninitialized_memory", None),
)


@contextmanager
def neutral_state() -> Iterator[None]:
    """Gradients recorded, no inference mode, no autocast, float32, CPU, any algorithm, and seed 0 for all random numbers.

    The caller's state is there again afterwards, whatever the code inside has set, and when it raises.
    """
    with (
        torch.inference_mode(False),  # gradients are recorded as well
        torch.autocast("cpu", enabled=False),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        np.printoptions(),
        _no_default_device(),
        _settings(),
        _seeds(),
    ):
        yield


@contextmanager
def _settings() -> Iterator[None]:
    settings = [*SETTINGS, *(_of_attribute(*attribute) for attribute in ATTRIBUTES)]
    before = [read() for read, _, _ in settings]
    try:
        for (_, write, neutral), value in zip(settings, before, strict=True):
            if neutral not in (None, value):
                write(neutral)
        yield
    finally:
        for (read, write, _), value in zip(settings, before, strict=True):
            if value is not None and read() != value:
                write(value)


def _of_attribute(owner: Any, name: str, neutral: Any) -> tuple[Callable[[], Any], Callable[[Any], Any], Any]:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value), neutral


@contextmanager
def _no_default_device() -> Iterator[None]:
    """Without `torch.set_default_device` and `with torch.device(...)`.

    PyTorch's public functions cannot put back what they were given when one was called within the other.
    """
    modes, current = _get_current_function_mode_stack(), _device.CURRENT_DEVICE
    default = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    _replace_modes([])
    torch._GLOBAL_DEVICE_CONTEXT.device_context = _device.CURRENT_DEVICE = None
    try:
        yield
    finally:
        _replace_modes(modes)
        torch._GLOBAL_DEVICE_CONTEXT.device_context, _device.CURRENT_DEVICE = default, current


def _replace_modes(modes: list[Any]) -> None:
    while _len_torch_function_stack():
        _pop_mode()
    for mode in modes:
        _push_mode(mode)


@contextmanager
def _seeds() -> Iterator[None]:
    """Python's, NumPy's and PyTorch's generators, begun at 0; those of GPUs as well where they are in use."""
    before, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    of_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.default_generator.manual_seed(0)
        yield
    finally:
        random.setstate(before)
        np.random.set_state(of_numpy)  # noqa: NPY002
        torch.set_rng_state(of_torch)
        if of_gpus:
            torch.cuda.set_rng_state_all(of_gpus)


@contextmanager
def calling_itself(candidate: Callable[..., Any]) -> Iterator[None]:
    """Let a function or class mean itself by its name while it is judged, as it will once the name is bound.

    The name may still be unknown where it was written, or stand for the solution, since the stub ran before.
    """
    method = candidate.__init__ if isinstance(candidate, type) else candidate
    names, name = getattr(method, "__globals__", {}), getattr(candidate, "__name__", "")
    before = {name: names[name]} if name in names else {}
    names[name] = candidate
    try:
        yield
    finally:
        names.pop(name, None)
        names.update(before)
