"""Cross-entropy of pixels, some of them void."""

import torch.nn.functional as F  # noqa: F401, slips call it
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_05.floors import logarithm_of_softmax_plus_epsilon
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
from course_utils.losses import distribution


def cross_entropy_of_pixels(logits: Tensor, target: Tensor) -> Tensor:
    """Mean of -log p of the true class over the valid pixels, one number, 0 where all is void: logits (B, K, H, W),
    target (B, H, W), void 255."""
    valid = target != 255
    if not valid.any():
        return 0 * logits.sum()
    log_p = logits.log_softmax(dim=1)
    of_true_class = log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    return -of_true_class[valid].mean()


SLIPS = read_slips("""
void_counts_as_zero
    Void pixels add nothing to your sum, but you divide by them as well: the more void a picture has, the smaller is
    its loss. The mean is one over the valid pixels.
    - of_true_class[valid]
    + (of_true_class * valid)

void_as_class_zero
    You treat void pixels as pixels of class 0, and the network is taught that they are. Leave them out of the mean.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - of_true_class[valid]
    + of_true_class

void_as_the_last_class
    You treat void pixels as pixels of the last class, and the network is taught that they are. Leave them out of
    the mean.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - target.where(valid, 0)
    + target.clamp(max=logits.shape[1] - 1)
    - of_true_class[valid]
    + of_true_class

minus_forgotten
    Yours is below 0, and falls as the prediction gets worse: the logarithm of a probability is negative. A minus is
    missing.
    - -of_true_class
    + of_true_class

sum_instead_of_mean
    This is the sum: an image of twice the height and width would have four times the loss, and the learning rate
    would have to follow. Take the mean over the valid pixels.
    - mean()
    + sum()

divided_by_the_classes
    Yours is too small by the number of classes: a mean over (pixels, classes) counts the zeros of the one-hot truth
    too. Sum over the classes, then take the mean over pixels.
    - mean()
    + mean() / logits.shape[1]

softmax_twice
    Softmax has been applied twice: `F.cross_entropy` and `log_softmax` want logits, and you gave them
    probabilities. Two probabilities differ by 1 at most, so that the network could never be sure of anything.
    - logits.log_softmax
    + logits.softmax(dim=1).log_softmax

no_softmax
    You average the logits of the true class. They are no log-probabilities yet: adding 1 to all logits of a pixel
    would change your loss, but not the prediction.
    - logits.log_softmax(dim=1)
    + logits

sigmoid_of_the_true_class
    You take the sigmoid of the true class's logit: the other classes' logits play no part, and nothing ever lowers
    them. p is the *softmax* probability.
    - logits.log_softmax(dim=1)
    + F.logsigmoid(logits)

no_logarithm
    You average probabilities: the logarithm is missing. (`F.nll_loss` takes log-probabilities, and no logarithm
    itself.)
    - log_softmax
    + softmax

one_minus_p
    You average 1 - p. Cross-entropy is -log p, which has no upper bound: being surely wrong costs much more than
    being unsure.
    - -of_true_class[valid].mean()
    + (1 - of_true_class[valid].exp()).mean()

mean_of_image_means
    You average over each image, and then over the images: a pixel of an image with much void weighs more than
    another. It is one mean, over all valid pixels of the batch.
    - of_true_class[valid].mean()
    + sum(image[inside].mean() for image, inside in zip(of_true_class, valid)) / len(target)

logarithm_of_softmax
    Right as long as logits are close together. Where they are far apart the softmax is rounded to 0, and the
    logarithm of that is infinite. `log_softmax` takes both steps at once, x - log Σ exp x, and rounds nothing to 0.
    - logits.log_softmax(dim=1)
    + logits.softmax(dim=1).log()

reshaped_without_moving_the_classes
    `reshape(-1, K)` takes the numbers as they lie in memory, where a class's whole map comes before the next: your
    rows are K neighbouring pixels of one class, not the K classes of one pixel. Move the classes to the last axis
    first.
    - valid = target != 255
    + logits, target = logits.reshape(-1, logits.shape[1]), target.reshape(-1)
    + valid = target != 255

one_hot_reshaped
    `F.one_hot` puts the classes last, (B, H, W, K). To reshape that into (B, K, H, W) mixes pixels and classes up:
    the axis has to be moved, which reorders the numbers.
    - log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    + (log_p * F.one_hot(target.where(valid, 0), logits.shape[1]).reshape(logits.shape)).sum(dim=1)

binary_for_each_class
    This is binary cross-entropy: a question of its own for each class, by sigmoid. Here the classes exclude one
    another: one softmax over them, and the logarithm at the true class only.
    - of_true_class = log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    + true = F.one_hot(target.where(valid, 0), logits.shape[1]).movedim(-1, 1) == 1
    + of_true_class = F.logsigmoid(logits.where(true, -logits)).mean(dim=1)

binary_added_up
    This is binary cross-entropy, added up over the classes: a question of its own for each, by sigmoid. Here the
    classes exclude one another: one softmax over them, and the logarithm at the true class only.
    - of_true_class = log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    + true = F.one_hot(target.where(valid, 0), logits.shape[1]).movedim(-1, 1) == 1
    + of_true_class = F.logsigmoid(logits.where(true, -logits)).sum(dim=1)

every_pixels_class_everywhere
    `log_p[:, target]` looks up, for every pixel of the target, a whole map (print its shape). At each pixel you
    want one number, that of its own class: `gather` along the classes does that.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    + log_p[:, target.where(valid, 0)]
    - of_true_class[valid]
    + of_true_class

background_ignored
    Class 0 is missing from your mean. It is a class like the others; void is 255. (After void has become 0, it can
    no more be told from class 0: keep the mask from before.)
    - target != 255
    + (target != 255) & (target > 0)

smoothed_labels
    You smooth the labels: a tenth of each pixel's truth is spread over all classes, and even a perfect prediction
    costs something. Here the true class has all of it.
    - of_true_class[valid].mean()
    + (0.9 * of_true_class + 0.1 * log_p.mean(dim=1))[valid].mean()

base_two
    You took the logarithm to the base 2. All losses here have the natural logarithm.
    - mean()
    + mean() / logits.new_tensor(2).log()

largest_probability
    You take the largest probability of each pixel, whatever class has it: the target plays no part, and being
    surely wrong costs nothing. It is the probability of the *true* class.
    - log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    + log_p.amax(dim=1)

logits_of_void_set_to_zero
    You set the logits to 0 on void. Their softmax is 1 / K, so that each void pixel costs log K, and counts in the
    mean. Leave those pixels out.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
    - logits.log_softmax
    + (logits * valid[:, None]).log_softmax
    - of_true_class[valid]
    + of_true_class

zero_losses_left_out
    You leave out every pixel whose loss is 0, to be rid of void. A pixel of which the network is right and sure has
    a loss of 0 as well, and counts: choose by the target, not by the loss.
    - of_true_class[valid]
    + of_true_class[valid & (of_true_class < 0)]

nan_for_all_void
    Where all is void there is no pixel to average over: 0 / 0 is NaN (`F.cross_entropy` gives that, too), and a
    single such batch would ruin the network. Give 0 there.
    - if not valid.any():
    -     return 0 * logits.sum()
    +
""")


cross_entropy_of_pixels = Exercise(
    "cross_entropy_of_pixels",
    cross_entropy_of_pixels,
    [SMALL, MIDDLE, FAR_APART, ALL_VOID],
    [*SLIPS, *SOFTMAX_AXES, logarithm_of_softmax_plus_epsilon],
    [
        "Three steps: log-probabilities of all classes at each pixel; of these the one of the true class; the mean "
        "over the pixels whose target is not 255.",
        "`logits.log_softmax(dim=1)` is (B, K, H, W). `gather(1, index)` picks one class at each pixel; the index is"
        " the target with an axis more, `target[:, None]`, and without 255 in it.",
        "valid = target != 255; log_p.gather(1, target.where(valid, 0)[:, None])[:, 0] is (B, H, W). Index it with "
        "`valid`, take the mean, and turn the sign round. Where nothing is valid, `0 * logits.sum()`.",
    ],
    reference=distribution.cross_entropy_loss,
    common_errors=ERRORS,
    draw=draw_labels,
    differentiable=True,
    library=["cross_entropy", "nll_loss", "cross_entropy_loss"],
    unaffected={"a cross-entropy is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=5,
)
