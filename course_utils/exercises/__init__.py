"""Exercises that tell what is wrong with a wrong answer.

Those that ask for code are in `course_utils.exercises.code`; a number or a choice, a prediction and a rubric in
`course_utils.exercises.questions`. The exercises of a lesson are in its folder:
`from course_utils.exercises import NotAttempted, lesson_01 as exercise`.
"""

import re
from importlib import import_module
from types import ModuleType

from course_utils.exercises.code import Exercise, NotAttempted
from course_utils.exercises.neutral import neutral_state
from course_utils.exercises.record import read_progress
from course_utils.exercises.task import Task
from course_utils.messages import show_message

__all__ = ["Exercise", "NotAttempted", "progress", "tasks"]


def __getattr__(name: str) -> ModuleType:
    """The module of a lesson, imported in the neutral state, as it makes probes."""
    if not re.fullmatch(r"lesson_\d\d", name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with neutral_state():
        return import_module(f"{__name__}.{name}")


def tasks(lesson: int) -> list[Task]:
    """The exercises of a lesson, in the lesson's order.

    Raises: ValueError where there is no such lesson.
    """
    name = f"course_utils.exercises.lesson_{lesson:02d}"
    try:
        with neutral_state():
            module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ValueError(f"There is no lesson {lesson} with exercises.") from error
    # A lesson in a folder of its own says its order; the module of another has it.
    return list(getattr(module, "TASKS", ())) or [value for value in vars(module).values() if isinstance(value, Task)]


def progress() -> None:
    """Show what has been solved, lesson by lesson, with the exercises of lessons that are begun; kept on this computer only."""
    from course_utils.lessons import LESSONS

    kept = read_progress()
    marks = {"right": "✓", "done": "✓", "wrong": "…", "error": "…"}
    lines = ["What you have solved (kept on this computer only):"]
    for number, lesson in LESSONS.items():
        found = tasks(number)
        solved = sum(kept.get(task.name) in ("right", "done") for task in found)
        lines.append(f"{number:02d} {lesson.title}: {solved} of {len(found)}")
        if 0 < sum(task.name in kept for task in found) and solved < len(found):
            lines += [f"    {marks.get(kept.get(task.name, ''), '·')} {task.name}" for task in found]
    show_message("\n".join(lines))
