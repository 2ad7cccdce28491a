"""What the tests of backbones share: small ones of several kinds, and two that give lists of maps, compared."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from tolerances import NETWORK
from torch import Tensor

from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.unet import UNetEncoder

small = partial(small_resnet, widths=(4, 5, 6, 7, 8))
BACKBONES = {
    "small_resnet": small,
    "repeated strides": partial(resnet18, output_stride=8),
    "stride 1": partial(UNetEncoder, (4, 5, 6, 7)),
    "one map": partial(small_resnet, widths=(4, 6)),
}


def assert_same_maps(
    ours: Callable[[Tensor], Sequence[Tensor]], theirs: Callable[[Tensor], Sequence[Tensor]], images: Tensor
) -> None:
    """The same maps, and the same gradient at the image, to which each map adds about as much."""
    found: list[Tensor] = []
    expected: list[Tensor] = []
    for network, parts in ((ours, found), (theirs, expected)):
        given = images.clone().requires_grad_()
        maps = network(given)
        draw = torch.Generator().manual_seed(3)
        weighted = [(map_ * torch.rand(map_.shape, generator=draw, dtype=map_.dtype)).sum() for map_ in maps]
        total = sum(value / map_.detach().abs().max() for value, map_ in zip(weighted, maps, strict=True))
        parts += [*maps, *torch.autograd.grad(total, given)]
    for have, want in zip(found, expected, strict=True):
        assert want.std() > 0
        # Of numbers that nearly cancel, the relative difference says nothing.
        torch.testing.assert_close(
            have, want, rtol=NETWORK[torch.float64]["rtol"], atol=1e-12 * want.abs().max().item()
        )
