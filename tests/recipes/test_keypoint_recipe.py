"""The recipe of keypoints on puppets: what is learnt, how it is mirrored, and what is measured."""

import math

import pytest
import torch

from course_utils.datasets.puppets import Puppets
from course_utils.models.detection.quick_heads import one_sample
from course_utils.recipes import keypoints
from course_utils.recipes.keypoints import (
    Figures,
    KeypointNetwork,
    distance_loss,
    jittered,
    keypoints_on_puppets,
    puppets_in_memory,
    read_numbers,
    score_keypoints,
    sigmoid_loss,
    softmax_loss,
    started_low,
    train_keypoints,
    two_numbers,
)

LOSSES = {"softmax": softmax_loss, "sigmoid": sigmoid_loss, "two numbers": distance_loss}


@pytest.fixture(scope="module")
def few() -> Figures:
    return puppets_in_memory("val", 6)


def network(name: str = "softmax") -> torch.nn.Module:
    torch.manual_seed(0)
    return two_numbers() if name == "two numbers" else KeypointNetwork()


def test_figures_are_those_of_the_data_set(few: Figures) -> None:
    data = Puppets("val")
    for number in range(6):
        sample, objects = data.with_objects(number)
        own = few.image == number
        assert torch.equal(few.images[number], sample.image) and torch.equal(few.boxes[own], objects.boxes)
        assert torch.equal(few.keypoints[own], objects.keypoints) and torch.equal(few.areas[own], objects.areas)


def test_some_images_twice_and_in_another_order(few: Figures) -> None:
    chosen = few.of_images(torch.tensor([4, 1, 4]))
    counts = [int((few.image == n).sum()) for n in (4, 1, 4)]
    assert chosen.image.tolist() == [n for n, count in enumerate(counts) for _ in range(count)]
    assert torch.equal(chosen.boxes[: counts[0]], few.boxes[few.image == 4])
    assert torch.equal(chosen.keypoints[-counts[2] :], few.keypoints[few.image == 4])


def test_a_mirrored_image_exchanges_left_and_right(few: Figures) -> None:
    mirrored = few.mirrored()
    names = Puppets.keypoint_names
    left, right = names.index("left hand"), names.index("right hand")
    seen = few.keypoints[:, left, 2] > 0
    assert seen.any()
    assert torch.equal(mirrored.keypoints[seen, right, 0], 128 - few.keypoints[seen, left, 0])
    assert torch.equal(mirrored.keypoints[:, right, 1:], few.keypoints[:, left, 1:])
    head = few.keypoints[:, 0, 2] > 0
    assert torch.equal(mirrored.keypoints[head, 0, 0], 128 - few.keypoints[head, 0, 0])
    missing = mirrored.keypoints[..., 2] == 0
    assert (mirrored.keypoints[missing] == 0).all()
    # A pixel under a keypoint is the same pixel afterwards; boxes keep their order of corners.
    x, y = few.keypoints[seen, left, :2].long().clamp(max=127).unbind(1)
    there = few.images[few.image[seen], :, y, x]
    assert torch.equal(mirrored.images[few.image[seen], :, y, 127 - x], there)
    assert (mirrored.boxes[:, 2:] > mirrored.boxes[:, :2]).all()
    again = mirrored.mirrored()
    for one, two in zip(few, again, strict=True):
        torch.testing.assert_close(one, two)


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_and_a_gradient_for_every_parameter(name: str, few: Figures) -> None:
    model = network(name).train()
    regions = jittered(few, torch.Generator().manual_seed(0))
    found = model(few.images, regions)
    assert found.shape == ((len(few.boxes), 13, 2) if name == "two numbers" else (len(few.boxes), 13, 28, 28))
    LOSSES[name](found, few.keypoints, regions[:, 1:]).backward()
    untrained = {name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().sum() == 0}
    coarse = {name for name, _ in model.named_parameters() if name.startswith(("pyramid.quarter", "pyramid.outputs"))}
    assert untrained == coarse, "only the finest map is looked at"


