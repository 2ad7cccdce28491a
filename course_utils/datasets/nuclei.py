"""Nuclei: microscope images of cell nuclei with one mask file each."""

from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.datasets.files import (
    last_fifth,
    natural_order,
    read_image,
    read_labels,
    require_files,
    require_same_size,
    require_some,
    require_split,
)
from course_utils.datasets.samples import Sample, resize_and_crop

FILE_VALUES = {0: 0, 255: 1}


class Nuclei(Dataset[Sample]):
    """The first-stage training images of the 2018 Data Science Bowl.

    Source: Caicedo et al., "Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl", Nature Methods 16
    (2019), image set BBBC038v1. Layout: `stage1_train/ID/images/ID.png`, `stage1_train/ID/masks/*.png`. Every mask file is
    an instance, numbered 1, 2, … in the order of the file names; where two masks overlap, the pixel belongs to the later
    one. The union of the masks is class 1. Images differ in size and kind. The last fifth of the folders in natural order
    is 'val'.

    Raises: ValueError where a folder is empty, or an image or its masks missing; later, where a file is damaged or a mask of
    another size.
    """

    classes = ("background", "nucleus")
    num_classes = len(classes)
    splits = ("train", "val")
    things = (1,)
    colours = ((0, 0, 0), (230, 159, 0))

    def __init__(self, folder: Path, split: str = "train", size: tuple[int, int] | None = None) -> None:
        require_split("nuclei", split, self.splits)
        self.folder = Path(folder) / "stage1_train"
        names = natural_order(path.name for path in self.folder.glob("[!._]*") if path.is_dir())
        self.names = last_fifth(names, split)
        require_some(self.names, self.folder, "folders ID with ID/images/ID.png and ID/masks/*.png")
        require_files(self._image(name) for name in self.names)
        self.masks = {name: self._mask_files(name) for name in self.names}
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        name = self.names[index]
        image = read_image(self._image(name))
        instances = self._instances(name, image)
        sample = Sample(image, (instances > 0).long(), instances)
        return sample if self.size is None else resize_and_crop(sample, self.size)

    def _image(self, name: str) -> Path:
        return self.folder / name / "images" / f"{name}.png"

    def _mask_files(self, name: str) -> list[Path]:
        masks = self.folder / name / "masks"
        paths = sorted(masks.glob("[!.]*.png"))
        require_some(paths, masks, "one PNG file per nucleus")
        return paths

    def _instances(self, name: str, image: Tensor) -> Tensor:
        instances = torch.zeros(image.shape[-2:], dtype=torch.int64, device="cpu")
        for number, path in enumerate(self.masks[name], start=1):
            mask = read_labels(path, FILE_VALUES)
            require_same_size(image, mask, self._image(name), path)
            instances[mask == 1] = number
        return instances
