"""The lessons of the course in their order: where each stands, what it is called, how long it takes."""

from typing import NamedTuple


class Lesson(NamedTuple):
    """One lesson: the notebook's name without `.ipynb`, the title, and the minutes with its exercises."""

    stem: str
    title: str
    minutes: int


LESSONS: dict[int, Lesson] = {
    0: Lesson("00_tasks_and_data", "Tasks, data, and how this course works", 75),
    1: Lesson("01_metrics", "Metrics", 90),
}
