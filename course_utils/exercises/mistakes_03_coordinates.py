"""What people get wrong in lesson 03 about source coordinates: each function makes one mistake, its docstring says which.

The rule for points needs no clamp, so that people write one for areas only: so do most of these.
"""

import torch
from torch import Tensor


def pixels(n_out: int) -> Tensor:
    return torch.arange(n_out, dtype=torch.float64)


def areas(n_in: int, n_out: int) -> Tensor:
    """The rule of align_corners=False, not clamped."""
    return (pixels(n_out) + 0.5) * n_in / n_out - 0.5


def points(n_in: int, n_out: int) -> Tensor:
    """The rule of align_corners=True."""
    return pixels(n_out) * (n_in - 1) / (n_out - 1)


def _areas(n_in: int, n_out: int) -> Tensor:
    return areas(n_in, n_out).clamp(0, n_in - 1)


def rules_swapped(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Your two rules are swapped: with align_corners=True the first output pixel looks at pixel 0 and the last at n_in - 1;
    the half pixel belongs to align_corners=False."""
    return (areas(n_in, n_out) if align_corners else points(n_in, n_out)).clamp(0, n_in - 1)


def always_half_pixel(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """align_corners changes nothing in yours: align_corners=False is right, align_corners=True needs a rule of its own."""
    return areas(n_in, n_out).clamp(0, n_in - 1)


def always_corners(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """align_corners changes nothing in yours: align_corners=True is right, align_corners=False needs a rule of its own."""
    return points(n_in, n_out)


def no_half_pixel(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixel is missing: i · n_in / n_out is a rule for the left edges of the pixels, but it
    is their centres that look."""
    source = points(n_in, n_out) if align_corners else pixels(n_out) * n_in / n_out
    return source.clamp(0, n_in - 1)


def no_half_pixel_and_no_clamp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixel is missing: i · n_in / n_out is a rule for the left edges of the pixels, but it
    is their centres that look. The result is not clamped to [0, n_in - 1] either."""
    return points(n_in, n_out) if align_corners else pixels(n_out) * n_in / n_out


def half_pixel_not_taken_off(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you add the half pixel, but do not take it off again: it is half a pixel of the output that is
    added, and half a pixel of the input that has to come off."""
    source = points(n_in, n_out) if align_corners else areas(n_in, n_out) + 0.5
    return source.clamp(0, n_in - 1)


def half_pixel_not_taken_off_and_no_clamp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you add the half pixel, but do not take it off again: yours is measured from the left edge, where
    the centre of input pixel 0 is at ½. Its number is 0. And the result has to stay within [0, n_in - 1]."""
    return points(n_in, n_out) if align_corners else areas(n_in, n_out) + 0.5


def half_pixel_not_scaled(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you scale first and shift then. Add the half pixel of the output before scaling, take the half
    pixel of the input off after it: the two are not of one size."""
    source = points(n_in, n_out) if align_corners else pixels(n_out) * n_in / n_out - 0.5
    return source.clamp(0, n_in - 1)


def half_pixels_of_the_wrong_sign(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False the half pixels have the wrong signs. The centre of output pixel i lies half an output pixel to
    the right of its left edge, so that one is added; the input's is taken off."""
    source = points(n_in, n_out) if align_corners else (pixels(n_out) - 0.5) * n_in / n_out + 0.5
    return source.clamp(0, n_in - 1)


def half_pixel_of_the_input_added(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False you add both half pixels. The output's is added, to come to the centre; the input's is taken off,
    because the centre of input pixel 0, at ½, has the number 0."""
    return points(n_in, n_out) if align_corners else (areas(n_in, n_out) + 1).clamp(0, n_in - 1)


def half_pixel_for_points_too(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True you add half a pixel as well. There pixels are points: the first looks at the first, number 0 at
    number 0, and nothing has to be shifted."""
    shifted = (pixels(n_out) + 0.5) * (n_in - 1) / (n_out - 1) - 0.5
    return shifted.clamp(0, n_in - 1) if align_corners else _areas(n_in, n_out)


def not_clamped(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Both rules are right, but the first and the last output pixels look outside the input. Clamp to [0, n_in - 1]: the
    border's own value is repeated there."""
    return points(n_in, n_out) if align_corners else areas(n_in, n_out)


def clamped_below_only(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Below 0 you clamp, but the last output pixels still look beyond the last input pixel. The last of n_in pixels has the
    number n_in - 1."""
    return not_clamped(n_in, n_out, align_corners).clamp(min=0)


def last_corner_not_reached(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True the last output pixel, n_out - 1, has to look at n_in - 1. There are n_out pixels, but one step
    fewer from the first to the last."""
    source = pixels(n_out) * (n_in - 1) / n_out if align_corners else areas(n_in, n_out)
    return source.clamp(0, n_in - 1)


def last_corner_passed(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True your last pixel looks at n_in, one beyond the last. Between n_in pixels there is one
    step fewer, too: 1 comes off n_in as well as off n_out."""
    return pixels(n_out) * n_in / (n_out - 1) if align_corners else _areas(n_in, n_out)


def sizes_instead_of_steps(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True you divide the sizes, n_in / n_out. Between the corner pixels' centres there is one step fewer
    than there are pixels, in the input and in the output."""
    source = pixels(n_out) * n_in / n_out if align_corners else areas(n_in, n_out)
    return source.clamp(0, n_in - 1)


def sizes_instead_of_steps_and_no_clamp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True you divide the sizes, n_in / n_out, so that the last pixel does not look at n_in - 1. Count the
    steps between the pixels instead of the pixels, in the input and in the output."""
    return pixels(n_out) * n_in / n_out if align_corners else _areas(n_in, n_out)


def whole_steps_for_points(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True your coordinates are whole: `//` cuts the fraction off, and the fraction is what the two
    neighbours are mixed by."""
    return points(n_in, n_out).floor() if align_corners else _areas(n_in, n_out)


def step_cut_to_a_whole_number(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True you divide by `//`, which makes a step 0 or 1 or 2. Steps between old pixels have fractions:
    `/`."""
    return pixels(n_out) * ((n_in - 1) // (n_out - 1)) if align_corners else _areas(n_in, n_out)


def ratio_of_areas_inverted(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=False your ratio is upside down. In twice as many output pixels each is half an input pixel wide: is
    that n_out / n_in?"""
    inverted = (pixels(n_out) + 0.5) * n_out / n_in - 0.5
    return points(n_in, n_out) if align_corners else inverted.clamp(0, n_in - 1)


def ratio_of_points_inverted(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """For align_corners=True your ratio is upside down: the last output pixel, n_out - 1, has to come out at n_in - 1."""
    return pixels(n_out) * (n_out - 1) / (n_in - 1) if align_corners else _areas(n_in, n_out)


def ratio_inverted(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Both your ratios are upside down: in twice as many output pixels a step is half an input pixel, n_in / n_out."""
    return (ratio_of_points_inverted if align_corners else ratio_of_areas_inverted)(n_in, n_out, align_corners)


def rounded_down(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Your coordinates are whole numbers. The fraction is wanted: it says how the two neighbours are mixed."""
    return not_clamped(n_in, n_out, align_corners).clamp(0, n_in - 1).floor()


def rounded_to_the_nearest(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """You round the coordinates: that is where nearest-neighbour looks. Bilinear needs the fraction, to mix two
    neighbours by it."""
    return (points(n_in, n_out) if align_corners else _areas(n_in, n_out)).round()


KNOWN = [
    rules_swapped,
    always_half_pixel,
    always_corners,
    no_half_pixel,
    no_half_pixel_and_no_clamp,
    half_pixel_not_taken_off,
    half_pixel_not_taken_off_and_no_clamp,
    half_pixel_not_scaled,
    half_pixels_of_the_wrong_sign,
    half_pixel_of_the_input_added,
    half_pixel_for_points_too,
    not_clamped,
    clamped_below_only,
    last_corner_not_reached,
    last_corner_passed,
    sizes_instead_of_steps,
    sizes_instead_of_steps_and_no_clamp,
    whole_steps_for_points,
    step_cut_to_a_whole_number,
    ratio_of_areas_inverted,
    ratio_of_points_inverted,
    ratio_inverted,
    rounded_down,
    rounded_to_the_nearest,
]