def test_losses_of_an_ignorant_network_by_hand(few: Figures) -> None:
    """Zeros everywhere: one of 784 cells is a surprise of log 784, a cell decided alone one of log 2."""
    logits = torch.zeros(len(few.boxes), 13, 28, 28)
    assert float(softmax_loss(logits, few.keypoints, few.boxes)) == pytest.approx(math.log(784), rel=1e-5)
    assert float(sigmoid_loss(logits, few.keypoints, few.boxes)) == pytest.approx(math.log(2), rel=1e-5)
    logits[:, :, 3, 5] = 2.0
    box, point = torch.tensor([[0.0, 0, 28, 28]]), torch.zeros(1, 13, 3)
    point[0, 4] = torch.tensor([5.5, 3.5, 1])  # the only one that is labelled, in this very cell
    softmax = math.log(math.exp(2) + 783) - 2
    assert float(softmax_loss(logits[:1], point, box)) == pytest.approx(softmax, rel=1e-5)
    sigmoid = (783 * math.log(2) + math.log(1 + math.exp(-2))) / 784
    assert float(sigmoid_loss(logits[:1], point, box)) == pytest.approx(sigmoid, rel=1e-5)
    assert float(sigmoid_loss(logits[:1], point, box, summed=True)) == pytest.approx(784 * sigmoid, rel=1e-5)
    assert float(distance_loss(torch.full((1, 13, 2), 0.25), point, box)) == pytest.approx(
        ((0.25 - 3.5 / 28 - 0.025) + 0.5 * (0.25 - 5.5 / 28) ** 2 / 0.05 * ((0.25 - 5.5 / 28) < 0.05)
         + (0.25 - 5.5 / 28 - 0.025) * ((0.25 - 5.5 / 28) >= 0.05)) / 2,
        rel=1e-5,
    )  # fmt: skip


def test_maps_that_start_low_begin_where_a_softmax_does(few: Figures) -> None:
    """A sigmoid of about 1/784 in every cell, of a network that says nothing yet but its biases."""
    head = started_low().head
    torch.nn.init.zeros_(head[-1].weight)
    begun = head.eval()(torch.rand(2, 32, 14, 14)).sigmoid()
    assert begun.shape == (2, 13, 28, 28)
    torch.testing.assert_close(begun, torch.full_like(begun, 1 / 784))


def test_places_in_a_box_become_places_in_the_image() -> None:
    places = torch.tensor([[[0.5, 0.25]]]).expand(1, 13, 2)
    read = read_numbers(places, torch.tensor([[10.0, 20, 30, 60]]))
    assert read[0, 7].tolist() == [20, 30, 1]


def test_the_truth_scores_one_and_a_mirrored_truth_is_mistaken(few: Figures) -> None:
    class Truth(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
            assert images.shape[0] == 6 and regions.shape == (len(few.boxes), 5)
            return few.keypoints

    scores = score_keypoints(Truth(), few, read=lambda found, _: found)
    assert scores == {"within_2_px": 1, "mistaken": 0, "oks_ap": pytest.approx(1), "oks_ap50": pytest.approx(1)}
    exchanged = score_keypoints(Truth(), few, read=lambda found, _: found[:, list(Puppets.mirrored)])
    assert exchanged["within_2_px"] < 0.5 < exchanged["mistaken"] and exchanged["oks_ap"] < 0.5
    away = score_keypoints(Truth(), few, read=lambda found, _: found + torch.tensor([1.9, 0, 0]))
    assert away["within_2_px"] == 1 and away["oks_ap"] < 1
    farther = score_keypoints(Truth(), few, read=lambda found, _: found + torch.tensor([0, -2.1, 0]))
    assert farther["within_2_px"] == 0


@pytest.mark.slow
def test_the_network_is_given_a_students_pooling(few: Figures) -> None:
    asked = []

    def pooling(fine: torch.Tensor, regions: torch.Tensor, size: int) -> torch.Tensor:
        asked.append((tuple(fine.shape), tuple(regions.shape), size))
        return one_sample(fine, regions, size)

    model = KeypointNetwork(pooling=pooling)
    train_keypoints(model, few, seed=0, steps=1, batch_size=2)
    (shape, regions, size), *_ = asked
    assert shape == (2, 32, 48, 64) and regions[1] == 5 and size == 14


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_falls_and_the_same_seed_gives_the_same(name: str, few: Figures) -> None:
    losses = train_keypoints(network(name), few, seed=3, steps=12, batch_size=4, loss=LOSSES[name])
    assert len(losses) == 12 and sum(losses[-3:]) < sum(losses[:3])
    again = train_keypoints(network(name), few, seed=3, steps=3, batch_size=4, loss=LOSSES[name])
    assert again[0] == losses[0]


@pytest.mark.slow
def test_a_row_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keypoints, "TRAINING", 8)
    monkeypatch.setattr(keypoints, "VALIDATION", 4)
    for other in (
        {},
        {"loss": sigmoid_loss, "make": started_low},
        {"loss": distance_loss, "make": two_numbers, "read": read_numbers},
    ):
        row = keypoints_on_puppets(0, steps=2, **other)
        assert list(row) == ["within_2_px", "mistaken", "oks_ap", "oks_ap50", "steps", "training_cpu_seconds"]
        assert row["steps"] == 2 and all(math.isfinite(value) for value in row.values())


@pytest.mark.gpu
def test_it_trains_on_a_gpu(few: Figures) -> None:
    model = KeypointNetwork().cuda()
    losses = train_keypoints(model, few, seed=0, steps=2, batch_size=2)
    assert all(math.isfinite(loss) for loss in losses)
    assert set(score_keypoints(model, few)) == {"within_2_px", "mistaken", "oks_ap", "oks_ap50"}
