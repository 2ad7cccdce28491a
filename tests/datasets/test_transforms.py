"""What happens to the image happens to its labels, and only the generator decides what."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor
from torchvision.transforms import v2

from course_utils.datasets.samples import VOID, Sample
from course_utils.datasets.transforms import Transform, colour, compose, displace, elastic, flip, scale_and_crop

TRANSFORMS = {
    "flip": flip,
    "scale_and_crop": partial(scale_and_crop, size=(9, 14)),
    "colour": partial(colour, hue=0.1),
    "elastic": partial(elastic, spread=2.0),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sample(height: int = 12, width: int = 16) -> Sample:
    """Left part 0, right part 1, a void row at the top, ids above 2^8, and an image that shows all of it."""
    labels = torch.zeros(height, width, dtype=torch.int64)
    labels[:, width // 3 :] = 1
    labels[0] = VOID
    instances = labels.where(labels == 1, 0) * 300
    image = torch.stack([labels == 1, labels == VOID, labels == 0]).float()
    return Sample(image, labels, instances)


def as_drawn(seed: int, transform: Transform, given: Sample) -> Sample:
    return transform(given, seeded(seed))


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_only_the_generator_decides(name: str, seed: int) -> None:
    given = sample()
    copies = [layer.clone() for layer in given]
    torch.manual_seed(0)
    first = as_drawn(seed, TRANSFORMS[name], given)
    torch.manual_seed(1)
    again = as_drawn(seed, TRANSFORMS[name], given)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(given, copies, strict=True)), "the given sample was changed"


@pytest.mark.parametrize("name", TRANSFORMS)
def test_kinds_stay(name: str) -> None:
    found = as_drawn(3, TRANSFORMS[name], sample())
    assert [layer.dtype for layer in found] == [torch.float32, torch.int64, torch.int64]
    assert found.image.shape == (3, *found.labels.shape) and found.labels.shape == found.instances.shape
    assert float(found.image.min()) >= 0 and float(found.image.max()) <= 1
    assert set(found.labels.unique().tolist()) <= {0, 1, VOID}
    assert set(found.instances.unique().tolist()) <= {0, 300}


@pytest.mark.parametrize("name", ["flip", "scale_and_crop", "elastic"])
@pytest.mark.parametrize("seed", range(6))
def test_image_labels_and_instances_move_together(name: str, seed: int) -> None:
    """Where the image says one thing clearly, the labels say the same, and instances are on class 1 alone."""
    found = as_drawn(seed, TRANSFORMS[name], sample())
    clear = found.image.max(0).values > 0.75
    said = torch.tensor([1, VOID, 0])[found.image.argmax(0)]
    assert clear.float().mean() > 0.25
    assert torch.equal(said[clear], found.labels[clear])
    assert torch.equal(found.instances == 300, found.labels == 1)


def test_flip_by_hand() -> None:
    given = sample()
    assert flip(given, seeded(), probability=0) is given
    flipped = flip(given, seeded(), probability=1)
    assert torch.equal(flipped.image, given.image.flip(-1))
    assert torch.equal(flipped.labels, given.labels.flip(-1))
    generator = seeded()
    changed = sum(not torch.equal(flip(given, generator).labels, given.labels) for _ in range(400))
    assert 160 < changed < 240  # 200 ± 4 standard deviations


def test_crop_without_scaling_is_a_window() -> None:
    given = Sample(torch.arange(12 * 16).view(1, 12, 16).expand(3, -1, -1) / 255, *sample()[1:])
    places = set()
    for seed in range(200):
        found = scale_and_crop(given, seeded(seed), size=(9, 14), scales=(1, 1))
        top, left = divmod(round(float(found.image[0, 0, 0] * 255)), 16)
        places.add((top, left))
        assert torch.equal(found.image, given.image[:, top : top + 9, left : left + 14])
        assert torch.equal(found.labels, given.labels[top : top + 9, left : left + 14])
    assert len(places) == 4 * 3 and max(places) == (3, 2)


def test_what_is_outside_is_void() -> None:
    found = scale_and_crop(sample(), seeded(), size=(20, 20), scales=(1, 1))
    assert found.labels.shape == (20, 20)
    assert bool((found.labels[12:] == VOID).all()) and bool((found.labels[:, 16:] == VOID).all())
    assert not found.image[:, 12:].any() and not found.instances[12:].any()
    none = sample()._replace(instances=torch.full((12, 16), -1))
    assert bool((scale_and_crop(none, seeded(), size=(20, 20)).instances == -1).all())


def test_doubling_repeats_every_label() -> None:
    given = sample()
    found = scale_and_crop(given, seeded(), size=(24, 32), scales=(2, 2))
    assert torch.equal(found.labels, given.labels.repeat_interleave(2, 0).repeat_interleave(2, 1))


def test_scales_are_even_in_the_logarithm() -> None:
    """A half is as likely as a double: half of all images become smaller, and are then padded."""
    shrunk = sum(
        bool((scale_and_crop(sample(), seeded(n), size=(12, 16)).labels[-1] == VOID).any()) for n in range(300)
    )
    assert 115 < shrunk < 185  # 150 ± 4 standard deviations


def test_displacement_by_whole_pixels() -> None:
    """Each pixel takes what lies two to its right and one below."""
    given = Sample(torch.rand(3, 6, 8, generator=seeded()), torch.randint(3, (6, 8)), torch.randint(9, (6, 8)))
    found = displace(given, torch.tensor([2.0, 1.0])[:, None, None].expand(2, 6, 8))
    torch.testing.assert_close(found.image[:, :5, :6], given.image[:, 1:, 2:])
    assert torch.equal(found.labels[:5, :6], given.labels[1:, 2:])
    assert torch.equal(found.instances[:5, :6], given.instances[1:, 2:])
    assert bool((found.labels[5] == VOID).all()) and bool((found.labels[:, 6:] == VOID).all())


def test_elastic_is_smooth_and_as_wide_as_asked() -> None:
    """Read off an image that shows each pixel's column: displacements whose mean square is near the one asked for."""
    columns = torch.arange(400).expand(3, 400, 400) / 400
    zeros = torch.zeros(400, 400, dtype=torch.int64)
    moved = []
    for seed in range(30):
        found = elastic(Sample(columns, zeros, zeros), seeded(seed), spread=8.0).image[0]
        moved.append((found - columns[0])[80:320, 80:320] * 400)
    # On a coarse point it is 8 pixels; between the points the mean of several is less.
    assert 4 < torch.stack(moved).square().mean().sqrt() < 8.5
    assert torch.stack(moved).diff(dim=2).abs().max() < 1
    unmoved = elastic(Sample(columns, zeros, zeros), seeded(), spread=0)
    torch.testing.assert_close(unmoved.image, columns)


