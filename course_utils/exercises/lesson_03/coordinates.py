"""Where the pixels of a resized map look, by the rule of points and by that of areas."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between, two_sizes
from course_utils.exercises.slips import read_slips


def source_coordinates(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """Where the pixels 0, 1, … of n_out ≥ 2 output pixels look in n_in input pixels, by PyTorch's two rules, clamped to
    [0, n_in - 1]: (n_out,) float64. The number j stands for the centre of input pixel j."""
    pixel = torch.arange(n_out, dtype=torch.float64)
    if align_corners:
        source = pixel * (n_in - 1) / (n_out - 1)
    else:
        source = (pixel + 0.5) * n_in / n_out - 0.5
    return source.clamp(0, n_in - 1)


def _coordinates_by_a_ramp(n_in: int, n_out: int, align_corners: bool) -> Tensor:
    """The ramp 0, 1, 2, … has the value j at pixel j: interpolated, it is the coordinates themselves."""
    ramp = torch.arange(n_in, dtype=torch.float64)[None, None]
    return F.interpolate(ramp, n_out, mode="linear", align_corners=align_corners)[0, 0]


def _sizes_and_rule(generator: torch.Generator) -> tuple[int, int, bool]:
    return *two_sizes(generator), bool(between(generator, 0, 1))


SLIPS = read_slips("""
rules_swapped
    Your two rules are swapped: with align_corners=True the first output pixel looks at pixel 0 and the last at n_in -
    1; the half pixel belongs to align_corners=False.
    - if align_corners
    + if not align_corners

always_half_pixel
    align_corners changes nothing in yours: align_corners=False is right, align_corners=True needs a rule of its own.
    - pixel * (n_in - 1) / (n_out - 1)
    + (pixel + 0.5) * n_in / n_out - 0.5

always_corners
    align_corners changes nothing in yours: align_corners=True is right, align_corners=False needs a rule of its own.
    - (pixel + 0.5) * n_in / n_out - 0.5
    + pixel * (n_in - 1) / (n_out - 1)

no_half_pixel
    For align_corners=False the half pixel is missing: i · n_in / n_out is a rule for the left edges of the pixels, but
    it is their centres that look.
    - (pixel + 0.5) * n_in / n_out - 0.5
    + pixel * n_in / n_out

half_pixel_not_taken_off
    For align_corners=False you add the half pixel, but do not take it off again: it is half a pixel of the output that
    is added, and half a pixel of the input that has to come off.
    - n_out - 0.5
    + n_out

half_pixel_not_scaled
    For align_corners=False you scale first and shift then. Add the half pixel of the output before scaling, take the
    half pixel of the input off after it: the two are not of one size.
    - (pixel + 0.5)
    + pixel

half_pixels_of_the_wrong_sign
    For align_corners=False the half pixels have the wrong signs. The centre of output pixel i lies half an output pixel
    to the right of its left edge, so that one is added; the input's is taken off.
    - (pixel + 0.5) * n_in / n_out - 0.5
    + (pixel - 0.5) * n_in / n_out + 0.5

half_pixel_of_the_input_added
    For align_corners=False you add both half pixels. The output's is added, to come to the centre; the input's is taken
    off, because the centre of input pixel 0, at ½, has the number 0.
    - n_out - 0.5
    + n_out + 0.5

half_pixel_for_points_too
    For align_corners=True you add half a pixel as well. There pixels are points: the first looks at the first, number 0
    at number 0, and nothing has to be shifted.
    - pixel * (n_in - 1) / (n_out - 1)
    + (pixel + 0.5) * (n_in - 1) / (n_out - 1) - 0.5

not_clamped
    Nothing keeps the first and the last output pixels from looking outside the input. Clamp to [0, n_in - 1]: the
    border's own value is repeated there.
    - .clamp(0, n_in - 1)
    +

one_number_is_the_least
    `clamp` takes one number for the least that is allowed: none of your pixels looks at less than n_in - 1. Give it
    both ends.
    - .clamp(0, n_in - 1)
    + .clamp(n_in - 1)

clamped_below_only
    Below 0 you clamp, but the last output pixels still look beyond the last input pixel. The last of n_in pixels has
    the number n_in - 1.
    - clamp(0, n_in - 1)
    + clamp(min=0)

clamped_above_only
    Above n_in - 1 you clamp, but the first output pixels still look at numbers below 0. The first of n_in pixels has
    the number 0.
    - clamp(0, n_in - 1)
    + clamp(max=n_in - 1)

