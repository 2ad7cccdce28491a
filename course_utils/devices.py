"""Where things are computed."""

import os

import torch


def device() -> torch.device:
    """The device that lessons compute on: `COURSE_DEVICE` where it is set, else the GPU (CUDA), else the CPU.

    Raises: ValueError where `COURSE_DEVICE` names no device that can be used here.
    """
    wanted = os.environ.get("COURSE_DEVICE")
    if not wanted:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(wanted)
        torch.empty(0, device=chosen)
        if chosen.type == "meta":
            raise RuntimeError("tensors there have no values")
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        raise ValueError(
            f"COURSE_DEVICE is {wanted!r}, which cannot be used here ({error}). "
            "Set it to 'cpu', 'cuda' or 'mps', or unset it."
        ) from error
    return chosen
