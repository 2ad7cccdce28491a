"""The arguments of `python -m course_utils.training`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from course_utils.datasets import SETS
from course_utils.losses.weights import Method
from course_utils.models.catalogue import DETECTORS
from course_utils.training.schedules import SCHEDULES
from course_utils.training.settings import OPTIMISERS

# Where none is given. Muon's steps have the size of AdamW's for each entry, but every direction is as large as the largest.
DEFAULTS = {
    "adamw": {"learning_rate": 1.5e-3, "weight_decay": 1e-4},
    "muon": {"learning_rate": 8e-3, "weight_decay": 0.01},
}
FIND_OBJECTS = ", ".join(DETECTORS)
WEIGHTS = ("none", *get_args(Method))


def parse(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """The arguments of the command line, of the right types and in their ranges; exits with a message where they are not."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.training", description=description)
    parser.add_argument(
        "--model",
        required=True,
        help=f"fcn8s, …, or smp:ARCHITECTURE:ENCODER, such as smp:unet:resnet18; to find objects, {FIND_OBJECTS}",
    )
    parser.add_argument("--data", required=True, choices=SETS, help="a data set of the course")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=_whole, help="steps to train for")
    length.add_argument(
        "--cpu-seconds", type=_above_0, help="as many steps as take so long, estimated from the first twenty"
    )
    what = parser.add_argument_group("images")
    what.add_argument("--size", type=_whole, nargs=2, metavar=("H", "W"), help="scale and crop all images to this size")
    what.add_argument("--crop", type=_whole, nargs=2, metavar=("H", "W"), help="train on random windows of this size")
    what.add_argument(
        "--scales", type=_above_0, nargs=2, metavar=("LOW", "HIGH"), default=(0.5, 2.0), help="factors before --crop"
    )
    what.add_argument("--augment", nargs="*", choices=("flip", "colour", "elastic"), default=["flip", "colour"])
    what.add_argument("--samples", type=_whole, help="train on the first so many only")
    what.add_argument("--download", action="store_true", help="fetch the data set if it is not there")
    how = parser.add_argument_group("training")
    how.add_argument("--seed", type=_seed, default=0)
    how.add_argument("--batch-size", type=_whole, default=4, help="of all processes together")
    how.add_argument(
        "--learning-rate", type=_above_0, help="the schedule's largest; 0.008 for muon, 0.0015 if not given"
    )
    how.add_argument("--optimiser", choices=OPTIMISERS, default="adamw")
    how.add_argument("--schedule", choices=SCHEDULES, default="one_cycle")
    how.add_argument("--weight-decay", type=float, help="0.01 for muon, 0.0001 if not given")
    how.add_argument("--momentum", type=float, default=0.9, help="of sgd")
    how.add_argument("--clip-norm", type=_above_0, help="largest length of the gradient")
    how.add_argument("--class-weights", choices=WEIGHTS, default="none", help="of the cross-entropy, from pixel counts")
    how.add_argument("--bfloat16", action="store_true", help="compute under autocast")
    how.add_argument(
        "--min-area", type=_from_0, help="pixels; smaller objects are neither learnt nor counted; 0 if not given"
    )
    kept = parser.add_argument_group("what is kept")
    kept.add_argument("--output", type=Path, help="a folder; runs/MODEL_DATA_SEED where none is given")
    kept.add_argument("--evaluate-every", type=_whole, metavar="STEPS")
    kept.add_argument("--checkpoint-every", type=_whole, metavar="STEPS", default=200)
    options = parser.parse_args(arguments)
    if options.scales[0] > options.scales[1]:
        parser.error(f"--scales are LOW HIGH, but are {options.scales[0]:g} {options.scales[1]:g}")
    if options.model in DETECTORS and options.class_weights != "none":
        parser.error(f"--class-weights weighs the classes of pixels, but {options.model} finds objects; leave it out")
    if options.model not in DETECTORS and options.min_area is not None:
        parser.error(f"--min-area is for networks that find objects, {FIND_OBJECTS}; leave it out")
    for name, value in DEFAULTS["muon" if options.optimiser == "muon" else "adamw"].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.size, options.crop = (size and tuple(size) for size in (options.size, options.crop))
    if options.output is None:
        options.output = Path("runs", f"{options.model.replace(':', '-')}_{options.data}_{options.seed}")
    return options


def _whole(text: str) -> int:
    return _number(text, int, lambda value: value >= 1, "a whole number of 1 or more")


def _seed(text: str) -> int:
    return _number(text, int, lambda value: 0 <= value < 2**63, "a whole number of 0 or more, below 2^63")


def _from_0(text: str) -> float:
    return _number(text, float, lambda value: 0 <= value < float("inf"), "a number of 0 or more")


def _above_0(text: str) -> float:
    return _number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def _number(text: str, kind: type, holds: Callable[[float], bool], wanted: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} should be {wanted}")
    return value
