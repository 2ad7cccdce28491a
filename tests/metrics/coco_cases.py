"""What the tests of instance metrics share: random images with instances, and what pycocotools says of them."""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

Instances = dict[str, Tensor]
HEIGHT, WIDTH = 60, 70
COCO_TYPES = {"masks": "segm", "boxes": "bbox", "boundaries": "segm", "keypoints": "keypoints"}


def random_boxes(count: int, draw: torch.Generator) -> Tensor:
    """Boxes on quarters of a pixel, so that width and height, which pycocotools takes, have no rounding of their own."""
    limits = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    ends = (torch.rand(count, 2, 4, generator=draw, dtype=torch.float64) * limits * 4).round() / 4
    low, high = ends[..., :2].reshape(count, 2, 2), ends[..., 2:].reshape(count, 2, 2)
    corners = torch.cat([low, high], 1)  # (N, 4 points, 2)
    return torch.cat([corners.amin(1), corners.amax(1) + 1], 1)


def as_masks(boxes: Tensor) -> Tensor:
    """(N, 4) → (N, HEIGHT, WIDTH): the pixels whose centres are inside, but for diagonal lines, which no box has."""
    y, x = torch.arange(HEIGHT)[:, None] + 0.5, torch.arange(WIDTH) + 0.5
    x1, y1, x2, y2 = boxes[:, :, None, None].unbind(1)
    return (x > x1) & (x < x2) & (y > y1) & (y < y2) & ((x + y).int() % 31 != 0)


def random_images(
    seed: int, *, images: int = 8, classes: int = 3, points: int = 0
) -> tuple[list[Instances], list[Instances]]:
    """Predictions near their truths, twice, and some far away; scores, areas and truths with ties; a few crowds."""
    draw = torch.Generator().manual_seed(seed)

    def instances(boxes: Tensor, labels: Tensor) -> Instances:
        return {"boxes": boxes, "masks": as_masks(boxes), "labels": labels}

    predictions, targets = [], []
    for image in range(images):
        count = 0 if image == 0 else int(torch.randint(1, 9, (), generator=draw))
        boxes = random_boxes(count, draw)
        boxes[count // 2 :] = boxes[: count - count // 2].clone()  # the second half overlaps with nothing but the first
        labels = torch.randint(classes, (count,), generator=draw)
        target = instances(boxes, labels)
        stretch = torch.randint(1, 5, (count,), generator=draw)
        target |= {"iscrowd": torch.rand(count, generator=draw) < 0.2, "area": target["masks"].sum((1, 2)) * stretch}
        near = torch.cat([boxes, boxes]) + torch.randint(-8, 9, (2 * count, 4), generator=draw) / 4
        near[:, 2:] = torch.maximum(near[:, 2:], near[:, :2] + 1)
        boxes = torch.cat([near, random_boxes(3, draw)])
        prediction = instances(boxes, torch.cat([labels, labels, torch.randint(classes, (3,), generator=draw)]))
        prediction["scores"] = torch.randint(9, (len(boxes),), generator=draw) / 8
        if points:
            target["keypoints"] = poses(target["boxes"], points, draw)
            prediction["keypoints"] = poses(prediction["boxes"], points, draw)
            prediction["keypoints"][: 2 * count] = target["keypoints"].repeat(2, 1, 1)
            prediction["keypoints"] += torch.randn(prediction["keypoints"].shape, generator=draw)
        predictions.append(prediction)
        targets.append(target)
    return predictions, targets


def poses(boxes: Tensor, points: int, draw: torch.Generator) -> Tensor:
    """Random points in boxes, of which some are not visible, and those of every fifth box never: (N, points, 3)."""
    places = torch.rand(len(boxes), points, 2, generator=draw, dtype=torch.float64)
    places = boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])
    visible = torch.randint(3, (len(boxes), points, 1), generator=draw).double()
    visible[::5] = 0
    return torch.cat([places, visible], 2)


def rle(mask: Tensor) -> Any:
    return coco_masks.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))


def coco_eval(
    predictions: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    classes: int,
    iou_type: str = "masks",
    change: Callable[[Any], None] | None = None,
    evaluator: type[COCOeval] = COCOeval,
) -> COCOeval:
    """pycocotools, from masks to numbers; `change` sets its parameters, which `stats` does not take."""
    images, annotations, results = [], [], []
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        height, width = target["masks"].shape[1:]
        images.append({"id": i, "height": height, "width": width})
        for n in range(len(target["labels"])):
            annotation = {"id": len(annotations) + 1} | _instance(i, target, n, iou_type)
            annotation |= {"iscrowd": int(target["iscrowd"][n]), "area": float(target["area"][n])}
            annotations.append(annotation)
        for n in range(len(prediction["labels"])):
            result = _instance(i, prediction, n, iou_type) | {"score": prediction["scores"][n].item()}
            results.append({key: value for key, value in result.items() if key != "bbox" or iou_type == "boxes"})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": k} for k in range(classes)]}
        coco.dataset["info"] = {}
        coco.createIndex()
        found = evaluator(coco, coco.loadRes(results) if results else COCO(), COCO_TYPES[iou_type])
        if change:
            change(found.params)
        found.evaluate()
        found.accumulate()
        if not change:
            found.summarize()
    return found


def _instance(image: int, instances: Mapping[str, Tensor], n: int, iou_type: str) -> dict[str, Any]:
    found: dict[str, Any] = {"image_id": image, "category_id": int(instances["labels"][n])}
    if iou_type in ("masks", "boundaries"):
        return found | {"segmentation": rle(instances["masks"][n])}
    if "boxes" in instances:
        x1, y1, x2, y2 = instances["boxes"][n].tolist()
        found["bbox"] = [x1, y1, x2 - x1, y2 - y1]
    if iou_type == "keypoints":
        keypoints = instances["keypoints"][n]
        found |= {"keypoints": keypoints.flatten().tolist(), "num_keypoints": int((keypoints[:, 2] > 0).sum())}
    return found
