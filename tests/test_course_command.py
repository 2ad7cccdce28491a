"""course.py without installing anything: the stamp, the copies, the platforms, what failures say, how checks are judged."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from course_command import checks, environment, lab, lessons, results
from course_command.environment import CourseError
from course_command.main import main
from course_command.platforms import Platform, why_not
from course_command.processes import Processes

ROOT = Path(__file__).resolve().parents[1]
LINUX = Platform("Linux", "x86_64", (3, 12, 4), "CPython", 64, glibc=(2, 36))
MAC = Platform("Darwin", "arm64", (3, 11, 9), "CPython", 64, macos=15)
WINDOWS = Platform("Windows", "AMD64", (3, 13, 0), "CPython", 64)


# --- Platforms


@pytest.mark.parametrize("here", [LINUX, MAC, WINDOWS, LINUX._replace(machine="aarch64", glibc=(2, 28))])
def test_platforms_with_a_wheel_are_accepted(here: Platform) -> None:
    assert why_not(here) is None


@pytest.mark.parametrize(
    ("here", "sentence"),
    [
        (MAC._replace(machine="x86_64"), "Intel Macs.*Apple silicon"),
        (MAC._replace(macos=12), "macOS 14 or newer, and this is macOS 12"),
        (LINUX._replace(bits=32, machine="i686"), "32-bit"),
        (LINUX._replace(glibc=()), "musl"),
        (LINUX._replace(glibc=(2, 17)), "glibc 2.17"),
        (LINUX._replace(machine="riscv64"), "Linux on riscv64"),
        (LINUX._replace(python=(3, 16, 0)), "not built for Python 3.16.0"),
        (LINUX._replace(python=(3, 14, 1)), "not built for Python 3.14.1"),
        (LINUX._replace(implementation="PyPy"), "this is PyPy"),
        (WINDOWS._replace(machine="ARM64"), "Windows on ARM64"),
    ],
)
def test_other_platforms_get_a_sentence(here: Platform, sentence: str) -> None:
    assert re.search(sentence, why_not(here) or "")


# --- The environment


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder with two lessons, and an installer that writes down its call and succeeds."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("torch==2.15.0\n")
    (tmp_path / "notebooks").mkdir()
    for name in ("00_tasks.ipynb", "01_metrics.ipynb"):
        write_notebook(tmp_path / "notebooks" / name, "print(1)")
    code = "import sys; open('calls.txt', 'a').write(sys.argv[1] + '\\n')"
    monkeypatch.setattr(
        environment, "install_commands", lambda venv, extras: [[sys.executable, "-c", code, f"install {extras}"]]
    )
    make = (
        "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.parent.mkdir(parents=True); p.symlink_to(sys.executable)"
    )
    python = str(environment.python_of(tmp_path / ".venv"))
    monkeypatch.setattr(environment, "make_command", lambda venv: [sys.executable, "-c", make, python])
    monkeypatch.setattr(environment, "SELF_CHECK", "pass")
    monkeypatch.setattr(environment, "PAUSE", 0)
    monkeypatch.setattr(environment, "why_not", lambda here: None)
    return tmp_path


def write_notebook(path: Path, source: str, *, outputs: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> None:
    metadata = {"tags": list(tags)} if tags else {}
    cell = {"cell_type": "code", "source": [source], "outputs": list(outputs), "metadata": metadata}
    cell["execution_count"] = 1
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def calls(course: Path) -> list[str]:
    path = course / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def test_a_second_call_installs_nothing(course: Path) -> None:
    python = environment.ensure(root=course)
    assert python == environment.ensure(root=course) == environment.python_of(course / ".venv")
    assert calls(course) == ["install []"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(course: Path, name: str) -> None:
    environment.ensure(root=course)
    with open(course / name, "a") as file:
        file.write("# changed\n")
    environment.ensure(root=course)
    environment.ensure(root=course)
    assert calls(course) == ["install []"] * 2


def test_extras_are_added_once_and_never_taken_away(course: Path) -> None:
    environment.ensure(root=course)
    environment.ensure(["test"], root=course)
    environment.ensure(root=course)
    (course / "constraints.txt").write_text("torch==2.16.0\n")
    environment.ensure(root=course)
    assert calls(course) == ["install []", "install ['test']", "install ['test']"]


def test_a_moved_course_is_linked_to_its_new_folder(course: Path) -> None:
    environment.ensure(root=course)
    moved = course.rename(course.with_name("moved"))
    environment.ensure(root=moved)
    assert calls(moved) == ["install []"] * 2


def test_an_interrupted_installation_is_finished(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.ensure(root=course)
    (course / "constraints.txt").write_text("torch==2.16.0\n")

    def interrupt(command: list[str], what: str, root: Path, *, tries: int = 1) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during, pytest.raises(KeyboardInterrupt):
        during.setattr(environment, "run_or_explain", interrupt)
        environment.ensure(root=course)
    (course / "constraints.txt").write_text("torch==2.15.0\n")  # what the stamp of the complete installation was for
    environment.ensure(root=course)
    assert calls(course) == ["install []"] * 2


@pytest.mark.parametrize(
    ("said", "succeeds_at", "tried"),
    [
        ("ProtocolError: Connection broken: IncompleteRead(9 bytes read)", 2, 2),
        ("ERROR: Exception", 3, 3),
        ("Connection reset by peer", 9, 3),
        ("OSError: [Errno 28] No space left on device", 2, 1),
        ("No matching distribution found for torch", 2, 1),
    ],
)
def test_a_connection_that_breaks_off_is_tried_again(
    course: Path, monkeypatch: pytest.MonkeyPatch, said: str, succeeds_at: int, tried: int
) -> None:
    code = (
        "import sys, pathlib; p = pathlib.Path('calls.txt'); p.open('a').write('install\\n'); "
        f"sys.exit(None if len(p.read_text().split()) >= {succeeds_at} else {said!r})"
    )
    monkeypatch.setattr(environment, "install_commands", lambda venv, extras: [[sys.executable, "-c", code]])
    with nullcontext() if tried == succeeds_at else pytest.raises(CourseError, match="Installing failed"):
        environment.ensure(root=course)
    assert calls(course) == ["install"] * tried


def test_packages_that_do_not_import_are_not_an_installation(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "SELF_CHECK", "import no_such_package")
    with pytest.raises(CourseError, match="No module named 'no_such_package'(.|\n)*Checking failed"):
        environment.ensure(root=course)
    assert environment.read_stamp(course / ".venv") == {}


def test_an_environment_without_a_python_is_made_anew(course: Path, capsys: pytest.CaptureFixture) -> None:
    environment.ensure(root=course)
    environment.python_of(course / ".venv").unlink()
    environment.ensure(root=course)
    assert environment.python_of(course / ".venv").exists()
    assert "is incomplete; it is made anew" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("output", "what_to_do"),
    [
        ("error: failed to fetch\n  Caused by: dns error: failed to lookup address", "check the network connection"),
        (
            "Failed to establish a new connection\nERROR: No matching distribution found for setuptools",
            "check the network",
        ),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: No matching distribution found for torch==2.15.0", "install Python 3.12"),
        ("The virtual environment was not created because ensurepip is not available.", "python3-venv"),
        ("error: Permission denied (os error 13)", "move the course to a folder that is yours"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "SSL_CERT_FILE"),
        ("something nobody has seen before", "delete the folder .venv"),
    ],
)
def test_a_failed_installation_shows_the_last_lines_and_what_to_do(
    course: Path, monkeypatch: pytest.MonkeyPatch, output: str, what_to_do: str
) -> None:
    code = "import sys; [print('line', i) for i in range(40)]; print(sys.argv[1]); sys.exit(1)"
    monkeypatch.setattr(environment, "install_commands", lambda venv, extras: [[sys.executable, "-c", code, output]])
    with pytest.raises(CourseError) as failure:
        environment.ensure(root=course)
    message = str(failure.value)
    assert what_to_do in message.splitlines()[-1]
    assert output.splitlines()[-1] in message and "line 39" in message and "line 5\n" not in message
    assert environment.read_stamp(course / ".venv") == {}


def test_an_environment_that_cannot_be_made_leaves_a_sentence(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "why_not", lambda here: "There is no wheel for this machine.")
    with pytest.raises(CourseError, match="no wheel for this machine"):
        environment.ensure(root=course)
    assert calls(course) == [] and not (course / ".venv").exists()


# --- The student's copies


def test_lessons_are_copied_once_and_never_overwritten(course: Path) -> None:
    folder = course / "my_notebooks"
    found = lessons.find(course)
    assert lessons.copy_for_student(found, folder) == []
    mine = folder / "01_metrics.ipynb"
    write_notebook(mine, "my own work")
    assert lessons.copy_for_student(found, folder) == []
    assert "my own work" in mine.read_text()
    assert sorted(path.name for path in folder.glob("*.ipynb")) == ["00_tasks.ipynb", "01_metrics.ipynb"]
    assert list(folder.glob("*.tmp")) == []


def test_a_changed_lesson_is_told_and_a_run_is_not_a_change(course: Path) -> None:
    folder = course / "my_notebooks"
    found = lessons.find(course)
    lessons.copy_for_student(found, folder)
    write_notebook(found["01"], "print(1)", outputs=("new",))
    assert lessons.copy_for_student(found, folder) == []
    write_notebook(found["01"], "print(2)")
    (line,) = lessons.copy_for_student(found, folder)
    assert "Lesson 01 has changed" in line and "lab --reset 01" in line and "01_metrics.old-1.ipynb" in line
    assert lessons.copy_for_student(found, folder) == [line]
    lessons.keep_old_copy(found["01"], folder)
    assert lessons.copy_for_student(found, folder) == []


def test_reset_keeps_every_old_copy(course: Path) -> None:
    folder = course / "my_notebooks"
    original = lessons.find(course)["01"]
    assert lessons.keep_old_copy(original, folder) is None
    for attempt in ("first", "second"):
        lessons.copy_for_student({"01": original}, folder)
        write_notebook(folder / original.name, attempt)
        lessons.keep_old_copy(original, folder)
    assert "first" in (folder / "01_metrics.old-1.ipynb").read_text()
    assert "second" in (folder / "01_metrics.old-2.ipynb").read_text()
    assert not (folder / original.name).exists()


def test_lessons_are_chosen_with_and_without_a_zero(course: Path) -> None:
    found = lessons.find(course)
    assert list(found) == ["00", "01"]
    assert list(lessons.select(found, ["1"])) == list(lessons.select(found, ["01"])) == ["01"]
    assert lessons.select(found, []) == found
    with pytest.raises(CourseError, match="There is no lesson 07; the lessons in notebooks/ are: 00, 01."):
        lessons.select(found, ["0", "7"])


def test_lab_opens_the_first_lesson_without_strict_claims(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setattr(lab.os, "execve", lambda path, command, settings: started.append((command, settings)))
    lab.lab(port=None, browser=False, reset=[], root=course)
    ((command, settings),) = started
    assert "COURSE_STRICT" not in settings
    assert {"--ip=127.0.0.1", "--no-browser", "--LabApp.default_url=/lab/tree/my_notebooks/00_tasks.ipynb"} <= {
        *command
    }
    assert (course / "my_notebooks" / "00_tasks.ipynb").exists()
    quiet = json.loads((course / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    assert quiet["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_a_port_in_use_is_refused_before_anything_is_installed(course: Path) -> None:
    with lab.socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CourseError, match=f"Port {port} cannot be used"):
            lab.lab(port=port, browser=False, reset=[], root=course)
    assert calls(course) == []


# --- The checks


def test_notebooks_run_strictly_and_their_solutions_are_proved(course: Path) -> None:
    chosen = {**lessons.find(course), "11": course / "notebooks" / "11_training.ipynb"}
    stored, solved = checks.stored_steps("python", chosen), checks.solved_steps("python", chosen, 7)
    assert [step.name for step in stored] == ["00_tasks", "01_metrics", "11_training"]
    assert [step.ceiling for step in stored] == [720, 720, 1080]
    assert [(step.name, step.ceiling) for step in solved][:2] == [
        ("00_tasks solved", None),
        ("01_metrics solved", None),
    ]
    strict, proof = stored[0].commands[0], solved[0].commands[0]
    assert strict[:3] == ["python", "tools/work.py", "python"] and strict[-1].endswith("00_tasks.ipynb")
    assert "--nbval" in strict and "--nbval-lax" not in strict
    assert proof == ["python", "tools/work.py", "python", "tools/notebooks.py", "00", "--prove", "--seed", "7"]


class Recorded(NamedTuple):
    """What `course.py test` would run."""

    steps: list[str]
    threads: str
    at_once: int


@pytest.fixture
def recorded(course: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorded]:
    """Calls `course.py test` with words, in a course whose lesson 01 has a cell on real data, and runs nothing."""
    write_notebook(course / "notebooks" / "01_metrics.ipynb", "print(1)", tags=("real-data",))
    monkeypatch.setenv("COURSE_DATA", str(course))
    seen: dict[str, Any] = {}

    def run(step: results.Step, processes: Processes, *, live: bool = False) -> results.Result:
        seed = step.commands[0][-1] if "--seed" in step.commands[0] else ""
        seen["steps"].append(f"{step.name} {seed}".strip())
        seen["threads"] = processes.environment["OMP_NUM_THREADS"]
        return results.Result(step.name, True, 1.0, 1.0, None, "", "")

    class Pool(ThreadPoolExecutor):
        def __init__(self, max_workers: int) -> None:
            seen["at_once"] = max_workers
            super().__init__(1)

    monkeypatch.setattr(checks, "run", run)
    monkeypatch.setattr(checks, "ThreadPoolExecutor", Pool)

    def call(*words: str) -> Recorded:
        seen.update(steps=[], threads="", at_once=0)
        assert main(["test", *words], course) == 0
        return Recorded(sorted(seen["steps"]), seen["threads"], seen["at_once"])

    return call


ALL_CODE = ["lint", "types", "unit tests"]
ALL_STORED = ["00_tasks", "01_metrics"]


@pytest.mark.parametrize(
    ("words", "steps", "threads", "at_once"),
    [
        ([], ["00_tasks", "00_tasks solved 1", "01_metrics", "01_metrics solved 1", *ALL_CODE], "1", 2),
        (["1"], ["01_metrics", "01_metrics solved 1"], "1", 2),
        (["--fast"], ["lint", "quick unit tests"], "1", 0),
        (["--real-data"], ["01_metrics", "real-data tests"], "1", 2),
        (["--real-data", "01"], ["01_metrics"], "1", 2),
        (["--seed", "0"], ["00_tasks solved 0", "01_metrics solved 0"], "1", 2),
        (["--seed", "3", "00"], ["00_tasks solved 3"], "1", 2),
        (["00", "--seed", "3", "--threads", "1"], ["00_tasks solved 3"], "1", 2),
        (["--seed", "3", "--threads", "2"], ["00_tasks solved 3", "01_metrics solved 3"], "2", 1),
    ],
)
def test_what_is_asked_for_runs(
    recorded: Callable[..., Recorded], words: list[str], steps: list[str], threads: str, at_once: int
) -> None:
    assert recorded(*words) == Recorded(steps, threads, at_once)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--threads", "2"], "--threads goes with --seed N"),
        (["--fast", "00"], "--fast runs no notebooks"),
        (["--real-data", "00"], "No cell of lesson 00 is on real data"),
    ],
)
def test_words_that_do_not_go_together_are_a_sentence(
    recorded: Callable[..., Recorded], course: Path, capsys: pytest.CaptureFixture, words: list[str], sentence: str
) -> None:
    assert main(["test", *words], course) == 1
    assert sentence in capsys.readouterr().err
    assert calls(course) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seed", "-1"], "--seed: it must be a whole number from 0 to 1000000, but is '-1'"),
        (["--seed", "2.5"], "but is '2.5'"),
        (["--seed", "1000001"], "but is '1000001'"),
        (["--seed", "1", "--threads", "0"], "--threads: it must be a whole number from 1 to 1024, but is '0'"),
        (["--seed", "1", "--fast"], "--fast: not allowed with argument --seed"),
        (["--seed", "1", "--real-data"], "--real-data: not allowed with argument --seed"),
    ],
)
def test_nonsense_numbers_are_a_sentence(
    course: Path, capsys: pytest.CaptureFixture, words: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["test", *words], course)
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err


def test_checks_see_none_of_the_users_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MPLBACKEND", "COURSE_BUDGET", "COURSE_REPORT", "COURSE_SEED", "COURSE_DATA", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "data")
    seen = checks.check_environment()
    assert (seen["OMP_NUM_THREADS"], seen["COURSE_STRICT"], seen["COURSE_DATA"]) == ("1", "1", str(tmp_path / "data"))
    assert not {"MPLBACKEND", "COURSE_BUDGET", "COURSE_REPORT", "COURSE_SEED"} & set(seen)
    assert checks.check_environment(threads=3)["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("COURSE_DATA")
    assert "COURSE_DATA" not in checks.check_environment()


def test_real_data_without_a_folder_is_one_sentence(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert main(["test", "--real-data"], course) == 1
    assert "set COURSE_DATA to the folder" in capsys.readouterr().err
    assert calls(course) == []


# --- The command itself


def command(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, ROOT / "course.py", *words], capture_output=True, text=True)


def test_no_argument_shows_a_short_help() -> None:
    shown = command()
    assert shown.returncode == 0 and len(shown.stdout.splitlines()) < 25
    assert all(f"python3 course.py {word}" in shown.stdout for word in ("lab", "test", "notebooks"))


def test_a_lesson_that_does_not_exist_is_a_sentence() -> None:
    for words in (["test", "77"], ["lab", "--reset", "77"], ["notebooks", "77"]):
        shown = command(*words)
        assert shown.returncode == 1 and shown.stdout == ""
        assert shown.stderr.startswith("There is no lesson 77; the lessons in notebooks/ are: ")


def test_course_py_is_read_by_old_pythons() -> None:
    ast.parse((ROOT / "course.py").read_text(), feature_version=(3, 4))
    # The version is looked at before anything else of the course is imported.
    text = (ROOT / "course.py").read_text()
    assert text.index("sys.version_info < OLDEST") < text.index("course_command.main")


def test_an_old_python_is_told_so() -> None:
    code = (
        "import runpy, sys\n"
        "sys.version_info = (3, 9, 6, 'final', 0)\n"
        f"runpy.run_path({str(ROOT / 'course.py')!r}, run_name='__main__')"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert shown.returncode == 1
    assert "needs Python 3.11 or newer, but this is Python 3.9.6" in shown.stderr
