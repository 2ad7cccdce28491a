"""Polygons: by hand, equal to pycocotools pixel for pixel, and outlines that give their mask back."""

import numpy as np
import pytest
import torch
from pycocotools import mask as coco
from scipy.ndimage import label
from test_coco_masks import random_masks
from torch import Tensor

from course_utils.datasets.coco_polygons import mask_to_polygons, polygons_to_mask

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools


def by_pycocotools(polygons: list[list[float]], size: tuple[int, int]) -> Tensor:
    return torch.from_numpy(coco.decode(coco.merge(coco.frPyObjects(polygons, *size)))).bool()


def test_a_rectangle_on_the_grid_covers_its_pixels() -> None:
    mask = polygons_to_mask([[1, 2, 4, 2, 4, 3, 1, 3]], (5, 6))
    assert mask.dtype == torch.bool and mask.nonzero().tolist() == [[2, 1], [2, 2], [2, 3]]


def test_a_triangle_by_hand() -> None:
    # The slanted side passes the middles of the columns, at x = 0.5, 1.5, …, in the middles of pixels: they are inside.
    for lower, wanted in ((0, [1, 2, 3, 4]), (0.4, [0, 1, 2, 3])):
        triangle = [0, lower, 4, 4 + lower, 0, 4 + lower]
        mask = polygons_to_mask([triangle], (4, 4))
        assert mask.long().tolist() == [[int(x < count) for x in range(4)] for count in wanted]
        assert torch.equal(mask, by_pycocotools([triangle], (4, 4)))


def test_two_polygons_are_joined_and_a_crossing_in_one_cancels() -> None:
    first, second = [0, 0, 3, 0, 3, 2, 0, 2], [2, 0, 5, 0, 5, 2, 2, 2]
    assert polygons_to_mask([first, second], (2, 5)).all()
    # One polygon that runs around both: what is in both is outside, and the way there and back is nothing.
    assert polygons_to_mask([[*first, 0, 0, *second, 2, 0]], (2, 5)).long().tolist() == [[1, 1, 0, 1, 1]] * 2


def random_polygons(draws: np.random.Generator, height: int, width: int) -> list[list[float]]:
    """One to three of three to nine corners: anywhere, on halves, on whole pixels, far outside, closed or not."""
    polygons = []
    for _ in range(draws.integers(1, 4)):
        spread = draws.choice([1, 3])
        corners = (draws.random((draws.integers(3, 10), 2)) * spread - (spread - 1) / 2) * [width, height]
        grain = draws.choice([0, 0.5, 1])
        corners = np.round(corners / grain) * grain if grain else corners
        if draws.random() < 0.3:
            corners = np.vstack([corners, corners[:1]])
        polygons.append(corners.ravel().tolist())
    return polygons


def test_polygons_equal_pycocotools() -> None:
    draws = np.random.default_rng(1)
    covered = []
    for _ in range(500):
        height, width = map(int, draws.integers(1, 40, 2))
        polygons = random_polygons(draws, height, width)
        ours = polygons_to_mask(polygons, (height, width))
        assert torch.equal(ours, by_pycocotools(polygons, (height, width))), polygons
        covered.append(float(ours.float().mean()))
    assert 0.2 < np.mean(covered) < 0.8


def test_a_large_outline_equals_pycocotools() -> None:
    turn = np.linspace(0, 2 * np.pi, 700)
    radius = 200 + 40 * np.sin(9 * turn)
    polygon = np.stack([310 + radius * np.cos(turn), 235 + radius * np.sin(turn)], 1).ravel().tolist()
    ours = polygons_to_mask([polygon], (480, 640))
    assert torch.equal(ours, by_pycocotools([polygon], (480, 640)))
    assert float(ours.sum()) == pytest.approx(np.pi * (200**2 + 40**2 / 2), rel=0.01)


