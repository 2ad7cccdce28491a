"""What the padding of a transposed convolution does."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_04 import maps
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """Transposed convolution of x (H, W) with a kernel (kh, kw) and padding: equal to F.conv_transpose2d."""
    out = F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]
    rows, columns = out.shape
    return out[padding : rows - padding, padding : columns - padding]


def _draw_cropped(generator: torch.Generator) -> tuple[Tensor, Tensor, int, int]:
    """Map, kernel, stride and padding."""
    x, kernel = maps.numbers(generator, 5, 6), maps.numbers(generator, 4, 3)
    return x, kernel, maps.between(generator, 1, 3), maps.between(generator, 1, 2)


def given_cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """This is still the version given. Set `padding` to 0, 1 and 2: does its output grow or shrink, and what does
    `F.conv_transpose2d(..., padding=padding)` do?"""
    padded = F.pad(x, (padding,) * 4)
    return F.conv_transpose2d(padded[None, None], kernel[None, None], stride=stride)[0, 0]


SLIPS = read_slips("""
empty_without_padding
    Right for every padding but 0: `-0` is 0, so that `out[0:-0]` is `out[0:0]`, from the beginning to the
    beginning, and nothing is left. Count the end from the front.
    - padding : rows - padding, padding : columns - padding
    + padding:-padding, padding:-padding

cut_once_at_the_start
    You cut `padding` off at the top and at the left, and nothing at the bottom and at the right. It comes off all
    four sides.
    - padding : rows - padding, padding : columns - padding
    + padding:, padding:

cut_once_at_the_end
    You cut `padding` off at the bottom and at the right, and nothing at the top and at the left. It comes off all
    four sides.
    - padding : rows - padding, padding : columns - padding
    + : rows - padding, : columns - padding

cut_once_at_the_end_and_empty
    You cut `padding` off at the bottom and at the right only; it comes off all four sides. And with padding 0
    nothing is left of yours: `out[:-0]` is `out[:0]`, which is empty. Count the end from the front.
    - padding : rows - padding, padding : columns - padding
    + :-padding, :-padding

cut_at_the_start
    The size is right, but you cut everything off at the top and at the left. `padding` comes off each of the four
    sides.
    - padding : rows - padding, padding : columns - padding
    + 2 * padding :, 2 * padding :

cut_at_the_end
    The size is right, but you cut everything off at the bottom and at the right. `padding` comes off each of the
    four sides.
    - padding : rows - padding, padding : columns - padding
    + : rows - 2 * padding, : columns - 2 * padding

rows_only
    The rows are right, but nothing is cut off at the left and at the right. The picture has two axes, and what
    holds for one holds for the other.
    - , padding : columns - padding
    +

columns_only
    The columns are right, but nothing is cut off at the top and at the bottom. The picture has two axes, and what
    holds for one holds for the other.
    - padding : rows - padding
    + :

sides_exchanged
    Rows and columns are exchanged: a shape says the rows first, then the columns, and so does an index.
    - rows, columns = out.shape
    + columns, rows = out.shape

padding_ignored
    This is the transposed convolution without padding: the padding changes nothing in yours. It takes something
    away, but not from the input.
    - [padding : rows - padding, padding : columns - padding]
    +

stride_left_out
    The stride changes nothing in yours: the blocks stand one place apart, whatever it is. Give it to
    `F.conv_transpose2d`, `stride=stride`, and only the padding not.
    - , stride=stride
    +

cut_by_one
    You cut off one row and one column on each side, whatever the padding is. That is right for a padding of 1 only.
    - padding : rows - padding, padding : columns - padding
    + 1:-1, 1:-1

twice_on_each_side
    You cut twice the padding off each side. It is 2 * padding for the two sides together, `padding` for each.
    - padding : rows - padding, padding : columns - padding
    + 2 * padding : rows - 2 * padding, 2 * padding : columns - 2 * padding

padding_times_stride
    You cut padding * stride off each side. The padding counts places of the large map, which is the output here;
    the stride has nothing to do with it.
    - padding : rows - padding, padding : columns - padding
    + padding * stride : rows - padding * stride, padding * stride : columns - padding * stride

input_cut
    You cut the padding off the input, so that whole values are lost before they are scattered. Scatter all of them,
    and cut what comes out.
    - F.conv_transpose2d(x[None, None]
    + F.conv_transpose2d(x[padding : len(x) - padding, padding : x.shape[1] - padding][None, None]
    - [padding : rows - padding, padding : columns - padding]
    +

padded_and_cut
    You cut the output as you should, but the input is still padded with zeros before. They write nothing, they only
    make the output larger.
    - F.conv_transpose2d(x[None, None]
    + F.conv_transpose2d(F.pad(x, (padding,) * 4)[None, None]

cut_and_flipped
    What is cut off is right, but the kernel is the wrong way round: `F.conv_transpose2d` takes it as it stands, and
    an ordinary convolution in its place needs it flipped.
    - kernel[None, None]
    + kernel.flip(0, 1)[None, None]
""")


cropped = Exercise(
    "cropped",
    cropped,
    [
        # No padding is not the smallest, so that it is not the first that a student reads of.
        (maps.LARGE.trunc(), maps.TWO, 2, 1),
        (maps.LARGE, maps.THREE, 1, 1),
        (maps.LARGE, maps.THREE, 2, 0),
        ((torch.arange(30).reshape(5, 6) * 7 % 31 - 11) / 4, maps.THREE[:, :2], 3, 2),
    ],
    SLIPS,
    [
        "The padding of the convolution made its *input* larger. What was the input there is the output here.",
        "Do the transposed convolution without any padding, and look at its size: by how much is it too large on each side?",
        "Cut `padding` off each of the four sides of the output. With padding 0, `out[padding:-padding]` is `out[0:-0]`, which "
        "is empty: say where the end is by counting from the front, rows - padding.",
    ],
    reference=lambda x, kernel, stride, padding: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, padding=padding
    )[0, 0],
    common_errors={
        "Expected 3D (unbatched) or 4D": "`x[None, None]` adds the two axes that PyTorch wants, `[0, 0]` takes them off again.",
        "argument 'bias'": "The third argument of `F.conv_transpose2d` is the bias: say that it is the stride, `stride=stride`.",
        "zero batch or zero channel": "The map that you scatter is empty. Was the input cut? It should stay whole: what is too "
        "large is the output. (And with padding 0, `x[padding:-padding]` is `x[0:-0]`, which is empty.)",
        "length must be non-negative": "You cut off more than there is. It should be the output that is cut, by `padding` on "
        "each side.",
        "negative padding is not supported": "F.conv2d cannot cut. A slice of the output can.",
    },
    draw=_draw_cropped,
    given=given_cropped,
    differentiable=True,
    difficulty=2,
    minutes=6,
)
