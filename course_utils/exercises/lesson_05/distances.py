"""The signed distance to the outline of a mask."""

import math
from functools import partial

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_05.rims import to_the_rim_around_the_mask, to_the_rim_of_the_mask
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.losses import boundary


def signed_distance(mask: Tensor) -> Tensor:
    """Signed distance of each pixel, from centre to centre, mask (H, W) bool → (H, W): outside the mask to the nearest
    pixel inside, and inside it minus the distance to the nearest pixel outside. There are pixels of both kinds."""
    inside, outside = mask.nonzero().double(), (~mask).nonzero().double()
    apart = torch.cdist(inside, outside)
    distances = torch.zeros(mask.shape, dtype=torch.float64)
    distances[mask] = -apart.amin(dim=1)
    distances[~mask] = apart.amin(dim=0)
    return distances


def _draw_mask(generator: torch.Generator) -> tuple[Tensor]:
    """A mask of 5 x 7 pixels, most of it inside."""
    mask = torch.rand(5, 7, generator=generator) > 0.25
    mask[0, 0], mask[-1, -1] = True, False
    return (mask,)


def _row_by_row(mask: Tensor, *, alone: float) -> Tensor:
    columns = torch.arange(mask.shape[1]).double()
    apart = (columns[:, None] - columns).abs().expand(mask.shape[0], -1, -1)
    other = mask[:, :, None] != mask[:, None, :]
    nearest = torch.where(other, apart, torch.inf).amin(-1)
    nearest = nearest.where(nearest.isfinite(), alone)
    return torch.where(mask, -nearest, nearest)


@with_variants(*(partial(_row_by_row, alone=alone) for alone in (0.0, 99.0, 100.0, 999.0, 1000.0, 1e6, 1e9)))
def along_the_row(mask: Tensor) -> Tensor:
    """You look along the row of each pixel only. The nearest pixel of the other kind may stand in another row: all pixels
    of the map are to be looked at."""
    return _row_by_row(mask, alone=math.inf)


