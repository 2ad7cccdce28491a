from itertools import permutations

import numpy as np
import pytest
import torch

from course_utils.metrics.matching import Candidates, best_matching, match_greedily


def test_best_matching_by_hand() -> None:
    """Of 6 permutations (2, 1, 3) is the best; of the two of the second matrix, greed takes the wrong one."""
    found = best_matching(torch.tensor([[0.1, 0.8, 0], [0.7, 0.6, 0.1], [0, 0.2, 0.5]], dtype=torch.float64))
    assert (found.pred.tolist(), found.truth.tolist(), found.iou.tolist()) == ([0, 1, 2], [1, 0, 2], [0.8, 0.7, 0.5])
    assert found.mean_iou == pytest.approx(2 / 3)
    assert best_matching(torch.tensor([[0.9, 0.8], [0.85, 0.1]])).mean_iou == pytest.approx(0.825)


@pytest.mark.parametrize("shape", [(5, 5), (3, 6), (6, 4), (1, 1)])
def test_best_matching_equals_the_best_of_all_permutations(shape: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(0)
    iou = torch.rand(shape, generator=draw, dtype=torch.float64) * (torch.rand(shape, generator=draw) < 0.6)
    wide = iou if shape[0] <= shape[1] else iou.T
    best = max(
        sum(wide[n, m].item() for n, m in enumerate(order)) for order in permutations(range(wide.shape[1]), len(wide))
    )
    found = best_matching(iou)
    assert found.mean_iou == pytest.approx(best / max(shape), abs=1e-12)
    assert torch.equal(found.iou, iou[found.pred, found.truth]) and (found.iou > 0).all()
    assert len(found.pred.unique()) == len(found.pred) and len(found.truth.unique()) == len(found.truth)


def test_one_without_a_partner_counts_as_0_and_nothing_at_all_as_1() -> None:
    assert best_matching(torch.eye(2)[:, :1]).mean_iou == 0.5
    assert best_matching(torch.zeros(2, 3))[-1] == 0 and len(best_matching(torch.zeros(2, 3)).pred) == 0
    assert best_matching(torch.zeros(0, 3)).mean_iou == 0
    assert best_matching(torch.zeros(0, 0)).mean_iou == 1


@pytest.mark.parametrize(
    ("iou", "told"),
    [
        (torch.zeros(2, 2, dtype=torch.int64), r"floating matrix of IoUs \(N, M\)"),
        (torch.zeros(2), r"floating matrix of IoUs \(N, M\)"),
        (torch.tensor([[1.5]]), "from 0 to 1"),
        (torch.tensor([[float("nan")]]), "from 0 to 1"),
    ],
)
def test_best_matching_refuses(iou: torch.Tensor, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        best_matching(iou)


def test_match_greedily_by_hand() -> None:
    """The first detection takes truth 1, the best, and the second gets 0; at .6 only the first has one."""
    pairs = Candidates(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0.55, 0.8, 0.5, 0.7]))
    rank, none = np.array([0, 1]), np.zeros(2, dtype=bool)
    found = match_greedily(pairs, rank, none, np.zeros((2, 1), dtype=bool), np.array([0.5, 0.6]))
    assert found[:, 0].tolist() == [[1, 1], [0, -1]]
    # What is ignored is only taken where nothing else is left: here truth 1, and for the second detection nothing is.
    ignored = np.array([[False], [True]])
    found = match_greedily(pairs, rank, none, ignored, np.array([0.5, 0.6]))
    assert found[:, 0].tolist() == [[0, 1], [1, -1]]
    # A crowd is taken twice.
    found = match_greedily(pairs, rank, ignored[:, 0], ignored, np.array([0.5, 0.6]))
    assert found[:, 0].tolist() == [[0, 1], [1, 1]]


@pytest.mark.gpu
def test_best_matching_on_a_gpu() -> None:
    iou = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
    found = best_matching(iou.cuda())
    assert not found.pred.is_cuda and torch.equal(found.pred, best_matching(iou).pred)
