"""The runs that lesson 05 and its study share."""

import pytest
import torch

from course_utils.datasets.memory import InMemory
from course_utils.datasets.one_class import OneClass
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.recipes import rare_persons


def test_scores_of_persons_by_hand() -> None:
    probabilities = torch.tensor([0.95, 0.85, 0.45, 0.15, 0.25])
    truth = torch.tensor([True, False, True, False, False])
    found = rare_persons.score_persons(probabilities, truth)
    assert (found["recall"], found["precision"], found["iou"]) == (0.5, 0.5, pytest.approx(1 / 3))
    assert found["mean_probability"] == pytest.approx(0.53)
    assert found["calibration_error"] == pytest.approx((0.05 + 0.85 + 0.55 + 0.15 + 0.25) / 5)
    assert (found["best_iou"], found["best_threshold"]) == (pytest.approx(2 / 3), pytest.approx(0.45))
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    nothing = rare_persons.score_persons(probabilities / 2, truth)
    assert nothing["recall"] == 0 and nothing["precision"] != nothing["precision"]


def test_average_precision_and_best_iou_equal_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, jaccard_score

    generator = torch.Generator().manual_seed(0)
    p = torch.rand(200, generator=generator, dtype=torch.float64)
    t = torch.rand(200, generator=generator, dtype=torch.float64) < p / 4
    found = rare_persons.score_persons(p, t)
    assert found["average_precision"] == pytest.approx(average_precision_score(t, p), abs=1e-9)
    every = [jaccard_score(t, p >= threshold) for threshold in p]
    assert found["best_iou"] == pytest.approx(max(every), abs=1e-6)


@pytest.mark.slow
def test_persons_are_rare_and_each_loss_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    few = OneClass(InMemory(Scenes("val", length=40)), "person", at_most=0.02)
    monkeypatch.setattr(rare_persons, "rare_persons", lambda _split: few)
    labels = torch.stack([sample.labels for sample in few])
    assert 0.002 < float((labels == 1).sum() / (labels != VOID).sum()) < 0.02
    losses = rare_persons.losses_for_persons()
    assert len(losses) == 13
    for loss in losses.values():
        model, history = rare_persons.train_on_persons(loss, seed=0, steps=1)
        assert torch.isfinite(torch.tensor(history.steps[0]["loss"]))
    p, t = rare_persons.probabilities_of_persons(model)
    assert p.shape == t.shape == ((labels != VOID).sum(),) and t.sum() == (labels == 1).sum()
