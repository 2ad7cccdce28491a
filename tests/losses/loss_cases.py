"""What the tests of losses share: random problems, and every loss by name."""

from functools import partial

import torch

from course_utils.losses.boundary import boundary_loss, hausdorff_loss
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
    jaccard_loss,
    squared_dice_loss,
    tversky_loss,
)

WEIGHT = torch.tensor([0.5, 1.0, 2.0, 4.0, 0.25])

WITH_MULTILABEL = {
    "dice": dice_loss,
    "squared dice": squared_dice_loss,
    "pooled squared dice": partial(squared_dice_loss, pooled=True),
    "generalised dice": generalised_dice_loss,
    "jaccard": jaccard_loss,
    "tversky": tversky_loss,
    "focal tversky": focal_tversky_loss,
    "asymmetric similarity": asymmetric_similarity_loss,
    "dice by image": partial(dice_loss, per_image=True, smooth=1.0),
    "generalised dice by image": partial(generalised_dice_loss, per_image=True),
    "dice, absent counted": partial(dice_loss, absent="counted"),
    "generalised dice, absent counted": partial(generalised_dice_loss, absent="counted"),
    "dice, absent zero": partial(dice_loss, absent="zero"),
    "lovasz": lovasz_softmax_loss,
    "lovasz by image": partial(lovasz_softmax_loss, per_image=True),
    "lovasz, absent counted": partial(lovasz_softmax_loss, absent="counted"),
    "lovasz, absent zero": partial(lovasz_softmax_loss, absent="zero"),
    "boundary": boundary_loss,
    "hausdorff": hausdorff_loss,
    "hausdorff, absent counted": partial(hausdorff_loss, absent="counted"),
    "sigmoid focal": partial(sigmoid_focal_loss, alpha=0.25),
}

MULTICLASS = {
    "cross-entropy": cross_entropy_loss,
    "weighted cross-entropy": partial(cross_entropy_loss, weight=WEIGHT),
    "smoothed cross-entropy": partial(cross_entropy_loss, weight=WEIGHT, label_smoothing=0.1),
    "focal": focal_loss,
    "steep focal": partial(focal_loss, gamma=0.5, weight=WEIGHT),
    "top k": partial(top_k_loss, fraction=0.3),
    **WITH_MULTILABEL,
}

MULTILABEL = {
    "bce": bce_with_logits_loss,
    "weighted bce": partial(bce_with_logits_loss, pos_weight=WEIGHT),
    **{name: partial(loss, multilabel=True) for name, loss in WITH_MULTILABEL.items()},
}


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def random_problem(*, batch=2, classes=5, size=(6, 7), void=0.2, seed=0, dtype=torch.float64):
    """Logits that need a gradient, and labels; some are void."""
    generator = draw(seed)
    logits = torch.randn(batch, classes, *size, generator=generator, dtype=dtype).requires_grad_()
    target = torch.randint(0, classes, (batch, *size), generator=generator)
    return logits, target.masked_fill(torch.rand(target.shape, generator=generator) < void, 255)


def random_answers(*, batch=2, classes=5, size=(6, 7), void=0.2, seed=0, dtype=torch.float64):
    """Logits that need a gradient, and multi-label truth in {0, 1, 255}."""
    generator = draw(seed)
    logits = torch.randn(batch, classes, *size, generator=generator, dtype=dtype).requires_grad_()
    target = (torch.rand(logits.shape, generator=generator) < 0.4).long()
    return logits, target.masked_fill(torch.rand(target.shape, generator=generator) < void, 255)


ALL = [
    *((f"{name}", loss, random_problem) for name, loss in MULTICLASS.items()),
    *((f"multi-label {name}", loss, random_answers) for name, loss in MULTILABEL.items()),
]


def value_and_gradient(loss, logits):
    value = loss(logits)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def assert_equal_with_gradient(ours, theirs, logits, tolerance):
    """Value and gradient of two functions of the logits; neither may be trivial."""
    value, gradient = value_and_gradient(ours, logits)
    expected, expected_gradient = value_and_gradient(theirs, logits)
    assert value != 0 and gradient.abs().max() > 1e-4
    torch.testing.assert_close(value, expected.to(value), **tolerance)
    torch.testing.assert_close(gradient, expected_gradient.to(gradient), **tolerance)


def logits_of(probabilities):
    """Multi-label logits (1, 1, 1, N) whose sigmoids are the given numbers."""
    return torch.tensor(probabilities, dtype=torch.float64).logit().view(1, 1, 1, -1)


def sure(labels, num_classes):
    """Logits that predict the labels with certainty."""
    return torch.nn.functional.one_hot(labels, num_classes).movedim(-1, 1).double() * 1000
