"""What the loop does not take: arguments, data, and what an objective or an evaluation gives."""

import math

import pytest
import torch
from training_cases import Squares, objective, tiny

from course_utils.training.loop import fit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be an integer of 1 or more"),
        ({"steps": 2.5}, "steps must be an integer"),
        ({"batch_size": 0}, "batch_size must be an integer of 1"),
        ({"seed": -1}, "seed must be an integer of 0"),
        ({"optimiser": "adam"}, "optimiser must be one of 'adamw', 'muon', 'sgd', but is 'adam'"),
        (
            {"schedule": "cosine"},
            "schedule must be one of 'one_cycle', 'warm_up_cosine', 'poly', 'constant', but is 'cosine'",
        ),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a number from 0"),
        ({"learning_rate": math.inf}, "learning_rate must be .* give a finite one"),
        ({"learning_rate": "0.1"}, "learning_rate must be a number from 0 to inf, but is '0.1'"),
        ({"clip_norm": -1}, "clip_norm must be a number from 0"),
        ({"clip_norm": 0}, "clip_norm must be above 0"),
        ({"clip_norm": True}, "clip_norm must be a number"),
        ({"weight_decay": -1}, "weight_decay must be a number from 0"),
        ({"weight_decay": None}, "weight_decay must be a number"),
        ({"momentum": -0.1}, "momentum must be a number from 0"),
        ({"momentum": 1}, "momentum must be below 1"),
        ({"bfloat16": "no"}, "bfloat16 must be True or False, but is 'no'"),
        ({"checkpoint": 5}, "checkpoint must be a path, but is 5"),
        ({"objective": 5}, "objective must be a function, but is 5"),
        ({"evaluate": 5}, "evaluate must be a function"),
        ({"transform": 5}, "transform must be a function"),
        ({"evaluate_every": 0}, "evaluate_every must be an integer of 1"),
        ({"checkpoint_every": 5}, "checkpoint_every .* give checkpoint"),
        ({"train": Squares(length=0)}, "train has no samples"),
        ({"train": iter([Squares()[0]])}, "this list_iterator has no __len__, __getitem__"),
        ({"train": [(torch.rand(3, 8, 12), torch.zeros(8, 12))]}, "The data set must give a Sample.*, but gave tuple"),
        ({"transform": lambda sample, generator: sample.image}, "transform must give a Sample.*, but gave Tensor"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    settings = {"train": Squares(), "steps": 2, "objective": objective, "seed": 0} | arguments
    with pytest.raises(ValueError, match=message):
        fit(tiny(), **settings)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (torch.tensor(1.0), "but gave Tensor"),
        ({}, "one or more"),
        ({"loss": torch.ones(4, 2)}, r"\{'loss': \(4, 2\)\}"),
        ({"loss": 0.5}, r"\{'loss': 0.5\}"),
        ({1: torch.tensor(1.0)}, r"\{1: \(\)\}"),
        ({"step": torch.tensor(1.0)}, "none of them named 'step', 'learning_rate', 'sum of losses'"),
        ({"loss": torch.tensor(1.0)}, "No loss of loss depends on what is trained"),
    ],
)
def test_an_objective_that_gives_no_losses(losses: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(tiny(), Squares(), steps=1, objective=lambda model, batch: losses, seed=0)


@pytest.mark.parametrize("scores", [None, 3.0, {"step": 1.0}, {"a": [1, 2]}, {"a": torch.ones(2)}, {1: 1.0}])
def test_an_evaluation_that_gives_no_scores(scores: object) -> None:
    with pytest.raises(ValueError, match="evaluate must give a dict of scores by name"):
        fit(tiny(), Squares(), steps=1, objective=objective, evaluate=lambda model: scores, seed=0)


def test_a_model_without_anything_to_train() -> None:
    with pytest.raises(ValueError, match="nothing to train"):
        fit(tiny().requires_grad_(False), Squares(), steps=1, objective=objective, seed=0)
