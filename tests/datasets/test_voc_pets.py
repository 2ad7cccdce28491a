"""VOC and Pets on small made-up sets in torchvision's folders, compared with what torchvision reads there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import OxfordIIITPet, VOCSegmentation
from torchvision.transforms.functional import pil_to_tensor

from course_utils.datasets.pets import Pets
from course_utils.datasets.samples import boxes_and_masks
from course_utils.datasets.voc import VOC


def write_palette(path: Path, values: list[list[int]]) -> None:
    indices = np.array(values, dtype=np.uint8)
    picture = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    picture.putpalette([(37 * n + 11) % 256 for n in range(768)])
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def write_photograph(path: Path, height: int, width: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=95)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    (base / "ImageSets" / "Segmentation").mkdir(parents=True)
    for split, names in {"train": ["2007_000032", "2007_000039"], "val": ["2007_000033"]}.items():
        (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for n, name in enumerate(names):
            write_photograph(base / "JPEGImages" / f"{name}.jpg", 3, 5, n)
            classes = [[0, 255, 15, 15, 255], [0, 255, 255, 255, 20], [1, 1, 255, 20, 20]]
            objects = [[0, 255, 1, 1, 255], [0, 255, 255, 255, 2], [3, 3, 255, 2, 2]]
            write_palette(base / "SegmentationClass" / f"{name}.png", classes)
            write_palette(base / "SegmentationObject" / f"{name}.png", objects)
    return tmp_path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    base = tmp_path / "oxford-iiit-pet"
    (base / "annotations").mkdir(parents=True)
    trainval = [f"Abyssinian_{n}" for n in (100, 101, 102, 103, 104, 105)] + [f"beagle_{n}" for n in range(1, 6)]
    for listing, names in {"trainval": trainval, "test": ["pug_1", "pug_2"]}.items():
        (base / "annotations" / f"{listing}.txt").write_text("".join(f"{name} 1 1 1\n" for name in names))
        for n, name in enumerate(names):
            write_photograph(base / "images" / f"{name}.jpg", 2, 4, n)
            path = base / "annotations" / "trimaps" / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.array([[2, 3, 1, 1], [2, 2, 3, n % 3 + 1]], dtype=np.uint8)).save(path)
    return tmp_path


def test_voc_keeps_indices_and_turns_borders_into_no_instance(voc: Path) -> None:
    data_set = VOC(voc)
    assert data_set.names == ("2007_000032", "2007_000039")
    _, labels, instances = data_set[0]
    assert labels.tolist() == [[0, 255, 15, 15, 255], [0, 255, 255, 255, 20], [1, 1, 255, 20, 20]]
    assert instances.tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 0, 2], [3, 3, 0, 2, 2]]
    assert labels.dtype == instances.dtype == torch.int64
    boxes, _, classes = boxes_and_masks(data_set[0])
    assert boxes.tolist() == [[2, 0, 4, 1], [3, 1, 5, 3], [0, 2, 2, 3]]
    assert [data_set.classes[n] for n in classes] == ["person", "tv monitor", "aeroplane"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_voc_is_what_torchvision_reads(voc: Path, split: str) -> None:
    ours, theirs = VOC(voc, split), VOCSegmentation(voc, year="2012", image_set=split)
    assert len(ours) == len(theirs)
    for sample, (picture, labels) in zip(ours, theirs, strict=True):
        assert torch.equal(sample.image, pil_to_tensor(picture).float() / 255)
        assert torch.equal(sample.labels, pil_to_tensor(labels)[0].long())


def test_voc_errors(voc: Path) -> None:
    base = voc / "VOCdevkit" / "VOC2012"
    write_palette(base / "SegmentationObject" / "2007_000032.png", [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"SegmentationObject/2007_000032\.png is 2×2, but its image .* is 3×5"):
        VOC(voc)[0]
    write_palette(base / "SegmentationClass" / "2007_000039.png", [[0] * 5, [0] * 5, [0, 0, 21, 0, 0]])
    with pytest.raises(ValueError, match=r"2007_000039\.png holds the value 21 at row 2, column 2"):
        VOC(voc)[1]
    (base / "SegmentationObject" / "2007_000033.png").unlink()
    with pytest.raises(ValueError, match=r"SegmentationObject/2007_000033\.png is missing"):
        VOC(voc, "val")
    with pytest.raises(ValueError, match="voc has no split 'test'"):
        VOC(voc, "test")
    (base / "ImageSets" / "Segmentation" / "train.txt").write_text("")
    with pytest.raises(ValueError, match=r"train\.txt is empty"):
        VOC(voc)


def test_pets_values_and_splits(pets: Path) -> None:
    # Every fifth of the eleven lines of trainval.txt is 'val'.
    assert Pets(pets, "val").names == ("Abyssinian_104", "beagle_4")
    train = Pets(pets, "train")
    assert len(train) == 9
    assert set(train.names).isdisjoint(Pets(pets, "val").names)
    assert Pets(pets, "test").names == ("pug_1", "pug_2")
    _, labels, instances = train[1]
    assert train.classes == ("background", "pet")
    assert labels.tolist() == [[0, 255, 1, 1], [0, 0, 255, 0]]
    assert instances.eq(-1).all()


@pytest.mark.parametrize(("splits", "theirs"), [(("train", "val"), "trainval"), (("test",), "test")])
def test_pets_are_what_torchvision_reads(pets: Path, splits: tuple[str, ...], theirs: str) -> None:
    reference = OxfordIIITPet(pets, split=theirs, target_types="segmentation")
    ours = {
        data_set.names[n]: data_set[n] for data_set in (Pets(pets, s) for s in splits) for n in range(len(data_set))
    }
    assert len(ours) == len(reference)
    to_class = torch.tensor([-1, 1, 0, 255])
    names = [
        line.split()[0] for line in (pets / "oxford-iiit-pet/annotations" / f"{theirs}.txt").read_text().splitlines()
    ]
    for name, (picture, trimap) in zip(names, reference, strict=True):
        assert torch.equal(ours[name].image, pil_to_tensor(picture).float() / 255)
        assert torch.equal(ours[name].labels, to_class[pil_to_tensor(trimap)[0].long()])


def test_pets_errors(pets: Path) -> None:
    base = pets / "oxford-iiit-pet"
    Image.fromarray(np.zeros((2, 4), dtype=np.uint8)).save(base / "annotations" / "trimaps" / "Abyssinian_100.png")
    with pytest.raises(ValueError, match=r"Abyssinian_100\.png holds the value 0 at row 0, column 0.*1 … 3"):
        Pets(pets)[0]
    photograph = base / "images" / "Abyssinian_101.jpg"
    photograph.write_bytes(photograph.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"Abyssinian_101\.jpg cannot be read"):
        Pets(pets)[1]
    (base / "images" / "pug_2.jpg").unlink()
    with pytest.raises(ValueError, match=r"images/pug_2\.jpg is missing"):
        Pets(pets, "test")
    with pytest.raises(ValueError, match="pets has no split 'trainval'; choose one of 'train', 'val', 'test'"):
        Pets(pets, "trainval")
    (base / "annotations" / "trainval.txt").write_text("Abyssinian_100 1 1 1\n")
    with pytest.raises(ValueError, match=r"trainval\.txt is empty or missing: .*at least five"):
        Pets(pets, "val")


def test_a_size_makes_samples_of_all_sets_batch(voc: Path, pets: Path) -> None:
    batch = torch.utils.data.default_collate(
        [VOC(voc, size=(4, 6))[0], VOC(voc, size=(4, 6))[1], Pets(pets, size=(4, 6))[0]]
    )
    assert batch.image.shape == (3, 3, 4, 6)
    assert batch.labels.shape == batch.instances.shape == (3, 4, 6)
