"""A bias to begin with, and a guess about gradients."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

PRIOR_BIAS: list[tuple[str, Any, str]] = [
    (
        "sign_turned_round",
        4.5951199,
        "With this bias it says 99 per cent. The odds of foreground are 1 to 99, which is below 1: its logarithm is negative.",
    ),
    (
        "logarithm_of_the_share",
        -4.6051702,
        "This is log 0.01, the logarithm of the probability. A logit is the logarithm of the *odds*, p / (1 - p).",
    ),
    (
        "logarithm_of_the_rest",
        -0.0100503,
        "This is log 0.99. The odds of foreground have its share above the bar and that of the rest below.",
    ),
    (
        "the_share",
        0.01,
        "This is the probability itself. As a logit it gives σ(0.01) = 0.5025: the network would say one half.",
    ),
    ("the_odds", 0.0101010, "These are the odds, 0.01 / 0.99. The logit is their logarithm."),
    ("odds_of_the_rest", 99.0, "99 are the odds of background. The logit is a logarithm, and foreground is asked for."),
    ("base_ten", -1.9956352, "You took the logarithm to the base 10. The sigmoid has e as its base."),
    ("base_two", -6.6293566, "You took the logarithm to the base 2. The sigmoid has e as its base."),
    ("zero", 0.0, "With a bias of 0 it says one half: that is what networks begin with, and what is to be avoided."),
    (
        "share_of_one_per_cent_missed",
        -2.1972246,
        "This is the logit of one in *ten*. One per cent is one in a hundred.",
    ),
]


prior_bias = Answer(
    "prior_bias",
    "One per cent of the pixels is foreground. The weights of the last layer begin near zero. Which bias lets a sigmoid say 0.01 "
    "everywhere, to three decimals?",
    -4.5951199,
    PRIOR_BIAS,
    ["Which logit has σ(x) = 0.01? Solve it for x.", "The logit of p is log(p / (1 - p))."],
    explanation=(
        "log(0.01 / 0.99). Training begins where the constant answer is: the hundred steps in which a network only learns "
        "that most pixels are background are saved."
    ),
    tolerance=1e-3,
    difficulty=1,
    minutes=4,
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
