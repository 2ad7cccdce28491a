import math

import pytest
import torch
from scipy.ndimage import distance_transform_edt
from tolerances import EXACT, OPERATION

from course_utils.ops.distance import distance_to, distance_transform


def brute_force(mask):
    """Distance of every pixel of one mask to every pixel outside it, the smallest: the definition."""
    pixels = torch.cartesian_prod(torch.arange(mask.shape[0]), torch.arange(mask.shape[1])).double()
    outside = pixels[~mask.flatten()]
    return (pixels[:, None] - outside).square().sum(-1).amin(1).sqrt().view(mask.shape)


def random_mask(*shape, share=0.7, seed=0):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share
    mask[..., -1, 0] = False
    return mask


def test_distance_transform_of_a_literal_mask():
    mask = torch.ones(3, 4, dtype=torch.bool)
    mask[0, 0] = False
    expected = torch.tensor([[0, 1, 4, 9], [1, 2, 5, 10], [4, 5, 8, 13]]).sqrt()
    torch.testing.assert_close(distance_transform(mask), expected, **OPERATION[torch.float32])


@pytest.mark.parametrize("share", [0.2, 0.7, 0.97, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 12), (12, 7), (33, 40)])
def test_distance_transform_equals_scipy_and_brute_force(size, share):
    mask = random_mask(*size, share=share)
    ours = distance_transform(mask, dtype=torch.float64)
    torch.testing.assert_close(ours, brute_force(mask), **OPERATION[torch.float64])
    # SciPy's root is rounded correctly, PyTorch's sometimes not in the last bit: the squares are equal without tolerance.
    scipy = torch.from_numpy(distance_transform_edt(mask.numpy()))
    torch.testing.assert_close(ours, scipy, **OPERATION[torch.float64])
    assert torch.equal(ours.square().round(), scipy.square().round())
    assert size == (1, 1) or share == 0.2 or ours.unique().numel() > 2


def test_distance_transform_equals_scipy_where_one_pixel_is_outside():
    for row, column in [(0, 0), (40, 30), (69, 99), (69, 0)]:
        mask = torch.ones(70, 100, dtype=torch.bool)
        mask[row, column] = False
        scipy = torch.from_numpy(distance_transform_edt(mask.numpy()))
        torch.testing.assert_close(distance_transform(mask, dtype=torch.float64), scipy, **OPERATION[torch.float64])


def test_distance_transform_takes_batches_and_strided_masks():
    masks = random_mask(2, 3, 8, 11)
    single = torch.stack([torch.stack([distance_transform(mask) for mask in row]) for row in masks])
    torch.testing.assert_close(distance_transform(masks), single, **EXACT)
    turned = masks.transpose(-1, -2)
    torch.testing.assert_close(distance_transform(turned), single.transpose(-1, -2), **EXACT)
    assert distance_transform(masks[:0]).shape == (0, 3, 8, 11)


def test_distance_transform_returns_the_type_asked_for_and_keeps_its_input():
    mask = torch.ones(400, 300, dtype=torch.bool)
    mask[0, 0] = False
    before = mask.clone()
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        distances = distance_transform(mask, dtype=dtype)
        assert distances.dtype == dtype
        assert distances[-1, -1].item() == pytest.approx(math.hypot(399, 299), rel=1e-2)  # 498.6² is no float16
    assert torch.equal(mask, before)


def test_distance_to_is_infinite_without_points_and_beyond_the_limit():
    points = torch.zeros(2, 5, 6, dtype=torch.bool)
    points[1, 1, 1] = True
    everywhere = distance_to(points)
    assert everywhere[0].isinf().all()
    torch.testing.assert_close(everywhere[1], distance_transform(~points[1]), **EXACT)
    for limit in (0, 1, math.sqrt(2), math.sqrt(3), 2.5, math.sqrt(5), math.sqrt(13), 4, 100):
        limited = distance_to(points, limit=limit)
        expected = everywhere.masked_fill(everywhere > limit + 1e-6, math.inf)
        torch.testing.assert_close(limited, expected, **EXACT)


def test_distance_refuses_bad_input():
    with pytest.raises(ValueError, match=r"outside the mask \(False\) in every image"):
        distance_transform(torch.stack([random_mask(4, 4), torch.ones(4, 4, dtype=torch.bool)]))
    with pytest.raises(ValueError, match=r"outside the mask"):
        distance_transform(torch.zeros(0, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"bool mask .* torch.int64 of shape \(4, 4\)"):
        distance_transform(torch.ones(4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"of shape \(4,\)"):
        distance_to(torch.ones(4, dtype=torch.bool))
    with pytest.raises(ValueError, match="dtype is torch.int64"):
        distance_transform(random_mask(4, 4), dtype=torch.int64)
    for limit in (-1, math.nan):
        with pytest.raises(ValueError, match="limit must be"):
            distance_to(random_mask(4, 4), limit=limit)


@pytest.mark.gpu
def test_distance_transform_is_the_same_on_a_gpu():
    masks = random_mask(2, 50, 70, share=0.99)
    on_gpu = distance_transform(masks.cuda(), dtype=torch.float64)
    assert on_gpu.is_cuda
    torch.testing.assert_close(on_gpu.cpu(), distance_transform(masks, dtype=torch.float64), **OPERATION[torch.float64])
