"""Losses added up."""

from collections.abc import Callable

from torch import Tensor

from course_utils.ops.checks import is_number

Loss = Callable[[Tensor, Tensor], Tensor]
"""A function of logits and target, see `course_utils.losses`; with other arguments bound by `functools.partial`."""


def weighted_sum(*terms: tuple[float, Loss]) -> Loss:
    """The loss Σ w · loss of pairs (w, loss): `weighted_sum((0.5, cross_entropy_loss), (0.5, dice_loss))`.

    Raises: ValueError for no terms, and for a term that is no pair of a finite number and a function.
    """
    if not terms:
        raise ValueError("weighted_sum needs at least one pair (weight, loss), but got none.")
    for term in terms:
        if not _is_pair(term):
            raise ValueError(
                f"weighted_sum needs pairs (weight, loss) of a finite number and a function, but got {term!r}; write "
                "`weighted_sum((1.0, cross_entropy_loss), (0.5, dice_loss))`."
            )

    weighted = [(float(weight), loss) for weight, loss in terms]

    def total(logits: Tensor, target: Tensor) -> Tensor:
        first, *others = (weight * loss(logits, target) for weight, loss in weighted)
        return sum(others, start=first)

    return total


def _is_pair(term: object) -> bool:
    if not isinstance(term, tuple) or len(term) != 2:
        return False
    weight, loss = term
    # A class would be called with logits and target, too, and make no loss of them.
    return is_number(weight) and callable(loss) and not isinstance(loss, type)
