"""Boxes (x1, y1, x2, y2) in continuous pixel coordinates: how much they overlap, and how a network predicts them.

Pixel i covers [i, i + 1), so that a box of one pixel has width 1 and area 1. Non-maximum suppression is in
`ops.suppression`, and can be imported from here as well.
"""

import math

import torch
from torch import Tensor

from course_utils.ops.checks import IntPair, int_pair, is_number, real_number, require_bools, require_tensor
from course_utils.ops.overlap import box_area as box_area, intersection_and_union, require_boxes, require_same_device
from course_utils.ops.suppression import batched_nms as batched_nms, nms as nms, soft_nms as soft_nms

Weights = tuple[float, float, float, float]
LARGEST_GROWTH = math.log(1000 / 16)
"""A box grows by e to this at most, 62.5 times: enough for one of 16 pixels to fill an image of 1000."""


def box_iou(a: Tensor, b: Tensor, *, paired: bool = False) -> Tensor:
    """Intersection over union of every box of `a` with every box of `b`, or with `paired=True` of each pair.

    Differs from torchvision: 0, not NaN, where neither box has an area; so is the gradient.

    Shapes: `a` floating (…, N, 4) and `b` (…, M, 4) → (…, N, M); paired, `a` and `b` of shapes (…, 4) that can be broadcast
    → (…). Differentiable.

    Raises: ValueError for other shapes and types, and tensors on two devices.
    """
    intersection, union = intersection_and_union(*_pairs(a, b, paired))
    return _share(intersection, union)


def generalised_box_iou(a: Tensor, b: Tensor, *, paired: bool = False) -> Tensor:
    """IoU minus the share of the smallest box around both that neither covers: from -1 (far apart) to 1 (equal).

    Boxes that do not touch have IoU 0 however far apart they are, and no gradient says which way to go; this one does.
    The loss of a predicted box is 1 - generalised_box_iou(predicted, truth, paired=True).

    Source: Rezatofighi et al. 2019, algorithm 1 (arXiv 1902.09630).
    Differs from torchvision: 0, not NaN, for boxes that are all one point.

    Shapes and errors: as `box_iou`.
    """
    a, b = _pairs(a, b, paired)
    intersection, union = intersection_and_union(a, b)
    low, high = torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])
    hull = (high - low).clamp(min=0).prod(-1)
    return _share(intersection, union) - _share(hull - union, hull)


def clip_boxes(boxes: Tensor, size: IntPair) -> Tensor:
    """Move corners that lie outside an image of `size` (H, W) to its border. A box that is all outside gets no area.

    Shapes: `boxes` floating (…, 4) → (…, 4). Differentiable.

    Raises: ValueError for other boxes, and a size that is not of positive integers.
    """
    require_boxes(boxes, "boxes")
    height, width = int_pair(size, "size")
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)], -1)


def encode(boxes: Tensor, proposals: Tensor, *, weights: Weights = (1, 1, 1, 1)) -> Tensor:
    """What a network has to predict at each proposal (or anchor) in order to get each box: (dx, dy, dw, dh).

    Centres move by a share of the proposal's size, sizes change by a logarithm: dx = w_x · (x - x_p) / width_p and
    dw = w_w · log(width / width_p), with x the centre; likewise vertically. So an offset means the same for boxes of
    all sizes, and `weights` bring the four to about unit variance: (10, 10, 5, 5) in the box head of Faster R-CNN.

    Source: Girshick et al. 2014, appendix C, equations 6 to 9 (arXiv 1311.2524).

    Shapes: `boxes` and `proposals` floating (…, 4) → (…, 4). A box without width has dw = -∞, likewise height; at a proposal
    without area, offsets are infinite or NaN.

    Raises: ValueError for shapes that differ, other types, tensors on two devices, and weights that are not four positive
    numbers.
    """
    require_boxes(boxes, "boxes")
    require_boxes(proposals, "proposals")
    if boxes.shape != proposals.shape:
        raise ValueError(
            f"encode needs one box for each proposal, but the shapes are {tuple(boxes.shape)} and {tuple(proposals.shape)}; "
            "choose the box that each proposal is matched with first, `boxes[matches]`."
        )
    require_same_device(boxes=boxes, proposals=proposals)
    wx, wy, ww, wh = _checked_weights(weights)
    x, y, width, height = _centre_and_size(boxes)
    x_p, y_p, width_p, height_p = _centre_and_size(proposals)
    shift = (wx * (x - x_p) / width_p, wy * (y - y_p) / height_p)
    return torch.stack([*shift, ww * torch.log(width / width_p), wh * torch.log(height / height_p)], -1)


