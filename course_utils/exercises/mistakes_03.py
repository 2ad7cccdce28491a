"""What people get wrong in lesson 03 about copies, nails and unpooling: each function makes one mistake, its docstring says
which."""

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


def nail_at_the_top_right(x: Tensor, factor: int) -> Tensor:
    """Your values stand at the top right of their blocks: within a row, the zeros come before the value instead of after."""
    result = torch.zeros_like(copies_instead_of_zeros(x, factor))
    result[:, :, ::factor, factor - 1 :: factor] = x
    return result


def zeros_behind_the_map(x: Tensor, factor: int) -> Tensor:
    """The whole map stands in the top left corner, and all zeros behind it. Each value has a block of its own: the values
    have to move apart."""
    height, width = x.shape[2:]
    return F.pad(x, (0, width * (factor - 1), 0, height * (factor - 1)))


def no_zeros_after_the_last(x: Tensor, factor: int) -> Tensor:
    """Between the values all is right, but the map ends with the last value: (H - 1) · f + 1 rows. Each value has a whole block,
    the last one too, so that there are H · f rows and W · f columns."""
    height, width = x.shape[2:]
    result = torch.zeros_like(copies_instead_of_zeros(x, factor))
    result[:, :, ::factor, ::factor] = x
    return result[:, :, : (height - 1) * factor + 1, : (width - 1) * factor + 1]


def factor_taken_for_two(x: Tensor, factor: int) -> Tensor:
    """You always double the map. `factor` can be 3 or 4 as well: the size and the steps depend on it."""
    result = torch.zeros_like(copies_instead_of_zeros(x, 2))
    result[:, :, ::2, ::2] = x
    return result


def one_copy_of_each_block_removed(x: Tensor, factor: int) -> Tensor:
    """For a factor of 2 this is right. For 3, a slice like `1::factor` takes one row of each block only, and the other copies
    stay: all rows and columns of a block but its first have to be 0."""
    result = copies_instead_of_zeros(x, factor)
    result[:, :, 1::factor] = 0
    result[:, :, :, 1::factor] = 0
    return result


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


def _put(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    flat = x.new_zeros(*x.shape[:2], math.prod(size)).scatter(2, indices.flatten(2), x.flatten(2))
    return flat.reshape(*x.shape[:2], *size)


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


def indices_of_the_first_image(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """All images use the indices of the first one. The maxima stood elsewhere in the second: each image has its own."""
    return _put(x, indices[:1].expand_as(indices), output_size)


def indices_of_the_first_channel(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """All channels use the indices of the first one. Every channel was pooled by itself and has its own maxima."""
    return _put(x, indices[:, :1].expand_as(indices), output_size)


def first_image_only(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Only the first image of your result has values, the others are 0: the batch is an axis, too."""
    result = _put(x, indices, output_size)
    result[1:] = 0
    return result


def corner_of_the_block(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """This is a bed of nails: every value at the top left of its block. Max unpooling puts it back where the maximum was,
    and `indices` says where that is."""
    result = x.new_zeros(*x.shape[:2], *output_size)
    (height, width), rows, columns = x.shape[2:], output_size[0] // x.shape[2], output_size[1] // x.shape[3]
    result[:, :, : height * rows : rows, : width * columns : columns] = x
    return result


def corner_of_the_block_of_two(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """This is a bed of nails, twice as large: every value at the top left of its block. Max unpooling puts it back where the
    maximum was, which `indices` says, into a map of `output_size`, which may be odd."""
    height, width = x.shape[2:]
    return corner_of_the_block(x, indices, (2 * height, 2 * width))


def twice_the_pooled_size(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Your map is always 2h × 2w. A map of 5 × 7 pools to 2 × 3 as well: take `output_size`, or the map is too small, and the
    indices, which count in rows of W, land in wrong places."""
    height, width = x.shape[2:]
    return _put(x, indices, (2 * height, 2 * width))


def result_thrown_away(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Your result is all zeros. Without the underscore, `scatter` leaves the zeros as they are and gives a *new* tensor:
    did you keep it?"""
    return x.new_zeros(*x.shape[:2], *output_size)


def read_instead_of_written(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """You read zeros from the places, and the result has the pooled size: `gather` reads from places. Here values have to be
    written to places."""
    return torch.zeros_like(x)


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
    return _put(x, indices, (width, height)).mT.contiguous()
