"""Non-maximum suppression."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11 import overlap
from course_utils.exercises.lesson_11.wrong_suppressions import WRONG_SUPPRESSIONS
from course_utils.exercises.slips import read_slips
from course_utils.ops import suppression

box_iou = overlap.box_iou._solution  # in the notebook, the student's own
TWO_BOXES = "`box_iou` of this lesson compares two boxes, each of four numbers: `box_iou(boxes[n], boxes[m])`."

NONE = "With no boxes, N = 0, there is no first one; the answer is an empty list."
REMOVED = "Do not take boxes out of a list that you go through: collect those that are kept in a new one."


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """Non-maximum suppression: go through the boxes (N, 4) from the highest of their scores (N,) to the lowest, and keep each
    one unless its IoU with a box *kept so far* is above the threshold. If scores are equal, the first box comes first. Give the
    indices of the boxes kept, best first. `box_iou` compares two boxes; N may be 0."""
    kept = []
    for n in scores.argsort(descending=True, stable=True).tolist():
        if all(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):
            kept.append(n)
    return kept


def _boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _scores(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _draw_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    low = torch.randint(-9, 10, (9, 2), generator=generator).double() / 4
    side = torch.randint(15, 30, (9, 2), generator=generator).double() / 4
    return torch.cat([low, low + side], 1), torch.randn(9, generator=generator).double(), 0.375


SLIPS = read_slips("""
dropped_at_the_threshold
    A box whose IoU is exactly the threshold stays: only *above* it is it dropped.
    - <= threshold
    + < threshold

dropped_ones_suppress
    You compare with boxes that were dropped, too. What is dropped drops nothing itself: in a row of boxes, each over the next,
    the first and the third may both stay.
    - kept = []
    + kept, seen = [], []
    - if all(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):
    -     kept.append(n)
    + if all(box_iou(boxes[n], boxes[m]) <= threshold for m in seen):
    +     kept.append(n)
    + seen.append(n)

only_the_one_before
    You compare each box with the one before it in the order, and with no other. Compare it with all boxes kept so far.
    - kept = []
    + kept, seen = [], []
    - if all(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):
    -     kept.append(n)
    + if all(box_iou(boxes[n], boxes[m]) <= threshold for m in seen[-1:]):
    +     kept.append(n)
    + seen.append(n)

not_sorted
    You go through the boxes in the order in which they are given. The box with the highest score comes first, whatever its
    number is.
    - scores.argsort(descending=True, stable=True).tolist()
    + range(len(scores))

worst_first
    You begin with the lowest score. The surest box is kept, and drops the others.
    - descending=True
    + descending=False

ties_backwards
    Of equal scores the *last* box comes first in your order. Where two of them overlap, the wrong one is dropped.
    - scores.argsort(descending=True, stable=True)
    + scores.argsort(stable=True).flip(0)

places_in_the_order
    Your indices are places in the sorted order. Give those that the boxes had before they were sorted.
    - return kept
    + order = scores.argsort(descending=True, stable=True).tolist()
    + return [order.index(n) for n in kept]

in_the_order_given
    The right boxes, but in the order in which they were given. The best comes first.
    - return kept
    + return sorted(kept)

backwards
    These are the right boxes, but the worst comes first. Begin with the best.
    - return kept
    + return kept[::-1]

numbers_from_one
    You number the boxes from 1. The first one has the index 0.
    - return kept
    + return [n + 1 for n in kept]

the_best_alone
    You give the best box and no other. Each box that no better one drops is kept as well.
    - return kept
    + return kept[:1]

those_that_are_dropped
    You give the boxes that are dropped. Give those that are kept.
    - return kept
    + return [n for n in range(len(boxes)) if n not in kept]

last_kept_only
    You compare with the box that was kept last. One that was kept earlier may overlap, too.
    - for m in kept)
    + for m in kept[-1:])

