"""Lesson 08: its answers are what the networks do, every wrong choice has a sentence, and right code in another form is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_08 as exercise
from course_utils.models.cost import ledger
from course_utils.models.unet import padded_unet, unet_2015, valid_input_sizes


@pytest.mark.parametrize("side", [187, 188, 189, 196, 204, 572, 580])
def test_sides_that_come_out_are_those_of_the_network(side: int) -> None:
    found = exercise.output_side._solution(side, 4)
    if side in valid_input_sizes(side):
        with torch.device("meta"):
            network = unet_2015(2)
        assert found == ledger(network, (1, side, side)).outputs[0].shape[-1]
    else:
        assert found is None


def test_parameters_asked_for_are_those_of_the_network() -> None:
    with torch.device("meta"):
        network = padded_unet(1, widths=(48, 96, 192, 384, 768), bias=True)
    counts = [sum(p.numel() for p in part.parameters(recurse=False)) for part in network.modules()]
    asked = exercise.parameter_counts._solution
    learnt = {value for name, value in asked.items() if not name.startswith("bilinear")}
    assert learnt <= set(counts) and len(learnt) == 4
    assert sum(asked.values()) == sum(learnt), "interpolation has no parameters"


def test_sizes_part_where_a_plain_concatenation_raises() -> None:
    """On maps of one channel: halved four times, doubled, and laid beside each other."""

    def first_failure(side: int) -> str:
        maps = [torch.zeros(1, 1, side, side)]
        for _ in range(4):
            maps.append(F.max_pool2d(maps[-1], 2))
        for step, (skip, below) in enumerate(zip(maps[-2::-1], maps[:0:-1], strict=True), 1):
            try:
                torch.cat([F.interpolate(below, scale_factor=2), skip], dim=1)
            except RuntimeError:
                return f"up{step}"
        return "none"

    asked = exercise.where_sizes_part._solution
    assert {side: first_failure(int(side)) for side in asked} == asked


def test_every_wrong_step_has_a_sentence() -> None:
    task = exercise.where_sizes_part
    wrong = {(item, choice) for item, right in task._solution.items() for choice in task.options if choice != right}
    assert {known.wrong for known in task.misconceptions} == wrong


def join_by_hand(enlarged: Tensor, skip: Tensor) -> Tensor:
    """Rows and columns are read by their numbers, no further than the last."""
    rows, columns = (
        torch.arange(side).clamp(max=have - 1) for side, have in zip(skip.shape[2:], enlarged.shape[2:], strict=True)
    )
    return torch.cat([enlarged[:, :, rows][:, :, :, columns], skip], 1)


def mirrored_step_by_step(positions: Tensor, length: int) -> list[int]:
    found = []
    for position in positions.tolist():
        while length > 1 and not 0 <= position < length:
            position = -position if position < 0 else 2 * (length - 1) - position
        found.append(position if length > 1 else 0)
    return found


def mirrored_by_numpy(positions: Tensor, length: int) -> np.ndarray:
    """The row that NumPy pads by mirroring, read at the positions."""
    most = int(positions.abs().max()) + length
    return np.pad(np.arange(length), most, mode="reflect")[positions.numpy() + most]


class BlockOfLists(nn.Module):
    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += [nn.Conv2d(channels, out_channels, 3, padding="same", bias=False), nn.BatchNorm2d(out_channels)]
            layers += [nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class BlockInPlace(BlockOfLists):
    def forward(self, x: Tensor) -> Tensor:
        first, first_norm, _, second, second_norm, _ = self.layers
        return second_norm(second(first_norm(first(x)).relu_())).clamp(min=0)


def megabytes_of_a_flat_list(outputs: list[Any]) -> float:
    flat = [shape for output in outputs for shape in (output if isinstance(output, list) else [output])]
    return sum(int(np.prod(shape)) for shape in flat) / 262144


def side_by_formula(side: int, poolings: int) -> int | None:
    """What is lost in all, and of which grid the side has to be."""
    lost = sum(4 * 2**level for level in range(poolings)) * 2 + 4 * 2**poolings
    lowest = 4 * (2**poolings - 1)
    answer = side - lost
    return answer if answer > 0 and (side - lowest) % 2**poolings == 0 else None


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (exercise.join, join_by_hand),
        (exercise.mirrored, mirrored_step_by_step),
        (exercise.mirrored, mirrored_by_numpy),
        (exercise.UNetBlock, BlockOfLists),
        (exercise.UNetBlock, BlockInPlace),
        (exercise.activation_megabytes, megabytes_of_a_flat_list),
        (exercise.output_side, side_by_formula),
    ],
)
def test_right_answers_in_another_form_are_taken(task: Any, answer: Callable[..., Any]) -> None:
    verdict = task.judge(answer)
    assert verdict.status == "right", verdict.text


def test_half_precision_is_refused_and_named() -> None:
    """Quarters survive it, but the next layer would not take the map."""
    verdict = exercise.join.judge(lambda enlarged, skip: join_by_hand(enlarged, skip).half())
    assert verdict.status == "wrong" and "half precision" in verdict.text


def test_a_block_with_biases_is_not_told_of_channels() -> None:
    class WithBiases(BlockOfLists):
        def __init__(self, in_channels: int, out_channels: int) -> None:
            super().__init__(in_channels, out_channels)
            self.layers[0] = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    text = exercise.UNetBlock.judge(WithBiases).text
    assert "without biases" in text and "another number of channels" not in text


CALLS_ITSELF = """
def output_side(side, poolings):
    if poolings == 0:
        return side - 4 if side > 4 else None
    if side % 2:
        return None
    below = output_side((side - 4) // 2, poolings - 1)
    return 2 * below - 4 if below and below > 2 else None
"""
NOT_WRITTEN = """
def output_side(side, poolings):
    return output_side(side, poolings)
"""


@pytest.mark.parametrize("stub_ran", [False, True])
def test_an_answer_may_call_itself_and_not_the_solution(stub_ran: bool) -> None:
    """In a notebook the name is unknown before the first answer, and stands for the solution after the stub."""
    cell = {"output_side": exercise.output_side._solution} if stub_ran else {}
    before = dict(cell)
    exec(CALLS_ITSELF, scope := dict(cell))
    mine = scope.pop("output_side")
    scope.update(before)
    assert exercise.output_side.judge(mine).status == "right"
    assert scope.get("output_side") is before.get("output_side"), "afterwards the name is what it was"
    exec(NOT_WRITTEN, scope)
    mine = scope["output_side"]
    scope["output_side"] = exercise.output_side._solution
    verdict = exercise.output_side.judge(mine)
    assert verdict.status == "error" and "RecursionError" in verdict.text


def test_a_module_may_name_itself() -> None:
    cell: dict[str, Any] = {"Base": BlockOfLists}
    exec("class UNetBlock(Base):\n    def __init__(self, a, b):\n        super(UNetBlock, self).__init__(a, b)\n", cell)
    assert exercise.UNetBlock.judge(cell.pop("UNetBlock")).status == "right"
