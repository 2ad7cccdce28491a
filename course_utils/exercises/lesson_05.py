"""The exercises of lesson 05: losses and imbalance."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_05 as mistakes,
    mistakes_05_answers as answers,
    mistakes_05_dice as mistakes_in_dice,
    mistakes_05_dice_sums as mistakes_in_sums,
    mistakes_05_distances as mistakes_in_distances,
    mistakes_05_focal as mistakes_in_focal,
    mistakes_05_jaccard as mistakes_in_jaccard,
    probes_05 as probes,
)
from course_utils.exercises.questions import Answer, Prediction
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
    "Target 255 is out of bounds": (
        "Void (255) is no class. `F.cross_entropy` and `F.nll_loss` leave out the pixels that `ignore_index` names: "
        "`ignore_index=255`."
    ),
    "indexing tensors could not be broadcast": _GATHERED,
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
    mistakes.CROSS_ENTROPY,
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
    differentiable=True,
    difficulty=2,
    minutes=5,
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
        "Not 50, although each class is half of the loss: gradients are not shared like losses. At "
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
    mistakes_in_focal.FOCAL,
    [
        "Start from the cross-entropy of each valid pixel, before the mean is taken: it is -log p of the true class.",
        "p itself is the exponential of log p. Each pixel gets a factor of its own, (1 - p) ** gamma.",
        "log_p as in the exercise before, of the valid pixels only; then -((1 - log_p.exp()) ** gamma * log_p).mean().",
    ],
    reference=lambda logits, target, gamma: distribution.focal_loss(logits, target, gamma=gamma),
    common_errors=_ERRORS,
    draw=probes.draw_focal,
    differentiable=True,
    difficulty=2,
    minutes=5,
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
    mistakes_in_dice.REPAIRS + mistakes_in_sums.SUMS,
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
    given=mistakes_in_dice.given_dice_loss,
    differentiable=True,
    difficulty=2,
    minutes=10,
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
    mistakes_in_jaccard.JACCARD,
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
    differentiable=("p",),
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
    mistakes_in_distances.SIGNED_DISTANCE,
    [
        "Take a pixel inside, right at the edge of the mask. Which pixels may be the nearest that counts, and how close can "
        "the closest of them be? Can any pixel have 0?",
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
        "Negation, the `-` operator, on a bool": "The other kind of pixel is `~mask`.",
        "Boolean value of Tensor": "`not` and `if` want one truth value. Pixel by pixel, the other kind is `~mask`.",
        "got Bool for the destination": (
            "Distances do not fit into a map of truth values, and `zeros_like(mask)` is one, as `mask` is: say "
            "`dtype=torch.float64`."
        ),
        "result type Float can't be cast": "Distances are decimal numbers: `torch.zeros(mask.shape, dtype=torch.float64)`.",
        "argument is an empty": (
            "There was nothing to take the shortest of: a row need not have pixels of both kinds. Look at the whole map."
        ),
        "iterable argument is empty": (
            "There was nothing to take the shortest of: a row need not have pixels of both kinds. Look at the whole map."
        ),
        "not implemented for 'Bool'": "Truth values cannot be computed with; `mask.long()` makes 0 and 1 of them.",
    },
    draw=probes.draw_mask,
    difficulty=2,
    minutes=10,
)


which_loss = Answer(
    "which_loss",
    "Which loss for which purpose? Each option is right at most once; two never are.",
    {
        answers.TRUST: "cross-entropy",
        answers.SEVERAL: "binary cross-entropy",
        answers.RARE: "cross-entropy + dice",
        answers.MISSES: "tversky, beta > alpha",
        answers.FALSE_ALARMS: "tversky, alpha > beta",
        answers.OUTLINES: "dice + boundary",
        answers.HARDEST: "top-k",
    },
    answers.WHICH_LOSS,
    [
        "Three questions sort most of them: do classes exclude one another, is a pixel or a region scored, and which "
        "error is worse, FP or FN?",
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
