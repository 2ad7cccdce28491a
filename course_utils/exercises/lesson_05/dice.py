"""The Dice loss with void and absent classes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.datasets.samples import VOID
from course_utils.exercises import Exercise
from course_utils.exercises.lesson_05.logits_and_labels import ALL_VOID, ERRORS, draw_labels, spread
from course_utils.exercises.slips import read_slips
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


SLIPS = read_slips("""
absent_averaged_in
    A class that the truth lacks has a Dice of 0, or nearly 0, however small its probabilities, and is averaged in.
    Which classes belong in the mean?
    - > 0
    + >= 0

classes_repaired
    Absent classes are out of the mean: that is one of the two. (If all is void there is no class left: give 0.) But
    Σ p still runs over void pixels, where no prediction can be right. And the formula has no smoothing.
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)
    - if not present.any():
    -     return 0 * logits.sum()
    +
    - 2 * common[present] / size[present]
    + (2 * common[present] + 1) / (size[present] + 1)

void_in_the_sum_of_p
    Σ p still runs over void pixels, where no prediction can be right. (Take a prediction that is right at every
    valid pixel.)
    - logits.softmax(dim=1) * valid[:, None]
    + logits.softmax(dim=1)

smoothing_kept
    The formula has no smoothing. A 1 is one *pixel*, and makes a class of few pixels look better than it is. Where
    only present classes are averaged nothing is divided by 0, and it has no use.
    - 2 * common[present] / size[present]
    + (2 * common[present] + 1) / (size[present] + 1)

absent_counts_as_perfect
    An absent class now has the loss 0, but you still divide by the number of all classes: the fewer classes a
    picture has, the less it counts. Divide by the number of classes that are there.
    - 1 - dice.mean()
    + (1 - dice).sum() / logits.shape[1]

absent_counts_as_missed
    An absent class has a Dice of 0 in your mean, as if it had been missed: you divide by the number of all classes
    (or take all for present, as their probabilities are never 0). Average those of the *truth* only.
    - 1 - dice.mean()
    + 1 - dice.sum() / logits.shape[1]
    - if not present.any():
    -     return 0 * logits.sum()
    +

absent_counts_as_missed_but_all_void
    An absent class has a Dice of 0 in your mean, as if it had been missed: you divide by the number of all classes
    (or take all for present, as their probabilities are never 0). Average those of the *truth* only.
    - 1 - dice.mean()
    + 1 - dice.sum() / logits.shape[1]

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

void_counted_as_a_class
    You divide by the number of values in the target, and 255 is one of them. Void is no class: count the others.
    - 1 - dice.mean()
    + (1 - dice).sum() / len(target.unique())

void_counted_as_missed
    You divide by the number of values in the target, and 255 is one of them. Void is no class: count the others.
    - 1 - dice.mean()
    + 1 - dice.sum() / len(target.unique())

void_as_class_zero_in_dice
    Void pixels have become pixels of class 0. They have no class: probabilities *and* one-hot truth are 0 there.
    - valid = target != 255
    + target = target.where(target != 255, 0)
    + valid = target != 255

truth_not_masked
    The probabilities are 0 on void, but the one-hot truth is not any more: void pixels are of class 0 in it. Both
    have to be 0 there.
    - .movedim(-1, 1) * valid[:, None]
    + .movedim(-1, 1)
    - present.any()
    + valid.any()

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

mean_over_images
    You compute a Dice for each image, and average. Then a class of which an image has one pixel counts as much
    there as one that fills it. The sums run over all valid pixels of the batch.
    - valid = target != 255
    + if len(target) > 1:
    +     return torch.stack([dice_loss(*image) for image in zip(logits.split(1), target.split(1))]).mean()
    + valid = target != 255

sums_of_each_image
    You sum over rows and columns only, and have a ratio for each image *and* class. Then a class of which an image
    has one pixel counts as much there as one that fills it. The sums run over the batch too: axes 0, 2, 3.
    - (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    - present = g.sum((0, 2, 3)) > 0
    + (p * g).sum((2, 3)), (p + g).sum((2, 3))
    + present = g.sum((2, 3)) > 0

sums_of_each_image_and_class
    You sum over rows and columns only, and have a ratio for each image *and* class. Then a class of which an image
    has one pixel counts as much there as one that fills it. The sums run over the batch too: axes 0, 2, 3.
    - (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    + (p * g).sum((2, 3)), (p + g).sum((2, 3))
    - 2 * common[present] / size[present]
    + 2 * common[:, present] / size[:, present]

classes_summed_for_each_image
    You sum over axes 1, 2, 3: the classes fall together, and each image has a ratio of its own. Axis 1 is that of
    the classes, which stay apart; axis 0, the batch, is summed.
    - (p * g).sum((0, 2, 3)), (p + g).sum((0, 2, 3))
    - present = g.sum((0, 2, 3)) > 0
    + (p * g).sum((1, 2, 3)), (p + g).sum((1, 2, 3))
    + present = g.sum((1, 2, 3)) > 0

one_ratio_for_all_classes
    You sum over the classes as well, and have one ratio: a class of few pixels has next to no influence on it. A
    Dice for each class first, then their mean.
    - 2 * common[present] / size[present]
    + 2 * common.sum() / size.sum()

one_ratio_for_present_classes
    You sum over the classes as well, and have one ratio: a class of few pixels has next to no influence on it. A
    Dice for each class first, then their mean.
    - 2 * common[present] / size[present]
    + 2 * common[present].sum() / size[present].sum()

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

one_for_all_void
    Where all is void there is nothing to be wrong about, and the loss is 0, not 1.
    - 0 * logits.sum()
    + 1 + 0 * logits.sum()

nan_for_all_void
    Where all is void there is no class to average over. (The mean of nothing is NaN, and a single such batch would
    ruin the network.) Give 0 there.
    - if not present.any():
    -     return 0 * logits.sum()
    +
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
        ALL_VOID,
        (spread(2, 4, 3, 5, prime=131), torch.arange(30).reshape(2, 3, 5) * 11 % 17 % 3 + 1),
    ],
    SLIPS,
    [
        "Take a prediction that is right at every valid pixel, and half a picture of void. Which of the three sums "
        "is then not what it should be? Do the same with a class that is nowhere in the truth.",
        "Σ p must not run over void: multiply p by the mask of valid pixels too. And the mean is over the classes "
        "with Σ g > 0; then nothing is divided by 0, and the smoothing can go.",
        "present = g.sum((0, 2, 3)) > 0; average the losses of `present` only. If none is, return `0 * logits.sum()`.",
    ],
    reference=region.dice_loss,
    common_errors={
        **ERRORS,
        "Boolean value of Tensor": "`present` has one truth value a class: index with it, or ask `present.any()`.",
    },
    draw=draw_labels,
    given=given_dice_loss,
    differentiable=True,
    unaffected={
        "a Dice loss lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"]
    },
    difficulty=2,
    minutes=10,
)
