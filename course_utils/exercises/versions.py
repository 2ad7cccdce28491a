"""Running the versions of an exercise on its probes: an answer's anew, the solution's and known wrong ones' once."""

import copy
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from course_utils.exercises import gradients
from course_utils.exercises.neutral import neutral_state
from course_utils.exercises.outcomes import Outcome, call, without_history
from course_utils.exercises.weights import copy_weights, in_order, orders_of, shapes_of

Version = Callable[..., Any]
MOST_ORDERS = 8  # of a module's parts that are tried


class Versions:
    """The versions of one exercise; `build` has the constructor's arguments where they are modules, None for functions.

    To be used in the neutral state; each run has one of its own.
    """

    def __init__(self, solution: Version, probes: Sequence[tuple[Any, ...]], build: tuple[Any, ...] | None) -> None:
        self.solution, self.probes, self.build = solution, probes, build
        self._kept: dict[tuple[Version, int, bool], Outcome] = {}
        self._kept_gradients: dict[int, list[list[Tensor | None]]] = {}

    def outcome(self, candidate: Version, number: int, *, training: bool = False) -> Outcome:
        """What a candidate gives on the probe of this number, computed at each call; a module evaluated, or in training."""
        return call(self._runnable(candidate, training=training), self.probes[number])

    def known_outcome(self, version: Version, number: int, *, training: bool = False) -> Outcome:
        """What the solution or a known wrong version gives there: computed when first asked for, as it never changes."""
        key = version, number, training
        if key not in self._kept:
            self._kept[key] = without_history(self.outcome(version, number, training=training))
        return self._kept[key]

    def in_other_orders(self, candidate: Version) -> list[Version]:
        """The same module, as if its parts had been made in the order of the solution's: in each that its shapes allow."""
        built = self._made(candidate)
        if built is None:
            return []

        def made(order: tuple[str, ...]) -> Version:
            return lambda *build: in_order(candidate(*build), order)

        as_made = tuple(name for name, part in built.named_children() if shapes_of(part))  # already judged
        orders = islice(orders_of(self._built_solution, built), MOST_ORDERS)
        return [made(order) for order in orders if order != as_made]

    def is_made_in_order(self, candidate: Version) -> bool:
        """Whether a module's layers are made in an order in which their shapes are the solution's."""
        built = self._made(candidate)
        return built is None or shapes_of(built) == shapes_of(self._built_solution)

    def after_training(self, candidate: Version, number: int) -> Outcome:
        """What a module gives there, evaluated, after one pass in training of which its batch norms keep everything."""

        def evaluated(*arguments: Any) -> Any:
            built = self._built(candidate).train()
            for layer in built.modules():
                if isinstance(layer, _BatchNorm):
                    layer.momentum = 1.0  # how fast one forgets is no mistake
            built(*copy.deepcopy(arguments))
            return built.eval()(*arguments)

        return call(evaluated, self.probes[number])

    def parts(self, candidate: Version) -> list[nn.Module]:
        """All modules within a module, itself included; none for a function."""
        built = self._made(candidate)
        return [] if built is None else list(built.modules())

    def can_be_trained_with(self, candidate: Version, learning: Sequence[bool]) -> bool:
        """Whether a lesson can train with a version, be it a wrong one: it is finite wherever the solution is, and gradients
        get back to the arguments of which `learning` says so."""
        for number in range(len(self.probes)):
            if _is_finite(self.known_outcome(self.solution, number)) and not _is_finite(
                self.outcome(candidate, number)
            ):
                return False
        wanted, given = self.wanted_gradients(len(self.probes) - 1), self.gradients(candidate, len(self.probes) - 1)
        return not any(
            want is not None and have is None
            for asked_for, wants, haves in zip(learning, wanted, given, strict=False)
            for want, have in zip(wants, haves, strict=True)
            if asked_for
        )

    def untrained_parameters(self, candidate: Version) -> list[str]:
        """The names of a module's parameters that get no gradient, or only zeros, from any probe."""
        built = self._built(candidate).train()
        for probe in self.probes:
            with neutral_state():
                value = built(*copy.deepcopy(probe))
                # Products with fixed random numbers: a plain sum has no gradient where, say, the values of a pixel sum to 1.
                total = sum((part * torch.randn_like(part)).sum() for part in gradients.tensors(value))
            if isinstance(total, Tensor) and total.requires_grad:
                total.backward()
        return [name for name, value in built.named_parameters() if value.grad is None or not value.grad.any()]

    def gradients(self, candidate: Version, number: int) -> list[list[Tensor | None]]:
        """For each argument of the probe of this number, the gradients that get back to its tensors."""
        return gradients.of_arguments(self._runnable(candidate), self.probes[number])

    def wanted_gradients(self, number: int) -> list[list[Tensor | None]]:
        """Those of the solution, computed when first asked for."""
        if number not in self._kept_gradients:
            self._kept_gradients[number] = self.gradients(self.solution, number)
        return self._kept_gradients[number]

    @cached_property
    def drops_at_random(self) -> bool:
        """Whether the solution is a module with a dropout, so that in training no two runs need be equal."""
        return self.build is not None and any(isinstance(part, _DropoutNd) for part in self._built_solution.modules())

    def _runnable(self, candidate: Version, *, training: bool = False) -> Version:
        """A function from a probe's arguments to an answer: the candidate, or the module built from it.

        It runs in the neutral state, so that every module is built under the same seed.
        """
        if self.build is None:
            return candidate
        return lambda *arguments: self._built(candidate).train(training)(*arguments)

    def _made(self, candidate: Version) -> nn.Module | None:
        """The module as it is made; None where there is none, or one that cannot be given the solution's weights."""
        if self.build is None:
            return None
        try:
            with neutral_state(), warnings.catch_warnings(action="ignore"):
                self._built(candidate)
                return candidate(*self.build)
        except Exception:  # whatever a student's code raises
            return None

    def _built(self, candidate: Version) -> nn.Module:
        built = candidate(*(self.build or ()))
        copy_weights(self._built_solution, built)
        return built.double()

    @cached_property
    def _built_solution(self) -> nn.Module:
        """The solution, whose batch norms have counted something: a fresh one, evaluated, changes nothing."""
        with neutral_state():
            built = self.solution(*(self.build or ()))
            for layer in built.modules():
                if isinstance(layer, _BatchNorm) and layer.affine and layer.track_running_stats:
                    for values in (layer.weight.data, layer.running_var):
                        values.uniform_(0.5, 2)
                    for values in (layer.bias.data, layer.running_mean):
                        values.uniform_(-1, 1)
        return built


def _is_finite(outcome: Outcome) -> bool:
    return all(bool(part.isfinite().all()) for part in gradients.tensors(outcome.value))
