"""The street scenes: frozen, equal everywhere, and as their docstring says."""

import hashlib

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from course_utils.datasets.random_draws import Draws
from course_utils.datasets.samples import VOID, Sample, boxes_and_masks
from course_utils.datasets.scenes import VERSION, Scenes
from course_utils.datasets.street.picture import dilated

# SHA-256 of labels and instances. The world of a version does not change: with other hashes it is another VERSION, and the
# results of all lessons are to be made anew.
FROZEN = {
    ("train", (96, 128), 0): "7541cd0f3cef7dc3a199e1a62046a02ffb477b07b1d2a0260e24a7730b1ccd46",
    ("train", (96, 128), 4095): "37663e1e135a361ba04abc3927c04ec454b1354495a71cc206938230a2ce527e",
    ("val", (96, 128), 7): "2d42aeae2d238253316539c7a275aa940fcea9c3cbaf459807e93b9c036a03b5",
    ("test", (96, 128), 255): "41572cb93693def8dc83a0ca9ab039496e44304ae80ad276ff27bf529d4ca9d2",
    ("train", (48, 64), 3): "1c01a480ffd0636982e85bdc5541fb038bafbf7a7a47eb084c022320c21118e3",
    ("val", (192, 256), 11): "38fc29019555ab072973e55c63c85a70d41adb4b3cfae9e07d4eec83086bf34f",
    ("test", (97, 331), 5): "65d85238b8020609afa664af92c3165c69e29ce0fdc82f8023ee4aeb80880599",
    ("train", (768, 1024), 1): "d266ebca4e453deb8291f175738dad7e62f93405dd4a9bb03db8c6552b83c6f3",
}


def digest(sample: Sample) -> str:
    """SHA-256 of labels and instances as little-endian 64-bit integers."""
    return hashlib.sha256(b"".join(t.numpy().astype("<i8").tobytes() for t in sample[1:])).hexdigest()


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    data = Scenes(length=100)
    return [data[i] for i in range(100)]


def test_the_words_of_pcg64_are_frozen() -> None:
    draws = Draws(1, 2, 3)
    assert [draws.between(0, 999) for _ in range(6)] == [581, 225, 212, 855, 430, 809]
    assert draws.integers(-5, 5, 7).tolist() == [1, 5, 4, 2, 3, 5, -5]
    assert draws.bytes(5).tolist() == [204, 70, 31, 201, 159]


@pytest.mark.parametrize(("split", "size", "index"), FROZEN)
def test_labels_and_instances_are_frozen(split: str, size: tuple[int, int], index: int) -> None:
    assert VERSION == 1
    assert digest(Scenes(split, size)[index]) == FROZEN[split, size, index]


def test_images_are_frozen_to_1e_5() -> None:
    image = Scenes("val")[2].image
    assert image[:, ::40, ::60].flatten().tolist() == pytest.approx(
        [
            0.500657,
            0.501104,
            0.236394,
            0.756824,
            0.604968,
            0.150446,
            0.307072,
            0.174937,
            0.321797,
            0.523569,
            0.521625,
            0.197688,
            0.770274,
            0.592473,
            0.187576,
            0.299403,
            0.17952,
            0.304324,
            0.579432,
            0.561181,
            0.17413,
            0.761488,
            0.486641,
            0.210727,
            0.296905,
            0.168852,
            0.303282,
        ],
        abs=1e-5,
    )


def test_shape_type_and_range() -> None:
    for size in ((96, 128), (48, 64), (61, 200), (192, 256)):
        image, labels, instances = Scenes("val", size)[3]
        assert image.shape == (3, *size) and labels.shape == instances.shape == size
        assert image.dtype == torch.float32 and labels.dtype == instances.dtype == torch.int64
        assert 0 <= image.min() < 0.2 and 0.6 < image.max() <= 1
        assert image.is_contiguous() and labels.is_contiguous()


def test_attributes() -> None:
    data = Scenes("test", length=3)
    assert data.classes == ("sky", "building", "road", "sidewalk", "vegetation", "car", "person", "pole")
    assert data.num_classes == len(data.colours) == len(set(data.colours)) == 8
    assert [data.classes[thing] for thing in data.things] == ["car", "person"]
    assert data.names == ("test-00000", "test-00001", "test-00002")
    assert [len(Scenes(split)) for split in ("train", "val", "test")] == [4096, 256, 256]


def test_a_sample_is_the_same_each_time() -> None:
    first, second = Scenes("val")[4], Scenes("val", length=9)[4]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_worker_processes_make_the_same_samples() -> None:
    data = Scenes("val", (48, 64), length=6)
    for number, batch in enumerate(DataLoader(data, batch_size=3, num_workers=2)):
        for i in range(3):
            assert all(torch.equal(batch[field][i], data[3 * number + i][field]) for field in range(3))


def test_splits_share_no_sample() -> None:
    digests = {digest(Scenes(split, (48, 64))[i]) for split in ("train", "val", "test") for i in range(12)}
    assert len(digests) == 36


