"""Lessons with every stub solved: copies for a lecturer, and the proof that every exercise works in its place.

The proof is also one of the stored outputs: the solved copy runs with another seed than they did, and nbval compares them.
"""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from course_command.checks import nbval
from nbformat import NotebookNode
from notebook_files import ENVIRONMENT, code_cells, kernel_environment, normalise, read, tags, where, write
from notebook_sources import exercises_worked

REPOSITORY = Path(__file__).resolve().parents[1]


def solved(notebook: NotebookNode, lesson: int) -> NotebookNode:
    """A copy in which every stub is replaced by its solution; predictions stay open, and what is stored stays.

    Raises: ValueError where a cell names an exercise that the lesson does not have.
    """
    from course_utils.exercises import tasks

    known = {task.name: task for task in tasks(lesson)}
    notebook = copy.deepcopy(notebook)
    for i, cell in code_cells(notebook):
        for name in exercises_worked(cell.source) if "exercise" in tags(cell) else []:
            if name not in known:
                raise ValueError(
                    f"{where(i, cell)} names the exercise {name!r}, but lesson {lesson} has {', '.join(known)}."
                )
            cell.source = known[name].solved_cell(cell.source)
    return notebook


def write_solved(path: Path, out: Path) -> None:
    """Write a solved copy without outputs into the folder `out`."""
    notebook = solved(read(path), int(path.stem[:2]))
    notebook.metadata.pop("course", None)
    for _, cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    normalise(notebook, path.stem)
    out.mkdir(parents=True, exist_ok=True)
    write(notebook, out / path.name)


def prove(path: Path, *, seed: int) -> None:
    """Run a solved copy with another seed: every judged exercise must be right, every other cell be as it is stored.

    Cells of exercises are not compared, because their verdicts differ. The number of threads is `OMP_NUM_THREADS`.

    Raises: ValueError where an exercise is not right, or a cell fails, shows something else, or has never been executed.
    """
    notebook = solved(read(path), int(path.stem[:2]))
    for i, cell in code_cells(notebook):
        if cell.execution_count is None:  # nbval would compare nothing there, and pass
            raise ValueError(f"{where(i, cell)} has no stored outputs: run `python3 course.py notebooks` first")
        if "exercise" in tags(cell):
            cell.metadata["tags"] = sorted({*tags(cell), "nbval-ignore-output"})
    # Beside the folder of the lessons, because they read `../data`.
    with TemporaryDirectory(prefix="solved-", dir=path.resolve().parents[1]) as folder:
        solved_path, report = Path(folder, path.name), Path(folder, "report.jsonl")
        write(notebook, solved_path)
        settings = kernel_environment() | {"COURSE_SEED": str(seed), "COURSE_REPORT": str(report)}
        settings["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", ENVIRONMENT["OMP_NUM_THREADS"])
        command = nbval(sys.executable, solved_path)
        ended = subprocess.run(command, cwd=REPOSITORY, env=settings, capture_output=True, text=True)
        complaints = exercises_not_right(report, int(path.stem[:2]))
    if ended.returncode != 0:
        complaints += [*cells_not_as_stored(ended.stdout, notebook, seed), ended.stdout + ended.stderr]
    if complaints:
        raise ValueError("\n".join(complaints))


def exercises_not_right(report: Path, lesson: int) -> list[str]:
    """A line for the exercises that are judged and, by the report of their checks, did not come out right."""
    from course_utils.exercises import tasks

    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    found = {entry["exercise"]: entry["status"] for entry in map(json.loads, lines)}
    judged = [task.name for task in tasks(lesson) if task.kind not in ("prediction", "rubric")]
    wrong = [f"{name} ({found.get(name, 'never checked')})" for name in judged if found.get(name) != "right"]
    if not wrong:
        return []
    return [f"with its solution in its place, an exercise should be right, but is not: {', '.join(wrong)}"]


def cells_not_as_stored(output: str, notebook: NotebookNode, seed: int) -> list[str]:
    """A line for each cell that nbval's output complains of; nbval counts code cells only, and from 0."""
    cells = list(code_cells(notebook))
    failed = sorted({int(number) for number in re.findall(r"^(?:FAILED|ERROR) .*?::Cell (\d+)", output, re.MULTILINE)})
    return [
        f"{where(*cells[number])} fails, or shows something else than is stored, with seed {seed} (nbval's cell {number})"
        for number in failed
    ]
