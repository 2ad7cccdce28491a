"""Files in COCO's format, written: predictions as results, and any data set of the course as images and annotations."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from course_utils.datasets.coco_masks import mask_to_rle
from course_utils.datasets.coco_polygons import mask_to_polygons
from course_utils.datasets.objects import Objects, objects_of
from course_utils.datasets.samples import DataSet, require_data_set
from course_utils.ops.checks import require_bools, require_tensor, whole_number
from course_utils.whole_files import write_text_whole, write_whole


def result_entries(
    image_id: int,
    category_ids: Sequence[int],
    scores: Tensor,
    *,
    masks: Tensor | None = None,
    boxes: Tensor | None = None,
    keypoints: Tensor | None = None,
) -> list[dict[str, Any]]:
    """What was found in one image, as entries of a results file: with masks, or with boxes, or with keypoints.

    Only one of the three: pycocotools takes the area of a detection from its box where it has one, and then counts masks as
    small or large by another area than their own.

    Shapes: `category_ids` N numbers; `scores` (N,); `masks` (N, H, W) bool; `boxes` (N, 4) as (x1, y1, x2, y2); `keypoints`
    (N, K, 2 or 3), x, y and, if there is one, a number that stands in the file and is not evaluated.

    Raises: ValueError unless one of the three is given, and where the counts differ or a number is not finite.
    """
    image_id = whole_number(image_id, "image_id", minimum=0)
    category_ids = [whole_number(number, "a category id", minimum=0) for number in category_ids]
    possible = {"segmentation": masks, "bbox": boxes, "keypoints": keypoints}
    given = {field: tensor for field, tensor in possible.items() if tensor is not None}
    if len(given) != 1:
        raise ValueError(
            f"Give either masks, or boxes, or keypoints; {len(given)} of them came. Write a file for each."
        )
    ((field, found),) = given.items()
    for name, tensor in (("scores", scores), (field, found)):
        require_tensor(tensor, name)
        if len(tensor) != len(category_ids):
            raise ValueError(
                f"There are {len(category_ids)} category ids, but {len(tensor)} {name}; give one for each."
            )
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} must be finite numbers; a detection with NaN cannot be ranked.")
    return [
        {"image_id": image_id, "category_id": category_id, field: _AS_JSON[field](one), "score": score}
        for category_id, one, score in zip(category_ids, found, scores.tolist(), strict=True)
    ]


def write_results(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """A results file of the entries of all images, as `loadRes` of pycocotools reads it; whole or not at all.

    pycocotools cannot read a file without entries, so do not hand it one: where nothing was found, AP is 0.
    """
    _write_json(Path(path), list(entries))


def write_coco(data: DataSet, path: Path, images: Path, *, polygons: bool = True) -> None:
    """A data set of the course as a folder of PNG images and an annotation file, which is written last.

    The classes that are things are the categories 1, 2, …; image and annotation ids begin at 1, because pycocotools takes a
    match with the annotation 0 for none. Masks are outlines along the edges of pixels, or run lengths as text
    (`polygons=False`); both give the same masks back. Crowds are run lengths as numbers. An object that is of no thing, such
    as one that is void, is left out.

    The objects are those of `data.objects(index)` where the data set has that, and the instances of its samples elsewhere.

    Raises: ValueError if `data` is no data set, has no instance truth, or gives objects of another size than its image.
    """
    require_data_set(data, "classes", "things", "names")
    require_bools(polygons=polygons)
    path, folder = Path(path), Path(images)
    categories = [
        {"id": n, "name": data.classes[label]} | _keypoint_fields(data) for n, label in enumerate(data.things, start=1)
    ]
    content: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": [], "categories": categories}
    ids = {label: n for n, label in enumerate(data.things, start=1)}
    for index in range(len(data)):
        sample = data[index]
        objects = data.objects(index) if hasattr(data, "objects") else objects_of(sample)
        height, width = sample.labels.shape
        if objects.masks.shape[1:] != (height, width):
            raise ValueError(
                f"The image of sample {index} is {height}×{width}, but its masks are {tuple(objects.masks.shape[1:])}; give "
                "the data set without `size`."
            )
        image = {"id": index + 1, "file_name": f"{data.names[index]}.png", "height": height, "width": width}
        content["images"].append(image)
        _write_image(folder / image["file_name"], sample.image)
        for n, label in enumerate(objects.classes.tolist()):
            if label in ids:
                entry = {"id": len(content["annotations"]) + 1, "image_id": index + 1, "category_id": ids[label]}
                content["annotations"].append(entry | _annotation(objects, n, polygons))
    _write_json(path, content)


def _keypoint_fields(data: DataSet) -> dict[str, Any]:
    """Names and lines of a category's keypoints, if the data set has any; COCO counts them from 1."""
    if not getattr(data, "keypoint_names", ()):
        return {}
    return {
        "keypoints": list(data.keypoint_names),
        "skeleton": [[start + 1, end + 1] for start, end in data.skeleton],
    }


def _annotation(objects: Objects, n: int, polygons: bool) -> dict[str, Any]:
    """The fields of an object that do not depend on its place in the file."""
    mask, crowd = objects.masks[n], bool(objects.crowd[n])
    outline = mask_to_polygons(mask) if polygons and not crowd else mask_to_rle(mask, compressed=not crowd)
    entry = {
        "segmentation": outline,
        "area": float(objects.areas[n]),
        "bbox": _box_entry(objects.boxes[n]),
        "iscrowd": int(crowd),
    }
    if objects.keypoints.shape[1]:
        seen = objects.keypoints[n, :, 2] > 0
        entry |= {"keypoints": _keypoint_entry(objects.keypoints[n]), "num_keypoints": int(seen.sum())}
    return entry


def _box_entry(box: Tensor) -> list[float]:
    """[x, y, width, height] of the corners (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _keypoint_entry(points: Tensor) -> list[float]:
    """x, y and a third number of each keypoint, whole where it is a visibility; 1 where there is no third: (3 K,)."""
    thirds = points[:, 2:] if points.shape[1] == 3 else torch.ones_like(points[:, :1])
    return [
        int(number) if place % 3 == 2 and number.is_integer() else number
        for place, number in enumerate(torch.cat([points[:, :2], thirds], 1).flatten().tolist())
    ]


_AS_JSON: dict[str, Callable[[Tensor], object]] = {
    "segmentation": mask_to_rle,
    "bbox": _box_entry,
    "keypoints": _keypoint_entry,
}


def _write_image(path: Path, image: Tensor) -> None:
    pixels = image.mul(255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    write_whole(path, lambda partial: Image.fromarray(pixels).save(partial, format="PNG"))


def _write_json(path: Path, content: object) -> None:
    write_text_whole(path, json.dumps(content))
