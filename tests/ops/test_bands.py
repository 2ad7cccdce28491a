import pytest
import torch
from tolerances import OPERATION

from course_utils.ops import bands
from course_utils.ops.bands import two_sided_product


@pytest.fixture(autouse=True)
def _bands_at_any_size(monkeypatch):
    monkeypatch.setattr(bands, "SMALL", 0)


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def band_matrix(n_out, n_in, width, seed=0):
    """Random weights near the diagonal."""
    centre = torch.linspace(0, n_in - 1, n_out)[:, None]
    return draw(n_out, n_in, seed=seed) * ((torch.arange(n_in) - centre).abs() <= width)


def matrices():
    hollow = draw(20, 9)
    hollow[1:18], hollow[19, 1:8] = 0, 0
    return {
        "enlarge": (band_matrix(40, 13, 1), band_matrix(50, 11, 2, seed=1)),
        "reduce": (band_matrix(5, 13, 3), band_matrix(3, 11, 2, seed=1)),
        "one row, one column": (band_matrix(1, 13, 20), band_matrix(18, 1, 1)),
        "full": (draw(17, 13), draw(4, 11, seed=1)),
        "rows of zeros": (hollow, hollow.roll(2, 0)),
        "blocks of zeros": (torch.cat([0 * hollow, hollow, hollow]), torch.cat([hollow, 0 * hollow])),
        "zero": (torch.zeros(6, 5, dtype=torch.float64), band_matrix(33, 7, 1)),
        "anti-diagonal": (band_matrix(30, 12, 1).flip(0), band_matrix(21, 12, 1).flip(1)),
    }


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", matrices())
def test_two_sided_product_equals_the_dense_product(name, dtype):
    rows, columns = (matrix.to(dtype) for matrix in matrices()[name])
    x = draw(2, 3, rows.shape[1], columns.shape[1], dtype=dtype, seed=2).requires_grad_()
    expected = torch.einsum("ih,bchw,jw->bcij", rows, x, columns)
    ours = two_sided_product(rows, x, columns)
    assert "_TwoSidedProduct" in type(ours.grad_fn).__name__
    torch.testing.assert_close(ours, expected, **OPERATION[dtype])
    weight = draw(*expected.shape, dtype=dtype, seed=3)
    gradients = [torch.autograd.grad(out, x, weight)[0] for out in (ours, expected)]
    torch.testing.assert_close(*gradients, **OPERATION[dtype])
    assert name == "zero" or expected.std() > 0.1


def test_two_sided_product_takes_any_strides_and_empty_batches():
    rows, columns = matrices()["enlarge"]
    x = draw(4, 11, 13, seed=2)
    expected = rows @ x.mT @ columns.T
    torch.testing.assert_close(two_sided_product(rows, x.mT, columns), expected, **OPERATION[torch.float64])
    torch.testing.assert_close(
        two_sided_product(rows, x.mT[1].expand(2, -1, -1), columns), expected[[1, 1]], **OPERATION[torch.float64]
    )
    assert two_sided_product(rows, x.mT[:0], columns).shape == (0, 40, 50)
    assert two_sided_product(rows, x.mT[0], columns).shape == (40, 50)
    with torch.device("meta"):  # where other tensors are made by default
        torch.testing.assert_close(two_sided_product(rows, x.mT, columns), expected, **OPERATION[torch.float64])


def test_two_sided_product_has_first_and_second_derivatives():
    rows, columns = matrices()["reduce"]
    x = draw(1, 13, 11, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: two_sided_product(rows, x, columns), x)
    assert torch.autograd.gradgradcheck(lambda x: two_sided_product(rows, x, columns).square(), x)


def test_two_sided_product_is_not_lowered_by_autocast(monkeypatch):
    rows, columns = (matrix.float() for matrix in matrices()["enlarge"])
    x = draw(3, 13, 11, dtype=torch.float32)
    expected = two_sided_product(rows, x, columns)
    for small in (0, 10**9):
        monkeypatch.setattr(bands, "SMALL", small)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(two_sided_product(rows, x, columns), expected, **OPERATION[torch.float32])
