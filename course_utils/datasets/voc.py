"""PASCAL VOC 2012: photographs with 20 classes of things, segmented by class and by object."""

from pathlib import Path

from torch.utils.data import Dataset

from course_utils.datasets.files import (
    read_ids,
    read_lines,
    read_pair,
    require_files,
    require_same_size,
    require_some,
    require_split,
)
from course_utils.datasets.samples import VOID, Sample, resize_and_crop

FILE_VALUES = {**{n: n for n in range(21)}, VOID: VOID}


class VOC(Dataset[Sample]):
    """The segmentation images of PASCAL VOC 2012, in the folders that torchvision's `VOCSegmentation` reads.

    Source: Everingham et al., "The PASCAL Visual Object Classes Challenge: a retrospective", IJCV 111 (2015). Layout:
    `VOCdevkit/VOC2012/` with `JPEGImages`, `SegmentationClass`, `SegmentationObject`, `ImageSets/Segmentation`. The label
    files are palette images: the indices count, not the colours. Objects' borders are void: 255 in the labels, 0 (no
    instance) in the instances. The test labels are not public.

    Raises: ValueError where a list is missing or empty or names a file that is not there; later, where a file is damaged.
    """

    classes = (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
        "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
    )  # fmt: skip
    num_classes = len(classes)
    splits = ("train", "val")
    things = tuple(range(1, num_classes))
    colours = (
        (0, 0, 0), (244, 255, 237), (150, 89, 255), (145, 112, 0), (176, 248, 26), (12, 0, 170), (177, 153, 133),
        (119, 117, 132), (83, 9, 4), (190, 189, 255), (61, 36, 53), (11, 86, 63), (238, 218, 237), (75, 122, 87),
        (94, 153, 185), (44, 79, 192), (126, 176, 7), (89, 250, 161), (96, 76, 107), (9, 17, 73), (149, 28, 1),
    )  # fmt: skip

    def __init__(self, folder: Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        require_split("voc", split, self.splits)
        base = Path(folder) / "VOCdevkit" / "VOC2012"
        listing = base / "ImageSets" / "Segmentation" / f"{split}.txt"
        require_files([listing])
        self.names = tuple(line.strip() for line in read_lines(listing) if line.strip())
        require_some(self.names, listing, "one image name per line")
        self.images = [base / "JPEGImages" / f"{name}.jpg" for name in self.names]
        self.labels = [base / "SegmentationClass" / f"{name}.png" for name in self.names]
        self.objects = [base / "SegmentationObject" / f"{name}.png" for name in self.names]
        require_files(self.images + self.labels + self.objects)
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        image, labels = read_pair(self.images[index], self.labels[index], FILE_VALUES)
        instances = read_ids(self.objects[index]).long()
        require_same_size(image, instances, self.images[index], self.objects[index])
        instances[instances == VOID] = 0
        sample = Sample(image, labels, instances)
        return sample if self.size is None else resize_and_crop(sample, self.size)
