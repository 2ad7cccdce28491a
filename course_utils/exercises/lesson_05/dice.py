"""The Dice loss with void and absent classes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.datasets.samples import VOID
from course_utils.exercises import Exercise
from course_utils.exercises.lesson_05.logits_and_labels import ERRORS, draw_labels, spread
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.losses import region


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over the classes in the truth of 1 - 2 Σ p g / (Σ p + Σ g), the sums over all valid pixels of the batch:
    logits (B, K, H, W), target (B, H, W), void 255 → one number, 0 where all is void."""
    valid = target != 255
    p = logits.softmax(dim=1) * valid[:, None]
    g = F.one_hot(target.where(valid, 0), logits.shape[1]).movedim(-1, 1) * valid[:, None]
    common, size = (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    present = g.sum((0, 2, 3)) > 0
    if not present.any():
        return 0 * logits.sum()
    dice = 2 * common[present] / size[present]
    return 1 - dice.mean()


def given_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """This is still the version given. It has two mistakes. Make a prediction that is right at every valid pixel: why
    is its loss not nearly 0 when half of the picture is void? And why not when the truth has two classes out of
    nineteen?"""
    valid = target != 255
    p = logits.softmax(dim=1)
    g = F.one_hot(target.where(valid, 0), logits.shape[1]).movedim(-1, 1) * valid[:, None]
    common, size = (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    dice = (2 * common + 1) / (size + 1)
    return 1 - dice.mean()


def _masks(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and the one-hot truth, both (B, K, H, W) and 0 on void."""
    valid = target != 255
    g = F.one_hot(target.where(valid, 0), logits.shape[1]).movedim(-1, 1)
    return logits.softmax(dim=1) * valid[:, None], g * valid[:, None]


def _zero_if_all_void(loss: Tensor, target: Tensor) -> Tensor:
    return torch.where((target != 255).any(), loss, 0.0)


def _dice_of(p: Tensor, g: Tensor, dims: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    """2 Σ p g / (Σ p + Σ g), the sums over `dims`; NaN where both are empty."""
    return 2 * (p * g).sum(dims) / (p + g).sum(dims)


def _losses_of_present(logits: Tensor, target: Tensor) -> Tensor:
    p, g = _masks(logits, target)
    return (1 - _dice_of(p, g))[g.sum((0, 2, 3)) > 0]


@with_variants(
    lambda logits, target: 1 - (1 - _losses_of_present(logits, target)).sum() / len(target.unique()),
    lambda logits, target: _zero_if_all_void(
        1 - (1 - _losses_of_present(logits, target)).sum() / len(target.unique()), target
    ),
)
def void_counted_as_a_class(logits: Tensor, target: Tensor) -> Tensor:
    """You divide by the number of values in the target, and 255 is one of them. Void is no class: count the others."""
    return _losses_of_present(logits, target).sum() / len(target.unique())


@with_variants(
    lambda logits, target: _zero_if_all_void(truth_not_masked(logits, target), target),
)
def truth_not_masked(logits: Tensor, target: Tensor) -> Tensor:
    """The probabilities are 0 on void, but the one-hot truth is not any more: void pixels are of class 0 in it. Both have to
    be 0 there."""
    p, _ = _masks(logits, target)
    g = F.one_hot(target.where(target != 255, 0), logits.shape[1]).movedim(-1, 1)
    return 1 - _dice_of(p, g)[g.sum((0, 2, 3)) > 0].mean()


def _over_all_classes(logits: Tensor, target: Tensor, *, smooth: float) -> Tensor:
    p, g = _masks(logits, target)
    common, size, there = (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3)), g.sum((0, 2, 3)) > 0
    return 1 - ((2 * common + smooth) / (size + smooth))[there].sum() / logits.shape[1]


@with_variants(
    lambda logits, target: _over_all_classes(logits, target, smooth=1.0),
    lambda logits, target: _zero_if_all_void(_over_all_classes(logits, target, smooth=0.0), target),
    lambda logits, target: _zero_if_all_void(_over_all_classes(logits, target, smooth=1.0), target),
)
def absent_counts_as_missed(logits: Tensor, target: Tensor) -> Tensor:
    """An absent class has a Dice of 0 in your mean, as if it had been missed: you divide by the number of all classes (or take
    all for present, as their probabilities are never 0). Average those of the *truth* only."""
    return _over_all_classes(logits, target, smooth=0.0)


def _pooled(logits: Tensor, target: Tensor, *, present: bool = False) -> Tensor:
    p, g = _masks(logits, target)
    chosen = g.sum((0, 2, 3)) >= (1 if present else 0)
    return 1 - 2 * (p * g)[:, chosen].sum() / (p + g)[:, chosen].sum()


@with_variants(
    lambda logits, target: _pooled(logits, target),
    lambda logits, target: _zero_if_all_void(_pooled(logits, target, present=True), target),
)
def one_ratio_for_all_classes(logits: Tensor, target: Tensor) -> Tensor:
    """You sum over the classes as well, and have one ratio: a class of few pixels has next to no influence on it. A Dice for
    each class first, then their mean."""
    return _zero_if_all_void(_pooled(logits, target), target)


def _for_each_image(logits: Tensor, target: Tensor, *, of_the_batch: bool) -> Tensor:
    p, g = _masks(logits, target)
    there = g.sum((2, 3)) > 0
    dice = _dice_of(p, g, (2, 3))
    chosen = dice[:, there.any(0)].flatten() if of_the_batch else dice[there]
    return _zero_if_all_void(1 - chosen.mean(), target)


@with_variants(
    lambda logits, target: _for_each_image(logits, target, of_the_batch=True),
)
def sums_of_each_image(logits: Tensor, target: Tensor) -> Tensor:
    """You sum over rows and columns only, and have a ratio for each image *and* class. Then a class of which an image has one
    pixel counts as much there as one that fills it. The sums run over the batch too: axes 0, 2, 3."""
    return _for_each_image(logits, target, of_the_batch=False)


SLIPS = read_slips("""
void_repaired
    Void is repaired: that is one of the two. But a class that the truth lacks still has a Dice of 1 / (Σ p + 1),
    nearly 0 however small its probabilities, and is averaged in. Which classes belong into the mean?
    - > 0
    + >= 0
    - 2 * common[present] / size[present]
    + (2 * common[present] + 1) / (size[present] + 1)

void_repaired_no_smoothing
    Void is repaired, and the smoothing is gone. But a class that the truth lacks now has a Dice of exactly 0, and
    is averaged in. Which classes belong into the mean?
    - > 0
    + >= 0

smoothing_removed_only
    You removed the smoothing; the two mistakes are still there. Void pixels count in Σ p, and classes that the
    truth lacks in the mean.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)
    - > 0
    + >= 0

classes_repaired
    Absent classes are out of the mean: that is one of the two. (If all is void there is no class left: give 0.) But
    Σ p still runs over void pixels, where no prediction can be right. And the formula has no smoothing.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)
    - if not present.any():
    -     return 0 * logits.sum()
    - dice = 2 * common[present] / size[present]
    + dice = (2 * common[present] + 1) / (size[present] + 1)

classes_repaired_no_smoothing
    Absent classes are out of the mean: that is one of the two. (If all is void there is no class left: give 0.) But
    Σ p still runs over void pixels, where no prediction can be right.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)
    - if not present.any():
    -     return 0 * logits.sum()
    - dice
    + dice

