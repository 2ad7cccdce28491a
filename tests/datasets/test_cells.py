"""The tissues: frozen, equal everywhere, and as their docstring says."""

import hashlib

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.utils.data import DataLoader

from course_utils.datasets.cells import VERSION, Cells
from course_utils.datasets.noise import ATLAS_SIZE, noise_atlas, sampled
from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import Sample, boxes_and_masks
from course_utils.datasets.tissue.growth import LATTICE, SEEDS, Section, cut, lay_tissue, opened, read_labels

# SHA-256 of labels and instances. The world of a version does not change: with other hashes it is another VERSION, and the
# results of all lessons are to be made anew.
FROZEN = {
    ("train", (96, 128), 0): "839b04ca5eaa7a6277e0add97ec8e0f308d41138c80ba10efd0c2685d75112cf",
    ("train", (96, 128), 4095): "decf11bc548c587c3a2dd8363257496efe413862cf0a4fe5edf37710ef36a047",
    ("val", (96, 128), 7): "3541c8cfcb998d4c88f0005ee173e1db26377bac4c522d5c5c52a522f8076aa7",
    ("test", (96, 128), 255): "49703583724d6dd63e2e4966464dff18018767cbc63801b8a4dc28063c60820d",
    ("train", (48, 64), 3): "2c01c92639cd34fe75c0ae21fd33eacec04cc9078b777e30f1f76912528d794e",
    ("val", (192, 256), 11): "c3705f64ab7aa817345b9a8732ce970d2b5b113a1851d046445844eb587ad7cc",
    ("test", (97, 331), 5): "a0bec64243655767457aff3327505b9ecead00488673125f86e04d7ee55992eb",
    ("train", (768, 1024), 1): "e534d26a96cb01f3a9c687703197da94d9c187a7cda2e02131731de84f5ba974",
}


def digest(sample: Sample) -> str:
    """SHA-256 of labels and instances as little-endian 64-bit integers."""
    return hashlib.sha256(b"".join(t.numpy().astype("<i8").tobytes() for t in sample[1:])).hexdigest()


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    data = Cells(length=50)
    return [data[i] for i in range(50)]


@pytest.mark.parametrize(
    ("split", "size", "index"),
    [pytest.param(*of, marks=pytest.mark.slow) if of[1] == (768, 1024) else of for of in FROZEN],
)
def test_labels_and_instances_are_frozen(split: str, size: tuple[int, int], index: int) -> None:
    assert VERSION == 1
    assert digest(Cells(split, size)[index]) == FROZEN[split, size, index]


def test_images_are_frozen_to_1e_5() -> None:
    image = Cells("val")[2].image
    assert image[0, ::30, ::40].flatten().tolist() == pytest.approx(
        [
            0.459877,
            0.528097,
            0.713915,
            0.537621,
            0.417295,
            0.584499,
            0.653401,
            0.677373,
            0.682896,
            0.670507,
            0.580402,
            0.528875,
            0.622479,
            0.598828,
            0.641894,
            0.639182,
        ],
        abs=1e-5,
    )


def test_shape_type_and_range() -> None:
    for size in ((96, 128), (48, 64), (61, 200), (192, 256)):
        image, labels, instances = Cells("val", size)[3]
        assert image.shape == (3, *size) and labels.shape == instances.shape == size
        assert image.dtype == torch.float32 and labels.dtype == instances.dtype == torch.int64
        assert 0 <= image.min() < 0.35 and 0.6 < image.max() <= 1
        assert torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])


def test_attributes() -> None:
    data = Cells("test", length=3)
    assert data.classes == ("cell", "membrane")
    assert data.num_classes == len(data.colours) == 2
    assert data.things == (0,)
    assert data.names == ("test-00000", "test-00001", "test-00002")


def test_a_sample_is_the_same_each_time() -> None:
    first, second = Cells("val")[4], Cells("val", length=9)[4]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_worker_processes_make_the_same_samples() -> None:
    data = Cells("val", (48, 64), length=6)
    for number, batch in enumerate(DataLoader(data, batch_size=3, num_workers=2)):
        for i in range(3):
            assert all(torch.equal(batch[field][i], data[3 * number + i][field]) for field in range(3))


def test_splits_share_no_sample() -> None:
    digests = {digest(Cells(split, (48, 64))[i]) for split in ("train", "val", "test") for i in range(15)}
    assert len(digests) == 45


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be"):
        Cells("train", (40, 128))
    with pytest.raises(ValueError, match="split must be"):
        Cells("training")
    with pytest.raises(IndexError, match="4 samples"):
        Cells(length=4)[4]


def test_cells_have_ids_and_membranes_have_none(samples: list[Sample]) -> None:
    for sample in samples:
        assert set(sample.labels.unique().tolist()) == {0, 1}
        assert torch.equal(sample.instances > 0, sample.labels == 0)
        assert sample.instances.unique().tolist() == list(range(int(sample.instances.max()) + 1))


def test_class_shares_and_number_of_cells(samples: list[Sample]) -> None:
    assert float(torch.stack([s.labels for s in samples]).float().mean()) == pytest.approx(0.19, abs=0.03)
    counts = [int(s.instances.max()) for s in samples]
    assert min(counts) >= 10 and max(counts) <= 80


def test_membranes_are_closed(samples: list[Sample]) -> None:
    for sample in samples:
        ids = sample.instances
        for a, b in ((ids[1:], ids[:-1]), (ids[:, 1:], ids[:, :-1])):
            assert not ((a != b) & (a > 0) & (b > 0)).any()


