"""What YOLACT learns from: the objects of a batch, checked, and brought to tensors of one shape."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from course_utils.models.detection.targets import Target
from course_utils.models.detection.yolact_parts import Outputs
from course_utils.ops.boxes import box_area
from course_utils.ops.checks import Pair
from course_utils.ops.known import on_host


class Truth(NamedTuple):
    """The objects of a batch, M an image; where an image has fewer, the last have no area.

    Shapes: `boxes` (B, M, 4), `labels` (B, M) from 1 on, `masks` (B, M, h, w): the share of each prototype's pixel that the
    object covers.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor


def stack_targets(targets: Sequence[Target], prototypes: Tensor) -> Truth:
    """The objects of all images in tensors of one shape, in the type of the prototypes, whose size the masks get.

    Crowds lose their area, and count no more than the filling does.
    """
    grid = (prototypes.shape[2], prototypes.shape[3])
    most = max([1, *(len(target["labels"]) for target in targets)])
    boxes = prototypes.new_zeros(len(targets), most, 4)
    masks = prototypes.new_zeros(len(targets), most, *grid)
    labels = torch.zeros(len(targets), most, dtype=torch.int64, device=prototypes.device)
    for image, target in enumerate(targets):
        count = len(target["labels"])
        if count == 0:
            continue
        usable = box_area(target["boxes"]) > 0
        if "iscrowd" in target:
            usable &= ~target["iscrowd"].bool()
        boxes[image, :count] = target["boxes"] * usable[:, None]
        labels[image, :count] = target["labels"]
        shares = adaptive_avg_pool2d((target["masks"] & usable[:, None, None]).to(masks.dtype), grid)
        masks[image, :count] = shares
    return Truth(boxes, labels, masks)


def require_targets(targets: Sequence[Target], outputs: Outputs, size: Pair) -> None:
    """Refuse targets that are not a dict for each image, of tensors as `four_losses` says.

    Raises: ValueError that names the image, what is wrong with it, and the way to mend it.
    """
    if not isinstance(targets, (list, tuple)) or len(targets) != len(outputs.classes):
        came = f"{len(targets)} of them" if isinstance(targets, (list, tuple)) else type(targets).__name__
        raise ValueError(
            f"Needed is a list of targets, a dict for each of {len(outputs.classes)} images, but got {came}."
        )
    classes = outputs.classes.shape[-1] - 1
    for image, target in enumerate(targets):
        missing = {"boxes", "labels", "masks"} - set(target) if isinstance(target, Mapping) else {"boxes"}
        if missing or not all(isinstance(target[name], Tensor) for name in ("boxes", "labels", "masks")):
            raise ValueError(f'targets[{image}] must be a dict with tensors "boxes", "labels" and "masks".')
        boxes, labels, masks = target["boxes"], target["labels"], target["masks"]
        shapes = (boxes.shape[1:], labels.shape[1:], masks.shape[1:]) == ((4,), (), size)
        if not shapes or not len(boxes) == len(labels) == len(masks):
            raise ValueError(
                f"targets[{image}] must have boxes (M, 4), labels (M,) and masks (M, {size[0]}, {size[1]}), but their shapes "
                f"are {tuple(boxes.shape)}, {tuple(labels.shape)} and {tuple(masks.shape)}."
            )
        if not boxes.is_floating_point() or masks.dtype != torch.bool or labels.dtype != torch.int64:
            raise ValueError(
                f"targets[{image}] must have floating boxes, int64 labels and bool masks, but they are {boxes.dtype}, "
                f"{labels.dtype} and {masks.dtype}; use `.float()`, `.long()` and `.bool()`."
            )
        if on_host(labels) and len(labels) and not (1 <= int(labels.min()) and int(labels.max()) <= classes):
            raise ValueError(
                f"The labels of {classes} classes of objects go from 1 to {classes}, and 0 is background, but those of "
                f"targets[{image}] go from {int(labels.min())} to {int(labels.max())}; map them to these."
            )
