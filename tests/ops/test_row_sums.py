"""Weighted sums of rows: by hand, against embedding_bag, and their gradient."""

import pytest
import torch
from tolerances import OPERATION
from torch.nn.functional import embedding_bag

from course_utils.ops.row_sums import sum_rows


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_sums_and_gradient_by_hand():
    table = torch.tensor([[1.0, 10], [2, 20], [3, 30]], requires_grad=True)
    rows, weights = torch.tensor([[0, 2], [2, 2]]), torch.tensor([[1.0, 2], [0.5, 1]])
    found = sum_rows(table, rows, weights)
    assert found.tolist() == [[7, 70], [4.5, 45]]
    (gradient,) = torch.autograd.grad(found, table, torch.tensor([[1.0, 0], [0, 4]]))
    assert gradient.tolist() == [[1, 0], [0, 0], [2, 6]]


@pytest.mark.parametrize("counts", [None, [0, 5, 1, 0, 6, 0]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_equal_embedding_bag(counts, dtype):
    rows = torch.randint(7, (12,), generator=torch.Generator().manual_seed(1))
    weights, starts = random(12, seed=2, dtype=dtype), None
    if counts is None:
        rows, weights = rows.view(4, 3), weights.view(4, 3)
    else:
        counts = torch.tensor(counts)
        starts = counts.cumsum(0) - counts
    found, expected = (random(7, 3, dtype=dtype).requires_grad_() for _ in range(2))
    have = sum_rows(found, rows, weights, counts)
    want = embedding_bag(rows, expected, starts, mode="sum", per_sample_weights=weights)
    torch.testing.assert_close(have, want, **OPERATION[dtype])
    upstream = random(*want.shape, seed=3, dtype=dtype)
    (have * upstream).sum().backward(), (want * upstream).sum().backward()
    torch.testing.assert_close(found.grad, expected.grad, **OPERATION[dtype])
    assert want.std() > 0 and expected.grad.std() > 0


def test_the_gradient_is_that_of_differences():
    rows = torch.randint(5, (6, 2), generator=torch.Generator().manual_seed(1))
    table, weights = random(5, 2).requires_grad_(), random(6, 2, seed=2)
    assert torch.autograd.gradcheck(lambda table: sum_rows(table, rows, weights), table)


def test_no_sums():
    table = random(4, 3).requires_grad_()
    for rows, counts in ((torch.zeros(0, 2, dtype=torch.int64), None), (torch.zeros(0, dtype=torch.int64), [0, 0])):
        counts = None if counts is None else torch.tensor(counts)
        found = sum_rows(table, rows, torch.zeros(rows.shape, dtype=torch.float64), counts)
        assert found.shape == (0 if counts is None else 2, 3)
        (gradient,) = torch.autograd.grad(found.sum(), table)
        assert gradient.shape == (4, 3) and not gradient.any()


def test_the_gradient_of_half_precision_is_summed_in_float32():
    table = torch.zeros(1, 2, dtype=torch.bfloat16, requires_grad=True)
    rows, weights = torch.zeros(1000, 1, dtype=torch.int64), torch.ones(1000, 1, dtype=torch.bfloat16)
    (gradient,) = torch.autograd.grad(sum_rows(table, rows, weights).sum(), table)
    assert gradient.dtype == torch.bfloat16 and gradient.tolist() == [[1000, 1000]]


@pytest.mark.gpu
def test_sums_on_a_gpu():
    rows = torch.randint(5, (6, 2), generator=torch.Generator().manual_seed(1))
    weights, found = random(6, 2, seed=2), {}
    for device in ("cpu", "cuda"):
        table = random(5, 2).to(device).requires_grad_()
        sums = sum_rows(table, rows.to(device), weights.to(device))
        found[device] = [sums.detach().cpu(), torch.autograd.grad(sums.square().sum(), table)[0].cpu()]
    torch.testing.assert_close(found["cuda"], found["cpu"], **OPERATION[torch.float64])
