"""From the grid of a region back to the image: drawing the small masks of boxes at their places."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.ops.checks import IntPair, int_pair, require_bools, require_tensor
from course_utils.ops.overlap import require_boxes, require_same_device
from course_utils.ops.precision import at_least_float32, without_autocast


def paste_masks(masks: Tensor, boxes: Tensor, size: IntPair, *, legacy: bool = False) -> Tensor:
    """Draw the mask of each box into an image of its own, of `size` (H, W), zero outside the box.

    The cells of a mask divide its box evenly. A pixel whose centre is in the box, x1 ≤ centre < x2, gets the bilinear mean of
    the cells around it; beyond the outermost cells' centres their value is repeated. So where corners are whole numbers, the mask
    is resized to the box's pixels and lies exactly on them. Compare probabilities with a threshold afterwards, not before.

    `legacy=True` is what torchvision does, whose boxes hold the index of the last pixel (width x2 - x1 + 1): the mask gets a
    border of zeros, the box grows by as much, its corners are cut to integers, and x2 and y2 move by 1. In continuous
    coordinates that is one pixel too many: a mask of ones on the box from 2 to 10 covers 100 pixels, not 64.

    Differs from torchvision, even so: a box outside the image draws nothing, where torchvision fails.

    Source: He et al. 2017, section 3.1, "Inference" (arXiv 1703.06870), which says only that masks are resized to the box.

    Shapes: `masks` floating (N, h, w), or (N, …, h, w) with more axes between, as torchvision's (N, 1, h, w); `boxes` floating
    (N, 4) → (N, …, H, W). Differentiable in the masks.

    Raises: ValueError for other shapes and types, tensors on two devices, and a size that is not of positive integers.
    """
    require_tensor(masks, "masks")
    require_boxes(boxes, "boxes")
    if not masks.is_floating_point() or masks.ndim < 3 or 0 in masks.shape[-2:] or boxes.shape != (len(masks), 4):
        raise ValueError(
            "paste_masks needs floating masks (N, h, w) and boxes (N, 4), but masks are "
            f"{masks.dtype} of shape {tuple(masks.shape)}, and boxes have the shape {tuple(boxes.shape)}; a bool mask is "
            "converted with `.float()`."
        )
    require_same_device(masks=masks, boxes=boxes)
    new_height, new_width = int_pair(size, "size")
    require_bools(legacy=legacy)
    boxes = at_least_float32(boxes.detach().to(torch.promote_types(boxes.dtype, masks.dtype)))
    if legacy:
        masks, boxes = _as_in_torchvision(masks, boxes)
    height, width = masks.shape[-2:]
    x1, y1, x2, y2 = boxes.unbind(-1)
    rows = _weights(y1, y2, height, new_height).to(masks.dtype)  # (N, H, h)
    columns = _weights(x1, x2, width, new_width).to(masks.dtype)  # (N, W, w)
    between = masks.shape[1:-2]
    with without_autocast(masks.device):
        pasted = rows[:, None] @ masks.reshape(len(masks), between.numel(), height, width) @ columns.mT[:, None]
    return pasted.view(len(masks), *between, new_height, new_width)


def _weights(start: Tensor, end: Tensor, cells: int, size: int) -> Tensor:
    """Along one axis, the weight of each cell of a box in each pixel of the image: (N,) and (N,) → (N, size, cells)."""
    start, end = start[:, None], end[:, None]
    centre = torch.arange(size, dtype=start.dtype, device=start.device) + 0.5
    position = (centre - start) / (end - start) * cells - 0.5  # in cells; the first one's centre is at 0
    cell = torch.arange(cells, dtype=start.dtype, device=start.device)
    tents = (1 - (position.clamp(0, cells - 1)[..., None] - cell).abs()).clamp(min=0)  # (N, size, cells)
    inside = (start <= centre) & (centre < end)
    return torch.where(inside[..., None], tents, 0)


def _as_in_torchvision(masks: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Masks with a border, and the boxes that torchvision draws them in, in continuous coordinates."""
    height, width = masks.shape[-2:]
    centre, half = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5
    half = half * ((width + 2) / width)  # torchvision's masks are square
    first, last = (centre - half).trunc(), (centre + half).trunc()
    return pad(masks, (1, 1, 1, 1)), torch.cat([first, last + 1], 1)
