"""What a student has solved: one file in the user's data folder, only ever raised; the course's tests leave it be."""

import json
import os
from pathlib import Path

from course_utils.whole_files import write_text_whole

RANKS = {"not attempted": 0, "error": 1, "wrong": 1, "done": 2, "right": 2}


def progress_file() -> Path:
    """Where progress is kept: `segmentation-course/progress.json` in Jupyter's data folder of this user."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "segmentation-course" / "progress.json"


def read_progress() -> dict[str, str]:
    """Status by exercise; empty under `COURSE_STRICT=1`, where nothing has been kept yet, and where nothing may be read.

    A file that cannot be read is set aside under another name, so that nothing in it is lost.
    """
    if os.environ.get("COURSE_STRICT") == "1":
        return {}
    try:
        return _read()
    except OSError:
        return {}


def _read() -> dict[str, str]:
    """Raises: OSError where the file can neither be read nor be set aside."""
    file = progress_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: status for name, status in content.items() if status in RANKS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        file.replace(file.with_suffix(f".unreadable-{os.getpid()}.json"))
        return {}


def record(exercise: str, status: str, misconception: str = "") -> None:
    """Note the status of an exercise: raised in the progress file; appended to `COURSE_REPORT` where that is set."""
    report = os.environ.get("COURSE_REPORT")
    if report:
        line = json.dumps({"exercise": exercise, "status": status, "misconception": misconception})
        with open(report, "a", encoding="utf-8") as file:
            file.write(line + "\n")
    if os.environ.get("COURSE_STRICT") == "1":
        return
    try:
        _raise_status(exercise, status)
    except OSError:
        # A home that cannot be written to (a shared machine, a container) costs the record, not the lesson.
        return


def _raise_status(exercise: str, status: str) -> None:
    kept = _read()
    if RANKS[status] <= RANKS.get(kept.get(exercise, "not attempted"), 0):
        return
    file = progress_file()
    text = json.dumps(kept | {exercise: status}, indent=1, sort_keys=True)
    write_text_whole(file, text)
