"""What people get wrong in lesson 03 about bilinear weights and upsampled features: each function makes one mistake, its
docstring says which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def x_and_y_swapped(x: float, y: float) -> Tensor:
    """Your weights are in the order 00, 01, 10, 11, or x and y are swapped: the first digit is x, and asked for are 00, 10,
    01, 11."""
    return torch.tensor([(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y], dtype=torch.float64)


def once_around_the_square(x: float, y: float) -> Tensor:
    """Your last two corners are swapped: you went around the square, 00, 10, 11, 01. Asked for are 00, 10, 01, 11."""
    return torch.tensor([(1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y], dtype=torch.float64)


def opposite_corner(x: float, y: float) -> Tensor:
    """Each weight stands at the opposite corner. At (0, 0) corner 00 must have all the weight; in yours it has none: the
    area of a rectangle is the weight of the corner across."""
    return torch.tensor([x * y, (1 - x) * y, x * (1 - y), (1 - x) * (1 - y)], dtype=torch.float64)


def y_runs_the_other_way(x: float, y: float) -> Tensor:
    """Along x your weights are right, along y they are the wrong way round: y = 0 gives all the weight to 00 and 10."""
    return torch.tensor([(1 - x) * y, x * y, (1 - x) * (1 - y), x * (1 - y)], dtype=torch.float64)


def x_runs_the_other_way(x: float, y: float) -> Tensor:
    """Along y your weights are right, along x they are the wrong way round: x = 0 gives all the weight to 10 and 11."""
    return y_runs_the_other_way(y, x)[[0, 2, 1, 3]]


def weights_along_x_only(x: float, y: float) -> Tensor:
    """These are the weights along the upper and the lower edge, and they sum to 2: the last step, from the one edge to the other,
    is missing. It weighs the upper edge's two with 1 - y and the lower edge's with y."""
    return torch.tensor([1 - x, x, 1 - x, x], dtype=torch.float64)


def mean_of_the_two(x: float, y: float) -> Tensor:
    """You take the mean of the weights along x and along y. Then the four sum to 2, and at (0, 0) corner 10 still counts.
    Interpolating along x and then along y multiplies the two."""
    return torch.tensor([2 - x - y, 1 + x - y, 1 - x + y, x + y], dtype=torch.float64) / 2


def sums_instead_of_products(x: float, y: float) -> Tensor:
    """You add a corner's weight along x and its weight along y. Then the four sum to 4. The step along y weighs what the step
    along x has given: the two are multiplied."""
    return mean_of_the_two(x, y) * 2


def quarter_of_the_sum(x: float, y: float) -> Tensor:
    """Your weights sum to 1, but are sums: at (0, 0) corner 10 still gets a quarter of the value. Interpolating along x and
    then along y multiplies the two weights of a corner."""
    return mean_of_the_two(x, y) / 2


def a_quarter_each(x: float, y: float) -> Tensor:
    """A quarter for each is the mean of the corners, and right in the middle of the square only. The weights depend on x and
    y: at a corner, that corner has all the weight."""
    return torch.full((4,), 0.25, dtype=torch.float64)


def inverse_distance(x: float, y: float) -> Tensor:
    """These are weights by inverse distance. Bilinear is linear along x and, after that, linear along y: no distance, no
    root, and along an edge of the square only its two corners count."""
    weights = 1 / torch.tensor([[x, y], [1 - x, y], [x, 1 - y], [1 - x, 1 - y]], dtype=torch.float64).norm(dim=1)
    return weights / weights.sum()


def one_minus_the_distance(x: float, y: float) -> Tensor:
    """You take 1 minus the distance to each corner, made to sum to 1. That becomes negative for far corners. Bilinear knows no
    distance in the plane: one step along x, and then one along y."""
    corners = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=torch.float64)
    weights = 1 - (corners - torch.tensor([x, y], dtype=torch.float64)).norm(dim=1)
    return weights / weights.sum()


def nearest_corner(x: float, y: float) -> Tensor:
    """The nearest corner gets everything: this is nearest-neighbour interpolation. Bilinear shares the weight among all
    four."""
    return (inverse_distance(x, y) == inverse_distance(x, y).max()).double()


def plane_through_three_corners(x: float, y: float) -> Tensor:
    """Corner 11 gets no weight: you walk along x and along y from corner 00, which is the plane through three corners. The
    step along x has to be made at y = 0 and at y = 1."""
    return torch.tensor([1 - x - y, x, y, 0], dtype=torch.float64)


def terms_of_the_polynomial(x: float, y: float) -> Tensor:
    """These are the terms of the polynomial a + b x + c y + d xy, not the weights of the corners: the four must sum to 1
    everywhere."""
    return torch.tensor([1, x, y, x * y], dtype=torch.float64)


def arranged_as_a_square(x: float, y: float) -> Tensor:
    """Your four weights are right, but arranged as the square is, (2, 2). Asked for is one row of four: 00, 10, 01, 11."""
    upper = torch.tensor([(1 - x), x], dtype=torch.float64) * (1 - y)
    lower = torch.tensor([(1 - x), x], dtype=torch.float64) * y
    return torch.stack([upper, lower])


def four_numbers(x: float, y: float) -> tuple[float, ...]:
    """Your four weights are right, but four numbers with commas between them are a tuple, and the values are to be multiplied by
    a tensor: put them into one."""
    return tuple(arranged_as_a_square(x, y).flatten().tolist())


def given_upsample_features(pooled: Tensor, factor: int) -> Tensor:
    """This is still the version given. Pool the ramp 0, 1, …, 7 by 2: the means 0.5, 2.5, 4.5, 6.5. Where do the centres of
    these pixels lie in the ramp, and where does the upsampling put them?"""
    height, width = pooled.shape[-2:]
    return F.interpolate(pooled, size=(height * factor, width * factor), mode="bilinear", align_corners=True)


def nearest_features(pooled: Tensor, factor: int) -> Tensor:
    """Your pixels are in the right place, but are blocks: a ramp becomes stairs. Keep the bilinear interpolation."""
    return F.interpolate(pooled, scale_factor=factor, mode="nearest")


def bicubic_features(pooled: Tensor, factor: int) -> Tensor:
    """Bicubic gives the ramp back, but overshoots at edges: it can be larger than all its inputs. The bug is not in the kind
    of interpolation: keep it bilinear."""
    return F.interpolate(pooled, scale_factor=factor, mode="bicubic", align_corners=False)


def bicubic_with_corners(pooled: Tensor, factor: int) -> Tensor:
    """A smoother curve through the wrong places is still in the wrong places. Keep it bilinear, and look at where the
    centres of the pooled pixels lie."""
    height, width = pooled.shape[-2:]
    return F.interpolate(pooled, size=(height * factor, width * factor), mode="bicubic", align_corners=True)


def shifted_back(pooled: Tensor, factor: int) -> Tensor:
    """You shift the map as a whole. It is not shifted but stretched: right in the middle, and wrong by more and more towards
    the ends; and what leaves at one end comes in at the other."""
    return given_upsample_features(pooled, factor).roll((factor // 2, factor // 2), dims=(2, 3))


def corner_to_corner_and_short(pooled: Tensor, factor: int) -> Tensor:
    """The step between the pixels is right now, but the map is too small: from the first to the last centre there are (h - 1) · f
    steps, and half a pooled pixel beyond each of them is missing. There is a rule that counts it in."""
    height, width = ((n - 1) * factor + 1 for n in pooled.shape[-2:])
    return F.interpolate(pooled, size=(height, width), mode="bilinear", align_corners=True)


def padded_to_the_size(pooled: Tensor, factor: int) -> Tensor:
    """The step is right now, but where the factor is even, you pad by whole pixels: the map is half a pixel off. There is a
    rule that does it without any padding."""
    inside = corner_to_corner_and_short(pooled, factor)
    before = (factor - 1) // 2
    after = factor - 1 - before
    return F.pad(inside, (before, after, before, after), mode="replicate")


def zeros_beyond_the_border(pooled: Tensor, factor: int) -> Tensor:
    """Inside it is right now, but the border fades: a transposed convolution, or sampling padded with zeros, takes what lies
    outside for 0. Bilinear interpolation repeats the border's own value."""
    size, channels = 2 * factor - factor % 2, pooled.shape[1]
    taps = 1 - (torch.arange(size, dtype=pooled.dtype) - (size - 1) / 2).abs() / factor
    kernel = (taps[:, None] * taps).expand(channels, 1, size, size)
    return F.conv_transpose2d(pooled, kernel, stride=factor, padding=factor // 2, groups=channels)
