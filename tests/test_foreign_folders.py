"""Folders and files as they should not be: not writable, of another kind, empty, damaged. A sentence each; nothing is lost."""

import json
import os
import sys
from pathlib import Path

import notebook_files
import pytest
from course_command import checks, environment, lab, lessons
from course_command.environment import CourseError
from course_command.main import main
from course_command.processes import Processes
from course_command.results import Step
from nbformat.v4 import new_code_cell, new_notebook
from torch import nn

import notebooks
from course_utils.exercises import __main__ as exercises_command, progress, report, tasks
from course_utils.exercises.record import progress_file, read_progress, record
from course_utils.locks import held
from course_utils.models import pretrained
from course_utils.training.__main__ import _read_arguments

sys.path.insert(0, str(Path(__file__).parents[1] / "tools" / "studies"))
from study import read_rows


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder with one lesson, whose environment is said to be complete; nothing is started."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / ".venv").mkdir()
    notebook_files.write(new_notebook(cells=[new_code_cell("print(1)")]), tmp_path / "notebooks" / "00_tasks.ipynb")
    monkeypatch.setattr(environment, "ensure", lambda *_, **__: Path("python"))
    monkeypatch.setattr(lab.os, "execve", lambda *_: None)
    monkeypatch.setattr(environment, "why_not", lambda here: None)
    return tmp_path


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied", "there")


def test_a_course_that_may_not_be_written_is_a_sentence(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lessons, "write_whole", refuse)
    assert main(["lab"], course) == 1
    error = capsys.readouterr().err
    assert "Permission denied: 'there'" in error and "move the course to a folder that is yours" in error


def test_settings_of_jupyter_that_cannot_be_written_stop_nobody(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "write_text_whole", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    lab.quieten(course / ".venv")


def test_my_notebooks_that_is_a_file_is_a_sentence(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "my_notebooks").write_text("mine")
    assert main(["lab"], course) == 1
    assert f"{course / 'my_notebooks'} should be a folder" in capsys.readouterr().err
    assert main(["lab", "--reset", "0"], course) == 1
    assert (course / "my_notebooks").read_text() == "mine"


def test_an_environment_that_is_a_file_is_a_sentence_and_stays(course: Path) -> None:
    (course / ".venv").rmdir()
    (course / ".venv").write_text("mine")
    with pytest.raises(CourseError, match=r"\.venv should be a folder, but is a file: give it another name"):
        environment.install(course, [])
    assert (course / ".venv").read_text() == "mine"


def test_two_installations_at_once_are_refused_by_name(course: Path) -> None:
    with (
        held(course / ".venv.lock", "in use"),
        pytest.raises(CourseError, match=r"Another course\.py is installing into .*\.venv; wait"),
    ):
        environment.install(course, [])


@pytest.mark.parametrize("content", ['{"extras": null}', '{"extras": 5}', "[]", "{", '{"extras": [["test"]]}'])
def test_a_damaged_stamp_is_no_stamp(course: Path, content: str) -> None:
    environment.python_of(course / ".venv").parent.mkdir(parents=True)
    environment.python_of(course / ".venv").touch()
    (course / ".venv" / environment.STAMP).write_text(content)
    assert environment.read_stamp(course / ".venv") == {}


@pytest.mark.parametrize("content", ["", "[]", '{"cells": 3}', '{"cells": [3]}', "\ufeff{"])
def test_a_lesson_that_is_no_notebook_is_a_sentence(
    course: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "notebooks" / "00_tasks.ipynb").write_text(content)
    assert main(["lab"], course) == 1
    error = capsys.readouterr().err
    assert "00_tasks.ipynb is no notebook" in error and "git checkout -- notebooks/00_tasks.ipynb" in error
    with pytest.raises(CourseError, match=r"00_tasks\.ipynb is no notebook"):
        lessons.with_real_data(lessons.find(course))


def test_an_empty_copy_is_copied_again(course: Path) -> None:
    """A disk that was full leaves one."""
    copy = course / "my_notebooks" / "00_tasks.ipynb"
    copy.parent.mkdir()
    copy.touch()
    lessons.copy_for_student(lessons.find(course), copy.parent)
    assert copy.read_bytes() == (course / "notebooks" / "00_tasks.ipynb").read_bytes()


@pytest.mark.parametrize("content", ["[]", '{"a": "long"}', "{", None])
def test_seconds_of_the_last_time_are_a_help_only(course: Path, content: str | None) -> None:
    store = course / ".venv" / checks.SECONDS_FILE
    if content is None:
        store.mkdir()
    else:
        store.write_text(content)
    steps = [Step("a", [["true"]]), Step("b", [["true"]])]
    with Processes(course, dict(os.environ)) as processes:
        assert [result.name for result in checks.run_notebooks(steps, processes, 1, course)] == ["a", "b"]


# --- The notebook tool


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', "\ufeff", "null"])
def test_a_file_that_is_no_notebook_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "00_x.ipynb"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"00_x\.ipynb should be a Jupyter notebook"):
        notebook_files.read(path)
    with pytest.raises(ValueError, match=r"00_x\.ipynb should be a Jupyter notebook"):
        report.read_notebook(path)


