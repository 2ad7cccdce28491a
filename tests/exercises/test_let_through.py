"""Kinds of answer that once passed and were wrong, or were refused and right, on small exercises made up here."""

import numpy as np
import pytest
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise, judging, questions, telling


def _double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def running_sum(x: Tensor) -> Tensor:
    """The sums of x (N,) up to each of its elements."""
    return torch.stack([x[: n + 1].sum() for n in range(len(x))])


def how_many(x: Tensor) -> int:
    """How many elements of x (N,) are above 0."""
    return int((x > 0).sum())


def signs(x: Tensor) -> Tensor:
    """For each element of x (H, W) whether it is above 0: 1 or 0, whole numbers."""
    return (x > 0).long()


class TwoLayers(nn.Module):
    """Two convolutions 3 × 3 with a ReLU between, from `channels` to `channels`."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.second = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(F.relu(self.first(x)))


@pytest.fixture
def sums() -> Exercise:
    probes = [(_double(1.5, -2.25, 4),), (_double(3, 0.5),)]
    return Exercise("running_sum", running_sum, probes, [], ["go on"], library=["cumsum"], differentiable=True)


@pytest.fixture
def counts() -> Exercise:
    return Exercise("how_many", how_many, [(_double(1.5, -2, 4),), (_double(-3, 0.5),)], [], ["count"])


@pytest.fixture
def marks() -> Exercise:
    probes = [(torch.tensor([[1.5, -2, 4], [0, 3, -1]]).double(),), (_double(-3, 0.5)[None],)]
    return Exercise("signs", signs, probes, [], ["compare"], without_loops=True)


@pytest.fixture
def two_layers() -> Exercise:
    probes = [(torch.linspace(-2, 3, 2 * 2 * 4 * 5, dtype=torch.float64).reshape(2, 2, 4, 5),)]
    return Exercise("TwoLayers", TwoLayers, probes, [], ["two"], build=(2, 5))


def test_a_dropout_is_found_in_training_mode(two_layers: Exercise) -> None:
    class Mine(TwoLayers):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(super().forward(x), 0.5, self.training)

    verdict = two_layers.judge(Mine)
    assert verdict.status == "wrong" and "in training they are not" in verdict.text


def test_a_solution_with_dropout_is_compared_when_evaluated_only() -> None:
    class Dropping(TwoLayers):
        """Two layers and a dropout, which is a module."""

        def __init__(self, channels: int, width: int) -> None:
            super().__init__(channels, width)
            self.drop = nn.Dropout2d()

        def forward(self, x: Tensor) -> Tensor:
            return self.drop(super().forward(x))

    task = Exercise("Dropping", Dropping, [(torch.rand(1, 2, 3, 4).double(),)], [], ["two"], build=(2, 5))
    assert task.judge(TwoLayers).status == "right"


def test_frozen_and_detached_parameters_are_named(two_layers: Exercise) -> None:
    class Frozen(TwoLayers):
        def __init__(self, channels: int, width: int) -> None:
            super().__init__(channels, width)
            self.first.weight.requires_grad_(False)

    class Detached(TwoLayers):
        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(F.relu(self.first(x)), self.second.weight.detach(), self.second.bias, padding=1)

    assert "nothing trains `first.weight`" in two_layers.judge(Frozen).text
    assert "nothing trains `second.weight`" in two_layers.judge(Detached).text
    assert two_layers.judge(TwoLayers).status == "right"


def test_weights_in_lists_of_parameters_are_taken(two_layers: Exercise) -> None:
    class Mine(nn.Module):
        def __init__(self, channels: int, width: int) -> None:
            super().__init__()
            layers = [nn.Conv2d(channels, width, 3), nn.Conv2d(width, channels, 3)]
            self.biases = nn.ParameterList([layer.bias for layer in layers])
            self.weights = nn.ParameterList([layer.weight for layer in layers])

        def forward(self, x: Tensor) -> Tensor:
            x = F.relu(F.conv2d(x, self.weights[0], self.biases[0], padding=1))
            return F.conv2d(x, self.weights[1], self.biases[1], padding=1)

    assert two_layers.judge(Mine).status == "right"


def test_a_wrong_module_that_raises_later_gives_way_to_the_solution(two_layers: Exercise, capsys) -> None:
    class Mine(TwoLayers):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 2:
                raise RuntimeError("too many")
            return super().forward(x) + 1

    bound = two_layers(Mine)
    assert "The lesson goes on with your version." in capsys.readouterr().out
    built = bound(2, 5)
    x = torch.rand(3, 2, 4, 4)
    assert torch.equal(built(x[:2]), TwoLayers.forward(built, x[:2]) + 1)
    assert torch.equal(built(x), TwoLayers.forward(built, x))
    assert "your version raises RuntimeError here: too many" in capsys.readouterr().out
    assert built.state_dict().keys() == TwoLayers(2, 5).state_dict().keys()


def test_a_wrong_function_that_raises_later_gives_way_to_the_solution(sums: Exercise, capsys) -> None:
    bound = sums(lambda x: x[0] + x * torch.ones(3).double()[: len(x)])
    capsys.readouterr()
    assert torch.equal(bound(_double(1, 2, 3, 4)), _double(1, 3, 6, 10))
    told = capsys.readouterr().out
    assert "your version raises RuntimeError here" in told and "goes on with the solution" in told


def test_an_answer_of_another_form_gives_way_at_once(sums: Exercise, capsys) -> None:
    assert sums(lambda x: x.sum()) is running_sum
    assert capsys.readouterr().out.endswith("The lesson goes on with the solution.\n")


def test_whole_floats_count_and_are_bound_as_whole_numbers(counts: Exercise, marks: Exercise) -> None:
    assert counts.judge(lambda x: float((x > 0).sum())).status == "right"
    assert isinstance(counts(lambda x: float((x > 0).sum()))(_double(1, -2)), int)
    assert marks.judge(lambda x: (x > 0).double()).status == "right"
    assert marks(lambda x: (x > 0).float())(torch.ones(2, 3)).dtype == torch.int64
    assert counts.judge(lambda x: how_many(x) + 0.5).status == "wrong"
    assert marks.judge(lambda x: (x > 0).double() * 0.5).status == "wrong"
    assert marks.judge(lambda x: x > 0).status == "wrong"


def test_a_list_of_whole_floats_is_bound_as_whole_numbers() -> None:
    def halves(numbers: list[int]) -> list[int]:
        """Half of each even number."""
        return [number // 2 for number in numbers]

    task = Exercise("halves", halves, [([4, 10],)], [], ["?"])
    bound = task(lambda numbers: [number / 2 for number in numbers])
    assert bound([6, 2]) == [3, 1] and all(type(number) is int for number in bound([6, 2]))


@pytest.mark.parametrize("kind", [torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr, scipy.sparse.csr_array])
def test_sparse_answers_count_and_are_bound_as_dense_ones(marks: Exercise, kind) -> None:
    bound = marks(lambda x: kind(signs(x)))
    assert marks.judge(lambda x: kind(signs(x))).status == "right"
    assert torch.equal(bound(torch.tensor([[1.0, -1.0]])), torch.tensor([[1, 0]]))
    assert marks.judge(lambda x: kind(1 - signs(x))).status == "wrong"


def test_a_float32_on_the_way_is_named() -> None:
    probes = [(_double(1.1, -2.3, 4.7),), (_double(3.3, 0.7),)]
    task = Exercise("running_sum", running_sum, probes, [], ["go on"])
    verdict = task.judge(lambda x: x.cumsum(0) * (1 + 3e-6))
    assert verdict.status == "wrong" and "computes in float32" in verdict.text
    assert "float32" not in task.judge(lambda x: x.cumsum(0) + 0.01).text
    assert task.judge(lambda x: x.float().cumsum(0)).status == "right"


def test_an_answer_by_the_library_is_right_and_told_so(sums: Exercise) -> None:
    def by_the_library(x: Tensor) -> Tensor:
        return x.cumsum(0)

    verdict = sums.judge(by_the_library)
    assert verdict.status == "right" and "`cumsum` does all of it" in verdict.text
    assert "cumsum" in sums.judge(lambda x: torch.cumsum(x, 0)).text
    assert sums.judge(lambda x: torch.ones(len(x), len(x)).double().tril() @ x).text == "right."
    assert (
        "cumsum"
        in Exercise("running_sum", torch.cumsum, [(_double(1, 2), 0)], [], [], library=["cumsum"])
        .judge(torch.cumsum)
        .text
    )


def test_an_answer_that_goes_through_the_pixels_is_right_and_told_so(marks: Exercise) -> None:
    def one_by_one(x: Tensor) -> Tensor:
        result = torch.zeros(x.shape, dtype=torch.int64)
        for row in range(x.shape[0]):
            for column in range(x.shape[1]):
                result[row, column] = x[row, column] > 0
        return result

    assert "pixel by pixel" in marks.judge(one_by_one).text
    assert "pixel by pixel" in marks.judge(lambda x: torch.tensor([[int(v > 0) for v in row] for row in x])).text
    assert marks.judge(signs).text == "right."


def test_a_wrong_number_that_no_sentence_knows_is_shown_where_to_look() -> None:
    task = questions.Answer("half", "Half of 8?", 4.0, [("twice", 16, "that is twice 8.")], ["Divide by 2."])
    assert task.judge(5).text == "not yet. Where to look: Divide by 2."


@pytest.mark.parametrize("given", ["cross-entropy+dice", "Cross-Entropy + Dice", " cross‑entropy  +  dice"])
def test_a_choice_may_be_written_in_other_ways(given: str) -> None:
    options = ["cross-entropy + dice", "dice"]
    task = questions.Answer("loss", "Which?", options[0], [("dice", "dice", "no.")], ["both"], options=options)
    assert task.judge(given).status == "right" and task.answer(given) == options[0]
    assert task.judge("cross-entropy").status == "error"


def test_maps_are_told_by_their_shapes_and_a_difference_by_its_place() -> None:
    maps = torch.arange(16.0).reshape(2, 2, 2, 2)
    assert telling.shown(maps) == "an array of shape (2, 2, 2, 2)"
    assert telling.shown(maps[:1, :1]) == "[[0, 1], [2, 3]] in the shape (1, 1, 2, 2)"
    assert telling.shown(maps[0, 0]) == "[[0, 1], [2, 3]]"
    assert telling.shown(maps[:1, :1, :1, :1]) == "[0] in the shape (1, 1, 1, 1)"
    for shape in ((0,), (0, 0), (0, 3), (1, 0), (2, 0, 4)):
        assert telling.shown(torch.zeros(shape)) == f"an empty array of shape {shape}"
    assert judging.difference(maps, maps + (maps == 5)) == "expected 5 at index [0, 1, 0, 1], got 6"
    assert judging.difference(np.array([1.0, 2.0]), np.array([1.0, 3.0])) == "expected [1, 2], got [1, 3]"


def test_an_answer_without_a_gradient_is_not_trained_with(sums: Exercise) -> None:
    assert sums(lambda x: running_sum(x).detach()) is running_sum
    assert sums(lambda x: running_sum(x).detach() + 1) is running_sum
    wrong = sums(lambda x: running_sum(x) + 1)
    assert wrong is not running_sum and torch.equal(wrong(_double(1, 2)), _double(2, 4))


def even_half(n: int) -> int | None:
    """Half of n, None where n is odd, as a number or nothing at all."""
    return None if n % 2 else n // 2


def test_none_may_be_an_answer() -> None:
    task = Exercise("even_half", even_half, [(3,), (4,)], [], ["halve"])
    assert task.judge(lambda n: n // 2 if n % 2 == 0 else None).status == "right"
    for wrong in (lambda n: None, lambda n: n // 2):
        verdict = task.judge(wrong)
        assert verdict.status == "wrong" and "return" not in verdict.text


class NormFirst(nn.Module):
    """A convolution, its batch norm and a ReLU, in this order."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.convolution(x)))


