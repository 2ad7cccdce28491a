"""Interpolation as a matrix."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import two_sizes
from course_utils.exercises.slips import read_slips
from course_utils.ops import resample


def interpolation_matrix(n_in: int, n_out: int) -> Tensor:
    """The matrix (n_out, n_in) float64 whose product with a signal of n_in values is the signal resized to n_out values:
    bilinear, align_corners=False."""
    pixel = torch.arange(n_out, dtype=torch.float64)
    source = ((pixel + 0.5) * n_in / n_out - 0.5).clamp(0, n_in - 1)
    distance = (source[:, None] - torch.arange(n_in)).abs()
    return (1 - distance).clamp(min=0)


def _at(places: Tensor, weights: Tensor, n_in: int) -> Tensor:
    """For the slips: a matrix with one weight a row, at its place; no weight where the place is none of the n_in pixels."""
    return weights[:, None] * (places[:, None] == torch.arange(n_in))


SLIPS = read_slips("""
transposed_matrix
    Your matrix is the transpose, (n_in, n_out): the weights of an output pixel stand in a column. They belong in a row,
    so that `matrix @ signal` has n_out values.
    - .clamp(min=0)
    + .clamp(min=0).T

weight_lost_at_the_border
    Your first and last rows do not sum to 1: these output pixels look outside the input, and the neighbour that is not
    there takes its weight along. Clamp the coordinate to [0, n_in - 1].
    - .clamp(0, n_in - 1)
    +

second_neighbour_overwrites_the_first
    A row lacks weight where both neighbours are the last pixel: the second assignment has overwritten the first. Add
    the second weight, or let each input pixel have its weight once.
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + right = (left + 1).clamp(max=n_in - 1)
    + return _at(left, (1 - source + left) * (left != right), n_in) + _at(right, source - left, n_in)

neighbours_clamped_and_overwritten
    Your first and last rows do not sum to 1: you clamp the neighbours, so that both are the border pixel, and the
    second assignment overwrites the first. Clamp the coordinate before you take it apart, or add the two weights.
    - .clamp(0, n_in - 1)
    +
    - return (1 - distance).clamp(min=0)
    + before, fraction = source.floor(), source % 1
    + left, right = before.clamp(min=0), (before + 1).clamp(max=n_in - 1)
    + return _at(left, (1 - fraction) * (left != right), n_in) + _at(right, fraction, n_in)

index_minus_one_is_the_last
    Your first row mixes in the *last* input pixel: it looks at -0.25 or so, whose left neighbour is -1, and Python
    takes the index -1 for the last. Clamp the coordinate to [0, n_in - 1] first.
    - .clamp(0, n_in - 1)
    +
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + return _at(left % n_in, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)

both_ends_wrapped_round
    Your first row mixes in the last input pixel, and your last row the first: `%`, or an index of -1, goes round. A
    signal does not; clamp the coordinate to [0, n_in - 1], where the border's own value is repeated.
    - .clamp(0, n_in - 1)
    +
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + return _at(left % n_in, 1 - source + left, n_in) + _at((left + 1) % n_in, source - left, n_in)

cut_towards_zero
    Your first row has a weight above 1 and a negative one: output pixel 0 looks at -0.25 or so, int(-0.25) is 0, and
    the rest is negative. Clamp the coordinate to [0, n_in - 1] first: the last row, which sums to less than 1, is
    mended with it.
    - .clamp(0, n_in - 1)
    +
    - return (1 - distance).clamp(min=0)
    + left = source.trunc()
    + return _at(left, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)

cut_towards_zero_and_kept_at_the_end
    Your first row has a weight above 1 and a negative one: output pixel 0 looks at -0.25 or so, int(-0.25) is 0, and
    the rest is negative. At the other end you keep the neighbour inside; clamp the coordinate itself to [0, n_in - 1]
    first.
    - .clamp(0, n_in - 1)
    +
    - return (1 - distance).clamp(min=0)
    + left = source.trunc()
    + return _at(left, 1 - source + left, n_in) + _at((left + 1).clamp(max=n_in - 1), source - left, n_in)

