"""Pixel shuffle against PyTorch, ICNR against nearest upsampling, reassembly against its definition."""

import pytest
import torch
from tolerances import EXACT, OPERATION
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, pixel_shuffle as torch_shuffle

from course_utils.ops.upscaling import content_kernels, icnr, pixel_shuffle, reassemble, shuffle_as_transposed

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def drawn(*shape, dtype=torch.float64, seed=0, device="cpu"):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device, dtype)


def test_shuffle_by_hand():
    x = torch.tensor([2.0, 3, 5, 7])[:, None, None]
    assert pixel_shuffle(x, 2).tolist() == [[[2, 3], [5, 7]]]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64])
@pytest.mark.parametrize("shape", [(18, 4, 5), (2, 18, 4, 5), (2, 3, 36, 1, 7), (0, 36, 4, 5)])
def test_shuffle_equals_pytorch(shape, dtype, device):
    x = drawn(*shape, device=device).mul(100).to(dtype)
    for factor in (1, 3):
        torch.testing.assert_close(pixel_shuffle(x, factor), torch_shuffle(x, factor), **EXACT)


def test_gradients():
    x, scores = drawn(1, 4, 2, 3).requires_grad_(), drawn(1, 36, 2, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pixel_shuffle(x, 2), x)
    assert torch.autograd.gradcheck(lambda x, s: reassemble(x, content_kernels(s, 2), 2), (x, scores))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("side, factor", [(1, 2), (3, 2), (3, 3), (5, 4)])
def test_convolution_and_shuffle_are_a_transposed_convolution(side, factor, device):
    x, weight = drawn(2, 3, 5, 6, device=device), drawn(2 * factor**2, 3, side, side, seed=1, device=device)
    shuffled = pixel_shuffle(conv2d(x, weight, padding=side // 2), factor)
    transposed = conv_transpose2d(x, shuffle_as_transposed(weight, factor), stride=factor, padding=factor * (side // 2))
    torch.testing.assert_close(shuffled, transposed, **OPERATION[torch.float64])


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_icnr_begins_as_nearest_upsampling(factor):
    x, weight = drawn(2, 3, 5, 6), drawn(4, 3, 3, 3, seed=1)
    found = pixel_shuffle(conv2d(x, icnr(weight, factor), padding=1), factor)
    nearest = interpolate(conv2d(x, weight, padding=1), scale_factor=factor, mode="nearest")
    torch.testing.assert_close(found, nearest, **OPERATION[torch.float64])


def by_definition(x, kernels, factor):
    out, reach = torch.zeros(*x.shape[:2], *kernels.shape[2:], dtype=x.dtype), round(kernels.shape[1] ** 0.5) // 2
    for row in range(out.shape[2]):
        for column in range(out.shape[3]):
            for n in range(-reach, reach + 1):
                for m in range(-reach, reach + 1):
                    old_row, old_column = row // factor + n, column // factor + m
                    if 0 <= old_row < x.shape[2] and 0 <= old_column < x.shape[3]:
                        tap = (n + reach) * (2 * reach + 1) + m + reach
                        out[:, :, row, column] += kernels[:, tap, row, column, None] * x[:, :, old_row, old_column]
    return out


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("side, factor", [(1, 2), (3, 1), (3, 2), (5, 3)])
@pytest.mark.parametrize("size", [(1, 1), (3, 4)])
def test_reassembly_equals_its_definition(side, factor, size, device):
    x, kernels = drawn(2, 3, *size), drawn(2, side**2, factor * size[0], factor * size[1], seed=1)
    found = reassemble(x.to(device), kernels.to(device), factor)
    torch.testing.assert_close(found.cpu(), by_definition(x, kernels, factor), **OPERATION[torch.float64])


def test_reassembly_by_hand():
    """One old pixel, 3, with neighbours 2 and 5; its two columns of new pixels look to the left and to the right."""
    x = torch.tensor([[[[2.0, 3, 5]]]])
    kernels = torch.zeros(1, 9, 2, 6)
    kernels[:, 3, :, 2] = 1
    kernels[:, 5, :, 3] = 1
    assert reassemble(x, kernels, 2)[0, 0].tolist() == [[0, 0, 2, 5, 0, 0]] * 2


def test_kernels_are_shares():
    kernels = content_kernels(drawn(2, 36, 3, 4), 2)
    assert kernels.shape == (2, 9, 6, 8) and (kernels > 0).all()
    torch.testing.assert_close(kernels.sum(dim=1), torch.ones(2, 6, 8, dtype=torch.float64))


@pytest.mark.parametrize(
    "wrong, told",
    [
        (lambda: pixel_shuffle([1], 2), "must be a tensor"),
        (lambda: pixel_shuffle(torch.zeros(4, 4), 2), "multiple of 4"),
        (lambda: pixel_shuffle(torch.zeros(6, 4, 4), 2), "multiple of 4"),
        (lambda: pixel_shuffle(torch.zeros(4, 4, 4), 0), "factor must be"),
        (lambda: icnr(torch.zeros(4, 3, 3), 2), "weight must be"),
        (lambda: icnr(torch.zeros(4, 3, 3, 3), 1.5), "factor must be"),
        (lambda: shuffle_as_transposed(torch.zeros(4, 3, 2, 2), 2), "odd k"),
        (lambda: shuffle_as_transposed(torch.zeros(6, 3, 3, 3), 2), "multiple of 4"),
        (lambda: reassemble(torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 6, 6), 2), "odd k"),
        (lambda: reassemble(torch.zeros(1, 2, 3, 3), torch.zeros(1, 9, 6, 5), 2), "reassemble needs"),
        (lambda: reassemble(torch.zeros(1, 2, 3, 3), torch.zeros(1, 9, 6, 6).double(), 2), "of one type"),
        (lambda: content_kernels(torch.zeros(1, 36, 3, 3).long(), 2), "floating"),
    ],
)
def test_bad_input(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