def decode(
    offsets: Tensor, proposals: Tensor, *, weights: Weights = (1, 1, 1, 1), largest_growth: float = LARGEST_GROWTH
) -> Tensor:
    """The boxes that predicted offsets make of proposals: undoes `encode`, with the same `weights`.

    Before the exponential, dw / w_w and dh / w_h are clamped to `largest_growth`: a network that has learnt nothing yet
    would make infinite boxes.

    Source: Girshick et al. 2014, appendix C, equations 1 to 4 (arXiv 1311.2524). Differs from the paper: the clamp, which
    is torchvision's.

    Shapes: `offsets` floating (…, 4) and `proposals` (…, 4) → boxes (…, 4); with offsets (…, K, 4) for K classes at each
    proposal → (…, K, 4). Differentiable.

    Raises: ValueError for other shapes and types, tensors on two devices, weights that are not four positive numbers, and a
    growth below 0.
    """
    require_tensor(offsets, "offsets")
    require_boxes(proposals, "proposals")
    if offsets.shape[-1:] != (4,) or proposals.shape not in (offsets.shape, (*offsets.shape[:-2], 4)):
        raise ValueError(
            "decode needs offsets (…, 4), or (…, K, 4) for K classes, at proposals (…, 4), but the shapes are "
            f"{tuple(offsets.shape)} and {tuple(proposals.shape)}; reshape (N, K · 4) with `.view(N, -1, 4)`."
        )
    if not offsets.is_floating_point():
        raise ValueError(f"offsets must be floating, but are {offsets.dtype}; use `.float()`.")
    require_same_device(offsets=offsets, proposals=proposals)
    wx, wy, ww, wh = _checked_weights(weights)
    largest_growth = real_number(largest_growth, "largest_growth", 0, math.inf)
    if proposals.shape != offsets.shape:
        proposals = proposals.unsqueeze(-2)  # (…, 1, 4)
    dx, dy, dw, dh = offsets.unbind(-1)
    x_p, y_p, width_p, height_p = _centre_and_size(proposals)
    x, y = x_p + dx / wx * width_p, y_p + dy / wy * height_p
    half_width = width_p * torch.exp((dw / ww).clamp(max=largest_growth)) / 2
    half_height = height_p * torch.exp((dh / wh).clamp(max=largest_growth)) / 2
    return torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], -1)


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest box around each mask; (0, 0, 0, 0) for a mask without pixels.

    Differs from torchvision: pixel i covers [i, i + 1), so that a mask of columns 3 to 5 has x1 = 3 and x2 = 6, width 3.
    torchvision's `masks_to_boxes` gives the last column itself, x2 = 5: a box one pixel too small on two sides, in which a
    mask of one pixel has no area. And it refuses a mask without pixels.

    Shapes: `masks` bool (…, H, W) → float32 (…, 4).

    Raises: ValueError for masks that are not bool or have fewer than two dimensions.
    """
    require_tensor(masks, "masks")
    if masks.dtype != torch.bool or masks.ndim < 2:
        raise ValueError(
            f"masks_to_boxes needs bool masks (…, H, W), but got {masks.dtype} of shape {tuple(masks.shape)}; compare them "
            "with something (`probabilities > 0.5`), and take ids apart with `ids_to_masks`."
        )
    if 0 in masks.shape[-2:]:
        return torch.zeros(*masks.shape[:-2], 4, dtype=torch.float32, device=masks.device)
    ones = masks.view(torch.uint8)  # whose amax takes a thirtieth of the time of `any`
    columns, rows = ones.amax(-2), ones.amax(-1)  # (…, W), (…, H)
    (x1, x2), (y1, y2) = _first_and_last(columns), _first_and_last(rows)
    boxes = torch.stack([x1, y1, x2, y2], -1) * rows.amax(-1, keepdim=True)
    return boxes.float()


def _first_and_last(used: Tensor) -> tuple[Tensor, Tensor]:
    """The first index that is used, and the one after the last, along the last axis."""
    return used.argmax(-1), used.shape[-1] - used.flip(-1).argmax(-1)  # argmax finds the first of several ones


def _pairs(a: Tensor, b: Tensor, paired: bool) -> tuple[Tensor, Tensor]:
    """Boxes whose shapes, broadcast, are those of all pairs."""
    require_boxes(a, "a")
    require_boxes(b, "b")
    require_bools(paired=paired)
    if not paired and min(a.ndim, b.ndim) < 2:
        raise ValueError(
            f"All pairs are formed of boxes (…, N, 4) and (…, M, 4), but the shapes are {tuple(a.shape)} and "
            f"{tuple(b.shape)}; add an axis with `[None]`, or pass paired=True."
        )
    require_same_device(a=a, b=b)
    pairs = (a, b) if paired else (a.unsqueeze(-2), b.unsqueeze(-3))
    try:
        torch.broadcast_shapes(*(boxes.shape for boxes in pairs))
    except RuntimeError:
        raise ValueError(
            f"The shapes of the boxes do not fit each other: {tuple(a.shape)} and {tuple(b.shape)}. Paired, they must be "
            "equal, or 1 where they differ; unpaired, this holds for the axes before the last two."
        ) from None
    return pairs


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 with finite gradients where the whole is 0."""
    return part / torch.where(whole > 0, whole, 1)


def _centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x1, y1, x2, y2 = boxes.unbind(-1)
    width, height = x2 - x1, y2 - y1
    return x1 + width / 2, y1 + height / 2, width, height


def _checked_weights(weights: Weights) -> Weights:
    if not isinstance(weights, (tuple, list)) or len(weights) != 4 or not all(is_number(w) and w > 0 for w in weights):
        raise ValueError(f"weights must be four positive numbers, for dx, dy, dw and dh, but are {weights!r}.")
    wx, wy, ww, wh = map(float, weights)
    return wx, wy, ww, wh
