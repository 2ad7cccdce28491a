"""RoIPool: the maximum of each bin of a box that is rounded to whole cells."""

import math

import torch
from torch import Tensor

from course_utils.ops.checks import IntPair, int_pair, real_number
from course_utils.ops.regions import Boxes, image_and_corners
from course_utils.ops.resample import pixel_table


def roi_pool(features: Tensor, boxes: Boxes, output_size: IntPair, *, spatial_scale: float = 1.0) -> Tensor:
    """Round each box to whole cells, divide it into bins, round these outwards, and take the maximum of each bin.

    Source: Girshick 2015, section 2.1 (arXiv 1504.08083).

    Arguments are torchvision's, and so is the rounding: halves go away from zero, and the last cell belongs to the box, which is
    thus one cell larger than the difference of its corners. A bin that is outside the map is 0.

    Differs from torchvision: features below -3.4e38, which it passes over, count; so does NaN where it is the first of its bin.
    Boxes need not have the type of the features.

    Shapes: `features` floating (B, C, H, W), `boxes` a list with a tensor (L, 4) for each image, or one tensor (N, 5) whose first
    column is the index of the image → (N, C, *output_size). Differentiable in the features, once.

    Raises: ValueError for features and boxes of other shapes and types, on two devices, not finite, or in an image that is not
    there; for an output size that is not of positive integers, and a scale that is not above 0.
    """
    image, corners = image_and_corners(features, boxes)
    bins_down, bins_across = int_pair(output_size, "output_size")
    spatial_scale = real_number(spatial_scale, "spatial_scale", 0, math.inf, exclusive=True)
    if not corners.isfinite().all():
        raise ValueError("boxes must be finite, but at least one holds NaN or infinity; look for where it arises.")
    x1, y1, x2, y2 = _rounded(corners * spatial_scale).unbind(1)
    y, height = _axis_bins(y1, y2, bins_down, features.shape[2])  # (N, PH)
    x, width = _axis_bins(x1, x2, bins_across, features.shape[3])  # (N, PW)
    empty = (height == 0)[:, :, None] | (width == 0)[:, None]  # (N, PH, PW)

    table = pixel_table(features)
    first = (image * table.image_step)[:, None, None] + y[:, :, None] * table.line_step + x[:, None] * table.pixel_step
    first = first.flatten()
    # The cells of all bins, one after the other: bin by bin, in each row by row, in each cell by cell.
    height = height.clamp(min=1)[:, :, None].expand(empty.shape).flatten()
    width = width.clamp(min=1)[:, None].expand(empty.shape).flatten()
    bin_of_row, down = _count_off(height)
    row, across = _count_off(width[bin_of_row])
    rows = (first[bin_of_row] + down * table.line_step)[row] + across * table.pixel_step
    cells = height * width
    starts = cells.cumsum(0) - cells
    way_back = table.values.requires_grad
    if not way_back:  # shorter indices take less time, but gather has none
        rows, starts = rows.int(), starts.int()
    maxima, _, _, where = torch.embedding_bag(table.values.detach(), rows, starts, mode=2)
    if way_back:  # the same values again, now differentiable
        maxima = table.values.gather(0, where)
    maxima = maxima.view(*empty.shape, features.shape[1]).masked_fill_(empty[..., None], 0)
    return maxima.permute(0, 3, 1, 2)  # (N, C, PH, PW)


def _count_off(counts: Tensor) -> tuple[Tensor, Tensor]:
    """For [2, 3]: whose turn it is, [0, 0, 1, 1, 1], and how often it was before, [0, 1, 0, 1, 2]."""
    owner = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    starts = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - starts[owner]


def _axis_bins(first: Tensor, last: Tensor, bins: int, size: int) -> tuple[Tensor, Tensor]:
    """Along one axis, the first cell of each bin, and how many of its cells are on the map: both int64 (N, bins)."""
    extent = (last - first + 1).clamp(min=1)
    edge = torch.arange(bins + 1, device=first.device) * (extent / bins)[:, None]
    low = (edge[:, :-1].floor() + first[:, None]).clamp(0, size).long()
    high = (edge[:, 1:].ceil() + first[:, None]).clamp(0, size).long()
    return low.clamp(max=size - 1), high - low


def _rounded(x: Tensor) -> Tensor:
    """To the nearest integer, halves away from zero as in C: `torch.round` takes them to even numbers."""
    whole = x.trunc()
    return whole + x.sign() * ((x - whole).abs() >= 0.5)
