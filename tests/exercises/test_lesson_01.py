"""What students of lesson 01 have written: right answers in other forms are right, and wrong ones are told why."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import lesson_01 as exercise
from course_utils.metrics import semantic

Answer = Callable[..., Any]
Batches = list[tuple[Tensor, Tensor]]


def sparse(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    valid = target != 255
    pairs = torch.stack([target[valid], prediction[valid]])
    return torch.sparse_coo_tensor(pairs, torch.ones(pairs.shape[1]), (num_classes, num_classes))


def one_hot(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    valid = target != 255
    return F.one_hot(target[valid], num_classes).float().T @ F.one_hot(prediction[valid], num_classes).float()


def class_by_class(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    matrix = torch.zeros(num_classes, num_classes)
    for a in range(num_classes):
        for b in range(num_classes):
            there = target == a
            said = prediction == b
            matrix[a, b] = (there & said).sum()
    return matrix


def counted(prediction: Tensor, target: Tensor, num_classes: int) -> list[list[int]]:
    found = Counter(zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True))
    return [[found[a, b] for b in range(num_classes)] for a in range(num_classes)]


def iou_by_loop(matrix: Tensor) -> list[float]:
    unions = [int(matrix[k].sum() + matrix[:, k].sum() - matrix[k, k]) for k in range(len(matrix))]
    return [int(matrix[k, k]) / union if union else float("nan") for k, union in enumerate(unions)]


def iou_in_numpy(matrix: Tensor) -> np.ndarray:
    counts = matrix.numpy()
    with np.errstate(invalid="ignore"):
        return np.float32(counts.diagonal() / (counts.sum(0) + counts.sum(1) - counts.diagonal()))


def summed(batches: Batches, num_classes: int) -> Tensor:
    return sum(semantic.confusion_matrix(prediction, target, num_classes) for prediction, target in batches)


def by_unions(batches: Batches, num_classes: int) -> Tensor:
    both, either = torch.zeros(num_classes), torch.zeros(num_classes)
    for prediction, target in batches:
        p, t = prediction[target != 255], target[target != 255]
        for k in range(num_classes):
            both[k] += ((p == k) & (t == k)).sum()
            either[k] += ((p == k) | (t == k)).sum()
    return (both / either).nanmean()


def by_gathering(batches: Batches, num_classes: int) -> float:
    matrix = semantic.ConfusionMatrix(num_classes)
    for prediction, target in batches:
        matrix.update(prediction, target)
    return matrix.compute().mean_iou


RIGHT: list[tuple[str, Answer]] = [
    ("confusion_matrix", sparse),
    ("confusion_matrix", one_hot),
    ("confusion_matrix", class_by_class),
    ("confusion_matrix", counted),
    ("confusion_matrix", lambda *maps: one_hot(*maps).numpy()),
    ("per_class_iou", iou_by_loop),
    ("per_class_iou", iou_in_numpy),
    ("per_class_iou", lambda matrix: torch.tensor(iou_by_loop(matrix))),
    ("data_set_iou", by_unions),
    ("data_set_iou", by_gathering),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


def pixel_by_pixel(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for a, b in zip(target.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if a != 255:
            matrix[a, b] += 1
    return matrix


def by_rows(prediction: Tensor, target: Tensor, num_classes: int) -> np.ndarray:
    matrix = np.zeros((num_classes, num_classes), int)
    rows, columns = target.flatten(0, -2).shape
    for i in range(rows):
        for j in range(columns):
            if target.flatten(0, -2)[i, j] != 255:
                matrix[target.flatten(0, -2)[i, j], prediction.flatten(0, -2)[i, j]] += 1
    return matrix


def by_the_class(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    matrix = semantic.ConfusionMatrix(num_classes)
    matrix.update(prediction, target)
    return matrix.matrix


LEFT_OUT: list[tuple[str, Answer, str]] = [
    ("confusion_matrix", pixel_by_pixel, "right, pixel by pixel"),
    ("confusion_matrix", by_rows, "right, pixel by pixel"),
    ("confusion_matrix", by_the_class, "right, by the library: `ConfusionMatrix`"),
    ("per_class_iou", lambda matrix: semantic.scores(matrix).iou, "right, by the library: `scores`"),
]


@pytest.mark.parametrize(("name", "answer", "told"), LEFT_OUT)
def test_what_a_right_answer_leaves_out_is_told(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status == "right" and verdict.text.startswith(told)


def as_large_as_seen(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """The number of classes is taken from the maps."""
    valid = target != 255
    seen = int(torch.cat([target[valid], prediction[valid], torch.tensor([0])]).max()) + 1
    return one_hot(prediction, target, seen)


def first_image(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    return one_hot(*(maps[0] if maps.dim() == 3 else maps for maps in (prediction, target)), num_classes)


def void_as_the_last_class(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    return one_hot(prediction, target.clamp(max=num_classes - 1), num_classes)


def in_place(matrix: Tensor) -> Tensor:
    hits = matrix.diag().clone()
    matrix.fill_diagonal_(0)
    return hits / (hits + matrix.sum(0) + matrix.sum(1))


def dividing_by_zero(matrix: Tensor) -> Tensor:
    sizes = [(int(matrix[k].sum()), int(matrix[:, k].sum()), int(matrix[k, k])) for k in range(len(matrix))]
    return torch.tensor([hits / (row + column - hits) for row, column, hits in sizes])


def of_classes_in_the_truth(batches: Batches, num_classes: int) -> float:
    matrix = summed(batches, num_classes)
    return float(semantic.scores(matrix).iou[matrix.sum(1) > 0].mean())


def of_classes_that_are_hit(batches: Batches, num_classes: int) -> float:
    iou = semantic.scores(summed(batches, num_classes)).iou
    return float(iou[iou > 0].mean())


def returned_in_the_loop(batches: Batches, num_classes: int) -> float | None:
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for prediction, target in batches:
        matrix += semantic.confusion_matrix(prediction, target, num_classes)
        return semantic.scores(matrix).mean_iou
    return None


def as_one_batch(batches: Batches, num_classes: int) -> float:
    prediction, target = (torch.cat(maps) for maps in zip(*batches, strict=True))
    return by_unions([(prediction, target)], num_classes).item()


def void_counted(batches: Batches, num_classes: int) -> Tensor:
    return by_unions([(prediction, target.where(target != 255, 0)) for prediction, target in batches], num_classes)


WRONG: list[tuple[str, Answer, str]] = [
    ("confusion_matrix", as_large_as_seen, "Expected the shape (2, 2), but got (1, 1)."),
    ("confusion_matrix", first_image, "expected 7 at index [0, 0], got 3"),
    ("confusion_matrix", void_as_the_last_class, "expected 0 at index [1, 1], got 1"),
    ("confusion_matrix", lambda *maps: one_hot(*maps).to(torch.uint8), "expected 1200 at index [0, 0], got 176"),
    ("confusion_matrix", lambda *maps: one_hot(*maps) / 3, "Expected whole numbers, but got decimal numbers"),
    ("per_class_iou", in_place, "changes its argument `matrix` in place"),
    ("per_class_iou", dividing_by_zero, "has an empty union"),
    ("per_class_iou", lambda matrix: semantic.scores(matrix, absent="truth").iou, "that the truth lacks"),
    ("data_set_iou", of_classes_in_the_truth, "predicted but is nowhere in the truth is missing from your mean"),
    ("data_set_iou", of_classes_that_are_hit, "Classes whose IoU is 0 are missing from your mean"),
    ("data_set_iou", lambda *given: semantic.scores(summed(*given)).iou.mean(), "`nanmean`"),
    ("data_set_iou", returned_in_the_loop, "Does the `return` stand inside the loop?"),
    ("data_set_iou", as_one_batch, "may differ in size: add up matrices"),
    ("data_set_iou", void_counted, "expected 0.39, got 0.383333"),
    (
        "data_set_iou",
        lambda batches, num_classes: by_gathering([(t, p) for p, t in batches], num_classes),
        "takes the prediction first",
    ),
]


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text


def test_batches_are_told_without_a_dump_of_tensors() -> None:
    text = exercise.data_set_iou.judge(lambda batches, num_classes: 0.5).text
    assert "tensor(" not in text and "batches = [[[[0, 3], [1, 0], [1, 1]] in the shape (1, 3, 2)" in text
