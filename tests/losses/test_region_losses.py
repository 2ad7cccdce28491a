import math
from functools import partial

import pytest
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F
from lazily import monai
from loss_cases import (
    assert_equal_with_gradient,
    logits_of,
    random_answers,
    random_problem,
    sure,
    value_and_gradient,
)
from sklearn.metrics import fbeta_score
from tolerances import OPERATION, SINGLE_INSIDE

from course_utils.losses.region import (
    asymmetric_similarity_loss,
    dice_loss,
    focal_tversky_loss,
    generalised_dice_loss,
    jaccard_loss,
    squared_dice_loss,
    tversky_loss,
)
from course_utils.metrics.semantic import confusion_matrix, scores

DOUBLE = OPERATION[torch.float64]


def without_class_4(target):
    """The same labels, but class 4 is nowhere in them."""
    return torch.where(target == 4, 0, target)


# --- literal numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "fraction", "similarity"),
    [
        (dice_loss, 2.8 / 3.8, 0.737),
        (squared_dice_loss, 2.8 / 3.1, 0.903),
        (jaccard_loss, 1.4 / 2.4, 0.583),
        (partial(tversky_loss, alpha=0.3, beta=0.7), 1.4 / 1.94, 0.722),
        (
            partial(tversky_loss, alpha=0.7, beta=0.3),
            1.4 / 1.86,
            0.753,
        ),  # two false negatives more than false positives
        (partial(generalised_dice_loss), 2.8 / 3.8, 0.737),  # one class: its weight cancels
        (partial(asymmetric_similarity_loss, beta=1.5), 3.25 * 1.4 / (3.25 * 1.4 + 2.25 * 0.6 + 0.4), 0.722),
    ],
)
def test_four_pixels_by_hand(loss, fraction, similarity):
    truth = torch.tensor([1, 1, 0, 0]).view(1, 1, 1, 4)
    found = 1 - loss(logits_of([0.8, 0.6, 0.3, 0.1]), truth, multilabel=True).item()
    assert found == pytest.approx(fraction, abs=1e-12) == pytest.approx(similarity, abs=5e-4)


def test_focal_tversky_of_four_pixels_by_hand():
    truth = torch.tensor([1, 1, 0, 0]).view(1, 1, 1, 4)
    found = focal_tversky_loss(logits_of([0.8, 0.6, 0.3, 0.1]), truth, multilabel=True)
    assert found.item() == pytest.approx((0.54 / 1.94) ** 0.75, abs=1e-12)


def test_smoothing_is_measured_in_pixels():
    truth = torch.tensor([1, 1, 0, 0]).view(1, 1, 1, 4)
    logits = logits_of([0.8, 0.6, 0.3, 0.1])
    found = {
        loss: 1 - loss(logits, truth, multilabel=True, smooth=1.0).item()
        for loss in (dice_loss, squared_dice_loss, jaccard_loss, tversky_loss)
    }
    expected = {dice_loss: 3.8 / 4.8, squared_dice_loss: 3.8 / 4.1, jaccard_loss: 2.4 / 3.4, tversky_loss: 2.4 / 2.94}
    assert found == pytest.approx(expected, abs=1e-12)


def test_gradient_share_of_a_one_percent_class():
    logits = torch.zeros(1, 2, 10, 10, dtype=torch.float64, requires_grad=True)
    target = torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 4, 7] = 1

    def share(loss):
        _, gradient = value_and_gradient(loss, logits)
        return (gradient[0, :, 4, 7].abs().sum() / gradient.abs().sum()).item()

    assert share(lambda z: dice_loss(z, target)) == pytest.approx(0.045, abs=5e-4)
    # The foreground alone is one question, whose logit is the difference of the two.
    assert share(lambda z: dice_loss(z[:, 1:] - z[:, :1], target[:, None], multilabel=True)) == pytest.approx(
        0.505, abs=5e-4
    )


def test_void_does_not_count_in_the_denominator():
    labels = torch.randint(0, 3, (1, 64, 64), generator=torch.Generator().manual_seed(0))
    target = labels.clone()
    target[:, :, 32:] = 255
    assert dice_loss(sure(labels, 3), target).item() == pytest.approx(0, abs=1e-12)
    # The mistake: only the one-hot truth is masked.
    p, g = F.one_hot(labels, 3), F.one_hot(labels, 3) * (target != 255)[..., None]
    mistaken = 1 - (2 * (p * g).sum((0, 1, 2)) / (p + g).sum((0, 1, 2))).mean()
    assert mistaken.item() == pytest.approx(0.333, abs=0.005)


