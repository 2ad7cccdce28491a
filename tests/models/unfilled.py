"""Networks made without their first weights, for tests that give them others: drawing those takes most of the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn


@contextmanager
def unfilled() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_"):
            patch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
        yield


def drawn(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A network in float64 and evaluation mode, with norms and biases that are not what they begin as."""
    with unfilled():
        network = make()
    draw = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.ndim > 1:
            value.uniform_(-1, 1, generator=draw).mul_((6 / value[0].numel()) ** 0.5)
        elif value.ndim == 1 and name.endswith(("bias", "running_mean")):
            value.copy_(torch.randn(value.shape, generator=draw) / 5)
        elif value.ndim == 1:
            value.copy_(0.5 + torch.rand(value.shape, generator=draw))
    return network.double().eval()
