"""What DeconvNet and SegNet share: an encoder that remembers where its maxima were, and the decoder that mirrors it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.models.layers import IMAGENET_MEAN, IMAGENET_STD, Normalise, positive_integers, with_he_weights
from course_utils.ops.checks import require_tensor
from course_utils.ops.unpool import max_unpool


class Pooling(NamedTuple):
    """What a decoder needs to undo a max pooling: where the maxima were (B, C, H // 2, W // 2), and the (H, W) before it."""

    indices: Tensor
    size: tuple[int, int]


class PoolingEncoder(nn.Module):
    """Stages of 3 x 3 convolutions, each followed by a 2 x 2 max pooling of which the indices are kept.

    Source: Simonyan and Zisserman 2015, table 1, column D (arXiv 1409.1556), with `widths` and `depths` of VGG-16.

    Images in [0, 1] are normalised here with the mean and standard deviation that torchvision's weights were trained with.

    Shapes: images (B, 3, H, W) → maps (B, widths[-1], H // 2^n, W // 2^n) after n stages, and a `Pooling` of each stage,
    finest first. Raises: ValueError for images with other channels, or too small for the poolings.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int], *, batch_norm: bool) -> None:
        super().__init__()
        widths, depths = positive_integers(widths, "widths"), positive_integers(depths, "depths")
        if len(widths) != len(depths) or not widths:
            raise ValueError(
                f"An encoder needs one width and one depth for each stage, but got widths {widths} and depths {depths}; "
                "give as many of the one as of the other."
            )
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        convolution = partial(nn.Conv2d, kernel_size=3, padding=1)
        inputs = (3, *widths[:-1])
        self.stages = nn.ModuleList(
            convolutions([before] + [width] * depth, convolution, batch_norm=batch_norm)
            for before, width, depth in zip(inputs, widths, depths, strict=True)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, list[Pooling]]:
        smallest = 2 ** len(self.stages)
        require_tensor(images, "images")
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[-2:]) < smallest:
            raise ValueError(
                f"This network needs images (B, 3, H, W) of at least {smallest} x {smallest} pixels, since it halves them "
                f"{len(self.stages)} times, but got the shape {tuple(images.shape)}; enlarge or pad the images."
            )
        maps, poolings = self.normalise(images), []
        for stage in self.stages:
            maps = stage(maps)
            size = tuple(maps.shape[-2:])
            # The fast form of `course_utils.ops.unpool.max_pool_with_indices`, equal to it.
            maps, indices = F.max_pool2d(maps, 2, return_indices=True)  # (B, C, H/2, W/2), then H/4, …
            poolings.append(Pooling(indices, size))
        return maps, poolings


class Unpool(nn.Module):
    """Put every value back to the place that its maximum came from; zeros elsewhere.

    The fast form of `course_utils.ops.unpool.max_unpool`, equal to it. The size has to be told: 4 and 5 pixels pool to 2
    alike, and an index is row · W + column, with the W of the map that was pooled.

    PyTorch's own unpooling refuses to run under `torch.use_deterministic_algorithms(True)`, on every device, because two
    values could want one place. Windows that do not overlap never want one, and `max_unpool` is deterministic there anyway.
    """

    def forward(self, maps: Tensor, pooling: Pooling) -> Tensor:
        if torch.are_deterministic_algorithms_enabled():
            return max_unpool(maps, pooling.indices, pooling.size)
        return F.max_unpool2d(maps, pooling.indices, (2, 2), output_size=pooling.size)


def convolutions(widths: Sequence[int], convolution: Callable[..., nn.Module], *, batch_norm: bool) -> nn.Sequential:
    """Convolution, batch norm if wanted, and ReLU, for every step from one width to the next; He's first weights."""
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:], strict=False):
        layers.append(with_he_weights(convolution(before, after), uniform=True))
        layers += [nn.BatchNorm2d(after)] if batch_norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def renamed_vgg(
    state: Mapping[str, Tensor], names: Mapping[str, str], own: Mapping[str, Tensor], *, unused: str
) -> dict[str, Tensor]:
    """Tensors of torchvision's VGG under the names and in the shapes that they have here.

    `names` are torchvision's by ours, and `own` is the `state_dict` of the network that is to have them. `unused` is how the
    names of those tensors begin that this network has no place for.

    Raises: ValueError where a tensor is missing, left over, or of another size.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"weights must be a state_dict, names with their tensors, but is {type(state).__name__}.")
    missing = [theirs for theirs in names.values() if theirs not in state]
    left_over = [name for name in state if name not in names.values() and not name.startswith(unused)]
    if missing or left_over:
        raise ValueError(
            f"These are not the weights of this network's encoder: missing are {missing[:3]}, left over {left_over[:3]}; "
            "take `vgg16_bn` for a network with batch norm and `vgg16` for one without."
        )
    for ours, theirs in names.items():
        require_tensor(state[theirs], theirs)
        shape = own[ours].shape
        if state[theirs].shape not in (shape, (*shape[:1], shape[1:].numel())):
            raise ValueError(
                f"{theirs} has the shape {tuple(state[theirs].shape)}, but {ours} here {tuple(shape)}; "
                "VGG's weights fit the published widths and depths only."
            )
    # A fully connected layer over 512 x 7 x 7 values is a convolution with a kernel of 7 x 7: the same numbers, reshaped.
    return {ours: state[theirs].view(own[ours].shape) for ours, theirs in names.items()}


def recorded(network: nn.Module, modules: Mapping[str, nn.Module], images: Tensor) -> dict[str, Tensor]:
    """What the named modules give while the network looks at the images, in the order in which they do."""
    outputs: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: outputs.update({name: output}))
        for name, module in modules.items()
    ]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs
