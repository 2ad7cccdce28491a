"""Data sets in COCO's format: a small one made by hand, everything that may be missing, and everything that may be damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO as Reference

from course_utils.datasets.coco import COCO
from course_utils.datasets.samples import VOID, boxes_and_masks

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools

HEIGHT, WIDTH = 6, 8
CONTENT: dict[str, Any] = {
    "info": {"year": 2024},
    "images": [
        {"id": 42, "file_name": "b.png", "height": HEIGHT, "width": WIDTH},
        {"id": 7, "file_name": "a.png", "height": 3, "width": 4},
    ],
    "categories": [
        {"id": 18, "name": "dog", "supercategory": "animal"},
        {"id": 1, "name": "person", "keypoints": ["head", "foot"], "skeleton": [[1, 2]]},
    ],
    "annotations": [
        # A dog of 4×3 pixels, with a person of one column in it, which was drawn first.
        {
            "id": 5, "image_id": 42, "category_id": 1, "segmentation": [[2, 1, 3, 1, 3, 4, 2, 4]], "bbox": [2, 1, 1, 3],
            "area": 2.5, "iscrowd": 0, "keypoints": [2.5, 1.25, 2, 0, 0, 0], "num_keypoints": 1,
        },
        {"id": 6, "image_id": 42, "category_id": 18, "segmentation": {"size": [6, 8], "counts": [7, 3, 3, 3, 3, 3, 3, 3, 20]}},
        # A crowd of the two lowest rows, as COCO has them: run lengths that are not packed. Its first column has a dog's pixel.
        {
            "id": 9, "image_id": 42, "category_id": 1, "iscrowd": 1,
            "segmentation": {"size": [6, 8], "counts": [3, 3] + [3, 3] * 7},
        },
        {"id": 8, "image_id": 42, "category_id": 18, "segmentation": [], "bbox": [0, 0, 2, 2], "iscrowd": 0},
    ],
}  # fmt: skip


Change = Callable[[dict[str, Any]], object]


def write(folder: Path, change: Change | None = None) -> Path:
    """The files of the small set, after a change of what the JSON file holds."""
    content = json.loads(json.dumps(CONTENT))
    if change:
        change(content)
    for name, size, grey in (("b.png", (HEIGHT, WIDTH), 51), ("a.png", (3, 4), 102)):
        Image.fromarray(np.full(size, grey, dtype=np.uint8)).save(folder / name)
    path = folder / "instances.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_classes_follow_the_ids_of_the_categories(tmp_path: Path) -> None:
    data = COCO(write(tmp_path), tmp_path)
    assert data.classes == ("background", "person", "dog") and data.num_classes == 3 and data.things == (1, 2)
    assert data.category_ids == (0, 1, 18)
    assert data.names == ("b.png", "a.png") and data.image_ids == (42, 7) and len(data) == 2
    assert len(set(data.colours)) == 3 and data.keypoint_names == ("head", "foot")
    assert data.skeleton == ((0, 1),)


def test_a_sample_by_hand(tmp_path: Path) -> None:
    image, labels, instances = COCO(write(tmp_path), tmp_path)[0]
    assert image.shape == (3, HEIGHT, WIDTH) and image.unique().tolist() == pytest.approx([0.2])
    # The person, which is smaller, is seen on the dog; both lie on the crowd, where they reach it.
    assert labels.tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 2, 1, 2, 2, 0, 0, 0],
        [0, 2, 1, 2, 2, 0, 0, 0],
        [VOID, 2, 1, 2, 2, VOID, VOID, VOID],
        [VOID] * 8,
        [VOID] * 8,
    ]
    assert torch.equal(instances == 1, labels == 1) and torch.equal(instances == 2, labels == 2)
    assert instances.unique().tolist() == [0, 1, 2]


def test_objects_by_hand(tmp_path: Path) -> None:
    objects = COCO(write(tmp_path), tmp_path).objects(0)
    # The file's boxes are (x, y, width, height); the dog and the crowd have none, so theirs are read from their masks.
    assert objects.boxes.tolist() == [[2, 1, 3, 4], [1, 1, 5, 4], [0, 3, 8, 6], [0, 0, 2, 2]]
    assert objects.masks.sum((1, 2)).tolist() == [3, 12, 24, 0]
    assert objects.classes.tolist() == [1, 2, 1, 2]
    assert objects.crowd.tolist() == [False, False, True, False]
    assert objects.areas.tolist() == [2.5, 12, 24, 0]
    assert objects.keypoints.shape == (4, 2, 3)
    assert objects.keypoints[0].tolist() == [[2.5, 1.25, 2], [0, 0, 0]] and not objects.keypoints[1:].any()
    kinds = [part.dtype for part in objects]
    assert kinds == [torch.float32, torch.bool, torch.int64, torch.bool, torch.float64, torch.float32]


def test_masks_equal_pycocotools(tmp_path: Path) -> None:
    path = write(tmp_path)
    objects, reference = COCO(path, tmp_path).objects(0), Reference(str(path))
    for mask, annotation in zip(objects.masks[:3], CONTENT["annotations"][:3], strict=True):
        segmentation = reference.anns[annotation["id"]]
        assert np.array_equal(mask.numpy(), reference.annToMask(segmentation))


def test_an_image_without_annotations_is_all_background(tmp_path: Path) -> None:
    data = COCO(write(tmp_path), tmp_path)
    _, labels, instances = data[1]
    assert labels.shape == (3, 4) and not labels.any() and not instances.any()
    shapes = [tuple(part.shape) for part in data.objects(1)]
    assert shapes == [(0, 4), (0, 3, 4), (0,), (0,), (0,), (0, 2, 3)]
    boxes, masks, classes = boxes_and_masks(data[1])
    assert len(boxes) == len(masks) == len(classes) == 0


def test_a_file_without_annotations_and_one_whose_image_is_all_crowd(tmp_path: Path) -> None:
    data = COCO(write(tmp_path, lambda content: content.update(annotations=[])), tmp_path)
    assert [int(sample.labels.max()) for sample in data] == [0, 0]
    crowd = {
        "id": 1,
        "image_id": 7,
        "category_id": 18,
        "iscrowd": 1,
        "segmentation": {"size": [3, 4], "counts": [0, 12]},
    }
    data = COCO(write(tmp_path, lambda content: content.update(annotations=[crowd])), tmp_path)
    assert (data[1].labels == VOID).all() and not data[1].instances.any() and data.objects(1).crowd.tolist() == [True]


def test_of_equal_objects_the_later_one_is_seen(tmp_path: Path) -> None:
    square = [[0, 0, 2, 0, 2, 2, 0, 2]]
    twice = [{"image_id": 7, "category_id": n, "segmentation": square} for n in (18, 1)]
    sample = COCO(write(tmp_path, lambda content: content.update(annotations=twice)), tmp_path)[1]
    assert sample.labels.unique().tolist() == [0, 1] and sample.instances.unique().tolist() == [0, 2]


def test_a_size_scales_samples_and_leaves_objects(tmp_path: Path) -> None:
    data = COCO(write(tmp_path), tmp_path, (12, 12))
    assert data[0].labels.shape == data[1].labels.shape == (12, 12)
    assert data.objects(0).masks.shape == (4, HEIGHT, WIDTH)


def entry(name: str, place: int, /, **fields: Any) -> Change:
    """Set fields of an entry, or take those away that are set to None."""

    def change(content: dict[str, Any]) -> None:
        content[name][place].update(fields)
        for field in [field for field, value in fields.items() if value is None]:
            del content[name][place][field]

    return change


AT_ONCE: dict[str, tuple[Change, str]] = {
    "no list of images": (lambda c: c.pop("images"), "needs a list 'images' of dictionaries, but has NoneType"),
    "no list of categories": (lambda c: c.pop("categories"), "needs a list 'categories'"),
    "no list of annotations": (lambda c: c.pop("annotations"), "needs a list 'annotations'"),
    "annotations by id": (lambda c: c.update(annotations={"5": {}}), "needs a list 'annotations' of dictionaries, but has dict"),
    "a list of texts": (lambda c: c.update(images=["b.png"]), "needs a list 'images' of dictionaries"),
    "no image": (lambda c: c.update(images=[], annotations=[]), "at least one entry in 'images'"),
    "no category": (lambda c: c.update(categories=[], annotations=[]), "at least one entry in 'categories'"),
    "an image without id": (entry("images", 1, id=None), r"'id' of images\[1\] must be a whole number, but is missing"),
    "an id that is a text": (entry("images", 1, id="7"), r"'id' of images\[1\] must be a whole number, but is '7'"),
    "two images with one id": (entry("images", 1, id=42), "ids of 'images' must all differ, but 2 share 1"),
    "two categories with one id": (entry("categories", 1, id=18), "ids of 'categories' must all differ"),
    "no file name": (entry("images", 0, file_name=None), r"'file_name' of images\[0\] must be a text, but is missing"),
    "no height": (entry("images", 0, height=None), r"'height' and 'width' of images\[0\]: size should be"),
    "a width of zero": (entry("images", 0, width=0), r"'height' and 'width' of images\[0\]: size should be"),
    "a category without name": (entry("categories", 0, name=None), r"'name' of categories\[0\] must be a text"),
    "keypoints without names": (entry("categories", 1, keypoints=[1, 2]), r"'keypoints' of categories\[1\] must be a list"),
    "a line to nowhere": (entry("categories", 1, skeleton=[[0, 1]]), r"'skeleton' of categories\[1\] must be pairs of numbers"),
    "no image id": (entry("annotations", 1, image_id=None), r"'image_id' of annotations\[1\] must be an id .*, but is missing"),
    "an unknown image": (entry("annotations", 1, image_id=43), r"'image_id' of annotations\[1\] must be an id .*, but is 43"),
    "no category id": (entry("annotations", 1, category_id=None), r"'category_id' of annotations\[1\]"),
    "an unknown category": (entry("annotations", 1, category_id=[1]), r"'category_id' of annotations\[1\] .* but is \[1\]"),
    "an image file that is gone": (entry("images", 0, file_name="c.png"), r"c\.png is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_ONCE)
def test_damage_that_is_found_at_once(tmp_path: Path, name: str) -> None:
    change, what = AT_ONCE[name]
    path = write(tmp_path, change)
    with pytest.raises(ValueError, match=what):
        COCO(path, tmp_path)


LATER: dict[str, tuple[Change, str]] = {
    "an odd polygon": (entry("annotations", 0, segmentation=[[1, 2, 3]]), "annotation 5: A polygon is a list of numbers"),
    "a polygon on its own": (entry("annotations", 0, segmentation=[1, 2, 3, 4, 5, 6]), "annotation 5: A polygon is a list"),
    "a mask that is a text": (entry("annotations", 0, segmentation="11"), "annotation 5: segmentation must be a list"),
    "short run lengths": (entry("annotations", 1, segmentation={"size": [6, 8], "counts": [7, 3]}), "annotation 6: .* up to 48"),
    "another size": (entry("annotations", 1, segmentation={"size": [8, 6], "counts": [48]}), "mask is 8×6, but its image 6×8"),
    "a box of three": (entry("annotations", 0, bbox=[1, 2, 3]), "annotation 5: bbox must hold 4 finite numbers"),
    "a box with NaN": (entry("annotations", 0, bbox=[1, 2, 3, float("nan")]), "bbox must hold 4 finite numbers"),
    "a negative box": (entry("annotations", 0, bbox=[1, 2, -3, 4]), "with sides from 0 on"),
    "an area that is a text": (entry("annotations", 0, area="3"), "area must hold 1 finite numbers"),
    "half a crowd": (entry("annotations", 0, iscrowd=0.5), "iscrowd must be 0 or 1"),
    "keypoints cut short": (entry("annotations", 0, keypoints=[1, 2]), "at most 2, .* but are 2 numbers"),
    "too many keypoints": (entry("annotations", 0, keypoints=[1] * 9), "at most 2, .* but are 9 numbers"),
    "keypoints that are none": (entry("annotations", 0, keypoints="none"), "keypoints must hold only finite numbers"),
    "no id": (lambda c: c["annotations"].append({"image_id": 42, "category_id": 1, "area": "1"}), "annotation without an id"),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_damage_that_is_found_with_the_sample(tmp_path: Path, name: str) -> None:
    change, what = LATER[name]
    data = COCO(write(tmp_path, change), tmp_path)
    for read in (data.objects, data.__getitem__):
        with pytest.raises(ValueError, match=what):
            read(0)
    assert len(data.objects(1).boxes) == 0


@pytest.mark.parametrize("content", [b"", b'{"images": [', b"\xff\xfe", b"[]", b"null"])
def test_a_file_that_is_no_annotation_file(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"instances\.json (cannot be read|should hold a dictionary)"):
        COCO(path, tmp_path)
    with pytest.raises(ValueError, match=r"nothing\.json is missing"):
        COCO(tmp_path / "nothing.json", tmp_path)


def test_an_image_of_another_size_than_the_file_says(tmp_path: Path) -> None:
    data = COCO(write(tmp_path, entry("images", 1, height=4)), tmp_path)
    with pytest.raises(ValueError, match=r"a\.png is 3×4, but .*instances\.json says 4×4"):
        data[1]


def test_more_categories_than_labels(tmp_path: Path) -> None:
    many = [{"id": n, "name": str(n)} for n in range(1, 300)]
    with pytest.raises(ValueError, match="has 299 categories, but labels have room for 254"):
        COCO(write(tmp_path, lambda content: content.update(categories=many)), tmp_path)
    data = COCO(write(tmp_path, lambda content: content.update(categories=many[:254])), tmp_path)
    assert data.num_classes == VOID and len(set(data.colours)) > 200
