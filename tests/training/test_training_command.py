"""`python -m course_utils.training` on data that is always there."""

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn
from training_cases import tiny

from course_utils.models import catalogue
from course_utils.training import __main__ as command, estimate
from course_utils.training.history import History


def convolution(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, num_classes, 3, padding=1)


class Broken(nn.Conv2d):
    def __init__(self, num_classes: int) -> None:
        super().__init__(3, num_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * torch.nan


@pytest.fixture(autouse=True)
def _small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.MODELS, "tiny", catalogue.Entry(__name__, "convolution"))
    monkeypatch.delenv("COURSE_DATA", raising=False)


def arguments(folder: Path, **changes: str | None) -> list[str]:
    given = {
        "model": "tiny", "data": "cells", "steps": "5", "size": "48 64", "samples": "6", "output": str(folder)
    } | changes  # fmt: skip
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", *value.split())]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four images to evaluate on."""
    from course_utils.datasets import procedural

    monkeypatch.setitem(procedural.LENGTHS, "val", 4)


@pytest.mark.usefixtures("few")
def test_writes_metrics_history_and_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert command.main(arguments(tmp_path)) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["model"], metrics["data"], metrics["steps"], metrics["images"]) == ("tiny", "cells", 5, 20)
    assert metrics["parameters"] == 3 * 2 * 9 + 2
    assert {"mean_iou", "pixel_accuracy", "boundary_iou", "iou cell", "iou membrane"} == set(metrics["scores"])
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert float(rows[-1]["mean_iou"]) == pytest.approx(metrics["scores"]["mean_iou"])
    with safe_open(tmp_path / "checkpoint.safetensors", framework="pt") as file:
        assert file.get_tensor("network.weight").shape == (2, 3, 3, 3)
    assert "After 5 steps" in capsys.readouterr().out


@pytest.mark.usefixtures("few")
def test_same_arguments_same_weights_and_others_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    weights = []
    for folder in ("one", "two"):
        assert command.main(arguments(tmp_path / folder)) == 0
        with safe_open(tmp_path / folder / "checkpoint.safetensors", framework="pt") as file:
            weights.append(file.get_tensor("network.weight"))
    assert torch.equal(*weights)
    assert command.main(arguments(tmp_path / "one")) == 0
    capsys.readouterr()
    assert command.main(arguments(tmp_path / "one", seed="3", augment="flip")) == 1
    error = capsys.readouterr().err
    assert "--augment was ['flip', 'colour'], is ['flip']" in error and "--seed was 0, is 3" in error
    assert f"or delete {tmp_path / 'one' / 'checkpoint.safetensors'}" in error


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("content", ["{bad", "[1]"])
def test_damaged_arguments(tmp_path: Path, capsys: pytest.CaptureFixture, content: str) -> None:
    assert command.main(arguments(tmp_path)) == 0
    (tmp_path / "arguments.json").write_text(content)
    assert command.main(arguments(tmp_path)) == 1
    assert f"{tmp_path / 'arguments.json'} is damaged" in capsys.readouterr().err


def test_arguments_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", die)
    assert command.main(arguments(tmp_path)) == 130
    assert not (tmp_path / "arguments.json").exists()


@pytest.mark.usefixtures("few")
def test_all_options_at_once(tmp_path: Path) -> None:
    options = {
        "data": "scenes", "size": None, "crop": "40 56", "scales": "0.8 1.2", "augment": "flip colour elastic", "steps": "2",
        "class-weights": "median_frequency", "optimiser": "sgd", "schedule": "poly", "clip-norm": "1", "batch-size": "2",
        "learning-rate": "0.01", "seed": "2", "evaluate-every": "1",
    }  # fmt: skip
    assert command.main([*arguments(tmp_path, **options), "--bfloat16"]) == 0
    rows = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert float(rows[0]["mean_iou"]) >= 0 and float(rows[0]["learning_rate"]) == 0.01


