"""What people get wrong in lesson 07 about unpooling two pictures: each function makes one mistake, its docstring says which."""

import torch.nn.functional as F
from torch import Tensor


def _each(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """As it should be."""
    return given_unpool_pair(before, before)[0], given_unpool_pair(after, after)[0]


def given_unpool_pair(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """This is still the version given. Look at both results: the second is right. Whose places has the first?"""
    pooled = []
    for picture in (before, after):
        maps, indices = F.max_pool2d(picture, 2, return_indices=True)
        pooled.append(maps)
    first, second = (F.max_unpool2d(maps, indices, 2, output_size=before.shape[-2:]) for maps in pooled)
    return first, second


def indices_of_before(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Now the first picture is right and the second has the first one's places. Each needs its own: both must be kept."""
    second, first = given_unpool_pair(after, before)
    return first, second


def indices_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both indices are kept, but exchanged: each picture's maxima land where the other picture had its own."""
    return given_unpool_pair(before, after)[0], given_unpool_pair(after, before)[0]


def results_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both are unpooled rightly, but you return them in the other order; `before` comes first."""
    return given_unpool_pair(after, after)[0], given_unpool_pair(before, before)[0]


def pooled_as_one(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps of your result use the places at which the larger of the two pictures has its maximum. Where a picture has
    its own maximum is in its own indices."""
    indices = F.max_pool2d(before.maximum(after), 2, return_indices=True)[1]
    size = before.shape[-2:]
    first, second = (
        F.max_unpool2d(F.max_pool2d(picture, 2), indices, 2, output_size=size) for picture in (before, after)
    )
    return first, second


def read_at_the_others_places(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """At the places of the second picture's maxima you left the first picture's values as they are there. Unpooling moves the
    maxima; the other values are gone."""
    second = given_unpool_pair(before, after)[1]
    return before * (second != 0), second


def size_guessed(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture has its own indices now, but the result is twice the pooled size. A width of 4 and one of 5 both pool to 2:
    keep `output_size`, or rows of another length are counted and the values land elsewhere."""
    first, second = (
        F.max_unpool2d(*F.max_pool2d(picture, 2, return_indices=True), kernel_size=2) for picture in (before, after)
    )
    return first, second


def as_they_were(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """You give the pictures back as they came. Of each window of 2 × 2 the pooling keeps the maximum, and the unpooling puts it
    back: three of four places are zero then."""
    return before, after


def not_unpooled(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """These are the pooled maps. Unpooling puts their values back to the places where they were found, on maps as large as the
    pictures."""
    return F.max_pool2d(before, 2), F.max_pool2d(after, 2)


def copied_by_nearest(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """You enlarge the pooled maps by copying, so that each maximum stands at four places. Unpooling puts it to one, the one that
    its index names."""
    first, second = (F.interpolate(F.max_pool2d(picture, 2), size=picture.shape[-2:]) for picture in (before, after))
    return first, second


def first_twice(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The first picture is right, but you return it twice. The second is to be unpooled as well."""
    first = _each(before, after)[0]
    return first, first


def second_twice(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The second picture is right, but you return it twice: is the first one's result overwritten in the loop?"""
    second = _each(before, after)[1]
    return second, second


def second_maps_for_both(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Each result has its own places now, but both have the second picture's values: `maps` is overwritten in the loop, as
    `indices` was."""
    return given_unpool_pair(after, before)[0], _each(before, after)[1]


def given_results_exchanged(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """You exchanged the results of the version given. `before` comes first, and its values still stand at the places of `after`:
    it is the indices that are lost."""
    first, second = given_unpool_pair(before, after)
    return second, first


def negative_maxima_lost(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Where all four values of a window are negative, yours is zero: is there a ReLU, or a comparison with zero? The largest of
    four negative numbers is a maximum as well."""
    return _each(F.relu(before), F.relu(after))


PAIRS = [
    indices_of_before,
    indices_exchanged,
    results_exchanged,
    pooled_as_one,
    read_at_the_others_places,
    size_guessed,
    as_they_were,
    not_unpooled,
    copied_by_nearest,
    first_twice,
    second_twice,
    second_maps_for_both,
    given_results_exchanged,
    negative_maxima_lost,
]
