"""A data set in COCO's format: a JSON file with annotations, and a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.coco_annotations import objects_in, read_annotations
from course_utils.datasets.coco_results import result_entries
from course_utils.datasets.colours import Colour, from_hsv
from course_utils.datasets.files import REPAIR, read_image, require_files, require_some
from course_utils.datasets.objects import Objects
from course_utils.datasets.samples import VOID, Sample, resize_and_crop


class COCO(Dataset[Sample]):
    """Images with objects of K categories, some of them crowds, some with keypoints.

    Source: Lin et al., "Microsoft COCO: common objects in context", ECCV 2014 (arXiv 1405.0312). `annotations` is a file such
    as `instances_val2017.json`, `images` the folder with the images that it names. Class 0 is the background; the others are
    the categories in the order of their ids, which need not follow each other and are in `category_ids`, 0 for the background.

    In a sample, object n of `objects(index)` has the id n + 1. Where masks overlap, the smaller one has the pixel. What a
    crowd covers is void, and has no id, except where an object lies on it. An image without annotations is all background.
    With `size` = (H, W), samples are scaled to cover it and cropped; `objects` always has the original size, in which results
    are compared.

    `keypoint_names`: those of the category that has most, in the order of `Objects.keypoints`; `skeleton`: which of them are
    joined by a line, counted from 0, although the file counts from 1.

    Raises: ValueError where a file is missing or damaged, and where there is no image or no category; later, where an image
    or an annotation is damaged.
    """

    def __init__(self, annotations: Path, images: Path, size: tuple[int, int] | None = None) -> None:
        self.file, self.folder, self.size = read_annotations(Path(annotations)), Path(images), size
        require_some(self.file.images, self.file.path, "at least one entry in 'images'")
        require_some(self.file.categories, self.file.path, "at least one entry in 'categories'")
        self.names = tuple(image["file_name"] for image in self.file.images)
        require_files(self.folder / name for name in self.names)
        self.image_ids = tuple(image["id"] for image in self.file.images)
        self.category_ids = (0, *(category["id"] for category in self.file.categories))
        self.classes = ("background", *(category["name"] for category in self.file.categories))
        self.num_classes = len(self.classes)
        self.things = tuple(range(1, self.num_classes))
        self.colours = ((0, 0, 0), *map(_colour, self.things))
        if self.num_classes > VOID:
            raise ValueError(
                f"{self.file.path} has {len(self.things)} categories, but labels have room for {VOID - 1}; leave some out."
            )
        category = max(self.file.categories, key=lambda category: len(category.get("keypoints", [])))
        self.keypoint_names: tuple[str, ...] = tuple(category.get("keypoints", []))
        self.skeleton = tuple((start - 1, end - 1) for start, end in category.get("skeleton", []))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        entry = self.file.images[index]
        image = read_image(self.folder / self.names[index], size=(entry["height"], entry["width"]))
        if image.shape[1:] != (entry["height"], entry["width"]):
            raise ValueError(
                f"{self.folder / self.names[index]} is {image.shape[1]}×{image.shape[2]}, but {self.file.path} says "
                f"{entry['height']}×{entry['width']}. {REPAIR}"
            )
        labels, instances = _maps(self.objects(index))
        sample = Sample(image, labels, instances)
        return sample if self.size is None else resize_and_crop(sample, self.size)

    def objects(self, index: int) -> Objects:
        """The objects of an image, crowds among them, in the order of the file and in the image's own size.

        Raises: ValueError where an annotation is damaged.
        """
        labels = {category_id: label for label, category_id in enumerate(self.category_ids) if label > 0}
        return objects_in(self.file, self.file.images[index], labels, len(self.keypoint_names))

    def results(
        self,
        index: int,
        classes: Tensor | Sequence[int],
        scores: Tensor,
        *,
        masks: Tensor | None = None,
        boxes: Tensor | None = None,
        keypoints: Tensor | None = None,
    ) -> list[dict[str, Any]]:
        """What was found in an image, as entries of a results file; see `coco_results.result_entries`.

        Shapes: `classes` (N,), labels of this data set; the rest as there.

        Raises: ValueError as there, for a class that is no category, and for masks that are not of the image's own size.
        """
        labels = torch.as_tensor(classes).tolist()
        if not set(labels) <= set(self.things):
            raise ValueError(f"classes must be labels from 1 to {self.num_classes - 1}, but are {sorted(set(labels))}.")
        size = self.file.images[index]["height"], self.file.images[index]["width"]
        if masks is not None and tuple(masks.shape[1:]) != size:
            raise ValueError(
                f"masks must be as large as the image in the file, {size}, but are {tuple(masks.shape[1:])}."
            )
        category_ids = [self.category_ids[label] for label in labels]
        return result_entries(
            self.image_ids[index], category_ids, scores, masks=masks, boxes=boxes, keypoints=keypoints
        )


def _maps(objects: Objects) -> tuple[Tensor, Tensor]:
    """Labels and instances: crowds first, then objects from large to small, so that the small ones are seen: (H, W) each."""
    labels = torch.zeros(objects.masks.shape[1:], dtype=torch.int64, device="cpu")
    instances = torch.zeros_like(labels)
    labels[objects.masks[objects.crowd].any(0)] = VOID
    for n in objects.masks.sum((1, 2)).argsort(descending=True, stable=True).tolist():
        if not objects.crowd[n]:
            labels[objects.masks[n]] = objects.classes[n]
            instances[objects.masks[n]] = n + 1
    return labels, instances


def _colour(label: int) -> Colour:
    """Neighbouring labels lie far from each other on the colour circle."""
    return from_hsv(label * 137 % 360, 60 + label % 3 * 15, 255 - label % 2 * 75)
