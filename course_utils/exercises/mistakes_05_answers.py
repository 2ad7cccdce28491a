"""Wrong answers to the questions of lesson 05, each with its name, what was answered, and the sentence for the student."""

from typing import Any

WHICH_LOSS: list[tuple[str, Any, str]] = [
    (
        "trust_weighted",
        ("classes exclude one another, probabilities will be trusted", "weighted cross-entropy"),
        "weights change which probabilities are best: with a weight of 9 a class that is there in one of ten cases "
        "should be given 0.5. Unweighted, the best answer is how often it is there.",
    ),
    (
        "trust_dice",
        ("classes exclude one another, probabilities will be trusted", "cross-entropy + dice"),
        "Dice drives probabilities to 0 and 1, whatever is known: where a pixel is foreground in one of ten cases, 0"
        " is best for it. What is to be trusted needs a loss whose best answer is how often it is so.",
    ),
    (
        "trust_sigmoid",
        ("classes exclude one another, probabilities will be trusted", "binary cross-entropy"),
        "sigmoids answer a question for each class, and their answers need not add up to 1. Where classes exclude "
        "one another, one softmax makes them.",
    ),
    (
        "several_by_softmax",
        ("a pixel may be of several classes at once", "cross-entropy"),
        "a softmax adds up to 1: a pixel that is of two classes could have 0.5 for each at best. Ask a question for "
        "each class.",
    ),
    (
        "rare_plain",
        ("1 % foreground, scored by Dice", "cross-entropy"),
        "99 per cent of the gradient comes from the background at first, and a network that finds nothing has a "
        "small loss. Something is wanted that looks at the region.",
    ),
    (
        "rare_weighted",
        ("1 % foreground, scored by Dice", "weighted cross-entropy"),
        "a weight of 99 finds the foreground, and more than that: a false alarm costs a hundredth of a miss, while "
        "Dice counts both alike.",
    ),
    (
        "rare_tversky",
        ("1 % foreground, scored by Dice", "tversky, beta > alpha"),
        "this trades false alarms for recall, while the score counts both alike (alpha = beta = 1/2 is Dice).",
    ),
    (
        "misses_swapped",
        ("missed lesions are worse than false alarms", "tversky, alpha > beta"),
        "alpha is the weight of FP, beta that of FN. (Papers differ: look before you use one.) A missed pixel is an "
        "FN.",
    ),
    (
        "false_alarms_swapped",
        ("false alarms are worse than missed lesions", "tversky, beta > alpha"),
        "alpha is the weight of FP, beta that of FN. (Papers differ: look before you use one.) A false alarm is an FP.",
    ),
    (
        "outlines_by_boundary_alone",
        ("large shapes are found, their outlines are off", "boundary alone"),
        "alone, it is 0 for an empty prediction, and close to that for anything small: training can end there. It is"
        " added to a region loss.",
    ),
    (
        "outlines_by_dice",
        ("large shapes are found, their outlines are off", "cross-entropy + dice"),
        "neither of the two knows how far a wrong pixel is from the outline; one of the others does.",
    ),
    (
        "noise_cross_entropy",
        ("one label in ten is wrong: which one suffers most?", "cross-entropy"),
        "it suffers, but averages over the right labels too. One of the others looks at nothing but the worst "
        "pixels, and those are the wrong labels, once the rest is learnt.",
    ),
]

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
    ("logarithm_of_the_weight", 1.0986123, "This is log 3. Where does the probability come in? σ(0) is not 1."),
    ("probability_times_weight", 1.5, "This is 3 times the probability 0.5: the logarithm is missing."),
    ("weight_as_logit", 0.0485874, "You took 3 for the logit. The logit is 0, and the weight multiplies the cost."),
    (
        "weight_as_odds",
        0.2876821,
        "You let the weight change the probability, to 3/4. It multiplies the cost, -log σ(0).",
    ),
    (
        "minus_forgotten",
        -2.0794415,
        "A cost below 0: the logarithm of a probability is negative, and a minus is missing.",
    ),
    ("base_two", 3.0, "You took the logarithm to the base 2. All losses here have the natural logarithm."),
    ("base_ten", 0.9030900, "You took the logarithm to the base 10. All losses here have the natural logarithm."),
    ("logit_as_probability", 0.0, "A logit of 0 is not a cost of 0: σ(0) = 0.5, the network does not know."),
]
