"""The three descriptions of the environment say the same: pyproject.toml, constraints.txt, environment.yml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(text) for text in [*PROJECT["dependencies"], *EXTRAS["test"]]]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()


def pinned() -> dict[str, list[Requirement]]:
    """The pins by name; a name may stand more than once, for different systems."""
    pins: dict[str, list[Requirement]] = {}
    for text in CONSTRAINTS.splitlines():
        requirement = Requirement(text)
        pins.setdefault(requirement.name.lower(), []).append(requirement)
    return pins


def version_of(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    return Version(specifier.version)


def test_every_constraint_pins_one_version_and_names_no_address() -> None:
    assert "://" not in CONSTRAINTS and "@" not in CONSTRAINTS
    pattern = re.compile(r"[a-z0-9._-]+==[^ ;]+( ; .+)?")
    assert [text for text in CONSTRAINTS.splitlines() if not pattern.fullmatch(text)] == []


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_every_direct_dependency_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pins = pinned().get(requirement.name.lower(), [])
    assert pins, f"{requirement.name} is not in constraints.txt; renew it (see CONTRIBUTING.md)"
    assert all(version_of(pin) in requirement.specifier for pin in pins)
    assert any(specifier.operator == ">=" for specifier in requirement.specifier), (
        "a lower bound says what is known to work"
    )


def test_the_conda_environment_installs_this_package_with_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    names = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (with_pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert with_pip == ["-c constraints.txt", "-e ."]
    assert "pip" in names
    (python,) = [name.removeprefix("python=") for name in names if name.startswith("python=")]
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert Version(f"{python}.0") in supported


def test_course_py_and_pyproject_ask_for_the_same_python() -> None:
    from course_command.platforms import NEWEST_PYTHON, OLDEST_PYTHON

    oldest = ".".join(map(str, OLDEST_PYTHON))
    assert PROJECT["requires-python"] == f">={oldest}"
    assert f"OLDEST = ({OLDEST_PYTHON[0]}, {OLDEST_PYTHON[1]})" in (ROOT / "course.py").read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tried = [tuple(map(int, text.split("."))) for text in workflow["jobs"]["test"]["strategy"]["matrix"]["python"]]
    assert tried[0] == OLDEST_PYTHON and all(python <= NEWEST_PYTHON for python in tried)
