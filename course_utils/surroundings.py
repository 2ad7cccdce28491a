"""What the processes of the course get of the user's environment: nothing that changes which code they run, or how.

To import it takes the standard library only, because `course.py` does so before anything is installed.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

ROOT = Path(__file__).resolve().parents[1]

# Of Python's own variables these stay; others add modules, turn warnings into errors or asserts off, or run a file first.
KEPT_OF_PYTHON = (
    "PYTHONCOERCECLOCALE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONIOENCODING",
    "PYTHONPYCACHEPREFIX",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
)
# What makes pip and uv install other things, or elsewhere; where they find packages, and through which proxy, stays.
OF_INSTALLERS = {
    *("PIP_" + name for name in "CONSTRAINT DRY_RUN EDITABLE NO_BINARY NO_BUILD_ISOLATION NO_DEPS ONLY_BINARY".split()),
    *("PIP_" + name for name in "PREFIX PRE PYTHON REQUIREMENT REQUIRE_HASHES ROOT TARGET UPGRADE USER".split()),
    *("UV_" + name for name in "BUILD_CONSTRAINT CONSTRAINT EXCLUDE EXCLUDE_NEWER NO_BINARY NO_BUILD".split()),
    *("UV_" + name for name in "NO_BUILD_ISOLATION OVERRIDE PRERELEASE PROJECT PYTHON REQUIRE_HASHES".split()),
    *("UV_" + name for name in "RESOLUTION SYSTEM_PYTHON WORKING_DIR WORKING_DIRECTORY".split()),
}
OTHERS = {"JUPYTER_PATH", "MATPLOTLIBRC", "MYPYPATH"}
FOR_OWN_WORK = ("COURSE_BUDGET", "COURSE_REPORT", "COURSE_SEED", "MPLBACKEND")
"""What somebody may have set for own work with a lesson, and what would change what it prints."""


def data_folder() -> str | None:
    """The folder that `COURSE_DATA` names, as an absolute path: processes of the course start in other folders."""
    given = os.environ.get("COURSE_DATA")
    return os.path.abspath(os.path.expanduser(given)) if given else None


def course_environment(without: Collection[str] = ()) -> dict[str, str]:
    """The environment of a process of the course: the user's, without the settings that are meant for other programs.

    The course's modules are those of this folder, and a notebook's `python3` is the Python that belongs to Jupyter. The
    variables named in `without` are left out as well.
    """
    kept = {name: value for name, value in os.environ.items() if not _is_foreign(name)}
    if folder := data_folder():
        kept["COURSE_DATA"] = folder
    kept |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    return {name: value for name, value in kept.items() if name not in without}


def own_kernel() -> "AsyncKernelManager":
    """A kernel of the Python that runs this, whatever the user's kernel of the name `python3` starts."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))


def _is_foreign(name: str) -> bool:
    if name.startswith("PYTHON"):
        return name not in KEPT_OF_PYTHON
    return name.startswith("PYTEST_") or name in OF_INSTALLERS or name in OTHERS
