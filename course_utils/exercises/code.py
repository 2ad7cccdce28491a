"""Exercises that ask for code: functions, modules, and faulty code that the student repairs."""

import copy
import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from course_utils.exercises import gradients, judging, shortcuts
from course_utils.exercises.bound import giving_its_kind, with_a_way_on
from course_utils.exercises.neutral import calling_itself, neutral_state
from course_utils.exercises.outcomes import Outcome, differ
from course_utils.exercises.parts import has_an_empty_array, size_of
from course_utils.exercises.slips import Slip, pairs, wrong_version
from course_utils.exercises.stubs import replace_definition
from course_utils.exercises.task import Misconception, Task, Verdict
from course_utils.exercises.telling import described, in_short, where_raised
from course_utils.exercises.versions import Versions
from course_utils.exercises.weights import UnlikeModule

ROUNDED = (
    " The two agree to five digits: somewhere your code computes in float32, as the numbers in a new `torch.zeros(...)` are, or "
    "it rounds, or adds a small number. Make new tensors of the type that you were given, `x.new_zeros(...)`."
)


OTHER_ORDER = (
    " Your layers are made in another order than the solution's: each was given the weights of the next one of its shape. Are "
    "those of one shape in the order that the question says, and their norms, too?"
)


class NotAttempted(Exception):
    """Raised by the line of a stub that the student replaces."""


