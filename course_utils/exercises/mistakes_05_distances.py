"""What people get wrong in lesson 05 about signed distances: each function makes one mistake, its docstring says which."""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.task import with_variants


def _distances(mask: Tensor, *, power: float = 2.0) -> tuple[Tensor, Tensor]:
    """Of each pixel, to the nearest inside and to the nearest outside (0 for itself): two (H, W)."""
    pixels = torch.ones_like(mask).nonzero().double()
    apart = torch.cdist(pixels, pixels, p=power)
    inside = mask.flatten()
    return apart[:, inside].amin(1).reshape(mask.shape), apart[:, ~inside].amin(1).reshape(mask.shape)


def _signed(mask: Tensor, *, power: float = 2.0) -> Tensor:
    to_inside, to_outside = _distances(mask, power=power)
    return to_inside - to_outside


def sign_turned_round(mask: Tensor) -> Tensor:
    """The sign is the wrong way round: as a loss, Σ φ p would reward foreground outside of the truth. Inside is
    negative."""
    return -_signed(mask)


def squared_distances(mask: Tensor) -> Tensor:
    """These are squares of distances: the root is missing."""
    return _signed(mask) * _signed(mask).abs()


def city_block(mask: Tensor) -> Tensor:
    """You add up steps to the side and steps up or down. As the crow flies it is shorter: the root of the sum of their
    squares."""
    return _signed(mask, power=1.0)


def chessboard(mask: Tensor) -> Tensor:
    """You take the larger of the steps to the side and those up or down, as a king walks. As the crow flies it is the
    root of the sum of their squares."""
    return _signed(mask, power=torch.inf)


def rounded(mask: Tensor) -> Tensor:
    """Your distances have been rounded to whole numbers. From corner to corner it is √2, not 1: leave the decimals."""
    return _signed(mask).round()


def cut_to_whole_numbers(mask: Tensor) -> Tensor:
    """Your distances have been cut to whole numbers. Was the tensor that you write them into made of whole numbers? With
    `dtype=torch.float64` it keeps the decimals."""
    return _signed(mask).long()


def nothing_inside(mask: Tensor) -> Tensor:
    """Outside it is right, inside all is 0. A loss made of it could not tell a full mask from an empty one: inside,
    the distance to the nearest outside pixel counts, as a negative number."""
    return _distances(mask)[0]


def nothing_outside(mask: Tensor) -> Tensor:
    """Inside it is right, outside all is 0, so that foreground there would cost nothing. Outside, the distance to the
    nearest inside pixel counts."""
    return -_distances(mask)[1]


def sign_forgotten(mask: Tensor) -> Tensor:
    """All distances are positive. Inside they are negative, so that foreground there lowers the loss."""
    return _signed(mask).abs()


def one_less_inside(mask: Tensor) -> Tensor:
    """Inside, yours is one less than the distance, so that the mask's outermost pixels have 0. The authors' own code
    does that; here they are one pixel away from the outside, and have -1."""
    return _signed(mask) + mask.double()


def one_less_outside(mask: Tensor) -> Tensor:
    """Outside, yours is one less than the distance, so that the pixels next to the mask have 0. They are one pixel
    away from it."""
    return _signed(mask) - (~mask).double()


def one_less_everywhere(mask: Tensor) -> Tensor:
    """On both sides yours is one less than the distance, so that the pixels along the border have 0. They are one
    pixel away from the nearest pixel of the other kind."""
    return _signed(mask) - _signed(mask).sign()


def to_the_edge_between_pixels(mask: Tensor) -> Tensor:
    """You measure to the edge between two pixels, half a pixel less. That is a fair definition, but not this one:
    distances here are from centre to centre."""
    return _signed(mask) - _signed(mask).sign() / 2


def _rim(mask: Tensor, *, corners: bool, beyond: float) -> Tensor:
    """The mask's pixels that touch one outside it, at a side or (with `corners`) anywhere; `beyond` surrounds the image."""
    padded = F.pad(mask[None, None].double(), (1, 1, 1, 1), value=beyond)
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    if not corners:
        kernel[..., ::2, ::2] = 0
    return mask & (F.conv2d(padded, kernel)[0, 0] < kernel.sum())


