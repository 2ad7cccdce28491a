import pytest
import torch
from skimage.metrics import adapted_rand_error
from skimage.segmentation import expand_labels

from course_utils.metrics.rand import adapted_rand, thin_borders


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


def test_thin_borders_by_hand() -> None:
    """Each pixel goes to the nearest segment; where two are as near, to one of them."""
    ids = torch.tensor([[4, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2]])
    found = thin_borders(ids)
    assert found.tolist() == [[4, 4, 4, 2, 2, 2], [4, 4, 4, 2, 2, 2]] and found.dtype == torch.int64
    assert torch.equal(thin_borders(found), found)


def test_thin_borders_equal_scikit_image_but_for_ties() -> None:
    """As far as all of them are away: skimage's expand_labels over a large distance."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 9, (40, 50), generator=generator) * (torch.rand(40, 50, generator=generator) < 0.02)
    assert 5 < len(ids[ids > 0]) < 80
    found, theirs = thin_borders(ids), torch.as_tensor(expand_labels(ids.numpy(), distance=100))
    places = ids.nonzero().double()
    far = torch.cdist(torch.ones(40, 50).nonzero().double(), places).view(40, 50, -1)
    ties = (far < far.min(-1, keepdim=True).values + 1e-9).sum(-1) > 1
    assert not ties.all() and torch.equal(found[~ties], theirs[~ties])


@pytest.mark.parametrize("ids", [torch.zeros(3, 4, dtype=torch.uint8), torch.zeros(0, 4).long(), torch.full((1, 1), 7)])
def test_thin_borders_where_nothing_is_to_be_done(ids: torch.Tensor) -> None:
    assert torch.equal(thin_borders(ids), ids.long())


@pytest.mark.parametrize(
    ("ids", "told"),
    [(torch.zeros(3, 4), "ids must"), (torch.zeros(1, 3, 4).long(), "one image"), ([[1]], "ids must be a tensor")],
)
def test_thin_borders_refuse(ids, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        thin_borders(ids)


@pytest.mark.gpu
def test_rand_scores_on_a_gpu() -> None:
    target = torch.tensor([[1, 1, 0, 2]])
    assert adapted_rand(target.cuda(), target.cuda()) == (1, 1, 1)
    found = thin_borders(target.cuda())
    assert found.is_cuda and torch.equal(found.cpu(), thin_borders(target))
