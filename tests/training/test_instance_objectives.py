"""What detectors learn from batches and how their masks are scored, on images of rectangles."""

import math

import pytest
import torch
from torch import Tensor, nn

from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import Sample
from course_utils.metrics.instance import AveragePrecision
from course_utils.training.batches import groups_of_one_size, stack
from course_utils.training.instance_objectives import (
    detection_loss,
    predict,
    require_instances,
    score_instances,
    targets_of,
)


def sample_of(size: tuple[int, int], *corners: tuple[int, int, int, int], label: int = 1) -> Sample:
    """Rectangles (x1, y1, x2, y2) with the ids 1, 2, …, all of one label; a later one lies over an earlier one."""
    labels, instances = torch.zeros(2, *size, dtype=torch.int64)
    for number, (x1, y1, x2, y2) in enumerate(corners, start=1):
        labels[y1:y2, x1:x2], instances[y1:y2, x1:x2] = label, number
    return Sample(torch.full((3, *size), 0.5), labels, instances)


class Rectangles:
    """Given samples as a data set of three classes."""

    classes, num_classes, things = ("ground", "box", "bar"), 3, (1, 2)
    colours = ((0, 0, 0),) * 3

    def __init__(self, *samples: Sample) -> None:
        self.samples = samples
        self.names = tuple(f"image-{n}" for n in range(len(samples)))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


