"""Files that are no checkpoint to go on from are refused before the first step, and networks that are broken are not kept."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file
from torch import Tensor, nn
from training_cases import Squares, objective, tiny

from course_utils.training.batches import Batch
from course_utils.training.checkpoints import load_network, read_settings, save_network
from course_utils.training.history import History
from course_utils.training.loop import fit

STEPS = 3
Change = Callable[[dict[str, Tensor], dict], object]


def run(path: Path | None, model: nn.Module | None = None, **changes: object) -> History:
    settings = {"steps": STEPS, "objective": objective, "seed": 0, "checkpoint": path} | changes
    return fit(tiny() if model is None else model, Squares(), **settings)


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[Change], Path]:
    """The file of a run, of whose tensors and state something is changed."""

    def make(change: Change) -> Path:
        path = tmp_path / "damaged.safetensors"
        run(path)
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
        changed = change(tensors, state)
        save_file(tensors, path, metadata={"state": changed if isinstance(changed, str) else json.dumps(state)})
        return path

    return make


def assert_refused_untouched(path: Path, message: str) -> None:
    """Neither the network nor the file is another afterwards."""
    model, content = tiny(), path.read_bytes()
    with torch.no_grad():
        model.layers[0].weight.fill_(0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        run(path, model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert path.read_bytes() == content


CHANGED_STATES: dict[str, Change] = {
    "no settings": lambda tensors, state: state.pop("settings"),
    "settings of another kind": lambda tensors, state: state.update(settings=[1]),
    "no history": lambda tensors, state: state.pop("history"),
    "a history of other fields": lambda tensors, state: state.update(history={"foo": 1}),
    "a history of another kind": lambda tensors, state: state.update(history={"steps": 3}),
    "a step twice": lambda tensors, state: state["history"]["steps"].append(state["history"]["steps"][0]),
    "more steps than the run has": lambda tensors, state: state["history"]["steps"].append({"step": STEPS + 1}),
    "a list": lambda tensors, state: "[]",
    "a text": lambda tensors, state: '"x"',
    "brackets without end": lambda tensors, state: "[" * 200_000,
}


@pytest.mark.parametrize("name", CHANGED_STATES)
def test_a_state_that_is_not_one_of_fit(damaged: Callable[[Change], Path], name: str) -> None:
    path = damaged(CHANGED_STATES[name])
    assert_refused_untouched(path, "is no checkpoint of `fit` .* or delete .*damaged.safetensors")
    with pytest.raises(ValueError, match="is no checkpoint of `fit`"):
        read_settings(path)


WEIGHT = "network.layers.0.weight"
CHANGED_TENSORS: dict[str, Change] = {
    "no optimiser": lambda tensors, state: [tensors.pop(key) for key in list(tensors) if key.startswith("optim")],
    "a moment less": lambda tensors, state: tensors.pop("optimiser.0.exp_avg"),
    "a moment of another shape": lambda tensors, state: tensors.update({"optimiser.0.exp_avg": torch.zeros(3)}),
    "a moment of no shape": lambda tensors, state: tensors.update({"optimiser.0.exp_avg": torch.zeros(())}),
    "a moment of another type": lambda t, state: t.update({"optimiser.1.exp_avg": t["optimiser.1.exp_avg"].double()}),
    "a count that is a map": lambda tensors, state: tensors.update({"optimiser.0.step": torch.zeros(3)}),
    "a moment of no parameter": lambda tensors, state: tensors.update({"optimiser.99.exp_avg": torch.zeros(3)}),
    "a moment before the first": lambda tensors, state: tensors.update({"optimiser.-1.exp_avg": torch.zeros(3)}),
    "a name of another kind": lambda tensors, state: tensors.update({"optimiser.x": torch.zeros(3)}),
    "weights of another type": lambda tensors, state: tensors.update({WEIGHT: tensors[WEIGHT].double()}),
}


@pytest.mark.parametrize("name", CHANGED_TENSORS)
def test_tensors_that_are_not_those_of_this_run(damaged: Callable[[Change], Path], name: str) -> None:
    assert_refused_untouched(damaged(CHANGED_TENSORS[name]), "holds .* with which this run cannot go on; .* or delete")


def test_a_file_of_weights_is_no_run_to_go_on_with(tmp_path: Path) -> None:
    run(tmp_path / "run")
    save_network(tmp_path / "run", tmp_path / "weights")
    assert_refused_untouched(tmp_path / "weights", "holds weights only, and no run to go on with")


def test_weights_are_loaded_in_the_type_of_the_network(tmp_path: Path) -> None:
    run(tmp_path / "run")
    model = tiny().double()
    load_network(tmp_path / "run", model)
    assert model.layers[0].weight.dtype == torch.float64
    assert torch.equal(model.layers[0].weight.float(), load_file(tmp_path / "run")[WEIGHT])


def test_parameters_without_a_gradient_and_optimisers_without_a_state_go_on(tmp_path: Path) -> None:
    """They have nothing in the file, which is then not damaged."""
    for settings in ({}, {"optimiser": "sgd"}, {"optimiser": "sgd", "momentum": 0}):
        path = tmp_path / f"run{len(settings)}"
        for _ in range(2):
            model = tiny()
            model.unused = nn.Parameter(torch.zeros(2))
            assert len(run(path, model, **settings).steps) == STEPS


def test_numbers_of_numpy_and_pytorch_are_kept(tmp_path: Path) -> None:
    """A run with them goes on as one with Python's."""
    path = tmp_path / "run"
    odd = {
        "steps": np.int64(STEPS), "seed": np.int64(0), "batch_size": np.int64(4), "learning_rate": np.float32(0.5),
        "weight_decay": np.float32(0), "momentum": np.float64(0.5), "clip_norm": np.float32(1),
    }  # fmt: skip
    plain = {name: value.item() for name, value in odd.items()}

    def evaluate(model: nn.Module) -> dict[str, object]:
        return {"tensor": torch.tensor(1.5), "numpy": np.float32(2.5)}

    history = run(path, **odd, evaluate=evaluate)
    assert history.scores == {"tensor": 1.5, "numpy": 2.5}
    again = run(path, **plain, evaluate=evaluate)
    assert (again.steps, again.evaluations) == (history.steps, history.evaluations)
    assert all(type(value) is float for value in again.scores.values())


