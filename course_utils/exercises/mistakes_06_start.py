"""What people get wrong in lesson 06 about transposed convolutions that begin bilinearly: each docstring says what."""

import torch
from torch import Tensor, nn

from course_utils.exercises import mistakes_04_bilinear as tents
from course_utils.ops.convmatrix import bilinear_kernel


def _on_the_diagonal(num_classes: int, kernel: Tensor) -> Tensor:
    return torch.eye(num_classes)[:, :, None, None] * kernel


def all_pairs(num_classes: int, factor: int) -> Tensor:
    """Your kernel stands at every pair of classes: each class of the output is then the sum of all of them, and they come out
    alike. A class begins with its own scores alone: which of the pairs have to be zero?"""
    return bilinear_kernel(factor).repeat(num_classes, num_classes, 1, 1)


def all_pairs_averaged(num_classes: int, factor: int) -> Tensor:
    """Your kernel stands at every pair of classes, divided by their number: each class of the output begins as the mean of all
    classes, and they come out alike. A class begins with its own scores alone."""
    return all_pairs(num_classes, factor) / num_classes


def one_kernel_for_each_class(num_classes: int, factor: int) -> Tensor:
    """This is the weight of a convolution with `groups=num_classes`: one kernel for each class. Without groups there is one for
    each pair, (K, K, k, k), and the classes are kept apart by the zeros in it."""
    return bilinear_kernel(factor).repeat(num_classes, 1, 1, 1)


def to_the_first_class(num_classes: int, factor: int) -> Tensor:
    """Every class writes into the first one, and the others stay empty. Class c writes into class c."""
    weight = torch.zeros(num_classes, num_classes, *bilinear_kernel(factor).shape)
    weight[:, 0] = bilinear_kernel(factor)
    return weight


def from_the_first_class(num_classes: int, factor: int) -> Tensor:
    """The first class writes into all, and the others write nowhere. Class c writes into class c."""
    return to_the_first_class(num_classes, factor).transpose(0, 1)


def zeros_on_the_diagonal(num_classes: int, factor: int) -> Tensor:
    """The other way round: your kernel stands where the classes differ, and where they are the same there is zero."""
    return all_pairs(num_classes, factor) - _on_the_diagonal(num_classes, bilinear_kernel(factor))


def one_tap(num_classes: int, factor: int) -> Tensor:
    """Each of your kernels has one tap, so that a score is put on one pixel, and the others stay zero: a bed of nails (lesson
    03). `nn.init.dirac_` is for convolutions that keep a size; between the old pixels a tent is needed."""
    kernel = torch.zeros_like(bilinear_kernel(factor))
    return nn.init.dirac_(kernel.repeat(num_classes, num_classes, 1, 1))


