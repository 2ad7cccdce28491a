"""Wrong answers to the questions of lesson 05, each with its name, what was answered, and the sentence for the student."""

from typing import Any

TRUST = "classes exclude one another and probabilities will be trusted"
SEVERAL = "a pixel may be of several classes at once"
RARE = "1 % foreground and scored by Dice wherever the errors lie"
MISSES = "missed lesions are worse than false alarms and overlap is scored"
FALSE_ALARMS = "false alarms are worse than missed lesions and overlap is scored"
OUTLINES = "errors far from the outline are to cost more than near ones"
HARDEST = "the few hardest pixels decide and every label can be trusted"

_SWAPPED = "alpha is the weight of FP, beta that of FN. (Papers differ: look before you use one.)"
_WEIGHTS_COUNT_PIXELS = (
    "a weight can make one error dearer than the other, but each pixel is still priced for itself, and the overlap of the "
    "region is not. One of the others weighs FP and FN within an overlap."
)
_NO_SIDE = "in it both errors cost alike; one of the others has a weight for each."
_NO_OUTLINE = "it does not know how far a wrong pixel is from the outline; one of the others does."

WHICH_LOSS: list[tuple[str, Any, str]] = [
    (
        "trust_weighted",
        (TRUST, "weighted cross-entropy"),
        "weights change which probabilities are best: with a weight of 9 a class that is there in one of ten cases "
        "should be given 0.5. Unweighted, the best answer is how often it is there.",
    ),
    (
        "trust_dice",
        (TRUST, "cross-entropy + dice"),
        "Dice drives probabilities to 0 and 1: where a pixel is foreground in one of ten cases, its best answer is not 0.1, but "
        "1 if that chance is above half of the Dice that is reached over all, and else 0 (Lipton et al. 2014). What is to be "
        "trusted needs a loss whose best answer is how often it is so.",
    ),
    (
        "trust_sigmoid",
        (TRUST, "binary cross-entropy"),
        "sigmoids answer a question for each class, and their answers need not add up to 1. Where classes exclude "
        "one another, one softmax makes them.",
    ),
    (
        "trust_top_k",
        (TRUST, "top-k"),
        "it looks at the worst pixels only, and makes probabilities right for those, not for all. A probability is to be "
        "trusted wherever it stands: every pixel has to count.",
    ),
    (
        "several_by_softmax",
        (SEVERAL, "cross-entropy"),
        "a softmax adds up to 1: a pixel that is of two classes could have 0.5 for each at best. Ask a question for "
        "each class.",
    ),
    (
        "several_by_weighted_softmax",
        (SEVERAL, "weighted cross-entropy"),
        "weights do not help a softmax to be near 1 for two classes at once: it adds up to 1. Ask a question for each "
        "class.",
    ),
    (
        "several_by_softmax_and_dice",
        (SEVERAL, "cross-entropy + dice"),
        "Dice would do, with a sigmoid for each class, but cross-entropy's softmax adds up to 1, and two classes would share "
        "it. Ask a question for each class.",
    ),
    (
        "rare_plain",
        (RARE, "cross-entropy"),
        "99 per cent of the gradient comes from the background at first, and a network that finds nothing has a "
        "small loss. Something is wanted that looks at the region.",
    ),
    (
        "rare_weighted",
        (RARE, "weighted cross-entropy"),
        "a weight of 99 finds the foreground, and more than that: a false alarm costs a hundredth of a miss, while "
        "Dice counts both alike.",
    ),
    (
        "rare_tversky",
        (RARE, "tversky, beta > alpha"),
        "this trades false alarms for recall, while the score counts both alike (alpha = beta = 1/2 is Dice).",
    ),
    (
        "rare_boundary",
        (RARE, "dice + boundary"),
        "Kervadec et al. do add the boundary loss for highly unbalanced masks. But it prices a wrong pixel by its distance from "
        "the outline, and this score counts all alike, wherever they lie.",
    ),
    (
        "rare_boundary_alone",
        (RARE, "boundary alone"),
        "alone, it is 0 for an empty prediction, and close to that for anything small: with 1 % foreground training is most "
        "likely to end there.",
    ),
    (
        "rare_top_k",
        (RARE, "top-k"),
        "the hardest tenth of the pixels has much of the foreground, but it is still a mean over pixels. The score is one over "
        "a region, and one of the others has it in it.",
    ),
    (
        "misses_swapped",
        (MISSES, "tversky, alpha > beta"),
        f"{_SWAPPED} A missed pixel is an FN.",
    ),
    ("misses_weighted", (MISSES, "weighted cross-entropy"), _WEIGHTS_COUNT_PIXELS),
    (
        "misses_binary",
        (MISSES, "binary cross-entropy"),
        "it prices each pixel for itself, and with its `pos_weight` at 1 both errors alike. Overlap is scored: one of the others "
        "weighs FP and FN within an overlap.",
    ),
    ("misses_dice", (MISSES, "cross-entropy + dice"), _NO_SIDE),
    (
        "false_alarms_swapped",
        (FALSE_ALARMS, "tversky, beta > alpha"),
        f"{_SWAPPED} A false alarm is an FP.",
    ),
    ("false_alarms_weighted", (FALSE_ALARMS, "weighted cross-entropy"), _WEIGHTS_COUNT_PIXELS),
    ("false_alarms_dice", (FALSE_ALARMS, "cross-entropy + dice"), _NO_SIDE),
    (
        "outlines_by_boundary_alone",
        (OUTLINES, "boundary alone"),
        "it has the distance, but alone it is 0 for an empty prediction, and close to that for anything small: training "
        "can end there. It is added to a region loss.",
    ),
    (
        "outlines_by_dice",
        (OUTLINES, "cross-entropy + dice"),
        "neither of the two knows how far a wrong pixel is from the outline; one of the others does.",
    ),
    ("outlines_by_cross_entropy", (OUTLINES, "cross-entropy"), _NO_OUTLINE),
    ("outlines_by_weights", (OUTLINES, "weighted cross-entropy"), f"its weights go by class, and {_NO_OUTLINE}"),
    (
        "outlines_by_top_k",
        (OUTLINES, "top-k"),
        "the hardest pixels often lie along outlines, but it does not know that: any pixel that is hard counts, and how far "
        "out a wrong one lies plays no part. One of the others measures that.",
    ),
    (
        "hardest_cross_entropy",
        (HARDEST, "cross-entropy"),
        "it averages over all pixels, and thousands of easy ones outvote the few that are hard. One of the others looks at "
        "the hardest only.",
    ),
    (
        "hardest_weighted",
        (HARDEST, "weighted cross-entropy"),
        "its weights go by class: an easy pixel of a rare class weighs much, a hard one of a frequent class little. One of the "
        "others goes by how hard a pixel is.",
    ),
]

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
