"""COCO's annotation files: read and checked, and the objects that the annotations of an image describe."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils.datasets.coco_masks import checked_mask_size, rle_to_mask
from course_utils.datasets.coco_polygons import polygons_to_mask
from course_utils.datasets.files import REPAIR, read_content, require_files
from course_utils.datasets.objects import Objects
from course_utils.ops.boxes import masks_to_boxes
from course_utils.ops.checks import is_integer, is_number

Entry = Mapping[str, Any]
"""An image, a category or an annotation, as the file has it."""


class Annotations(NamedTuple):
    """What an annotation file holds: images in its order, categories in the order of their ids, annotations by image id."""

    path: Path
    images: Sequence[Entry]
    categories: Sequence[Entry]
    of_image: Mapping[int, Sequence[Entry]]


def read_annotations(path: Path) -> Annotations:
    """An annotation file, its fields checked; masks and boxes are looked at later, by `objects_in`.

    An image needs `id`, `file_name`, `height` and `width`, a category `id` and `name`, an annotation `image_id` and
    `category_id`. Everything else may be missing.

    Raises: ValueError where the file is missing or damaged, lacks such a field, or names what it does not have.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} should hold a dictionary, but holds a {type(content).__name__}: a results file, perhaps."
        )
    images, categories, annotations = (
        _entries(path, content, name) for name in ("images", "categories", "annotations")
    )
    image_ids = _ids(path, images, "images")
    category_ids = _ids(path, categories, "categories")
    for place, image in enumerate(images):
        _require(path, "images", place, image, "file_name", isinstance(image.get("file_name"), str), "a text")
        try:
            checked_mask_size((image.get("height"), image.get("width")))
        except ValueError as error:
            raise ValueError(f"{path}: 'height' and 'width' of images[{place}]: {error} {REPAIR}") from error
    for place, category in enumerate(categories):
        _require(path, "categories", place, category, "name", isinstance(category.get("name"), str), "a text")
        names, lines = category.get("keypoints", []), category.get("skeleton", [])
        named = isinstance(names, list) and all(isinstance(name, str) for name in names)
        _require(path, "categories", place, category, "keypoints", named, "a list of texts")
        joined = isinstance(lines, list) and all(_is_line(line, len(names)) for line in lines)
        _require(path, "categories", place, category, "skeleton", joined, "pairs of numbers of keypoints, from 1 on")
    of_image: dict[int, list[Entry]] = {image_id: [] for image_id in image_ids}
    for place, annotation in enumerate(annotations):
        for field, known in (("image_id", of_image), ("category_id", category_ids)):
            value = annotation.get(field)
            _require(
                path, "annotations", place, annotation, field, is_integer(value) and value in known, "an id in the file"
            )
        of_image[annotation["image_id"]].append(annotation)
    return Annotations(path, images, sorted(categories, key=lambda category: category["id"]), of_image)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises: ValueError where it is missing or damaged.
    """
    require_files([path])
    try:
        return json.loads(read_content(path))  # bytes, of which it finds out the encoding
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: it is damaged or cut short ({error}). {REPAIR}") from error


def objects_in(file: Annotations, image: Entry, labels: Mapping[int, int], keypoints: int) -> Objects:
    """The objects of an image in the order of the file; `labels` gives the class of each category id.

    A missing or empty `segmentation` is an empty mask. A missing `bbox` is the box of the mask, a missing `area` its count of
    pixels, a missing `iscrowd` is 0, and missing keypoints are not labelled.

    Raises: ValueError where one of them is damaged.
    """
    size = image["height"], image["width"]
    masks, boxes, areas, points = [], [], [], []
    annotations = file.of_image[image["id"]]
    for annotation in annotations:
        try:
            mask = _mask(annotation.get("segmentation"), size)
            box = annotation.get("bbox")
            masks.append(mask)
            boxes.append(masks_to_boxes(mask).tolist() if box is None else _corners_of(box))
            area = annotation.get("area")
            areas.append(float(mask.sum()) if area is None else _numbers("area", [area], 1)[0])
            crowd = annotation.get("iscrowd", 0)
            if crowd not in (0, 1):
                raise ValueError(f"iscrowd must be 0 or 1, but is {crowd!r}.")
            found = _numbers("keypoints", annotation.get("keypoints", []), None)
            if len(found) % 3 or len(found) > 3 * keypoints:
                raise ValueError(
                    f"keypoints must be x, y and visibility of at most {keypoints}, as many as a category of the file names, "
                    f"but are {len(found)} numbers."
                )
            points.append(found + [0.0] * (3 * keypoints - len(found)))
        except ValueError as error:
            name = annotation.get("id", "without an id")
            raise ValueError(f"{file.path}, image {image['id']}, annotation {name}: {error} {REPAIR}") from error
    count = len(annotations)
    with torch.device("cpu"):
        return Objects(
            boxes=torch.tensor(boxes, dtype=torch.float32).reshape(count, 4),
            masks=torch.stack(masks) if masks else torch.zeros(0, *size, dtype=torch.bool),
            classes=torch.tensor([labels[annotation["category_id"]] for annotation in annotations], dtype=torch.int64),
            crowd=torch.tensor([bool(annotation.get("iscrowd", 0)) for annotation in annotations], dtype=torch.bool),
            areas=torch.tensor(areas, dtype=torch.float64),
            keypoints=torch.tensor(points, dtype=torch.float32).reshape(count, keypoints, 3),
        )


def _mask(segmentation: object, size: tuple[int, int]) -> Tensor:
    """The mask of an annotation: polygons, or run lengths, packed or not."""
    if isinstance(segmentation, Mapping):
        mask = rle_to_mask(segmentation)
        if tuple(mask.shape) != size:
            raise ValueError(f"its mask is {mask.shape[0]}×{mask.shape[1]}, but its image {size[0]}×{size[1]}.")
        return mask
    if segmentation is not None and not isinstance(segmentation, list):
        raise ValueError(f"segmentation must be a list of polygons or run lengths, but is {segmentation!r}.")
    return polygons_to_mask(segmentation or [], size)


def _corners_of(box: object) -> list[float]:
    """The corners (x1, y1, x2, y2) of a box that the file has as [x, y, width, height]."""
    x, y, width, height = _numbers("bbox", box, 4)
    if width < 0 or height < 0:
        raise ValueError(f"bbox must be [x, y, width, height] with sides from 0 on, but is {box!r}.")
    return [x, y, x + width, y + height]


def _numbers(name: str, values: object, count: int | None) -> list[float]:
    if not isinstance(values, list) or not all(map(is_number, values)) or len(values) != (count or len(values)):
        raise ValueError(f"{name} must hold {count or 'only'} finite numbers, but is {values!r}.")
    return [float(value) for value in values]


def _entries(path: Path, content: Mapping[str, Any], name: str) -> list[Entry]:
    entries = content.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path} needs a list '{name}' of dictionaries, but has {type(entries).__name__}. {REPAIR}")
    return entries


def _ids(path: Path, entries: Sequence[Entry], name: str) -> set[int]:
    """The ids of a list, all different."""
    for place, entry in enumerate(entries):
        _require(path, name, place, entry, "id", is_integer(entry.get("id")), "a whole number")
    ids = {entry["id"] for entry in entries}
    if len(ids) < len(entries):
        raise ValueError(f"{path}: the ids of '{name}' must all differ, but {len(entries)} share {len(ids)}. {REPAIR}")
    return ids


def _is_line(line: object, count: int) -> bool:
    """Whether this is a pair of two of so many keypoints, which COCO counts from 1."""
    return isinstance(line, list) and len(line) == 2 and all(is_integer(end) and 1 <= end <= count for end in line)


def _require(path: Path, name: str, place: int, entry: Entry, field: str, holds: bool, expected: str) -> None:
    if not holds:
        found = f"is {entry[field]!r}" if field in entry else "is missing"
        raise ValueError(f"{path}: '{field}' of {name}[{place}] must be {expected}, but {found}. {REPAIR}")
