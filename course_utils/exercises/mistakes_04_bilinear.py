"""What people get wrong in lesson 04 about the bilinear kernel: each function makes one mistake, its docstring says which."""

import torch
from torch import Tensor


def _size(factor: int) -> int:
    return 2 * factor - factor % 2


def _tent(factor: int, *, size: int | None = None, centre: float | None = None, reach: float | None = None) -> Tensor:
    """1 - |i - centre| / reach for `size` values; what is not given is as it should be, the centre in the middle."""
    size = size or _size(factor)
    distance = (torch.arange(size) - ((size - 1) / 2 if centre is None else centre)).abs()
    return 1 - distance / (reach or factor)


def _square(tent: Tensor) -> Tensor:
    return torch.outer(tent, tent)


def centre_too_far_left(factor: int) -> Tensor:
    """For an even factor your peak is half a pixel too far to the left: a kernel with an even number of taps has its centre
    between two of them, and no tap is 1."""
    return _square(_tent(factor, centre=factor - 1))


def centre_too_far_right(factor: int) -> Tensor:
    """For an even factor your peak is half a pixel too far to the right: a kernel with an even number of taps has its centre
    between two of them, and no tap is 1. Taps are counted from 0: where is the middle of 0, 1, 2, 3?"""
    return _square(_tent(factor, centre=_size(factor) // 2))


def centre_at_half_the_size(factor: int) -> Tensor:
    """Your peak is half a pixel too far to the right, and the kernel is not symmetric: k / 2 would be the middle if taps were
    counted from 1/2 on. They are counted from 0: where is the middle of 0, 1, 2, and of 0, 1, 2, 3?"""
    return _square(_tent(factor, centre=_size(factor) / 2))


def centre_between_taps(factor: int) -> Tensor:
    """For an odd factor your kernel is not symmetric: it has an odd number of taps, and the middle one is the centre."""
    return _square(_tent(factor, centre=factor - 0.5))


def always_even_size(factor: int) -> Tensor:
    """For an odd factor your kernel has a tap too many, and its middle falls between two. It should fall on a new pixel: that
    takes an odd number of taps."""
    return _square(_tent(factor, size=2 * factor))


def always_odd_size(factor: int) -> Tensor:
    """For an even factor your kernel has a tap too few, and its middle falls on one. It should fall between two new pixels:
    that takes an even number of taps."""
    return _square(_tent(factor, size=2 * factor - 1))


def divided_by_the_size(factor: int) -> Tensor:
    """Your tent is too wide: it falls to 0 at a distance of k from its centre, and has hardly begun to fall where the kernel
    ends. It should reach 0 at the next old pixel, f new pixels away."""
    return _square(_tent(factor, reach=_size(factor)))


def divided_by_half_the_size(factor: int) -> Tensor:
    """For an odd factor your tent is too narrow: it falls to 0 at a distance of k / 2, which is half a pixel less than f there.
    It should reach 0 at the next old pixel, f new pixels away."""
    return _square(_tent(factor, reach=_size(factor) / 2))


def not_divided_by_the_factor(factor: int) -> Tensor:
    """Your tent falls to 0 within one new pixel, and is negative beyond. It has to reach to the next old pixel, which is f new
    pixels away."""
    return _square(_tent(factor, reach=1))


def zero_at_the_edge(factor: int) -> Tensor:
    """Your tent is 0 at the first and last tap, which are wasted so. It falls to 0 at the distance f from the centre, and
    that is outside of the kernel."""
    return _square(_tent(factor, reach=(_size(factor) - 1) / 2))


def distance_with_a_sign(factor: int) -> Tensor:
    """Yours rises on one side of the centre as it falls on the other, to values above 1: a distance has no sign. A tent falls
    to both sides."""
    place = torch.arange(_size(factor)) - (_size(factor) - 1) / 2
    return _square(1 - place / factor)


def flat_top(factor: int) -> Tensor:
    """For an even factor your two middle taps are both 1, as if each were the centre. The centre lies between them, half a new
    pixel from either, and the tent has fallen a little there."""
    return _square(_tent(factor) + (0 if factor % 2 else 0.5 / factor))


def peak_is_one(factor: int) -> Tensor:
    """For an even factor you have scaled the kernel until its largest weight is 1. The tent is 1 in its middle, and there is
    no tap there: the nearest are half a new pixel away."""
    tent = _tent(factor)
    return _square(tent / tent.max())


def sums_to_one(factor: int) -> Tensor:
    """Your weights sum to 1, which is right for a blur. Here an output pixel meets only every f-th tap along each axis, and
    it is those few that have to sum to 1."""
    return _square(_tent(factor)) / factor**2


def all_ones(factor: int) -> Tensor:
    """All your weights are equal: neighbours are added up, near or far. Bilinear weights fall with the distance from the
    centre."""
    return torch.ones(_size(factor), _size(factor))


def always_factor_two(factor: int) -> Tensor:
    """This is the kernel for a factor of 2, whatever the factor is. Size, centre and slope all depend on it."""
    return _square(_tent(2))


def one_axis_only(factor: int) -> Tensor:
    """This is the tent along one axis. In two dimensions each weight is the product of two of its values, one for the row and
    one for the column."""
    return _tent(factor)


def tents_averaged(factor: int) -> Tensor:
    """You average the two tents. Bilinear means linear along one axis, then along the other: the weights are multiplied, and
    a corner is far in both."""
    return (_tent(factor)[:, None] + _tent(factor)) / 2


def tents_added(factor: int) -> Tensor:
    """You add the two tents. Bilinear means linear along one axis, then along the other: the weights are multiplied, and a
    corner is far in both."""
    return _tent(factor)[:, None] + _tent(factor)


def pyramid(factor: int) -> Tensor:
    """You take the smaller of the two tents: a pyramid with flat sides. Bilinear means linear along one axis, then along the
    other: the weights are multiplied."""
    return torch.minimum(_tent(factor)[:, None], _tent(factor))


def _cone(factor: int) -> Tensor:
    place = torch.arange(_size(factor)) - (_size(factor) - 1) / 2
    return 1 - torch.hypot(place[:, None], place) / factor


def round_tent(factor: int) -> Tensor:
    """Your tent is round: it falls with the distance in the plane, and is negative in the corners. Bilinear means linear along
    one axis, then along the other: the weights are multiplied."""
    return _cone(factor)


def round_tent_above_zero(factor: int) -> Tensor:
    """Your tent is round: it falls with the distance in the plane. Bilinear means linear along one axis, then along the other:
    the weights are multiplied, and the tent has four edges."""
    return _cone(factor).clamp(min=0)
