"""IoU of each class, from a confusion matrix."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.metrics import semantic


def per_class_iou(matrix: Tensor) -> Tensor:
    """IoU of each class from a confusion matrix (K, K) with the truth in its rows: (K,), NaN where the union is empty."""
    intersection = matrix.diag()
    union = matrix.sum(dim=0) + matrix.sum(dim=1) - intersection
    return intersection / union


def _draw_matrix(generator: torch.Generator) -> tuple[Tensor]:
    matrix = torch.randint(1, 90, (4, 4), generator=generator)
    matrix[2], matrix[:, 2] = 0, 0
    return (matrix,)


SLIPS = read_slips("""
dice
    This is Dice: twice the intersection over the two sizes. IoU has the intersection once, over the union.
    - - intersection
    +
    - return intersection
    + return 2 * intersection

true_positives_left_out
    You divide by FP + FN alone. The union has all pixels that are in the truth, in the prediction, or in both: the
    true positives too.
    - - intersection
    + - 2 * intersection

intersection_counted_twice
    Row sum plus column sum counts the true positives twice, so that even a perfect prediction gets 0.5. Take them
    off once.
    - - intersection
    +

recall
    This is recall: you divide by the true pixels of the class alone, and the false positives go unpunished.
    - intersection / union
    + intersection / matrix.sum(dim=1)

precision
    This is precision: you divide by the predicted pixels of the class alone, and the missed ones go unpunished.
    - intersection / union
    + intersection / matrix.sum(dim=0)

same_axis_twice
    You summed along the same axis twice: one of FP and FN is in the row of the class, the other in its column.
    - dim=1
    + dim=0

row_twice
    Both of your sums are the row of the class, where the missed pixels are. The false positives are in its column,
    which `dim=0` sums.
    - dim=0
    + dim=1

true_positives_in_fp_and_fn
    Row sum and column sum are not FN and FP yet: both still contain TP. Take it off each.
    - - intersection
    + + intersection

of_all_pixels
    You divide by all pixels: true negatives have come in. The union of a class has its true and its predicted
    pixels.
    - intersection / union
    + intersection / matrix.sum()

per_cent
    These are per cent; give fractions, from 0 to 1.
    - intersection / union
    + 100 * intersection / union

missing_brackets
    `/` binds before `+`: put the whole union into brackets.
    - intersection / union
    + intersection / matrix.sum(dim=0) + matrix.sum(dim=1) - intersection

never_hit_is_nan
    A class that was predicted, or was there, but was never hit has the IoU 0, not NaN. Only an empty union is NaN.
    - intersection / union
    + (intersection / union).masked_fill(intersection == 0, torch.nan)

absent_from_the_truth_is_nan
    A class that the truth lacks, but that was predicted, has false positives and the IoU 0. Only where it is
    neither in the truth nor predicted is the union empty.
    - intersection / union
    + (intersection / union).masked_fill(matrix.sum(dim=1) == 0, torch.nan)

absent_is_zero
    A class that is neither in the truth nor predicted got 0, as if it had been missed. It has no IoU: 0 / 0 is NaN.
    - intersection / union
    + (intersection / union).nan_to_num(0.0)

absent_is_one
    A class that is neither in the truth nor predicted got 1 as a present; it has no IoU: 0 / 0 is NaN.
    - intersection / union
    + (intersection / union).nan_to_num(1.0)

smoothed
    You add 1 to both parts of the fraction. That smooths a loss, but a score counts pixels, and comes out too high;
    without a union there is no IoU, and 0 / 0 is NaN.
    - intersection / union
    + (intersection + 1) / (union + 1)
""")


per_class_iou = Exercise(
    "per_class_iou",
    per_class_iou,
    [
        (torch.tensor([[13, 1], [2, 5]]),),
        (torch.tensor([[7, 2, 0], [1, 3, 0], [0, 0, 0]]),),
        (torch.tensor([[80, 0, 20], [0, 0, 0], [0, 0, 0]]),),
        (torch.tensor([[9, 0, 4], [6, 0, 2], [1, 0, 5]]),),
    ],
    SLIPS,
    [
        "Which pixels are in the intersection of truth and prediction of class k? Where do they stand in the matrix?",
        "The row of class k has all its true pixels, the column all its predicted ones.",
        "Union = row sum + column sum - what is in both. PyTorch gives NaN for 0 / 0 by itself.",
    ],
    reference=lambda matrix: semantic.scores(matrix).iou,
    common_errors={
        "ZeroDivisionError": "A class that is neither in the truth nor predicted has an empty union. Its IoU is NaN: divide "
        "tensors by `/`, which gives that by itself, or ask first whether the union is 0.",
    },
    draw=_draw_matrix,
    library=("scores", "jaccard_score", "multiclass_jaccard_index", "MulticlassJaccardIndex"),
    unaffected={"an IoU lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"]},
    difficulty=1,
    minutes=8,
)
