import math

import pytest
import torch
import torchvision.ops
from test_roi import BOX, FORMATS, RAMP, assert_same_gradients, draw, draw_regions
from tolerances import EXACT, OPERATION

from course_utils.ops.roi_pooling import roi_pool


def test_roi_pool_rounds_a_box_on_a_ramp():
    """3.4 to 8.1 become cells 3 to 8; of six cells, bins get three each."""
    assert roi_pool(RAMP, [BOX], 2, spatial_scale=1 / 16).tolist() == [[[[5, 8], [5, 8]]]]


def test_roi_pool_moves_by_whole_cells():
    shift = torch.arange(0, 1.25, 0.25)[:, None]
    boxes = torch.tensor([[3.0, 3, 7, 7]]) + shift * torch.tensor([1, 0, 1, 0])
    assert roi_pool(RAMP, [boxes], 2)[:, 0, 0, 0].tolist() == [5, 5, 6, 6, 6]


def test_bins_share_cells_and_halves_are_rounded_away_from_zero():
    boxes = torch.tensor([[0.0, 0, 2, 0], [0.5, 0, 2.5, 0], [1.49999, 0, 2.49999, 0], [-0.5, 0, 1.5, 0]])
    # Cells 0 to 2, 1 to 3, 1 to 2, -1 to 2; the middle of three cells is in both bins.
    assert roi_pool(RAMP, [boxes], (1, 2))[:, 0, 0].tolist() == [[1, 2], [2, 3], [1, 2], [0, 2]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("output_size", [7, (2, 3), 1])
def test_roi_pool_equals_torchvision_with_gradients(output_size, layout, dtype):
    for (height, width), images, scale in (((9, 13), 2, 1), ((16, 5), 1, 0.3), ((1, 4), 3, 0.25)):
        boxes = draw_regions(60, images, height / scale, width / scale, dtype=dtype)
        boxes[::8] -= torch.tensor([0, 0.5, 0.5, 0.5, 0.5], dtype=dtype)
        for values in (draw(images, 3, height, width, dtype=dtype), draw(images, 3, height, width, dtype=dtype).sign()):
            x = FORMATS[layout](values).requires_grad_()  # the second with many equal maxima
            ours, library = (
                roi_pool(x, boxes, output_size, spatial_scale=scale),
                torchvision.ops.roi_pool(x, boxes, output_size, scale),
            )
            torch.testing.assert_close(ours, library, **EXACT)
            assert ours.std() > 0.1 and (library == 0).flatten(1).all(1).any()
            assert_same_gradients(ours, library, [x])
            assert torch.equal(roi_pool(x.detach(), boxes, output_size, spatial_scale=scale), ours)


def test_the_gradient_of_equal_maxima_goes_to_the_first():
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    (found,) = torch.autograd.grad(roi_pool(x, [torch.tensor([[1.0, 1, 3, 3]])], 1).sum(), x)
    assert found.nonzero().tolist() == [[0, 0, 1, 1]]


def test_roi_pool_takes_a_list_and_no_boxes():
    x, boxes = draw(3, 4, 6, 8), draw_regions(30, 3, 6, 8)
    boxes = boxes[boxes[:, 0].argsort(stable=True)]
    boxes = boxes[boxes[:, 0] != 1]
    some = [boxes[boxes[:, 0] == n, 1:] for n in range(3)]
    assert torch.equal(roi_pool(x, some, 3), torchvision.ops.roi_pool(x, boxes, 3))
    for none in ([torch.zeros(0, 4)] * 3, torch.zeros(0, 5)):
        leaf = x.clone().requires_grad_()
        pooled = roi_pool(leaf, none, (2, 4))
        assert pooled.shape == (0, 4, 2, 4) and not torch.autograd.grad(pooled.sum(), leaf)[0].any()
    assert roi_pool(x[:, :0], some, 3).shape == (len(boxes), 0, 3, 3)


def test_numbers_of_any_size_are_numbers():
    x = torch.full((1, 1, 3, 3), -math.inf, dtype=torch.float64)
    assert roi_pool(x, [torch.tensor([[0.0, 0, 2, 2]])], 1) == -math.inf
    x[..., 1, 1] = -1e300
    assert roi_pool(x, [torch.tensor([[0.0, 0, 2, 2]])], 1) == -1e300


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_roi_pool_in_half_precision(dtype):
    x, boxes = draw(1, 2, 60, 70, dtype=dtype), draw_regions(20, 1, 60, 70, dtype=torch.float32)
    assert torch.equal(roi_pool(x, boxes, 3), roi_pool(x.float(), boxes, 3).to(dtype))


def test_roi_pool_has_exact_gradients():
    boxes = draw_regions(8, 1, 4, 5)
    assert torch.autograd.gradcheck(lambda x: roi_pool(x, boxes, 2), draw(1, 2, 4, 5).requires_grad_())


def test_roi_pool_refuses_bad_input():
    x, boxes = draw(1, 3, 5, 6), torch.zeros(4, 5)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="boxes must be finite, but at least one holds NaN or infinity"):
            roi_pool(x, [boxes[:, 1:].index_fill(0, torch.tensor(1), value)], 2)
    for settings, message in (
        ({"output_size": (2, 0)}, "output_size must be an integer of 1 or more"),
        ({"spatial_scale": 0}, "spatial_scale must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            roi_pool(x, boxes, **{"output_size": 2, **settings})
    with pytest.raises(ValueError, match="index of one of 1 images"):
        roi_pool(x, boxes + 1, 2)
    with pytest.raises(ValueError, match="features must be a floating map"):
        roi_pool(x.long(), boxes, 2)


@pytest.mark.gpu
def test_roi_pool_is_the_same_on_a_gpu():
    x, boxes = draw(2, 3, 9, 13), draw_regions(40, 2, 9, 13)
    leaves = [tensor.detach().requires_grad_() for tensor in (x, x.cuda())]
    on_cpu, on_gpu = (roi_pool(leaf, boxes.to(leaf.device), 3) for leaf in leaves)
    assert on_gpu.is_cuda and torch.equal(on_gpu.cpu(), on_cpu)
    back = [torch.autograd.grad(p.square().sum(), leaf)[0] for p, leaf in zip((on_cpu, on_gpu), leaves, strict=True)]
    torch.testing.assert_close(back[1].cpu(), back[0], **OPERATION[torch.float64])
