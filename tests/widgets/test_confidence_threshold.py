"""The explorer of the confidence threshold: its counts and curves against the metric and by hand, its pictures and texts."""

import matplotlib.pyplot as plt
import pytest
import torch
from invented_detections import CAR, SIZE, Detected, invented_cars
from pictures import assert_legible, assert_legible_strip, assert_shown_and_moved, picture

from course_utils.metrics.average_precision import average_precision
from course_utils.metrics.instance import THRESHOLDS, AveragePrecision
from course_utils.widgets.confidence_threshold import count, level_of, match_class, threshold_explorer
from course_utils.widgets.explorer import Explorer

pytestmark = pytest.mark.usefixtures("course_style")


@pytest.fixture(scope="module")
def cars() -> Detected:
    return invented_cars()


@pytest.fixture(scope="module")
def explorer(cars: Detected) -> Explorer:
    return threshold_explorer(*cars, label=CAR)


def boxes(*left_and_width: tuple[float, float]) -> torch.Tensor:
    """Boxes of height 10 beside each other."""
    return torch.tensor([[left, 0, left + width, 10] for left, width in left_and_width])


def one_image(scores: list[float], found: torch.Tensor, true: torch.Tensor) -> tuple[list[dict], list[dict]]:
    none = torch.zeros(len(scores), dtype=torch.int64)
    prediction = {"labels": none, "scores": torch.tensor(scores), "boxes": found}
    return [prediction], [{"labels": torch.zeros(len(true), dtype=torch.int64), "boxes": true}]


def test_counts_by_hand() -> None:
    """Of two objects the one is hit twice: the more confident detection has it, though the other overlaps better."""
    found = boxes((0, 10), (2, 10), (50, 10))
    predictions, targets = one_image([0.4, 0.9, 0.6], found, boxes((0, 10), (100, 10)))
    matched = match_class(predictions, targets, overlap="boxes")
    assert matched.scores.tolist() == pytest.approx([0.9, 0.6, 0.4]) and matched.image.tolist() == [0, 0, 0]
    assert matched.match[level_of(0.5)].tolist() == [0, -1, -1]  # 8 / 12
    assert matched.match[level_of(0.7)].tolist() == [-1, -1, 0]
    assert torch.equal(matched.shapes[0], found[[1, 2, 0]])
    assert count(matched, threshold=0.0, iou=0.5) == (1, 2, 1)
    assert count(matched, threshold=0.7, iou=0.5) == (1, 0, 1)
    assert count(matched, threshold=0.5, iou=0.75) == (0, 2, 2)
    assert count(matched, threshold=0.95, iou=0.5) == (0, 0, 2)
    assert matched.curve(0).precision.tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert matched.curve(0).recall.tolist() == [0.5, 0.5, 0.5]


