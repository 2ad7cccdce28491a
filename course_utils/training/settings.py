"""The settings of a run: checked before it starts, and kept in its checkpoint, since they decide what it becomes."""

import math
import os

from course_utils.ops.checks import real_number, whole_number
from course_utils.training.distributed import rank_and_size
from course_utils.training.schedules import SCHEDULES

Settings = dict[str, str | int | float | bool | None]

OPTIMISERS = ("adamw", "muon", "sgd")
REAL = ("learning_rate", "weight_decay", "momentum", "clip_norm")


def checked_settings(settings: Settings) -> Settings:
    """The same settings, their numbers those of Python, since a checkpoint keeps no others.

    Raises: ValueError that names the argument, for settings with which `fit` cannot train.
    """
    whole = {"seed": whole_number(settings["seed"], "seed", minimum=0)}
    whole |= {name: whole_number(settings[name], name, minimum=1) for name in ("steps", "batch_size")}
    if settings["samples"] == 0:
        raise ValueError("train has no samples; give a data set with one at least.")
    if settings["trained_parameters"] == 0:
        raise ValueError("This model has nothing to train: it has no parameter with requires_grad=True.")
    for name, known in (("optimiser", OPTIMISERS), ("schedule", tuple(SCHEDULES))):
        if settings[name] not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, but is {settings[name]!r}.")
    for name in ("bfloat16", "channels_last"):
        if not isinstance(settings[name], bool):
            raise ValueError(f"{name} must be True or False, but is {settings[name]!r}.")
    plain = settings | whole
    for name in REAL:
        if name != "clip_norm" or settings[name] is not None:
            plain[name] = real_number(settings[name], name, 0, math.inf)
    for name in ("learning_rate", "clip_norm"):
        if settings[name] == 0:
            raise ValueError(f"{name} must be above 0, but is {settings[name]!r}.")
    if settings["momentum"] >= 1:
        raise ValueError(f"momentum must be below 1, or old gradients never fade, but is {settings['momentum']!r}.")
    size = rank_and_size()[1]
    if settings["batch_size"] % size:
        raise ValueError(
            f"batch_size is that of all {size} processes together, which share it equally, but is "
            f"{settings['batch_size']}; take a multiple of {size}."
        )
    return plain


def check_functions(**functions: object) -> None:
    """Refuse what cannot be called; None stands for no function.

    Raises: ValueError that names the argument.
    """
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ValueError(f"{name} must be a function, but is {function!r}.")


def checked_intervals(
    evaluate_every: int | None, checkpoint: object, checkpoint_every: int | None
) -> tuple[int | None, int | None]:
    """The two intervals, as numbers of Python.

    Raises: ValueError for intervals that are no numbers of steps, and for one of checkpoints without a path.
    """
    given = {"evaluate_every": evaluate_every, "checkpoint_every": checkpoint_every}
    every = {name: None if value is None else whole_number(value, name, minimum=1) for name, value in given.items()}
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
        raise ValueError(f"checkpoint must be a path, but is {checkpoint!r}.")
    if checkpoint_every is not None and checkpoint is None:
        raise ValueError(
            "checkpoint_every says how often to write a checkpoint, but not where: give checkpoint, a path."
        )
    return every["evaluate_every"], every["checkpoint_every"]


def due(done: int, steps: int, every: int | None) -> bool:
    """Whether something that happens every so many steps, and at the end, happens after `done` of them."""
    return done == steps or (every is not None and done % every == 0)
