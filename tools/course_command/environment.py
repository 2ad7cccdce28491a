"""The course's own environment, `.venv`: made, completed and brought up to date, and left alone where it is right.

A stamp inside `.venv` is written when an installation is complete and imports, and removed before one begins: without
it, an installation was interrupted and is finished now.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from course_command.platforms import this_platform, why_not
from course_command.progress import run_with_progress
from course_utils.locks import held
from course_utils.surroundings import ROOT, course_environment
from course_utils.whole_files import write_text_whole

STAMP = "course-installed.json"
SELF_CHECK = (
    "import course_utils, torch, torchvision, numpy, scipy, pandas, matplotlib.pyplot, ipywidgets, anywidget, nbclient,"
    " ipykernel, jupyterlab; assert int(torch.ones(2).sum()) == 2"
)
NOT_FETCHED = (
    "The packages could not be fetched: check the network connection (and the proxy, if there is one), then run the same "
    "command again; it goes on from there."
)
NO_CAUSE = "Run the same command again; if it fails in the same way, delete the folder .venv and try once more."
WORTH_A_TRY = (NOT_FETCHED, NO_CAUSE)
PAUSE = 5  # seconds
# What an installer's output tells about the cause, most certain first, and what to do.
CAUSES = (
    (
        ("no space left", "os error 28", "errno 28", "not enough space", "disk quota exceeded"),
        "The disk is full: the packages need about 6 GB here and as much for the download; free some, "
        "then run the same command again.",
    ),
    (
        ("certificate_verify_failed", "invalid peer certificate", "certificate verify failed"),
        "The connection was not trusted, as behind a company's proxy: set SSL_CERT_FILE to its certificate "
        "(or ask whoever runs the network), then run the same command again.",
    ),
    (
        (
            "name resolution",
            "dns error",
            "name or service not known",
            "getaddrinfo failed",
            "nodename nor servname",
            "failed to establish a new connection",
            "error sending request",
            "network is unreachable",
            "connection refused",
            "connection reset",
            "timed out",
            "could not connect",
            "connection broken",
            "incompleteread",
            "protocolerror",
        ),
        NOT_FETCHED,
    ),
    (
        ("ensurepip", "no module named venv", "no module named pip"),
        "This Python lacks venv or pip: install them (Debian and Ubuntu: `sudo apt install python3-venv`) or install "
        "uv, then run the same command again.",
    ),
    (
        ("no matching distribution", "no solution found", "unsatisfiable", "requires a different python"),
        "A package has no release for this Python and system: install Python 3.12 and run "
        "`python3.12 course.py` with the same words.",
    ),
    (
        ("permission denied", "access is denied", "errno 13", "os error 13", "read-only file system"),
        "A file may not be written: close programs that use the .venv folder, move the course to a folder that is "
        "yours, then run the same command again.",
    ),
)


class CourseError(Exception):
    """What the user is told, in one sentence or a few lines; nothing else needs to be shown."""


def python_of(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def ensure(extras: Iterable[str] = (), *, root: Path = ROOT) -> Path:
    """The Python of an environment that holds the package, the pinned versions and these extras; installed if needed.

    Raises: CourseError where it cannot be installed.
    """
    venv = root / ".venv"
    stamp = read_stamp(venv)
    if stamp.get("fingerprint") == fingerprint(root) and set(extras) <= set(stamp["extras"]):
        return python_of(venv)
    install(root, sorted({*extras, *stamp.get("extras", ())}))
    return python_of(venv)


def read_stamp(venv: Path) -> dict:
    """The stamp of a complete installation; empty where there is none, or no Python to go with it."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    extras = stamp.get("extras") if isinstance(stamp, dict) else None
    whole = isinstance(extras, list) and all(isinstance(extra, str) for extra in extras)
    return stamp if whole and os.path.exists(python_of(venv)) else {}


