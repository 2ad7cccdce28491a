"""A transposed convolution that begins as bilinear upsampling."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.ops import convmatrix


def bilinear_start(num_classes: int, factor: int) -> Tensor:
    """Weight (K, K, k, k) of an `nn.ConvTranspose2d` of stride f = `factor` without groups that begins as bilinear upsampling of
    each of the K = `num_classes` classes, k = 2f - f % 2."""
    size = 2 * factor - factor % 2
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    tent = 1 - distance / factor
    kernel = torch.outer(tent, tent)
    return torch.eye(num_classes)[:, :, None, None] * kernel


SLIPS = read_slips("""
all_pairs
    Your kernel stands at every pair of classes: each class of the output is then the sum of all of them, and they
    come out alike. A class begins with its own scores alone: which of the pairs have to be zero?
    - torch.eye(num_classes)
    + torch.ones(num_classes, num_classes)

all_pairs_averaged
    Your kernel stands at every pair of classes, divided by their number: each class of the output begins as the
    mean of all classes, and they come out alike. A class begins with its own scores alone.
    - torch.eye(num_classes)[:, :, None, None] * kernel
    + torch.ones(num_classes, num_classes, 1, 1) * kernel / num_classes

one_kernel_for_each_class
    This is the weight of a convolution with `groups=num_classes`: one kernel for each class. Without groups there
    is one for each pair, (K, K, k, k), and the classes are kept apart by the zeros in it.
    - torch.eye(num_classes)[:, :, None, None] * kernel
    + kernel.repeat(num_classes, 1, 1, 1)

to_the_first_class
    Every class writes into the first one, and the others stay empty. Class c writes into class c.
    - return torch.eye(num_classes)[:, :, None, None] * kernel
    + weight = torch.zeros(num_classes, num_classes, size, size)
    + weight[:, 0] = kernel
    + return weight

from_the_first_class
    The first class writes into all, and the others write nowhere. Class c writes into class c.
    - return torch.eye(num_classes)[:, :, None, None] * kernel
    + weight = torch.zeros(num_classes, num_classes, size, size)
    + weight[0] = kernel
    + return weight

rest_left_at_random
    Your kernel stands where it should, but where the classes differ the weights are still those that PyTorch began
    with, at random: every class gets noise from all others. Begin with zeros.
    - return torch.eye(num_classes)[:, :, None, None] * kernel
    + layer = torch.nn.ConvTranspose2d(num_classes, num_classes, size, stride=factor, bias=False)
    + for c in range(num_classes):
    +     layer.weight.data[c, c] = kernel
    + return layer.weight.data

zeros_on_the_diagonal
    The other way round: your kernel stands where the classes differ, and where they are the same there is zero.
    - torch.eye(num_classes)
    + (1 - torch.eye(num_classes))

one_tap
    Each of your kernels has one tap, so that a score is put on one pixel, and the others stay zero: a bed of nails
    (lesson 03). `nn.init.dirac_` is for convolutions that keep a size; between the old pixels a tent is needed.
    - torch.eye(num_classes)[:, :, None, None] * kernel
    + torch.nn.init.dirac_(torch.zeros(num_classes, num_classes, size, size))

sums_to_one
    The classes are kept apart, but your kernel sums to 1, which is right for a blur. Here only every f-th tap along
    each axis meets in a pixel, and it is those few that have to sum to 1: your scores come out f² times too small.
    - torch.outer(tent, tent)
    + torch.outer(tent, tent) / factor**2

same_in_all_rows
    All rows of your kernel are alike: a tent of one axis was written into two, and PyTorch repeats it. Each weight
    is the product of two tents, one for its row and one for its column.
    - torch.outer(tent, tent)
    + tent.expand(size, size)

tents_averaged
    The classes are kept apart, but you average the two tents. Bilinear means linear along one axis, then along the
    other: the weights are multiplied, and a corner is far in both.
    - torch.outer(tent, tent)
    + (tent[:, None] + tent) / 2

tents_added
    The classes are kept apart, but you add the two tents. Bilinear means linear along one axis, then along the
    other: the weights are multiplied, and a corner is far in both.
    - torch.outer(tent, tent)
    + tent[:, None] + tent

all_ones
    The classes are kept apart, but all taps are 1: neighbours are added up, near or far. Bilinear weights fall with
    the distance from the kernel's centre.
    - torch.outer(tent, tent)
    + torch.ones(size, size)

distance_with_a_sign
    The classes are kept apart, but your tent rises on one side of the centre as it falls on the other, to values
    above 1: a distance has no sign. A tent falls to both sides.
    - (torch.arange(size) - (size - 1) / 2).abs()
    + torch.arange(size) - (size - 1) / 2

centre_too_far_right
    The classes are kept apart, but for an even factor the peak is half a pixel too far to the right: an even number
    of taps has its centre between two of them. Where is the middle of 0, 1, 2, 3?
    - (size - 1) / 2
    + size // 2

centre_too_far_left
    The classes are kept apart, but for an even factor the peak is half a pixel too far to the left: an even number
    of taps has its centre between two of them. Where is the middle of 0, 1, 2, 3?
    - (size - 1) / 2
    + (size - 1) // 2

centre_at_half_the_size
    The classes are kept apart, but the peak is half a pixel too far to the right: taps are counted from 0, so that
    k / 2 lies beyond the middle. Where is the middle of 0, 1, 2, and of 0, 1, 2, 3?
    - (size - 1) / 2
    + size / 2

