"""Files that are written in COCO's format: by hand, read by pycocotools, and read back here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO as Reference
from pycocotools.cocoeval import COCOeval
from test_coco import write as write_small_set
from torch.utils.data import Dataset

from course_utils.datasets.cells import Cells
from course_utils.datasets.coco import COCO
from course_utils.datasets.coco_masks import rle_to_mask
from course_utils.datasets.coco_results import result_entries, write_coco, write_results
from course_utils.datasets.objects import objects_of
from course_utils.datasets.puppets import Puppets
from course_utils.datasets.samples import VOID, Sample
from course_utils.datasets.scenes import Scenes

SCORES = torch.tensor([0.75, 0.5])
BOXES = torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.0, 0.0, 0.5, 0.5]])
MASKS = torch.zeros(2, 3, 4, dtype=torch.bool)
MASKS[0, 1:, 2:] = True
POINTS = torch.tensor([[[1.5, 2.0, 2.0], [3.0, 4.0, 0.25]]] * 2)


def test_entries_by_hand() -> None:
    first, second = result_entries(7, [18, 1], SCORES, boxes=BOXES)
    assert first == {"image_id": 7, "category_id": 18, "bbox": [1, 2, 3, 6], "score": 0.75}
    assert second == {"image_id": 7, "category_id": 1, "bbox": [0, 0, 0.5, 0.5], "score": 0.5}
    first, second = result_entries(7, [18, 1], SCORES, masks=MASKS)
    assert list(first) == ["image_id", "category_id", "segmentation", "score"]
    assert isinstance(first["segmentation"]["counts"], str)
    assert torch.equal(rle_to_mask(first["segmentation"]), MASKS[0])
    assert not rle_to_mask(second["segmentation"]).any()
    (first, _) = result_entries(7, [18, 1], SCORES, keypoints=POINTS)
    assert first["keypoints"] == [1.5, 2, 2, 3, 4, 0.25]
    (first, _) = result_entries(7, [18, 1], SCORES, keypoints=POINTS[..., :2])
    assert first["keypoints"] == [1.5, 2, 1, 3, 4, 1]
    assert result_entries(7, [], SCORES[:0], masks=MASKS[:0]) == []
    json.dumps(result_entries(np.int64(7), np.array([18, 1]), SCORES.double(), masks=MASKS))


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "either masks, or boxes, or keypoints; 0 of them"),
        ({"masks": MASKS, "boxes": BOXES}, "2 of them"),
        ({"boxes": BOXES[:1]}, "There are 2 category ids, but 1 bbox"),
        ({"boxes": BOXES, "scores": SCORES[:1]}, "There are 2 category ids, but 1 scores"),
        ({"boxes": BOXES, "scores": SCORES / 0}, "scores must be finite"),
        ({"boxes": BOXES * float("nan")}, "bbox must be finite"),
        ({"boxes": BOXES.tolist()}, "bbox must be a tensor"),
        ({"masks": MASKS.float()}, "mask must be bool"),
        ({"boxes": BOXES, "category_ids": [1.0, 2]}, "a category id must be an integer"),
        ({"boxes": BOXES, "image_id": "7"}, "image_id must be an integer"),
    ],
)
def test_bad_predictions_are_refused(given: dict[str, Any], what: str) -> None:
    arguments = {"image_id": 7, "category_ids": [18, 1], "scores": SCORES} | given
    with pytest.raises(ValueError, match=what):
        result_entries(**arguments)


def evaluated(path: Path, results: Path, kind: str, sigmas: tuple[float, ...] = ()) -> np.ndarray:
    truth = Reference(str(path))
    evaluation = COCOeval(truth, truth.loadRes(str(results)), kind)
    if sigmas:
        evaluation.params.kpt_oks_sigmas = np.array(sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("polygons", [True, False])
def test_the_truth_as_a_prediction_scores_one_in_pycocotools(tmp_path: Path, polygons: bool) -> None:
    puppets, path = Puppets("val", length=4), tmp_path / "deep" / "puppets.json"
    write_coco(puppets, path, tmp_path / "images", polygons=polygons)
    data = COCO(path, tmp_path / "images")
    entries: dict[str, list[dict[str, Any]]] = {"segm": [], "bbox": [], "keypoints": []}
    for index in range(4):
        objects = puppets.objects(index)
        scores = torch.linspace(0.9, 0.6, len(objects.boxes))
        entries["segm"] += data.results(index, objects.classes, scores, masks=objects.masks)
        entries["bbox"] += data.results(index, objects.classes, scores, boxes=objects.boxes)
        entries["keypoints"] += data.results(index, objects.classes, scores, keypoints=objects.keypoints)
    for kind, found in entries.items():
        write_results(tmp_path / f"{kind}.json", found)
        stats = evaluated(path, tmp_path / f"{kind}.json", kind, Puppets.sigmas if kind == "keypoints" else ())
        assert stats[0] == pytest.approx(1), kind
        if kind == "keypoints":
            for entry in found:
                entry["keypoints"] = [number + 4 for number in entry["keypoints"]]
            write_results(tmp_path / "off.json", found)
            assert 0 <= evaluated(path, tmp_path / "off.json", kind, Puppets.sigmas)[0] < 0.9
        else:
            write_results(tmp_path / "half.json", found[: len(found) // 2])
            assert 0.2 < evaluated(path, tmp_path / "half.json", kind)[0] < 0.8


@pytest.mark.parametrize("polygons", [True, False])
def test_what_is_written_is_read_back(tmp_path: Path, polygons: bool) -> None:
    puppets = Puppets("test", (48, 64), length=5)
    write_coco(puppets, tmp_path / "puppets.json", tmp_path, polygons=polygons)
    data = COCO(tmp_path / "puppets.json", tmp_path)
    assert data.classes == puppets.classes and data.keypoint_names == puppets.keypoint_names
    assert data.skeleton == puppets.skeleton
    assert data.names == tuple(f"{name}.png" for name in puppets.names) and data.image_ids == (1, 2, 3, 4, 5)
    for index in range(5):
        for found, wanted in zip(data.objects(index), puppets.objects(index), strict=True):
            assert torch.equal(found, wanted) and found.dtype == wanted.dtype
        assert torch.equal(data[index].labels, puppets[index].labels)
        assert torch.equal(data[index].instances, puppets[index].instances)
        assert (data[index].image - puppets[index].image).abs().max() <= 0.5001 / 255


def test_classes_that_are_no_things_are_no_categories(tmp_path: Path) -> None:
    scenes = Scenes("val", (48, 64), length=3)
    write_coco(scenes, tmp_path / "scenes.json", tmp_path)
    data = COCO(tmp_path / "scenes.json", tmp_path)
    assert data.classes == ("background", "car", "person")
    for index in range(3):
        objects, wanted = data.objects(index), objects_of(scenes[index])
        assert torch.equal(objects.masks, wanted.masks) and torch.equal(objects.boxes, wanted.boxes)
        assert torch.equal(objects.classes, wanted.classes - 4)
    cells = Cells("val", (48, 64), length=1)
    write_coco(cells, tmp_path / "cells.json", tmp_path)
    data = COCO(tmp_path / "cells.json", tmp_path)
    assert data.classes == ("background", "cell") and torch.equal(data[0].instances, cells[0].instances)


def test_crowds_and_objects_without_a_mask_survive(tmp_path: Path) -> None:
    data = COCO(write_small_set(tmp_path), tmp_path)
    write_coco(data, tmp_path / "again" / "file.json", tmp_path / "again")
    again = COCO(tmp_path / "again" / "file.json", tmp_path / "again")
    assert again.category_ids == (0, 1, 2)
    for index in range(2):
        for found, wanted in zip(again.objects(index), data.objects(index), strict=True):
            assert torch.equal(found, wanted)
        assert all(torch.equal(*pair) for pair in zip(again[index], data[index], strict=True))
    content = json.loads((tmp_path / "again" / "file.json").read_text())
    crowd = content["annotations"][2]
    assert crowd["iscrowd"] == 1 and isinstance(crowd["segmentation"]["counts"], list)
    with pytest.raises(
        ValueError, match=r"sample 0 is 12×12, but its masks are \(6, 8\); give the data set without `size`"
    ):
        write_coco(COCO(write_small_set(tmp_path), tmp_path, (12, 12)), tmp_path / "x.json", tmp_path / "x")
    assert not (tmp_path / "x.json").exists()


class OneObject(Dataset[Sample]):
    """A sample with a thing, and with one that is void altogether; without instance truth on demand."""

    classes, num_classes, things, colours, names = ("rest", "thing"), 2, (1,), ((0, 0, 0), (1, 1, 1)), ("a",)

    def __init__(self, outside: int = 0) -> None:
        self.outside = outside

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        labels, instances = torch.zeros(2, 4, 5, dtype=torch.int64)
        labels[1, 1:3], labels[3, 3] = 1, VOID
        instances[1, 1:3], instances[3, 3] = 1, 2
        return Sample(torch.zeros(3, 4, 5), labels, torch.where(instances > 0, instances, self.outside))


def test_an_object_that_is_void_is_left_out(tmp_path: Path) -> None:
    write_coco(OneObject(), tmp_path / "a.json", tmp_path)
    (annotation,) = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert annotation == {
        "id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 3, 1, 3, 2, 1, 2]], "area": 2.0,
        "bbox": [1.0, 1.0, 2.0, 1.0], "iscrowd": 0,
    }  # fmt: skip
    with pytest.raises(ValueError, match="no instance truth"):
        write_coco(OneObject(-1), tmp_path / "b.json", tmp_path)
    with pytest.raises(ValueError, match="A data set of the course is needed"):
        write_coco([1, 2], tmp_path / "b.json", tmp_path)
    assert not (tmp_path / "b.json").exists() and not list(tmp_path.glob("*.partial"))


def test_results_of_a_data_set_are_checked(tmp_path: Path) -> None:
    data = COCO(write_small_set(tmp_path), tmp_path)
    (entry,) = data.results(0, [2], SCORES[:1], boxes=BOXES[:1])
    assert entry["image_id"] == 42 and entry["category_id"] == 18
    for classes in ([0], [3]):
        with pytest.raises(ValueError, match="classes must be labels from 1 to 2"):
            data.results(0, classes, SCORES[:1], boxes=BOXES[:1])
    with pytest.raises(ValueError, match=r"as large as the image in the file, \(6, 8\), but are \(3, 4\)"):
        data.results(0, [1, 1], SCORES, masks=MASKS)
    assert len(data.results(1, [1, 1], SCORES, masks=MASKS)) == 2


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path, result_entries(1, [1, 1], SCORES, boxes=BOXES))
    before = path.read_text()
    with pytest.raises(TypeError):
        write_results(path, [{"score": object()}])
    assert path.read_text() == before and [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_pycocotools_reads_no_file_without_entries(tmp_path: Path) -> None:
    """As the docstring says; if it does one day, the sentence goes."""
    path = write_small_set(tmp_path)
    write_results(tmp_path / "none.json", [])
    with pytest.raises(IndexError):
        Reference(str(path)).loadRes(str(tmp_path / "none.json"))


def test_pycocotools_takes_a_match_with_the_annotation_0_for_none(tmp_path: Path) -> None:
    """Why ids are written from 1 on."""
    path = tmp_path / "a.json"
    write_coco(OneObject(), path, tmp_path)
    content = json.loads(path.read_text())
    assert content["images"][0]["id"] == content["annotations"][0]["id"] == content["categories"][0]["id"] == 1
    write_results(tmp_path / "r.json", result_entries(1, [1], SCORES[:1], masks=objects_of(OneObject()[0]).masks[:1]))
    assert evaluated(path, tmp_path / "r.json", "segm")[0] == pytest.approx(1)
    content["annotations"][0]["id"] = 0
    path.write_text(json.dumps(content))
    assert evaluated(path, tmp_path / "r.json", "segm")[0] == 0


def test_pycocotools_takes_the_area_from_a_box() -> None:
    """Why masks and boxes are not written together."""
    truth = Reference()
    truth.dataset = {"images": [{"id": 1, "height": 3, "width": 4}], "categories": [{"id": 1}], "annotations": []}
    truth.createIndex()
    (entry,) = result_entries(1, [1], SCORES[:1], masks=MASKS[:1])
    assert truth.loadRes([dict(entry)]).anns[1]["area"] == 4
    assert truth.loadRes([entry | {"bbox": [0, 0, 4, 3]}]).anns[1]["area"] == 12


@pytest.mark.gpu
def test_predictions_on_a_gpu() -> None:
    for name, found in (("boxes", BOXES), ("masks", MASKS), ("keypoints", POINTS)):
        on_gpu = result_entries(7, [18, 1], SCORES.cuda(), **{name: found.cuda()})
        assert on_gpu == result_entries(7, [18, 1], SCORES, **{name: found})
