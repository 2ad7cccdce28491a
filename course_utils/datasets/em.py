"""EM: sections of a fly's nerve cord under the electron microscope, cells and their membranes."""

from pathlib import Path

import torch
from torch.utils.data import Dataset

from course_utils.datasets.files import (
    last_fifth,
    natural_order,
    read_pair,
    require_files,
    require_some,
    require_split,
)
from course_utils.datasets.samples import Sample, resize_and_crop

FILE_VALUES = {0: 1, 255: 0}


class EM(Dataset[Sample]):
    """The training sections of the ISBI 2012 challenge, on which U-Net was shown.

    Source: Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics",
    Frontiers in Neuroanatomy 9 (2015); U-Net: arXiv 1505.04597. Layout: `train/image/N.png`, `train/label/N.png` as in
    github.com/zhixuhao/unet. The label files store 0 on a membrane (class 1) and 255 inside a cell (class 0); nothing is
    void. The grey image is repeated to three channels. Only these sections have public labels, so that the last fifth of
    them is 'val'; they are neighbours in one tissue block. There is no instance truth.

    Raises: ValueError where the folder is empty or a file has no partner; later, where a file is damaged or has other values.
    """

    classes = ("cell", "membrane")
    num_classes = len(classes)
    splits = ("train", "val")
    things = ()
    colours = ((230, 159, 0), (0, 60, 120))

    def __init__(self, folder: Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        require_split("em", split, self.splits)
        images, labels = Path(folder) / "train" / "image", Path(folder) / "train" / "label"
        # Names from both folders, so that a hole in one of them is found and does not move the split.
        names = natural_order({path.stem for folder in (images, labels) for path in folder.glob("[!.]*.png")})
        self.names = last_fifth(names, split)
        require_some(self.names, images, "0.png, 1.png, …")
        self.images = [images / f"{name}.png" for name in self.names]
        self.labels = [labels / f"{name}.png" for name in self.names]
        require_files(self.images + self.labels)
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        image, labels = read_pair(self.images[index], self.labels[index], FILE_VALUES)
        sample = Sample(image, labels, torch.full_like(labels, -1))
        return sample if self.size is None else resize_and_crop(sample, self.size)
