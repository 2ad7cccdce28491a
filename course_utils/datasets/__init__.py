"""The course's data sets: `load` one, ask whether it is `present`, list what is `available`.

Three are made by the package itself (scenes, cells, puppets); the others are real. Nothing is downloaded unless it is asked
for.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from course_utils.datasets.files import require_split
from course_utils.datasets.samples import DataSet, checked_size
from course_utils.surroundings import data_folder

DOWNLOADS = Path(__file__).resolve().parents[2] / "data" / "downloads"


class Entry(NamedTuple):
    """Where a data set's class is, and by which path in its folder one sees that the set is there."""

    class_name: str
    landmark: str | None
    summary: str


# The class of 'camvid' is in course_utils/datasets/camvid.py; imported only when it is loaded.
SETS = {
    "scenes": Entry("Scenes", None, "street scenes, made here, 8 classes with instances"),
    "cells": Entry("Cells", None, "tissue under the microscope, made here, touching cells with instances"),
    "puppets": Entry("Puppets", None, "figures with limbs on a stage, made here, instances with keypoints"),
    "camvid": Entry("CamVid", "train.txt", "701 street frames from a car, 11 classes"),
    "em": Entry("EM", "train/image", "30 electron-microscope sections, cells and membranes"),
    "nuclei": Entry("Nuclei", "stage1_train", "670 microscope images of cell nuclei with instances"),
    "voc": Entry("VOC", "VOCdevkit/VOC2012/ImageSets/Segmentation", "2913 photographs, 20 classes with instances"),
    "pets": Entry("Pets", "oxford-iiit-pet/annotations", "7349 photographs of cats and dogs, pet or background"),
}


def load(name: str, split: str = "train", size: tuple[int, int] | None = None, *, download: bool = False) -> DataSet:
    """A data set of the course, see `course_utils.datasets.samples.DataSet` for what it has.

    `size` is (H, W): scaled to cover it and cropped at the centre; None: the procedural sets' own 96 × 128, the
    originals of the real ones, which may differ in size. A real set is looked for in `$COURSE_DATA/NAME`, then in
    `data/downloads/NAME`; `download=True` fetches it where it is in neither.

    Raises: ValueError for an unknown name, split or size, or damaged files; FileNotFoundError where the set is not there.
    """
    data_set = class_of(name)
    if size is not None:
        size = checked_size(size)
    if SETS[name].landmark is None:
        return data_set(split) if size is None else data_set(split, size)
    # Before anything is downloaded.
    require_split(name, split, data_set.splits)
    folder = find(name)
    if folder is None and download:
        from course_utils.datasets.downloads import fetch

        folder = fetch(name)
    if folder is None:
        raise FileNotFoundError(_how_to_get(name))
    return data_set(folder, split, size)


def present(name: str) -> bool:
    """Whether `load` finds the set without a download; the procedural ones are always there."""
    return _entry(name).landmark is None or find(name) is not None


def available() -> dict[str, str]:
    """Every set's name and where it is: a folder, 'made here', or 'not here' with the command that fetches it."""

    def place(name: str, entry: Entry) -> str:
        if entry.landmark is None:
            return "made here"
        return str(find(name) or f"not here: python -m course_utils.datasets {name}")

    return {name: place(name, entry) for name, entry in SETS.items()}


def find(name: str) -> Path | None:
    """The folder of a real set: the first of `$COURSE_DATA/NAME` and `data/downloads/NAME` that holds its landmark."""
    landmark = _entry(name).landmark
    # Not Path.exists, which raises where a folder of somebody else may not be looked into.
    folders = [folder for folder in _places(name) if landmark and os.path.exists(folder / landmark)]
    return folders[0] if folders else None


def class_of(name: str) -> type[DataSet]:
    """The class of a data set, imported here and not before."""
    class_name = _entry(name).class_name
    return getattr(import_module(f"course_utils.datasets.{name}"), class_name)


def _entry(name: str) -> Entry:
    if name not in SETS:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(map(repr, SETS))}.")
    return SETS[name]


def _places(name: str) -> list[Path]:
    given = data_folder()
    return ([Path(given, name)] if given else []) + [DOWNLOADS / name]


def _how_to_get(name: str) -> str:
    looked = " and ".join(f"{folder} (no {SETS[name].landmark} that may be read)" for folder in _places(name))
    return (
        f"The data set {name!r} is not here; looked in {looked}. Three ways to get it: set the environment variable "
        f"COURSE_DATA to a folder that holds it as {name!r}; put its files into {DOWNLOADS / name}; or download it with "
        f"'python -m course_utils.datasets {name}' or load({name!r}, download=True)."
    )
