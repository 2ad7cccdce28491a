"""The exercises that ask for no code: a number or a choice, a prediction, and a rubric that the student ticks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from course_utils.exercises import judging
from course_utils.exercises.record import read_progress, record
from course_utils.exercises.stubs import replace_placeholders
from course_utils.exercises.task import Misconception, Task, Verdict
from course_utils.messages import show_message

WrongNumbers = Mapping[str, tuple[Sequence[float | None], str]]
"""Mistakes by name: the number that each makes of every item, None where another mistake gives it too, and what is said."""


def mistakes_by_item(*tables: tuple[Sequence[str], WrongNumbers]) -> list[tuple[str, Any, str]]:
    """The misconceptions of an `Answer` with several items, from tables of wrong numbers, each with the items it is of."""
    return [
        (f"{name} of {item}", (item, number), sentence)
        for items, wrong in tables
        for name, (numbers, sentence) in wrong.items()
        for item, number in zip(items, numbers, strict=True)
        if number is not None
    ]


class Answer(Task):
    """A number, a choice, or a table of choices, checked against `solution`.

    - `solution`: a number; one of `options`, small letters; or a dictionary of them, item by item.
    - `misconceptions`: (name, wrong value, sentence); for a dictionary the wrong value is a pair (item, choice).
    - `explanation`: what is said after the right answer.
    - `tolerance`: relative, for numbers; say in the question to how many digits an answer is wanted. A dictionary has those of
      some items, and the others are exact.
    """

    kind = "answer"

    def __init__(
        self,
        name: str,
        question: str,
        solution: Any,
        misconceptions: Sequence[tuple[str, Any, str]],
        hints: Sequence[str],
        *,
        explanation: str = "",
        options: Sequence[str] | None = None,
        tolerance: float | Mapping[str, float] = 1e-3,
        difficulty: int = 1,
        minutes: int = 3,
    ) -> None:
        super().__init__(name, question, hints, difficulty=difficulty, minutes=minutes)
        self._solution, self.explanation, self.options, self.tolerance = solution, explanation, options, tolerance
        self.misconceptions = [Misconception(known, sentence, wrong) for known, wrong, sentence in misconceptions]

    def answer(self, given: Any) -> Any:
        """Check an answer and give it back; `...` stands for no answer yet and gives the solution's value."""
        verdict = self.judge(given)
        self.finish(verdict)
        if isinstance(self._solution, dict) and isinstance(given, dict):
            return {
                key: wanted if given.get(key, ...) is ... else self._plain(given[key])
                for key, wanted in self._solution.items()
            }
        return self._solution if given is ... or verdict.status == "error" else self._plain(given)

    def judge(self, given: Any) -> Verdict:
        """Say what is wrong with an answer: its form, a known misconception, or that it is not the one."""
        if isinstance(self._solution, dict):
            return self._judge_table(given)
        if given is ...:
            return Verdict("not attempted", self.not_attempted_text())
        problem = self._problem(given)
        if problem:
            return Verdict("error", problem)
        if self._same(given, self._solution):
            return Verdict("right", f"right. {self.explanation}".rstrip())
        for known in self.misconceptions:
            if self._same(given, known.wrong):
                return Verdict("wrong", f"not yet. {known.sentence}", known.name)
        return Verdict("wrong", f"not yet. Where to look: {self.hints[0]}")

    def _judge_table(self, given: Any) -> Verdict:
        if not isinstance(given, dict):
            return Verdict("error", f"answer with a dictionary of these keys: {', '.join(self._solution)}.")
        odd = [f"{key!r} is missing" for key in self._solution if key not in given]
        odd += [f"{key!r} is not asked for" for key in given if key not in self._solution]
        if odd:
            return Verdict("error", f"the keys are to stay as they were: {'; '.join(odd)}.")
        answered = {item: choice for item, choice in given.items() if choice is not ...}
        if not answered:
            return Verdict("not attempted", self.not_attempted_text())
        for item, choice in answered.items():
            problem = self._problem(choice)
            if problem:
                return Verdict("error", f"{item}: {problem}")
        wrong = [item for item, choice in answered.items() if not self._same(choice, self._solution[item], item)]
        others = f" ({len(wrong) - 1} more to look at again.)" if len(wrong) > 1 else ""
        for known in self.misconceptions:
            item, choice = known.wrong
            if item in wrong and self._same(answered[item], choice, item):
                return Verdict("wrong", f"not yet. {item}: {known.sentence}{others}", known.name)
        if wrong:
            return Verdict("wrong", f"not yet. Look again at: {', '.join(wrong)}.")
        if len(answered) < len(given):
            return Verdict("wrong", f"{len(answered)} of {len(given)} answered, all of them right so far.")
        return Verdict("right", f"right. {self.explanation}".rstrip())

    def _problem(self, given: Any) -> str | None:
        if self.options is not None:
            choice = self._as_option(given)
            if isinstance(choice, str) and choice in self.options:
                return None
            return f"answer with one of {', '.join(map(repr, self.options))}; got {given!r}."
        quotes = ", without quotes" if isinstance(given, str) else ""
        return None if judging.is_number(given) else f"answer with one number{quotes}; got {given!r}."

    def _as_option(self, given: Any) -> Any:
        """A choice as the options spell it: "True" and True are "true", and spaces do not matter; anything else stays."""
        if self.options is None or not isinstance(given, str | bool | np.bool):
            return given
        return next((option for option in self.options if _letters(option) == _letters(str(given))), given)

    def _plain(self, given: Any) -> Any:
        """A choice as the options spell it, a number as Python's: the lesson computes with it, and uint8 would overflow."""
        if self.options is not None:
            return self._as_option(given)
        return given.item() if judging.is_number(given) and hasattr(given, "item") else given

    def _same(self, given: Any, wanted: Any, item: str = "") -> bool:
        if self.options is not None:
            return self._as_option(given) == wanted
        tolerance = self.tolerance.get(item, 0) if isinstance(self.tolerance, Mapping) else self.tolerance
        return abs(float(given) - float(wanted)) <= tolerance * max(abs(float(wanted)), 1e-12)

    def solution_source(self) -> str:
        return f"{self._solution!r}\n{self.explanation}".rstrip()

    def solved_cell(self, source: str) -> str:
        return replace_placeholders(source, self.name, self._solution)


