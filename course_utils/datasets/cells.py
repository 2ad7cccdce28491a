"""Tissue as an electron microscope shows it, drawn by a program: touching cells, each an instance, between dark membranes."""

import torch
from torch.utils.data import Dataset

from course_utils.datasets.procedural import checked_index, checked_length, checked_size, sample_names, split_number
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample
from course_utils.datasets.tissue.growth import cut, lay_tissue, read_labels
from course_utils.datasets.tissue.micrograph import develop, lay_stain

VERSION = 1
"""Goes into every draw. The world of a version is frozen: results in lessons depend on it."""

SET = 2
LAYOUT, NOISE = 0, 1


class Cells(Dataset[Sample]):
    """Cells side by side: class 0 is their inside, class 1 the membranes, as in the data set `em`; there is no void.

    Each cell has an instance id, 1, 2, …; a membrane is nowhere open, but in the picture it may fade, and cells contain
    organelles as dark as membranes. The same index at another size is the same tissue. Labels and instances come from integers
    alone and are equal on every machine.

    Shapes: image (3, H, W) float32 in [0, 1], the same in all channels; labels and instances (H, W) int64.

    Raises: ValueError for an unknown split, a size (height, width) outside 48×64 to 768×1024, or a length below 1.
    """

    classes = ("cell", "membrane")
    num_classes = 2
    things = (0,)
    colours = ((86, 180, 233), (213, 94, 0))

    def __init__(self, split: str = "train", size: tuple[int, int] | None = None, *, length: int | None = None) -> None:
        self.length = checked_length(split, length)
        self.size = checked_size(size)
        self.split = split
        self.names = sample_names(split, self.length)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        key = VERSION, SET, split_number(self.split), checked_index(index, self.length)
        draws = Draws(*key, LAYOUT)
        tissue, stain = lay_tissue(draws), lay_stain(draws)
        section = cut(tissue, *self.size)
        labels, instances = read_labels(section)
        image = develop(tissue, stain, section, Draws(*key, NOISE))
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), torch.from_numpy(instances))
