"""The objects of one image one by one, as detectors learn them and as their metrics count them."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.datasets.samples import Sample, boxes_and_masks
from course_utils.ops.precision import in_float64


class Objects(NamedTuple):
    """N objects of an image, each with a box, a mask and a class, some of them crowds.

    Shapes: `boxes` (N, 4) float32 as (x1, y1, x2, y2) in continuous pixel coordinates; `masks` (N, H, W) bool, which may
    overlap; `classes` (N,) int64; `crowd` (N,) bool, true where a mask covers several objects that nobody has told apart;
    `areas` (N,) float64 in pixels, as annotated; `keypoints` (N, K, 3) float32, of each its x, its y and its visibility: 2
    seen, 1 hidden, 0 not labelled, and then x and y are 0.
    """

    boxes: Tensor
    masks: Tensor
    classes: Tensor
    crowd: Tensor
    areas: Tensor
    keypoints: Tensor

    def target(self) -> dict[str, Tensor]:
        """The same by the names that torchvision's detectors and `metrics.instance` give them."""
        named = {
            "boxes": self.boxes,
            "labels": self.classes,
            "masks": self.masks,
            "iscrowd": self.crowd,
            "area": self.areas,
        }
        return named | {"keypoints": self.keypoints} if self.keypoints.shape[1] else named


def objects_of(sample: Sample) -> Objects:
    """The instances of a sample in the order of their ids. None is a crowd, and there are no keypoints: (N, 0, 3).

    Raises: ValueError as `boxes_and_masks`.
    """
    boxes, masks, classes = boxes_and_masks(sample)
    return Objects(
        boxes=boxes,
        masks=masks,
        classes=classes,
        crowd=torch.zeros_like(classes, dtype=torch.bool),
        areas=in_float64(masks.sum((1, 2))),
        keypoints=boxes.new_zeros(len(boxes), 0, 3),
    )
