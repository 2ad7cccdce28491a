"""Panoptic truth as COCO stores it, three bytes a pixel and a list of segments, becomes labels."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def decode_panoptic(picture: Tensor, ids: Tensor, classes: Tensor) -> Tensor:
    """Turn COCO's ids, bytes (H, W, 3), into labels (H, W): segment ids[n] has class classes[n], all else is void (255)."""
    red, green, blue = picture.long().unbind(-1)
    numbers = red + 256 * green + 65536 * blue
    labels = torch.full(numbers.shape, 255)
    for number, label in zip(ids, classes, strict=True):
        labels[numbers == number] = label
    return labels


def _draw_segments(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    colours = torch.randint(1, 256, (6, 3), generator=generator)
    colours[1] = colours[0].flip(0)  # the same bytes in the other order are another segment
    colours[1, 1] = (colours[0, 1] + 1) % 256
    ids = colours[:4] @ torch.tensor([1, 256, 65536])
    classes = torch.randint(0, 8, (4,), generator=generator)
    return colours[torch.randint(0, 6, (4, 5), generator=generator)].byte(), ids, classes


def overflowing(picture: Tensor, ids: Tensor, classes: Tensor) -> Tensor:
    """You compute in bytes: they end at 255, and 256 · G is then 0. Turn the picture into whole numbers of 64 bits first."""
    numbers = picture[..., 0] + 256 * picture[..., 1] + 65536 * picture[..., 2]
    labels = torch.full(numbers.shape, 255)
    for number, label in zip(ids, classes, strict=True):
        labels[numbers == number] = label
    return labels


SLIPS = read_slips("""
blue_first
    You read the three bytes in the order blue, green, red. Red is the one that counts 1, blue the one that counts 65536.
    - red + 256 * green + 65536 * blue
    + 65536 * red + 256 * green + blue

three_bytes_added
    You add the three bytes, and different segments get the same sum. Each byte has its own factor: 1, 256, 65536.
    - red + 256 * green + 65536 * blue
    + red + green + blue

two_bytes
    You leave out the blue byte: ids above 65535 are then confused with others.
    - red + 256 * green + 65536 * blue
    + red + 256 * green

factor_255
    A byte has 256 values, 0 to 255: the factors are 256 and 256 · 256.
    - 256 * green + 65536 * blue
    + 255 * green + 65025 * blue

starts_as_class_zero
    A pixel whose id is in no line of the list became class 0. Nothing is known of it: it is void, 255.
    - 255
    + 0

number_in_the_list
    You give the place in the list, n. Asked is the class that stands at that place, classes[n]: two cars are two
    segments of one class.
    - labels[numbers == number] = label
    + labels[numbers == number] = (ids == number).nonzero()[0, 0]

the_id_itself
    You give the id of the segment; asked is its class.
    - labels[numbers == number] = label
    + labels[numbers == number] = number

erased_by_the_next_segment
    Each round of your loop sets all other pixels to 255 again, so that only the last segment is left.
    - labels[numbers == number] = label
    + labels = torch.where(numbers == number, label, 255)
""")


decode_panoptic = Exercise(
    "decode_panoptic",
    decode_panoptic,
    [
        (
            torch.tensor([[[7, 0, 0], [7, 1, 0]], [[0, 0, 0], [7, 0, 0]]], dtype=torch.uint8),
            torch.tensor([7, 263]),
            torch.tensor([2, 5]),
        ),
        # Ids that differ in one byte only, or in the order of their bytes; two segments of a class; an unknown id; 0 is void.
        (
            torch.tensor(
                [
                    [[3, 0, 9], [9, 0, 3], [3, 0, 0]],
                    [[1, 2, 3], [3, 2, 1], [0, 0, 0]],
                    [[2, 1, 0], [0, 255, 255], [3, 1, 9]],
                ],
                dtype=torch.uint8,
            ),
            torch.tensor([589827, 196617, 3, 197121, 66051, 258, 16776960]),
            torch.tensor([6, 5, 0, 5, 133, 3, 6]),
        ),
        # A picture of which nothing is listed.
        (torch.tensor([[[5, 6, 7]]], dtype=torch.uint8), torch.tensor([5]), torch.tensor([1])),
    ],
    [overflowing, *SLIPS],
    [
        "Two steps: the id of each pixel, then, segment by segment, the class of the pixels that have its id.",
        "A byte cannot hold more than 255. `picture.long()` has room for 65536 · B.",
        "Begin with a map that is 255 everywhere, `torch.full(shape, 255)`; what no segment claims stays void.",
    ],
    draw=_draw_segments,
    common_errors={
        "overflow": "A byte holds 0 to 255 only. Turn the picture into whole numbers of 64 bits first: `picture.long()`.",
    },
    difficulty=2,
    minutes=10,
)
