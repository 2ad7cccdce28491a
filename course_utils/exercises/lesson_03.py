"""The exercises of lesson 03: interpolation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_03 as mistakes,
    mistakes_03_coordinates as mistakes_in_coordinates,
    mistakes_03_gradients as mistakes_in_gradients,
    mistakes_03_matrices as mistakes_in_matrices,
    mistakes_03_weights as mistakes_in_weights,
    probes_03 as probes,
)
from course_utils.exercises.questions import Prediction
from course_utils.ops import resample, unpool


def bed_of_nails(x: Tensor, factor: int) -> Tensor:
    """Enlarge x (B, C, H, W) to (B, C, H·f, W·f): each value at the top left of its f × f block, zeros elsewhere."""
    batch, channels, height, width = x.shape
    result = x.new_zeros(batch, channels, height * factor, width * factor)
    result[:, :, ::factor, ::factor] = x
    return result


bed_of_nails = Exercise(
    "bed_of_nails",
    bed_of_nails,
    [
        (torch.tensor([[[[3.0, 7.0]]]]), 2),
        (torch.tensor([[[[2.0, 9.0, 4.0], [5.0, 1.0, 8.0]]]]), 3),
    ],
    [
        mistakes.copies_instead_of_zeros,
        mistakes.nail_in_the_middle,
        mistakes.nail_at_the_bottom_right,
        mistakes.nail_at_the_top_right,
        mistakes.zeros_behind_the_map,
        mistakes.no_zeros_after_the_last,
        mistakes.factor_taken_for_two,
        mistakes.one_copy_of_each_block_removed,
        mistakes.zeros_between_the_rows_only,
        mistakes.zeros_between_the_columns_only,
        mistakes.reshape_mixes_rows_and_columns,
    ],
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
        "out of bounds": "Rows come before columns: x[:, :, row, column], of H rows and W columns.",
    },
    draw=probes.map_and_factor,
    difficulty=1,
    minutes=4,
)


def max_unpool(x: Tensor, indices: Tensor, output_size: tuple[int, int]) -> Tensor:
    """Put x (B, C, h, w) back where max pooling took it from, in (B, C, H, W) zeros with (H, W) = output_size. indices
    (B, C, h, w): the places as `F.max_pool2d(..., return_indices=True)` numbers them, row · W + column in each plane."""
    height, width = output_size
    batch, channels = x.shape[:2]
    result = x.new_zeros(batch, channels, height * width)
    result.scatter_(2, indices.flatten(2), x.flatten(2))
    return result.reshape(batch, channels, height, width)


max_unpool = Exercise(
    "max_unpool",
    max_unpool,
    [
        (torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), torch.tensor([[[[5, 2], [12, 15]]]]), (4, 4)),
        (torch.tensor([[[[5.0, 9.0]], [[7.0, 4.0]]]]), torch.tensor([[[[1, 6]], [[4, 3]]]]), (2, 4)),
        (probes.POOLED, probes.PLACES, (5, 7)),
    ],
    [
        mistakes.all_planes_share,
        mistakes.every_plane_gets_all,
        mistakes.images_share,
        mistakes.channels_share,
        mistakes.indices_of_the_first_image,
        mistakes.indices_of_the_first_channel,
        mistakes.first_image_only,
        mistakes.corner_of_the_block,
        mistakes.corner_of_the_block_of_two,
        mistakes.twice_the_pooled_size,
        mistakes.result_thrown_away,
        mistakes.read_instead_of_written,
        mistakes.filled_by_nearest,
        mistakes.added_instead_of_put,
        mistakes.counted_column_by_column,
    ],
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
        "invalid output_size": "`F.max_unpool2d` asks for the kernel that pooled, and the shapes do not tell it, because windows "
        "may overlap. The indices are enough: write the values to them yourself.",
        "is invalid for input of size": "The result has B · C · H · W values, with (H, W) = output_size. `gather` gives only as "
        "many as there are indices, because it reads; `scatter_` writes.",
    },
    draw=probes.overlapping_windows,
    difficulty=2,
    minutes=10,
)


def bilinear_weights(x: float, y: float) -> Tensor:
    """Weights of the four corners at (x, y) in the unit square: shape (4,), order 00, 10, 01, 11, where the first digit is x
    and the second y."""
    return torch.tensor([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dtype=torch.float64)


bilinear_weights = Exercise(
    "bilinear_weights",
    bilinear_weights,
    [(0.25, 0.75), (0.625, 0.125), (0.0, 0.375), (0.9, 0.8)],
    [
        mistakes_in_weights.x_and_y_swapped,
        mistakes_in_weights.once_around_the_square,
        mistakes_in_weights.opposite_corner,
        mistakes_in_weights.x_runs_the_other_way,
        mistakes_in_weights.y_runs_the_other_way,
        mistakes_in_weights.weights_along_x_only,
        mistakes_in_weights.mean_of_the_two,
        mistakes_in_weights.sums_instead_of_products,
        mistakes_in_weights.quarter_of_the_sum,
        mistakes_in_weights.a_quarter_each,
        mistakes_in_weights.inverse_distance,
        mistakes_in_weights.one_minus_the_distance,
        mistakes_in_weights.nearest_corner,
        mistakes_in_weights.plane_through_three_corners,
        mistakes_in_weights.terms_of_the_polynomial,
        mistakes_in_weights.arranged_as_a_square,
        mistakes_in_weights.four_numbers,
    ],
    [
        "One axis first: going from a at x = 0 to b at x = 1, how much of a is left at x? And how much of b is there?",
        "The upper edge gives (1 - x) · f(0,0) + x · f(1,0). Write down the lower edge in the same way, then the step from the "
        "upper to the lower, and multiply out: what stands before f(1,0)?",
        "Before f(1,0) stands x from the step along the edge, times 1 - y from the step down. Each corner's weight is such a "
        "product, one factor for each digit: t where the digit is 1, 1 - t where it is 0.",
    ],
    reference=probes.weights_by_sampling,
    common_errors={
        "but got float": "x and y are plain numbers: `torch.tensor([...])` makes a tensor of four of them.",
        "must be Tensor, not float": "x and y are plain numbers, not tensors: compute with them as they are.",
    },
    draw=probes.point,
    difficulty=1,
    minutes=6,
)


def source_coordinates(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Where the pixels 0, 1, … of n_out ≥ 2 output pixels look in n_in input pixels, by PyTorch's two rules, clamped to
    [0, n_in - 1]: (n_out,) float64. The number j stands for the centre of input pixel j."""
    pixel = torch.arange(n_out, dtype=torch.float64)
    if align_corners:
        return pixel * (n_in - 1) / (n_out - 1)
    return ((pixel + 0.5) * n_in / n_out - 0.5).clamp(0, n_in - 1)


