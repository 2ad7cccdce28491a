import math
from functools import partial

import pytest
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F
from lazily import monai
from loss_cases import (
    WEIGHT,
    assert_equal_with_gradient,
    logits_of,
    random_answers,
    random_problem,
    value_and_gradient,
)
from tolerances import EXACT, OPERATION, SINGLE_INSIDE
from torchvision.ops import sigmoid_focal_loss as torchvision_focal

from course_utils.losses.distribution import (
    bce_with_logits_loss,
    cross_entropy_loss,
    focal_loss,
    sigmoid_focal_loss,
    top_k_loss,
)

DOUBLE = OPERATION[torch.float64]
TRUTH = torch.tensor([1, 1, 0, 0]).view(1, 1, 1, 4)
PROBABILITIES = [0.8, 0.6, 0.3, 0.1]


# --- literal numbers ----------------------------------------------------------------------------------------------------


def test_four_pixels_by_hand():
    logits = logits_of(PROBABILITIES)
    expected = -(math.log(0.8) + math.log(0.6) + math.log(0.7) + math.log(0.9)) / 4
    assert bce_with_logits_loss(logits, TRUTH).item() == pytest.approx(expected, abs=1e-12)
    assert bce_with_logits_loss(logits, TRUTH).item() == pytest.approx(0.299, abs=5e-4)
    focal = sigmoid_focal_loss(logits, TRUTH, gamma=2, multilabel=True)
    assert focal.item() == pytest.approx(0.0310, abs=5e-5)
    # Two classes whose logits differ by x are one question with logit x.
    both, labels = torch.cat([torch.zeros_like(logits), logits], 1), TRUTH[:, 0]
    assert cross_entropy_loss(both, labels).item() == pytest.approx(expected, abs=1e-12)
    assert focal_loss(both, labels, gamma=2).item() == pytest.approx(focal.item(), abs=1e-12)


@pytest.mark.parametrize(("p", "factor"), [(0.1, 0.81), (0.5, 0.25), (0.9, 0.01), (0.99, 1e-4)])
def test_focal_factor_of_one_pixel(p, factor):
    logits = torch.tensor([0.0, math.log(p / (1 - p))], dtype=torch.float64).view(1, 2, 1, 1)
    target = torch.ones(1, 1, 1, dtype=torch.int64)
    ratio = focal_loss(logits, target, gamma=2) / cross_entropy_loss(logits, target)
    assert ratio.item() == pytest.approx(factor, rel=1e-9)


def gradient_share_of_rare_class(loss):
    """Share of Σ |gradient| on the rare class, of which there is 1 pixel in 100, where all probabilities are 1/2."""
    logits = torch.zeros(1, 2, 10, 10, dtype=torch.float64, requires_grad=True)
    target = torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 4, 7] = 1
    _, gradient = value_and_gradient(lambda z: loss(z, target), logits)
    return (gradient[0, :, 4, 7].abs().sum() / gradient.abs().sum()).item()


def test_gradient_share_of_a_one_percent_class():
    inverse = torch.tensor([1 / 99, 1.0])
    assert gradient_share_of_rare_class(cross_entropy_loss) == pytest.approx(0.01, abs=1e-9)
    assert gradient_share_of_rare_class(focal_loss) == pytest.approx(0.01, abs=1e-9)
    assert gradient_share_of_rare_class(partial(cross_entropy_loss, weight=inverse)) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("gamma", "share"), [(0, 0.19), (1, 0.77), (2, 0.98)])
def test_loss_share_of_hard_pixels_of_a_one_percent_class(gamma, share):
    target = torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 4, 7] = 1
    p = torch.where(target == 1, 0.3, 0.95).double()  # of the true class
    logits = torch.stack([torch.zeros_like(p), torch.where(target == 1, p.logit(), -p.logit())], 1)
    rare = target.masked_fill(target == 0, 255)
    found = focal_loss(logits, rare, gamma=gamma) / (100 * focal_loss(logits, target, gamma=gamma))
    assert found.item() == pytest.approx(share, abs=5e-3)


def test_a_sure_error_costs_its_logit():
    logits = torch.full((1, 1, 1, 1), 200.0, dtype=torch.float64)
    zero = torch.zeros(1, 1, 1, 1, dtype=torch.int64)
    assert bce_with_logits_loss(logits, zero) == 200
    assert torch.isinf(-torch.log(1 - logits.float().sigmoid()))  # the same without the log-sum-exp
    assert F.binary_cross_entropy(logits.float().sigmoid(), zero.float()) == 100  # PyTorch clamps


