"""The layers of a window classifier, changed one by one so that they compute the same at every place of an image."""

from collections.abc import Callable
from copy import copy
from functools import reduce
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from course_utils.ops.checks import Pair, int_pair
from course_utils.ops.precision import at_least_float32
from course_utils.sliding.layers import (
    Dropout,
    is_padded,
    is_plain_sequential,
    is_pointwise,
    map_side,
    own_computation,
)


class Patch(NamedTuple):
    """What a window has become after some layers; pairs are (vertical, horizontal)."""

    size: Pair | None  # of its map, None if that is not known
    field: Pair = (1, 1)  # pixels of the image that a value of the map sees
    step: Pair = (1, 1)  # pixels of the image from one value to the next: the product of the strides
    channels: int | None = None
    flat: bool = False

    def after(self, name: str, kernel: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> "Patch":
        """The patch after a layer with this kernel; ValueError if the kernel does not fit into the map."""
        reach = _times(dilation, (kernel[0] - 1, kernel[1] - 1))
        size = self.size
        if size is not None:
            if size[0] <= reach[0] or size[1] <= reach[1]:
                needed = f"{reach[0] + 1}×{reach[1] + 1}"
                refuse(
                    name, f"needs a map of {needed}, but a window leaves {size[0]}×{size[1]}; pass a larger `window`"
                )
            size = tuple((n - r - 1) // s + 1 for n, r, s in zip(size, reach, stride, strict=True))
        field = tuple(f + more for f, more in zip(self.field, _times(reach, self.step), strict=True))
        return self._replace(size=size, field=field, step=_times(self.step, stride))


def dense_layer(layer: nn.Module, patch: Patch, name: str = "") -> tuple[nn.Module, Patch]:
    """The dense form of a layer, which has stride 1 and the dilation that the strides before it ask for.

    It has the parameters and buffers of the layer itself, and a mode (training or evaluation) of its own.

    Raises: ValueError with the layer's name and the reason, where no dense form gives the same values.
    """
    if is_plain_sequential(layer):
        return _dense_sequential(layer, patch, name)
    name = f"{name} ({type(layer).__name__})"
    known = (Dropout, nn.Sequential, nn.Flatten, nn.Linear, *_OF_MAPS)
    if isinstance(layer, (nn.Softmax, nn.LogSoftmax)) and layer.dim != 1:
        refuse(name, f"has dim={layer.dim}, which need not be the channels of a map; write dim=1")
    if not (is_pointwise(layer) or isinstance(layer, known)):
        refuse(name, "is of a type that cannot be converted; leave it out, or use sliding_window_logits")
    if not all(isinstance(getattr(layer, part, None), nn.Parameter | None) for part in ("weight", "bias")):
        refuse(name, "computes its weight from others (parametrised, normalised or pruned); remove that first")
    own = own_computation(layer)
    if own is not None:
        refuse(name, f"has {own}, which may compute anything; take that out, or use sliding_window_logits")
    if patch.flat and patch.size != (1, 1) and _tells_channels_apart(layer):
        remedy = "or pass `window`" if patch.size is None else "or put nn.Linear between them"
        refuse(name, f"tells channels apart, which Flatten has mixed with places; move it before Flatten, {remedy}")
    if is_pointwise(layer) or isinstance(layer, Dropout):
        return copy(layer), patch
    if isinstance(layer, nn.Flatten):
        if (layer.start_dim, layer.end_dim) not in ((1, -1), (1, 3)):
            refuse(name, "does not flatten channels, rows and columns together; write nn.Flatten()")
        return nn.Identity(), patch._replace(flat=True)
    if isinstance(layer, nn.Linear):
        return _dense_linear(layer, patch, name)
    if patch.flat:
        refuse(name, "comes after Flatten, where a window has no rows and columns left; move it before")
    convert = next(convert for kind, convert in _OF_MAPS.items() if isinstance(layer, kind))
    return convert(layer, patch, name)


def _tells_channels_apart(layer: nn.Module) -> bool:
    if isinstance(layer, nn.PReLU):
        return layer.num_parameters > 1
    return isinstance(layer, (nn.Softmax, nn.LogSoftmax))


def refuse(name: str, reason: str) -> NoReturn:
    raise ValueError(f"No dense network gives this classifier's logits, since its layer {name} {reason}.")


def _dense_sequential(layers: nn.Sequential, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    dense = nn.Sequential()
    for key, layer in layers._modules.items():  # named_children leaves out a layer that comes twice
        converted, patch = dense_layer(layer, patch, f"{name}.{key}" if name else key)
        dense.add_module(key, converted)
    return dense, patch


def _dense_linear(linear: nn.Linear, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    if not patch.flat:
        refuse(name, "has no Flatten before it, so that it mixes columns; put nn.Flatten() there")
    kernel = patch.size or int_pair(map_side(linear, patch.channels, f"layer {name}"), "side")
    channels, rest = divmod(linear.in_features, kernel[0] * kernel[1])
    if rest or patch.channels not in (None, channels):
        came = f"{patch.channels or '?'} channels of {kernel[0]}×{kernel[1]}"
        refuse(
            name, f"takes {linear.in_features} numbers, but a window becomes {came}; take the `window` it was made for"
        )
    dense = LinearAsConvolution(linear, kernel, patch.step)
    return dense, patch._replace(size=kernel, channels=linear.out_features).after(name, kernel)


def _dense_convolution(layer: nn.Conv2d, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    _refuse_padding(layer, name)
    settings = {setting: getattr(layer, setting) for setting in ("kernel_size", "stride", "dilation")}
    kernel, stride, dilation = (int_pair(value, f"{key} of layer {name}") for key, value in settings.items())
    dense = copy(layer)  # shallow: its settings are its own, its parameters the layer's
    dense.stride, dense.dilation, dense.padding = (1, 1), _times(dilation, patch.step), (0, 0)
    patch = patch._replace(channels=layer.out_channels)
    return dense, patch.after(name, kernel, stride, dilation)


def _dense_norm(layer: nn.BatchNorm2d, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    return copy(layer), patch


def _dense_pooling(layer: nn.MaxPool2d | nn.AvgPool2d, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    _refuse_padding(layer, name)
    if layer.ceil_mode:
        refuse(name, "has ceil_mode=True, so that it pools over less at a window's border; set it to False")
    kernel, stride = (int_pair(getattr(layer, side), f"{side} of layer {name}") for side in ("kernel_size", "stride"))
    if isinstance(layer, nn.AvgPool2d):
        divisor = layer.divisor_override or kernel[0] * kernel[1]
        return DilatedAverage(kernel, patch.step, divisor), patch.after(name, kernel, stride)
    if layer.return_indices:
        refuse(name, "returns indices, which count within a window; set return_indices=False")
    dilation = int_pair(layer.dilation, f"dilation of layer {name}")
    return DilatedMaximum(kernel, _times(dilation, patch.step)), patch.after(name, kernel, stride, dilation)


def _dense_adaptive_pooling(layer: nn.AdaptiveAvgPool2d, patch: Patch, name: str) -> tuple[nn.Module, Patch]:
    """On maps of one size it is an ordinary pooling, if it divides them into equal parts."""
    if patch.size is None:
        refuse(name, "pools over as much as the window's size asks for, which is not known; pass `window`")
    wanted = layer.output_size if isinstance(layer.output_size, tuple) else (layer.output_size, layer.output_size)
    parts = [part or n for n, part in zip(patch.size, wanted, strict=True)]  # None: as many as there are
    (rows, rest_of_rows), (columns, rest_of_columns) = map(divmod, patch.size, parts)
    if rest_of_rows or rest_of_columns:
        came = f"a map of {patch.size[0]}×{patch.size[1]} into {parts[0]}×{parts[1]}"
        refuse(name, f"divides {came} unequal parts; take a `window` whose map it divides equally, or nn.AvgPool2d")
    kernel = (rows, columns)
    return DilatedAverage(kernel, patch.step, rows * columns), patch.after(name, kernel, kernel)


_OF_MAPS: dict[type[nn.Module], Callable[..., tuple[nn.Module, Patch]]] = {
    nn.Conv2d: _dense_convolution,
    nn.BatchNorm2d: _dense_norm,
    nn.MaxPool2d: _dense_pooling,
    nn.AvgPool2d: _dense_pooling,
    nn.AdaptiveAvgPool2d: _dense_adaptive_pooling,
}


class LinearAsConvolution(nn.Module):
    """A linear layer for flattened maps, at every place of larger maps; its weight and bias are the layer's own."""

    def __init__(self, linear: nn.Linear, kernel_size: Pair, dilation: Pair) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.register_parameter("weight", linear.weight)
        self.register_parameter("bias", linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.unflatten(1, (-1, *self.kernel_size))  # (K, C, h, w)
        return conv2d(x, kernel, self.bias, dilation=self.dilation)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, kernel_size={self.kernel_size}, dilation={self.dilation}"


class DilatedAverage(nn.Module):
    """Average pooling with stride 1 and a dilation, which `nn.AvgPool2d` does not have."""

    def __init__(self, kernel_size: Pair, dilation: Pair, divisor: int) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.divisor = kernel_size, dilation, divisor

    def forward(self, x: Tensor) -> Tensor:
        wide = at_least_float32(x)  # a sum of halves overflows, or no longer grows
        return (_over_kernel(torch.add, wide, self.kernel_size, self.dilation) / self.divisor).to(x.dtype)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}"


class DilatedMaximum(nn.Module):
    """Max pooling with stride 1 and a dilation."""

    def __init__(self, kernel_size: Pair, dilation: Pair) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:  # of equal values the first gets the gradient, as in the classifier
            return max_pool2d(x, self.kernel_size, stride=1, dilation=self.dilation)
        return _over_kernel(torch.maximum, x, self.kernel_size, self.dilation)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}"


def _over_kernel(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor, kernel_size: Pair, dilation: Pair) -> Tensor:
    """Combine the values under a kernel at every place: first those above one another, then those beside."""
    for axis, kernel, step in zip((2, 3), kernel_size, dilation, strict=True):
        length = x.shape[axis] - step * (kernel - 1)
        x = reduce(combine, (x.narrow(axis, step * place, length) for place in range(kernel)))
    return x


def _refuse_padding(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, name: str) -> None:
    if is_padded(layer):
        refuse(
            name,
            f"has padding {layer.padding!r}: it sees padding at the border of each window, where the image has pixels; "
            "remove it, and pass padding=True to pad the image instead",
        )


def _times(first: Pair, second: Pair) -> Pair:
    return first[0] * second[0], first[1] * second[1]