source_coordinates = Exercise(
    "source_coordinates",
    source_coordinates,
    probes.SIZES_AND_RULES,
    mistakes_in_coordinates.KNOWN,
    [
        "Pixels as points (align_corners=True): the first looks at the first, the last at the last. How long is one step?",
        "Pixels as areas (False): the two rows of pixels cover the same interval. Where is the centre of output pixel i, "
        "measured from the left edge, in output pixels? In input pixels?",
        "(i + ½) · n_in / n_out is measured from the edge; the centre of input pixel 0 lies at ½ there, but has the number 0. "
        "`clamp` keeps the first and the last inside.",
    ],
    reference=probes.coordinates_by_a_ramp,
    common_errors={"'range' and": "`torch.arange(n_out)` can be computed with, `range(n_out)` cannot."},
    draw=probes.sizes_and_rule,
    difficulty=2,
    minutes=8,
)


def upsample_features(pooled: Tensor, factor: int) -> Tensor:
    """Give a map (B, C, h, w) that was average-pooled by `factor` its size back, (B, C, h·f, w·f), bilinearly, so that a
    ramp becomes the same ramp again, but for its ends."""
    return F.interpolate(pooled, scale_factor=factor, mode="bilinear", align_corners=False)


upsample_features = Exercise(
    "upsample_features",
    upsample_features,
    [
        (torch.tensor([[[[0.5, 2.5, 4.5, 6.5], [10.5, 12.5, 14.5, 16.5]]]]), 2),
        (torch.tensor([[[[1.0, 8.0], [9.0, 2.0], [3.0, 4.0]]]]), 3),
    ],
    [
        mistakes_in_weights.nearest_features,
        mistakes_in_weights.bicubic_features,
        mistakes_in_weights.bicubic_with_corners,
        mistakes_in_weights.shifted_back,
        mistakes_in_weights.corner_to_corner_and_short,
        mistakes_in_weights.padded_to_the_size,
        mistakes_in_weights.zeros_beyond_the_border,
    ],
    [
        "Take a ramp, 0, 1, …, 7, average it in pairs and give that to the function: which numbers come back, and how far off?",
        "The mean of pixels 0 and 1 belongs to the middle between them, at 0.5. Which rule puts it there?",
        "A pooled pixel is an area: the edges of the two maps must coincide, not the centres of their corner pixels.",
    ],
    reference=lambda pooled, factor: resample.bilinear_resize(
        pooled, (pooled.shape[2] * factor, pooled.shape[3] * factor)
    ),
    common_errors={
        "align_corners option can only be set": "`align_corners` belongs to the modes linear, bilinear and bicubic.",
        "Got 4D input": "`linear` is for signals; for maps it is called `bilinear`.",
        "Got 3D input": "Bilinear mode takes (B, C, H, W): keep all four axes.",
    },
    draw=probes.pooled_and_factor,
    given=mistakes_in_weights.given_upsample_features,
    difficulty=1,
    minutes=5,
)


