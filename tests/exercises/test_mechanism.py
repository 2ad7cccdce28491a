"""The exercise mechanism: what a student is told in every state, on small exercises made up here."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise, NotAttempted, judging, tasks
from course_utils.exercises.questions import Answer, Prediction, Rubric
from course_utils.exercises.record import progress_file, read_progress, record


def weighted_sum(values: Tensor, weights: Tensor) -> Tensor:
    """The sum of values times weights along the last axis."""
    return (values * weights).sum(-1)


def plain_sum(values: Tensor, weights: Tensor) -> Tensor:
    """You forgot the weights."""
    return values.sum(-1)


@pytest.fixture
def exercise() -> Exercise:
    probes = [
        (
            torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 7.0]], dtype=torch.float64),
            torch.tensor([0.5, 0.25, 0.125]).double(),
        ),
        (torch.tensor([[2.0, 3.0]], dtype=torch.float64), torch.tensor([0.1, 0.7]).double()),
    ]
    return Exercise("weighted_sum", weighted_sum, probes, [plain_sum], ["first", "second"], difficulty=2, minutes=4)


def test_untouched_stub_is_not_attempted_and_bound_to_the_solution(exercise: Exercise, capsys) -> None:
    @exercise
    def stub(values: Tensor, weights: Tensor) -> Tensor:
        raise NotAttempted

    assert stub is weighted_sum
    assert "not attempted yet" in capsys.readouterr().out


def test_right_answer_is_bound_and_told_so_every_time(exercise: Exercise, capsys) -> None:
    def mine(values: Tensor, weights: Tensor) -> Tensor:
        return values @ weights

    assert exercise(mine) is mine and exercise(mine) is mine
    first, second = capsys.readouterr().out.splitlines()
    assert first == second == "weighted_sum: right."


def test_known_misconception_is_told_by_its_sentence_and_bound(exercise: Exercise) -> None:
    def mine(values: Tensor, weights: Tensor) -> Tensor:
        return values[..., 0] + values[..., 1:].sum(-1)

    verdict = exercise.judge(mine)
    assert (verdict.status, verdict.misconception) == ("wrong", "plain_sum")
    assert "You forgot the weights." in verdict.text
    assert exercise(mine).__wrapped__ is mine


def test_unknown_mistake_is_told_with_the_smallest_probe(exercise: Exercise) -> None:
    verdict = exercise.judge(lambda values, weights: (values * weights).sum(-1) + 1)
    assert verdict.status == "wrong" and verdict.misconception == ""
    assert "values = [[2, 3]]" in verdict.text and "expected [2.3], got [3.3]" in verdict.text


def test_exception_names_the_students_line_and_binds_the_solution(exercise: Exercise) -> None:
    def mine(values: Tensor, weights: Tensor) -> Tensor:
        missing = values[9]
        return missing

    verdict = exercise.judge(mine)
    assert verdict.status == "error"
    assert "IndexError" in verdict.text and "missing = values[9]" in verdict.text
    assert exercise(mine) is weighted_sum


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda values, weights: None, "`return` missing"),
        (lambda values, weights: (values * weights).sum(-1, keepdim=True), "Expected the shape (1,)"),
        (
            lambda values, weights: ((values * weights).sum(-1), 1),
            "Expected one array of shape (1,), but got a tuple of 2",
        ),
        (lambda values, weights: (values * weights).sum(-1) > 0, "Expected decimal numbers, but got truth values"),
        (lambda values, weights: values.mul_(weights).sum(-1), "changes its argument `values` in place"),
        (lambda values, weights: ((values * weights).sum(-1),), "but got a tuple of 1 value."),
        (lambda values, weights: (values * weights).sum(-1) + 7j, "but got complex numbers"),
        (lambda values, weights: "twelve", "Expected numbers, but got strings"),
        (lambda values, weights: ["1.5"], "leave out the quotes"),
    ],
)
def test_wrong_form_is_told(exercise: Exercise, wrong, told: str) -> None:
    verdict = exercise.judge(wrong)
    assert verdict.status == "wrong" and told in verdict.text


def test_known_misconception_of_another_shape_is_told_by_its_sentence(exercise: Exercise) -> None:
    def axis_kept(values: Tensor, weights: Tensor) -> Tensor:
        """You kept the axis that was summed over."""
        return (values * weights).sum(-1, keepdim=True)

    known = Exercise("weighted_sum", weighted_sum, exercise.probes, [plain_sum, axis_kept], ["first"])
    verdict = known.judge(lambda values, weights: (values @ weights)[:, None])
    assert (verdict.status, verdict.misconception) == ("wrong", "axis_kept")


def test_a_list_is_taken_for_a_tuple() -> None:
    def size_and_step(n: int) -> tuple[int, int]:
        """Two numbers."""
        return 3 * n, n + 1

    pair = Exercise("size_and_step", size_and_step, [(4,), (5,)], [], ["first"])
    assert pair.judge(lambda n: [3 * n, n + 1]).status == "right"
    assert pair.judge(lambda n: [3 * n, n]).status == "wrong"


def test_a_tuple_is_taken_for_a_list() -> None:
    def multiples(n: int) -> list[int]:
        """n multiples of n."""
        return [n * factor for factor in range(n)]

    def rows_of_two(n: int) -> list[Tensor]:
        """Rows of different lengths."""
        return [torch.arange(n), torch.arange(n + 1)]

    numbers = Exercise("multiples", multiples, [(4,), (5,)], [], ["first"])
    assert numbers.judge(lambda n: tuple(multiples(n))).status == "right"
    assert numbers.judge(lambda n: (*multiples(n), 0)).status == "wrong"
    assert numbers.judge(lambda n: (1, *multiples(n)[1:])).status == "wrong"
    rows = Exercise("rows_of_two", rows_of_two, [(4,), (5,)], [], ["first"])
    assert rows.judge(lambda n: tuple(rows_of_two(n))).status == "right"
    assert rows.judge(lambda n: tuple(rows_of_two(n)[::-1])).status == "wrong"


@pytest.mark.parametrize(
    "odd",
    [
        lambda values, weights: np.array([object()]),
        lambda values, weights: torch.empty(2, device="meta"),
        lambda values, weights: 10**30,
        lambda values: values,
        lambda values, weights: raise_system_exit(),
        None,
    ],
)
def test_odd_answers_get_a_verdict_and_no_traceback(exercise: Exercise, odd) -> None:
    assert exercise.judge(odd).status in ("wrong", "error")
    assert callable(exercise(odd))


def raise_system_exit() -> None:
    raise SystemExit(1)


def test_a_flipped_numpy_view_is_compared(exercise: Exercise) -> None:
    assert exercise.judge(lambda v, w: np.asarray(v @ w)[::-1][::-1]).status == "right"


def test_numpy_list_and_float32_answers_count_but_not_a_coarse_one(exercise: Exercise) -> None:
    assert exercise.judge(lambda v, w: np.asarray(v) @ np.asarray(w)).status == "right"
    assert exercise.judge(lambda v, w: (v @ w).tolist()).status == "right"
    assert exercise.judge(lambda v, w: v.float() @ w.float()).status == "right"
    assert exercise.judge(lambda v, w: (v @ w) * (1 + 1e-5)).status == "wrong"
    assert exercise.judge(lambda v, w: (v @ w).float() * (1 + 1e-3)).status == "wrong"


def test_a_numpy_answer_is_bound_as_a_function_that_gives_tensors(exercise: Exercise) -> None:
    bound = exercise(lambda v, w: np.asarray(v) @ np.asarray(w))
    assert torch.equal(bound(torch.ones(2, 3), torch.ones(3)), torch.tensor([3.0, 3.0]))
    assert isinstance(exercise(lambda v, w: (v @ w).tolist())(torch.ones(2, 3), torch.ones(3)), Tensor)


def test_advice_is_added_to_an_error_that_people_often_make() -> None:
    advice = {"index out of range": "Count from 0."}
    task = Exercise("first", lambda x: x[0], [([1.5, 2.5],)], [], ["?"], common_errors=advice)
    assert "Count from 0." in task.judge(lambda x: x[9]).text
    other = task.judge(lambda x: x.missing)
    assert "Count from 0." not in other.text


def test_integers_are_not_accepted_where_truth_values_are_asked_for() -> None:
    task = Exercise("positive", lambda x: x > 0, [(torch.tensor([-1.0, 2.0]),)], [], ["?"])
    assert task.judge(lambda x: (x > 0).long()).status == "wrong"
    assert task.judge(lambda x: [False, True]).status == "right"


def test_nan_is_equal_to_nan_only() -> None:
    nan, one = torch.tensor([float("nan")]), torch.tensor([1.0])
    assert judging.difference(nan, nan) is None
    assert judging.difference(nan, one) and judging.difference(one, nan)
    assert judging.difference(torch.tensor([float("inf")]), one)


class TinyNet(nn.Module):
    """A linear layer and its ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).relu()


