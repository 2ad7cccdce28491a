"""Execute the lessons' notebooks in place and store them in normal form: `python3 course.py notebooks [NN ...]`.

python tools/notebooks.py 01               execute lesson 01 and store its outputs
python tools/notebooks.py --check          execute nothing; exit status 1 where stored outputs are stale or not normal
python tools/notebooks.py --tidy           execute nothing; bring the files into normal form, as after editing text
python tools/notebooks.py --solved OUT     write copies without outputs, each stub replaced by its solution
"""

import argparse
import copy
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from notebook_files import (
    code_cells,
    is_normal,
    keep_real_data_outputs,
    normalise,
    read,
    source_hash,
    stored_outputs_are_fresh,
    tags,
    where,
    write,
)
from notebook_rules import no_machine_is_named, size_is_small
from notebook_sources import exercises_worked

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SECONDS_A_CELL = 900
# What a maintainer may have set for own work and what would change the stored outputs.
UNSET = ("COURSE_BUDGET", "COURSE_REPORT", "MPLBACKEND")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COURSE_STRICT": "1", "COURSE_DEVICE": "cpu"}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(
    notebook: NotebookNode, folder: Path, *, seconds_a_cell: int = SECONDS_A_CELL, report: Path | None = None
) -> NotebookNode:
    """A copy of the notebook, executed in a fresh kernel with `folder` as its working directory.

    `report`: the file to which every judged exercise appends a line.

    Raises: ValueError at the first cell that fails, with its source and the traceback.
    """
    executed = copy.deepcopy(notebook)
    reached: list[int] = []
    client = NotebookClient(
        executed,
        kernel_name="python3",
        timeout=seconds_a_cell,
        record_timing=False,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=lambda cell, cell_index: reached.append(cell_index),
    )
    environment = {name: value for name, value in os.environ.items() if name not in UNSET} | ENVIRONMENT
    if report:
        environment["COURSE_REPORT"] = str(report)
    try:
        client.execute(env=environment)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = notebook.cells[reached[-1]]
        reason = str(error)
        if isinstance(error, DeadKernelError):
            reason = f"The kernel died while it executed this cell:\n{failed.source}"
        raise ValueError(f"{where(reached[-1], failed)} fails.\n{reason}") from error
    return executed


def renew(path: Path, is_present: Callable[[str], bool], *, seconds_a_cell: int = SECONDS_A_CELL) -> None:
    """Execute a notebook and store it in normal form; the file is untouched where anything fails.

    `is_present(name)`: whether a data set is on this machine.

    Raises: ValueError where a cell fails, an output names this machine, or the notebook becomes too large.
    """
    before = read(path)
    notebook = execute(before, path.parent, seconds_a_cell=seconds_a_cell)
    notebook.metadata["course"] = {"source": source_hash(notebook)}
    keep_real_data_outputs(notebook, before, is_present)
    normalise(notebook, path.stem)
    complaints = no_machine_is_named(notebook) + size_is_small(notebook)
    if complaints:
        raise ValueError("\n".join(complaints))
    write(notebook, path)


def tidy(path: Path) -> None:
    """Bring a file into normal form without executing it; stale outputs stay marked as stale."""
    notebook = read(path)
    normalise(notebook, path.stem)
    write(notebook, path)


def problems(path: Path) -> list[str]:
    """What `--check` finds in a file."""
    found = [] if stored_outputs_are_fresh(read(path)) else ["the code has changed since the outputs were stored"]
    return found + ([] if is_normal(path) else ["the file is not in normal form (--tidy)"])


def solved(notebook: NotebookNode, lesson: int) -> NotebookNode:
    """A copy without outputs in which every stub is replaced by its solution.

    Raises: ValueError where a cell names an exercise that the lesson does not have.
    """
    from course_utils.exercises import tasks

    known = {task.name: task for task in tasks(lesson)}
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("course", None)
    for i, cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        for name in exercises_worked(cell.source) if "exercise" in tags(cell) else []:
            if name not in known:
                raise ValueError(
                    f"{where(i, cell)} names the exercise {name!r}, but lesson {lesson} has {', '.join(known)}."
                )
            cell.source = known[name].solved_cell(cell.source)
    return notebook


