"""Whether the parts of a network train or predict, and where it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Whatever happens within, each part of the network has its mode again afterwards, training or evaluation."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def like_parameters(model: nn.Module) -> Tensor:
    """A tensor of the device and the type that images for this network have to have: `images.to(like_parameters(model))`.

    It is the first floating parameter or, where there is none, buffer; where there is neither, an empty one on the CPU.
    """
    floating = (value for value in chain(model.parameters(), model.buffers()) if value.is_floating_point())
    return next(floating, torch.empty(0, dtype=torch.float32, device="cpu"))
