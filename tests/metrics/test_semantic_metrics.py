import math

import pytest
import torch
import torchmetrics.classification as torchmetrics
from hypothesis import given, settings, strategies as st
from sklearn import metrics as sklearn
from tolerances import EXACT, OPERATION, SINGLE_INSIDE

from course_utils.metrics.boundary import boundary_iou
from course_utils.metrics.semantic import ConfusionMatrix, confusion_matrix, power_mean, scores
from course_utils.ops.labels import label_range

DOUBLE = OPERATION[torch.float64]
PER_CLASS = ("iou", "dice", "precision", "recall")


def random_maps(*shape, classes=5, void=0.1, seed=0):
    """Labels and a prediction that is right for two thirds of them; some of the truth is void (255)."""
    draw = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, shape, generator=draw)
    pred = torch.where(
        torch.rand(shape, generator=draw) < 0.6, target, torch.randint(0, classes, shape, generator=draw)
    )
    return pred, target.masked_fill(torch.rand(shape, generator=draw) < void, 255)


def counted_by_loop(pred, target, num_classes, ignore_index):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    for p, t in zip(pred.flatten().tolist(), target.flatten().tolist(), strict=True):
        if t != ignore_index:
            matrix[t, p] += 1
    return matrix


def close(found, expected):
    found, expected = (torch.as_tensor(values, dtype=torch.float64) for values in (found, expected))
    torch.testing.assert_close(found, expected, equal_nan=True, **DOUBLE)


# --- counting -----------------------------------------------------------------------------------------------------------


def test_confusion_matrix_of_a_literal_map():
    target = torch.tensor([[0, 0, 1], [2, 2, 255]])
    pred = torch.tensor([[0, 1, 1], [2, 0, 1]])
    assert confusion_matrix(pred, target, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5, 4), (2, 2, 3, 4), (11,), (0, 4, 4), (2, 0, 4)])
def test_confusion_matrix_equals_a_loop(shape):
    pred, target = random_maps(*shape)
    matrix = confusion_matrix(pred, target, 5)
    assert matrix.dtype == torch.int64
    assert torch.equal(matrix, counted_by_loop(pred, target, 5, 255))


def test_confusion_matrix_equals_torchmetrics_and_sklearn_over_several_pieces():
    pred, target = random_maps(3, 250, 301)  # more than three of the pieces that it is counted in
    matrix = confusion_matrix(pred, target, 5)
    assert torch.equal(matrix, torchmetrics.MulticlassConfusionMatrix(5, ignore_index=255)(pred, target))
    valid = target != 255
    assert torch.equal(matrix, torch.from_numpy(sklearn.confusion_matrix(target[valid], pred[valid])))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16])
def test_confusion_matrix_takes_every_integer_type(dtype):
    pred, target = random_maps(6, 7, void=0)
    void = torch.zeros(6, 7, dtype=torch.bool)
    void[2] = True
    target[void] = 100
    found = confusion_matrix(pred.to(dtype), target.to(dtype), 5, ignore_index=100)
    assert torch.equal(found, counted_by_loop(pred, target, 5, 100))


def test_a_byte_of_255_is_not_minus_one():
    with pytest.raises(ValueError, match="target must hold labels in 0 … 2 .* holds 255"):
        confusion_matrix(torch.tensor([0]), torch.tensor([255], dtype=torch.uint8), 3, ignore_index=-1)
    with pytest.raises(ValueError, match="target must hold labels in 0 … 2 .* holds -1"):
        confusion_matrix(torch.tensor([0]), torch.tensor([-1], dtype=torch.int8), 3, ignore_index=255)


def test_labels_that_no_small_integer_holds():
    pred, target = random_maps(6, 7, classes=200)
    assert torch.equal(confusion_matrix(pred, target, 200), counted_by_loop(pred, target, 200, 255))
    pred, target = torch.tensor([0, 1, 1]), torch.tensor([0, 2**16, 1])
    assert confusion_matrix(pred, target, 2, ignore_index=2**16).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix(pred, pred, 2, ignore_index=2**16).tolist() == [[1, 0], [0, 2]]
    with pytest.raises(ValueError, match="target must hold .* holds 65536"):
        confusion_matrix(pred, target, 2)
    with pytest.raises(ValueError, match="pred must hold .* holds 65536"):
        confusion_matrix(target, pred, 2)
    with pytest.raises(ValueError, match="target must hold .* holds 2147483648"):
        confusion_matrix(pred, torch.tensor([0, 2**31, 1]), 2)


