"""What people get wrong in lesson 05 about Dice and Jaccard: each function makes one mistake, its docstring says which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def _masks(logits: Tensor, target: Tensor, *, masked: bool) -> tuple[Tensor, Tensor]:
    """Probabilities (with `masked=True` 0 on void) and the one-hot truth (0 on void), both (B, K, H, W)."""
    valid = (target != 255)[:, None]
    p = logits.softmax(dim=1)
    g = F.one_hot(target.where(target != 255, 0), logits.shape[1]).movedim(-1, 1) * valid
    return p * valid if masked else p, g


def _dice(logits: Tensor, target: Tensor, *, masked: bool, present: bool, smooth: float) -> Tensor:
    """The Dice loss with or without each of its repairs; NaN where no class is left."""
    p, g = _masks(logits, target, masked=masked)
    common, size = (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    dice = (2 * common + smooth) / (size + smooth)
    return 1 - (dice[g.sum((0, 2, 3)) > 0] if present else dice).mean()


def given_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """This is still the version given. It has two mistakes. Make a prediction that is right at every valid pixel: why
    is its loss not nearly 0 when half of the picture is void? And why not when the truth has two classes out of
    nineteen?"""
    return _dice(logits, target, masked=False, present=False, smooth=1.0)


def void_repaired(logits: Tensor, target: Tensor) -> Tensor:
    """Void is repaired: that is one of the two. But a class that the truth lacks still has a Dice of 1 / (Σ p + 1),
    nearly 0 however small its probabilities, and is averaged in. Which classes belong into the mean?"""
    return _dice(logits, target, masked=True, present=False, smooth=1.0)


def void_repaired_no_smoothing(logits: Tensor, target: Tensor) -> Tensor:
    """Void is repaired, and the smoothing is gone. But a class that the truth lacks now has a Dice of exactly 0, and
    is averaged in. Which classes belong into the mean?"""
    return _dice(logits, target, masked=True, present=False, smooth=0.0)


def smoothing_removed_only(logits: Tensor, target: Tensor) -> Tensor:
    """You removed the smoothing; the two mistakes are still there. Void pixels count in Σ p, and classes that the
    truth lacks in the mean."""
    return _dice(logits, target, masked=False, present=False, smooth=0.0)


def classes_repaired(logits: Tensor, target: Tensor) -> Tensor:
    """Absent classes are out of the mean: that is one of the two. (If all is void there is no class left: give 0.) But
    Σ p still runs over void pixels, where no prediction can be right. And the formula has no smoothing."""
    return _dice(logits, target, masked=False, present=True, smooth=1.0)


def classes_repaired_no_smoothing(logits: Tensor, target: Tensor) -> Tensor:
    """Absent classes are out of the mean: that is one of the two. (If all is void there is no class left: give 0.) But
    Σ p still runs over void pixels, where no prediction can be right."""
    return _dice(logits, target, masked=False, present=True, smooth=0.0)


def classes_repaired_and_all_void(logits: Tensor, target: Tensor) -> Tensor:
    """Absent classes are out of the mean, and all void gives 0. But Σ p still runs over void pixels, where no
    prediction can be right."""
    return _zero_if_all_void(classes_repaired_no_smoothing(logits, target), target)


def classes_repaired_and_all_void_smooth(logits: Tensor, target: Tensor) -> Tensor:
    """Absent classes are out of the mean, and all void gives 0. But Σ p still runs over void pixels, where no
    prediction can be right. And the formula has no smoothing."""
    return _zero_if_all_void(classes_repaired(logits, target), target)


def smoothing_kept(logits: Tensor, target: Tensor) -> Tensor:
    """Both mistakes are repaired. What is left is the smoothing of 1: it is one *pixel*, and makes a class of few
    pixels look better than it is. Where only present classes are averaged nothing is divided by 0, and it has no
    use."""
    return _zero_if_all_void(_dice(logits, target, masked=True, present=True, smooth=1.0), target)


def smoothing_kept_nan(logits: Tensor, target: Tensor) -> Tensor:
    """Both mistakes are repaired. Two things are left: where all is void, the mean of no classes is NaN, and should be
    0; and the smoothing of 1 is one *pixel*, which makes a class of few pixels look better than it is, and has no use
    any more."""
    return _dice(logits, target, masked=True, present=True, smooth=1.0)


def nan_for_all_void(logits: Tensor, target: Tensor) -> Tensor:
    """Both mistakes are repaired. One case is left: where all is void there is no class, the mean of nothing is NaN,
    and a single such batch would ruin the network. Give 0 there."""
    return _dice(logits, target, masked=True, present=True, smooth=0.0)


def one_for_all_void(logits: Tensor, target: Tensor) -> Tensor:
    """Right but for one case: where all is void there is nothing to be wrong about, and the loss is 0, not 1."""
    valid = (target != 255).any()
    return torch.where(valid, nan_for_all_void(logits, target), 1.0)


def absent_counts_as_perfect(logits: Tensor, target: Tensor) -> Tensor:
    """An absent class now has the loss 0, but you still divide by the number of all classes: the fewer classes a
    picture has, the less it counts. Divide by the number of classes that are there."""
    _, g = _masks(logits, target, masked=True)
    present = g.sum((0, 2, 3)) > 0
    return _repaired(logits, target) * present.sum() / logits.shape[1]


def void_as_class_zero_in_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels have become pixels of class 0. They have no class: probabilities *and* one-hot truth are 0 there."""
    return _repaired(logits, target.where(target != 255, 0))


