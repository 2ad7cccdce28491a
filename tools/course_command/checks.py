"""`course.py test`: lint, unit tests, every notebook compared with its stored outputs, every exercise proved."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from course_command import environment, lessons
from course_command.environment import CourseError
from course_command.processes import Ended, Processes

# CPU seconds of a lesson's whole process on one thread; a lesson fails at 1.5 times its ceiling.
CEILING = 120
CEILINGS = {"11": 180, "12": 180}
# nbval waits as long for a kernel that has died in a cell.
SECONDS_A_CELL = 900
LEFT_OUT_WHEN_FAST = "not slow and not browser and not real_data"
SECONDS_FILE = "course-seconds.json"


class Step(NamedTuple):
    """One thing that passes or fails: what it is called, and the commands that must all succeed."""

    name: str
    commands: list[list[str]]
    ceiling: float | None = None


class Result(NamedTuple):
    """How a step went; `output` is what is still to be shown if it failed."""

    name: str
    passed: bool
    cpu: float
    wall: float
    note: str
    output: str


def test(*, numbers: list[str], fast: bool, real_data: bool, root: Path) -> int:
    """Run the checks; returns 0 if all have passed.

    Raises: CourseError for a lesson that does not exist and where COURSE_DATA is needed and names no folder.
    """
    chosen = lessons.select(lessons.find(root), numbers)
    data = os.environ.get("COURSE_DATA")
    if real_data and not (data and Path(data).is_dir()):
        raise CourseError(
            "`test --real-data` needs the real data sets: set COURSE_DATA to the folder that holds camvid, em, nuclei."
        )
    python = str(environment.ensure(["test"], root=root))
    with Processes(root, check_environment(data)) as processes:
        results = [] if numbers else [run(step, processes, live=True) for step in code_steps(python, fast, real_data)]
        if not fast:
            results += run_notebooks(python, chosen, processes, root)
    return summarise(results)


def check_environment(data: str | None) -> dict[str, str]:
    """The environment that checks run in: one thread, claims raise, and nothing of what the user has set for own work."""
    unset = ("MPLBACKEND", "COURSE_BUDGET", "COURSE_REPORT", "COURSE_DATA")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    found = {"COURSE_DATA": str(Path(data).absolute())} if data else {}
    return {"COURSE_DEVICE": "cpu", **kept, **found, "OMP_NUM_THREADS": "1", "COURSE_STRICT": "1"}


def code_steps(python: str, fast: bool, real_data: bool) -> list[Step]:
    """Lint and the unit tests, or the part of them that was asked for."""
    ruff = [python, "-m", "ruff"]
    lint = Step("lint", [[*ruff, "check", "."], [*ruff, "format", "--check", "."]])
    pytest = [python, "-m", "pytest", "tests", "--ignore=tests/benchmarks", "-q", "-n", "2"]
    if real_data:
        return [Step("real-data tests", [[*pytest, "-m", "real_data"]])]
    if fast:
        return [lint, Step("quick unit tests", [[*pytest, "-m", LEFT_OUT_WHEN_FAST]])]
    return [lint, Step("unit tests", [pytest])]


def notebook_steps(python: str, chosen: dict[str, Path]) -> list[Step]:
    """Each lesson as stored, every cell compared; and with its stubs solved, every exercise judged right."""
    nbval = [python, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-q", "--color=no"]
    nbval += ["-p", "no:cacheprovider"]
    nbval += [f"--timeout={SECONDS_A_CELL + 60}", f"--nbval-cell-timeout={SECONDS_A_CELL}", "--nbval-current-env"]
    strict = ["--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    steps = []
    for number, path in chosen.items():
        steps.append(Step(path.stem, [[*nbval, *strict, str(path)]], CEILINGS.get(number, CEILING)))
        steps.append(Step(f"{path.stem} solved", [[python, "tools/notebooks.py", number, "--prove"]]))
    return steps


def run_notebooks(python: str, chosen: dict[str, Path], processes: Processes, root: Path) -> list[Result]:
    """Run the notebooks two at a time, one process each, those that took longest the last time first."""
    store = root / ".venv" / SECONDS_FILE
    seconds = _read_seconds(store)
    steps = notebook_steps(python, chosen)
    steps.sort(key=lambda step: -seconds.get(step.name, float("inf")))
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            results = list(pool.map(lambda step: run(step, processes), steps))
        except BaseException:
            processes.stop()
            pool.shutdown(cancel_futures=True)
            raise
    seconds |= {result.name: round(result.cpu, 1) for result in results}
    store.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    return sorted(results, key=lambda result: result.name)


def run(step: Step, processes: Processes, *, live: bool = False) -> Result:
    """Run a step's commands, all of them, and print its line; live ones show their output as it comes."""
    if live:
        print(f"--- {step.name}", flush=True)
    ends = [processes.run(command, live=live) for command in step.commands]
    result = judge(step, ends)
    if not processes.stopped:
        print(line(result), flush=True)
    return result


def judge(step: Step, ends: list[Ended]) -> Result:
    """A step has passed if its commands have, within 1.5 times its ceiling."""
    cpu = sum(end.cpu for end in ends)
    passed = all(end.code == 0 for end in ends)
    note = ""
    if step.ceiling and cpu > step.ceiling:
        note = f"above the ceiling of {step.ceiling:.0f} s of CPU"
        if cpu > 1.5 * step.ceiling:
            note = f"more than 1.5 times the ceiling of {step.ceiling:.0f} s of CPU"
            passed = False
    output = "".join(end.output for end in ends)
    return Result(step.name, passed, cpu, sum(end.wall for end in ends), note, output)


def line(result: Result) -> str:
    state = "ok" if result.passed else "FAILED"
    times = f"{result.cpu:7.1f} s of CPU {result.wall:7.1f} s"
    return f"{result.name:<28} {state:<7}{times}{'   ' + result.note if result.note else ''}"


def summarise(results: list[Result]) -> int:
    """Show the output of what failed, then one line a step, then the count."""
    for result in results:
        if not result.passed and result.output:
            print(f"\n=== {result.name}\n{result.output.rstrip()}")
    print("\nSummary")
    for result in results:
        print(line(result))
    failed = sum(not result.passed for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.stdout.flush()
    return 1 if failed else 0


def _read_seconds(store: Path) -> dict[str, float]:
    try:
        return json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def notebooks(*, numbers: list[str], options: list[str], root: Path) -> int:
    """Execute the lessons' notebooks and store them: tools/notebooks.py in the course's environment."""
    chosen = lessons.select(lessons.find(root), numbers)
    python = str(environment.ensure(root=root))
    command = [python, str(root / "tools" / "notebooks.py"), *(chosen if numbers else ()), *options]
    return subprocess.call(command, env=check_environment(os.environ.get("COURSE_DATA")))
