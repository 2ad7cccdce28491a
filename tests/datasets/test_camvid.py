"""CamVid: a made-up set of the same layout, every kind of damage, and the class shares of the real frames."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.datasets.camvid import CamVid

VALUES = np.array([[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [11, 0, 0, 3, 3, 8]], dtype=np.uint8)


def write(folder: Path, split: str, names: list[str]) -> None:
    lines = []
    for n, name in enumerate(names):
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        pixels = np.full((3, 6, 3), 10 * n, dtype=np.uint8)
        pixels[0, 0] = (255, 128, 0)
        Image.fromarray(pixels).save(folder / split / f"{name}.png")
        Image.fromarray(np.roll(VALUES, n, axis=1)).save(folder / f"{split}annot" / f"{name}.png")
        lines.append(f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png\n")
    (folder / f"{split}.txt").write_text("".join(lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "train", ["0001TP_9", "0001TP_10", "0006R0_1"])
    write(tmp_path, "val", ["0016E5_1"])
    write(tmp_path, "test", ["Seq05VD_1", "Seq05VD_2"])
    return tmp_path


def test_samples_of_each_split(folder: Path) -> None:
    train = CamVid(folder)
    assert train.names == ("0001TP_9", "0001TP_10", "0006R0_1")
    assert CamVid(folder, "val").names == ("0016E5_1",)
    assert CamVid(folder, "test").names == ("Seq05VD_1", "Seq05VD_2")
    image, labels, instances = train[1]
    assert (image.dtype, labels.dtype, instances.dtype) == (torch.float32, torch.int64, torch.int64)
    assert image.shape == (3, 3, 6)
    torch.testing.assert_close(image[:, 0, 0], torch.tensor([255, 128, 0]) / 255)
    torch.testing.assert_close(image[:, 1, 2], torch.full((3,), 10 / 255))
    # The file's 11 is void; everything else is its own class.
    assert labels.tolist() == [[5, 0, 1, 2, 3, 4], [255, 6, 7, 8, 9, 10], [8, 255, 0, 0, 3, 3]]
    assert instances.eq(-1).all()
    assert train[-1].labels.shape == (3, 6)


def test_a_size_scales_and_crops(folder: Path) -> None:
    image, labels, instances = CamVid(folder, size=(6, 6))[0]
    assert image.shape == (3, 6, 6)
    # 3 × 6 becomes 6 × 12, of which columns 3 to 8 remain.
    assert labels[0].tolist() == [1, 2, 2, 3, 3, 4]
    assert labels[4].tolist() == [0, 0, 0, 3, 3, 3]
    assert instances.eq(-1).all()


def test_only_the_last_two_parts_of_the_listed_paths_count(folder: Path) -> None:
    listing = folder / "train.txt"
    listing.write_text(
        "train/0001TP_9.png trainannot/0001TP_9.png\n\n/a/b/c/train/0006R0_1.png /d/trainannot/0006R0_1.png"
    )
    assert CamVid(folder).names == ("0001TP_9", "0006R0_1")


def test_an_image_that_is_gone(folder: Path) -> None:
    (folder / "train" / "0001TP_10.png").unlink()
    with pytest.raises(ValueError, match=r"train/0001TP_10\.png is missing.*course_utils\.datasets"):
        CamVid(folder)


def test_labels_that_are_gone(folder: Path) -> None:
    (folder / "valannot" / "0016E5_1.png").unlink()
    with pytest.raises(ValueError, match=r"valannot/0016E5_1\.png is missing"):
        CamVid(folder, "val")


def test_a_file_that_goes_while_it_is_used(folder: Path) -> None:
    data_set = CamVid(folder)
    (folder / "train" / "0001TP_10.png").unlink()
    with pytest.raises(ValueError, match=r"0001TP_10\.png is missing"):
        data_set[1]


@pytest.mark.parametrize("part", ["train", "trainannot"])
def test_a_truncated_file(folder: Path, part: str) -> None:
    path = folder / part / "0001TP_9.png"
    noise = np.random.default_rng(0).integers(0, 11, (60, 80), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"{part}/0001TP_9\.png cannot be read: it is damaged or cut short"):
        CamVid(folder)[0]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"<html>not an image</html>"])
def test_a_file_that_is_no_image(folder: Path, content: bytes) -> None:
    (folder / "train" / "0001TP_9.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"train/0001TP_9\.png cannot be read"):
        CamVid(folder)[0]


def test_labels_of_another_size(folder: Path) -> None:
    Image.fromarray(VALUES[:2]).save(folder / "trainannot" / "0001TP_9.png")
    with pytest.raises(
        ValueError, match=r"trainannot/0001TP_9\.png is 2×6, but its image .*train/0001TP_9\.png is 3×6"
    ):
        CamVid(folder)[0]


def test_a_label_out_of_range(folder: Path) -> None:
    wrong = VALUES.copy()
    wrong[1, 4] = 12
    Image.fromarray(wrong).save(folder / "trainannot" / "0001TP_9.png")
    with pytest.raises(ValueError, match=r"0001TP_9\.png holds the value 12 at row 1, column 4.*0 … 11"):
        CamVid(folder)[0]


def test_a_coloured_picture_of_the_labels(folder: Path) -> None:
    Image.fromarray(np.zeros((3, 6, 3), dtype=np.uint8)).save(folder / "trainannot" / "0001TP_9.png")
    with pytest.raises(ValueError, match=r"trainannot/0001TP_9\.png should hold one class id per pixel.*'RGB'"):
        CamVid(folder)[0]


def test_an_image_of_sixteen_bits(folder: Path) -> None:
    Image.fromarray(np.full((3, 6), 40000, dtype=np.uint16)).save(folder / "train" / "0001TP_9.png")
    with pytest.raises(ValueError, match=r"train/0001TP_9\.png should have 8 bits a channel"):
        CamVid(folder)[0]


def test_lists_that_are_missing_empty_or_odd(folder: Path) -> None:
    (folder / "test.txt").unlink()
    with pytest.raises(ValueError, match=r"test\.txt is missing"):
        CamVid(folder, "test")
    (folder / "val.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"val\.txt is empty"):
        CamVid(folder, "val")
    (folder / "train.txt").write_text("/SegNet/CamVid/train/0001TP_9.png\n")
    with pytest.raises(ValueError, match=r"line 1 of .*train\.txt should name an image and a label file"):
        CamVid(folder)


def test_an_unknown_split(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no split 'validation'; choose one of 'train', 'val', 'test'"):
        CamVid(folder, "validation")


# Pixels of each class and of void, counted with PIL's histograms of the label files, without this package.
COUNTS = {
    "train": [1330601, 1839185, 78580, 2523114, 355743, 781530, 93196, 88716, 466063, 48906, 24478, 318688],
    "val": [398283, 1128455, 24608, 1269605, 380337, 712482, 38813, 134859, 76359, 28314, 96668, 74417],
}


@pytest.mark.real_data
@pytest.mark.parametrize("split", ["train", "val"])
def test_class_shares_of_the_real_frames(split: str) -> None:
    frames = CamVid(Path(os.environ["COURSE_DATA"], "camvid"), split)
    if len(frames) != {"train": 184, "val": 101}[split]:
        pytest.skip("the counts are those of the reduced set for development, not of the originals")
    counts = torch.zeros(256, dtype=torch.int64)
    for image, labels, instances in frames:
        assert image.shape == (3, 180, 240)
        assert instances.eq(-1).all()
        counts += labels.flatten().bincount(minlength=256)
    assert counts[:11].tolist() + [int(counts[255])] == COUNTS[split]
    assert counts[11:255].sum() == 0
