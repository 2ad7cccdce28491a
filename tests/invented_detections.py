"""Detections of cars that nobody has trained a network for: the truth of some scenes, moved, lost and added to."""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.datasets.objects import objects_of
from course_utils.datasets.scenes import Scenes
from course_utils.ops.boxes import masks_to_boxes

SIZE = 192, 256
CAR = Scenes.classes.index("car")
_SCENES = (40, 29, 6, 33)  # of the validation set: four cars each
_SMALL = 500  # pixels; of the cars below this, half are not found


class Detected(NamedTuple):
    """Images (3, H, W), and for each its predictions and its target as `instance.AveragePrecision.update` takes them."""

    images: list[Tensor]
    predictions: list[dict[str, Tensor]]
    targets: list[dict[str, Tensor]]


def invented_cars(seed: int = 0) -> Detected:
    """Four scenes with detections of cars, all drawn from the seed.

    A car is found a little aside, the nearer the more confident the detection is; some small ones are not found. In each image
    the largest car is found twice, and two detections have the shape of a car where none is.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    detected = Detected([], [], [])
    data = Scenes("val", SIZE)
    for number in _SCENES:
        sample = data[number]
        objects = objects_of(sample)
        cars = objects.masks[objects.classes == CAR]
        masks, scores = _detections(cars, generator)
        detected.images.append(sample.image)
        detected.predictions.append(
            {"labels": torch.full((len(scores),), CAR, device="cpu"), "scores": scores, "masks": masks}
        )
        detected.targets.append({"labels": torch.full((len(cars),), CAR, device="cpu"), "masks": cars})
    return detected


def _detections(cars: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The masks (N, H, W) of one image's detections, and how confident they are (N,)."""
    order = cars.sum((1, 2)).argsort()
    smallest, largest = cars[order[0]], cars[order[-1]]
    draws = torch.rand(len(cars) + 3, 3, generator=generator, dtype=torch.float64, device="cpu").tolist()
    masks, scores = [], []
    for car, (quality, noise, luck) in zip(cars, draws, strict=False):
        if luck < 0.5 and int(car.sum()) < _SMALL:
            continue
        top, left, height, width = _box(car)
        away = 0.2 * (1 - quality)
        masks.append(_at(car, round(top + away * height), round(left + (luck - 0.5) * 2 * away * width)))
        scores.append(0.25 + 0.5 * quality + 0.22 * noise)
    top, left, height, width = _box(largest)
    masks.append(_at(largest, round(top + 0.1 * height), round(left + 0.35 * width)))
    scores.append(0.1 + 0.6 * draws[-1][0])
    for down, right, noise in draws[-3:-1]:
        height, width = cars.shape[1:]
        masks.append(_at(smallest, round((0.4 + 0.4 * down) * height), round(0.9 * right * width)))
        scores.append(0.05 + 0.75 * noise)
    return torch.stack(masks), torch.tensor(scores, dtype=torch.float32, device="cpu")


def _box(mask: Tensor) -> tuple[int, int, int, int]:
    """The first row and column of a mask (H, W), its height and its width."""
    x1, y1, x2, y2 = masks_to_boxes(mask).int().tolist()
    return y1, x1, y2 - y1, x2 - x1


def _at(mask: Tensor, top: int, left: int) -> Tensor:
    """A mask (H, W) moved until it begins at this row and column; what leaves the image is lost."""
    first_row, first_column, _, _ = _box(mask)
    rows, columns = mask.nonzero().unbind(1)
    rows, columns = rows + top - first_row, columns + left - first_column
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved = torch.zeros_like(mask)
    moved[rows[inside], columns[inside]] = True
    return moved
