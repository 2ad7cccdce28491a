"""Class and instance in one map of ids."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def encode_panoptic(labels: Tensor, instances: Tensor) -> Tensor:
    """Pack class and instance into one map of ids, 1000 · class + instance, with 255000 on void: (H, W) int64."""
    ids = labels * 1000 + instances
    ids[labels == 255] = 255_000
    return ids


def _draw_maps(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.randint(0, 8, (5, 7), generator=generator)
    instances = torch.where(labels > 4, torch.randint(1, 300, (5, 7), generator=generator), 0)
    labels[torch.rand(5, 7, generator=generator) < 0.2] = 255
    labels[0, 0], instances[0, 0] = 255, 2
    return labels, instances


SLIPS = read_slips("""
instance_times_thousand
    You swapped the two: the class is multiplied by 1000, the instance is added.
    - labels * 1000 + instances
    + labels + 1000 * instances

class_plus_instance
    You add class and instance, and the sum does not tell them apart: class 5 with instance 2 and class 6 with
    instance 1 are both 7.
    - labels * 1000
    + labels

hundred
    With a factor of 100 the hundredth instance of a class runs into the next class; the convention is 1000.
    - 1000
    + 100

bare_stuff
    You multiply by 1000 only where there is an instance: stuff needs 1000 · class too, so that `ids // 1000` is the
    class everywhere. (Cityscapes' own files do leave stuff bare.)
    - labels * 1000 + instances
    + torch.where(instances > 0, labels * 1000 + instances, labels)

void_keeps_instance
    Void pixels kept an instance: the border of an object is labelled void here, but still carries its id. Set all
    void pixels to 255000.
    - ids[labels == 255] = 255_000
    + pass

void_as_zero
    You set void to 0, which is also the id of class 0 without an instance: nobody can tell the two apart later.
    - 255_000
    + 0

void_as_label
    You left void at 255, which is the id of class 0, instance 255; void becomes 255000, as the formula has it.
    - 255_000
    + 255

minus_one_on_void
    Void is to be 255000, as the formula gives it for class 255; you made it -1.
    - 255_000
    + -1

objects_are_void
    You made whole objects void. Void pixels are those whose *label* is 255.
    - labels == 255
    + (labels == 255) | (instances > 0)
""")


encode_panoptic = Exercise(
    "encode_panoptic",
    encode_panoptic,
    [
        (torch.tensor([[0, 5, 255], [2, 6, 6]]), torch.tensor([[0, 1, 1], [0, 2, 120]])),
        (torch.tensor([[133], [255], [0]]), torch.tensor([[3], [1], [0]])),  # COCO-Stuff has that many classes
    ],
    SLIPS,
    [
        "One line gives the ids of all pixels that are not void; a second one sets the void pixels.",
        "`labels * 1000 + instances` makes a new tensor, which you may then change in place.",
        "`ids[labels == 255] = ...` sets all void pixels at once.",
    ],
    draw=_draw_maps,
    difficulty=2,
    minutes=10,
)
