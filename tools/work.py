"""Measure a command in *work*, multiples of a reference computation: `python tools/work.py COMMAND [ARGUMENT ...]`.

Seconds mean something on one machine only. So the reference runs directly before the command and directly after it, in
this process, on the same core under the same load: half of it is a small training, half plain Python and NumPy, as in a
lesson. Importing PyTorch and the reference itself are not counted as the command's. The last line that is printed hands
the figures over: `work: {"cpu": ..., "references": [...]}`.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from course_command.processes import cpu_of_children

REPEATS = 5  # before the command, and as many after it
# Both halves take about 0.1 CPU seconds on the machine that the design was measured on. Whoever changes them changes
# what the ceilings in course_command/checks.py mean.
TRAINING_STEPS = 10
LOOPS = 13


def small_training() -> None:
    """A few steps of a small convolutional network on one thread."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 64, 80, generator=generator)
    labels = torch.randint(0, 8, (4, 64, 80), generator=generator)
    layers = [nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(32, 8, 1)]
    network = nn.Sequential(*layers)
    optimiser = torch.optim.AdamW(network.parameters())
    for _ in range(TRAINING_STEPS):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()


def python_and_numpy() -> None:
    """Loops, dictionaries and texts of plain Python; sorting and sums of NumPy arrays, which take one thread."""
    import numpy as np

    values = np.random.default_rng(0).random((160, 200))
    for turn in range(LOOPS):
        seen: dict[str, int] = {}
        for i in range(15_000):
            key = str(i * turn % 997)
            seen[key] = seen.get(key, 0) + 1
        order = np.sort(values, axis=None)
        places = np.searchsorted(order, values)
        np.cumsum(np.exp(-values) * places, axis=0)


def reference() -> None:
    small_training()
    python_and_numpy()


def time_reference(computation: Callable[[], None]) -> list[float]:
    """CPU seconds of each of its runs."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        computation()
        seconds.append(time.process_time() - begun)
    return seconds


def run(command: Sequence[str]) -> tuple[int, float]:
    """Run a command to its end: its exit status and the CPU seconds of it and its descendants (wall seconds on Windows).

    Where this process is stopped, so is the command.
    """
    cpu, wall = cpu_of_children(), time.monotonic()
    process = subprocess.Popen(command)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return code, (cpu_of_children() - cpu) or time.monotonic() - wall


def measure(command: Sequence[str], computation: Callable[[], None]) -> int:
    """Run a command between two series of references and print the figures; returns the command's exit status."""
    computation()  # warms up
    references = time_reference(computation)
    code, cpu = run(command)
    references += time_reference(computation)
    print(f"work: {json.dumps({'cpu': cpu, 'references': references})}", flush=True)
    return code


def main(command: Sequence[str]) -> int:
    if not command:
        sys.exit("Name a command to be measured: python tools/work.py COMMAND [ARGUMENT ...]")
    import torch

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the command is stopped, too
    torch.set_num_threads(1)
    return measure(command, reference)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