def test_confusion_matrix_takes_masks():
    pred, target = torch.tensor([True, True, False]), torch.tensor([True, False, False])
    assert confusion_matrix(pred, target, 2).tolist() == [[1, 1], [0, 1]]
    assert confusion_matrix(pred, target.long(), 2).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 3, 5, 1)])
def test_confusion_matrix_takes_logits(shape, dtype):
    pred, target = random_maps(*shape)
    logits = torch.nn.functional.one_hot(pred, 5).movedim(-1, -3).to(dtype) * 3 - 1
    assert torch.equal(confusion_matrix(logits, target, 5), confusion_matrix(pred, target, 5))


def test_confusion_matrix_takes_the_first_of_equal_logits():
    assert confusion_matrix(torch.zeros(3, 1, 1), torch.tensor([[2]]), 3)[2].tolist() == [1, 0, 0]


def test_void_takes_its_predictions_with_it():
    target = torch.tensor([0, 255, 1])
    for anything in (1, 255, -7, 10**9):
        assert confusion_matrix(torch.tensor([0, anything, 1]), target, 2).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, ignore_index=0).tolist() == [
        [0, 0],
        [0, 1],
    ]
    assert confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 1]), 2, ignore_index=None).tolist() == [
        [1, 0],
        [0, 1],
    ]


def test_confusion_matrix_leaves_its_input_alone_and_takes_strided_maps():
    pred, target = random_maps(6, 7)
    before = pred.clone(), target.clone()
    matrix = confusion_matrix(pred, target, 5)
    assert torch.equal(pred, before[0]) and torch.equal(target, before[1])
    assert torch.equal(confusion_matrix(pred.T, target.T, 5), matrix)


LABELS = torch.tensor([[0, 1], [2, 0]])


