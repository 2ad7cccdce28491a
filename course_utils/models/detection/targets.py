"""What a detector is to find in each image, in the form that torchvision's detectors take."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from course_utils.ops.checks import require_tensor
from course_utils.ops.known import on_host
from course_utils.ops.overlap import require_boxes

Target = Mapping[str, Tensor]
"""Of one image with n objects: "boxes" (n, 4), "labels" int64 (n,), and what else is learnt: "masks", "keypoints"."""


OF_EACH_OBJECT = {"labels", "masks", "keypoints", "iscrowd"}


def checked_targets(targets: Sequence[Target] | None, count: int, num_classes: int) -> list[Target]:
    """The targets of `count` images without what nothing can be learnt from: crowds, and objects whose box has no area.

    Raises: ValueError for another number of targets, missing keys, what is not a tensor, boxes and masks of another shape or
    type, labels that are not from 1 to num_classes - 1, and as many masks or keypoints as there are no boxes.
    """
    if not isinstance(targets, (list, tuple)) or len(targets) != count:
        what = f"{len(targets)} of them" if isinstance(targets, (list, tuple)) else f"{type(targets).__name__}"
        raise ValueError(
            f"In training mode, targets must be a list with a dict for each of {count} images, but got {what}; in order to "
            "predict, call `.eval()` first."
        )
    return [_checked_target(target, num_classes, n) for n, target in enumerate(targets)]


def _checked_target(target: Target, num_classes: int, place: int) -> Target:
    if not isinstance(target, Mapping) or not {"boxes", "labels"} <= target.keys():
        got = f"the keys {sorted(target)}" if isinstance(target, Mapping) else type(target).__name__
        raise ValueError(
            f'targets[{place}] must be a dict with "boxes" and "labels", but has {got}; see `Objects.target()`.'
        )
    for name in sorted(target.keys() & {"boxes", *OF_EACH_OBJECT}):
        require_tensor(target[name], f'targets[{place}]["{name}"]')
    boxes, labels = target["boxes"], target["labels"]
    require_boxes(boxes, f'targets[{place}]["boxes"]')
    if "masks" in target and target["masks"].ndim != 3:
        raise ValueError(
            f'targets[{place}]["masks"] must be (n, H, W), but have the shape {tuple(target["masks"].shape)}.'
        )
    for name in sorted(target.keys() & OF_EACH_OBJECT):
        if len(target[name]) != len(boxes):
            raise ValueError(
                f'targets[{place}]["{name}"] must have one entry for each of {len(boxes)} boxes, but has {len(target[name])}.'
            )
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise ValueError(
            f'targets[{place}]["labels"] must be int64 (n,), but is {labels.dtype} of shape {tuple(labels.shape)}.'
        )
    if on_host(labels) and len(labels) and not 1 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f'targets[{place}]["labels"] must be from 1 to {num_classes - 1}, since 0 is background, but are from '
            f"{int(labels.min())} to {int(labels.max())}."
        )
    learnt = (boxes[:, 2:] > boxes[:, :2]).all(1)
    if "iscrowd" in target:
        learnt &= ~target["iscrowd"].bool()
    return {name: target[name][learnt] for name in target.keys() & {"boxes", "labels", "masks", "keypoints"}}
