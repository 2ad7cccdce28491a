"""Max pooling that remembers where its maxima were, and unpooling to these places."""

import math
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import IntPair, int_pair, require_tensor


def max_pool_with_indices(
    x: Tensor,
    kernel_size: IntPair,
    *,
    stride: IntPair | None = None,
    padding: IntPair = 0,
    dilation: IntPair = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """Max pooling, and the place of every maximum; of equal values the first in reading order is taken.

    A place is row · W + column, as in PyTorch, and all arguments mean what they mean there: `stride` is the kernel size
    unless given, `padding` counts as -∞, `ceil_mode=True` keeps a last window that is only partly filled.

    Shapes: `x` floating (…, H, W) → values (…, H_out, W_out) and indices of the same shape, int64.

    Raises: ValueError for integer images, sizes below 1, padding of more than half a window, and where no window fits.
    """
    require_tensor(x, "x")
    if not x.is_floating_point() or x.ndim < 2:
        raise ValueError(
            f"max_pool_with_indices needs a floating image (…, H, W), but this is {x.dtype} of shape {tuple(x.shape)}; "
            "convert it with `.float()`."
        )
    kernel = int_pair(kernel_size, "kernel_size")
    steps = kernel if stride is None else int_pair(stride, "stride")
    before = int_pair(padding, "padding", minimum=0)
    spacings = int_pair(dilation, "dilation")
    height, width = x.shape[-2:]
    rows, below = _taps(height, kernel[0], steps[0], before[0], spacings[0], ceil_mode)
    columns, right = _taps(width, kernel[1], steps[1], before[1], spacings[1], ceil_mode)
    frame = (before[1], right, before[0], below)

    values = x.detach()
    places = torch.arange(height * width, device=x.device).view(height, width)
    if any(frame):
        values = pad(values, frame, value=-math.inf)
        places = pad(places, frame, value=-1)
    # One look at every element of all windows: a strided view holds the same element of each.
    looks = ((values[..., row, column], places[row, column]) for row, column in product(rows, columns))
    best, place = next(looks)
    indices, outside = place.expand(best.shape), place < 0
    for value, place in looks:
        better = (value > best) | value.isnan()
        if any(frame):  # -∞ in the image is not more than the padding, and yet it is the maximum and not the padding
            better, outside = better | outside, outside & (place < 0)
        best, indices = torch.where(better, value, best), torch.where(better, place, indices)
    indices = indices.contiguous()  # (…, H_out, W_out)
    return x.flatten(-2).gather(-1, indices.flatten(-2)).view(indices.shape), indices


def max_unpool(x: Tensor, indices: Tensor, output_size: IntPair) -> Tensor:
    """Put every value back to the place that max pooling took it from, with zeros elsewhere.

    Source: Zeiler and Fergus 2014, section 2.1 ("switches", arXiv:1311.2901).

    `output_size` is the size of the image that was pooled. It cannot be guessed, since 4 and 5 pixels pool to 2 alike;
    with another width, values land elsewhere. Where windows overlap, a place can occur twice: with one value, as
    long as it is what was pooled, but after a convolution with two. Then either is kept, as in PyTorch; on a GPU, under
    `torch.use_deterministic_algorithms(True)`, the same in every run. `torch.nn.functional.max_unpool2d` is refused there.

    Shapes: `x` (…, H, W) and `indices` of the same shape, int64 → (…, *output_size).

    Raises: ValueError for other shapes and types, tensors on two devices, and, on the CPU, for indices outside the output.
    A GPU would have to be waited for; there such an index stops the process, as in PyTorch.
    """
    require_tensor(x, "x")
    require_tensor(indices, "indices")
    height, width = int_pair(output_size, "output_size")
    if x.ndim < 2 or indices.shape != x.shape or indices.dtype != torch.int64 or indices.device != x.device:
        raise ValueError(
            "max_unpool needs values (…, H, W) and int64 indices of the same shape on the same device, but values have "
            f"shape {tuple(x.shape)} on {x.device}, and indices are {indices.dtype} of shape {tuple(indices.shape)} on "
            f"{indices.device}; pass both as `max_pool_with_indices` returned them."
        )
    unpooled = x.new_zeros(*x.shape[:-2], height * width)  # (…, H_out · W_out)
    try:
        unpooled.scatter_(-1, indices.flatten(-2), x.flatten(-2))
    except RuntimeError as error:
        if 0 <= int(indices.min()) and int(indices.max()) < height * width:
            raise
        raise ValueError(
            f"Indices into an output of {height} x {width} lie between 0 and {height * width - 1}, but these lie between "
            f"{int(indices.min())} and {int(indices.max())}; pass the size of the image that was pooled, `x.shape[-2:]`."
        ) from error
    return unpooled.view(*x.shape[:-2], height, width)


def _taps(
    n: int, kernel_size: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> tuple[list[slice], int]:
    """The first, second, … element of all windows along one axis, as slices, and how much padding they need at the end."""
    extent = (kernel_size - 1) * dilation + 1
    if padding > kernel_size // 2 or (padding and dilation > n):  # a window would see nothing of the image
        raise ValueError(
            f"padding must be at most half of the kernel size {kernel_size}, and needs a dilation of at most the {n} pixels of "
            f"the image, but padding is {padding} and dilation {dilation}; take less."
        )
    n_out = (n + 2 * padding - extent + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (n_out - 1) * stride >= n + padding:  # the last window would begin in the padding
        n_out -= 1
    if n == 0 or n_out < 1:
        raise ValueError(
            f"A window that spans {extent} pixels does not fit into {n} pixels with padding {padding}; take a smaller "
            "kernel_size or dilation, or larger images."
        )
    last = (n_out - 1) * stride
    needed = max(padding, last + extent - padding - n) if ceil_mode else padding
    return [slice(first, first + last + 1, stride) for first in range(0, extent, dilation)], needed