def test_index() -> None:
    data = Scenes("val", (48, 64), length=5)
    assert torch.equal(data[-1].labels, data[4].labels)
    assert torch.equal(data[np.int64(2)].labels, data[2].labels)
    assert len(list(data)) == 5
    for outside in (5, -6):
        with pytest.raises(IndexError, match="5 samples"):
            data[outside]


@pytest.mark.parametrize(
    "size", [(47, 64), (48, 63), (769, 1024), (768, 1025), (96,), (96, 128, 3), 96, (96.0, 128), "ab"]
)
def test_sizes_outside_the_range_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match="size must be"):
        Scenes("train", size)


def test_bad_split_and_length_are_refused() -> None:
    with pytest.raises(ValueError, match="split must be one of 'train', 'val', 'test', but it is 'valid'"):
        Scenes("valid")
    for length in (0, -3, 2.5):
        with pytest.raises(ValueError, match="length must be"):
            Scenes(length=length)


@pytest.mark.parametrize("size", [(48, 64), (48, 1024), (768, 64), (768, 1024)])
def test_extreme_sizes_show_a_street(size: tuple[int, int]) -> None:
    labels = Scenes("test", size)[0].labels
    assert len(labels.unique()) >= 3
    assert (labels == 2).float().mean() > 0.02


def test_every_class_appears(samples: list[Sample]) -> None:
    assert set(torch.stack([s.labels for s in samples[:50]]).unique().tolist()) == {*range(8), VOID}


def test_class_shares(samples: list[Sample]) -> None:
    labels = torch.stack([s.labels for s in samples])
    shares = torch.bincount(labels.flatten(), minlength=256)[[*range(8), VOID]] / labels.numel()
    expected = (0.20, 0.13, 0.25, 0.15, 0.14, 0.07, 0.02, 0.015, 0.024)
    assert shares.tolist() == pytest.approx(expected, rel=0.25)


def test_three_to_eight_things(samples: list[Sample]) -> None:
    counts = np.array([int(s.instances.max()) for s in samples])
    assert np.mean((counts >= 3) & (counts <= 8)) > 0.95
    assert counts.min() >= 1 and counts.max() <= 12


def test_ids_and_void_are_where_things_are(samples: list[Sample]) -> None:
    for sample in samples:
        labels, instances = sample.labels.numpy(), sample.instances.numpy()
        thing = np.isin(labels, Scenes.things)
        assert np.array_equal(np.unique(instances[instances > 0]), np.arange(1, instances.max() + 1))
        assert (instances[thing] > 0).all()
        assert np.isin(labels[instances > 0], (*Scenes.things, VOID)).all()
        beside = dilated((instances > 0).astype(np.int64), 1) > 0
        assert beside[labels == VOID].all()


def test_boxes_and_masks(samples: list[Sample]) -> None:
    for sample in samples[:60]:
        boxes, masks, classes = boxes_and_masks(sample)
        assert len(boxes) == len(masks) == len(classes) == int(sample.instances.max())
        assert set(classes.tolist()) <= set(Scenes.things)
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_things_hide_each_other(samples: list[Sample]) -> None:
    hidden = 0
    for sample in samples:
        boxes, masks, _ = boxes_and_masks(sample)
        for n, (left, top, right, bottom) in enumerate(boxes.int().tolist()):
            inside = sample.instances[top:bottom, left:right]
            hidden += bool(((inside > n + 1).sum() > 0.2 * masks[n].sum()).item())
    assert hidden > 100


def test_another_size_is_the_same_scene() -> None:
    for index in range(6):
        small, large = Scenes("val")[index], Scenes("val", (288, 384))[index]
        # The centre of a pixel is the centre of the middle one of nine.
        middle = large.labels[1::3, 1::3]
        known = (small.labels != VOID) & (middle != VOID)
        assert known.float().mean() > 0.9
        assert torch.equal(small.labels[known], middle[known])


def test_a_wider_picture_shows_more_to_both_sides() -> None:
    for index in range(6):
        usual, wide = Scenes("val")[index], Scenes("val", (96, 320))[index]
        middle = wide.labels[:, 96:224]
        inner = (slice(None), slice(1, -1))  # an outline may come from beyond the edge
        assert torch.equal(usual.labels[inner], middle[inner])


def test_no_scene_resembles_another(samples: list[Sample]) -> None:
    stack = torch.stack([s.labels for s in samples[:40]])
    agreement = (stack[:, None] == stack[None, :]).float().mean((2, 3))
    agreement.fill_diagonal_(0)
    assert agreement.max() < 0.85


def test_void_is_as_wide_as_the_picture_is_high() -> None:
    def share(height: int) -> float:
        return float((Scenes("val", (height, height * 4 // 3))[1].labels == VOID).float().mean())

    assert share(192) == pytest.approx(share(96), rel=0.25)
    assert share(384) == pytest.approx(share(96), rel=0.25)
