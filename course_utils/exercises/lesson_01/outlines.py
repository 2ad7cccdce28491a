"""Boundary F1 of two masks, from distances."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def boundary_f1_of(found_distance: Tensor, true_distance: Tensor, tolerance: float) -> float:
    """Boundary F1 of two outlines, both known by a map (H, W) of the distance of each pixel to the nearest pixel of the outline,
    0 on it: the predicted and the true one. A pixel of one outline is a hit if the other is within the tolerance. 0 if
    nothing is hit."""
    found, true = found_distance == 0, true_distance == 0
    precision = (true_distance[found] <= tolerance).double().mean()
    recall = (found_distance[true] <= tolerance).double().mean()
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


def _distance(outline: Tensor) -> Tensor:
    """Distance of each pixel to the nearest pixel of an outline: written out, for small maps."""
    points = outline.nonzero().double()
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in outline.shape), indexing="ij")
    pixels = torch.stack([rows, columns], -1).double().flatten(0, 1)
    return torch.cdist(pixels, points).amin(1).view(outline.shape)


def _maps(*texts: str) -> tuple[Tensor, Tensor]:
    both = [torch.tensor([[letter == "x" for letter in row] for row in text.split()]) for text in texts]
    return _distance(both[0]), _distance(both[1])


def _drawn(generator: torch.Generator) -> tuple[Tensor, Tensor, float]:
    outlines = torch.rand(2, 5, 6, generator=generator) < 0.3
    outlines[:, 0, 0] = True
    return _distance(outlines[0]), _distance(outlines[1]), float(torch.randint(1, 3, (), generator=generator))


SLIPS = read_slips("""
found_near_found
    For precision you ask how far the predicted outline is from itself, which is 0 everywhere. Ask how far each of its pixels is
    from the *true* outline.
    - true_distance[found]
    + found_distance[found]

true_near_true
    For recall you ask how far the true outline is from itself, which is 0 everywhere. Ask how far each of its pixels is from the
    *predicted* outline.
    - found_distance[true]
    + true_distance[true]

all_pixels_count
    You count all pixels that are near, not only those of the outline. Precision is a share of the predicted outline, recall
    one of the true outline.
    - true_distance[found]
    + true_distance
    - found_distance[true]
    + found_distance

the_tolerance_itself_is_too_far
    A pixel that is exactly `tolerance` away is a hit: "within" includes it.
    - (true_distance[found] <= tolerance)
    + (true_distance[found] < tolerance)
    - (found_distance[true] <= tolerance)
    + (found_distance[true] < tolerance)

arithmetic_mean
    You take the average of precision and recall. F1 is their harmonic mean, 2PR / (P + R).
    - float(2 * precision * recall / (precision + recall))
    + float((precision + recall) / 2)

precision_alone
    This is precision alone: an outline of a single right pixel would be perfect.
    - float(2 * precision * recall / (precision + recall))
    + float(precision)

recall_alone
    This is recall alone: a prediction that draws outlines everywhere would be perfect.
    - float(2 * precision * recall / (precision + recall))
    + float(recall)

two_forgotten
    F1 is 2PR / (P + R): the 2 is missing, so that a perfect outline gets one half.
    - 2 * precision * recall
    + precision * recall

nothing_hit_not_caught
    Where no pixel is hit, precision and recall are both 0, and you divide by 0. It is 0 then.
    - if precision + recall == 0:
    - return 0.0
    + pass
""")


boundary_f1_of = Exercise(
    "boundary_f1_of",
    boundary_f1_of,
    [
        (*_maps(".x.. .x.. .x.. ....", "...x ..x. .x.. .x.."), 1.0),
        (*_maps("x.... ..... ....x .....", "..... ..x.. ..x.. ..x.."), 1.5),
        (*_maps("x..... ...... ......", "...... ...... .....x"), 2.0),
        (*_maps("xx... ..... xxxxx", "xxx.. ..... ....."), 1.0),
        (*_maps("xx. ... x..", "x.. ..x ..."), 1.41),
    ],
    SLIPS,
    [
        "The predicted outline is where `found_distance` is 0. How far is each of these pixels from the true outline?",
        "Precision: of the pixels with `found_distance == 0`, the share with `true_distance <= tolerance`. Recall the other way "
        "round.",
    ],
    draw=_drawn,
    unaffected={
        "distances are not negative": [
            "absolute arguments",
            "nothing below 0 arguments",
        ],
        "F1 lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
    },
    difficulty=2,
    minutes=10,
)
