import math

import pytest
import torch
from loss_cases import (
    ALL,
    MULTICLASS,
    MULTILABEL,
    WITH_MULTILABEL,
    random_answers,
    random_problem,
    value_and_gradient,
)
from tolerances import EXACT

from course_utils.losses.boundary import hausdorff_loss
from course_utils.losses.distribution import (
    bce_with_logits_loss,
    cross_entropy_loss,
    focal_loss,
    sigmoid_focal_loss,
    top_k_loss,
)
from course_utils.losses.lovasz import lovasz_softmax_loss
from course_utils.losses.region import (
    asymmetric_similarity_loss,
    dice_loss,
    focal_tversky_loss,
    generalised_dice_loss,
    squared_dice_loss,
    tversky_loss,
)

EVERY = pytest.mark.parametrize(("loss", "problem"), [pytest.param(*case[1:], id=case[0]) for case in ALL])


def weighted(case):
    return {"weight", "pos_weight"} & set(getattr(case[1], "keywords", {}))


def valid_of(logits, target):
    return (target != 255 if target.ndim == 4 else (target != 255)[:, None]).expand_as(logits)


# --- void ---------------------------------------------------------------------------------------------------------------


@EVERY
def test_void_gets_exactly_no_gradient_and_has_no_influence(loss, problem):
    logits, target = problem()
    valid = valid_of(logits, target)
    value, gradient = value_and_gradient(lambda z: loss(z, target), logits)
    assert (gradient[~valid] == 0).all() and (~valid).any()
    assert gradient[valid].count_nonzero() > 0
    for anything in (-30.0, 1e30, math.inf, math.nan):
        other = torch.where(valid, logits, anything).detach().requires_grad_()
        other_value, other_gradient = value_and_gradient(lambda z: loss(z, target), other)
        torch.testing.assert_close(other_value, value, **EXACT)
        torch.testing.assert_close(other_gradient, gradient, **EXACT)


@EVERY
def test_an_image_that_is_all_void_changes_nothing(loss, problem):
    logits, target = problem()
    with_void = torch.cat([logits, torch.randn_like(logits[:1])]), torch.cat([target, torch.full_like(target[:1], 255)])
    torch.testing.assert_close(loss(*with_void), loss(logits, target), rtol=1e-14, atol=1e-14)


@EVERY
def test_all_void_is_zero_with_zero_gradient(loss, problem):
    logits, target = problem()
    value, gradient = value_and_gradient(lambda z: loss(z, torch.full_like(target, 255)), logits)
    assert value == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


@EVERY
@pytest.mark.parametrize("sizes", [{"batch": 0}, {"size": (0, 4)}])
def test_an_empty_batch_is_zero_with_zero_gradient(loss, problem, sizes):
    logits, target = problem(**sizes)
    value, gradient = value_and_gradient(lambda z: loss(z, target), logits)
    assert value == 0 and not value.signbit() and gradient.shape == logits.shape


@EVERY
def test_another_label_can_be_void_and_none(loss, problem):
    logits, target = problem(void=0.2)
    moved = torch.where(target == 255, -1, target)
    torch.testing.assert_close(loss(logits, moved, ignore_index=-1), loss(logits, target), **EXACT)
    logits, target = problem(void=0)
    torch.testing.assert_close(loss(logits, target, ignore_index=None), loss(logits, target), **EXACT)


# --- sizes, types, devices ----------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 1)])
def test_small_maps_have_a_finite_loss_and_gradient(loss, problem, size):
    logits, target = problem(size=size, void=0)
    value, gradient = value_and_gradient(lambda z: loss(z, target), logits)
    assert value.shape == () and value.isfinite() and gradient.isfinite().all()


@EVERY
@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (torch.float16, (260, 256)),  # more pixels than its largest number
        (torch.bfloat16, (30, 26)),  # more pixels than it can count
    ],
)
def test_half_precision_is_computed_as_single(loss, problem, dtype, size):
    logits, target = problem(batch=1, size=size, dtype=torch.float32)
    half = (20 * logits).to(dtype).detach().requires_grad_()
    value, gradient = value_and_gradient(lambda z: loss(z, target), half)
    expected, expected_gradient = value_and_gradient(lambda z: loss(z, target), half.detach().float().requires_grad_())
    assert value.dtype == torch.float32 and gradient.dtype == dtype
    torch.testing.assert_close(value, expected, **EXACT)
    torch.testing.assert_close(gradient, expected_gradient.to(dtype), **EXACT)
    assert gradient.isfinite().all()


