"""Files that are written whole or not at all; standard library only, because `course.py` uses it before anything is installed."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file and its folder; it is the old one or the new one whenever it is looked at.

    `write` gets the path of an unfinished file beside it, which no other process has. That takes its place afterwards, with the
    mode that the user's other new files have, and goes if something is raised.

    Raises: OSError with the path where the system names none, as for a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.open("xb").close()
        mode = partial.stat().st_mode
        write(partial)
        partial.chmod(mode)  # libraries that replace the file give it one of their own
        os.replace(partial, path)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str) -> None:
    """Write a text in UTF-8 as `write_whole` does; its lines end in one character on every system."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"))
