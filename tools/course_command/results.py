"""How the steps of `course.py test` went: whether each has passed, its line, and the summary of all."""

import json
import os
import re
import statistics
import sys
from typing import NamedTuple

from course_command.processes import Ended

WORK_LINE = re.compile(r"work: (\{[^{}\n]*\})\s*\Z")
WARN_ABOVE, TOO_MUCH_ABOVE = 1.25, 1.5  # times the ceiling


class Step(NamedTuple):
    """One thing that passes or fails: what it is called, the commands that must all succeed, and its ceiling of work."""

    name: str
    commands: list[list[str]]
    ceiling: float | None = None


class Work(NamedTuple):
    """Multiples of the reference computation: by the median of its times, by the longest and by the shortest."""

    median: float
    least: float
    most: float


class Result(NamedTuple):
    """How a step went; `cpu` is without what measuring took, `output` is what is still to be shown if it failed."""

    name: str
    passed: bool
    cpu: float
    wall: float
    work: Work | None
    note: str
    output: str


class Part(NamedTuple):
    """Steps that ran together and how long, CPU seconds with what measuring took."""

    name: str
    results: list[Result]
    cpu: float
    wall: float


def judge(step: Step, ends: list[Ended]) -> Result:
    """A step has passed if its commands have; its work only warns, unless `COURSE_STRICT_TIME` is 1."""
    measured = [take_figures(end) for end in ends]
    cpu = sum(cpu for _, cpu, _ in measured)
    references = [seconds for *_, several in measured for seconds in several]
    work = work_of(cpu, references) if references else None
    passed = all(end.code == 0 for end in ends)
    note = ""
    if step.ceiling and work and work.median > WARN_ABOVE * step.ceiling:
        factor = TOO_MUCH_ABOVE if work.median > TOO_MUCH_ABOVE * step.ceiling else WARN_ABOVE
        note = f"warning: more than {factor:g} times the ceiling of {step.ceiling:.0f}"
        if factor == TOO_MUCH_ABOVE and os.environ.get("COURSE_STRICT_TIME") == "1":
            note, passed = note.replace("warning", "error (COURSE_STRICT_TIME=1)"), False
    output = "".join(text for text, _, _ in measured)
    return Result(step.name, passed, cpu, sum(end.wall for end in ends), work, note, output)


def take_figures(end: Ended) -> tuple[str, float, list[float]]:
    """What tools/work.py has printed last, taken out: the output without it, CPU seconds, and the references' seconds.

    A command that did not run under it, or was stopped, has its output, all of its CPU seconds, and no references.
    """
    found = WORK_LINE.search(end.output)
    if not found:
        return end.output, end.cpu, []
    figures = json.loads(found[1])
    return end.output[: found.start()], figures["cpu"], figures["references"]


def work_of(cpu: float, references: list[float]) -> Work:
    return Work(cpu / statistics.median(references), cpu / max(references), cpu / min(references))


def line(result: Result) -> str:
    state = "ok" if result.passed else "FAILED"
    text = f"{result.name:<32} {state:<7}{times(result.cpu, result.wall)}"
    if work := result.work:
        text += f"   work {work.median:4.0f} ({work.least:.0f}–{work.most:.0f})"
    return f"{text}{'   ' + result.note if result.note else ''}"


def times(cpu: float, wall: float) -> str:
    return f"{cpu:7.1f} s of CPU {wall:7.1f} s"


def summarise(parts: list[Part]) -> int:
    """Show the output of what failed, then one line a step, the time of each part, and the count."""
    results = [result for part in parts for result in part.results]
    for result in results:
        if not result.passed and result.output:
            print(f"\n=== {result.name}\n{result.output.rstrip()}")
    print("\nSummary")
    for result in results:
        print(line(result))
    print("\nTime, measuring included")
    for part in parts:
        print(f"{part.name:<40}{times(part.cpu, part.wall)}")
        if solved := sum(result.cpu for result in part.results if result.name.endswith(" solved")):
            print(f"{'  of which solved runs':<40}{solved:7.1f} s of CPU")
    print(f"{'total':<40}{times(sum(part.cpu for part in parts), sum(part.wall for part in parts))}")
    if heavy := sum(result.passed and bool(result.note) for result in results):
        print(f"Warning: {heavy} of the lessons did more work than they should; that alone fails nothing.")
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.stdout.flush()
    return 1 if failed else 0
