"""A softmax whose logarithm is kept finite: what people write into a loss instead of `log_softmax`."""

from torch import Tensor

FLOORS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15)


def p_of_true_class(logits: Tensor, target: Tensor) -> Tensor:
    """The softmax probability of the true class at each valid pixel, (n,)."""
    valid = target != 255
    return logits.softmax(dim=1).gather(1, target.where(valid, 0)[:, None])[:, 0][valid]


def floored(values: Tensor, floor: float, *, added: bool) -> Tensor:
    """Probabilities that are kept from 0, in one of the two ways that people know."""
    return values + floor if added else values.clamp(min=floor)
