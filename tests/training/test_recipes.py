"""The recipe of lessons and studies."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.datasets import procedural
from course_utils.training import recipes
from course_utils.training.recipes import scenes_in_memory, train_on_scenes


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images to evaluate on."""
    monkeypatch.setattr(recipes, "VALIDATION", 3)
    assert procedural.LENGTHS["val"] >= 120


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(3, 8, 3, padding=1)


def test_runs_and_repeats() -> None:
    runs = [train_on_scenes(small(), seed=1, steps=4, samples=6) for _ in range(2)]
    assert runs[0].steps == runs[1].steps
    assert set(runs[0].scores) == {"mean_iou", "pixel_accuracy", "boundary_iou"}
    assert scenes_in_memory("train", 6) is scenes_in_memory("train", 6)


def test_weights_and_other_losses_change_the_loss() -> None:
    def of_ones(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, torch.ones_like(labels))

    first = [
        train_on_scenes(small(), seed=1, steps=1, samples=6, **options).steps[0]["loss"]
        for options in ({}, {"weighted": False}, {"loss": of_ones})
    ]
    assert len(set(first)) == 3


@pytest.mark.slow
def test_learns() -> None:
    from course_utils.models.catalogue import build

    torch.manual_seed(0)
    history = train_on_scenes(build("fcn8s", 8), seed=0, steps=80, samples=64)
    assert history.scores["mean_iou"] > 0.25
