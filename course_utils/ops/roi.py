"""Features of regions: a piece of fixed size, cut out of a feature map for each box.

All functions take `features` floating (B, C, H, W) and `boxes` in image coordinates: a list with a tensor (L, 4) for each image,
or one tensor (N, 5) whose first column is the index of the image. They give (N, C, *output_size) in channels-last memory, in
which they are computed; maps that are channels-last too need not be copied. Gradients flow back to the features, once, and not
to the boxes. `roi_pool` and `paste_masks`, the way from a region back to the image, can be imported from here as well.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.checks import (
    IntPair,
    Pair,
    int_pair,
    real_number,
    require_bools,
    require_tensor,
    whole_number,
    whole_numbers,
)
from course_utils.ops.overlap import box_area
from course_utils.ops.pasting import paste_masks as paste_masks
from course_utils.ops.regions import Boxes, image_and_corners
from course_utils.ops.resample import PixelTable, pixel_table, two_nearest
from course_utils.ops.roi_pooling import roi_pool as roi_pool
from course_utils.ops.row_sums import sum_rows


class _Regions(NamedTuple):
    """Boxes in cells of a map: the images that they are in (N,), their first corners and extents (N, 2), as (y, x)."""

    image: Tensor
    start: Tensor
    extent: Tensor


def roi_align(
    features: Tensor,
    boxes: Boxes,
    output_size: IntPair,
    *,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Divide each box into bins, and average bilinear samples at regular places in each bin. Nothing is rounded.

    Source: He et al. 2017, section 3, "RoIAlign" (arXiv 1703.06870).

    Arguments and their defaults are torchvision's. `spatial_scale` is the map's size over the image's. A bin has
    `sampling_ratio`² samples, or for 0 and -1 as many as the cells it spans, ⌈height⌉ · ⌈width⌉. With `aligned=True`, coordinates
    are continuous as everywhere in this course: cell i covers [i, i + 1), and its value stands at i + ½. With the default, for
    which torchvision's detectors were trained, it stands at i, so that what is read lies half a cell too far to the bottom right;
    and boxes below one cell count as that large. Beyond the outermost centres the map goes on for a cell with the value of its
    border; samples farther out are 0.

    Differs from torchvision: NaN in a box gives NaN, and boxes need not have the type of the features.

    Shapes: see the top of this file.

    Raises: ValueError for features and boxes of other shapes and types, on two devices, or, on the CPU, in an image that is not
    there; for an output size and a ratio that are not integers, a scale that is not above 0, and, where boxes decide how many
    samples there are, for boxes that are not finite.
    """
    image, corners = image_and_corners(features, boxes)
    output_size = int_pair(output_size, "output_size")
    spatial_scale = real_number(spatial_scale, "spatial_scale", 0, math.inf, exclusive=True)
    sampling_ratio = whole_number(sampling_ratio, "sampling_ratio", minimum=-1)
    require_bools(aligned=aligned)
    corners = corners * spatial_scale - (0.5 if aligned else 0)
    extent = corners[:, 2:] - corners[:, :2]
    regions = _Regions(image, corners[:, :2].flip(1), (extent if aligned else extent.clamp(min=1)).flip(1))
    table, size = pixel_table(features), features.shape[2:]
    if sampling_ratio > 0 or len(image) == 0:
        samples = max(sampling_ratio, 1)
        rows, weights = _bin_taps(table, size, regions, output_size, (samples, samples))
        sums = sum_rows(table.values, rows, weights)
    else:
        sums = _sums_by_size(table, size, regions, output_size)
    return sums.view(len(image), *output_size, features.shape[1]).permute(0, 3, 1, 2)  # (N, C, PH, PW)


