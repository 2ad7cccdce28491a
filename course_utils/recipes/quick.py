"""The recipe of lessons 08 and on: what learnt most in a minute or five on one core."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import Transform, colour, compose, flip
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.losses.lovasz import lovasz_softmax_loss
from course_utils.models.catalogue import build
from course_utils.recipes.scenes import VALIDATION, measured, scenes_in_memory
from course_utils.training.batches import Batch
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.objectives import Evaluate, Objective, label_loss, score_labels, weights_of_classes

LOVASZ_FROM = 0.6
"""The share of a run after which the Lovász loss is added."""
RATES = {"muon": (8e-3, 0.01), "adamw": (3e-3, 1e-4)}
"""Of each optimiser the learning rate and the weight decay."""


def train_quickly(
    model: nn.Module,
    train: Dataset[Sample],
    *,
    seed: int,
    steps: int,
    evaluate: Evaluate | None = None,
    optimiser: str = "muon",
    learning_rate: float | None = None,
    lovasz: bool = True,
    transform: Transform | None = None,
    batch_size: int = 4,
    evaluate_every: int | None = None,
    checkpoint: Path | str | None = None,
    progress: bool = True,
) -> History:
    """Train a network that gives logits, with the recipe that learnt most per CPU second of those that were tried.

    Muon up to 8e-3 (or AdamW up to 3e-3), warmed up and let down along a cosine; cross-entropy with classes weighted by the
    square root of inverse frequency, and in the last 40 % of the steps the Lovász loss of every second row and column
    beside it; flips and changes of colour, if no `transform` is given.

    Raises: as `training.loop.fit`.
    """
    device = next(model.parameters()).device
    weights = weights_of_classes(train).to(device)
    rate, decay = RATES.get(optimiser, RATES["adamw"])
    return fit(
        model,
        train,
        steps=steps,
        objective=weighted_then_lovasz(weights) if lovasz else label_loss(partial(cross_entropy_loss, weight=weights)),
        evaluate=evaluate,
        seed=seed,
        batch_size=batch_size,
        optimiser=optimiser,
        learning_rate=rate if learning_rate is None else learning_rate,
        weight_decay=decay,
        schedule="warm_up_cosine",
        transform=compose(flip, colour) if transform is None else transform,
        evaluate_every=evaluate_every,
        checkpoint=checkpoint,
        progress=progress,
    )


def weighted_then_lovasz(weights: Tensor) -> Objective:
    """Cross-entropy with class weights (K,); later the Lovász loss beside it, which asks for the IoU itself.

    It sorts all pixels, so every second row and column has to do. From the beginning it would slow the training down.
    """

    def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logits = model(batch.images)
        losses = {"cross-entropy": cross_entropy_loss(logits, batch.labels, weight=weights)}
        if batch.done >= LOVASZ_FROM:
            losses["Lovász"] = lovasz_softmax_loss(logits[..., ::2, ::2], batch.labels[..., ::2, ::2])
        return losses

    return objective


def quickly_on_scenes(
    seed: int,
    *,
    steps: int,
    make: Callable[[], nn.Module] | str = "small_unet",
    optimiser: str = "muon",
    learning_rate: float | None = None,
    lovasz: bool = True,
) -> dict[str, float]:
    """Train a network of 8 classes, by its name in the catalogue or by what makes it, on 512 scenes; scores on 120 others."""
    torch.manual_seed(seed)
    model = build(make, 8) if isinstance(make, str) else make()
    history = train_quickly(
        model,
        scenes_in_memory("train", 512),
        seed=seed,
        steps=steps,
        evaluate=score_labels(scenes_in_memory("val", VALIDATION), boundary=True),
        optimiser=optimiser,
        learning_rate=learning_rate,
        lovasz=lovasz,
        progress=False,
    )
    return measured(history)