def test_absent_classes_do_not_count_in_the_mean():
    target = torch.arange(256 * 256).view(1, 256, 256) % 5
    logits = 7 * F.one_hot(target, 19).movedim(-1, 1).double()  # 0.984 for the true class
    loss = partial(dice_loss, logits, target, smooth=1.0)
    assert loss().item() == pytest.approx(0.0099, abs=5e-5)
    assert loss(absent="counted").item() == pytest.approx(0.727, abs=5e-4)
    assert loss(absent="zero").item() == pytest.approx(5 / 19 * loss().item(), abs=1e-12)


@pytest.mark.parametrize("absent", ["left_out", "counted"])
def test_a_sure_prediction_has_the_scores_of_the_metrics(absent):
    target = random_problem(size=(20, 23))[1]
    pred = torch.where(torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.7, target % 255, 2)
    logits, truth = sure(pred, 6), without_class_4(target)  # class 5 is nowhere, class 4 is predicted only
    found = scores(confusion_matrix(pred, truth, 6), absent="truth" if absent == "left_out" else "one")
    assert 1 - jaccard_loss(logits, truth, absent=absent).item() == pytest.approx(found.mean_iou, abs=1e-12)
    assert 1 - dice_loss(logits, truth, absent=absent).item() == pytest.approx(found.macro_f1, abs=1e-12)
    assert found.iou[4].isnan() if absent == "left_out" else found.iou[4] == 0
    valid = truth != 255
    classes = [0, 1, 2, 3] if absent == "left_out" else [0, 1, 2, 3, 4]
    f15 = fbeta_score(truth[valid], pred[valid], beta=1.5, labels=classes, average=None, zero_division=0).sum()
    f15 = f15 / 4 if absent == "left_out" else (f15 + 1) / 6
    assert 1 - asymmetric_similarity_loss(logits, truth, absent=absent).item() == pytest.approx(f15, abs=1e-12)


# --- segmentation_models_pytorch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("smooth", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "binary"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (dice_loss, smp.DiceLoss),
        (tversky_loss, partial(smp.TverskyLoss, alpha=0.3, beta=0.7)),
        (partial(tversky_loss, alpha=0.9, beta=0.2), partial(smp.TverskyLoss, alpha=0.9, beta=0.2)),
        (asymmetric_similarity_loss, partial(smp.TverskyLoss, alpha=1 / 3.25, beta=2.25 / 3.25)),
        (jaccard_loss, partial(smp.TverskyLoss, alpha=1.0, beta=1.0)),  # smp.JaccardLoss knows no void
    ],
)
def test_region_losses_equal_smp(ours, theirs, kind, smooth):
    logits, target = random_problem() if kind == "multiclass" else random_answers(classes=1 if kind == "binary" else 5)
    theirs = theirs(kind, smooth=smooth, ignore_index=255)
    # smp adds ε to the halves of numerator and denominator.
    smooth = 2 * smooth if ours is dice_loss else smooth
    ours = partial(ours, smooth=smooth, multilabel=kind != "multiclass")
    assert_equal_with_gradient(lambda z: ours(z, target), lambda z: theirs(z, target), logits, DOUBLE)


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_jaccard_loss_equals_smp(smooth):
    logits, target = random_problem(void=0)
    theirs = smp.JaccardLoss("multiclass", smooth=smooth)
    assert_equal_with_gradient(
        lambda z: jaccard_loss(z, target, smooth=smooth), lambda z: theirs(z, target), logits, DOUBLE
    )


@pytest.mark.parametrize(("ours", "theirs"), [(dice_loss, smp.DiceLoss), (tversky_loss, smp.TverskyLoss)])
def test_absent_classes_count_as_zero_in_smp(ours, theirs):
    logits, target = random_problem()
    target = without_class_4(target)
    ours = ours if ours is dice_loss else partial(ours, alpha=0.5, beta=0.5)
    theirs = theirs("multiclass", ignore_index=255)
    assert_equal_with_gradient(lambda z: ours(z, target, absent="zero"), lambda z: theirs(z, target), logits, DOUBLE)
    torch.testing.assert_close(ours(logits, target), theirs(logits, target) * 5 / 4, **DOUBLE)


def test_focal_tversky_equals_smp_for_one_class_and_has_its_power_inside_the_mean():
    logits, target = random_answers(classes=1)
    theirs = smp.TverskyLoss("multilabel", alpha=0.3, beta=0.7, gamma=0.75, ignore_index=255)
    assert_equal_with_gradient(
        lambda z: focal_tversky_loss(z, target, multilabel=True), lambda z: theirs(z, target), logits, DOUBLE
    )
    logits, target = random_answers(classes=3)
    single = [focal_tversky_loss(logits[:, [k]], target[:, [k]], multilabel=True) for k in range(3)]
    found = focal_tversky_loss(logits, target, multilabel=True)
    torch.testing.assert_close(found, sum(single) / 3, **DOUBLE)
    assert (found - theirs(logits, target)).abs() > 1e-6


