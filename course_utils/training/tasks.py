"""What the training command minimises and measures, for networks that give every pixel a class, and for detectors."""

from functools import partial
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.losses.weights import Method
from course_utils.training.instance_objectives import detection_loss, require_instances, score_instances
from course_utils.training.objectives import Evaluate, Objective, label_loss, score_labels, weights_of_classes


class Task(NamedTuple):
    """What is minimised, what is measured, and the scores by name that tell most."""

    objective: Objective
    evaluate: Evaluate
    shown: tuple[str, ...]


def label_task(
    train: Dataset[Sample], val: Dataset[Sample], *, class_weights: Method | None, device: torch.device
) -> Task:
    """Cross-entropy, weighted by the classes' pixels in `train` if asked for, and the IoU of regions and boundaries in `val`."""
    weights = None if class_weights is None else weights_of_classes(train, method=class_weights).to(device)
    objective = label_loss(partial(cross_entropy_loss, weight=weights), class_weights=weights)
    shown = ("mean_iou", "pixel_accuracy", "boundary_iou")
    return Task(objective, score_labels(val, boundary=True, per_class=True), shown)


def instance_task(train: Dataset[Sample], val: Dataset[Sample], *, min_area: float) -> Task:
    """The network's own losses, and the average precision of its masks in `val`; of objects of `min_area` pixels and more.

    Raises: ValueError as `require_instances`.
    """
    require_instances(train)
    evaluate = score_instances(val, min_area=min_area, per_class=True)
    return Task(detection_loss(min_area=min_area), evaluate, ("ap", "ap50"))
