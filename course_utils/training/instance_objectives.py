"""What is minimised and what is measured, for networks that find objects one by one."""

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.datasets.memory import InMemory
from course_utils.datasets.objects import objects_of
from course_utils.datasets.samples import VOID, Sample, require_data_set, require_sample
from course_utils.metrics.instance import AREAS, AveragePrecision
from course_utils.models.modes import like_parameters, modes_kept
from course_utils.ops.checks import real_number, whole_number
from course_utils.training.batches import Batch, groups_of_one_size
from course_utils.training.objectives import Evaluate, Objective


def detection_loss(*, min_area: float = 0) -> Objective:
    """The objective of a network that gives its own losses of (images, targets), as `MaskRCNN` does.

    Classes are the labels of the data set, so that its label 0 must not be that of an object. `targets_of` says which objects are
    learnt.

    Several processes: each divides its losses by the counts of its own part of the batch, as detectors usually do. One process
    with the whole batch divides by the counts of all, so that gradients agree with these only approximately: the better, the
    more alike the parts are in their numbers of objects.

    Raises: ValueError for an area below 0; when it is called, as `boxes_and_masks` and the network.
    """
    min_area = _checked_area(min_area)

    def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return model(batch.images, targets_of(batch, min_area=min_area))

    return objective


def targets_of(batch: Batch, *, min_area: float = 0) -> list[dict[str, Tensor]]:
    """The objects of each image of a batch, as `MaskRCNN` wants them.

    Objects of fewer than `min_area` pixels are left out, and those whose pixels are all void. Where a window has cut an object,
    box and area are those of what is left of it.

    Raises: ValueError as `boxes_and_masks`.
    """
    targets = []
    for image, labels, instances in zip(*batch[:3], strict=True):
        objects = objects_of(Sample(image, labels, instances))
        wanted = (objects.areas >= min_area) & (objects.classes != VOID)
        targets.append({name: layer[wanted] for name, layer in objects.target().items()})
    return targets


def require_instances(data: Dataset[Sample]) -> None:
    """Refuse a data set from which a detector cannot learn; its first sample is read.

    Raises: ValueError where it has no objects with instance ids, or its label 0 is a thing, which detectors take for background.
    """
    require_data_set(data, "things", "classes")
    if not data.things or bool((require_sample(data[0], "The data set").instances < 0).any()):
        raise ValueError(
            "This data set has no instance truth, so that nobody can learn from it to find objects one by one; take one that has "
            "('scenes', 'puppets', 'nuclei'), or a network that gives every pixel a class, such as 'small_unet'."
        )
    if 0 in data.things:
        raise ValueError(
            f"Label 0 of this data set, {data.classes[0]!r}, is a thing, but detectors take label 0 for the background; take "
            "another set ('scenes', 'puppets', 'nuclei')."
        )


def score_instances(
    data: Dataset[Sample], *, min_area: float = 0, batch_size: int = 4, per_class: bool = False
) -> Evaluate:
    """Average precision of a network's masks on a data set: {"ap": …, "ap50": …, "ap75": …}, as COCO defines it.

    Objects of fewer than `min_area` pixels count neither as found nor as missed. With `per_class` there is "ap50 car" and so on
    for each class of things. What is not there to be found has a score of NaN. The images are read once and kept (`InMemory`);
    neighbours of one size are predicted together. With several processes, each scores all images.

    Raises: ValueError if `data` is not a data set, for a batch size below 1 and an area below 0; when it scores, as
    `boxes_and_masks`.
    """
    require_data_set(data, "num_classes", "things")
    batch_size, min_area = whole_number(batch_size, "batch_size", minimum=1), _checked_area(min_area)
    data = data if isinstance(data, InMemory) else InMemory(data)
    areas = {"all": AREAS["all"], "counted": (min_area, AREAS["all"][1])}

    def evaluate(model: nn.Module) -> dict[str, float]:
        metric = AveragePrecision(data.num_classes, areas=areas)
        for samples in groups_of_one_size((data[index] for index in range(len(data))), batch_size):
            truth = [objects_of(sample).target() for sample in samples]
            metric.update(predict(model, [sample.image for sample in samples]), truth)
        counted = metric.compute().precision[..., 1, -1]  # (T, R, K), of objects that count, for the most detections
        by_class = counted.nanmean(1)  # (T, K)
        means = by_class.nanmean(1)
        scores = {"ap": float(means.mean()), "ap50": float(means[0]), "ap75": float(means[5])}
        if per_class:
            scores |= {f"ap50 {data.classes[label]}": float(by_class[0, label]) for label in data.things}
        return scores

    return evaluate


@torch.no_grad()
def predict(model: nn.Module, images: list[Tensor]) -> list[dict[str, Tensor]]:
    """The detections of a network in evaluation mode, on the device and in the type of its first parameter.

    All of its parts have their modes again afterwards. Images of several sizes are given to it as a list.

    Shapes: images (3, h, w) in [0, 1] → for each a dict as the network gives it: "boxes", "labels", "scores", "masks", ….
    """
    parameter = like_parameters(model)
    with modes_kept(model):
        model.eval()
        if len({image.shape for image in images}) == 1:
            return model(torch.stack(images).to(parameter).contiguous(memory_format=torch.channels_last))
        return model([image.to(parameter) for image in images])


def _checked_area(area: float) -> float:
    return real_number(area, "min_area", 0, AREAS["all"][1])