def test_perfect_focal_tversky_has_a_finite_gradient():
    labels = torch.arange(12).view(1, 3, 4) % 3
    value, gradient = value_and_gradient(lambda z: focal_tversky_loss(z, labels), sure(labels, 3).requires_grad_())
    assert value == 0 and gradient.isfinite().all()


# --- MONAI --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs", "smoothing"),
    [
        (dice_loss, lambda **named: monai.DiceLoss(**named), 1.0),
        (squared_dice_loss, lambda **named: monai.DiceLoss(squared_pred=True, **named), 1.0),
        # Twice numerator and denominator there.
        (jaccard_loss, lambda **named: monai.DiceLoss(jaccard=True, **named), 0.5),
        (tversky_loss, lambda **named: monai.TverskyLoss(alpha=0.3, beta=0.7, **named), 1.0),
    ],
)
def test_region_losses_equal_monai(ours, theirs, smoothing, per_image):
    """MONAI counts absent classes, and takes the images one by one unless `batch=True`."""
    logits, target = random_problem(void=0)
    target = without_class_4(target)
    smooth = 0.3
    ours = partial(ours, absent="counted", per_image=per_image, smooth=smoothing * smooth)
    theirs = theirs(softmax=True, batch=not per_image, smooth_nr=smooth, smooth_dr=smooth)
    one_hot = F.one_hot(target, 5).movedim(-1, 1).double()  # made by MONAI it would be float32
    assert_equal_with_gradient(lambda z: ours(z, target), lambda z: theirs(z, one_hot), logits, DOUBLE)


@pytest.mark.slow
def test_dice_loss_with_void_equals_monai():
    logits, target = random_problem()
    theirs = monai.DiceLoss(softmax=True, to_onehot_y=True, batch=True, ignore_index=255, smooth_nr=0, smooth_dr=0)
    assert_equal_with_gradient(lambda z: dice_loss(z, target), lambda z: theirs(z, target[:, None]), logits, DOUBLE)


@pytest.mark.slow
@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize(("exponent", "name"), [(2, "square"), (1, "simple"), (0, "uniform")])
def test_generalised_dice_loss_equals_monai(exponent, name, per_image):
    """MONAI has its weights in float32, and gives absent classes the largest."""
    logits, target = random_problem(void=0)
    target = without_class_4(target)
    ours = partial(generalised_dice_loss, absent="counted", exponent=exponent, per_image=per_image)
    theirs = monai.GeneralizedDiceLoss(
        softmax=True, to_onehot_y=True, w_type=name, batch=not per_image, smooth_nr=0, smooth_dr=0
    )
    assert_equal_with_gradient(lambda z: ours(z, target), lambda z: theirs(z, target[:, None]), logits, SINGLE_INSIDE)


@pytest.mark.slow
def test_generalised_dice_loss_equals_monai_to_the_last_digit_where_float32_holds_its_weights():
    logits = random_problem(batch=1, classes=3, size=(4, 4), void=0)[0]
    target = torch.tensor([0] * 8 + [1] * 4 + [2] * 4).view(1, 4, 4)  # weights 1/64, 1/16, 1/16
    theirs = monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True, batch=True, smooth_nr=0.1, smooth_dr=0.1)
    assert_equal_with_gradient(
        lambda z: generalised_dice_loss(z, target, smooth=0.1), lambda z: theirs(z, target[:, None]), logits, DOUBLE
    )


def test_the_steepest_weights_of_generalised_dice_are_not_rounded_to_0():
    logits, target = random_problem(batch=1, classes=2, size=(1024, 1024), void=0, dtype=torch.float32)
    steepest = partial(generalised_dice_loss, target=target, exponent=4)
    torch.testing.assert_close(steepest(logits).double(), steepest(logits.double()), rtol=0, atol=1e-6)