class ForgottenReLU(nn.Module):
    """The ReLU is missing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@pytest.fixture
def module_exercise() -> Exercise:
    probe = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0], [7.0, 9.0, -8.0]], dtype=torch.float64)
    return Exercise("TinyNet", TinyNet, [(probe,), (-probe,)], [ForgottenReLU], ["hint"], build=(3,))


def test_module_is_given_the_solutions_weights_whatever_its_layers_are_called(module_exercise: Exercise) -> None:
    class Mine(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            torch.rand(5)
            self.other_name = nn.Linear(channels, 2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.other_name(x))

    before = torch.random.get_rng_state()
    assert module_exercise.kind == "module"
    assert module_exercise.judge(Mine).status == "right"
    assert torch.equal(before, torch.random.get_rng_state())


def test_module_mistakes_are_told(module_exercise: Exercise) -> None:
    class Wide(ForgottenReLU):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.layer = nn.Linear(channels, 3)

    class Stub(nn.Module):
        def __init__(self, channels: int) -> None:
            raise NotAttempted

    assert module_exercise.judge(ForgottenReLU).misconception == "ForgottenReLU"
    assert "Missing: weight (2, 3), bias (2,). Too many: weight (3, 3), bias (3,)." in module_exercise.judge(Wide).text
    assert module_exercise(Stub) is TinyNet


def test_spot_the_bug_is_not_attempted_while_it_does_what_the_given_version_does() -> None:
    def given(x: Tensor) -> Tensor:
        """This is still the version given: it doubles."""
        return 2 * x

    task = Exercise("square", lambda x: x * x, [(torch.tensor([3.0, 5.0]),)], [], ["?"], given=given)
    verdict = task.judge(lambda x: x + x)
    assert verdict.status == "not attempted" and "still the version given" in verdict.text
    assert task.misconceptions[0].name == "given"
    assert task.judge(lambda x: x**2).status == "right"
    assert task.judge(lambda x: x**3).status == "wrong"


def test_number_answers() -> None:
    task = Answer("share", "How much?", 0.25, [("per_cent", 25, "Divide by 100.")], ["half of a half"], tolerance=1e-3)
    assert task.answer(...) == 0.25 and task.judge(...).status == "not attempted"
    assert task.judge(0.25).status == "right" and task.judge(np.float32(0.25)).status == "right"
    assert task.judge(torch.tensor(0.2501)).status == "right" and task.judge(0.26).status == "wrong"
    assert task.judge(25).misconception == "per_cent" and task.answer(25) == 25
    for odd in (10**30 * 10**300, 1j, np.array(["x"]), torch.empty((), device="meta"), None, float("nan")):
        assert task.judge(odd).status == "error"
    assert task.judge("a quarter").status == "error" and task.answer("a quarter") == 0.25


def test_choice_and_table_answers() -> None:
    choice = Answer("which", "Which?", "b", [("first", "a", "a is the other one.")], [], options=("a", "b"))
    assert choice.judge("b").status == "right" and choice.judge("c").status == "error"
    assert choice.judge("B").status == "right"
    assert choice.judge("a").misconception == "first"
    table = Answer("table", "?", {"x": 1, "y": 2}, [("swapped", ("x", 2), "x comes first.")], [])
    assert table.judge({"x": ..., "y": ...}).status == "not attempted"
    assert table.answer({"x": ..., "y": 7}) == {"x": 1, "y": 7}
    assert "1 of 2 answered" in table.judge({"x": 1, "y": ...}).text
    assert table.judge({"x": 2, "y": 2}).misconception == "swapped"
    assert "Look again at: y" in table.judge({"x": 1, "y": 5}).text
    assert "'y' is missing; 'z' is not asked for" in table.judge({"x": 1, "z": 3}).text
    assert "1 more to look at again" in table.judge({"x": 2, "y": 5}).text
    assert table.judge([1, 2]).status == "error"
    assert table.judge({"x": 1, "y": 2}).status == "right"


def test_truth_values_are_taken_for_the_words_true_and_false() -> None:
    known = [("no", ("wet", "false"), "Water is wet.")]
    table = Answer("water", "?", {"wet": "true", "dry": "false"}, known, [], options=("true", "false"))
    assert table.judge({"wet": True, "dry": False}).status == "right"
    assert table.judge({"wet": "True", "dry": False}).status == "right"
    assert table.judge({"wet": False, "dry": False}).misconception == "no"
    for odd in (1, None, np.array(["true", "false"]), torch.tensor([True, False])):
        assert table.judge({"wet": odd, "dry": False}).status == "error"
    assert table.answer({"wet": True, "dry": ...}) == {"wet": "true", "dry": "false"}
    choice = Answer("wet", "?", "true", [("no", "false", "Water is wet.")], [], options=("true", "false"))
    assert choice.judge(True).status == "right" and choice.judge(False).misconception == "no"
    assert choice.answer(False) == "false"
    letters = Answer("letter", "?", "a", [], [], options=("a", "b"))
    assert letters.judge(True).status == "error"
    assert Answer("number", "?", 1.0, [], []).judge(True).status == "error", "a truth value is no number"


def test_prediction_is_shown_beside_what_was_measured_and_never_judged(capsys) -> None:
    task = Prediction("guess", "How much?", [], explanation="So it is.")
    task.predict(...)
    task.reveal(0.5)
    task.predict(0.2)
    task.reveal(torch.tensor(0.5))
    for odd in ("much", 1.5, float("nan"), float("inf")):
        task.predict(odd)
    out = capsys.readouterr().out
    assert out.count("predict one number from 0 to 1") == 4
    assert "guess: Measured: 0.50. So it is." in out
    assert "You predicted 0.20. Measured: 0.50." in out and "got 'much'" in out
    assert "right" not in out and "wrong" not in out.replace("a wrong guess costs nothing", "")


def test_a_share_where_per_cent_are_asked_for_is_asked_about(capsys) -> None:
    def told(guess: float, limits: tuple[float, float]) -> str:
        Prediction("guess", "How many?", [], explanation="So.", limits=limits, digits=0).predict(guess)
        return capsys.readouterr().out

    task = Prediction("guess", "How many?", [], explanation="So.", limits=(0, 100), digits=0)
    task.predict(0.25)
    task.reveal(11.2)
    assert "You predicted 0.25. Measured: 11." in capsys.readouterr().out
    assert "you predict 0.3 per cent. If you meant the share 0.3" in told(0.3, (0, 100))
    for plain in (told(30, (0, 100)), told(0, (0, 100)), told(1, (0, 100)), told(0.3, (0, 1))):
        assert "per cent" not in plain and "you predict" in plain


def test_rubric_is_done_when_all_is_ticked(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    task = Rubric("essay", "Write.", ["It is short.", "It is true."], "A short true text.")
    task.rubric()
    first, second, _ = shown[0].children
    first.value = True
    assert read_progress().get("essay") != "done"
    second.value = True
    assert read_progress()["essay"] == "done"


def test_hints_come_one_more_each_time_and_the_solution_is_its_source(exercise: Exercise, capsys) -> None:
    exercise.hint()
    assert "first" in (one := capsys.readouterr().out) and "second" not in one
    exercise.hint()
    exercise.hint()
    assert capsys.readouterr().out.count("second") == 2
    exercise.solution()
    assert "return (values * weights).sum(-1)" in capsys.readouterr().out


def test_solved_cells() -> None:
    task = Exercise("weighted_sum", weighted_sum, [], [], [])
    cell = "import torch\n\n@exercise.weighted_sum\ndef weighted_sum(values, weights):\n    raise NotAttempted\n\nprint('on')"
    solved = task.solved_cell(cell)
    assert "NotAttempted" not in solved and "@exercise.weighted_sum\ndef weighted_sum(values: Tensor" in solved
    assert solved.startswith("import torch\n") and solved.endswith("print('on')")
    answer = Answer("table", "?", {"é": 1, "y": 2}, [], [])
    assert (
        answer.solved_cell('t = exercise.table.answer({"é": ..., "y": ...})')
        == 't = exercise.table.answer({"é": 1, "y": 2})'
    )
    number = Answer("n", "?", 0.5, [], [])
    assert number.solved_cell("x = exercise.n.answer(...)  # here") == "x = exercise.n.answer(0.5)  # here"
    with pytest.raises(ValueError, match="should define something decorated"):
        task.solved_cell("x = 1")


def test_progress_is_kept_and_only_ever_raised(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    assert read_progress() == {}
    record("a", "wrong")
    record("a", "right")
    record("a", "error")
    record("b", "not attempted")
    assert read_progress() == {"a": "right"}
    progress_file().write_text("{broken")
    assert read_progress() == {}
    assert list(progress_file().parent.glob("*unreadable*")), "an unreadable file is set aside, not lost"


def test_strict_runs_leave_the_progress_file_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_STRICT", "1")
    record("a", "right")
    assert not progress_file().exists() and read_progress() == {}


def test_a_report_has_one_line_for_every_answer(tmp_path, monkeypatch, exercise: Exercise) -> None:
    monkeypatch.setenv("COURSE_REPORT", str(tmp_path / "report.jsonl"))
    monkeypatch.setenv("COURSE_STRICT", "1")
    exercise(plain_sum)
    exercise(weighted_sum)
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert lines == [
        {"exercise": "weighted_sum", "status": "wrong", "misconception": "plain_sum"},
        {"exercise": "weighted_sum", "status": "right", "misconception": ""},
    ]


def test_a_lesson_without_exercises_is_refused() -> None:
    with pytest.raises(ValueError, match="no lesson 99"):
        tasks(99)
