"""What people get wrong in lesson 05 about the sums in the Dice loss: each function makes one mistake and says which."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.mistakes_05_dice import dice_of, losses_of_present, masks, repaired, zero_if_all_void
from course_utils.exercises.task import with_variants


def mean_over_images(logits: Tensor, target: Tensor) -> Tensor:
    """You compute a Dice for each image, and average. Then a class of which an image has one pixel counts as much
    there as one that fills it. The sums run over all valid pixels of the batch."""
    return torch.stack([repaired(x[None], y[None]) for x, y in zip(logits, target, strict=True)]).mean()


def squared(logits: Tensor, target: Tensor) -> Tensor:
    """You square the probabilities in the denominator: that is V-Net's form, another loss. Here it is Σ p + Σ g."""
    p, g = masks(logits, target, masked=True)
    dice = 2 * (p * g).sum((0, 2, 3)) / (p * p + g).sum((0, 2, 3))
    return zero_if_all_void(1 - dice[g.sum((0, 2, 3)) > 0].mean(), target)


def intersection_over_union(logits: Tensor, target: Tensor) -> Tensor:
    """This is the Jaccard loss: you have taken the intersection off the denominator. Dice has twice the intersection
    over both sizes."""
    p, g = masks(logits, target, masked=True)
    iou = (p * g).sum((0, 2, 3)) / (p + g - p * g).sum((0, 2, 3))
    return zero_if_all_void(1 - iou[g.sum((0, 2, 3)) > 0].mean(), target)


def factor_two_forgotten(logits: Tensor, target: Tensor) -> Tensor:
    """The 2 is missing above: Σ p + Σ g counts the common pixels twice, so that even a perfect prediction has the loss
    0.5."""
    return zero_if_all_void(0.5 + repaired(logits, target) / 2, target)


def similarity_instead_of_loss(logits: Tensor, target: Tensor) -> Tensor:
    """This is Dice itself, which is 1 for a perfect prediction; the loss is 1 minus it."""
    return zero_if_all_void(1 - repaired(logits, target), target)


def _loss_of(p: Tensor, g: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - Dice over the classes that `g` has; 0 if all is void."""
    return zero_if_all_void(1 - dice_of(p, g)[g.sum((0, 2, 3)) > 0].mean(), target)


def hard_prediction(logits: Tensor, target: Tensor) -> Tensor:
    """You compare the predicted classes (`argmax`) with the truth. That is the score; as a loss it has no gradient:
    probabilities are to go in as they are."""
    _, g = masks(logits, target, masked=True)
    hard = F.one_hot(logits.argmax(dim=1), logits.shape[1]).movedim(-1, 1) * (target != 255)[:, None]
    return _loss_of(hard, g, target)


def background_left_out(logits: Tensor, target: Tensor) -> Tensor:
    """You leave class 0 out of the mean. That is often done where 0 is a background that nobody scores; here it is a class
    like the others."""
    p, g = masks(logits, target, masked=True)
    return zero_if_all_void(1 - dice_of(p, g)[1:][g.sum((0, 2, 3))[1:] > 0].mean(), target).nan_to_num(0)


def _pooled(logits: Tensor, target: Tensor, *, present: bool = False) -> Tensor:
    p, g = masks(logits, target, masked=True)
    chosen = g.sum((0, 2, 3)) >= (1 if present else 0)
    return 1 - 2 * (p * g)[:, chosen].sum() / (p + g)[:, chosen].sum()


@with_variants(
    lambda logits, target: _pooled(logits, target),
    lambda logits, target: zero_if_all_void(_pooled(logits, target, present=True), target),
)
def one_ratio_for_all_classes(logits: Tensor, target: Tensor) -> Tensor:
    """You sum over the classes as well, and have one ratio: a class of few pixels has next to no influence on it. A Dice for
    each class first, then their mean."""
    return zero_if_all_void(_pooled(logits, target), target)


def classes_summed_for_each_image(logits: Tensor, target: Tensor) -> Tensor:
    """You sum over axes 1, 2, 3: the classes fall together, and each image has a ratio of its own. Axis 1 is that of the
    classes, which stay apart; axis 0, the batch, is summed."""
    p, g = masks(logits, target, masked=True)
    return zero_if_all_void(1 - dice_of(p, g, (1, 2, 3))[g.sum((1, 2, 3)) > 0].mean(), target)


def sum_of_classes(logits: Tensor, target: Tensor) -> Tensor:
    """You add the losses of the classes: a picture with more classes has a larger loss. Take their mean."""
    _, g = masks(logits, target, masked=True)
    return repaired(logits, target) * (g.sum((0, 2, 3)) > 0).sum()


def sigmoid_instead_of_softmax(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities are sigmoids, one question for each class. Here the classes exclude one another: the softmax over
    them, as it was given."""
    _, g = masks(logits, target, masked=True)
    return _loss_of(logits.sigmoid() * (target != 255)[:, None], g, target)


def softmax_over_another_axis(logits: Tensor, target: Tensor) -> Tensor:
    """Your probabilities add up to 1 over the images of the batch (axis 0). They have to over the classes, axis 1."""
    _, g = masks(logits, target, masked=True)
    return _loss_of(logits.softmax(dim=0) * (target != 255)[:, None], g, target)


def _for_each_image(logits: Tensor, target: Tensor, *, of_the_batch: bool) -> Tensor:
    p, g = masks(logits, target, masked=True)
    there = g.sum((2, 3)) > 0
    dice = dice_of(p, g, (2, 3))
    chosen = dice[:, there.any(0)].flatten() if of_the_batch else dice[there]
    return zero_if_all_void(1 - chosen.mean(), target)


@with_variants(
    lambda logits, target: _for_each_image(logits, target, of_the_batch=True),
)
def sums_of_each_image(logits: Tensor, target: Tensor) -> Tensor:
    """You sum over rows and columns only, and have a ratio for each image *and* class. Then a class of which an image has one
    pixel counts as much there as one that fills it. The sums run over the batch too: axes 0, 2, 3."""
    return _for_each_image(logits, target, of_the_batch=False)


def weighted_by_pixels(logits: Tensor, target: Tensor) -> Tensor:
    """You weigh the classes by their pixels: the large ones decide again. Each class that is there counts alike."""
    _, g = masks(logits, target, masked=True)
    pixels = g.sum((0, 2, 3))
    losses = losses_of_present(logits, target)
    return zero_if_all_void((losses * pixels[pixels > 0]).sum() / pixels.sum(), target)


def minus_dice(logits: Tensor, target: Tensor) -> Tensor:
    """This is -Dice: its gradient is right, but a loss should be 0 where nothing is wrong. It is 1 minus Dice."""
    return zero_if_all_void(repaired(logits, target) - 1, target)


SUMS = [
    mean_over_images,
    sums_of_each_image,
    classes_summed_for_each_image,
    one_ratio_for_all_classes,
    sum_of_classes,
    weighted_by_pixels,
    background_left_out,
    hard_prediction,
    sigmoid_instead_of_softmax,
    softmax_over_another_axis,
    squared,
    intersection_over_union,
    factor_two_forgotten,
    similarity_instead_of_loss,
    minus_dice,
]
