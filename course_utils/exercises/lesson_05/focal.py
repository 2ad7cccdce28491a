"""The focal loss."""

import torch
import torch.nn.functional as F  # noqa: F401, slips call it
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_05.floors import epsilon_in_focal
from course_utils.exercises.lesson_05.logits_and_labels import (
    ALL_VOID,
    ERRORS,
    FAR_APART,
    MIDDLE,
    SMALL,
    SOFTMAX_AXES,
    draw_labels,
)
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.losses import distribution


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of -(1 - p)^γ log p over the valid pixels, p the softmax probability of the true class: one number, 0 where
    all is void 255."""
    valid = target != 255
    if not valid.any():
        return 0 * logits.sum()
    log_p = logits.log_softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]
    factor = (1 - log_p.exp()) ** gamma
    return -(factor * log_p).mean()


def _draw_focal(generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Logits, labels and gamma."""
    return *draw_labels(generator), float(torch.randint(1, 9, (), generator=generator)) / 2


@with_variants(
    lambda logits, target, gamma: distribution.sigmoid_focal_loss(logits, target, gamma=gamma, alpha=0.25),
    lambda logits, target, gamma: distribution.sigmoid_focal_loss(
        logits, target.where(target != 255, 0), gamma=gamma, ignore_index=None
    ),
)
def torchvisions(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is torchvision's loss, the detector's: a sigmoid for each class, an α of 0.25 unless told otherwise, and no void.
    Here one softmax is taken over the classes, without α, and void is left out."""
    return distribution.sigmoid_focal_loss(
        logits, target.where(target != 255, 0), gamma=gamma, alpha=0.25, ignore_index=None
    )


SLIPS = read_slips("""
plain_cross_entropy
    This is cross-entropy: the factor (1 - p)^γ is missing, or 1 everywhere.
    - factor * log_p
    + log_p

easy_pixels_weighted
    Your factor is p^γ, which is large where the network is right already. It should be small there: (1 - p)^γ.
    - (1 - log_p.exp())
    + log_p.exp()

one_minus_the_power
    Your factor is 1 - p^γ: the power is of p alone, so that with a larger γ easy pixels weigh *more*. First 1 - p,
    then the power: brackets.
    - (1 - log_p.exp()) ** gamma
    + 1 - log_p.exp() ** gamma

minus_inside_the_power
    The minus has got into the power: (-(1 - p))^γ is above 0 for γ = 2, below 0 for γ = 3, and no number for 1.5.
    It belongs before the whole product.
    - (1 - log_p.exp())
    + (-(1 - log_p.exp()))
    - -(factor
    + (factor

factor_inside_the_logarithm
    The factor has got into the logarithm, where it is only added: it grows as p does, and punishes the pixels that
    are right. It multiplies the logarithm from outside.
    - (factor * log_p).mean()
    + (factor * log_p.exp()).log().mean()

no_logarithm
    You average (1 - p)^γ p: the logarithm is missing. (`F.nll_loss` takes log-probabilities, and no logarithm
    itself.)
    - factor * log_p
    + factor * log_p.exp()

factor_alone
    This is the mean of the factors (1 - p)^γ. Each is to be multiplied with the cross-entropy of its pixel, -log p.
    - -(factor * log_p).mean()
    + factor.mean()

factor_of_the_mean
    You take the mean first, and weigh it with one factor: all pixels are weighed alike, which is what the factor is
    there to change. Factor times cross-entropy at each pixel, and only then the mean.
    - [valid]
    + [valid].mean()

factor_of_the_largest
    Your factor is made of the largest probability, whatever class has it: a pixel of which the network is surely
    wrong would be left alone. It is made of the probability of the true class.
    - log_p.exp()
    + logits.softmax(dim=1).amax(dim=1)[valid]

divided_by_the_factors
    You divide by the sum of the factors. Then easy pixels do not make the loss smaller, they only change who has
    which share. Divide by the number of valid pixels.
    - mean()
    + sum() / factor.sum()

one_minus_log_p
    Your factor is made of log p, and is above 1 everywhere: hard pixels weigh more, but easy ones as much as ever.
    It is made of the probability, (1 - p)^γ.
    - log_p.exp()
    + log_p

sigmoid_for_each_class
    You ask each class for itself, by sigmoid, as the paper's detector does. Here the classes exclude one another:
    one softmax over them, and the factor and the logarithm at the true class only.
    - log_p = logits.log_softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]
    + true = F.one_hot(target[valid], logits.shape[1]) == 1
    + logits = logits.movedim(1, -1)[valid]
    + log_p = F.logsigmoid(logits.where(true, -logits))

summed_sigmoids
    You ask each class for itself, by sigmoid, and add up the classes. Here they exclude one another: one softmax
    over them, and the factor and the logarithm at the true class only.
    - log_p = logits.log_softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]
    + true = F.one_hot(target[valid], logits.shape[1]) == 1
    + logits = logits.movedim(1, -1)[valid]
    + log_p = F.logsigmoid(logits.where(true, -logits))
    - mean()
    + sum(dim=1).mean()

sigmoid_of_the_true_class
    You take the sigmoid of the true class's logit: the other classes' logits play no part, and nothing ever lowers
    them. p is the *softmax* probability.
    - logits.log_softmax(dim=1)
    + F.logsigmoid(logits)

all_classes_as_if_true
    You add up over all classes as if each were true: the target plays no part, apart from void. Pick the true class
    of each pixel.
    - .gather(1, target.where(valid, 0)[:, None])[:, 0][valid]
    +
    - mean()
    + sum(dim=1)[valid].mean()

exponential_of_the_cost
    You take exp(cross-entropy), which is 1 / p. Cross-entropy is -log p: its sign has to be turned round before
    `exp` gives p.
    - log_p.exp()
    + (-log_p).exp()

one_minus_the_cost
    You take the cross-entropy for p. It is -log p, and may be any number above 0: p itself is exp of minus that.
    - 1 - log_p.exp()
    + 1 + log_p

probability_of_class_one
    Your factor is made of the probability of class 1 at every pixel, as if class 1 were true everywhere. It is made
    of that of each pixel's true class.
    - log_p.exp()
    + logits.softmax(dim=1)[:, 1][valid]

mean_times_mean
    You average factors and costs each for itself, and multiply the means: which pixel had which factor is lost.
    Multiply at each pixel, then average.
    - -(factor * log_p).mean()
    + -factor.mean() * log_p.mean()

gamma_times
    You multiply by γ. It is a power: (1 - p)^γ; with γ = 0 the factor is 1, and the focal loss is cross-entropy.
    - ** gamma
    + * gamma

root_instead_of_power
    You take the root: the exponent is γ, not 1 / γ (which there is not for γ = 0).
    - ** gamma
    + ** (1 / gamma)

power_of_the_logarithm
    The power has taken in the logarithm. γ is the exponent of the factor 1 - p alone; -log p stands behind it as it
    is.
    - factor = (1 - log_p.exp()) ** gamma
    - return -(factor * log_p).mean()
    + factor = 1 - log_p.exp()
    + return (factor * (-log_p) ** gamma).mean()

power_of_the_product
    The power has taken in the logarithm. γ is the exponent of the factor 1 - p alone; -log p stands behind it as it
    is.
    - factor = (1 - log_p.exp()) ** gamma
    - return -(factor * log_p).mean()
    + factor = 1 - log_p.exp()
    + return ((-factor * log_p) ** gamma).mean()

always_two
    This is right for γ = 2, and gives the same for every other γ. Use the argument.
    - ** gamma
    + ** 2

alpha_as_well
    Yours is a quarter of what it should be: the paper's α = 0.25 has come along. It balances foreground against
    background in a detector; nobody asked for it here.
    - factor * log_p
    + 0.25 * factor * log_p

minus_forgotten_in_focal
    Yours is below 0: the logarithm of a probability is negative, and a minus is missing.
    - -(factor
    + (factor

focal_with_void
    Void pixels are in your mean, as if they were of class 0. Leave them out.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - [valid]
    +

void_in_the_sum
    You divide by the number of valid pixels, but void pixels are in your sum, as if they were of class 0. Leave
    them out of both.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - [valid]
    +
    - mean()
    + sum() / valid.sum()

focal_over_all_pixels
    Void pixels add nothing to your sum, but you divide by them as well. (`F.cross_entropy` with `reduction="none"`
    gives 0 there, and a `mean()` over all counts those zeros.) Divide by the number of valid pixels.
    - mean()
    + sum() / valid.numel()

focal_over_all_entries
    You take the mean over all entries (B, K, H, W), so that you divide by the number of classes, and by the void
    pixels too. Sum over the classes, or pick the true one; then take the mean over the valid pixels.
    - mean()
    + sum() / logits.numel()

focal_summed
    This is the sum over the valid pixels; take their mean.
    - mean()
    + sum()

mean_of_focal_image_means
    You average over each image, and then over the images: a pixel of an image with much void weighs more than
    another. It is one mean, over all valid pixels of the batch.
    - (factor * log_p).mean()
    + torch.stack([image.mean() for image in (factor * log_p).split(valid.sum((1, 2)).tolist())]).mean()

zero_focal_losses_left_out
    You leave out every pixel whose cost is 0, to be rid of void. A pixel of which the network is right and sure
    costs 0 as well, and counts: choose by the target, not by the cost.
    - factor = (
    + log_p = log_p[log_p < 0]
    + factor = (

logarithm_of_softmax_in_focal
    Right as long as logits are close together. Where they are far apart the softmax is rounded to 0, and the
    logarithm of that is infinite. Take log p from `log_softmax` (or from `F.cross_entropy`), and p as its
    exponential.
    - logits.log_softmax(dim=1)
    + logits.softmax(dim=1).log()

nan_for_all_void
    Where all is void there is no pixel to average over: 0 / 0 is NaN, and a single such batch would ruin the
    network. Give 0 there.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
""")


focal_loss = Exercise(
    "focal_loss",
    focal_loss,
    [
        (*SMALL, 2.0),
        (*MIDDLE, 3.0),
        (*MIDDLE, 0.0),
        (MIDDLE[0] * 2, MIDDLE[1], 1.5),
        (*FAR_APART, 2.0),
        (*ALL_VOID, 2.0),
    ],
    [*SLIPS, *SOFTMAX_AXES, torchvisions, epsilon_in_focal],
    [
        "Start from the cross-entropy of each valid pixel, before the mean is taken: it is -log p of the true class.",
        "p itself is the exponential of log p. Each pixel gets a factor of its own, (1 - p) ** gamma.",
        "log_p as in the exercise before, of the valid pixels only; then -((1 - log_p.exp()) ** gamma * log_p).mean(). "
        "Where none is valid, `0 * logits.sum()`.",
    ],
    reference=lambda logits, target, gamma: distribution.focal_loss(logits, target, gamma=gamma),
    common_errors=ERRORS,
    draw=_draw_focal,
    differentiable=True,
    unaffected={"a focal loss is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=5,
)
