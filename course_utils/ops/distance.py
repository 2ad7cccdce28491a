"""Exact Euclidean distances of pixels, on any device."""

import math

import torch
from torch import Tensor

from course_utils.ops.checks import real_number, require_tensor
from course_utils.ops.known import on_host


def distance_transform(mask: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Distance of every pixel of a mask to the nearest pixel outside the mask; 0 outside.

    Source: the separable transform of Felzenszwalb and Huttenlocher 2012, section 2.
    Differs from the paper: the lower envelope is searched row by row, until no row can be nearer, and not built with a
    stack; that has a worse bound, but is the same arithmetic for all pixels at once. On a GPU, which is not asked how near
    the nearest pixels are, all rows within the limit are searched.

    Shapes: `mask` bool (…, H, W) → `dtype` (…, H, W). Distances between centres of pixels, in pixels; what lies beyond
    the image does not count as outside.

    Raises: ValueError for a mask that is not bool, and for an image without a pixel outside the mask.
    """
    _check(mask, dtype)
    outside = ~mask
    if not outside.any(-1).any(-1).all():
        raise ValueError(
            "distance_transform needs a pixel outside the mask (False) in every image, but at least one image has none, so "
            "that its distances are undefined. Leave such images out, or pad them with one False pixel."
        )
    return distance_to(outside, dtype=dtype)


def distance_to(points: Tensor, *, limit: float = math.inf, dtype: torch.dtype = torch.float32) -> Tensor:
    """Distance of every pixel to the nearest True pixel; infinite where an image has none, or none within `limit`.

    A small limit takes less time. Otherwise as `distance_transform`, which is the distance to what is outside a mask.
    """
    _check(points, dtype)
    limit = real_number(limit, "limit", 0, math.inf, finite=False)
    if points.numel() == 0:
        return torch.zeros(points.shape, dtype=dtype, device=points.device)
    height, width = points.shape[-2:]
    limit = min(limit, height + width)
    squared = _squared_distances(points, math.floor(limit))
    # The square of 256 pixels is more than float16 holds, so that roots are taken in float32 at least.
    distances = squared.to(torch.promote_types(dtype, torch.float32)).sqrt().to(dtype)
    unreached = (squared >= (height + width) ** 2) | (squared > math.floor(limit**2 + 1e-6))
    return distances.masked_fill_(unreached, math.inf)


def _squared_distances(points: Tensor, reach: int) -> Tensor:
    """Squared distance to the nearest True pixel at most `reach` rows away; at least (H + W)² where there is none.

    First along each row: the nearest point to the left or right. Then across rows: the point nearest to a pixel is, for
    some row, the one that is nearest within that row, so that d²(y, x) = min over rows r of in_row²(r, x) + (y - r)².
    """
    height, width = points.shape[-2:]
    far = height + width  # farther than any point
    integer = torch.int32 if far <= 2**14 else torch.int64  # (2 far)² + far² fits
    x = torch.arange(width, dtype=integer, device=points.device)
    left = torch.where(points, x, -far).cummax(-1).values
    right = torch.where(points, x, width + far).flip(-1).cummin(-1).values.flip(-1)
    in_row = torch.minimum(x - left, right - x).square()
    nearest = in_row.clone()
    for rows in range(1, min(reach, height - 1) + 1):
        # Looked at seldom, and on a GPU never, since it would have to be waited for.
        if on_host(points) and rows.bit_count() == 1 and rows**2 >= int(nearest.max()):
            break
        upper, lower = nearest[..., :-rows, :], nearest[..., rows:, :]
        torch.minimum(upper, in_row[..., rows:, :] + rows**2, out=upper)
        torch.minimum(lower, in_row[..., :-rows, :] + rows**2, out=lower)
    return nearest


def _check(mask: Tensor, dtype: torch.dtype) -> None:
    require_tensor(mask, "mask")
    if mask.dtype != torch.bool or mask.ndim < 2:
        raise ValueError(
            f"Distances are taken of a bool mask (…, H, W), but this is {mask.dtype} of shape {tuple(mask.shape)}; "
            "compare it with something (`labels == 3`, `probability > 0.5`)."
        )
    if not dtype.is_floating_point:
        raise ValueError(f"Distances are floating, but dtype is {dtype}; take torch.float32 or torch.float64.")
