"""A lesson's exercises for the lecturer, as Markdown: questions, hints, solutions, and what people get wrong."""

import inspect
import textwrap
from typing import Any

from course_utils.exercises import tasks
from course_utils.exercises.task import Misconception, Task
from course_utils.lessons import LESSONS

CODE_KINDS = ("function", "module", "bug", "backbone")


def sheet(lesson: int) -> str:
    """The sheet of a lesson.

    Raises: ValueError where there is no such lesson.
    """
    parts = [_of_task(number, task) for number, task in enumerate(tasks(lesson), 1)]
    return "\n\n".join([f"# Exercises of lesson {lesson:02d}: {LESSONS[lesson].title}", *parts]) + "\n"


def _of_task(number: int, task: Task) -> str:
    difficulty = "●" * task.difficulty + "○" * (3 - task.difficulty)
    parts = [f"## {number}. {task.name}", f"{difficulty} · {task.minutes} minutes · {task.kind}", task.question]
    parts += _listed("Answers to choose from", getattr(task, "options", None))
    parts += _listed("To tick", getattr(task, "criteria", None))
    parts += _listed("Hints", task.hints)
    parts += ["### Solution", _solution(task)]
    if task.misconceptions:
        parts += ["### What people get wrong", *(_misconception(known) for known in task.misconceptions)]
    return "\n\n".join(parts)


def _listed(title: str, items: Any) -> list[str]:
    return [f"### {title}", "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))] if items else []


def _solution(task: Task) -> str:
    source = task.solution_source()
    if task.kind in CODE_KINDS:
        return _code(source)
    if task.kind == "answer":
        value, _, explanation = source.partition("\n")
        return f"`{value}`\n\n{explanation}".rstrip()
    return source


def _misconception(known: Misconception) -> str:
    wrong = _code(inspect.getsource(known.wrong)) if callable(known.wrong) else f"`{known.wrong!r}`"
    return f"**{known.name}**: {known.sentence}\n\n{wrong}"


def _code(source: str) -> str:
    return f"```python\n{textwrap.dedent(source).strip()}\n```"
