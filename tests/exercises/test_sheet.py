"""The lecturer's sheet: all exercises of a lesson, complete, as Markdown that renders."""

import ast
import re

import pytest

from course_utils.exercises import Exercise, __main__, tasks
from course_utils.exercises.sheet import sheet
from course_utils.lessons import LESSONS


@pytest.mark.parametrize("lesson", LESSONS)
def test_everything_about_each_exercise_is_on_the_sheet(lesson: int) -> None:
    text = sheet(lesson)
    assert text.startswith(f"# Exercises of lesson {lesson:02d}: {LESSONS[lesson].title}\n")
    assert re.findall(r"^## \d+\. (\w+)$", text, re.MULTILINE) == [task.name for task in tasks(lesson)]
    for task in tasks(lesson):
        assert task.question in text
        assert all(f". {hint}" in text for hint in task.hints)
        assert all(line in text for line in task.solution_source().splitlines())
        assert all(f"**{known.name}**: {known.sentence}" in text for known in task.misconceptions)


@pytest.mark.parametrize("lesson", LESSONS)
def test_its_code_is_closed_and_complete(lesson: int) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", sheet(lesson), re.MULTILINE | re.DOTALL)
    expected = sum(1 + len(task.misconceptions) for task in tasks(lesson) if isinstance(task, Exercise))
    expected += sum(task.kind == "backbone" for task in tasks(lesson))
    assert len(blocks) == expected
    assert all(isinstance(ast.parse(block).body[-1], ast.FunctionDef | ast.ClassDef) for block in blocks)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["sheet", "01"]) == 0
    assert capsys.readouterr().out == sheet(1)
