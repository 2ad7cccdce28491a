"""Batch norm that does not learn: a factor and a summand for each channel, which training leaves as they are."""

from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class FrozenNorm(nn.Module):
    """Batch norm in evaluation mode for good, for networks that learn from two images at a time.

    Nothing of it is a parameter; names of the `state_dict` are those of batch norm. Equal to torchvision's
    `FrozenBatchNorm2d`.

    Shapes: (B, C, H, W) → the same.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, torch.full((channels,), value, dtype=torch.get_default_dtype()))

    def forward(self, x: Tensor) -> Tensor:
        factor = self.weight * (self.running_var + self.eps).rsqrt()
        summand = self.bias - self.running_mean * factor
        return x * factor[:, None, None] + summand[:, None, None]


def with_frozen_norms(network: Network, *, eps: float = 1e-5) -> Network:
    """Replace each batch norm in a network by one that does not learn, which begins with what that one has learnt."""
    for module in list(network.modules()):
        for name, norm in module.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                state = {key: value for key, value in norm.state_dict().items() if key != "num_batches_tracked"}
                frozen = FrozenNorm(norm.num_features, eps=eps).to(norm.weight)
                frozen.load_state_dict(state)
                setattr(module, name, frozen)
    return network
