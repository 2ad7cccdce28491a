"""The exercise of the course as a task: what its cells call, what is kept between them, and what is recorded."""

import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from course_utils.exercises.code import NotAttempted
from course_utils.exercises.lesson_10 import verdicts
from course_utils.exercises.lesson_10.measuring import Train, measure, problem_of_declaration
from course_utils.exercises.lesson_10.predictions import Predicted, in_words, read_prediction
from course_utils.exercises.lesson_10.trials import Make, built, fingerprint, problem_of
from course_utils.exercises.stubs import replace_definition, replace_placeholders
from course_utils.exercises.task import Misconception, Task, Verdict
from course_utils.messages import show_message
from course_utils.ops.checks import is_integer
from course_utils.plots.tables import read_results
from course_utils.recipes.encoders import encoder_on_scenes, is_frozen

if TYPE_CHECKING:
    import pandas


def study_of_encoders() -> "pandas.DataFrame | None":
    """The rows of the study of lesson 10; None as long as it has not been run."""
    try:
        return read_results("encoders")
    except ValueError:
        return None


class BackboneTask(Task):
    """A backbone that the student chooses, adapts and predicts; judged by contract, comparison and prediction.

    In the notebook `predict(...)` and the decorated class stand in one cell, `judge(...)` in another. The name is bound to the
    student's class if that keeps the contract, otherwise to the solution. While nothing is attempted, `judge` trains the
    solution.

    - `solution`: the course's backbone, its docstring the question; `prediction`: what goes with it, by name.
    - `train`: what trains one row, as `encoders.encoder_on_scenes`; `table`: what gives the rows of the others.
    """

    kind = "backbone"

    def __init__(
        self,
        name: str,
        solution: Make,
        prediction: Mapping[str, Any],
        hints: Sequence[str],
        *,
        train: Train = encoder_on_scenes,
        table: "Callable[[], pandas.DataFrame | None]" = study_of_encoders,
        difficulty: int = 3,
        minutes: int = 40,
    ) -> None:
        super().__init__(name, inspect.getdoc(solution) or "", hints, difficulty=difficulty, minutes=minutes)
        self._solution, self._prediction, self._train, self._table = solution, dict(prediction), train, table
        self.misconceptions = [
            Misconception(known, sentence, known.replace("_", " "))
            for known, sentence in (verdicts.LIKE_PARAMETERS, verdicts.WITH_DECODER)
        ]
        self._candidate: Make | None = None
        self._problem: str | None = None
        self._predicted: Predicted | None = None
        self._measured: dict[tuple[Any, ...], verdicts.Measured] = {}
        self._first: dict[str, Predicted] = {}

    def predict(
        self,
        *,
        parameters: Any = ...,
        multiply_adds: Any = ...,
        step_time: Any = ...,
        mean_iou: Any = ...,
        because: Any = ...,
        pretrained: Any = False,
    ) -> None:
        """Write down, before anything is measured, what the backbone changes compared with the small residual network.

        - `parameters` and `multiply_adds` of the encoder alone, `step_time` of the whole network in training: how many times
          as many, or as long (0.5: half).
        - `mean_iou`: how many points more (-3: three points less).
        - `because`: why, in a sentence. `pretrained`: whether its weights have been trained before.

        `...` stands for no prediction yet.
        """
        numbers = {
            "parameters": parameters,
            "multiply_adds": multiply_adds,
            "step_time": step_time,
            "mean_iou": mean_iou,
        }
        self._predicted = None
        if all(value is ... for value in (*numbers.values(), because)):
            return  # nothing is attempted; the decorator says so
        read = read_prediction(numbers, because, pretrained)
        if isinstance(read, str):
            self.finish(Verdict("error", read))
            return
        self._predicted = read
        show_message(f"{self.name}: {in_words(read)}")

    def __call__(self, candidate: Make) -> Make:
        """Try a class: whether it keeps the contract of a backbone, and can be compared; nothing is trained."""
        self._candidate, self._problem = None, None
        try:
            self._problem = problem_of(candidate)
        except NotAttempted:
            self.finish(Verdict("not attempted", self.not_attempted_text()))
            return self._solution
        self._candidate = candidate
        if self._problem:
            self.finish(Verdict("wrong", f"{self._not_comparable()}\nThe lesson goes on with the solution."))
            return self._solution
        text = f"the contract is kept: {_maps(built(candidate, 0))}. `exercise.{self.name}.judge(...)` trains it."
        show_message(f"{self.name}: {text}", tone="good")
        return candidate

    def judge(self, *, steps: int, seeds: Sequence[int], most_minutes: float = 10) -> "pandas.DataFrame | None":
        """Train the backbone as the rows of the table were, once for each seed, and report; gives the table with its row.

        What was measured is kept, and not trained again if only the prediction changes. A training that would take more than
        `most_minutes` is not begun.
        """
        seeds = list(seeds) if isinstance(seeds, Iterable) else [seeds]
        problem = _problem_of_budget(steps, seeds)
        if problem:
            return self._ended(Verdict("error", problem))
        if self._problem:
            return self._ended(Verdict("wrong", self._not_comparable()))
        if self._candidate is None:
            return self._judge(self._solution, Predicted(**self._prediction), steps, seeds, most_minutes)
        if self._predicted is None:
            return self._ended(
                Verdict("wrong", "not yet. Predict before you measure: give `predict` its numbers, and why.")
            )
        return self._judge(self._candidate, self._predicted, steps, seeds, most_minutes)

    def _judge(
        self, make: Make, predicted: Predicted, steps: int, seeds: Sequence[int], most_minutes: float
    ) -> "pandas.DataFrame | None":
        problem = problem_of_declaration(make, pretrained=predicted.pretrained)
        if problem:
            return self._ended(Verdict("wrong", f"not yet. The comparison is not fair: {problem}"))
        kind = {"steps": steps, "pretrained": predicted.pretrained, "frozen": is_frozen(built(make, 0))}
        comparison, alike = verdicts.of_comparison(kind, len(seeds), self._table())
        if comparison.sign == verdicts.FAILED:
            return self._ended(Verdict("wrong", f"not yet. {comparison.text}"))

        # Of what only a measurement tells, a prediction made after it is none: the first one stands.
        known = fingerprint(make)
        first = self._first.setdefault(known, predicted)
        changed = (first.step_time, first.mean_iou) != (predicted.step_time, predicted.mean_iou)
        predicted = predicted._replace(step_time=first.step_time, mean_iou=first.mean_iou)

        key = (known, predicted.pretrained, steps, *seeds)
        found = self._measured.get(key) or measure(
            make,
            pretrained=predicted.pretrained,
            steps=steps,
            seeds=seeds,
            most_minutes=most_minutes,
            train=self._train,
        )
        if isinstance(found, Verdict):
            return self._ended(found)
        self._measured[key] = found
        marks = verdicts.all_marks(predicted, found, comparison, alike)
        self._ended(verdicts.verdict_of(marks, predicted, changed=changed))
        return verdicts.report_table(found, alike)

    def _ended(self, verdict: Verdict) -> None:
        """Show and record a verdict; of the solution, which is judged while nothing is attempted, only what came."""
        if self._candidate is None:
            text = f"{self.not_attempted_text()}\nWhat came of the solution, and of what the course predicted of it: "
            verdict = Verdict("not attempted", text + verdict.text)
        self.finish(verdict)

    def _not_comparable(self) -> str:
        return f"not yet. Your backbone cannot be compared: {self._problem}"

    def solution_source(self) -> str:
        return textwrap.dedent(inspect.getsource(self._solution))

    def solved_cell(self, source: str) -> str:
        source = replace_definition(source, self.name, self.solution_source())
        return replace_placeholders(source, self.name, self._prediction)


def _problem_of_budget(steps: Any, seeds: Sequence[Any]) -> str | None:
    if not is_integer(steps) or steps < 1:
        return f"steps must be a whole number of 1 or more; got {steps!r}."
    if not seeds or not all(is_integer(seed) and seed >= 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        return f"seeds must be whole numbers, at least one and none of them twice, as seeds=(0, 1, 2); got {seeds!r}."
    return None


def _maps(backbone: nn.Module) -> str:
    channels, strides = (", ".join(map(str, values)) for values in (backbone.channels, backbone.strides))
    maps = f"{len(backbone.channels)} maps of" if len(backbone.channels) > 1 else "1 map of"
    return f"{maps} {channels} channels at stride{'s' if len(backbone.channels) > 1 else ''} {strides}"
