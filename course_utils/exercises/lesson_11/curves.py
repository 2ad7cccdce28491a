"""Average precision: the mean height of a curve of precision over recall."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11.wrong_curves import WRONG_CURVES
from course_utils.exercises.slips import read_slips
from course_utils.metrics import average_precision as curves

NOT_REACHED = "Where no detection reaches a recall there is no largest precision: the height is 0 there."


def average_precision(scores: Tensor, hits: Tensor, positives: int) -> float:
    """COCO's average precision of one class. N detections have scores (N,), any numbers, and hits (N,), true or false;
    `positives` ≥ 1 objects are to be found. Sort the detections, the highest score first (of equal ones, the first). After each
    of them, precision is the share of hits among the detections so far, recall the share of the objects found so far. At each of
    the 101 recalls 0, 0.01, ..., 1 take the highest precision that is reached at this recall or a larger one, 0 where it is
    never reached. Give their mean. N may be 0."""
    found = hits[scores.argsort(descending=True, stable=True)].double().cumsum(0)
    precision, recall = found / torch.arange(1, len(hits) + 1), found / positives
    points = [n / 100 for n in range(101)]
    heights = [max(precision[recall >= point].tolist(), default=0.0) for point in points]
    return sum(heights) / len(heights)


def _scores(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _hits(text: str) -> Tensor:
    return torch.tensor([letter == "+" for letter in text], dtype=torch.bool)


def _draw_detections(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    hits = torch.randperm(11, generator=generator) < 6
    return torch.randn(11, generator=generator).double(), hits, 7


SLIPS = read_slips("""
not_sorted
    You take the detections in the order in which they are given. The surest one comes first, that is the highest score.
    - hits[scores.argsort(descending=True, stable=True)]
    + hits

worst_first
    You begin with the lowest score. The surest detection comes first.
    - descending=True
    + descending=False

ties_backwards
    Of equal scores the last detection comes first in your order. It is to be the first.
    - scores.argsort(descending=True, stable=True)
    + scores.argsort(stable=True).flip(0)

no_envelope
    You take the precision at the place where a recall is first reached. Later on it may be higher: take the highest from there
    on, so that the curve only falls.
    - max(precision[recall >= point].tolist(), default=0.0)
    + next(iter(precision[recall >= point].tolist()), 0.0)

running_maximum
    You take the highest precision of all detections *up to* this one. The curve only falls: look at this one and those after it.
    - max(precision[recall >= point].tolist(), default=0.0)
    + next(iter(precision.cummax(0).values[recall >= point].tolist()), 0.0)

precision_and_recall_swapped
    You swap precision and recall. Precision is a share of the detections so far, recall a share of the objects.
    - precision, recall =
    + recall, precision =

hundred_points
    You take 100 recalls. 0 and 1 both count, in steps of 0.01: there are 101.
    - n / 100 for n in range(101)
    + n / 99 for n in range(100)

from_the_wrong_side
    You take the highest precision of all recalls *up to* this one. Look at this recall and the larger ones.
    - recall >= point
    + recall <= point

share_of_the_detections
    Your recall is a share of the detections. It is the share of the *objects*, of which some may never be found.
    - found / positives
    + found / len(hits)

share_of_those_found
    Your recall is a share of the objects that are found in the end, so that it always ends at 1. Objects that no detection
    finds belong to it, too.
    - found / positives
    + found / hits.sum()

unreached_left_out
    You leave out the recalls that are never reached. Then finding little and stopping early is no harm: there the height is 0.
    - return sum(heights) / len(heights)
    + reached = [height for height, point in zip(heights, points) if (recall >= point).any()]
    + return sum(reached) / max(len(reached), 1)

eleven_points
    You take eleven recalls, as PASCAL VOC did before 2010. COCO takes 101.
    - n / 100 for n in range(101)
    + n / 10 for n in range(11)

area_under_the_curve
    This is the area under the curve, as in PASCAL VOC from 2010 on: close, but not the mean of 101 heights.
    - points = [n / 100 for n in range(101)]
    + points = [n / positives for n in range(1, positives + 1)]

