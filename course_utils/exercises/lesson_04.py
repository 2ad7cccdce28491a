"""The exercises of lesson 04: transposed convolution as a matrix."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise, mistakes_04 as mistakes, probes_04 as probes
from course_utils.exercises.kinds import Answer, Prediction
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
        mistakes.flipped_rows,
        mistakes.rows_move_by_one,
        mistakes.stride_as_dilation,
        mistakes.first_tap_again,
        mistakes.only_the_first_window,
    ],
    [
        "Row r computes output r: which values of the signal does that output read, and with which weights?",
        "Output r reads the k values from r * stride on. How often does a window of k fit into `length`, if it moves by stride?",
        "There are (length - k) // stride + 1 rows. Start with zeros, `kernel.new_zeros(rows, length)`, and write the kernel "
        "into each row.",
    ],
    reference=lambda kernel, length, stride: convmatrix.conv_matrix(kernel[None, None], length, stride=stride),
    common_errors={
        "expanded size of the tensor": "The kernel sticks out of the matrix: there is a row too many, or a row starts too far to "
        "the right.",
        "out of bounds": "A row or a tap is outside of the matrix. How often does the window fit into the signal?",
        "number of sizes provided": "The kernel does not fit into one entry: write it into a slice of the row, as long as it is.",
        "takes 1 positional argument": "Is a size not a whole number? `/` gives decimal numbers, `//` whole ones.",
    },
    draw=probes.draw_signal,
    difficulty=2,
    minutes=10,
)


def transposed_size(n: int, kernel_size: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """How many values a transposed convolution makes out of n, along one axis."""
    reach = dilation * (kernel_size - 1) + 1
    return (n - 1) * stride + reach - 2 * padding + output_padding


transposed_size = Exercise(
    "transposed_size",
    transposed_size,
    [
        (2, 3, 1, 0, 1, 0),
        (2, 2, 2, 0, 1, 0),
        (3, 3, 2, 1, 1, 0),
        (4, 3, 2, 1, 1, 1),
        (5, 3, 2, 2, 3, 0),
        (7, 4, 3, 1, 2, 2),
        (1, 5, 4, 1, 1, 3),
    ],
    [
        mistakes.forward_size,
        mistakes.padding_added,
        mistakes.stride_for_each_value,
        mistakes.one_short,
        mistakes.dilation_forgotten,
        mistakes.dilation_times_size,
        mistakes.padding_once,
        mistakes.output_padding_twice,
        mistakes.output_padding_forgotten,
    ],
    [
        "Begin without padding: the blocks of the first and of the last value are how far apart, and how wide is one?",
        "The last block begins at (n - 1) * stride. A block of k taps with dilation d is d * (k - 1) + 1 wide.",
        "Padding takes off at both ends; output padding adds at one.",
    ],
    reference=lambda n, kernel_size, stride, padding, dilation, output_padding: convmatrix.transposed_output_size(
        n, kernel_size, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding
    ),
    difficulty=1,
    minutes=5,
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
    "columns? The output has (H - 1) * stride + kh rows and (W - 1) * stride + kw columns."
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
        mistakes.kernel_transposed,
        mistakes.kernel_flipped_and_transposed,
        mistakes.flipped_top_to_bottom,
        mistakes.flipped_left_to_right,
        mistakes.quarter_turn,
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


def cropped(x: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    """Transposed convolution of x (H, W) with a kernel (kh, kw) and padding: equal to F.conv_transpose2d."""
    out = F.conv_transpose2d(x[None, None], kernel[None, None], stride=stride)[0, 0]
    rows, columns = out.shape
    return out[padding : rows - padding, padding : columns - padding]


cropped = Exercise(
    "cropped",
    cropped,
    probes.CROPS,
    [mistakes.cropped_at_the_start, mistakes.cropped_at_the_end, mistakes.cropped_and_flipped],
    [
        "The padding of the convolution made its *input* larger. What was the input there is the output here.",
        "Do the transposed convolution without any padding, and look at its size: by how much is it too large on each side?",
        "Cut `padding` off each side of the output. With padding 0, `out[padding:-padding]` is `out[0:-0]`, which is empty: "
        "count the end from the front.",
    ],
    reference=lambda x, kernel, stride, padding: convmatrix.conv_transpose2d(
        x[None, None], kernel[None, None], stride=stride, padding=padding
    )[0, 0],
    common_errors={
        "Expected 3D (unbatched) or 4D": "`x[None, None]` adds the two axes that PyTorch wants, `[0, 0]` takes them off again.",
        "zero batch or zero channel": "With padding 0, `x[padding:-padding]` is empty. And should the input be cropped?",
    },
    draw=probes.draw_cropped,
    given=mistakes.given_cropped,
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
        "C.T is the inverse of C": "false",
        "C.T @ dL/dy is dL/dx, for y = C @ x": "true",
        "stride 1: it is a convolution, kernel flipped": "true",
        "stride 2: it is one convolution of the same x": "false",
        "each output is an inner product": "true",
        "its padding pads the input": "false",
    },
    [
        (
            "inverse",
            ("it undoes the convolution", "true"),
            "convolve 0, 1, ..., 8 as a 3 x 3 map with [[1, 2], [3, 4]] and scatter the result back: the lesson did, and got "
            "other numbers. To undo a blur is another problem, which is called deconvolution.",
        ),
        (
            "size_not_restored",
            ("it can restore the size, not the values", "false"),
            "the size formula is the other one solved for its input; what a stride has rounded off, output_padding puts back.",
        ),
        (
            "transpose_is_inverse",
            ("C.T is the inverse of C", "true"),
            "C is 4 x 9 in the lesson's example: its rank is 4 at most, and nine values cannot be told from four. Only "
            "orthogonal matrices have their transpose as the inverse.",
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
            ("stride 2: it is one convolution of the same x", "true"),
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
        "Two of the false ones say the same in other words.",
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
        mistakes.centre_too_far_left,
        mistakes.centre_too_far_right,
        mistakes.centre_between_taps,
        mistakes.sums_to_one,
        mistakes.all_ones,
        mistakes.not_divided_by_the_factor,
        mistakes.zero_at_the_edge,
        mistakes.triangles_averaged,
    ],
    [
        "In one dimension: one value is 1 and its neighbours are 0. Draw what linear interpolation makes of it.",
        "It is a triangle, which falls to 0 at the next value, f output pixels from its centre. Where is the centre of k taps?",
        "1 - |i - (k - 1) / 2| / f for i = 0, ..., k - 1; in two dimensions the product of two triangles (`torch.outer`).",
    ],
    reference=convmatrix.bilinear_kernel,
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
        "output. Most people say 2. The stride does not divide the kernel: that is the checkerboard."
    ),
    limits=(1, 100),
    digits=0,
    minutes=2,
)
