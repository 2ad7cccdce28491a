"""What people get wrong in lesson 03 about interpolation as a matrix: each function makes one mistake, its docstring says
which."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import mistakes_03_coordinates as coordinates


def _source(n_in: int, n_out: int) -> Tensor:
    return coordinates.areas(n_in, n_out).clamp(0, n_in - 1)


def _hats(source: Tensor, n_in: int) -> Tensor:
    return (1 - (source[:, None] - torch.arange(n_in)).abs()).clamp(min=0)


def _at(places: Tensor, weights: Tensor, n_in: int) -> Tensor:
    """A matrix with one weight a row, at its place; no weight where the place is none of the n_in pixels."""
    return weights[:, None] * (places[:, None] == torch.arange(n_in))


def transposed_matrix(n_in: int, n_out: int) -> Tensor:
    """Your matrix is the transpose, (n_in, n_out): the weights of an output pixel stand in a column. They belong in a row, so
    that `matrix @ signal` has n_out values."""
    return _hats(_source(n_in, n_out), n_in).T


def weight_lost_at_the_border(n_in: int, n_out: int) -> Tensor:
    """Your first and last rows do not sum to 1: these output pixels look outside the input, and the neighbour that is not
    there takes its weight along. Clamp the coordinate to [0, n_in - 1]."""
    return _hats(coordinates.areas(n_in, n_out), n_in)


def second_neighbour_overwrites_the_first(n_in: int, n_out: int) -> Tensor:
    """A row lacks weight where both neighbours are the last pixel: the second assignment has overwritten the first. Add the
    second weight, or let each input pixel have its weight once."""
    matrix = _hats(_source(n_in, n_out), n_in)
    return torch.where(coordinates.areas(n_in, n_out)[:, None] >= n_in - 1, 0, matrix)


def neighbours_clamped_and_overwritten(n_in: int, n_out: int) -> Tensor:
    """Your first and last rows do not sum to 1: you clamp the neighbours, so that both are the border pixel, and the second
    assignment overwrites the first. Clamp the coordinate before you take it apart, or add the two weights."""
    source = coordinates.areas(n_in, n_out)
    left, right = source.floor().clamp(min=0), (source.floor() + 1).clamp(max=n_in - 1)
    fraction = source - source.floor()
    return _at(left, (1 - fraction) * (left != right), n_in) + _at(right, fraction, n_in)


def index_minus_one_is_the_last(n_in: int, n_out: int) -> Tensor:
    """Your first row mixes in the *last* input pixel: it looks at -0.25 or so, whose left neighbour is -1, and Python takes
    the index -1 for the last. Clamp the coordinate to [0, n_in - 1] first."""
    source = coordinates.areas(n_in, n_out)
    left = source.floor()
    return _at(left % n_in, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)


def both_ends_wrapped_round(n_in: int, n_out: int) -> Tensor:
    """Your first row mixes in the last input pixel, and your last row the first: `%`, or an index of -1, goes round. A signal
    does not; clamp the coordinate to [0, n_in - 1], where the border's own value is repeated."""
    source = coordinates.areas(n_in, n_out)
    left = source.floor()
    return _at(left % n_in, 1 - source + left, n_in) + _at((left + 1) % n_in, source - left, n_in)


def cut_towards_zero(n_in: int, n_out: int) -> Tensor:
    """Your first row has a weight above 1 and a negative one: output pixel 0 looks at -0.25 or so, int(-0.25) is 0, and the
    rest is negative. Clamp the coordinate to [0, n_in - 1] first: the last row, which sums to less than 1, is mended with
    it."""
    source = coordinates.areas(n_in, n_out)
    left = source.trunc()
    return _at(left, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)


def cut_towards_zero_and_kept_at_the_end(n_in: int, n_out: int) -> Tensor:
    """Your first row has a weight above 1 and a negative one: output pixel 0 looks at -0.25 or so, int(-0.25) is 0, and the
    rest is negative. At the other end you keep the neighbour inside; clamp the coordinate itself to [0, n_in - 1] first."""
    source = coordinates.areas(n_in, n_out)
    left = source.trunc()
    return _at(left, 1 - source + left, n_in) + _at((left + 1).clamp(max=n_in - 1), source - left, n_in)


