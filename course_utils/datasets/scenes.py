"""Street scenes drawn by a program: eight classes, cars and persons with instance ids, nothing to download."""

import torch

from course_utils.datasets.procedural import Procedural
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample
from course_utils.datasets.street.layout import lay_out
from course_utils.datasets.street.picture import develop, paint_scene, read_labels
from course_utils.datasets.street.world import CLASSES, THINGS

VERSION = 1
"""Goes into every draw. The world of a version is frozen: results in lessons depend on it."""

SET = 1
LAYOUT, NOISE = 0, 1


class Scenes(Procedural):
    """A street as a person or a driver sees it: sky, building, road, sidewalk, vegetation, car, person, pole.

    Cars and persons have instance ids, 1, 2, … from far to near; the outline of each is void (255), one pixel wide at 96×128.
    The same index at another size is the same scene; a wider picture shows more of the street to both sides. Labels and
    instances come from integers alone and are equal on every machine.

    Shapes: image (3, H, W) float32 in [0, 1]; labels and instances (H, W) int64.

    Raises: ValueError for an unknown split, a size (height, width) outside 48×64 to 768×1024, or a length below 1.
    """

    classes = CLASSES
    num_classes = len(CLASSES)
    things = THINGS
    # The palette of Okabe and Ito (2008), with a dark grey for its black.
    colours = (
        (86, 180, 233),
        (230, 159, 0),
        (64, 64, 64),
        (204, 121, 167),
        (0, 158, 115),
        (0, 114, 178),
        (213, 94, 0),
        (240, 228, 66),
    )

    def __getitem__(self, index: int) -> Sample:
        key = VERSION, SET, *self.place(index)
        scene = lay_out(Draws(*key, LAYOUT))
        canvas = paint_scene(scene, *self.size)
        labels, instances = read_labels(canvas)
        image = develop(canvas, scene, Draws(*key, NOISE))
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), torch.from_numpy(instances))
