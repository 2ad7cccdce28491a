"""Lesson 11: answers are what the package and the library give, right code in another form is taken, wrong code told why."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.models.detection._utils import Matcher

from course_utils.exercises import lesson_11 as exercise
from course_utils.metrics import average_precision as curves
from course_utils.ops import roi

Answer = Callable[..., Any]


@pytest.mark.parametrize("seed", range(6))
def test_anchors_are_matched_as_in_torchvision(seed: int) -> None:
    """Whatever ties there are, as the values are few; the largest IoU of some objects is small."""
    generator = torch.Generator().manual_seed(seed)
    iou = torch.randint(0, 5, (12, 4), generator=generator).double() / 4 * torch.tensor([1, 0.75, 0.5, 0.125]).double()
    iou[0] = iou[0].clamp(min=1 / 64)  # each object overlaps some anchor
    for high, low in ((0.75, 0.25), (0.5, 0.5), (0.7, 0.3)):
        wanted = Matcher(high, low, allow_low_quality_matches=True)(iou.T)
        assert torch.equal(exercise.match_anchors._solution(iou, high, low), wanted)


def test_each_code_and_each_rule_is_asked_for() -> None:
    task = exercise.match_anchors
    labels = [task._solution(*probe) for probe in task.probes]
    assert {-2, -1, 0, 1, 2} <= set(torch.cat(labels).tolist())
    below = [
        torch.where(one >= 0, probe[0].amax(1), 1) < probe[2]
        for one, probe in zip(labels, task.probes, strict=True)
        if probe[0].numel()
    ]
    assert any(found.any() for found in below), "an object's best anchor below `low`"


def test_numbers_of_both_poolings_are_the_packages() -> None:
    ramp = torch.arange(12.0).expand(1, 1, 10, 12).double()
    found = {}
    for moved in (0, 0.25, 0.5):
        box = torch.tensor([[0, 3 + moved, 2, 7 + moved, 6]]).double()
        found[f"RoIPool, moved by {moved}"] = roi.roi_pool(ramp, box, (2, 2))[0, 0, 0, 0].item()
        aligned = roi.roi_align(ramp, box, (2, 2), sampling_ratio=2, aligned=True)
        found[f"RoIAlign, moved by {moved}"] = aligned[0, 0, 0, 0].item()
    task = exercise.two_poolings
    assert {name: found[name] for name in task._solution if name in found} == {
        name: number for name, number in task._solution.items() if name in found
    }
    assert f"its first bin gives {found['RoIPool, moved by 0']:g}.\n" in task.question
    assert f"Its first bin gives {found['RoIAlign, moved by 0']:g}." in task.question
    assert task._solution["cells of 5 pixels"] == 5 / 16
    assert task.judge(task._solution | {"cells of 5 pixels": 0.31}).status == "right"
    for wrong in (0.3, 0.32):
        assert "two decimals" in task.judge(task._solution | {"cells of 5 pixels": wrong}).text
    assert "without quotes" in task.judge(task._solution | {"cells of 5 pixels": "0.31"}).text


def test_average_precision_of_the_example_of_the_lesson() -> None:
    task = exercise.average_precision
    hits = torch.tensor([True, False, True, False, True])
    arguments = torch.arange(5, 0, -1).double(), hits, 4
    versions = {"solution": task._solution} | {known.name: known.wrong for known in task.misconceptions}
    for name, points, wanted in (
        ("solution", 101, 0.571),
        ("eleven_points", 11, 0.564),
        ("area_under_the_curve", None, 0.567),
    ):
        found = curves.average_precision(curves.precision_recall(*arguments), points=points).item()
        assert versions[name](*arguments) == pytest.approx(found) == pytest.approx(wanted, abs=5e-4), name


def test_permutations_of_the_examples_of_the_lesson() -> None:
    task = exercise.best_permutation
    table = torch.tensor([[0.1, 0.8, 0], [0.7, 0.6, 0.1], [0, 0.2, 0.5]])
    as_numbered = next(known.wrong for known in task.misconceptions if known.name == "as_numbered")
    assert task._solution(table) == pytest.approx(2 / 3) and as_numbered(table) == pytest.approx(0.4)
    blocked = torch.tensor([[0.9, 0.8], [0.85, 0.1]])
    assert task._solution(blocked) == pytest.approx(0.825) and task.given(blocked) == pytest.approx(0.5)


def test_every_report_has_a_fault_of_its_own_and_every_wrong_choice_a_sentence() -> None:
    task = exercise.faulty_reports
    assert sorted(task._solution.values()) == sorted(task.options)
    assert all(f"`{choice!r}`" in task.question for choice in task.options), "the choices are shown before one is made"
    assert re.findall(r"^\*\*(\w+):\*\* ", task.question, re.MULTILINE) == list(task._solution)
    wrong = {(name, choice) for name, right in task._solution.items() for choice in task.options if choice != right}
    assert {known.wrong for known in task.misconceptions} == wrong


# --- Code


def box_iou_of_numbers(a: Tensor, b: Tensor) -> float:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.tolist(), b.tolist()
    common = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - common
    return common / union if union else 0


def divided_by_nearly_nothing(a: Tensor, b: Tensor) -> Tensor:
    common = F.relu(torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).prod()
    return common / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - common + 1e-9)


def one_by_one(iou: Tensor, high: float, low: float) -> list:
    labels = []
    for anchor in iou.tolist():
        u = max(anchor, default=0)
        needed = any(value == iou[:, n].max() for n, value in enumerate(anchor))
        n = anchor.index(u) if anchor else -1
        labels.append(n if needed or (anchor and u >= high) else -1 if not anchor or u < low else -2)
    return labels


def by_the_matcher(iou: Tensor, high: float, low: float) -> Tensor:
    if iou.shape[1] == 0:
        return iou.new_full((len(iou),), -1, dtype=torch.int64)
    return Matcher(high, low, allow_low_quality_matches=True)(iou.T)


def objects_kept_apart(iou: Tensor, high: float, low: float) -> Tensor:
    """No objects are forgotten."""
    largest, best = iou.max(dim=1)
    best[largest < high] = -2
    best[largest < low] = -1
    return best


def crossing_out(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    waiting, kept = sorted(range(len(boxes)), key=lambda n: -scores[n].item()), []
    while waiting:
        best, *rest = waiting
        kept.append(best)
        waiting = [n for n in rest if box_iou_of_numbers(boxes[best], boxes[n]) <= threshold]
    return kept


def by_a_mask(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    iou = torchvision.ops.box_iou(boxes, boxes).nan_to_num(0)
    left, order, kept = torch.ones(len(boxes), dtype=torch.bool), scores.argsort(descending=True, stable=True), []
    for n in order:
        if left[n]:
            kept.append(n)
            left &= iou[n] <= threshold
    return torch.stack(kept) if kept else torch.zeros(0, dtype=torch.int64)


def bin_by_bin(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """Each sample is a sum over all cells, of which four at most have a weight."""
    x1, y1, x2, y2 = box.tolist()
    result = features.new_zeros(len(features), *bins)
    for row, column in itertools.product(range(bins[0]), range(bins[1])):
        for down, across in itertools.product(range(samples), repeat=2):
            y = y1 + (row + (down + 0.5) / samples) * (y2 - y1) / bins[0]
            x = x1 + (column + (across + 0.5) / samples) * (x2 - x1) / bins[1]
            weights = [
                F.relu(1 - (min(max(place - 0.5, 0), size - 1) - torch.arange(size).double()).abs())
                for place, size in zip((y, x), features.shape[1:], strict=True)
            ]
            result[:, row, column] += torch.einsum("chw,h,w->c", features, *weights) / samples**2
    return result


def by_grid_sample(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    size = features.new_tensor(features.shape[:0:-1])
    steps = [(torch.arange(n * samples) + 0.5) / (n * samples) for n in reversed(bins)]
    points = torch.stack(torch.meshgrid(*steps, indexing="xy"), -1).to(box)
    grid = 2 * (box[:2] + points * (box[2:] - box[:2])) / size - 1
    values = F.grid_sample(features[None], grid[None], padding_mode="border", align_corners=False)[0]
    return values.reshape(-1, bins[0], samples, bins[1], samples).mean((2, 4))


def by_torchvision(features: Tensor, box: Tensor, bins: tuple, samples: int, aligned: bool = True) -> Tensor:
    return torchvision.ops.roi_align(features[None], [box[None]], bins, 1.0, samples, aligned)[0]


def read_from_the_right(scores: Tensor, hits: Tensor, positives: int) -> Any:
    order = np.argsort(-scores.numpy(), kind="stable")
    found = np.cumsum(hits.numpy()[order])
    precision = found / np.arange(1, len(found) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return envelope[np.searchsorted(found / positives, np.linspace(0, 1, 101))].mean()


def counted(scores: Tensor, hits: Tensor, positives: int) -> float:
    ranked = sorted(zip((-scores).tolist(), range(len(hits)), hits.tolist(), strict=True))
    curve, found = [], 0
    for number, (_, _, hit) in enumerate(ranked, 1):
        found += hit
        curve.append((found / positives, found / number))
    return sum(max([p for r, p in curve if r >= n / 100] or [0]) for n in range(101)) / 101


def recalls_that_are_never_reached(scores: Tensor, hits: Tensor, positives: int) -> float:
    found = hits[scores.argsort(descending=True, stable=True)].cumsum(0)
    precision = found / torch.arange(1, len(found) + 1)
    return sum(precision[found >= n * positives / 100].max() for n in range(101)) / 101


def all_ways(iou: Tensor) -> float:
    few, many = (iou, iou.T) if len(iou) <= iou.shape[1] else (iou.T, iou)
    few = few if len(few) <= few.shape[1] else many
    if few.shape[1] == 0:
        return 1.0
    ways = itertools.permutations(range(few.shape[1]), len(few))
    return max(sum(float(few[row, column]) for row, column in enumerate(way)) for way in ways) / few.shape[1]


def by_costs(iou: Tensor) -> Any:
    if not any(iou.shape):
        return 1
    rows, columns = linear_sum_assignment(-iou.numpy())
    return iou.numpy()[rows, columns].sum() / max(iou.shape)


def own_nms(overlap: Callable[[Tensor, Tensor], Any], stays: Callable[[Any, float], Any]) -> Answer:
    """NMS with any measure of overlap, the list of what is left made anew."""

    def answer(boxes: Tensor, scores: Tensor, threshold: float) -> list:
        waiting, kept = scores.argsort(descending=True, stable=True).tolist(), []
        while waiting:
            best, *rest = waiting
            kept.append(best)
            waiting = [n for n in rest if stays(overlap(boxes[best], boxes[n]), threshold)]
        return kept

    return answer


def iou_or_nan(a: Tensor, b: Tensor) -> Tensor:
    return torchvision.ops.box_iou(a[None], b[None])[0, 0]


def begun_with_the_best(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    return [scores.argsort(descending=True).tolist()[0], *crossing_out(boxes, scores, threshold)[1:]]


def within(by: float) -> Answer:
    def answer(iou: Tensor, high: float, low: float) -> Tensor:
        if iou.shape[1] == 0:
            return torch.full((len(iou),), -1)
        largest, best = iou.max(1)
        labels = torch.where(largest >= high, best, torch.where(largest < low, -1, -2))
        return torch.where((iou >= iou.amax(0) - by).any(1), best, labels)

    return answer


def paired_by(change: Callable[[Tensor], Tensor]) -> Answer:
    def answer(iou: Tensor) -> float:
        if not any(iou.shape):
            return 1
        return float(iou[linear_sum_assignment(change(iou), maximize=True)].sum()) / max(iou.shape)

    return answer


def mean_of_pairs(iou: Tensor) -> float:
    return float(iou[linear_sum_assignment(iou, maximize=True)].mean()) if any(iou.shape) else 1.0


def grid_over_size_less_one(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """Right, but for a map with a single row: there it divides by 0."""
    steps = [(torch.arange(n * samples) + 0.5) / (n * samples) for n in reversed(bins)]
    points = torch.stack(torch.meshgrid(*steps, indexing="xy"), -1).to(box)
    places = box[:2] + points * (box[2:] - box[:2]) - 0.5
    grid = 2 * places / (features.new_tensor(features.shape[:0:-1]) - 1) - 1
    values = F.grid_sample(features[None], grid[None], padding_mode="border", align_corners=True)
    return F.avg_pool2d(values, samples)[0]


def cropped(features: Tensor, box: Tensor) -> Tensor:
    x1, y1, x2, y2 = (round(number) for number in box.tolist())
    return features[:, y1:y2, x1:x2]


RIGHT: list[tuple[str, Answer]] = [
    ("box_iou", box_iou_of_numbers),
    ("box_iou", divided_by_nearly_nothing),
    ("match_anchors", one_by_one),
    ("match_anchors", within(0)),
    ("nms", crossing_out),
    ("nms", own_nms(iou_or_nan, lambda u, threshold: not u > threshold)),
    ("roi_align", by_grid_sample),
    ("roi_align", bin_by_bin),
    ("average_precision", read_from_the_right),
    ("average_precision", counted),
    ("best_permutation", all_ways),
    ("best_permutation", by_costs),
]
LIBRARY: list[tuple[str, Answer, str]] = [
    ("box_iou", lambda a, b: torchvision.ops.box_iou(a[None], b[None])[0, 0].nan_to_num(0), "box_iou"),
    ("match_anchors", by_the_matcher, "Matcher"),
    ("nms", torchvision.ops.nms, "nms"),
    ("roi_align", by_torchvision, "roi_align"),
]
WRONG: list[tuple[str, Answer, str]] = [
    ("box_iou", lambda a, b: torchvision.ops.box_iou(a[None], b[None])[0, 0], "Where neither box has an area"),
    ("match_anchors", objects_kept_apart, "Without objects there is no largest IoU"),
    (
        "nms",
        lambda boxes, scores, threshold: boxes[torchvision.ops.nms(boxes, scores, threshold)],
        "the boxes themselves",
    ),
    (
        "roi_align",
        lambda *arguments: by_torchvision(*arguments, aligned=False),
        "half a cell too far to the bottom right",
    ),
    ("roi_align", lambda *arguments: by_grid_sample(*arguments).detach(), "no gradient gets back to"),
    ("roi_align", lambda features, box, *rest: by_grid_sample(features, box.round(), *rest), "You round the box"),
    ("roi_align", grid_over_size_less_one, "NaN or infinite"),
    ("roi_align", lambda f, box, bins, _: F.adaptive_avg_pool2d(cropped(f, box), bins), "thinner than a cell"),
    ("match_anchors", within(1e-3), "nearly as good"),
    ("match_anchors", lambda iou, high, low: iou.argmax(0), "one entry for each object"),
    ("match_anchors", lambda *arguments: list(map(str, one_by_one(*arguments))), "leave out the quotes"),
    ("nms", own_nms(iou_or_nan, lambda u, threshold: u <= threshold), "have no area"),
    ("nms", own_nms(box_iou_of_numbers, lambda u, threshold: True), "Expected [1, 2], but got [1, 2, 0]"),
    ("nms", own_nms(box_iou_of_numbers, lambda u, threshold: u <= threshold + 0.01), "Expected"),
    ("nms", begun_with_the_best, "there is no first one"),
    ("nms", lambda *arguments: [str(n) for n in crossing_out(*arguments)], "leave out the quotes"),
    ("nms", lambda boxes, *rest: [boxes[n] for n in crossing_out(boxes, *rest)], "the boxes themselves"),
    *(("best_permutation", paired_by(lambda iou, p=power: iou**p), "the sum of their IoUs") for power in (0.5, 2, 3)),
    ("best_permutation", paired_by(lambda iou: torch.where(iou >= 0.1, iou, 0 * iou)), "the sum of their IoUs"),
    ("best_permutation", paired_by(lambda iou: (iou * 100).long()), "the sum of their IoUs"),
    ("best_permutation", mean_of_pairs, "divide by the number of pairs"),
    ("average_precision", recalls_that_are_never_reached, "the height is 0 there"),
    ("average_precision", lambda scores, hits, positives: hits.double().mean().item(), "not yet"),
    ("best_permutation", lambda iou: all_ways(iou[: min(iou.shape), : min(iou.shape)]), "not yet"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


@pytest.mark.parametrize(("name", "answer", "called"), LIBRARY)
def test_an_answer_of_the_library_is_right_and_told_so(name: str, answer: Answer, called: str) -> None:
    assert getattr(exercise, name).judge(answer).text.startswith(f"right, by the library: `{called}`")


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text
