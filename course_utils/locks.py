"""What one process alone may do at a time: it holds a lock file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def held(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock file, which is made with its folder and goes afterwards; the system lets go of it if the process dies.

    Where a file system knows no locks, nobody is refused.

    Raises: ValueError with `refusal` where somebody else holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        if not (_lock(file) and _is_at(lock, file)):
            raise ValueError(refusal)
        try:
            yield
        finally:
            with suppress(OSError):  # Windows deletes no file that is open
                lock.unlink()


def _lock(file: BinaryIO) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _is_at(lock: Path, file: BinaryIO) -> bool:
    """Whether the file that was opened is still there: the one who held it may have deleted it in between."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), lock.stat())
    except FileNotFoundError:
        return os.name == "nt"
