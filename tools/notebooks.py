"""Execute the lessons' notebooks in place and store them in normal form: `python3 course.py notebooks [NN ...]`.

python tools/notebooks.py 01               execute lesson 01 and store its outputs
python tools/notebooks.py --check          execute nothing; exit status 1 where stored outputs are stale or not normal
python tools/notebooks.py --tidy           execute nothing; bring the files into normal form, as after editing text
python tools/notebooks.py --solved OUT     write copies without outputs, each stub replaced by its solution
python tools/notebooks.py --prove          run solved copies with another seed: every exercise right, every other cell as stored
"""

import argparse
import copy
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from course_command.checks import SOLVED_SEED
from course_command.main import MOST_SEED, whole_number
from course_command.processes import cpu_of_children
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from notebook_files import (
    is_normal,
    keep_real_data_outputs,
    kernel_environment,
    normalise,
    read,
    source_hash,
    stored_outputs_are_fresh,
    where,
    write,
)
from notebook_rules import no_machine_is_named, size_is_small
from notebook_solutions import prove, write_solved

from course_utils.surroundings import own_kernel

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
SECONDS_A_CELL = 900
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(notebook: NotebookNode, folder: Path, *, seconds_a_cell: int = SECONDS_A_CELL) -> NotebookNode:
    """A copy of the notebook, executed in a fresh kernel with `folder` as its working directory.

    Raises: ValueError at the first cell that fails, with its source and the traceback, and where no kernel starts.
    """
    executed = copy.deepcopy(notebook)
    reached: list[int] = []
    client = NotebookClient(
        executed,
        km=own_kernel(),
        timeout=seconds_a_cell,
        startup_timeout=SECONDS_A_CELL,
        record_timing=False,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        on_cell_execute=lambda cell, cell_index: reached.append(cell_index),
    )
    try:
        client.execute(env=kernel_environment(), cleanup_kc=True)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failed = notebook.cells[reached[-1]]
        reason = str(error)
        if isinstance(error, DeadKernelError):
            reason = f"The kernel died while it executed this cell:\n{failed.source}"
        raise ValueError(f"{where(reached[-1], failed)} fails.\n{reason}") from error
    except (RuntimeError, OSError) as error:
        raise ValueError(f"The kernel of {sys.executable} did not start: {error}") from error
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
    modes.add_argument("--prove", action="store_true", help="run solved copies with another seed, compare all")
    modes.add_argument("--solved", type=Path, metavar="OUT", help="write copies with all exercises solved into OUT")
    parser.add_argument("--seed", type=whole_number(0, MOST_SEED), metavar="N", help="the seed of --prove")
    chosen = parser.parse_args(arguments)
    try:
        paths = select(folder, chosen.lessons)
    except ValueError as error:
        parser.error(str(error))
    if chosen.seed is not None and not chosen.prove:
        parser.error("--seed goes with --prove: what is stored has always been computed with seed 0")
    seed = SOLVED_SEED if chosen.seed is None else chosen.seed
    if chosen.solved and chosen.solved.resolve() == folder.resolve():
        parser.error(f"--solved would overwrite the lessons themselves in {folder}; name another folder")

    status = 0
    for path in paths:
        begun, cpu = time.monotonic(), cpu_of_children()
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
                prove(path, seed=seed)
                print(f"{path.name}: with seed {seed}, all solutions are right and all other cells as stored")
            else:
                from course_utils import datasets

                renew(path, datasets.present)
                used = f"{cpu_of_children() - cpu:.0f} s of CPU, {time.monotonic() - begun:.0f} s"
                print(f"{path.name}: {used}, {path.stat().st_size // 1000} kB")
        except (ValueError, OSError) as error:
            text = f"{path.name}: {error}"
            print(text if sys.stderr.isatty() else COLOURS.sub("", text), file=sys.stderr)
            return 1
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that copies are removed
    raise SystemExit(main())