def test_a_detection_of_the_very_threshold_counts() -> None:
    predictions, targets = one_image([0.5], boxes((0, 10)), boxes((0, 10)))
    assert count(match_class(predictions, targets, overlap="boxes"), threshold=0.5, iou=0.5) == (1, 0, 0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("overlap", ["masks", "boxes"])
def test_curves_are_those_of_the_metric(seed: int, overlap: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    predictions, targets = [], []
    for _ in range(3):
        labels, true_labels = (torch.randint(2, (n,), generator=generator) for n in (9, 6))
        prediction = {"labels": labels, "scores": torch.randint(8, (9,), generator=generator) / 8}
        target = {"labels": true_labels}
        for instances in (prediction, target):
            corners = torch.randint(0, 5, (len(instances["labels"]), 4), generator=generator)
            instances["boxes"] = (corners + torch.tensor([0, 0, 5, 5])).float()
            grid = torch.arange(10)
            x1, y1, x2, y2 = (instances["boxes"][:, n, None] for n in range(4))
            rows, columns = (grid >= y1) & (grid < y2), (grid >= x1) & (grid < x2)
            instances["masks"] = rows[:, :, None] & columns[:, None]
        predictions.append(prediction)
        targets.append(target)
    metric = AveragePrecision(2, iou_type=overlap)
    metric.update(predictions, targets)
    for label in (0, 1):
        found = match_class(predictions, targets, label=label, overlap=overlap)
        for level, threshold in enumerate(THRESHOLDS):
            ours, wanted = found.curve(level), metric.curve(label, threshold=threshold)
            assert all(torch.equal(part, other) for part, other in zip(ours, wanted, strict=True)), (label, threshold)


def test_the_invented_detections_have_something_to_teach(cars: Detected) -> None:
    """AP falls with the IoU, hits and false alarms take turns, no mask is empty; drawn twice, they are the same."""
    found = match_class(cars.predictions, cars.targets, label=CAR)
    areas = [float(average_precision(found.curve(level), points=None)) for level in range(10)]
    assert areas == sorted(areas, reverse=True) and areas[0] > 0.7 and 0.3 < areas[5] < 0.5 and areas[-1] < 0.25
    hits = (found.match[0] >= 0)[found.scores.argsort(descending=True)]
    assert hits[:3].all() and not hits[-3:].any() and int(hits.diff().sum()) > 6
    assert len(cars.images) == 4 and cars.images[0].shape == (3, *SIZE)
    assert all(shapes.any((1, 2)).all() for shapes in found.shapes)
    assert len(found.scores.unique()) == len(found.scores)
    again, other = invented_cars(0), invented_cars(1)
    for one, two, third in zip(cars.predictions, again.predictions, other.predictions, strict=True):
        assert all(torch.equal(one[key], two[key]) for key in one)
        assert len(one["scores"]) != len(third["scores"]) or not torch.equal(one["scores"], third["scores"])


def test_the_numbers_beside_the_curve(cars: Detected, explorer: Explorer) -> None:
    figure = explorer.figure(threshold=0.5, iou=0.5)
    found = match_class(cars.predictions, cars.targets, label=CAR)
    hits, false_alarms, missed = count(found, threshold=0.5, iou=0.5)
    assert hits + missed == 16
    texts = [text.get_text().strip() for text in figure.axes[1].texts]
    assert texts[:3] == [f"{hits} hits (TP)", f"{false_alarms} false (FP)", f"{missed} missed (FN)"]
    assert texts[4] == f"{hits}/{hits + false_alarms} = {hits / (hits + false_alarms):.2f}"
    assert texts[6] == f"{hits}/16 = {hits / 16:.2f}"
    assert texts[8] == f"area = {float(average_precision(found.curve(0), points=None)):.2f}"
    (mark,) = (line for line in figure.axes[1].lines if line.get_marker() == "o")
    assert mark.get_xdata()[0] == hits / 16 and mark.get_ydata()[0] == pytest.approx(hits / (hits + false_alarms))


@pytest.mark.slow
def test_the_shaded_area_is_the_ap(explorer: Explorer, cars: Detected) -> None:
    found = match_class(cars.predictions, cars.targets, label=CAR)
    for level in (0, 3, 9):
        axes = explorer.figure(iou=THRESHOLDS[level]).axes[1]
        corners = axes.collections[0].get_paths()[0].vertices
        x, y = corners.T
        area = abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2
        assert area == pytest.approx(float(average_precision(found.curve(level), points=None)))


@pytest.mark.slow
def test_as_many_boxes_are_drawn_as_are_counted(explorer: Explorer, cars: Detected) -> None:
    found = match_class(cars.predictions, cars.targets, label=CAR)
    for setting in ({"threshold": 0.4, "iou": 0.5}, {"threshold": 0.0, "iou": 0.75}, {"threshold": 1.0, "iou": 0.5}):
        patches = [patch for image in range(1, 5) for patch in explorer.figure(**setting, image=image).axes[0].patches]
        assert len(patches) == 2 * sum(count(found, **setting))
        plt.close("all")


@pytest.mark.parametrize(
    "setting",
    [{}, {"threshold": 0.0, "iou": 0.95, "image": 4}, {"threshold": 1.0, "iou": 0.5}, {"threshold": 0.3, "image": 2}],
    ids=str,
)
def test_all_can_be_read(setting: dict, explorer: Explorer) -> None:
    figure = explorer.figure(**setting)
    assert figure.get_figwidth() <= 9 and figure.get_figheight() <= 5
    assert_legible(figure, more_than=20)


def test_axes_stay_where_they_are_while_sliders_move(explorer: Explorer) -> None:
    settings = ({}, {"threshold": 0.0, "iou": 0.95}, {"threshold": 1.0, "image": 3})
    figures = [explorer.figure(**setting) for setting in settings]
    assert len({tuple(axes.get_position().bounds for axes in figure.axes) for figure in figures}) == 1
    assert len({tuple(axes.axis() for axes in figure.axes) for figure in figures}) == 1


@pytest.mark.slow
def test_every_control_changes_picture_and_text(explorer: Explorer) -> None:
    changes = ({}, {"threshold": 0.3}, {"iou": 0.75}, {"image": 2})
    assert len({picture(explorer.figure(**changed)) for changed in changes}) == len(changes)
    assert len({explorer.alt(**explorer.values(**changed)) for changed in changes}) == len(changes)


@pytest.mark.slow
def test_the_strip_and_the_moving_slider(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_shown_and_moved(explorer, monkeypatch, to=0.9)


@pytest.mark.slow
def test_titles_of_the_strip_are_above_the_figures(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_legible_strip(explorer, monkeypatch, more_than=60)


def test_an_iou_between_two_steps_is_the_nearest() -> None:
    assert [level_of(0.5 + 0.05 * n) for n in range(10)] == list(range(10))
    assert level_of(0.5 + 3 * 0.05 + 0.02) == 3


@pytest.mark.parametrize(("scores", "objects"), [([], 2), ([0.5], 0), ([], 0)])
def test_nothing_found_and_nothing_to_find(scores: list[float], objects: int) -> None:
    place = boxes(*[(20.0 * n, 10.0) for n in range(2)])
    predictions, targets = one_image(scores, place[: len(scores)], place[:objects])
    explorer = threshold_explorer([torch.zeros(3, 20, 60)], predictions, targets, overlap="boxes")
    assert "image" not in explorer.controls
    for threshold in (0.0, 1.0):
        figure = explorer.figure(threshold=threshold)
        assert_legible(figure, more_than=15)
        text = explorer.alt(**explorer.values(threshold=threshold))
        counted = len(scores) if threshold == 0 else 0
        assert f"0 hits, {counted} false alarms, {objects} missed" in text and "nan" not in text
        written = figure.axes[1].texts[-1].get_text()
        assert written.endswith("–" if objects == 0 else "0.00")


def test_other_arguments_are_refused(cars: Detected) -> None:
    images, predictions, targets = cars
    with pytest.raises(ValueError, match="an image for each target, but got 1 and 4"):
        threshold_explorer(images[:1], predictions, targets)
    with pytest.raises(ValueError, match="an image for each target, but got 0 and 0"):
        threshold_explorer([], [], [])
    with pytest.raises(ValueError, match="a prediction for each target, .* got 3 and 4"):
        match_class(predictions[:3], targets)
    with pytest.raises(ValueError, match="overlap of 'masks' or 'boxes', but got .* 'keypoints'"):
        match_class(predictions, targets, overlap="keypoints")
    crowd = targets[0] | {"iscrowd": torch.tensor([False, True, False, False])}
    with pytest.raises(ValueError, match="Target 0 has a crowd"):
        match_class(predictions[:1], [crowd])
    assert threshold_explorer(images, predictions, targets, label=CAR).controls["image"].high == 4
