"""Where a position outside the image is read: the mirrored border of the overlap-tile strategy."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def mirrored(positions: Tensor, length: int) -> Tensor:
    """For positions along an axis of `length` pixels, some of them outside, the pixels that they are read from: the image is
    mirrored at its first and its last pixel, which are not repeated, as often as needed. -1 is read from 1, `length` from
    length - 2. Of a single pixel all are read from 0."""
    if length == 1:
        return torch.zeros_like(positions)
    period = 2 * (length - 1)
    positions = positions % period
    return torch.where(positions < length, positions, period - positions)


def _draw_positions(generator: torch.Generator) -> tuple[Tensor, int]:
    length = int(torch.randint(2, 9, (), generator=generator))
    return torch.randint(-3 * length, 4 * length, (7,), generator=generator), length


SLIPS = read_slips("""
edge_repeated
    You repeat the pixel at the border: -1 is read from 0. Mirrored *at* the first pixel, -1 is read from 1, as -2 from 2.
    - period = 2 * (length - 1)
    + period = 2 * length
    - period - positions
    + period - 1 - positions

wrapped_round
    You go round: -1 is read from the last pixel. That puts the left border beside the right one; a mirror stays near where
    it is.
    - torch.where(positions < length, positions, period - positions)
    + positions
    - period = 2 * (length - 1)
    + period = length

last_pixel_repeated
    You repeat the last pixel: of 5, position 5 is read from 4. Mirrored *at* the last pixel, it is read from 3.
    - period - positions
    + period + 1 - positions

never_turned_back
    You take the remainder, and do not turn round in the second half of the period: there the way goes back.
    - torch.where(positions < length, positions, period - positions)
    + positions

half_a_period
    You take the remainder by length - 1. It takes twice as many steps, there and back, until the image begins again.
    - period = 2 * (length - 1)
    + period = length - 1

clamped
    You read everything outside from the border pixel itself. That is replication, a smear; mirrored, the texture goes on.
    - torch.where(positions < length, positions, period - positions)
    + positions
    - positions % period
    + positions.clamp(0, length - 1)

left_border_only
    On the left you mirror, on the right positions beyond the last pixel stay outside.
    - torch.where(positions < length, positions, period - positions)
    + positions
    - positions % period
    + positions.abs()

right_border_only
    On the right you mirror, on the left negative positions stay negative, and Python reads them from the end.
    - positions % period
    + positions

period_upside_down
    You have the two halves of the period exchanged: in the first half the pixel is read from itself.
    - torch.where(positions < length, positions, period - positions)
    + torch.where(positions < length, period - positions, positions)

mirrored_once
    You mirror once. Where the margin is larger than the image, a mirrored position may still be outside, and has to be mirrored
    again: a remainder does that for any distance.
    - positions = positions % period
    + positions = positions.abs()

single_pixel_forgotten
    For one pixel there is no period: everything is read from pixel 0.
    - if length == 1:
    -     return torch.zeros_like(positions)
    + pass
""")


mirrored = Exercise(
    "mirrored",
    mirrored,
    [
        (torch.tensor([-2, -1, 0, 1, 2, 3, 4, 5, 6]), 5),
        (torch.tensor([3, 2]), 3),
        (torch.tensor([-5, 7, -9, 11]), 4),
        (torch.tensor([-3, 0, 2]), 1),
        (torch.tensor([1000, -997]), 4),
    ],
    SLIPS,
    [
        "Write it down for 5 pixels: positions -3 … 8 are read from 3 2 1 0 1 2 3 4 3 2 1 0. After how many does it begin again?",
        "After 2 · (length - 1). `positions % period` brings any position, negative ones too, into one such period.",
        "In the first half of the period it is the pixel itself, in the second `period - positions`: `torch.where`.",
    ],
    draw=_draw_positions,
    common_errors={
        "ZeroDivisionError": "For one pixel the period is 0: then everything is read from pixel 0.",
        "Boolean value of Tensor": "`positions` are many numbers: `torch.where(condition, this, that)` decides for each of them.",
    },
    difficulty=2,
    minutes=8,
)
