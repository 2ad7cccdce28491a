"""Bringing an enlarged map and its skip together."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def join(enlarged: Tensor, skip: Tensor) -> Tensor:
    """The enlarged map (B, C, h, w), then the skip (B, S, H, W), side by side: (B, C + S, H, W). The enlarged map may lack a row
    or a column, or have one too many: at the bottom and on the right its last one is repeated, or cut off."""
    height, width = skip.shape[2:]
    rows, columns = max(height - enlarged.shape[2], 0), max(width - enlarged.shape[3], 0)
    enlarged = F.pad(enlarged, (0, columns, 0, rows), mode="replicate")
    enlarged = enlarged[:, :, :height, :width]
    return torch.cat([enlarged, skip], dim=1)


def _quarters(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(-39, 40, shape, generator=generator).double() / 4


def _draw_pair(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return _quarters(generator, 2, 3, 4, 6), _quarters(generator, 2, 2, 5, 7)


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 5) % count + first).reshape(shape).double()


SLIPS = read_slips("""
filled_with_zeros
    You fill the missing row and column with zeros. Repeat the last ones: a border of zeros would be an edge that is in no
    image.
    - , mode="replicate"
    +

padded_at_the_top_left
    The row is added at the top and the column on the left (interpolation by nearest does that as well). A pooling drops the
    *last* odd row and column: they are missing at the bottom and on the right.
    - (0, columns, 0, rows)
    + (columns, 0, rows, 0)

rows_and_columns_exchanged
    `F.pad` begins with the last axis: left, right, top, bottom. You give the rows where it takes the columns.
    - (0, columns, 0, rows)
    + (0, rows, 0, columns)

skip_first
    Both are there, but in the other order: the enlarged map comes first, then the skip. The weights of the convolution after
    it depend on that order.
    - [enlarged, skip]
    + [skip, enlarged]

added
    You add them, as FCN does with its scores. U-Net lays them side by side: `torch.cat`, along the channels.
    - torch.cat([enlarged, skip], dim=1)
    + enlarged + skip

batch_instead_of_channels
    You put them one after the other in the batch. Side by side means along the channels: axis 1.
    - dim=1
    + dim=0

skip_cut_to_the_enlarged
    You cut the skip to the size of the enlarged map. So the last row and column of the image never get an answer: here the
    skip says how large the result is.
    - enlarged = enlarged[:, :, :height, :width]
    + skip = skip[:, :, : enlarged.shape[2] - rows, : enlarged.shape[3] - columns]
    - enlarged = F.pad(enlarged, (0, columns, 0, rows), mode="replicate")
    + pass

interpolated
    You interpolate the enlarged map to the skip's size. Then every one of its columns moves a little, though only the last
    one is missing.
    - F.pad(enlarged, (0, columns, 0, rows), mode="replicate")
    + F.interpolate(enlarged, size=(height, width), mode="bilinear")

too_much_kept
    Where the enlarged map has a row or a column too many, cut it off at the bottom and on the right.
    - enlarged = enlarged[:, :, :height, :width]
    + pass

cut_at_the_top_left
    Where the enlarged map is too large, you cut off its first row or column. The first pixels of the two maps belong
    together: cut off the last ones.
    - enlarged[:, :, :height, :width]
    + enlarged[:, :, -height:, -width:]

wrapped_round
    You repeat the first row and column at the end, as if the image went round. The last ones are to be repeated,
    `mode="replicate"`.
    - mode="replicate"
    + mode="circular"

mirrored_at_the_end
    You mirror: the row before the last one comes once more. The last one itself is to be repeated, `mode="replicate"`.
    - mode="replicate"
    + mode="reflect"
""")


join = Exercise(
    "join",
    join,
    [
        (_numbered(1.0, 1, 1, 2, 2), _numbered(10.0, 1, 1, 2, 3)),
        (_numbered(-3.25, 1, 2, 2, 4), _numbered(20.5, 1, 1, 3, 4)),
        (_numbered(-7.75, 2, 1, 4, 6), _numbered(60.25, 2, 3, 3, 5)),
        (_numbered(-4.5, 1, 1, 4, 2), _numbered(30.75, 1, 2, 3, 3)),
    ],
    SLIPS,
    [
        "How many more rows does the skip have than the enlarged map, and how many more columns? Where are they missing?",
        '`F.pad(enlarged, (0, columns, 0, rows), mode="replicate")` repeats the last column and the last row that many times.',
        "`enlarged[:, :, :height, :width]` cuts off what is too much, if anything is. Then `torch.cat(..., dim=1)`.",
    ],
    draw=_draw_pair,
    common_errors={
        "Sizes of tensors must match": "`torch.cat` joins maps along one axis, and all others must agree. Side by side means "
        "along the channels, axis 1; before that the enlarged map has to get the skip's height and width: repeat what is "
        "missing, cut off what is too much.",
        "must match the size of tensor": "A sum needs the same channels, too; here the two are laid side by side: `torch.cat`.",
        "Padding length": '`F.pad(..., mode="replicate")` takes four numbers here: left, right, top, bottom.',
        "only 2D, 3D, 4D, 5D padding": '`F.pad(..., mode="replicate")` takes four numbers: left, right, top, bottom.',
    },
    differentiable=True,
    difficulty=2,
    minutes=8,
)
