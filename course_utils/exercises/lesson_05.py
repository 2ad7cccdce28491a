"""The exercises of lesson 05: losses and imbalance."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_05 as mistakes,
    mistakes_05_answers as answers,
    mistakes_05_distances as mistakes_in_distances,
    mistakes_05_regions as mistakes_in_regions,
    probes_05 as probes,
)
from course_utils.exercises.kinds import Answer, Prediction
from course_utils.losses import boundary, distribution, region

_GATHERED = (
    "`gather` reads values (B, K, H, W) at an index (B, 1, H, W): give the target its axis with `target[:, None]`, "
    "take it off again with `[:, 0]`."
)
_NO_CLASS_255 = (
    "Void (255) is no class and cannot be looked up. Put some class there first, `target.where(valid, 0)`, and leave"
    " those pixels out afterwards."
)
_ERRORS = {
    "255 is out of bounds": _NO_CLASS_255,
    "Class values must be smaller": _NO_CLASS_255,
    "same number of dimensions": _GATHERED,
    "must match the size of tensor": (
        "Two shapes do not fit. `F.one_hot` puts the classes last, (B, H, W, K); `.movedim(-1, 1)` makes it (B, K, H, W). "
        "A map (B, H, W) gets an axis for the classes with `[:, None]`."
    ),
    "shape of the mask": "A mask (B, H, W) indexes maps (B, H, W): take the true class of each pixel first.",
}


def cross_entropy_of_pixels(logits: Tensor, target: Tensor) -> Tensor:
    """Mean of -log p of the true class over the valid pixels, one number: logits (B, K, H, W), target (B, H, W), void 255."""
    valid = target != 255
    log_p = logits.log_softmax(dim=1)
    of_true_class = log_p.gather(1, target.where(valid, 0)[:, None])[:, 0]
    return -of_true_class[valid].mean()


cross_entropy_of_pixels = Exercise(
    "cross_entropy_of_pixels",
    cross_entropy_of_pixels,
    probes.CROSS_ENTROPIES,
    [
        mistakes.void_counts_as_zero,
        mistakes.void_as_class_zero,
        mistakes.void_as_the_last_class,
        mistakes.void_counts_as_zero_and_logarithm_of_softmax,
        mistakes.void_as_class_zero_and_logarithm_of_softmax,
        mistakes.softmax_over_columns,
        mistakes.softmax_over_rows,
        mistakes.softmax_over_the_batch,
        mistakes.minus_forgotten,
        mistakes.sum_instead_of_mean,
        mistakes.divided_by_the_classes,
        mistakes.mean_of_all_entries,
        mistakes.softmax_twice,
        mistakes.no_softmax,
        mistakes.no_logarithm,
        mistakes.one_minus_p,
        mistakes.mean_of_image_means,
        mistakes.logarithm_of_softmax,
        mistakes.logarithm_of_softmax_plus_epsilon,
    ],
    [
        "Three steps: log-probabilities of all classes at each pixel; of these the one of the true class; the mean "
        "over the pixels whose target is not 255.",
        "`logits.log_softmax(dim=1)` is (B, K, H, W). `gather(1, index)` picks one class at each pixel; the index is"
        " the target with an axis more, `target[:, None]`, and without 255 in it.",
        "valid = target != 255; log_p.gather(1, target.where(valid, 0)[:, None])[:, 0] is (B, H, W). Index it with "
        "`valid`, take the mean, and turn the sign round.",
    ],
    reference=distribution.cross_entropy_loss,
    common_errors=_ERRORS,
    draw=probes.draw_labels,
    difficulty=2,
    minutes=8,
)


positive_weight = Answer(
    "positive_weight",
    "Binary cross-entropy with pos_weight = 3. A pixel is foreground, and its logit is 0: what does it cost, to "
    "three decimals?",
    2.0794415,
    answers.POSITIVE_WEIGHT,
    ["A logit of 0 is a probability of σ(0) = 0.5.", "-w log σ(x), with w = 3 because the label is 1."],
    explanation=(
        "3 log 2: a miss costs as much as three false alarms of the same certainty, which raises recall. A background "
        "pixel still costs 0.693."
    ),
    tolerance=1e-3,
    difficulty=1,
    minutes=3,
)


rare_share = Prediction(
    "rare_share",
    "One per cent of the pixels is foreground, and the network says 0.5 everywhere. With cross-entropy, the "
    "foreground's pixels get 1 per cent of the gradient. With the Dice loss, averaged over both classes: how many "
    "per cent?",
    [
        "Both classes have half of the loss. But a pixel has influence on the loss of either class.",
        "Dice is 2 Σ p g / (Σ p + Σ g). What is Σ p of the foreground, when p is 0.5 everywhere: near its 1 per "
        "cent, or near 50?",
    ],
    explanation=(
        "A common guess is 50, because each class is half of the loss. But gradients are not shared like losses: at "
        "0.5 everywhere Σ p is half of the picture for both classes, and that stands below the fraction bar. A pixel"
        " of the rare class gets 4.6 times the gradient of another; there are 99 times as many others. (Weighted by "
        "inverse frequency, cross-entropy gives 50.)"
    ),
    limits=(0, 100),
    digits=1,
    minutes=2,
)


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of -(1 - p)^γ log p over the valid pixels, p the softmax probability of the true class; void 255 → one
    number."""
    valid = target != 255
    log_p = logits.log_softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]
    factor = (1 - log_p.exp()) ** gamma
    return -(factor * log_p).mean()