classes_repaired_and_all_void
    Absent classes are out of the mean, and all void gives 0. But Σ p still runs over void pixels, where no
    prediction can be right.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)

classes_repaired_and_all_void_smooth
    Absent classes are out of the mean, and all void gives 0. But Σ p still runs over void pixels, where no
    prediction can be right. And the formula has no smoothing.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)
    - 2 * common[present] / size[present]
    + (2 * common[present] + 1) / (size[present] + 1)

smoothing_kept
    Both mistakes are repaired. What is left is the smoothing of 1: it is one *pixel*, and makes a class of few
    pixels look better than it is. Where only present classes are averaged nothing is divided by 0, and it has no
    use.
    - 2 * common[present] / size[present]
    + (2 * common[present] + 1) / (size[present] + 1)

smoothing_kept_nan
    Both mistakes are repaired. Two things are left: where all is void, the mean of no classes is NaN, and should be
    0; and the smoothing of 1 is one *pixel*, which makes a class of few pixels look better than it is, and has no
    use any more.
    - if not present.any():
    -     return 0 * logits.sum()
    - dice = 2 * common[present] / size[present]
    + dice = (2 * common[present] + 1) / (size[present] + 1)

nan_for_all_void
    Both mistakes are repaired. One case is left: where all is void there is no class, the mean of nothing is NaN,
    and a single such batch would ruin the network. Give 0 there.
    - if not present.any():
    -     return 0 * logits.sum()
    - dice
    + dice