def cubic(distance: np.ndarray) -> np.ndarray:
    """The weight of a point at a distance, in cubic convolution with a = -3/4 (Keys 1981, who takes -1/2)."""
    a, near = -0.75, np.abs(distance)
    inside = (a + 2) * near**3 - (a + 3) * near**2 + 1
    beside = a * (near**3 - 5 * near**2 + 8 * near - 4)
    return np.where(near <= 1, inside, np.where(near < 2, beside, 0))


def between_points(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Displacements (2, H, W) of points (2, N, N) whose outer ones lie on the outermost pixels, and are repeated beyond."""
    count = coarse.shape[1]
    rows, columns = (np.linspace(0, count - 1, side)[:, None] - np.arange(-2, count + 2) for side in size)
    beyond = np.pad(coarse, ((0, 0), (2, 2), (2, 2)), mode="edge")
    return np.einsum("hi,cij,wj->chw", cubic(rows), beyond, cubic(columns))


def drawn_points(seed: int, spread: float, points: int) -> np.ndarray:
    return spread * torch.randn(2, points, points, generator=seeded(seed)).double().numpy()


@pytest.mark.parametrize(("size", "spread", "points"), [((60, 83), 10.0, 3), ((41, 40), 4.0, 5), ((33, 2), 1.0, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_elastic_equals_its_definition(size: tuple[int, int], spread: float, points: int, seed: int) -> None:
    """Random displacements on a coarse grid, bicubic between; computed with NumPy and SciPy, in float64."""
    draw = seeded(7)
    given = Sample(
        torch.rand(3, *size, generator=draw, dtype=torch.float64),
        torch.randint(5, size, generator=draw),
        torch.randint(1, 900, size, generator=draw),
    )
    found = elastic(given, seeded(seed), spread=spread, points=points)
    right, down = between_points(drawn_points(seed, spread, points), size)
    rows, columns = np.indices(size)
    at = np.stack([rows + down, columns + right])
    image = [map_coordinates(channel, at, order=1, mode="grid-constant", cval=0) for channel in given.image.numpy()]
    torch.testing.assert_close(found.image, torch.from_numpy(np.stack(image)), rtol=0, atol=1e-12)
    for layer, wanted, outside in ((found.labels, given.labels, VOID), (found.instances, given.instances, 0)):
        expected = map_coordinates(wanted.numpy(), at, order=0, mode="grid-constant", cval=outside)
        assert torch.equal(layer, torch.from_numpy(expected))
        assert (layer == outside).any() and (layer != outside).any()
    single = elastic(given._replace(image=given.image.float()), seeded(seed), spread=spread, points=points)
    torch.testing.assert_close(single.image.double(), found.image, rtol=0, atol=1e-4)


def test_coarse_points_move_as_drawn() -> None:
    """The corners, the middles of the sides and the centre of an image of odd sides are the points themselves."""
    rows, columns = torch.meshgrid(torch.arange(301.0), torch.arange(401.0), indexing="ij")
    nothing = torch.zeros(301, 401, dtype=torch.int64)
    ramps = Sample(torch.stack([columns, rows, 0 * rows]).double(), nothing, nothing)
    right, down = drawn_points(4, 2.0, 3)
    moved = elastic(ramps, seeded(4), spread=2.0).image[:2] - ramps.image[:2]
    for row in range(3):
        for column in range(3):
            at = 150 * row, 200 * column
            wanted = right[row, column], down[row, column]
            if 0 <= at[0] + wanted[1] <= 300 and 0 <= at[1] + wanted[0] <= 400:  # else it comes from outside
                assert moved[:, at[0], at[1]].tolist() == pytest.approx(wanted, abs=1e-9)
    assert moved[:, 150, 200].tolist() == pytest.approx((right[1, 1], down[1, 1]), abs=1e-9)


def test_displacement_by_a_part_of_a_pixel() -> None:
    """The image between two pixels is a mean of both, with black beyond the border; labels take the nearer one."""
    given = Sample(torch.tensor([4.0, 8, 2]).expand(3, 1, 3), torch.tensor([[1, 2, 3]]), torch.tensor([[7, 8, 9]]))
    for part, image, labels, instances in (
        (0.25, [5, 6.5, 1.5], [1, 2, 3], [7, 8, 9]),
        (0.75, [7, 3.5, 0.5], [2, 3, VOID], [8, 9, 0]),
    ):
        found = displace(given, torch.tensor([part, 0.0])[:, None, None].expand(2, 1, 3))
        assert found.image[0, 0].tolist() == pytest.approx(image)
        assert found.labels[0].tolist() == labels and found.instances[0].tolist() == instances
    unknown = displace(given._replace(instances=given.instances * 0 - 1), torch.full((2, 1, 3), 0.75))
    assert bool((unknown.instances == -1).all())


def test_spread_is_the_standard_deviation_of_the_points() -> None:
    """Read off at the centre, which is one of them."""
    columns = torch.arange(101.0).expand(3, 101, 101)
    zeros = torch.zeros(101, 101, dtype=torch.int64)
    moved = [elastic(Sample(columns, zeros, zeros), seeded(n), spread=10).image[0, 50, 50] - 50 for n in range(300)]
    assert 9 < torch.stack(moved).std() < 11  # 10 ± 2.5 standard deviations
    assert abs(torch.stack(moved).mean()) < 2


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_colours_are_those_of_torchvision(name: str) -> None:
    """With one amount alone, the first number drawn is its factor."""
    image = torch.rand(3, 5, 7, generator=seeded(4))
    given = sample(5, 7)._replace(image=image)
    amounts = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0} | {name: 0.4}
    found = colour(given, seeded(2), **amounts)
    drawn = 0.8 * float(torch.rand((), generator=seeded(2), dtype=torch.float64)) - 0.4
    change = getattr(v2.functional, f"adjust_{name}")
    torch.testing.assert_close(found.image, change(image, drawn if name == "hue" else 1 + drawn))
    assert found.labels is given.labels and found.instances is given.instances
    assert not torch.equal(found.image, image)


def test_compose_is_one_after_the_other() -> None:
    given, generator = sample(), seeded(5)
    expected = colour(flip(given, generator), generator)
    found = compose(flip, colour)(given, seeded(5))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert compose()(given, seeded()) is given


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (partial(flip, probability=1.5), "probability must be a number from 0 to 1"),
        (partial(scale_and_crop, size=(4, 0)), "size should be"),
        (partial(scale_and_crop, size=(4, 4), scales=(2, 1)), "0 < low <= high"),
        (partial(scale_and_crop, size=(4, 4), scales=(0, 1)), "0 < low <= high"),
        (partial(scale_and_crop, size=(4, 4), scales=(1, 1e9)), "low <= high <= 10, but is"),
        (partial(scale_and_crop, size=(4, 4), scales=(1, 2, 3)), "scales must be .low, high., two numbers"),
        (partial(scale_and_crop, size=(4, 4), scales=1.0), "scales must be .low, high., two numbers"),
        (partial(scale_and_crop, size=(4, 4), scales="ab"), "scales must be .low, high., two numbers"),
        (partial(flip, probability="x"), "probability must be a number"),
        (partial(colour, contrast=1.5), "contrast must be a number from 0 to 1.0"),
        (partial(colour, brightness=None), "brightness must be a number"),
        (partial(colour, hue=0.6), "hue must be a number from 0 to 0.5"),
        (partial(elastic, spread=-1), "spread must be a number from 0"),
        (partial(elastic, spread=float("nan")), "spread must be a number from 0"),
        (partial(elastic, spread=float("inf")), "give a finite one"),
        (partial(elastic, points=1), "points must be an integer of 2 or more"),
        (partial(elastic, points=2.5), "points must be an integer of 2 or more"),
    ],
)
def test_bad_arguments(transform: Transform, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        transform(sample(), seeded())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_is_no_sample(name: str) -> None:
    given = sample()
    for odd, message in (
        (tuple(given), "takes a Sample.*, but was given tuple"),
        (given._replace(image=(255 * given.image).byte()), r"floating in \[0, 1\], but this is torch.uint8"),
        (given._replace(labels=given.labels[:5]), "these have the shapes"),
        (given._replace(image=given.image[:1]), "these have the shapes"),
    ):
        with pytest.raises(ValueError, match=message):
            TRANSFORMS[name](odd, seeded())


@pytest.mark.gpu
@pytest.mark.parametrize("name", TRANSFORMS)
def test_on_a_gpu(name: str) -> None:
    def on(device: str) -> list[Tensor]:
        given = Sample(*(layer.to(device) for layer in sample()))
        return [layer.cpu() for layer in as_drawn(1, TRANSFORMS[name], given)]

    for ours, theirs in zip(on("cuda"), on("cpu"), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
