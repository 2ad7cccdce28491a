"""Lesson 06: right answers of other kinds are right, and wrong ones are refused and told why."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_06 as exercise


def converted(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size) -> Tensor:
    """By layers that the weights are copied into, as a trained classifier is converted."""
    channels = features.shape[1]
    first, second = nn.Conv2d(channels, len(bias1), size), nn.Conv2d(len(bias1), len(bias2), 1)
    with torch.no_grad():
        first.weight.copy_(weight1.view(-1, channels, *size))
        second.weight.copy_(weight2[:, :, None, None])
        first.bias.copy_(bias1)
        second.bias.copy_(bias2)
    return second(F.relu(first(features)))


class InParameterLists(nn.Module):
    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        weights = [torch.rand(num_classes, width, 1, 1) for width in channels]
        self.weights = nn.ParameterList(nn.Parameter(weight) for weight in weights)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(num_classes)) for _ in channels)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        fine, middle, coarse = (F.conv2d(*layer) for layer in zip(maps, self.weights, self.biases, strict=True))
        logits = exercise.fuse._solution(exercise.fuse._solution(coarse, middle), fine)
        return F.interpolate(logits, size=size, mode="bilinear")


def start_with(kernel_of_pair: Callable[[Tensor], object]) -> Callable[[int, int], object]:
    return lambda num_classes, factor: kernel_of_pair(exercise.bilinear_start._solution(num_classes, factor))


RIGHT = {
    "layers": (exercise.convolutional_head, converted),
    "float32 sum": (exercise.fuse, lambda coarse, fine: exercise.fuse._solution(coarse, fine).float()),
    "parameters in lists": (exercise.FCNHead, InParameterLists),
    "NumPy": (exercise.bilinear_start, start_with(Tensor.numpy)),
    "list": (exercise.bilinear_start, start_with(Tensor.tolist)),
    "float64": (exercise.bilinear_start, start_with(Tensor.double)),
    "sparse": (exercise.bilinear_start, start_with(Tensor.to_sparse)),
    "parameter": (exercise.bilinear_start, start_with(nn.Parameter)),
}


@pytest.mark.parametrize(("task", "answer"), RIGHT.values(), ids=RIGHT)
def test_a_right_answer_of_another_kind_is_right(task, answer) -> None:
    assert task.judge(answer).text == "right."


class DropsFeatures(exercise.FCNHead._solution):
    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        return super().forward([F.dropout(features, training=self.training) for features in maps], size)


class RectifiesMaps(exercise.FCNHead._solution):
    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        return super().forward([features.relu() for features in maps], size)


class RectifiesLogits(exercise.FCNHead._solution):
    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        return super().forward(maps, size).relu()


class Frozen(exercise.FCNHead._solution):
    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__(channels, num_classes)
        self.scores[1].requires_grad_(False)


class StopsAtTheCoarsest(exercise.FCNHead._solution):
    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        return super().forward([*maps[:2], maps[2].detach()], size)


def whole_numbers(num_classes: int, factor: int) -> Tensor:
    weight = exercise.bilinear_start._solution(num_classes, factor)
    return torch.zeros_like(weight, dtype=torch.long).copy_(weight)


def left_at_random(num_classes: int, factor: int) -> Tensor:
    weight = exercise.bilinear_start._solution(num_classes, factor)
    layer = nn.ConvTranspose2d(num_classes, num_classes, weight.shape[-1], stride=factor)
    for c in range(num_classes):
        layer.weight.data[c, c] = weight[c, c]
    return layer.weight


def detached_head(features: Tensor, *rest) -> Tensor:
    return exercise.convolutional_head._solution(features.detach(), *rest)


def strides_by_size(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size) -> Tensor:
    hidden = F.conv2d(features, weight1.unflatten(1, (-1, *size)), bias1, size)
    return F.conv2d(F.relu(hidden), weight2[:, :, None, None], bias2)


def biases_exchanged(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size) -> Tensor:
    return exercise.convolutional_head._solution(features, weight1, bias2, weight2, bias1, size)


def mode_without_its_name(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, fine.shape[-2:], "bilinear") + fine


def no_mode(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[-2:], align_corners=False) + fine


def two_by_two(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, 2, mode="bilinear") + fine


def first_of_batch(coarse: Tensor, fine: Tensor) -> Tensor:
    return exercise.fuse._solution(coarse[:1], fine)


class NoKernelSize(nn.Module):
    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes) for width in channels)


WRONG = {  # exercise, answer, and what it is told
    "detached head": (exercise.convolutional_head, detached_head, "no gradient gets back to all of `features`"),
    "size as stride": (exercise.convolutional_head, strides_by_size, "its stride is the window's size"),
    "biases exchanged": (exercise.convolutional_head, biases_exchanged, "the first layer has D and `bias1`"),
    "mode third": (exercise.fuse, mode_without_its_name, "What stands third in `F.interpolate` is the factor"),
    "no mode": (exercise.fuse, no_mode, "Unless you name another `mode`"),
    "2 as a factor": (exercise.fuse, two_by_two, "is the size, not a factor"),
    "first of the batch": (exercise.fuse, first_of_batch, "expected 9.5 at index [1, 0, 0, 0]"),
    "dropout": (exercise.FCNHead, DropsFeatures, "in training they are not"),
    "ReLU on maps": (exercise.FCNHead, RectifiesMaps, "expected"),
    "ReLU at the end": (exercise.FCNHead, RectifiesLogits, "expected"),
    "frozen": (exercise.FCNHead, Frozen, "nothing trains `scores.1.weight`, `scores.1.bias`"),
    "detached map": (exercise.FCNHead, StopsAtTheCoarsest, "no gradient gets back to all of `maps`"),
    "no kernel size": (exercise.FCNHead, NoKernelSize, "the side of the kernel, here 1"),
    "whole numbers": (exercise.bilinear_start, whole_numbers, "expected 0.0625 at index [0, 0, 0, 0], got 0"),
    "left at random": (exercise.bilinear_start, left_at_random, "still those that PyTorch began with"),
}


@pytest.mark.parametrize(("task", "answer", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_refused_and_told_why(task, answer, told: str) -> None:
    verdict = task.judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text


def test_the_package_own_conversion_is_right_by_the_library() -> None:
    verdict = exercise.convolutional_head.judge(exercise.convolutional_head.reference)
    assert verdict.status == "right" and "by the library: `convolutionalise`" in verdict.text
