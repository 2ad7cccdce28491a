"""What the commands have in common that make weights which the course keeps: arguments, checks, and what they print."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from course_utils.ops.checks import whole_number
from course_utils.training.checkpoints import require_writable, write_tensors


def weights_parser(module: str, description: str | None, *, steps: int, batches: str) -> ArgumentParser:
    """A parser of --output, --steps, which are `steps` if not given and count `batches`, and --seed."""
    parser = ArgumentParser(prog=f"python -m course_utils.recipes.{module}", description=description)
    parser.add_argument("--output", type=Path, required=True, help="the file to write, FILE.safetensors")
    parser.add_argument("--steps", type=int, default=steps, help=f"{batches}; {steps} if not given")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def save_halved(network: nn.Module, path: Path, made: Mapping[str, object]) -> None:
    """Write a network's weights in half precision, and what `made` them; whole or not at all."""
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    write_tensors(path, state, {"made": json.dumps(made)})


def make_weights(options: Namespace, make: Callable[[Namespace], Mapping[str, object]]) -> int:
    """Check the options, seed, and print what `make` tells of the weights that it has written: 0, or 1 with the reason."""
    try:
        options.steps = whole_number(options.steps, "--steps", minimum=1)
        options.seed = whole_number(options.seed, "--seed", minimum=0)
        require_writable(options.output)
        torch.manual_seed(options.seed)
        made = make(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(made))
    return 0
