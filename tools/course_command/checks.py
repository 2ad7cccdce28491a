"""`course.py test`: lint, types, unit tests, every notebook compared with its stored outputs, every exercise proved."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from course_command import environment, lessons
from course_command.environment import CourseError
from course_command.processes import Processes, cpu_of_children
from course_command.results import Part, Result, Step, judge, line, summarise
from course_utils.surroundings import FOR_OWN_WORK, course_environment, data_folder
from course_utils.whole_files import write_text_whole

# The most work of a lesson's whole process, in multiples of the reference of tools/work.py. On the machine that the
# design was measured on, these were 120 CPU seconds on one thread, and 180 for lessons 11 and 12.
CEILING = 720
CEILINGS = {"11": 1080, "12": 1080}
# The solved runs are made with another seed than the stored ones, whose seed is 0.
SOLVED_SEED = 1
# A bound against hanging, not on speed: nbval waits as long for a kernel that has died in a cell.
SECONDS_A_CELL = 900
LEFT_OUT_WHEN_FAST = "not slow and not browser and not real_data"
SECONDS_FILE = "course-seconds.json"


def test(*, numbers: list[str], fast: bool, real_data: bool, seed: int | None, threads: int | None, root: Path) -> int:
    """Run the checks; returns 0 if all have passed.

    `seed`: only the solved runs, with this seed and so many `threads`, 1 where none is given.

    Raises: CourseError for a lesson that does not exist, for options that do not go together, and where COURSE_DATA is
    needed and names no folder.
    """
    chosen = lessons.select(lessons.find(root), numbers)
    if threads and seed is None:
        raise CourseError("--threads goes with --seed N: everything else runs with one thread.")
    if fast and numbers:
        raise CourseError("--fast runs no notebooks: leave out either it or the lessons' numbers.")
    if real_data:
        if not os.path.isdir(data_folder() or ""):
            raise CourseError(
                "`test --real-data` needs the real data sets: set COURSE_DATA to the folder that holds camvid, em, nuclei."
            )
        chosen = lessons.with_real_data(chosen)
    python = str(environment.ensure(["test"], root=root))
    notebooks: list[Step] = []
    if seed is not None:
        notebooks = solved_steps(python, chosen, seed)
    elif not fast:
        notebooks = stored_steps(python, chosen) + ([] if real_data else solved_steps(python, chosen, SOLVED_SEED))
    code = [] if numbers or seed is not None else code_steps(python, fast, real_data)
    with Processes(root, check_environment(threads or 1)) as processes:
        parts = [timed(step.name, partial(run_alone, step, processes)) for step in code]
        if notebooks:
            at_once = 2 if threads in (None, 1) else 1
            parts.append(timed("notebooks", partial(run_notebooks, notebooks, processes, at_once, root)))
    return summarise(parts)


def check_environment(threads: int = 1) -> dict[str, str]:
    """The environment that checks run in: claims raise, and nothing of what the user has set for own work."""
    always = {
        "OMP_NUM_THREADS": str(threads),
        "COURSE_STRICT": "1",
        "IPYTHONDIR": str(environment.ROOT / ".venv/ipython"),
    }
    return {"COURSE_DEVICE": "cpu"} | course_environment(FOR_OWN_WORK) | always


def code_steps(python: str, fast: bool, real_data: bool) -> list[Step]:
    """Lint, types and the unit tests, or the part of them that was asked for."""
    ruff = [python, "-m", "ruff"]
    lint = Step("lint", [[*ruff, "check", "."], [*ruff, "format", "--check", "."]])
    pytest = [python, "-m", "pytest", "tests", "--ignore=tests/benchmarks", "-q", "-n", "2"]
    if real_data:
        return [Step("real-data tests", [[*pytest, "-m", "real_data"]])]
    if fast:
        return [lint, Step("quick unit tests", [[*pytest, "-m", LEFT_OUT_WHEN_FAST]])]
    return [lint, Step("types", [[python, "-m", "mypy"]]), Step("unit tests", [pytest])]


def stored_steps(python: str, chosen: dict[str, Path]) -> list[Step]:
    """Each lesson as it is stored, every cell compared."""
    return [
        Step(path.stem, [[python, "tools/work.py", *nbval(python, path)]], CEILINGS.get(number, CEILING))
        for number, path in chosen.items()
    ]


def solved_steps(python: str, chosen: dict[str, Path], seed: int) -> list[Step]:
    """Each lesson with its stubs solved and another seed: every exercise judged right, every other cell compared."""
    return [
        Step(
            f"{path.stem} solved",
            [[python, "tools/work.py", python, "tools/notebooks.py", number, "--prove", "--seed", str(seed)]],
        )
        for number, path in chosen.items()
    ]


def nbval(python: str, path: Path) -> list[str]:
    """The command, for the course's folder, that runs a notebook and compares every cell with its stored outputs."""
    command = [python, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", "-q", "--color=no"]
    # Hypothesis has nothing to do there, and takes a second to import.
    command += [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        f"--timeout={SECONDS_A_CELL + 60}",
        "--nbval-current-env",
    ]
    command += [f"--nbval-cell-timeout={SECONDS_A_CELL}", f"--nbval-kernel-startup-timeout={SECONDS_A_CELL}"]
    return [*command, "--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg", str(path)]


def timed(name: str, run_all: Callable[[], list[Result]]) -> Part:
    """Run steps and take the time of all of them together."""
    cpu, wall = cpu_of_children(), time.monotonic()
    results = run_all()
    cpu = (cpu_of_children() - cpu) or sum(result.cpu for result in results)
    return Part(name, results, cpu, time.monotonic() - wall)


def run_notebooks(steps: list[Step], processes: Processes, at_once: int, root: Path) -> list[Result]:
    """Run notebooks, one process each and so many at once, those that took longest the last time first."""
    store = root / ".venv" / SECONDS_FILE
    seconds = _read_seconds(store)
    steps = sorted(steps, key=lambda step: -seconds.get(step.name, float("inf")))
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        try:
            results = list(pool.map(lambda step: run(step, processes), steps))
        except BaseException:
            processes.stop()
            pool.shutdown(cancel_futures=True)
            raise
    seconds |= {result.name: round(result.cpu, 1) for result in results}
    text = json.dumps(seconds, indent=1) + "\n"
    with suppress(OSError):  # only the order of the next run is at stake
        write_text_whole(store, text)
    return sorted(results, key=lambda result: result.name)


def run_alone(step: Step, processes: Processes) -> list[Result]:
    """Run a step whose output is shown as it comes."""
    print(f"--- {step.name}", flush=True)
    return [run(step, processes, live=True)]


def run(step: Step, processes: Processes, *, live: bool = False) -> Result:
    """Run a step's commands, all of them, and print its line; live ones show their output as it comes."""
    result = judge(step, [processes.run(command, live=live) for command in step.commands])
    if not processes.stopped:
        print(line(result), flush=True)
    return result


def _read_seconds(store: Path) -> dict[str, float]:
    try:
        return {name: float(seconds) for name, seconds in json.loads(store.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def notebooks(*, numbers: list[str], options: list[str], root: Path) -> int:
    """Execute the lessons' notebooks and store them: tools/notebooks.py in the course's environment."""
    chosen = lessons.select(lessons.find(root), numbers)
    python = str(environment.ensure(root=root))
    command = [python, str(root / "tools" / "notebooks.py"), *(chosen if numbers else ()), *options]
    return subprocess.call(command, env=check_environment())
