"""Nuclei: union, numbering and overlap of a made-up set, damage, and the class shares of the real images."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.datasets.nuclei import Nuclei
from course_utils.datasets.samples import boxes_and_masks

NAMES = ["a2", "a10", "a1", "b3", "a9", "c"]


def mask(*pixels: tuple[int, int]) -> Image.Image:
    values = np.zeros((4, 5), dtype=np.uint8)
    for row, column in pixels:
        values[row, column] = 255
    return Image.fromarray(values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        base = tmp_path / "stage1_train" / name
        (base / "images").mkdir(parents=True)
        (base / "masks").mkdir()
        pixels = np.full((4, 5, 4), 255, dtype=np.uint8)
        pixels[..., 2] = 51
        Image.fromarray(pixels).save(base / "images" / f"{name}.png")
        # Written last, sorted first.
        mask((1, 3), (1, 4), (2, 3)).save(base / "masks" / "ee.png")
        mask((3, 0)).save(base / "masks" / "ff.png")
        mask((0, 0), (0, 1), (1, 3)).save(base / "masks" / "0a.png")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "stage1_train" / "__MACOSX").mkdir()
    (tmp_path / "stage1_train" / ".DS_Store").write_bytes(b"")
    return tmp_path


def test_the_last_fifth_in_natural_order_is_val(folder: Path) -> None:
    assert Nuclei(folder).names == ("a1", "a2", "a9", "a10")
    assert Nuclei(folder, "val").names == ("b3", "c")


def test_union_is_the_class_and_each_file_an_instance(folder: Path) -> None:
    image, labels, instances = Nuclei(folder)[0]
    # 0a, ee, ff are 1, 2, 3; the pixel (1, 3) is in 0a and in ee and belongs to the later.
    assert instances.tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 2, 2], [0, 0, 0, 2, 0], [3, 0, 0, 0, 0]]
    assert torch.equal(labels, (instances > 0).long())
    torch.testing.assert_close(image[:, 2, 2], torch.tensor([1, 1, 0.2]))
    assert image.shape == (3, 4, 5)


def test_boxes_of_the_instances(folder: Path) -> None:
    boxes, masks, classes = boxes_and_masks(Nuclei(folder)[0])
    assert boxes.tolist() == [[0, 0, 2, 1], [3, 1, 5, 3], [0, 3, 1, 4]]
    assert masks.sum((1, 2)).tolist() == [2, 3, 1]
    assert classes.tolist() == [1, 1, 1]


def test_a_size_scales_and_crops(folder: Path) -> None:
    image, labels, instances = Nuclei(folder, size=(8, 8))[0]
    assert image.shape == (3, 8, 8)
    assert instances[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert labels.sum() == 4 * 6 - 2 - 2 - 2


def test_an_image_that_is_gone(folder: Path) -> None:
    (folder / "stage1_train" / "a9" / "images" / "a9.png").unlink()
    with pytest.raises(ValueError, match=r"a9/images/a9\.png is missing"):
        Nuclei(folder)
    (folder / "stage1_train" / "a9" / "images").rmdir()
    with pytest.raises(ValueError, match=r"a9/images/a9\.png is missing"):
        Nuclei(folder)


def test_no_masks(folder: Path) -> None:
    for path in (folder / "stage1_train" / "a1" / "masks").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=r"a1/masks is empty or missing: expected one PNG file per nucleus"):
        Nuclei(folder)


def test_a_mask_of_another_size(folder: Path) -> None:
    Image.fromarray(np.zeros((5, 5), dtype=np.uint8)).save(folder / "stage1_train" / "a1" / "masks" / "ee.png")
    with pytest.raises(ValueError, match=r"masks/ee\.png is 5×5, but its image .*a1\.png is 4×5"):
        Nuclei(folder)[0]


def test_a_mask_with_other_values(folder: Path) -> None:
    values = np.zeros((4, 5), dtype=np.uint8)
    values[3, 2] = 1
    Image.fromarray(values).save(folder / "stage1_train" / "a1" / "masks" / "ee.png")
    with pytest.raises(ValueError, match=r"masks/ee\.png holds the value 1 at row 3, column 2.*only 0, 255"):
        Nuclei(folder)[0]


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "stage1_train").mkdir()
    with pytest.raises(ValueError, match=r"stage1_train is empty or missing"):
        Nuclei(tmp_path)


def test_an_unknown_split(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"nuclei has no split 'test'"):
        Nuclei(folder, "test")


# Pixels of background and of the masks' union, and mask files, counted with PIL and os.listdir, without this package.
COUNTS = {"train": (7846943, 1147873, 4028), "val": (2012956, 215268, 1008)}


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_class_shares_of_the_real_images(split: str) -> None:
    images = Nuclei(Path(os.environ["COURSE_DATA"], "nuclei"), split)
    if len(images) != {"train": 128, "val": 32}[split]:
        pytest.skip("the counts are those of the reduced set for development, not of the originals")
    background = nucleus = objects = 0
    for image, labels, instances in images:
        assert image.shape[1:] == labels.shape
        assert torch.equal(labels == 1, instances > 0)
        background += int((labels == 0).sum())
        nucleus += int((labels == 1).sum())
        objects += len(instances.unique()) - 1
    assert (background, nucleus, objects) == COUNTS[split]