def _swapped(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pixel, taken for (column, row), to the nearest inside and outside: two (H, W)."""
    height, width = mask.shape
    grid = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="ij")
    pixels = torch.stack(grid, -1).reshape(-1, 2).double()
    inside, outside = (
        torch.cdist(pixels, kind.nonzero().double()).amin(1).reshape(mask.shape) for kind in (mask, ~mask)
    )
    return inside, outside


@with_variants(lambda mask: _swapped(mask)[0], lambda mask: _swapped(mask)[0] - _swapped(mask)[1])
def rows_and_columns_swapped(mask: Tensor) -> Tensor:
    """Rows and columns are swapped: `nonzero` gives (row, column), and the places you compare with are (column, row). Rows
    come first, as in `mask.shape`."""
    to_inside, to_outside = _swapped(mask)
    return torch.where(mask, -to_outside, to_inside)


def not_of_whole_numbers(mask: Tensor) -> Tensor:
    """`~` turns truth values round. Of whole numbers it turns all bits: ~0 is -1 and ~1 is -2, neither of them 0, so that no
    pixel is left for the other kind. Let the mask be bool as it is."""
    from scipy.ndimage import distance_transform_edt

    values = mask.int().numpy()
    return torch.from_numpy(distance_transform_edt(~values) - distance_transform_edt(values))


_NOTHING_THERE = (
    "There was nothing to take the shortest of: a row need not have pixels of both kinds. Look at the whole map."
)

SLIPS = read_slips("""
sign_turned_round
    The sign is the wrong way round: as a loss, Σ φ p would reward foreground outside of the truth. Inside is
    negative.
    - return distances
    + return -distances

sign_forgotten
    All distances are positive. Inside they are negative, so that foreground there lowers the loss.
    - -apart.amin(dim=1)
    + apart.amin(dim=1)

squared_distances
    These are squares of distances: the root is missing.
    - torch.cdist(inside, outside)
    + torch.cdist(inside, outside) ** 2

city_block
    You add up steps to the side and steps up or down. As the crow flies it is shorter: the root of the sum of their
    squares.
    - torch.cdist(inside, outside)
    + torch.cdist(inside, outside, p=1)

chessboard
    You take the larger of the steps to the side and those up or down, as a king walks. As the crow flies it is the
    root of the sum of their squares.
    - torch.cdist(inside, outside)
    + torch.cdist(inside, outside, p=torch.inf)

rounded
    Your distances have been rounded to whole numbers. From corner to corner it is √2, not 1: leave the decimals.
    - return distances
    + return distances.round()

cut_to_whole_numbers
    Your distances have been cut to whole numbers. Was the tensor that you write them into made of whole numbers?
    With `dtype=torch.float64` it keeps the decimals.
    - return distances
    + return distances.long()

along_the_row_and_column
    You look along the row and the column of each pixel only; the nearest pixel of the other kind may stand aslant.
    - torch.cdist(inside, outside)
    + torch.cdist(inside, outside)
    + aslant = (inside[:, None] != outside).all(dim=-1)
    + apart = apart.masked_fill(aslant, torch.inf)

nothing_inside
    Outside it is right, inside all is 0. A loss made of it could not tell a full mask from an empty one: inside,
    the distance to the nearest outside pixel counts, as a negative number.
    - -apart.amin(dim=1)
    + 0

nothing_outside
    Inside it is right, outside all is 0, so that foreground there would cost nothing. Outside, the distance to the
    nearest inside pixel counts.
    - apart.amin(dim=0)
    + 0

one_less_inside
    Inside, yours is one less than the distance, so that the mask's outermost pixels have 0. The authors' own code
    does that; here they are one pixel away from the outside, and have -1.
    - -apart.amin(dim=1)
    + 1 - apart.amin(dim=1)

one_less_outside
    Outside, yours is one less than the distance, so that the pixels next to the mask have 0. They are one pixel
    away from it.
    - apart.amin(dim=0)
    + apart.amin(dim=0) - 1

to_the_edge_between_pixels
    You measure to the edge between two pixels, half a pixel less. That is a fair definition, but not this one:
    distances here are from centre to centre.
    - torch.cdist(inside, outside)
    + torch.cdist(inside, outside) - 0.5

to_the_centre
    You measure to the centre of the mask. It is the nearest pixel of the other kind that counts, wherever it
    stands.
    - -apart.amin(dim=1)
    + -(inside - inside.mean(dim=0)).norm(dim=1)
    - apart.amin(dim=0)
    + (outside - inside.mean(dim=0)).norm(dim=1)

one_distance_for_all
    `amin()` without an axis is one number, the smallest distance of all. Each pixel has its own: of `cdist(inside,
    outside)` along axis 1 for those inside, along axis 0 for those outside.
    - -apart.amin(dim=1)
    + -apart.amin()
    - apart.amin(dim=0)
    + apart.amin()

mean_instead_of_nearest
    You take the mean over all pixels of the other kind. It is the distance to the nearest of them.
    - -apart.amin(dim=1)
    + -apart.mean(dim=1)
    - apart.amin(dim=0)
    + apart.mean(dim=0)

beyond_the_image_is_outside
    At the border of the image you take what lies beyond it for outside. Nobody knows what is there: only pixels of
    the image count.
    - inside, outside = mask
    + mask = torch.nn.functional.pad(mask, (1, 1, 1, 1))
    + inside, outside = mask
    - return distances
    + return distances[1:-1, 1:-1]

scaled_to_one
    You divided by the largest distance. Leave it in pixels, so that one means the same in every image.
    - return distances
    + return distances / distances.abs().max()

scaled_to_one_on_each_side
    On each side you divided by the largest distance. Leave it in pixels, so that one means the same in every image.
    - -apart.amin(dim=1)
    + -apart.amin(dim=1) / apart.amin(dim=1).max()
    - apart.amin(dim=0)
    + apart.amin(dim=0) / apart.amin(dim=0).max()
""")


signed_distance = Exercise(
    "signed_distance",
    signed_distance,
    # A row; a mask that touches the border and is not convex; one that is far away from a corner; one with a hole.
    [
        (torch.tensor([[0, 0, 1, 1, 1, 0, 0]]).bool(),),
        (torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]).bool(),),
        (
            torch.tensor(
                [
                    [0, 1, 0, 0, 0, 0, 0],
                    [1, 1, 0, 0, 0, 0, 0],
                    [0, 0, 0, 0, 0, 0, 0],
                    [0, 0, 0, 0, 0, 0, 0],
                    [0, 0, 0, 0, 0, 0, 0],
                ]
            ).bool(),
        ),
        (
            torch.tensor(
                [
                    [0, 0, 0, 0, 0, 0, 0, 0],
                    [0, 0, 1, 1, 1, 1, 1, 0],
                    [0, 1, 1, 1, 1, 1, 1, 1],
                    [0, 1, 1, 1, 1, 0, 1, 1],
                    [0, 1, 1, 1, 1, 1, 1, 1],
                    [0, 0, 0, 1, 1, 1, 1, 0],
                ]
            ).bool(),
        ),
    ],
    [
        *SLIPS,
        along_the_row,
        to_the_rim_of_the_mask,
        to_the_rim_around_the_mask,
        rows_and_columns_swapped,
        not_of_whole_numbers,
    ],
    [
        "Take a pixel inside, right at the edge of the mask. Which pixels may be the nearest that counts, and how close can "
        "the closest of them be? Can any pixel have 0?",
        "Brute force will do: for each pixel, look at all pixels of the other kind, and keep the shortest distance. "
        "`mask.nonzero()` lists the rows and columns of the pixels inside.",
        "`torch.cdist(inside.double(), outside.double())` holds all distances from inside to outside: its minimum "
        "along one axis is for the pixels inside, along the other for those outside. `distances[mask] = ...` writes "
        "them.",
    ],
    reference=lambda mask: boundary.signed_distance(mask, dtype=torch.float64),
    common_errors={
        "cdist": "`torch.cdist` wants decimal numbers: `mask.nonzero().double()`.",
        "dtype of input": "Distances are decimal numbers: make whole numbers `.double()` first.",
        "can't be cast": "Distances are decimal numbers: `torch.zeros(mask.shape, dtype=torch.float64)`.",
        "Subtraction, the `-` operator, with a bool": "The other kind of pixel is `~mask`.",
        "Negation, the `-` operator, on a bool": "The other kind of pixel is `~mask`.",
        "Boolean value of Tensor": "`not` and `if` want one truth value. Pixel by pixel, the other kind is `~mask`.",
        "got Bool for the destination": (
            "Distances do not fit into a map of truth values, and `zeros_like(mask)` is one, as `mask` is: say "
            "`dtype=torch.float64`."
        ),
        "argument is an empty": _NOTHING_THERE,
        "iterable argument is empty": _NOTHING_THERE,
        "shape mismatch: value tensor": (
            "In `torch.cdist(inside, outside)` a row is a pixel inside, and a column one outside: take the minimum along axis 1 "
            "for the pixels inside, along axis 0 for those outside."
        ),
        "torch.return_types.min": "`min(dim)` gives the values and where they stand; `amin(dim)` gives the values alone.",
        "not implemented for 'Bool'": "Truth values cannot be computed with; `mask.long()` makes 0 and 1 of them.",
    },
    draw=_draw_mask,
    library=["distance_transform_edt"],
    difficulty=2,
    minutes=10,
)
