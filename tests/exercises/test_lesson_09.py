"""Lesson 09 but its pyramid: answers are what the package computes, right code in another form is taken, wrong code told why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_09 as exercise
from course_utils.models.aspp import aspp_rates
from course_utils.models.layers import separable_conv_norm
from course_utils.ops.atrous import atrous_conv2d, taps_seen, zero_stuffed

Answer = Callable[..., Any]


def test_what_a_chain_sees_is_what_its_taps_reach() -> None:
    found = {}
    for chain in ("2, 2, 2", "1, 2, 5", "1, 2, 4", "12"):
        ways = taps_seen(*map(int, chain.split(", ")))[0]
        found |= {f"rates {chain}: side": len(ways), f"rates {chain}: read": int(ways.count_nonzero())}
    assert exercise.what_a_chain_sees.judge(found).status == "right"


def test_weights_asked_for_are_those_of_the_layers() -> None:
    with torch.device("meta"):
        full = nn.Conv2d(192, 256, 3, bias=False)
        layers = [part for part in separable_conv_norm(192, 256).modules() if isinstance(part, nn.Conv2d)]
    counts = [sum(value.numel() for value in layer.parameters()) for layer in (full, *layers)]
    times = round(counts[0] / (counts[1] + counts[2]), 2)
    task = exercise.separable_counts
    assert list(task._solution.values())[:3] == counts, "to the last weight, and not within the tolerance"
    assert task.judge(dict(zip(task._solution, [*counts, times], strict=True))).status == "right"
    assert [known.name for known in task.misconceptions if known.wrong[1] == counts[0] + 256] == ["bias_counted"]


def test_counts_are_exact_and_a_ratio_has_two_decimals() -> None:
    task = exercise.separable_counts
    counts, times = list(task._solution.items())[:3], "how many times as many"
    for item, number in counts:
        assert task.judge(task._solution | {item: number + 1}).status == "wrong"
    for given, status in ((8.69, "right"), (8.694, "right"), (8.7, "wrong"), (8.68, "wrong")):
        assert task.judge(task._solution | {times: given}).status == status


def test_rates_are_those_of_the_package() -> None:
    for stride in (4, 8, 16, 32):
        assert tuple(exercise.rates_for._solution(stride)) == aspp_rates(stride)
    assert [exercise.rates_for._solution(96 // part)[0] for part in (1, 2, 96)] == [1, 2, 96]


def test_guesses_that_people_make_are_told_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for guess, told in (
        (16, "has the last map, and it alone"),
        (2.63, "The multiply-adds"),
        (0.4, "Below 1"),
        (1.5, ""),
    ):
        exercise.dearer_grid.predict(guess)
        capsys.readouterr()
        exercise.dearer_grid.reveal(1.4)
        said = capsys.readouterr().out
        assert told in said
        assert told or not any(text in said for _, _, text in exercise.dearer_grid.remarks)
    exercise.dearer_grid.predict(...)
    capsys.readouterr()
    exercise.dearer_grid.reveal(1.4)
    assert "Measured: 1.4. A map of stride 8" in capsys.readouterr().out, "no guess, no remark on it"


def test_every_wrong_number_of_a_chain_is_told_once() -> None:
    for task in (exercise.what_a_chain_sees, exercise.separable_counts):
        wrong = [known.wrong for known in task.misconceptions]
        assert len(set(wrong)) == len(wrong)
        assert not any(task._same(number, task._solution[item], item) for item, number in wrong)


def test_strided_values_are_every_second_one_of_the_dilated() -> None:
    """As the question says, for odd and even sides."""
    first, second = torch.randn(3, 2, 3, 3).double(), torch.randn(4, 3, 3, 3).double()
    for height, width in ((5, 6), (6, 5), (1, 2), (2, 1)):
        x = torch.randn(2, 2, height, width).double()
        strided = F.conv2d(F.conv2d(x, first, stride=2, padding=1), second, padding=1)
        dense = exercise.without_stride._solution(x, first, second)
        assert dense.shape == (2, 4, height, width)
        torch.testing.assert_close(dense[:, :, ::2, ::2], strided)


def row_place_by_place(row: Tensor, weight: Tensor, rate: int) -> list[float]:
    values, half = row.tolist(), len(weight) // 2
    return [
        sum(
            values[i + rate * kappa] * float(weight[half + kappa])
            for kappa in range(-half, half + 1)
            if 0 <= i + rate * kappa < len(values)
        )
        for i in range(len(values))
    ]


def row_by_matrix(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    half = len(weight) // 2
    return sum(
        torch.diag(row.new_ones(max(len(row) - abs(rate * k), 0)), rate * k) @ row * weight[half + k]
        for k in range(-half, half + 1)
        if abs(rate * k) < len(row)
    )


def row_by_numpy(row: Tensor, weight: Tensor, rate: int) -> np.ndarray:
    stuffed = np.zeros(rate * (len(weight) - 1) + 1)
    stuffed[::rate] = weight.numpy()[::-1]
    reach = len(stuffed) // 2
    return np.convolve(row.numpy(), stuffed)[reach : reach + len(row)]


def row_by_a_stuffed_kernel(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    stuffed = row.new_zeros(rate * (len(weight) - 1) + 1)
    stuffed[::rate] = weight
    return F.conv1d(row[None, None], stuffed[None, None], padding=len(stuffed) // 2)[0, 0]


def stuffed_kernel(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return F.conv2d(F.conv2d(x, first, padding="same"), zero_stuffed(second, rate=2), padding="same")


def in_layers(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    layers = nn.Sequential(
        nn.Conv2d(first.shape[1], len(first), 3, padding=1, bias=False),
        nn.Conv2d(second.shape[1], len(second), 3, padding=2, dilation=2, bias=False),
    ).to(x.dtype)
    layers.load_state_dict({"0.weight": first, "1.weight": second})
    return layers(x)


def by_phases(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    maps, result = F.conv2d(x, first, padding=1), x.new_zeros(len(x), len(second), *x.shape[2:])
    for row in range(min(2, x.shape[2])):
        for column in range(min(2, x.shape[3])):
            result[:, :, row::2, column::2] = F.conv2d(maps[:, :, row::2, column::2], second, padding=1)
    return result


def rates_by_factor(output_stride: int) -> tuple[int, ...]:
    return tuple(int(rate * 16 / output_stride) for rate in (6, 12, 18))


def field_by_formula(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> Tensor:
    scores = logits.clone()
    for k in range(len(logits)):
        for i in range(logits.shape[1]):
            for j in range(logits.shape[1]):
                scores[k, i] -= kernel[i, j] * sum(probabilities[m, j] for m in range(len(logits)) if m != k)
    return torch.stack([scores[:, i].exp() / scores[:, i].exp().sum() for i in range(logits.shape[1])], 1)


def field_by_compatibility(logits: Tensor, kernel: Tensor, probabilities: Tensor) -> np.ndarray:
    potts = 1 - np.eye(len(logits))
    scores = logits.numpy() - potts @ probabilities.numpy() @ kernel.numpy()
    weights = np.exp(scores - scores.max(0))
    return weights / weights.sum(0)


RIGHT: list[tuple[str, Answer]] = [
    ("atrous_row", row_place_by_place),
    ("atrous_row", row_by_matrix),
    ("atrous_row", row_by_numpy),
    ("atrous_row", row_by_a_stuffed_kernel),
    ("without_stride", stuffed_kernel),
    ("without_stride", in_layers),
    ("without_stride", by_phases),
    ("rates_for", rates_by_factor),
    ("rates_for", lambda stride: np.array([96, 192, 288]) // stride),
    ("rates_for", lambda stride: [round(n * 96 / stride) for n in (1, 2, 3)]),
    ("mean_field_step", field_by_formula),
    ("mean_field_step", field_by_compatibility),
    ("mean_field_step", lambda logits, kernel, q: F.softmax(logits + q @ kernel, dim=0)),
    ("mean_field_step", lambda logits, kernel, q: F.softmax(logits - (kernel @ (1 - q).T).T, dim=0)),
    ("mean_field_step", lambda logits, kernel, q: F.softmax(logits.float() + q.float() @ kernel.float(), dim=0)),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


def test_atrous_convolution_by_the_library_is_right_and_told_so() -> None:
    def by_the_library(row: Tensor, weight: Tensor, rate: int) -> Tensor:
        return F.conv1d(row[None], weight[None, None], padding=rate * (len(weight) // 2), dilation=rate)[0]

    def by_the_package(row: Tensor, weight: Tensor, rate: int) -> Tensor:
        square = torch.zeros(len(weight), len(weight)).double()
        square[len(weight) // 2] = weight
        return atrous_conv2d(row[None, None, None], square[None, None], rate=rate)[0, 0, 0]

    def in_a_layer(row: Tensor, weight: Tensor, rate: int) -> Tensor:
        layer = nn.Conv1d(1, 1, len(weight), padding="same", dilation=rate, bias=False).to(row.dtype)
        layer.weight.data = weight[None, None]
        return layer(row[None])[0]

    for answer, name in (
        (by_the_library, "dilation"),
        (in_a_layer, "dilation"),
        (by_the_package, "atrous_conv2d"),
    ):
        assert exercise.atrous_row.judge(answer).text.startswith(f"right, by the library: `{name}`")


def row_by_slices(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Reads beyond the end."""
    half = len(weight) // 2
    places = torch.arange(len(row))
    return sum(row[places + rate * (tap - half)] * weight[tap] for tap in range(len(weight)))


