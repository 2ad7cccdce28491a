"""Sizes of convolutions, and what they ask of their arguments."""

import math
from collections.abc import Callable

from torch import Tensor

from course_utils.ops.checks import IntPair, Pair, int_pair, require_tensor, whole_number, whole_numbers


def output_size(n: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Size of a convolution along one axis: floor((n + 2·padding − dilation·(kernel_size − 1) − 1) / stride) + 1.

    Source: Dumoulin and Visin 2016, section 2.4 with the dilated kernel of section 5.1, arXiv 1603.07285.

    Raises: ValueError if an argument is not an integer or is too small, and for a kernel larger than the padded input.
    """
    n, kernel_size, stride, dilation = whole_numbers(1, n=n, kernel_size=kernel_size, stride=stride, dilation=dilation)
    padding = whole_number(padding, "padding", minimum=0)
    extent = dilation * (kernel_size - 1) + 1
    if extent > n + 2 * padding:
        raise ValueError(
            f"A kernel of {kernel_size} with dilation {dilation} covers {extent} pixels, but the input has {n} and "
            f"{n + 2 * padding} when padded; pad by at least {math.ceil((extent - n) / 2)}, or take a smaller kernel."
        )
    return (n + 2 * padding - extent) // stride + 1


def transposed_output_size(
    n: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1, output_padding: int = 0
) -> int:
    """Size of a transposed convolution along one axis.

    (n − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1. Padding is cut off the output; a
    convolution with a stride maps several sizes to n, and `output_padding` picks the one to go back to.

    Raises: ValueError if an argument is not an integer or is too small, for an `output_padding` that is smaller than neither
    stride nor dilation, and for a padding that cuts everything off.
    """
    n, kernel_size, stride, dilation = whole_numbers(1, n=n, kernel_size=kernel_size, stride=stride, dilation=dilation)
    padding, output_padding = whole_numbers(0, padding=padding, output_padding=output_padding)
    if output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding must be smaller than the stride ({stride}) or the dilation ({dilation}), but is "
            f"{output_padding}; a larger output needs a larger stride."
        )
    uncut = (n - 1) * stride + dilation * (kernel_size - 1) + output_padding + 1
    if uncut <= 2 * padding:
        raise ValueError(
            f"padding {padding} is cut off both ends of the output, but that has only {uncut} pixels; "
            f"take at most {(uncut - 1) // 2}."
        )
    return uncut - 2 * padding


def sizes_along_both_axes(size: Callable[..., int], input_size: Pair, weight: Tensor, **steps: Pair) -> Pair:
    """The size of an output along both axes."""
    rows, columns = ({name: pair[axis] for name, pair in steps.items()} for axis in range(2))
    return size(input_size[0], weight.shape[2], **rows), size(input_size[1], weight.shape[3], **columns)


def steps_along_both_axes(stride: IntPair, padding: IntPair, dilation: IntPair) -> dict[str, Pair]:
    """The steps of a convolution by name, each (vertical, horizontal)."""
    return {
        "stride": int_pair(stride, "stride"),
        "padding": int_pair(padding, "padding", minimum=0),
        "dilation": int_pair(dilation, "dilation"),
    }


def steps_along_one_axis(stride: IntPair, padding: IntPair, dilation: IntPair) -> dict[str, Pair]:
    """The steps along one axis as those of a map with one row; a pair is refused."""
    stride, dilation = whole_numbers(1, stride=stride, dilation=dilation)
    padding = whole_number(padding, "padding", minimum=0)
    return {"stride": (1, stride), "padding": (0, padding), "dilation": (1, dilation)}


def checked_groups(groups: int, channels: int) -> int:
    groups = whole_number(groups, "groups", minimum=1)
    if channels % groups:
        raise ValueError(
            f"groups must divide weight's {channels} channels (axis 0), but is {groups}; take a divisor of {channels}."
        )
    return groups


def require_weight(weight: Tensor, *, axes: int) -> None:
    require_tensor(weight, "weight")
    if weight.ndim != axes + 2 or weight.numel() == 0 or not weight.is_floating_point():
        raise ValueError(
            f"weight must be floating and {'(channels, channels, k)' if axes == 1 else '(channels, channels, kH, kW)'}, "
            f"but is {weight.dtype} of shape {tuple(weight.shape)}; add missing axes with `weight[None]`, convert it with "
            "`.float()`."
        )


def require_matching(x: Tensor, weight: Tensor, bias: Tensor | None, *, axes: int) -> None:
    require_tensor(x, "x")
    require_weight(weight, axes=axes)
    if x.ndim != axes + 2:
        raise ValueError(
            f"x must be {'(B, C, n)' if axes == 1 else '(B, C, H, W)'}, but has shape {tuple(x.shape)}; add the batch "
            "axis or the channel axis, for example with `x[None]`."
        )
    if 0 in x.shape[2:]:
        raise ValueError(f"x must have at least one pixel along each axis, but has shape {tuple(x.shape)}.")
    if bias is not None:
        require_tensor(bias, "bias")
    for name, tensor in {"x": x, "bias": bias}.items():
        if tensor is not None and (tensor.dtype, tensor.device) != (weight.dtype, weight.device):
            raise ValueError(
                f"{name} and weight must have one type and device, but {name} is {tensor.dtype} on {tensor.device}, weight "
                f"{weight.dtype} on {weight.device}; convert one with `{name}.to(weight)`."
            )


def require_channels(x: Tensor, expected: int, bias: Tensor | None, outputs: int) -> None:
    if x.shape[1] != expected:
        raise ValueError(
            f"x must have the {expected} input channels of this weight and its groups (axis 1), but has {x.shape[1]}; the "
            "weight is (C_out, C_in / groups, …), of a transposed convolution (C_in, C_out / groups, …)."
        )
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"bias must have one value for each of {outputs} output channels, but is {tuple(bias.shape)}.")
