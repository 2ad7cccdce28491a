"""Two pictures pooled and unpooled, each with its own indices."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips


def unpool_pair(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Pool two pictures (B, C, H, W) of one street by 2 × 2, and unpool both: two (B, C, H, W), each with its own maxima in
    their places."""
    restored = []
    for picture in (before, after):
        maps, indices = F.max_pool2d(picture, 2, return_indices=True)
        restored.append(F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:]))
    return restored[0], restored[1]


def _draw_pictures(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    # Even sizes: with odd ones, a guessed size is an error, and not a wrong answer that can be told.
    return tuple(
        torch.randperm(144, generator=generator).sub(90.5).double().mul(0.75).reshape(2, 2, 4, 9)[..., :8]
        for _ in range(2)
    )


def given_unpool_pair(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """This is still the version given. Look at both results: the second is right. Whose places has the first?"""
    pooled = []
    for picture in (before, after):
        maps, indices = F.max_pool2d(picture, 2, return_indices=True)
        pooled.append(maps)
    first, second = (F.max_unpool2d(maps, indices, 2, output_size=before.shape[-2:]) for maps in pooled)
    return first, second


def _each(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """As it should be."""
    return given_unpool_pair(before, before)[0], given_unpool_pair(after, after)[0]


def indices_of_before(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Now the first picture is right and the second has the first one's places. Each needs its own: both must be kept."""
    second, first = given_unpool_pair(after, before)
    return first, second


def indices_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both indices are kept, but exchanged: each picture's maxima land where the other picture had its own."""
    return given_unpool_pair(before, after)[0], given_unpool_pair(after, before)[0]


def read_at_the_others_places(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """At the places of the second picture's maxima you left the first picture's values as they are there. Unpooling moves the
    maxima; the other values are gone."""
    second = given_unpool_pair(before, after)[1]
    return before * (second != 0), second


def second_maps_for_both(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Each result has its own places now, but both have the second picture's values: `maps` is overwritten in the loop, as
    `indices` was."""
    return given_unpool_pair(after, before)[0], _each(before, after)[1]


def given_results_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """You exchanged the results of the version given. `before` comes first, and its values still stand at the places of `after`:
    it is the indices that are lost."""
    first, second = given_unpool_pair(before, after)
    return second, first


SLIPS = read_slips("""
results_exchanged
    Both are unpooled rightly, but you return them in the other order; `before` comes first.
    - restored[0], restored[1]
    + restored[1], restored[0]

pooled_as_one
    Both maps of your result use the places at which the larger of the two pictures has its maximum. Where a picture
    has its own maximum is in its own indices.
    - maps, indices = F.max_pool2d(picture, 2, return_indices=True)
    + maps = F.max_pool2d(picture, 2)
    + indices = F.max_pool2d(before.maximum(after), 2, return_indices=True)[1]

size_guessed
    Each picture has its own indices now, but the result is twice the pooled size. A width of 4 and one of 5 both
    pool to 2: keep `output_size`, or rows of another length are counted and the values land elsewhere.
    - , output_size=picture.shape[-2:]
    +

size_as_stride
    The fourth argument of `F.max_unpool2d` is the stride, not the size: your values are set down that many places
    apart. Give the size by its name, `output_size=...`.
    - 2, output_size=picture.shape[-2:]
    + 2, picture.shape[-2:]

as_they_were
    You give the pictures back as they came. Of each window of 2 × 2 the pooling keeps the maximum, and the
    unpooling puts it back: three of four places are zero then.
    - restored[0], restored[1]
    + before, after

not_unpooled
    These are the pooled maps. Unpooling puts their values back to the places where they were found, on maps as
    large as the pictures.
    - F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:])
    + maps

copied_by_nearest
    You enlarge the pooled maps by copying, so that each maximum stands at four places. Unpooling puts it to one,
    the one that its index names.
    - F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:])
    + F.interpolate(maps, size=picture.shape[-2:])

first_twice
    The first picture is right, but you return it twice. The second is to be unpooled as well.
    - restored[0], restored[1]
    + restored[0], restored[0]

second_twice
    The second picture is right, but you return it twice: is the first one's result overwritten in the loop?
    - restored[0], restored[1]
    + restored[1], restored[1]

negative_maxima_lost
    Where all four values of a window are negative, yours is zero: is there a ReLU, or a comparison with zero? The
    largest of four negative numbers is a maximum as well.
    - F.max_pool2d(picture
    + F.max_pool2d(F.relu(picture)
""")


unpool_pair = Exercise(
    "unpool_pair",
    unpool_pair,
    [
        (
            # One window of each has no positive value.
            torch.tensor([[[[3.0, 12, -4, -1, 2], [5, 7, -6, -15, 8], [11, 19, 17, 9, 20], [10, 13, 14, 16, 18]]]]),
            torch.tensor([[[[9.0, 2, 1, 14, 19], [4, 3, 8, 6, 7], [-12, -5, 10, 20, 17], [-18, -11, 13, 15, 16]]]]),
        ),
    ],
    [
        *SLIPS,
        indices_of_before,
        indices_exchanged,
        read_at_the_others_places,
        second_maps_for_both,
        given_results_exchanged,
    ],
    [
        "What does `indices` refer to after the loop, when the unpooling begins?",
        "The second picture's indices have overwritten the first one's. Keep both, or unpool within the loop.",
        "Inside the loop: `restored.append(F.max_unpool2d(maps, indices, 2, output_size=picture.shape[-2:]))`.",
    ],
    draw=_draw_pictures,
    common_errors={
        "argument 'stride'": "The third argument of `F.max_pool2d` is the stride: give `return_indices=True` by its name.",
        "not enough values to unpack": "`F.max_pool2d` gives the indices as well, if it is told to: `return_indices=True`.",
        "non-negative spatial dimensions": "The fourth argument of `F.max_unpool2d` is the stride, the fifth the padding: give "
        "the size by its name, `output_size=...`.",
        "invalid max index": "An index lies beyond the map that you unpool to: give `output_size`, the size before the pooling.",
        "shape of indices to be same": "Values and indices are not of the same pooling.",
    },
    given=given_unpool_pair,
    differentiable=True,
    difficulty=1,
    minutes=5,
)
