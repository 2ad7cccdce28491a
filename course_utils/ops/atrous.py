"""Atrous convolution: from its definition, two other ways to compute it, and what its taps see.

Everywhere the kernel has an odd side, zeros are put around the map, and the result has the map's size.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from course_utils.ops.checks import IntPair, Pair, int_pair, whole_number, whole_numbers
from course_utils.ops.convsizes import require_channels, require_matching, require_weight
from course_utils.ops.precision import at_least_float32


def atrous_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, rate: int) -> Tensor:
    """Atrous convolution from its definition: y[i] = Σ_κ x[i + rate·κ] w[κ], with κ = 0 at the kernel's centre.

    Source: Chen et al. 2017, equation 1, arXiv:1706.05587. At rate 1 it is an ordinary convolution.

    Shapes: `x` (B, C_in, H, W), `weight` (C_out, C_in, k, k) with an odd k, `bias` (C_out,) → (B, C_out, H, W). Sums of
    float16 and bfloat16 are in float32.

    Raises: ValueError for shapes, types or devices that do not fit each other, an even kernel, and a rate below 1.
    """
    rate = _checked(x, weight, bias, rate)
    height, width, side = *x.shape[2:], weight.shape[2]
    maps, weights = at_least_float32(x), at_least_float32(weight)
    padded = pad(maps, (rate * (side // 2),) * 4)  # (B, C_in, H + rate·(k - 1), W + rate·(k - 1))
    out = maps.new_zeros(len(x), len(weight), height, width)
    for row in range(side):
        for column in range(side):
            # What this tap reads, for all places i at once: x[i + rate·κ].
            seen = padded[:, :, row * rate : row * rate + height, column * rate : column * rate + width]
            out = out + torch.einsum("oi, bihw -> bohw", weights[:, :, row, column], seen)
    return (out if bias is None else out + bias[:, None, None]).to(x.dtype)


def zero_stuffed(weight: Tensor, *, rate: int) -> Tensor:
    """The kernel of the ordinary convolution that an atrous one equals: `rate - 1` zeros between any two weights.

    Shapes: (C_out, C_in, k, k) → (C_out, C_in, K, K) with K = `effective_kernel_size(k, rate)`.

    Raises: ValueError for another shape, an even kernel, and a rate below 1.
    """
    rate = _checked_kernel(weight, rate)
    side = effective_kernel_size(weight.shape[2], rate)
    stuffed = weight.new_zeros(*weight.shape[:2], side, side)
    stuffed[:, :, ::rate, ::rate] = weight
    return stuffed


def atrous_by_phases(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, rate: int) -> Tensor:
    """`atrous_conv2d` by ordinary convolutions: split the map into rate·rate phases, convolve each, interleave them again.

    A phase is every `rate`-th row and column, from one of the first ones on. The places that a tap reads are `rate` apart, so
    they lie in one phase, side by side.

    Source: Chen et al. 2018, section 3.1, arXiv:1606.00915. Shapes and errors: as `atrous_conv2d`.
    """
    rate = _checked(x, weight, bias, rate)
    out = x.new_empty(len(x), len(weight), *x.shape[2:])
    for row in range(min(rate, x.shape[2])):
        for column in range(min(rate, x.shape[3])):
            phase = x[:, :, row::rate, column::rate]  # (B, C_in, H/rate, W/rate)
            out[:, :, row::rate, column::rate] = conv2d(phase, weight, bias, padding="same")
    return out


def effective_kernel_size(kernel_size: int, rate: int) -> int:
    """Pixels from a kernel's first tap to its last, both counted: k + (k - 1)·(rate - 1).

    Raises: ValueError for numbers below 1.
    """
    kernel_size, rate = whole_numbers(1, kernel_size=kernel_size, rate=rate)
    return kernel_size + (kernel_size - 1) * (rate - 1)


def taps_seen(*rates: int, kernel_size: int = 3) -> Tensor:
    """What one output of atrous convolutions in series sees: on how many ways through the taps it reaches each place.

    Where this is 0 within the field, a pixel plays no part: the gridding of equal rates. Three layers of rate 2 reach 49
    places of 13 · 13; rates 1, 2 and 5 all of 17 · 17.

    Source: Wang et al. 2018, section 3.2, arXiv:1702.08502.

    Shapes: → (S, S) int64 on the CPU, S = 1 + Σ rate·(k - 1). Raises: ValueError for numbers below 1.
    """
    kernel_size = whole_number(kernel_size, "kernel_size", minimum=1)
    ways = torch.ones(1, dtype=torch.int64, device="cpu")  # along one axis
    for rate in whole_numbers(1, **{f"rate {number}": rate for number, rate in enumerate(rates, 1)}):
        reach = rate * (kernel_size - 1)
        ways = torch.stack([pad(ways, (tap * rate, reach - tap * rate)) for tap in range(kernel_size)]).sum(0)
    return ways[:, None] * ways


def taps_inside(size: IntPair, rate: int, *, kernel_size: int = 3) -> Tensor:
    """How many taps of a kernel read the map, and not the zeros around it, for the kernel's centre at each place.

    Source: Chen et al. 2017, section 3.3 and figure 4, arXiv:1706.05587.

    Shapes: `size` (H, W) → (H, W) int64 on the CPU. Raises: ValueError for numbers below 1, and an even kernel.
    """
    (height, width), rate, kernel_size = _checked_numbers(size, rate, kernel_size)
    from_centre = rate * (torch.arange(kernel_size, device="cpu") - kernel_size // 2)

    def along(side: int) -> Tensor:
        read = torch.arange(side, device="cpu")[:, None] + from_centre  # (side, k)
        return ((read >= 0) & (read < side)).sum(1)

    return along(height)[:, None] * along(width)


def share_inside(size: IntPair, rate: int, *, kernel_size: int = 3) -> float:
    """The share of places where all taps of a kernel lie inside the map. Where there are none, the kernel degenerates.

    On 65 × 65 the rates 6, 12, 18 and 36 of a 3×3 kernel leave 66, 40, 20 and 0 %. From a rate of the map's side on, the centre
    alone reads the map, and the kernel is a 1×1 one. Source, arguments and errors: as `taps_inside`.
    """
    (height, width), rate, kernel_size = _checked_numbers(size, rate, kernel_size)
    reach = rate * (kernel_size - 1)
    return max(height - reach, 0) * max(width - reach, 0) / (height * width)


def _checked(x: Tensor, weight: Tensor, bias: Tensor | None, rate: int) -> int:
    require_matching(x, weight, bias, axes=2)
    require_channels(x, weight.shape[1], bias, weight.shape[0])
    return _checked_kernel(weight, rate)


def _checked_kernel(weight: Tensor, rate: int) -> int:
    require_weight(weight, axes=2)
    if weight.shape[2] != weight.shape[3]:
        raise ValueError(f"weight must have a square kernel (C_out, C_in, k, k), but has shape {tuple(weight.shape)}.")
    _require_odd(weight.shape[2])
    return whole_number(rate, "rate", minimum=1)


def _checked_numbers(size: IntPair, rate: int, kernel_size: int) -> tuple[Pair, int, int]:
    sides = int_pair(size, "size")
    rate, kernel_size = whole_numbers(1, rate=rate, kernel_size=kernel_size)
    _require_odd(kernel_size)
    return sides, rate, kernel_size


def _require_odd(kernel_size: int) -> None:
    if kernel_size % 2 == 0:
        raise ValueError(
            f"The kernel must have an odd side, so that it has a centre, but has {kernel_size}; take {kernel_size + 1}."
        )
