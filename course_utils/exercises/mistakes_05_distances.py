"""What people get wrong in lesson 05 about signed distances: each function makes one mistake, its docstring says which."""

import torch
import torch.nn.functional as F
from torch import Tensor


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


def to_the_outermost_of_the_mask(mask: Tensor) -> Tensor:
    """Inside, you measure to the outermost pixels of the mask, which are inside themselves, and get 0. Measure to the
    nearest pixel of the *other* kind."""
    padded = F.pad(mask[None, None].double(), (1, 1, 1, 1), value=1.0)[0, 0]
    crossing = padded[:-2, 1:-1] * padded[2:, 1:-1] * padded[1:-1, :-2] * padded[1:-1, 2:]
    to_rim, _ = _distances(mask & (crossing == 0))
    return torch.where(mask, -to_rim, to_rim)


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


def scaled_to_one(mask: Tensor) -> Tensor:
    """You divided by the largest distance. Leave it in pixels, so that one means the same in every image."""
    return _signed(mask) / _signed(mask).abs().max()
