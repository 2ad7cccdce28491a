"""The head of FCN-8s: three scores and two skips."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_06 import interpolating
from course_utils.exercises.lesson_06.numbers import drawn, mixed
from course_utils.exercises.slips import read_slips


class FCNHead(nn.Module):
    """FCN-8s behind a backbone: `maps` are three, at strides 8, 16 and 32, with `channels` channels, the finest first. A 1 × 1
    convolution with bias scores each; from the coarsest on, scores are fused; at the end, interpolated bilinearly to `size`:
    logits (B, num_classes, *size)."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, kernel_size=1) for width in channels)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        fine, middle, coarse = (score(features) for score, features in zip(self.scores, maps, strict=True))
        logits = coarse
        for skip in (middle, fine):
            logits = skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def _draw_maps(generator: torch.Generator) -> tuple[list[Tensor], tuple[int, int]]:
    """Maps at strides 8, 16 and 32 of two images of 37 × 83."""
    shapes = ((3, 5, 11), (4, 3, 6), (5, 2, 3))
    return [drawn(generator, 2, *shape, double=True) for shape in shapes], (37, 83)


SLIPS = read_slips("""
not_enlarged_at_the_end
    The three scores are added rightly, but the result has the size of the finest map: an eighth of the image's. One
    interpolation is missing at the end, to `size`.
    - F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    + logits

eight_times_as_large
    At the end you enlarge eight times. The finest map's size was rounded up, so that this gives more pixels than
    the image has: interpolate to `size`, and not by a factor.
    - size=size
    + scale_factor=8

eight_times_and_cropped
    At the end you enlarge eight times and cut off what is too much, as FCN itself does. Here `size` is asked for:
    the finest map covers the whole image, though its size was rounded up, so that it is to be spread over all of
    it.
    - F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    + F.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=False)[..., : size[0], : size[1]]

no_skips
    This is FCN-32s: the scores of the coarsest map alone, enlarged. The other two maps are scored for nothing: they
    are to be added on the way.
    - (middle, fine)
    + ()

one_skip
    This is FCN-16s: the finest map is not added yet. Once more: enlarge the sum to the finest map's size, and add
    its scores.
    - (middle, fine)
    + (middle,)

middle_left_out
    The map at stride 16 is missing: you add the finest scores to the coarsest ones at once. In between stands a sum
    with the middle ones.
    - (middle, fine)
    + (fine,)

finest_only
    Only the finest map's scores are left at the end. Does each step replace the logits, where it should add to
    them?
    - skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + skip

each_to_the_image
    You enlarge each map's scores to the image's size and add there. It is close, but not FCN: there a sum goes on
    to the next finer map, and interpolating in steps is smoother than at once.
    - logits = skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + skip = F.interpolate(skip, size=size, mode="bilinear", align_corners=False)
    + logits = skip + F.interpolate(logits, size=size, mode="bilinear", align_corners=False)

all_to_the_finest
    You bring both coarser maps to the finest one's size at once and add there. In FCN the coarsest scores are added
    to the middle ones first, and this sum goes on: interpolating in two steps is smoother than in one.
    - logits = skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + skip = F.interpolate(skip, size=fine.shape[-2:], mode="bilinear", align_corners=False)
    + logits = skip + F.interpolate(logits, size=fine.shape[-2:], mode="bilinear", align_corners=False)

added_at_the_coarsest
    You bring the scores of the finer maps to the coarsest one's size, and add there: the details, for which they
    were asked, are lost. It is always the coarser one that is enlarged.
    - skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + logits + F.interpolate(skip, size=logits.shape[-2:], mode="bilinear", align_corners=False)

from_fine_to_coarse
    You begin with the finest map, shrink its scores to the next one's size, add, and so on: the details, for which
    the fine map was asked, are lost. Begin with the coarsest, and enlarge.
    - logits = coarse
    + logits = fine
    - (middle, fine)
    + (middle, coarse)

by_nearest
    You enlarge by copying, as `F.interpolate` does unless you name another `mode`: the logits have steps. They are
    to be interpolated bilinearly, at the skips and at the end.
    - size=skip.shape[-2:], mode="bilinear", align_corners=False
    + size=skip.shape[-2:]
    - size=size, mode="bilinear", align_corners=False
    + size=size

nearest_at_the_end
    The skips are right, but the last step copies, as `F.interpolate` does unless you name another `mode`: blocks of
    eight pixels. It is bilinear as well.
    - size=size, mode="bilinear", align_corners=False
    + size=size

nearest_at_the_skips
    The last step is bilinear, but at the skips you copy, as `F.interpolate` does unless you name another `mode`.
    All three steps are bilinear.
    - size=skip.shape[-2:], mode="bilinear", align_corners=False
    + size=skip.shape[-2:]

doubled_and_cropped
    At the skips you double the logits, and crop what is too much, as FCN itself does. A map of 3 columns comes from 5
    or from 6, and covers all of them: interpolate to the size of the finer map, not by a factor.
    - F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)[..., : skip.shape[-2], : skip.shape[-1]]

middle_not_added
    The coarsest scores pass the middle map's size, but its scores are not added there. There are two skips: add at
    each size that you come by.
    - logits = coarse
    + logits = F.interpolate(coarse, size=middle.shape[-2:], mode="bilinear", align_corners=False)
    - (middle, fine)
    + (fine,)

sides_exchanged
    Your logits have rows and columns the other way round. `size` is (rows, columns), as everywhere in PyTorch, and
    goes into the last interpolation as it is.
    - size=size
    + size=size[::-1]

corners_aligned
    You aligned the corners (`align_corners=True`): the centres of the corner pixels are put on one another. On odd
    sizes that would be exact for padded convolutions of stride 2, which read columns 0, 2, 4 of 5. After poolings,
    and on even sizes, it shifts all that lies between. The course takes pixels as areas: False, in all three steps.
    - size=skip.shape[-2:], mode="bilinear", align_corners=False
    + size=skip.shape[-2:], mode="bilinear", align_corners=True
    - size=size, mode="bilinear", align_corners=False
    + size=size, mode="bilinear", align_corners=True

corners_aligned_at_the_end
    The skips are right, but in the last step you aligned the corners (`align_corners=True`), which shifts what is
    between them. Pixels are areas here, in all three steps: False.
    - size=size, mode="bilinear", align_corners=False
    + size=size, mode="bilinear", align_corners=True

corners_aligned_at_the_skips
    The last step is right, but at the skips you aligned the corners (`align_corners=True`), which shifts what is
    between them. Pixels are areas here, in all three steps: False.
    - size=skip.shape[-2:], mode="bilinear", align_corners=False
    + size=skip.shape[-2:], mode="bilinear", align_corners=True

averaged
    You take means, where FCN adds. How much each map has to say is learned in the weights of its own scores.
    - skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
    + (skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)) / 2

relu_on_the_scores
    A ReLU follows your scores. They are no features: a negative score is how a map speaks against a class.
    - (score(features)
    + (F.relu(score(features))

probabilities
    The logits are right, but you give their softmax. The loss takes it itself, and a second one would flatten its
    gradient: give the logits.
    - F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    + F.interpolate(logits, size=size, mode="bilinear", align_corners=False).softmax(dim=1)

labels
    The logits are right, but you give the largest one's class. A network gives its logits, from which a loss can
    have a gradient; the argmax is taken by who wants labels.
    - F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    + F.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(dim=1)

three_by_three
    Your scores are 3 × 3 convolutions. A score reads one place of its map, which has seen a large part of the image
    already: 1 × 1.
    - kernel_size=1
    + kernel_size=3, padding=1

padded
    Your score layers have a padding, so that a frame of zeros, scored as if they were pixels, lies around each map.
    It takes `padding=1` to keep the size with kernels of 3 × 3; those of 1 × 1 keep it by themselves.
    - kernel_size=1
    + kernel_size=1, padding=1

without_biases
    Your scores have no biases. A bias says how likely a class is before anything is seen: leave `bias` as it is.
    - kernel_size=1
    + kernel_size=1, bias=False

concatenated
    You score all maps at once, side by side, as U-Net would. FCN scores each map with a convolution of its own, and
    adds the scores.
    - for width in channels
    + for width in [sum(channels)]

features_added
    You bring the features to the next finer map's channels and score at the end, which is a feature pyramid (a
    later idea). FCN scores each map first, and adds scores.
    - nn.Conv2d(width, num_classes, kernel_size=1) for width in channels
    + nn.Conv2d(width, finer, kernel_size=1)
    + for finer, width in zip((num_classes, *channels), channels)

one_score_for_all
    You have one score layer. Maps at different strides have different channels, with other meanings: each needs a
    convolution of its own.
    - for width in channels
    + for width in channels[:1]

coarsest_score_only
    You score the coarsest map only, which is FCN-32s. Each of the three maps has a score layer of its own.
    - for width in channels
    + for width in channels[-1:]
""")


