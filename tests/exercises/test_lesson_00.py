"""What students of lesson 00 have written: right answers in other forms are right, and wrong ones are told why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.exercises import lesson_00 as exercise

Answer = Callable[..., Any]


def by_dictionary(picture: Tensor, palette: Tensor) -> list[list[int]]:
    labels = {tuple(colour): label for label, colour in enumerate(palette.tolist())}
    return [[labels.get(tuple(pixel), 255) for pixel in row] for row in picture.tolist()]


def in_bytes(picture: Tensor, palette: Tensor) -> np.ndarray:
    labels = np.full(picture.shape[:2], 255, np.uint8)
    for label, colour in enumerate(palette.numpy()):
        labels[(picture.numpy() == colour).all(-1)] = label
    return labels


def by_one_number(picture: Tensor, palette: Tensor) -> Tensor:
    factors = torch.tensor([65536, 256, 1])
    alike = (picture * factors).sum(-1)[..., None] == (palette * factors).sum(-1)
    return torch.where(alike.any(-1), alike.int().argmax(-1), 255)


def as_floats(labels: Tensor, instances: Tensor) -> Tensor:
    return torch.where(labels == 255, 255_000.0, labels * 1000.0 + instances)


def by_lists(picture: Tensor, ids: Tensor, classes: Tensor) -> list[list[int]]:
    known = dict(zip(ids.tolist(), classes.tolist(), strict=True))
    return [[known.get(r + 256 * g + 65536 * b, 255) for r, g, b in row] for row in picture.tolist()]


def by_shifts(picture: Tensor, ids: Tensor, classes: Tensor) -> np.ndarray:
    red, green, blue = np.moveaxis(picture.numpy().astype(np.int32), -1, 0)
    alike = (red | green << 8 | blue << 16)[..., None] == ids.numpy()
    return np.where(alike.any(-1), classes.numpy()[alike.argmax(-1)], 255)


RIGHT: list[tuple[str, Answer]] = [
    ("decode_colours", by_dictionary),
    ("decode_colours", in_bytes),
    ("decode_colours", by_one_number),
    ("decode_colours", lambda picture, palette: by_one_number(picture, palette).float()),
    ("decode_panoptic", by_lists),
    ("decode_panoptic", by_shifts),
    ("encode_panoptic", as_floats),
    ("encode_panoptic", lambda labels, instances: as_floats(labels, instances).numpy()),
    ("encode_panoptic", lambda labels, instances: as_floats(labels, instances).tolist()),
    ("encode_panoptic", lambda labels, instances: (labels * 1000 + instances).clamp(max=255_000).int()),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


def black_first(picture: Tensor, palette: Tensor) -> Tensor:
    """Class 0 is wherever the picture is black, the others by the palette."""
    labels = torch.where((picture == 0).all(-1), 0, 255)
    for label in range(1, len(palette)):
        labels[(picture == palette[label]).all(-1)] = label
    return labels


def bright_void(picture: Tensor, palette: Tensor) -> Tensor:
    labels = torch.zeros(picture.shape[:2], dtype=torch.int64)
    for label, colour in enumerate(palette):
        labels[(picture == colour).all(-1)] = label
    labels[(labels == 0) & (picture.sum(-1) > 0)] = 255
    return labels


def nearly(picture: Tensor, palette: Tensor) -> Tensor:
    near = (picture[:, :, None] - palette).abs().amax(-1) <= 2
    return torch.where(near.any(-1), near.int().argmax(-1), 255)


def undecided(picture: Tensor, palette: Tensor) -> Tensor:
    labels = torch.full(picture.shape[:2], 255)
    for label, colour in enumerate(palette):
        labels[picture == colour] = label
    return labels


def void_kept(labels: Tensor, instances: Tensor) -> Tensor:
    return labels * 1000 + instances


def void_above_20(labels: Tensor, instances: Tensor) -> Tensor:
    return torch.where(labels > 20, 255_000, labels * 1000 + instances)


def in_numpy_bytes(picture: Tensor, ids: Tensor, classes: Tensor) -> Tensor:
    red, green, blue = np.moveaxis(picture.numpy(), -1, 0)
    numbers = torch.from_numpy(red + (green << 8) + (blue << 16))
    labels = torch.full(numbers.shape, 255)
    for number, label in zip(ids, classes, strict=True):
        labels[numbers == number] = label
    return labels


def void_is_black_only(picture: Tensor, ids: Tensor, classes: Tensor) -> Tensor:
    labels = torch.tensor(by_lists(picture, ids, classes))
    labels[(labels == 255) & (picture > 0).any(-1)] = 0
    return labels


WRONG: list[tuple[str, Answer, str]] = [
    ("decode_colours", black_first, "You took black for class 0."),
    ("decode_colours", bright_void, "You took black for class 0."),
    ("decode_colours", nearly, "expected [[0, 255, 1, 255]], got [[0, 255, 1, 0]]"),
    ("decode_colours", undecided, "three truth values a pixel"),
    ("decode_panoptic", in_numpy_bytes, "You compute in bytes"),
    ("decode_panoptic", void_is_black_only, "expected [[255]], got [[0]]"),
    ("encode_panoptic", void_kept, "Void pixels kept an instance"),
    ("encode_panoptic", lambda labels, instances: void_kept(labels, instances).numpy(), "Void pixels kept an instance"),
    ("encode_panoptic", lambda labels, instances: void_kept(labels, instances).float(), "Void pixels kept an instance"),
    ("encode_panoptic", void_above_20, "expected [[133003], [255000], [0]], got [[255000], [255000], [0]]"),
    (
        "encode_panoptic",
        lambda labels, instances: as_floats(labels, instances > 0).tolist(),
        "expected [[133003], [255000], [0]], got [[133001], [255000], [0]]",
    ),
]


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text


def test_ids_that_are_one_off_are_not_put_down_to_float32() -> None:
    verdict = exercise.encode_panoptic.judge(lambda labels, instances: void_above_20(labels, instances) + 1)
    assert verdict.status == "wrong" and "float32" not in verdict.text