best_only
    You compare with the best box of all. Each box that is kept drops those that overlap it.
    - for m in kept)
    + for m in kept[:1])

kept_where_they_overlap
    You keep the boxes that overlap one that is kept, and drop the others. It is to be the other way round.
    - <= threshold
    + > threshold

kept_from_the_threshold_on
    You keep the boxes that overlap all those kept so far, and drop the others. It is to be the other way round.
    - <= threshold
    + >= threshold

fixed_threshold
    You do not use `threshold`, but a number of your own. It is an argument: each call has its own.
    - <= threshold
    + <= 0.5

threshold_upside_down
    You compare with 1 - threshold. A box is dropped if its IoU is above `threshold` itself.
    - <= threshold
    + <= 1 - threshold

one_is_enough
    You keep a box as soon as one of those kept does not overlap it. None of them may.
    - if all(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):
    + if not kept or any(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):

scores_below_the_threshold
    You drop boxes whose *score* is not above the threshold. It is for IoUs; how sure a box has to be is another question.
    - return kept
    + return [n for n in kept if scores[n] > threshold]
""")


nms = Exercise(
    "nms",
    nms,
    [
        (_boxes((0, 0, 4, 2), (1, 0, 5, 2), (7, 1, 9, 4)), _scores(0.6, 0.9, 0.7), 0.5),
        (torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.float64), 0.5),
        (_boxes((0, 0, 3, 1.5), (1, 0, 4, 1.5), (2, 0, 5, 1.5)), _scores(0.87, 0.92, 0.34), 0.5),
        (
            _boxes((0, 0, 4.25, 3), (1, 0, 5.25, 3), (2, 0, 6.25, 3), (3, 0, 7.25, 3), (-6.5, 0.25, -2.75, 4)),
            _scores(0.91, 0.83, 0.77, 0.62, 0.94),
            0.615,
        ),
        (
            _boxes((0, 1, 4, 3.5), (0.25, 1, 4.25, 3.5), (0.5, 1, 4.5, 3.5), (1, 1.25, 5, 3.75), (6.25, 0, 8, 2)),
            _scores(0.71, 0.55, 0.96, 0.64, 0.42),
            0.3,
        ),
        (
            _boxes((-0.5, -2.75, 3.25, 0.25), (-0.25, -2.5, 3.5, 0.5), (5.5, 1, 8.25, 4.5), (5.25, 1.25, 8.25, 4.5)),
            _scores(-1.5, -1.5, 2.25, 2.25),
            0.25,
        ),
        (
            _boxes((2.25, 3.5, 2.25, 6), (2, 3, 4.75, 6.5), (2.25, 3.5, 2.25, 6), (4.75, 3, 6.25, 6.5)),
            _scores(1.75, 0.31, 1.25, 0.33),
            0.0,
        ),
        (
            _boxes((0.5, 0.25, 0.875, 0.75), (0.5, 0.25, 0.875, 0.75), (0.75, 0.5, 1.25, 0.875)),
            _scores(-0.25, 0.125, -0.5),
            1.0,
        ),
    ],
    [*SLIPS, *WRONG_SUPPRESSIONS],
    [
        "`scores.argsort(descending=True, stable=True)` gives the indices of the boxes from the highest score to the lowest.",
        "Keep a list of the indices kept so far. The next box is compared with these, and with no others.",
        "`all(... for m in kept)` is true if a condition holds for each of them, and also if there are none yet.",
    ],
    reference=suppression.nms,
    common_errors={
        "must match the size of tensor": TWO_BOXES,
        "too many indices": TWO_BOXES,
        "All pairs are formed": TWO_BOXES,
        "changed size during iteration": REMOVED,
        "list index out of range": f"{NONE} {REMOVED}",
        "out of bounds for dimension 0 with size 0": NONE,
        "non-empty TensorList": NONE,
    },
    draw=_draw_boxes,
    library=("nms", "batched_nms", "soft_nms"),
    difficulty=2,
    minutes=8,
)
