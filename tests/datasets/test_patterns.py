"""The patterns: the same everywhere, every class in them, and shapes and textures as their names say."""

import numpy as np
import pytest
import torch

from course_utils.datasets.figures.dice import COSINES, STEPS, Dice, edge, turned
from course_utils.datasets.figures.shapes import SHAPES, covered
from course_utils.datasets.figures.textures import TEXTURES, painted
from course_utils.datasets.patterns import SMALLEST, VERSION, draw_patterns
from course_utils.datasets.random_draws import Draws


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def pixels(size: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    return x, x[:, None]


def test_a_batch_is_the_same_on_every_machine() -> None:
    """The weights in `data/weights` hang on it: what changes these numbers is another VERSION."""
    assert VERSION == 1
    found = draw_patterns("val", 2, seed=5, count=4)
    assert torch.stack(found[1:]).tolist() == LABELS
    assert found.images[:, :, 20::24, 10].flatten().tolist() == pytest.approx(IMAGES, abs=1e-5)


def test_shape_type_and_range() -> None:
    images, *labels = draw_patterns("train", 0, count=50, size=40)
    assert images.shape == (50, 3, 40, 40) and images.dtype == torch.float32
    assert 0 <= images.min() < 0.1 and 0.9 < images.max() <= 1
    assert all(label.shape == (50,) and label.dtype == torch.int64 for label in labels)
    assert images.flatten(1).std(1).min() > 0.01, "an image with nothing in it"


def test_a_batch_is_known_by_split_seed_and_number() -> None:
    first = draw_patterns("train", 3, seed=1, count=2)
    again = draw_patterns("train", 3, seed=1, count=2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    others = [
        draw_patterns("val", 3, seed=1, count=2),
        draw_patterns("train", 4, seed=1, count=2),
        draw_patterns("train", 3, seed=2, count=2),
        draw_patterns("train", 1, seed=3, count=2),
    ]
    assert all(not torch.equal(first.images, other.images) for other in others)


def test_every_class_is_about_as_frequent_as_the_others() -> None:
    batches = [draw_patterns("train", number, count=500, size=SMALLEST) for number in range(2)]
    _, shapes, textures, backgrounds = (torch.cat(parts) for parts in zip(*batches, strict=True))
    for labels, names in ((shapes, SHAPES), (textures, TEXTURES), (backgrounds, TEXTURES)):
        counts = torch.bincount(labels, minlength=len(names)) / (len(labels) / len(names))
        assert len(counts) == len(names) and 0.6 < counts.min() and counts.max() < 1.4
    assert (textures != backgrounds).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "training"}, "split must be one of 'train', 'val', 'test', but it is 'training'"),
        ({"size": 31}, "size must be 32 or more, for a shape needs room, but is 31"),
        ({"count": 0}, "count must be an integer of 1 or more, but is 0"),
        ({"number": -1}, "number must be an integer of 0 or more, but is -1"),
        ({"seed": 1.0}, "seed must be an integer of 0 or more, but is 1.0"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_patterns(**{"split": "train", "number": 0} | arguments)


# Of each shape points that are inside, and points that are outside.
POINTS = {
    "disc": ([(0, 0), (0.8, 0)], [(0.9, 0), (0.7, 0.7)]),
    "ring": ([(0.75, 0), (0, -0.9)], [(0, 0), (0.5, 0), (1, 0)]),
    "half disc": ([(0, 0), (0.9, -0.3), (0, 0.5)], [(0, -0.5), (0, 0.7)]),
    "crescent": ([(-0.6, 0), (0.2, 0.9)], [(0, 0), (0.6, 0), (-1, 0)]),
    "square": ([(0, 0), (0.7, -0.7)], [(0.8, 0), (0, -0.8)]),
    "bar": ([(0, 1), (0.1, -1)], [(0.2, 0), (0, 1.2)]),
    "cross": ([(0, 0.8), (-0.8, 0.2)], [(0.4, 0.4), (0, 1)]),
    "corner": ([(-0.7, 0.7), (-0.7, -0.7), (0.7, -0.7)], [(0, 0), (0.7, 0.7)]),
    "triangle": ([(0, 0.9), (0.7, -0.4), (-0.7, -0.4)], [(0.7, 0.4), (0, -0.6)]),
    "star": ([(0, 0), (0.9, 0), (0.25, 0.75)], [(-0.9, 0), (0.6, 0.5), (0, 0.9)]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_where_it_should_be(name: str) -> None:
    inside, outside = POINTS[name]
    for points, sign in ((inside, 1), (outside, -1)):
        distance = SHAPES[name](*(np.array(points, np.float32).T))
        assert (distance * sign > 0).all(), (points, distance)
        assert distance.dtype == np.float32


def test_textures_by_hand() -> None:
    """A period of 100 pixels, at points far from any edge."""
    period = numbers(100)

    def share(name: str, *points: tuple[float, float]) -> list[float]:
        return TEXTURES[name](*np.array(points, np.float32).T, period).tolist()

    assert share("plain", (0.3, 0.3)) == [0]
    assert share("stripes", (0, 0.3), (0.5, 0.3), (1, 0.8), (-0.5, 0)) == [1, 0, 1, 0]
    assert share("checks", (0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)) == [1, 0, 0, 1]
    assert share("dots", (0.5, 0.5), (0, 0), (0.5, 0), (1.5, -0.5)) == [1, 0, 0, 1]
    assert share("grid", (0, 0.5), (0.5, 0), (0.5, 0.5)) == [1, 1, 0]
    # The joint between two bricks of a row is in the middle of the bricks above and below.
    assert share("bricks", (0, 0.5), (1, 0.5), (1, 1.5), (0, 1.5), (0.5, 0.5), (0.5, 0)) == [1, 0, 1, 0, 0, 1]
    assert share("slope", (-1, 0), (0, 0), (1, 0), (0.12, 9)) == pytest.approx([0, 0.5, 1, 0.75])


@pytest.mark.parametrize("name", ["clouds", "grain"])
def test_noise_is_between_0_and_1_and_smooth_or_not(name: str) -> None:
    s = np.tile(np.linspace(0, 8, 64, dtype=np.float32), (1, 64, 1))
    found = TEXTURES[name](s, s.transpose(0, 2, 1), numbers(8)[:, None, None])
    assert 0 <= found.min() and found.max() <= 1 and found.std() > 0.05
    roughness = np.abs(np.diff(found)).mean() / found.std()
    assert roughness < 0.15 if name == "clouds" else roughness > 0.5


def test_painted_and_covered_have_a_shape_and_can_be_told_apart() -> None:
    dice = Dice(Draws(0), 90)
    kinds = np.arange(90) % 9
    colours = painted(dice, kinds, *pixels(32))
    assert colours.shape == (90, 3, 32, 32) and colours.dtype == np.float32
    assert colours.min() >= 0 and colours.max() <= 1
    spread = colours.std(axis=(2, 3)).max(axis=1)
    assert (spread[kinds == 0] < 1e-6).all() and (spread[kinds > 0] > 0.01).all()
    share = covered(dice, np.arange(90) % 10, *pixels(32), radius=(8, 12), reach=4)
    assert share.shape == (90, 32, 32) and share.dtype == np.float32
    assert ((share == 0) | (share == 1)).mean() > 0.8
    assert (share.mean(axis=(1, 2)) > 0.01).all()


def test_edges_and_turns() -> None:
    assert edge(numbers(-1, -0.1, 0, 0.05, 0.1, 1), 5.0).tolist() == pytest.approx([0, 0, 0.5, 0.75, 1, 1])
    quarter = COSINES[STEPS // 4], COSINES[0]
    assert [part.tolist() for part in turned(numbers(1, 0), numbers(0, 1), quarter)] == [[0, 1], [-1, 0]]
    cosine, sine = Dice(Draws(0), 1000).turn()
    assert np.abs(cosine**2 + sine**2 - 1).max() < 2e-4 and cosine.min() < -0.99 and sine.max() > 0.99


def test_dice() -> None:
    dice = Dice(Draws(0), 2000)
    real = dice.real(-2, 6)
    assert real.shape == (2000, 1, 1) and real.dtype == np.float32
    assert -2 <= real.min() < -1.95 and 5.95 < real.max() <= 6 and abs(real.mean() - 2) < 0.2
    assert set(dice.whole(3, 5).tolist()) == {3, 4, 5}
    assert abs(dice.chance(30).mean() - 0.3) < 0.05
    colour = dice.colour()
    assert colour.shape == (2000, 3, 1, 1) and 0 <= colour.min() and colour.max() <= 1


LABELS = [[4, 1, 4, 1], [0, 0, 7, 5], [8, 3, 1, 0]]
IMAGES = [
    0.090424,
    0.09083,
    0.428625,
    0.414926,
    0.326576,
    0.301503,
    0.064143,
    0.253985,
    0.417293,
    0.342691,
    0.336589,
    0.156708,
    0.663464,
    0.424595,
    0.861736,
    0.706045,
    0.61948,
    0.304172,
    0.512229,
    0.495758,
    0.719781,
    0.69595,
    0.674695,
    0.617806,
]
