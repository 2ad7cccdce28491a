"""What people write into a loss to keep the logarithm of a softmax finite, instead of `log_softmax`."""

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor

from course_utils.exercises.task import with_variants


def _added(floor: float) -> Callable[[Tensor], Tensor]:
    return lambda p: p + floor


def _clamped(floor: float) -> Callable[[Tensor], Tensor]:
    return lambda p: p.clamp(min=floor)


_FLOORS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)
_KEPT_FROM_0 = [kept(floor) for floor in _FLOORS for kept in (_added, _clamped)]


def _p_of_true_class(logits: Tensor, target: Tensor) -> Tensor:
    """The softmax probability of the true class at each valid pixel, (n,)."""
    valid = target != 255
    return logits.softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]


def _cross_entropy(kept: Callable[[Tensor], Tensor], all_void: float, logits: Tensor, target: Tensor) -> Tensor:
    return -kept(_p_of_true_class(logits, target)).log().mean().nan_to_num(all_void)


@with_variants(*(partial(_cross_entropy, kept, all_void) for kept in _KEPT_FROM_0 for all_void in (math.nan, 0.0)))
def logarithm_of_softmax_plus_epsilon(logits: Tensor, target: Tensor) -> Tensor:
    """A small number inside the logarithm (or a `clamp`) keeps it finite, but where p is rounded to 0 the loss stops
    growing, and has no gradient: such a pixel is never learnt. `log_softmax` takes both steps at once and needs no such
    number."""
    return _cross_entropy(_KEPT_FROM_0[0], math.nan, logits, target)


def _focal(
    kept: Callable[[Tensor], Tensor], factor_too: bool, all_void: float, logits: Tensor, target: Tensor, gamma: float
) -> Tensor:
    p = _p_of_true_class(logits, target)
    factor = (1 - (kept(p) if factor_too else p)) ** gamma
    return -(factor * kept(p).log()).mean().nan_to_num(all_void)


@with_variants(
    *(
        partial(_focal, kept, factor_too, all_void)
        for kept in _KEPT_FROM_0
        for factor_too in (True, False)
        for all_void in (math.nan, 0.0)
    )
)
def epsilon_in_focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """A small number inside the logarithm (or a `clamp`) keeps it finite, but where p is rounded to 0 the loss stops
    growing, and has no gradient: such a pixel, the hardest of all, is never learnt. Take log p from `log_softmax`, and p as
    its exponential."""
    return _focal(_KEPT_FROM_0[0], False, math.nan, logits, target, gamma)