@pytest.mark.parametrize(
    ("pred", "target", "num_classes", "message"),
    [
        (LABELS, LABELS, 0, "num_classes must be a whole number from 1"),
        (LABELS, LABELS.float(), 3, "target must hold integer labels, but is torch.float32; convert it with .*long"),
        (LABELS, LABELS.to(torch.complex64), 3, "target must hold integer labels"),
        (LABELS.float(), LABELS, 3, r"logits .* \(3, 2, 2\) .* shape is \(2, 2\)"),
        (torch.zeros(1, 4, 2, 2), LABELS[None], 3, r"\(1, 3, 2, 2\) .* \(1, 4, 2, 2\)"),
        (torch.zeros(3), torch.zeros((), dtype=torch.int64), 3, "must be logits"),
        (torch.full((3, 2, 2), math.nan), LABELS, 3, "NaN"),
        (LABELS[:1], LABELS, 3, r"one shape, but these have \(1, 2\) and \(2, 2\)"),
        (LABELS[None], LABELS, 3, "one shape"),
        (LABELS.bool(), LABELS, 3, "bool mask has two classes"),
        (LABELS, LABELS.bool(), 3, "bool mask has two classes"),
        (LABELS, LABELS, 2, "must hold labels in 0 … 1 .* holds 2"),
        (LABELS - 1, LABELS, 3, "pred must hold .* holds -1"),
        (LABELS, LABELS - 1, 3, "target must hold .* holds -1"),
        (LABELS.masked_fill(LABELS == 2, 255), LABELS, 3, "pred must hold .* 255; a prediction has no void"),
        (LABELS, LABELS.masked_fill(LABELS == 2, 3), 3, "target must hold .* holds 3"),
        (LABELS.numpy(), LABELS, 3, "must be tensors, but are ndarray and Tensor"),
    ],
)
def test_confusion_matrix_refuses_bad_input(pred, target, num_classes, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(pred, target, num_classes)


# --- the worked examples ------------------------------------------------------------------------------------------------


def test_worked_example_a_one_pixel_right_one_false_one_missed():
    target, pred = torch.zeros(4, 4, dtype=torch.int64), torch.zeros(4, 4, dtype=torch.int64)
    target[[0, 1], [0, 0]] = 1
    pred[[0, 0], [0, 1]] = 1
    found = scores(confusion_matrix(pred, target, 2))
    assert found.matrix.tolist() == [[13, 1], [1, 1]]
    close(found.iou, [13 / 15, 1 / 3])
    for name in ("dice", "precision", "recall"):
        close(getattr(found, name), [13 / 14, 1 / 2])
    assert found.mean_iou == pytest.approx(0.6, abs=1e-12)
    assert found.pixel_accuracy == found.micro_f1 == 0.875  # not 0.8745
    assert found.macro_f1 == found.mean_accuracy == pytest.approx(5 / 7, abs=1e-12)
    assert found.frequency_weighted_iou == pytest.approx(0.8, abs=1e-12)


def test_worked_example_b_no_recall_makes_up_for_low_precision():
    f1 = [float(power_mean(torch.tensor([0.2, recall]), -1)) for recall in (0.5, 0.9, 1.0)]
    assert f1 == pytest.approx([2 / 7, 18 / 55, 1 / 3], abs=1e-6)
    pair = torch.tensor([0.2, 1.0], dtype=torch.float64)
    assert float(power_mean(pair, 1)) == pytest.approx(0.6, abs=1e-12)
    assert float(power_mean(pair, 0)) == pytest.approx(0.2**0.5, abs=1e-12)


def test_worked_example_c_the_lazy_predictor_and_two_perfect_classes():
    target = torch.cat([torch.zeros(350), torch.arange(650) % 18 + 1]).long()
    found = scores(confusion_matrix(torch.zeros_like(target), target, 19))
    assert (found.pixel_accuracy, found.mean_iou) == pytest.approx((0.35, 0.35 / 19), abs=1e-12)
    target = (torch.arange(100) == 0).long()
    found = scores(confusion_matrix(torch.zeros_like(target), target, 2))
    assert (found.pixel_accuracy, found.mean_iou, float(found.dice[1])) == pytest.approx((0.99, 0.495, 0), abs=1e-12)
    for share in (10, 1000):  # of the two classes that are right: it does not matter
        target = torch.cat([torch.arange(2).repeat(share), torch.arange(2, 19)])
        wrong = torch.where(target < 2, target, (target - 2 + 1) % 17 + 2)
        assert scores(confusion_matrix(wrong, target, 19)).mean_iou == pytest.approx(2 / 19, abs=1e-12)


def test_worked_example_d_the_mean_of_batches_is_not_the_score():
    target = torch.tensor([0, 1, 1, 1, 1])
    whole, means = ConfusionMatrix(2), []
    for pred in (target, torch.ones_like(target)):
        whole.update(pred, target)
        means.append(scores(confusion_matrix(pred, target, 2)).mean_iou)
    assert means == pytest.approx([1, 0.4], abs=1e-12)
    assert sum(means) / 2 == pytest.approx(0.7, abs=1e-12)
    assert whole.compute().mean_iou == pytest.approx(25 / 36, abs=1e-12)  # 0.694


def test_worked_example_d_dice_and_iou_rank_two_models_differently():
    # With two classes and e errors, an IoU is hits / (hits + e).
    first, second = scores(torch.tensor([[133, 7], [0, 3]])), scores(torch.tensor([[31, 10], [9, 31]]))
    close(first.iou, torch.tensor([0.95, 0.30], dtype=torch.float64))
    close(second.iou, torch.tensor([0.62, 0.62], dtype=torch.float64))
    assert [round(one.mean_iou, 3) for one in (first, second)] == [0.625, 0.62]
    assert [round(one.macro_f1, 3) for one in (first, second)] == [0.718, 0.765]


# --- conventions --------------------------------------------------------------------------------------------------------

PREDICTED_ONLY = torch.tensor([[80, 0, 20], [0, 0, 0], [0, 0, 0]])  # 100 pixels of class 0, 20 predicted as class 2


def test_absent_classes_by_every_convention():
    expected = {"nan": (0.4, [0.8, math.nan, 0]), "truth": (0.8, [0.8, math.nan, math.nan])}
    expected |= {"zero": (0.8 / 3, [0.8, 0, 0]), "one": (1.8 / 3, [0.8, 1, 0])}
    for absent, (mean, iou) in expected.items():
        found = scores(PREDICTED_ONLY, absent=absent)
        close(found.iou, iou)
        assert found.mean_iou == pytest.approx(mean, abs=1e-12)
        assert found.macro_f1 == pytest.approx(found.dice.nanmean().item(), abs=1e-12)
        assert found.pixel_accuracy == found.frequency_weighted_iou == 0.8
    found = scores(PREDICTED_ONLY)
    close(found.precision, [1, math.nan, 0])
    close(found.recall, [0.8, math.nan, math.nan])
    assert found.mean_accuracy == 0.8
    close(scores(PREDICTED_ONLY, absent="one").recall, [0.8, 1, math.nan])


def test_a_class_that_is_missed_altogether_scores_zero_by_every_convention():
    for absent in ("nan", "truth", "zero", "one"):
        found = scores(torch.tensor([[5, 0], [3, 0]]), absent=absent)
        close(found.iou, [5 / 8, 0])
        close(found.precision, [5 / 8, math.nan])
        close(found.recall, [1, 0])


def test_nothing_valid_is_nan():
    metric = ConfusionMatrix(3)
    metric.update(torch.zeros(2, 2, dtype=torch.int64), torch.full((2, 2), 255))
    for found in (metric.compute(), ConfusionMatrix(3).compute()):
        for name, value in found._asdict().items():
            assert (value == 0).all() if name == "matrix" else torch.as_tensor(value).isnan().all(), name


def test_one_class():
    found = scores(confusion_matrix(torch.zeros(4).long(), torch.zeros(4).long(), 1))
    assert found.mean_iou == found.macro_f1 == found.pixel_accuracy == 1


def test_scores_refuses_bad_input():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        scores(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"\(0, 0\)"):
        scores(torch.zeros(0, 0))
    with pytest.raises(ValueError, match="negative"):
        scores(torch.tensor([[1, -1], [0, 0]]))
    with pytest.raises(ValueError, match="absent must be one of"):
        scores(torch.eye(2), absent="drop")


# --- parity with libraries ----------------------------------------------------------------------------------------------


def test_scores_equal_sklearn():
    pred, target = random_maps(40, 50)
    ours = scores(confusion_matrix(pred, target, 5))
    valid = target != 255
    truth, guess = target[valid].numpy(), pred[valid].numpy()
    close(ours.iou, sklearn.jaccard_score(truth, guess, average=None))
    close(ours.dice, sklearn.f1_score(truth, guess, average=None))
    close(ours.precision, sklearn.precision_score(truth, guess, average=None))
    close(ours.recall, sklearn.recall_score(truth, guess, average=None))
    close(ours.mean_iou, sklearn.jaccard_score(truth, guess, average="macro"))
    close(ours.frequency_weighted_iou, sklearn.jaccard_score(truth, guess, average="weighted"))
    close(ours.macro_f1, sklearn.f1_score(truth, guess, average="macro"))
    close(ours.micro_f1, sklearn.f1_score(truth, guess, average="micro"))
    close(ours.pixel_accuracy, sklearn.accuracy_score(truth, guess))
    close(ours.mean_accuracy, sklearn.balanced_accuracy_score(truth, guess))
    assert ours.iou.unique().numel() == 5


def test_mean_iou_and_mean_accuracy_equal_sklearn_where_a_class_is_only_predicted():
    target, pred = torch.tensor([0] * 10), torch.tensor([0] * 8 + [2] * 2)
    ours = scores(confusion_matrix(pred, target, 3))
    close(ours.mean_iou, sklearn.jaccard_score(target, pred, average="macro"))  # over the union of the labels, as ours
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        close(ours.mean_accuracy, sklearn.balanced_accuracy_score(target, pred))


def test_scores_equal_torchmetrics():
    """Its counts are exact, but it divides in float32."""
    pred, target = random_maps(2, 40, 50)
    ours = scores(confusion_matrix(pred, target, 5))
    peers = {
        "iou": torchmetrics.MulticlassJaccardIndex(5, average="none", ignore_index=255),
        "mean_iou": torchmetrics.MulticlassJaccardIndex(5, average="macro", ignore_index=255),
        "frequency_weighted_iou": torchmetrics.MulticlassJaccardIndex(5, average="weighted", ignore_index=255),
        "dice": torchmetrics.MulticlassF1Score(5, average="none", ignore_index=255),
        "macro_f1": torchmetrics.MulticlassF1Score(5, average="macro", ignore_index=255),
        "micro_f1": torchmetrics.MulticlassF1Score(5, average="micro", ignore_index=255),
        "precision": torchmetrics.MulticlassPrecision(5, average="none", ignore_index=255),
        "recall": torchmetrics.MulticlassRecall(5, average="none", ignore_index=255),
        "mean_accuracy": torchmetrics.MulticlassAccuracy(5, average="macro", ignore_index=255),
        "pixel_accuracy": torchmetrics.MulticlassAccuracy(5, average="micro", ignore_index=255),
    }
    for name, peer in peers.items():
        found = torch.as_tensor(getattr(ours, name), dtype=torch.float64)
        torch.testing.assert_close(found, peer(pred, target).double(), **SINGLE_INSIDE)


def test_absent_classes_by_torchmetrics():
    """The same on the mean IoU; per class it writes 0 where ours is NaN, and its mean accuracy counts an empty recall as 0."""
    target, pred = torch.tensor([0] * 10), torch.tensor([0] * 8 + [2] * 2)
    ours = scores(confusion_matrix(pred, target, 3))
    assert ours.mean_iou == pytest.approx(float(torchmetrics.MulticlassJaccardIndex(3)(pred, target)), abs=1e-6)
    per_class = torchmetrics.MulticlassJaccardIndex(3, average="none")(pred, target)
    torch.testing.assert_close(scores(ours.matrix, absent="zero").iou, per_class.double(), **SINGLE_INSIDE)
    assert ours.mean_accuracy == 0.8
    assert float(torchmetrics.MulticlassAccuracy(3, average="macro")(pred, target)) == pytest.approx(0.4, abs=1e-6)


def test_absent_one_equals_segmentation_models_pytorch():
    smp = pytest.importorskip("segmentation_models_pytorch").metrics
    pred, target = random_maps(1, 30, 40, classes=3, void=0)
    ours = scores(confusion_matrix(pred, target, 5), absent="one")  # classes 3 and 4 do not occur
    counts = smp.get_stats(pred, target, mode="multiclass", num_classes=5)
    close_to = float(smp.iou_score(*counts, reduction="macro"))
    assert ours.mean_iou == pytest.approx(close_to, abs=1e-6)
    assert ours.mean_iou > scores(ours.matrix).mean_iou + 0.1


# --- gathering ----------------------------------------------------------------------------------------------------------


def test_batches_and_merged_parts_equal_one_update():
    pred, target = random_maps(6, 20, 30)
    whole, batched, parts = ConfusionMatrix(5), ConfusionMatrix(5), [ConfusionMatrix(5), ConfusionMatrix(5)]
    whole.update(pred, target)
    for n in range(6):
        batched.update(pred[n], target[n])
        parts[n % 2].update(pred[n], target[n])
    parts[0].merge(parts[1])
    for other in (batched, parts[0]):
        assert torch.equal(other.matrix, whole.matrix)
        assert other.compute().mean_iou == whole.compute().mean_iou


def test_a_result_does_not_change_afterwards():
    pred, target = random_maps(20, 30)
    metric, other = ConfusionMatrix(5), ConfusionMatrix(5)
    metric.update(pred, target)
    other.merge(metric)
    first = metric.compute().matrix.clone(), metric.compute()
    metric.update(pred, target)
    assert torch.equal(first[0], first[1].matrix) and torch.equal(other.matrix, first[0])


def test_gathering_refuses_what_does_not_fit_and_keeps_what_it_has():
    metric = ConfusionMatrix(3)
    metric.update(LABELS, LABELS)
    before = metric.matrix.clone()
    with pytest.raises(ValueError, match="holds 7"):
        metric.update(LABELS + 5, LABELS)
    for other in (ConfusionMatrix(4), ConfusionMatrix(3, ignore_index=None)):
        with pytest.raises(ValueError, match="same classes and void label"):
            metric.merge(other)
    assert torch.equal(metric.matrix, before)
    with pytest.raises(ValueError, match="num_classes must be a whole number from 1"):
        ConfusionMatrix(0)
    with pytest.raises(ValueError, match="absent must be one of"):
        ConfusionMatrix(3, absent="none")


def test_gathering_uses_its_conventions():
    metric = ConfusionMatrix(3, ignore_index=9, absent="one")
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 9]))
    assert metric.compute().iou.tolist() == [1, 1, 1]


