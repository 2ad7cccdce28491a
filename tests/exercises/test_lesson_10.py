"""Lesson 10: answers are what the networks have, right code in another form is taken, wrong code told why."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_10 as exercise
from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fpn import FPN
from course_utils.models.unet import UNet

Answer = Callable[..., Any]


@pytest.mark.parametrize("output_stride", [32, 8])
def test_a_pyramid_of_layers_is_that_of_the_backbone(output_stride: int) -> None:
    """The last map of each size; with dilation instead of strides, several maps of the backbone have one size."""
    backbone = small_resnet(output_stride=output_stride).eval()
    images = torch.rand(2, 3, 33, 41)
    maps = {map_.shape[2:]: map_ for map_ in backbone(images)}
    found = exercise.pyramid._solution(images, [backbone.normalise, *backbone.stem, *backbone.blocks])
    assert [map_.shape[2:] for map_ in found] == [images.shape[2:], *maps], "normalised images have a size as well"
    assert all(torch.equal(one, other) for one, other in zip(found[1:], maps.values(), strict=True))


def test_a_top_down_path_is_that_of_the_package() -> None:
    network = FPN(small_resnet(), 8).eval()
    images = torch.rand(1, 3, 33, 41)
    maps = network.backbone(images)
    laterals = [lateral(maps[level]) for lateral, level in zip(network.laterals, network.levels, strict=True)]
    results = exercise.top_down._solution(laterals)
    for output, result, map_ in zip(network.outputs, results, network(images), strict=True):
        torch.testing.assert_close(output(result), map_)


def weights(part: nn.Module) -> int:
    return sum(layer.weight.numel() for layer in part.modules() if isinstance(layer, nn.Conv2d))


def test_weights_asked_for_are_those_of_the_networks() -> None:
    with torch.device("meta"):
        backbones = resnet18(), resnet50()
        unets = [UNet(backbone, 8, widths=(256, 128, 64, 32, 16), upsample="bilinear") for backbone in backbones]
        pyramids = [FPN(backbone, 256) for backbone in backbones]
    first = [next(layer for layer in unet.steps[0].modules() if isinstance(layer, nn.Conv2d)) for unet in unets]
    behind = [weights(pyramid.outputs) for pyramid in pyramids]
    counts = [*map(weights, first), *(weights(pyramid.laterals) for pyramid in pyramids), behind[1] - behind[0]]
    assert list(exercise.what_changes._solution.values()) == counts
    wrong = [known.wrong for known in exercise.what_changes.misconceptions]
    assert len(set(wrong)) == len(wrong), "a wrong number has one sentence"
    assert not any(exercise.what_changes._solution[item] == number for item, number in wrong)


def test_the_share_of_parameters_is_that_of_the_network() -> None:
    with torch.device("meta"):
        backbone = resnet18()
        network = UNet(backbone, 8, widths=(96, 64, 40, 24, 16))
    counts = [sum(value.numel() for value in part.parameters()) for part in (backbone, network)]
    assert f" {100 * counts[0] / counts[1]:.0f} per cent" in exercise.encoder_share.question


def test_every_wrong_choice_has_a_sentence_and_every_table_one_difference() -> None:
    task = exercise.fair_comparison
    wrong = {(table, choice) for table, right in task._solution.items() for choice in task.options if choice != right}
    assert {known.wrong for known in task.misconceptions} == wrong
    rows = [line.strip("| ").split(" | ") for line in task.question.splitlines() if line.startswith("| ")]
    for number, (names, one, other) in enumerate(zip(rows[::3], rows[1::3], rows[2::3], strict=True), 1):
        assert names[:2] == ["backbone", "parameters"] and names[-1] == "mIoU"
        differ = [name for name, a, b in zip(names[2:-1], one[2:-1], other[2:-1], strict=True) if a != b]
        assert (differ or ["nothing"]) == [task._solution[f"table {number}"]]


@pytest.mark.parametrize(("name", "guess"), [("gain_with_few", 12.5), ("gain_with_few", -3), ("encoder_share", 80)])
def test_a_guess_is_shown_beside_what_was_measured(name: str, guess: float, capsys: pytest.CaptureFixture[str]) -> None:
    task = getattr(exercise, name)
    task.predict(guess)
    task.reveal(8)
    assert f"You predicted {guess:.{task.digits}f}. Measured: {8:.{task.digits}f}." in capsys.readouterr().out


# --- Code


def by_sizes(images: Tensor, layers: list) -> list:
    kept, x = {}, images
    for layer in layers:
        x = layer(x)
        kept[x.shape[2:]] = x
    return list(kept.values())


def by_neighbours(images: Tensor, layers: list) -> tuple[Tensor, ...]:
    maps = list(itertools.accumulate(layers, lambda x, layer: layer(x), initial=images))[1:]
    pairs = zip(maps, [*maps[1:], None], strict=True)
    return tuple(x for x, after in pairs if after is None or after.shape[-2:] != x.shape[-2:])


def by_networks(images: Tensor, layers: list) -> list:
    maps = [nn.Sequential(*layers[: n + 1])(images) for n in range(len(layers))]
    return [list(of_a_size)[-1] for _, of_a_size in itertools.groupby(maps, key=lambda x: x.shape[2:])]


def before_each_change(images: Tensor, layers: list) -> list:
    maps, x = [], images
    for layer in layers:
        following = layer(x)
        if following.shape[2:] != x.shape[2:]:
            maps.append(x)
        x = following
    return maps


def compared_with_the_image(images: Tensor, layers: list) -> list:
    maps, x = [], images
    for layer in layers:
        size, x = x.shape[2:], layer(x)
        if x.shape[2:] == size:
            maps[-1] = x
        else:
            maps.append(x)
    return maps


def popped(images: Tensor, layers: list) -> list:
    taken = []
    while layers:
        taken.append(layers.pop(0))
    return by_sizes(images, taken)


def by_places(laterals: list) -> list:
    results = list(laterals)
    for level in reversed(range(len(results) - 1)):
        results[level] = results[level] + F.interpolate(results[level + 1], size=results[level].shape[-2:])
    return results


def by_calling_itself(laterals: list) -> list:
    fine, *coarser = laterals
    if not coarser:
        return [fine]
    above = by_calling_itself(coarser)
    rows, columns = (
        torch.arange(side) * less // side for side, less in zip(fine.shape[2:], above[0].shape[2:], strict=True)
    )
    return [fine + above[0][:, :, rows[:, None], columns], *above]


def in_place(laterals: list) -> list:
    for level in reversed(range(len(laterals) - 1)):
        laterals[level] += F.interpolate(laterals[level + 1], size=laterals[level].shape[2:])
    return laterals


def twice_and_cut(laterals: list) -> list:
    results = laterals[-1:]
    for lateral in laterals[-2::-1]:
        twice = nn.Upsample(scale_factor=2)(results[0])
        results.insert(0, lateral + twice[:, :, : lateral.shape[2], : lateral.shape[3]])
    return results


def whole_shape_as_size(laterals: list) -> list:
    return [laterals[0] + F.interpolate(laterals[-1], size=laterals[0].shape), laterals[-1]]


RIGHT: list[tuple[str, Answer]] = [
    ("pyramid", by_sizes),
    ("pyramid", by_neighbours),
    ("top_down", by_places),
    ("top_down", by_calling_itself),
    ("top_down", lambda laterals: [result.float() for result in by_places(laterals)]),
]
WRONG: list[tuple[str, Answer, str]] = [
    ("pyramid", before_each_change, "The coarsest map is missing"),
    ("pyramid", before_each_change, "The images stand in your list"),
    ("pyramid", lambda x, layers: by_sizes(x, layers)[::-1], "the coarsest comes first"),
    ("pyramid", lambda x, layers: by_sizes(x, layers)[-1:], "That is the coarsest map alone"),
    ("pyramid", lambda x, layers: by_sizes(x, layers)[-1], "Expected a list"),
    ("pyramid", compared_with_the_image, "Before the first layer your list is empty"),
    ("pyramid", by_networks, "You run the first layers anew for every map"),
    ("pyramid", popped, "changes its argument `layers` in place"),
    ("pyramid", lambda x, layers: layers(x), "call its members"),
    ("pyramid", lambda x, layers: [found.detach() for found in by_sizes(x, layers)], "no gradient gets back to"),
    ("top_down", in_place, "changes its argument `laterals` in place"),
    ("top_down", twice_and_cut, "Sides may be odd"),
    ("top_down", whole_shape_as_size, "`size` is height and width alone"),
    ("top_down", lambda laterals: by_places(laterals)[0], "Expected a list"),
    ("top_down", lambda laterals: by_places(laterals[::-1])[::-1], "You begin with the finest lateral"),
    ("top_down", lambda laterals: [found.detach() for found in by_places(laterals)], "no gradient gets back to"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text


def test_a_path_by_the_network_is_right_and_told_so() -> None:
    def by_the_network(laterals: list) -> list:
        return exercise.top_down.reference(laterals) if laterals else FPN(nn.Identity())

    assert exercise.top_down.judge(by_the_network).text.startswith("right, by the library: `FPN`")
