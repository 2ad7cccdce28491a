"""The judge whatever the caller has set, and the caller's state whatever an answer sets."""

import copy
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import _get_current_function_mode_stack

import course_utils.exercises
from course_utils.exercises import Exercise, tasks
from course_utils.exercises.neutral import neutral_state
from course_utils.exercises.questions import Answer, Prediction
from course_utils.exercises.versions import Versions
from course_utils.lessons import LESSONS

PRODUCTS = (torch.backends.mkldnn.matmul, torch.backends.cuda.matmul)
CODE = [task for lesson in LESSONS for task in tasks(lesson) if isinstance(task, Exercise)]


@contextmanager
def having_set(write: Callable[[Any], Any], value: Any, usual: Any) -> Iterator[None]:
    write(value)
    try:
        yield
    finally:
        write(usual)


@contextmanager
def coarse_products() -> Iterator[None]:
    with having_set(torch.set_float32_matmul_precision, "medium", "highest"):
        yield
    for each in PRODUCTS:
        each.fp32_precision = "none"  # as it is where nobody has set anything


# What a caller may have set, each as a context.
CALLERS: dict[str, Callable[[], AbstractContextManager]] = {
    "no gradients": lambda: having_set(torch.set_grad_enabled, False, True),
    "inference mode": torch.inference_mode,
    "float64": lambda: having_set(torch.set_default_dtype, torch.float64, torch.float32),
    "default device": lambda: having_set(torch.set_default_device, "meta", None),
    "in a device": lambda: torch.device("meta"),
    "deterministic": lambda: having_set(torch.use_deterministic_algorithms, True, False),
    "coarse products": coarse_products,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "warnings as errors": lambda: warnings.catch_warnings(action="error"),
    "numpy raises": lambda: np.errstate(all="raise"),
}

# All of them, in as few runs of the whole bank as can be: none hides what another does.
TOGETHER = {
    "settings": [name for name in CALLERS if name not in ("inference mode", "default device", "in a device")],
    "modes": ["inference mode", "default device"],
    "in a device": ["in a device"],
}


