"""A classifier turned into a convolutional network that computes the same."""

from collections.abc import Iterator
from copy import deepcopy
from typing import NoReturn

from torch import nn

from course_utils.ops.checks import IntPair, Pair, int_pair
from course_utils.sliding.layers import Dropout, is_plain_sequential, is_pointwise, own_computation

BEFORE = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)


def convolutionalise(classifier: nn.Sequential, *, map_size: IntPair | None = None) -> nn.Sequential:
    """A classifier with its linear layers written as convolutions: the same logits, and on larger images a map of them.

    Source: Long, Shelhamer and Darrell 2015, section 3.1 and figure 2, arXiv:1411.4038.

    The first linear layer sees a whole map of h×w and becomes a convolution of h×w; those after it see one vector and become
    1×1. `map_size` is (h, w); it may be left out if a convolution stands before and the map is square. All layers are copies.

    Strides stay, so that the logits of larger images lie as many pixels apart: `sliding.windows.to_dense` gives all of them.
    Where convolutions are padded, these logits differ from a window's at its border.

    Shapes: where the classifier takes (B, C, H, W) to (B, K), the new network does to (B, K, 1, 1).

    Raises: ValueError for layers that have no convolutional form, and a map that does not fit the first linear layer.
    """
    if not is_plain_sequential(classifier):
        raise ValueError(
            f"convolutionalise takes the layers of an nn.Sequential, but got a {type(classifier).__name__}."
        )
    size = None if map_size is None else int_pair(map_size, "map_size")
    layers: list[nn.Module] = []
    channels, is_flat, is_vector = None, False, False  # flat: a map as one row of numbers; a vector: a map of 1×1
    for layer in _flat(classifier):
        if isinstance(layer, (nn.Linear, nn.Flatten)) and own_computation(layer):
            _refuse(layer, f"has {own_computation(layer)}, which would be lost")
        if isinstance(layer, nn.Linear):
            kernel = (1, 1) if is_vector else _kernel(layer, channels, size)
            layers.append(_as_convolution(layer, kernel))
            is_flat, is_vector = False, True
        elif isinstance(layer, nn.Flatten):
            if (layer.start_dim, layer.end_dim) not in ((1, -1), (1, 3)):
                _refuse(layer, "does not flatten channels, rows and columns together")
            is_flat = not is_vector
        elif is_flat and (isinstance(layer, BEFORE) or _tells_channels_apart(layer)):
            _refuse(layer, "stands after Flatten, where a place of a channel is a channel of its own")
        elif is_pointwise(layer) or isinstance(layer, Dropout) or (isinstance(layer, BEFORE) and not is_vector):
            layers.append(deepcopy(layer))
            channels = getattr(layer, "out_channels", channels)
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            _refuse(layer, "depends on the image's size; leave it out if it changes nothing at the classifier's own")
        else:
            _refuse(layer, "has no convolutional form that is known here")
    network = nn.Sequential(*layers)
    network.training = classifier.training
    return network


def _tells_channels_apart(layer: nn.Module) -> bool:
    return isinstance(layer, (nn.Softmax, nn.LogSoftmax)) or (isinstance(layer, nn.PReLU) and layer.num_parameters > 1)


def _flat(layers: nn.Sequential) -> Iterator[nn.Module]:
    for layer in layers:
        if is_plain_sequential(layer):
            yield from _flat(layer)
        else:
            yield layer


def _kernel(linear: nn.Linear, channels: int | None, size: Pair | None) -> Pair:
    """Rows and columns of the map that the first linear layer takes flattened."""
    places = linear.in_features // channels if channels else 0
    side = round(places**0.5)
    kernel = size or (side, side)
    area = kernel[0] * kernel[1]
    if area == 0 or linear.in_features % area or (channels and channels * area != linear.in_features):
        raise ValueError(
            f"The first linear layer takes {linear.in_features} numbers, which are no map of {channels or 'unknown'} channels "
            f"and {f'size {kernel[0]}×{kernel[1]}' if area else 'unknown size'}; pass map_size, the map's rows and columns."
        )
    return kernel


def _as_convolution(linear: nn.Linear, kernel: Pair) -> nn.Conv2d:
    channels = linear.in_features // (kernel[0] * kernel[1])
    # Without weights of its own: those of VGG's fc6 would take 400 MB just to be replaced.
    convolution = nn.Conv2d(channels, linear.out_features, kernel, bias=linear.bias is not None, device="meta")
    weight = linear.weight.detach().unflatten(1, (channels, *kernel)).clone()
    convolution.weight = nn.Parameter(weight, requires_grad=linear.weight.requires_grad)
    if linear.bias is not None:
        convolution.bias = nn.Parameter(linear.bias.detach().clone(), requires_grad=linear.bias.requires_grad)
    return convolution.train(linear.training)


def _refuse(layer: nn.Module, reason: str) -> NoReturn:
    raise ValueError(f"This classifier cannot be convolutionalised, since its layer {layer} {reason}.")
