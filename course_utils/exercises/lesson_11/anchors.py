"""Which anchor is to find which object."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11.wrong_matches import WRONG_MATCHES
from course_utils.exercises.slips import read_slips

NO_OBJECTS = "Without objects, M = 0, there is no largest IoU to take: give -1 for each anchor first."


def match_anchors(iou: Tensor, high: float, low: float) -> Tensor:
    """What each of A ≥ 1 anchors is to learn, from its IoU with each of M objects, iou (A, M): whole numbers (A,). An anchor's
    own object is the one that it overlaps most (the first of several), and u is its IoU with that object. It gets the number of
    its own object if u ≥ high, -1 (background) if u < low, and -2 (ignored) between; low ≤ high. Then look at each object: every
    anchor that has the largest IoU with it gets the number of its OWN object (the one that it overlaps most), whatever u is, even
    if that is another object than the one whose best anchor it is. Each object overlaps some anchor. If there are no objects,
    M = 0, all anchors are background."""
    if iou.shape[1] == 0:
        return torch.full((len(iou),), -1)
    largest, best = iou.max(dim=1)
    labels = torch.where(largest >= high, best, torch.where(largest < low, -1, -2))
    needed = (iou == iou.max(dim=0).values).any(dim=1)
    return torch.where(needed, best, labels)


def _table(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _draw_table(generator: torch.Generator) -> tuple[Tensor, float, float]:
    return torch.randint(1, 64, (9, 3), generator=generator).double() / 64, 0.75, 0.25


SLIPS = read_slips("""
best_anchors_forgotten
    You look at the thresholds alone. An object whose best anchor stays below `high` would have no anchor at all, and never be
    found: read the sentence that begins with "Then look".
    - return torch.where(needed, best, labels)
    + return labels

best_anchors_above_low_only
    An object's best anchor counts whatever its IoU is, also where that is below `low`. Yours has to reach it.
    - torch.where(needed, best, labels)
    + torch.where(needed & (largest >= low), best, labels)

best_anchors_below_low_only
    An object's best anchor counts whatever its IoU is, also where it lies between the thresholds.
    - torch.where(needed, best, labels)
    + torch.where(needed & (largest < low), best, labels)

ignored_as_background
    Anchors between the thresholds are background in your answer. They hit an object halfway: neither answer would be right,
    and so they are left out, -2.
    - torch.where(largest < low, -1, -2)
    + -1

background_ignored
    Anchors below `low` are ignored in your answer. Then nothing would ever be learnt from background: they get -1.
    - torch.where(largest < low, -1, -2)
    + -2

codes_swapped
    You swap the two codes: -1 is the background, below `low`, and -2 is what is ignored.
    - -1, -2
    + -2, -1

objects_ask_only
    You let each object choose its best anchor, and nobody else: also an anchor that is not the best one finds an object if it
    overlaps it by `high`.
    - largest >= high
    + largest > 1

first_of_a_tie
    Of several anchors that overlap an object best, you keep the first one only. They are equally good: keep them all.
    - needed = (iou == iou.max(dim=0).values).any(dim=1)
    + needed = torch.zeros_like(best, dtype=torch.bool)
    + needed[iou.argmax(dim=0)] = True

gets_the_object
    An anchor that is the best one for some object gets this object in your answer. Its own object is the one that it
    overlaps most, which may be another one.
    - return torch.where(needed, best, labels)
    + for number in range(iou.shape[1]):
    +     labels[iou[:, number] == iou[:, number].max()] = number
    + return labels

gets_the_object_once
    An anchor that is the best one for some object gets this object in your answer. Its own object is the one that it
    overlaps most, which may be another one. And of a tie, all anchors count.
    - return torch.where(needed, best, labels)
    + labels[iou.argmax(dim=0)] = torch.arange(iou.shape[1])
    + return labels

above_high_only
    An anchor whose IoU is exactly `high` is to find its object.
    - largest >= high
    + largest > high

low_is_background
    An anchor whose IoU is exactly `low` is no background any more: that is *below* `low`.
    - largest < low
    + largest <= low