def state() -> dict[str, Any]:
    """All that an answer could change for its caller; arrays and tensors as bytes."""
    of_numpy = np.random.get_state()  # noqa: NPY002
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "modes": _get_current_function_mode_stack(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "filled": torch.utils.deterministic.fill_uninitialized_memory,
        "anomaly": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "threads": torch.get_num_threads(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "precision": [torch.get_float32_matmul_precision(), *(each.fp32_precision for each in PRODUCTS)],
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "torch": (torch.initial_seed(), torch.get_rng_state().numpy().tobytes()),
        "numpy": (of_numpy[1].tobytes(), of_numpy[2:]),
        "python": random.getstate(),
        "numpy errors": np.geterr(),
        "numpy prints": str(np.get_printoptions()),
        "warnings": list(warnings.filters),
    }


def set_everything() -> None:
    torch.set_grad_enabled(not torch.is_grad_enabled())
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_autocast_enabled("cpu", True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = True
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    np.seterr(all="raise")
    np.set_printoptions(precision=2)
    warnings.simplefilter("error")


def fresh(task: Exercise) -> Exercise:
    """The exercise with nothing kept of what its versions gave before."""
    one = copy.copy(task)
    one._versions = Versions(task._solution, task.probes, task._build)
    return one


def detached(task: Exercise) -> Callable[..., Any]:
    """The solution, its answer cut off from its arguments."""
    if task.kind != "module":
        return lambda *arguments: _cut(task._solution(*arguments))

    class Detached(task._solution):
        def forward(self, *arguments: Any) -> Any:
            return _cut(super().forward(*arguments))

    return Detached


def _cut(answer: Any) -> Any:
    return answer.detach() if isinstance(answer, Tensor) else type(answer)(_cut(part) for part in answer)


@pytest.mark.parametrize("callers", TOGETHER.values(), ids=TOGETHER)
def test_verdicts_do_not_depend_on_what_the_caller_has_set(callers: list[str]) -> None:
    bank = [fresh(task) for task in CODE]
    with ExitStack() as stack:
        for caller in callers:
            stack.enter_context(CALLERS[caller]())
        before = state()
        solved = {task.name: task.judge(task._solution).status for task in bank}
        cut = {task.name: task.judge(detached(task)) for task in bank if task.differentiable}
        after = state()
    assert set(solved.values()) == {"right"}, solved
    assert len(cut) >= 7
    assert all(verdict.status == "wrong" and "no gradient gets back" in verdict.text for verdict in cut.values()), cut
    assert before == after


def added(x: Tensor, y: Tensor) -> Tensor:
    """x + y."""
    return x + y


def subtracted(x: Tensor, y: Tensor) -> Tensor:
    """You take y away: it is to be added."""
    return x - y


def drawn(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, generator=generator), torch.randn(2, 3, generator=generator).double()


@pytest.fixture
def exercise() -> Exercise:
    return Exercise("added", added, [], [subtracted], ["?"], draw=drawn, differentiable=True)


@pytest.mark.parametrize("caller", [None, *CALLERS])
def test_what_an_answer_sets_is_gone_afterwards(caller: str | None, exercise: Exercise) -> None:
    seen = []

    def sets(x: Tensor, y: Tensor) -> Tensor:
        exact = torch.backends.mkldnn.matmul.fp32_precision == "none"
        numbers = torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002
        seen.append((torch.get_default_dtype(), torch.is_grad_enabled(), exact, *numbers))
        answer = x + y
        set_everything()
        return answer

    def sets_and_raises(x: Tensor, y: Tensor) -> Tensor:
        set_everything()
        raise ValueError("no")

    with CALLERS[caller]() if caller else neutral_state():
        before = state()
        assert exercise.judge(lambda x, y: x - y).misconception == "subtracted"
        assert exercise.judge(sets).status == "right"
        assert exercise.judge(sets_and_raises).status == "error"
        assert exercise(sets) is sets
        assert state() == before
    numbers = torch.rand(1, generator=torch.Generator().manual_seed(0)).item(), random.Random(0).random()
    fresh = torch.float32, True, True, *numbers, np.random.RandomState(0).rand()
    assert len(seen) > 2 * 6 and seen == len(seen) * [fresh], "each run begins in the same state"


def test_an_interruption_leaves_the_callers_state(exercise: Exercise) -> None:
    def interrupted(x: Tensor, y: Tensor) -> Tensor:
        set_everything()
        raise KeyboardInterrupt

    before = state()
    with pytest.raises(KeyboardInterrupt):
        exercise.judge(interrupted)
    assert state() == before


def test_a_module_that_is_built_under_another_state_leaves_it(exercise: Exercise) -> None:
    class Scale(torch.nn.Module):
        """One factor."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(width, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

    class Rude(Scale):
        def __init__(self, width: int) -> None:
            super().__init__(width)
            set_everything()

    task = Exercise("Scale", Scale, [(torch.rand(2, 3).double(),)], [], ["?"], build=(3,))
    before = state()
    assert task.judge(Rude).status != "error"
    assert state() == before


def test_what_is_bound_runs_in_the_callers_state(exercise: Exercise) -> None:
    bound = exercise(lambda x, y: x + y if torch.is_grad_enabled() else x.new_full((), torch.finfo().bits))
    with CALLERS["no gradients"](), CALLERS["float64"]():
        assert bound(torch.zeros(1), torch.zeros(1)) == 64


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_about_numbers_are_bound(caller: str) -> None:
    def scaled(x: Tensor, factor: float) -> Tensor:
        """x times the factor."""
        return x * factor

    def mine(x: Tensor, factor: float) -> list[float]:
        return (x * factor).tolist()

    task = Exercise("scaled", scaled, [(torch.tensor([1.0, 2.0]), 1.5)], [], ["?"])
    with CALLERS[caller]():
        bound = task(mine)
    assert isinstance(bound(torch.ones(2), 2.0), Tensor)


def test_float32_answers_stay_float32_under_autocast() -> None:
    def product(x: Tensor, y: Tensor) -> Tensor:
        """x @ y."""
        return x @ y

    task = Exercise("product", product, [(torch.rand(3, 4), torch.rand(4, 2))], [], ["?"])
    with CALLERS["autocast"]():
        assert task.judge(lambda x, y: (x[:, :, None] * y).sum(1)).status == "right"


@pytest.mark.parametrize("caller", CALLERS)
def test_probes_are_drawn_the_same(caller: str, exercise: Exercise) -> None:
    with CALLERS[caller]():
        probes = Exercise("added", added, [], [subtracted], ["?"], draw=drawn).probes
    assert_alike(probes, exercise.probes)


def test_lessons_are_imported_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    package = course_utils.exercises
    # The lessons' own modules, those in a lesson's folder, and the mistakes and probes of lessons that have none.
    for name in [name for name in sys.modules if re.match(rf"{package.__name__}\.\w+_\d\d", name)]:
        monkeypatch.delitem(sys.modules, name)
        if name.count(".") == package.__name__.count(".") + 1:
            monkeypatch.delattr(package, name.rpartition(".")[2])
    with CALLERS["inference mode"](), CALLERS["float64"](), CALLERS["default device"]():
        exec("from course_utils.exercises import lesson_06", {})
        again = [task for lesson in LESSONS for task in tasks(lesson) if isinstance(task, Exercise)]
    for task, was in zip(again, CODE, strict=True):
        assert task is not was
        assert_alike(task.probes, was.probes)
        assert all(not leaf.is_inference() for leaf in _tensors(task.probes))


def assert_alike(probes: Any, wanted: Any) -> None:
    """Equal, and of the same types and devices."""
    for tensor, want in zip(_tensors(probes), _tensors(wanted), strict=True):
        assert (tensor.dtype, tensor.device) == (want.dtype, want.device) and torch.equal(tensor, want)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in _tensors(part)]
    return [value] if isinstance(value, Tensor) else []


@pytest.mark.parametrize("caller", CALLERS)
def test_numbers_are_numbers_whatever_the_caller_has_set(caller: str, capsys: pytest.CaptureFixture[str]) -> None:
    share = Answer("share", "How much?", 0.25, [("per_cent", 25, "Divide by 100.")], ["half of a half"])
    guess = Prediction("guess", "How much?", [], explanation="So.")
    with CALLERS[caller]():
        assert share.judge(0.25).status == "right" and share.judge(np.float32(0.25)).status == "right"
        assert share.judge([0.25]).status == "error"
        guess.predict(0.5)
        guess.reveal(np.float64(0.75))
    assert "You predicted 0.50. Measured: 0.75" in capsys.readouterr().out


def test_numpy_numbers_become_pythons() -> None:
    bytes_of = Answer("bytes", "How many?", 200, [], [])
    table = Answer("table", "?", {"a": 200, "b": 2.5}, [], [])
    wet = Answer("wet", "?", "true", [("no", "false", "Water is wet.")], [], options=("true", "false"))
    for given in (np.uint8(200), np.array(200, dtype=np.uint8), torch.tensor(200, dtype=torch.uint8)):
        assert bytes_of.judge(given).status == "right"
        assert 2 * bytes_of.answer(given) == 400, "in uint8 it would be 144"
        assert 2 * table.answer({"a": given, "b": np.float32(2.5)})["a"] == 400
    assert isinstance(table.answer({"a": 1, "b": np.float32(2.5)})["b"], float)
    assert wet.judge(np.True_).status == "right" and wet.answer(np.False_) == "false"
    assert bytes_of.answer("many") == 200 and bytes_of.answer(np.array([200])) == 200
