"""Every stored lesson keeps to the rules of `tools/notebook_rules.py` and is stored as `course.py notebooks` stores it."""

from collections.abc import Callable
from pathlib import Path

import notebook_files
import notebook_rules
import pytest
from nbformat import NotebookNode

from course_utils.lessons import LESSONS

PATHS = sorted((notebook_rules.REPOSITORY / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def test_every_lesson_has_its_notebook() -> None:
    assert PATHS, "there is no notebook in notebooks/"
    assert [path.stem for path in PATHS] == [lesson.stem for lesson in LESSONS.values()]


@each_notebook
@pytest.mark.parametrize("rule", notebook_rules.RULES, ids=lambda rule: rule.__name__)
def test_rule(path: Path, rule: Callable[[NotebookNode], list[str]]) -> None:
    complaints = rule(notebook_files.read(path))
    assert not complaints, "\n".join([path.name, *complaints])


@each_notebook
@pytest.mark.parametrize("rule", notebook_rules.RULES_OF_A_LESSON, ids=lambda rule: rule.__name__)
def test_rule_of_a_lesson(path: Path, rule: Callable[[NotebookNode, int], list[str]]) -> None:
    complaints = rule(notebook_files.read(path), int(path.stem[:2]))
    assert not complaints, "\n".join([path.name, *complaints])


@each_notebook
def test_minutes(path: Path) -> None:
    assert notebook_rules.minutes_are_true(notebook_files.read(path), int(path.stem[:2])) == []


@each_notebook
def test_stored_form(path: Path) -> None:
    assert notebook_files.is_normal(path), f"run `python3 course.py notebooks {path.stem[:2]}`"