def test_generalised_dice_loss_by_hand():
    p = torch.tensor([0.9, 0.7, 0.6, 0.2], dtype=torch.float64)
    logits = torch.stack([p, 1 - p]).log().view(1, 2, 1, 4)
    target = torch.tensor([0, 0, 0, 1]).view(1, 1, 4)
    common, sums = [2.2, 0.8], [2.4 + 3, 1.6 + 1]
    for exponent, w in ((2, 1 / 9), (1, 1 / 3), (0, 1)):
        expected = 1 - 2 * (w * common[0] + common[1]) / (w * sums[0] + sums[1])
        assert generalised_dice_loss(logits, target, exponent=exponent).item() == pytest.approx(expected, abs=1e-12)
    pooled = 1 - 2 * 3.0 / ((p**2).sum() + ((1 - p) ** 2).sum() + 4)
    assert squared_dice_loss(logits, target, pooled=True).item() == pytest.approx(pooled.item(), abs=1e-12)


# --- conventions --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_false_alarms_on_an_empty_truth():
    """What each rule makes of a prediction of something in an image that has nothing."""
    logits, target = torch.full((1, 1, 4, 4), 2.0), torch.zeros(1, 1, 4, 4, dtype=torch.int64)
    assert dice_loss(logits, target, multilabel=True) == 0
    assert dice_loss(logits, target, multilabel=True, absent="zero") == smp.DiceLoss("binary")(logits, target) == 0
    counted = dice_loss(logits, target, multilabel=True, absent="counted", smooth=1e-5)
    torch.testing.assert_close(counted, monai.DiceLoss(sigmoid=True)(logits, target), **OPERATION[torch.float32])
    assert counted > 0.999


def test_nothing_predicted_where_nothing_is_true_is_perfect_under_every_rule():
    logits, target = torch.full((1, 1, 4, 4), -1000.0), torch.zeros(1, 1, 4, 4, dtype=torch.int64)
    for absent in ("left_out", "zero", "counted"):
        for loss in (dice_loss, jaccard_loss, tversky_loss, generalised_dice_loss, squared_dice_loss):
            assert loss(logits, target, multilabel=True, absent=absent) == 0


def test_per_image_is_the_mean_over_images_where_all_have_all_classes():
    logits, target = random_problem(batch=3, classes=2)
    for loss in (dice_loss, jaccard_loss, generalised_dice_loss):
        single = [loss(logits[[n]], target[[n]]) for n in range(3)]
        torch.testing.assert_close(loss(logits, target, per_image=True), sum(single) / 3, **DOUBLE)


def test_per_image_counts_a_class_only_where_it_is():
    labels = torch.tensor([[[0, 0, 1]], [[0, 0, 0]]])
    pred = torch.tensor([[[0, 0, 0]], [[0, 1, 0]]])
    # Image 0: class 0 has IoU 2/3, class 1 has 0. Image 1: class 0 has 2/3, class 1 is not there.
    found = jaccard_loss(sure(pred, 2), labels, per_image=True)
    assert found.item() == pytest.approx(1 - (2 / 3 + 0 + 2 / 3) / 3, abs=1e-12)
    counted = jaccard_loss(sure(pred, 2), labels, per_image=True, absent="counted")
    assert counted.item() == pytest.approx(1 - (2 / 3 + 0 + 2 / 3 + 0) / 4, abs=1e-12)


def test_single_precision_keeps_its_digits_over_many_pixels():
    logits, target = random_problem(batch=1, classes=2, size=(1024, 1024), void=0.1)
    target = torch.where(target == 1, (torch.rand(target.shape) < 1e-3).long(), target)
    for loss in (dice_loss, jaccard_loss, tversky_loss, generalised_dice_loss):
        single, double = loss(logits.float(), target), loss(logits, target)
        torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-6)


# --- bad input ----------------------------------------------------------------------------------------------------------

LOGITS, TARGET = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            partial(dice_loss, absent="present"),
            r"absent must be one of \('left_out', 'zero', 'counted'\), but is 'present'",
        ),
        (partial(generalised_dice_loss, absent="nan"), "absent must be one of"),
        (partial(dice_loss, smooth=-1.0), "smooth must be a number from 0 to inf, but is -1.0"),
        (partial(generalised_dice_loss, exponent=-1), "exponent must be a number from 0"),
        (partial(tversky_loss, alpha=-0.1), "alpha must be a number from 0"),
        (partial(tversky_loss, beta=math.nan), "beta must be a number from 0"),
        (partial(asymmetric_similarity_loss, beta=-1), "beta must be a number from 0"),
        (partial(focal_tversky_loss, gamma=0), "gamma must be above 0, but is 0"),
        (partial(tversky_loss, alpha=0, beta=0), "alpha and beta must not both be 0"),
        (partial(generalised_dice_loss, exponent=4.1), "exponent must be a number from 0 to 4"),
        (partial(asymmetric_similarity_loss, beta=1e200), "beta must be a number from 0 to 1000"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(LOGITS, TARGET)
