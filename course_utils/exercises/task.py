"""What every kind of exercise has: a name, a question, hints, a solution, and a verdict that is shown and recorded."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from course_utils.exercises.record import record
from course_utils.messages import show_message


class Misconception(NamedTuple):
    """A mistake that people make: its name in reports, the sentence for the student, and what the mistake gives."""

    name: str
    sentence: str
    wrong: Any


def with_variants(*others: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a wrong version: `others` make the same mistake with other numbers, and are told the same sentence."""

    def mark(wrong: Callable[..., Any]) -> Callable[..., Any]:
        wrong.variants = others
        return wrong

    return mark


class Verdict(NamedTuple):
    """What the check of an answer found: a status, the text for the student, and the misconception's name or ''."""

    status: str
    text: str
    misconception: str = ""


TONES = {"right": "good", "done": "good", "wrong": "bad", "error": "bad", "not attempted": "plain"}


class Task:
    """What all kinds of exercise share: name, question, difficulty 1 to 3, minutes, hints."""

    kind = "task"

    def __init__(self, name: str, question: str, hints: Sequence[str], *, difficulty: int, minutes: int) -> None:
        self.name, self.question, self.hints = name, question, tuple(hints)
        self.difficulty, self.minutes = difficulty, minutes
        self.misconceptions: list[Misconception] = []
        self._hints_shown = 0

    def hint(self) -> None:
        """Show one hint more at each call."""
        self._hints_shown = min(self._hints_shown + 1, len(self.hints))
        shown = [f"Hint {n} of {len(self.hints)}: {hint}" for n, hint in enumerate(self.hints[: self._hints_shown], 1)]
        show_message("\n".join(shown) or "There is no hint for this one.", tone="warning")

    def solution(self) -> None:
        """Show the solution."""
        show_message(self.solution_source())

    def solution_source(self) -> str:
        raise NotImplementedError

    def solved_cell(self, source: str) -> str:
        """The source of the exercise's cell, its stub, if there is one, replaced by the solution."""
        return source

    def finish(self, verdict: Verdict) -> None:
        """Show a verdict and record it."""
        show_message(f"{self.name}: {verdict.text}", tone=TONES[verdict.status])
        record(self.name, verdict.status, verdict.misconception)

    def not_attempted_text(self) -> str:
        return f"not attempted yet; the lesson goes on with the solution. Stuck? exercise.{self.name}.hint()"
