"""Non-maximum suppression."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11 import overlap
from course_utils.exercises.slips import read_slips
from course_utils.ops import suppression

box_iou = overlap.box_iou._solution  # in the notebook, the student's own
TWO_BOXES = "`box_iou` of this lesson compares two boxes, each of four numbers: `box_iou(boxes[n], boxes[m])`."


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> list:
    """Non-maximum suppression: go through the boxes (N, 4) from the highest of their scores (N,) to the lowest, and keep each
    one whose IoU with no box *kept so far* is above the threshold. Of equal scores the first box comes first. Give the numbers
    of the boxes that are kept, best first. `box_iou` compares two boxes; N may be 0."""
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
    Your numbers are places in the sorted order. Asked for are the numbers that the boxes had before they were sorted.
    - return kept
    + order = scores.argsort(descending=True, stable=True).tolist()
    + return [order.index(n) for n in kept]

in_the_order_given
    The right boxes, but in the order in which they were given. The best comes first.
    - return kept
    + return sorted(kept)

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

one_is_enough
    You keep a box as soon as one of those kept does not overlap it. None of them may.
    - if all(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):
    + if not kept or any(box_iou(boxes[n], boxes[m]) <= threshold for m in kept):

yes_or_no
    You say of each box whether it is kept. Asked for are the numbers of those that are, best first.
    - return kept
    + return [n in kept for n in range(len(boxes))]

boxes_instead_of_numbers
    You give the boxes themselves. Asked for are their numbers: with these one can choose from scores and classes as well.
    - return kept
    + return boxes[kept]

scores_below_the_threshold
    You drop boxes whose *score* is not above the threshold. It is for IoUs; how sure a box has to be is another question.
    - return kept
    + return [n for n in kept if scores[n] > threshold]
""")


nms = Exercise(
    "nms",
    nms,
    [
        (torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.float64), 0.5),
        (_boxes((0, 0, 4, 2), (1, 0, 5, 2), (7, 1, 9, 4)), _scores(0.6, 0.9, 0.7), 0.5),
        (_boxes((0, 0, 3, 1.5), (1, 0, 4, 1.5), (2, 0, 5, 1.5)), _scores(0.87, 0.92, 0.34), 0.5),
        (
            _boxes((0, 0, 4.25, 3), (1, 0, 5.25, 3), (2, 0, 6.25, 3), (3, 0, 7.25, 3), (-6.5, 0.25, -2.75, 4)),
            _scores(0.91, 0.83, 0.77, 0.62, 0.94),
            0.4,
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
        (_boxes((0.5, 0.25, 0.875, 0.75), (0.5, 0.25, 0.875, 0.75)), _scores(-0.25, 0.125), 1.0),
    ],
    SLIPS,
    [
        "`scores.argsort(descending=True, stable=True)` gives the numbers of the boxes from the highest score to the lowest.",
        "Keep a list of the numbers kept so far. The next box is compared with these, and with no others.",
        "`all(... for m in kept)` is true if a condition holds for each of them, and also if there are none yet.",
    ],
    reference=suppression.nms,
    common_errors={
        "must match the size of tensor": TWO_BOXES,
        "too many indices": TWO_BOXES,
        "All pairs are formed": TWO_BOXES,
        "changed size during iteration": "You take boxes out of what you go through. Collect those that are kept in a new list.",
        "list index out of range": "You take boxes out of what you go through. Collect those that are kept in a new list.",
    },
    draw=_draw_boxes,
    library=("nms", "batched_nms", "soft_nms"),
    difficulty=2,
    minutes=8,
)
