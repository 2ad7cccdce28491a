"""Puppets on a stage, drawn by a program: figures with limbs, each an instance with keypoints, nothing to download."""

import torch
from torch import Tensor

from course_utils.datasets.objects import Objects, objects_of
from course_utils.datasets.procedural import Procedural
from course_utils.datasets.puppetry.body import KEYPOINTS
from course_utils.datasets.puppetry.picture import develop, paint_stage, read_truth
from course_utils.datasets.puppetry.stage import lay_stage
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample

VERSION = 1
"""Goes into every draw. The world of a version is frozen: results in lessons depend on it."""

SET = 4
LAYOUT, NOISE = 0, 1


class Puppets(Procedural):
    """One to four figures with limbs, in front of a wall, that hide parts of each other and of themselves.

    Class 1 is all puppets, class 0 the rest; there is no void. Puppets have instance ids, 1, 2, … from far to near. Each has
    13 keypoints with COCO's visibility: 2 seen, 1 hidden, 0 outside of the picture. Left and right are the puppet's own.
    The same index at another size is the same stage; a wider picture shows more of the wall to both sides. Instances and
    keypoints come from integers alone and are equal on every machine.

    `keypoint_names`: in the order of `Objects.keypoints`; `skeleton`: pairs of them to be joined by a line; `mirrored`: which
    keypoint each becomes where left and right are exchanged; `sigmas`: how far off a keypoint may be, for the object keypoint
    similarity, which are COCO's for persons (the head has that of an ear).

    Shapes: image (3, H, W) float32 in [0, 1]; labels and instances (H, W) int64.

    Raises: ValueError for an unknown split, a size (height, width) outside 48×64 to 768×1024, or a length below 1.
    """

    classes = ("background", "puppet")
    num_classes = 2
    things = (1,)
    colours = ((0, 0, 0), (230, 159, 0))
    keypoint_names = KEYPOINTS
    skeleton = (
        (0, 1), (0, 2), (1, 2), (1, 3), (3, 5), (2, 4), (4, 6), (1, 7), (2, 8), (7, 8), (7, 9), (9, 11), (8, 10), (10, 12),
    )  # fmt: skip
    mirrored = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11)
    sigmas = (0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089)

    def __getitem__(self, index: int) -> Sample:
        return self._draw(index)[0]

    def objects(self, index: int) -> Objects:
        """The puppets of a sample in the order of their ids, with their keypoints (N, 13, 3)."""
        return self.with_objects(index)[1]

    def with_objects(self, index: int) -> tuple[Sample, Objects]:
        """A sample and its objects, drawn once for both."""
        sample, keypoints = self._draw(index)
        return sample, objects_of(sample)._replace(keypoints=keypoints)

    def _draw(self, index: int) -> tuple[Sample, Tensor]:
        key = VERSION, SET, *self.place(index)
        stage = lay_stage(Draws(*key, LAYOUT))
        canvas, figures = paint_stage(stage, *self.size)
        instances, keypoints = map(torch.from_numpy, read_truth(canvas, figures))
        image = torch.from_numpy(develop(canvas, stage, Draws(*key, NOISE)))
        return Sample(image, (instances > 0).long(), instances), keypoints
