"""Measure the package's functions against their library counterparts: `python tools/bench.py [part of a name] [--repeats N]`.

Each function `bench_NAME` in `tests/benchmarks/bench_*.py` returns (ours, library's, goal): two calls that compute the same,
and the largest ratio of their times that is aimed at (or None). They run in turns, on one thread, and are timed in CPU
seconds of the process, so that a busy machine changes little; below 1, ours is faster. Nothing fails on a slow result: the
goal stands beside what was measured.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

BENCHMARKS = Path(__file__).parents[1] / "tests" / "benchmarks"


class Ratio(NamedTuple):
    """Ours ÷ library's, of all repeats: median, smallest, largest; and the median seconds of both."""

    median: float
    smallest: float
    largest: float
    ours: float
    library: float


def compare(ours: Callable[[], object], library: Callable[[], object], repeats: int = 7) -> Ratio:
    """Time both in turns; the first run of each warms up and is not counted."""
    times = [(_seconds(ours), _seconds(library)) for _ in range(repeats + 1)][1:]
    ratios = [ours / library for ours, library in times]
    seconds = [statistics.median(column) for column in zip(*times, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), *seconds)


def _seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call, which is repeated until the clock's steps do not matter."""
    calls, start = 0, time.process_time()
    while (passed := time.process_time() - start) < 0.02:
        call()
        calls += 1
    return passed / calls


def find(part: str) -> Iterator[tuple[str, Callable[[], tuple]]]:
    """All benchmarks whose name contains `part`, file by file."""
    for path in sorted(BENCHMARKS.glob("bench_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, make in vars(module).items():
            if name.startswith("bench_") and part in name:
                yield name.removeprefix("bench_"), make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="", help="only benchmarks whose name contains this")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print(f"{'ours ÷ library':44} median  (from – to)       ours s    library s  goal")
    found = False
    for name, make in find(options.part):
        found = True
        ours, library, goal = make()
        ratio = compare(ours, library, options.repeats)
        spread = f"({ratio.smallest:.3f} – {ratio.largest:.3f})"
        aim = "" if goal is None else f"≤ {goal:g}"
        print(f"{name:44} {ratio.median:6.3f}  {spread:18} {ratio.ours:9.5f} {ratio.library:9.5f}  {aim}", flush=True)
    if not found:
        sys.exit(f"No benchmark in {BENCHMARKS.name} has {options.part!r} in its name.")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
    main()