focal_loss = Exercise(
    "focal_loss",
    focal_loss,
    probes.FOCAL,
    [
        mistakes.plain_cross_entropy,
        mistakes.easy_pixels_weighted,
        mistakes.factor_inside_the_logarithm,
        mistakes.factor_alone,
        mistakes.factor_of_the_mean,
        mistakes.factor_of_the_largest,
        mistakes.divided_by_the_factors,
        mistakes.one_minus_log_p,
        mistakes.sigmoid_for_each_class,
        mistakes.summed_sigmoids,
        mistakes.all_classes_as_if_true,
        mistakes.gamma_times,
        mistakes.always_two,
        mistakes.alpha_as_well,
        mistakes.minus_forgotten_in_focal,
        mistakes.focal_with_void,
        mistakes.focal_over_all_pixels,
        mistakes.focal_over_all_entries,
        mistakes.focal_summed,
    ],
    [
        "Start from the cross-entropy of each valid pixel, before the mean is taken: it is -log p of the true class.",
        "p itself is the exponential of log p. Each pixel gets a factor of its own, (1 - p) ** gamma.",
        "log_p as in the exercise before, of the valid pixels only; then -((1 - log_p.exp()) ** gamma * log_p).mean().",
    ],
    reference=lambda logits, target, gamma: distribution.focal_loss(logits, target, gamma=gamma),
    common_errors=_ERRORS,
    draw=probes.draw_focal,
    difficulty=2,
    minutes=8,
)


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
    return (1 - 2 * common[present] / size[present]).mean()


dice_loss = Exercise(
    "dice_loss",
    dice_loss,
    probes.DICE,
    [
        mistakes_in_regions.void_repaired,
        mistakes_in_regions.void_repaired_no_smoothing,
        mistakes_in_regions.smoothing_removed_only,
        mistakes_in_regions.classes_repaired,
        mistakes_in_regions.classes_repaired_no_smoothing,
        mistakes_in_regions.classes_repaired_and_all_void,
        mistakes_in_regions.classes_repaired_and_all_void_smooth,
        mistakes_in_regions.smoothing_kept,
        mistakes_in_regions.smoothing_kept_nan,
        mistakes_in_regions.nan_for_all_void,
        mistakes_in_regions.one_for_all_void,
        mistakes_in_regions.absent_counts_as_perfect,
        mistakes_in_regions.void_as_class_zero_in_dice,
        mistakes_in_regions.logits_set_to_zero,
        mistakes_in_regions.mean_over_images,
        mistakes_in_regions.squared,
        mistakes_in_regions.intersection_over_union,
        mistakes_in_regions.factor_two_forgotten,
        mistakes_in_regions.similarity_instead_of_loss,
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
        **_ERRORS,
        "Boolean value of Tensor": "`present` has one truth value a class: index with it, or ask `present.any()`.",
    },
    draw=probes.draw_labels,
    given=mistakes_in_regions.given_dice_loss,
    difficulty=3,
    minutes=15,
)


def jaccard_loss(p: Tensor, g: Tensor) -> Tensor:
    """1 - intersection / union of one mask, in its soft form: probabilities p (H, W) in (0, 1), truth g (H, W) of 0
    and 1, not all 0 → one number."""
    intersection = (p * g).sum()
    union = p.sum() + g.sum() - intersection
    return 1 - intersection / union


jaccard_loss = Exercise(
    "jaccard_loss",
    jaccard_loss,
    probes.JACCARD,
    [
        mistakes_in_regions.intersection_not_taken_off,
        mistakes_in_regions.dice_of_binary,
        mistakes_in_regions.twice_over_the_union,
        mistakes_in_regions.thresholded,
        mistakes_in_regions.ratio_for_each_row,
        mistakes_in_regions.ratio_for_each_column,
        mistakes_in_regions.iou_itself,
        mistakes_in_regions.squares_below,
        mistakes_in_regions.smoothed_by_one,
        mistakes_in_regions.over_all_pixels,
        mistakes_in_regions.brackets_missing,
    ],
    [
        "For masks of 0 and 1, Σ p g counts the pixels of both. How do you count those of either, from Σ p, Σ g and "
        "Σ p g?",
        "Σ p + Σ g counts the common pixels twice: take the intersection off once. All sums run over all pixels.",
    ],
    reference=lambda p, g: region.jaccard_loss(p.logit()[None, None], g.long()[None, None], multilabel=True),
    common_errors={
        "ogical": "`&` and `|` are for truth values. For probabilities, the product takes the place of 'and'.",
        "bitwise": "`&` and `|` are for truth values. For probabilities, the product takes the place of 'and'.",
    },
    draw=probes.draw_binary,
    difficulty=1,
    minutes=5,
)


