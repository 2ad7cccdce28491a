"""Atrous convolution of a row of pixels, from its definition."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants


def atrous_row(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Atrous convolution of a row x (N,) by a kernel w (k,), with an odd k: y[i] = Σ x[i + rate · κ] w[κ]. κ is 0 at the
    kernel's centre and negative to the left of it; outside the row x is 0. Result: y (N,)."""
    half = len(weight) // 2
    padded = F.pad(row, (rate * half, rate * half))
    result = torch.zeros_like(row)
    for tap, factor in enumerate(weight):
        result = result + factor * padded[rate * tap : rate * tap + len(row)]
    return result


def _by_the_library(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    padding = rate * (len(weight) // 2)
    return F.conv1d(row[None, None], weight[None, None], padding=padding, dilation=rate)[0, 0]


def _draw_row(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    size, half, rate = (int(torch.randint(*bounds, (), generator=generator)) for bounds in ((5, 12), (1, 3), (2, 5)))
    row, weight = (torch.randint(-39, 40, (n,), generator=generator).double() / 4 for n in (size, 2 * half + 1))
    return row, weight, rate


def _tap_by_tap(row: Tensor, weight: Tensor, rate: int, *, taps: range, from_the_end: bool = False) -> Tensor:
    """The sum over κ in `taps`, with weight κ + k // 2 for each."""
    result = torch.zeros_like(row)
    for i in range(len(row)):
        for kappa in taps:
            place = i + rate * kappa
            if (-len(row) if from_the_end else 0) <= place < len(row):
                result[i] += row[place] * weight[kappa + len(weight) // 2]
    return result


def _until_it_raises(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    half = len(weight) // 2
    return _tap_by_tap(row, weight, rate, taps=range(-half, half + 1), from_the_end=True)


@with_variants(_until_it_raises)
def read_from_the_end(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Beyond the right end you read 0, but before the first pixel Python counts from the end: x[-1] is the last one. There x is
    0 as well."""
    half, result = len(weight) // 2, torch.zeros_like(row)
    for i in range(len(row)):
        for kappa in range(-half, half + 1):
            if i + rate * kappa < len(row):
                result[i] += row[i + rate * kappa] * weight[half + kappa]
    return result


def _first_three(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    padded = F.pad(row, (rate, rate))
    return sum(weight[tap] * padded[rate * tap : rate * tap + len(row)] for tap in range(3))


@with_variants(_first_three)
def three_taps(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """You take three taps, whatever the kernel has. Its length k is odd, and may be 1 or 7: go through all k weights."""
    return _tap_by_tap(row, weight, rate, taps=range(-1, 2))


def _mean_of_the_taps(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    return _by_the_library(row, weight, rate) / _by_the_library(torch.ones_like(row), torch.ones_like(weight), rate)


@with_variants(lambda row, weight, rate: _mean_of_the_taps(row, weight, rate) * len(weight))
def divided_by_the_taps_inside(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """You divide by the number of taps that fall inside. Do not make the sum larger because some taps are outside: x is 0 there,
    and that is what these taps read."""
    return _mean_of_the_taps(row, weight, rate)


@with_variants(lambda row, weight, rate: _padded_by_numpy(row, weight, rate, "symmetric"))
def reflected(row: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Outside you read the row once more, mirrored at its ends. There x is 0."""
    return _padded_by_numpy(row, weight, rate, "reflect")


def _padded_by_numpy(row: Tensor, weight: Tensor, rate: int, mode: Any) -> Tensor:
    reach = rate * (len(weight) // 2)
    padded = torch.from_numpy(np.pad(row.numpy(), reach, mode=mode))
    return F.conv1d(padded[None, None], weight[None, None], dilation=rate)[0, 0]


SLIPS = read_slips("""
flipped
    Your kernel is flipped, as in the convolution of mathematics. Here the first weight belongs to the leftmost pixel, as
    in PyTorch.
    - enumerate(weight)
    + enumerate(weight.flip(0))

to_the_right_only
    Your kernel begins at the pixel i and reads only to the right. Its centre belongs there: half of its taps are to the
    left of i.
    - (rate * half, rate * half)
    + (0, 2 * rate * half)

to_the_left_only
    Your kernel ends at the pixel i and reads only to the left. Its centre belongs there: half of its taps are to the
    right of i.
    - (rate * half, rate * half)
    + (2 * rate * half, 0)

rate_as_stride
    You use the rate as a stride: you compute every second or third output of an ordinary convolution. The rate moves the
    *taps* apart; there is an output for each pixel.
    - (rate * half, rate * half)
    + (half, half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[tap : tap + len(row)]
    - return result
    + return result[::rate]

rate_ignored
    The rate plays no part: you read direct neighbours. From one tap to the next it is `rate` pixels.
    - (rate * half, rate * half)
    + (half, half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[tap : tap + len(row)]

rate_times_the_place
    You multiply the place i by the rate as well: x[rate · (i + κ)]. Only the way from the centre is stretched, i itself is
    not.
    - (rate * half, rate * half)
    + (rate * half, rate * (half + len(row)))
    - padded[rate * tap : rate * tap + len(row)]
    + padded[rate * tap :: rate][: len(row)]

no_zeros
    Your row is shorter: you leave out the places where a tap falls outside. There x is 0, and there is an output for each
    pixel.
    - F.pad(row, (rate * half, rate * half))
    + row
    - torch.zeros_like(row)
    + row.new_zeros(max(len(row) - 2 * rate * half, 0))
    - padded[rate * tap : rate * tap + len(row)]
    + padded[rate * tap : rate * tap + len(result)]

wrapped_round
    Outside you go on at the other end of the row. There x is 0.
    - F.pad(row, (rate * half, rate * half))
    + row[torch.arange(-rate * half, len(row) + rate * half) % len(row)]

edge_repeated
    Outside you read the pixel at the border once more. There x is 0.
    - F.pad(row, (rate * half, rate * half))
    + row[torch.arange(-rate * half, len(row) + rate * half).clamp(0, len(row) - 1)]

rate_as_holes
    Your taps are rate + 1 pixels apart. The rate is the distance from one tap to the next: at rate 2 there is one pixel
    between them.
    - (rate * half, rate * half)
    + ((rate + 1) * half, (rate + 1) * half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[(rate + 1) * tap : (rate + 1) * tap + len(row)]

holes_as_rate
    Your taps are rate - 1 pixels apart, so that at rate 1 they all fall on one pixel. rate - 1 is the number of pixels
    *between* two taps; the distance is the rate.
    - (rate * half, rate * half)
    + ((rate - 1) * half, (rate - 1) * half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[(rate - 1) * tap : (rate - 1) * tap + len(row)]

zeros_behind_the_last
    Your kernel sits too far to the left. Zeros stand *between* its weights, and none behind the last one: its reach to
    each side is rate · (k // 2), which is not rate · k // 2.
    - (rate * half, rate * half)
    + (rate * len(weight) // 2, rate * len(weight) // 2)

centre_counted_as_the_first
    You write `weight[κ]`, and κ begins below 0: there Python counts from the end. The formula numbers the weights from the
    centre, Python from the first one; between the two lies k // 2.
    - enumerate(weight)
    + enumerate(weight.roll(half))

without_the_last_tap
    Your last tap is missing: a `range` leaves out the number that it ends with.
    - enumerate(weight)
    + enumerate(weight[:-1])

always_rate_2
    Your taps are 2 pixels apart, whatever was given. How far it is from one to the next is what `rate` says.
    - (rate * half, rate * half)
    + (2 * half, 2 * half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[2 * tap : 2 * tap + len(row)]

begins_at_the_undilated_kernel
    Your first tap is at i - k // 2, where an ordinary kernel begins. With a rate the kernel is wider: its first tap lies rate
    times as far from its centre.
    - (rate * half, rate * half)
    + (half, 2 * rate * half)

rate_times_the_place_alone
    You multiply the place i by the rate, instead of κ: x[rate · i + κ]. The way from the centre is stretched, i itself is
    not.
    - (rate * half, rate * half)
    + (half, rate * len(row) + half)
    - padded[rate * tap : rate * tap + len(row)]
    + padded[tap::rate][: len(row)]

last_tap_only
    Only the last tap is left of your sum: each round is to *add* to the result.
    - result + factor
    + factor
""")

_ROWS = [
    ([3.5, -1.25, 4.0, 2.0], [0.5, 2.25, -1.0], 2),
    ([6.75], [1.5, -2.0, 0.25, 3.0, 8.0, 5.5, -4.0], 1),
    ([2.5, -4.75, 1.0, 7.25, 9.0, -3.0], [1.25, -0.5, 4.0], 7),
    ([0.25, 5.0, -2.5, 3.75, 8.0, -6.0, 1.0, 4.5], [-1.75], 3),
    ([5.25, 1.0, -7.5, 2.75, 10.0, -0.5, 3.0], [-2.0, 0.75, 6.5], 1),
    ([4.0, -8.25, 2.5, 0.75, 11.0, -5.5, 7.0, 1.25, -3.0, 9.5, 6.0], [1.5, -2.25, 0.25, 5.0, -4.0], 3),
]

atrous_row = Exercise(
    "atrous_row",
    atrous_row,
    [(torch.tensor(row).double(), torch.tensor(weight).double(), rate) for row, weight, rate in _ROWS],
    [*SLIPS, read_from_the_end, three_taps, divided_by_the_taps_inside, reflected],
    [
        "Take 4 pixels, 3 weights and rate 2. Which pixels does y[1] read, and by which weights does it multiply them?",
        "The left tap would read x[-1], which is 0, the centre x[1], the right tap x[3]. In `weight` these are the numbers 0, 1 "
        "and 2. Put `rate * (k // 2)` zeros on each side of the row, and no place is outside any more.",
        "Tap number t (0, 1, …) then reads `padded[rate * t : rate * t + N]` for all N places at once. Add these up, each "
        "multiplied by `weight[t]`.",
    ],
    reference=_by_the_library,
    draw=_draw_row,
    common_errors={
        "greater than actual input size": "The row and its zeros are shorter than the kernel spread over them. On each side "
        "there are to be rate · (k // 2) zeros.",
        "out of bounds": "A tap beyond the end reads 0. Ask whether a place is in the row before you read it, or put zeros round "
        "it first.",
        "cannot be interpreted as an integer": "`/` gives a decimal number. Half of a kernel, in whole numbers, is "
        "`len(weight) // 2`.",
        "found element of type float": "`/` gives a decimal number. Half of a kernel, in whole numbers, is `len(weight) // 2`.",
        "Padding size should be less": 'A row that is mirrored at its ends, `mode="reflect"`, is not asked for. Outside x is 0.',
        "non-empty TensorList": "Nothing is left of your row. There is an output for each pixel; outside the row x is 0.",
        "must match the size": "The pieces that you add have different lengths. Each tap reads N pixels, zeros included.",
    },
    library=("dilation", "atrous_conv2d", "atrous_by_phases"),
    unaffected={"the lesson draws with it, and learns nothing through it": ["detached"]},
    difficulty=2,
    minutes=8,
)
