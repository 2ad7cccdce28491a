"""The exercises of lesson 01: metrics."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise, mistakes_01 as mistakes
from course_utils.exercises.kinds import Answer, Prediction, Rubric
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


confusion_matrix = Exercise(
    "confusion_matrix",
    confusion_matrix,
    [
        (torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 255]]), 2),
        (torch.tensor([[2, 0], [1, 2], [0, 0]]), torch.tensor([[2, 1], [1, 0], [255, 0]]), 4),
        # More classes than ten, more pixels of a pair than a byte can count, a class that is only predicted.
        (torch.arange(700).reshape(20, 35) // 350 * 11, torch.arange(700).reshape(20, 35) // 300 * 5, 12),
    ],
    [
        mistakes.rows_are_predictions,
        mistakes.void_is_class_zero,
        mistakes.void_as_pair_of_zeros,
        mistakes.last_class_left_out,
        mistakes.pairs_collide,
        mistakes.each_pair_once,
        mistakes.void_by_prediction,
        mistakes.only_right_pixels,
    ],
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
    difficulty=2,
    minutes=12,
)


def per_class_iou(matrix: Tensor) -> Tensor:
    """IoU of each class from a confusion matrix (K, K) with the truth in its rows: (K,), NaN where the union is empty."""
    intersection = matrix.diag()
    union = matrix.sum(dim=0) + matrix.sum(dim=1) - intersection
    return intersection / union


def _draw_matrix(generator: torch.Generator) -> tuple[Tensor]:
    matrix = torch.randint(1, 90, (4, 4), generator=generator)
    matrix[2], matrix[:, 2] = 0, 0
    return (matrix,)


per_class_iou = Exercise(
    "per_class_iou",
    per_class_iou,
    [
        (torch.tensor([[13, 1], [2, 5]]),),
        (torch.tensor([[7, 2, 0], [1, 3, 0], [0, 0, 0]]),),
        (torch.tensor([[80, 0, 20], [0, 0, 0], [0, 0, 0]]),),
        (torch.tensor([[9, 0, 4], [6, 0, 2], [1, 0, 5]]),),
    ],
    [
        mistakes.dice,
        mistakes.intersection_counted_twice,
        mistakes.recall,
        mistakes.precision,
        mistakes.same_axis_twice,
        mistakes.true_positives_in_fp_and_fn,
        mistakes.of_all_pixels,
        mistakes.per_cent,
        mistakes.missing_brackets,
        mistakes.never_hit_is_nan,
        mistakes.absent_from_the_truth_is_nan,
        mistakes.absent_is_zero,
        mistakes.absent_is_one,
    ],
    [
        "Which pixels are in the intersection of truth and prediction of class k? Where do they stand in the matrix?",
        "The row of class k has all its true pixels, the column all its predicted ones.",
        "Union = row sum + column sum - what is in both. PyTorch gives NaN for 0 / 0 by itself.",
    ],
    reference=lambda matrix: semantic.scores(matrix).iou,
    draw=_draw_matrix,
    difficulty=1,
    minutes=8,
)

lazy_road = Answer(
    "lazy_road",
    "19 classes, all of them there; 35 % of all pixels are road; the network says road everywhere. Its mean IoU, as a fraction?",
    0.35 / 19,
    [
        ("zero", 0.0, "Small, but not 0: road is found everywhere it is, so that its IoU is not 0."),
        ("accuracy", 0.35, "0.35 is the IoU of road, and the accuracy. The mean runs over all 19 classes."),
        (
            "perfect_road",
            1 / 19,
            "You gave road an IoU of 1. All of road is found, but the other 65 % are false positives of it.",
        ),
        ("per_cent", 35 / 19, "Right as per cent; answer with a fraction, between 0 and 1."),
        ("mean_dice", 0.7 / 1.35 / 19, "This is mean Dice: IoU has the intersection once, over the union."),
        ("two_classes", 0.35 / 2, "There are 19 classes, not two: the 18 others each have an IoU of 0."),
        ("eighteen_classes", 0.35 / 18, "Road is one of the 19: the mean divides by 19, not by the 18 others."),
    ],
    ["What is the IoU of road? TP are 35 % of the pixels, FP the other 65 %.", "18 classes have an IoU of 0."],
    explanation="0.35 / 19 = 0.0184, where pixel accuracy says 35 %.",
    tolerance=0.03,
    minutes=4,
)

micro_f1 = Answer(
    "micro_f1",
    "Example A has two classes. Add up TP, FP and FN over both, and only then compute F1: the micro-F1, to four digits?",
    14 / 16,
    [
        (
            "support_weighted_and_rounded",
            0.8745,
            "This number has been taught, but it is the F1 of the two classes weighted by their sizes, with one of them cut "
            "to 92.8 %. Add up the counts first.",
        ),
        ("macro", 5 / 7, "This is macro-F1: F1 per class, then the mean. Micro adds up the counts first."),
        ("one_class", 0.5, "This is the F1 of class A alone."),
        (
            "true_negatives",
            14 / 15,
            "FP and FN are 2 each over both classes: a wrong pixel is a false positive of one class *and* a false negative "
            "of the other.",
        ),
        ("micro_iou", 7 / 9, "This is the IoU of the summed counts; F1 has the true positives twice."),
        ("background", 13 / 14, "This is the F1 of the background alone."),
        ("mean_iou", 0.6, "This is the mean IoU."),
        ("iou_of_a", 1 / 3, "This is the IoU of class A."),
        ("per_cent", 87.5, "Right as per cent; answer with a fraction, between 0 and 1."),
    ],
    [
        "TP over both classes: 1 + 13. Where does a wrong pixel count?",
        "A wrong pixel is a false positive of one class and a false negative of the other: FP = FN = 2 over both.",
    ],
    explanation="14 / 16: a wrong pixel is one FP and one FN, so that micro-F1 is pixel accuracy under another name.",
    tolerance=1e-4,
    difficulty=2,
    minutes=6,
)


def data_set_iou(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """Mean IoU of a whole data set, given in batches of (prediction, target)."""
    matrix = sum(semantic.confusion_matrix(prediction, target, num_classes) for prediction, target in batches)
    return float(semantic.scores(matrix).mean_iou)


def _draw_batches(generator: torch.Generator) -> tuple[list[tuple[Tensor, Tensor]], int]:
    batches = []
    for height in (3, 5, 2):
        target = torch.randint(0, 3, (2, height, 4), generator=generator)
        wrong = torch.rand(target.shape, generator=generator) < 0.3
        target = target.where(torch.rand(target.shape, generator=generator) > 0.1, 255)
        batches.append((torch.where(wrong, torch.randint(0, 2, target.shape, generator=generator), target), target))
    return batches, 4


data_set_iou = Exercise(
    "data_set_iou",
    data_set_iou,
    [
        (
            [
                (torch.tensor([[[0, 0, 0, 1]]]), torch.tensor([[[0, 0, 0, 1]]])),
                (
                    torch.tensor([[[0, 0, 1, 1, 1]], [[1, 2, 0, 1, 1]]]),
                    torch.tensor([[[0, 1, 1, 1, 1]], [[1, 2, 2, 255, 0]]]),
                ),
                (torch.tensor([[[2, 1]]]), torch.tensor([[[2, 2]]])),
            ],
            4,
        ),
    ],
    [
        mistakes.weighted_by_pixels,
        mistakes.weighted_by_images,
        mistakes.mean_of_images,
        mistakes.mean_per_class,
        mistakes.last_batch_only,
        mistakes.absent_is_zero_in_the_mean,
        mistakes.accuracy,
    ],
    [
        "What must be added up over the batches so that the order of the images cannot matter?",
        "A confusion matrix can be added to another: build one over all batches, and compute the IoU once.",
    ],
    common_errors={
        "Sizes of tensors must match": "The images of two batches may differ in size: add up matrices, not pictures.",
        "stack expects each tensor": "The images of two batches may differ in size: add up matrices, not pictures.",
    },
    draw=_draw_batches,
    given=mistakes.given_data_set_iou,
    difficulty=2,
    minutes=8,
)

diagonal_iou = Prediction(
    "diagonal_iou",
    "A diagonal line, 2 pixels wide, is predicted 2 pixels too far to the right. The IoU of the two bounding boxes is 0.94. "
    "The IoU of the two masks?",
    ["On how many pixels do both lines stand?"],
    explanation=(
        "The lines do not share a pixel. IoU of masks counts pixels, not boxes: that two things share a neighbourhood is "
        "not enough."
    ),
    minutes=2,
)

sky_share = Prediction(
    "sky_share",
    "Think of pictures taken from a car in a German city: which per cent of their scored pixels is sky?",
    ["From 0 to 100. The camera looks at the street, and the street has houses on both sides."],
    explanation="(It follows from published class weights.) 25 has been taught. Shares can be counted: count before you believe.",
    limits=(0, 100),
    digits=1,
    minutes=1,
)

thin_metric = Rubric(
    "thin_metric",
    "A drone looks for power lines, which are three pixels wide in its pictures; people draw them with an error of one or two "
    "pixels. Missing a line is dangerous, a false line costs a detour. Design the metric: say in four sentences what it counts, "
    "which tolerance it has and why, and how it could be cheated.",
    [
        "It compares positions with a tolerance in pixels (or millimetres), not pixel by pixel.",
        "It has two sides: what is found but not there, and what is there but not found.",
        "The tolerance is justified by the application or by how exactly people annotate.",
        "It does not reward thick predictions: a mask that covers everything scores badly.",
        "It says what happens when the truth or the prediction is empty.",
    ],
    "Thin both masks to their centre lines. Precision is the share of the predicted line within two pixels of the true one, "
    "recall the share of the true line within two pixels of the predicted one; two pixels is how far the drawn truth itself "
    "may be off. Missing is worse here, so report recall beside the harmonic mean of the two; that mean is 1 if both are "
    "empty and 0 if one is. A thick prediction would profit from the tolerance if it were not thinned first; short false "
    "lines beside a true one still go unpunished.",
    minutes=10,
)
