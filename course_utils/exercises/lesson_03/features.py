"""A map that was average-pooled, enlarged again."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_03.drawn import between, different_numbers
from course_utils.exercises.slips import read_slips
from course_utils.ops import resample


def upsample_features(pooled: Tensor, factor: int) -> Tensor:
    """Give a map (B, C, h, w) that was average-pooled by `factor` its size back, (B, C, h·f, w·f), bilinearly, so that a
    ramp becomes the same ramp again, but for its ends."""
    return F.interpolate(pooled, scale_factor=factor, mode="bilinear", align_corners=False)


def _pooled_and_factor(generator: torch.Generator) -> tuple[Tensor, int]:
    return different_numbers(generator, 2, 3, 3, 4), between(generator, 2, 3)


def given_upsample_features(pooled: Tensor, factor: int) -> Tensor:
    """This is still the version given. Pool the ramp 0, 1, …, 7 by 2: the means 0.5, 2.5, 4.5, 6.5. Where do the centres of
    these pixels lie in the ramp, and where does the upsampling put them?"""
    height, width = pooled.shape[-2:]
    return F.interpolate(pooled, size=(height * factor, width * factor), mode="bilinear", align_corners=True)


def zeros_beyond_the_border(pooled: Tensor, factor: int) -> Tensor:
    """Inside it is right now, but the border fades: a transposed convolution, or sampling padded with zeros, takes what lies
    outside for 0. Bilinear interpolation repeats the border's own value."""
    size, channels = 2 * factor - factor % 2, pooled.shape[1]
    taps = 1 - (torch.arange(size, dtype=pooled.dtype) - (size - 1) / 2).abs() / factor
    kernel = (taps[:, None] * taps).expand(channels, 1, size, size)
    return F.conv_transpose2d(pooled, kernel, stride=factor, padding=factor // 2, groups=channels)


SLIPS = read_slips("""
nearest_features
    Your pixels are in the right place, but are blocks: a ramp becomes stairs. Keep the bilinear interpolation.
    - mode="bilinear", align_corners=False
    + mode="nearest"

bicubic_features
    Bicubic gives the ramp back, but overshoots at edges: it can be larger than all its inputs. The bug is not in the
    kind of interpolation: keep it bilinear.
    - "bilinear"
    + "bicubic"

bicubic_with_corners
    A smoother curve through the wrong places is still in the wrong places. Keep it bilinear, and look at where the
    centres of the pooled pixels lie.
    - "bilinear", align_corners=False
    + "bicubic", align_corners=True

factor_taken_for_the_size
    Your map is always `factor` × `factor`: without its name, the second argument of `F.interpolate` is the size. Write
    `scale_factor=factor`.
    - scale_factor=factor
    + factor

shifted_back
    You shift the map as a whole. It is not shifted but stretched: right in the middle, and wrong by more and more
    towards the ends; and what leaves at one end comes in at the other.
    - align_corners=False)
    + align_corners=True).roll((factor // 2, factor // 2), dims=(2, 3))

corner_to_corner_and_short
    The step between the pixels is right now, but the map is too small: from the first to the last centre there are (h -
    1) · f steps, and half a pooled pixel beyond each of them is missing. There is a rule that counts it in.
    - return F.interpolate(pooled, scale_factor=factor, mode="bilinear", align_corners=False)
    + height, width = ((n - 1) * factor + 1 for n in pooled.shape[-2:])
    + return F.interpolate(pooled, size=(height, width), mode="bilinear", align_corners=True)

padded_to_the_size
    The step is right now, but where the factor is even, you pad by whole pixels: the map is half a pixel off. There is
    a rule that does it without any padding.
    - return F.interpolate(pooled, scale_factor=factor, mode="bilinear", align_corners=False)
    + height, width = ((n - 1) * factor + 1 for n in pooled.shape[-2:])
    + inside = F.interpolate(pooled, size=(height, width), mode="bilinear", align_corners=True)
    + before = (factor - 1) // 2
    + after = factor - 1 - before
    + return F.pad(inside, (before, after, before, after), mode="replicate")
""")


upsample_features = Exercise(
    "upsample_features",
    upsample_features,
    [
        (torch.tensor([[[[0.5, 2.5, 4.5, 6.5]]]]), 2),
        (torch.tensor([[[[1.25, -8.0], [9.0, 2.5], [-0.75, 4.0]]]]), 3),
    ],
    [*SLIPS, zeros_beyond_the_border],
    [
        "Take a ramp, 0, 1, …, 7, average it in pairs and give that to the function: which numbers come back, and how far off?",
        "The mean of pixels 0 and 1 belongs to the middle between them, at 0.5. Which rule puts it there?",
        "A pooled pixel is an area: the edges of the two maps must coincide, not the centres of their corner pixels.",
    ],
    reference=lambda pooled, factor: resample.bilinear_resize(
        pooled, (pooled.shape[2] * factor, pooled.shape[3] * factor)
    ),
    common_errors={
        "align_corners option can only be set": "`align_corners` belongs to the modes linear, bilinear and bicubic.",
        "only one of": "Give the size or the factor, not both. Without a name, the second argument of `F.interpolate` is "
        '`size` and the third `scale_factor`: write `mode="bilinear"`.',
        "could not convert string": "Without a name, the second argument of `nn.Upsample` is `scale_factor`: write "
        '`mode="bilinear"`.',
        "Got 4D input": "`linear` is for signals; for maps it is called `bilinear`.",
        "Got 3D input": "Bilinear mode takes (B, C, H, W): keep all four axes.",
    },
    draw=_pooled_and_factor,
    differentiable=("pooled",),
    given=given_upsample_features,
    difficulty=1,
    minutes=5,
)
