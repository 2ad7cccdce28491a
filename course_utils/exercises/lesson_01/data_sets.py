"""The score of a whole data set, given in batches."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.metrics import semantic


def data_set_iou(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """Mean IoU of a whole data set, given in batches of (prediction, target); the images of two batches may differ in size."""
    matrix = sum(semantic.confusion_matrix(prediction, target, num_classes) for prediction, target in batches)
    return float(semantic.scores(matrix).mean_iou)


def _draw_batches(generator: torch.Generator) -> tuple[list[tuple[Tensor, Tensor]], int]:
    batches = []
    for height in (3, 5, 2):
        target = torch.randint(0, 3, (2, height, 4), generator=generator)
        wrong = torch.rand(target.shape, generator=generator) < 0.3
        prediction = torch.where(wrong, torch.randint(0, 2, target.shape, generator=generator), target)
        batches.append((prediction, target.where(torch.rand(target.shape, generator=generator) > 0.1, 255)))
    return batches, 4


def given_data_set_iou(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """This is still the version given. Put the same images into other batches: what happens to its result?"""
    means = [
        semantic.scores(semantic.confusion_matrix(prediction, target, num_classes)).mean_iou
        for prediction, target in batches
    ]
    return float(sum(means) / len(means))


def weighted_by_pixels(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You weigh the batches' mean IoUs by their pixels. That is still a mean of ratios: a class that is rare in one
    batch and common in another is not put right by it."""
    sizes = [int((target != 255).sum()) for _, target in batches]
    means = [float(semantic.scores(semantic.confusion_matrix(p, t, num_classes)).mean_iou) for p, t in batches]
    return sum(m * n for m, n in zip(means, sizes, strict=True)) / sum(sizes)


def weighted_by_images(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You weigh the batches by how many images they have. A mean of ratios stays a mean of ratios, however weighted: add up
    the counts."""
    means = [float(semantic.scores(semantic.confusion_matrix(p, t, num_classes)).mean_iou) for p, t in batches]
    return sum(mean * len(p) for mean, (p, _) in zip(means, batches, strict=True)) / sum(len(p) for p, _ in batches)


def mean_of_images(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """This is the mean over images, not over batches. It no longer depends on the batches, but it is another score than the
    one announced: a class counts once for each image in which it is."""
    images = [pair for p, t in batches for pair in zip(p, t, strict=True)]
    return given_data_set_iou(images, num_classes)


def mean_per_class(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You average each class's IoU over the batches in which it occurs. An IoU over few pixels then weighs as much as one
    over many; add up the counts instead."""
    ious = [semantic.scores(semantic.confusion_matrix(p, t, num_classes)).iou for p, t in batches]
    return float(torch.stack(ious).nanmean(dim=0).nanmean())


SLIPS = read_slips("""
last_batch_only
    Only the last batch is in your result: the matrix is overwritten in the loop. Add to it with `+=`.
    - in batches
    + in batches[-1:]

first_batch_only
    Only the first batch is in your result. Does the `return` stand inside the loop? It belongs behind it, under the
    `for`.
    - in batches
    + in batches[:1]

only_predicted_left_out
    A class that was predicted but is nowhere in the truth is missing from your mean. It has false positives, and
    its IoU is 0. Only a class that is neither there nor predicted is left out.
    - semantic.scores(matrix)
    + semantic.scores(matrix, absent="truth")

never_hit_left_out
    Classes whose IoU is 0 are missing from your mean: those that were missed altogether, or predicted where they
    are not. A 0 counts; only NaN is left out.
    - return float(semantic.scores(matrix).mean_iou)
    + iou = semantic.scores(matrix).iou
    + return float(iou[iou > 0].mean())

nan_in_the_mean
    A class that is nowhere has the IoU NaN, and a mean over NaN is NaN. Leave the class out, as `nanmean` does.
    - mean_iou
    + iou.mean()

absent_is_one_in_the_mean
    A class that is nowhere in the data set counted as 1, as a present. `scores(...).mean_iou` leaves it out.
    - semantic.scores(matrix)
    + semantic.scores(matrix, absent="one")

absent_is_zero_in_the_mean
    A class that is nowhere in the data set counted as 0. `scores(...).mean_iou` leaves it out.
    - semantic.scores(matrix)
    + semantic.scores(matrix, absent="zero")

accuracy
    This is the pixel accuracy of the whole set; mean IoU is the mean of the classes' intersections over unions.
    - mean_iou
    + pixel_accuracy
""")


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
        (  # Class 3 is only predicted, class 4 is there but never hit, class 5 is nowhere.
            [
                (torch.tensor([[[0, 3], [1, 0], [1, 1]]]), torch.tensor([[[0, 0], [1, 4], [1, 0]]])),
                (torch.tensor([[[2, 0, 1, 2, 3]]]), torch.tensor([[[2, 4, 1, 2, 255]]])),
            ],
            6,
        ),
    ],
    [*SLIPS, weighted_by_pixels, weighted_by_images, mean_of_images, mean_per_class],
    [
        "What must be added up over the batches so that the order of the images cannot matter?",
        "A confusion matrix can be added to another: build one over all batches, and compute the IoU once.",
    ],
    common_errors={
        "a prediction has no void": "`semantic.confusion_matrix` takes the prediction first, and the truth after it.",
        "Sizes of tensors must match": "The images of two batches may differ in size: add up matrices, not pictures.",
        "stack expects each tensor": "The images of two batches may differ in size: add up matrices, not pictures.",
    },
    draw=_draw_batches,
    given=given_data_set_iou,
    unaffected={"an IoU lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"]},
    difficulty=2,
    minutes=8,
)
