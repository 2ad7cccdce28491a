"""What is minimised and what is measured, for networks that give every pixel a class."""

import os
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import VOID, Sample, require_data_set, require_sample
from course_utils.losses.combination import Loss
from course_utils.losses.weights import Method, class_weights, count_pixels
from course_utils.metrics.boundary import boundary_matrix
from course_utils.metrics.semantic import SemanticScores, as_labels, confusion_matrix, scores
from course_utils.models.modes import like_parameters, modes_kept
from course_utils.ops.checks import require_tensor, whole_number
from course_utils.training.batches import Batch, groups_of_one_size
from course_utils.training.distributed import rank_and_size, share_of_pixels, sum_over_ranks

Objective = Callable[[nn.Module, Batch], dict[str, Tensor]]
Evaluate = Callable[[nn.Module], dict[str, float]]


def label_loss(loss: Loss, *, class_weights: Tensor | None = None) -> Objective:
    """The objective of a network that gives logits, from a loss of (logits, labels): {"loss": …}.

    `class_weights` (K,): those that the loss divides by, if it does; they only count where several processes train together
    (`distributed.share_of_pixels`), which equals one process for losses that are a mean over pixels.

    Raises: ValueError for a loss that is no function, and for weights that are no tensor.
    """
    if isinstance(loss, type) or not callable(loss):
        remedy = f"; make one with `{loss.__name__}()`" if isinstance(loss, type) else ""
        raise ValueError(f"loss must be a function of logits and labels, but is {loss!r}{remedy}.")
    if class_weights is not None:
        require_tensor(class_weights, "class_weights")

    def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        value = loss(model(batch.images), batch.labels)
        return {"loss": value * share_of_pixels(batch.labels, class_weights=class_weights)}

    return objective


def weights_of_classes(data: Dataset[Sample], *, method: Method = "square_root") -> Tensor:
    """Class weights for a loss, from the pixels of a data set, see `losses.weights.class_weights`: (K,) float32.

    Raises: ValueError as that does, and if `data` is not a data set with labels.
    """
    require_data_set(data, "num_classes")
    label_maps = (require_sample(data[index], "The data set").labels for index in range(len(data)))
    pixels, image_pixels = count_pixels(label_maps, data.num_classes)
    return class_weights(pixels, method=method, image_counts=image_pixels)


def score_labels(
    data: Dataset[Sample], *, boundary: bool = False, per_class: bool = False, batch_size: int = 4
) -> Evaluate:
    """Scores of a network on a data set: {"mean_iou": …, "pixel_accuracy": …}.

    With `boundary` there is the mean "boundary_iou" as well, with `per_class` "iou car" and so on for each class; NaN for a
    class that is neither there nor predicted. The images are read once and kept (`InMemory`).

    Raises: ValueError if `data` is not a data set, and for a batch size below 1; when it scores, as `predict_matrices`.
    """
    batch_size = whole_number(batch_size, "batch_size", minimum=1)
    data = data if isinstance(data, InMemory) else InMemory(data)

    def evaluate(model: nn.Module) -> dict[str, float]:
        region, edge = predict_matrices(model, data, boundary=boundary, batch_size=batch_size)
        found = {"mean_iou": region.mean_iou, "pixel_accuracy": region.pixel_accuracy}
        if edge is not None:
            found["boundary_iou"] = float(edge.iou[: data.num_classes].nanmean())
        if per_class:
            found |= {f"iou {name}": value for name, value in zip(data.classes, region.iou.tolist(), strict=True)}
        return found

    return evaluate


@torch.no_grad()
def predict_matrices(
    model: nn.Module, data: Dataset[Sample], *, boundary: bool = False, batch_size: int = 4
) -> tuple[SemanticScores, SemanticScores | None]:
    """All scores of a network on a data set, of its regions and, with `boundary`, of its boundaries (else None).

    The network predicts in evaluation mode, on the device that it is on, from images in the type of its parameters; all
    of its parts have their modes again afterwards. With several processes each predicts its part of the samples, and the
    confusion matrices are added up, which is exact.

    Raises: ValueError if `data` is not a data set, for a batch size below 1, and for logits that are NaN or do not fit the
    labels.
    """
    require_data_set(data, "num_classes")
    batch_size = whole_number(batch_size, "batch_size", minimum=1)
    parameter, classes = like_parameters(model), data.num_classes
    region = torch.zeros(classes, classes, dtype=torch.int64, device=parameter.device)
    edge = torch.zeros(classes + 1, classes + 1, dtype=torch.int64, device=parameter.device)
    with modes_kept(model):
        model.eval()
        for images, labels in _batches(data, batch_size):
            logits = model(images.to(parameter))
            pred, labels = as_labels(logits, labels.to(parameter.device), classes, VOID)
            region += confusion_matrix(pred, labels, classes, VOID)
            if boundary:
                edge += boundary_matrix(pred, labels, classes)
    return scores(sum_over_ranks(region)), scores(sum_over_ranks(edge)) if boundary else None


def budget(*, laptop: int, full: int) -> int:
    """Steps to train for: `laptop` unless the environment variable `COURSE_BUDGET` is "full".

    Raises: ValueError where it is something else than "laptop" or "full".
    """
    wanted = os.environ.get("COURSE_BUDGET") or "laptop"
    if wanted not in ("laptop", "full"):
        raise ValueError(f"COURSE_BUDGET is 'laptop' or 'full', but is {wanted!r}; unset it for 'laptop'.")
    return full if wanted == "full" else laptop


def _batches(data: Dataset[Sample], batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and labels of this rank's samples, in their order; neighbours of one size together."""
    rank, size = rank_and_size()
    samples = (require_sample(data[index], "The data set") for index in range(rank, len(data), size))
    for alike in groups_of_one_size(samples, batch_size):
        images, labels = (torch.stack([sample[layer] for sample in alike]) for layer in (0, 1))
        yield images, labels
