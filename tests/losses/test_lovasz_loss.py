import pytest
import segmentation_models_pytorch.losses as smp
import torch
from loss_cases import assert_equal_with_gradient, random_answers, random_problem, sure, value_and_gradient
from tolerances import OPERATION, SINGLE_INSIDE

from course_utils.losses.lovasz import lovasz_softmax_loss
from course_utils.losses.region import jaccard_loss

DOUBLE = OPERATION[torch.float64]


def test_lovasz_extension_by_hand():
    # Errors of the foreground: 0.7 (true), 0.4 (not), 0.2 (true), 0.1 (not). 1 - IoU as they are added one by one:
    # 1 - 1/2, 1 - 1/3, 1 - 0/3, 1 - 0/4, so that its steps are 1/2, 1/6, 1/3 and 0.
    p = torch.tensor([0.3, 0.4, 0.8, 0.1], dtype=torch.float64)
    truth = torch.tensor([1, 0, 1, 0]).view(1, 1, 1, 4)
    found = lovasz_softmax_loss(p.logit().view(1, 1, 1, 4), truth, multilabel=True)
    assert found.item() == pytest.approx(0.7 / 2 + 0.4 / 6 + 0.2 / 3, abs=1e-12)


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("void", [0.0, 0.2])
def test_lovasz_softmax_loss_equals_smp(void, per_image):
    logits, target = random_problem(batch=3, size=(16, 15), void=void, dtype=torch.float32)
    with pytest.raises(RuntimeError):  # smp mixes its own float32 with float64
        smp.LovaszLoss("multiclass", ignore_index=255)(logits.double(), target)
    theirs = smp.LovaszLoss("multiclass", per_image=per_image, ignore_index=255)
    assert_equal_with_gradient(
        lambda z: lovasz_softmax_loss(z, target, per_image=per_image),
        lambda z: theirs(z, target),
        logits,
        SINGLE_INSIDE,
    )


def test_lovasz_softmax_loss_leaves_absent_classes_out_as_smp_does():
    logits, target = random_problem(dtype=torch.float32)
    target = torch.where(target == 4, 0, target)
    theirs = smp.LovaszLoss("multiclass", ignore_index=255)
    assert_equal_with_gradient(
        lambda z: lovasz_softmax_loss(z, target), lambda z: theirs(z, target), logits, SINGLE_INSIDE
    )
    zero = lovasz_softmax_loss(logits, target, absent="zero")
    torch.testing.assert_close(zero, 4 / 5 * lovasz_softmax_loss(logits, target), **OPERATION[torch.float32])


def test_an_absent_class_that_counts_costs_its_largest_probability():
    logits, target = random_problem()
    target = torch.where(target == 4, 0, target)
    largest = torch.where(target == 255, 0, logits.softmax(1)[:, 4]).max()
    expected = (4 * lovasz_softmax_loss(logits, target) + largest) / 5
    torch.testing.assert_close(lovasz_softmax_loss(logits, target, absent="counted"), expected, **DOUBLE)


def test_a_sure_prediction_has_the_loss_of_jaccard():
    target = random_problem(size=(12, 13))[1]
    pred = torch.where(torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.7, target % 255, 2)
    for absent in ("left_out", "zero", "counted"):
        ours = lovasz_softmax_loss(sure(pred, 6), target, absent=absent)
        torch.testing.assert_close(ours, jaccard_loss(sure(pred, 6), target, absent=absent), **DOUBLE)
        assert ours > 0.1


def test_multilabel_is_the_mean_of_single_questions():
    logits, target = random_answers()
    single = [lovasz_softmax_loss(logits[:, [k]], target[:, [k]], multilabel=True) for k in range(5)]
    torch.testing.assert_close(lovasz_softmax_loss(logits, target, multilabel=True), sum(single) / 5, **DOUBLE)
    # Foreground and background as two classes have the same errors.
    two = torch.cat([torch.zeros_like(logits[:, :1]), logits[:, :1]], 1)
    foreground = lovasz_softmax_loss(logits[:, :1], target[:, :1], multilabel=True)
    background = lovasz_softmax_loss(
        -logits[:, :1], torch.where(target == 255, 255, 1 - target)[:, :1], multilabel=True
    )
    torch.testing.assert_close(lovasz_softmax_loss(two, target[:, 0]), (foreground + background) / 2, **DOUBLE)


def test_what_smp_calls_binary_is_the_hinge_form():
    logits, target = random_answers(classes=1, dtype=torch.float32)
    hinge = smp.LovaszLoss("binary", per_image=False, ignore_index=255)(logits, target)
    assert (lovasz_softmax_loss(logits, target, multilabel=True) - hinge).abs() > 0.1


def test_single_precision_keeps_its_digits_over_many_pixels():
    logits, target = random_problem(batch=1, classes=2, size=(512, 512))
    value, gradient = value_and_gradient(lambda z: lovasz_softmax_loss(z, target), logits)
    single, single_gradient = value_and_gradient(lambda z: lovasz_softmax_loss(z.float(), target), logits)
    torch.testing.assert_close(single.double(), value, **SINGLE_INSIDE)
    # A step is about one over the number of pixels: differences of IoUs in float32 are wrong by some thousandths.
    moved = (single_gradient - gradient).abs().sum() / gradient.abs().sum()
    assert moved < 1e-4


def test_an_unknown_rule_for_absent_classes_is_refused():
    logits, target = random_problem()
    with pytest.raises(ValueError, match="absent must be one of"):
        lovasz_softmax_loss(logits, target, absent="all")