trapezoids
    You join the points by straight lines and take the area below. No detection stands between two points: the curve goes down
    in steps, and its heights are the highest precision from there on.
    - return sum(heights) / len(heights)
    + return float(torch.trapezoid(precision, recall))

recall_0_left_out
    You leave out the recall 0. There are 101 of them, from 0 to 1, both ends included.
    - range(101)
    + range(1, 101)

recall_1_left_out
    You leave out the recall 1. There are 101 of them, from 0 to 1, both ends included.
    - range(101)
    + range(100)

above_the_recall_only
    A recall that is reached exactly counts as reached: yours has to be larger.
    - recall >= point
    + recall > point

mean_precision_of_all_places
    You take the mean of the precision after each detection. A curve over *recall* has heights at recalls.
    - return sum(heights) / len(heights)
    + return sum(precision.tolist()) / max(len(hits), 1)

mean_precision_of_hits
    You take the precision at each hit, and divide by the number of objects, as is done for search results. COCO's has an
    envelope, and 101 recalls.
    - heights = [max(precision[recall >= point].tolist(), default=0.0) for point in points]
    - return sum(heights) / len(heights)
    + before = torch.cat([found.new_zeros(1), found])[:-1]
    + return float(precision[found > before].sum()) / positives

precision_of_the_objects
    You divide the hits by all objects for the precision, too. It is the share of hits among the detections so far.
    - found / torch.arange(1, len(hits) + 1)
    + found / positives

precision_one_off
    Your first precision divides by 0: after the first detection there is one.
    - torch.arange(1, len(hits) + 1)
    + torch.arange(len(hits))

per_cent
    These are per cent; give a fraction, from 0 to 1.
    - sum(heights) / len(heights)
    + 100 * sum(heights) / len(heights)
""")


average_precision = Exercise(
    "average_precision",
    average_precision,
    [
        (_scores(0.9, 0.6), _hits("++"), 4),
        (_scores(0.7, 0.95, 0.8, 0.9, 0.3), _hits("-++-+"), 4),
        (torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.bool), 3),
        (_scores(0.4), _hits("-"), 2),
        (_scores(0.25, 0.25, 0.75), _hits("-++"), 2),
        (_scores(0.6, 0.6, 0.35, 0.8, 0.35), _hits("-+++-"), 10),
        (_scores(0.92, 0.91, 0.9, 0.53, 0.11), _hits("-+-++"), 3),
        (_scores(0.91, 0.92, 0.9, 0.13, 0.11), _hits("-+--+"), 7),
        (_scores(-0.5, 2.5, 1.75, -2.25, 1.25, 0.5), _hits("+-+-+-"), 3),
        (_scores(-1.5, 3.5, 1.5, -0.75, 2.75, -1.25), _hits("+++---"), 6),
    ],
    [*SLIPS, *WRONG_CURVES],
    [
        "`argsort(descending=True, stable=True)` sorts, and `cumsum` of the sorted hits says how many are found after each "
        "detection.",
        "With n hits after k detections, precision is n / k and recall n / positives. Draw both for the first example.",
        "For one recall r: `max(precision[recall >= r].tolist(), default=0.0)`. Do that for 101 of them.",
    ],
    reference=lambda scores, hits, positives: curves.average_precision(
        curves.precision_recall(scores, hits, positives)
    ),
    common_errors={
        "cumsum": "`cumsum` needs to know along which axis: `cumsum(0)`.",
        "Expected reduction dim": NOT_REACHED,
        "empty sequence": NOT_REACHED,
        "iterable argument is empty": NOT_REACHED,
        "non-empty TensorList": "There may be no detections at all.",
        "IndexError": "There may be no detections, and a recall may never be reached: then there is no place to look at.",
        "ZeroDivisionError": "What do you divide by? There may be no detections, or none that is a hit.",
    },
    draw=_draw_detections,
    library=("average_precision", "average_precision_score", "precision_recall"),
    unaffected={"it lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"]},
    difficulty=2,
    minutes=10,
)
