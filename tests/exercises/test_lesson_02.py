"""Lesson 02: answers that its exercises have to take, others that they have to refuse, and what is said of those."""

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_02 as exercise
from course_utils.sliding.windows import sliding_window_logits

Network = Callable[[Tensor], Tensor]


def windows_in_a_row(classifier: Network, image: Tensor, window: int) -> Tensor:
    rows, columns = (side - window + 1 for side in image.shape[1:])
    patches = F.unfold(image[None], window)[0].T.reshape(-1, image.shape[0], window, window)
    return classifier(patches).T.reshape(-1, rows, columns)


def one_by_one_in_float32(classifier: Network, image: Tensor, window: int) -> Tensor:
    rows, columns = (side - window + 1 for side in image.shape[1:])
    result = torch.zeros(len(classifier(image[None, :, :window, :window])[0]), rows, columns)
    for y in range(rows):
        for x in range(columns):
            result[:, y, x] = classifier(image[None, :, y : y + window, x : x + window])[0]
    return result


def shuffled(network: Network, image: Tensor, stride: int) -> Tensor:
    outputs = [network(image[..., dy:, dx:]) for dy in range(stride) for dx in range(stride)]
    return F.pixel_shuffle(torch.stack(outputs, dim=2).flatten(1, 2), stride)


def rolled(network: Network, image: Tensor, stride: int) -> Tensor:
    outputs = [network(image.roll((-dy, -dx), (2, 3))) for dy in range(stride) for dx in range(stride)]
    return F.pixel_shuffle(torch.stack(outputs, dim=2).flatten(1, 2), stride)


Part = Callable[[int, int, int, int], slice]


def keeping(part: Part) -> Callable[..., Tensor]:
    """Strips as wide as allowed, joined; `part(x, left, width, margin)` says which columns of a strip are kept."""

    def in_strips(network: Network, image: Tensor, width: int, margin: int) -> Tensor:
        kept = []
        for x in range(0, image.shape[-1], width):
            left = max(0, x - margin)
            strip = network(image[..., left : x + width + margin])
            kept.append(strip[..., part(x, left, width, margin)])
        return torch.cat(kept, dim=-1)

    return in_strips


in_strips = keeping(lambda x, left, width, margin: slice(x - left, x - left + width))


def over(layers: list[tuple[int, int, int]]) -> tuple[int, int]:
    """From the last layer to the image."""
    size = 1
    for kernel_size, stride, dilation in reversed(layers):
        size = (size - 1) * stride + dilation * (kernel_size - 1) + 1
    return size, math.prod(stride for _, stride, _ in layers)


RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("count_windows", lambda h, w, k, s: len(range(0, h - k + 1, s)) * len(range(0, w - k + 1, s))),
    ("count_windows", lambda h, w, k, s: np.floor((h - k) / s + 1) * np.floor((w - k) / s + 1)),
    ("sliding_window", windows_in_a_row),
    ("sliding_window", one_by_one_in_float32),
    ("sliding_window", torch.no_grad()(windows_in_a_row)),
    ("sliding_window", lambda *given: windows_in_a_row(*given).numpy()),
    ("sliding_window", lambda *given: windows_in_a_row(*given).tolist()),
    ("linear_to_convolution", lambda weight, c, h, w: nn.Unflatten(1, (c, h, w))(weight)),
    ("linear_to_convolution", lambda weight, c, h, w: nn.Parameter(weight.float().reshape(-1, c, h, w))),
    ("linear_to_convolution", lambda weight, c, h, w: weight.numpy().reshape(-1, c, h, w)),
    ("linear_to_convolution", lambda weight, c, h, w: weight.T.reshape(c, h, w, -1).permute(3, 0, 1, 2)),
    ("shift_and_stitch", shuffled),
    ("shift_and_stitch", rolled),
    ("shift_and_stitch", lambda *given: shuffled(*given).float().numpy()),
    ("dilations", lambda strides: tuple(accumulate(strides[:-1], lambda a, b: a * b, initial=1))),
    ("dilations", lambda strides: np.cumprod([1.0, *strides[:-1]])),
    ("receptive_field", over),
    ("receptive_field", lambda layers: [float(number) for number in over(layers)]),
    ("predict_in_strips", in_strips),
    ("predict_in_strips", torch.no_grad()(in_strips)),
    ("predict_in_strips", lambda *given: in_strips(*given).float().numpy()),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_other_ways_to_write_it_are_right(name: str, answer: Callable[..., Any]) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status == "right", verdict.text


def padded_to_whole_strips(network: Network, image: Tensor, width: int, margin: int) -> Tensor:
    columns = image.shape[-1]
    return in_strips(network, F.pad(image, (0, -columns % width)), width, margin)[..., :columns]