@pytest.mark.usefixtures("few")
def test_cpu_seconds_become_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments(tmp_path, steps=None, **{"cpu-seconds": "30"})
    monkeypatch.setattr(command, "steps_in", lambda seconds, model, run: len(run(3).steps) + int(seconds) - 29)
    assert command.main(given) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["steps"] == 4
    # Started again, it goes on with the steps of before and estimates nothing.
    monkeypatch.setattr(command, "steps_in", None)
    assert command.main(given) == 0


def test_estimate_leaves_the_network_and_counts_what_it_took() -> None:
    """A step of 0.5 s; the 22 steps of the estimate take 11 s, so that of 100 s there are 89 left: 178 steps."""
    model = tiny()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def run(steps: int) -> History:
        for parameter in model.parameters():
            parameter.data.add_(1)
            parameter.grad = torch.ones_like(parameter)
        return History(cpu_seconds=0.5 * steps)

    assert estimate.steps_in(100, model, run) == 178
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(ValueError, match="20 CPU seconds are too few: one step takes 0.5, .* allow 22 or more"):
        estimate.steps_in(20, model, run)
    for seconds in (float("nan"), float("inf"), "20"):
        with pytest.raises(ValueError, match="seconds must be a number"):
            estimate.steps_in(seconds, model, run)


def test_estimate_leaves_the_network_when_it_fails() -> None:
    model = tiny().train()
    model.layers[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def run(steps: int) -> History:
        model.eval()
        model.layers[0].weight.data.add_(1)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        estimate.steps_in(100, model, run)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and model.layers[0].training and not model.layers[1].training


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "camvit"}, "invalid choice: 'camvit'"),
        ({"steps": None}, "one of the arguments --steps --cpu-seconds is required"),
        ({"steps": "0"}, "'0' should be a whole number of 1 or more"),
        ({"steps": "many"}, "'many' should be a whole number"),
        ({"size": "48"}, "expected 2 arguments"),
        ({"scales": "2 1"}, "--scales are LOW HIGH, but are 2 1"),
        ({"seed": str(2**63)}, "should be a whole number of 0 or more, below 2^63"),
        ({"learning-rate": "-1"}, "'-1' should be a number above 0"),
        ({"learning-rate": "inf"}, "'inf' should be a number above 0"),
        ({"augment": "rotate"}, "invalid choice: 'rotate'"),
        ({"cpu-seconds": "30"}, "not allowed with argument"),
    ],
)
def test_bad_arguments(tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments(tmp_path, **changes))
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "fcn9s"}, "There is no model 'fcn9s'; choose one of fcn32s"),
        ({"data": "camvid"}, "The data set 'camvid' is not here"),
        ({"size": "20 20"}, "size must be"),
        ({"crop": "48 64", "weight-decay": "-1"}, "weight_decay must be a number from 0"),
    ],
)
def test_what_cannot_be_trained(tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict, message: str) -> None:
    assert command.main(arguments(tmp_path, **changes)) == 1
    assert message in capsys.readouterr().err


def test_a_loss_that_is_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue.MODELS, "tiny", catalogue.Entry(__name__, "Broken"))
    assert command.main(arguments(tmp_path)) == 1
    assert "The loss is not finite at step 1 of 5 (loss = nan). Its batch was train-0000" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("model", ["fcn8s", "segnet_small", "deconvnet_small", "smp:unet:resnet18"])
@pytest.mark.parametrize("data", ["scenes", "cells"])
def test_models_of_the_course(tmp_path: Path, model: str, data: str) -> None:
    assert command.main(arguments(tmp_path, model=model, data=data, steps="2", size="64 96")) == 0
    assert 0 <= json.loads((tmp_path / "metrics.json").read_text())["scores"]["mean_iou"] <= 1


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("data", ["camvid", "em", "nuclei"])
def test_real_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, real_data: str) -> None:
    monkeypatch.setenv("COURSE_DATA", real_data)
    assert command.main(arguments(tmp_path, data=data, steps="3", size="48 64")) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["data"] == data


@pytest.fixture(scope="session")
def real_data() -> str:
    import os

    return os.environ["COURSE_DATA"]
