"""Solved copies: what a lecturer gets, and the proof that exercises work in their places and no other cell hangs on a seed."""

import copy
from pathlib import Path

import nbformat
import notebook_files
import notebook_solutions
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

import notebooks
from course_utils import exercises
from course_utils.exercises import tasks
from course_utils.exercises.task import Task


def code(source: str, *tags: str, outputs: tuple[NotebookNode, ...] = ()) -> NotebookNode:
    metadata = {"slideshow": {"slide_type": "slide"}} | ({"tags": list(tags)} if tags else {})
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def stored(folder: Path, *cells: NotebookNode) -> Path:
    path = folder / "01_made_up.ipynb"
    notebook_files.write(new_notebook(cells=list(cells)), path)
    return path


def printed(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def of_kind(kind: str) -> Task:
    return next(task for task in tasks(1) if task.kind == kind)


FUNCTION, ANSWER, PREDICTION = (of_kind(kind) for kind in ("function", "answer", "prediction"))


def stub(task: Task) -> str:
    return f"@exercise.{task.name}\ndef {task.name}(*values):\n    raise NotAttempted"


def test_solved_copies_hold_the_solutions_and_nothing_stored(tmp_path: Path) -> None:
    path = stored(
        tmp_path,
        code("print('start')", outputs=(printed("start\n"),)),
        code(stub(FUNCTION), "exercise"),
        code(f"exercise.{FUNCTION.name}.hint()"),
    )
    before = path.read_bytes()
    assert notebooks.main(["--solved", str(tmp_path / "out")], tmp_path) == 0
    copied = notebook_files.read(tmp_path / "out" / path.name)
    nbformat.validate(copied)
    assert copied.cells[1].source.startswith(f"@exercise.{FUNCTION.name}\ndef {FUNCTION.name}(")
    assert FUNCTION.solution_source().strip() in copied.cells[1].source
    assert "NotAttempted" not in copied.cells[1].source
    assert copied.cells[2].source == f"exercise.{FUNCTION.name}.hint()"
    assert all(not cell.outputs and cell.execution_count is None for cell in copied.cells)
    assert path.read_bytes() == before


def test_solved_names_an_exercise_that_does_not_exist() -> None:
    notebook = new_notebook(cells=[code("exercise.nowhere.answer(...)", "exercise")])
    with pytest.raises(ValueError, match="'nowhere', but lesson 1 has"):
        notebook_solutions.solved(notebook, 1)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """A lesson of three exercises as it is stored; it reads a file of the course as lessons do, and moves with the seed."""
    folder = tmp_path_factory.mktemp("course")
    imports = (
        "import os\nimport torch\nfrom pathlib import Path\nfrom torch import Tensor\nfrom course_utils import seed"
    )
    path = stored(
        folder_of(folder),
        code(f"{imports}\nfrom course_utils.exercises import NotAttempted, lesson_01 as exercise"),
        code(stub(FUNCTION), "exercise"),
        code(f"exercise.{ANSWER.name}.answer(...)", "exercise"),
        code(f"exercise.{PREDICTION.name}.predict(...)", "exercise"),
        code(f"exercise.{PREDICTION.name}.reveal(4.0)"),
        code("print(Path('../data/note.txt').read_text(), os.environ['OMP_NUM_THREADS'])"),
        code("seed(0), os.environ['OMP_NUM_THREADS']", "nbval-ignore-output"),
    )
    notebooks.renew(path, lambda name: False)
    return notebook_files.read(path)


def folder_of(course: Path) -> Path:
    """The folder of the lessons, in a course that has data beside it."""
    (course / "data").mkdir()
    (course / "data" / "note.txt").write_text("noted")
    (course / "notebooks").mkdir()
    return course / "notebooks"


@pytest.fixture
def three_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "tasks", lambda lesson: (FUNCTION, ANSWER, PREDICTION))


