"""Running the versions of an exercise on its probes: an answer's anew, the solution's and known wrong ones' once."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from course_utils.exercises import gradients
from course_utils.exercises.neutral import neutral_state
from course_utils.exercises.outcomes import Outcome, call, without_history
from course_utils.exercises.weights import copy_weights

Version = Callable[..., Any]


class Versions:
    """The versions of one exercise; `build` has the constructor's arguments where they are modules, None for functions.

    To be used in the neutral state; each run has one of its own.
    """

    def __init__(self, solution: Version, probes: Sequence[tuple[Any, ...]], build: tuple[Any, ...] | None) -> None:
        self.solution, self.probes, self.build = solution, probes, build
        self._kept: dict[tuple[Version, int], Outcome] = {}
        self._kept_gradients: dict[int, list[list[Tensor | None]]] = {}

    def outcome(self, candidate: Version, number: int) -> Outcome:
        """What a candidate gives on the probe of this number, computed at each call."""
        return call(self._runnable(candidate), self.probes[number])

    def known_outcome(self, version: Version, number: int) -> Outcome:
        """What the solution or a known wrong version gives there: computed when first asked for, as it never changes."""
        if (version, number) not in self._kept:
            self._kept[version, number] = without_history(self.outcome(version, number))
        return self._kept[version, number]

    def gradients(self, candidate: Version, number: int) -> list[list[Tensor | None]]:
        """For each argument of the probe of this number, the gradients that get back to its tensors."""
        return gradients.of_arguments(self._runnable(candidate), self.probes[number])

    def wanted_gradients(self, number: int) -> list[list[Tensor | None]]:
        """Those of the solution, computed when first asked for."""
        if number not in self._kept_gradients:
            self._kept_gradients[number] = self.gradients(self.solution, number)
        return self._kept_gradients[number]

    def _runnable(self, candidate: Version) -> Version:
        """A function from a probe's arguments to an answer: the candidate, or the module built from it.

        It runs in the neutral state, so that every module is built under the same seed.
        """
        build = self.build
        if build is None:
            return candidate

        def run(*arguments: Any) -> Any:
            built = candidate(*build)
            copy_weights(self._built_solution, built)
            return built.double().eval()(*arguments)

        return run

    @cached_property
    def _built_solution(self) -> nn.Module:
        with neutral_state():
            return self.solution(*(self.build or ()))
