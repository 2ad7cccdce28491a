import math

import pytest
import torch
from lazily import monai
from loss_cases import assert_equal_with_gradient, random_answers, random_problem, sure
from tolerances import EXACT, OPERATION, SINGLE_INSIDE

from course_utils.losses.boundary import boundary_loss, hausdorff_loss, signed_distance
from course_utils.metrics.boundary import hausdorff_distance

DOUBLE = OPERATION[torch.float64]


def row(*numbers):
    return torch.tensor(numbers).view(1, 1, 1, -1)


def square(right=0):
    mask = torch.zeros(1, 1, 32, 32, dtype=torch.int64)
    mask[..., 8:24, 8 + right : 24 + right] = 1
    return mask


def certain(mask):
    """Logits of one question, answered with certainty."""
    return (2.0 * mask - 1) * 1000


# --- distances ----------------------------------------------------------------------------------------------------------


def test_signed_distance_of_a_row():
    found = signed_distance(row(0, 0, 1, 1, 1, 0, 0) > 0)
    assert found.flatten().tolist() == [2, 1, -1, -2, -1, 1, 2]


def test_void_is_neither_inside_nor_outside():
    mask, valid = row(0, 0, 0, 1, 1, 1, 0) > 0, row(1, 1, 0, 1, 1, 0, 1) > 0
    assert signed_distance(mask, valid).flatten().tolist() == [3, 2, 0, -2, -2, 0, 2]
    # What void pixels are said to be makes no difference.
    torch.testing.assert_close(signed_distance(mask ^ ~valid, valid), signed_distance(mask, valid), **EXACT)


def test_images_without_a_boundary_have_no_distances():
    masks = torch.stack([torch.zeros(3, 4), torch.ones(3, 4), torch.eye(3, 4)]).bool()
    found = signed_distance(masks)
    assert found[:2].count_nonzero() == 0 and found[2].count_nonzero() == 12
    torch.testing.assert_close(found[2], signed_distance(masks[2]), **EXACT)
    valid = torch.eye(3, 4).bool().expand(3, 3, 4)  # the third mask has no outside any more
    assert signed_distance(masks, valid).count_nonzero() == 0


# --- boundary loss ------------------------------------------------------------------------------------------------------


def test_boundary_loss_of_a_square():
    outlier = square()
    outlier[..., 2, 2] = 1
    predictions = {"perfect": square(), "outlier": outlier, "shifted": square(1), "empty": 0 * square()}
    found = {name: boundary_loss(certain(p), square(), multilabel=True).item() for name, p in predictions.items()}
    expected = {"perfect": -0.797, "outlier": -0.789, "shifted": -0.766, "empty": 0}
    assert found == pytest.approx(expected, abs=5e-4)
    # Region and boundary see the outlier differently.
    assert hausdorff_distance(square()[0, 0] > 0, outlier[0, 0] > 0) == pytest.approx(8.49, abs=5e-3)
    assert (square() & outlier).sum() / (square() | outlier).sum() == pytest.approx(0.996, abs=5e-4)


def test_boundary_loss_of_a_row_with_void_by_hand():
    p = torch.tensor([0.5, 0.25, 0.9, 0.75], dtype=torch.float64)
    found = boundary_loss(p.logit().view(1, 1, 1, 4), row(0, 1, 255, 0), multilabel=True)
    assert found.item() == pytest.approx((1 * 0.5 - 1 * 0.25 + 2 * 0.75) / 3, abs=1e-12)


@pytest.mark.slow
def test_boundary_loss_equals_monai_but_for_its_shift_inside():
    """MONAI, as the authors' code, has d - 1 for d inside: where we have 2 1 -1 -2 -1 1 2, it has 2 1 0 -1 0 1 2."""
    logits, target = random_problem(void=0, dtype=torch.float32)
    theirs = monai.BoundaryLoss(softmax=True, to_onehot_y=True)
    assert all((labels == k).any() for labels in target for k in range(5))  # every class has a boundary in every image

    def shifted(z):
        inside = z.softmax(1).gather(1, target[:, None])
        return boundary_loss(z, target) + inside.mean() / 5

    assert_equal_with_gradient(shifted, lambda z: theirs(z, target[:, None]), logits, SINGLE_INSIDE)


def test_absent_classes_of_the_boundary_loss():
    logits, target = random_problem()
    target = torch.where(target == 4, 0, target)
    left_out = boundary_loss(logits, target)
    for absent in ("zero", "counted"):  # no boundary, no distance, no loss
        torch.testing.assert_close(boundary_loss(logits, target, absent=absent), 4 / 5 * left_out, **DOUBLE)