def test_a_notebook_that_an_editor_has_marked_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ada.ipynb"
    notebook_files.write(new_notebook(cells=[new_code_cell("start(lesson=0)")]), path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    for read in (report.read_notebook, notebook_files.read):
        assert read(path).cells[0].source == "start(lesson=0)"


def test_what_the_tool_cannot_write_is_a_line(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = course / "notebooks", course / "out"
    out.write_text("mine")
    assert notebooks.main(["--solved", str(out)], folder) == 1
    error = capsys.readouterr().err
    assert error.startswith("00_tasks.ipynb: ") and str(out) in error and "Traceback" not in error


def test_a_report_that_cannot_be_written_to_its_end_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_report", fill)
    assert exercises_command.main(["report", "a.ipynb", "--output", str(tmp_path / "a.csv")]) == 1
    assert f"{tmp_path / 'a.csv'} could not be written to its end: No space left" in capsys.readouterr().err


# --- The record of progress


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    progress_file().parent.mkdir()
    return progress_file()


def damage(file: Path, kind: str) -> None:
    if kind == "folder":
        (file / "mine").mkdir(parents=True)
    else:
        file.write_bytes({"utf-16": '{"a": "right"}'.encode("utf-16"), "deep": b"[" * 200_000, "list": b"[1]"}[kind])


@pytest.mark.parametrize("kind", ["folder", "utf-16", "deep", "list"])
def test_progress_that_cannot_be_read_is_set_aside(kept: Path, kind: str) -> None:
    damage(kept, kind)
    assert read_progress() == {}
    progress()
    record("b", "right")
    assert json.loads(kept.read_text()) == {"b": "right"}
    assert len(list(kept.parent.glob("*unreadable*"))) == 1


def test_progress_that_may_not_be_read_is_neither_lost_nor_a_stop(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of somebody else, in which nothing may be read or renamed."""
    kept.write_text('{"a": "right"}')
    with monkeypatch.context() as other:
        for name in ("read_text", "replace", "rename", "exists"):
            other.setattr(Path, name, refuse)
        assert read_progress() == {}
        record("b", "right")
    assert json.loads(kept.read_text()) == {"a": "right"}


# --- What other processes write down


@pytest.mark.slow
def test_a_line_that_a_dying_kernel_has_half_written_is_passed_over(tmp_path: Path) -> None:
    first, second = (task.name for task in tasks(1)[:2])
    lines = [json.dumps({"exercise": first, "status": "right", "misconception": ""}), "[1]", '{"exercise": "x"}']
    half = json.dumps({"exercise": second, "status": "right", "misconception": ""})[:-9]
    code = f"# lesson_01\nimport os\nopen(os.environ['COURSE_REPORT'], 'wb').write({chr(10).join([*lines, half]).encode()!r})"
    notebook_files.write(new_notebook(cells=[new_code_cell(code)]), tmp_path / "ada.ipynb")
    found = {row.exercise: row.status for row in report.rows_of(tmp_path / "ada.ipynb", seconds=60)}
    assert (found[first], found[second]) == ("right", "not reached")


def test_arguments_of_a_run_that_may_not_be_read_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "arguments.json").mkdir()
    with pytest.raises(ValueError, match=r"arguments\.json is damaged .*give another --output"):
        _read_arguments(tmp_path / "arguments.json")


def test_weights_of_the_course_that_may_not_be_read_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(iter(pretrained.CHECKSUMS))
    (tmp_path / name).mkdir()
    monkeypatch.setattr(pretrained, "OWN", tmp_path)
    with pytest.raises(ValueError, match=rf"{name} cannot be read \(Is a directory\); restore it with `git checkout"):
        pretrained.load_own(nn.Identity(), name)


def test_a_table_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_bytes("\ufeffvariant,seed\r\na,0\r\n".encode())
    assert read_rows(tmp_path / "small.csv") == [{"variant": "a", "seed": "0"}]