def test_the_place_of_a_batch_norm_shows_when_it_is_evaluated() -> None:
    """A fresh one, with the mean 0 and the variance 1, would change nothing."""

    class ReluFirst(NormFirst):
        """You take the ReLU before the batch norm, which comes directly after its convolution."""

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(F.relu(self.convolution(x)))

    class WithoutNorm(NormFirst):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.convolution(x))

    x = torch.linspace(-2, 3, 2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5)
    task = Exercise("NormFirst", NormFirst, [(x,)], [ReluFirst], ["norm"], build=(3,))
    assert task.judge(NormFirst).status == "right"
    assert task.judge(ReluFirst).misconception == "ReluFirst"
    assert "expected" in task.judge(WithoutNorm).text


def test_gradients_of_arguments_and_answers_without_elements() -> None:
    def total(x: Tensor) -> Tensor:
        """The sum of x (N,), 0 without elements."""
        return x.sum()

    task = Exercise("total", total, [(_double(),), (_double(1.5, -2),)], [], ["add"], differentiable=True)
    assert task.judge(lambda x: x @ torch.ones_like(x)).status == "right"
    constant = task.judge(lambda x: x.sum() if len(x) else 0.0)
    assert constant.status == "wrong" and "plays no part" in constant.text
    detached = task.judge(lambda x: x.sum().detach())
    assert detached.status == "wrong" and "no gradient gets back" in detached.text

    def doubled(x: Tensor) -> Tensor:
        """2 x (N,); N may be 0."""
        return 2 * x

    task = Exercise("doubled", doubled, [(_double(),), (_double(1.5, -2),)], [], ["add"], differentiable=True)
    assert task.judge(lambda x: x + x if len(x) else torch.zeros(0).double()).status == "right"
    assert task.judge(lambda x: (x + x).detach()).status == "wrong"


def test_an_answer_that_is_not_finite_is_not_trained_with(sums: Exercise) -> None:
    assert sums(lambda x: x.cumsum(0) * 2) is not running_sum
    assert sums(lambda x: x.cumsum(0) / (x.cumsum(0) * 0)) is running_sum
