"""Lesson 07: its answers are what PyTorch does, and every wrong choice has a sentence."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_07 as exercise


def test_the_value_lands_where_pytorch_puts_it() -> None:
    pooled, indices = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.int64)
    pooled[0, 0, 1, 2], indices[0, 0, 1, 2] = 1, 3 * 7 + 5
    row, column = F.max_unpool2d(pooled, indices, 2)[0, 0].nonzero()[0].tolist()
    assert exercise.lands_at.judge({"row": row, "column": column}).status == "right"


def test_memory_as_the_lesson_prints_it_is_right() -> None:
    assert exercise.index_memory.judge({"2 bits": 64.3, "int64": 2.003}).status == "right"
    assert exercise.index_memory.judge({"2 bits": 65, "int64": 2}).status == "wrong"


def test_every_wrong_choice_of_an_upsampling_has_a_sentence() -> None:
    task = exercise.which_upsampling
    wrong = {(item, choice) for item, right in task._solution.items() for choice in task.options if choice != right}
    assert {known.wrong for known in task.misconceptions} == wrong


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