last_pixel_never_reached
    You clamp the coordinate to n_in - 2, so that nobody looks at the last pixel. The *left neighbour* may be clamped to
    n_in - 2, the coordinate goes up to n_in - 1.
    - .clamp(0, n_in - 1)
    + .clamp(0, n_in - 2)

hats_not_cut_off
    1 minus the distance is right for the two neighbours, and negative for pixels further away than 1: these have no
    weight at all.
    - .clamp(min=0)
    +

distance_with_a_sign
    Your distances are negative for pixels to the right of the coordinate, so that these get more than 1. Take `abs()`.
    - .abs()
    +

distance_as_weight
    Your weights are the distances: the further away, the more. It is the other way round, 1 minus the distance, as long
    as that is above 0.
    - (1 - distance).clamp(min=0)
    + distance

distance_up_to_one
    Your weights grow with the distance: pixels far away have the weight 1. It is 1 minus that, so that the pixel itself
    has 1 and those further away than 1 have 0.
    - (1 - distance).clamp(min=0)
    + distance.clamp(max=1)

weights_of_neighbours_swapped
    The two weights of a row are swapped: the nearer neighbour must get the larger one. With t the way from the left to
    the right neighbour, left gets 1 - t.
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + return _at(left, source - left, n_in) + _at((left + 1).clamp(max=n_in - 1), 1 - source + left, n_in)

weights_swapped_and_the_last_row_empty
    The two weights of a row are swapped: the nearer neighbour must get the larger one, and at t = 0 the left neighbour
    gets everything. That is why your rows that look at the last pixel, which has no right neighbour, are empty.
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + return _at(left, source - left, n_in) + _at(left + 1, 1 - source + left, n_in)

weights_swapped_in_the_last_pair
    The pairs of neighbours are right, but their weights are swapped: where a coordinate is nearly that of the right
    neighbour, the right one must get nearly everything. The last row shows it: it should take the last pixel.
    - return (1 - distance).clamp(min=0)
    + left = source.floor().clamp(max=n_in - 2)
    + return _at(left, source - left, n_in) + _at(left + 1, 1 - source + left, n_in)

floor_and_ceil
    Some of your rows are empty: where the coordinate is whole, floor and ceil are the same pixel, and both weights are
    0. Let the second neighbour be the first plus 1.
    - return (1 - distance).clamp(min=0)
    + left, right = source.floor(), source.ceil()
    + return _at(left, right - source, n_in) + _at(right, source - left, n_in)

rounded_instead_of_cut
    Some of your weights are negative, others above 1: you round to the nearest pixel, which is often the right
    neighbour. The left one is found by rounding down.
    - return (1 - distance).clamp(min=0)
    + left = source.round()
    + return _at(left, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)

left_weight_only
    The left neighbour has its weight 1 - t; the right one has none. Each row has to sum to 1: the rest belongs to the
    right neighbour.
    - return (1 - distance).clamp(min=0)
    + left = source.floor()
    + return _at(left, 1 - source + left, n_in)

all_rows_the_same
    All your rows are the same: with `A[:, a]` every row is written to, and the last one written wins. The weights of
    output pixel i belong in row i only: give the row numbers as well.
    - return (1 - distance).clamp(min=0)
    + left, matrix = source.long(), torch.zeros_like(distance)
    + matrix[:, left] = 1 - source + left
    + matrix[:, (left + 1).clamp(max=n_in - 1)] = source - left
    + return matrix

left_weights_in_all_rows
    All your rows are the same: with `A[:, a]` every row is written to, and the last one written wins. Give the row
    numbers as well; the right neighbours, which have no weight yet, follow in the same way.
    - return (1 - distance).clamp(min=0)
    + left, matrix = source.long(), torch.zeros_like(distance)
    + matrix[:, left] = 1 - source + left
    + return matrix

