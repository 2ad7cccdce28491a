"""Atrous convolution: by hand, against PyTorch, its two other ways, and what its taps see."""

import numpy as np
import pytest
import torch
from tolerances import EXACT, OPERATION
from torch.nn.functional import conv2d

from course_utils.ops.atrous import (
    atrous_by_phases,
    atrous_conv2d,
    effective_kernel_size,
    share_inside,
    taps_inside,
    taps_seen,
    zero_stuffed,
)

WAYS = {
    "definition": atrous_conv2d,
    "phases": atrous_by_phases,
    "zero-stuffed kernel": lambda x, weight, bias=None, *, rate: conv2d(
        x, zero_stuffed(weight, rate=rate), bias, padding="same"
    ),
}
EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@EVERY_WAY
def test_by_hand(way):
    """One row: y[i] = 2·x[i - 2] + 3·x[i] + 5·x[i + 2]."""
    x = torch.tensor([[[[1.0, 10, 100, 1000, 10000]]]])
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1] = torch.tensor([2.0, 3, 5])
    assert way(x, weight, rate=2).flatten().tolist() == [503, 5030, 50302, 3020, 30200]
    # Along columns, with a bias.
    found = way(x.mT, weight.mT, torch.tensor([0.5]), rate=2)
    assert found.shape == (1, 1, 5, 1) and found.flatten().tolist() == [503.5, 5030.5, 50302.5, 3020.5, 30200.5]


@EVERY_WAY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("side", [1, 3, 5])
def test_equals_pytorch(way, dtype, side):
    x, bias = drawn(2, 3, 7, 10, dtype=dtype), drawn(4, dtype=dtype)
    weight = drawn(4, 3, side, side, seed=1, dtype=dtype)
    for rate in (1, 2, 3, 7, 12):
        expected = conv2d(x, weight, bias, padding=rate * (side // 2), dilation=rate)
        assert expected.std() > 0 and expected.shape == (2, 4, 7, 10)
        torch.testing.assert_close(way(x, weight, bias, rate=rate), expected, **OPERATION[dtype])


@EVERY_WAY
def test_gradients_equal_pytorchs(way):
    given = drawn(2, 3, 6, 7), drawn(4, 3, 3, 3, seed=1), drawn(4, seed=2)
    upstream = drawn(2, 4, 6, 7, seed=3)
    gradients = []
    for compute in (lambda *inputs: way(*inputs, rate=3), lambda *inputs: conv2d(*inputs, padding=3, dilation=3)):
        inputs = [value.clone().requires_grad_() for value in given]
        gradients.append(torch.autograd.grad((compute(*inputs) * upstream).sum(), inputs))
    for found, expected in zip(*gradients, strict=True):
        assert expected.std() > 0
        torch.testing.assert_close(found, expected, **OPERATION[torch.float64])
    small = [drawn(1, 2, 3, 4).requires_grad_(), drawn(2, 2, 3, 3).requires_grad_()]
    assert torch.autograd.gradcheck(lambda *inputs: way(*inputs, rate=2), small)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    x, weight = drawn(1, 64, 5, 6, dtype=dtype), drawn(2, 64, 3, 3, seed=1, dtype=dtype)
    found = atrous_conv2d(x, weight, rate=2)
    expected = conv2d(x.double(), weight.double(), padding=2, dilation=2)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-4)


def test_zero_stuffed_by_hand():
    weight = torch.arange(1.0, 10).view(1, 1, 3, 3)
    expected = [[1, 0, 2, 0, 3], [0] * 5, [4, 0, 5, 0, 6], [0] * 5, [7, 0, 8, 0, 9]]
    assert zero_stuffed(weight, rate=2)[0, 0].tolist() == expected
    torch.testing.assert_close(zero_stuffed(weight, rate=1), weight, **EXACT)


def test_effective_sizes_are_those_of_the_table():
    sides = [effective_kernel_size(3, rate) for rate in (1, 2, 4, 6, 12, 18, 24, 36)]
    assert sides == [3, 5, 9, 13, 25, 37, 49, 73]
    assert effective_kernel_size(5, 3) == 13 and effective_kernel_size(1, 9) == 1
    assert zero_stuffed(torch.ones(1, 1, 5, 5), rate=3).shape[2:] == (13, 13)


@pytest.mark.parametrize(
    ("rates", "side", "seen"),
    [((2, 2, 2), 13, 49), ((1, 2, 5), 17, 289), ((1, 2, 4), 15, 225), ((1, 1, 1), 7, 49), ((3,), 7, 9), ((), 1, 1)],
)
def test_taps_seen(rates, side, seen):
    ways = taps_seen(*rates)
    assert ways.shape == (side, side) and ways.count_nonzero() == seen
    assert ways.sum() == 9 ** len(rates), "each chain of taps is one way"
    # The gradient of ones, through PyTorch's convolutions.
    image = torch.zeros(1, 1, 2 * side + 1, 2 * side + 1, dtype=torch.float64, requires_grad=True)
    x, ones = image, torch.ones(1, 1, 3, 3, dtype=torch.float64)
    for rate in rates:
        x = conv2d(x, ones, padding=rate, dilation=rate)
    x[0, 0, side, side].backward()
    reach = slice(side - side // 2, side + side // 2 + 1)
    torch.testing.assert_close(image.grad[0, 0, reach, reach], ways.double(), **EXACT)
    assert image.grad.count_nonzero() == seen


def test_taps_seen_of_other_kernels():
    assert taps_seen(2, kernel_size=2).tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 1]]
    assert taps_seen(1, 1)[2].tolist() == [3, 6, 9, 6, 3]


