"""Resizing and sampling of images: nearest, bed of nails, and interpolation as a matrix."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, hardtanh

from course_utils.ops.bands import two_sided_product
from course_utils.ops.checks import IntPair, int_pair, require_tensor, whole_number, whole_numbers
from course_utils.ops.precision import require_float_type


def nearest_resize(x: Tensor, size: IntPair, *, exact: bool = False) -> Tensor:
    """Resize by taking, for every output pixel, one input pixel: the only way that is right for labels.

    With `exact=False` output pixel i takes input pixel ⌊i · n_in / n_out⌋, PyTorch's "nearest", which leans to the top
    left; with `exact=True` the pixel that its centre falls into, ⌊(i + ½) · n_in / n_out⌋, PyTorch's "nearest-exact".
    Computed in float32, which at some sizes rounds across the border of a pixel: with `exact=False` as PyTorch does for
    float32 images. For float64 images PyTorch rounds elsewhere, and so does its "nearest-exact" on a CPU, at few sizes.

    Shapes: `x` of any type (…, H, W) → (…, *size).

    Raises: ValueError for an image without pixels and for sizes that are not positive integers.
    """
    height, width = _check(x, "nearest_resize", floating=False)
    new_height, new_width = int_pair(size, "size")
    rows = _nearest(height, new_height, exact, x.device)
    columns = _nearest(width, new_width, exact, x.device)
    # gather is several times as fast as index_select along rows of an image.
    return x.gather(-1, columns.expand(*x.shape[:-1], -1)).index_select(-2, rows)


def interpolation_matrix(
    n_in: int,
    n_out: int,
    *,
    align_corners: bool = False,
    mode: str = "bilinear",
    antialias: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The matrix that resizes a signal: row i holds the weights of the input pixels in output pixel i.

    Output pixel i lies at the source coordinate (i + ½) · n_in / n_out - ½, or with `align_corners=True` at
    i · (n_in - 1) / (n_out - 1). The weight of an input pixel is a function of its distance from there: a tent
    (bilinear), or a cubic of Keys 1981 (doi:10.1109/TASSP.1981.1163711) with PyTorch's a = -¾. What would fall beyond
    the border goes to the border pixel. "nearest" takes pixel ⌊i · n_in / n_out⌋.

    `antialias=True` stretches the function by the factor of a reduction, drops what falls beyond the border, and makes
    rows sum to 1 again; cubics then have a = -½. With aligned corners as well, PyTorch changes only the factor and not
    where output pixels lie, and so does this.

    Shapes: (n_out, n_in).

    Raises: ValueError for sizes that are not positive integers, an unknown mode, a type that is not floating, and for
    aligned corners or antialiasing with "nearest".
    """
    n_in, n_out = whole_numbers(1, n_in=n_in, n_out=n_out)
    if mode not in ("bilinear", "bicubic", "nearest"):
        raise ValueError(f"mode must be bilinear, bicubic or nearest, but is {mode!r}.")
    require_float_type(dtype)
    if mode == "nearest":
        if align_corners or antialias:
            raise ValueError('mode="nearest" takes one pixel and knows no align_corners or antialias; leave them out.')
        matrix = torch.zeros(n_out, n_in, dtype=dtype, device=device)
        return matrix.scatter_(1, _nearest(n_in, n_out, False, device)[:, None], 1)
    if align_corners:
        scale = (n_in - 1) / (n_out - 1) if n_out > 1 else 0.0
    else:
        scale = n_in / n_out
    half = 0.0 if align_corners and not antialias else 0.5
    precise = torch.promote_types(dtype, torch.float32)
    source = (torch.arange(n_out, dtype=precise, device=device) + half) * scale - half

    stretch = max(scale, 1.0) if antialias else 1.0
    reach = stretch * (2 if mode == "bicubic" else 1)
    pixel = (source - reach).ceil()[:, None] + torch.arange(int(2 * reach) + 1, dtype=precise, device=device)
    distance = (pixel - source[:, None]).abs() / stretch
    weights = _cubic(distance, -0.5 if antialias else -0.75) if mode == "bicubic" else (1 - distance).clamp(min=0)
    if antialias:
        weights = weights * ((pixel >= 0) & (pixel < n_in))
        weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(n_out, n_in, dtype=precise, device=device)
    return matrix.scatter_add_(1, pixel.clamp(0, n_in - 1).long(), weights).to(dtype)