def without_weight(network: Network, image: Tensor, width: int, margin: int) -> Tensor:
    """The version given, repaired by weights of 0 for what are taken for margins."""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        weights = torch.ones_like(strip)
        if x > 0:
            weights[..., :margin] = 0
        if x + width < image.shape[-1]:
            weights[..., -margin:] = 0
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total, count = total + F.pad(strip * weights, place), count + F.pad(weights, place)
    return total / count


WRONG: list[tuple[str, Callable[..., Any], str]] = [
    ("count_windows", lambda h, w, k, s: (h - k // s + 1) * (w - k // s + 1), "missing_brackets"),
    ("count_windows", lambda h, w, k, s: (w - k) // s + 1, "columns_only"),
    ("sliding_window", lambda *given: windows_in_a_row(*given).flatten(1), "windows_in_one_line"),
    ("dilations", lambda strides: np.cumsum([1, *strides[:-1]]), "strides_added_to_one"),
    ("dilations", lambda strides: [0] * len(strides), "product_from_zero"),
    ("receptive_field", lambda layers: (1, 0), "jump_from_zero"),
    ("predict_in_strips", padded_to_whole_strips, "padded_to_whole_strips"),
    ("predict_in_strips", without_weight, "narrow_strips_without_weight"),
    (
        "predict_in_strips",
        keeping(lambda x, left, width, margin: slice(margin if x else 0, (margin if x else 0) + width)),
        "second_strip_cut_like_the_others",
    ),
    (
        "predict_in_strips",
        keeping(lambda x, left, width, margin: slice(x, x + width)),
        "columns_of_the_image",
    ),
]


@pytest.mark.parametrize(("name", "answer", "misconception"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(name: str, answer: Callable[..., Any], misconception: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert (verdict.status, verdict.misconception) == ("wrong", misconception)


def test_a_margin_taken_off_where_the_border_is_nearer_is_refused() -> None:
    """Right as long as the last strip is as wide as the margin."""

    def both_sides_but_at_the_ends(network: Network, image: Tensor, width: int, margin: int) -> Tensor:
        def kept(x: int, left: int, width: int, margin: int) -> slice:
            return slice(margin if x else 0, -margin if x + width < image.shape[-1] else None)

        return keeping(kept)(network, image, width, margin)

    task = exercise.predict_in_strips
    wide = [
        probe for probe in task.probes if probe[2] >= probe[3] and (probe[1].shape[-1] % probe[2] or 99) >= probe[3]
    ]
    assert wide and all(torch.allclose(both_sides_but_at_the_ends(*probe), task._solution(*probe)) for probe in wide)
    verdict = task.judge(both_sides_but_at_the_ends)
    assert verdict.misconception == "strips_next_to_the_border_cut_like_the_others"


IN_PLACE_OF: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    (name, change)
    for name in ("sliding_window", "linear_to_convolution", "shift_and_stitch", "predict_in_strips")
    for change in (Tensor.long, Tensor.abs, torch.relu)
]


@pytest.mark.parametrize(("name", "change"), IN_PLACE_OF)
def test_whole_and_never_negative_numbers_are_refused(name: str, change: Callable[[Tensor], Tensor]) -> None:
    task = getattr(exercise, name)
    assert task.judge(lambda *given: change(task._solution(*given))).status == "wrong"
    assert task.judge(lambda *given: task._solution(*(_changed(argument, change) for argument in given))).status in (
        "wrong",
        "error",
    )


def _changed(argument: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return change(argument).to(argument.dtype) if isinstance(argument, Tensor) else argument


def test_strips_that_are_stacked_are_told_how_to_join_them() -> None:
    def stacked(network: Network, image: Tensor, width: int, margin: int) -> Tensor:
        return torch.stack([network(image[..., x : x + width]) for x in range(0, image.shape[-1], width)], dim=-1)

    verdict = exercise.predict_in_strips.judge(stacked)
    assert verdict.status == "error" and verdict.text.startswith("`torch.stack` makes a new axis")


def test_the_package_s_sliding_window_is_right_but_no_work_of_one_s_own() -> None:
    verdict = exercise.sliding_window.judge(
        lambda classifier, image, window: sliding_window_logits(classifier, image[None], window=window)[0]
    )
    assert verdict.status == "right" and "`sliding_window_logits` does all of it" in verdict.text


@pytest.mark.parametrize("name", ["count_windows", "sliding_window"])
def test_the_task_says_that_a_window_fits(name: str) -> None:
    question = getattr(exercise, name).question
    assert "no larger than the image" in question or "at least w × w pixels" in question
