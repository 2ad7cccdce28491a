"""The best permutation of instances whose numbers mean nothing."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11.wrong_pairings import WRONG_PAIRINGS
from course_utils.exercises.slips import read_slips
from course_utils.metrics import matching


def best_permutation(iou: Tensor) -> float:
    """The score of instances without classes: iou (N, M) of each predicted instance with each true one. Pair them, each with at
    most one other, so that the sum of the IoUs of all pairs is as large as it can be, and divide this sum by the larger of N and
    M: an instance without a partner counts as 0. Where there are no instances at all, the score is 1."""
    if max(iou.shape) == 0:
        return 1.0
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return float(iou[rows, columns].sum()) / max(iou.shape)


def given_best_permutation(iou: Tensor) -> float:
    """This is still the version given. What does it pair in [[0.9, 0.8], [0.85, 0.1]], and how could the two be paired
    otherwise? The largest IoU of all need not be in the best sum."""
    if max(iou.shape) == 0:
        return 1.0
    total, left = 0.0, iou.clone()
    for _ in range(min(iou.shape)):
        row, column = divmod(int(left.argmax()), iou.shape[1])
        total += float(iou[row, column])
        left[row], left[:, column] = -1, -1
    return total / max(iou.shape)


def _table(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _draw_table(generator: torch.Generator) -> tuple[Tensor]:
    sides = torch.randint(2, 5, (2,), generator=generator).tolist()
    return (torch.randint(1, 100, sides, generator=generator).double() / 100,)


SLIPS = read_slips("""
smallest_sum
    You look for the *smallest* sum: `linear_sum_assignment` takes its numbers for costs, if it is not told otherwise.
    - linear_sum_assignment(iou, maximize=True)
    + linear_sum_assignment(iou)

as_numbered
    You pair instances of the same number. Their numbers mean nothing: instance 0 of the prediction may be the true instance 2.
    - linear_sum_assignment(iou, maximize=True)
    + (range(min(iou.shape)),) * 2

best_of_each_prediction
    You let each predicted instance take its best true one, so that a true instance may be taken twice. Each has one partner.
    - rows, columns = linear_sum_assignment(iou, maximize=True)
    - return float(iou[rows, columns].sum()) / max(iou.shape)
    + largest = [max(row, default=0.0) for row in iou.tolist()]
    + return sum(largest) / max(iou.shape)

best_of_each_truth
    You let each true instance take its best predicted one, so that a predicted instance may be taken twice. Each has one partner.
    - rows, columns = linear_sum_assignment(iou, maximize=True)
    - return float(iou[rows, columns].sum()) / max(iou.shape)
    + largest = [max(row, default=0.0) for row in iou.T.tolist()]
    + return sum(largest) / max(iou.shape)

share_of_all
    You divide by the number of predicted and true instances together. A pair has one of each, so that even equal masks get 0.5.
    - / max(iou.shape)
    + / sum(iou.shape)

sum
    That is the sum of the IoUs. Divide it by the larger number of instances.
    - / max(iou.shape)
    +

nothing_at_all_is_0
    Where there are no instances, and none are predicted, all is right: the score is 1.
    - return 1.0
    + return 0.0

twice_over_both
    You divide twice the sum by the number of predicted and true instances together, as Dice does. Divide by the larger number.
    - / max(iou.shape)
    + * 2 / sum(iou.shape)

nothing_at_all_is_nan
    Where there are no instances at all you give NaN, 0 / 0. The question says what the score is then.
    - return 1.0
    + return float("nan")

nothing_at_all_forgotten
    Where there are no instances at all you divide by 0. The question says what the score is then.
    - if max(iou.shape) == 0:
    -     return 1.0
    +

nothing_predicted_is_1
    If only one side has no instances, nothing is paired and all of the other side count as 0. The score is 1 where both have
    none.
    - if max(iou.shape) == 0
    + if min(iou.shape) == 0
""")


best_permutation = Exercise(
    "best_permutation",
    best_permutation,
    [
        (_table((0.9, 0.8), (0.85, 0.1)),),
        (torch.zeros(0, 0, dtype=torch.float64),),
        (torch.zeros(2, 0, dtype=torch.float64),),
        (torch.zeros(0, 3, dtype=torch.float64),),
        (_table((0.35, 0.62, 0.08), (0.55, 0.9, 0.13)),),
        (_table((0.15, 0.37), (0.55, 0.86), (0.06, 0.83)),),
        (_table((0.1, 0.8, 0.0), (0.7, 0.6, 0.1), (0.0, 0.2, 0.5)),),
        (_table((0.77, 0.0, 0.0), (0.31, 0.0, 0.0), (0.0, 0.43, 0.27)),),
        (_table((0.9, 0.52), (0.5, 0.05)),),
        (_table((0.8, 0.42), (0.38, 0.06)),),
        (_table((0.62, 0.65), (0.005, 0.045)),),
        (_table((0.309, 0.31), (0.2, 0.209)),),
        (_table((0.304, 0.306), (0.196, 0.204)),),
        (_table((0.48, 0.03, 0.51, 0.12), (0.43, 0.09, 0.62, 0.59), (0.07, 0.38, 0.29, 0.57)),),
    ],
    [*SLIPS, *WRONG_PAIRINGS],
    [
        "In [[0.9, 0.8], [0.85, 0.1]] there are two ways to pair. Which sums have they, and which one is the version given?",
        "All ways can be tried by `itertools.permutations`; with many instances that takes for ever. SciPy has a method that "
        "does not try them: `scipy.optimize.linear_sum_assignment`.",
        "`rows, columns = linear_sum_assignment(iou, maximize=True)`; the pairs have the IoUs `iou[rows, columns]`.",
    ],
    reference=lambda iou: matching.best_matching(iou).mean_iou,
    given=given_best_permutation,
    common_errors={
        "ZeroDivisionError": "What do you divide by? There may be no instances on one side, or on both.",
        "Expected reduction dim": "There may be no instances on one side: then there is no largest IoU.",
        "empty sequence": "There may be no instances on one side: then there is no largest IoU. And `permutations(range(M), N)` "
        "has nothing in it where N is larger than M: transpose the table there.",
    },
    draw=_draw_table,
    library=("best_matching", "match_instances"),
    unaffected={
        "an IoU lies between 0 and 1": [
            *("absolute arguments", "nothing below 0 arguments", "nothing above 1 arguments"),
            *("absolute result", "nothing below 0 result", "nothing above 1 result"),
        ],
    },
    difficulty=2,
    minutes=6,
)
