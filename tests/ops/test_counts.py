"""Counting, the same on a CPU and in the way of a GPU."""

import pytest
import torch

from course_utils.ops.counts import add_up, count_indices


@pytest.mark.parametrize("kind", [torch.int64, torch.int16, torch.uint8])
def test_counts_by_hand_and_in_both_ways(kind: torch.dtype) -> None:
    indices = torch.tensor([3, 0, 3, 3, 1], dtype=kind)
    assert count_indices(indices, 5).tolist() == add_up(indices, 5).tolist() == [1, 1, 0, 3, 0]
    assert count_indices(indices[:0], 2).tolist() == add_up(indices[:0], 2).tolist() == [0, 0]


def test_both_ways_agree_on_many() -> None:
    indices = torch.randint(200, (10_000,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(count_indices(indices, 300), add_up(indices, 300))


@pytest.mark.gpu
def test_counts_on_a_gpu() -> None:
    indices = torch.randint(200, (10_000,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(count_indices(indices.cuda(), 300).cpu(), count_indices(indices, 300))
