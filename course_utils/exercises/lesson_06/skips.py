"""One skip of FCN: coarse scores enlarged and added to fine ones."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_06 import interpolating
from course_utils.exercises.lesson_06.numbers import drawn, mixed
from course_utils.exercises.slips import read_slips
from course_utils.models.layers import resize
from course_utils.ops.convmatrix import bilinear_kernel


def fuse(coarse: Tensor, fine: Tensor) -> Tensor:
    """One skip of FCN: enlarge the coarse scores (B, K, h, w) bilinearly to the size of the fine ones (B, K, H, W), which is
    about twice as large, and add: (B, K, H, W)."""
    enlarged = F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    return enlarged + fine


_SIZES_DIFFER = (
    "What you add differs in size. Twice the coarse size is not always the fine one (of 5 rows, pooling makes 3): take "
    "the size that `fine` has, rows first, and ask `F.interpolate` for that `size`, not for a factor."
)


def by_transposed_convolution(coarse: Tensor, fine: Tensor) -> Tensor:
    """This is the transposed convolution of lesson 04, cropped, as in FCN's code. Inside it is close, but beyond the border it
    sees zeros, so that scores fade there. `F.interpolate` continues the last pixel."""
    classes = coarse.shape[1]
    kernel = bilinear_kernel(2, dtype=coarse.dtype).expand(classes, 1, -1, -1)
    doubled = F.conv_transpose2d(coarse, kernel, stride=2, padding=1, groups=classes)
    return doubled[..., : fine.shape[-2], : fine.shape[-1]] + fine


def _draw_scores(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Coarse scores, and fine ones of odd height and even width."""
    return drawn(generator, 2, 3, 4, 3, double=True), drawn(generator, 2, 3, 7, 6, double=True)


