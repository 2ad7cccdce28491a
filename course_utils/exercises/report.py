"""What students have solved, from their notebooks: executes each one in a fresh kernel and lists its exercises.

Formative, not an exam: a solution is one import away. A student's code runs with the rights of whoever runs the report.
"""

import json
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TextIO

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_utils.exercises import tasks
from course_utils.surroundings import FOR_OWN_WORK, course_environment, own_kernel

LESSON = re.compile(r"\bstart\(\s*lesson\s*=\s*(\d+)|\blesson_(\d\d)\b")
# COURSE_STRICT would stop at the first claim that a wrong answer breaks; the others would change what the lesson does.
UNSET = (*FOR_OWN_WORK, "COURSE_STRICT")


class Row(NamedTuple):
    """One exercise in one notebook: right, wrong, error, not attempted, done (prediction, rubric) or not reached."""

    file: str
    exercise: str
    status: str
    misconception: str = ""


class QuietClient(NotebookClient):
    """Keeps no output but errors: a loop that prints for ten minutes must not fill the memory."""

    def output(self, outs: list[NotebookNode], msg: dict, display_id: str, cell_index: int) -> NotebookNode | None:
        return super().output(outs, msg, display_id, cell_index) if msg["msg_type"] == "error" else None


def write_report(files: Sequence[Path], out: TextIO, *, seconds: float = 600) -> bool:
    """Execute notebooks one at a time, each for at most `seconds`, and write a CSV line for each exercise of its lesson.

    The columns are file, exercise, status and misconception. A file that is no notebook of the course gets one line with
    the status `unreadable`. Progress and problems go to the standard error stream. Notebooks are never changed.

    Returns: whether all files could be read, and some exercise of each was reached.
    """
    import csv

    table = csv.writer(out, lineterminator="\n")
    table.writerow(Row._fields)
    all_read = True
    for file in files:
        try:
            rows = rows_of(file, seconds=seconds)
        except ValueError as error:
            print(error, file=sys.stderr)
            rows = [Row(str(file), "", "unreadable")]
        all_read = all_read and any(row.status not in ("unreadable", "not reached") for row in rows)
        table.writerows(rows)
        out.flush()
    return all_read


def rows_of(file: Path, *, seconds: float) -> list[Row]:
    """The exercises of one notebook with what came out when it was executed; the last check of each exercise counts.

    Raises: ValueError where the file is no notebook, or of no lesson.
    """
    notebook = read_notebook(file)
    lesson = lesson_of(notebook, file)
    found, stopped = execute(notebook, seconds=seconds)
    rows = [Row(str(file), task.name, *found.get(task.name, ("not reached", ""))) for task in tasks(lesson)]
    solved = sum(row.status in ("right", "done") for row in rows)
    print(f"{file}: {solved} of {len(rows)} solved{stopped}", file=sys.stderr)
    return rows


def read_notebook(file: Path) -> NotebookNode:
    """Raises: ValueError where the file is missing or is no notebook."""
    try:
        notebook = nbformat.reads(file.read_text(encoding="utf-8-sig"), as_version=4)
        nbformat.validate(notebook)
    except (OSError, ValueError, AttributeError, TypeError, KeyError, nbformat.ValidationError) as error:
        reason = getattr(error, "message", error)
        raise ValueError(f"{file} should be a Jupyter notebook, but cannot be read: {reason}") from error
    return notebook


def lesson_of(notebook: NotebookNode, file: Path) -> int:
    """The lesson that a notebook starts, or imports exercises of.

    Raises: ValueError where it does neither, or there is no such lesson.
    """
    found = LESSON.search("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    if not found:
        raise ValueError(
            f"{file} should call start(lesson=N) or import lesson_NN, but does neither: which lesson is it?"
        )
    lesson = int(found[1] or found[2])
    try:
        tasks(lesson)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return lesson


def execute(notebook: NotebookNode, *, seconds: float) -> tuple[dict[str, tuple[str, str]], str]:
    """Execute a notebook past its errors; gives status and misconception by exercise, and why it stopped early, or ''.

    An exercise whose cell raises before it is checked (a syntax error), never ends or kills the kernel has the status error.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    deadline, reached, stopped = time.monotonic() + seconds, [], ""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        record = Path(folder, "report.jsonl")
        working_folder = Path(folder, "work")
        working_folder.mkdir()
        client = QuietClient(
            notebook,
            km=own_kernel(),
            allow_errors=True,
            record_timing=False,
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],
            timeout_func=lambda cell: max(deadline - time.monotonic(), 0.01),
            on_cell_execute=lambda cell, cell_index: reached.append(cell),
            resources={"metadata": {"path": str(working_folder)}},
        )
        try:
            client.execute(env=_environment(record, Path(folder)), cleanup_kc=True)
        except CellTimeoutError:
            stopped = f"; stopped after {seconds:g} s"
        except DeadKernelError:
            stopped = "; its kernel died"
        except (RuntimeError, OSError) as error:
            stopped = f"; its kernel did not start: {error}"
        lines = record.read_text(encoding="utf-8", errors="replace").splitlines() if record.exists() else []
    failed = [cell for cell in reached if any(output.output_type == "error" for output in cell.outputs)]
    failed += reached[-1:] if stopped else []
    found = {name: ("error", "") for cell in failed for name in re.findall(r"\bexercise\.(\w+)", cell.source)}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):  # of a kernel that died while it wrote, or of a student
            entry = json.loads(line)
            found[entry["exercise"]] = entry["status"], entry["misconception"]
    if not found:
        errors = [output for cell in failed for output in cell.outputs if output.output_type == "error"]
        stopped += "; none of its exercises was reached"
        stopped += f", after {errors[0].ename}: {errors[0].evalue}" if errors else ""
    return found, stopped


def _environment(record: Path, folder: Path) -> dict[str, str]:
    """The kernel's environment; progress and profile are the student's here, not those of the person at this computer."""
    own = {"JUPYTER_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython")}
    return course_environment(UNSET) | own | {"COURSE_REPORT": str(record)}