def prove(course: Path, notebook: NotebookNode, *words: str) -> int:
    """Run the proof on a stored lesson; it leaves the lesson alone and nothing behind."""
    path = folder_of(course) / "01_made_up.ipynb"
    notebook_files.write(notebook, path)
    before = path.read_bytes()
    status = notebooks.main(["--prove", *words], path.parent)
    assert path.read_bytes() == before
    assert sorted(file.name for file in course.iterdir()) == ["data", "notebooks"]
    return status


@pytest.mark.slow
@pytest.mark.usefixtures("three_exercises")
def test_a_lesson_whose_exercises_work_is_proved(
    tmp_path: Path, executed: NotebookNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_SEED", "77")
    executed = copy.deepcopy(executed)
    # These two ask for the seed and the threads of the proof's own run, and would fail with those of another.
    executed.cells.append(code("assert (seed(0), torch.get_num_threads()) == (5000, 1)"))
    executed.cells[-1].execution_count = 8
    assert prove(tmp_path, executed, "--seed", "5") == 0
    assert "01_made_up.ipynb: with seed 5, all solutions are right" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("three_exercises")
def test_another_output_than_the_stored_one_is_complained_of(
    tmp_path: Path, executed: NotebookNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executed = copy.deepcopy(executed)
    executed.cells[5].outputs[0].text = executed.cells[5].outputs[0].text.replace("noted", "changed")
    executed.cells[6].metadata.tags = []  # it shows the seed, 0 when it was stored
    assert prove(tmp_path, executed) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [
        line.partition(" fails, or shows something else than is stored, with seed 1 ")[2] for line in lines[:2]
    ] == [
        "(nbval's cell 5)",
        "(nbval's cell 6)",
    ]
    assert lines[0].startswith("01_made_up.ipynb: cell 05 (print(Path(")
    assert "changed" in "\n".join(lines[2:]) and "1000" in "\n".join(lines[2:])


@pytest.mark.slow
@pytest.mark.usefixtures("three_exercises")
def test_an_exercise_that_is_not_right_in_its_place_is_complained_of(
    tmp_path: Path, executed: NotebookNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executed = copy.deepcopy(executed)
    executed.cells[1].metadata.tags = []  # so that it stays as it is
    monkeypatch.setattr(type(ANSWER), "solved_cell", lambda task, source: source.replace("...", "-1234.5"))
    assert prove(tmp_path, executed) == 1
    complaint = capsys.readouterr().err.strip()
    assert complaint.endswith(
        "with its solution in its place, an exercise should be right, but is not: "
        f"{FUNCTION.name} (not attempted), {ANSWER.name} (wrong)"
    )


@pytest.mark.usefixtures("three_exercises")
def test_a_cell_that_was_never_executed_proves_nothing(
    tmp_path: Path, executed: NotebookNode, capsys: pytest.CaptureFixture[str]
) -> None:
    executed = copy.deepcopy(executed)
    executed.cells[5].outputs, executed.cells[5].execution_count = [], None
    assert prove(tmp_path, executed) == 1
    assert "cell 05 (print(Path('../data/note.txt')" in (said := capsys.readouterr().err)
    assert "has no stored outputs: run `python3 course.py notebooks` first" in said


def test_exercises_are_compared_with_the_last_of_their_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "tasks", lambda lesson: (FUNCTION, ANSWER, PREDICTION))
    report = tmp_path / "report.jsonl"
    assert f"{FUNCTION.name} (never checked), {ANSWER.name} (never checked)" in str(
        notebook_solutions.exercises_not_right(report, 1)
    )
    entries = [(FUNCTION, "wrong"), (ANSWER, "right"), (FUNCTION, "right"), (PREDICTION, "not attempted")]
    report.write_text("".join(f'{{"exercise": "{task.name}", "status": "{status}"}}\n' for task, status in entries))
    assert notebook_solutions.exercises_not_right(report, 1) == []
