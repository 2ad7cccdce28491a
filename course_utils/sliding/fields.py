"""What an output of a network sees of the image: by the recursion over its layers, and by its gradient."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor, nn

from course_utils.ops.checks import IntPair, int_pair, whole_number, whole_numbers
from course_utils.sliding.layers import (
    BatchNorm,
    Dropout,
    is_pointwise,
    map_side,
    margins,
    own_computation,
    refuse_training_mode,
)

Layers = nn.Module | Sequence["Layers"] | Mapping[str, "Layers"]


class ReceptiveField(NamedTuple):
    """Which pixels an output sees: along an axis, output i those within size / 2 of offset + i · stride.

    The offset is the centre of the first output's field in continuous pixel coordinates: 0.5 is the centre of pixel 0. With
    padding that field may begin outside the image. What differs along the axes is a pair (vertical, horizontal).
    """

    size: IntPair
    stride: IntPair
    offset: float | tuple[float, float]


class _Axis(NamedTuple):
    """The field after some layers along one axis, and the channels there, None if they are not known."""

    size: int = 1
    stride: int = 1
    offset: float = 0.5
    channels: int | None = None

    def after(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "_Axis":
        reach = dilation * (kernel - 1)
        return self._replace(
            size=self.size + reach * self.stride,
            stride=self.stride * stride,
            offset=self.offset + (reach / 2 - padding) * self.stride,
        )


def receptive_field(layers: Layers) -> ReceptiveField:
    """The theoretical receptive field of a network's outputs: r_l = r_(l-1) + d_l (k_l - 1) j_(l-1), j_l = s_l j_(l-1).

    Source: Araujo, Norris and Sim 2019, Computing receptive fields of convolutional neural networks, Distill.

    `layers` are modules in their order: an `nn.Sequential`, a list, nested as one likes. A dict (or `nn.ModuleDict`) in
    it stands for parallel branches. The one with the largest field counts, and their strides must agree.
    Convolutions, max and average pooling count, also dilated and padded; activations, dropout and batch norm (with
    statistics of its own) see what their input sees. A linear layer after Flatten is a convolution as large as the map, which is
    taken to be square.

    Raises: ValueError for any other layer, whose field does not follow from its type, and for branches that disagree.
    """
    rows, columns = (_through(layers, _Axis(), axis, "layers") for axis in (0, 1))
    both = zip(rows[:3], columns[:3], strict=True)
    return ReceptiveField(*(row if row == column else (row, column) for row, column in both))


def _through(layers: Layers, field: _Axis, axis: int, name: str) -> _Axis:
    """The field after these layers, along rows (axis 0) or columns (axis 1)."""
    own = own_computation(layers) if isinstance(layers, nn.Module) else None
    if own is not None:
        _refuse(f"{name} is a {type(layers).__name__} with {own}")
    if isinstance(layers, Mapping) or type(layers) is nn.ModuleDict:
        return _widest({key: _through(branch, field, axis, f"{name}.{key}") for key, branch in layers.items()}, name)
    if isinstance(layers, (list, tuple, nn.ModuleList, nn.Sequential)):
        for number, layer in enumerate(layers):
            field = _through(layer, field, axis, f"{name}.{number}")
        return field
    if is_pointwise(layers) or isinstance(layers, (Dropout, BatchNorm, nn.Flatten)):
        return field
    if isinstance(layers, nn.Linear):
        return field.after(map_side(layers, field.channels, name))._replace(channels=layers.out_features)
    if isinstance(layers, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        settings = {setting: getattr(layers, setting, 1) for setting in ("kernel_size", "stride", "dilation")}
        kernel, stride, dilation = (int_pair(value, f"{key} of {name}")[axis] for key, value in settings.items())
        if isinstance(layers, nn.Conv2d):
            return field.after(kernel, stride, margins(layers)[axis], dilation)._replace(channels=layers.out_channels)
        padding = int_pair(layers.padding, f"padding of {name}", minimum=0)[axis]
        return field.after(kernel, stride, padding, dilation)
    _refuse(f"{name} is a {type(layers).__name__}")


def _refuse(what: str) -> NoReturn:
    raise ValueError(
        f"receptive_field goes through convolutions, pooling and what acts on each place alone, but {what}, whose field "
        "does not follow from its type. Give its layers in a list, parallel branches as a dict, and leave out what "
        "changes nothing at your image size (an adaptive pooling); or measure the field with effective_receptive_field."
    )


def _widest(branches: dict[str, _Axis], name: str) -> _Axis:
    """The branch with the largest field; how many channels there are after it depends on how they are put together."""
    strides = {key: field.stride for key, field in branches.items()}
    if len(set(strides.values())) != 1:
        raise ValueError(
            f"Parallel branches need one stride, so that they can be put together, but those of {name} have "
            f"{strides or 'no branch at all'}; give each the same downsampling, or ask for the field of one of them."
        )
    return max(branches.values(), key=lambda field: field.size)._replace(channels=None)


def effective_receptive_field(
    module: nn.Module, input_size: IntPair, *, in_channels: int = 3, samples: int = 8, seed: int = 0
) -> Tensor:
    """How much each pixel moves the output in the centre: the mean absolute gradient over random images.

    Source: Luo et al. 2016, Understanding the effective receptive field, sections 2 and 3, arXiv:1701.04128.
    Differs from the paper: the gradient is of the sum over the output's channels, and its absolute value is averaged over
    samples and input channels. The sum is constant after a softmax, so leave that out.

    The module takes images (1, in_channels, H, W), here of standard normal noise, and returns (1, K, h, w) at any
    resolution; the output in question is that at (h // 2, w // 2). Everything is on the device and in the type of the
    module's parameters, whose gradients stay as they are.

    Shapes: → (H, W), the size of the input, not normalised.

    Raises: ValueError for batch norm or dropout in training mode, for an output of another shape, and for one that does not
    depend on the image.
    """
    height, width = int_pair(input_size, "input_size")
    in_channels, samples = whole_numbers(1, in_channels=in_channels, samples=samples)
    seed = whole_number(seed, "seed", minimum=0)
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"module must be an nn.Module, but is a {type(module).__name__}; put its layers into nn.Sequential."
        )
    refuse_training_mode(module)
    parameter = next(module.parameters(), torch.zeros((), dtype=torch.float32, device="cpu"))
    draw = torch.Generator().manual_seed(seed)
    shape = (1, in_channels, height, width)
    total = parameter.detach().new_zeros(height, width)
    for _ in range(samples):
        noise = torch.randn(shape, generator=draw, dtype=torch.float32, device="cpu")
        total += _gradient_of_centre(module, noise.to(parameter)).abs().mean((0, 1))
    return total / samples


def _gradient_of_centre(module: nn.Module, image: Tensor) -> Tensor:
    """Gradient of the centre output, summed over its channels, with respect to the image."""
    with torch.inference_mode(False), torch.enable_grad():
        image = image.clone().requires_grad_()  # a copy, since what was made in inference mode has no gradient
        output = module(image.clone())  # the first layer may work in place
        if not isinstance(output, Tensor) or output.ndim != 4 or 0 in output.shape or not output.requires_grad:
            came = f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
            raise ValueError(
                "effective_receptive_field needs a module that turns images into differentiable maps (1, K, h, w), but it "
                f"gave {came}; leave out its layers from Flatten or argmax on, or wrap it so that it returns one map."
            )
        centre = output[:, :, output.shape[2] // 2, output.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(centre, image, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "effective_receptive_field needs a module whose output depends on the image, but this one's does not; check "
            "that its forward uses its input, and does not detach it."
        )
    return gradient
