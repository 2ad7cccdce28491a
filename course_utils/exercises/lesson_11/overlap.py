"""How much two boxes overlap."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import boxes


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of two boxes a and b (4,): (x1, y1, x2, y2) in continuous coordinates, with x1 ≤ x2 and y1 ≤ y2,
    so that (2, 3, 5, 7) is 3 wide and 4 high → one number. It is 0 where neither box has an area."""
    low, high = torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    intersection = (high - low).clamp(min=0).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    return intersection / union if union > 0 else 0 * union


def _box(*coordinates: float) -> Tensor:
    return torch.tensor(coordinates, dtype=torch.float64)


def _draw_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    def drawn() -> Tensor:
        low, side = (torch.randint(*range_, (2,), generator=generator).double() / 4 for range_ in ((-9, 10), (7, 20)))
        return torch.cat([low, low + side])

    return drawn(), drawn()


def hull_as_union(a: Tensor, b: Tensor) -> Tensor:
    """You take the area of the box around both for the union. That box covers more than the two do: add their areas, and take
    away what they share."""
    around = (torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])).prod()
    areas = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()
    return (areas - around) / around if around > 0 else 0 * around


def y_corners_mixed_up(a: Tensor, b: Tensor) -> Tensor:
    """You mix up the two y of a box: what both share begins at the larger y1 and ends at the smaller y2, as it does along x."""
    intersection = (torch.minimum(a[[2, 1]], b[[2, 1]]) - torch.maximum(a[[0, 3]], b[[0, 3]])).abs().prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    return intersection / union if union > 0 else intersection


SLIPS = read_slips("""
not_clamped
    Boxes that do not touch get a wrong value: their intersection has a width or a height below 0. If both are, the product
    is even positive.
    - .clamp(min=0).prod()
    + .prod()

clamped_too_late
    You clamp the product. Of two boxes that lie diagonally apart, width and height of the intersection are both below 0, and
    their product is above 0.
    - .clamp(min=0).prod()
    + .prod().clamp(min=0)

apart_in_one_direction
    Your intersection is empty if both its width and its height are below 0. One of them is enough: boxes side by side do not
    touch, either.
    - .clamp(min=0).prod()
    + .prod() * bool((high - low).max() > 0)

absolute_sides
    You take the absolute value of the sides of the intersection. Then boxes that lie far apart seem to share a lot.
    - .clamp(min=0).prod()
    + .abs().prod()

one_added
    You add 1 to each side: that is the rule for boxes whose corners are indices of pixels, the last one included. Here
    coordinates are continuous: a box from 2 to 5 is 3 wide.
    - (high - low).clamp
    + (high - low + 1).clamp
    - (a[2:] - a[:2])
    + (a[2:] - a[:2] + 1)
    - (b[2:] - b[:2])
    + (b[2:] - b[:2] + 1)

one_added_to_the_intersection
    You add 1 to the sides of the intersection. Coordinates are continuous here: from 2 to 5 it is 3.
    - (high - low).clamp
    + (high - low + 1).clamp

both_areas
    You divide by the sum of the areas. What both boxes cover is in it twice: equal boxes would get 0.5.
    - .prod() - intersection
    + .prod()

dice
    This is Dice: twice the intersection over both areas. IoU has the intersection once, over the union.
    - .prod() - intersection
    + .prod()
    - intersection / union if
    + 2 * intersection / union if

smaller_area
    You divide by the smaller area: then a small box inside a large one gets 1. Divide by what the two cover together.
    - (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    + torch.minimum((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())

area_of_a
    You divide by the area of a alone. IoU is the same if a and b change places.
    - + (b[2:] - b[:2]).prod() - intersection
    +

area_of_b
    You divide by the area of b alone. IoU is the same if a and b change places.
    - (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    + (b[2:] - b[:2]).prod()

box_around_both
    You divide by the area of the smallest box around both. The union is only what at least one of them covers.
    - (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    + (torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])).prod()

minimum_and_maximum_swapped
    You take the smaller of the first corners and the larger of the last ones: that is the box around both, not what they
    share.
    - torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    + torch.minimum(a[:2], b[:2]), torch.maximum(a[2:], b[2:])

corners_swapped
    Your intersection begins where it should end: it is always empty. It begins at the larger of the two first corners, and
    ends at the smaller of the two second ones.
    - torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    + torch.maximum(a[2:], b[2:]), torch.minimum(a[:2], b[:2])

sides_added
    You add width and height. An area is their product.
    - .clamp(min=0).prod()
    + .clamp(min=0).sum()
    - (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()
    + (a[2:] - a[:2]).sum() + (b[2:] - b[:2]).sum()

whole_numbers
    You cut the coordinates down to whole numbers. They are positions between the pixels as well, and boxes may be smaller than
    one.
    - low, high =
    + a, b = a.trunc(), b.trunc()
    + low, high =

width_and_height
    You take the last two numbers of a box for its width and height. They are its second corner, (x2, y2).
    - torch.minimum(a[2:], b[2:])
    + torch.minimum(a[:2] + a[2:], b[:2] + b[2:])
    - (a[2:] - a[:2])
    + a[2:]
    - (b[2:] - b[:2])
    + b[2:]

nothing_over_nothing
    Where neither box has an area you get NaN, or an error: 0 / 0. The question says what it is to be.
    - intersection / union if union > 0 else 0 * union
    + intersection / union

one_where_there_is_nothing
    Where neither box has an area you give 1. The question says what it is to be.
    - else 0 * union
    + else 1 + union

intersection_alone
    That is the area that both cover, not its share in the union.
    - return intersection / union if
    + return intersection if
""")