# --- properties ---------------------------------------------------------------------------------------------------------

matrices = st.integers(1, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 40), min_size=k, max_size=k), min_size=k, max_size=k)
)


@settings(max_examples=60, deadline=None)
@given(matrices, st.sampled_from(["nan", "truth", "zero", "one"]))
def test_iou_and_dice_determine_each_other(counts, absent):
    found = scores(torch.tensor(counts), absent=absent)
    close(found.iou, found.dice / (2 - found.dice))
    assert ((found.iou <= found.dice) | found.iou.isnan()).all()
    assert torch.equal(found.iou.isnan(), found.dice.isnan())


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_dice_is_the_harmonic_mean_of_precision_and_recall(counts):
    found = scores(torch.tensor(counts))
    defined = ~found.precision.isnan() & ~found.recall.isnan()
    if defined.any():
        pairs = torch.stack([found.precision, found.recall], dim=-1)[defined]
        close(power_mean(pairs, -1), found.dice[defined])
    assert found.micro_f1 == pytest.approx(found.pixel_accuracy, abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(matrices, st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(counts, random):
    matrix = torch.tensor(counts)
    order = list(range(len(matrix)))
    random.shuffle(order)
    one, other = scores(matrix), scores(matrix[order][:, order])
    for name in PER_CLASS:
        close(getattr(other, name), getattr(one, name)[order])
    for name in set(one._fields) - set(PER_CLASS) - {"matrix"}:
        close(getattr(other, name), getattr(one, name))


def test_background_around_an_image_raises_accuracy_but_not_the_iou_of_the_object():
    pred, target = random_maps(8, 9, classes=2, void=0)
    padded = [torch.nn.functional.pad(labels, (5, 5, 5, 5)) for labels in (pred, target)]
    small, large = scores(confusion_matrix(pred, target, 2)), scores(confusion_matrix(*padded, 2))
    assert large.pixel_accuracy > small.pixel_accuracy
    assert large.iou[1] == small.iou[1] and large.iou[0] > small.iou[0]


# --- power mean ---------------------------------------------------------------------------------------------------------


def test_power_mean_of_literal_values():
    values = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    expected = {1: 7 / 3, 2: 7**0.5, 0: 2, -1: 12 / 7, math.inf: 4, -math.inf: 1, 3: (73 / 3) ** (1 / 3)}
    for exponent, mean in expected.items():
        assert float(power_mean(values, exponent)) == pytest.approx(mean, abs=1e-12)


def test_power_mean_of_zeros():
    values = torch.tensor([0.0, 1.0])
    assert [float(power_mean(values, q)) for q in (-math.inf, -2, -1, 0)] == [0, 0, 0, 0]
    assert float(power_mean(values, 1)) == 0.5
    assert [float(power_mean(torch.zeros(3), q)) for q in (-math.inf, -1, 0, 1, math.inf)] == [0] * 5


def test_power_mean_grows_with_its_exponent_towards_its_limits():
    values = torch.rand(4, 3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exponents = [-math.inf, -1000, -5, -1, -1e-6, 0, 1e-6, 1, 5, 1000, math.inf]
    means = torch.stack([power_mean(values, q, dim=1) for q in exponents])
    assert means.shape == (11, 4, 6)
    assert (means.diff(dim=0) > 0).all()
    torch.testing.assert_close(means[4], means[5], rtol=1e-5, atol=0)
    torch.testing.assert_close(means[-2], means[-1], rtol=2e-3, atol=0)


def test_logits_under_void_may_be_anything_as_in_the_losses():
    logits = torch.zeros(1, 3, 1, 4)
    logits[0, 2] = 1
    logits[..., 3] = math.nan
    target = torch.tensor([[[2, 2, 0, 255]]])
    assert confusion_matrix(logits, target, 3).sum() == 3
    assert boundary_iou(logits, target, 3).shape == (3,)
    with pytest.raises(ValueError, match="logits that are NaN"):
        confusion_matrix(logits, target, 3, ignore_index=None)
    with pytest.raises(ValueError, match="logits that are NaN"):
        confusion_matrix(logits, target.where(target != 255, 1), 3)


def test_what_is_known_of_a_truth_says_nothing_of_a_prediction():
    """A truth whose range is known holds void, which is not a class where it stands as a prediction."""
    truth = torch.tensor([[0, 1, 255]])
    label_range(truth, 255)
    with pytest.raises(ValueError, match="pred must hold .* 255; a prediction has no void"):
        confusion_matrix(truth, torch.tensor([[0, 1, 1]]), 2)
    assert confusion_matrix(truth, truth, 2).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("classes", [3, 200])
def test_known_labels_give_the_same_matrix(classes):
    pred, target = random_maps(3, 50, 41)
    pred, target = pred % classes, target.where(target == 255, target % classes)
    wanted = confusion_matrix(pred.clone(), target.clone(), classes)
    label_range(pred, None), label_range(target, 255)
    assert torch.equal(confusion_matrix(pred, target, classes), wanted)
    pred[0, 0, 0] = classes  # what was known is forgotten
    target[0, 0, 0] = 0
    with pytest.raises(ValueError, match=f"pred must hold .* holds {classes}"):
        confusion_matrix(pred, target, classes)


def test_power_mean_refuses_bad_input():
    for values in (
        torch.tensor([1.0, -1.0]),
        torch.tensor([math.nan]),
        torch.tensor([math.inf]),
        torch.tensor([1]),
        torch.zeros(0),
    ):
        with pytest.raises(ValueError, match="finite floating values of 0 and above"):
            power_mean(values, 1)
    with pytest.raises(ValueError, match="exponent must be a number from -inf to inf, but is nan"):
        power_mean(torch.ones(2), math.nan)


@pytest.mark.gpu
def test_semantic_metrics_are_the_same_on_a_gpu():
    pred, target = random_maps(3, 250, 301)
    metric = ConfusionMatrix(5)
    metric.update(pred.cuda(), target.cuda())
    assert metric.matrix.is_cuda
    torch.testing.assert_close(metric.matrix.cpu(), confusion_matrix(pred, target, 5), **EXACT)
    on_cpu = ConfusionMatrix(5)
    on_cpu.update(pred, target)
    metric.merge(on_cpu)
    assert metric.compute().mean_iou == on_cpu.compute().mean_iou
    with pytest.raises(ValueError, match="pred is on"):
        confusion_matrix(pred.cuda(), target, 5)


@pytest.mark.parametrize("num_classes", [0, -1, None, "2", 2.0, True, 200_000])
def test_a_number_of_classes_that_is_none_is_refused(num_classes):
    with pytest.raises(ValueError, match="num_classes must be a whole number from 1"):
        confusion_matrix(torch.tensor([0]), torch.tensor([0]), num_classes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("exponent", [1e-5, -1e-5, 1e-9, -1e-15])
def test_power_mean_near_zero_is_near_the_geometric_mean(exponent, dtype):
    values = torch.tensor([0.5, 0.9], dtype=dtype)
    geometric = math.sqrt(0.5 * 0.9)
    assert float(power_mean(values, exponent)) == pytest.approx(geometric, abs=2e-6)
