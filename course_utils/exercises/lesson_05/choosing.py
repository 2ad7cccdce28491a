"""Which loss for which purpose."""

from typing import Any

from course_utils.exercises.questions import Answer

TRUST = "classes exclude one another and probabilities will be trusted"
SEVERAL = "a pixel may be of several classes at once"
RARE = "1 % foreground and scored by Dice wherever the errors lie"
MISSES = "missed lesions are worse than false alarms and overlap is scored"
FALSE_ALARMS = "false alarms are worse than missed lesions and overlap is scored"
OUTLINES = "errors far from the outline are to cost more than near ones"
EARLY = "rare classes are to be found early by a loss of single pixels"
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
        "early_unweighted",
        (EARLY, "cross-entropy"),
        "it finds a rare class in time, but late: after 1000 steps its network had found none of the persons at one half. "
        "Something has to make the rare class count more.",
    ),
    (
        "early_top_k",
        (EARLY, "top-k"),
        "it goes by how hard a pixel is, not by how rare its class is. One of the others goes by class.",
    ),
    (
        "early_dice",
        (EARLY, "cross-entropy + dice"),
        "Dice finds a rare class early as well, but it is a loss of regions. One of the others prices single pixels.",
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


which_loss = Answer(
    "which_loss",
    "Which loss for which purpose? Each option is right at most once; one never is.",
    {
        TRUST: "cross-entropy",
        SEVERAL: "binary cross-entropy",
        RARE: "cross-entropy + dice",
        MISSES: "tversky, beta > alpha",
        FALSE_ALARMS: "tversky, alpha > beta",
        OUTLINES: "dice + boundary",
        EARLY: "weighted cross-entropy",
        HARDEST: "top-k",
    },
    WHICH_LOSS,
    [
        "Three questions sort most of them: do classes exclude one another, is a pixel or a region scored, and which "
        "error is worse, FP or FN?",
        "`boundary alone` is the one that is never right.",
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