nearest_neighbour_only
    There is a single 1 in each of your rows: this is the matrix of nearest-neighbour resizing. Bilinear shares the
    weight between two neighbours.
    - (1 - distance).clamp(min=0)
    + torch.eye(n_in, dtype=torch.float64)[source.round().long()]

nearest_by_the_left_edge
    There is a single 1 in each of your rows: this is the matrix of nearest-neighbour resizing, by the rule that goes by
    left edges. Bilinear shares the weight between two neighbours.
    - (1 - distance).clamp(min=0)
    + torch.eye(n_in, dtype=torch.float64)[(pixel * n_in / n_out).long()]

left_neighbour_only
    You take the pixel on the left with all the weight, and drop the fraction. Bilinear shares: 1 - t to the left, t to
    the right.
    - (1 - distance).clamp(min=0)
    + torch.eye(n_in, dtype=torch.float64)[source.long()]

matrix_without_half_pixel
    Your coordinates lack the half pixel: i · n_in / n_out is a rule for left edges. Output pixel i looks at (i + ½)
    n_in / n_out - ½.
    - (pixel + 0.5) * n_in / n_out - 0.5
    + pixel * n_in / n_out

half_pixel_kept
    Your coordinates are half a pixel too large: (i + ½) n_in / n_out is measured from the left edge, and the centre of
    input pixel 0 is at ½ there. Take ½ off.
    - n_out - 0.5
    + n_out

ratio_upside_down
    Your ratio is upside down: in twice as many output pixels each is half an input pixel wide, n_in / n_out.
    - n_in / n_out
    + n_out / n_in

matrix_with_aligned_corners
    This is the matrix of align_corners=True: its first and last rows have a single 1 and the steps are even between
    them. Asked for is align_corners=False.
    - (pixel + 0.5) * n_in / n_out - 0.5
    + pixel * (n_in - 1) / (n_out - 1)

columns_sum_to_one
    You have made the columns sum to 1. The rows have to: each output pixel is a weighted mean of input pixels.
    - return (1 - distance).clamp(min=0)
    + matrix = (1 - distance).clamp(min=0)
    + return matrix / matrix.sum(dim=0)

mean_over_the_whole_pixel
    Making it larger is right. Making it smaller you take in every pixel under the output pixel: that is antialiasing.
    Plain bilinear looks at two neighbours, whatever the factor.
    - return (1 - distance).clamp(min=0)
    + identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    + return torch.nn.functional.interpolate(identity, (n_out, n_in), mode="bilinear", antialias=True)[0, 0]

bicubic_matrix
    Your rows have up to four weights, some of them negative: that is bicubic interpolation. Bilinear mixes two
    neighbours.
    - return (1 - distance).clamp(min=0)
    + identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    + return torch.nn.functional.interpolate(identity, (n_out, n_in), mode="bicubic")[0, 0]
""")


interpolation_matrix = Exercise(
    "interpolation_matrix",
    interpolation_matrix,
    [(2, 4), (3, 7), (7, 3), (9, 4), (5, 6), (1, 3)],
    SLIPS,
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
        "must match the size of tensor": "There are n_out coordinates and n_in pixels: `source[:, None]` makes a column of the "
        "coordinates, so that each meets each pixel.",
        "shape mismatch": "A weight needs a row and a column: `matrix[torch.arange(n_out), left] = ...`.",
        "tensors used as indices": "Row and column numbers must be whole: `.floor().long()`.",
        "valid indices": "Row and column numbers must be whole: `int(...)`, or `.floor().long()` of a tensor.",
    },
    draw=two_sizes,
    library=("interpolate", "bilinear_resize"),
    unaffected={
        "a bilinear weight lies between 0 and 1": [
            "absolute result",
            "nothing below 0 result",
            "nothing above 1 result",
        ]
    },
    difficulty=2,
    minutes=12,
)
