"""Two more ways to go up: pixel shuffle sorts channels into pixels, reassembly takes kernels that a network predicts."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from course_utils.ops.checks import require_tensor, whole_number


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """Sort groups of factor² channels into squares of factor · factor pixels.

    Source: Shi et al. 2016, equation 4, arXiv:1609.05158, in PyTorch's order: channel c·f² + i·f + j becomes the pixel in row
    i and column j of its square in channel c.

    Shapes: (…, C·f², H, W) → (…, C, f·H, f·W). Differentiable.

    Raises: ValueError for fewer than three axes, a factor below 1, and channels that f² does not divide.
    """
    factor = _checked_factor(x, "x", factor)
    squares = x.unflatten(-3, (-1, factor, factor))  # (…, C, i, j, H, W)
    axes = squares.ndim
    order = [*range(axes - 4), axes - 2, axes - 4, axes - 1, axes - 3]  # (…, C, H, i, W, j)
    return squares.permute(order).flatten(-2).flatten(-3, -2)


def icnr(weight: Tensor, factor: int) -> Tensor:
    """Weights with which a convolution and a pixel shuffle begin as that convolution and nearest upsampling.

    Source: Aitken et al. 2017, section 4, arXiv:1707.02937. Each kernel is there factor² times, once for each phase; so the
    phases have equal sums, and nothing draws a checkerboard until training moves them apart.

    Shapes: (C_out, C_in, k_h, k_w) → (C_out·f², C_in, k_h, k_w).

    Raises: ValueError for another number of axes and a factor below 1.
    """
    require_tensor(weight, "weight")
    if weight.ndim != 4:
        raise ValueError(f"weight must be (C_out, C_in, k_h, k_w), but has the shape {tuple(weight.shape)}.")
    return weight.repeat_interleave(whole_number(factor, "factor", minimum=1) ** 2, dim=0)


def shuffle_as_transposed(weight: Tensor, factor: int) -> Tensor:
    """The kernel of the one transposed convolution that a convolution and a pixel shuffle are together.

    The convolution has stride 1 and padding (k - 1) / 2, the transposed one stride f and padding f·(k - 1) / 2. It has all
    the weights of the former, and no others: those of channel c·f² + i·f + j become phase (i, j), turned by 180 degrees.

    Source: Shi et al. 2016, arXiv:1609.07009.

    Shapes: (C·f², C_in, k, k) with an odd k → (C_in, C, f·k, f·k).

    Raises: ValueError for another shape, an even kernel, a factor below 1, and channels that f² does not divide.
    """
    require_tensor(weight, "weight")
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
        raise ValueError(f"weight must be (C·f², C_in, k, k) with an odd k, but has the shape {tuple(weight.shape)}.")
    turned = weight.flip(2, 3).transpose(0, 1)  # (C_in, C·f², k, k)
    return pixel_shuffle(turned, factor)


def reassemble(x: Tensor, kernels: Tensor, factor: int) -> Tensor:
    """Each new pixel is a weighted sum of the k · k neighbours of the old pixel that it lies in, with weights of its own.

    Source: Wang et al. 2019 (CARAFE), equation 4, arXiv:1905.02188. Outside the map there are zeros.

    Shapes: `x` (B, C, H, W) and `kernels` (B, k², f·H, f·W) with an odd k, in reading order → (B, C, f·H, f·W).
    Differentiable in both.

    Raises: ValueError for shapes, types or devices that do not fit each other, an even k, and a factor below 1.
    """
    require_tensor(x, "x")
    require_tensor(kernels, "kernels")
    factor = whole_number(factor, "factor", minimum=1)
    fits = x.ndim == kernels.ndim == 4 and len(x) == len(kernels)
    fits = fits and tuple(kernels.shape[2:]) == (factor * x.shape[2], factor * x.shape[3])
    side = round(kernels.shape[1] ** 0.5) if fits else 0
    if side % 2 == 0 or side**2 != kernels.shape[1] or x.dtype != kernels.dtype or x.device != kernels.device:
        raise ValueError(
            f"reassemble needs maps (B, C, H, W) and kernels (B, k², {factor}·H, {factor}·W) with an odd k, of one type on one "
            f"device, but maps are {x.dtype} of shape {tuple(x.shape)} on {x.device}, and kernels {kernels.dtype} of shape "
            f"{tuple(kernels.shape)} on {kernels.device}."
        )
    height, width = x.shape[2:]
    padded = pad(x, (side // 2,) * 4)
    out = x.new_zeros(*x.shape[:2], factor * height, factor * width)
    for tap in range(side**2):
        row, column = divmod(tap, side)
        neighbour = padded[:, :, row : row + height, column : column + width]
        out = out + interpolate(neighbour, scale_factor=factor, mode="nearest") * kernels[:, tap : tap + 1]
    return out


def content_kernels(scores: Tensor, factor: int) -> Tensor:
    """The kernels of `reassemble` from what a network predicts at each old pixel: each is positive and sums to 1.

    Source: Wang et al. 2019 (CARAFE), section 3.2, arXiv:1905.02188: a pixel shuffle, then a softmax over the taps.

    Shapes: (B, k²·f², H, W) → (B, k², f·H, f·W).

    Raises: ValueError as `pixel_shuffle`, and for integers.
    """
    if isinstance(scores, Tensor) and not scores.is_floating_point():
        raise ValueError(f"scores must be floating, but are {scores.dtype}; convert them with `.float()`.")
    return torch.softmax(pixel_shuffle(scores, factor), dim=-3)


def _checked_factor(x: Tensor, name: str, factor: int) -> int:
    require_tensor(x, name)
    factor = whole_number(factor, "factor", minimum=1)
    if x.ndim < 3 or x.shape[-3] % factor**2:
        raise ValueError(
            f"{name} must be (…, C·{factor}², H, W), its channels a multiple of {factor**2}, but has the shape {tuple(x.shape)}."
        )
    return factor
