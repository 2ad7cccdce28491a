"""Distances to the rim of a mask, where those to the nearest pixel of the other kind are asked for."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.task import with_variants


def _to(mask: Tensor) -> Tensor:
    """The distance of each pixel to the nearest one of the mask: 0 within it."""
    pixels = torch.ones_like(mask).nonzero().double()
    return torch.cdist(pixels, mask.nonzero().double()).amin(1).reshape(mask.shape)


def _rim(mask: Tensor, *, corners: bool, beyond: float) -> Tensor:
    """The mask's pixels that touch one outside it, at a side or (with `corners`) anywhere; `beyond` surrounds the image."""
    padded = F.pad(mask[None, None].double(), (1, 1, 1, 1), value=beyond)
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    if not corners:
        kernel[..., ::2, ::2] = 0
    return mask & (F.conv2d(padded, kernel)[0, 0] < kernel.sum())


def _to_rim_inside(mask: Tensor, *, corners: bool = False, beyond: float = 1.0) -> Tensor:
    to_rim = _to(_rim(mask, corners=corners, beyond=beyond))
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
    to_rim = _to(_rim(~mask, corners=corners, beyond=1.0))
    return torch.where(mask, -to_rim, to_rim)


@with_variants(partial(_to_rim_outside, corners=True))
def to_the_rim_around_the_mask(mask: Tensor) -> Tensor:
    """You measure to the pixels just outside the mask, and get 0 there. Outside, measure to the nearest pixel *inside*: no
    pixel has 0."""
    return _to_rim_outside(mask)
