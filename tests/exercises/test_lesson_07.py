"""Lesson 07: its answers are what PyTorch does, every wrong choice has a sentence, and wrong code is refused and told why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_07 as exercise
from course_utils.models.memory import decoder_memory

Answer = Callable[..., Any]


def test_the_value_lands_where_pytorch_puts_it() -> None:
    pooled, indices = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.int64)
    pooled[0, 0, 1, 2], indices[0, 0, 1, 2] = 1, 3 * 7 + 5
    row, column = F.max_unpool2d(pooled, indices, 2)[0, 0].nonzero()[0].tolist()
    assert exercise.lands_at.judge({"row": row, "column": column}).status == "right"


def test_memory_as_the_lesson_prints_it_is_right() -> None:
    computed = decoder_memory((360, 480), bytes_per_value=2)
    times = {"2 bits": computed.features / computed.packed_indices, "int64": computed.features / computed.int64_indices}
    assert exercise.index_memory.judge(times).status == "right"
    assert exercise.index_memory.judge({"2 bits": 33, "int64": 1}).status == "wrong"


@pytest.mark.parametrize("size", [(4, 4), (7, 9), (8, 5)])
def test_corners_give_the_indices_of_pytorch(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    indices = F.max_pool2d(maps, 2, return_indices=True)[1]
    corners = indices // size[1] % 2 * 2 + indices % size[1] % 2
    assert torch.equal(exercise.indices_of_corners._solution(corners, size[1]), indices)


def test_unpooling_by_hand_is_right_in_the_type_of_the_maps() -> None:
    class ByHand(nn.Module):
        def __init__(self, width: int, finer: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, finer, 3, padding=1), nn.ReLU()
            )

        def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
            flat = self.zeros(maps, size).scatter(2, indices.flatten(2), maps.flatten(2))
            return self.layers(flat.unflatten(2, size))

        def zeros(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
            return maps.new_zeros(*maps.shape[:2], size[0] * size[1])

    class InFloat32(ByHand):
        def zeros(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
            return torch.zeros(*maps.shape[:2], size[0] * size[1])

    assert exercise.MirroredStage.judge(ByHand).status == "right"
    verdict = exercise.MirroredStage.judge(InFloat32)
    assert verdict.status == "error" and "new_zeros" in verdict.text.splitlines()[0]


def test_a_list_for_one_encoder_is_told_that_others_are_asked_for() -> None:
    def hard_coded(widths: list[int], depths: list[int], num_classes: int) -> list[tuple[int, int]]:
        return [(512, 512)] * 5 + [(512, 256), (256, 128), (128, 64), (64, num_classes)]

    verdict = exercise.decoder_layers.judge(hard_coded)
    assert "Yours has 9 there whatever was asked; the check asks for other sizes as well" in verdict.text


def mirrored(widths: list[int], depths: list[int], num_classes: int) -> list[list[int]]:
    """The encoder's layers, in the other order and each turned round, the last one's channels replaced."""
    layers, channels = [], 3
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            layers.append([width, channels])
            channels = width
    layers[0][1] = num_classes
    return layers[::-1]


def unpooled(picture: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    maps, indices = nn.MaxPool2d(2, return_indices=True)(picture)
    return nn.MaxUnpool2d(2)(maps, indices, size or picture.shape[-2:])


class Stage(nn.Module):
    """A right answer, in parts that can be replaced."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(width, width, 3, padding="same"), nn.Conv2d(width, finer, 3, padding=1)])

    def unpool(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return nn.MaxUnpool2d(2)(maps, indices, size)

    def between(self, maps: Tensor) -> Tensor:
        return maps

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        first, second = self.layers
        return second(self.between(first(self.unpool(maps, indices, size)).relu())).relu()


class Parameters(nn.Module):
    """All weights in one list, all biases in another."""

    def __init__(self, width: int, finer: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList([torch.randn(out, width, 3, 3) for out in (width, finer)])
        self.biases = nn.ParameterList([torch.randn(out) for out in (width, finer)])

    def forward(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        maps = F.max_unpool2d(maps, indices, 2, 2, output_size=list(size))
        for weight, bias in zip(self.weights, self.biases, strict=True):
            maps = F.conv2d(maps, weight, bias, padding=1).relu()
        return maps


def pixel_by_pixel(corners: Tensor, columns: int) -> Tensor:
    indices = torch.zeros_like(corners)
    for row in range(corners.shape[2]):
        for column in range(corners.shape[3]):
            for corner in range(4):
                place = (2 * row + corner // 2) * columns + 2 * column + corner % 2
                indices[:, :, row, column][corners[:, :, row, column] == corner] = place
    return indices


def from_a_map_of_indices(corners: Tensor, columns: int) -> Tensor:
    """Each window's first place from a map of all places, and a table of how far on its corners are."""
    height, width = corners.shape[-2:]
    first = torch.arange(2 * height * columns).view(2 * height, columns)[::2, : 2 * width : 2]
    return first + torch.tensor([0, 1, columns, columns + 1])[corners]


RIGHT: list[tuple[str, Answer]] = [
    ("decoder_layers", mirrored),
    ("decoder_layers", lambda *sizes: np.array(mirrored(*sizes))),
    ("decoder_layers", lambda *sizes: tuple(map(tuple, mirrored(*sizes)))),
    ("MirroredStage", Stage),
    ("MirroredStage", Parameters),
    ("indices_of_corners", pixel_by_pixel),
    ("indices_of_corners", from_a_map_of_indices),
    ("unpool_pair", lambda before, after: [unpooled(before), unpooled(after)]),
    ("unpool_pair", lambda before, after: (unpooled(before.float()), unpooled(after.float()))),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


class Dropping(Stage):
    def between(self, maps: Tensor) -> Tensor:
        return F.dropout(maps, training=self.training)


class Frozen(Stage):
    def __init__(self, width: int, finer: int) -> None:
        super().__init__(width, finer)
        self.layers[0].bias.requires_grad_(False)


class Detached(Stage):
    def between(self, maps: Tensor) -> Tensor:
        return maps.detach()


class Clipped(Stage):
    def between(self, maps: Tensor) -> Tensor:
        return maps.clamp(max=6)


class PositiveOnly(Stage):
    def unpool(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return super().unpool(maps.relu(), indices, size)


class SizeByPosition(Stage):
    def unpool(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return F.max_unpool2d(maps, indices, 2, size)


class SizeAsPadding(Stage):
    def unpool(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return F.max_unpool2d(maps, indices, 2, 2, size)


class StrideForPadding(Stage):
    def __init__(self, width: int, finer: int) -> None:
        super().__init__(width, finer)
        self.layers = nn.ModuleList([nn.Conv2d(width, width, 3, 1), nn.Conv2d(width, finer, 3, 1)])


class OnePadded(Stage):
    def __init__(self, width: int, finer: int) -> None:
        super().__init__(width, finer)
        self.layers[1] = nn.Conv2d(width, finer, 3)


class FirstOfBatch(Stage):
    def unpool(self, maps: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        return super().unpool(maps[:1], indices[:1], size).expand(len(maps), -1, -1, -1)


def each(restore: Callable[[Tensor], Tensor]) -> Answer:
    return lambda before, after: (restore(before), restore(after))


def pooled(picture: Tensor) -> tuple[Tensor, Tensor]:
    return F.max_pool2d(picture, 2, return_indices=True)


def without_indices(picture: Tensor) -> Tensor:
    maps, indices = F.max_pool2d(picture, 2)
    return F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:])


def indices_by_position(picture: Tensor) -> Tensor:
    maps, indices = F.max_pool2d(picture, 2, True)
    return F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:])


def turned_in_place(widths: list[int], depths: list[int], num_classes: int) -> list[list[int]]:
    layers = mirrored(widths, depths, num_classes)
    widths.reverse()
    return layers


def finest_stage_cut(widths: list[int], depths: list[int], num_classes: int) -> list[list[int]]:
    return [*mirrored(widths, depths, num_classes)[: -depths[0]], [widths[0], num_classes]]


def rows_lying_flat(corners: Tensor, columns: int) -> Tensor:
    height, width = corners.shape[-2:]
    row, column = 2 * torch.arange(height) + corners // 2, 2 * torch.arange(width) + corners % 2
    return row * columns + column


WRONG: list[tuple[str, Answer, str]] = [
    ("decoder_layers", finest_stage_cut, "Your finest stage has one convolution"),
    ("decoder_layers", lambda w, d, k: mirrored(w, d, k)[: -d[0]], "Your list ends one stage too early"),
    ("decoder_layers", turned_in_place, "changes its argument `widths` in place"),
    ("MirroredStage", Dropping, "After `eval()` the values are right, in training they are not"),
    ("MirroredStage", Frozen, "nothing trains `layers.0.bias`"),
    ("MirroredStage", Detached, "no gradient gets back to all of `maps`"),
    ("MirroredStage", Clipped, "expected"),
    ("MirroredStage", PositiveOnly, "negative values too"),
    ("MirroredStage", SizeByPosition, "is the stride, not the size"),
    ("MirroredStage", SizeAsPadding, "is the stride, the fifth the padding"),
    ("MirroredStage", StrideForPadding, "as the fourth argument is the stride"),
    ("MirroredStage", OnePadded, "Your second convolution has no padding"),
    ("MirroredStage", FirstOfBatch, "expected"),
    ("indices_of_corners", rows_lying_flat, "have to stand upright"),
    (
        "indices_of_corners",
        lambda corners, columns: from_a_map_of_indices(corners, 2 * corners.shape[3]),
        "twice as wide",
    ),
    ("indices_of_corners", lambda corners, columns: from_a_map_of_indices(corners[:1], columns), "Expected the shape"),
    ("unpool_pair", each(lambda x: F.max_unpool2d(*pooled(x), 2, x.shape[-2:])), "is the stride, not the size"),
    ("unpool_pair", each(lambda x: F.max_unpool2d(*pooled(x), 2, 2, x.shape[-2:])), "the fifth the padding"),
    ("unpool_pair", each(indices_by_position), "The third argument of `F.max_pool2d` is the stride"),
    ("unpool_pair", each(without_indices), "if it is told to: `return_indices=True`"),
    ("unpool_pair", each(lambda x: unpooled(x.detach())), "no gradient gets back to all of `before`"),
    ("unpool_pair", lambda before, after: (unpooled(before), unpooled(after).detach()), "all of `after`"),
    ("unpool_pair", each(lambda x: unpooled(x).long()), "expected 18.375"),
    ("unpool_pair", each(lambda x: unpooled(x.abs())), "expected -1 at index"),
    ("unpool_pair", each(lambda x: unpooled(x[:1]).expand_as(x)), "expected"),
]


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text
