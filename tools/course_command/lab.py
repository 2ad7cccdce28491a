"""JupyterLab for students: on this machine only, on the student's copies, without questions and news."""

import json
import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from course_command import environment, lessons
from course_command.environment import CourseError
from course_utils.surroundings import course_environment
from course_utils.whole_files import write_text_whole

QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def lab(*, port: int | None, browser: bool, reset: list[str], root: Path) -> int:
    """Set up, copy the lessons, and run JupyterLab until it is stopped."""
    originals = lessons.find(root)
    afresh = lessons.select(originals, reset) if reset else {}
    if port is not None:
        check_port(port)
    python = environment.ensure(root=root)
    folder = root / "my_notebooks"
    for original in afresh.values():
        if old := lessons.keep_old_copy(original, folder):
            print(f"Your copy of {original.name} is now {old.name}.")
    for line in lessons.copy_for_student(originals, folder):
        print(line)
    quieten(root / ".venv")
    first = f"my_notebooks/{next(iter(originals.values())).name}" if originals else "my_notebooks"
    command = lab_command(python, root=root, open_path=first, port=port, browser=browser)
    settings = course_environment(("COURSE_STRICT",))
    print("Starting JupyterLab; to stop it, press Ctrl-C here twice. Its address:", flush=True)
    if os.name == "nt":  # there, exec leaves the terminal to both
        return subprocess.call(command, env=settings)
    os.execve(command[0], command, settings)


def check_port(port: int) -> None:
    """Raises: CourseError where a port that was asked for is taken, because Jupyter would silently use another."""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise CourseError(f"Port {port} cannot be used ({error}): name another, or leave --port out.") from error


def quieten(venv: Path) -> None:
    """Make JupyterLab's defaults in this environment ask for no news; the user's own settings stay as they are."""
    path = venv / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    text = json.dumps(QUIET, indent=1) + "\n"
    with suppress(OSError):  # an environment that only an administrator may write shows its news
        write_text_whole(path, text)


def lab_command(python: Path, *, root: Path, open_path: str, port: int | None, browser: bool) -> list[str]:
    """JupyterLab on the loopback interface, with its token, on one notebook; links reach the whole course folder."""
    command = [
        str(python),
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{open_path}",
        "--ServerApp.log_level=WARN",
        "--LabApp.log_level=WARN",
    ]
    if port is not None:
        command += [f"--port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container
    return command
