"""What people get wrong in lesson 03 about coordinates and matrices: each function makes one mistake, its docstring says
which."""

import torch
import torch.nn.functional as F
from torch import Tensor


def _pixels(n_out: int) -> Tensor:
    return torch.arange(n_out, dtype=torch.float64)


def _half_pixel_rule(n_in: int, n_out: int) -> Tensor:
    return (_pixels(n_out) + 0.5) * n_in / n_out - 0.5


def _corner_rule(n_in: int, n_out: int) -> Tensor:
    return _pixels(n_out) * (n_in - 1) / (n_out - 1)


def rules_swapped(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Your two rules are swapped: with align_corners=True the first output pixel looks at pixel 0 and the last at n_in - 1;
    the half pixel belongs to align_corners=False."""
    return (_half_pixel_rule(n_in, n_out) if align_corners else _corner_rule(n_in, n_out)).clamp(0, n_in - 1)


def always_half_pixel(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """align_corners changes nothing in yours: align_corners=False is right, align_corners=True needs a rule of its own."""
    return _half_pixel_rule(n_in, n_out).clamp(0, n_in - 1)


def always_corners(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """align_corners changes nothing in yours: align_corners=True is right, align_corners=False needs a rule of its own."""
    return _corner_rule(n_in, n_out)


def no_half_pixel(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixel is missing: i · n_in / n_out is a rule for the left edges of the pixels, but it
    is their centres that look."""
    source = _corner_rule(n_in, n_out) if align_corners else _pixels(n_out) * n_in / n_out
    return source.clamp(0, n_in - 1)


def no_half_pixel_and_no_clamp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixel is missing: i · n_in / n_out is a rule for the left edges of the pixels, but it
    is their centres that look. The result is not clamped to [0, n_in - 1] either."""
    return _corner_rule(n_in, n_out) if align_corners else _pixels(n_out) * n_in / n_out


def half_pixel_not_taken_off(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you add the half pixel, but do not take it off again: it is half a pixel of the output that is
    added, and half a pixel of the input that has to come off."""
    source = _corner_rule(n_in, n_out) if align_corners else _half_pixel_rule(n_in, n_out) + 0.5
    return source.clamp(0, n_in - 1)


def half_pixel_not_scaled(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you scale first and shift then. Add the half pixel of the output before scaling, take the half
    pixel of the input off after it: the two are not of one size."""
    source = _corner_rule(n_in, n_out) if align_corners else _pixels(n_out) * n_in / n_out - 0.5
    return source.clamp(0, n_in - 1)


def half_pixels_of_the_wrong_sign(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixels have the wrong signs. The centre of output pixel i lies half an output pixel to
    the right of its left edge, so that one is added; the input's is taken off."""
    source = _corner_rule(n_in, n_out) if align_corners else (_pixels(n_out) - 0.5) * n_in / n_out + 0.5
    return source.clamp(0, n_in - 1)


def not_clamped(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Both rules are right, but the first and the last output pixels look outside the input. Clamp to [0, n_in - 1]: the
    border's own value is repeated there."""
    return _corner_rule(n_in, n_out) if align_corners else _half_pixel_rule(n_in, n_out)


def clamped_below_only(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Below 0 you clamp, but the last output pixels still look beyond the last input pixel. The last of n_in pixels has the
    number n_in - 1."""
    return not_clamped(n_in, n_out, align_corners).clamp(min=0)


def last_corner_not_reached(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True the last output pixel, n_out - 1, has to look at n_in - 1. There are n_out pixels, but one step
    fewer from the first to the last."""
    source = _pixels(n_out) * (n_in - 1) / n_out if align_corners else _half_pixel_rule(n_in, n_out)
    return source.clamp(0, n_in - 1)


def sizes_instead_of_steps(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True you divide the sizes, n_in / n_out. Between the corner pixels' centres there is one step fewer
    than there are pixels, in the input and in the output."""
    source = _pixels(n_out) * n_in / n_out if align_corners else _half_pixel_rule(n_in, n_out)
    return source.clamp(0, n_in - 1)


def ratio_inverted(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Your ratio is upside down: in twice as many output pixels a step is half an input pixel, n_in / n_out."""
    steps = _pixels(n_out)
    source = steps * (n_out - 1) / (n_in - 1) if align_corners else (steps + 0.5) * n_out / n_in - 0.5
    return source.clamp(0, n_in - 1)


def rounded_down(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Your coordinates are whole numbers. The fraction is wanted: it says how the two neighbours are mixed."""
    return not_clamped(n_in, n_out, align_corners).clamp(0, n_in - 1).floor()


def _hats(source: Tensor, n_in: int) -> Tensor:
    return (1 - (source[:, None] - torch.arange(n_in)).abs()).clamp(min=0)


def weight_lost_at_the_border(n_in: int, n_out: int) -> Tensor:
    """Your first and last rows do not sum to 1: these output pixels look outside the input, and the neighbour that is not
    there takes its weight along. Clamp the coordinate to [0, n_in - 1]."""
    return _hats(_half_pixel_rule(n_in, n_out), n_in)


def second_neighbour_overwrites_the_first(n_in: int, n_out: int) -> Tensor:
    """A row lacks weight where both neighbours are the last pixel: the second assignment has overwritten the first. Add the
    second weight, or let each input pixel have its weight once."""
    matrix = _hats(_half_pixel_rule(n_in, n_out).clamp(0, n_in - 1), n_in)
    return torch.where(_half_pixel_rule(n_in, n_out)[:, None] >= n_in - 1, 0, matrix)


def index_minus_one_is_the_last(n_in: int, n_out: int) -> Tensor:
    """Your first row mixes in the *last* input pixel: it looks at -0.25 or so, whose left neighbour is -1, and Python takes
    the index -1 for the last. Clamp the coordinate to [0, n_in - 1] first."""
    source = _half_pixel_rule(n_in, n_out)
    left = source.floor().long()
    matrix, rows = torch.zeros(n_out, n_in + 1, dtype=torch.float64), torch.arange(n_out)
    matrix[rows, left.where(left >= 0, n_in - 1)] = 1 - source + left
    matrix[rows, left + 1] = source - left
    return matrix[:, :n_in]


def hats_not_cut_off(n_in: int, n_out: int) -> Tensor:
    """1 minus the distance is right for the two neighbours, and negative for pixels further away than 1: these have no weight
    at all."""
    source = _half_pixel_rule(n_in, n_out).clamp(0, n_in - 1)
    return 1 - (source[:, None] - torch.arange(n_in)).abs()


def weights_of_neighbours_swapped(n_in: int, n_out: int) -> Tensor:
    """The two weights of a row are swapped: the nearer neighbour must get the larger one. With t the way from the left to the
    right neighbour, left gets 1 - t."""
    source = _half_pixel_rule(n_in, n_out).clamp(0, n_in - 1)
    left = source.floor().long()
    matrix, rows = torch.zeros(n_out, n_in, dtype=torch.float64), torch.arange(n_out)
    matrix[rows, left] += source - left
    matrix[rows, (left + 1).clamp(max=n_in - 1)] += 1 - source + left
    return matrix


def nearest_neighbour_only(n_in: int, n_out: int) -> Tensor:
    """There is a single 1 in each of your rows: this is the matrix of nearest-neighbour resizing. Bilinear shares the weight
    between two neighbours."""
    return torch.eye(n_in, dtype=torch.float64)[_half_pixel_rule(n_in, n_out).clamp(0, n_in - 1).round().long()]


def left_neighbour_only(n_in: int, n_out: int) -> Tensor:
    """You take the pixel on the left with all the weight, and drop the fraction. Bilinear shares: 1 - t to the left, t to the
    right."""
    return torch.eye(n_in, dtype=torch.float64)[_half_pixel_rule(n_in, n_out).clamp(0, n_in - 1).long()]


def matrix_without_half_pixel(n_in: int, n_out: int) -> Tensor:
    """Your coordinates lack the half pixel: i · n_in / n_out is a rule for left edges. Output pixel i looks at
    (i + ½) n_in / n_out - ½."""
    return _hats((_pixels(n_out) * n_in / n_out).clamp(0, n_in - 1), n_in)


def matrix_with_aligned_corners(n_in: int, n_out: int) -> Tensor:
    """This is the matrix of align_corners=True: its first and last rows have a single 1 and the steps are even between them.
    Asked for is align_corners=False."""
    return _hats(_corner_rule(n_in, n_out), n_in)


def columns_sum_to_one(n_in: int, n_out: int) -> Tensor:
    """You have made the columns sum to 1. The rows have to: each output pixel is a weighted mean of input pixels."""
    matrix = _hats(_half_pixel_rule(n_in, n_out).clamp(0, n_in - 1), n_in)
    return matrix / matrix.sum(dim=0)


def mean_over_the_whole_pixel(n_in: int, n_out: int) -> Tensor:
    """Making it larger is right. Making it smaller you take in every pixel under the output pixel: that is antialiasing.
    Plain bilinear looks at two neighbours, whatever the factor."""
    identity = torch.eye(n_in, dtype=torch.float64)[None, None]
    return F.interpolate(identity, (n_out, n_in), mode="bilinear", antialias=True)[0, 0]


def inverse_instead_of_transpose(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You undo the resize with the (pseudo-)inverse. A gradient does not go back through the inverse but through the
    transpose: each output pixel hands its gradient to its inputs, with the weights it took from them."""
    return torch.linalg.pinv(rows) @ gradient @ torch.linalg.pinv(columns).T


def rows_and_columns_exchanged(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The two matrices are exchanged: `rows` mixes the rows of the map and stands on the left, `columns` on the right."""
    return columns.T @ gradient @ rows


def transposed_result(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Your result is the transpose of the gradient: what belongs to row i stands in column i."""
    return columns.T @ gradient.T @ rows


def divided_by_the_factor(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You divide by how much larger the output is. Nothing is averaged on the way back: an input pixel that is used by many
    output pixels receives the sum of what they hand back."""
    factor = gradient.numel() / (rows.shape[1] * columns.shape[1])
    return rows.T @ gradient @ columns / factor


def mean_of_what_comes_back(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You take a weighted mean of what comes back to an input pixel; it is a sum. What an output pixel hands back is shared
    out among its inputs, so that the whole gradient keeps its sum."""
    return (rows / rows.sum(dim=0)).T @ gradient @ (columns / columns.sum(dim=0))


def gradient_resized(gradient: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """You resize the gradient as if it were a picture. Each output pixel has to hand back its gradient to the inputs it came
    from, with the weights in the two matrices."""
    size = rows.shape[1], columns.shape[1]
    return F.interpolate(gradient[None, None], size, mode="bilinear", align_corners=False)[0, 0]
