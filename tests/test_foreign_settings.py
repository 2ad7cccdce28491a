"""The user's settings for other programs: none reaches an installation, a check, a kernel or JupyterLab."""

import json
import os
import subprocess
import sys
from pathlib import Path

import notebook_files
import pytest
from course_command import checks, environment, lab
from course_command.main import main
from nbformat.v4 import new_code_cell, new_notebook

import notebooks
from course_utils.exercises import __main__ as exercises_command, report, tasks
from course_utils.surroundings import course_environment

ROOT = Path(__file__).resolve().parents[1]
FOREIGN = {
    "PIP_USER": "1",
    "PIP_TARGET": "elsewhere",
    "PIP_PREFIX": "elsewhere",
    "PIP_NO_DEPS": "1",
    "UV_SYSTEM_PYTHON": "1",
    "PYTHONHOME": "elsewhere",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "elsewhere.py",
    "PYTEST_ADDOPTS": "--no-such-option",
    "PYTEST_PLUGINS": "no_such_plugin",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "MYPYPATH": "elsewhere",
    "MATPLOTLIBRC": "elsewhere",
    "JUPYTER_PATH": "elsewhere",
    "JUPYTER_PREFER_ENV_PATH": "0",
}
OWN = {"PIP_INDEX_URL": "https://mirror", "HTTPS_PROXY": "proxy", "PYTHONUTF8": "1", "UV_CACHE_DIR": "there"}


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that would break whatever they reach, and a folder of modules that must not be found."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text("raise SystemExit('foreign sitecustomize')")
    (modules / "numpy.py").write_text("raise ImportError('foreign numpy')")
    for name, value in (FOREIGN | OWN | {"PYTHONPATH": str(modules)}).items():
        monkeypatch.setenv(name, value)
    return modules


def assert_clean(found: dict[str, str], foreign: Path) -> None:
    allowed = {"JUPYTER_PREFER_ENV_PATH"}
    assert not set(FOREIGN) - allowed & set(found) - allowed
    assert found.get("JUPYTER_PREFER_ENV_PATH", "1") == "1"
    assert str(foreign) not in found.get("PYTHONPATH", "")
    assert {name: found[name] for name in OWN} == OWN


def test_what_foreign_settings_would_do(foreign: Path) -> None:
    """Otherwise the tests below would hold for settings that harm nobody."""
    assert subprocess.run([sys.executable, "-c", "pass"], capture_output=True).returncode != 0


def test_checks(foreign: Path, tmp_path: Path) -> None:
    assert_clean(checks.check_environment(), foreign)
    code = "import sys, numpy, course_utils; assert not sys.flags.optimize; print(course_utils.__file__)"
    run = {"env": checks.check_environment(), "capture_output": True, "text": True, "cwd": tmp_path}
    found = subprocess.run([sys.executable, "-c", code], **run)
    assert found.stdout.strip() == str(ROOT / "course_utils" / "__init__.py"), found.stderr


def test_pytest_under_the_checks(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text("def test_one():\n    assert True\n")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), "--timeout=60", str(tmp_path)]
    found = subprocess.run(command, env=checks.check_environment(), capture_output=True, text=True, cwd=tmp_path)
    assert "1 passed" in found.stdout, found.stdout + found.stderr


@pytest.mark.parametrize("function", ["run_or_explain", "starts"])
def test_installations(foreign: Path, tmp_path: Path, function: str) -> None:
    if function == "starts":
        assert environment.starts(Path(sys.executable))
        return
    code = "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))"
    environment.run_or_explain([sys.executable, "-c", code], "Installing", tmp_path)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen.pop("PIP_USER") == "0"  # said, because a file of pip's may say otherwise
    assert_clean(seen, foreign)
    assert "PYTHONPATH" not in seen


