"""The usual objective and the usual scores, budgets, and data kept in memory."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from training_cases import Squares, tiny

from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import VOID, Sample
from course_utils.training.batches import draw_batch
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


def test_modes_of_all_parts_come_back_even_after_a_failure() -> None:
    class Failing(Brightest):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.BatchNorm2d(3).eval()

        def forward(self, images: Tensor) -> Tensor:
            raise InterruptedError

    model = Failing()
    with pytest.raises(InterruptedError):
        predict_matrices(model, Squares(length=2))
    assert model.training and not model.frozen.training


def test_logits_that_are_no_numbers_have_no_scores() -> None:
    class Broken(Brightest):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images) * torch.nan

    with pytest.raises(ValueError, match="logits that are NaN"):
        score_labels(Squares(length=2))(Broken())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_networks_of_another_type_are_scored(dtype: torch.dtype) -> None:
    assert 0 <= score_labels(Squares(length=2))(tiny().to(dtype))["mean_iou"] <= 1


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


class Given(Squares):
    """One sample, made of these layers."""

    def __init__(self, **layers: Tensor) -> None:
        super().__init__(length=1)
        self.sample = super().__getitem__(0)._replace(**layers)

    def __getitem__(self, index: int) -> Sample:
        return self.sample


LABELS = torch.zeros(8, 12, dtype=torch.int64)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"image": torch.full((3, 8, 12), 1.5)}, r"image of sample 0 must lie in \[0, 1\], but goes from 1.5 to 1.5"),
        ({"image": torch.full((3, 8, 12), -0.5)}, "goes from -0.5"),
        ({"image": torch.full((3, 8, 12), torch.nan)}, "goes from nan"),
        (
            {"image": torch.ones(3, 8, 12, dtype=torch.uint8)},
            r"floating in \[0, 1\], but is torch.uint8; divide it by 255",
        ),
        ({"labels": LABELS - 1}, "labels of sample 0 must be whole numbers in 0 … 255, but go from -1 to -1"),
        ({"labels": LABELS + 256}, "but go from 256 to 256"),
    ],
)
def test_what_memory_does_not_hold(layers: dict[str, Tensor], message: str) -> None:
    kept = InMemory(Given(**layers))
    with pytest.raises(ValueError, match=message):
        kept[0]


@pytest.mark.parametrize("largest", [2**15 - 1, 2**31 - 1, 2**40 + 1, -(2**40)])
def test_ids_of_any_size_come_back(largest: int) -> None:
    assert InMemory(Given(instances=LABELS + largest))[0].instances.unique().tolist() == [largest]


@pytest.mark.parametrize("give", [InMemory, score_labels, weights_of_classes, partial(predict_matrices, Brightest())])
def test_what_is_no_data_set_of_the_course(give: Callable) -> None:
    with pytest.raises(ValueError, match="this list has no .*num_classes"):
        give([Squares()[0]])


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, None, "4"])
def test_batch_sizes_that_are_none(batch_size: object) -> None:
    for give in (score_labels, partial(predict_matrices, Brightest())):
        with pytest.raises(ValueError, match="batch_size must be an integer of 1"):
            give(Squares(), batch_size=batch_size)


@pytest.mark.parametrize("loss", [5, nn.CrossEntropyLoss])
def test_a_loss_that_is_no_function(loss: object) -> None:
    with pytest.raises(ValueError, match="loss must be a function of logits and labels"):
        label_loss(loss)


@pytest.mark.gpu
def test_memory_on_a_gpu() -> None:
    kept = InMemory(Squares(), device=torch.device("cuda"))
    assert all(layer.is_cuda for layer in kept[1])
    assert score_labels(kept)(Brightest().cuda())["mean_iou"] == 1
