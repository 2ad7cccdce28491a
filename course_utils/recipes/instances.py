"""The recipe of lesson 12: what found cars and persons best after two minutes or five on one core."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import Transform, colour, compose, flip
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.ops.roi import roi_pool
from course_utils.recipes.scenes import measured, scenes_in_memory
from course_utils.training.history import History
from course_utils.training.instance_objectives import detection_loss, score_instances
from course_utils.training.loop import fit
from course_utils.training.objectives import Evaluate

SMALLEST = 16
"""Things of fewer pixels are neither learnt nor counted."""
SCENES, VALIDATION = 1500, 100
"""Scenes to learn from, and scenes of the split "val" to evaluate on."""

MUON = {"optimiser": "muon", "learning_rate": 8e-3, "schedule": "warm_up_cosine"}
USUAL = {"optimiser": "adamw", "learning_rate": 2e-3, "schedule": "one_cycle"}
"""Settings of `train_instances`: those of this course, and what detectors are usually trained with from nothing."""


def train_instances(
    model: nn.Module,
    train: Dataset[Sample],
    *,
    seed: int,
    steps: int,
    evaluate: Evaluate | None = None,
    optimiser: str = "muon",
    learning_rate: float = 8e-3,
    schedule: str = "warm_up_cosine",
    transform: Transform | None = None,
    batch_size: int = 4,
    evaluate_every: int | None = None,
    checkpoint: Path | str | None = None,
    progress: bool = True,
) -> History:
    """Train a network that gives its own losses of images and targets, as `quick_mask_rcnn` and `YOLACT` do.

    Muon up to 8e-3, warmed up and let down along a cosine, weight decay 0.01, the gradient clipped to 5; flips and changes of
    brightness, if no `transform` is given. `USUAL` are the settings that torchvision's detectors are usually trained with.

    Raises: as `training.loop.fit`.
    """
    return fit(
        model,
        train,
        steps=steps,
        objective=detection_loss(min_area=SMALLEST),
        evaluate=evaluate,
        seed=seed,
        batch_size=batch_size,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=0.01,
        schedule=schedule,
        clip_norm=5.0,
        transform=compose(flip, partial(colour, contrast=0, saturation=0)) if transform is None else transform,
        evaluate_every=evaluate_every,
        checkpoint=checkpoint,
        progress=progress,
    )


def instances_on_scenes(
    seed: int,
    *,
    steps: int,
    make: Callable[[], nn.Module] | None = None,
    recipe: Mapping[str, Any] = MUON,
) -> dict[str, float]:
    """Train a network of cars and persons on 1500 street scenes; average precision of its masks on 100 others.

    `make` makes it, `quick_mask_rcnn(8)` if there is none, under this seed. `recipe`: `MUON` or `USUAL`.
    """
    torch.manual_seed(seed)
    model = quick_mask_rcnn(8) if make is None else make()
    history = train_instances(
        model,
        scenes_in_memory("train", SCENES).read_all(),
        seed=seed,
        steps=steps,
        evaluate=score_instances(scenes_in_memory("val", VALIDATION), min_area=SMALLEST, per_class=True),
        progress=False,
        **recipe,
    )
    return measured(history)


def rounded_regions(features: Tensor, regions: Tensor, size: int) -> Tensor:
    """RoIPool, a `pooling` of `QuickRoIHeads` that rounds to whole cells."""
    return roi_pool(features, regions, size)


def competing_masks(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """A `mask_loss` of `QuickRoIHeads` for softmax masks: the mean over cells of the cross-entropy, with background as a class.

    Shapes: `logits` (N, K, m, m), `labels` int64 (N,), `targets` (N, m, m) of 0 and 1 → scalar.
    """
    wanted = torch.where(targets > 0.5, labels[:, None, None], 0)
    return cross_entropy(logits, wanted)
