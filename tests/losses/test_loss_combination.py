from functools import partial

import numpy as np
import pytest
import torch
from loss_cases import random_problem
from tolerances import OPERATION

from course_utils.losses.combination import weighted_sum
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.losses.region import dice_loss


def test_weighted_sum_adds_weighted_losses_and_gradients():
    logits, target = random_problem()
    smooth_dice = partial(dice_loss, smooth=1.0)
    total = weighted_sum((0.5, cross_entropy_loss), (2, smooth_dice))(logits, target)
    expected = 0.5 * cross_entropy_loss(logits, target) + 2 * smooth_dice(logits, target)
    torch.testing.assert_close(total, expected, **OPERATION[torch.float64])
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (total, expected)]
    torch.testing.assert_close(*gradients, **OPERATION[torch.float64])


def test_numbers_of_numpy_are_weights():
    logits, target = random_problem()
    for half, two in ((np.float32(0.5), np.int64(2)), (0.5, 2)):
        total = weighted_sum((half, cross_entropy_loss), (two, dice_loss))(logits, target)
        expected = 0.5 * cross_entropy_loss(logits, target) + 2 * dice_loss(logits, target)
        torch.testing.assert_close(total, expected, **OPERATION[torch.float64])


def test_weighted_sums_nest():
    logits, target = random_problem()
    half = weighted_sum((0.5, weighted_sum((2.0, cross_entropy_loss), (1.0, dice_loss))))
    expected = cross_entropy_loss(logits, target) + 0.5 * dice_loss(logits, target)
    torch.testing.assert_close(half(logits, target), expected, **OPERATION[torch.float64])


@pytest.mark.parametrize(
    "terms",
    [
        (cross_entropy_loss,),
        ((cross_entropy_loss, 0.5),),
        ((0.5,),),
        (("1", dice_loss),),
        ((float("nan"), dice_loss),),
        ((True, dice_loss),),
        ((1.0, torch.nn.CrossEntropyLoss),),
        (0.5,),
    ],
)
def test_terms_that_are_no_pairs_are_refused(terms):
    with pytest.raises(ValueError, match=r"pairs \(weight, loss\) of a finite number and a function"):
        weighted_sum(*terms)


def test_a_sum_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one pair"):
        weighted_sum()
