"""What people get wrong in lesson 05 about Dice with void and absent classes: each function makes one mistake and says which."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.task import with_variants


def masks(logits: Tensor, target: Tensor, *, masked: bool) -> tuple[Tensor, Tensor]:
    """Probabilities (with `masked=True` 0 on void) and the one-hot truth (0 on void), both (B, K, H, W)."""
    valid = (target != 255)[:, None]
    p = logits.softmax(dim=1)
    g = F.one_hot(target.where(target != 255, 0), logits.shape[1]).movedim(-1, 1) * valid
    return p * valid if masked else p, g


def _dice(logits: Tensor, target: Tensor, *, masked: bool, present: bool, smooth: float) -> Tensor:
    """The Dice loss with or without each of its repairs; NaN where no class is left."""
    p, g = masks(logits, target, masked=masked)
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
    return zero_if_all_void(classes_repaired_no_smoothing(logits, target), target)


def classes_repaired_and_all_void_smooth(logits: Tensor, target: Tensor) -> Tensor:
    """Absent classes are out of the mean, and all void gives 0. But Σ p still runs over void pixels, where no
    prediction can be right. And the formula has no smoothing."""
    return zero_if_all_void(classes_repaired(logits, target), target)


def smoothing_kept(logits: Tensor, target: Tensor) -> Tensor:
    """Both mistakes are repaired. What is left is the smoothing of 1: it is one *pixel*, and makes a class of few
    pixels look better than it is. Where only present classes are averaged nothing is divided by 0, and it has no
    use."""
    return zero_if_all_void(_dice(logits, target, masked=True, present=True, smooth=1.0), target)


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
    _, g = masks(logits, target, masked=True)
    present = g.sum((0, 2, 3)) > 0
    return repaired(logits, target) * present.sum() / logits.shape[1]


def void_as_class_zero_in_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Void pixels have become pixels of class 0. They have no class: probabilities *and* one-hot truth are 0 there."""
    return repaired(logits, target.where(target != 255, 0))


def logits_set_to_zero(logits: Tensor, target: Tensor) -> Tensor:
    """You set the *logits* to 0 on void. Their softmax is 1 / K, not 0, and still counts in Σ p. It is the
    probabilities that have to be 0 there."""
    logits = logits * (target != 255)[:, None]
    return zero_if_all_void(classes_repaired_no_smoothing(logits, target), target)


def logits_set_to_minus_infinity(logits: Tensor, target: Tensor) -> Tensor:
    """You set the logits of *all* classes to -∞ on void. Their softmax is 0 / 0, which is NaN. It is the probabilities that
    have to be 0 there."""
    _, g = masks(logits, target, masked=True)
    p = logits.masked_fill((target == 255)[:, None], -torch.inf).softmax(dim=1)
    return 1 - dice_of(p, g)[g.sum((0, 2, 3)) > 0].mean()


def repaired(logits: Tensor, target: Tensor) -> Tensor:
    """The Dice loss as it should be, for the mistakes made of it."""
    return zero_if_all_void(nan_for_all_void(logits, target), target)


def zero_if_all_void(loss: Tensor, target: Tensor) -> Tensor:
    return torch.where((target != 255).any(), loss, 0.0)


def dice_of(p: Tensor, g: Tensor, dims: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    """2 Σ p g / (Σ p + Σ g), the sums over `dims`; NaN where both are empty."""
    return 2 * (p * g).sum(dims) / (p + g).sum(dims)


def losses_of_present(logits: Tensor, target: Tensor) -> Tensor:
    p, g = masks(logits, target, masked=True)
    return (1 - dice_of(p, g))[g.sum((0, 2, 3)) > 0]


@with_variants(
    lambda logits, target: 1 - (1 - losses_of_present(logits, target)).sum() / len(target.unique()),
    lambda logits, target: zero_if_all_void(
        1 - (1 - losses_of_present(logits, target)).sum() / len(target.unique()), target
    ),
)
def void_counted_as_a_class(logits: Tensor, target: Tensor) -> Tensor:
    """You divide by the number of values in the target, and 255 is one of them. Void is no class: count the others."""
    return losses_of_present(logits, target).sum() / len(target.unique())


@with_variants(
    lambda logits, target: zero_if_all_void(truth_not_masked(logits, target), target),
)
def truth_not_masked(logits: Tensor, target: Tensor) -> Tensor:
    """The probabilities are 0 on void, but the one-hot truth is not any more: void pixels are of class 0 in it. Both have to
    be 0 there."""
    p, _ = masks(logits, target, masked=True)
    g = F.one_hot(target.where(target != 255, 0), logits.shape[1]).movedim(-1, 1)
    return 1 - dice_of(p, g)[g.sum((0, 2, 3)) > 0].mean()


def _over_all_classes(logits: Tensor, target: Tensor, *, smooth: float) -> Tensor:
    p, g = masks(logits, target, masked=True)
    common, size, there = (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3)), g.sum((0, 2, 3)) > 0
    return 1 - ((2 * common + smooth) / (size + smooth))[there].sum() / logits.shape[1]


@with_variants(
    lambda logits, target: _over_all_classes(logits, target, smooth=1.0),
    lambda logits, target: zero_if_all_void(_over_all_classes(logits, target, smooth=0.0), target),
    lambda logits, target: zero_if_all_void(_over_all_classes(logits, target, smooth=1.0), target),
)
def absent_counts_as_missed(logits: Tensor, target: Tensor) -> Tensor:
    """An absent class has a Dice of 0 in your mean, as if it had been missed: you divide by the number of all classes (or take
    all for present, as their probabilities are never 0). Average those of the *truth* only."""
    return _over_all_classes(logits, target, smooth=0.0)


def presence_by_prediction(logits: Tensor, target: Tensor) -> Tensor:
    """You average over the classes that are *predicted*: one that is missed everywhere drops out of the loss, and is never
    learnt. Average over those in the truth."""
    p, g = masks(logits, target, masked=True)
    return zero_if_all_void(1 - dice_of(p, g)[logits.argmax(dim=1).unique()].mean(), target)


def presence_by_overlap(logits: Tensor, target: Tensor) -> Tensor:
    """You take a class for present where Σ p g is large: one that is there and missed drops out of the loss, and is never
    learnt. Whether a class is there, the truth alone says: Σ g."""
    p, g = masks(logits, target, masked=True)
    return zero_if_all_void(1 - dice_of(p, g)[(p * g).sum((0, 2, 3)) > 0.5].mean(), target)


REPAIRS = [
    void_repaired,
    void_repaired_no_smoothing,
    smoothing_removed_only,
    classes_repaired,
    classes_repaired_no_smoothing,
    classes_repaired_and_all_void,
    classes_repaired_and_all_void_smooth,
    smoothing_kept,
    smoothing_kept_nan,
    nan_for_all_void,
    one_for_all_void,
    absent_counts_as_perfect,
    absent_counts_as_missed,
    presence_by_prediction,
    presence_by_overlap,
    void_counted_as_a_class,
    void_as_class_zero_in_dice,
    truth_not_masked,
    logits_set_to_zero,
    logits_set_to_minus_infinity,
]
