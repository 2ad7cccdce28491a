"""Whether PyTorch can be installed here: known before 2 GB are downloaded in vain."""

import platform
import sys
from typing import NamedTuple

# What the wheels of the torch and torchvision in constraints.txt are built for; look again when that file is renewed.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 15)
REFUSED_PYTHONS = {(3, 14, 1)}
MACHINES = {"Linux": ("x86_64", "aarch64"), "Darwin": ("arm64",), "Windows": ("amd64",)}
OLDEST_GLIBC = (2, 28)
OLDEST_MACOS = 14


class Platform(NamedTuple):
    """What decides whether there is a wheel: names as the `platform` module gives them."""

    system: str
    machine: str
    python: tuple[int, ...]
    implementation: str
    bits: int
    glibc: tuple[int, ...] = ()
    macos: int = 0


def this_platform() -> Platform:
    name, version = platform.libc_ver()
    glibc = tuple(int(part) for part in version.split(".") if part.isdigit()) if name == "glibc" else ()
    return Platform(
        system=platform.system(),
        machine=platform.machine(),
        python=tuple(sys.version_info[:3]),
        implementation=platform.python_implementation(),
        bits=64 if sys.maxsize > 2**32 else 32,
        glibc=glibc,
        macos=int(platform.mac_ver()[0].split(".")[0] or 0),
    )


def why_not(here: Platform) -> str | None:
    """The sentence that says why the course cannot be installed here and what to do; None where it can."""
    found = ".".join(map(str, here.python))
    if here.implementation != "CPython":
        return f"PyTorch is built for CPython, and this is {here.implementation}: start course.py with CPython 3.12."
    if here.python[:2] > NEWEST_PYTHON or here.python in REFUSED_PYTHONS:
        return (
            f"The PyTorch release that this course uses is not built for Python {found}: "
            "install Python 3.12 beside it and run `python3.12 course.py lab`."
        )
    if here.bits == 32:
        return "This is a 32-bit Python, for which PyTorch is not built: install a 64-bit Python 3.12."
    if here.system == "Darwin" and here.machine == "x86_64":
        return (
            "PyTorch is no longer built for Intel Macs: use another machine, or Binder. "
            "On a Mac with Apple silicon this Python is an Intel build: install the arm64 one."
        )
    if here.machine.lower() not in MACHINES.get(here.system, ()):
        return (
            f"PyTorch is not built for {here.system or 'this system'} on {here.machine or 'this processor'}: use Linux "
            "(x86-64 or ARM64), macOS (Apple silicon) or Windows (x86-64)."
        )
    if here.system == "Darwin" and here.macos < OLDEST_MACOS:
        return f"PyTorch needs macOS {OLDEST_MACOS} or newer, and this is macOS {here.macos}: update the system."
    if here.system == "Linux" and here.glibc < OLDEST_GLIBC:
        libc = f"glibc {'.'.join(map(str, here.glibc))}" if here.glibc else "another one (musl, as on Alpine)"
        return (
            f"PyTorch needs a Linux with the C library glibc 2.28 or newer, and this one has {libc}: "
            "use for instance Debian 12 or Ubuntu 24.04."
        )
    return None