def row_with(taps: Callable[[int], Any], weight_of: Callable[[Tensor, int], Tensor] | None = None) -> Answer:
    """Place by place, with the taps that `taps` gives for k // 2, each with the weight κ + k // 2 or the one given."""

    def answer(row: Tensor, weight: Tensor, rate: int) -> Tensor:
        half, result = len(weight) // 2, torch.zeros_like(row)
        for i in range(len(row)):
            for kappa in taps(half):
                if 0 <= i + rate * kappa < len(row):
                    factor = weight_of(weight, kappa) if weight_of else weight[kappa + half]
                    result[i] += row[i + rate * kappa] * factor
        return result

    return answer


def row_from(start: Callable[[int, int, int], int], step: Callable[[int], int] = lambda rate: rate) -> Answer:
    """Place by place, from the pixel that `start` gives for i, k // 2 and the rate, `step` pixels on from tap to tap."""

    def answer(row: Tensor, weight: Tensor, rate: int) -> Tensor:
        half, result = len(weight) // 2, torch.zeros_like(row)
        for i in range(len(row)):
            for tap, factor in enumerate(weight):
                place = start(i, half, rate) + step(rate) * tap
                if 0 <= place < len(row):
                    result[i] += row[place] * factor
        return result

    return answer


def row_until_it_raises(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    half, result = len(weight) // 2, torch.zeros_like(row)
    for i in range(len(row)):
        for kappa in range(-half, half + 1):
            try:
                result[i] += row[i + rate * kappa] * weight[kappa + half]
            except IndexError:
                pass
    return result


def row_per_tap(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    inside = torch.tensor(row_place_by_place(torch.ones_like(row), torch.ones_like(weight), rate))
    return torch.tensor(row_place_by_place(row, weight, rate)) / inside


def row_mirrored(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    reach = rate * (len(weight) // 2)
    return F.conv1d(F.pad(row[None, None], (reach, reach), mode="reflect"), weight[None, None], dilation=rate)[0, 0]


def with_rate(rate: int) -> Answer:
    return lambda x, first, second: F.conv2d(F.conv2d(x, first, padding=1), second, padding=rate, dilation=rate)


def layers_of_ones_own(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    one = nn.Conv2d(first.shape[1], len(first), 3, padding=1)
    other = nn.Conv2d(second.shape[1], len(second), 3, padding=2, dilation=2)
    return other(one(x))


def layers_of_their_type(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    one = nn.Conv2d(first.shape[1], len(first), 3, padding=1).double()
    other = nn.Conv2d(second.shape[1], len(second), 3, padding=2, dilation=2).double()
    one.weight.data, other.weight.data = first, second
    return other(one(x))


def transposed(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    coarse = F.conv2d(x, first, stride=2, padding=1)
    fine = F.conv_transpose2d(coarse, second.movedim(0, 1), stride=2, padding=1, output_padding=1)
    return fine[:, :, : x.shape[2], : x.shape[3]]


def five_steps(logits: Tensor, kernel: Tensor, q: Tensor) -> Tensor:
    for _ in range(5):
        q = (logits - (1 - q) @ kernel).softmax(0)
    return q


TABLE = {4: (24, 48, 72), 8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}

WRONG: list[tuple[str, Answer, str]] = [
    ("atrous_row", row_by_slices, "A tap beyond the end reads 0"),
    ("atrous_row", lambda x, w, rate: F.conv1d(x[None], w[None, None], dilation=rate)[0], "rate · (k // 2) zeros"),
    ("atrous_row", lambda x, w, rate: row_by_numpy(x.flip(0), w, rate)[::-1].copy(), "Your kernel is flipped"),
    ("atrous_row", lambda x, w, rate: row_by_numpy(x, w, 1), "The rate plays no part"),
    ("atrous_row", lambda x, w, rate: np.array(row_place_by_place(x, w, rate))[::rate], "the form of the answer"),
    ("atrous_row", row_with(lambda h: range(-h, h + 1), lambda w, kappa: w[kappa]), "there Python counts from the end"),
    ("atrous_row", row_with(lambda h: range(-h, h)), "Your last tap is missing"),
    ("atrous_row", row_with(lambda h: (-1, 0, 1), lambda w, kappa: w[kappa + 1]), "You take three taps"),
    ("atrous_row", row_with(lambda h: range(int(-h), (2 * h + 1) / 2)), "`/` gives a decimal number"),
    ("atrous_row", row_from(lambda i, h, rate: i - 2 * h, lambda rate: 2), "Your taps are 2 pixels apart"),
    ("atrous_row", row_from(lambda i, h, rate: i - h), "where an ordinary kernel begins"),
    ("atrous_row", row_from(lambda i, h, rate: i * rate - h, lambda rate: 1), "instead of κ"),
    ("atrous_row", row_until_it_raises, "before the first pixel Python counts from the end"),
    ("atrous_row", row_per_tap, "You divide by the number of taps"),
    ("atrous_row", row_mirrored, "A row that is mirrored at its ends"),
    ("without_stride", with_rate(3), "reads every third place"),
    ("without_stride", with_rate(4), "reads every fourth place"),
    ("without_stride", lambda x, a, b: F.conv2d(F.conv2d(F.pad(x, [3] * 4), a), b, dilation=2), "all the zeros round"),
    (
        "without_stride",
        lambda x, a, b: F.conv2d(F.conv2d(x, a, padding=1), b, padding=(1, 2), dilation=(1, 2)),
        "one axis",
    ),
    ("without_stride", transposed, "by a transposed convolution"),
    ("without_stride", layers_of_ones_own, "A new `nn.Conv2d` has a bias and weights of its own"),
    ("without_stride", layers_of_their_type, "A new `nn.Conv2d` has a bias and weights of its own"),
    ("without_stride", lambda x, first, second: stuffed_kernel(x, second, first), "A kernel is (channels out"),
    ("without_stride", lambda x, first, second: by_phases(x.detach(), first, second), "no gradient gets back to"),
    ("without_stride", lambda x, first, second: by_phases(x, first, second)[:, :, ::2, ::2], "The values between"),
    ("rates_for", lambda stride: np.array([48, 96, 144]) // stride, "In the paper they belong to 16"),
    ("rates_for", lambda stride: (12, 24, 36), "the rates of output stride 8 for all"),
    ("rates_for", lambda stride: TABLE[stride], "Your table ends somewhere"),
    ("rates_for", lambda stride: TABLE.get(stride, (6, 12, 18)), "at others not"),
    ("rates_for", lambda stride: list(aspp_rates(stride)), "is the course's own"),
    ("rates_for", lambda stride: [((1 + 2 * n) * 16 // stride - 1) // 2 for n in (6, 12, 18)], "the whole kernel"),
    ("rates_for", lambda stride: [n + (16 - stride) for n in (6, 12, 18)], "You add the difference"),
    (
        "mean_field_step",
        lambda logits, kernel, q: (logits - (1 - q) @ kernel / 2).softmax(0),
        "You take half of the sum",
    ),
    ("mean_field_step", lambda logits, kernel, q: (logits - (1 - q) @ kernel.triu(1).T).softmax(0), "as if i < j"),
    ("mean_field_step", lambda logits, kernel, q: (logits - 2 * (1 - q) @ kernel).softmax(0), "You take the sum twice"),
    (
        "mean_field_step",
        lambda logits, kernel, q: (logits.softmax(0) - (1 - q) @ kernel).softmax(0),
        "taken once, at the end",
    ),
    ("mean_field_step", five_steps, "You go on for several steps"),
    ("mean_field_step", lambda logits, kernel, q: (logits - q @ (1 - kernel)).softmax(0), "You take the kernel from 1"),
    (
        "mean_field_step",
        lambda logits, kernel, q: (logits - (1 - q) * kernel.sum(1)).softmax(0),
        "own probabilities by",
    ),
    ("mean_field_step", lambda logits, kernel, q: (q - (1 - q) @ kernel).softmax(0), "You begin from `probabilities`"),
    (
        "mean_field_step",
        lambda logits, kernel, q: (logits + q @ kernel + q).softmax(0),
        "A pixel's own Q stands in your sum",
    ),
    ("mean_field_step", lambda logits, kernel, q: (logits + kernel @ q).softmax(0), "Q stands on the left"),
    ("mean_field_step", lambda logits, kernel, q: (logits - q @ kernel).softmax(0), "The sign is turned"),
    ("mean_field_step", lambda logits, kernel, q: logits.softmax(0), "nothing changes"),
    ("mean_field_step", lambda logits, kernel, q: (logits + q @ kernel).sigmoid(), "expected"),
]


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text