def test_positive_weight_multiplies_positives_only():
    logits = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    weighted = partial(bce_with_logits_loss, pos_weight=torch.tensor([3.0]))
    assert weighted(logits, torch.ones(1, 1, 1, 1, dtype=torch.int64)).item() == pytest.approx(2.079, abs=5e-4)
    assert weighted(logits, torch.zeros(1, 1, 1, 1, dtype=torch.int64)).item() == pytest.approx(0.693, abs=5e-4)


# --- cross-entropy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_cross_entropy_equals_torch(weight, label_smoothing):
    logits, target = random_problem()
    double = None if weight is None else weight.double()
    assert_equal_with_gradient(
        lambda z: cross_entropy_loss(z, target, weight=weight, label_smoothing=label_smoothing),
        lambda z: F.cross_entropy(z, target, weight=double, ignore_index=255, label_smoothing=label_smoothing),
        logits,
        DOUBLE,
    )


def test_cross_entropy_where_torch_is_not_a_number():
    logits, target = random_problem()
    void = torch.full_like(target, 255)
    assert F.cross_entropy(logits, void, ignore_index=255).isnan()
    assert cross_entropy_loss(logits, void) == 0
    only_class_4_counts = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])
    target = torch.where(target == 4, 0, target)
    assert F.cross_entropy(logits, target, only_class_4_counts.double(), ignore_index=255).isnan()
    assert cross_entropy_loss(logits, target, weight=only_class_4_counts) == 0


def test_a_common_factor_of_all_weights_changes_nothing():
    logits, target = random_problem()
    losses = [cross_entropy_loss(logits, target, weight=factor * WEIGHT) for factor in (1.0, 1000.0)]
    torch.testing.assert_close(*losses, rtol=0, atol=1e-12)
    assert losses[0] != cross_entropy_loss(logits, target)


def test_smoothed_cross_entropy_of_smp_counts_void():
    logits, target = random_problem()
    share = (target != 255).double().mean()
    assert share < 0.9
    with pytest.raises(TypeError):
        smp.SoftCrossEntropyLoss()(logits, target % 255)
    theirs = smp.SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=255)
    assert_equal_with_gradient(
        lambda z: share * cross_entropy_loss(z, target, label_smoothing=0.1),
        lambda z: theirs(z, target),
        logits,
        DOUBLE,
    )


# --- focal --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_loss_equals_its_definition_from_cross_entropies(gamma):
    logits, target = random_problem()

    def definition(z):
        ce = F.cross_entropy(z, target, ignore_index=255, reduction="none")
        return ((1 - (-ce).exp()) ** gamma * ce)[target != 255].mean()

    assert_equal_with_gradient(lambda z: focal_loss(z, target, gamma=gamma), definition, logits, DOUBLE)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_focal_loss_equals_monai_but_for_its_mean_over_classes(weight):
    logits, target = random_problem(void=0, dtype=torch.float32)
    theirs = monai.FocalLoss(to_onehot_y=True, use_softmax=True, weight=weight)
    assert_equal_with_gradient(
        lambda z: focal_loss(z, target, weight=weight) / 5, lambda z: theirs(z, target[:, None]), logits, SINGLE_INSIDE
    )


@pytest.mark.parametrize("alpha", [None, 0.25, 0.3])  # 0.3 is another number in float32
@pytest.mark.parametrize("gamma", [0.0, 1.5, 3.5])
def test_sigmoid_focal_loss_equals_torchvision(gamma, alpha):
    logits, target = random_problem(void=0)
    one_hot = F.one_hot(target, 5).movedim(-1, 1).double()
    theirs = partial(torchvision_focal, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction="mean")
    ours = partial(sigmoid_focal_loss, gamma=gamma, alpha=alpha)
    assert_equal_with_gradient(lambda z: ours(z, target), lambda z: theirs(z, one_hot), logits, DOUBLE)
    assert_equal_with_gradient(
        lambda z: ours(z, one_hot.long(), multilabel=True), lambda z: theirs(z, one_hot), logits, DOUBLE
    )


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_sigmoid_focal_loss_of_a_class_that_is_ruled_out(gamma):
    logits, target = random_problem(classes=4)
    ruled_out = torch.full_like(logits[:, :1], -math.inf)
    value, gradient = value_and_gradient(
        lambda z: sigmoid_focal_loss(torch.cat([z, ruled_out], 1), target, gamma=gamma), logits
    )
    # A class more that costs nothing, in the mean.
    torch.testing.assert_close(value, 4 / 5 * sigmoid_focal_loss(logits, target, gamma=gamma).detach(), **DOUBLE)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("alpha", [None, 0.25])
def test_sigmoid_focal_loss_equals_what_smp_calls_multiclass(alpha):
    logits, target = random_problem()
    theirs = smp.FocalLoss("multiclass", alpha=alpha, ignore_index=255)
    assert_equal_with_gradient(
        lambda z: sigmoid_focal_loss(z, target, alpha=alpha), lambda z: theirs(z, target), logits, DOUBLE
    )
    assert (focal_loss(logits, target) - theirs(logits, target)).abs() > 0.1


