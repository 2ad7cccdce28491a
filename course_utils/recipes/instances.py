"""The recipe of lesson 12: what found cars and persons best after two minutes or five on one core."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import Transform, colour, compose, flip
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.recipes.scenes import measured, scenes_in_memory
from course_utils.training.history import History
from course_utils.training.instance_objectives import detection_loss, score_instances
from course_utils.training.loop import fit
from course_utils.training.objectives import Evaluate

SMALLEST = 16
"""Things of fewer pixels are neither learnt nor counted."""
SCENES, VALIDATION = 1500, 100
"""Scenes to learn from, and scenes of the split "val" to evaluate on."""


def train_instances(
    model: nn.Module,
    train: Dataset[Sample],
    *,
    seed: int,
    steps: int,
    evaluate: Evaluate | None = None,
    optimiser: str = "muon",
    learning_rate: float = 8e-3,
    transform: Transform | None = None,
    batch_size: int = 4,
    evaluate_every: int | None = None,
    checkpoint: Path | str | None = None,
    progress: bool = True,
) -> History:
    """Train a network that gives its own losses of images and targets, as `quick_mask_rcnn` and `YOLACT` do.

    Muon up to 8e-3, warmed up and let down along a cosine, weight decay 0.01, the gradient clipped to 5; flips and changes of
    brightness, if no `transform` is given.

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
        schedule="warm_up_cosine",
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
    optimiser: str = "muon",
    learning_rate: float = 8e-3,
) -> dict[str, float]:
    """Train a network of cars and persons on 1500 street scenes; average precision of its masks on 100 others.

    `make` makes it, `quick_mask_rcnn(8)` if there is none, under this seed.
    """
    torch.manual_seed(seed)
    model = quick_mask_rcnn(8) if make is None else make()
    history = train_instances(
        model,
        scenes_in_memory("train", SCENES).read_all(),
        seed=seed,
        steps=steps,
        evaluate=score_instances(scenes_in_memory("val", VALIDATION), min_area=SMALLEST, per_class=True),
        optimiser=optimiser,
        learning_rate=learning_rate,
        progress=False,
    )
    return measured(history)