def test_a_place_that_cannot_be_written_is_found_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    calls = []

    def counting(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        calls.append(1)
        return objective(model, batch)

    for path, message in (
        (tmp_path / "file" / "run", "cannot be written to"),
        (tmp_path, "is a folder; give a path in it"),
    ):
        with pytest.raises(ValueError, match=message):
            run(path, objective=counting)
    assert not calls and [file.name for file in tmp_path.iterdir()] == ["file"]


def vanishing(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """A loss of 0 whose gradient is 0 · ∞."""
    return {"loss": (model(batch.images).mean() * 0).sqrt()}


@pytest.mark.parametrize("steps", [1, 3])
def test_a_network_that_broke_is_neither_scored_nor_kept(tmp_path: Path, steps: int) -> None:
    scored = []

    def last_is_vanishing(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        losses.append(1)
        return vanishing(model, batch) if len(losses) == steps else objective(model, batch)

    losses: list[int] = []
    settings = {"steps": steps, "objective": last_is_vanishing, "evaluate": lambda model: scored.append(1) or {}}
    with pytest.raises(
        FloatingPointError, match=rf"After step {steps} of {steps} the network is broken, .*layers\.0\.weight"
    ):
        run(tmp_path / "run", **settings)
    assert not scored and not (tmp_path / "run").exists()


def test_a_broken_network_does_not_replace_the_checkpoint_before(tmp_path: Path) -> None:
    losses: list[int] = []

    def second_is_vanishing(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        losses.append(1)
        return vanishing(model, batch) if len(losses) == 2 else objective(model, batch)

    with pytest.raises(FloatingPointError, match="After step 2 of 3"):
        run(tmp_path / "run", objective=second_is_vanishing, checkpoint_every=1)
    assert all(math.isfinite(float(value.sum())) for value in load_file(tmp_path / "run").values())
    assert len(run(tmp_path / "run").steps) == STEPS


def test_infinite_buffers_are_no_breakage() -> None:
    model = tiny()
    model.register_buffer("mask", torch.full((2,), -math.inf))
    assert len(run(None, model).steps) == STEPS
    model.register_buffer("mask", torch.full((2,), math.nan))
    with pytest.raises(FloatingPointError, match="mask"):
        run(None, model)
