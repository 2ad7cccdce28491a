"""The exercises of lesson 03: interpolation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_03 as mistakes,
    mistakes_03_matrices as mistakes_in_matrices,
    probes_03 as probes,
)
from course_utils.exercises.kinds import Prediction
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
        mistakes.zeros_behind_the_map,
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
        "first, of a map that is f times as high and wide.",
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
        mistakes.corner_of_the_block,
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
        "out of bounds": "An index counts the H · W pixels of a plane of output_size, as if they stood in one row: flatten the "
        "plane, or take the index apart with the large width, row = index // W, column = index % W.",
        "invalid max index": "Without output_size nobody knows whether the map was even or odd.",
        "invalid output_size": "Windows may overlap, so that these shapes do not tell the kernel's size. The indices suffice.",
        "is invalid for input of size": "The result has B · C · H · W values, with (H, W) = output_size.",
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
        mistakes.x_and_y_swapped,
        mistakes.once_around_the_square,
        mistakes.opposite_corner,
        mistakes.y_runs_the_other_way,
        mistakes.mean_of_the_two,
        mistakes.quarter_of_the_sum,
        mistakes.inverse_distance,
        mistakes.nearest_corner,
        mistakes.plane_through_three_corners,
        mistakes.terms_of_the_polynomial,
    ],
    [
        "One axis first: going from a at x = 0 to b at x = 1, how much of a is left at x? And how much of b is there?",
        "Interpolate along x on the edge y = 0 and on the edge y = 1; then along y between the two results. Multiply out.",
        "A corner's weight is a product, one factor for each digit: 1 - t where the digit is 0, t where it is 1.",
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
    [
        (2, 4, False),
        (2, 4, True),
        (3, 7, False),
        (3, 7, True),
        (7, 3, False),
        (7, 3, True),
        (4, 9, False),
        (6, 5, True),
    ],
    [
        mistakes_in_matrices.no_half_pixel,
        mistakes_in_matrices.no_half_pixel_and_no_clamp,
        mistakes_in_matrices.half_pixel_not_taken_off,
        mistakes_in_matrices.half_pixel_not_scaled,
        mistakes_in_matrices.half_pixels_of_the_wrong_sign,
        mistakes_in_matrices.rules_swapped,
        mistakes_in_matrices.always_half_pixel,
        mistakes_in_matrices.always_corners,
        mistakes_in_matrices.last_corner_not_reached,
        mistakes_in_matrices.sizes_instead_of_steps,
        mistakes_in_matrices.ratio_inverted,
        mistakes_in_matrices.not_clamped,
        mistakes_in_matrices.clamped_below_only,
        mistakes_in_matrices.rounded_down,
    ],
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


def interpolation_matrix(n_in: int, n_out: int) -> Tensor:
    """The matrix (n_out, n_in) float64 whose product with a signal of n_in values is the signal resized to n_out values:
    bilinear, align_corners=False."""
    source = ((torch.arange(n_out, dtype=torch.float64) + 0.5) * n_in / n_out - 0.5).clamp(0, n_in - 1)
    distance = (source[:, None] - torch.arange(n_in)).abs()
    return (1 - distance).clamp(min=0)


interpolation_matrix = Exercise(
    "interpolation_matrix",
    interpolation_matrix,
    [(2, 4), (3, 7), (7, 3), (8, 3), (5, 6)],
    [
        mistakes_in_matrices.weight_lost_at_the_border,
        mistakes_in_matrices.second_neighbour_overwrites_the_first,
        mistakes_in_matrices.index_minus_one_is_the_last,
        mistakes_in_matrices.hats_not_cut_off,
        mistakes_in_matrices.weights_of_neighbours_swapped,
        mistakes_in_matrices.nearest_neighbour_only,
        mistakes_in_matrices.left_neighbour_only,
        mistakes_in_matrices.matrix_without_half_pixel,
        mistakes_in_matrices.matrix_with_aligned_corners,
        mistakes_in_matrices.columns_sum_to_one,
        mistakes_in_matrices.mean_over_the_whole_pixel,
    ],
    [
        "Row i says from which input pixels output pixel i takes how much. Where does it look? You have computed that.",
        "Between the pixels j and j + 1, at j + t, the weights are 1 - t and t: each is 1 minus the distance to the pixel.",
        "The distances of all output pixels to all input pixels: `source[:, None] - torch.arange(n_in)`. Beyond a distance of 1 "
        "there is no weight. Clamp `source` first.",
    ],
    reference=lambda n_in, n_out: resample.interpolation_matrix(n_in, n_out, dtype=torch.float64),
    common_errors={
        "out of bounds": "The last pixel has no right neighbour: clamp the coordinate to [0, n_in - 1], and the number of "
        "the neighbour too.",
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
    # As many rows as columns, so that matrices in the wrong places run, and can be told what is wrong with them.
    [
        (
            torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [4.0, 0.0, -3.0]], dtype=torch.float64),
            torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64),
            torch.tensor([[0.75, 0.25], [0.375, 0.625], [0.125, 0.875]], dtype=torch.float64),
        )
    ],
    [
        mistakes_in_matrices.inverse_instead_of_transpose,
        mistakes_in_matrices.rows_and_columns_exchanged,
        mistakes_in_matrices.transposed_result,
        mistakes_in_matrices.divided_by_the_factor,
        mistakes_in_matrices.mean_of_what_comes_back,
        mistakes_in_matrices.gradient_resized,
    ],
    [
        "One axis first: y = A x. By how much does the loss change when x_j changes? x_j is in every y_i, with the weight A_ij.",
        "So the gradient with respect to x is the sum over i of A_ij g_i: the matrix A.T times g. No inverse, no mean.",
        "In two dimensions the same from both sides: shapes (H_in, H_out) @ (H_out, W_out) @ (W_out, W_in).",
    ],
    common_errors={
        "shapes cannot be multiplied": "Write the shapes side by side: the answer is (H_in, W_in), and `rows` is (H_out, H_in). "
        "Which of the two matrices must be transposed, and on which side does each stand?",
        "must be batches of square": "A resize has no inverse; a gradient needs none.",
        "does not require grad": "There is no x here to differentiate by: write the gradient down as a product of matrices.",
    },
    draw=probes.gradient_and_matrices,
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
        (torch.tensor([[[[0.5, 2.5, 4.5, 6.5], [10.5, 12.5, 14.5, 16.5]]]], dtype=torch.float64), 2),
        (torch.tensor([[[[1.0, 8.0], [9.0, 2.0], [3.0, 4.0]]]], dtype=torch.float64), 3),
    ],
    [
        mistakes.nearest_features,
        mistakes.bicubic_features,
        mistakes.bicubic_with_corners,
        mistakes.padded_to_the_size,
        mistakes.zeros_beyond_the_border,
    ],
    [
        "Pool 0, 1, …, 7 by 2 and upsample: which of the numbers come back wrong, and by how much?",
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
    given=mistakes.given_upsample_features,
    difficulty=1,
    minutes=5,
)

wrong_labels = Prediction(
    "wrong_labels",
    "Label maps of street scenes, 8 classes numbered from 0 to 7, are halved bilinearly: each new number is the mean of four "
    "old ones, rounded. Where the four are not all of one class (void left out): how many per cent of the new pixels have a "
    "class that none of the four had?",
    ["From 0 to 100. Sky is 0 and vegetation 4: half of each is 2, and 2 is road."],
    explanation=(
        "The mean of sky (0) and vegetation (4) is road (2): there is a road along the tree tops now. Class numbers are names; "
        "there is nothing between two names. Resize labels with nearest, which takes one of the four as it is."
    ),
    limits=(0, 100),
    digits=0,
    minutes=3,
)
