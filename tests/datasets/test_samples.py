"""Samples: boxes and masks by hand, on odd cases and at scale; the grid of the resize against PyTorch's own."""

import pytest
import torch
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader
from torchvision.ops import masks_to_boxes

from course_utils.datasets.samples import VOID, Sample, boxes_and_masks, checked_size, resize_and_crop

INSTANCES = torch.tensor(
    [
        [0, 7, 7, 0, 0],
        [0, 7, 0, 0, 2],
        [0, 0, 0, 0, 2],
        [3, 0, 0, 0, 2],
    ]
)
LABELS = torch.tensor(
    [
        [0, 5, 4, 0, 0],
        [0, 5, 0, 0, VOID],
        [0, 0, 0, 0, 6],
        [VOID, 0, 0, 0, VOID],
    ]
)


def sample_of(instances: torch.Tensor, labels: torch.Tensor) -> Sample:
    return Sample(torch.zeros(3, *labels.shape, device=labels.device), labels, instances)


def random_sample(height: int, width: int, seed: int = 0) -> Sample:
    draws = torch.Generator().manual_seed(seed)
    image = torch.rand(3, height, width, generator=draws)
    labels = torch.randint(0, 9, (height, width), generator=draws)
    return Sample(image, labels, torch.randint(0, 2**40, (height, width), generator=draws))


def test_boxes_and_masks_by_hand() -> None:
    boxes, masks, classes = boxes_and_masks(sample_of(INSTANCES, LABELS))
    # In the order of the ids 2, 3, 7; x before y, the end one past the last pixel.
    assert boxes.tolist() == [[4, 1, 5, 4], [0, 3, 1, 4], [1, 0, 3, 2]]
    assert boxes.dtype == torch.float32
    assert masks.dtype == torch.bool
    assert torch.equal(masks, torch.stack([INSTANCES == 2, INSTANCES == 3, INSTANCES == 7]))
    # Instance 2 is twice void and once 6; instance 3 is void only; instance 7 is twice 5 and once 4.
    assert classes.tolist() == [6, VOID, 5]
    assert classes.dtype == torch.int64


def test_the_box_of_one_pixel_has_area_one() -> None:
    instances = torch.zeros(3, 4, dtype=torch.int64)
    instances[2, 3] = 9
    boxes, _, _ = boxes_and_masks(sample_of(instances, torch.zeros_like(instances)))
    assert boxes.tolist() == [[3, 2, 4, 3]]


def test_no_instances_gives_empty_tensors_of_the_right_shapes() -> None:
    nothing = torch.zeros(6, 5, dtype=torch.int64)
    boxes, masks, classes = boxes_and_masks(sample_of(nothing, nothing))
    assert (boxes.shape, masks.shape, classes.shape) == ((0, 4), (0, 6, 5), (0,))
    assert (boxes.dtype, masks.dtype, classes.dtype) == (torch.float32, torch.bool, torch.int64)


def test_many_instances_agree_with_torchvision() -> None:
    draws = torch.Generator().manual_seed(3)
    instances = torch.randint(0, 60, (33, 47), generator=draws) * 1_000_003
    boxes, masks, _ = boxes_and_masks(sample_of(instances, torch.ones_like(instances)))
    # torchvision gives the last pixel, this course the position after it.
    assert torch.equal(boxes, masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1]))
    assert len(boxes) == 59


def test_a_set_without_instance_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="no instance truth"):
        boxes_and_masks(sample_of(torch.full((2, 3), -1), torch.zeros(2, 3, dtype=torch.int64)))


@pytest.mark.gpu
def test_boxes_and_masks_stay_on_their_device() -> None:
    on_device = sample_of(INSTANCES.cuda(), LABELS.cuda())
    for here, there in zip(boxes_and_masks(sample_of(INSTANCES, LABELS)), boxes_and_masks(on_device), strict=True):
        assert there.is_cuda
        assert torch.equal(here, there.cpu())


