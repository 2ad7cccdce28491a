"""What people get wrong in lesson 05 about the focal loss: each function makes one mistake, its docstring says which."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.mistakes_05 import FLOORS, floored, log_p_of_true_class, of_true_class
from course_utils.exercises.task import with_variants
from course_utils.losses.distribution import cross_entropy_loss, sigmoid_focal_loss


def _valid_log_p(logits: Tensor, target: Tensor, *, dim: int = 1) -> Tensor:
    """The log-probability of the true class at the valid pixels, (n,), softmax along `dim`."""
    return of_true_class(logits.log_softmax(dim=dim), target)[target != 255]


def easy_pixels_weighted(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is p^γ, which is large where the network is right already. It should be small there: (1 - p)^γ."""
    log_p = _valid_log_p(logits, target)
    return -((gamma * log_p).exp() * log_p).mean()


def factor_inside_the_logarithm(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The factor has got into the logarithm, where it is only added: it grows as p does, and punishes the pixels that
    are right. It multiplies the logarithm from outside."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p.exp()) ** gamma * log_p.exp()).log().mean()


def factor_alone(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is the mean of the factors (1 - p)^γ. Each is to be multiplied with the cross-entropy of its pixel, -log
    p."""
    return ((1 - _valid_log_p(logits, target).exp()) ** gamma).mean()


def divided_by_the_factors(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You divide by the sum of the factors. Then easy pixels do not make the loss smaller, they only change who has
    which share. Divide by the number of valid pixels."""
    log_p = _valid_log_p(logits, target)
    factor = (1 - log_p.exp()) ** gamma
    return -(factor * log_p).sum() / factor.sum()


def one_minus_log_p(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is made of log p, and is above 1 everywhere: hard pixels weigh more, but easy ones as much as ever.
    It is made of the probability, (1 - p)^γ."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p) ** gamma * log_p).mean()


def sigmoid_for_each_class(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You ask each class for itself, by sigmoid, as the paper's detector does. Here the classes exclude one another:
    one softmax over them, and the factor and the logarithm at the true class only."""
    return sigmoid_focal_loss(logits, target, gamma=gamma)


def summed_sigmoids(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You ask each class for itself, by sigmoid, and add up the classes. Here they exclude one another: one softmax
    over them, and the factor and the logarithm at the true class only."""
    return sigmoid_focal_loss(logits, target, gamma=gamma) * logits.shape[1]


def factor_of_the_mean(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take the mean first, and weigh it with one factor: all pixels are weighed alike, which is what the factor is
    there to change. Factor times cross-entropy at each pixel, and only then the mean."""
    mean = cross_entropy_loss(logits, target)
    return (1 - (-mean).exp()) ** gamma * mean


def factor_of_the_largest(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is made of the largest probability, whatever class has it: a pixel of which the network is surely
    wrong would be left alone. It is made of the probability of the true class."""
    factor = (1 - logits.softmax(dim=1).amax(dim=1)) ** gamma
    return -(factor * log_p_of_true_class(logits, target))[target != 255].mean()


def all_classes_as_if_true(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You add up over all classes as if each were true: the target plays no part, apart from void. Pick the true class
    of each pixel."""
    log_p = logits.log_softmax(dim=1)
    return -((1 - log_p.exp()) ** gamma * log_p).sum(dim=1)[target != 255].mean()


def gamma_times(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You multiply by γ. It is a power: (1 - p)^γ; with γ = 0 the factor is 1, and the focal loss is cross-entropy."""
    log_p = _valid_log_p(logits, target)
    return -(gamma * (1 - log_p.exp()) * log_p).mean()


def always_two(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is right for γ = 2, and gives the same for every other γ. Use the argument."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p.exp()) ** 2 * log_p).mean()


def alpha_as_well(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Yours is a quarter of what it should be: the paper's α = 0.25 has come along. It balances foreground against
    background in a detector; nobody asked for it here."""
    return _focal(logits, target, gamma) / 4


def _focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The focal loss as it should be, for the mistakes made of it."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def minus_forgotten_in_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Yours is below 0: the logarithm of a probability is negative, and a minus is missing."""
    return -_focal(logits, target, gamma)


def focal_with_void(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Void pixels are in your mean, as if they were of class 0. Leave them out."""
    log_p = log_p_of_true_class(logits, target)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def focal_over_all_pixels(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Void pixels add nothing to your sum, but you divide by them as well. (`F.cross_entropy` with `reduction="none"`
    gives 0 there, and a `mean()` over all counts those zeros.) Divide by the number of valid pixels."""
    valid = target != 255
    return _focal(logits, target, gamma) * valid.sum() / valid.numel()


def focal_over_all_entries(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take the mean over all entries (B, K, H, W), so that you divide by the number of classes, and by the void pixels
    too. Sum over the classes, or pick the true one; then take the mean over the valid pixels."""
    return focal_over_all_pixels(logits, target, gamma) / logits.shape[1]


def focal_summed(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is the sum over the valid pixels; take their mean."""
    return _focal(logits, target, gamma) * (target != 255).sum()


def plain_cross_entropy(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is cross-entropy: the factor (1 - p)^γ is missing, or 1 everywhere."""
    return F.cross_entropy(logits, target, ignore_index=255)


def one_minus_the_power(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is 1 - p^γ: the power is of p alone, so that with a larger γ easy pixels weigh *more*. First 1 - p, then
    the power: brackets."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p.exp() ** gamma) * log_p).mean()


def minus_inside_the_power(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The minus has got into the power: (-(1 - p))^γ is above 0 for γ = 2, below 0 for γ = 3, and no number for 1.5. It
    belongs before the whole product."""
    log_p = _valid_log_p(logits, target)
    return ((-(1 - log_p.exp())) ** gamma * log_p).mean()


def _focal_along(logits: Tensor, target: Tensor, gamma: float, *, dim: int) -> Tensor:
    log_p = _valid_log_p(logits, target, dim=dim)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


@with_variants(partial(_focal_along, dim=0), partial(_focal_along, dim=2))
def softmax_along_another_axis(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your probabilities do not add up to 1 over the classes at each pixel, but along another axis. Logits are
    (B, K, H, W): which axis is that of the classes?"""
    return _focal_along(logits, target, gamma, dim=-1)


def sigmoid_of_the_true_class(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take the sigmoid of the true class's logit: the other classes' logits play no part, and nothing ever lowers
    them. p is the *softmax* probability."""
    log_p = F.logsigmoid(of_true_class(logits, target))[target != 255]
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


@with_variants(
    lambda logits, target, gamma: sigmoid_focal_loss(logits, target, gamma=gamma, alpha=0.25),
    lambda logits, target, gamma: sigmoid_focal_loss(
        logits, target.where(target != 255, 0), gamma=gamma, ignore_index=None
    ),
)
def torchvisions(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is torchvision's loss, the detector's: a sigmoid for each class, an α of 0.25 unless told otherwise, and no void.
    Here one softmax is taken over the classes, without α, and void is left out."""
    return sigmoid_focal_loss(logits, target.where(target != 255, 0), gamma=gamma, alpha=0.25, ignore_index=None)


def mean_of_focal_image_means(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You average over each image, and then over the images: a pixel of an image with much void weighs more than another. It
    is one mean, over all valid pixels of the batch."""
    return torch.stack([_focal(x[None], y[None], gamma) for x, y in zip(logits, target, strict=True)]).mean()


def exponential_of_the_cost(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take exp(cross-entropy), which is 1 / p. Cross-entropy is -log p: its sign has to be turned round before `exp`
    gives p."""
    cost = -_valid_log_p(logits, target)
    return ((1 - cost.exp()) ** gamma * cost).mean()


def one_minus_the_cost(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take the cross-entropy for p. It is -log p, and may be any number above 0: p itself is exp of minus that."""
    cost = -_valid_log_p(logits, target)
    return ((1 - cost) ** gamma * cost).mean()


def probability_of_class_one(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is made of the probability of class 1 at every pixel, as if class 1 were true everywhere. It is made of
    that of each pixel's true class."""
    factor = (1 - logits.softmax(dim=1)[:, 1]) ** gamma
    return -(factor * log_p_of_true_class(logits, target))[target != 255].mean()


def mean_times_mean(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You average factors and costs each for itself, and multiply the means: which pixel had which factor is lost. Multiply
    at each pixel, then average."""
    log_p = _valid_log_p(logits, target)
    return ((1 - log_p.exp()) ** gamma).mean() * -log_p.mean()


def root_instead_of_power(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You take the root: the exponent is γ, not 1 / γ (which there is not for γ = 0)."""
    log_p = _valid_log_p(logits, target)
    return -((1 - log_p.exp()) ** (1 / gamma) * log_p).mean()


@with_variants(
    lambda logits, target, gamma: (
        ((1 - _valid_log_p(logits, target).exp()) * -_valid_log_p(logits, target)).pow(gamma).mean()
    )
)
def power_of_the_logarithm(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The power has taken in the logarithm. γ is the exponent of the factor 1 - p alone; -log p stands behind it as it
    is."""
    log_p = _valid_log_p(logits, target)
    return ((1 - log_p.exp()) * (-log_p) ** gamma).mean()


def void_in_the_sum(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You divide by the number of valid pixels, but void pixels are in your sum, as if they were of class 0. Leave them out
    of both."""
    log_p = log_p_of_true_class(logits, target)
    return -((1 - log_p.exp()) ** gamma * log_p).sum() / (target != 255).sum()


def zero_focal_losses_left_out(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You leave out every pixel whose cost is 0, to be rid of void. A pixel of which the network is right and sure costs 0
    as well, and counts: choose by the target, not by the cost."""
    log_p = _valid_log_p(logits, target)
    log_p = log_p[log_p < 0]
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def logarithm_of_softmax_in_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Right as long as logits are close together. Where they are far apart the softmax is rounded to 0, and the logarithm
    of that is infinite. Take log p from `log_softmax` (or from `F.cross_entropy`), and p as its exponential."""
    p = of_true_class(logits.softmax(dim=1), target)[target != 255]
    return -((1 - p) ** gamma * p.log()).mean()


def _floored_focal(
    logits: Tensor, target: Tensor, gamma: float, *, floor: float, added: bool, factor_too: bool
) -> Tensor:
    p = of_true_class(logits.softmax(dim=1), target)[target != 255]
    safe = floored(p, floor, added=added)
    return -((1 - (safe if factor_too else p)) ** gamma * safe.log()).mean()


@with_variants(
    *(
        partial(_floored_focal, floor=floor, added=added, factor_too=factor_too)
        for floor in FLOORS
        for added, factor_too in ((True, False), (False, False), (False, True))
    )
)
def epsilon_in_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """A small number inside the logarithm (or a `clamp`) keeps it finite, but where p is rounded to 0 the loss stops
    growing, and has no gradient: such a pixel, the hardest of all, is never learnt. Take log p from `log_softmax`, and p as
    its exponential."""
    return _floored_focal(logits, target, gamma, floor=1e-6, added=False, factor_too=False)


FOCAL = [
    plain_cross_entropy,
    easy_pixels_weighted,
    one_minus_the_power,
    minus_inside_the_power,
    factor_inside_the_logarithm,
    factor_alone,
    factor_of_the_mean,
    factor_of_the_largest,
    divided_by_the_factors,
    one_minus_log_p,
    sigmoid_for_each_class,
    summed_sigmoids,
    torchvisions,
    sigmoid_of_the_true_class,
    softmax_along_another_axis,
    all_classes_as_if_true,
    exponential_of_the_cost,
    one_minus_the_cost,
    probability_of_class_one,
    mean_times_mean,
    gamma_times,
    root_instead_of_power,
    power_of_the_logarithm,
    always_two,
    alpha_as_well,
    minus_forgotten_in_focal,
    focal_with_void,
    void_in_the_sum,
    focal_over_all_pixels,
    focal_over_all_entries,
    focal_summed,
    mean_of_focal_image_means,
    zero_focal_losses_left_out,
    logarithm_of_softmax_in_focal,
    epsilon_in_focal,
]
