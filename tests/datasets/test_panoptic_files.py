"""Panoptic maps written and read again: every object stays, and what is not such a file is refused by its name."""

import json

import pytest
import torch
from PIL import Image

from course_utils.datasets.panoptic_files import read_coco_panoptic, read_numbers, write_coco_panoptic, write_numbers
from course_utils.datasets.scenes import Scenes
from course_utils.ops.panoptic import panoptic_map
from course_utils.ops.panoptic_codes import from_cityscapes, from_kitti, to_cityscapes, to_kitti

SCENES = Scenes("val", length=3)
THINGS = (5, 6)
NAMES = ("sky", "building", "road", "sidewalk", "vegetation", "car", "person", "pole")


def maps() -> dict[str, torch.Tensor]:
    """Three streets whose objects are numbered 1, 2, … in each class, as files number them."""
    found = {}
    for n in range(3):
        sample = SCENES[n]
        panoptic = panoptic_map(sample.labels, sample.instances, things=THINGS)
        for label in THINGS:
            ids = panoptic[..., 1][panoptic[..., 0] == label]
            panoptic[..., 1][panoptic[..., 0] == label] = ids.unique(return_inverse=True)[1] + 1
        found[f"street_{n}"] = panoptic
    return found


def test_coco_keeps_every_object(tmp_path):
    written = maps()
    write_coco_panoptic(tmp_path / "streets.json", written, classes=NAMES, things=THINGS)
    read = read_coco_panoptic(tmp_path / "streets.json")
    assert list(read) == list(written)
    for name, panoptic in written.items():
        assert torch.equal(read[name], panoptic), name
    content = json.loads((tmp_path / "streets.json").read_text())
    assert [one["isthing"] for one in content["categories"]] == [0, 0, 0, 0, 0, 1, 1, 0]
    assert {one["height"] for one in content["images"]} == {written["street_0"].shape[0]}


@pytest.mark.parametrize(("code", "decode"), [(to_kitti, from_kitti), (to_cityscapes, from_cityscapes)])
def test_16_bits_keep_every_object(tmp_path, code, decode):
    for panoptic in maps().values():
        write_numbers(tmp_path / "ids.png", code(panoptic, things=THINGS))
        assert Image.open(tmp_path / "ids.png").mode == "I;16"
        assert torch.equal(decode(read_numbers(tmp_path / "ids.png")), panoptic)


def test_the_ends_of_16_bits(tmp_path):
    numbers = torch.tensor([[0, 255, 256, 32768, 65535]], dtype=torch.int32)
    write_numbers(tmp_path / "ids.png", numbers)
    assert torch.equal(read_numbers(tmp_path / "ids.png"), numbers)
    Image.fromarray(numbers.numpy().astype("uint8")).save(tmp_path / "grey.png")
    assert read_numbers(tmp_path / "grey.png").tolist() == [[0, 255, 0, 0, 255]]


def test_it_refuses(tmp_path):
    path = tmp_path / "ids.png"
    with pytest.raises(ValueError, match="up to 65535, but the largest number is 65536"):
        write_numbers(path, torch.tensor([[65536]]))
    for numbers in (torch.tensor([[-1]]), torch.tensor([[0.5]]), torch.zeros(2, 2, 4, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="write_numbers takes uint8"):
            write_numbers(path, numbers)
    with pytest.raises(ValueError, match=r"ids\.png is missing"):
        read_numbers(path)
    assert list(tmp_path.iterdir()) == [], "nothing half-written stays"
    Image.new("P", (2, 2)).save(path)
    with pytest.raises(ValueError, match="mode 'P'"):
        read_numbers(path)
    with pytest.raises(ValueError, match="has the class [4-7], but there are names for 4"):
        write_coco_panoptic(tmp_path / "a.json", maps(), classes=NAMES[:4], things=THINGS)
    (tmp_path / "b.json").write_text('{"annotations": []}')
    with pytest.raises(ValueError, match="in COCO's panoptic format"):
        read_coco_panoptic(tmp_path / "b.json")
    (tmp_path / "c.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="in COCO's panoptic format"):
        read_coco_panoptic(tmp_path / "c.json")