def _letters(choice: str) -> str:
    """A choice without what people write in different ways: capitals, spaces, and which hyphen or dash it has."""
    return re.sub(r"[\s_]", "", choice.lower()).replace("‑", "-").replace("–", "-")


class Prediction(Task):
    """A number written down before it is measured; never judged, because a wrong guess is the point of it.

    `limits`: the smallest and the largest number that make sense, (0, 100) for per cent; `digits`: how many decimals are
    shown; `explanation`: why the measured number is what it is; `remarks`: from which guess to which, and what is said of such a
    guess once the number is measured.
    """

    kind = "prediction"

    def __init__(
        self,
        name: str,
        question: str,
        hints: Sequence[str],
        *,
        explanation: str,
        limits: tuple[float, float] = (0, 1),
        digits: int = 2,
        remarks: Sequence[tuple[float, float, str]] = (),
        difficulty: int = 1,
        minutes: int = 2,
    ) -> None:
        super().__init__(name, question, hints, difficulty=difficulty, minutes=minutes)
        self.explanation, self.limits, self.digits, self.remarks = explanation, limits, digits, remarks
        self._predicted: float | None = None

    def predict(self, guess: Any) -> None:
        """Write a guess down; `...` for none yet."""
        self._predicted = None
        low, high = self.limits
        if guess is ...:
            text = "no prediction yet: replace `...` by a number before you go on; a wrong guess costs nothing."
            self.finish(Verdict("not attempted", text))
        elif not judging.is_number(guess) or not low <= float(guess) <= high:
            self.finish(Verdict("error", f"predict one number from {low} to {high}; got {guess!r}."))
        else:
            self._predicted = float(guess)
            text = f"you predict {self._as_predicted()}."
            if self.limits == (0, 100) and 0 < self._predicted < 1:
                share = f"{self._predicted:g}"
                text = f"you predict {share} per cent. If you meant the share {share}, write it in per cent."
            self.finish(Verdict("done", text))

    def reveal(self, measured: Any) -> None:
        """Show the measured number beside the guess, and say why."""
        value = f"{float(measured):.{self.digits}f}"
        guess = "" if self._predicted is None else f"You predicted {self._as_predicted()}. "
        known = self.remarks if self._predicted is not None else ()
        remark = "".join(f"{text} " for low, high, text in known if low <= self._predicted <= high)
        show_message(f"{self.name}: {guess}Measured: {value}. {remark}{self.explanation}")

    def _as_predicted(self) -> str:
        """The guess with `digits` decimals, or with as many as it has."""
        rounded = f"{self._predicted:.{self.digits}f}"
        return rounded if float(rounded) == self._predicted else f"{self._predicted:g}"

    def solution_source(self) -> str:
        return self.explanation


class Rubric(Task):
    """An open question, yes/no questions on the answer that the student ticks, and a model answer."""

    kind = "rubric"

    def __init__(
        self,
        name: str,
        question: str,
        criteria: Sequence[str],
        model_answer: str,
        hints: Sequence[str] = (),
        *,
        difficulty: int = 2,
        minutes: int = 10,
    ) -> None:
        super().__init__(name, question, hints, difficulty=difficulty, minutes=minutes)
        self.criteria, self.model_answer = tuple(criteria), model_answer

    def rubric(self) -> None:
        """Show the questions as boxes to tick; when all are ticked the exercise is done."""
        from IPython.display import display
        from ipywidgets import HTML, Checkbox, Layout, VBox

        ticked = read_progress().get(self.name) == "done"
        boxes = [
            Checkbox(ticked, description=text, indent=False, layout=Layout(width="100%")) for text in self.criteria
        ]
        state = HTML()

        def count(_change: object = None) -> None:
            number = sum(box.value for box in boxes)
            state.value = f"{number} of {len(boxes)} ticked."
            if number == len(boxes):
                record(self.name, "done")

        for box in boxes:
            box.observe(count, "value")
        count()
        if not ticked:
            record(self.name, "not attempted")
        print(f"{self.name}: tick what is true of your answer; exercise.{self.name}.solution() shows one.")
        display(VBox([*boxes, state]))

    def solution_source(self) -> str:
        return self.model_answer
