"""Train a network of the course on a data set of the course; writes metrics.json, history.csv and checkpoint.safetensors.

The run can be cut and started again with the same arguments: it goes on from its checkpoint. With several processes:
torchrun --nproc-per-node=N -m course_utils.training …
"""

import argparse
import json
import math
import os
import platform
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from torch import nn

from course_utils.datasets import load
from course_utils.datasets.memory import InMemory
from course_utils.datasets.transforms import Transform, colour, compose, elastic, flip, scale_and_crop
from course_utils.devices import device
from course_utils.locks import held
from course_utils.models.catalogue import DETECTORS, build
from course_utils.training.arguments import parse
from course_utils.training.checkpoints import read_settings, steps_done
from course_utils.training.distributed import processes, rank_0_first, rank_and_size
from course_utils.training.estimate import steps_in
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.tasks import Task, instance_task, label_task
from course_utils.whole_files import write_text_whole, write_whole


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments, __doc__)
    try:
        with processes(device()) as place:
            train(options, place)
    except (ValueError, OSError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of torchrun; the processes have parted already
            print(_stopped(options.output / "checkpoint.safetensors"), file=sys.stderr)
        return 130  # as shells have it for Ctrl-C
    return 0


def train(options: argparse.Namespace, place: torch.device) -> None:
    """Train, evaluate, and write what was found."""
    torch.manual_seed(options.seed)
    if options.download:
        rank_0_first(lambda: load(options.data, "train", options.size, download=True))
    train_data = InMemory(load(options.data, "train", options.size), samples=options.samples)
    val_data = InMemory(load(options.data, "val", options.size))
    task = _task(options, train_data, val_data, place)
    model = build(options.model, train_data.num_classes).to(place)
    with ExitStack() as folder:
        rank_0_first(lambda: _take_folder(options, folder))
        _run(options, place, model, train_data, task)


def _run(options: argparse.Namespace, place: torch.device, model: nn.Module, train_data: InMemory, task: Task) -> None:
    main_process = rank_and_size()[0] == 0
    checkpoint = options.output / "checkpoint.safetensors"
    run = partial(
        fit,
        model,
        train_data,
        objective=task.objective,
        seed=options.seed,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        optimiser=options.optimiser,
        schedule=options.schedule,
        weight_decay=options.weight_decay,
        momentum=options.momentum,
        clip_norm=options.clip_norm,
        bfloat16=options.bfloat16,
        transform=_augmentation(options),
    )
    steps = options.steps
    if steps is None and checkpoint.exists():
        steps = read_settings(checkpoint)["steps"]
    elif steps is None:
        train_data.read_all()
        steps = steps_in(options.cpu_seconds, model, lambda steps: run(steps=steps, progress=False))
    if main_process:
        print(f"{options.model} on {options.data}: {steps} steps on {place}, results in {options.output}", flush=True)
    history = run(
        steps=steps,
        evaluate=task.evaluate,
        evaluate_every=options.evaluate_every,
        checkpoint=checkpoint,
        checkpoint_every=options.checkpoint_every,
    )
    if main_process:
        _write(options, steps, model, history, task.shown)


def _stopped(checkpoint: Path) -> str:
    try:
        done = steps_done(checkpoint)
    except ValueError:
        return f"Stopped before anything was kept in {checkpoint.parent}: the same command begins anew."
    return f"Stopped. {checkpoint} holds the run after {done} steps: the same command goes on from there."


def _take_folder(options: argparse.Namespace, folder: ExitStack) -> None:
    """Make the run's folder, keep other runs out of it, and write down what was asked for.

    Raises: ValueError where it is in use, holds another run, or cannot be a folder.
    """
    used = f"{options.output} belongs to a run that is still going on; wait until it has finished, or give another --output."
    try:
        folder.enter_context(held(options.output / ".lock", used))
    except OSError as error:
        raise ValueError(
            f"--output {options.output} cannot be used as a folder ({error.strerror}); give another one."
        ) from error
    _keep_arguments(options, options.output / "checkpoint.safetensors")


def _task(options: argparse.Namespace, train_data: InMemory, val_data: InMemory, place: torch.device) -> Task:
    if options.model in DETECTORS:
        return instance_task(train_data, val_data, min_area=options.min_area or 0)
    weights = None if options.class_weights == "none" else options.class_weights
    return label_task(train_data, val_data, class_weights=weights, device=place)


def _augmentation(options: argparse.Namespace) -> Transform | None:
    """Those that were asked for, in the order in which they cost least: colours change on the window that is left."""
    chosen: list[Transform] = []
    if options.crop is not None:
        chosen.append(partial(scale_and_crop, size=options.crop, scales=tuple(options.scales)))
    known = {"flip": flip, "elastic": elastic, "colour": colour}
    chosen += [transform for name, transform in known.items() if name in options.augment]
    return compose(*chosen) if chosen else None


def _keep_arguments(options: argparse.Namespace, checkpoint: Path) -> None:
    """Write down what was asked for, and refuse to go on with a run of which something else was.

    Raises: ValueError.
    """
    free = ("output", "download", "evaluate_every", "checkpoint_every")
    given = json.loads(json.dumps({name: value for name, value in vars(options).items() if name not in free}))
    file = checkpoint.with_name("arguments.json")
    if checkpoint.exists() and file.exists():
        before = _read_arguments(file)
        changed = [
            f"--{name.replace('_', '-')} was {before.get(name)}, is {value}"
            for name, value in given.items()
            if before.get(name) != value
        ]
        if changed:
            raise ValueError(
                f"{checkpoint.parent} holds a run with other arguments ({'; '.join(changed)}); give another --output, or "
                f"delete {checkpoint}."
            )
    write_text_whole(file, json.dumps(given, indent=2) + "\n")


def _read_arguments(file: Path) -> dict:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{file} is damaged ({error}), so that nothing says how the run beside it was made; give another --output, or "
            f"delete {file} if the arguments are the same as then."
        ) from error


def _write(options: argparse.Namespace, steps: int, model: nn.Module, history: History, shown: tuple[str, ...]) -> None:
    write_whole(options.output / "history.csv", history.table().to_csv)
    scores = {name: None if math.isnan(value) else value for name, value in history.scores.items()}
    metrics = {
        "model": options.model,
        "data": options.data,
        "size": options.size,
        "seed": options.seed,
        "steps": steps,
        "images": steps * options.batch_size,
        "cpu_seconds": history.cpu_seconds,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "processes": rank_and_size()[1],
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "torch": torch.__version__,
        "scores": scores,
    }
    write_text_whole(options.output / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    found = ", ".join(f"{name} {history.scores[name]:.3f}" for name in shown)
    print(f"After {steps} steps and {history.cpu_seconds:.0f} CPU seconds: {found}")


if __name__ == "__main__":
    sys.exit(main())