def _sums_by_size(table: PixelTable, size: Sequence[int], regions: _Regions, output_size: Pair) -> Tensor:
    """With as many samples as a bin spans cells: boxes for which that is the same are looked at together."""
    spans = torch.stack([regions.extent[:, axis] / output_size[axis] for axis in (0, 1)], 1)  # (N, 2), of a bin
    if not spans.isfinite().all():
        raise ValueError(
            "Boxes decide how many samples there are, and must be finite, but at least one holds NaN or infinity; look for where "
            "it arises, or pass a sampling_ratio above 0."
        )
    kinds, kind = spans.ceil().clamp(min=1).long().unique(dim=0, return_inverse=True)
    members = [(kind == k).nonzero()[:, 0] for k in range(len(kinds))]
    taps = [
        _bin_taps(table, size, _Regions(*(part[chosen] for part in regions)), output_size, (ny, nx), dense=True)
        for chosen, (ny, nx) in zip(members, kinds.tolist(), strict=True)
    ]
    rows, weights = (torch.cat([part.flatten() for part in parts]) for parts in zip(*taps, strict=True))
    counts = torch.cat([torch.full((len(part),), part.shape[1], device=rows.device) for part, _ in taps])
    sums = sum_rows(table.values, rows, weights, counts)
    return sums.view(len(kind), -1)[torch.cat(members).argsort()]  # in the order of the boxes


def _bin_taps(
    table: PixelTable, size: Sequence[int], regions: _Regions, output_size: Pair, samples: Pair, *, dense: bool = False
) -> tuple[Tensor, Tensor]:
    """The rows of the table that each bin is a sum of, and their weights: both (N · PH · PW, taps)."""
    (y, y_weights), (x, x_weights) = (
        _axis_taps(regions.start[:, axis], regions.extent[:, axis], output_size[axis], samples[axis], size[axis], dense)
        for axis in (0, 1)
    )
    y = regions.image[:, None, None] * table.image_step + y * table.line_step  # (N, PH, taps of an axis)
    x = x * table.pixel_step  # (N, PW, taps of an axis)
    # Each tap of the rows with each tap of the columns. They are repeated first, since sums of longer pieces take less time.
    down, across = y.shape[-1], x.shape[-1]
    y, y_weights = (part.repeat_interleave(across, -1)[:, :, None] for part in (y, y_weights))
    x, x_weights = (part.repeat(1, 1, down)[:, None] for part in (x, x_weights))
    return (y + x).flatten(0, 2), (y_weights * x_weights).to(table.values.dtype).flatten(0, 2)


def _axis_taps(start: Tensor, extent: Tensor, bins: int, samples: int, size: int, dense: bool) -> tuple[Tensor, Tensor]:
    """Along one axis, the cells that the samples of each bin lie between, and their weights: both (N, bins, taps).

    Two taps a sample. Where samples are `dense`, at most a cell apart, neighbours share cells: one tap more than samples.
    """
    bin_size = (extent / bins)[:, None, None]
    bin_start = start[:, None, None] + torch.arange(bins, device=start.device)[:, None] * bin_size  # (N, bins, 1)
    step = torch.arange(samples, dtype=start.dtype, device=start.device) + 0.5
    position = bin_start + step * bin_size / samples  # (N, bins, samples)
    cells, weights = two_nearest(position, size)
    inside = (position >= -1) & (position <= size)
    cells, weights = cells.flatten(2), (weights * inside[..., None] / samples).flatten(2)
    if not dense:
        return cells, weights
    first = cells[..., :1]
    # A last cell beyond that is one of rounding, and its weight too small to matter.
    place = (cells - first).clamp(0, samples)
    weights = weights * (bin_size > 0)  # a box without extent has no samples
    shared = weights.new_zeros(*weights.shape[:2], samples + 1).scatter_add_(-1, place, weights)
    return (first + torch.arange(samples + 1, device=first.device)).clamp(max=size - 1), shared


