"""What people get wrong in lesson 05 about cross-entropy and the focal loss: each function makes one mistake, its docstring says
which."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.losses.distribution import cross_entropy_loss, sigmoid_focal_loss


def _of_true_class(values: Tensor, target: Tensor) -> Tensor:
    """Values (B, K, H, W) at the true class, (B, H, W); at class 0 where the truth is void."""
    return values.gather(1, target.where(target != 255, 0)[:, None])[:, 0]


def _log_p(logits: Tensor, target: Tensor) -> Tensor:
    """The log-probability of the true class at every pixel, that of class 0 where the truth is void."""
    return _of_true_class(logits.log_softmax(dim=1), target)


def void_counts_as_zero(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels add nothing to your sum, but you divide by them as well: the more void a picture has, the smaller is
    its loss. The mean is one over the valid pixels."""
    return -(_log_p(logits, target) * (target != 255)).mean()


def void_as_class_zero(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of class 0, and the network is taught that they are. Leave them out of the
    mean."""
    return -_log_p(logits, target).mean()


def void_as_the_last_class(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of the last class, and the network is taught that they are. Leave them out of
    the mean."""
    last = logits.shape[1] - 1
    return -_log_p(logits, target.clamp(max=last)).mean()


def softmax_over_columns(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 along a row of the picture (the last axis). They have to add up to 1 over the
    classes at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -_of_true_class(logits.log_softmax(dim=-1), target)[target != 255].mean()


def softmax_over_the_batch(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 over the images of the batch (axis 0). They have to add up to 1 over the classes
    at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -_of_true_class(logits.log_softmax(dim=0), target)[target != 255].mean()


def softmax_over_rows(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 along a column of the picture (the axis of height). They have to add up to 1 over
    the classes at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -_of_true_class(logits.log_softmax(dim=2), target)[target != 255].mean()


def minus_forgotten(logits: Tensor, target: Tensor) -> Tensor:
    """Yours is below 0, and falls as the prediction gets worse: the logarithm of a probability is negative. A minus is
    missing."""
    return -cross_entropy_loss(logits, target)


def sum_instead_of_mean(logits: Tensor, target: Tensor) -> Tensor:
    """This is the sum: an image of twice the height and width would have four times the loss, and the learning rate
    would have to follow. Take the mean over the valid pixels."""
    return -_log_p(logits, target)[target != 255].sum()


def divided_by_the_classes(logits: Tensor, target: Tensor) -> Tensor:
    """Yours is too small by the number of classes: a mean over (pixels, classes) counts the zeros of the one-hot truth
    too. Sum over the classes, then take the mean over pixels."""
    return cross_entropy_loss(logits, target) / logits.shape[1]


def mean_of_all_entries(logits: Tensor, target: Tensor) -> Tensor:
    """You take the mean over all entries (B, K, H, W), so that you divide by the number of classes, and by the void
    pixels too. Sum over the classes, then take the mean over the valid pixels alone."""
    return -(_log_p(logits, target) * (target != 255)).mean() / logits.shape[1]


def softmax_twice(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax has been applied twice: `F.cross_entropy` and `log_softmax` want logits, and you gave them
    probabilities. Two probabilities differ by 1 at most, so that the network could never be sure of anything."""
    return cross_entropy_loss(logits.softmax(dim=1), target)


def no_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """You average the logits of the true class. They are no log-probabilities yet: adding 1 to all logits of a pixel
    would change your loss, but not the prediction."""
    return -_of_true_class(logits, target)[target != 255].mean()


def no_logarithm(logits: Tensor, target: Tensor) -> Tensor:
    """You average probabilities: the logarithm is missing. (`F.nll_loss` takes log-probabilities, and no logarithm
    itself.)"""
    return -_log_p(logits, target).exp()[target != 255].mean()


def one_minus_p(logits: Tensor, target: Tensor) -> Tensor:
    """You average 1 - p. Cross-entropy is -log p, which has no upper bound: being surely wrong costs much more than
    being unsure."""
    return (1 - _log_p(logits, target).exp())[target != 255].mean()


def mean_of_image_means(logits: Tensor, target: Tensor) -> Tensor:
    """You average over each image, and then over the images: a pixel of an image with much void weighs more than
    another. It is one mean, over all valid pixels of the batch."""
    return torch.stack([cross_entropy_loss(x[None], y[None]) for x, y in zip(logits, target, strict=True)]).mean()


def logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Right as long as logits are close together. Where they are far apart the softmax is rounded to 0, and the
    logarithm of that is infinite. `log_softmax` takes both steps at once, x - log Σ exp x, and rounds nothing to 0."""
    return -_of_true_class(logits.softmax(dim=1).log(), target)[target != 255].mean()


def logarithm_of_softmax_plus_epsilon(logits: Tensor, target: Tensor) -> Tensor:
    """A small number inside the logarithm keeps it finite, but where p is rounded to 0 the loss stops growing, and has
    no gradient: such a pixel is never learnt. `log_softmax` takes both steps at once and needs no such number."""
    return -_of_true_class((logits.softmax(dim=1) + 1e-8).log(), target)[target != 255].mean()


def void_counts_as_zero_and_logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels add nothing to your sum, but you divide by them as well: the mean is one over the valid pixels. Then
    there is one thing more: where logits are far apart the softmax is rounded to 0, and its logarithm is infinite."""
    return -(_of_true_class(logits.softmax(dim=1).log(), target) * (target != 255)).mean()


def void_as_class_zero_and_logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of class 0: leave them out of the mean. Then there is one thing more: where logits
    are far apart the softmax is rounded to 0, and its logarithm is infinite."""
    return -_of_true_class(logits.softmax(dim=1).log(), target).mean()


def easy_pixels_weighted(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is p^γ, which is large where the network is right already. It should be small there: (1 - p)^γ."""
    log_p = _log_p(logits, target)[target != 255]
    return -((gamma * log_p).exp() * log_p).mean()


def factor_inside_the_logarithm(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The factor has got into the logarithm, where it is only added: it grows as p does, and punishes the pixels that
    are right. It multiplies the logarithm from outside."""
    log_p = _log_p(logits, target)[target != 255]
    return -((1 - log_p.exp()) ** gamma * log_p.exp()).log().mean()


def factor_alone(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is the mean of the factors (1 - p)^γ. Each is to be multiplied with the cross-entropy of its pixel, -log
    p."""
    return ((1 - _log_p(logits, target)[target != 255].exp()) ** gamma).mean()


def divided_by_the_factors(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You divide by the sum of the factors. Then easy pixels do not make the loss smaller, they only change who has
    which share. Divide by the number of valid pixels."""
    log_p = _log_p(logits, target)[target != 255]
    factor = (1 - log_p.exp()) ** gamma
    return -(factor * log_p).sum() / factor.sum()


def one_minus_log_p(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Your factor is made of log p, and is above 1 everywhere: hard pixels weigh more, but easy ones as much as ever.
    It is made of the probability, (1 - p)^γ."""
    log_p = _log_p(logits, target)[target != 255]
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
    return -(factor * _log_p(logits, target))[target != 255].mean()


def all_classes_as_if_true(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You add up over all classes as if each were true: the target plays no part, apart from void. Pick the true class
    of each pixel."""
    log_p = logits.log_softmax(dim=1)
    return -((1 - log_p.exp()) ** gamma * log_p).sum(dim=1)[target != 255].mean()


def gamma_times(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """You multiply by γ. It is a power: (1 - p)^γ; with γ = 0 the factor is 1, and the focal loss is cross-entropy."""
    log_p = _log_p(logits, target)[target != 255]
    return -(gamma * (1 - log_p.exp()) * log_p).mean()


def always_two(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """This is right for γ = 2, and gives the same for every other γ. Use the argument."""
    log_p = _log_p(logits, target)[target != 255]
    return -((1 - log_p.exp()) ** 2 * log_p).mean()


def alpha_as_well(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Yours is a quarter of what it should be: the paper's α = 0.25 has come along. It balances foreground against
    background in a detector; nobody asked for it here."""
    return _focal(logits, target, gamma) / 4


def _focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The focal loss as it should be, for the mistakes made of it."""
    log_p = _log_p(logits, target)[target != 255]
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def minus_forgotten_in_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Yours is below 0: the logarithm of a probability is negative, and a minus is missing."""
    return -_focal(logits, target, gamma)


def focal_with_void(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Void pixels are in your mean, as if they were of class 0. Leave them out."""
    log_p = _log_p(logits, target)
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