class Exercise(Task):
    """A function, a module or a repair that the student writes, checked against `solution` on probes.

    Used as a decorator; the decorated name is bound to the solution while nothing has been attempted (or where the
    student's code raises), otherwise to the student's version, so that the next picture shows what it does.

    - `solution`: the readable form that a student is shown, named like the exercise; its docstring is the question.
    - `probes`: tuples of arguments, literal and asymmetric; `draw(generator)` adds three more from a `torch.Generator`.
    - `misconceptions`: slips, which say what they change in the solution (`slips.Slip`), and, where a mistake is another
      program, wrong versions with the sentence for the student as their docstring. One that raises, or whose parameters are
      others, is recognised by what its exception says; see also `task.with_variants`. Two slips at once get both sentences.
    - `reference`: the fast form in the package, tested equal to the solution.
    - `build`: constructor arguments, for a module: built under a seed and given the solution's weights.
    - `common_errors`: what to say first where the text of an exception contains the key; the first key that does.
    - `given`: the faulty version in the notebook, for "spot the bug": its docstring says what is still wrong.
    - `differentiable`: each argument, or those named, gets the gradient that it gets in the solution; a module's always do.
    - `library`: functions and classes of libraries that do what is asked for, without their modules, or what these are asked
      for by keyword, as `dilation`: right, and told so.
    - `without_loops`: whether the question asks for an answer that does not go through the pixels one by one.
    - `unaffected`: why, in the whole domain, some changes of the solution do no harm, and which of those that the tests try:
      `{"an IoU is never negative": ["absolute result"]}`.
    """

    def __init__(
        self,
        name: str,
        solution: Callable[..., Any],
        probes: Sequence[tuple[Any, ...]],
        misconceptions: Sequence[Callable[..., Any] | Slip],
        hints: Sequence[str],
        *,
        reference: Callable[..., Any] | None = None,
        draw: Callable[[torch.Generator], tuple[Any, ...]] | None = None,
        build: tuple[Any, ...] | None = None,
        common_errors: Mapping[str, str] | None = None,
        given: Callable[..., Any] | None = None,
        differentiable: bool | Collection[str] = False,
        library: Collection[str] = (),
        without_loops: bool = False,
        unaffected: Mapping[str, Collection[str]] | None = None,
        difficulty: int = 1,
        minutes: int = 5,
    ) -> None:
        super().__init__(name, inspect.getdoc(solution) or "", hints, difficulty=difficulty, minutes=minutes)
        self.kind = "bug" if given else "function" if build is None else "module"
        self._solution, self.reference, self._build, self.given = solution, reference, build, given
        # An exercise's own texts come first, and stand for the common ones of the same key.
        own = dict(common_errors or {})
        self.common_errors = own | {key: text for key, text in judging.COMMON_ERRORS.items() if key not in own}
        self.differentiable = differentiable or self.kind == "module"
        self.library, self.without_loops, self.unaffected = tuple(library), without_loops, dict(unaffected or {})
        known = ([given] if given else []) + list(misconceptions)
        self.misconceptions = [_misconception(solution, wrong) for wrong in known]
        self._slips = [wrong for wrong in known if isinstance(wrong, Slip)]
        with neutral_state():
            drawn = [draw(torch.Generator().manual_seed(seed)) for seed in range(3)] if draw else []
            self.probes = _followed_first(sorted([tuple(probe) for probe in probes] + drawn, key=size_of))
        self._versions = Versions(solution, self.probes, build)

    def __call__(self, candidate: Callable[..., Any]) -> Callable[..., Any]:
        verdict = self.judge(candidate)
        bound = self._bound(candidate, verdict)
        goes_on = {"error": "the solution", "wrong": "the solution" if bound is self._solution else "your version"}
        if verdict.status in goes_on:
            verdict = verdict._replace(text=f"{verdict.text}\nThe lesson goes on with {goes_on[verdict.status]}.")
        self.finish(verdict)
        return bound

    def _bound(self, candidate: Callable[..., Any], verdict: Verdict) -> Callable[..., Any]:
        """What the name is bound to: nothing that the lesson could stumble over."""
        if verdict.status not in ("right", "wrong"):
            return self._solution
        with neutral_state():
            wanted = self._versions.known_outcome(self._solution, 0).value
            given = self._versions.outcome(candidate, 0).value
            if judging.form_difference(wanted, given):
                return self._solution
            bound = giving_its_kind(candidate, wanted, given)
            if verdict.status == "right":
                return bound
            if self.differentiable and not self._versions.can_be_trained_with(candidate, self._learning()):
                return self._solution
        return with_a_way_on(self.name, bound, self._solution)

    def _learning(self) -> list[bool]:
        """Of each parameter whether its gradient is asked for."""
        return [self.differentiable is True or name in self.differentiable for name in self._parameters()]

    def judge(self, candidate: Callable[..., Any]) -> Verdict:
        """Say what is wrong: an exception, None, a known misconception, the form or a value, the first that applies."""
        try:
            with neutral_state(), calling_itself(candidate):
                return self._verdict(candidate)
        except Exception as error:  # an answer of a type that nothing can be compared with
            text = f"your answer cannot be compared with the solution's ({type(error).__name__}: {error}). "
            return Verdict("error", text + "Give a plain tensor, array or number.")

    def _verdict(self, candidate: Callable[..., Any]) -> Verdict:
        """Of a module, what suits it best of the orders in which its layers may have been made: that it is right, or a slip."""
        verdict = self._verdict_on(candidate)
        if verdict.status in ("right", "not attempted"):
            return verdict
        others = [self._verdict_on(version) for version in self._versions.in_other_orders(candidate)]
        return min([verdict, *others], key=lambda found: (found.status != "right", not found.misconception))

    def _verdict_on(self, candidate: Callable[..., Any]) -> Verdict:
        numbers = range(len(self.probes))
        wanted = [self._versions.known_outcome(self._solution, number) for number in numbers]
        given = [self._versions.outcome(candidate, number) for number in numbers]
        if any(isinstance(outcome.error, NotAttempted) for outcome in given):
            return Verdict("not attempted", self.not_attempted_text())
        if self.given and self._matches(given, self.given):
            text = f"{_sentence(self.given)} The lesson goes on with the repaired version."
            return Verdict("not attempted", text, _name(self.given))
        known = self._known(wanted, given)
        failure = self._failure(candidate, wanted, given, known)
        if known:
            return failure or Verdict("wrong", f"not yet. {known.sentence}", known.name)
        problem = failure or self._problem_of_form(wanted, given)
        if problem:
            return problem
        first_difference = self._first_difference(wanted, given)
        if first_difference:
            order = "" if self._versions.is_made_in_order(candidate) else OTHER_ORDER
            return Verdict("wrong", f"not yet. {first_difference}{order}")
        problem = self._problem_of_gradient(candidate) or self._problem_of_training(candidate)
        return problem or Verdict("right", self._right(candidate))

    def _right(self, candidate: Callable[..., Any]) -> str:
        """What a right answer is told: that it is, and what it has left out."""
        called = shortcuts.library_call(candidate, self.library)
        called = called or shortcuts.library_part(self._versions.parts(candidate), self.library)
        if called:
            return f"right, by the library: `{called}` does all of it. Write it yourself once."
        if self.without_loops and shortcuts.goes_pixel_by_pixel(candidate, copy.deepcopy(self.probes[-1])):
            return "right, pixel by pixel: on real images that takes minutes. Write it once without such a loop."
        return "right."

    def _known(self, wanted: list[Outcome], given: list[Outcome]) -> Misconception | None:
        """The misconception that gives the same on all probes, where that is not what is wanted."""
        if not any(differ(want, have) for want, have in zip(wanted, given, strict=True)):
            return None
        known = (known for known in self.misconceptions if self._matches(given, known.wrong))
        return next(known, None) or next((both for both in self._pairs if self._matches(given, both.wrong)), None)

    @cached_property
    def _pairs(self) -> list[Misconception]:
        """Two slips at once, wherever they can be made together; needed only where no single one is recognised."""
        return [
            Misconception(
                f"{one.name}+{other.name}",
                f"{one.sentence}\nAnd: {other.sentence}",
                wrong_version(self._solution, one, other),
            )
            for one, other in pairs(self._solution, self._slips)
        ]

    def _matches(self, given: list[Outcome], wrong: Callable[..., Any]) -> bool:
        """Whether a candidate's outcomes are those of a known wrong version, or of a variant of it, on all probes."""
        for version in (wrong, *getattr(wrong, "variants", ())):
            known = (self._versions.known_outcome(version, number) for number in range(len(self.probes)))
            if not any(differ(gives, have) for gives, have in zip(known, given, strict=True)):
                return True
        return False

    def _failure(
        self,
        candidate: Callable[..., Any],
        wanted: list[Outcome],
        given: list[Outcome],
        known: Misconception | None,
    ) -> Verdict | None:
        for probe, have in zip(self.probes, given, strict=True):
            if have.error is not None:
                raised = f"{type(have.error).__name__}: {have.error}"
                advice = next((text for key, text in self.common_errors.items() if key in raised), "")
                found = self._raised(have.error, candidate, probe)
                text = "\n".join(filter(None, [f"not yet. {known.sentence}" if known else advice, found]))
                return Verdict("error", text, known.name if known else "")
        if known is None and all(want.value is not None for want in wanted):  # where None may be right it is no slip
            for probe, have in zip(self.probes, given, strict=True):
                if have.value is None:
                    return Verdict("wrong", f"your code gives None; is a `return` missing?\n{self._in_short(probe)}")
        return None

    def _raised(self, error: BaseException, candidate: Callable[..., Any], probe: tuple[Any, ...]) -> str:
        if isinstance(error, UnlikeModule):
            names = inspect.signature(self._solution).parameters
            built = ", ".join(f"{name} = {value}" for name, value in zip(names, self._build or (), strict=False))
            return f"{error}\nIt was built with {built}."
        line = where_raised(error, candidate)
        return f"your code raised {type(error).__name__}: {error}{line}\n{self._in_short(probe)}"

    def _problem_of_form(self, wanted: list[Outcome], given: list[Outcome]) -> Verdict | None:
        pairs = list(zip(self.probes, wanted, given, strict=True))
        for probe, want, have in pairs:
            problem = judging.form_difference(want.value, have.value)
            if problem:
                fixed = judging.fixed_size([want.value for want in wanted], [have.value for have in given])
                numbers = isinstance(want.value, list)  # as many as are right: which ones says more than how many
                told = described(self._parameters(), probe) if numbers else self._in_short(probe)
                text = f"the form of the answer is not right. {problem}{fixed}\n{told}"
                return Verdict("error" if judging.is_used_up(have.value) else "wrong", text)
        for _, want, have in pairs:
            if have.changed is not None and want.changed is None:
                name = self._parameters()[have.changed]
                return Verdict("wrong", f"your code changes its argument `{name}` in place; work on a copy.")
        return None

    def _problem_of_gradient(self, candidate: Callable[..., Any]) -> Verdict | None:
        if not self.differentiable:
            return None
        problems = []
        for number, probe in enumerate(self.probes):
            if not size_of([self._versions.known_outcome(self._solution, number).value]):
                continue  # of an answer without elements nothing is learnt
            wanted, given = self._versions.wanted_gradients(number), self._versions.gradients(candidate, number)
            for name, asked_for, want, have in zip(self._parameters(), self._learning(), wanted, given, strict=False):
                problem = gradients.problem(name, want, have) if asked_for else None
                if problem:
                    says_more = any(part is not None and part.any() for part in want)
                    problems.append((not says_more, f"not yet. {problem}\n{self._in_short(probe)}"))
        if not problems:
            return None
        # Told where there is something to learn, if anywhere: a constant in the place of a gradient of 0 is another matter.
        return Verdict("wrong", min(problems, key=lambda found: found[0])[1])

    def _problem_of_training(self, candidate: Callable[..., Any]) -> Verdict | None:
        """What is wrong with a module that gives the right values when it is evaluated."""
        if self.kind != "module" or self._versions.drops_at_random:
            return None
        for number, probe in enumerate(self.probes):
            wanted = self._versions.known_outcome(self._solution, number, training=True)
            if differ(wanted, self._versions.outcome(candidate, number, training=True)):
                text = (
                    "not yet. After `eval()` the values are right, in training they are not: is there a layer that does "
                    "something in training only, a dropout or a batch normalisation?"
                )
                return Verdict("wrong", f"{text}\n{self._in_short(probe)}")
            wanted = self._versions.after_training(self._solution, number)
            if wanted.error is None and differ(wanted, self._versions.after_training(candidate, number)):
                text = (
                    "not yet. The values are right, but after training they will not be: a batch norm keeps another mean or "
                    "variance than it should. What is spread over a map is spread behind its norm, which sees it once."
                )
                return Verdict("wrong", f"{text}\n{self._in_short(probe)}")
        untrained = self._versions.untrained_parameters(candidate)
        if untrained:
            text = (
                f"The values are right, but nothing trains {', '.join(f'`{name}`' for name in untrained)}: no gradient gets "
                "there. Is there a `requires_grad`, a `.detach()`, `.data` or `torch.no_grad()` in one place?"
            )
            return Verdict("wrong", f"not yet. {text}")
        return None

    def _first_difference(self, wanted: list[Outcome], given: list[Outcome]) -> str | None:
        for probe, want, have in zip(self.probes, wanted, given, strict=True):
            difference = judging.difference(want.value, have.value)
            if difference:
                # What goes through random weights cannot be followed by hand.
                text = self._in_short(probe) if self.kind == "module" else described(self._parameters(), probe)
                rounded = judging.only_rounded(want.value, have.value)
                return f"{text}: {difference}.{ROUNDED if rounded else ''}"
        return None

    def _in_short(self, probe: tuple[Any, ...]) -> str:
        return in_short(self._parameters(), probe)

    def _parameters(self) -> list[str]:
        function = self._solution.forward if self.kind == "module" else self._solution
        return [name for name in inspect.signature(function).parameters if name != "self"]

    def solution_source(self) -> str:
        return textwrap.dedent(inspect.getsource(self._solution))

    def solved_cell(self, source: str) -> str:
        return replace_definition(source, self.name, self.solution_source())


def _followed_first(probes: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The probes, the first one without an empty array before all others: it can be followed by hand."""
    first = next((number for number, probe in enumerate(probes) if not has_an_empty_array(probe)), 0)
    return [*probes[first : first + 1], *probes[:first], *probes[first + 1 :]]


def _misconception(solution: Callable[..., Any], wrong: Callable[..., Any] | Slip) -> Misconception:
    if isinstance(wrong, Slip):
        return Misconception(wrong.name, wrong.sentence, wrong_version(solution, wrong))
    return Misconception(_name(wrong), _sentence(wrong), wrong)


def _name(wrong: Callable[..., Any]) -> str:
    return wrong.__name__.lstrip("_")


def _sentence(wrong: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(wrong) or "").split())