def multiscale_roi_align(
    features: Sequence[Tensor],
    boxes: Boxes,
    output_size: IntPair,
    *,
    strides: Sequence[int],
    sampling_ratio: int = 2,
    aligned: bool = False,
    canonical_size: float = 224,
    canonical_level: int = 4,
) -> Tensor:
    """`roi_align` on a pyramid: each box reads from the map whose level `fpn_levels` gives it.

    Source: Lin et al. 2017, section 4.2, equation 1 (arXiv 1612.03144). Equal to torchvision's `MultiScaleRoIAlign`, which
    guesses strides from the sizes of maps and images.

    Shapes: `features` maps (B, C, h, w), finest first, with `strides` 2^k that double from one to the next; boxes and result as
    `roi_align`. A single map serves all boxes, whatever its stride.

    Raises: ValueError as `roi_align`, for strides that do not double, and for maps of different batches or channels.
    """
    for name, value in (("features", features), ("strides", strides)):
        if not isinstance(value, (list, tuple)) or not value:
            raise ValueError(f"{name} must be a list with one entry for each level, but is {type(value).__name__}.")
    steps = [whole_number(stride, "a stride", minimum=1) for stride in strides]
    for one in features:
        require_tensor(one, "a map of features")
    if len(steps) != len(features) or len({one.shape[:2] for one in features}) > 1:
        raise ValueError(
            "multiscale_roi_align needs maps of one batch and number of channels, and a stride for each, but the strides are "
            f"{tuple(steps)}, and the shapes {[tuple(one.shape) for one in features]}."
        )
    lowest = steps[0].bit_length() - 1
    if len(steps) > 1 and steps != [2 ** (lowest + level) for level in range(len(steps))]:
        raise ValueError(f"strides must be powers of 2, each twice the one before, but are {tuple(steps)}.")
    image, corners = image_and_corners(features[0], boxes)
    highest = lowest + len(features) - 1
    levels = fpn_levels(corners, lowest, highest, canonical_size=canonical_size, canonical_level=canonical_level)
    boxes = torch.cat([image[:, None].to(corners.dtype), corners], 1)  # (N, 5)
    parts, members = [], []
    for level, (one, stride) in enumerate(zip(features, steps, strict=True), lowest):
        chosen = (levels == level).nonzero()[:, 0]
        if len(chosen) == 0 < len(boxes):
            continue
        part = roi_align(
            one,
            boxes if len(chosen) == len(boxes) else boxes[chosen],
            output_size,
            spatial_scale=1 / stride,
            sampling_ratio=sampling_ratio,
            aligned=aligned,
        )
        if len(chosen) == len(boxes):  # which need not be brought into order
            return part
        parts.append(part.permute(0, 2, 3, 1))
        members.append(chosen)
    return torch.cat(parts)[torch.cat(members).argsort()].permute(0, 3, 1, 2)  # in the order of the boxes


def fpn_levels(
    boxes: Tensor, lowest: int, highest: int, *, canonical_size: float = 224, canonical_level: int = 4
) -> Tensor:
    """The pyramid level of each box: ⌊k_0 + log2(√(w h) / canonical_size)⌋, from `lowest` to `highest`.

    Level k has stride 2^k. A box of 224 × 224 pixels, as large as the images of ImageNet on which backbones are trained, reads
    from level k_0 = 4 (`canonical_level`); one of half that side from the next finer level, where it spans as many cells.

    Source: Lin et al. 2017, equation 1 (arXiv 1612.03144). Differs from the paper: 1e-6 is added before rounding down, as in
    torchvision, so that 224 is not below 224.

    Shapes: `boxes` floating (…, 4), in image coordinates → int64 (…). A box without area has the lowest level.

    Raises: ValueError for other boxes, levels that are not integers in this order, and a canonical size that is not above 0.
    """
    lowest, highest, canonical_level = whole_numbers(0, lowest=lowest, highest=highest, canonical_level=canonical_level)
    if highest < lowest:
        raise ValueError(f"highest must be the level {lowest} of lowest or above, but is {highest}.")
    canonical_size = real_number(canonical_size, "canonical_size", 0, math.inf, exclusive=True)
    levels = canonical_level + torch.log2(box_area(boxes).sqrt() / canonical_size)
    return (levels + 1e-6).floor().nan_to_num(lowest).clamp(lowest, highest).long()