@EVERY
def test_autocast_changes_nothing(loss, problem):
    logits, target = problem(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(logits, target)
    torch.testing.assert_close(inside, loss(logits, target), **EXACT)


@EVERY
def test_extreme_logits_have_a_finite_loss_and_gradient(loss, problem):
    for factor in (1e-6, 300.0, 1e4):
        logits, target = problem(dtype=torch.float32)
        scaled = (factor * logits).detach().requires_grad_()
        value, gradient = value_and_gradient(lambda z, target=target: loss(z, target), scaled)
        assert value.isfinite() and gradient.isfinite().all()


@EVERY
def test_nan_logits_are_not_swallowed(loss, problem):
    logits, target = problem(void=0)
    with torch.no_grad():
        logits[0, :, 0, 0] = math.nan
    assert loss(logits, target).isnan()


@pytest.mark.parametrize("loss", [pytest.param(loss, id=name) for name, loss in MULTILABEL.items()])
def test_nan_logits_of_an_absent_class_are_not_swallowed(loss):
    logits, target = random_answers(void=0)
    target[:, 3] = 0
    with torch.no_grad():
        logits[0, 3, 0, 0] = math.nan
    assert loss(logits, target).isnan()


@EVERY
def test_arguments_stay_as_they_were_and_may_be_strided(loss, problem):
    logits, target = problem(size=(5, 5))
    before = logits.detach().clone(), target.clone()
    value = loss(logits, target)
    assert torch.equal(logits, before[0]) and torch.equal(target, before[1])
    strided = loss(logits.contiguous(memory_format=torch.channels_last), target)
    torch.testing.assert_close(strided, value, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(loss(logits, target.to(torch.uint8)), value, **EXACT)
    torch.testing.assert_close(loss(logits, target.to(torch.int32)), value, **EXACT)


@EVERY
def test_gradients_equal_finite_differences(loss, problem):
    logits, target = problem(size=(2, 3), seed=3)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


@pytest.mark.parametrize(
    ("loss", "problem"), [pytest.param(*case[1:], id=case[0]) for case in ALL if not weighted(case)]
)
def test_classes_may_be_renamed(loss, problem):
    logits, target = problem()
    order = torch.tensor([3, 1, 4, 0, 2])
    renamed = target[:, order] if target.ndim == 4 else torch.where(target == 255, 255, order.argsort()[target % 255])
    torch.testing.assert_close(loss(logits[:, order], renamed), loss(logits, target), rtol=1e-12, atol=1e-12)


@pytest.mark.gpu
@EVERY
def test_gpu_gives_the_loss_and_gradient_of_the_cpu(loss, problem):
    logits, target = problem(size=(33, 40), dtype=torch.float32)
    value, gradient = value_and_gradient(lambda z: loss(z, target), logits)
    on_gpu = logits.detach().cuda().requires_grad_()
    gpu_value, gpu_gradient = value_and_gradient(lambda z: loss(z, target.cuda()), on_gpu)
    assert gpu_value.device.type == "cuda"
    torch.testing.assert_close(gpu_value.cpu(), value, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gpu_gradient.cpu(), gradient, rtol=1e-5, atol=1e-5)
    valid = valid_of(logits, target)
    assert (gpu_gradient.cpu()[~valid] == 0).all()
    value, gradient = value_and_gradient(lambda z: loss(z, torch.full_like(target, 255).cuda()), on_gpu)
    assert value == 0 and gradient.count_nonzero() == 0


@pytest.mark.gpu
def test_gpu_refuses_wrong_labels_and_goes_on():
    logits, target = (t.cuda() for t in random_problem())
    with pytest.raises(ValueError, match="holds 9"):
        cross_entropy_loss(logits, target.fill_(9))
    assert cross_entropy_loss(logits, target.fill_(1)).isfinite()
    with pytest.raises(ValueError, match="logits are on cuda:0 and target on cpu"):
        cross_entropy_loss(logits, target.cpu())


# --- bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [pytest.param(loss, id=name) for name, loss in MULTICLASS.items()])
def test_every_loss_refuses_what_is_no_problem_of_classes(loss):
    logits, target = random_problem()
    with pytest.raises(ValueError, match=r"target must have the shape \(2, 6, 7\)"):
        loss(logits, target[:, None])
    with pytest.raises(ValueError, match=r"labels in 0 … 4 .* holds 5; .*target > 127"):
        loss(logits, torch.full_like(target, 5))


@pytest.mark.parametrize("loss", [pytest.param(loss, id=name) for name, loss in MULTILABEL.items()])
def test_every_loss_refuses_what_is_no_problem_of_answers(loss):
    logits, target = random_answers()
    with pytest.raises(ValueError, match=r"target must have the shape \(2, 5, 6, 7\)"):
        loss(logits, target[:, 0])
    with pytest.raises(ValueError, match=r"labels in 0 … 1 .* holds 2"):
        loss(logits, torch.full_like(target, 2))


LOGITS, TARGET = torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64)


@pytest.mark.parametrize(
    ("logits", "target", "message"),
    [
        (LOGITS.tolist(), TARGET, "logits must be a tensor, but is list"),
        (LOGITS, TARGET.numpy(), "target must be a tensor, but is ndarray"),
        (LOGITS.long(), TARGET, "logits must be floating .* before softmax and argmax"),
        (LOGITS[0], TARGET, r"logits must be floating \(B, K, H, W\)"),
        (LOGITS, TARGET.float(), r"target must hold integer labels, but is torch.float32; .*long"),
        (LOGITS, TARGET[:, None], r"\(2, 4, 5\) .* has \(2, 1, 4, 5\); .*target\[:, 0\]"),
        (LOGITS, TARGET[:, None].expand(2, 3, 4, 5), r"one-hot truth with `target.argmax\(1\)`.*multilabel=True"),
        (LOGITS, TARGET[:1], r"\(2, 4, 5\) .* has \(1, 4, 5\); give each image"),
        (LOGITS, torch.zeros(2, 8, 10, dtype=torch.int64), "resize the logits to the size of the truth"),
        (LOGITS[:, :1], TARGET, r"logits have 1 class, .* multilabel=True and target\[:, None\]"),
        (LOGITS, TARGET - 1, "labels in 0 … 2 or void .* holds -1"),
        (LOGITS, TARGET + 3, "labels in 0 … 2 or void .* holds 3"),
    ],
)
def test_bad_input_is_refused_with_the_fix(logits, target, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy_loss(logits, target)
    with pytest.raises(ValueError, match=message):
        dice_loss(logits, target)


def test_binary_truth_needs_its_axis_of_one_class():
    with pytest.raises(
        ValueError, match=r"\(2, 1, 4, 5\) .* multilabel=True, but has \(2, 4, 5\); .*target\[:, None\]"
    ):
        dice_loss(LOGITS[:, :1], TARGET, multilabel=True)
    with pytest.raises(ValueError, match=r"target\[:, None\]"):
        bce_with_logits_loss(LOGITS[:, :1], TARGET)
    masks = torch.rand(2, 1, 4, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    as_masks, as_labels = (dice_loss(LOGITS[:, :1], m, multilabel=True) for m in (masks, masks.long()))
    assert as_masks == as_labels != 0


def test_a_mask_of_0_and_255_that_is_meant_as_labels_is_refused_without_void():
    with pytest.raises(ValueError, match="holds 255; .*target > 127"):
        dice_loss(LOGITS[:, :1], TARGET[:, None] + 255, multilabel=True, ignore_index=None)


@pytest.mark.parametrize("loss", [pytest.param(loss, id=name) for name, loss in MULTICLASS.items()])
@pytest.mark.parametrize("odd", ["255", 255.5, True, [255], torch.tensor(255)], ids=str)
def test_void_is_marked_by_an_integer(loss, odd):
    with pytest.raises(ValueError, match="ignore_index must be the integer that marks void, or None"):
        loss(*random_problem(), ignore_index=odd)


@pytest.mark.parametrize("loss", [pytest.param(loss, id=name) for name, loss in WITH_MULTILABEL.items()])
def test_questions_are_asked_with_true_or_false(loss):
    with pytest.raises(ValueError, match="multilabel must be True or False, but is 'no'"):
        loss(*random_answers(), multilabel="no")
    with pytest.raises(ValueError, match="logits have no class"):
        loss(*random_answers(classes=0), multilabel=True)


@pytest.mark.parametrize(
    ("loss", "argument"), [(dice_loss, "per_image"), (lovasz_softmax_loss, "per_image"), (squared_dice_loss, "pooled")]
)
def test_other_questions_are_answered_with_true_or_false(loss, argument):
    with pytest.raises(ValueError, match=f"{argument} must be True or False, but is 1"):
        loss(LOGITS, TARGET, **{argument: 1})


NUMBERS = [
    (cross_entropy_loss, "label_smoothing"),
    (focal_loss, "gamma"),
    (sigmoid_focal_loss, "gamma"),
    (sigmoid_focal_loss, "alpha"),
    (top_k_loss, "fraction"),
    (dice_loss, "smooth"),
    (tversky_loss, "alpha"),
    (tversky_loss, "beta"),
    (focal_tversky_loss, "gamma"),
    (asymmetric_similarity_loss, "beta"),
    (generalised_dice_loss, "exponent"),
    (hausdorff_loss, "alpha"),
]


@pytest.mark.parametrize(("loss", "name"), NUMBERS, ids=[f"{loss.__name__}-{name}" for loss, name in NUMBERS])
@pytest.mark.parametrize("odd", ["0.5", True, 0.5j, math.nan, math.inf, torch.tensor([0.5, 0.5])], ids=str)
def test_what_is_no_finite_number_is_refused(loss, name, odd):
    with pytest.raises(ValueError, match=f"{name} must be a number from"):
        loss(LOGITS, TARGET, **{name: odd})


def test_top_k_of_no_pixels_is_refused():
    with pytest.raises(ValueError, match="fraction must be above 0, but is 0"):
        top_k_loss(LOGITS, TARGET, fraction=0)
