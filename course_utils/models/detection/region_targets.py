"""What the mask head and the keypoint head are to draw for a region, how far off they are, and where keypoints are read."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, interpolate

from course_utils.ops.checks import IntPair, require_tensor
from course_utils.ops.roi import roi_align


def mask_targets(masks: Tensor, boxes: Tensor, matches: Tensor, size: IntPair, *, legacy: bool = False) -> Tensor:
    """The part of a true mask that each box sees, on a grid of `size`: what the mask head is to draw.

    A cell's value is the share of the mask in it, by `roi_align`; `legacy` reads half a pixel too far to the bottom right, as
    torchvision does.

    Shapes: `masks` (M, H, W) of an image's objects, `boxes` (N, 4), `matches` int64 (N,), the object of each → (N, *size).
    """
    regions = torch.cat([matches[:, None].to(boxes), boxes], 1)  # the masks are the batch
    return roi_align(masks[:, None].to(boxes.dtype), regions, size, aligned=not legacy)[:, 0]


def own_maps(maps: Tensor, labels: Tensor) -> Tensor:
    """Of the maps of all classes (N, K, m, m), that of each region's own class, `labels` int64 (N,): (N, m, m)."""
    return maps[torch.arange(len(labels), device=labels.device), labels]


def mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The mean of binary cross-entropy over the cells of the true class's map; the maps of other classes do not matter.

    Source: He et al. 2017, section 3, "Mask R-CNN" (arXiv:1703.06870).

    Shapes: `logits` (N, K, m, m), `labels` int64 (N,), `targets` (N, m, m) in [0, 1] → scalar, 0 without regions.

    Raises: ValueError for other shapes.
    """
    for name, value in (("logits", logits), ("labels", labels), ("targets", targets)):
        require_tensor(value, name)
    if logits.ndim != 4 or labels.shape != logits.shape[:1] or targets.shape != (len(logits), *logits.shape[2:]):
        raise ValueError(
            "mask_loss needs logits (N, K, m, m), labels (N,) and targets (N, m, m), but the shapes are "
            f"{tuple(logits.shape)}, {tuple(labels.shape)} and {tuple(targets.shape)}."
        )
    own = own_maps(logits, labels)  # (N, m, m)
    total = binary_cross_entropy_with_logits(own, targets.to(own.dtype), reduction="sum")
    return total / max(own.numel(), 1)


def keypoint_targets(keypoints: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The cell of a grid of `size` × `size` in which each keypoint lies, and whether it is to be learnt.

    It is, if it is labelled and lies in the box, right and lower border included.

    Shapes: `keypoints` (N, K, 3), those of the object that each box is to find, `boxes` (N, 4) → int64 (N, K), row · size +
    column, and bool (N, K).
    """
    places = keypoints[..., :2].to(boxes.dtype)
    corner, end = boxes[:, None, :2], boxes[:, None, 2:]
    cell = ((places - corner) * size / (end - corner)).floor()
    cell = torch.where(places == end, size - 1, cell)
    inside = ((cell >= 0) & (cell < size)).all(-1) & (keypoints[..., 2] > 0)
    x, y = torch.where(inside[..., None], cell, 0).long().unbind(-1)
    return y * size + x, inside


def keypoint_loss(logits: Tensor, cells: Tensor, inside: Tensor) -> Tensor:
    """The mean of cross-entropy over keypoints, each a choice among all cells of its map.

    Source: He et al. 2017, section 5 (arXiv:1703.06870).

    Shapes: `logits` (N, K, m, m), `cells` and `inside` (N, K) as from `keypoint_targets` → scalar, 0 without keypoints.
    """
    wanted = torch.where(inside, cells, -100).flatten()  # what cross_entropy leaves out
    total = cross_entropy(logits.flatten(2).flatten(0, 1), wanted, reduction="sum")
    return total / inside.sum().clamp(min=1)


def read_keypoints(logits: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Where in its box each map is largest: resized to the box's pixels, bicubic, of the largest pixel the centre.

    A box narrower or lower than a pixel counts as one pixel. Differs from torchvision: numbers keep their type, and are not
    rounded to float32 on the way.

    Source: He et al. 2017, section 5, and torchvision for how (arXiv:1703.06870).

    Shapes: `logits` (N, K, m, m), `boxes` (N, 4) → (N, K, 3), of each x, y and 1, and logits (N, K) of these places.
    """
    sizes = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)  # (N, 2), as (width, height)
    places, scores = [boxes.new_zeros(0, logits.shape[1], 3)], [logits.new_zeros(0, logits.shape[1])]
    for maps, box, size, (width, height) in zip(logits, boxes, sizes, sizes.ceil().int().tolist(), strict=True):
        resized = interpolate(maps[None], size=(height, width), mode="bicubic")[0]  # (K, height, width)
        score, cell = resized.flatten(1).max(1)
        column, row = (cell % width).to(box.dtype), (cell // width).to(box.dtype)
        x, y = (column + 0.5) / width, (row + 0.5) / height  # in shares of the box
        place = torch.stack([box[0] + x * size[0], box[1] + y * size[1], torch.ones_like(x)], 1)
        places.append(place[None])
        scores.append(score[None])
    return torch.cat(places), torch.cat(scores)
