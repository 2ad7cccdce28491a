"""Tissue as an electron microscope shows it, drawn by a program: touching cells, each an instance, between dark membranes."""

import torch

from course_utils.datasets.procedural import Procedural
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample
from course_utils.datasets.tissue.growth import cut, lay_tissue, read_labels
from course_utils.datasets.tissue.micrograph import develop, lay_stain

VERSION = 1
"""Goes into every draw. The world of a version is frozen: results in lessons depend on it."""

SET = 2
LAYOUT, NOISE = 0, 1


class Cells(Procedural):
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

    def __getitem__(self, index: int) -> Sample:
        key = VERSION, SET, *self.place(index)
        draws = Draws(*key, LAYOUT)
        tissue, stain = lay_tissue(draws), lay_stain(draws)
        section = cut(tissue, *self.size)
        labels, instances = read_labels(section)
        image = develop(tissue, stain, section, Draws(*key, NOISE))
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), torch.from_numpy(instances))