def interpolation_matrix(n_in: int, n_out: int) -> Tensor:
    """The matrix (n_out, n_in) float64 whose product with a signal of n_in values is the signal resized to n_out values:
    bilinear, align_corners=False."""
    source = ((torch.arange(n_out, dtype=torch.float64) + 0.5) * n_in / n_out - 0.5).clamp(0, n_in - 1)
    distance = (source[:, None] - torch.arange(n_in)).abs()
    return (1 - distance).clamp(min=0)


interpolation_matrix = Exercise(
    "interpolation_matrix",
    interpolation_matrix,
    [(2, 4), (3, 7), (7, 3), (9, 4), (5, 6)],
    mistakes_in_matrices.KNOWN,
    [
        "Row i says from which input pixels output pixel i takes how much. Where does it look? You have computed that.",
        "Between the pixels j and j + 1, at j + t, the weights are 1 - t and t: each is 1 minus the distance to the pixel.",
        "The distances of all output pixels to all input pixels: `source[:, None] - torch.arange(n_in)`. Beyond a distance of 1 "
        "there is no weight. Clamp `source` first.",
    ],
    reference=lambda n_in, n_out: resample.interpolation_matrix(n_in, n_out, dtype=torch.float64),
    common_errors={
        "out of bounds": "The last pixel has no right neighbour. Clamp the coordinate to [0, n_in - 1]; at n_in - 1 itself t is "
        "0, and the neighbour that is not there has no weight.",
        "tensors used as indices": "Row and column numbers must be whole: `.floor().long()`.",
        "valid indices": "Row and column numbers must be whole: `int(...)`, or `.floor().long()` of a tensor.",
    },
    draw=probes.two_sizes,
    difficulty=2,
    minutes=12,
)


def resize_gradient(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The output of a resize was rows @ x @ columns.T, with rows (H_out, H_in) and columns (W_out, W_in). From the gradient of
    a loss with respect to the output, (H_out, W_out), compute that with respect to x: (H_in, W_in)."""
    return rows.T @ gradient @ columns


resize_gradient = Exercise(
    "resize_gradient",
    resize_gradient,
    [(probes.GRADIENT, probes.ROWS, probes.COLUMNS)],
    mistakes_in_gradients.KNOWN,
    [
        "One axis first: y = A x. By how much does the loss change when x_j changes? x_j is in every y_i, with the weight A_ij.",
        "So the gradient with respect to x is the sum over i of A_ij g_i: the matrix A.T times g. No inverse, no mean.",
        "In two dimensions the same from both sides: shapes (H_in, H_out) @ (H_out, W_out) @ (W_out, W_in).",
    ],
    common_errors={
        "shapes cannot be multiplied": "Write the shapes side by side: the answer is (H_in, W_in), and `rows` is (H_out, H_in). "
        "Which of the two matrices must be transposed, and on which side does each stand?",
        "must match the size of tensor": "`*` multiplies number by number; matrices are multiplied by `@`.",
        "must be batches of square": "A resize has no inverse; a gradient needs none.",
        "does not require grad": "There is no x here to differentiate by: write the gradient down as a product of matrices.",
    },
    draw=probes.gradient_and_matrices,
    difficulty=2,
    minutes=8,
)


wrong_labels = Prediction(
    "wrong_labels",
    "Label maps of street scenes, 8 classes numbered from 0 to 7, are halved bilinearly: each new number is the mean of four "
    "old ones, rounded. Where the four are not all of one class (void left out): how many per cent of the new pixels have a "
    "class that none of the four had?",
    ["From 0 to 100. Sky is 0 and vegetation 4: half of each is 2, and 2 is road."],
    explanation=(
        "The mean of sky (0) and vegetation (4) is road (2): there is a road along the tree tops now. Class numbers are names; "
        "there is nothing between two names. (The share is that of this numbering: it changes with the order of the classes.) "
        "Resize labels with nearest, which takes one of the four as it is."
    ),
    limits=(0, 100),
    digits=0,
    minutes=3,
)
