import math

import pytest
import torch
from tolerances import EXACT, OPERATION
from torch.nn.functional import max_pool2d, max_unpool2d

from course_utils.ops.unpool import max_pool_with_indices, max_unpool

# kernel_size, stride, padding, dilation, ceil_mode
POOLINGS = [
    (2, None, 0, 1, False),
    (2, None, 0, 1, True),
    (3, 2, 1, 1, False),
    (3, 2, 1, 1, True),
    (3, 1, 1, 1, False),
    (2, 3, 0, 1, True),
    (2, 3, 1, 1, True),
    ((3, 2), (1, 2), (1, 0), 1, False),
    ((1, 4), (2, 3), (0, 2), (3, 1), True),
    (2, 1, 0, 3, False),
    (3, 2, 1, 2, True),
    (1, 1, 0, 1, False),
]


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def with_ties(*shape, dtype=torch.float64):
    """Few different values, so that most windows have their maximum several times."""
    return draw(*shape).mul(2).round().clamp(-1, 1).to(dtype)


def test_max_pool_and_unpool_of_the_literal_image():
    image = torch.tensor([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]).float()
    pooled, indices = max_pool_with_indices(image, 2)
    assert pooled.tolist() == [[5, 6], [7, 8]]
    assert indices.tolist() == [[5, 2], [12, 15]]
    back = max_unpool(torch.tensor([[1, 2], [3, 4]]), indices, 4)
    assert back.tolist() == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]


def test_max_pool_takes_the_first_of_equal_values():
    assert max_pool_with_indices(torch.ones(4, 4), 2)[1].tolist() == [[0, 2], [8, 10]]
    assert max_pool_with_indices(torch.tensor([[0.0, 2.0], [2.0, 1.0]]), 2)[1].tolist() == [[1]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kernel_size, stride, padding, dilation, ceil_mode", POOLINGS)
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 12)])
def test_max_pool_equals_max_pool2d_with_gradients(size, kernel_size, stride, padding, dilation, ceil_mode, dtype):
    for x in (draw(2, 3, *size, dtype=dtype), with_ties(2, 3, *size, dtype=dtype)):
        for images in (x, x.contiguous(memory_format=torch.channels_last), x.mT.contiguous().mT):
            images = images.detach().requires_grad_()
            ours, indices = max_pool_with_indices(
                images, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
            )
            library, expected = max_pool2d(
                images, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True
            )
            torch.testing.assert_close(ours, library, **EXACT)
            torch.testing.assert_close(indices, expected, **EXACT)
            weight = draw(*ours.shape, dtype=dtype, seed=1)
            gradients = [torch.autograd.grad(out, images, weight)[0] for out in (ours, library)]
            torch.testing.assert_close(*gradients, **OPERATION[dtype])
            assert ours.std() > 0.1 and not indices.requires_grad


