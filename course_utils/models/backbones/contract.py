"""What every backbone promises, one that does not learn, and how to test another.

A backbone is any `nn.Module` with three properties:

- `channels` and `strides`: tuples of integers, one for each map. Strides never fall and may repeat: (2, 4, 8, 8, 8) where
  the last two are traded for dilation.
- `forward(images)` takes images (B, 3, H, W) in [0, 1], normalises them itself where it must, and returns a list of maps,
  finest first: map i is (B, channels[i], h, w) with h between ⌊H / strides[i]⌋ and ⌈H / strides[i]⌉, w likewise.
- Each map is the last one computed before the next reduction.

So a head picks its maps by stride and resizes to the size of another map, and works on every backbone.
"""

import warnings
from copy import deepcopy
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from course_utils.ops.checks import whole_number
from course_utils.ops.known import on_host


class Promised(NamedTuple):
    """What a backbone says of its maps, finest first."""

    channels: tuple[int, ...]
    strides: tuple[int, ...]


class Frozen(nn.Module):
    """A backbone that training leaves as it is: no gradients, and always in evaluation mode, also its batch norm.

    Batch norm then divides by the statistics that it has. Where they are still those of a new layer, mean 0 and variance 1,
    nothing is normalised: this warns, if the backbone is on the CPU, and `set_statistics` sets them.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.channels, self.strides = require_backbone(backbone)
        if never_set := [name for name, norm in batch_norms(backbone) if _never_set(norm)]:
            warnings.warn(
                f"{len(never_set)} batch norm layers of this frozen backbone (the first: {never_set[0]!r}) have the statistics "
                "of a new layer, mean 0 and variance 1, and keep them: load weights, or call "
                "course_utils.models.backbones.contract.set_statistics(backbone, images) first.",
                stacklevel=2,
            )
        self.backbone = backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Frozen":
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.backbone(images)


def batch_norms(backbone: nn.Module) -> list[tuple[str, nn.modules.batchnorm._BatchNorm]]:
    """The batch norm layers of a backbone that keep statistics, with their names."""
    layers = (
        (name, layer) for name, layer in backbone.named_modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    )
    return [(name, layer) for name, layer in layers if layer.running_mean is not None]


def _never_set(norm: nn.modules.batchnorm._BatchNorm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None or not on_host(mean):  # a GPU would have to be waited for
        return False
    return not bool(mean.any()) and bool((variance == 1).all())


@torch.no_grad()
def set_statistics(backbone: nn.Module, images: Tensor, *, batch_size: int = 16) -> None:
    """Set the running mean and variance of every batch norm layer to what it meets on these images; no weight changes.

    They are the averages over the batches. The modes of the layers are left as they were.

    Shapes: images (N, 3, H, W).

    Raises: ValueError where there are no images.
    """
    batch_size = whole_number(batch_size, "batch_size", minimum=1)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            f"Statistics are taken on images (N, 3, H, W), N at least 1, but images are {tuple(images.shape)}."
        )
    modes = {layer: layer.training for layer in backbone.modules()}
    norms = [norm for _, norm in batch_norms(backbone)]
    momenta = [norm.momentum for norm in norms]
    backbone.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the average over all batches, each with the same weight
            norm.train()
        for batch in images.split(batch_size):
            backbone(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for layer, mode in modes.items():
            layer.training = mode


def last_map_at(strides: tuple[int, ...], stride: int) -> int:
    """Index of the last, deepest map of a stride.

    Raises: ValueError that lists the strides there are, if this is not one of them.
    """
    stride = whole_number(stride, "stride", minimum=1)
    if stride not in strides:
        there = ", ".join(str(value) for value in sorted(set(strides)))
        raise ValueError(f"The backbone has no map at stride {stride}, but at {there}; choose one of these.")
    return len(strides) - 1 - strides[::-1].index(stride)


def require_backbone(backbone: nn.Module) -> Promised:
    """What a backbone says of its maps; what it computes is not tried, see `check_backbone`.

    Raises: ValueError that says which part of the contract is broken.
    """
    if not isinstance(backbone, nn.Module):
        _broken(f"a backbone is an nn.Module, but this is a {type(backbone).__name__}")
    channels, strides = _integers(backbone, "channels"), _integers(backbone, "strides")
    if len(channels) != len(strides):
        _broken(
            f"`channels` and `strides` have one value for each map, but there are {len(channels)} and {len(strides)}"
        )
    if list(strides) != sorted(strides):
        _broken(f"maps come finest first, so that strides never fall, but `strides` is {strides}")
    return Promised(channels, strides)


def _integers(backbone: nn.Module, name: str) -> tuple[int, ...]:
    values = getattr(backbone, name, None)
    if not isinstance(values, tuple) or not values or not all(type(value) is int and value > 0 for value in values):
        _broken(f"`{name}` is a tuple of positive integers, one for each map, but is {values!r}")
    return values


@torch.inference_mode(False)
@torch.enable_grad()
def check_backbone(backbone: nn.Module) -> None:
    """Try a backbone on images of 64×64 and 65×97 and, in training mode, on a single one.

    It is left as it was, and so are the generators that its dropout draws from.

    Raises: ValueError that says which part of the contract is broken.
    """
    promised = require_backbone(backbone)
    trial = deepcopy(backbone)  # running statistics and the mode stay as they are
    with torch.random.fork_rng(devices={value.device for value in backbone.parameters() if value.is_cuda}):
        for shape, training in (((2, 3, 64, 64), False), ((2, 3, 65, 97), False), ((1, 3, 64, 64), True)):
            _try(trial.train(training), promised, shape)


def _try(backbone: nn.Module, promised: Promised, shape: tuple[int, ...]) -> None:
    channels, strides = promised
    where = f"on images {shape} in {'training' if backbone.training else 'evaluation'} mode"
    like = next((value for value in backbone.parameters() if value.is_floating_point()), torch.empty(0, device="cpu"))
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(shape, generator=generator, device="cpu").to(like).requires_grad_()
    try:
        maps = backbone(images)
    except Exception as error:
        raise ValueError(f"This backbone breaks the contract: {where} it raises {error!r}.") from error
    if not isinstance(maps, list):
        _broken(f"`forward` returns a list of maps, but {where} it returns a {type(maps).__name__}")
    if len(maps) != len(channels):
        _broken(f"there are as many maps as `channels`, {len(channels)}, but {where} it returns {len(maps)}")
    for index, (map_, width, stride) in enumerate(zip(maps, channels, strides, strict=True)):
        _check_map(map_, f"map {index} (stride {stride}) {where}", images, width, stride)
        # Weighted at random, since the sum over the channels of a normalised map is the same for every image.
        total = (map_ * torch.rand(map_.shape, generator=generator, device="cpu").to(map_)).sum()
        if not _depends_on(total, images):
            _broken(f"gradients flow back from every map, but none does from map {index} (stride {stride}) {where}")


def _depends_on(total: Tensor, images: Tensor) -> bool:
    if not total.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(total, images, retain_graph=True, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def _check_map(map_: object, name: str, images: Tensor, channels: int, stride: int) -> None:
    if not isinstance(map_, Tensor) or map_.ndim != 4:
        what = f"a tensor {tuple(map_.shape)}" if isinstance(map_, Tensor) else f"a {type(map_).__name__}"
        _broken(f"each map is a tensor (B, C, h, w), but {name} is {what}")
    if not map_.is_floating_point():
        _broken(f"each map is floating, but {name} is {map_.dtype}")
    if map_.shape[:2] != (len(images), channels):
        _broken(
            f"{name} has shape {tuple(map_.shape)}, but a batch of {len(images)} and {channels} `channels` are promised"
        )
    for side, n, got in zip(("rows", "columns"), images.shape[2:], map_.shape[2:], strict=True):
        floor, ceiling = n // stride, -(-n // stride)
        if not floor <= got <= ceiling:
            _broken(f"{name} has {got} {side}, but of {n} pixels its stride leaves {floor} to {ceiling}")
    if not map_.isfinite().all():
        _broken(f"maps are finite, but {name} holds NaN or infinity")


def _broken(what: str) -> NoReturn:
    raise ValueError(f"This backbone breaks the contract: {what}.")