def fingerprint(root: Path) -> str:
    """Hash of all that an installation depends on; the folder is part of it, because the package is linked to it."""
    digest = hashlib.sha256(str(root).encode())
    for name in ("pyproject.toml", "constraints.txt", ".venv/pyvenv.cfg"):
        path = root / name
        digest.update(path.read_bytes() if path.exists() else b"missing")
        digest.update(b"\0")
    return digest.hexdigest()


def install(root: Path, extras: list[str]) -> None:
    """Make or finish the environment and stamp it."""
    if reason := why_not(this_platform()):
        raise CourseError(reason)
    venv = root / ".venv"
    if venv.exists() and not venv.is_dir():
        raise CourseError(f"{venv} should be a folder, but is a file: give it another name.")
    busy = f"Another course.py is installing into {venv}; wait until it has finished, then run the same command again."
    try:
        with held(root / ".venv.lock", busy):
            _install(root, venv, extras)
    except ValueError as error:
        raise CourseError(str(error)) from error
    except OSError as error:
        raise CourseError(f"{error}\n\n{advice([str(error)])}") from error


def _install(root: Path, venv: Path, extras: list[str]) -> None:
    (venv / STAMP).unlink(missing_ok=True)
    print("Setting up the course's packages in .venv: minutes the first time, depending on the network.", flush=True)
    if venv.exists() and not starts(python_of(venv)):
        print("The environment in .venv is incomplete; it is made anew.", flush=True)
        shutil.rmtree(venv)
    if not venv.exists():
        run_or_explain(make_command(venv), "Making .venv", root)
    for command in install_commands(venv, extras):
        run_or_explain(command, "Installing", root, tries=3)
    run_or_explain([str(python_of(venv)), "-c", SELF_CHECK], "Checking", root)
    text = json.dumps({"fingerprint": fingerprint(root), "extras": extras}) + "\n"
    write_text_whole(venv / STAMP, text)


def starts(python: Path) -> bool:
    """Whether an environment's Python runs and is new enough for the course."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and _succeeds([str(python), "-c", check])


def make_command(venv: Path) -> list[str]:
    if uv := shutil.which("uv"):
        return [uv, "venv", "--python", sys.executable, str(venv)]
    return [sys.executable, "-m", "venv", str(venv)]


def install_commands(venv: Path, extras: list[str]) -> list[list[str]]:
    """What installs the package, linked to this folder, with the tested versions of all that it needs."""
    python = str(python_of(venv))
    package = f".[{','.join(extras)}]" if extras else "."
    what = ["-e", package, "-c", "constraints.txt"]
    if uv := shutil.which("uv"):
        return [[uv, "pip", "install", "--python", python, *what]]
    commands = [[python, "-m", "pip", "install", "--disable-pip-version-check", *what]]
    if not _succeeds([python, "-m", "pip", "--version"]):
        commands.insert(0, [python, "-m", "ensurepip"])  # uv made this environment, and uv is gone
    return commands


def installing() -> dict[str, str]:
    """The environment of installers: nothing of the user's that has them install other things, or elsewhere."""
    return course_environment(("PYTHONPATH",)) | {"PIP_USER": "0"}  # said, because a file of pip's may say otherwise


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, env=installing()).returncode == 0


def run_or_explain(command: list[str], what: str, root: Path, *, tries: int = 1) -> None:
    """Run a command, and where its connection broke off, as it may in gigabytes of packages, once or twice more.

    Raises: CourseError with the end of what it said, and what to do.
    """
    for left in reversed(range(tries)):
        code, lines = run_with_progress(command, what, cwd=root, environment=installing())
        if code == 0:
            return
        if not left or advice(lines) not in WORTH_A_TRY:
            raise CourseError("\n".join([*lines[-15:], "", f"{what} failed. {advice(lines)}"]))
        print(f"{what} broke off; it is tried again.", flush=True)
        time.sleep(PAUSE)


def advice(lines: list[str]) -> str:
    """The sentence that says what to do about an installer's output."""
    text = "\n".join(lines).lower()
    return next((sentence for signs, sentence in CAUSES if any(sign in text for sign in signs)), NO_CAUSE)