class Knows(nn.Module):
    """A detector that finds given masks, image by image, whatever it sees; it keeps what it is called with."""

    def __init__(self, *found: dict[str, Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.found, self.calls, self.done = found, [], 0

    def forward(self, images, targets=None):
        self.calls.append((images, targets))
        if self.training:
            return {"boxes": self.weight + sum(len(target["boxes"]) for target in targets)}
        first, self.done = self.done, self.done + len(images)
        return list(self.found[first : self.done])


def detections(masks: Tensor, labels: list[int], scores: list[float]) -> dict[str, Tensor]:
    return {"masks": masks, "labels": torch.tensor(labels, dtype=torch.int64), "scores": torch.tensor(scores)}


TWO = sample_of((12, 16), (1, 1, 5, 5), (8, 2, 14, 10))  # of 16 and 48 pixels
SMALL = sample_of((12, 16), (1, 1, 3, 4), (8, 2, 14, 10))  # of 6 and 48 pixels
EMPTY = sample_of((12, 16))


# Targets


def test_targets_are_boxes_labels_and_masks():
    first, second = targets_of(stack([TWO, EMPTY], ("a", "b")))
    assert first["boxes"].tolist() == [[1, 1, 5, 5], [8, 2, 14, 10]] and first["labels"].tolist() == [1, 1]
    assert first["area"].tolist() == [16, 48] and torch.equal(first["masks"][1], TWO.instances == 2)
    assert second["boxes"].shape == (0, 4) and second["masks"].shape == (0, 12, 16)


@pytest.mark.parametrize(("area", "left"), [(0, 2), (6, 2), (6.5, 1), (49, 0)])
def test_small_objects_are_left_out(area, left):
    assert len(targets_of(stack([SMALL], ("a",)), min_area=area)[0]["labels"]) == left


def test_what_a_window_leaves_of_an_object_is_the_object():
    """Six rows and four columns of the second rectangle are in the window, and none of the first."""
    window = Sample(*(layer[..., 4:, 10:] for layer in TWO))
    (target,) = targets_of(stack([window], ("a",)), min_area=24)
    assert target["boxes"].tolist() == [[0, 0, 4, 6]] and target["area"].tolist() == [24]
    assert len(targets_of(stack([window], ("a",)), min_area=25)[0]["labels"]) == 0


def test_void_and_one_pixel():
    labels = TWO.labels.clone()
    labels[TWO.instances == 1] = 255
    (target,) = targets_of(stack([TWO._replace(labels=labels)], ("a",)))
    assert target["area"].tolist() == [48]
    (target,) = targets_of(stack([sample_of((12, 16), (15, 11, 16, 12))], ("a",)))
    assert target["boxes"].tolist() == [[15, 11, 16, 12]]


def test_the_objective_gives_the_network_images_and_targets():
    model = Knows()
    losses = detection_loss(min_area=10)(model, stack([TWO, SMALL, EMPTY], ("a", "b", "c")))
    assert losses["boxes"] == 3
    images, targets = model.calls[0]
    assert images.shape == (3, 3, 12, 16) and [len(target["masks"]) for target in targets] == [2, 1, 0]


def test_no_instance_truth_and_a_bad_area_are_refused():
    bare = EMPTY._replace(instances=torch.full_like(EMPTY.instances, -1))
    with pytest.raises(ValueError, match="no instance truth"):
        detection_loss()(Knows(), stack([bare], ("a",)))
    for area in (-1, "small", math.nan):
        with pytest.raises(ValueError, match="min_area must be a number from 0"):
            detection_loss(min_area=area)
        with pytest.raises(ValueError, match="min_area must be a number from 0"):
            score_instances(Rectangles(TWO), min_area=area)


def test_data_sets_that_a_detector_can_learn_from():
    require_instances(Rectangles(TWO))
    bare = Rectangles(TWO._replace(instances=torch.full_like(TWO.instances, -1)))
    with pytest.raises(ValueError, match="no instance truth.*'scenes', 'puppets', 'nuclei'"):
        require_instances(bare)
    nothing, first = Rectangles(TWO), Rectangles(TWO)
    nothing.things, first.things = (), (0, 1)
    with pytest.raises(ValueError, match="no instance truth"):
        require_instances(nothing)
    with pytest.raises(ValueError, match="Label 0 of this data set, 'ground', is a thing"):
        require_instances(first)


# Scores


def masks_of(sample: Sample) -> Tensor:
    return torch.stack([sample.instances == number for number in range(1, int(sample.instances.max()) + 1)])


def test_right_masks_score_1_and_a_missed_object_a_half():
    both = detections(masks_of(TWO), [1, 1], [0.9, 0.8])
    scores = score_instances(Rectangles(TWO), per_class=True)(Knows(both))
    assert scores["ap"] == scores["ap50"] == scores["ap75"] == scores["ap50 box"] == 1
    assert math.isnan(scores["ap50 bar"]) and set(scores) == {"ap", "ap50", "ap75", "ap50 box", "ap50 bar"}
    one = detections(masks_of(TWO)[:1], [1], [0.9])
    # Of the recalls 0, 0.01, …, 1 those up to one half are reached: 51 of 101.
    assert score_instances(Rectangles(TWO))(Knows(one)) == pytest.approx(
        dict.fromkeys(("ap", "ap50", "ap75"), 51 / 101)
    )


def test_thresholds_of_the_iou():
    """Six of the eight rows of the second rectangle: IoU 0.75, reached by six of ten thresholds."""
    alone = sample_of((12, 16), (8, 2, 14, 10))
    masks = masks_of(alone).clone()
    masks[:, 8:] = False
    scores = score_instances(Rectangles(alone))(Knows(detections(masks, [1], [0.9])))
    assert scores == pytest.approx({"ap": 0.6, "ap50": 1, "ap75": 1})


def test_an_iou_below_three_quarters_is_found_at_a_half_only():
    """35 of 48 pixels: IoU 0.73, reached by five of ten thresholds."""
    alone = sample_of((12, 16), (8, 2, 14, 10))
    masks = masks_of(alone).clone()
    masks[0, 8:], masks[0, 7, 8] = False, False
    assert int(masks.sum()) == 35
    scores = score_instances(Rectangles(alone))(Knows(detections(masks, [1], [0.9])))
    assert scores == pytest.approx({"ap": 0.5, "ap50": 1, "ap75": 0})


def test_small_objects_count_neither_as_found_nor_as_missed():
    large, small = (detections(masks_of(SMALL)[n : n + 1], [1], [0.9]) for n in (1, 0))
    assert score_instances(Rectangles(SMALL), min_area=10)(Knows(large))["ap"] == pytest.approx(1)
    assert score_instances(Rectangles(SMALL))(Knows(large))["ap"] < 0.6
    both = detections(masks_of(SMALL), [1, 1], [0.9, 0.8])
    assert score_instances(Rectangles(SMALL), min_area=10)(Knows(both))["ap"] == pytest.approx(1)
    assert score_instances(Rectangles(SMALL), min_area=10)(Knows(small))["ap"] == 0
    assert all(map(math.isnan, score_instances(Rectangles(SMALL), min_area=100)(Knows(both)).values()))


def test_scores_are_those_of_the_metric():
    samples = TWO, sample_of((12, 16), (2, 0, 12, 12), label=2)
    masks = [torch.cat([masks_of(sample), masks_of(sample).roll(1, 2), masks_of(sample)]) for sample in samples]
    found = [
        detections(masks[0], [1, 1, 1, 2, 2, 1], [0.5, 0.9, 0.8, 0.7, 0.3, 0.2]),
        detections(masks[1], [1, 2, 2], [0.9, 0.8, 0.7]),
    ]
    truth = [
        {"masks": masks_of(sample), "labels": torch.tensor(labels)}
        for sample, labels in zip(samples, ([1, 1], [2]), strict=True)
    ]
    metric = AveragePrecision(3)
    metric.update(found, truth)
    wanted = metric.compute()
    scores = score_instances(Rectangles(*samples), batch_size=1)(Knows(*found))
    assert 0 < scores["ap"] < scores["ap50"] < 1
    assert scores == pytest.approx({"ap": wanted.ap, "ap50": wanted.ap50, "ap75": wanted.ap75})


def test_images_of_several_sizes_are_predicted_in_their_order_with_neighbours_of_one_size():
    other = sample_of((8, 9), (1, 1, 5, 5))
    samples = (TWO, SMALL, EMPTY, other, TWO)
    found = [
        detections(masks_of(sample), [1] * k, [0.9, 0.8][:k])
        for sample, k in zip(samples, (2, 2, 0, 1, 2), strict=True)
        if k
    ]
    found.insert(2, detections(torch.zeros(0, 12, 16, dtype=torch.bool), [], []))
    model = Knows(*found)
    assert score_instances(Rectangles(*samples), batch_size=2)(model)["ap"] == 1
    assert [tuple(images.shape) for images, _ in model.calls] == [
        (2, 3, 12, 16),
        (1, 3, 12, 16),
        (1, 3, 8, 9),
        (1, 3, 12, 16),
    ]


def test_groups_of_one_size():
    sizes = [(2, 3), (2, 3), (2, 3), (3, 2), (2, 3)]
    groups = groups_of_one_size([sample_of(size) for size in sizes], 2)
    assert [[tuple(sample.labels.shape) for sample in group] for group in groups] == [
        sizes[:2],
        sizes[2:3],
        sizes[3:4],
        sizes[4:],
    ]
    assert list(groups_of_one_size([], 2)) == []


def test_what_cannot_be_scored():
    with pytest.raises(ValueError, match="batch_size must be"):
        score_instances(Rectangles(TWO), batch_size=0)
    with pytest.raises(ValueError, match="has no things"):
        data = InMemory(Rectangles(TWO))
        del data.things
        score_instances(data)


# Predictions


def test_predictions_are_made_in_evaluation_mode_and_in_the_type_of_the_network():
    model = Knows({}, {}, {}).double().train()
    model.part = nn.Dropout()
    model.part.eval()
    images = [torch.rand(3, 4, 6), torch.rand(3, 4, 6)]
    assert predict(model, images) == [{}, {}]
    seen, targets = model.calls[0]
    assert seen.dtype == torch.float64 and torch.equal(seen[1].float(), images[1]) and targets is None
    assert model.training and not model.part.training
    predict(model, [torch.rand(3, 4, 6)])
    assert model.calls[1][0].shape == (1, 3, 4, 6)


def test_images_of_several_sizes_are_given_as_a_list():
    model = Knows({}, {})
    assert predict(model, [torch.rand(3, 4, 6), torch.rand(3, 5, 6)]) == [{}, {}]
    assert [tuple(image.shape) for image in model.calls[0][0]] == [(3, 4, 6), (3, 5, 6)]


@pytest.mark.gpu
def test_scores_on_a_gpu():
    found = {name: part.cuda() for name, part in detections(masks_of(TWO), [1, 1], [0.9, 0.8]).items()}
    model = Knows(found).cuda()
    assert score_instances(Rectangles(TWO))(model)["ap"] == 1 and model.calls[0][0].is_cuda