# --- top k --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "count"), [(0.1, 3), (0.11, 4), (1e-9, 1), (0.5, 15), (1.0, 30)])
def test_top_k_loss_is_the_mean_of_the_largest(fraction, count):
    logits, target = random_problem(batch=1, size=(4, 10), void=0)
    target[:, 1] = 255

    def definition(z):
        ce = F.cross_entropy(z, target, ignore_index=255, reduction="none")
        return ce[target != 255].sort(descending=True).values[:count].mean()

    assert_equal_with_gradient(lambda z: top_k_loss(z, target, fraction=fraction), definition, logits, DOUBLE)


def test_top_k_of_all_is_cross_entropy():
    logits, target = random_problem()
    torch.testing.assert_close(top_k_loss(logits, target, fraction=1), cross_entropy_loss(logits, target), **DOUBLE)


# --- binary -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pos_weight", [None, WEIGHT])
def test_bce_equals_torch_and_smp(pos_weight):
    logits, target = random_answers()
    valid = target != 255
    double = None if pos_weight is None else pos_weight.double()[:, None, None]

    def torchs(z):
        y = (target * valid).double()
        return F.binary_cross_entropy_with_logits(z, y, pos_weight=double, reduction="none")[valid].mean()

    ours = partial(bce_with_logits_loss, target=target, pos_weight=pos_weight)
    assert_equal_with_gradient(ours, torchs, logits, DOUBLE)
    # smp has zeros for void, but divides by all pixels.
    theirs = smp.SoftBCEWithLogitsLoss(ignore_index=255, pos_weight=double)
    share = valid.double().mean()
    assert_equal_with_gradient(lambda z: share * ours(z), lambda z: theirs(z, target.double()), logits, DOUBLE)


# --- bad input ----------------------------------------------------------------------------------------------------------

LOGITS, TARGET = torch.zeros(1, 5, 2, 2), torch.zeros(1, 2, 2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            partial(cross_entropy_loss, weight=torch.ones(4)),
            r"weight .* each of the 5 classes, but its shape is \(4,\)",
        ),
        (partial(cross_entropy_loss, weight=torch.ones(1, 5)), "weight .* each of the 5 classes"),
        (partial(cross_entropy_loss, weight=[1.0] * 5), "weight must be a tensor, but is list"),
        (partial(cross_entropy_loss, label_smoothing=1.1), "label_smoothing must be a number from 0 to 1, but is 1.1"),
        (partial(cross_entropy_loss, label_smoothing=math.nan), "label_smoothing must be"),
        (partial(focal_loss, gamma=-1), "gamma must be a number from 0 to inf, but is -1"),
        (partial(focal_loss, weight=torch.ones(2)), "weight .* each of the 5 classes"),
        (partial(sigmoid_focal_loss, alpha=2), "alpha must be a number from 0 to 1, but is 2"),
        (partial(sigmoid_focal_loss, gamma=-1), "gamma must be"),
        (partial(top_k_loss, fraction=1.5), "fraction must be a number from 0 to 1, but is 1.5"),
        (
            partial(cross_entropy_loss, weight=torch.tensor([-1.0, 1, 1, 1, 1])),
            "weight must hold finite numbers of 0 or",
        ),
        (partial(cross_entropy_loss, weight=torch.tensor([math.nan, 1, 1, 1, 1])), "weight must hold finite numbers"),
        (partial(focal_loss, weight=torch.tensor([math.inf, 1, 1, 1, 1])), "weight must hold finite numbers"),
        (partial(focal_loss, weight=torch.tensor([1j, 1, 1, 1, 1])), "weight must hold finite numbers"),
        (partial(cross_entropy_loss, weight=torch.zeros(5)), "weight must hold .* not only 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(LOGITS, TARGET)


def test_positive_weight_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"pos_weight .* each of the 5 classes, but its shape is \(1,\)"):
        bce_with_logits_loss(LOGITS, torch.zeros(1, 5, 2, 2, dtype=torch.int64), pos_weight=torch.ones(1))
    with pytest.raises(ValueError, match="pos_weight must hold finite numbers of 0 or more"):
        bce_with_logits_loss(LOGITS, torch.zeros(1, 5, 2, 2, dtype=torch.int64), pos_weight=-torch.ones(5))


def test_integer_weights_are_taken_as_numbers():
    ours = cross_entropy_loss(LOGITS, TARGET, weight=torch.tensor([1, 2, 3, 4, 5]))
    torch.testing.assert_close(ours, torch.tensor(5.0).log(), **EXACT)