def write_solved(path: Path, out: Path) -> None:
    notebook = solved(read(path), int(path.stem[:2]))
    normalise(notebook, path.stem)
    out.mkdir(parents=True, exist_ok=True)
    write(notebook, out / path.name)


def prove(path: Path) -> None:
    """Execute a solved copy: no cell may fail, and every exercise that is judged must come out right in its place.

    Raises: ValueError where one does not.
    """
    from course_utils.exercises import tasks

    lesson = int(path.stem[:2])
    notebook = solved(read(path), lesson)
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.jsonl")
        execute(notebook, path.parent, report=report)
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    found = {entry["exercise"]: entry["status"] for entry in map(json.loads, lines)}
    judged = [task.name for task in tasks(lesson) if task.kind not in ("prediction", "rubric")]
    wrong = [f"{name} ({found.get(name, 'never checked')})" for name in judged if found.get(name) != "right"]
    if wrong:
        raise ValueError(f"with its solution in its place, an exercise should be right, but is not: {', '.join(wrong)}")


def select(folder: Path, lessons: Sequence[str]) -> list[Path]:
    """The notebooks of these lessons, such as '01' or '1'; of all where none is named.

    Raises: ValueError where there is no such notebook.
    """
    paths = {int(path.stem[:2]): path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    unknown = [lesson for lesson in lessons if not lesson.isdecimal() or int(lesson) not in paths]
    if unknown or not paths:
        there = ", ".join(f"{number:02d}" for number in paths) or "none"
        raise ValueError(
            f"no notebook for {', '.join(unknown) or 'any lesson'} in {folder}; the lessons there: {there}"
        )
    return [paths[int(lesson)] for lesson in lessons] or list(paths.values())


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    parser = argparse.ArgumentParser(prog="notebooks", description="Execute the lessons' notebooks and store them.")
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons, such as 01; all where none is named")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="list stale or untidy notebooks; execute nothing")
    modes.add_argument("--tidy", action="store_true", help="bring into normal form; execute nothing")
    modes.add_argument("--prove", action="store_true", help="execute solved copies: every exercise must be right")
    modes.add_argument("--solved", type=Path, metavar="OUT", help="write copies with all exercises solved into OUT")
    chosen = parser.parse_args(arguments)
    try:
        paths = select(folder, chosen.lessons)
    except ValueError as error:
        parser.error(str(error))
    if chosen.solved and chosen.solved.resolve() == folder.resolve():
        parser.error(f"--solved would overwrite the lessons themselves in {folder}; name another folder")

    status = 0
    for path in paths:
        begun, cpu = time.monotonic(), _cpu_seconds()
        try:
            if chosen.check:
                for problem in problems(path):
                    print(f"{path.name}: {problem}")
                    status = 1
            elif chosen.tidy:
                tidy(path)
            elif chosen.solved:
                write_solved(path, chosen.solved)
            elif chosen.prove:
                prove(path)
                print(f"{path.name}: all solutions are right in their places, {_cpu_seconds() - cpu:.0f} s of CPU")
            else:
                from course_utils import datasets

                renew(path, datasets.present)
                used = f"{_cpu_seconds() - cpu:.0f} s of CPU, {time.monotonic() - begun:.0f} s"
                print(f"{path.name}: {used}, {path.stat().st_size // 1000} kB")
        except ValueError as error:
            text = f"{path.name}: {error}"
            print(text if sys.stderr.isatty() else COLOURS.sub("", text), file=sys.stderr)
            return 1
    return status


def _cpu_seconds() -> float:
    """CPU seconds of the kernels that have ended so far (0 on Windows)."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    raise SystemExit(main())
