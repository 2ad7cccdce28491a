"""The confusion matrix, from which every score follows."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.metrics import semantic


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Count the pixels of true class a that are predicted as b, void (255) left out: (K, K) int64, rows truth."""
    valid = target != 255
    pairs = target[valid] * num_classes + prediction[valid]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def _draw_label_maps(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    prediction = torch.randint(0, 4, (2, 5, 7), generator=generator)
    target = torch.randint(0, 4, (2, 5, 7), generator=generator)
    return prediction, target.where(torch.rand(2, 5, 7, generator=generator) > 0.15, 255), 4


SLIPS = read_slips("""
rows_are_predictions
    Your matrix is the transpose: rows are the truth, columns the prediction. Sums over it swap precision and
    recall.
    - target[valid] * num_classes + prediction[valid]
    + prediction[valid] * num_classes + target[valid]

void_is_class_zero
    You count void pixels as class 0; they have no truth, and belong in no cell of the matrix.
    - target[valid] * num_classes + prediction[valid]
    + (target.where(valid, 0) * num_classes + prediction).flatten()

void_as_pair_of_zeros
    You set both maps to 0 on void, so that void pixels are counted as class 0, rightly predicted. Leave them out.
    - target[valid] * num_classes + prediction[valid]
    + (target.where(valid, 0) * num_classes + prediction * valid).flatten()

last_class_left_out
    The last class is missing from your rows: only 255 is void, not K - 1.
    - target != 255
    + (target != 255) & (target != num_classes - 1)

pairs_collide
    Two pairs get the same number: the factor in front of the true class is K, so that b has room for 0 to K - 1.
    - target[valid] * num_classes
    + target[valid] * (num_classes - 1)

each_pair_once
    `matrix[a, b] += 1` with many pairs at once adds 1 to each cell once, however often the pair occurs. Number the
    pairs and count with `torch.bincount`.
    - torch.bincount(pairs, minlength=num_classes**2)
    + (torch.bincount(pairs, minlength=num_classes**2) > 0).long()

void_by_prediction
    You leave out the pixels where the prediction equals the truth; leave out those whose truth is 255.
    - target != 255
    + (target != 255) & (target != prediction)

only_right_pixels
    Only the diagonal is filled: you count the pixels that are right, and leave out where the wrong ones went.
    - target != 255
    + (target != 255) & (target == prediction)
""")


confusion_matrix = Exercise(
    "confusion_matrix",
    confusion_matrix,
    [
        (torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 255]]), 2),
        (torch.tensor([[2, 0], [1, 2], [0, 0]]), torch.tensor([[2, 1], [1, 0], [255, 0]]), 4),
        (torch.tensor([[1, 0, 1, 1]]), torch.tensor([[255, 255, 255, 255]]), 2),
        # More classes than ten, more pixels of a pair than a byte can count, a class that is only predicted.
        (torch.arange(2800).reshape(40, 70) // 1400 * 11, torch.arange(2800).reshape(40, 70) // 1200 * 5, 12),
    ],
    SLIPS,
    [
        "`valid = target != 255` is the mask of the pixels that count; index both maps with it.",
        "A pixel of true class a that is predicted as b is the pair (a, b). Number the pairs: a * K + b.",
        "`torch.bincount(numbers, minlength=K * K)` counts them; a reshape makes the matrix.",
    ],
    reference=semantic.confusion_matrix,
    common_errors={
        "is invalid for input of size": "Usual reasons: void (255) is still among your numbers (leave those pixels out of both "
        "maps); `bincount` stopped at the largest number that it saw (`minlength=num_classes**2`); the shape is not (K, K).",
        "Class values must be smaller": "Void (255) is still in the target: leave those pixels out of both maps first.",
        "Boolean value of Tensor": "The maps may have any number of axes, (H, W) or (B, H, W): work on all pixels at once.",
    },
    draw=_draw_label_maps,
    library=(
        "confusion_matrix",
        "ConfusionMatrix",
        "MulticlassConfusionMatrix",
        "multiclass_confusion_matrix",
        "count_pairs",
    ),
    without_loops=True,
    difficulty=2,
    minutes=12,
)