@pytest.mark.parametrize(
    ("size", "rate", "percent"),
    [((33, 33), 18, 0), (65, 6, 66), (65, 12, 40), (65, 18, 20), (65, 36, 0), ((5, 9), 2, 11)],
)
def test_share_inside(size, rate, percent):
    assert round(100 * share_inside(size, rate)) == percent


def test_taps_inside():
    assert taps_inside((3, 5), 1).tolist() == [[4, 6, 6, 6, 4], [6, 9, 9, 9, 6], [4, 6, 6, 6, 4]]
    assert taps_inside((3, 5), 2)[1].tolist() == [2, 2, 3, 2, 2], "three rows are too few for rate 2"
    assert taps_inside((33, 33), 36).unique().tolist() == [1], "at rate 36 it is a 1×1 kernel"
    assert taps_inside((33, 33), 32).unique().tolist() == [1, 2, 4]
    ones = torch.ones(1, 1, 7, 11, dtype=torch.float64)
    for rate, side in ((1, 3), (3, 3), (2, 5), (8, 3)):
        weight = torch.ones(1, 1, side, side, dtype=torch.float64)
        counted = conv2d(ones, weight, padding=rate * (side // 2), dilation=rate)[0, 0].long()
        torch.testing.assert_close(taps_inside((7, 11), rate, kernel_size=side), counted, **EXACT)
        whole = (counted == side**2).double().mean().item()
        assert share_inside((7, 11), rate, kernel_size=np.uint8(side)) == pytest.approx(whole, abs=1e-15)


X, WEIGHT = torch.ones(1, 2, 5, 6), torch.ones(3, 2, 3, 3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: atrous_conv2d(X, WEIGHT, rate=0), "rate must be an integer of 1 or more, but is 0"),
        (lambda: atrous_by_phases(X, WEIGHT, rate=2.0), "rate must be an integer .* but is 2.0; convert it with `int`"),
        (lambda: atrous_conv2d(X[0], WEIGHT, rate=1), r"x must be \(B, C, H, W\), but has shape \(2, 5, 6\)"),
        (lambda: atrous_conv2d(X, WEIGHT[:, :1], rate=1), "x must have the 1 input channels"),
        (lambda: atrous_by_phases(X, WEIGHT, torch.ones(2), rate=1), "bias must have one value for each of 3 output"),
        (lambda: atrous_conv2d(X.double(), WEIGHT, rate=1), "x and weight must have one type and device"),
        (lambda: atrous_conv2d(X, WEIGHT[..., :2, :2], rate=1), "odd side, so that it has a centre, but has 2; take 3"),
        (lambda: atrous_conv2d(X, WEIGHT[..., :1], rate=1), r"a square kernel .* has shape \(3, 2, 3, 1\)"),
        (lambda: zero_stuffed(WEIGHT[0], rate=2), r"weight must be floating and .* of shape \(2, 3, 3\)"),
        (lambda: zero_stuffed(WEIGHT, rate=True), "rate must be an integer of 1 or more, but is True"),
        (lambda: effective_kernel_size(0, 2), "kernel_size must be an integer of 1 or more, but is 0"),
        (lambda: taps_seen(1, 0), "rate 2 must be an integer of 1 or more, but is 0"),
        (lambda: taps_seen((1, 2)), r"rate 1 must be an integer of 1 or more, but is \(1, 2\)"),
        (lambda: taps_inside(0, 1), "size must be an integer of 1 or more, or two of them"),
        (lambda: share_inside(9, 2, kernel_size=4), "odd side, so that it has a centre, but has 4; take 5"),
    ],
)
def test_what_is_refused(function, message):
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.gpu
@EVERY_WAY
def test_on_a_gpu(way):
    x, weight = drawn(2, 3, 33, 41), drawn(4, 3, 3, 3, seed=1)
    expected = way(x, weight, rate=3)
    torch.testing.assert_close(way(x.cuda(), weight.cuda(), rate=3).cpu(), expected, rtol=0, atol=1e-11)
