"""The exercises of lesson 04: transposed convolution as a matrix."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_04 as mistakes,
    mistakes_04_bilinear as mistakes_in_tents,
    mistakes_04_cropped as mistakes_in_padding,
    mistakes_04_matrices as mistakes_in_matrices,
    probes_04 as probes,
)
from course_utils.exercises.questions import Answer, Prediction
from course_utils.ops import convmatrix


def convolution_matrix(kernel: Tensor, length: int, stride: int) -> Tensor:
    """The matrix that convolves a signal of `length` values (padded already) with `kernel` (k,): (n_out, length)."""
    taps = len(kernel)
    rows = (length - taps) // stride + 1
    matrix = kernel.new_zeros(rows, length)
    for row in range(rows):
        matrix[row, row * stride : row * stride + taps] = kernel
    return matrix


convolution_matrix = Exercise(
    "convolution_matrix",
    convolution_matrix,
    probes.SIGNALS,
    [
        mistakes_in_matrices.flipped_rows,
        mistakes_in_matrices.rows_move_by_one,
        mistakes_in_matrices.stride_ignored,
        mistakes_in_matrices.stride_as_dilation,
        mistakes_in_matrices.last_row_missing,
        mistakes_in_matrices.rounded_too_late,
        mistakes_in_matrices.columns_instead_of_rows,
        mistakes_in_matrices.rows_wrap_round,
        mistakes_in_matrices.rows_cut_off,
        mistakes_in_matrices.padded_once_more,
        mistakes_in_matrices.first_tap_again,
        mistakes_in_matrices.only_the_first_window,
    ],
    [
        "Row r computes output r: which values of the signal does that output read, and with which weights?",
        "Output r reads the k values from r * stride on. How often does a window of k fit into `length`, if it moves by stride?",
        "There are (length - k) // stride + 1 rows. Start with zeros, `kernel.new_zeros(rows, length)`, and write the kernel "
        "into each row.",
    ],
    reference=lambda kernel, length, stride: convmatrix.conv_matrix(kernel[None, None], length, stride=stride),
    common_errors={
        "expanded size of the tensor": "The slice of the row is not as long as the kernel. A window is k values long, "
        "whatever the stride: does yours end k after its start? If it does, it sticks out of the matrix: there is a row too "
        "many, or a row starts too far to the right.",
        "out of bounds": "A row or a tap is outside of the matrix. How often does the window fit into the signal?",
        "number of sizes provided": "The kernel does not fit into one entry: write it into a slice of the row, as long as it is.",
        "takes 1 positional argument": "Is a size not a whole number? `/` gives decimal numbers, `//` whole ones.",
    },
    draw=probes.draw_signal,
    difficulty=2,
    minutes=10,
)


def scatter(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """Transposed convolution without padding: each value of x (H, W) times the kernel (kh, kw), added into the output."""
    (height, width), (rows, columns) = x.shape, kernel.shape
    out = x.new_zeros((height - 1) * stride + rows, (width - 1) * stride + columns)
    for i in range(height):
        for j in range(width):
            out[i * stride : i * stride + rows, j * stride : j * stride + columns] += x[i, j] * kernel
    return out


_OUTSIDE = (
    "The block and the part of the output that it is added to differ in size. Does i count rows, in x and in the output, and j "
    "columns? Does a block begin at i * stride, and is it kh long, whatever the stride? The output has (H - 1) * stride + kh "
    "rows and (W - 1) * stride + kw columns."
)

scatter = Exercise(
    "scatter",
    scatter,
    probes.SCATTERED,
    [
        mistakes.overwrites,
        mistakes.block_is_flipped,
        mistakes.blocks_move_by_one,
        mistakes.mean_of_the_overlap,
        mistakes.bare_kernel,
        mistakes.added_instead_of_multiplied,
        mistakes.bare_value,
        mistakes.side_by_side,
        mistakes.one_stride_too_large,
        mistakes.gathered,
        mistakes.stride_between_the_taps,
        mistakes.only_the_first_row,
        mistakes.only_the_first_value,
    ],
    [
        "Start from zeros of the right size: the block of the last value in x has to fit in exactly.",
        "Value (i, j) writes into the rows from i * stride to i * stride + kh, and likewise for the columns.",
        "`out[top : top + kh, left : left + kw] += x[i, j] * kernel`, for all i and j.",
    ],
    reference=lambda x, kernel, stride: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, method="scatter"
    )[0, 0],
    common_errors={
        "is out of bounds": _OUTSIDE,
        "can't be cast to the desired output type": "The output was made of whole numbers; `x.new_zeros(...)` has the type of x.",
        "must match the size of tensor": _OUTSIDE,
        "match the broadcast shape": _OUTSIDE,
        "expanded size of the tensor": _OUTSIDE,
    },
    draw=probes.draw_map,
    difficulty=2,
    minutes=12,
)


def by_zero_stuffing(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """The same transposed convolution, x (H, W) and kernel (k, k), by an ordinary one: F.conv2d with stride 1."""
    (height, width), size = x.shape, len(kernel)
    stuffed = x.new_zeros((height - 1) * stride + 1, (width - 1) * stride + 1)
    stuffed[::stride, ::stride] = x
    padded = F.pad(stuffed, (size - 1,) * 4)
    return F.conv2d(padded[None, None], kernel.flip(0, 1)[None, None])[0, 0]


by_zero_stuffing = Exercise(
    "by_zero_stuffing",
    by_zero_stuffing,
    probes.SQUARE_KERNELS,
    [
        mistakes.kernel_not_flipped,
        mistakes.kerneltransposed,
        mistakes.kernel_flipped_andtransposed,
        mistakes.flipped_top_to_bottom,
        mistakes.flipped_left_to_right,
        mistakes.quarter_turn,
        mistakes.one_zero_too_many,
        mistakes.zeros_behind_the_last,
        mistakes.nothing_stuffed,
        mistakes.copies_stuffed,
        mistakes.stride_in_the_convolution,
        mistakes.stride_instead_of_zeros,
        mistakes.padded_before_stuffing,
        mistakes.padded_by_the_whole_kernel,
        mistakes.not_padded,
        mistakes.padded_to_the_same_size,
        mistakes.padded_by_half_the_kernel,
    ],
    [
        "Begin with stride 1: how far do you have to pad, so that the first window sees the first value and nothing else?",
        "Between two values that are to write s pixels apart stand s - 1 zeros, and none after the last: "
        "(H - 1) * s + 1 rows. `stuffed[::stride, ::stride] = x` puts the values there.",
        "Pad by k - 1 on all four sides and convolve with `kernel.flip(0, 1)`. F.conv2d wants (B, C, H, W): `x[None, None]`.",
    ],
    reference=lambda x, kernel, stride: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, method="zero_stuffing"
    )[0, 0],
    common_errors={
        "Expected 3D (unbatched) or 4D": "F.conv2d wants maps (B, C, H, W) and weights (C_out, C_in, k, k): `x[None, None]` adds "
        "two axes, `[0, 0]` takes them off again.",
        "expected stride": "F.conv2d wants maps (B, C, H, W) and weights (C_out, C_in, k, k): `x[None, None]` adds two axes.",
        "expected scalar type": "Map and kernel differ in type; `x.new_zeros(...)` has the type of x.",
        "step must be greater than zero": "PyTorch has no `[::-1]`; `kernel.flip(0, 1)` turns both axes round.",
        "Kernel size can't be greater": "The padding is missing: k - 1 zeros on each side.",
        "must match the size of tensor": "The stuffed map has (H - 1) * stride + 1 rows, and likewise columns.",
        "expanded size of the tensor": "The stuffed map has (H - 1) * stride + 1 rows, and likewise columns.",
    },
    draw=probes.draw_square_kernel,
    difficulty=3,
    minutes=12,
)


def transposed_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """How many values a transposed convolution makes out of n, along one axis."""
    reach = dilation * (kernel_size - 1) + 1
    return (n - 1) * stride + reach - 2 * padding + output_padding


transposed_size = Exercise(
    "transposed_size",
    transposed_size,
    probes.SIZES,
    [
        mistakes_in_matrices.forward_size,
        mistakes_in_matrices.padding_added,
        mistakes_in_matrices.padding_once,
        mistakes_in_matrices.stride_for_each_value,
        mistakes_in_matrices.one_short,
        mistakes_in_matrices.one_too_many,
        mistakes_in_matrices.one_too_many_without_dilation,
        mistakes_in_matrices.dilation_forgotten,
        mistakes_in_matrices.dilation_times_size,
        mistakes_in_matrices.dilation_times_all,
        mistakes_in_matrices.dilation_and_output_padding_swapped,
        mistakes_in_matrices.output_padding_forgotten,
        mistakes_in_matrices.output_padding_twice,
        mistakes_in_matrices.output_padding_times_stride,
        mistakes_in_matrices.output_padding_taken_off,
    ],
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
    difficulty=1,
    minutes=5,
)


def cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """Transposed convolution of x (H, W) with a kernel (kh, kw) and padding: equal to F.conv_transpose2d."""
    out = F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]
    rows, columns = out.shape
    return out[padding : rows - padding, padding : columns - padding]


cropped = Exercise(
    "cropped",
    cropped,
    probes.CROPS,
    [
        mistakes_in_padding.empty_without_padding,
        mistakes_in_padding.cut_once_at_the_start,
        mistakes_in_padding.cut_once_at_the_end,
        mistakes_in_padding.cut_once_at_the_end_and_empty,
        mistakes_in_padding.cut_at_the_start,
        mistakes_in_padding.cut_at_the_end,
        mistakes_in_padding.rows_only,
        mistakes_in_padding.columns_only,
        mistakes_in_padding.padding_ignored,
        mistakes_in_padding.cut_by_one,
        mistakes_in_padding.twice_on_each_side,
        mistakes_in_padding.padding_times_stride,
        mistakes_in_padding.input_cut,
        mistakes_in_padding.padded_and_cut,
        mistakes_in_padding.cut_and_flipped,
    ],
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
        "zero batch or zero channel": "The map that you scatter is empty. Was the input cut? It should stay whole: what is too "
        "large is the output. (And with padding 0, `x[padding:-padding]` is `x[0:-0]`, which is empty.)",
        "length must be non-negative": "You cut off more than there is. It should be the output that is cut, by `padding` on "
        "each side.",
        "negative padding is not supported": "F.conv2d cannot cut. A slice of the output can.",
    },
    draw=probes.draw_cropped,
    given=mistakes_in_padding.given_cropped,
    difficulty=2,
    minutes=6,
)


true_or_false = Answer(
    "true_or_false",
    "A convolution has the matrix C; its transposed convolution has the same kernel, stride and padding. Of the transposed "
    "convolution: 'true' or 'false'?",
    {
        "it undoes the convolution": "false",
        "it can restore the size, not the values": "true",
        "C.T @ dL/dy is dL/dx, for y = C @ x": "true",
        "stride 1: it is a convolution, kernel flipped": "true",
        "stride 2: it is one convolution of x as it is": "false",
        "each output is an inner product": "true",
        "its padding pads the input": "false",
        "kernel 4, stride 2: never a checkerboard": "false",
    },
    [
        (
            "inverse",
            ("it undoes the convolution", "true"),
            "convolve 0, 1, ..., 8 as a 3 x 3 map with [[1, 2], [3, 4]] and scatter the result back: the lesson did, and got "
            "other numbers. C is 4 x 9 there: nine values cannot be told from four. To undo a blur is another problem, which is "
            "called deconvolution.",
        ),
        (
            "size_not_restored",
            ("it can restore the size, not the values", "false"),
            "the size formula is the other one solved for its input; what a stride has rounded off, output_padding puts back.",
        ),
        (
            "equal_overlap_is_enough",
            ("kernel 4, stride 2: never a checkerboard", "true"),
            "inside, four values write into each output, but not with the same taps everywhere: even and odd rows and columns "
            "meet different ones. A plain grey stays plain only if the taps that meet have the same sum in all four cases. "
            "Equal weights do; others need not.",
        ),
        (
            "not_the_gradient",
            ("C.T @ dL/dy is dL/dx, for y = C @ x", "false"),
            "by the chain rule dL/dx_j is the sum over i of dL/dy_i * C_ij: that sums over the rows, and is C.T @ dL/dy.",
        ),
        (
            "no_convolution_at_stride_1",
            ("stride 1: it is a convolution, kernel flipped", "false"),
            "look at C.T for stride 1: its rows hold the taps in reverse order, each one column further. That is a "
            "convolution of the padded input.",
        ),
        (
            "stride_as_if_1",
            ("stride 2: it is one convolution of x as it is", "true"),
            "one convolution treats all its outputs alike; with stride 2, even and odd outputs read different taps. It is one "
            "convolution of the zero-stuffed x.",
        ),
        (
            "no_inner_product",
            ("each output is an inner product", "false"),
            "scattering looks as if there were none, but stand at one output and collect what arrives: values of x times "
            "taps, added up. It is an inner product with a window of the zero-stuffed x.",
        ),
        (
            "padding_at_the_input",
            ("its padding pads the input", "true"),
            "more padding makes the output of a transposed convolution smaller: it is cut off the output.",
        ),
    ],
    [
        "Four are true. For those about the stride, follow one even and one odd output: which taps arrive there?",
        "Try it: a 3 x 3 map, a 2 x 2 kernel, `F.conv2d` and `F.conv_transpose2d`.",
        "Write C down for a kernel of 3 and stride 2, and read the rows of its transpose.",
    ],
    options=("true", "false"),
    explanation="It is the transpose, in every view, and the inverse in none.",
    difficulty=2,
    minutes=5,
)


def bilinear_kernel(factor: int) -> Tensor:
    """Kernel (k, k), k = 2f - f % 2, with which a transposed convolution of stride f = `factor` upsamples bilinearly."""
    size = 2 * factor - factor % 2
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    triangle = 1 - distance / factor
    return torch.outer(triangle, triangle)


bilinear_kernel = Exercise(
    "bilinear_kernel",
    bilinear_kernel,
    [(2,), (3,), (4,), (5,), (8,)],
    [
        mistakes_in_tents.centre_too_far_left,
        mistakes_in_tents.centre_too_far_right,
        mistakes_in_tents.centre_at_half_the_size,
        mistakes_in_tents.centre_between_taps,
        mistakes_in_tents.always_even_size,
        mistakes_in_tents.always_odd_size,
        mistakes_in_tents.divided_by_the_size,
        mistakes_in_tents.divided_by_half_the_size,
        mistakes_in_tents.not_divided_by_the_factor,
        mistakes_in_tents.zero_at_the_edge,
        mistakes_in_tents.distance_with_a_sign,
        mistakes_in_tents.flat_top,
        mistakes_in_tents.peak_is_one,
        mistakes_in_tents.sums_to_one,
        mistakes_in_tents.all_ones,
        mistakes_in_tents.always_factor_two,
        mistakes_in_tents.one_axis_only,
        mistakes_in_tents.tents_averaged,
        mistakes_in_tents.tents_added,
        mistakes_in_tents.pyramid,
        mistakes_in_tents.round_tent,
        mistakes_in_tents.round_tent_above_zero,
    ],
    [
        "Begin with one dimension and f = 2: k = 4 new pixels, 0 to 3, and the middle falls between 1 and 2. How far from it is "
        "each of the four? The tent has fallen by that distance divided by f.",
        "Pixels 0 to k - 1 have their middle at (k - 1) / 2, for odd k and for even k. The distance has no sign (`.abs()`), and "
        "the tent falls in a straight line from 1 at distance 0 to 0 at distance f.",
        "One axis: 1 - |i - (k - 1) / 2| / f for i = 0, ..., k - 1, with k = 2 * f - f % 2. Two axes: each weight is a value of "
        "the row's tent times one of the column's (`torch.outer`).",
    ],
    reference=convmatrix.bilinear_kernel,
    common_errors={
        "for -: 'range' and": "`range` cannot be computed with; `torch.arange(k)` gives the same numbers as a tensor.",
        "must be Tensor, not": "The functions of PyTorch take tensors: make the numbers with `torch.arange(k)`.",
        "Expected 1-D": "`torch.outer` takes two vectors: one tent along each axis.",
        "as an integer": "Is a size not a whole number? `/` gives decimal numbers, `//` whole ones.",
    },
    difficulty=2,
    minutes=10,
)


overlap_ratio = Prediction(
    "overlap_ratio",
    "A map of ones goes through a transposed convolution with a 3 x 3 kernel of ones and stride 2. Away from the border, how "
    "many times as large as the smallest output is the largest?",
    ["Count along one axis first: how many values write into an even output, and how many into an odd one?"],
    explanation=(
        "Along one axis the counts are 1, 2, 1, 2, ...; in two dimensions they are multiplied: 1, 2 or 4 values write into an "
        "output. A common guess is 2. The stride does not divide the kernel: that is the checkerboard."
    ),
    limits=(1, 100),
    digits=1,
    minutes=2,
)