def bilinear_resize(x: Tensor, size: IntPair, *, align_corners: bool = False, antialias: bool = False) -> Tensor:
    """Bilinear interpolation to another size, as two matrix products: one matrix for columns, one for rows.

    Equal to `torch.nn.functional.interpolate`, but for values that are infinite or NaN: in a product these reach pixels
    whose weight for them is 0, since 0 · ∞ is NaN. Fill such values first.

    Shapes: `x` floating (…, H, W) → (…, *size), in the type of `x`.

    Raises: ValueError for integer images (labels are resized by `nearest_resize`), images without pixels, and sizes
    that are not positive integers.
    """
    height, width = _check(x, "bilinear_resize", floating=True)
    new_height, new_width = int_pair(size, "size")
    rows, columns = (
        interpolation_matrix(
            n_in, n_out, align_corners=align_corners, antialias=antialias, dtype=x.dtype, device=x.device
        )
        for n_in, n_out in ((height, new_height), (width, new_width))
    )
    return two_sided_product(rows, x, columns)  # rows @ x @ columns.T


def bilinear_sample(x: Tensor, points: Tensor, *, padding: str = "border") -> Tensor:
    """Interpolate images at any points. Images and points can both be differentiated, once.

    Each value is a weighted sum of the four pixels whose centres surround the point. Beyond the outermost centres,
    `padding="border"` repeats the border pixel, "zeros" counts what lies outside as 0. Equal to
    `grid_sample(align_corners=False)` at 2 · point / size - 1, but for pixels that are infinite or NaN: these make NaN
    of points for which their weight is 0 or which lie outside next to them, since 0 · ∞ is NaN. Fill such pixels first.

    Shapes: `x` floating (B, C, H, W), `points` floating (B, …, 2) as (x, y) in continuous pixel coordinates (pixel i
    covers [i, i+1), its centre is i + ½) → (B, C, …), in the type of `x`. A NaN coordinate gives NaN.

    Raises: ValueError for other shapes, integer tensors, an unknown padding, and tensors on two devices.
    """
    height, width = _check(x, "bilinear_sample", floating=True)
    _check_points(x, points)
    if padding not in ("border", "zeros"):
        raise ValueError(f"padding must be border or zeros, but is {padding!r}.")
    batch, channels = x.shape[:2]
    columns, column_weights = two_nearest(points[..., 0] - 0.5, width, padding)
    rows, row_weights = two_nearest(points[..., 1] - 0.5, height, padding)
    table = pixel_table(x)
    image = torch.arange(batch, device=x.device).view(-1, *[1] * points.ndim) * table.image_step
    lines, places = rows[..., :, None] * table.line_step, columns[..., None, :] * table.pixel_step
    corners = image + lines + places  # (B, …, 2, 2)
    weights = row_weights[..., :, None] * column_weights[..., None, :]  # (B, …, 2, 2)
    # A weighted sum of a few rows of a table is what embedding_bag computes, without a copy of these rows.
    weights = weights.reshape(-1, 4).to(x.dtype)
    values = embedding_bag(corners.view(-1, 4), table.values, mode="sum", per_sample_weights=weights)
    return values.view(*points.shape[:-1], channels).movedim(-1, 1)  # (B, C, …)


