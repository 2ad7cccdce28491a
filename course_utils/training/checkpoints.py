"""The state of a run in one file: tensors as safetensors, everything else as JSON in that file's header; nothing is pickled.

There is no state of a random number generator in it: what a step draws depends on the seed and the step's number alone.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.history import History
from course_utils.training.settings import Settings

NETWORK, OPTIMISER = "network.", "optimiser."


def save_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, history: History, settings: Settings) -> None:
    """Write the state after a step; the file is the old one or the new one whenever it is looked at, never half of one."""
    tensors = {NETWORK + name: value for name, value in model.state_dict().items()}
    for number, parameter in enumerate(_parameters(optimiser)):
        for name, value in optimiser.state[parameter].items():
            # A momentum that does not exist yet is None.
            if value is not None:
                tensors[f"{OPTIMISER}{number}.{name}"] = torch.as_tensor(value)
    rest = {"settings": settings, "history": asdict(history)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    # Copies, since safetensors takes no tensors that share their memory, as tied weights do.
    copies = {name: _plain(value) for name, value in tensors.items()}
    save_file(copies, partial, metadata={"state": json.dumps(rest)})
    with open(partial, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, settings: Settings) -> History:
    """Put a network and its optimiser into the state that a file holds; gives the history up to there.

    Raises: ValueError where the file is no checkpoint, or one of other settings or of another network.
    """
    tensors, rest = _read(path)
    differing = [
        f"{name} {rest['settings'].get(name)!r} there, {value!r} here"
        for name, value in settings.items()
        if rest["settings"].get(name) != value
    ]
    if differing:
        raise ValueError(
            f"{path} is of a run with other settings ({'; '.join(differing)}), which would not go on as it began; take these "
            "again, another path, or delete the file."
        )
    _load_network(path, model, tensors)
    parameters = _parameters(optimiser)
    for key, value in tensors.items():
        if key.startswith(OPTIMISER):
            number, name = key.removeprefix(OPTIMISER).split(".", 1)
            parameter = parameters[int(number)]
            # In the memory format of the parameter, so that the very same instructions go on; the count of steps is no map.
            kept = value if name == "step" else torch.empty_like(parameter).copy_(value)
            optimiser.state[parameter][name] = kept
    return History(**rest["history"])


def save_network(checkpoint: Path | str, path: Path | str) -> None:
    """Write the weights of a checkpoint to a file of their own, without the optimiser: what is needed to use the network.

    Raises: ValueError where the file is no checkpoint.
    """
    tensors, rest = _read(Path(checkpoint))
    weights = {name: value for name, value in tensors.items() if name.startswith(NETWORK)}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path, metadata={"state": json.dumps(rest | {"history": asdict(History())})})


def load_network(path: Path | str, model: nn.Module) -> None:
    """Give a network the weights of a checkpoint, or of a file of `save_network`.

    Raises: ValueError where the file is no checkpoint, or one of another network.
    """
    _load_network(Path(path), model, _read(Path(path))[0])


def read_settings(path: Path | str) -> Settings:
    """The settings of the run that wrote a checkpoint.

    Raises: ValueError where the file is no checkpoint.
    """
    return _read(Path(path))[1]["settings"]


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["state"])
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no checkpoint of `fit` ({error}); delete it or give another path.") from error


def _load_network(path: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    weights = {name.removeprefix(NETWORK): value for name, value in tensors.items() if name.startswith(NETWORK)}
    there, here = (
        {name: tuple(value.shape) for name, value in state.items()} for state in (weights, model.state_dict())
    )
    if there != here:
        # Asked before, since load_state_dict would load what fits and only then complain about the rest.
        name, shape = next(iter(sorted(set(there.items()) ^ set(here.items()))))
        raise ValueError(
            f"{path} holds the weights of another network than this {type(model).__name__}; they differ in {name}, {shape}, "
            "among others. Build the network that was trained, or give another path."
        )
    model.load_state_dict(weights)


def _parameters(optimiser: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _plain(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