@pytest.mark.parametrize("polygons", [[], [[]], [[3, 1]], [[0, 0, 4, 3]], [[1, 1, 1, 1, 1, 1]], [[0, 0, 4, 4, 2, 2]]])
def test_what_encloses_nothing_is_empty(polygons: list[list[float]]) -> None:
    assert not polygons_to_mask(polygons, (4, 5)).any()
    with_one = polygons_to_mask([*polygons, [0, 0, 2, 0, 2, 1, 0, 1]], (4, 5))
    assert with_one.sum() == 2


def test_a_polygon_that_covers_everything_and_one_that_is_beside_it() -> None:
    assert polygons_to_mask([[-9, -9, 99, -9, 99, 99, -9, 99]], (4, 5)).all()
    assert not polygons_to_mask([[9, 9, 99, 9, 99, 99, 9, 99]], (4, 5)).any()


@pytest.mark.parametrize(
    ("polygons", "what"),
    [
        ([[0, 0, 2, 0, 2]], "two for each corner, but has 5 entries"),
        ([0, 0, 2, 0, 2, 2], "a list of numbers .*, but has 0"),
        ([[0, 0, "2", 0, 2, 2]], "a list of numbers"),
        ([[0, 0, None, 0, 2, 2]], "a list of numbers"),
        ([[0, 0, float("nan"), 0, 2, 2]], "a list of numbers"),
        ([[0, 0, 1e9, 0, 2, 2]], "within ±100000, but one is 1e\\+09"),
    ],
)
def test_damaged_polygons_are_refused(polygons: list, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        polygons_to_mask(polygons, (4, 5))


@pytest.mark.parametrize("size", [(4,), (0, 5), (4.0, 5), 4, (2**15, 2**14)])
def test_sizes_are_checked(size: object) -> None:
    with pytest.raises(ValueError, match="size"):
        polygons_to_mask([], size)


# --- From masks


def test_the_outline_of_two_pixels_by_hand() -> None:
    mask = torch.zeros(3, 5, dtype=torch.bool)
    mask[1, 2:4] = True
    assert mask_to_polygons(mask) == [[2, 1, 4, 1, 4, 2, 2, 2]]
    assert mask_to_polygons(torch.zeros(3, 5, dtype=torch.bool)) == []


def test_a_hole_hangs_on_its_outline_by_a_line() -> None:
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[1, 2] = False
    assert mask_to_polygons(mask) == [[0, 0, 4, 0, 4, 4, 0, 4, 0, 0, 2, 1, 3, 1, 3, 2, 2, 2, 2, 1]]


def test_pixels_that_touch_at_a_corner_are_two_pieces() -> None:
    for mask in (torch.eye(2, dtype=torch.bool), torch.eye(2, dtype=torch.bool).flip(0)):
        polygons = mask_to_polygons(mask)
        assert [len(polygon) for polygon in polygons] == [8, 8]
        assert torch.equal(polygons_to_mask(polygons, (2, 2)), mask)


def test_outlines_give_their_mask_back_here_and_in_pycocotools() -> None:
    holes = 0
    for mask in random_masks(80, seed=2):
        polygons = mask_to_polygons(mask)
        size = tuple(mask.shape)
        assert torch.equal(polygons_to_mask(polygons, size), mask)
        assert len(polygons) == label(mask.numpy())[1]
        if polygons:
            assert torch.equal(by_pycocotools(polygons, size), mask)
        holes += sum(len(set(zip(p[::2], p[1::2], strict=True))) < len(p) // 2 for p in polygons)
    assert holes > 20


@pytest.mark.parametrize("mask", [torch.zeros(2, 3), torch.zeros(1, 2, 3, dtype=torch.bool), [[True]]])
def test_only_masks_have_outlines(mask: object) -> None:
    with pytest.raises(ValueError, match="mask must be"):
        mask_to_polygons(mask)


@pytest.mark.gpu
def test_the_outline_of_a_mask_on_a_gpu() -> None:
    mask = random_masks(6)[5]
    assert mask_to_polygons(mask.cuda()) == mask_to_polygons(mask)