box_iou = Exercise(
    "box_iou",
    box_iou,
    [
        (_box(0, 0, 3, 2), _box(1, 1, 4, 3)),
        (_box(0, 0, 4, 3), _box(1, 1, 3, 2)),
        (_box(-3.25, -2.5, -1, -0.75), _box(0.5, 1.25, 2.75, 4.5)),
        (_box(2.25, -6.5, 8.25, -4.75), _box(2.75, -2.25, 7.25, 1.5)),
        (_box(0.25, 2.75, 5, 9.25), _box(5, 3.25, 7.75, 8.25)),
        (_box(-1.75, 0.25, 0.5, 6), _box(-1.75, 0.25, 0.5, 6)),
        (_box(1.25, 2, 6.75, 2), _box(0.25, 1.5, 9, 3.75)),
        (_box(3.25, 4.75, 3.25, 8.5), _box(3.25, 4.75, 3.25, 8.5)),
        (_box(0.125, 0.25, 0.75, 0.875), _box(0.375, 0.125, 0.625, 1)),
    ],
    [*SLIPS, hull_as_union, y_corners_mixed_up],
    [
        "What two boxes share is a box as well: at which x does it begin, at which does it end?",
        "It begins at the larger x1 and ends at the smaller x2; likewise y. Where it would end before it begins, it is empty.",
        "The two areas together have the intersection twice. Divide by their sum less the intersection, if that is above 0.",
    ],
    reference=lambda a, b: boxes.box_iou(a, b, paired=True),
    common_errors={
        "ZeroDivisionError": "Where neither box has an area the union is 0. Ask before you divide; the question says what the "
        "answer is.",
        "too many indices": "a and b are one box each, four numbers: `x1, y1, x2, y2 = a`.",
        "clamp() received an invalid": "Of a tensor `.clamp(min=0)`, of a Python number `max(0, ...)`.",
    },
    draw=_draw_boxes,
    library=("box_iou", "complete_box_iou", "generalized_box_iou"),
    unaffected={
        "an IoU lies between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
        "it compares boxes that are there, and nothing learns through it": ["detached"],
    },
    difficulty=1,
    minutes=5,
)
