"""A run that is killed anywhere and started again is the run that was not, to the last bit."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.transforms import v2
from training_cases import Squares, objective, tiny

from course_utils.datasets.samples import Sample
from course_utils.training import loop
from course_utils.training.batches import Batch
from course_utils.training.checkpoints import load_network, read_settings, save_network
from course_utils.training.history import History
from course_utils.training.loop import fit

STEPS, EVERY = 11, 4


def noisy(sample: Sample, generator: torch.Generator) -> Sample:
    return sample._replace(image=sample.image + 0.1 * torch.rand(sample.image.shape, generator=generator))


def evaluate(model: nn.Module) -> dict[str, float]:
    return {"sum": float(sum(p.detach().sum() for p in model.parameters()))}


def run(
    path: Path | None, *, loss=objective, optimiser: str = "adamw", steps: int = STEPS
) -> tuple[nn.Module, History]:
    model = tiny()
    history = fit(
        model, Squares(), steps=steps, objective=loss, evaluate=evaluate, evaluate_every=3, seed=6, batch_size=3,
        optimiser=optimiser, transform=noisy, clip_norm=1.0, checkpoint=path, checkpoint_every=path and EVERY,
    )  # fmt: skip
    return model, history


def assert_same_run(one: tuple[nn.Module, History], other: tuple[nn.Module, History]) -> None:
    for (name, a), b in zip(one[0].state_dict().items(), other[0].state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert one[1].steps == other[1].steps
    assert one[1].evaluations == other[1].evaluations


class Killed(BaseException):
    pass


def killed_at(step: int):
    """The objective of a run whose process dies in this step, 0, 1, …"""
    calls = iter(range(step))

    def dying(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        if next(calls, None) is None:
            raise Killed
        return objective(model, batch)

    return dying


@pytest.mark.parametrize("optimiser", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("step", [0, 1, 3, 4, 5, 8, 10])
def test_killed_in_a_step(tmp_path: Path, step: int, optimiser: str) -> None:
    path = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        run(path, loss=killed_at(step), optimiser=optimiser)
    assert path.exists() == (step >= EVERY)
    assert_same_run(run(path, optimiser=optimiser), run(None, optimiser=optimiser))


def test_killed_twice(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    for step in (6, 5):  # in step 6; then in the fifth step after the checkpoint of step 4
        with pytest.raises(Killed):
            run(path, loss=killed_at(step))
    assert_same_run(run(path), run(None))


def test_killed_between_a_checkpoint_and_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, save = tmp_path / "run.safetensors", loop.save_checkpoint

    def save_and_die(*arguments: object) -> None:
        save(*arguments)
        raise Killed

    monkeypatch.setattr(loop, "save_checkpoint", save_and_die)
    with pytest.raises(Killed):
        run(path)
    monkeypatch.undo()
    assert_same_run(run(path), run(None))


@pytest.mark.parametrize("moment", ["course_utils.training.checkpoints.save_file", "os.replace"])
def test_killed_while_a_checkpoint_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """The checkpoint before it is still there, whole."""
    path = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        run(path, loss=killed_at(7))
    before = path.read_bytes()

    def die(source: object, target: Path, **_: object) -> None:
        (tmp_path / "run.safetensors.partial").write_bytes(b"half")
        raise Killed

    monkeypatch.setattr(moment, die)
    with pytest.raises(Killed):
        run(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert_same_run(run(path), run(None))


@pytest.mark.slow
def test_killed_by_the_system(tmp_path: Path) -> None:
    """Another process, which ends without any chance to tidy up; this one goes on."""
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_checkpoints as t; from pathlib import Path\n"
        "calls = iter(range(6))\n"
        "def loss(model, batch): return t.objective(model, batch) if next(calls, None) is not None else os._exit(9)\n"
        "t.run(Path(sys.argv[2]), loss=loss)\n"
    )
    path = tmp_path / "run.safetensors"
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(path)]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 9
    assert path.exists()
    assert_same_run(run(path), run(None))


def test_a_finished_run_is_read_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.safetensors"
    first = run(path)
    again = run(path, loss=killed_at(0))
    assert_same_run(first, again)
    assert not again[0].training
    assert not list(path.parent.glob("*.partial"))


def test_no_pickle_inside(tmp_path: Path) -> None:
    """The file is the length of a JSON header, the header, and the tensors' bytes, which it accounts for one by one."""
    path = tmp_path / "run.safetensors"
    run(path)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    state = json.loads(header.pop("__metadata__")["state"])
    assert len(content) == 8 + length + max(entry["data_offsets"][1] for entry in header.values())
    assert state["settings"]["seed"] == 6 and len(state["history"]["steps"]) == STEPS
    assert "network.layers.1.running_mean" in header and "optimiser.0.exp_avg" in header
    assert read_settings(path)["steps"] == STEPS


