"""What people get wrong in lesson 05 about cross-entropy: each function makes one mistake, its docstring says which."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.task import with_variants
from course_utils.losses.distribution import cross_entropy_loss

FLOORS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


def of_true_class(values: Tensor, target: Tensor) -> Tensor:
    """Values (B, K, H, W) at the true class, (B, H, W); at class 0 where the truth is void."""
    return values.gather(1, target.where(target != 255, 0)[:, None])[:, 0]


def log_p_of_true_class(logits: Tensor, target: Tensor) -> Tensor:
    """The log-probability of the true class at every pixel, that of class 0 where the truth is void."""
    return of_true_class(logits.log_softmax(dim=1), target)


def void_counts_as_zero(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels add nothing to your sum, but you divide by them as well: the more void a picture has, the smaller is
    its loss. The mean is one over the valid pixels."""
    return -(log_p_of_true_class(logits, target) * (target != 255)).mean()


def void_as_class_zero(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of class 0, and the network is taught that they are. Leave them out of the
    mean."""
    return -log_p_of_true_class(logits, target).mean()


def void_as_the_last_class(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of the last class, and the network is taught that they are. Leave them out of
    the mean."""
    last = logits.shape[1] - 1
    return -log_p_of_true_class(logits, target.clamp(max=last)).mean()


def softmax_over_columns(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 along a row of the picture (the last axis). They have to add up to 1 over the
    classes at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -of_true_class(logits.log_softmax(dim=-1), target)[target != 255].mean()


def softmax_over_the_batch(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 over the images of the batch (axis 0). They have to add up to 1 over the classes
    at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -of_true_class(logits.log_softmax(dim=0), target)[target != 255].mean()


def softmax_over_rows(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 along a column of the picture (the axis of height). They have to add up to 1 over
    the classes at each pixel; logits are (B, K, H, W): which axis is that?"""
    return -of_true_class(logits.log_softmax(dim=2), target)[target != 255].mean()


def minus_forgotten(logits: Tensor, target: Tensor) -> Tensor:
    """Yours is below 0, and falls as the prediction gets worse: the logarithm of a probability is negative. A minus is
    missing."""
    return -cross_entropy_loss(logits, target)


def sum_instead_of_mean(logits: Tensor, target: Tensor) -> Tensor:
    """This is the sum: an image of twice the height and width would have four times the loss, and the learning rate
    would have to follow. Take the mean over the valid pixels."""
    return -log_p_of_true_class(logits, target)[target != 255].sum()


def divided_by_the_classes(logits: Tensor, target: Tensor) -> Tensor:
    """Yours is too small by the number of classes: a mean over (pixels, classes) counts the zeros of the one-hot truth
    too. Sum over the classes, then take the mean over pixels."""
    return cross_entropy_loss(logits, target) / logits.shape[1]


def mean_of_all_entries(logits: Tensor, target: Tensor) -> Tensor:
    """You take the mean over all entries (B, K, H, W), so that you divide by the number of classes, and by the void
    pixels too. Sum over the classes, then take the mean over the valid pixels alone."""
    return -(log_p_of_true_class(logits, target) * (target != 255)).mean() / logits.shape[1]


def softmax_twice(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax has been applied twice: `F.cross_entropy` and `log_softmax` want logits, and you gave them
    probabilities. Two probabilities differ by 1 at most, so that the network could never be sure of anything."""
    return cross_entropy_loss(logits.softmax(dim=1), target)


def no_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """You average the logits of the true class. They are no log-probabilities yet: adding 1 to all logits of a pixel
    would change your loss, but not the prediction."""
    return -of_true_class(logits, target)[target != 255].mean()


def no_logarithm(logits: Tensor, target: Tensor) -> Tensor:
    """You average probabilities: the logarithm is missing. (`F.nll_loss` takes log-probabilities, and no logarithm
    itself.)"""
    return -log_p_of_true_class(logits, target).exp()[target != 255].mean()


def one_minus_p(logits: Tensor, target: Tensor) -> Tensor:
    """You average 1 - p. Cross-entropy is -log p, which has no upper bound: being surely wrong costs much more than
    being unsure."""
    return (1 - log_p_of_true_class(logits, target).exp())[target != 255].mean()


def mean_of_image_means(logits: Tensor, target: Tensor) -> Tensor:
    """You average over each image, and then over the images: a pixel of an image with much void weighs more than
    another. It is one mean, over all valid pixels of the batch."""
    return torch.stack([cross_entropy_loss(x[None], y[None]) for x, y in zip(logits, target, strict=True)]).mean()


def logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Right as long as logits are close together. Where they are far apart the softmax is rounded to 0, and the
    logarithm of that is infinite. `log_softmax` takes both steps at once, x - log Σ exp x, and rounds nothing to 0."""
    return -of_true_class(logits.softmax(dim=1).log(), target)[target != 255].mean()


def floored(values: Tensor, floor: float, *, added: bool) -> Tensor:
    """Probabilities that are kept from 0, in one of the two ways that people know."""
    return values + floor if added else values.clamp(min=floor)


def _floored_cross_entropy(logits: Tensor, target: Tensor, *, floor: float, added: bool) -> Tensor:
    p = of_true_class(logits.softmax(dim=1), target)[target != 255]
    return -floored(p, floor, added=added).log().mean()


@with_variants(
    *(partial(_floored_cross_entropy, floor=floor, added=added) for floor in FLOORS for added in (True, False))
)
def logarithm_of_softmax_plus_epsilon(logits: Tensor, target: Tensor) -> Tensor:
    """A small number inside the logarithm (or a `clamp`) keeps it finite, but where p is rounded to 0 the loss stops
    growing, and has no gradient: such a pixel is never learnt. `log_softmax` takes both steps at once and needs no such
    number."""
    return _floored_cross_entropy(logits, target, floor=1e-8, added=True)


def void_counts_as_zero_and_logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels add nothing to your sum, but you divide by them as well: the mean is one over the valid pixels. Then
    there is one thing more: where logits are far apart the softmax is rounded to 0, and its logarithm is infinite."""
    return -(of_true_class(logits.softmax(dim=1).log(), target) * (target != 255)).mean()


def void_as_class_zero_and_logarithm_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """You treat void pixels as pixels of class 0: leave them out of the mean. Then there is one thing more: where logits
    are far apart the softmax is rounded to 0, and its logarithm is infinite."""
    return -of_true_class(logits.softmax(dim=1).log(), target).mean()


def reshaped_without_moving_the_classes(logits: Tensor, target: Tensor) -> Tensor:
    """`reshape(-1, K)` takes the numbers as they lie in memory, where a class's whole map comes before the next: your rows
    are K neighbouring pixels of one class, not the K classes of one pixel. Move the classes to the last axis first."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[1]), target.reshape(-1), ignore_index=255)


def one_hot_reshaped(logits: Tensor, target: Tensor) -> Tensor:
    """`F.one_hot` puts the classes last, (B, H, W, K). To reshape that into (B, K, H, W) mixes pixels and classes up: the
    axis has to be moved, which reorders the numbers."""
    valid = target != 255
    g = F.one_hot(target.where(valid, 0), logits.shape[1]).reshape(logits.shape) * valid[:, None]
    return -(logits.log_softmax(dim=1) * g).sum() / valid.sum()


def _binary(logits: Tensor, target: Tensor) -> Tensor:
    """The binary cross-entropies of all classes against the one-hot truth, (valid pixels, K)."""
    valid = target != 255
    g = F.one_hot(target[valid], logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits.movedim(1, -1)[valid], g, reduction="none")


@with_variants(lambda logits, target: _binary(logits, target).sum(1).mean())
def binary_for_each_class(logits: Tensor, target: Tensor) -> Tensor:
    """This is binary cross-entropy: a question of its own for each class, by sigmoid. Here the classes exclude one another:
    one softmax over them, and the logarithm at the true class only."""
    return _binary(logits, target).mean()


def every_pixels_class_everywhere(logits: Tensor, target: Tensor) -> Tensor:
    """`log_p[:, target]` looks up, for every pixel of the target, a whole map (print its shape). At each pixel you want one
    number, that of its own class: `gather` along the classes does that."""
    return -logits.log_softmax(dim=1)[:, target.where(target != 255, 0)].mean()


@with_variants(
    lambda logits, target: F.cross_entropy(logits, target.where((target != 255) & (target > 0), -100)),
)
def background_ignored(logits: Tensor, target: Tensor) -> Tensor:
    """Class 0 is missing from your mean. It is a class like the others; void is 255. (After void has become 0, it can
    no more be told from class 0: keep the mask from before.)"""
    return F.cross_entropy(logits, target.where(target != 255, 0), ignore_index=0)


def smoothed_labels(logits: Tensor, target: Tensor) -> Tensor:
    """You smooth the labels: a tenth of each pixel's truth is spread over all classes, and even a perfect prediction costs
    something. Here the true class has all of it."""
    return cross_entropy_loss(logits, target, label_smoothing=0.1)


def base_two(logits: Tensor, target: Tensor) -> Tensor:
    """You took the logarithm to the base 2. All losses here have the natural logarithm."""
    return cross_entropy_loss(logits, target) / math.log(2)


def largest_probability(logits: Tensor, target: Tensor) -> Tensor:
    """You take the largest probability of each pixel, whatever class has it: the target plays no part, and being surely
    wrong costs nothing. It is the probability of the *true* class."""
    return -logits.log_softmax(dim=1).amax(dim=1)[target != 255].mean()


def logits_of_void_set_to_zero(logits: Tensor, target: Tensor) -> Tensor:
    """You set the logits to 0 on void. Their softmax is 1 / K, so that each void pixel costs log K, and counts in the mean.
    Leave those pixels out."""
    valid = target != 255
    return F.cross_entropy(logits * valid[:, None], target.where(valid, 0))


def zero_losses_left_out(logits: Tensor, target: Tensor) -> Tensor:
    """You leave out every pixel whose loss is 0, to be rid of void. A pixel of which the network is right and sure has a loss
    of 0 as well, and counts: choose by the target, not by the loss."""
    losses = F.cross_entropy(logits, target, ignore_index=255, reduction="none")
    return losses[losses > 0].mean()


CROSS_ENTROPY = [
    void_counts_as_zero,
    void_as_class_zero,
    void_as_the_last_class,
    void_counts_as_zero_and_logarithm_of_softmax,
    void_as_class_zero_and_logarithm_of_softmax,
    softmax_over_columns,
    softmax_over_rows,
    softmax_over_the_batch,
    minus_forgotten,
    sum_instead_of_mean,
    divided_by_the_classes,
    mean_of_all_entries,
    softmax_twice,
    no_softmax,
    no_logarithm,
    one_minus_p,
    mean_of_image_means,
    logarithm_of_softmax,
    logarithm_of_softmax_plus_epsilon,
    reshaped_without_moving_the_classes,
    one_hot_reshaped,
    binary_for_each_class,
    every_pixels_class_everywhere,
    background_ignored,
    smoothed_labels,
    base_two,
    largest_probability,
    logits_of_void_set_to_zero,
    zero_losses_left_out,
]
