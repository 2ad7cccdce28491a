"""The report on students' notebooks: what each exercise came to, and that no notebook can stop or change anything."""

import csv
import io
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.exercises import __main__, report, tasks
from course_utils.exercises.task import Task

IMPORTS = "from course_utils.exercises import NotAttempted, lesson_01 as exercise"
# What the mechanism writes, without the seconds that importing it takes.
WRITE = (
    "import json, os\ndef check(**entry):\n    print(json.dumps(entry), file=open(os.environ['COURSE_REPORT'], 'a'))"
)


def of_kind(kind: str) -> list[Task]:
    return [task for task in tasks(1) if task.kind == kind]


def student(folder: Path, *sources: str, name: str = "ada.ipynb") -> Path:
    file = folder / name
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), file)
    return file


def outcome(file: Path, *, seconds: float = 120) -> dict[str, tuple[str, str]]:
    return {row.exercise: (row.status, row.misconception) for row in report.rows_of(file, seconds=seconds)}


@pytest.mark.slow
def test_each_exercise_gets_what_it_came_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, second), answer = of_kind("function")[:2], of_kind("answer")[0]
    prediction = of_kind("prediction")[0]
    known = next(wrong for wrong in answer.misconceptions)
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "lecturer"))
    file = student(
        tmp_path,
        IMPORTS,
        "import os\nassert 'COURSE_STRICT' not in os.environ and not os.listdir()\nopen('notes.txt', 'w').close()",
        first.solved_cell(
            f"import torch\nfrom torch import Tensor\n@exercise.{first.name}\ndef {first.name}():\n    ..."
        ),
        "1 / 0",
        f"exercise.{answer.name}.answer(...)",
        f"exercise.{answer.name}.answer({known.wrong!r})",
        f"@exercise.{second.name}\ndef {second.name}(*values):\n    return values[99]",
        f"exercise.{prediction.name}.predict(0.5)",
    )
    before = file.read_bytes()
    found = outcome(file)
    assert found[first.name] == ("right", "")
    assert found[answer.name] == ("wrong", known.name)
    assert found[second.name] == ("error", "")
    assert found[prediction.name] == ("done", "")
    assert set(found) == {task.name for task in tasks(1)}
    assert sum(status == "not reached" for status, _ in found.values()) == len(tasks(1)) - 4
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["ada.ipynb"]


@pytest.mark.slow
def test_a_loop_that_never_ends_is_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = (task.name for task in tasks(1)[:3])
    file = student(
        tmp_path,
        f"# lesson_01\n{WRITE}\ncheck(exercise={first!r}, status='right', misconception='')",
        f"# exercise.{second}\nimport time\nwhile True:\n    print('again and again ' * 20)\n    time.sleep(0.01)",
        f"check(exercise={third!r}, status='right', misconception='')",
    )
    found = outcome(file, seconds=20)  # enough for a slow and busy machine to start the kernel
    assert [found[name][0] for name in (first, second, third)] == ["right", "error", "not reached"]
    assert f"ada.ipynb: 1 of {len(tasks(1))} solved; stopped after 20 s" in capsys.readouterr().err


@pytest.mark.slow
def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (task.name for task in tasks(1)[:2])
    dead = student(
        tmp_path,
        f"start(lesson=1)\n{WRITE}",
        f"{WRITE}\ncheck(exercise={first!r}, status='wrong', misconception='transposed')\nos._exit(1)",
        name="dead.ipynb",
    )
    broken = student(
        tmp_path,
        f"# lesson_01, exercise.{second}\n{WRITE}",
        f"exercise.{second}.answer(0.5",
        name="syntax, error.ipynb",
    )
    (tmp_path / "list.ipynb").write_text("[]")
    (tmp_path / "photo.ipynb").write_bytes(b"\x89PNG\xff\xfe")
    unreadable = [tmp_path / name for name in ("missing.ipynb", "list.ipynb", "photo.ipynb")]
    unreadable += [
        student(tmp_path, "print(1)", name="other.ipynb"),
        student(tmp_path, "start(lesson=77)", name="77.ipynb"),
    ]
    table = tmp_path / "report.csv"
    files = [*map(str, unreadable), str(dead), str(broken)]
    assert __main__.main(["report", *files, "--output", str(table), "--seconds", "60"]) == 1

    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["file", "exercise", "status", "misconception"]
    assert [(row["file"], row["status"]) for row in rows[:5]] == [(str(file), "unreadable") for file in unreadable]
    of_dead = {row["exercise"]: row for row in rows if row["file"] == str(dead)}
    of_broken = {row["exercise"]: row for row in rows if row["file"] == str(broken)}
    assert len(of_dead) == len(of_broken) == len(tasks(1))
    assert (of_dead[first]["status"], of_dead[first]["misconception"]) == ("wrong", "transposed")
    assert of_dead[second]["status"] == "not reached"
    assert of_broken[second]["status"] == "error"
    problems = capsys.readouterr().err
    assert "dead.ipynb" in problems and "its kernel died" in problems
    assert "other.ipynb should call start(lesson=N)" in problems and "77.ipynb: There is no lesson 77" in problems


def test_the_table_goes_to_any_stream_and_says_whether_all_was_read(tmp_path: Path) -> None:
    out = io.StringIO()
    assert not report.write_report([tmp_path / "missing.ipynb"], out)
    assert out.getvalue() == f"file,exercise,status,misconception\n{tmp_path / 'missing.ipynb'},,unreadable,\n"


@pytest.mark.parametrize(
    ("source", "lesson"),
    [("start(lesson=1)", 1), ("course_utils.start( lesson = 0 )", 0), ("from x import lesson_01 as exercise", 1)],
)
def test_the_lesson_is_found_in_the_source(source: str, lesson: int) -> None:
    notebook = new_notebook(cells=[new_code_cell("x ="), new_code_cell(source)])
    assert report.lesson_of(notebook, Path("ada.ipynb")) == lesson


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["report"], "FILE"),
        (["report", "a.ipynb", "--seconds", "0"], "--seconds must be positive; got 0"),
        (["report", "a.ipynb", "--output", "a.ipynb"], "is one of the notebooks"),
        (["report", "a.ipynb", "--output", "nowhere/a.csv"], "cannot be written"),
        (["sheet", "77"], "There is no lesson 77"),
    ],
)
def test_a_wrong_command_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err
