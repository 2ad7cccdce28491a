"""What is minimised and what is measured, for networks that find objects one by one."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.datasets.memory import InMemory
from course_utils.datasets.objects import objects_of
from course_utils.datasets.samples import Sample, require_data_set
from course_utils.metrics.instance import AREAS, AveragePrecision
from course_utils.models.modes import modes_kept
from course_utils.ops.checks import real_number, whole_number
from course_utils.training.batches import Batch
from course_utils.training.objectives import Evaluate, Objective


def detection_loss(*, min_area: float = 0) -> Objective:
    """The objective of a network that gives its own losses of (images, targets), as `MaskRCNN` does.

    Classes are the labels of the data set, so that its label 0 must be no object's. Objects of fewer than `min_area` pixels, and
    those whose pixels are all void, are no targets.

    Raises: ValueError for an area below 0; when it is called, as `boxes_and_masks`.
    """
    min_area = real_number(min_area, "min_area", 0, AREAS["all"][1])

    def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return model(batch.images, targets_of(batch, min_area=min_area))

    return objective


def targets_of(batch: Batch, *, min_area: float = 0) -> list[dict[str, Tensor]]:
    """The objects of each image of a batch, as `MaskRCNN` wants them; see `detection_loss` for which."""
    targets = []
    for image, labels, instances in zip(*batch[:3], strict=True):
        objects = objects_of(Sample(image, labels, instances))
        wanted = (objects.areas >= min_area) & (objects.classes != 255)
        targets.append({name: layer[wanted] for name, layer in objects.target().items()})
    return targets


def score_instances(data: Dataset[Sample], *, min_area: float = 0, batch_size: int = 4, per_class: bool = False) -> Evaluate:
    """Average precision of a network's masks on a data set: {"ap": …, "ap50": …, "ap75": …}, as COCO defines it.

    Objects of fewer than `min_area` pixels count neither as found nor as missed. With `per_class` there is "ap50 car" and so on
    for each class of things. The images are read once and kept (`InMemory`). With several processes, each scores all images.

    Raises: ValueError if `data` is not a data set, for a batch size below 1 and an area below 0; when it scores, for images of
    several sizes in one batch.
    """
    require_data_set(data, "num_classes", "things")
    batch_size = whole_number(batch_size, "batch_size", minimum=1)
    min_area = real_number(min_area, "min_area", 0, AREAS["all"][1])
    data = data if isinstance(data, InMemory) else InMemory(data)
    areas = {"all": AREAS["all"], "counted": (min_area, AREAS["all"][1])}

    def evaluate(model: nn.Module) -> dict[str, float]:
        metric = AveragePrecision(data.num_classes, areas=areas)
        for first in range(0, len(data), batch_size):
            samples = [data[index] for index in range(first, min(first + batch_size, len(data)))]
            truth = [objects_of(sample).target() for sample in samples]
            metric.update(predict(model, [sample.image for sample in samples]), truth)
        by_class = metric.compute().precision[:, :, :, 1, -1].nanmean(1)  # (T, K), of objects that count
        means = by_class.nanmean(1)
        scores = {"ap": float(means.mean()), "ap50": float(means[0]), "ap75": float(means[5])}
        if per_class:
            scores |= {f"ap50 {data.classes[label]}": float(by_class[0, label]) for label in data.things}
        return scores

    return evaluate


@torch.no_grad()
def predict(model: nn.Module, images: list[Tensor]) -> list[dict[str, Tensor]]:
    """The detections of a network in evaluation mode, on the device and in the type of its first parameter."""
    parameter = next(model.parameters())
    with modes_kept(model):
        model.eval()
        if len({image.shape for image in images}) == 1:
            return model(torch.stack(images).to(parameter).contiguous(memory_format=torch.channels_last))
        return model([image.to(parameter) for image in images])