def test_resize_by_hand() -> None:
    labels = torch.arange(8).reshape(2, 4)
    sample = Sample(torch.zeros(3, 2, 4), labels, labels + 2**30)
    # 2 × 4 covers 2 × 2 as it is; the centre is columns 1 and 2.
    cut = resize_and_crop(sample, (2, 2))
    assert cut.labels.tolist() == [[1, 2], [5, 6]]
    # Twice as large, each pixel becomes four; cropped to the middle columns.
    doubled = resize_and_crop(sample, (4, 4))
    assert doubled.labels.tolist() == [[1, 1, 2, 2]] * 2 + [[5, 5, 6, 6]] * 2
    assert torch.equal(doubled.instances, doubled.labels + 2**30)


@pytest.mark.parametrize(
    ("before", "after"),
    [((45, 60), (96, 128)), ((64, 51), (33, 40)), ((37, 91), (50, 20)), ((360, 480), (96, 128)), ((7, 5), (7, 4))],
)
def test_resize_takes_the_same_grid_as_pytorch(before: tuple[int, int], after: tuple[int, int]) -> None:
    sample = random_sample(*before)
    small = resize_and_crop(sample, after)
    assert small.image.shape == (3, *after)
    assert small.labels.shape == small.instances.shape == after
    assert small.image.min() >= 0 and small.image.max() <= 1
    assert all(part.is_contiguous() for part in small)
    # Scaled whole by PyTorch, the window in the middle is the same.
    scale = max(after[0] / before[0], after[1] / before[1])
    whole = [max(n, round(m * scale)) for n, m in zip(after, before, strict=True)]
    top, left = (whole[0] - after[0]) // 2, (whole[1] - after[1]) // 2
    window = (slice(top, top + after[0]), slice(left, left + after[1]))
    near = interpolate(sample.labels[None, None].double(), whole, mode="nearest-exact")[0, 0][window]
    assert torch.equal(small.labels, near.long())
    near = interpolate(sample.instances[None, None].double(), whole, mode="nearest-exact")[0, 0][window]
    assert torch.equal(small.instances, near.long())
    smooth = interpolate(sample.image[None], whole, mode="bilinear", antialias=True)[0][:, *window]
    torch.testing.assert_close(small.image, smooth, atol=1e-6, rtol=0)


def test_image_and_labels_stay_aligned() -> None:
    # A bright square on class 1: after any change of size, bright pixels are class 1 and dark ones class 0.
    labels = torch.zeros(90, 120, dtype=torch.int64)
    labels[30:60, 40:80] = 1
    sample = Sample(labels.float().expand(3, -1, -1), labels, labels)
    for size in [(45, 60), (96, 128), (180, 240), (61, 77), (90, 50)]:
        resized = resize_and_crop(sample, size)
        bright, dark = resized.image[0] > 0.75, resized.image[0] < 0.25
        assert resized.labels[bright].eq(1).all() and resized.labels[dark].eq(0).all()
        assert bright.sum() > 0.2 * resized.labels.sum()


def test_the_same_size_changes_nothing() -> None:
    sample = random_sample(12, 17)
    assert all(torch.equal(a, b) for a, b in zip(sample, resize_and_crop(sample, (12, 17)), strict=True))


@pytest.mark.parametrize("size", [96, (96,), (0, 128), (-1, 5), (96.0, 128.0), (3, 96, 128), "ab"])
def test_a_size_that_is_not_height_and_width_is_refused(size: object) -> None:
    with pytest.raises(ValueError, match=r"size should be \(height, width\)"):
        checked_size(size)
    with pytest.raises(ValueError, match=r"size should be \(height, width\)"):
        resize_and_crop(random_sample(4, 5), size)


def test_samples_batch_with_the_ordinary_loader() -> None:
    samples = [random_sample(6, 8, seed) for seed in range(4)]
    batch = next(iter(DataLoader(samples, batch_size=4)))
    assert isinstance(batch, Sample)
    assert batch.image.shape == (4, 3, 6, 8)
    assert torch.equal(batch.labels[2], samples[2].labels)
    assert torch.equal(batch.instances[3], samples[3].instances)