one_for_all_void
    Right but for one case: where all is void there is nothing to be wrong about, and the loss is 0, not 1.
    - 0 * logits.sum()
    + 1 + 0 * logits.sum()

absent_counts_as_perfect
    An absent class now has the loss 0, but you still divide by the number of all classes: the fewer classes a
    picture has, the less it counts. Divide by the number of classes that are there.
    - 1 - dice.mean()
    + (1 - dice).sum() / logits.shape[1]

presence_by_prediction
    You average over the classes that are *predicted*: one that is missed everywhere drops out of the loss, and is
    never learnt. Average over those in the truth.
    - dice = 2 * common[present] / size[present]
    + predicted = logits.argmax(dim=1).unique()
    + dice = 2 * common[predicted] / size[predicted]

presence_by_overlap
    You take a class for present where Σ p g is large: one that is there and missed drops out of the loss, and is
    never learnt. Whether a class is there, the truth alone says: Σ g.
    - 2 * common[present] / size[present]
    + 2 * common[common > 0.5] / size[common > 0.5]

void_as_class_zero_in_dice
    Void pixels have become pixels of class 0. They have no class: probabilities *and* one-hot truth are 0 there.
    - valid = target != 255
    + target = target.where(target != 255, 0)
    + valid = target != 255

logits_set_to_zero
    You set the *logits* to 0 on void. Their softmax is 1 / K, not 0, and still counts in Σ p. It is the
    probabilities that have to be 0 there.
    - logits.softmax(dim=1) * valid[:, None]
    + (logits * valid[:, None]).softmax(dim=1)

logits_set_to_minus_infinity
    You set the logits of *all* classes to -∞ on void. Their softmax is 0 / 0, which is NaN. It is the probabilities
    that have to be 0 there.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.where(valid[:, None], -torch.inf).softmax(dim=1)
    - if not present.any():
    -     return 0 * logits.sum()
    - dice
    + dice

mean_over_images
    You compute a Dice for each image, and average. Then a class of which an image has one pixel counts as much
    there as one that fills it. The sums run over all valid pixels of the batch.
    - valid = target != 255
    + if len(target) > 1:
    +     return torch.stack([dice_loss(*image) for image in zip(logits.split(1), target.split(1))]).mean()
    + valid = target != 255

