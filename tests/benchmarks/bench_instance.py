"""COCO's average precision and its parts against pycocotools, from masks to numbers, see `tools/bench.py`."""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_utils.metrics.instance import AveragePrecision
from course_utils.metrics.overlaps import mask_iou

sys.path.append(str(Path(__file__).parents[1]))
from metrics.coco_cases import coco_eval, poses, rle

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
Images = list[dict[str, Tensor]]


def _blobs(count: int, height: int, width: int, draw: torch.Generator) -> Tensor:
    """Round things with a coarse outline, some of which are cut by the image's border: (N, H, W)."""
    y, x = torch.arange(height)[:, None] / height, torch.arange(width) / width
    centre = torch.rand(count, 2, 1, 1, generator=draw)
    radius = 0.03 + 0.12 * torch.rand(count, 1, 1, generator=draw)
    coarse = torch.rand(count, 1, height // 8, width // 8, generator=draw)
    radius = radius * (0.7 + 0.6 * interpolate(coarse, (height, width), mode="bilinear")[:, 0])
    return ((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) < radius**2


def _images(count: int, height: int, width: int, classes: int, objects: int = 20) -> tuple[Images, Images]:
    """20 objects an image, one in ten a crowd; each is found, moved by a few pixels, and two other things beside them."""
    draw = torch.Generator().manual_seed(0)
    predictions, targets = [], []
    for _ in range(count):
        masks, labels = _blobs(objects, height, width, draw), torch.randint(classes, (objects,), generator=draw)
        shift = tuple(torch.randint(-2, 3, (2,), generator=draw).tolist())
        found = torch.cat([masks.roll(shift, (1, 2)), _blobs(2, height, width, draw)])
        of_found = torch.cat([labels, torch.randint(classes, (2,), generator=draw)])
        predictions.append({"masks": found, "labels": of_found, "scores": torch.rand(len(found), generator=draw)})
        crowd = torch.rand(objects, generator=draw) < 0.1
        targets.append({"masks": masks, "labels": labels, "iscrowd": crowd, "area": masks.sum((1, 2))})
    return predictions, targets


def _compare(
    count: int, height: int, width: int, classes: int, goal: float | None, iou_type: str = "masks"
) -> Comparison:
    predictions, targets = _images(count, height, width, classes)
    if iou_type == "keypoints":
        draw = torch.Generator().manual_seed(1)
        boxes = 100 * torch.rand(20, 4, generator=draw, dtype=torch.float64)
        boxes[:, 2:] += boxes[:, :2]
        for prediction, target in zip(predictions, targets, strict=True):
            target |= {"boxes": boxes, "keypoints": poses(boxes, 17, draw)}
            near = torch.cat([target["keypoints"], target["keypoints"][:2]])
            prediction["keypoints"] = near + 3 * torch.randn(near.shape, generator=draw, dtype=torch.float64)

    def ours() -> float:
        metric = AveragePrecision(classes, iou_type=iou_type)
        for prediction, target in zip(predictions, targets, strict=True):
            metric.update([prediction], [target])
        return metric.compute().ap

    def library() -> float:
        return coco_eval(predictions, targets, classes, iou_type).stats[0]

    assert ours() == library()
    return ours, library, goal


def bench_coco_mask_ap_500_images_256x256() -> Comparison:
    return _compare(500, 256, 256, 5, 0.2)


def bench_coco_mask_ap_500_images_96x128() -> Comparison:
    return _compare(500, 96, 128, 3, 0.2)


def bench_coco_mask_ap_100_images_480x640() -> Comparison:
    return _compare(100, 480, 640, 5, 0.2)


def bench_coco_mask_ap_100_images_256x256_80_classes() -> Comparison:
    return _compare(100, 256, 256, 80, 0.2)


def bench_coco_keypoint_ap_100_images() -> Comparison:
    return _compare(100, 96, 128, 1, None, "keypoints")


def _iou(count: int, goal: float | None) -> Comparison:
    from pycocotools import mask as coco_masks

    draw = torch.Generator().manual_seed(0)
    a, b = _blobs(count, 256, 256, draw), _blobs(count, 256, 256, draw)
    return (
        lambda: mask_iou(a, b),
        lambda: coco_masks.iou([rle(mask) for mask in a], [rle(mask) for mask in b], [0] * count),
        goal,
    )


def bench_mask_iou_20x20() -> Comparison:
    return _iou(20, None)


def bench_mask_iou_100x100() -> Comparison:
    return _iou(100, None)