SLIPS = read_slips("""
doubled_and_cropped
    This is FCN's own way: it doubles and crops what is too much. Here the size is asked for: of 5 rows a pooling
    makes 3, and these 3 cover all of the 5, so that they are interpolated to 5, not to 6. Ask for the size, not for
    a factor.
    - size=fine.shape[-2:]
    + scale_factor=2
    - enlarged + fine
    + enlarged[..., : fine.shape[-2], : fine.shape[-1]] + fine

padded_to_the_doubled
    You double the coarse scores, and pad the fine ones with zeros up to that size. The fine map has the right size;
    the coarse one is to be brought to it, which need not be a factor of 2.
    - size=fine.shape[-2:]
    + scale_factor=2
    - return enlarged + fine
    + rows, columns = (big - small for big, small in zip(enlarged.shape[-2:], fine.shape[-2:], strict=True))
    + return enlarged + F.pad(fine, (0, columns, 0, rows))

fine_brought_to_the_doubled
    You double the coarse scores, and stretch the fine ones to that size. The fine map has the right size; the
    coarse one is to be brought to it, which need not be a factor of 2.
    - size=fine.shape[-2:]
    + scale_factor=2
    - enlarged + fine
    + enlarged + F.interpolate(fine, size=enlarged.shape[-2:], mode="bilinear", align_corners=False)

nearest
    You copy each coarse score to its nearest pixels, so that the sum has steps. `F.interpolate` does so unless you
    name another `mode`: it should be bilinear.
    - , mode="bilinear", align_corners=False
    +

corners_aligned
    You aligned the corners (`align_corners=True`): the centres of the corner pixels are put on one another. On odd
    sizes that would be exact for padded convolutions of stride 2, which read columns 0, 2, 4 of 5. After poolings,
    and on even sizes, it shifts all that lies between. The course takes pixels as areas: False.
    - align_corners=False
    + align_corners=True

bicubic
    Your interpolation is bicubic, which overshoots at edges: it invents scores higher than any there are. FCN
    interpolates bilinearly.
    - "bilinear"
    + "bicubic"

concatenated
    You put the two side by side, as U-Net does: 2K channels. FCN adds scores: class k of the one to class k of the
    other, so that K channels stay.
    - enlarged + fine
    + torch.cat([enlarged, fine], dim=1)

mean
    This is the mean of the two. FCN adds them: the fine scores correct the coarse ones, and how strongly they do is
    learned in their own weights.
    - enlarged + fine
    + (enlarged + fine) / 2

fine_made_smaller
    You bring the fine scores to the coarse size, and lose just what they have and the coarse ones lack: the
    details. It is the coarse ones that change size.
    - coarse, size=fine.shape[-2:]
    + fine, size=coarse.shape[-2:]
    - enlarged + fine
    + coarse + enlarged

fine_made_smaller_and_back
    The size is right, but you added at the coarse size: by then the details of the fine scores are lost, and no
    interpolation brings them back. It is the coarse ones that change size before the sum.
    - coarse, size=fine.shape[-2:]
    + coarse + F.interpolate(fine, size=coarse.shape[-2:], mode="bilinear", align_corners=False), size=fine.shape[-2:]
    - enlarged + fine
    + enlarged

coarse_only
    The coarse scores are enlarged rightly, but the fine ones are used for their size only. They are to be added.
    - enlarged + fine
    + enlarged

as_probabilities
    You add probabilities. Scores are added before any softmax: they may be negative, so that the fine map can also
    take something away from a class.
    - enlarged + fine
    + enlarged.softmax(dim=1) + fine.softmax(dim=1)

multiplied
    You multiply. The two scores are added: where the fine map has no opinion its score is 0, and the coarse score
    has to stay as it is.
    - enlarged + fine
    + enlarged * fine

doubled
    You double the coarse scores, which is not always the size of the fine ones: of 5 rows, pooling makes 3, and
    doubled these are 6. Ask `F.interpolate` for the `size` that `fine` has, not for a factor.
    - size=fine.shape[-2:]
    + scale_factor=2

sides_exchanged
    You have the size of `fine` the other way round, or its rows for both. It is (rows, columns), in the order in
    which they stand at the end of its shape.
    - size=fine.shape[-2:]
    + size=fine.shape[:-3:-1]

batch_and_channels
    The first two numbers of a shape are images and channels. Rows and columns are the last two.
    - size=fine.shape[-2:]
    + size=fine.shape[:2]

columns_for_both
    One number as `size` makes a square map. Rows and columns differ here: give both, the last two numbers of the
    shape.
    - size=fine.shape[-2:]
    + size=fine.shape[-1]

factor_as_size
    The number that `F.interpolate` takes after the map is the size, not a factor: yours makes a map of 2 × 2 of
    every map. Give it the two numbers of rows and columns that `fine` has.
    - size=fine.shape[-2:]
    + size=2

added_as_they_are
    You add the coarse scores as they are. They have about half as many rows and columns: `F.interpolate` enlarges
    them.
    - enlarged + fine
    + coarse + fine

mean_of_the_map
    You add one number for each class, the mean of its coarse map: where the coarse network saw it is lost. Enlarge
    the map by interpolation.
    - F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    + coarse.mean(dim=(2, 3), keepdim=True)

fine_subtracted
    You subtract the fine scores. They are added: what they learn is which sign their own weights need.
    - enlarged + fine
    + enlarged - fine

coarse_subtracted
    You subtract the coarse scores. They are added: the fine ones learn only what is to be corrected.
    - enlarged + fine
    + fine - enlarged

larger_of_the_two
    You take the larger of the two scores. They are added: a fine score that is negative has to be able to take
    something away from the coarse one.
    - enlarged + fine
    + enlarged.maximum(fine)

relu_of_the_sum
    The sum is right, but a ReLU follows. Scores are no features: a negative one speaks against its class, and the
    next step goes on with it.
    - enlarged + fine
    + (enlarged + fine).relu()

softmax_of_the_sum
    The sum is right, but you give its softmax. This is one step of several: scores go on to the next, and the loss
    takes the softmax at the end.
    - enlarged + fine
    + (enlarged + fine).softmax(dim=1)

probabilities_enlarged
    You take the softmax of both before you add. Scores are added before any softmax: they may be negative, so that
    the fine map can also take something away from a class.
    - F.interpolate(coarse
    + F.interpolate(coarse.softmax(dim=1)
    - enlarged + fine
    + enlarged + fine.softmax(dim=1)

labels
    The sum is right, but you give the class of the largest score. This is one step of several, and the next one
    goes on with the scores.
    - enlarged + fine
    + (enlarged + fine).argmax(dim=1)
""")


fuse = Exercise(
    "fuse",
    fuse,
    [
        (mixed(12, 1, 2, 2, 3), mixed(30, 1, 2, 3, 5)),
        (mixed(24, 2, 2, 2, 3) / 4, mixed(96, 2, 2, 4, 6) / 4),
    ],
    [*SLIPS, by_transposed_convolution],
    [
        "Which of the two sizes has the result? Both may be odd: can a factor always lead there?",
        "`F.interpolate` takes a `size` instead of a factor, and a `mode`. The fine map knows the size: its last two axes.",
        '`F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)`, and the fine scores added to it.',
    ],
    reference=lambda coarse, fine: fine + resize(coarse, fine.shape[-2:]),
    draw=_draw_scores,
    differentiable=True,
    common_errors={
        "must match the size of tensor": _SIZES_DIFFER,
        "doesn't match the broadcast shape": _SIZES_DIFFER,
        **interpolating.ERRORS,
    },
    difficulty=2,
    minutes=8,
)
