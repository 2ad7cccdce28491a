"""What the quick heads learn from: regions near true boxes and proposed ones, and what each of them is to see."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from course_utils.models.detection.assignment import some_of
from course_utils.models.detection.targets import Target
from course_utils.ops.boxes import box_iou
from course_utils.ops.checks import Pair

MATCHED = 0.5
"""The IoU with an object from which on a region is to find it."""


class TrueObjects(NamedTuple):
    """The G objects of a batch in one row: image (G,), boxes (G, 4), labels (G,), masks (G, H, W)."""

    image: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor


class Sampling(NamedTuple):
    """Which regions are learnt from: what is proposed, and `copies` of each true box, each coordinate of them moved by a normal
    number of standard deviation `jitter` times the side. Of all these, at most `positives` with an object and `negatives` without
    one for each image, on average over the batch."""

    copies: int
    jitter: float
    positives: int
    negatives: int


def true_objects(targets: Sequence[Target], dtype: torch.dtype) -> TrueObjects:
    """The objects of all images, their boxes in this type.

    Raises: ValueError where masks are missing or differ in size.
    """
    missing = [number for number, target in enumerate(targets) if "masks" not in target]
    if missing:
        raise ValueError(f'QuickRoIHeads learns masks, but targets {missing} have no "masks"; see `Objects.target()`.')
    sizes = {tuple(target["masks"].shape[1:]) for target in targets}
    if len(sizes) > 1:
        raise ValueError(
            f"QuickRoIHeads learns from images of one size, but the masks of a batch have the sizes {sorted(sizes)}; cut windows "
            "with `transforms.scale_and_crop`, or take batches of one."
        )
    image = torch.cat([torch.full_like(target["labels"], n) for n, target in enumerate(targets)])
    boxes, labels, masks = (torch.cat([target[name] for target in targets]) for name in ("boxes", "labels", "masks"))
    return TrueObjects(image, boxes.to(dtype), labels, masks)


@torch.no_grad()
def sample_regions(
    proposals: Sequence[Tensor], objects: TrueObjects, image_sizes: Sequence[Pair], sampling: Sampling
) -> tuple[Tensor, Tensor]:
    """Regions (N, 5), the image and a box, and the object (N,) that each is to find, -1 for none; those with one come first."""
    boxes = objects.boxes.repeat(sampling.copies, 1)
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    near = boxes + sampling.jitter * sides * torch.randn_like(boxes)
    image = objects.image.repeat(sampling.copies)[:, None]
    proposed = in_one_row(proposals)[:, :5]
    regions = clip_regions(torch.cat([torch.cat([image.to(near), near], 1), proposed.to(near)]), image_sizes)
    regions = regions[(regions[:, 3:] > regions[:, 1:3]).all(1)]
    iou = box_iou(regions[:, 1:], objects.boxes) * (regions[:, :1] == objects.image)
    best, match = pad(iou, (0, 1)).max(1)  # with a column of zeros, so that there is a largest without any object
    found = best >= MATCHED
    with_object = some_of(found.nonzero()[:, 0], sampling.positives * len(image_sizes))
    without = some_of((~found).nonzero()[:, 0], sampling.negatives * len(image_sizes))
    return regions[torch.cat([with_object, without])], pad(match[with_object], (0, len(without)), value=-1)


def read_masks(masks: Tensor, match: Tensor, boxes: Tensor, size: int) -> Tensor:
    """What each box sees of its object's mask: the pixel in which the middle of each cell of a grid lies.

    Shapes: `masks` bool (G, H, W), `match` int64 (N,), the object of each box, `boxes` (N, 4) → (N, size, size), 0 and 1.
    """
    height, width = masks.shape[1:]
    step = (torch.arange(size, dtype=boxes.dtype, device=boxes.device) + 0.5) / size
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (N, 1)
    x, y = x1 + step * (x2 - x1), y1 + step * (y2 - y1)  # (N, size)
    x, y = x.long().clamp(0, width - 1), y.long().clamp(0, height - 1)
    return masks[match[:, None, None], y[:, :, None], x[:, None]].to(boxes.dtype)


def in_one_row(proposals: Sequence[Tensor]) -> Tensor:
    """Proposals (n, 5) of each image → (N, 6), the number of the image in front."""
    return torch.cat([pad(some, (1, 0), value=float(number)) for number, some in enumerate(proposals)])


def clip_regions(regions: Tensor, image_sizes: Sequence[Pair]) -> Tensor:
    """Regions (N, 5) with their boxes inside their images."""
    sizes = regions.new_tensor([(width, height, width, height) for height, width in image_sizes])
    limits = sizes[regions[:, 0].long()]
    return torch.cat([regions[:, :1], regions[:, 1:].clamp(min=0).minimum(limits)], 1)