counted_from_one
    You count the output pixels from 1, so that all of them look too far to the right. The first has the number 0.
    - torch.arange(n_out
    + torch.arange(1, n_out + 1

last_corner_not_reached
    For align_corners=True the last output pixel, n_out - 1, has to look at n_in - 1. There are n_out pixels, but one
    step fewer from the first to the last.
    - (n_out - 1)
    + n_out

last_corner_passed
    For align_corners=True your last pixel looks at n_in, one beyond the last. Between n_in pixels there is one step
    fewer, too: 1 comes off n_in as well as off n_out.
    - source = pixel * (n_in - 1) / (n_out - 1)
    + return pixel * n_in / (n_out - 1)

last_corner_reached_too_early
    For align_corners=True your steps are too long, and only the clamp keeps the last pixels inside. Between n_in pixels
    there is one step fewer, too: 1 comes off n_in as well as off n_out.
    - pixel * (n_in - 1) / (n_out - 1)
    + pixel * n_in / (n_out - 1)

sizes_instead_of_steps
    For align_corners=True you divide the sizes, n_in / n_out. Between the corner pixels' centres there is one step
    fewer than there are pixels, in the input and in the output.
    - pixel * (n_in - 1) / (n_out - 1)
    + pixel * n_in / n_out

sizes_instead_of_steps_and_no_clamp
    For align_corners=True you divide the sizes, n_in / n_out, so that the last pixel does not look at n_in - 1. Count
    the steps between the pixels instead of the pixels, in the input and in the output.
    - source = pixel * (n_in - 1) / (n_out - 1)
    + return pixel * n_in / n_out

whole_steps_for_points
    For align_corners=True your coordinates are whole: `//` cuts the fraction off, and the fraction is what the two
    neighbours are mixed by.
    - / (n_out - 1)
    + // (n_out - 1)

step_cut_to_a_whole_number
    For align_corners=True you divide by `//`, which makes a step 0 or 1 or 2. Steps between old pixels have fractions:
    `/`.
    - pixel * (n_in - 1) / (n_out - 1)
    + pixel * ((n_in - 1) // (n_out - 1))

ratio_of_areas_inverted
    For align_corners=False your ratio is upside down. In twice as many output pixels each is half an input pixel wide:
    is that n_out / n_in?
    - n_in / n_out
    + n_out / n_in

ratio_of_points_inverted
    For align_corners=True your ratio is upside down: the last output pixel, n_out - 1, has to come out at n_in - 1.
    - source = pixel * (n_in - 1) / (n_out - 1)
    + return pixel * (n_out - 1) / (n_in - 1)

ratio_of_points_inverted_and_clamped
    For align_corners=True your ratio is upside down, and only the clamp keeps the pixels inside: the last output pixel,
    n_out - 1, has to come out at n_in - 1 by itself.
    - pixel * (n_in - 1) / (n_out - 1)
    + pixel * (n_out - 1) / (n_in - 1)

rounded_down
    Your coordinates are whole numbers. The fraction is wanted: it says how the two neighbours are mixed.
    - .clamp(0, n_in - 1)
    + .clamp(0, n_in - 1).floor()

rounded_to_the_nearest
    You round the coordinates: that is where nearest-neighbour looks. Bilinear needs the fraction, to mix two neighbours
    by it.
    - .clamp(0, n_in - 1)
    + .clamp(0, n_in - 1).round()
""")


source_coordinates = Exercise(
    "source_coordinates",
    source_coordinates,
    # For both rules: larger and smaller, even and odd.
    [
        (2, 4, False),
        (2, 4, True),
        (3, 7, False),
        (3, 7, True),
        (7, 3, False),
        (7, 3, True),
        (4, 9, False),
        (6, 5, True),
        (1, 3, False),
        (1, 2, True),
    ],
    SLIPS,
    [
        "Pixels as points (align_corners=True): the first looks at the first, the last at the last. How long is one step?",
        "Pixels as areas (False): the two rows of pixels cover the same interval. Where is the centre of output pixel i, "
        "measured from the left edge, in output pixels? In input pixels?",
        "(i + ½) · n_in / n_out is measured from the edge; the centre of input pixel 0 lies at ½ there, but has the number 0. "
        "`clamp` keeps the first and the last inside.",
    ],
    reference=_coordinates_by_a_ramp,
    common_errors={
        "'range' and": "`torch.arange(n_out)` can be computed with, `range(n_out)` cannot.",
        "invalid combination of arguments": "Say the type by its name: `torch.arange(n_out, dtype=torch.float64)`.",
    },
    draw=_sizes_and_rule,
    library=("interpolate", "interp"),
    unaffected={"no pixel looks at a number below 0": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=8,
)