@pytest.mark.parametrize("padding", [0, 1])
def test_max_pool_equals_max_pool2d_on_nan_and_infinity(padding):
    x = draw(4, 9, 9)
    x[0], x[1, 3:], x[2, ::2, ::3], x[3, 2:5] = -math.inf, -math.inf, math.nan, math.inf
    ours = max_pool_with_indices(x, 3, stride=2, padding=padding)
    for mine, other in zip(ours, max_pool2d(x, 3, 2, padding, return_indices=True), strict=True):
        torch.testing.assert_close(mine, other, equal_nan=True, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_the_smallest_number_is_more_than_minus_infinity(dtype):
    """Also in a window that begins in the padding, which counts as -∞ and is never the maximum."""
    smallest = torch.finfo(dtype).min
    values, indices = max_pool_with_indices(
        torch.tensor([[-math.inf, smallest]], dtype=dtype), (1, 2), stride=1, padding=(0, 1)
    )
    assert values.tolist() == [[-math.inf, smallest, smallest]] and indices.tolist() == [[0, 1, 1]]
    x = torch.full((1, 3, 9, 9), -math.inf, dtype=dtype).masked_fill(with_ties(1, 3, 9, 9) > 0, smallest)
    ours = max_pool_with_indices(x, 3, stride=2, padding=1)
    for mine, other in zip(ours, max_pool2d(x, 3, 2, 1, return_indices=True), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("kernel_size", [1, 2])
def test_indices_can_be_written_to(kernel_size):
    indices = max_pool_with_indices(draw(2, 3, 4, 6), kernel_size)[1]
    expected = indices + 1
    indices += 1
    assert torch.equal(indices, expected) and indices.is_contiguous()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kernel_size, stride, padding", [(2, 2, 0), (3, 3, 0), (2, 3, 1), (3, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 12)])
def test_max_unpool_equals_max_unpool2d_with_gradients(size, kernel_size, stride, padding, dtype):
    pooled, indices = max_pool2d(draw(2, 3, *size, dtype=dtype), kernel_size, stride, padding, return_indices=True)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = pooled.contiguous(memory_format=memory_format).requires_grad_()
        indices = indices.contiguous(memory_format=memory_format)
        ours = max_unpool(x, indices, size)
        library = max_unpool2d(x, indices, kernel_size, stride, padding, output_size=size)
        torch.testing.assert_close(ours, library, **EXACT)
        weight = draw(*ours.shape, dtype=dtype, seed=1)
        gradients = [torch.autograd.grad(out, x, weight)[0] for out in (ours, library)]
        torch.testing.assert_close(*gradients, **OPERATION[dtype])
        assert (ours != 0).sum() == sum(one.unique().numel() for one in indices.flatten(0, 1))


def test_max_unpool_after_pooling_keeps_maxima_and_nothing_else():
    x = draw(2, 3, 7, 10).requires_grad_()
    pooled, indices = max_pool_with_indices(x, 2)
    back = max_unpool(pooled, indices, (7, 10))
    kept = back != 0
    assert kept.sum() == pooled.numel() and torch.equal(back[kept], x[kept])
    (gradient,) = torch.autograd.grad(back.sum(), x)
    assert torch.equal(gradient, kept.double())


def test_max_unpool_keeps_one_of_two_values_for_a_place():
    indices = torch.tensor([[4, 4], [0, 8]])
    back = max_unpool(torch.tensor([[1.0, 2.0], [3.0, 5.0]]), indices, 3)
    assert back[1, 1] in (1, 2)
    back[1, 1] = 0
    assert back.tolist() == [[3, 0, 0], [0, 0, 0], [0, 0, 5]]
    assert max_unpool(torch.tensor([[2.0, 2.0], [3.0, 5.0]]), indices, 3)[1, 1] == 2


def test_pooling_and_unpooling_have_exact_gradients():
    x = draw(2, 5, 6).requires_grad_()
    _, indices = max_pool_with_indices(x, 2)
    assert torch.autograd.gradcheck(lambda x: max_pool_with_indices(x, 3, stride=2, padding=1)[0], x)
    assert torch.autograd.gradcheck(lambda x: max_unpool(x, indices, (5, 6)), draw(2, 2, 3).requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pooling_and_unpooling_in_half_precision(dtype):
    x = draw(2, 3, 7, 9, dtype=dtype)
    pooled, indices = max_pool_with_indices(x, 3, stride=2, padding=1)
    expected, places = max_pool2d(x, 3, 2, 1, return_indices=True)
    assert torch.equal(pooled, expected) and torch.equal(indices, places) and pooled.dtype == dtype
    back = max_unpool(pooled, indices, (7, 9))
    assert back.dtype == dtype and torch.equal(back[back != 0], x[back != 0])


def test_pooling_and_unpooling_take_any_leading_axes():
    x = draw(2, 3, 4, 6, 5)
    pooled, indices = max_pool_with_indices(x, 2)
    one, places = max_pool_with_indices(x[1, 2, 3], 2)
    assert torch.equal(pooled[1, 2, 3], one) and torch.equal(indices[1, 2, 3], places)
    back = max_unpool(pooled, indices, (6, 5))
    assert torch.equal(back[1, 2, 3], max_unpool(one, places, (6, 5)))
    for empty in (x[:0], x[:, :0]):
        pooled, indices = max_pool_with_indices(empty, 2)
        assert pooled.shape == (*empty.shape[:3], 3, 2)
        assert max_unpool(pooled, indices, (6, 5)).shape == empty.shape
    x = torch.ones(1, 1)
    assert max_unpool(*max_pool_with_indices(x, 1), 1).tolist() == [[1]]


def test_max_pool_refuses_bad_input():
    x = torch.zeros(2, 5, 6)
    for bad in (x.long(), x[0, 0], x > 0):
        with pytest.raises(ValueError, match=r"floating image \(…, H, W\)"):
            max_pool_with_indices(bad, 2)
    with pytest.raises(ValueError, match="x must be a tensor, but is list"):
        max_pool_with_indices([[1.0]], 1)
    for settings in ({"kernel_size": 0}, {"kernel_size": True}, {"kernel_size": 2, "stride": 0}):
        with pytest.raises(ValueError, match="must be an integer of 1 or more"):
            max_pool_with_indices(x, **settings)
    with pytest.raises(ValueError, match="dilation must be an integer of 1 or more"):
        max_pool_with_indices(x, 2, dilation=(1, 0))
    with pytest.raises(ValueError, match="padding must be an integer of 0 or more"):
        max_pool_with_indices(x, 2, padding=-1)
    with pytest.raises(ValueError, match="padding must be at most half of the kernel size 3.* but padding is 2"):
        max_pool_with_indices(x, 3, padding=2)
    with pytest.raises(ValueError, match="dilation of at most the 2 pixels"):
        max_pool_with_indices(x[:, :2], 2, padding=1, dilation=3)
    with pytest.raises(ValueError, match="spans 7 pixels does not fit into 5 pixels"):
        max_pool_with_indices(x, 7)
    with pytest.raises(ValueError, match="does not fit into 0 pixels"):
        max_pool_with_indices(x[:, :0], 1)


def test_max_unpool_refuses_bad_input():
    x = torch.ones(2, 5, 5)
    pooled, indices = max_pool_with_indices(x, 2)
    for bad in (indices[:1], indices.int(), indices.to("meta"), indices.double()):
        with pytest.raises(ValueError, match="int64 indices of the same shape on the same device"):
            max_unpool(pooled, bad, 5)
    with pytest.raises(ValueError, match="int64 indices of the same shape"):
        max_unpool(pooled[0, 0], indices[0, 0], 5)
    with pytest.raises(ValueError, match="output of 3 x 4 lie between 0 and 11, but these lie between 0 and 12"):
        max_unpool(pooled, indices, (3, 4))
    with pytest.raises(ValueError, match="between 0 and 24, but these lie between -1 and 11"):
        max_unpool(pooled, indices - 1, 5)
    for size in (0, (4, 0), x.shape, 2.5, None):
        with pytest.raises(ValueError, match="output_size must be an integer of 1 or more"):
            max_unpool(pooled, indices, size)
    for values, places, name in ((pooled.tolist(), indices, "x"), (pooled, indices.tolist(), "indices")):
        with pytest.raises(ValueError, match=f"{name} must be a tensor, but is list"):
            max_unpool(values, places, 5)


@pytest.mark.gpu
def test_pooling_and_unpooling_are_the_same_on_a_gpu():
    for x in (draw(2, 3, 9, 11), with_ties(2, 3, 9, 11)):
        on_cpu = max_pool_with_indices(x, 3, stride=2, padding=1, ceil_mode=True)
        on_gpu = max_pool_with_indices(x.cuda(), 3, stride=2, padding=1, ceil_mode=True)
        back = max_unpool(*on_gpu, (9, 11))
        assert back.is_cuda
        for ours, expected in zip((*on_gpu, back), (*on_cpu, max_unpool(*on_cpu, (9, 11))), strict=True):
            torch.testing.assert_close(ours.cpu(), expected, **EXACT)
