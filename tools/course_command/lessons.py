"""The lessons' notebooks: which there are, and the student's copies of them."""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

from course_command.environment import CourseError
from course_utils.whole_files import write_text_whole, write_whole

RECORD = ".origin.json"


def find(root: Path) -> dict[str, Path]:
    """The notebooks by number, in their order: {"00": .../00_tasks_and_data.ipynb, ...}."""
    return {path.name[:2]: path for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def select(lessons: dict[str, Path], numbers: list[str]) -> dict[str, Path]:
    """The lessons with these numbers, "3" or "03"; all where none is named.

    Raises: CourseError for a number without a lesson.
    """
    wanted = {number.zfill(2) for number in numbers}
    if unknown := sorted(wanted - set(lessons)):
        there = ", ".join(lessons) or "none"
        raise CourseError(f"There is no lesson {', '.join(unknown)}; the lessons in notebooks/ are: {there}.")
    return {number: path for number, path in lessons.items() if not wanted or number in wanted}


def with_real_data(lessons: dict[str, Path]) -> dict[str, Path]:
    """Those of the lessons that have cells on real data.

    Raises: CourseError where none has.
    """
    found = {number: path for number, path in lessons.items() if _has_real_data(path)}
    if not found:
        raise CourseError(f"No cell of lesson {', '.join(lessons)} is on real data: leave out --real-data.")
    return found


def _has_real_data(path: Path) -> bool:
    return any("real-data" in cell.get("metadata", {}).get("tags", []) for cell in _cells(path))


def source_hash(path: Path) -> str:
    """Hash of what a student reads and edits in a notebook: a run that changes nothing but outputs leaves it."""
    cells = _cells(path)
    return hashlib.sha256(json.dumps([[c["cell_type"], c["source"]] for c in cells]).encode()).hexdigest()


def _cells(path: Path) -> list[dict]:
    """The cells of a lesson's notebook.

    Raises: CourseError where the file is none.
    """
    try:
        cells = json.loads(path.read_bytes())["cells"]
        if not all({"cell_type", "source"} <= set(cell) for cell in cells):
            raise ValueError("a cell lacks its type or its source")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CourseError(
            f"{path} is no notebook ({error}): restore it with `git checkout -- notebooks/{path.name}` in the course's folder, "
            "or take it from a new copy of the course."
        ) from error
    return cells


def copy_for_student(lessons: dict[str, Path], folder: Path) -> list[str]:
    """Copy the lessons that the folder does not hold yet; returns a line for each that has changed since its copy.

    An empty file, as a full disk leaves it, is no copy.
    """
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} should be a folder, but is a file: give it another name.")
    record = _read_record(folder)
    changed = []
    for number, original in lessons.items():
        newest = source_hash(original)
        copy = folder / original.name
        if not copy.exists() or copy.stat().st_size == 0:
            write_whole(copy, partial(shutil.copyfile, original))
            record[original.name] = newest
        elif record.get(original.name, newest) != newest:
            changed.append(
                f"Lesson {number} has changed since you began it: `python3 course.py lab --reset {number}` takes the "
                f"new one and keeps yours as {_next_old_name(copy).name}."
            )
    _write_record(folder, record)
    return changed


def keep_old_copy(original: Path, folder: Path) -> Path | None:
    """Give the student's copy of a lesson another name, so that the lesson is copied afresh; returns the new name."""
    copy = folder / original.name
    if not copy.exists():
        return None
    old = _next_old_name(copy)
    copy.rename(old)
    return old


def _next_old_name(copy: Path) -> Path:
    """The first of `03_x.old-1.ipynb`, `03_x.old-2.ipynb`, ... that does not exist."""
    n = 1
    while (old := copy.with_name(f"{copy.stem}.old-{n}.ipynb")).exists():
        n += 1
    return old


def _read_record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _write_record(folder: Path, record: dict[str, str]) -> None:
    text = json.dumps(record, indent=1) + "\n"
    write_text_whole(folder / RECORD, text)