@pytest.mark.parametrize("step", [1, 6])
def test_random_numbers_of_others_come_back(tmp_path: Path, step: int) -> None:
    """A transform of torchvision and a data set that draw from PyTorch's common generator."""
    change = v2.ColorJitter(0.5, 0.5)

    class Noise(Squares):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            return sample._replace(image=(sample.image + 0.1 * torch.rand(3, 1, 1)).clamp(0, 1))

    def drawn(before: int, path: Path | None, loss=objective) -> tuple[nn.Module, History]:
        model = tiny()
        torch.manual_seed(before)
        history = fit(
            model, Noise(), steps=STEPS, objective=loss, seed=6, checkpoint=path, checkpoint_every=path and EVERY,
            transform=lambda sample, generator: sample._replace(image=change(sample.image)),
        )  # fmt: skip
        return model, history

    with pytest.raises(Killed):
        drawn(1, tmp_path / "run", killed_at(step))
    assert_same_run(drawn(2, tmp_path / "run"), drawn(3, None))


def test_other_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    run(path)
    with pytest.raises(ValueError, match="steps 11 there, 12 here; optimiser 'adamw' there, 'sgd' here"):
        run(path, steps=12, optimiser="sgd")


def test_another_network_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    """Even one whose first layers would fit."""
    path = tmp_path / "run.safetensors"
    run(path)
    other = tiny()
    torch.nn.init.zeros_(other.layers[0].weight)
    other.layers[4] = nn.Conv2d(6, 5, 1)
    with pytest.raises(ValueError, match=r"another network than this Tiny; they differ in layers.4.bias"):
        load_network(path, other)
    assert not other.layers[0].weight.any()


def test_other_frozen_layers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    for frozen in (False, True):
        model = tiny()
        model.layers[0].requires_grad_(not frozen)
        if frozen:
            with pytest.raises(ValueError, match="trained_parameters 201 there, 33 here"):
                fit(model, Squares(), steps=3, objective=objective, seed=0, checkpoint=path)
        else:
            fit(model, Squares(), steps=3, objective=objective, seed=0, checkpoint=path)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="is no checkpoint of `fit`"):
        run(path)
    with pytest.raises(ValueError, match="is no checkpoint of `fit`"):
        read_settings(tmp_path / "missing")


def test_tied_weights(tmp_path: Path) -> None:
    path = tmp_path / "tied.safetensors"
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
        model[1].weight = model[0].weight
        fit(model, Squares(), steps=3, objective=objective, seed=0, checkpoint=path)
        networks.append(model)
    assert torch.equal(networks[0][0].weight, networks[1][0].weight)


def test_saved_weights_are_the_network_without_the_optimiser(tmp_path: Path) -> None:
    path, weights = tmp_path / "run.safetensors", tmp_path / "weights" / "small.safetensors"
    model, _ = run(path)
    save_network(path, weights)
    other = tiny()
    load_network(weights, other)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    with safe_open(weights, framework="pt") as file:
        assert set(file.keys()) == set(model.state_dict())
    plain = tiny()
    plain.load_state_dict(load_file(weights))
    with pytest.raises(ValueError, match="is no checkpoint"):
        save_network(tmp_path / "nothing.safetensors", weights)