def left_weights_in_all_rows(n_in: int, n_out: int) -> Tensor:
    """All your rows are the same: with `A[:, a]` every row is written to, and the last one written wins. Give the row numbers as
    well; the right neighbours, which have no weight yet, follow in the same way."""
    source = _source(n_in, n_out)
    left, matrix = source.long(), torch.zeros(n_out, n_in, dtype=torch.float64)
    matrix[:, left] = 1 - source + left
    return matrix


def last_pixel_never_reached(n_in: int, n_out: int) -> Tensor:
    """You clamp the coordinate to n_in - 2, so that nobody looks at the last pixel. The *left neighbour* may be clamped to
    n_in - 2, the coordinate goes up to n_in - 1."""
    return _hats(coordinates.areas(n_in, n_out).clamp(0, n_in - 2), n_in)


def hats_not_cut_off(n_in: int, n_out: int) -> Tensor:
    """1 minus the distance is right for the two neighbours, and negative for pixels further away than 1: these have no weight
    at all."""
    source = _source(n_in, n_out)
    return 1 - (source[:, None] - torch.arange(n_in)).abs()


def distance_as_weight(n_in: int, n_out: int) -> Tensor:
    """Your weights are the distances: the further away, the more. It is the other way round, 1 minus the distance, as long as
    that is above 0."""
    return (_source(n_in, n_out)[:, None] - torch.arange(n_in)).abs()


def distance_up_to_one(n_in: int, n_out: int) -> Tensor:
    """Your weights grow with the distance: pixels far away have the weight 1. It is 1 minus that, so that the pixel itself has 1
    and those further away than 1 have 0."""
    return distance_as_weight(n_in, n_out).clamp(max=1)


def weights_of_neighbours_swapped(n_in: int, n_out: int) -> Tensor:
    """The two weights of a row are swapped: the nearer neighbour must get the larger one. With t the way from the left to the
    right neighbour, left gets 1 - t."""
    source = _source(n_in, n_out)
    left = source.floor()
    return _at(left, source - left, n_in) + _at((left + 1).clamp(max=n_in - 1), 1 - source + left, n_in)


def weights_swapped_and_the_last_row_empty(n_in: int, n_out: int) -> Tensor:
    """The two weights of a row are swapped: the nearer neighbour must get the larger one, and at t = 0 the left neighbour gets
    everything. That is why your rows that look at the last pixel, which has no right neighbour, are empty."""
    source = _source(n_in, n_out)
    left = source.floor()
    return _at(left, source - left, n_in) + _at(left + 1, 1 - source + left, n_in)


def weights_swapped_in_the_last_pair(n_in: int, n_out: int) -> Tensor:
    """The pairs of neighbours are right, but their weights are swapped: where a coordinate is nearly that of the right neighbour,
    the right one must get nearly everything. The last row shows it: it should take the last pixel."""
    source = _source(n_in, n_out)
    left = source.floor().clamp(max=n_in - 2)
    return _at(left, source - left, n_in) + _at(left + 1, 1 - source + left, n_in)


def floor_and_ceil(n_in: int, n_out: int) -> Tensor:
    """Some of your rows are empty: where the coordinate is whole, floor and ceil are the same pixel, and both weights are 0. Let
    the second neighbour be the first plus 1."""
    source = _source(n_in, n_out)
    left, right = source.floor(), source.ceil()
    return _at(left, right - source, n_in) + _at(right, source - left, n_in)


def rounded_instead_of_cut(n_in: int, n_out: int) -> Tensor:
    """Some of your weights are negative, others above 1: you round to the nearest pixel, which is often the right neighbour. The
    left one is found by rounding down."""
    source = _source(n_in, n_out)
    left = source.round()
    return _at(left, 1 - source + left, n_in) + _at(left + 1, source - left, n_in)


def left_weight_only(n_in: int, n_out: int) -> Tensor:
    """The left neighbour has its weight 1 - t; the right one has none. Each row has to sum to 1: the rest belongs to the right
    neighbour."""
    source = _source(n_in, n_out)
    return _at(source.floor(), 1 - source + source.floor(), n_in)