def sums_to_one(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but your kernel sums to 1, which is right for a blur. Here only every f-th tap along each axis
    meets in a pixel, and it is those few that have to sum to 1: your scores come out f² times too small."""
    return _on_the_diagonal(num_classes, tents.sums_to_one(factor))


def same_in_all_rows(num_classes: int, factor: int) -> Tensor:
    """All rows of your kernel are alike: a tent of one axis was written into two, and PyTorch repeats it. Each weight is the
    product of two tents, one for its row and one for its column."""
    return _on_the_diagonal(num_classes, tents.one_axis_only(factor).expand(bilinear_kernel(factor).shape))


def tents_averaged(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but you average the two tents. Bilinear means linear along one axis, then along the other:
    the weights are multiplied, and a corner is far in both."""
    return _on_the_diagonal(num_classes, tents.tents_averaged(factor))


def all_ones(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but all taps are 1: neighbours are added up, near or far. Bilinear weights fall with the
    distance from the kernel's centre."""
    return _on_the_diagonal(num_classes, tents.all_ones(factor))


def centre_too_far_right(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an even factor the peak is half a pixel too far to the right: an even number of taps
    has its centre between two of them. Where is the middle of 0, 1, 2, 3?"""
    return _on_the_diagonal(num_classes, tents.centre_too_far_right(factor))


def centre_too_far_left(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an even factor the peak is half a pixel too far to the left: an even number of taps
    has its centre between two of them. Where is the middle of 0, 1, 2, 3?"""
    return _on_the_diagonal(num_classes, tents.centre_too_far_left(factor))


def centre_at_half_the_size(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but the peak is half a pixel too far to the right: taps are counted from 0, so that k / 2 lies
    beyond the middle. Where is the middle of 0, 1, 2, and of 0, 1, 2, 3?"""
    return _on_the_diagonal(num_classes, tents.centre_at_half_the_size(factor))


def centre_between_taps(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an odd factor your kernel is not symmetric: it has an odd number of taps, and the
    middle one is the centre."""
    return _on_the_diagonal(num_classes, tents.centre_between_taps(factor))


def zero_at_the_edge(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but your tent is 0 at the first and last tap, which are wasted so. It falls to 0 at the
    distance f from the centre, and that is outside of the kernel."""
    return _on_the_diagonal(num_classes, tents.zero_at_the_edge(factor))


def divided_by_half_the_size(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an odd factor your tent falls to 0 at the distance k / 2, which is half a pixel less
    than f. It should reach 0 at the next old pixel, f new ones away."""
    return _on_the_diagonal(num_classes, tents.divided_by_half_the_size(factor))


def divided_by_the_size(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but your tent falls to 0 only at the distance k. It should reach 0 at the next old pixel, f
    new ones away."""
    return _on_the_diagonal(num_classes, tents.divided_by_the_size(factor))


def always_even_size(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an odd factor your kernel has a tap too many: k = 2f - f % 2 is odd then, so that its
    middle falls on a pixel."""
    return _on_the_diagonal(num_classes, tents.always_even_size(factor))


def always_odd_size(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an even factor your kernel has a tap too few: k = 2f - f % 2 is even then, so that its
    middle falls between two pixels."""
    return _on_the_diagonal(num_classes, tents.always_odd_size(factor))


def divided_by_the_factor(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but you divided the kernel by f. It needs no factor: tents fall from 1, and the taps that
    meet in a pixel sum to 1 already."""
    return _on_the_diagonal(num_classes, bilinear_kernel(factor) / factor)


def peak_is_one(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but for an even factor you have scaled the kernel until its largest weight is 1. The tent is
    1 in its middle, and there is no tap there: the nearest are half a pixel away."""
    return _on_the_diagonal(num_classes, tents.peak_is_one(factor))


def not_divided_by_the_factor(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but each tent begins at f, so that scores come out f² times too large. It falls from 1 to 0
    over f pixels: the distance is divided by f."""
    return _on_the_diagonal(num_classes, bilinear_kernel(factor) * factor**2)


def falls_within_a_pixel(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but your tent falls to 0 within one new pixel, and is negative beyond. It has to reach to
    the next old pixel, which is f new pixels away."""
    return _on_the_diagonal(num_classes, tents.not_divided_by_the_factor(factor))


def round_tent(num_classes: int, factor: int) -> Tensor:
    """The classes are kept apart, but your tent is round: it falls with the distance in the plane. Bilinear means linear along
    one axis, then along the other: the weights are multiplied."""
    return _on_the_diagonal(num_classes, tents.round_tent_above_zero(factor))


def always_factor_two(num_classes: int, factor: int) -> Tensor:
    """This is the kernel for a factor of 2, whatever the factor is. The check asks for other factors: size, centre and slope
    all depend on it."""
    return _on_the_diagonal(num_classes, tents.always_factor_two(factor))


def first_class_only(num_classes: int, factor: int) -> Tensor:
    """Only the first class has a kernel, and the others stay empty. Each class c writes into class c: there are K such pairs."""
    weight = torch.zeros(num_classes, num_classes, *bilinear_kernel(factor).shape)
    weight[0, 0] = bilinear_kernel(factor)
    return weight


def classes_in_reverse(num_classes: int, factor: int) -> Tensor:
    """Your kernels stand on the other diagonal: the first class writes into the last one. Class c writes into class c."""
    return _on_the_diagonal(num_classes, bilinear_kernel(factor)).flip(1)


def one_axis_only(num_classes: int, factor: int) -> Tensor:
    """Your kernel is one tent, for a signal. A map has two axes: the weight is (K, K, k, k), and each of its numbers is the
    product of two values of the tent."""
    return torch.eye(num_classes)[:, :, None] * tents.one_axis_only(factor)


def without_classes(num_classes: int, factor: int) -> Tensor:
    """This is the kernel for one class. The weight has two axes more, (K, K, k, k): from each class to each, and most pairs
    have nothing to do with each other."""
    return bilinear_kernel(factor)


def classes_last(num_classes: int, factor: int) -> Tensor:
    """The numbers are right, but the axes are (k, k, K, K), as in other libraries. In PyTorch classes come first, (K, K, k,
    k)."""
    return _on_the_diagonal(num_classes, bilinear_kernel(factor)).permute(2, 3, 0, 1)


START = [
    all_pairs,
    all_pairs_averaged,
    one_kernel_for_each_class,
    to_the_first_class,
    from_the_first_class,
    zeros_on_the_diagonal,
    one_tap,
    sums_to_one,
    same_in_all_rows,
    tents_averaged,
    all_ones,
    centre_too_far_right,
    centre_too_far_left,
    centre_at_half_the_size,
    centre_between_taps,
    zero_at_the_edge,
    divided_by_half_the_size,
    divided_by_the_size,
    always_even_size,
    always_odd_size,
    divided_by_the_factor,
    peak_is_one,
    not_divided_by_the_factor,
    falls_within_a_pixel,
    round_tent,
    always_factor_two,
    first_class_only,
    classes_in_reverse,
    one_axis_only,
    without_classes,
    classes_last,
]
