"""Files as other programs and other people leave them: encodings, rotated photographs, huge pictures, folders of others."""

import codecs
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import datasets
from course_utils.datasets.camvid import CamVid
from course_utils.datasets.coco import COCO
from course_utils.datasets.downloads import _recorded
from course_utils.datasets.files import read_ids, read_image, read_pair
from course_utils.datasets.nuclei import Nuclei
from course_utils.datasets.pets import Pets
from course_utils.datasets.voc import VOC

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"]
TURNED = 6  # the EXIF orientation of a camera that was held upright: the top of the scene is the right side of the grid


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-16-be-bom":
        return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    return text.encode(encoding)


def picture(path: Path, height: int = 3, width: int = 6, *, orientation: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3))
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)


def grey(path: Path, height: int = 3, width: int = 6, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width), value, dtype=np.uint8)).save(path)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    for name in ("one", "two words"):
        picture(tmp_path / "train" / f"{name}.png")
        grey(tmp_path / "trainannot" / f"{name}.png")
    return tmp_path


def test_a_list_with_spaces_in_its_paths(camvid: Path) -> None:
    (camvid / "train.txt").write_text(
        "/my data/CamVid/train/two words.png /my data/CamVid/trainannot/two words.png\n\n"
        "C:\\My Data\\train\\one.png\tC:\\My Data\\trainannot\\one.png  \n"
    )
    frames = CamVid(camvid)
    assert frames.names == ("two words", "one")
    assert [path.parent.name for path in frames.labels] == ["trainannot", "trainannot"]


def test_a_line_that_names_no_pair_is_named(camvid: Path) -> None:
    (camvid / "train.txt").write_text("train/one.png trainannot/one.png\n\ntrain/one.png\n")
    with pytest.raises(ValueError, match=r"line 3 of .*train\.txt .*an image and a label file.*'train/one.png'"):
        CamVid(camvid)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lists_in_the_encodings_of_editors(camvid: Path, tmp_path: Path, encoding: str) -> None:
    (camvid / "train.txt").write_bytes(encoded("train/one.png trainannot/one.png\r\n", encoding))
    assert CamVid(camvid).names == ("one",)

    base = tmp_path / "VOCdevkit" / "VOC2012"
    for folder, write, suffix in (
        ("JPEGImages", picture, "jpg"),
        ("SegmentationClass", grey, "png"),
        ("SegmentationObject", grey, "png"),
    ):
        write(base / folder / f"2007_1.{suffix}")
    listing = base / "ImageSets" / "Segmentation" / "train.txt"
    listing.parent.mkdir(parents=True)
    listing.write_bytes(encoded("2007_1\r\n\r\n", encoding))
    assert VOC(tmp_path).names == ("2007_1",)

    pets = tmp_path / "oxford-iiit-pet"
    picture(pets / "images" / "Pug_1.jpg")
    grey(pets / "annotations" / "trimaps" / "Pug_1.png", value=1)
    (pets / "annotations" / "trainval.txt").write_bytes(encoded("Pug_1 1 2 1\r\n", encoding))
    assert Pets(tmp_path).names == ("Pug_1",)

    content = {
        "images": [{"id": 1, "file_name": "train/one.png", "height": 3, "width": 6}],
        "categories": [{"id": 1, "name": "mûrier"}],
        "annotations": [],
    }
    (tmp_path / "coco.json").write_bytes(encoded(json.dumps(content, ensure_ascii=False), encoding))
    assert COCO(tmp_path / "coco.json", camvid).classes == ("background", "mûrier")

    (tmp_path / "checksums.txt").write_bytes(encoded("\r\nsha256:12 https://x.org/a b.zip\r\n\r\n", encoding))
    assert _recorded(tmp_path / "checksums.txt", "https://x.org/a b.zip") == "sha256:12"


@pytest.mark.parametrize("content", [b"caf\xe9.png caf\xe9.png\n", b"\xff\xfea"])
def test_a_list_that_is_no_text_is_named(camvid: Path, content: bytes) -> None:
    (camvid / "train.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"train\.txt should be a text in UTF-8"):
        CamVid(camvid)


def test_a_list_that_may_not_be_read_is_named(camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (camvid / "train.txt").write_text("train/one.png trainannot/one.png\n")

    def refuse(path: Path, *_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"train\.txt cannot be read .*Permission denied"):
        CamVid(camvid)


def test_a_line_of_one_word_among_the_checksums_is_named(tmp_path: Path) -> None:
    (tmp_path / "checksums.txt").write_text("sha256:12\n")
    with pytest.raises(ValueError, match=r"line 1 of .*checksums\.txt should be a checksum and an address.*Delete"):
        _recorded(tmp_path / "checksums.txt", "https://x.org/a.zip")


def test_a_picture_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    for read in (read_image, read_ids):
        with pytest.raises(ValueError, match=r"bomb\.png .*18 pixels.*16"):
            read(tmp_path / "bomb.png")


@pytest.mark.parametrize("error", [IndexError("tile"), AttributeError("x"), OverflowError("y"), EOFError()])
def test_whatever_a_decoder_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    picture(tmp_path / "odd.png")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(ValueError, match=r"odd\.png cannot be read"):
        read_image(tmp_path / "odd.png")


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    picture(tmp_path / "upright.png")
    picture(tmp_path / "turned.png", orientation=TURNED)
    stored, turned = read_image(tmp_path / "upright.png"), read_image(tmp_path / "turned.png")
    assert torch.equal(turned, stored.rot90(-1, (1, 2)))


def test_labels_say_which_way_up_their_photograph_is(tmp_path: Path) -> None:
    """Tools that know nothing of EXIF draw labels on the stored grid; VOC's and Pets' were made so."""
    picture(tmp_path / "turned.png", orientation=TURNED)
    for height, width in ((3, 6), (6, 3)):
        grey(tmp_path / "labels.png", height, width)
        image, labels = read_pair(tmp_path / "turned.png", tmp_path / "labels.png", {0: 0})
        assert image.shape[1:] == labels.shape == (height, width)
    content = {
        "images": [
            {"id": 1, "file_name": "turned.png", "height": 3, "width": 6},
            {"id": 2, "file_name": "./turned.png", "height": 6, "width": 3},
        ],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    assert [sample.labels.shape for sample in COCO(tmp_path / "coco.json", tmp_path)] == [(3, 6), (6, 3)]


def test_a_nucleus_without_masks_is_found_at_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path / "stage1_train" / name / "images" / f"{name}.png")
        if name != "b":
            grey(tmp_path / "stage1_train" / name / "masks" / "1.png")
    with pytest.raises(ValueError, match=r"b/masks is empty or missing: expected one PNG file per nucleus"):
        Nuclei(tmp_path)


def test_a_folder_that_may_not_be_looked_into_is_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "DOWNLOADS", tmp_path)
    # An OSError that every user gets, also one who may read everything: a name that is too long.
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / ("x" * 300)))
    assert not datasets.present("camvid")
    assert datasets.available()["em"].startswith("not here")
    with pytest.raises(FileNotFoundError, match="Three ways"):
        datasets.load("camvid")
    monkeypatch.setenv("COURSE_DATA", "~nobody-of-this-name/data")
    assert not datasets.present("camvid")


def test_a_home_and_a_relative_path_mean_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "DOWNLOADS", tmp_path / "none")
    (tmp_path / "data" / "em" / "train" / "image").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for given in ("~/data", "data", "./data"):
        monkeypatch.setenv("COURSE_DATA", given)
        assert datasets.find("em") == tmp_path / "data" / "em"
