"""Learning rates beside PyTorch's schedulers."""

from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, PolynomialLR

from course_utils.training.schedules import SCHEDULES


def rates_of(make: Callable[[torch.optim.Optimizer], LRScheduler], steps: int) -> list[float]:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, rates = make(optimiser), []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("steps", [4, 5, 17, 100])
def test_one_cycle_is_pytorchs(steps: int) -> None:
    # One more than is used, since the scheduler steps after the last optimiser step too.
    expected = rates_of(lambda o: OneCycleLR(o, 1.0, total_steps=steps, cycle_momentum=False), steps - 1)
    found = [SCHEDULES["one_cycle"](step, steps) for step in range(steps - 1)]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_of_few_steps_stays_in_its_range(steps: int) -> None:
    rates = [SCHEDULES["one_cycle"](step, steps) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[-1] == pytest.approx(1 / 250_000)


@pytest.mark.parametrize("steps", [1, 7, 100])
def test_poly_is_pytorchs(steps: int) -> None:
    expected = rates_of(lambda o: PolynomialLR(o, total_iters=steps, power=0.9), steps)
    assert [SCHEDULES["poly"](step, steps) for step in range(steps)] == pytest.approx(expected, rel=1e-9)


def test_by_hand() -> None:
    """Of 10 steps the third is the peak: 0.3 · 10 - 1 = 2; half-way up, the cosine is at the mean of 1/25 and 1."""
    assert SCHEDULES["one_cycle"](0, 10) == pytest.approx(0.04)
    assert SCHEDULES["one_cycle"](1, 10) == pytest.approx(0.52)
    assert SCHEDULES["one_cycle"](2, 10) == pytest.approx(1.0)
    assert SCHEDULES["one_cycle"](9, 10) == pytest.approx(4e-6)
    assert SCHEDULES["poly"](50, 100) == pytest.approx(0.5**0.9)
    assert SCHEDULES["constant"](3, 10) == 1


def test_warm_up_cosine_by_hand() -> None:
    """20 steps: three up, then 17 down; half-way between 1 and 0.01 is 0.505."""
    rates = [SCHEDULES["warm_up_cosine"](step, 20) for step in range(20)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[-1] == pytest.approx(0.01)
    assert (rates[10] + rates[11]) / 2 == pytest.approx(0.505)
    assert rates[3:] == sorted(rates[3:], reverse=True)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_warm_up_cosine_of_few_steps_stays_in_its_range(steps: int) -> None:
    assert all(0 < SCHEDULES["warm_up_cosine"](step, steps) <= 1 for step in range(steps))
