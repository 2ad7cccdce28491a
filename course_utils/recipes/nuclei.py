"""What five minutes on one core can learn of real microscope images: each nucleus one by one, with Mask R-CNN (lesson 12).

python -m course_utils.recipes.nuclei --output FILE
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_utils.datasets import load
from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import colour, compose, flip, scale_and_crop
from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.recipes.commands import make_weights, save_halved, weights_parser
from course_utils.recipes.instances import MUON, SMALLEST, train_instances
from course_utils.recipes.scenes import measured
from course_utils.training.history import History
from course_utils.training.instance_objectives import score_instances

WINDOW, SCALES = (128, 128), (0.8, 1.25)
CLASSES = 2
STEPS = 2600
"""What takes 300 CPU seconds."""


def crowded_mask_rcnn() -> nn.Module:
    """The quick Mask R-CNN, for background and nuclei; an image may have a hundred of these."""
    return quick_mask_rcnn(CLASSES, crowded=True)


@lru_cache
def nuclei_in_memory(split: str) -> InMemory:
    """All images of a split, as they are. Raises: as `datasets.load`, where they are not there."""
    return InMemory(load("nuclei", split)).read_all()


def turn(sample: Sample, generator: torch.Generator) -> Sample:
    """Turned by a random number of quarters, 0 to 3: under a microscope nothing is up or down."""
    quarters = int(torch.randint(4, (), generator=generator, device="cpu"))
    return Sample(*(layer.rot90(quarters, (-2, -1)) for layer in sample))


def train_on_nuclei(
    model: nn.Module, *, seed: int, steps: int, recipe: Mapping[str, Any] = MUON, progress: bool = True
) -> History:
    """Train on random windows of 128 × 128 pixels of the images of "train", scaled, flipped, turned, in other brightness."""
    window = partial(scale_and_crop, size=WINDOW, scales=SCALES)
    transform = compose(window, flip, turn, partial(colour, contrast=0, saturation=0))
    return train_instances(
        model,
        nuclei_in_memory("train"),
        seed=seed,
        steps=steps,
        transform=transform,
        progress=progress,
        **recipe,
    )


def nuclei_scores(model: nn.Module) -> dict[str, float]:
    """Average precision of its masks on all images of "val", whole and as large as they are."""
    return score_instances(nuclei_in_memory("val"), min_area=SMALLEST)(model)


def instances_on_nuclei(
    seed: int, *, steps: int, make: Callable[[], nn.Module] | None = None, recipe: Mapping[str, Any] = MUON
) -> dict[str, float]:
    """Train what `make` makes under the seed, `crowded_mask_rcnn` if there is none, on nuclei: a row of the study."""
    torch.manual_seed(seed)
    model = crowded_mask_rcnn() if make is None else make()
    history = train_on_nuclei(model, seed=seed, steps=steps, recipe=recipe, progress=False)
    return nuclei_scores(model) | measured(history)


def main(arguments: list[str] | None = None) -> int:
    parser = weights_parser("nuclei", __doc__, steps=STEPS, batches="batches of 4 windows")
    return make_weights(parser.parse_args(arguments), _train_and_save)


def _train_and_save(options: Namespace) -> dict[str, object]:
    model = crowded_mask_rcnn()
    train_on_nuclei(model, seed=options.seed, steps=options.steps)
    made = {"steps": options.steps, "seed": options.seed, **nuclei_scores(model)}
    save_halved(model, Path(options.output), made)
    return made


if __name__ == "__main__":
    sys.exit(main())