def _to_rim_inside(mask: Tensor, *, corners: bool = False, beyond: float = 1.0) -> Tensor:
    to_rim, _ = _distances(_rim(mask, corners=corners, beyond=beyond))
    return torch.where(mask, -to_rim, to_rim)


@with_variants(
    partial(_to_rim_inside, corners=True),
    partial(_to_rim_inside, beyond=0.0),
    partial(_to_rim_inside, corners=True, beyond=0.0),
)
def to_the_rim_of_the_mask(mask: Tensor) -> Tensor:
    """You measure to the mask's outermost pixels, which are inside themselves, and get 0 there. Inside, measure to the nearest
    pixel of the *other* kind: no pixel has 0."""
    return _to_rim_inside(mask)


def _to_rim_outside(mask: Tensor, *, corners: bool = False) -> Tensor:
    to_rim, _ = _distances(_rim(~mask, corners=corners, beyond=1.0))
    return torch.where(mask, -to_rim, to_rim)


@with_variants(partial(_to_rim_outside, corners=True))
def to_the_rim_around_the_mask(mask: Tensor) -> Tensor:
    """You measure to the pixels just outside the mask, and get 0 there. Outside, measure to the nearest pixel *inside*: no
    pixel has 0."""
    return _to_rim_outside(mask)


def beyond_the_image_is_outside(mask: Tensor) -> Tensor:
    """At the border of the image you take what lies beyond it for outside. Nobody knows what is there: only pixels of
    the image count."""
    return _signed(F.pad(mask, (1, 1, 1, 1)))[1:-1, 1:-1]


def along_the_row_and_column(mask: Tensor) -> Tensor:
    """You look along the row and the column of each pixel only; the nearest pixel of the other kind may stand
    aslant."""
    height, width = mask.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    down, across = (
        (rows.flatten()[:, None] - rows.flatten()).abs(),
        (columns.flatten()[:, None] - columns.flatten()).abs(),
    )
    apart = torch.where((down == 0) | (across == 0), (down + across).double(), torch.inf)
    kinds = mask.flatten()
    nearest = torch.where(kinds[:, None] != kinds, apart, torch.inf).amin(1)
    return (torch.where(kinds, -1, 1) * nearest).reshape(mask.shape)


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


def to_the_centre(mask: Tensor) -> Tensor:
    """You measure to the centre of the mask. It is the nearest pixel of the other kind that counts, wherever it stands."""
    height, width = mask.shape
    row, column = mask.nonzero().double().mean(0)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    apart = ((rows - row) ** 2 + (columns - column) ** 2).sqrt()
    return torch.where(mask, -apart, apart)


def mean_instead_of_nearest(mask: Tensor) -> Tensor:
    """You take the mean over all pixels of the other kind. It is the distance to the nearest of them."""
    apart = torch.cdist(mask.nonzero().double(), (~mask).nonzero().double())
    distances = torch.zeros(mask.shape, dtype=torch.float64)
    distances[mask], distances[~mask] = -apart.mean(1), apart.mean(0)
    return distances


def _scaled_by_sides(mask: Tensor) -> Tensor:
    to_inside, to_outside = _distances(mask)
    return to_inside / to_inside.max() - to_outside / to_outside.max()


@with_variants(_scaled_by_sides)
def scaled_to_one(mask: Tensor) -> Tensor:
    """You divided by the largest distance. Leave it in pixels, so that one means the same in every image."""
    return _signed(mask) / _signed(mask).abs().max()


SIGNED_DISTANCE = [
    sign_turned_round,
    sign_forgotten,
    squared_distances,
    city_block,
    chessboard,
    rounded,
    cut_to_whole_numbers,
    along_the_row,
    along_the_row_and_column,
    nothing_inside,
    nothing_outside,
    one_less_inside,
    one_less_outside,
    one_less_everywhere,
    to_the_edge_between_pixels,
    to_the_rim_of_the_mask,
    to_the_rim_around_the_mask,
    to_the_centre,
    mean_instead_of_nearest,
    beyond_the_image_is_outside,
    rows_and_columns_swapped,
    not_of_whole_numbers,
    scaled_to_one,
]
