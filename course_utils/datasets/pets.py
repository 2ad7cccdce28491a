"""Oxford-IIIT Pet: photographs of cats and dogs, cut out from the background."""

from pathlib import Path

import torch
from torch.utils.data import Dataset

from course_utils.datasets.files import read_lines, read_pair, require_files, require_some, require_split
from course_utils.datasets.samples import VOID, Sample, resize_and_crop

FILE_VALUES = {1: 1, 2: 0, 3: VOID}


class Pets(Dataset[Sample]):
    """Trimaps of the Oxford-IIIT Pet data set, in the folders that torchvision's `OxfordIIITPet` reads.

    Source: Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and dogs", CVPR 2012. Layout: `oxford-iiit-pet/images/NAME.jpg`,
    `oxford-iiit-pet/annotations/trimaps/NAME.png`, lists beside the trimaps' folder. The files store 1 on the pet (class
    1), 2 on the background (class 0), 3 on the border between them (void). There is no instance truth.

    The set comes with two lists. 'test' is its `test.txt`; of its `trainval.txt` every fifth line (the 5th, 10th, …) is
    'val' and the rest 'train': the list is sorted by breed, and a last fifth would hold only breeds never trained on.

    Raises: ValueError where a list is missing or empty or names a file that is not there; later, where a file is damaged.
    """

    classes = ("background", "pet")
    num_classes = len(classes)
    splits = ("train", "val", "test")
    things = (1,)
    colours = ((0, 0, 0), (230, 159, 0))

    def __init__(self, folder: Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        require_split("pets", split, self.splits)
        base = Path(folder) / "oxford-iiit-pet"
        listing = base / "annotations" / ("test.txt" if split == "test" else "trainval.txt")
        require_files([listing])
        names = [line.split()[0] for line in read_lines(listing) if line.strip()]
        if split != "test":
            names = [name for n, name in enumerate(names, start=1) if (n % 5 == 0) == (split == "val")]
        require_some(names, listing, "lines 'NAME CLASS SPECIES BREED'" + (", at least five" if split == "val" else ""))
        self.names = tuple(names)
        self.images = [base / "images" / f"{name}.jpg" for name in names]
        self.labels = [base / "annotations" / "trimaps" / f"{name}.png" for name in names]
        require_files(self.images + self.labels)
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        image, labels = read_pair(self.images[index], self.labels[index], FILE_VALUES)
        sample = Sample(image, labels, torch.full_like(labels, -1))
        return sample if self.size is None else resize_and_crop(sample, self.size)
