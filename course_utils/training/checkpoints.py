"""The state of a run in one file: tensors as safetensors, everything else as JSON in that file's header; nothing is pickled.

There is no state of a random number generator in it: what a step draws depends on the seed and the step's number alone.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.history import History
from course_utils.training.optimisers import state_names
from course_utils.training.settings import Settings
from course_utils.whole_files import write_whole

NETWORK, OPTIMISER = "network.", "optimiser."


def save_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, history: History, settings: Settings) -> None:
    """Write the state after a step; the file is the old one or the new one whenever it is looked at, never half of one."""
    tensors = {NETWORK + _name(name): value for name, value in model.state_dict().items()}
    for number, parameter in enumerate(_parameters(optimiser)):
        for name, value in optimiser.state[parameter].items():
            # A momentum that does not exist yet is None.
            if value is not None:
                tensors[f"{OPTIMISER}{number}.{name}"] = torch.as_tensor(value)
    # Copies, since safetensors takes no tensors that share their memory, as tied weights do.
    write_tensors(path, {name: _plain(value) for name, value in tensors.items()}, _metadata(settings, history))


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a file of safetensors, its folder too; it is the old one or the new one whenever it is looked at.

    Raises: OSError with the path where it cannot be written, as on a full disk.
    """

    def write(partial: Path) -> None:
        try:
            save_file(tensors, partial, metadata=metadata)
        except SafetensorError as error:
            raise OSError(
                f"{path} cannot be written ({error}); free some space or give another path. What was there before is as it was."
            ) from error
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())

    write_whole(path, write)