def signed_distance(mask: Tensor) -> Tensor:
    """Signed distance of each pixel, from centre to centre, mask (H, W) bool → (H, W): outside the mask to the nearest
    pixel inside, and inside it minus the distance to the nearest pixel outside. There are pixels of both kinds."""
    inside, outside = mask.nonzero().double(), (~mask).nonzero().double()
    apart = torch.cdist(inside, outside)
    distances = torch.zeros(mask.shape, dtype=torch.float64)
    distances[mask] = -apart.amin(dim=1)
    distances[~mask] = apart.amin(dim=0)
    return distances


signed_distance = Exercise(
    "signed_distance",
    signed_distance,
    probes.MASKS,
    [
        mistakes_in_distances.sign_turned_round,
        mistakes_in_distances.sign_forgotten,
        mistakes_in_distances.squared_distances,
        mistakes_in_distances.city_block,
        mistakes_in_distances.chessboard,
        mistakes_in_distances.cut_to_whole_numbers,
        mistakes_in_distances.along_the_row_and_column,
        mistakes_in_distances.nothing_inside,
        mistakes_in_distances.nothing_outside,
        mistakes_in_distances.one_less_inside,
        mistakes_in_distances.one_less_outside,
        mistakes_in_distances.one_less_everywhere,
        mistakes_in_distances.to_the_edge_between_pixels,
        mistakes_in_distances.to_the_outermost_of_the_mask,
        mistakes_in_distances.beyond_the_image_is_outside,
        mistakes_in_distances.scaled_to_one,
    ],
    [
        "Try a row by hand: 0 0 1 1 1 0 0 gives 2 1 -1 -2 -1 1 2. No pixel has 0.",
        "Brute force will do: for each pixel, look at all pixels of the other kind, and keep the shortest distance. "
        "`mask.nonzero()` lists the rows and columns of the pixels inside.",
        "`torch.cdist(inside.double(), outside.double())` holds all distances from inside to outside: its minimum "
        "along one axis is for the pixels inside, along the other for those outside. `distances[mask] = ...` writes "
        "them.",
    ],
    reference=lambda mask: boundary.signed_distance(mask, dtype=torch.float64),
    common_errors={
        "cdist": "`torch.cdist` wants decimal numbers: `mask.nonzero().double()`.",
        "dtype of input": "Distances are decimal numbers: make whole numbers `.double()` first.",
        "can't be cast": "Distances are decimal numbers: `torch.zeros(mask.shape, dtype=torch.float64)`.",
        "Subtraction, the `-` operator, with a bool": "The other kind of pixel is `~mask`.",
        "not implemented for 'Bool'": "Truth values cannot be computed with; `mask.long()` makes 0 and 1 of them.",
    },
    draw=probes.draw_mask,
    difficulty=2,
    minutes=10,
)


which_loss = Answer(
    "which_loss",
    "Which loss for which purpose? Each of the options is right once, apart from two that never are.",
    {
        "classes exclude one another, probabilities will be trusted": "cross-entropy",
        "a pixel may be of several classes at once": "binary cross-entropy",
        "1 % foreground, scored by Dice": "cross-entropy + dice",
        "missed lesions are worse than false alarms": "tversky, beta > alpha",
        "false alarms are worse than missed lesions": "tversky, alpha > beta",
        "large shapes are found, their outlines are off": "dice + boundary",
        "one label in ten is wrong: which one suffers most?": "top-k",
    },
    answers.WHICH_LOSS,
    [
        "Two questions sort most of them: do classes exclude one another, and which error is worse, FP or FN?",
        "`boundary alone` and `weighted cross-entropy` are the two that are never right.",
        "In the Tversky loss alpha stands before FP and beta before FN. Top-k averages the largest losses only.",
    ],
    options=(
        "cross-entropy",
        "weighted cross-entropy",
        "binary cross-entropy",
        "cross-entropy + dice",
        "dice + boundary",
        "boundary alone",
        "top-k",
        "tversky, alpha > beta",
        "tversky, beta > alpha",
    ),
    explanation="No loss is best: each says which error is expensive.",
    difficulty=1,
    minutes=5,
)
