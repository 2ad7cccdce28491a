"""Max unpooling."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between, different_numbers
from course_utils.exercises.slips import read_slips
from course_utils.ops import unpool


def max_unpool(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Put x (B, C, h, w) back where max pooling took it from, in (B, C, H, W) zeros with (H, W) = output_size. indices
    (B, C, h, w): the places as `F.max_pool2d(..., return_indices=True)` numbers them, row · W + column in each plane, each of
    them once, as the windows do not overlap."""
    height, width = output_size
    batch, channels = x.shape[:2]
    result = x.new_zeros(batch, channels, height * width)
    result.scatter_(2, indices.flatten(2), x.flatten(2))
    return result.reshape(batch, channels, height, width)


# Two images with two channels, as if they came from maps of 5 x 7 pixels. No place beyond the 4 · 6 pixels of a map of twice the
# pooled size, so that an answer that forgets the output's size runs, and can be told what is wrong with it.
_POOLED = torch.tensor(
    [
        [[[6.0, -2.5, 9.0], [4.0, 8.0, 1.0]], [[15.0, 7.0, -3.0], [11.0, 5.25, 12.0]]],
        [[[21.0, 14.0, 17.0], [-10.0, 20.0, 13.0]], [[16.0, 22.0, -18.75], [25.0, 19.0, 23.0]]],
    ]
)
_PLACES = torch.tensor(
    [
        [[[8, 3, 12], [21, 16, 19]], [[1, 9, 11], [14, 23, 18]]],
        [[[0, 2, 5], [22, 17, 19]], [[7, 10, 4], [15, 23, 18]]],
    ]
)


def _pooled(generator: torch.Generator) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Values that a later layer has made, and the places that a map of twice their size was pooled from."""
    size = 2 * between(generator, 3, 4), 2 * between(generator, 5, 6)
    indices = F.max_pool2d(different_numbers(generator, 2, 3, *size), 2, return_indices=True)[1]
    return different_numbers(generator, *indices.shape), indices, size


SLIPS = read_slips("""
all_planes_share
    All your values land in the first channel of the first image: an index counts within its own plane of H · W pixels,
    so that each plane needs its own start.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + result.view(-1)[indices.flatten()] = x.flatten()

every_plane_gets_all
    Each of your planes has the values of all planes: `result[:, :, indices]` takes all indices for every plane. An
    image and a channel are to get their own values only.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + result[:, :, indices.flatten(2)] = x.flatten(2)

images_share
    The channels are kept apart, but the images are not: the second image has overwritten the first.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + for image in range(batch):
    +     result[0].scatter_(1, indices[image].flatten(1), x[image].flatten(1))

channels_share
    The images are kept apart, but the channels are not: the last channel has been written over the first.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + for channel in range(channels):
    +     result[:, 0].scatter_(1, indices[:, channel].flatten(1), x[:, channel].flatten(1))

indices_of_the_first_image
    All images use the indices of the first one. The maxima stood elsewhere in the second: each image has its own.
    - indices.flatten(2)
    + indices[:1].expand_as(indices).flatten(2)

indices_of_the_first_channel
    All channels use the indices of the first one. Every channel was pooled by itself and has its own maxima.
    - indices.flatten(2)
    + indices[:, :1].expand_as(indices).flatten(2)

first_image_only
    Only the first image of your result has values, the others are 0: the batch is an axis, too.
    - return result.reshape(batch, channels, height, width)
    + result[1:] = 0
    + return result.reshape(batch, channels, height, width)

corner_of_the_block
    This is a bed of nails: every value at the top left of its block. Max unpooling puts it back where the maximum was,
    and `indices` says where that is.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + down, right = height // x.shape[2], width // x.shape[3]
    + planes = result.view(batch, channels, height, width)
    + planes[:, :, : x.shape[2] * down : down, : x.shape[3] * right : right] = x

corner_of_the_block_of_two
    This is a bed of nails, twice as large: every value at the top left of its block. Max unpooling puts it back where
    the maximum was, which `indices` says, into a map of `output_size`, which may be odd.
    - height, width = output_size
    + height, width = 2 * x.shape[2], 2 * x.shape[3]
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    + result.view(batch, channels, height, width)[:, :, ::2, ::2] = x

