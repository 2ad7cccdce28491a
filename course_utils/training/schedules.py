"""How the learning rate goes over a run: a factor for each step, computed from its number, so that it needs no memory."""

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]


def one_cycle(step: int, steps: int) -> float:
    """From 1/25 up to 1 in the first 30 % of the steps, then down to 1/250,000, both along a cosine.

    Source: Smith and Topin 2017 (arXiv 1708.07120), with the shape and numbers of PyTorch's `OneCycleLR`.
    Differs from it: the momentum stays.
    """
    peak, last = 0.3 * steps - 1, steps - 1
    if step <= peak:
        return _cosine(1 / 25, 1, step / peak if peak > 0 else 1)
    return _cosine(1, 1 / 250_000, (step - peak) / (last - peak))


def warm_up_cosine(step: int, steps: int) -> float:
    """Up to 1 along a straight line in the first 15 % of the steps, then down to 1/100 along a cosine.

    Source: Loshchilov and Hutter 2017, equation 5 (arXiv 1608.03983), for the way down.
    """
    rising = max(round(0.15 * steps), 1)
    if step < rising:
        return (step + 1) / rising
    return _cosine(1, 1 / 100, (step + 1 - rising) / (steps - rising))


def poly(step: int, steps: int) -> float:
    """(1 - step / steps)^0.9: Chen et al. 2018, section 4.1 (arXiv 1606.00915)."""
    return (1 - step / steps) ** 0.9


def constant(step: int, steps: int) -> float:
    """1 throughout."""
    return 1.0


SCHEDULES: dict[str, Schedule] = {
    "one_cycle": one_cycle,
    "warm_up_cosine": warm_up_cosine,
    "poly": poly,
    "constant": constant,
}


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