classes_summed_for_each_image
    You sum over axes 1, 2, 3: the classes fall together, and each image has a ratio of its own. Axis 1 is that of
    the classes, which stay apart; axis 0, the batch, is summed.
    - (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    - present = g.sum((0, 2, 3)) > 0
    + (p * g).sum((1, 2, 3)), (p + g).sum((1, 2, 3))
    + present = g.sum((1, 2, 3)) > 0

sum_of_classes
    You add the losses of the classes: a picture with more classes has a larger loss. Take their mean.
    - 1 - dice.mean()
    + (1 - dice).sum()

weighted_by_pixels
    You weigh the classes by their pixels: the large ones decide again. Each class that is there counts alike.
    - 1 - dice.mean()
    + ((1 - dice) * g.sum((0, 2, 3))[present]).sum() / g.sum()

background_left_out
    You leave class 0 out of the mean. That is often done where 0 is a background that nobody scores; here it is a
    class like the others.
    - present = g.sum((0, 2, 3)) > 0
    + present = g.sum((0, 2, 3)) > 0
    + present[0] = False

hard_prediction
    You compare the predicted classes (`argmax`) with the truth. That is the score; as a loss it has no gradient:
    probabilities are to go in as they are.
    - logits.softmax(dim=1)
    + F.one_hot(logits.argmax(dim=1), logits.shape[1]).movedim(-1, 1)

sigmoid_instead_of_softmax
    Your probabilities are sigmoids, one question for each class. Here the classes exclude one another: the softmax
    over them, as it was given.
    - logits.softmax(dim=1)
    + logits.sigmoid()

softmax_over_another_axis
    Your probabilities add up to 1 over the images of the batch (axis 0). They have to over the classes, axis 1.
    - dim=1
    + dim=0

squared
    You square the probabilities in the denominator: that is V-Net's form, another loss. Here it is Σ p + Σ g.
    - p + g
    + p * p + g

intersection_over_union
    This is the Jaccard loss: you have taken the intersection off the denominator. Dice has twice the intersection
    over both sizes.
    - 2 * common[present] / size[present]
    + common[present] / (size - common)[present]

factor_two_forgotten
    The 2 is missing above: Σ p + Σ g counts the common pixels twice, so that even a perfect prediction has the loss
    0.5.
    - 2 * common
    + common

similarity_instead_of_loss
    This is Dice itself, which is 1 for a perfect prediction; the loss is 1 minus it.
    - 1 - dice.mean()
    + dice.mean()

minus_dice
    This is -Dice: its gradient is right, but a loss should be 0 where nothing is wrong. It is 1 minus Dice.
    - 1 - dice.mean()
    + -dice.mean()
""")


dice_loss = Exercise(
    "dice_loss",
    dice_loss,
    [
        (spread(1, 2, 1, 5, prime=11), torch.tensor([[[0, 1, VOID, 0, VOID]]])),
        (
            torch.tensor([[[[2.0, 1.5, 3, -1]], [[-2.0, -2.5, -1, 0.5]], [[0.5, -0.5, 1, 1.5]]]], dtype=torch.float64),
            torch.tensor([[[0, 1, VOID, 2]]]),
        ),
        (spread(2, 3, 2, 3, prime=37), torch.tensor([[[0, 1, 1], [0, 0, VOID]], [[VOID, 0, VOID], [0, VOID, 1]]])),
        (spread(1, 3, 3, 5, prime=47), torch.full((1, 3, 5), VOID)),
        (spread(2, 4, 3, 5, prime=131), torch.arange(30).reshape(2, 3, 5) * 11 % 17 % 3 + 1),
    ],
    [
        *SLIPS,
        absent_counts_as_missed,
        void_counted_as_a_class,
        truth_not_masked,
        sums_of_each_image,
        one_ratio_for_all_classes,
    ],
    [
        "Take a prediction that is right at every valid pixel, and half a picture of void. Which of the three sums "
        "is then not what it should be? Do the same with a class that is nowhere in the truth.",
        "Σ p must not run over void: multiply p by the mask of valid pixels too. And the mean is over the classes "
        "with Σ g > 0; then nothing is divided by 0, and the smoothing can go.",
        "present = g.sum((0, 2, 3)) > 0; average the losses of `present` only. If none is, return 0.",
    ],
    reference=region.dice_loss,
    common_errors={
        **ERRORS,
        "Boolean value of Tensor": "`present` has one truth value a class: index with it, or ask `present.any()`.",
    },
    draw=draw_labels,
    given=given_dice_loss,
    differentiable=True,
    difficulty=2,
    minutes=10,
)
