"""Which level of a feature pyramid a box reads from."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import roi


def pyramid_level(boxes: Tensor, coarsest: int, finest: int) -> Tensor:
    """The level of a feature pyramid that each box reads from: boxes (N, 4) in pixels, x1 ≤ x2 and y1 ≤ y2 → whole numbers
    (N,). What counts is the side of the square that has the same area as the box. With a side of 224 it is level 4, with half
    of that level 3, with twice that level 5, and so on; a side between two of these counts as the smaller one. The pyramid
    has the levels from `finest` to `coarsest` (finest ≤ coarsest): a box that would read from a level beyond either end reads
    from that end. A box without area reads from the finest."""
    sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    levels = (4 + torch.log2(sides / 224)).floor()
    return levels.clamp(finest, coarsest).long()


def _boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def _draw_boxes(generator: torch.Generator) -> tuple[Tensor, int, int]:
    low, side = (
        torch.randint(*range_, (7, 2), generator=generator).double() / 8 for range_ in ((-99, 300), (160, 5000))
    )
    return torch.cat([low, low + side], 1), 5, 2


SLIPS = read_slips("""
rounded
    You round to the nearest level. A side between two sizes reads as the *smaller* one does.
    - (4 + torch.log2(sides / 224)).floor()
    + (4 + torch.log2(sides / 224)).round()

rounded_up
    You round upwards. A side between two sizes reads as the *smaller* one does.
    - (4 + torch.log2(sides / 224)).floor()
    + (4 + torch.log2(sides / 224)).ceil()

rounded_towards_zero
    You cut the logarithm off towards 0. Below a side of 224 it is negative, and then that is upwards: -0.3 belongs to -1.
    - (4 + torch.log2(sides / 224)).floor()
    + 4 + torch.log2(sides / 224).trunc()

area_for_side
    You take the area where the side is asked for: with twice the side, the area is four times as large, and the level goes up by
    two.
    - .sqrt()
    +
    - sides / 224
    + sides / 224**2

area_by_side
    You divide the area by 224, which is a side. The side of a square is the square root of its area.
    - .sqrt()
    +

natural_logarithm
    You take the natural logarithm. Levels double: how many times can the side be halved until 224 is left?
    - torch.log2
    + torch.log

downwards
    With you, larger boxes read from finer levels. It is the other way round: a large object needs no fine map.
    - sides / 224
    + 224 / sides

from_level_5
    You are one level off: a side of 224 reads from level 4.
    - 4 + torch
    + 5 + torch

not_limited
    Your levels go on for ever. The pyramid has those from `finest` to `coarsest` only.
    - levels.clamp(finest, coarsest)
    + levels.nan_to_num(neginf=finest)

no_coarsest
    Your large boxes read from levels that the pyramid does not have, above `coarsest`.
    - levels.clamp(finest, coarsest)
    + levels.clamp(min=finest)

no_finest
    Your small boxes read from levels that the pyramid does not have, below `finest`.
    - levels.clamp(finest, coarsest)
    + levels.nan_to_num(neginf=finest).clamp(max=coarsest)

limits_swapped
    All boxes read from one level with you. Have you swapped the limits? `coarsest` comes first, and is the larger number: the
    coarsest map has the largest stride.
    - levels.clamp(finest, coarsest)
    + levels.clamp(coarsest, finest)

place_in_the_list
    You count from the finest map on, 0, 1, 2, as in a list. Asked for is the level: the finest has the number `finest`.
    - levels.clamp(finest, coarsest)
    + levels.clamp(finest, coarsest) - finest

longer_side
    You take the longer side. A box that is long and thin has few pixels: the area counts.
    - sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    + sides = (boxes[:, 2:] - boxes[:, :2]).amax(1)

mean_side
    You take the mean of width and height. For a square of the same area it is the root of their product.
    - ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    + (boxes[:, 2] - boxes[:, 0] + boxes[:, 3] - boxes[:, 1]) / 2

width_and_height
    You take the last two numbers of a box for its width and height. They are its second corner, (x2, y2).
    - (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    + (boxes[:, 2] * boxes[:, 3]).abs()

last_pixel_counted
    You add 1 to width and height. Corners are continuous coordinates here: from 0 to 224 it is 224.
    - (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    + (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)

strides
    That is the stride of the level, the power of 2. Asked for is the level itself.
    - return levels.clamp(finest, coarsest).long()
    + return 2 ** levels.clamp(finest, coarsest).long()
""")


pyramid_level = Exercise(
    "pyramid_level",
    pyramid_level,
    [
        (_boxes((0, 0, 224, 224), (10, 0, 122, 112), (0, 20, 448, 468)), 5, 2),
        (_boxes(), 5, 2),
        (_boxes((-0.5, 3.25, 223.5, 227.25), (10.02, 20.03, 233.98, 244), (30, 7, 142, 455), (-9, 6, 61, 706.5)), 5, 3),
        (_boxes((5, 5.5, 5, 20), (3, 4, 5, 900), (12, -40, 1500, 1200), (1, 2, 31, 42), (0, 9, 55.5, 66)), 5, 2),
        (_boxes((8, 3, 9, 4.5), (0.25, 0, 960, 940), (13, 30, 913, 63), (2, 1, 302, 302), (3, -7, 193, 173)), 6, 0),
        (_boxes((0, 0, 31, 30), (7, 9, 807, 709.5)), 3, 3),
    ],
    SLIPS,
    [
        "The side is the root of the area. How many times can it be halved, or doubled, until it is 224? `torch.log2` says so.",
        "`floor()` takes the smaller one, below 0 as well.",
        "k = ⌊4 + log2(√(w h) / 224)⌋, and then `clamp` keeps it within the limits.",
    ],
    reference=lambda boxes, coarsest, finest: roi.fpn_levels(boxes, finest, coarsest),
    common_errors={
        "not implemented for": "Roots and logarithms are of decimal numbers: convert to whole ones last.",
        "only one element tensors": "There are N boxes: use `torch.log2`, which takes all of them at once, and not `math.log2`.",
        "only integer tensors": "There are N boxes: use torch's functions, which take all of them at once.",
        "math domain error": "The logarithm of 0 is minus infinity, and only torch's says so: `torch.log2`.",
    },
    draw=_draw_boxes,
    library=("fpn_levels", "LevelMapper", "initLevelMapper"),
    difficulty=1,
    minutes=5,
)
