"""The size that a transposed convolution gives."""

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def transposed_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """How many values a transposed convolution makes out of n, along one axis."""
    reach = dilation * (kernel_size - 1) + 1
    return (n - 1) * stride + reach - 2 * padding + output_padding


SLIPS = read_slips("""
forward_size
    This is the size after an ordinary convolution, which shrinks. The transposed one goes the other way: solve that
    formula for the size before it.
    - (n - 1) * stride + reach - 2 * padding + output_padding
    + (n + 2 * padding - reach) // stride + 1

padding_added
    Your output grows with the padding. The padding of the ordinary convolution made its input larger; on the way
    back it is taken off again.
    - - 2 * padding
    + + 2 * padding

padding_forgotten
    The padding does not change your size. It stands at both ends, and is taken off the output there.
    - - 2 * padding
    +

padding_at_the_input
    In yours the padding makes the input larger, and each value of it is scattered. The padding belongs to the
    convolution that goes back: it made larger what is the output here, and is taken off it.
    - (n - 1)
    + (n + 2 * padding - 1)
    - - 2 * padding
    +

padding_once
    You take the padding off once, but it stands at both ends.
    - 2 * padding
    + padding

stride_for_each_value
    You count a stride for every value. Strides lie *between* the values, and between n values there are n - 1.
    - (n - 1) * stride
    + n * stride

missing_brackets
    `*` binds before `-`: yours takes one stride off n. Put n - 1 into brackets, and multiply it.
    - (n - 1) * stride
    + n - 1 * stride

one_short
    One is missing. Try n = 1 with a kernel of 3, stride 1 and no padding: one value becomes three.
    - (kernel_size - 1) + 1
    + (kernel_size - 1)

one_too_many
    There is one too many. Try n = 1 with a kernel of 3, stride 1 and no padding: one value becomes three, not four.
    - (kernel_size - 1) + 1
    + (kernel_size - 1) + 2

one_too_many_without_dilation
    There is one too many: with n = 1, a kernel of 3, stride 1 and no padding one value becomes three. And the
    dilation changes nothing in yours, but a kernel with holes in it reaches further than its number of taps.
    - dilation * (kernel_size - 1) + 1
    + kernel_size + 1

dilation_forgotten
    The dilation does not change your size, but a kernel with holes in it reaches further than its number of taps.
    - dilation * (kernel_size - 1) + 1
    + kernel_size

dilation_times_size
    You multiply the kernel's size by the dilation. The dilation is the distance between taps, and of those there is
    one fewer than taps: draw a kernel of 3 with dilation 2.
    - dilation * (kernel_size - 1) + 1
    + dilation * kernel_size

dilation_times_all
    You multiply the whole size by the dilation. It only widens the kernel: how far apart the blocks begin, and what
    is cut off, do not depend on it.
    - dilation * (kernel_size - 1) + 1
    + kernel_size
    - (n - 1) * stride + reach - 2 * padding
    + dilation * ((n - 1) * stride + reach - 2 * padding)

dilation_and_output_padding_swapped
    Dilation and output padding are swapped in yours: the dilation spreads the taps of the kernel, output padding
    adds to the end.
    - dilation *
    + output_padding *
    - + output_padding
    + + dilation

output_padding_forgotten
    The output padding does not change your size. It is there to do so: it adds rows and columns at one end.
    - + output_padding
    +

output_padding_twice
    You add the output padding at both ends. It stands at one end only: it chooses among sizes that one stride apart
    would skip, so that it has to be able to add 1.
    - + output_padding
    + + 2 * output_padding

output_padding_times_stride
    You multiply the output padding by the stride. It counts places of the output, and adds so many as it says.
    - + output_padding
    + + output_padding * stride

output_padding_taken_off
    You take the output padding off. It is `padding` that makes the output smaller; output padding makes it larger.
    - + output_padding
    + - output_padding
""")


transposed_size = Exercise(
    "transposed_size",
    transposed_size,
    [
        # n, kernel size, stride, padding, dilation, output padding.
        (2, 3, 1, 0, 1, 0),
        (2, 2, 2, 0, 1, 0),
        (3, 3, 2, 1, 1, 0),
        (4, 3, 2, 1, 1, 1),
        (5, 3, 2, 2, 3, 0),
        (7, 4, 3, 1, 2, 2),
        (1, 5, 4, 1, 1, 3),
    ],
    SLIPS,
    [
        "Think of the scatter, without padding: where does the last block begin, and how wide is a block?",
        "The last block begins at (n - 1) * stride. With dilation d its k taps stand d apart: it is d * (k - 1) + 1 wide. Where "
        "does it end?",
        "Where the last block ends, so large is the output: add the two. Then take `padding` off twice, for it is cut off at "
        "both ends, and add `output_padding` once, at the end.",
    ],
    reference=lambda n, kernel_size, stride, padding, dilation, output_padding: convmatrix.transposed_output_size(
        n, kernel_size, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding
    ),
    library=("transposed_output_size", "conv_transpose1d", "ConvTranspose1d", "conv_transpose2d", "ConvTranspose2d"),
    difficulty=1,
    minutes=5,
)
