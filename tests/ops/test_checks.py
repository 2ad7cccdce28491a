"""Functions on tensors refuse what is none, by a sentence and not by an error from somewhere inside."""

import math

import numpy as np
import pytest
import torch

from course_utils.metrics.boundary import hausdorff_distance
from course_utils.metrics.semantic import power_mean, scores
from course_utils.ops.checks import int_pair, real_number, whole_number, whole_numbers
from course_utils.ops.distance import distance_transform
from course_utils.ops.masks import boundaries, connected_components, ids_to_masks, masks_to_ids
from course_utils.plots.overlays import colour_instances, to_picture

FUNCTIONS = {
    "boundaries": boundaries,
    "colour_instances": colour_instances,
    "connected_components": connected_components,
    "distance_transform": distance_transform,
    "hausdorff_distance": lambda odd: hausdorff_distance(odd, odd),
    "ids_to_masks": ids_to_masks,
    "masks_to_ids": masks_to_ids,
    "power_mean": lambda odd: power_mean(odd, 1),
    "scores": scores,
    "to_picture": to_picture,
}


@pytest.mark.parametrize("odd", [None, "mask", [[1, 0]], np.ones((2, 3))], ids=["none", "text", "list", "numpy"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_tensor_is_refused(name: str, odd: object) -> None:
    with pytest.raises(ValueError, match="must be a tensor, but is"):
        FUNCTIONS[name](odd)


def test_int_pair_takes_integers_of_any_kind():
    assert int_pair(3, "size") == (3, 3) and int_pair([4, 5], "size") == (4, 5)
    assert int_pair(torch.zeros(2, 7).shape, "size") == (2, 7)
    assert int_pair(np.int64(6), "size") == (6, 6)
    assert int_pair(0, "padding", minimum=0) == (0, 0)
    with pytest.raises(ValueError, match="padding must be an integer of 0 or more, .* but is -1"):
        int_pair(-1, "padding", minimum=0)
    for odd in (b"34", "34", {3, 4}):
        with pytest.raises(ValueError, match="size must be an integer of 1 or more"):
            int_pair(odd, "size")


def test_only_what_int_makes_right_is_to_be_converted() -> None:
    for odd in (3.0, np.float64(3), torch.tensor(3)):
        with pytest.raises(ValueError, match="n must be an integer of 1 or more, but is .*; convert it with `int`"):
            whole_number(odd, "n", minimum=1)
    for odd in (0, True, np.True_, None, 2.5, float("nan"), (3, 3), "3"):
        with pytest.raises(ValueError, match=r"n must be an integer of 1 or more, but is [^;]*\.$"):
            whole_number(odd, "n", minimum=1)


def test_numbers_of_numpy_become_those_of_python() -> None:
    assert [type(n) for n in whole_numbers(0, a=np.uint8(200), b=np.int64(3), c=4)] == [int, int, int]
    assert whole_numbers(0, a=np.uint8(200), b=3)[0] * 2 == 400
    assert type(real_number(np.float32(0.5), "a", 0, 1)) is type(real_number(np.uint8(1), "a", 0, 1)) is float
    assert [type(n) for n in int_pair((np.uint8(200), 3), "size")] == [int, int]
    assert int_pair(np.uint8(200), "size") == (200, 200)


def test_a_number_in_a_range_is_real_and_finite() -> None:
    assert [real_number(a, "a", 0, 1) for a in (0, 1.0, np.float32(0.5), np.int64(1))] == [0, 1, 0.5, 1]
    for odd in (-0.1, 1.1, math.nan, "1", None, True, np.True_, 1j, torch.ones(2), np.ones(2)):
        with pytest.raises(ValueError, match="a must be a number from 0 to 1, but is"):
            real_number(odd, "a", 0, 1)
    with pytest.raises(ValueError, match="b must be a number from 0 to inf, but is inf; give a finite one"):
        real_number(math.inf, "b", 0, math.inf)
    for too_large in (10**400, math.nan):
        with pytest.raises(ValueError, match="b must be a number from 0 to inf, but is"):
            real_number(too_large, "b", 0, math.inf, finite=False)
    assert real_number(math.inf, "b", 0, math.inf, finite=False) == math.inf
    with pytest.raises(ValueError, match="a must be above 0, but is 0"):
        real_number(0, "a", 0, 1, exclusive=True)
    with pytest.raises(ValueError, match="convert it with `float`"):
        real_number(torch.tensor(0.5), "a", 0, 1)
