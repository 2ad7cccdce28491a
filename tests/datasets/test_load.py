"""The door of the data package: finding, loading, listing, and what is said when something is not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from torch.utils.data import DataLoader, Dataset

from course_utils import datasets
from course_utils.datasets import __main__ as command, downloads
from course_utils.datasets.samples import DataSet, Sample

REAL = ("camvid", "em", "nuclei", "voc", "pets")


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No real set anywhere, whatever this machine has, unless the test puts one there."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mine"))
    monkeypatch.setattr(datasets, "DOWNLOADS", tmp_path / "downloads")


def write_em(folder: Path, grey: int = 100) -> None:
    for part in ("image", "label"):
        (folder / "train" / part).mkdir(parents=True)
    for n in range(4):
        Image.fromarray(np.full((60, 80), grey, dtype=np.uint8)).save(folder / "train" / "image" / f"{n}.png")
        Image.fromarray(np.full((60, 80), 255, dtype=np.uint8)).save(folder / "train" / "label" / f"{n}.png")


def test_course_data_comes_before_the_downloads(tmp_path: Path) -> None:
    assert not datasets.present("em")
    write_em(tmp_path / "downloads" / "em", grey=51)
    assert datasets.present("em")
    assert datasets.load("em")[0].image.unique().tolist() == pytest.approx([0.2])
    write_em(tmp_path / "mine" / "em", grey=102)
    assert datasets.load("em")[0].image.unique().tolist() == pytest.approx([0.4])
    assert datasets.available()["em"] == str(tmp_path / "mine" / "em")


def test_without_course_data_the_downloads_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_DATA")
    write_em(tmp_path / "downloads" / "em")
    assert len(datasets.load("em", "train")) == 3
    assert len(datasets.load("em", split="val")) == 1


def test_downloads_are_next_to_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    root = Path(datasets.__file__).parents[2]
    assert datasets.DOWNLOADS == root / "data" / "downloads"


@pytest.mark.parametrize("name", REAL)
def test_a_missing_set_names_the_three_ways(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        datasets.load(name)
    message = str(error.value)
    assert "COURSE_DATA" in message and str(tmp_path / "mine" / name) in message
    assert str(tmp_path / "downloads" / name) in message
    assert "download=True" in message and f"python -m course_utils.datasets {name}" in message
    assert not datasets.present(name)
    assert datasets.available()[name] == f"not here: python -m course_utils.datasets {name}"


def test_an_empty_folder_is_not_a_data_set(tmp_path: Path) -> None:
    for name in REAL:
        (tmp_path / "mine" / name).mkdir(parents=True)
        assert not datasets.present(name)
        with pytest.raises(FileNotFoundError, match="Three ways"):
            datasets.load(name)


def test_a_download_happens_only_when_asked_and_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(name: str) -> Path:
        fetched.append(name)
        write_em(tmp_path / "downloads" / name)
        return tmp_path / "downloads" / name

    monkeypatch.setattr(downloads, "fetch", fetch)
    with pytest.raises(FileNotFoundError):
        datasets.load("em")
    with pytest.raises(ValueError, match="no split 'test'"):
        datasets.load("em", "test", download=True)
    assert fetched == []
    assert len(datasets.load("em", download=True)) == 3
    assert len(datasets.load("em", download=True)) == 3
    assert fetched == ["em"]


def test_unknown_names_splits_and_sizes(tmp_path: Path) -> None:
    listed = "'scenes', 'cells', 'puppets', 'camvid', 'em', 'nuclei', 'voc', 'pets'"
    for function in (datasets.load, datasets.present):
        with pytest.raises(ValueError, match=f"no data set 'cityscapes'; choose one of {listed}"):
            function("cityscapes")
    write_em(tmp_path / "mine" / "em")
    with pytest.raises(ValueError, match="em has no split 'test'; choose one of 'train', 'val'"):
        datasets.load("em", "test")
    with pytest.raises(ValueError, match=r"size should be \(height, width\)"):
        datasets.load("em", size=96)


def test_a_size_is_passed_on_and_samples_batch(tmp_path: Path) -> None:
    write_em(tmp_path / "mine" / "em")
    loader = DataLoader(datasets.load("em", size=(48, 50)), batch_size=3)
    (batch,) = loader
    assert isinstance(batch, Sample)
    assert batch.image.shape == (3, 3, 48, 50)
    assert batch.labels.shape == batch.instances.shape == (3, 48, 50)


@pytest.mark.parametrize("name", ["scenes", "cells", "puppets"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_procedural_sets_are_always_there(name: str, split: str) -> None:
    assert datasets.present(name)
    assert datasets.available()[name] == "made here"
    data_set = datasets.load(name, split)
    assert data_set[0].image.shape == (3, 96, 128)
    assert datasets.load(name, split, (50, 66))[0].labels.shape == (50, 66)
    with pytest.raises(ValueError, match="split"):
        datasets.load(name, "training")


@pytest.mark.parametrize("name", datasets.SETS)
def test_every_class_describes_itself(name: str) -> None:
    data_set = datasets.class_of(name) if name in REAL else datasets.load(name)
    assert issubclass(datasets.class_of(name), Dataset)
    assert len(data_set.classes) == len(set(data_set.classes)) == data_set.num_classes == len(data_set.colours)
    assert all(isinstance(label, str) for label in data_set.classes)
    assert set(data_set.things) <= set(range(data_set.num_classes))
    assert all(len(colour) == 3 and all(0 <= part <= 255 for part in colour) for colour in data_set.colours)


# Full protanopia, deuteranopia, tritanopia on linear RGB: Machado, Oliveira, Fernandes, IEEE TVCG 15 (2009).
VISION = {
    "trichromat": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def smallest_difference(colours: tuple[tuple[int, int, int], ...], vision: str) -> float:
    """CIEDE2000 between the two colours that such an eye confuses most; above 5 a difference is seen at a glance."""
    encoded = np.array(colours) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISION[vision]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))
    return min(float(deltaE_ciede2000(lab[i], lab[j])) for i in range(len(lab)) for j in range(i))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", REAL)
def test_colours_are_told_apart_by_every_eye(name: str, vision: str) -> None:
    floor = 12 if name == "voc" else 18
    assert smallest_difference(datasets.class_of(name).colours, vision) > floor


def test_red_and_green_of_equal_lightness_would_fail() -> None:
    assert smallest_difference(((190, 60, 60), (90, 110, 50)), "deuteranope") < 18


def test_the_command_lists(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_em(tmp_path / "mine" / "em")
    assert command.main([]) == 0
    listing = capsys.readouterr().out
    assert all(name in listing for name in datasets.SETS)
    assert str(tmp_path / "mine" / "em") in listing
    assert "not here: python -m course_utils.datasets camvid" in listing


def test_the_command_downloads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str) -> Path:
        if name == "voc":
            raise ConnectionError("the server is away")
        return tmp_path / "downloads" / name

    monkeypatch.setattr(command, "fetch", fetch)
    write_em(tmp_path / "mine" / "em")
    assert command.main(["camvid", "em"]) == 0
    told = capsys.readouterr().out
    assert f"camvid is now in {tmp_path / 'downloads' / 'camvid'}" in told
    assert f"em is here already: {tmp_path / 'mine' / 'em'}" in told
    assert command.main(["voc", "camvid"]) == 1
    assert "the server is away" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["scenes"])
    assert "choose from camvid, em, nuclei, voc, pets" in capsys.readouterr().err


@pytest.mark.slow
def test_opening_the_door_imports_nothing_heavy() -> None:
    heavy = (
        "torchvision",
        "scipy",
        "pandas",
        "torchmetrics",
        "pooch",
        "requests",
        "segmentation_models_pytorch",
        "timm",
    )
    program = (
        "import sys; from course_utils import datasets; datasets.available(); datasets.class_of('voc');"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_in_worker_processes(tmp_path: Path, workers: int) -> None:
    write_em(tmp_path / "mine" / "em")
    batches = list(DataLoader(datasets.load("em"), batch_size=2, num_workers=workers))
    assert torch.cat([batch.labels for batch in batches]).shape == (3, 60, 80)


@pytest.mark.parametrize("name", ["scenes", "cells", "puppets"])
def test_a_data_set_has_what_the_protocol_names(name: str) -> None:
    data = datasets.load(name, "val")
    wanted = [part for part in (*DataSet.__annotations__, "__len__", "__getitem__")]
    assert wanted[0] == "classes" and all(hasattr(data, part) for part in wanted)
    assert len(data.classes) == data.num_classes == len(data.colours) and len(data.names) == len(data)