twice_the_pooled_size
    Your map is always 2h × 2w. A map of 5 × 7 pools to 2 × 3 as well: take `output_size`, or the map is too small, and
    the indices, which count in rows of W, land in wrong places.
    - height, width = output_size
    + height, width = 2 * x.shape[2], 2 * x.shape[3]

result_thrown_away
    Your result is all zeros. Without the underscore, `scatter` leaves the zeros as they are and gives a *new* tensor:
    did you keep it?
    - scatter_
    + scatter

read_instead_of_written
    You read zeros from the places, and the result has the pooled size: `gather` reads from places. Here values have to
    be written to places.
    - result.scatter_(2, indices.flatten(2), x.flatten(2))
    - return result.reshape(batch, channels, height, width)
    + return result.gather(2, indices.flatten(2)).reshape(x.shape)

size_taken_for_the_stride
    The fourth argument of `F.max_unpool2d` is the stride: without its name, your size is taken for the distance between
    the windows. Write `output_size=output_size`.
    - return result.reshape(batch, channels, height, width)
    + return F.max_unpool2d(x, indices, 2, output_size)

size_taken_for_the_window
    The third argument of `F.max_unpool2d` is the size of the windows: yours are as large as the whole map. Write
    `output_size=output_size`.
    - return result.reshape(batch, channels, height, width)
    + return F.max_unpool2d(x, indices, output_size)

filled_by_nearest
    Your blocks are filled with copies. Max unpooling puts each value to one place only; everywhere else it is 0.
    - return result.reshape(batch, channels, height, width)
    + return F.interpolate(x, size=output_size, mode="nearest")

counted_column_by_column
    You read the indices column by column. They count row by row: index = row · W + column.
    - result.reshape(batch, channels, height, width)
    + result.reshape(batch, channels, width, height).mT
""")


max_unpool = Exercise(
    "max_unpool",
    max_unpool,
    [
        (torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[[[5, 2], [12, 15]]]]), (4, 4)),
        (torch.tensor([[[[-0.75, 9.0]], [[7.0, -4.5]]]]), torch.tensor([[[[1, 6]], [[4, 3]]]]), (2, 4)),
        (_POOLED, _PLACES, (5, 7)),
    ],
    SLIPS,
    [
        "An index counts the pixels of one plane row by row. So let each plane of the result be one row of H · W zeros first.",
        "`flatten(2)` makes (B, C, h · w) of (B, C, h, w), of the values and of the indices: which value goes to which place?",
        "`zeros.scatter_(2, places, values)` writes values to places along axis 2, plane by plane. Reshape at the end.",
    ],
    reference=unpool.max_unpool,
    common_errors={
        "self.dtype to be equal to src.dtype": "Make the zeros with the type of x: `x.new_zeros(...)`.",
        "same number of dimensions": "Flatten the indices and the values as you have flattened the result: (B, C, …).",
        "out of bounds": "An index counts the H · W pixels of a plane of output_size, from 0, as if they stood in one row. Do "
        "your planes have as many (not 4 · 4, not 2h · 2w), in one row? `scatter_` writes values to them (`gather` reads). "
        "In planes that are not flattened an index has to be taken apart: row = index // W, column = index % W.",
        "expanded size of the tensor": "A slice puts every value at the same corner of its block; `indices` says where it stood.",
        "shape mismatch": "An index numbers the pixels of one plane: image and channel have to be said as well, plane by plane "
        "in a loop, or by `scatter_`, which keeps the planes apart.",
        "invalid max index": "Without output_size nobody knows whether the map was even or odd.",
        "invalid output_size": "`F.max_unpool2d` asks for the size of the windows, which the task does not name. The indices are "
        "enough: write the values to them yourself.",
        "non-negative spatial": "The fifth argument of `F.max_unpool2d` is the padding: write `output_size=output_size`.",
        "for index": "`scatter_(axis, places, values)`: the places come first, then the values.",
        "is invalid for input of size": "The result has B · C · H · W values, with (H, W) = output_size. `gather` gives only as "
        "many as there are indices, because it reads; `scatter_` writes.",
    },
    draw=_pooled,
    differentiable=("x",),
    library=("max_unpool2d", "MaxUnpool2d"),
    difficulty=2,
    minutes=10,
)
