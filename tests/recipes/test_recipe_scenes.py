"""The recipe of lessons and studies."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.datasets import procedural
from course_utils.models.backbones.contract import Frozen
from course_utils.models.backbones.small import small_resnet
from course_utils.recipes import scenes
from course_utils.recipes.scenes import scenes_in_memory, train_on_scenes
from course_utils.training.history import History


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images to evaluate on."""
    monkeypatch.setattr(scenes, "VALIDATION", 3)
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


@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_encoder_of_a_study(monkeypatch: pytest.MonkeyPatch, pretrained: bool, frozen: bool) -> None:
    torch.manual_seed(7)
    before = small_resnet()
    first = before.stem[0][0].weight.clone()
    trained = []

    def train(model: nn.Module, **_: object) -> History:
        trained.append(model)
        return History(evaluations=[{"step": 1, "mean_iou": 0.5}])

    monkeypatch.setattr(scenes, "pretrained_backbone", lambda _seed: before)
    monkeypatch.setattr(scenes, "train_on_scenes", train)
    found = scenes.fcn_on_scenes(3, stride=16, pretrained=pretrained, frozen=frozen)
    assert found["mean_iou"] == 0.5
    (model,) = trained
    encoder = model.backbone.backbone if frozen else model.backbone
    assert len(model.scores) == 2 and isinstance(model.backbone, Frozen) == frozen
    assert torch.equal(encoder.stem[0][0].weight, first) == pretrained
    assert all(weight.requires_grad != frozen for weight in encoder.parameters())
    assert all(weight.requires_grad for weight in model.scores.parameters())


def test_a_grid_gives_what_it_can() -> None:
    labels = torch.full((1, 16, 24), 2)
    labels[:, :, 12:] = 5  # in the middle between two places of stride 8
    labels[:, 3, 4] = 255
    right = (scenes.fit_grid(labels, stride=8) == labels) | (labels == 255)
    assert right.all()
    labels[:, 6, 20] = 7
    assert ((scenes.fit_grid(labels, stride=8) == 7) != (labels == 7)).any()
    assert ((scenes.fit_grid(labels, stride=1) == labels) | (labels == 255)).all()
    with pytest.raises(ValueError, match="7 does not divide"):
        scenes.fit_grid(labels, stride=7)


def test_a_fitted_grid_is_better_than_averages_of_the_truth() -> None:
    streets = scenes.Scenes("val", length=4)
    labels = torch.stack([scene.labels for scene in streets])
    one_hot = nn.functional.one_hot(labels.where(labels != 255, 8), 9)[..., :8].movedim(-1, 1).float()
    scored = []
    for stride in (32, 8):
        averages = scenes.resize(nn.functional.avg_pool2d(one_hot, stride), labels.shape[1:]).argmax(1)
        fitted = scenes.fit_grid(labels, stride=stride)
        scored += [scenes.scores(scenes.confusion_matrix(maps, labels, 8)).mean_iou for maps in (averages, fitted)]
    assert scored == sorted(scored) and scored[1] > scored[0] + 0.05 and scored[3] > scored[2] + 0.05


def test_what_a_stride_allows() -> None:
    coarse, fine = (scenes.fitted_grid_on_scenes(0, stride=stride, steps=20, further=5) for stride in (32, 4))
    assert all(coarse[name] < fine[name] for name in ("mean_iou", "pixel_accuracy", "boundary_iou"))
    assert list(fine) == ["mean_iou", "pixel_accuracy", "boundary_iou", "steps", "training_cpu_seconds"]


@pytest.mark.slow
def test_learns() -> None:
    from course_utils.models.catalogue import build

    torch.manual_seed(0)
    history = train_on_scenes(build("fcn8s", 8), seed=0, steps=80, samples=64)
    assert history.scores["mean_iou"] > 0.25