def logits_set_to_zero(logits: Tensor, target: Tensor) -> Tensor:
    """You set the *logits* to 0 on void. Their softmax is 1 / K, not 0, and still counts in Σ p. It is the
    probabilities that have to be 0 there."""
    logits = logits * (target != 255)[:, None]
    return _zero_if_all_void(classes_repaired_no_smoothing(logits, target), target)


def mean_over_images(logits: Tensor, target: Tensor) -> Tensor:
    """You compute a Dice for each image, and average. Then a class of which an image has one pixel counts as much
    there as one that fills it. The sums run over all valid pixels of the batch."""
    return torch.stack([_repaired(x[None], y[None]) for x, y in zip(logits, target, strict=True)]).mean()


def squared(logits: Tensor, target: Tensor) -> Tensor:
    """You square the probabilities in the denominator: that is V-Net's form, another loss. Here it is Σ p + Σ g."""
    p, g = _masks(logits, target, masked=True)
    dice = 2 * (p * g).sum((0, 2, 3)) / (p * p + g).sum((0, 2, 3))
    return _zero_if_all_void(1 - dice[g.sum((0, 2, 3)) > 0].mean(), target)


def intersection_over_union(logits: Tensor, target: Tensor) -> Tensor:
    """This is the Jaccard loss: you have taken the intersection off the denominator. Dice has twice the intersection
    over both sizes."""
    p, g = _masks(logits, target, masked=True)
    iou = (p * g).sum((0, 2, 3)) / (p + g - p * g).sum((0, 2, 3))
    return _zero_if_all_void(1 - iou[g.sum((0, 2, 3)) > 0].mean(), target)


def factor_two_forgotten(logits: Tensor, target: Tensor) -> Tensor:
    """The 2 is missing above: Σ p + Σ g counts the common pixels twice, so that even a perfect prediction has the loss
    0.5."""
    return _zero_if_all_void(0.5 + nan_for_all_void(logits, target) / 2, target)


def similarity_instead_of_loss(logits: Tensor, target: Tensor) -> Tensor:
    """This is Dice itself, which is 1 for a perfect prediction; the loss is 1 minus it."""
    return _zero_if_all_void(1 - nan_for_all_void(logits, target), target)


def _repaired(logits: Tensor, target: Tensor) -> Tensor:
    """The Dice loss as it should be, for the mistakes made of it."""
    return _zero_if_all_void(nan_for_all_void(logits, target), target)


def _zero_if_all_void(loss: Tensor, target: Tensor) -> Tensor:
    return torch.where((target != 255).any(), loss, 0.0)


def intersection_not_taken_off(p: Tensor, g: Tensor) -> Tensor:
    """Even a perfect prediction has the loss 0.5 in yours. Σ p + Σ g counts the pixels that both have twice: take the
    intersection off once, and it is the union. (The formula without it has been taught.)"""
    return 1 - (p * g).sum() / (p.sum() + g.sum())


def dice_of_binary(p: Tensor, g: Tensor) -> Tensor:
    """This is the Dice loss: twice the intersection over both sizes. Jaccard has the intersection once, over the
    union."""
    return 1 - 2 * (p * g).sum() / (p.sum() + g.sum())


def twice_over_the_union(p: Tensor, g: Tensor) -> Tensor:
    """You mix Dice with Jaccard: over the union stands the intersection once. Yours is -1 for a perfect prediction."""
    return 1 - 2 * (p * g).sum() / (p + g - p * g).sum()


def thresholded(p: Tensor, g: Tensor) -> Tensor:
    """You cut the probabilities at 0.5 first. That is the score, and as a loss it has no gradient: p is to go in as it
    is."""
    hard = (p > 0.5).to(p.dtype)
    return 1 - (hard * g).sum() / (hard + g - hard * g).sum()


def ratio_for_each_row(p: Tensor, g: Tensor) -> Tensor:
    """You sum along one axis only, and average the ratios of the rows. A mask is one region: sum over all its
    pixels."""
    return 1 - ((p * g).sum(-1) / (p + g - p * g).sum(-1)).mean()


def ratio_for_each_column(p: Tensor, g: Tensor) -> Tensor:
    """You sum along one axis only, and average the ratios of the columns. A mask is one region: sum over all its
    pixels."""
    return 1 - ((p * g).sum(0) / (p + g - p * g).sum(0)).mean()


def iou_itself(p: Tensor, g: Tensor) -> Tensor:
    """This is IoU, which grows as the prediction gets better; a loss has to fall. It is 1 minus it."""
    return (p * g).sum() / (p + g - p * g).sum()


def squares_below(p: Tensor, g: Tensor) -> Tensor:
    """You square p in the denominator: another loss. The soft union is Σ p + Σ g - Σ p g."""
    return 1 - (p * g).sum() / (p * p + g - p * g).sum()


def smoothed_by_one(p: Tensor, g: Tensor) -> Tensor:
    """You add 1 to intersection and union. That is one pixel: in a small map it changes much. Here there always is a
    union, and nothing has to be added."""
    return 1 - ((p * g).sum() + 1) / ((p + g - p * g).sum() + 1)


def over_all_pixels(p: Tensor, g: Tensor) -> Tensor:
    """You divide by the number of all pixels (or divide at each pixel, and average: with g of 0 and 1 that is the
    same), so that a background rightly left empty makes the loss larger. It is one ratio: the sum of intersections
    over the sum of unions."""
    return 1 - (p * g).mean()


def brackets_missing(p: Tensor, g: Tensor) -> Tensor:
    """`/` binds before `+` and `-`: the whole union has to stand in brackets."""
    intersection = (p * g).sum()
    return 1 - intersection / p.sum() + g.sum() - intersection