centre_between_taps
    The classes are kept apart, but for an odd factor your kernel is not symmetric: it has an odd number of taps,
    and the middle one is the centre.
    - (size - 1) / 2
    + (factor - 0.5)

zero_at_the_edge
    The classes are kept apart, but your tent is 0 at the first and last tap, which are wasted so. It falls to 0 at
    the distance f from the centre, and that is outside of the kernel.
    - distance / factor
    + distance / ((size - 1) / 2)

divided_by_half_the_size
    The classes are kept apart, but for an odd factor your tent falls to 0 at the distance k / 2, which is half a
    pixel less than f. It should reach 0 at the next old pixel, f new ones away.
    - distance / factor
    + distance / (size / 2)

divided_by_the_size
    The classes are kept apart, but your tent falls to 0 only at the distance k. It should reach 0 at the next old
    pixel, f new ones away.
    - distance / factor
    + distance / size

always_even_size
    The classes are kept apart, but for an odd factor your kernel has a tap too many: k = 2f - f % 2 is odd then, so
    that its middle falls on a pixel.
    - 2 * factor - factor % 2
    + 2 * factor

always_odd_size
    The classes are kept apart, but for an even factor your kernel has a tap too few: k = 2f - f % 2 is even then,
    so that its middle falls between two pixels.
    - factor % 2
    + 1

divided_by_the_factor
    The classes are kept apart, but you divided the kernel by f. It needs no factor: tents fall from 1, and the taps
    that meet in a pixel sum to 1 already.
    - torch.outer(tent, tent)
    + torch.outer(tent, tent) / factor

peak_is_one
    The classes are kept apart, but for an even factor you have scaled the kernel until its largest weight is 1. The
    tent is 1 in its middle, and there is no tap there: the nearest are half a pixel away.
    - * kernel
    + * kernel / kernel.max()

not_divided_by_the_factor
    The classes are kept apart, but each tent begins at f, so that scores come out f² times too large. It falls from
    1 to 0 over f pixels: the distance is divided by f.
    - 1 - distance / factor
    + factor - distance

falls_within_a_pixel
    The classes are kept apart, but your tent falls to 0 within one new pixel, and is negative beyond. It has to
    reach to the next old pixel, which is f new pixels away.
    - distance / factor
    + distance

round_tent
    The classes are kept apart, but your tent is round: it falls with the distance in the plane. Bilinear means
    linear along one axis, then along the other: the weights are multiplied.
    - torch.outer(tent, tent)
    + (1 - torch.hypot(distance[:, None], distance) / factor).clamp(min=0)

always_factor_two
    This is the kernel for a factor of 2, whatever the factor is. The check asks for other factors: size, centre and
    slope all depend on it.
    - size = 2 * factor
    + factor = 2
    + size = 2 * factor

first_class_only
    Only the first class has a kernel, and the others stay empty. Each class c writes into class c: there are K such
    pairs.
    - return torch.eye(num_classes)[:, :, None, None] * kernel
    + weight = torch.zeros(num_classes, num_classes, size, size)
    + weight[0, 0] = kernel
    + return weight

classes_in_reverse
    Your kernels stand on the other diagonal: the first class writes into the last one. Class c writes into class c.
    - torch.eye(num_classes)
    + torch.eye(num_classes).flip(1)

one_axis_only
    Your kernel is one tent, for a signal. A map has two axes: the weight is (K, K, k, k), and each of its numbers
    is the product of two values of the tent.
    - [:, :, None, None] * kernel
    + [:, :, None] * tent

without_classes
    This is the kernel for one class. The weight has two axes more, (K, K, k, k): from each class to each, and most
    pairs have nothing to do with each other.
    - torch.eye(num_classes)[:, :, None, None] * kernel
    + kernel

classes_last
    The numbers are right, but the axes are (k, k, K, K), as in other libraries. In PyTorch classes come first, (K,
    K, k, k).
    - [:, :, None, None] * kernel
    +  * kernel[:, :, None, None]
""")


bilinear_start = Exercise(
    "bilinear_start",
    bilinear_start,
    [(3, 2), (2, 3), (4, 4), (1, 5)],
    SLIPS,
    [
        "weight[a, b] is the kernel with which class a writes into class b. Which pairs of classes should have to do with each "
        "other at the beginning?",
        "Begin with zeros, (K, K, k, k), and put the kernel of lesson 04 on the pairs (c, c).",
        "`weight[c, c] = torch.outer(tent, tent)` for each class c, with tent[i] = 1 - |i - (k - 1) / 2| / f.",
    ],
    reference=lambda num_classes, factor: torch.einsum(
        "ab, yx -> abyx", torch.eye(num_classes), convmatrix.bilinear_kernel(factor)
    ),
    unaffected={
        "bilinear weights lie between 0 and 1": ["absolute result", "nothing below 0 result", "nothing above 1 result"],
    },
    common_errors={
        "for -: 'range' and": "`range` cannot be computed with; `torch.arange(k)` gives the same numbers as a tensor.",
        "Expected 1-D": "`torch.outer` takes two vectors: one tent along each axis.",
        "expanded size of the tensor": "The kernel is (k, k) with k = 2 * factor - factor % 2, and so is each weight[c, c].",
        "must match the size of tensor": "To multiply (K, K) by (k, k) for each pair, add two axes: `[:, :, None, None]`.",
    },
    difficulty=2,
    minutes=8,
)
