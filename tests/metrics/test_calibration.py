"""Reliability diagrams and the expected calibration error."""

import math

import pytest
import torch

from course_utils.metrics.calibration import brier_score, reliability


def test_by_hand() -> None:
    found = reliability(torch.tensor([0.1, 0.2, 0.9, 0.8, 0.7]), torch.tensor([0, 1, 1, 1, 0]), bins=2)
    assert found.predicted.tolist() == pytest.approx([0.15, 0.8])
    assert found.true.tolist() == pytest.approx([0.5, 2 / 3])
    assert found.weight.tolist() == pytest.approx([0.4, 0.6])
    assert found.error == pytest.approx(0.4 * 0.35 + 0.6 * (0.8 - 2 / 3))


def test_empty_bins_are_nan_and_do_not_count() -> None:
    found = reliability(torch.tensor([0.05, 1.0]), torch.tensor([False, True]))
    assert math.isnan(found.true[4]) and found.weight[4] == 0
    assert (found.predicted[0], found.predicted[9]) == (pytest.approx(0.05), 1)
    assert found.error == pytest.approx(0.025)


@pytest.mark.parametrize("bins", [1, 7, 10, 15])
def test_equals_torchmetrics(bins: int) -> None:
    from torchmetrics.functional.classification import binary_calibration_error

    generator = torch.Generator().manual_seed(bins)
    p = torch.rand(20, 33, generator=generator, dtype=torch.float64)
    t = torch.rand(20, 33, generator=generator, dtype=torch.float64) < p**2
    expected = binary_calibration_error(p.flatten(), t.flatten().long(), n_bins=bins, norm="l1")
    assert reliability(p, t, bins=bins).error == pytest.approx(float(expected), abs=1e-9)
    assert float(expected) > 0.1


def test_perfectly_calibrated_and_not_at_all() -> None:
    p = torch.tensor([0.25, 0.25, 0.25, 0.25])
    assert reliability(p, torch.tensor([1, 0, 0, 0])).error == 0
    assert reliability(torch.ones(6), torch.zeros(6)).error == 1


@pytest.mark.parametrize(
    ("p", "t", "bins", "message"),
    [
        (torch.rand(3), torch.zeros(4), 10, "one shape"),
        (torch.rand(0), torch.zeros(0), 10, "not empty"),
        (torch.tensor([1.5]), torch.tensor([1]), 10, "sigmoid"),
        (torch.tensor([math.nan]), torch.tensor([1]), 10, "0 to 1"),
        (torch.tensor([0.5]), torch.tensor([255]), 10, "void"),
        (torch.tensor([0.5]), torch.tensor([1]), 0, "bins"),
        ([0.5], torch.tensor([1]), 10, "probabilities"),
    ],
)
def test_refuses(p: torch.Tensor, t: torch.Tensor, bins: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reliability(p, t, bins=bins)


@pytest.mark.gpu
def test_on_gpu() -> None:
    p, t = torch.rand(1000), torch.rand(1000) < 0.3
    assert reliability(p.cuda(), t.cuda()).error == pytest.approx(reliability(p, t).error, abs=1e-9)


def test_bins_of_equal_counts_by_hand() -> None:
    """Of five pixels, the lowest three are in the first of two bins: 5 · 1 / 2 is reached by the fourth."""
    p, t = torch.tensor([0.9, 0.01, 0.03, 0.02, 0.5]), torch.tensor([1, 0, 1, 0, 0])
    found = reliability(p, t, bins=2, equal_counts=True)
    assert found.predicted.tolist() == pytest.approx([0.02, 0.7])
    assert found.true.tolist() == pytest.approx([1 / 3, 0.5])
    assert found.weight.tolist() == pytest.approx([0.6, 0.4])
    few = reliability(p[:1], t[:1], bins=3, equal_counts=True)
    assert few.weight.tolist() == [1, 0, 0] and few.error == pytest.approx(0.1)


def test_equal_counts_see_an_error_that_one_full_step_hides() -> None:
    """Half of the pixels get 0.01 and are never true, half get 0.03 and are true in four of a hundred."""
    p = torch.tensor([0.01, 0.03], dtype=torch.float64).repeat_interleave(100)
    t = torch.zeros(200)
    t[-4:] = 1
    assert reliability(p, t).error == pytest.approx(0.0)
    assert reliability(p, t, bins=2, equal_counts=True).error == pytest.approx(0.01)


def test_brier_score_equals_scikit_learns() -> None:
    from sklearn.metrics import brier_score_loss

    generator = torch.Generator().manual_seed(1)
    p = torch.rand(20, 33, generator=generator, dtype=torch.float64)
    t = torch.rand(20, 33, generator=generator, dtype=torch.float64) < p**2
    assert brier_score(p, t) == pytest.approx(brier_score_loss(t.flatten(), p.flatten()), rel=1e-12)
    assert brier_score(torch.tensor([0.5, 1.0]), torch.tensor([1, 1])) == 0.125
    with pytest.raises(ValueError, match="one shape and not empty"):
        brier_score(p[:0], t[:0])
    with pytest.raises(ValueError, match="equal_counts must be True or False"):
        reliability(p, t, equal_counts=1)
