"""A map that stands on every so-manieth pixel, enlarged again."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between, different_numbers
from course_utils.exercises.slips import read_slips


def upsample_points(points: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    """Enlarge values (B, C, h, w) that stand on the pixels 0, factor, 2 * factor, … of an image to its size (H, W): between them
    bilinearly, beyond the last of them with its value. h is as large as fits: (h - 1) * factor < H ≤ h * factor."""
    height, width = ((n - 1) * factor + 1 for n in points.shape[-2:])
    between = F.interpolate(points, size=(height, width), mode="bilinear", align_corners=True)
    return F.pad(between, (0, size[1] - width, 0, size[0] - height), mode="replicate")


def _drawn(generator: torch.Generator) -> tuple[Tensor, int, tuple[int, int]]:
    factor = between(generator, 2, 3)
    missing = between(generator, 0, factor - 1), between(generator, 0, factor - 1)
    return different_numbers(generator, 2, 3, 3, 4), factor, (3 * factor - missing[0], 4 * factor - missing[1])


def given_upsample_points(points: Tensor, factor: int, size: tuple[int, int]) -> Tensor:
    """This is still the version given. Let 0, 2, 4, 6 stand on the pixels 0, 2, 4, 6 of 8 pixels. Where does `align_corners=True`
    put the last of them, and where does it stand?"""
    return F.interpolate(points, size=size, mode="bilinear", align_corners=True)


SLIPS = read_slips("""
areas_to_the_size
    You take the rule for areas. It puts the first value at the middle of the first `factor` pixels; it stands on pixel 0.
    - height, width = ((n - 1) * factor + 1 for n in points.shape[-2:])
    - between = F.interpolate(points, size=(height, width), mode="bilinear", align_corners=True)
    - return F.pad(between, (0, size[1] - width, 0, size[0] - height), mode="replicate")
    + return F.interpolate(points, size=size, mode="bilinear", align_corners=False)

without_the_rest
    Your map ends with the last value that was given. Behind it there may be up to factor - 1 pixels of the image.
    - return F.pad(between, (0, size[1] - width, 0, size[0] - height), mode="replicate")
    + return between

zeros_behind
    Behind the last value you have zeros. Its own value is to be repeated there.
    - (0, size[1] - width, 0, size[0] - height), mode="replicate"
    + (0, size[1] - width, 0, size[0] - height)

padded_before
    You add what is missing before the first value, so that all values are moved. The first stands on pixel 0; the pixels
    without a value of their own are at the end.
    - (0, size[1] - width, 0, size[0] - height)
    + (size[1] - width, 0, size[0] - height, 0)

rows_and_columns_swapped
    `F.pad` begins with the *last* axis: left, right, top, bottom. You add the missing rows at the right.
    - (0, size[1] - width, 0, size[0] - height)
    + (0, size[0] - height, 0, size[1] - width)

one_too_many
    From the first to the last value there are (h - 1) · factor steps, which is (h - 1) · factor + 1 pixels. You let the values
    span h · factor pixels and cut off what is too much: they are too far apart.
    - ((n - 1) * factor + 1 for n in points.shape[-2:])
    + (n * factor for n in points.shape[-2:])
    - return F.pad(between, (0, size[1] - width, 0, size[0] - height), mode="replicate")
    + return between[:, :, : size[0], : size[1]]

nearest_between
    Between the values you have blocks, each a copy of the value before it. Bilinear interpolation is asked for.
    - between = F.interpolate(points, size=(height, width), mode="bilinear", align_corners=True)
    + between = points.repeat_interleave(factor, 2).repeat_interleave(factor, 3)[:, :, :height, :width]

mirrored_behind
    Behind the last value you mirror the map. The last value itself is to be repeated there.
    - mode="replicate"
    + mode="reflect"
""")


upsample_points = Exercise(
    "upsample_points",
    upsample_points,
    [
        (torch.tensor([[[[0.0, 2.0, 5.0]]]]), 2, (1, 6)),
        (torch.tensor([[[[1.25, -8.0], [9.0, 2.5], [-0.75, 4.0]]]]), 3, (8, 6)),
        (torch.tensor([[[[1.5, -3.0, 2.0], [7.0, 0.25, -4.0]]]]), 2, (3, 6)),
    ],
    SLIPS,
    [
        "On which pixel does the last value of a row stand, if the first is on pixel 0? How many pixels is that in all?",
        "Enlarge to that many pixels first, by the rule that keeps the first and the last value in place. What is missing then, "
        "and on which side?",
        '`F.pad(…, mode="replicate")` repeats the outermost values; its numbers are left, right, top, bottom.',
    ],
    common_errors={
        "align_corners option can only be set": "`align_corners` belongs to the modes linear, bilinear and bicubic.",
        "Got 4D input": "`linear` is for signals; for maps it is called `bilinear`.",
        "Got 3D input": "Bilinear mode takes (B, C, H, W): keep all four axes.",
        "Only 2D, 3D, 4D, 5D padding": "To pad rows and columns, give four numbers: left, right, top, bottom.",
    },
    draw=_drawn,
    differentiable=("points",),
    given=given_upsample_points,
    difficulty=2,
    minutes=10,
)
