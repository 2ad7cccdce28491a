"""Pretraining: it learns, is reproducible, and writes a file that is whole or not there."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from course_utils.models.backbones.small import small_resnet
from course_utils.models.pretrained import OWN
from course_utils.recipes import pretraining
from course_utils.recipes.pretraining import ANSWERS, Classifier, accuracies, main, pretrain, save_halved
from course_utils.training import checkpoints


def tiny() -> Classifier:
    torch.manual_seed(0)
    return Classifier(small_resnet(widths=(16, 24)))


@pytest.mark.slow
def test_some_steps_lower_the_loss() -> None:
    model = tiny()
    losses = pretrain(model, seed=0, steps=60, progress=False)
    assert len(losses) == 60
    assert sum(losses[-10:]) < sum(losses[:10]) - 2
    assert accuracies(model, batches=4)["backgrounds"] > 0.15


def test_the_same_seed_learns_the_same() -> None:
    losses = [pretrain(tiny(), seed=seed, steps=2, progress=False) for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_answers_and_how_many_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that always gives the first answer is right as often as that answer occurs."""
    model = tiny()
    answers = model(torch.rand(2, 3, 33, 40))
    assert {name: tuple(scores.shape) for name, scores in answers.items()} == {n: (2, k) for n, k in ANSWERS.items()}
    with torch.no_grad():
        for head in model.heads.values():
            head.weight.zero_()
            head.bias.copy_(torch.arange(len(head.bias), 0, -1))
    batches = [pretraining.draw_patterns("val", number) for number in range(3)]
    expected = {name: torch.cat([getattr(b, name) for b in batches]).eq(0).double().mean() for name in ANSWERS}
    assert accuracies(model, batches=3) == pytest.approx({name: float(share) for name, share in expected.items()})


def test_the_command_writes_weights_and_what_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretraining, "HELD_OUT", 1)
    path = tmp_path / "new" / "weights.safetensors"
    assert main(["--output", str(path), "--steps", "1", "--seed", "3"]) == 0
    assert list(path.parent.iterdir()) == [path]
    with safe_open(path, framework="pt") as file:
        made = json.loads(file.metadata()["made"])
    assert made == json.loads(capsys.readouterr().out)
    assert made["steps"] == 1 and made["seed"] == 3 and set(made["accuracy"]) == set(ANSWERS)
    small_resnet().load_state_dict(load_file(path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--steps", "0"], "--steps must be an integer of 1"), (["--seed", "-1"], "--seed must be an integer of 0")],
)
def test_bad_arguments_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["--output", str(tmp_path / "w.safetensors"), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_no_step_is_spent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_what_is_cut_while_it_is_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.safetensors"
    save_halved(nn.Linear(2, 2), path, {"steps": 1})
    before = path.read_bytes()

    def cut(_tensors: object, file: Path, **_: object) -> None:
        file.write_bytes(before[:20])
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_file", cut)
    with pytest.raises(KeyboardInterrupt):
        save_halved(nn.Linear(2, 3), path, {"steps": 2})
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


@pytest.mark.slow
def test_the_kept_weights_have_what_made_them() -> None:
    with safe_open(OWN / "small_resnet_patterns.safetensors", framework="pt") as file:
        made = json.loads(file.metadata()["made"])
    assert made["steps"] == pretraining.STEPS and made["seed"] == 0
    assert min(made["accuracy"].values()) > 0.5