def all_rows_the_same(n_in: int, n_out: int) -> Tensor:
    """All your rows are the same: with `A[:, a]` every row is written to, and the last one written wins. The weights of output
    pixel i belong in row i only: give the row numbers as well."""
    source = _source(n_in, n_out)
    left, matrix = source.long(), torch.zeros(n_out, n_in, dtype=torch.float64)
    matrix[:, left] = 1 - source + left
    matrix[:, (left + 1).clamp(max=n_in - 1)] = source - left
    return matrix


def nearest_neighbour_only(n_in: int, n_out: int) -> Tensor:
    """There is a single 1 in each of your rows: this is the matrix of nearest-neighbour resizing. Bilinear shares the weight
    between two neighbours."""
    return torch.eye(n_in, dtype=torch.float64)[_source(n_in, n_out).round().long()]


def nearest_by_the_left_edge(n_in: int, n_out: int) -> Tensor:
    """There is a single 1 in each of your rows: this is the matrix of nearest-neighbour resizing, by the rule that goes by left
    edges. Bilinear shares the weight between two neighbours."""
    return torch.eye(n_in, dtype=torch.float64)[(coordinates.pixels(n_out) * n_in / n_out).long()]


def left_neighbour_only(n_in: int, n_out: int) -> Tensor:
    """You take the pixel on the left with all the weight, and drop the fraction. Bilinear shares: 1 - t to the left, t to the
    right."""
    return torch.eye(n_in, dtype=torch.float64)[_source(n_in, n_out).long()]


def matrix_without_half_pixel(n_in: int, n_out: int) -> Tensor:
    """Your coordinates lack the half pixel: i · n_in / n_out is a rule for left edges. Output pixel i looks at
    (i + ½) n_in / n_out - ½."""
    return _hats((coordinates.pixels(n_out) * n_in / n_out).clamp(0, n_in - 1), n_in)


def matrix_with_aligned_corners(n_in: int, n_out: int) -> Tensor:
    """This is the matrix of align_corners=True: its first and last rows have a single 1 and the steps are even between them.
    Asked for is align_corners=False."""
    return _hats(coordinates.points(n_in, n_out), n_in)


def columns_sum_to_one(n_in: int, n_out: int) -> Tensor:
    """You have made the columns sum to 1. The rows have to: each output pixel is a weighted mean of input pixels."""
    matrix = _hats(_source(n_in, n_out), n_in)
    return matrix / matrix.sum(dim=0)


def mean_over_the_whole_pixel(n_in: int, n_out: int) -> Tensor:
    """Making it larger is right. Making it smaller you take in every pixel under the output pixel: that is antialiasing.
    Plain bilinear looks at two neighbours, whatever the factor."""
    identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    return F.interpolate(identity, (n_out, n_in), mode="bilinear", antialias=True)[0, 0]


def bicubic_matrix(n_in: int, n_out: int) -> Tensor:
    """Your rows have up to four weights, some of them negative: that is bicubic interpolation. Bilinear mixes two
    neighbours."""
    identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    return F.interpolate(identity, (n_out, n_in), mode="bicubic")[0, 0]


KNOWN = [
    transposed_matrix,
    weight_lost_at_the_border,
    second_neighbour_overwrites_the_first,
    neighbours_clamped_and_overwritten,
    index_minus_one_is_the_last,
    both_ends_wrapped_round,
    cut_towards_zero,
    cut_towards_zero_and_kept_at_the_end,
    last_pixel_never_reached,
    hats_not_cut_off,
    distance_as_weight,
    distance_up_to_one,
    weights_of_neighbours_swapped,
    weights_swapped_and_the_last_row_empty,
    weights_swapped_in_the_last_pair,
    floor_and_ceil,
    rounded_instead_of_cut,
    left_weight_only,
    all_rows_the_same,
    left_weights_in_all_rows,
    nearest_neighbour_only,
    nearest_by_the_left_edge,
    left_neighbour_only,
    matrix_without_half_pixel,
    matrix_with_aligned_corners,
    columns_sum_to_one,
    mean_over_the_whole_pixel,
    bicubic_matrix,
]
