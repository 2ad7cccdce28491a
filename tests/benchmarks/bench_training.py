"""A step of `fit` against a step of a loop that is written out by hand; see `tools/bench.py`.

Both train `fcn8s` on the same scenes, kept in memory beforehand, with the same augmentation, and set out from the same weights.
"""

from collections.abc import Callable
from functools import partial

import torch

from course_utils.datasets.samples import Sample
from course_utils.datasets.transforms import Transform, colour, compose, flip
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.models.catalogue import build
from course_utils.recipes.scenes import scenes_in_memory
from course_utils.training.loop import fit
from course_utils.training.objectives import label_loss

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
STEPS, BATCH = 20, 4


def _by_hand(model: torch.nn.Module, data: list[Sample], transform: Transform | None) -> None:
    """The loop that everybody writes: shuffle, stack, predict, step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1.5e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.5e-3, total_steps=STEPS)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(data), generator=generator)
    model.train()
    for step in range(STEPS):
        chosen = [data[index] for index in order[BATCH * step : BATCH * (step + 1)].tolist()]
        if transform is not None:
            chosen = [transform(sample, generator) for sample in chosen]
        images = torch.stack([sample.image for sample in chosen]).contiguous(memory_format=torch.channels_last)
        labels = torch.stack([sample.labels for sample in chosen])
        loss = cross_entropy_loss(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        loss.item()


def _fit_vs_by_hand(transform: Transform | None) -> Comparison:
    kept = scenes_in_memory("train", STEPS * BATCH).read_all()
    samples = [kept[index] for index in range(len(kept))]
    torch.manual_seed(0)
    model = build("fcn8s", 8).to(memory_format=torch.channels_last)
    run = partial(
        fit, steps=STEPS, objective=label_loss(cross_entropy_loss), seed=0, transform=transform, progress=False
    )
    return (lambda: run(model, kept)), (lambda: _by_hand(model, samples, transform)), 1.05


def bench_fit_vs_loop_by_hand() -> Comparison:
    return _fit_vs_by_hand(None)


def bench_fit_vs_loop_by_hand_augmented() -> Comparison:
    return _fit_vs_by_hand(compose(flip, colour))
