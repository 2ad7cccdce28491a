"""What people get wrong in lesson 03, interpolation: each function makes one mistake, its docstring says which."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def copies_instead_of_zeros(x: Tensor, factor: int) -> Tensor:
    """These are copies: nearest-neighbour upsampling. In a bed of nails each value stands once, and zeros fill its block."""
    return x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)


def nail_in_the_middle(x: Tensor, factor: int) -> Tensor:
    """Your values stand in the middle of their blocks; the bed of nails has them at the top left."""
    result = torch.zeros_like(copies_instead_of_zeros(x, factor))
    result[:, :, factor // 2 :: factor, factor // 2 :: factor] = x
    return result


def nail_at_the_bottom_right(x: Tensor, factor: int) -> Tensor:
    """Your values stand at the bottom right of their blocks, behind the zeros; they belong to the top left, before them."""
    result = torch.zeros_like(copies_instead_of_zeros(x, factor))
    result[:, :, factor - 1 :: factor, factor - 1 :: factor] = x
    return result


def zeros_behind_the_map(x: Tensor, factor: int) -> Tensor:
    """The whole map stands in the top left corner, and all zeros behind it. Each value has a block of its own: the values
    have to move apart."""
    height, width = x.shape[2:]
    return F.pad(x, (0, width * (factor - 1), 0, height * (factor - 1)))


def zeros_between_the_rows_only(x: Tensor, factor: int) -> Tensor:
    """There are zeros between your rows, but within a row the values are copied. Zeros belong between the columns, too."""
    result = torch.zeros_like(copies_instead_of_zeros(x, factor))
    result[:, :, ::factor] = x.repeat_interleave(factor, dim=3)
    return result


def zeros_between_the_columns_only(x: Tensor, factor: int) -> Tensor:
    """There are zeros between your columns, but within a column the values are copied. Zeros belong between the rows, too."""
    return zeros_between_the_rows_only(x.mT, factor).mT


def reshape_mixes_rows_and_columns(x: Tensor, factor: int) -> Tensor:
    """All zeros of a block follow its value in one row: a reshape fills row by row, and your new axis mixes up the rows
    and columns of the block. Assign to every f-th row and column of a map of zeros instead."""
    batch, channels, height, width = x.shape
    blocks = torch.stack([x] + [torch.zeros_like(x)] * (factor**2 - 1), dim=-1)
    return blocks.reshape(batch, channels, height * factor, width * factor)


def all_planes_share(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """All your values land in the first channel of the first image: an index counts within its own plane of H · W pixels,
    so that each plane needs its own start."""
    result = x.new_zeros(*x.shape[:2], *output_size)
    result.view(-1)[indices.flatten()] = x.flatten()
    return result


def every_plane_gets_all(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Each of your planes has the values of all planes: `result[:, :, indices]` takes all indices for every plane. An image and
    a channel are to get their own values only."""
    result = x.new_zeros(*x.shape[:2], math.prod(output_size))
    result[:, :, indices.flatten(2)] = x.flatten(2)
    return result.reshape(*x.shape[:2], *output_size)


def images_share(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """The channels are kept apart, but the images are not: the second image has overwritten the first."""
    result = x.new_zeros(*x.shape[:2], math.prod(output_size))
    for image in range(len(x)):
        result[0].scatter_(1, indices[image].flatten(1), x[image].flatten(1))
    return result.reshape(*x.shape[:2], *output_size)


def channels_share(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """The images are kept apart, but the channels are not: the last channel has been written over the first."""
    result = x.new_zeros(*x.shape[:2], math.prod(output_size))
    for channel in range(x.shape[1]):
        result[:, 0].scatter_(1, indices[:, channel].flatten(1), x[:, channel].flatten(1))
    return result.reshape(*x.shape[:2], *output_size)


def corner_of_the_block(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """This is a bed of nails: every value at the top left of its block. Max unpooling puts it back where the maximum was,
    and `indices` says where that is."""
    result = x.new_zeros(*x.shape[:2], *output_size)
    (height, width), rows, columns = x.shape[2:], output_size[0] // x.shape[2], output_size[1] // x.shape[3]
    result[:, :, : height * rows : rows, : width * columns : columns] = x
    return result


def filled_by_nearest(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Your blocks are filled with copies. Max unpooling puts each value to one place only; everywhere else it is 0."""
    return F.interpolate(x, size=output_size, mode="nearest")


def added_instead_of_put(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Where two windows overlap, one pixel can be the maximum of both: its value is then put there twice, not added up."""
    flat = x.new_zeros(*x.shape[:2], math.prod(output_size))
    return flat.scatter_add(2, indices.flatten(2), x.flatten(2)).reshape(*x.shape[:2], *output_size)


def counted_column_by_column(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """You read the indices column by column. They count row by row: index = row · W + column."""
    height, width = output_size
    flat = x.new_zeros(*x.shape[:2], height * width)
    flat.scatter_(2, indices.flatten(2), x.flatten(2))
    return flat.reshape(*x.shape[:2], width, height).mT.contiguous()


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


def mean_of_the_two(x: float, y: float) -> Tensor:
    """You take the mean of the weights along x and along y. Then the four sum to 2, and at (0, 0) corner 10 still counts.
    Interpolating along x and then along y multiplies the two."""
    return torch.tensor([2 - x - y, 1 + x - y, 1 - x + y, x + y], dtype=torch.float64) / 2


def quarter_of_the_sum(x: float, y: float) -> Tensor:
    """Your weights sum to 1, but are sums: at (0, 0) corner 10 still gets a quarter of the value. Interpolating along x and
    then along y multiplies the two weights of a corner."""
    return mean_of_the_two(x, y) / 2


def inverse_distance(x: float, y: float) -> Tensor:
    """These are weights by inverse distance. Bilinear is linear along x and, after that, linear along y: no distance, no
    root, and along an edge of the square only its two corners count."""
    weights = 1 / torch.tensor([[x, y], [1 - x, y], [x, 1 - y], [1 - x, 1 - y]], dtype=torch.float64).norm(dim=1)
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


def padded_to_the_size(pooled: Tensor, factor: int) -> Tensor:
    """The step is right now, but where the factor is even, you pad by whole pixels: the map is half a pixel off. There is a
    rule that does it without any padding."""
    height, width = ((n - 1) * factor + 1 for n in pooled.shape[-2:])
    inside = F.interpolate(pooled, size=(height, width), mode="bilinear", align_corners=True)
    before = (factor - 1) // 2
    after = factor - 1 - before
    return F.pad(inside, (before, after, before, after), mode="replicate")


def zeros_beyond_the_border(pooled: Tensor, factor: int) -> Tensor:
    """Inside it is right now, but the border fades: a transposed convolution takes what lies outside for 0. Bilinear
    interpolation repeats the border's own value."""
    size, channels = 2 * factor - factor % 2, pooled.shape[1]
    taps = 1 - (torch.arange(size, dtype=pooled.dtype) - (size - 1) / 2).abs() / factor
    kernel = (taps[:, None] * taps).expand(channels, 1, size, size)
    return F.conv_transpose2d(pooled, kernel, stride=factor, padding=factor // 2, groups=channels)
