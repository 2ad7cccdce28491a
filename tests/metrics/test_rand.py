import pytest
import torch
from skimage.metrics import adapted_rand_error

from course_utils.metrics.rand import adapted_rand


def test_adapted_rand_by_hand() -> None:
    """Two cells of 3 and 2 pixels, merged: 10 pairs in the prediction, 3 + 1 in the truth, all 4 together in both."""
    target = torch.tensor([1, 1, 1, 0, 2, 2])
    found = adapted_rand(torch.tensor([7, 7, 7, 7, 7, 7]), target)
    assert (found.precision, found.recall) == (4 / 10, 1)
    assert found.f_score == pytest.approx(8 / 14) and found.error == pytest.approx(6 / 14)


def test_adapted_rand_of_a_split_and_of_a_renumbered_truth() -> None:
    target = torch.tensor([[1, 1, 1, 1], [0, 0, 5, 5]])
    split = torch.tensor([[3, 3, 4, 4], [9, 9, 2, 2]])
    assert adapted_rand(split, target)[:2] == (1, pytest.approx(3 / 7))
    assert adapted_rand(10 - target, target) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_adapted_rand_equals_scikit_image(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = (torch.randint(0, 6, (2, 13, 17), generator=generator) for _ in range(2))
    pred[0] = target[0]
    # Its text says of precision what is said here; what it computes under that name are the sums of the true segments.
    error, recall, precision = adapted_rand_error(target.numpy(), pred.numpy())
    found = adapted_rand(pred, target)
    assert (found.error, found.precision, found.recall) == pytest.approx((error, precision, recall), abs=1e-12)
    assert 0.1 < found.f_score < 0.9


def test_adapted_rand_does_not_overflow() -> None:
    """10^5 pixels in uint8: 10^10 pairs, more than an int32 holds."""
    target = torch.ones(100_000, dtype=torch.uint8)
    assert adapted_rand(target, target).f_score == 1


@pytest.mark.parametrize("target", [torch.zeros(3, 4, dtype=torch.int64), torch.zeros(0, 4, dtype=torch.int64)])
def test_adapted_rand_where_nothing_can_be_wrong(target: torch.Tensor) -> None:
    assert adapted_rand(target, target) == (1, 1, 1)


@pytest.mark.parametrize(
    ("pred", "target", "told"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 3).long(), "pred must"),
        (torch.zeros(2, 3).long(), torch.zeros(3, 2).long(), "must have one shape"),
        (torch.full((2, 3), -1), torch.zeros(2, 3).long(), "must hold ids from 0 on, but has -1"),
        ([1, 2], torch.zeros(2).long(), "pred must be a tensor"),
    ],
)
def test_adapted_rand_refuses(pred, target, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        adapted_rand(pred, target)


@pytest.mark.gpu
def test_rand_scores_on_a_gpu() -> None:
    target = torch.tensor([[1, 1, 0, 2]])
    assert adapted_rand(target.cuda(), target.cuda()) == (1, 1, 1)
