"""What a weighted pixel costs, and a guess about gradients."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

_TOO_EARLY = "Rounded too early: log 2 is 0.6931 and more. Multiply first, and round the product."

POSITIVE_WEIGHT: list[tuple[str, Any, str]] = [
    (
        "unweighted",
        0.6931472,
        "This is the cost without the weight, log 2. (`F.cross_entropy` divides by the weights, so that one pixel "
        "alone would keep its 0.693; binary cross-entropy does not.)",
    ),
    (
        "both_terms",
        1.3862944,
        "This is 2 log 2: the terms of foreground and background have been added. Of the two a pixel has one, that "
        "of its label.",
    ),
    (
        "both_terms_weighted",
        2.7725887,
        "The terms of foreground and background have been added. Of the two a pixel has one, that of its label.",
    ),
    (
        "both_terms_with_the_weight",
        4.1588831,
        "This is 6 log 2: the terms of foreground and background have been added, both with the weight. Of the two a pixel "
        "has one, that of its label.",
    ),
    ("logarithm_of_the_weight", 1.0986123, "This is log 3. Where does the probability come in? σ(0) is not 1."),
    ("probability_times_weight", 1.5, "This is 3 times the probability 0.5: the logarithm is missing."),
    ("weight_as_logit", 0.0485874, "You took 3 for the logit. The logit is 0, and the weight multiplies the cost."),
    (
        "weight_as_odds",
        0.2876821,
        "You let the weight change the probability, to 3/4. It multiplies the cost, -log σ(0).",
    ),
    (
        "divided_by_the_weight",
        0.2310491,
        "You divide by the weight. It multiplies: a weight above 1 makes a miss dearer.",
    ),
    (
        "divided_by_both_weights",
        0.5198604,
        "You divide by the sum of the weights, 3 + 1. Binary cross-entropy with `pos_weight` is not divided by it.",
    ),
    (
        "half_of_it",
        1.0397208,
        "This is half of it: 3 log 2 has been halved by a mean over two, or by the probability 0.5. It is one pixel, and of its "
        "two terms the one of its label.",
    ),
    (
        "minus_forgotten",
        -2.0794415,
        "A cost below 0: the logarithm of a probability is negative, and a minus is missing.",
    ),
    (
        "base_two",
        3.0,
        "3 is the weight; it multiplies -log σ(0), which is not 1. (To the base 2 it would be: all losses here have the natural "
        "logarithm.)",
    ),
    (
        "base_two_unweighted",
        1.0,
        "With the logarithm to the base 2 that is the cost without the weight. All losses here have the natural logarithm, "
        "and the weight multiplies it.",
    ),
    ("base_ten", 0.9030900, "You took the logarithm to the base 10. All losses here have the natural logarithm."),
    ("logit_as_probability", 0.0, "A logit of 0 is not a cost of 0: σ(0) = 0.5, the network does not know."),
    ("rounded_to_two_digits", 2.07, _TOO_EARLY),
    ("rounded_to_one_digit", 2.1, _TOO_EARLY),
]


positive_weight = Answer(
    "positive_weight",
    "Binary cross-entropy with pos_weight = 3. A pixel is foreground, and its logit is 0: what does it cost, to "
    "three decimals?",
    2.0794415,
    POSITIVE_WEIGHT,
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