# --- Hausdorff loss -----------------------------------------------------------------------------------------------------


def test_hausdorff_loss_of_a_row_with_void_by_hand():
    p = torch.tensor([0.6, 0.25, 0.9, 0.2, 0.1], dtype=torch.float64)
    found = hausdorff_loss(p.logit().view(1, 1, 1, 5), row(0, 1, 255, 0, 0), multilabel=True)
    predicted, true = [1, 1, 0, 3, 4], [1, 1, 0, 2, 3]  # distances, to the pixel that is predicted and to the true one
    squares = [0.6**2, 0.75**2, 0, 0.2**2, 0.1**2]
    expected = sum(s * (a**2 + b**2) for s, a, b in zip(squares, predicted, true, strict=True)) / 4
    assert found.item() == pytest.approx(expected, abs=1e-12)
    linear = hausdorff_loss(p.logit().view(1, 1, 1, 5), row(0, 1, 255, 0, 0), multilabel=True, alpha=1)
    expected = sum(s * (a + b) for s, a, b in zip(squares, predicted, true, strict=True)) / 4
    assert linear.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_hausdorff_loss_equals_monai(alpha):
    logits, target = random_problem(void=0, dtype=torch.float32)
    target = torch.where(target == 4, 0, target)
    theirs = monai.HausdorffDTLoss(include_background=True, softmax=True, to_onehot_y=True, alpha=alpha)
    assert_equal_with_gradient(
        lambda z: hausdorff_loss(2 * z, target, absent="counted", alpha=alpha),
        lambda z: theirs(2 * z, target[:, None]),
        logits,
        SINGLE_INSIDE,
    )
    logits, target = random_answers(void=0, dtype=torch.float32)
    theirs = monai.HausdorffDTLoss(include_background=True, sigmoid=True, alpha=alpha)
    assert_equal_with_gradient(
        lambda z: hausdorff_loss(z, target, multilabel=True, alpha=alpha),
        lambda z: theirs(z, target.float()),
        logits,
        SINGLE_INSIDE,
    )


def test_hausdorff_loss_of_a_perfect_prediction_is_zero_and_grows_with_distance():
    target = random_problem(size=(12, 13))[1]
    assert hausdorff_loss(sure(target % 5, 5), target) == 0
    near, far = square(), square()
    near[..., 24, 12], far[..., 30, 12] = 1, 1
    losses = [hausdorff_loss(certain(p), square(), multilabel=True) for p in (near, far)]
    assert 0 < 10 * losses[0] < losses[1]


def test_distances_do_not_overflow_half_precision():
    logits = torch.zeros(1, 1, 4, 400, dtype=torch.float16)
    target = torch.zeros(1, 1, 4, 400, dtype=torch.int64)
    target[..., 0] = 1
    expected = 0.25 * (torch.arange(400.0).square().sum() + 1) / 400  # 1 inside, 1 … 399 outside; nothing is above 1/2
    torch.testing.assert_close(hausdorff_loss(logits, target, multilabel=True), expected, **OPERATION[torch.float32])


def test_signed_distance_refuses_what_is_no_pair_of_masks():
    mask = torch.eye(3, 4).bool()
    with pytest.raises(ValueError, match="mask must be a tensor, but is ndarray"):
        signed_distance(mask.numpy())
    for odd, valid in ((mask.long(), None), (mask, mask.long()), (mask, mask[:2]), (mask[0], None)):
        with pytest.raises(ValueError, match=r"signed_distance needs bool masks of one shape \(…, H, W\)"):
            signed_distance(odd, valid)


def test_the_largest_power_stays_finite_on_a_large_image():
    target = torch.zeros(1, 1, 1024, 1024, dtype=torch.int64)
    target[..., 0, 0] = 1
    assert hausdorff_loss(torch.zeros(target.shape), target, multilabel=True, alpha=8).isfinite()


@pytest.mark.parametrize("alpha", [0, -1, 8.1, math.inf, math.nan, None, "2", True])
def test_bad_arguments_are_refused(alpha):
    logits, target = random_problem()
    with pytest.raises(ValueError, match="alpha must be (above 0|a number from 0 to 8)"):
        hausdorff_loss(logits, target, alpha=alpha)
    for loss in (boundary_loss, hausdorff_loss):
        with pytest.raises(ValueError, match="absent must be one of"):
            loss(logits, target, absent="present")