low_is_no_mans_land
    An anchor whose IoU is exactly `low` is neither background nor ignored in your answer. "Between" begins at `low`.
    - torch.where(largest < low, -1, -2)
    + torch.where(largest < low, -1, torch.where(largest > low, -2, best))

background_of_any
    You call an anchor background if its IoU with *any* object is below `low`. It has to be below `low` with all of them, that is
    with its own.
    - torch.where(largest < low, -1, -2)
    + torch.where((iou < low).any(dim=1), -1, -2)

best_of_its_own_only
    You count an anchor as the best one of an object only if that object is its own. The best anchor of an object counts even if
    it overlaps another object more: it gets the number of that other one, its own.
    - iou == iou.max(dim=0).values
    + (iou == iou.max(dim=0).values) & (iou == largest[:, None])

thresholds_swapped
    You compare with the thresholds the wrong way round. The arguments come in the order `high`, `low`.
    - largest >= high
    + largest >= low
    - largest < low
    + largest < high

all_at_their_best
    You ask for each anchor whether it is the best one *anywhere*, by its largest IoU in the whole table. Each object has its
    own best anchor.
    - iou.max(dim=0).values
    + iou.max()

row_maxima_are_best
    You compare with the largest IoU of the *anchor*, which every anchor reaches somewhere. Which is the largest of an object?
    - iou.max(dim=0).values
    + largest[:, None]

no_objects_forgotten
    Without objects there is no largest IoU to take. All anchors are background then.
    - if iou.shape[1] == 0:
    -     return torch.full((len(iou),), -1)
    +

numbers_from_one
    You number the objects from 1. The first column of iou belongs to object 0.
    - return torch.where(needed, best, labels)
    + return torch.where(needed, best, labels).add((needed | (largest >= high)).long())
""")


match_anchors = Exercise(
    "match_anchors",
    match_anchors,
    [
        (_table((0.75, 0.1), (0.45, 0.2), (0.05, 0.15), (0.1, 0.25)), 0.7, 0.3),
        (_table((0.25,), (0.25,), (0.125,)), 0.7, 0.3),
        (_table((0.81, 0.76), (0.88, 0.92), (0.56, 0.56), (0.2, 0.47)), 0.5, 0.3),
        (_table((0.4375,), (0.43745,), (0.12,), (0.437,)), 0.6, 0.2),
        (_table((0.78, 0.64, 0.12), (0.75, 0.06, 0.51), (0.25, 0.21, 0.18), (0.04, 0.64, 0.02)), 0.75, 0.25),
        (torch.zeros(3, 0, dtype=torch.float64), 0.7, 0.3),
        (_table((0.52, 0.54), (0.47, 0.11), (0.5, 0.22), (0.88, 0.33), (0.49, 0.93)), 0.5, 0.5),
        (
            _table((0.02, 0.375, 0.61), (0.71, 0.375, 0.13), (0.03, 0.07, 0.68), (0.72, 0.09, 0.01), (0.62, 0.3, 0.17)),
            0.7,
            0.3,
        ),
    ],
    [*SLIPS, *WRONG_MATCHES],
    [
        "`iou.max(dim=1)` gives two things: each anchor's largest IoU, and with which object. What do the thresholds make "
        "of them?",
        "Now the other way round: what is the largest IoU of each object, and which anchors have exactly that one?",
        "`(iou == iou.max(dim=0).values).any(dim=1)` says of each anchor whether it is the best one of some object. These get "
        "the number of their own object as well.",
    ],
    common_errors={
        "No ground-truth boxes": NO_OBJECTS,
        "Expected reduction dim": NO_OBJECTS,
        "empty sequence": NO_OBJECTS,
        "must match the size of tensor": "Anchors are the rows of iou, objects its columns: `dim=1` goes along the objects.",
    },
    draw=_draw_table,
    library=("Matcher",),
    unaffected={
        "an IoU and a threshold lie between 0 and 1": [
            "absolute arguments",
            "nothing below 0 arguments",
            "nothing above 1 arguments",
        ],
    },
    difficulty=2,
    minutes=10,
)
