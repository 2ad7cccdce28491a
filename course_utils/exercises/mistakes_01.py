"""What people get wrong in lesson 01, metrics: each function makes one mistake, its docstring says which."""

import torch
from torch import Tensor

from course_utils.metrics.semantic import confusion_matrix, scores


def rows_are_predictions(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Your matrix is the transpose: rows are the truth, columns the prediction. Sums over it swap precision and recall."""
    valid = target != 255
    pairs = prediction[valid] * num_classes + target[valid]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def void_is_class_zero(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """You count void pixels as class 0; they have no truth, and belong into no cell of the matrix."""
    pairs = target.where(target != 255, 0) * num_classes + prediction
    return torch.bincount(pairs.flatten(), minlength=num_classes**2).reshape(num_classes, num_classes)


def void_as_pair_of_zeros(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """You set both maps to 0 on void, so that void pixels are counted as class 0, rightly predicted. Leave them out."""
    valid = target != 255
    return void_is_class_zero(prediction * valid, target, num_classes)


def last_class_left_out(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """The last class is missing from your rows: only 255 is void, not K - 1."""
    matrix = confusion_matrix(prediction, target, num_classes)
    matrix[-1] = 0
    return matrix


def pairs_collide(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Two pairs get the same number: the factor in front of the true class is K, so that b has room for 0 to K - 1."""
    valid = target != 255
    pairs = target[valid] * (num_classes - 1) + prediction[valid]
    return torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def each_pair_once(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """`matrix[a, b] += 1` with many pairs at once adds 1 to each cell once, however often the pair occurs. Number the pairs
    and count with `torch.bincount`."""
    return (confusion_matrix(prediction, target, num_classes) > 0).long()


def void_by_prediction(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """You leave out the pixels where the prediction equals the truth; leave out those whose truth is 255."""
    matrix = confusion_matrix(prediction, target, num_classes)
    return matrix - torch.diag(matrix.diag())


def only_right_pixels(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Only the diagonal is filled: you count the pixels that are right, and leave out where the wrong ones went."""
    return torch.diag(confusion_matrix(prediction, target, num_classes).diag())


def dice(matrix: Tensor) -> Tensor:
    """This is Dice: twice the intersection over the two sizes. IoU has the intersection once, over the union."""
    return 2 * matrix.diag() / (matrix.sum(dim=0) + matrix.sum(dim=1))


def intersection_counted_twice(matrix: Tensor) -> Tensor:
    """Row sum plus column sum counts the true positives twice, so that even a perfect prediction gets 0.5. Take them off
    once."""
    return matrix.diag() / (matrix.sum(dim=0) + matrix.sum(dim=1))


def recall(matrix: Tensor) -> Tensor:
    """This is recall: you divide by the true pixels of the class alone, and the false positives go unpunished."""
    return matrix.diag() / matrix.sum(dim=1)


def precision(matrix: Tensor) -> Tensor:
    """This is precision: you divide by the predicted pixels of the class alone, and the missed ones go unpunished."""
    return matrix.diag() / matrix.sum(dim=0)


def same_axis_twice(matrix: Tensor) -> Tensor:
    """You summed along the same axis twice: one of FP and FN is in the row of the class, the other in its column."""
    return matrix.diag() / (2 * matrix.sum(dim=0) - matrix.diag())


def true_positives_in_fp_and_fn(matrix: Tensor) -> Tensor:
    """Row sum and column sum are not FN and FP yet: both still contain TP. Take it off each."""
    return matrix.diag() / (matrix.diag() + matrix.sum(dim=0) + matrix.sum(dim=1))


def of_all_pixels(matrix: Tensor) -> Tensor:
    """You divide by all pixels: true negatives have come in. The union of a class has its true and its predicted pixels."""
    return matrix.diag() / matrix.sum()


def per_cent(matrix: Tensor) -> Tensor:
    """These are per cent; give fractions, from 0 to 1."""
    return 100 * scores(matrix).iou


def missing_brackets(matrix: Tensor) -> Tensor:
    """`/` binds before `+`: put the whole union into brackets."""
    return matrix.diag() / matrix.sum(dim=0) + matrix.sum(dim=1) - matrix.diag()


def never_hit_is_nan(matrix: Tensor) -> Tensor:
    """A class that was predicted, or was there, but was never hit has the IoU 0, not NaN. Only an empty union is NaN."""
    return scores(matrix).iou.masked_fill(matrix.diag() == 0, torch.nan)


def absent_from_the_truth_is_nan(matrix: Tensor) -> Tensor:
    """A class that the truth lacks, but that was predicted, has false positives and the IoU 0. Only where it is neither in
    the truth nor predicted is the union empty."""
    return scores(matrix).iou.masked_fill(matrix.sum(dim=1) == 0, torch.nan)


def absent_is_zero(matrix: Tensor) -> Tensor:
    """A class that is neither in the truth nor predicted got 0, as if it had been missed. It has no IoU: 0 / 0 is NaN."""
    return scores(matrix).iou.nan_to_num(0.0)


def absent_is_one(matrix: Tensor) -> Tensor:
    """A class that is neither in the truth nor predicted got 1 as a present; it has no IoU: 0 / 0 is NaN."""
    return scores(matrix).iou.nan_to_num(1.0)


def given_data_set_iou(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """This is still the version given. Put the same images into other batches: what happens to its result?"""
    means = [scores(confusion_matrix(prediction, target, num_classes)).mean_iou for prediction, target in batches]
    return float(sum(means) / len(means))


def weighted_by_pixels(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You weigh the batches' mean IoUs by their pixels. That is still a mean of ratios: a class that is rare in one
    batch and common in another is not put right by it."""
    sizes = [int((target != 255).sum()) for _, target in batches]
    means = [float(scores(confusion_matrix(p, t, num_classes)).mean_iou) for p, t in batches]
    return sum(m * n for m, n in zip(means, sizes, strict=True)) / sum(sizes)


def weighted_by_images(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You weigh the batches by how many images they have. A mean of ratios stays a mean of ratios, however weighted: add up
    the counts."""
    means = [float(scores(confusion_matrix(p, t, num_classes)).mean_iou) for p, t in batches]
    return sum(mean * len(p) for mean, (p, _) in zip(means, batches, strict=True)) / sum(len(p) for p, _ in batches)


def mean_of_images(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """This is the mean over images, not over batches. It no longer depends on the batches, but it is another score than the
    one announced: a class counts once for each image in which it is."""
    images = [pair for p, t in batches for pair in zip(p, t, strict=True)]
    return given_data_set_iou(images, num_classes)


def last_batch_only(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """Only the last batch is in your result: the matrix is overwritten in the loop. Add to it with `+=`."""
    return given_data_set_iou(batches[-1:], num_classes)


def absent_is_zero_in_the_mean(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """A class that is nowhere in the data set counted as 0. `scores(...).mean_iou` leaves it out."""
    matrix = sum(confusion_matrix(prediction, target, num_classes) for prediction, target in batches)
    return float(scores(matrix, absent="zero").mean_iou)


def mean_per_class(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """You average each class's IoU over the batches in which it occurs. An IoU over few pixels then weighs as much as one
    over many; add up the counts instead."""
    ious = [scores(confusion_matrix(p, t, num_classes)).iou for p, t in batches]
    return float(torch.stack(ious).nanmean(dim=0).nanmean())


def accuracy(batches: list[tuple[Tensor, Tensor]], num_classes: int) -> float:
    """This is the pixel accuracy of the whole set; mean IoU is the mean of the classes' intersections over unions."""
    matrix = sum(confusion_matrix(prediction, target, num_classes) for prediction, target in batches)
    return float(scores(matrix).pixel_accuracy)
