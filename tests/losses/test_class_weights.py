import math

import numpy as np
import pytest
import torch
from loss_cases import random_problem
from sklearn.utils.class_weight import compute_class_weight
from tolerances import OPERATION

from course_utils.losses.distribution import cross_entropy_loss
from course_utils.losses.weights import class_weights, count_pixels

SINGLE = OPERATION[torch.float32]
COUNTS = torch.tensor([2_500_000, 1_000_000, 1_500_000, 25_000, 2_500])


def test_inverse_and_square_root_of_literal_counts():
    expected = torch.tensor([0.4022, 1.0055, 0.6703, 40.22, 402.2])
    torch.testing.assert_close(class_weights(COUNTS), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(class_weights(COUNTS, method="square_root"), expected.sqrt(), rtol=1e-4, atol=0)


def test_inverse_weights_equal_sklearn_and_give_each_class_the_same_share():
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor([70, 25, 5]))
    weights = class_weights(torch.bincount(labels))
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    torch.testing.assert_close(weights, torch.from_numpy(balanced).float(), **SINGLE)
    torch.testing.assert_close(weights * torch.bincount(labels), torch.full((3,), 100 / 3), **SINGLE)


def test_median_frequency_as_published():
    # Class 2 is rare, but fills a fifth of the one image of 100 pixels that has it.
    counts, image_counts = torch.tensor([600, 380, 20]), torch.tensor([1000, 1000, 100])
    found = class_weights(counts, method="median_frequency", image_counts=image_counts)
    torch.testing.assert_close(found, torch.tensor([0.38 / 0.6, 1.0, 0.38 / 0.2]), **SINGLE)
    # With all pixels as denominator it is inverse frequency but for a factor, which changes no cross-entropy.
    found = class_weights(counts, method="median_frequency", image_counts=torch.full((3,), 1000))
    ratio = found / class_weights(counts)
    torch.testing.assert_close(ratio, ratio[:1].expand(3), **SINGLE)
    logits, target = random_problem(classes=3)
    losses = [cross_entropy_loss(logits, target, weight=w) for w in (found, class_weights(counts))]
    torch.testing.assert_close(*losses, rtol=1e-6, atol=0)


def test_the_median_of_an_even_number_of_classes_is_between():
    full = torch.tensor([100, 100])
    found = class_weights(torch.tensor([60, 40]), method="median_frequency", image_counts=full)
    torch.testing.assert_close(found, torch.tensor([0.5 / 0.6, 0.5 / 0.4]), **SINGLE)


def test_enet_weights_are_bounded():
    found = class_weights(COUNTS, method="enet")
    shares = COUNTS / COUNTS.sum()
    torch.testing.assert_close(found, torch.tensor([1 / math.log(1.02 + s) for s in shares.tolist()]), **SINGLE)
    assert found.max() < 1 / math.log(1.02)
    assert class_weights(COUNTS, method="enet", constant=1.1).max() < 1 / math.log(1.1) < 10.5


def test_effective_numbers():
    found = class_weights(torch.tensor([1, 2, 3]), method="effective_number", beta=0.5)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.5 / 0.75, 0.5 / 0.875]), **SINGLE)
    torch.testing.assert_close(
        class_weights(torch.tensor([1, 7]), method="effective_number", beta=0.0), torch.ones(2), **SINGLE
    )
    # β near 1: nearly inverse counts; here 1 - β^n has no digits left if it is a difference.
    found = class_weights(torch.tensor([1, 4]), method="effective_number", beta=1 - 1e-12)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.25]), **SINGLE)


@pytest.mark.parametrize("method", ["inverse", "square_root", "median_frequency", "enet", "effective_number"])
def test_a_class_without_pixels_has_no_weight_and_changes_none(method):
    counts, image_counts = torch.tensor([50, 0, 30, 0, 20]), torch.tensor([100, 0, 100, 0, 40])
    some = counts > 0
    found = class_weights(counts, method=method, image_counts=image_counts)
    assert found.dtype == torch.float32 and (found[~some] == 0).all() and (found[some] > 0).all()
    alone = class_weights(counts[some], method=method, image_counts=image_counts[some])
    torch.testing.assert_close(found[some], alone, **SINGLE)
    torch.testing.assert_close(
        found, class_weights(counts.double(), method=method, image_counts=image_counts), **SINGLE
    )


def test_count_pixels_counts_those_of_images_too():
    maps = [torch.tensor([[0, 0, 1], [255, 2, 0]]), torch.tensor([[0, 0]]), torch.tensor([[1, 255, 255]])]
    pixels, image_pixels = count_pixels(maps, 4)
    assert pixels.tolist() == [5, 2, 1, 0]
    assert image_pixels.tolist() == [7, 6, 5, 0]  # void pixels are in no count
    assert count_pixels([], 2).pixels.tolist() == [0, 0]
    assert count_pixels(maps, 256, ignore_index=None).pixels[255] == 3
    assert count_pixels([torch.tensor([0, 255], dtype=torch.uint8)], 1).pixels.tolist() == [1]


@pytest.mark.parametrize(
    ("counts", "arguments", "message"),
    [
        ([1, 2], {}, "counts must be a tensor, but is list"),
        (torch.ones(2, 2), {}, r"counts must be finite numbers of pixels \(K,\)"),
        (torch.tensor([1, -1]), {}, "counts must be finite numbers"),
        (torch.tensor([1, math.nan]), {}, "counts must be finite numbers"),
        (torch.tensor([1, 2j]), {}, "counts must be finite numbers"),
        (torch.zeros(3), {}, "no pixel of any class"),
        (torch.zeros(0), {}, "no pixel of any class"),
        (torch.ones(3), {"method": "median"}, "method must be one of .* but is 'median'"),
        (torch.ones(3), {"method": "median_frequency"}, "needs image_counts, .*count_pixels"),
        (torch.ones(3), {"method": "median_frequency", "image_counts": torch.ones(2)}, "image_counts must hold"),
        (torch.ones(3), {"method": "median_frequency", "image_counts": torch.zeros(3)}, "at least as many pixels"),
        (torch.ones(3), {"method": "enet", "constant": 1.0}, "constant must be above 1"),
        (torch.ones(3), {"method": "enet", "constant": "2"}, "constant must be a number from 1"),
        (torch.ones(3), {"method": "enet", "constant": math.inf}, "constant must be a number from 1"),
        (torch.ones(3), {"method": "effective_number", "beta": 1.0}, "beta must be a number from 0"),
        (torch.ones(3), {"method": "effective_number", "beta": None}, "beta must be a number from 0"),
    ],
)
def test_bad_counts_and_arguments_are_refused(counts, arguments, message):
    with pytest.raises(ValueError, match=message):
        class_weights(counts, **arguments)


def test_bad_label_maps_are_refused():
    with pytest.raises(ValueError, match=r"0 … 2 or void \(255\), but one holds labels from 0 to 3"):
        count_pixels([torch.tensor([0, 1]), torch.tensor([0, 3])], 3)
    with pytest.raises(ValueError, match="A label map must hold integer labels, but is torch.float32"):
        count_pixels([torch.zeros(2)], 3)
    with pytest.raises(ValueError, match="must hold integer labels, but is torch.complex64"):
        count_pixels([torch.zeros(2, dtype=torch.complex64)], 3)
    with pytest.raises(ValueError, match="num_classes must be an integer of 1 or more"):
        count_pixels([], 0)
    with pytest.raises(ValueError, match="ignore_index must be the integer"):
        count_pixels([torch.tensor([0])], 1, ignore_index="255")
