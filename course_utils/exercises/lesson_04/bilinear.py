"""The kernel with which a transposed convolution upsamples bilinearly."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def bilinear_kernel(factor: int) -> Tensor:
    """Kernel (k, k), k = 2f - f % 2, with which a transposed convolution of stride f = `factor` upsamples bilinearly."""
    size = 2 * factor - factor % 2
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    triangle = 1 - distance / factor
    return torch.outer(triangle, triangle)


SLIPS = read_slips("""
centre_too_far_left
    For an even factor your peak is half a pixel too far to the left: a kernel with an even number of taps has its
    centre between two of them, and no tap is 1.
    - (size - 1) / 2
    + (factor - 1)

centre_too_far_right
    For an even factor your peak is half a pixel too far to the right: a kernel with an even number of taps has its
    centre between two of them, and no tap is 1. Taps are counted from 0: where is the middle of 0, 1, 2, 3?
    - (size - 1) / 2
    + size // 2

centre_at_half_the_size
    Your peak is half a pixel too far to the right, and the kernel is not symmetric: k / 2 would be the middle if
    taps were counted from 1/2 on. They are counted from 0: where is the middle of 0, 1, 2, and of 0, 1, 2, 3?
    - (size - 1) / 2
    + size / 2

centre_between_taps
    For an odd factor your kernel is not symmetric: it has an odd number of taps, and the middle one is the centre.
    - (size - 1) / 2
    + (factor - 0.5)

always_even_size
    For an odd factor your kernel has a tap too many, and its middle falls between two. It should fall on a new
    pixel: that takes an odd number of taps.
    - - factor % 2
    +

always_odd_size
    For an even factor your kernel has a tap too few, and its middle falls on one. It should fall between two new
    pixels: that takes an even number of taps.
    - - factor % 2
    + - 1

divided_by_the_size
    Your tent is too wide: it falls to 0 at a distance of k from its centre, and has hardly begun to fall where the
    kernel ends. It should reach 0 at the next old pixel, f new pixels away.
    - / factor
    + / size

divided_by_half_the_size
    For an odd factor your tent is too narrow: it falls to 0 at a distance of k / 2, which is half a pixel less than
    f there. It should reach 0 at the next old pixel, f new pixels away.
    - / factor
    + / (size / 2)

not_divided_by_the_factor
    Your tent falls to 0 within one new pixel, and is negative beyond. It has to reach to the next old pixel, which
    is f new pixels away.
    - / factor
    +

zero_at_the_edge
    Your tent is 0 at the first and last tap, which are wasted so. It falls to 0 at the distance f from the centre,
    and that is outside of the kernel.
    - / factor
    + / ((size - 1) / 2)

distance_with_a_sign
    Yours rises on one side of the centre as it falls on the other, to values above 1: a distance has no sign. A
    tent falls to both sides.
    - .abs()
    +

flat_top
    For an even factor your two middle taps are both 1, as if each were the centre. The centre lies between them,
    half a new pixel from either, and the tent has fallen a little there.
    - .abs()
    + .abs().floor()

peak_is_one
    For an even factor you have scaled the kernel until its largest weight is 1. The tent is 1 in its middle, and
    there is no tap there: the nearest are half a new pixel away.
    - 1 - distance / factor
    + 1 - distance / factor
    + triangle = triangle / triangle.max()

sums_to_one
    Your weights sum to 1, which is right for a blur. Here an output pixel meets only every f-th tap along each
    axis, and it is those few that have to sum to 1.
    - torch.outer(triangle, triangle)
    + torch.outer(triangle, triangle) / factor**2

all_ones
    All your weights are equal: neighbours are added up, near or far. Bilinear weights fall with the distance from
    the centre.
    - torch.outer(triangle, triangle)
    + torch.ones(size, size)

always_factor_two
    This is the kernel for a factor of 2, whatever the factor is. Size, centre and slope all depend on it.
    - size = 2
    + factor = 2
    + size = 2

one_axis_only
    This is the tent along one axis. In two dimensions each weight is the product of two of its values, one for the
    row and one for the column.
    - torch.outer(triangle, triangle)
    + triangle

tents_averaged
    You average the two tents. Bilinear means linear along one axis, then along the other: the weights are
    multiplied, and a corner is far in both.
    - torch.outer(triangle, triangle)
    + (triangle[:, None] + triangle) / 2

tents_added
    You add the two tents. Bilinear means linear along one axis, then along the other: the weights are multiplied,
    and a corner is far in both.
    - torch.outer(triangle, triangle)
    + triangle[:, None] + triangle

pyramid
    You take the smaller of the two tents: a pyramid with flat sides. Bilinear means linear along one axis, then
    along the other: the weights are multiplied.
    - torch.outer(triangle, triangle)
    + torch.minimum(triangle[:, None], triangle)

round_tent
    Your tent is round: it falls with the distance in the plane, and is negative in the corners. Bilinear means
    linear along one axis, then along the other: the weights are multiplied.
    - torch.outer(triangle, triangle)
    + 1 - torch.hypot(distance[:, None], distance) / factor

round_tent_above_zero
    Your tent is round: it falls with the distance in the plane. Bilinear means linear along one axis, then along
    the other: the weights are multiplied, and the tent has four edges.
    - torch.outer(triangle, triangle)
    + (1 - torch.hypot(distance[:, None], distance) / factor).clamp(min=0)
""")


bilinear_kernel = Exercise(
    "bilinear_kernel",
    bilinear_kernel,
    [(2,), (3,), (4,), (5,), (8,)],
    SLIPS,
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
    unaffected={
        "the weights lie between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"]
    },
    difficulty=2,
    minutes=10,
)
