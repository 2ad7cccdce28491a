"""The settings of a run: checked before it starts, and kept in its checkpoint, since they decide what it becomes."""

from course_utils.ops.checks import require_integers
from course_utils.training.distributed import rank_and_size
from course_utils.training.schedules import SCHEDULES

Settings = dict[str, str | int | float | bool | None]

OPTIMISERS = ("adamw", "sgd")


def check_settings(settings: Settings) -> None:
    """Refuse settings with which `fit` cannot train.

    Raises: ValueError that names the argument.
    """
    for name in ("steps", "batch_size"):
        require_integers(1, **{name: settings[name]})
    require_integers(0, seed=settings["seed"])
    if settings["samples"] == 0:
        raise ValueError("train has no samples; give a data set with one at least.")
    if settings["trained_parameters"] == 0:
        raise ValueError("This model has nothing to train: it has no parameter with requires_grad=True.")
    for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
        if settings[name] not in known:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, but is {settings[name]!r}.")
    for name in ("learning_rate", "clip_norm"):
        if settings[name] is not None and not settings[name] > 0:
            raise ValueError(f"{name} must be above 0, but is {settings[name]!r}.")
    for name in ("weight_decay", "momentum"):
        if not settings[name] >= 0:
            raise ValueError(f"{name} must be 0 or more, but is {settings[name]!r}.")
    size = rank_and_size()[1]
    if settings["batch_size"] % size:
        raise ValueError(
            f"batch_size is that of all {size} processes together, which share it equally, but is "
            f"{settings['batch_size']}; take a multiple of {size}."
        )


def check_intervals(evaluate_every: int | None, checkpoint: object, checkpoint_every: int | None) -> None:
    """Refuse intervals that are no numbers of steps, and one of checkpoints without a path.

    Raises: ValueError.
    """
    for name, every in (("evaluate_every", evaluate_every), ("checkpoint_every", checkpoint_every)):
        if every is not None:
            require_integers(1, **{name: every})
    if checkpoint_every is not None and checkpoint is None:
        raise ValueError(
            "checkpoint_every says how often to write a checkpoint, but not where: give checkpoint, a path."
        )


def due(done: int, steps: int, every: int | None) -> bool:
    """Whether something that happens every so many steps, and at the end, happens after `done` of them."""
    return done == steps or (every is not None and done % every == 0)
