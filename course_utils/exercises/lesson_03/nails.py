"""A bed of nails."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between, different_numbers
from course_utils.exercises.slips import read_slips
from course_utils.ops import resample


def bed_of_nails(x: Tensor, factor: int) -> Tensor:
    """Enlarge x (B, C, H, W) to (B, C, H·f, W·f): each value at the top left of its f × f block, zeros elsewhere."""
    batch, channels, height, width = x.shape
    result = x.new_zeros(batch, channels, height * factor, width * factor)
    result[:, :, ::factor, ::factor] = x
    return result


def _map_and_factor(generator: torch.Generator) -> tuple[Tensor, int]:
    return different_numbers(generator, 2, 3, between(generator, 2, 3), 4), between(generator, 2, 4)


SLIPS = read_slips("""
copies_instead_of_zeros
    These are copies: nearest-neighbour upsampling. In a bed of nails each value stands once, and zeros fill its block.
    - result[:, :, ::factor, ::factor] = x
    + result = x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)

nail_in_the_middle
    Your values stand in the middle of their blocks; the bed of nails has them at the top left.
    - ::factor, ::factor
    + factor // 2 :: factor, factor // 2 :: factor

nail_at_the_bottom_right
    Your values stand at the bottom right of their blocks, behind the zeros; they belong to the top left, before them.
    - ::factor, ::factor
    + factor - 1 :: factor, factor - 1 :: factor

nail_at_the_top_right
    Your values stand at the top right of their blocks: within a row, the zeros come before the value instead of after.
    - ::factor, ::factor
    + ::factor, factor - 1 :: factor

zeros_behind_the_map
    The whole map stands in the top left corner, and all zeros behind it. Each value has a block of its own: the values
    have to move apart.
    - ::factor, ::factor
    + :height, :width

no_zeros_after_the_last
    Between the values all is right, but the map ends with the last value: (H - 1) · f + 1 rows. Each value has a whole
    block, the last one too, so that there are H · f rows and W · f columns.
    - height * factor, width * factor
    + (height - 1) * factor + 1, (width - 1) * factor + 1

factor_taken_for_two
    You always double the map. `factor` can be 3 or 4 as well: the size and the steps depend on it.
    - height, width = x.shape
    + height, width = x.shape
    + factor = 2

one_copy_of_each_block_removed
    For a factor of 2 this is right. For 3, a slice like `1::factor` takes one row of each block only, and the other
    copies stay: all rows and columns of a block but its first have to be 0.
    - result[:, :, ::factor, ::factor] = x
    + result = x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    + result[:, :, 1::factor] = 0
    + result[:, :, :, 1::factor] = 0

zeros_between_the_rows_only
    There are zeros between your rows, but within a row the values are copied. Zeros belong between the columns, too.
    - result[:, :, ::factor, ::factor] = x
    + result[:, :, ::factor] = x.repeat_interleave(factor, dim=3)

zeros_between_the_columns_only
    There are zeros between your columns, but within a column the values are copied. Zeros belong between the rows, too.
    - result[:, :, ::factor, ::factor] = x
    + result[:, :, :, ::factor] = x.repeat_interleave(factor, dim=2)

reshape_mixes_rows_and_columns
    All zeros of a block follow its value in one row: a reshape fills row by row, and your new axis mixes up the rows
    and columns of the block. Assign to every f-th row and column of a map of zeros instead.
    - result[:, :, ::factor, ::factor] = x
    + result.view(batch, channels, height, width, -1)[..., 0] = x
""")


bed_of_nails = Exercise(
    "bed_of_nails",
    bed_of_nails,
    [
        (torch.tensor([[[[3.0, 7.0]]]]), 2),
        (torch.tensor([[[[-2.5, 6.0]]]]), 1),
        (torch.tensor([[[[2.25, -9.0, 4.5], [-0.75, 1.0, 8.0]]]]), 3),
    ],
    SLIPS,
    [
        "Begin with the answer's size: a map of zeros, H·f high and W·f wide, for each image and channel.",
        "Which rows and which columns of the large map have a value in them? They are f apart.",
        "A slice with a step, `::factor`, takes every f-th row or column, and one can assign to it.",
    ],
    reference=resample.bed_of_nails,
    common_errors={
        "expanded size of the tensor": "The slice on the left must have as many rows and columns as x: every f-th, from the "
        "first, of a map that is f times as high and wide. Rows and columns are the third and fourth axis: `[:, :, …, …]`.",
        "values to unpack": "x has four axes: image, channel, row, column.",
        "sizes provided": "x has four axes, image, channel, row, column: two indices take a whole map, not a value.",
        "argument 'bias'": "The third argument of `F.conv_transpose2d` is the bias: write `stride=factor`.",
        "out of bounds": "Rows come before columns: x[:, :, row, column], of H rows and W columns.",
    },
    draw=_map_and_factor,
    differentiable=True,
    difficulty=1,
    minutes=4,
)