def bed_of_nails(x: Tensor, factor: int) -> Tensor:
    """Enlarge by an integer factor: each value at the top left of its block, zeros elsewhere.

    Shapes: `x` of any type (…, H, W) → (…, H · factor, W · factor).

    Raises: ValueError for an image without pixels and for a factor that is not a positive integer.
    """
    height, width = _check(x, "bed_of_nails", floating=False)
    factor = whole_number(factor, "factor", minimum=1)
    nails = x.new_zeros(*x.shape[:-2], height * factor, width * factor)  # (…, H · factor, W · factor)
    nails[..., ::factor, ::factor] = x
    return nails


def _nearest(n_in: int, n_out: int, exact: bool, device: torch.device | str) -> Tensor:
    # In float32 whatever the type of the image, so that an image and its labels are taken from the same pixels.
    pixel = torch.arange(n_out, dtype=torch.float32, device=device) + (0.5 if exact else 0)
    return (pixel * (n_in / n_out)).long().clamp(max=n_in - 1)


def _cubic(distance: Tensor, a: float) -> Tensor:
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = a * (((distance - 5) * distance + 8) * distance - 4)
    return torch.where(distance <= 1, near, far) * (distance < 2)


def two_nearest(position: Tensor, size: int, padding: str = "border") -> tuple[Tensor, Tensor]:
    """Indices and weights (…, 2) of the two pixels of an axis on either side of a position; pixel i has its centre at i."""
    # Beyond these limits nothing changes. The gradient of hardtanh is 0 at the limits themselves, as grid_sample's is.
    pixel = hardtanh(position, 0, size - 1) if padding == "border" else position.clamp(-2, size + 1)
    first = pixel.detach().floor()
    t = pixel - first
    indices = torch.stack([first, first + 1], -1).long()
    weights = torch.stack([1 - t, t], -1)
    if padding == "zeros":
        weights = weights * ((indices >= 0) & (indices < size))
    return indices.clamp(0, size - 1), weights


class PixelTable(NamedTuple):
    """The pixels of a batch as rows: `values` (B·H·W, C), pixel (y, x) of image b in row
    b · image_step + y · line_step + x · pixel_step."""

    values: Tensor
    image_step: int
    line_step: int
    pixel_step: int


def pixel_table(x: Tensor) -> PixelTable:
    """A view of images (B, C, H, W) that are channels-last; of others one transposition, image index last: the fastest."""
    batch, channels, height, width = x.shape
    pixels = height * width
    if x.is_contiguous(memory_format=torch.channels_last):
        return PixelTable(x.permute(0, 2, 3, 1).reshape(batch * pixels, channels), pixels, width, 1)
    values = x.reshape(batch * channels, pixels).T.contiguous().view(batch * pixels, channels)
    return PixelTable(values, 1, width * batch, batch)


def _check(x: Tensor, function: str, *, floating: bool) -> tuple[int, int]:
    require_tensor(x, "x")
    if floating and not x.is_floating_point():
        raise ValueError(
            f"{function} needs a floating image, but this is {x.dtype}; convert an image with `.float()`, and resize "
            "labels with `nearest_resize`, since a mean of two labels is a third."
        )
    if x.ndim < 2 or 0 in x.shape[-2:]:
        raise ValueError(
            f"{function} needs images (…, H, W) with H and W at least 1, but the shape is {tuple(x.shape)}."
        )
    return x.shape[-2], x.shape[-1]


def _check_points(x: Tensor, points: Tensor) -> None:
    require_tensor(points, "points")
    if x.ndim != 4 or points.ndim < 2 or points.shape[-1] != 2 or points.shape[0] != x.shape[0]:
        raise ValueError(
            "bilinear_sample needs images (B, C, H, W) and points (B, …, 2) of the same batch, but the shapes are "
            f"{tuple(x.shape)} and {tuple(points.shape)}; add the batch axis with `[None]`, or repeat points with `.expand`."
        )
    if not points.is_floating_point() or points.device != x.device:
        raise ValueError(
            f"points must be floating and on the image's device, {x.device}, but are {points.dtype} on {points.device}; "
            "use `.float()` and `.to(x.device)`."
        )