def require_writable(path: Path) -> None:
    """Make the folder of a checkpoint, and try it before a step is spent.

    Raises: ValueError where nothing can be written there.
    """
    if path.is_dir():
        raise ValueError(f"checkpoint must be a file, but {path} is a folder; give a path in it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"checkpoint cannot be written to {path} ({error}); give another path.") from error


def load_checkpoint(path: Path, model: nn.Module, optimiser: Optimizer, settings: Settings) -> History:
    """Put a network and its optimiser into the state that a file holds; gives the history up to there.

    Raises: ValueError, with nothing changed, where the file is no checkpoint or is one without a run (`save_network`), where it
    is one of other settings or of another network, and where the optimiser's state is not whole.
    """
    tensors, before, history = _read(path)
    if not history.steps:
        raise ValueError(
            f"{path} holds weights only, and no run to go on with; give another path for the run. Weights to begin with are "
            "given to the network by `load_network`."
        )
    differing = [
        f"{name} {before.get(name)!r} there, {value!r} here"
        for name, value in settings.items()
        if before.get(name) != value
    ]
    if differing:
        raise ValueError(
            f"{path} is of a run with other settings ({'; '.join(differing)}), which would not go on as it began; take these "
            f"again, give another path, or delete {path}."
        )
    weights = _checked(path, _of_network(tensors), model)
    cast = [_name(name) for name, value in model.state_dict().items() if weights[_name(name)].dtype != value.dtype]
    states = _optimiser_states(tensors, optimiser)
    if cast or states is None:
        what = f"{cast[0]} as {weights[cast[0]].dtype}" if cast else "an optimiser's state that is not whole"
        raise ValueError(f"{path} holds {what}, with which this run cannot go on; give another path, or delete {path}.")
    _give(model, weights)
    for parameter, state in zip(_parameters(optimiser), states, strict=True):
        for name, value in state.items():
            # In the memory format of the parameter, so that the very same instructions go on; the count of steps is no map.
            kept = value if name == "step" else torch.empty_like(parameter).copy_(value)
            optimiser.state[parameter][name] = kept
    return history


def save_network(checkpoint: Path | str, path: Path | str) -> None:
    """Write the weights of a checkpoint to a file of their own, without the optimiser: what is needed to use the network.

    They have the names that they have in the network, so that safetensors alone opens the file, and `load_state_dict` takes it.

    Raises: ValueError where the file is no checkpoint.
    """
    tensors, settings, _ = _read(Path(checkpoint))
    write_tensors(Path(path), _of_network(tensors), _metadata(settings, History()))


def load_network(path: Path | str, model: nn.Module) -> None:
    """Give a network the weights of a checkpoint, or of a file of `save_network`, in the network's own types.

    It may be compiled (`torch.compile`), and so may that have been which was trained: names are those of the network itself.

    Raises: ValueError where the file is no checkpoint, or one of another network.
    """
    tensors, _, history = _read(Path(path))
    _give(model, _checked(Path(path), _of_network(tensors) if history.steps else tensors, model))


def read_settings(path: Path | str) -> Settings:
    """The settings of the run that wrote a checkpoint.

    Raises: ValueError where the file is no checkpoint.
    """
    return _read(Path(path))[1]


def steps_done(path: Path | str) -> int:
    """How many steps the run had done that wrote a checkpoint.

    Raises: ValueError where the file is no checkpoint.
    """
    return len(_read(Path(path))[2].steps)


def _read(path: Path) -> tuple[dict[str, Tensor], Settings, History]:
    """Tensors, settings and history of a file.

    Raises: ValueError for whatever else there is at this path.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors, state = {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["state"])
        settings, history = dict(state["settings"]), History(**state["history"])
        steps = [row["step"] for row in history.steps]
        evaluated = [row["step"] for row in history.evaluations]
        if steps != list(range(1, len(steps) + 1)) or not set(evaluated) <= set(steps):
            raise ValueError("its history is not one of a run")
        if len(steps) > settings["steps"]:
            raise ValueError(f"its history has {len(steps)} steps of {settings['steps']}")
        history.cpu_seconds = float(history.cpu_seconds)
    except (SafetensorError, OSError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no checkpoint of `fit` ({error}); give another path, or delete {path}.") from error
    return tensors, settings, history


def _metadata(settings: Settings, history: History) -> dict[str, str]:
    return {"state": json.dumps({"settings": settings, "history": asdict(history)})}


def _of_network(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights among the tensors of a checkpoint, by their names in the network."""
    return {name.removeprefix(NETWORK): value for name, value in tensors.items() if name.startswith(NETWORK)}


def _checked(path: Path, weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The weights of a file.

    Raises: ValueError where they are not those of this network: load_state_dict would load what fits and only then complain.
    """
    there, here = (
        {_name(name): tuple(value.shape) for name, value in state.items()} for state in (weights, model.state_dict())
    )
    if there != here:
        name, shape = next(iter(sorted(set(there.items()) ^ set(here.items()))))
        raise ValueError(
            f"{path} holds the weights of another network than this {type(model).__name__}; they differ in {name}, {shape}, "
            "among others. Build the network that was trained, or give another path."
        )
    return {_name(name): value for name, value in weights.items()}


def _name(name: str) -> str:
    """The name of a weight in the network itself: `torch.compile` wraps it, and puts a word before each."""
    return name.replace("_orig_mod.", "")


def _give(model: nn.Module, weights: dict[str, Tensor]) -> None:
    model.load_state_dict({name: weights[_name(name)] for name in model.state_dict()})


def _optimiser_states(tensors: dict[str, Tensor], optimiser: Optimizer) -> list[dict[str, Tensor]] | None:
    """What the optimiser keeps of each parameter, by name; None where anything is missing, odd or too much.

    A parameter without a gradient so far has nothing, and so has each where the optimiser keeps nothing.
    """
    kept = state_names(optimiser)
    found = {key.removeprefix(OPTIMISER): value for key, value in tensors.items() if key.startswith(OPTIMISER)}
    states = []
    for number, (parameter, names) in enumerate(zip(_parameters(optimiser), kept, strict=True)):
        state = {name: found.pop(f"{number}.{name}") for name in names if f"{number}.{name}" in found}
        alike = all(
            value.shape == () if name == "step" else (value.shape, value.dtype) == (parameter.shape, parameter.dtype)
            for name, value in state.items()
        )
        if len(state) not in (0, len(names)) or not alike:
            return None
        states.append(state)
    return None if found or (any(kept) and not any(states)) else states


def _parameters(optimiser: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _plain(value: Tensor) -> Tensor:
    return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
