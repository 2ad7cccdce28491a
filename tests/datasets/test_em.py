"""EM: values and split of a made-up set, damage, and the class shares of the real sections."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.datasets.em import EM

FILE = np.array([[0, 255, 255, 255], [0, 0, 255, 255], [255, 0, 255, 0]], dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("image", "label"):
        (tmp_path / "train" / part).mkdir(parents=True)
    for n in range(12):
        Image.fromarray(np.full((3, 4), 20 * n, dtype=np.uint8)).save(tmp_path / "train" / "image" / f"{n}.png")
        Image.fromarray(FILE).save(tmp_path / "train" / "label" / f"{n}.png")
    (tmp_path / "train" / "image" / "._3.png").write_bytes(b"left behind by an archive program")
    return tmp_path


def test_the_last_fifth_in_natural_order_is_val(folder: Path) -> None:
    # A fifth of 12 is 2.4, rounded up 3; in alphabetical order, '10' and '11' would be third and fourth.
    assert EM(folder).names == ("0", "1", "2", "3", "4", "5", "6", "7", "8")
    assert EM(folder, "val").names == ("9", "10", "11")


def test_membrane_is_class_one(folder: Path) -> None:
    data_set = EM(folder, "val")
    image, labels, instances = data_set[1]
    assert data_set.classes == ("cell", "membrane")
    assert labels.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 1]]
    assert image.shape == (3, 3, 4)
    torch.testing.assert_close(image, torch.full((3, 3, 4), 200 / 255))
    assert instances.eq(-1).all()


def test_a_size_scales_and_crops(folder: Path) -> None:
    image, labels, instances = EM(folder, size=(3, 2))[0]
    assert image.shape == (3, 3, 2)
    assert labels.tolist() == [[0, 0], [1, 0], [1, 0]]
    assert instances.shape == (3, 2)


def test_another_value_is_an_error(folder: Path) -> None:
    wrong = FILE.copy()
    wrong[2, 1] = 128
    Image.fromarray(wrong).save(folder / "train" / "label" / "4.png")
    with pytest.raises(ValueError, match=r"label/4\.png holds the value 128 at row 2, column 1.*only 0, 255"):
        EM(folder)[4]


@pytest.mark.parametrize("part", ["image", "label"])
def test_a_hole_is_an_error_and_does_not_move_the_split(folder: Path, part: str) -> None:
    (folder / "train" / part / "9.png").unlink()
    assert EM(folder).names[-1] == "8"
    with pytest.raises(ValueError, match=rf"{part}/9\.png is missing"):
        EM(folder, "val")


def test_labels_of_another_size(folder: Path) -> None:
    Image.fromarray(FILE.T.copy()).save(folder / "train" / "label" / "0.png")
    with pytest.raises(ValueError, match=r"label/0\.png is 4×3, but its image .*image/0\.png is 3×4"):
        EM(folder)[0]


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "train" / "image").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"train/image is empty or missing"):
        EM(tmp_path)


def test_an_unknown_split(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"em has no split 'test'; choose one of 'train', 'val'"):
        EM(folder, "test")


# Cell and membrane pixels, counted with PIL's histograms of the label files, without this package.
COUNTS = {"train": [3838976, 1141760], "val": [1034235, 276485]}


@pytest.mark.real_data
@pytest.mark.parametrize("split", ["train", "val"])
def test_class_shares_of_the_real_sections(split: str) -> None:
    sections = EM(Path(os.environ["COURSE_DATA"], "em"), split)
    if len(sections) != {"train": 19, "val": 5}[split]:
        pytest.skip("the counts are those of the reduced set for development, not of the originals")
    counts = sum(sample.labels.flatten().bincount(minlength=256) for sample in sections)
    assert counts[:2].tolist() == COUNTS[split]
    assert counts[2:].sum() == 0
    assert sections[0].image.shape == (3, 512, 512)
