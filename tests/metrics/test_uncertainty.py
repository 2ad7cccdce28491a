"""The bootstrap over images and the permutation test: against SciPy, against all permutations, and by their meaning."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch

from course_utils.metrics.semantic import scores
from course_utils.metrics.uncertainty import bootstrap_differences, bootstrap_scores, interval, permutation_test


def mean_iou(matrix: torch.Tensor) -> float:
    return scores(matrix).mean_iou


def accuracy(matrix: torch.Tensor) -> float:
    return float(matrix.diagonal().sum() / matrix.sum())


def drawn(seed: int, right: float, images: int = 30) -> torch.Tensor:
    """Matrices of images of 100 pixels, of which about this share is right."""
    draw = torch.Generator().manual_seed(seed)
    share = (right + 0.1 * torch.randn(images, generator=draw)).clamp(0, 1)
    good = (50 * share).round().long()
    return torch.stack([torch.stack([good, 50 - good], -1), torch.stack([50 - good, good], -1)], 1)


def test_one_image_leaves_nothing_to_chance():
    matrices = drawn(0, 0.8, images=1)
    found = bootstrap_scores(matrices, mean_iou, samples=20)
    assert found.tolist() == [mean_iou(matrices[0])] * 20
    assert interval(found) == (found[0], found[0])


def test_each_drawn_set_has_as_many_images_and_repeats_some():
    matrices = torch.zeros(3, 3, 3, dtype=torch.int64)
    matrices[range(3), range(3), range(3)] = 1  # image n has one pixel of class n
    seen = []
    bootstrap_scores(matrices, lambda matrix: seen.append(matrix.diagonal().tolist()) or 0.0, samples=400)
    assert all(sum(counts) == 3 for counts in seen) and {max(counts) for counts in seen} == {1, 2, 3}
    share = sum(counts == [1, 1, 1] for counts in seen) / 400
    assert share == pytest.approx(6 / 27, abs=0.07), "all three images once: 3! of 3³ draws"


def test_the_interval_is_scipys():
    matrices = drawn(1, 0.7)
    of_images = np.array([accuracy(matrix) for matrix in matrices])
    low, high = interval(bootstrap_scores(matrices, accuracy, samples=4000))
    theirs = scipy.stats.bootstrap(
        (of_images,), np.mean, n_resamples=4000, method="percentile", rng=0
    ).confidence_interval
    assert (low, high) == pytest.approx(tuple(theirs), abs=0.004)
    assert high - low > 0.03


def test_pairs_know_more_than_two_intervals():
    """The same hard and easy images for both, and one model always a little better."""
    second = drawn(2, 0.6)
    first = second.clone()
    first[:, 0, 0] += 1
    first[:, 0, 1] -= 1
    first = first.clamp(min=0)
    low, high = interval(bootstrap_differences(first, second, accuracy))
    assert 0 < low <= high < 0.03
    apart = [interval(bootstrap_scores(model, accuracy)) for model in (first, second)]
    assert apart[1][1] > apart[0][0], "taken one by one their intervals overlap"
    assert permutation_test(first, second, accuracy) < 0.01


def test_the_permutation_test_is_that_of_all_permutations():
    first, second = drawn(3, 0.7, images=8), drawn(4, 0.66, images=8)
    found = abs(accuracy(first.sum(0)) - accuracy(second.sum(0)))
    pairs = torch.stack([first, second], 1)
    hits = []
    for choice in itertools.product((0, 1), repeat=8):
        one = pairs[range(8), list(choice)].sum(0)
        other = pairs[range(8), [1 - c for c in choice]].sum(0)
        hits.append(abs(accuracy(one) - accuracy(other)) >= found - 1e-12)
    wanted = sum(hits) / len(hits)
    assert permutation_test(first, second, accuracy, samples=4000) == pytest.approx(wanted, abs=0.03)
    assert 0.01 < wanted < 0.99
    assert permutation_test(first, first, accuracy, samples=50) == 1


def test_equal_models_are_rarely_called_different():
    """Five of a hundred are to be expected below 0.05; more than twelve would be one chance in a thousand."""
    pairs = [(drawn(seed, 0.7), drawn(seed + 100, 0.7)) for seed in range(100)]
    values = [permutation_test(*pair, accuracy, samples=200, seed=seed) for seed, pair in enumerate(pairs)]
    assert sum(value < 0.05 for value in values) <= 12
    assert sum(value < 0.5 for value in values) in range(35, 66)


def test_seeds_and_devices():
    matrices = drawn(5, 0.7)
    assert torch.equal(bootstrap_scores(matrices, accuracy, seed=3), bootstrap_scores(matrices, accuracy, seed=3))
    assert not torch.equal(bootstrap_scores(matrices, accuracy, seed=3), bootstrap_scores(matrices, accuracy, seed=4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: bootstrap_scores(m[0], accuracy), r"must be confusion matrices \(N, K, K\)"),
        (lambda m: bootstrap_scores(m[:0], accuracy), r"must be confusion matrices \(N, K, K\)"),
        (lambda m: bootstrap_scores(m, accuracy, samples=0), "samples must be"),
        (lambda m: bootstrap_differences(m, m[:3], accuracy), "a matrix for each of the same images"),
        (lambda m: permutation_test(m, m, accuracy, seed=-1), "seed must be"),
        (lambda m: interval(torch.zeros(0)), "there are none"),
        (lambda m: interval(torch.ones(3), confidence=95), "confidence must be"),
    ],
)
def test_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call(drawn(0, 0.7))


@pytest.mark.gpu
def test_on_a_gpu():
    matrices = drawn(5, 0.7)
    assert torch.equal(bootstrap_scores(matrices.cuda(), accuracy), bootstrap_scores(matrices, accuracy))
    assert permutation_test(matrices.cuda(), matrices.flip(0).cuda(), accuracy) == permutation_test(
        matrices, matrices.flip(0), accuracy
    )