FCNHead = Exercise(
    "FCNHead",
    FCNHead,
    [
        # Of an image of 9 × 17, so that they can be read.
        ([mixed(18, 1, 3, 2, 3), mixed(8, 1, 4, 1, 2), mixed(5, 1, 5, 1, 1)], (9, 17)),
    ],
    SLIPS,
    [
        "`__init__` makes three convolutions, one for each number in `channels`; `forward` scores each map with its own.",
        "Begin with the coarsest scores, which come last, and fuse twice: with the middle ones, then with the finest. What size "
        "has the result, and what size is asked for?",
        "`logits = fuse(fuse(coarse, middle), fine)`, where each is a map's scores; then "
        '`F.interpolate(logits, size=size, mode="bilinear", align_corners=False)`.',
    ],
    draw=_draw_maps,
    build=((3, 4, 5), 2),
    common_errors={
        "running_mean": "Scores are no features: no batch norm follows them, and no ReLU.",
        "parameters should have the shapes": "The head is three 1 × 1 convolutions with biases, one for each of `channels`, to "
        "`num_classes`, and nothing else. (Upsampling is interpolation here: it has no weights.)",
        "channels, but got": "A map has met another map's convolution. Both `maps` and `channels` begin with the finest; if you "
        "run through one of them from the coarsest, run through the other so, too. Only scores are fused, not the maps.",
        "must match the size of tensor": "Sizes differ where you add: interpolate to the `size` of the finer map, not by a "
        "factor. If it is the number of channels that differs, score the maps first.",
        "argument: 'kernel_size'": "`nn.Conv2d` takes three numbers: channels that come in, channels that go out, and the side "
        "of the kernel, here 1.",
        "positional argument": "`__init__` takes `channels` and `num_classes`, `forward` takes `maps` and `size`; both have "
        "`self` before.",
        **interpolating.ERRORS,
    },
    difficulty=3,
    minutes=15,
)