def test_hardly_any_cell_is_in_two_pieces(samples: list[Sample]) -> None:
    pieces = sum(ndimage.label(sample.labels.numpy() == 0)[1] for sample in samples)
    cells = sum(int(sample.instances.max()) for sample in samples)
    assert cells <= pieces < 1.02 * cells


def test_boxes_and_masks(samples: list[Sample]) -> None:
    for sample in samples[:20]:
        boxes, masks, classes = boxes_and_masks(sample)
        assert len(boxes) == len(masks) == int(sample.instances.max())
        assert (classes == 0).all()


def test_a_threshold_does_not_find_the_membranes(samples: list[Sample]) -> None:
    grey = torch.stack([s.image[0] for s in samples])
    membrane = torch.stack([s.labels for s in samples]) == 1

    def iou(threshold: float) -> float:
        dark = grey < threshold
        return float((dark & membrane).sum() / (dark | membrane).sum())

    best = max(iou(threshold) for threshold in np.arange(0.2, 0.7, 0.02))
    assert 0.25 < best < 0.5
    assert float(grey[membrane].mean()) < float(grey[~membrane].mean()) - 0.08


def test_another_size_is_the_same_tissue() -> None:
    for index in range(5):
        small, large = Cells("val")[index], Cells("val", (288, 384))[index]
        middle = large.labels[1::3, 1::3]  # the middle one of nine pixels has the same centre
        assert (small.labels == middle).float().mean() > 0.95


def test_a_wider_picture_shows_more_to_both_sides() -> None:
    usual, wide = Cells("val")[1], Cells("val", (96, 320))[1]
    inner = (slice(None), slice(3, -3))  # the opening sees three pixels beyond the edge
    assert torch.equal(usual.labels[inner], wide.labels[:, 96:224][inner])


def test_no_cell_is_twice_in_the_widest_picture() -> None:
    ids = Cells("val", (48, 1024))[0].instances.numpy()
    columns = np.broadcast_to(np.arange(1024), ids.shape)
    for cell in range(1, ids.max() + 1):
        assert np.ptp(columns[ids == cell]) < 100


def test_each_pixel_has_its_nearest_seeds() -> None:
    tissue = lay_tissue(Draws(5, 5, 5))
    tissue = tissue._replace(turn=(5, 0), stretch=100)
    section = cut(tissue, 48, 64)
    # Against all seeds near the picture, with the coordinates that the section itself gives.
    for row, column in ((0, 0), (17, 40), (47, 63), (30, 5)):
        seed = section.seed[row, column]
        square_y, square_x = divmod(int(seed), LATTICE)
        square_x -= LATTICE * (square_x > LATTICE // 2)
        square_y -= LATTICE * (square_y > LATTICE // 2)
        x = square_x * tissue.square + tissue.seed_x[seed] + section.across[row, column]
        y = square_y * tissue.square + tissue.seed_y[seed] + section.along[row, column]
        ys, xs = np.divmod(np.arange(SEEDS), LATTICE)
        xs, ys = np.where(xs > LATTICE // 2, xs - LATTICE, xs), np.where(ys > LATTICE // 2, ys - LATTICE, ys)
        squares = (xs * tissue.square + tissue.seed_x - x) ** 2 + (ys * tissue.square + tissue.seed_y - y) ** 2
        assert squares.argmin() == seed
        others = squares[tissue.cell != tissue.cell[seed]]
        assert others.min() - squares.min() == section.gap[row, column]


def test_labels_of_two_cells_side_by_side() -> None:
    def rows_of(*values: int) -> np.ndarray:
        return np.tile(np.array(values), (64, 1))

    # gap / (2 sqrt(spread)) is the distance to the border: 8, 4, 0, 4, 8 where the spread is 1.
    section = Section(
        seed=rows_of(3, 3, 3, 9, 9, 9),
        across=rows_of(0, 0, 0, 0, 0, 0),
        along=rows_of(0, 0, 0, 0, 0, 0),
        cell=rows_of(3, 3, 3, 9, 9, 9),
        thickness=rows_of(6, 6, 6, 6, 6, 6),
        gap=rows_of(20, 12, 4, 4, 12, 20),
        spread=rows_of(1, 1, 1, 1, 1, 1),
    )
    labels, instances = read_labels(section)
    assert labels[10].tolist() == [0, 0, 1, 1, 0, 0]
    assert instances[10].tolist() == [1, 1, 0, 0, 2, 2]
    thin = section._replace(thickness=section.thickness // 6)
    assert read_labels(thin)[1][10].tolist() == [1, 1, 0, 2, 2, 2]


def test_opening_takes_splinters_away() -> None:
    shape = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 1, 0], [0, 0, 0, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 0, 0]], bool)
    expected = [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0]]
    assert opened(shape, 2).astype(int).tolist() == expected


def test_the_noise_repeats_and_is_smooth() -> None:
    atlas = noise_atlas()
    assert atlas.shape == (ATLAS_SIZE, ATLAS_SIZE) and np.abs(atlas).max() == 110
    assert np.abs(atlas[0] - atlas[-1]).max() <= np.abs(np.diff(atlas, axis=0)).max() < 15
    assert np.abs(np.diff(noise_atlas(octaves=2), axis=1)).max() < 6
    assert not atlas.flags.writeable
    assert [int(v) for v in atlas[:3, 0]] == [-2, -3, -2]
    x, y = np.array([0, 64, 128]), np.array([0, 32])
    picture = sampled(atlas, x, y, unit=64, scale=1, offset=(5, 7))
    assert picture.tolist() == [[atlas[7, 5]] * 3, [atlas[7 + ATLAS_SIZE // 2, 5]] * 3]
