"""The usual objective and the usual scores, budgets, and data kept in memory."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from training_cases import Squares, tiny

from course_utils.datasets.samples import VOID, Sample
from course_utils.training.batches import draw_batch
from course_utils.training.memory import InMemory
from course_utils.training.objectives import budget, label_loss, predict_matrices, score_labels, weights_of_classes


class Brightest(nn.Module):
    """Predicts the class of the brightest channel, which in `Squares` is the truth; `wrong` columns of it are class 0."""

    def __init__(self, wrong: int = 0) -> None:
        super().__init__()
        self.wrong, self.unused = wrong, nn.Parameter(torch.zeros(1))
        self.modes: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        self.modes.append(self.training)
        labels = images.argmax(1)
        labels[..., : self.wrong] = 0
        return one_hot(labels, 3).movedim(-1, 1).float()


def test_label_loss_is_the_loss_of_the_logits() -> None:
    loss = partial(cross_entropy, ignore_index=VOID)
    model, batch = tiny().eval(), draw_batch(Squares(), batch_size=3, seed=0, step=0)
    assert torch.equal(label_loss(loss)(model, batch)["loss"], loss(model(batch.images), batch.labels))


def test_perfect_and_imperfect_scores() -> None:
    data = Squares(length=4, size=(6, 6))
    assert score_labels(data, boundary=True)(Brightest()) == {"mean_iou": 1, "pixel_accuracy": 1, "boundary_iou": 1}
    found = score_labels(data, per_class=True)(Brightest(wrong=3))
    # By hand: of the pixels that are not void, those in the first three columns are called class 0.
    labels = torch.stack([data[i].labels for i in range(4)])
    left = torch.zeros_like(labels, dtype=torch.bool)
    left[..., :3] = True
    valid = labels != VOID
    zero = labels == 0
    called_zero = (zero | left) & valid
    assert found["iou ground"] == pytest.approx(float(zero.sum() / called_zero.sum()))
    hits = ((labels == 2) & ~left).sum()
    assert found["iou right"] == pytest.approx(float(hits / (labels == 2).sum()))
    assert found["pixel_accuracy"] == pytest.approx(float(((zero | ~left) & valid).sum() / valid.sum()))
    assert found["mean_iou"] == pytest.approx(sum(found[f"iou {name}"] for name in data.classes) / 3)


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_scores_do_not_depend_on_the_batch(batch_size: int) -> None:
    model = Brightest(wrong=2)
    region, _ = predict_matrices(model, Squares(length=7), batch_size=batch_size)
    assert torch.equal(region.matrix, predict_matrices(model, Squares(length=7))[0].matrix)


def test_images_of_several_sizes_are_scored() -> None:
    class Uneven(Squares):
        def __getitem__(self, index: int) -> Sample:
            return Squares(size=(8, 8 + index // 2))[index]

    data = Uneven(length=5)
    region, _ = predict_matrices(Brightest(), data)
    assert int(region.matrix.sum()) == sum(int((data[i].labels != VOID).sum()) for i in range(5))
    assert region.mean_iou == 1


def test_prediction_is_in_evaluation_mode_and_the_mode_comes_back() -> None:
    model = Brightest().train()
    score_labels(Squares(length=2))(model)
    assert model.modes == [False] and model.training


def test_class_weights_from_the_pixels() -> None:
    """Twelve pixels: 8 of class 0, 1 void, 3 of class 1, none of class 2: √(11 / (2 · 8)) and √(11 / (2 · 3))."""

    class One(Squares):
        def __getitem__(self, index: int) -> Sample:
            labels = torch.tensor([[0, 0, 0, 0, VOID, 0], [0, 0, 0, 1, 1, 1]])
            return Sample(torch.zeros(3, 2, 6), labels, labels)

    weights = weights_of_classes(One(length=3))
    assert weights.tolist() == pytest.approx([(11 / 16) ** 0.5, (11 / 6) ** 0.5, 0])


def test_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for value in ("", "laptop", "full"):
        monkeypatch.setenv("COURSE_BUDGET", value)
        found.append(budget(laptop=450, full=6000))
    monkeypatch.delenv("COURSE_BUDGET")
    assert [*found, budget(laptop=450, full=6000)] == [450, 450, 6000, 450]
    monkeypatch.setenv("COURSE_BUDGET", "tiny")
    with pytest.raises(ValueError, match="'laptop' or 'full', but is 'tiny'"):
        budget(laptop=1, full=2)


class Counting(Squares):
    def __init__(self, length: int = 4) -> None:
        super().__init__(length)
        self.reads: list[int] = []

    def __getitem__(self, index: int) -> Sample:
        self.reads.append(index)
        sample = super().__getitem__(index)
        image = sample.image.mul(255).round().to(torch.uint8)
        instances = torch.arange(96).view(8, 12) * 1000 if index == 3 else sample.instances
        return Sample(image.float().div(255), sample.labels, instances)


def test_memory_gives_back_what_an_8_bit_file_holds() -> None:
    data = Counting()
    kept = InMemory(data)
    for _ in range(2):
        for index in range(4):
            for ours, theirs in zip(kept[index], Counting()[index], strict=True):
                assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype
    assert data.reads == [0, 1, 2, 3]
    assert (kept.classes, kept.names, len(kept)) == (data.classes, data.names, 4)


def test_what_is_given_out_may_be_changed() -> None:
    kept = InMemory(Counting())
    before = kept[1].image.clone()
    kept[1].image.zero_()
    kept[1].labels.zero_()
    assert torch.equal(kept[1].image, before) and bool(kept[1].labels.any())


def test_memory_is_limited() -> None:
    """One sample takes 96 · (3 + 1 + 2) = 576 bytes."""
    data = Counting()
    kept = InMemory(data, limit=2 * 576).read_all()
    for _ in range(2):
        kept[0], kept[2]
    assert data.reads == [0, 1, 2, 3, 2, 2]


def test_the_first_samples_only() -> None:
    kept = InMemory(Counting(), samples=2)
    assert len(kept) == 2 and kept.names == ("square-0", "square-1")
    with pytest.raises(IndexError, match="2 samples, 0 to 1, but sample 2"):
        kept[2]
    assert len(InMemory(Counting(), samples=9)) == 4
    with pytest.raises(ValueError, match="samples must be an integer of 1"):
        InMemory(Counting(), samples=0)


@pytest.mark.gpu
def test_memory_on_a_gpu() -> None:
    kept = InMemory(Squares(), device=torch.device("cuda"))
    assert all(layer.is_cuda for layer in kept[1])
    assert score_labels(kept)(Brightest().cuda())["mean_iou"] == 1