def test_lab(foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(environment, "ensure", lambda *_, **__: Path("python"))
    monkeypatch.setattr(lab.os, "execve", lambda path, command, settings: started.append(settings))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", "~/data")
    main(["lab"], tmp_path)
    assert_clean(started[0], foreign)
    assert started[0]["COURSE_DATA"] == str(tmp_path / "data")


@pytest.mark.parametrize("given", ["~/data", "data", "./data"])
def test_the_data_are_found_from_every_folder(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", given)
    folder = str(tmp_path / "data")
    assert course_environment()["COURSE_DATA"] == checks.check_environment()["COURSE_DATA"] == folder
    assert report._environment(tmp_path, tmp_path)["COURSE_DATA"] == folder
    assert notebook_files.kernel_environment()["COURSE_DATA"] == folder
    monkeypatch.setattr(environment, "ensure", lambda *_, **__: Path("python"))
    assert main(["test", "--real-data"], tmp_path) == 1  # no lesson there, but the folder is


# --- Kernels


@pytest.fixture
def foreign_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of another Python by the name `python3`, found before ours, and an IPython profile that breaks cells."""
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "raise SystemExit('foreign kernel')", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import os\nos.environ['FOREIGN_STARTUP'] = '1'\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


LOOK = "import os, sys\nassert 'FOREIGN_STARTUP' not in os.environ and 'JUPYTER_PATH' not in os.environ\n"


@pytest.mark.slow
@pytest.mark.usefixtures("foreign_kernel")
def test_a_report_runs_the_interpreter_itself(foreign: Path, tmp_path: Path) -> None:
    name = next(task.name for task in tasks(1))
    code = (
        f"# lesson_01\nimport json\n{LOOK}assert sys.executable == {sys.executable!r}\n"
        f"entry = dict(exercise={name!r}, status='right', misconception='')\n"
        "print(json.dumps(entry), file=open(os.environ['COURSE_REPORT'], 'a'))"
    )
    file = tmp_path / "ada.ipynb"
    notebook_files.write(new_notebook(cells=[new_code_cell(code)]), file)
    found = {row.exercise: row.status for row in report.rows_of(file, seconds=60)}
    assert found[name] == "right"


@pytest.mark.slow
@pytest.mark.usefixtures("foreign_kernel")
def test_lessons_run_the_interpreter_itself(foreign: Path, tmp_path: Path) -> None:
    path = tmp_path / "01_made_up.ipynb"
    ours = sys.executable.encode().hex()  # a path would be refused, as one of this machine
    source = f"{LOOK}sys.executable.encode().hex() == {ours!r}"
    notebook_files.write(new_notebook(cells=[new_code_cell(source)]), path)
    notebooks.renew(path, lambda name: False)
    assert notebook_files.read(path).cells[0].outputs[0].data["text/plain"] == "True"


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["kernel", "first cell"])
def test_a_report_that_reaches_no_exercise_says_so_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    file = tmp_path / "ada.ipynb"
    notebook_files.write(new_notebook(cells=[new_code_cell("# lesson_01\nimport no_such_module")]), file)
    if broken == "kernel":
        monkeypatch.setattr(report.sys, "executable", str(tmp_path / "no-python"))
    assert exercises_command.main(["report", str(file), "--output", str(tmp_path / "a.csv"), "--seconds", "60"]) == 1
    rows = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert len(rows) == len(tasks(1)) and all(row.endswith(",not reached,") for row in rows)
    error = capsys.readouterr().err
    assert "none of its exercises was reached" in error
    if broken == "first cell":
        assert "ModuleNotFoundError: No module named 'no_such_module'" in error


@pytest.mark.parametrize("words", [[], ["lab", "--reset", "77"]])
def test_the_course_starts_without_packages_and_where_python_looks_into_no_folder(words: list[str]) -> None:
    command = [sys.executable, "-S", str(ROOT / "course.py"), *words]
    found = subprocess.run(command, env=os.environ | {"PYTHONSAFEPATH": "1"}, capture_output=True, text=True)
    assert ("course.py lab" if not words else "There is no lesson 77") in found.stdout + found.stderr
    assert found.returncode == len(words[:1])
