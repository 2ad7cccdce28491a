"""What the tests of U-Nets share: images, networks with weights that are not what they begin as, and who learns."""

from collections.abc import Callable

import pytest
import torch
from tolerances import NETWORK
from torch import Tensor, nn

VARIANTS = {
    **{f"{skips}, {up}": {"skips": skips, "upsample": up}
       for skips in ("concat", "add", "none") for up in ("transposed", "bilinear", "nearest")},
    "residual": {"residual": True},
    "attention": {"attention": True},
    "attention-residual": {"residual": True, "attention": True},
    "attention, add, bilinear": {"attention": True, "skips": "add", "upsample": "bilinear"},
    "biases": {"bias": True},
}  # fmt: skip
EVERY_VARIANT = pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def images_of(height: int, width: int, *, batch: int = 2, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(
        batch, channels, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def assert_takes(network: nn.Module, sizes: list[tuple[int, int]], *, num_classes: int, channels: int = 3) -> None:
    """Logits of the image's size, which differ from pixel to pixel, also in the last row and column."""
    with torch.no_grad():
        for size in sizes:
            logits = network(images_of(*size, channels=channels))
            assert logits.shape == (2, num_classes, *size) and logits.isfinite().all()
            for part in (logits, logits[:, :, -1], logits[:, :, :, -1]):
                assert part.std() > 0, size


def assert_all_learn(network: nn.Module, images: Tensor) -> None:
    """Gradient reaches every parameter in training, but biases whose mean a batch norm takes away again."""
    network.train()
    logits = network(images)
    weights = torch.rand(logits.shape, generator=torch.Generator().manual_seed(2), dtype=logits.dtype)
    (logits * weights.to(logits.device)).sum().backward()
    without = set()
    for layers in network.modules():
        children = list(layers.children()) if isinstance(layers, nn.Sequential) else []
        for layer, norm in zip(children, children[1:], strict=False):
            if isinstance(norm, nn.BatchNorm2d):
                without.add(getattr(layer, "bias", None))
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter in without or parameter.grad.any(), name


def assert_same_network(ours: nn.Module, theirs: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """The same logits, and the same gradient at the image."""
    found, expected = [], []
    for network, parts in ((ours, found), (theirs, expected)):
        given = images.clone().requires_grad_()
        logits = network(given)
        weights = torch.rand(logits.shape, generator=torch.Generator().manual_seed(3), dtype=logits.dtype)
        parts += [logits.detach(), *torch.autograd.grad((logits * weights).sum(), given)]
    for have, want in zip(found, expected, strict=True):
        assert want.std() > 0
        # Of numbers that nearly cancel, the relative difference says nothing.
        torch.testing.assert_close(
            have, want, rtol=NETWORK[torch.float64]["rtol"], atol=1e-12 * want.abs().max().item()
        )
