"""Lesson 06: the numbers that its exercises teach are those of the networks, and other right answers are right."""

import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import lesson_06 as exercise
from course_utils.models.fcn import FCN, fcn_vgg16

DATA = Path(__file__).parents[2] / "data"
SCORES = DATA / "leaderboards" / "fcn_skips.csv"
STUDY = DATA / "results" / "fcn_skips.csv"


def test_parameters_are_those_of_the_published_networks() -> None:
    with torch.device("meta"):
        networks = {stride: fcn_vgg16(21, stride=stride) for stride in (32, 16)}
    count = {stride: sum(value.numel() for value in network.parameters()) for stride, network in networks.items()}
    fc6 = sum(value.numel() for value in networks[32].classifier[0].parameters())
    assert exercise.fc6_parameters.judge(fc6).status == "right"
    assert exercise.score_parameters.judge(count[16] - count[32]).status == "right"
    assert all(f"{value:,}" in exercise.score_parameters.explanation for value in count.values())


def test_scores_in_the_texts_are_those_of_the_table() -> None:
    with SCORES.open(newline="") as file:
        table = {row["method"]: row["mean_iu"] for row in csv.DictReader(file)}
    gain, measured = exercise.skip_gain, float(table["FCN-8s"]) - float(table["FCN-16s"])
    assert table["FCN-32s"] in gain.question and table["FCN-16s"] in gain.question
    assert table["FCN-8s"] in gain.explanation and gain.limits[0] < measured < gain.limits[1]
    gains = [float(table[b]) - float(table[a]) for a, b in (("FCN-32s", "FCN-16s"), ("FCN-16s", "FCN-8s"))]
    assert all(f"{value:+.1f}" in gain.explanation for value in gains)
    with STUDY.open(newline="") as file:
        seeds = [row for row in csv.DictReader(file) if int(row["seed"]) < 3]  # those that all variants have
        rows = [(row["variant"], float(row["boundary_iou"])) for row in seeds]
    boundary = {
        name: sum(value for variant, value in rows if variant == name) / 3 for name in ("FCN-32s", "FCN-16s", "FCN-8s")
    }
    assert f"{boundary['FCN-16s'] - boundary['FCN-32s']:+.3f}" in gain.explanation
    assert f"{boundary['FCN-8s'] - boundary['FCN-16s']:+.3f}" in gain.explanation
    sentences = {known.name: known.sentence for known in exercise.add_or_concatenate.misconceptions}
    assert table["FCN-32s-fixed"] in sentences["fixed_upsampling"] and table["FCN-32s"] in sentences["fixed_upsampling"]


def test_every_statement_has_a_sentence_for_its_wrong_answer() -> None:
    wrong = {known.wrong for known in exercise.add_or_concatenate.misconceptions}
    other = {"true": "false", "false": "true"}
    assert wrong == {(item, other[truth]) for item, truth in exercise.add_or_concatenate._solution.items()}


def test_windows_taken_one_by_one_are_right() -> None:
    def by_windows(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size) -> Tensor:
        windows = F.unfold(features, size).transpose(1, 2)
        scores = F.linear(F.relu(F.linear(windows, weight1, bias1)), weight2, bias2)
        rows, columns = (n - side + 1 for n, side in zip(features.shape[-2:], size, strict=True))
        return scores.transpose(1, 2).unflatten(2, (rows, columns))

    assert exercise.convolutional_head.judge(by_windows).status == "right"


def test_enlarging_before_scoring_is_right() -> None:
    """A 1 × 1 convolution and an interpolation, whose weights sum to 1, may change places."""

    class EnlargedFirst(nn.Module):
        def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
            super().__init__()
            self.fine, self.middle, self.coarse = (nn.Conv2d(width, num_classes, 1) for width in channels)

        def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
            fine, middle, coarse = maps
            logits = self.coarse(F.interpolate(coarse, size=middle.shape[-2:], mode="bilinear")) + self.middle(middle)
            logits = F.interpolate(logits, size=fine.shape[-2:], mode="bilinear") + self.fine(fine)
            return F.interpolate(logits, size=size, mode="bilinear")

    assert exercise.FCNHead.judge(EnlargedFirst).status == "right"


def test_other_layers_that_compute_the_same_are_right() -> None:
    """Layers in another order than the maps, and linear layers on channels-last maps."""

    class Enlarging(nn.Module):
        def fused(self, scores: list[Tensor], size: tuple[int, int]) -> Tensor:
            logits = scores[0]
            for finer in scores[1:]:
                logits = exercise.fuse._solution(logits, finer)
            return F.interpolate(logits, size=size, mode="bilinear")

    class CoarsestFirst(Enlarging):
        def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
            super().__init__()
            self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, 1) for width in reversed(channels))

        def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
            return self.fused([score(map) for score, map in zip(self.scores, maps[::-1], strict=True)], size)

    class Linear(Enlarging):
        def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
            super().__init__()
            self.scores = nn.ModuleList(nn.Linear(width, num_classes) for width in channels)

        def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
            scores = [score(map.movedim(1, -1)).movedim(-1, 1) for score, map in zip(self.scores, maps, strict=True)]
            return self.fused(scores[::-1], size)

    assert exercise.FCNHead.judge(CoarsestFirst).status == "right"
    assert exercise.FCNHead.judge(Linear).status == "right"


def test_a_step_that_stops_the_gradient_is_not_right() -> None:
    def detached(coarse: Tensor, fine: Tensor) -> Tensor:
        return exercise.fuse._solution(coarse.detach(), fine)

    verdict = exercise.fuse.judge(detached)
    assert verdict.status == "wrong" and "no gradient gets back to all of `coarse`" in verdict.text


def test_a_size_of_the_wrong_axes_is_told_whichever_way_it_is_added() -> None:
    def exchanged(coarse: Tensor, fine: Tensor) -> Tensor:
        rows, columns = fine.shape[-2:]
        return fine + F.interpolate(coarse, size=(columns, rows), mode="bilinear")

    verdict = exercise.fuse.judge(exchanged)
    assert (verdict.status, verdict.misconception) == ("error", "sides_exchanged")
    assert "the other way round" in verdict.text.splitlines()[0] and "your code raised RuntimeError" in verdict.text


def test_head_is_that_of_the_package() -> None:
    class Maps(nn.Module):
        channels, strides = (3, 4, 5), (8, 16, 32)

        def forward(self, images: Tensor) -> list[Tensor]:
            return self.given

    head = exercise.FCNHead._solution((3, 4, 5), 2)
    network = FCN(Maps(), 2, stride=8, upsample="bilinear")
    network.scores.load_state_dict(nn.ModuleList(reversed(head.scores)).state_dict())
    network.backbone.given = [torch.rand(2, 3, 5, 11), torch.rand(2, 4, 3, 6), torch.rand(2, 5, 2, 3)]
    size = (37, 83)
    torch.testing.assert_close(head(network.backbone.given, size), network(torch.rand(2, 3, *size)))


def test_bilinear_start_enlarges_each_class_on_its_own() -> None:
    """As F.interpolate does, but for the border, beyond which a transposed convolution sees zeros."""
    scores = torch.rand(2, 3, 4, 5)
    for factor in (2, 3, 4):
        weight = exercise.bilinear_start._solution(3, factor)
        enlarged = F.conv_transpose2d(scores, weight, stride=factor, padding=factor // 2)
        wanted = F.interpolate(scores, scale_factor=factor, mode="bilinear")
        inside = (..., slice(factor, -factor), slice(factor, -factor))
        torch.testing.assert_close(enlarged[inside], wanted[inside])
