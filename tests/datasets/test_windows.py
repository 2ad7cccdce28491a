"""Windows around labelled pixels."""

import numpy as np
import pytest
import torch

from course_utils.datasets.windows import draw_windows


def _numbered(height: int = 7, width: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Two images whose pixels are all different, and labels that can be told from the pixel in the middle."""
    images = torch.arange(2 * height * width, dtype=torch.float64).reshape(2, 1, height, width)
    return images, (images[:, 0] % 3).long()


def test_the_class_is_that_of_the_pixel_in_the_middle():
    images, labels = _numbered()
    for patches, classes in draw_windows(images, labels, window=5, steps=4, batch_size=32):
        assert patches.shape == (32, 1, 5, 5)
        assert torch.equal(patches[:, 0, 2, 2].long() % 3, classes)
        assert torch.equal(patches[:, 0, 2, 3] - patches[:, 0, 2, 2], torch.ones(32, dtype=torch.float64))
        assert torch.equal(patches[:, 0, 3, 2] - patches[:, 0, 2, 2], torch.full((32,), 9.0, dtype=torch.float64))


def test_every_window_that_fits_is_drawn_and_void_never():
    images, labels = _numbered()
    labels[0, 3, 4] = 255
    middles = {
        int(middle) for patches, _ in draw_windows(images, labels, window=3, steps=60) for middle in patches[:, 0, 1, 1]
    }
    inside = {63 * n + 9 * y + x for n in range(2) for y in range(1, 6) for x in range(1, 8)}
    assert middles == inside - {9 * 3 + 4}


def test_classes_are_drawn_by_the_square_root_of_their_pixels():
    labels = torch.zeros(1, 20, 20, dtype=torch.int64)
    labels[0, 0, :4] = 1  # 4 of 400: 2 to sqrt(396) = 19.9
    drawn = torch.cat([c for _, c in draw_windows(torch.rand(1, 3, 20, 20), labels, window=1, steps=300)])
    assert (drawn == 1).double().mean().item() == pytest.approx(2 / (2 + 396**0.5), abs=0.01)


def test_the_same_seed_draws_the_same_windows():
    images, labels = _numbered()
    first, again, other = (
        torch.cat([p for p, _ in draw_windows(images, labels, window=3, steps=3, seed=seed)]) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


# Bad arguments are refused by the call, not by the first batch.


@pytest.mark.parametrize("window", [2, 9])
def test_windows_that_have_no_middle_or_do_not_fit_are_refused(window):
    with pytest.raises(ValueError, match="window is odd"):
        draw_windows(*_numbered(), window=window, steps=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("window", value) for value in (0, -3, 3.0, "3", None, True, (3, 3))],
        *[("batch_size", value) for value in (0, 2.5, True)],
        *[("steps", value) for value in (-1, 1.5, "2")],
        *[("seed", value) for value in (-1, None, 1.5)],
    ],
)
def test_numbers_that_are_none_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an integer of [01] or more"):
        draw_windows(*_numbered(), **{"window": 3, "steps": 1, name: value})


def test_integers_of_numpy_are_taken_and_no_step_gives_no_batch():
    images, labels = _numbered()
    three, four = np.int64(3), np.int64(4)
    batches = list(draw_windows(images, labels, window=three, steps=np.int32(2), batch_size=four, seed=np.int64(1)))
    assert [patches.shape for patches, _ in batches] == [(4, 1, 3, 3)] * 2
    assert list(draw_windows(images, labels, window=3, steps=0)) == []


@pytest.mark.parametrize("label", [-1, 256, 2**40])
def test_labels_that_are_no_classes_are_refused(label):
    images, labels = _numbered()
    labels[1, 0, 8] = label  # also where no window has its middle
    with pytest.raises(ValueError, match=rf"0 to 254, or void \(255\), but lie between .*{label}"):
        draw_windows(images, labels, window=3, steps=1)


def test_labels_of_other_images_and_all_void_are_refused():
    images, labels = _numbered()
    with pytest.raises(ValueError, match="belong together"):
        draw_windows(images, labels[:, 1:], window=3, steps=1)
    with pytest.raises(ValueError, match="all of them are void"):
        draw_windows(images, torch.full_like(labels, 255), window=3, steps=1)
    with pytest.raises(ValueError, match="int64"):
        draw_windows(images, labels.int(), window=3, steps=1)


@pytest.mark.gpu
def test_windows_are_drawn_on_the_device_of_the_images():
    images, labels = _numbered()
    patches, classes = next(draw_windows(images.cuda(), labels.cuda(), window=3, steps=1))
    assert patches.is_cuda and torch.equal(patches[:, 0, 1, 1].long() % 3, classes)
