import math

import pytest
import torch
from tolerances import OPERATION
from torch.nn.functional import interpolate
from torchvision.models.detection.roi_heads import paste_masks_in_image

from course_utils.ops.pasting import paste_masks


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def image_boxes(count, height, width, *, dtype=torch.float64, seed=0):
    """Boxes of which some part is in the image: torchvision cannot paste others."""
    start = draw(count, 2, seed=seed) * torch.tensor([width, height]) * 1.2 - 0.2 * torch.tensor([width, height])
    end = torch.maximum(
        start + draw(count, 2, seed=seed + 1) * torch.tensor([width, height]) + 0.5, torch.tensor([3.0])
    )
    boxes = torch.cat([start.clamp(max=min(width, height) - 3), end], 1)
    boxes[::4] = boxes[::4].round()
    return boxes.to(dtype)


def test_ones_cover_the_box_and_no_pixel_more():
    ones, box = torch.ones(1, 28, 28), torch.tensor([[2.0, 2, 10, 10]])
    pasted = paste_masks(ones, box, (12, 14))
    assert pasted.shape == (1, 12, 14) and pasted.sum() == 64
    assert torch.equal(pasted[0, 2:10, 2:10], torch.ones(8, 8))
    legacy = paste_masks(ones, box, (12, 14), legacy=True)
    assert (legacy >= 0.5).sum() == 100


def test_a_small_mask_by_hand():
    """Cells of two pixels: between their centres, pixels are a quarter and three quarters of the way."""
    mask = torch.tensor([[[0.0, 1.0]]])
    pasted = paste_masks(mask, torch.tensor([[1.0, 0, 5, 1]]), (2, 7))
    assert pasted.tolist() == [[[0, 0, 0.25, 0.75, 1, 0, 0], [0] * 7]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("cells", [(28, 28), (5, 3), (1, 1)])
def test_on_whole_pixels_a_mask_is_resized(cells, dtype):
    masks = draw(4, *cells, dtype=dtype)
    boxes = torch.tensor([[2, 3, 9, 14], [0, 0, 20, 17], [19, 16, 20, 17], [4, 4, 15, 5]], dtype=dtype)
    pasted = paste_masks(masks, boxes, (17, 20))
    for mask, (x1, y1, x2, y2), image in zip(masks, boxes.long().tolist(), pasted, strict=True):
        resized = interpolate(mask[None, None], size=(y2 - y1, x2 - x1), mode="bilinear")[0, 0]
        torch.testing.assert_close(image[y1:y2, x1:x2], resized, **OPERATION[dtype])
        assert image.count_nonzero() == resized.numel()  # and nothing outside


def test_a_pixel_is_in_the_box_that_its_centre_is_in():
    """So that of two boxes side by side each pixel is in one."""
    for edge in (4.0, 4.3, 4.5, 4.7, 5.0):
        boxes = torch.tensor([[0, 0, edge, 2], [edge, 0, 9, 2]])
        pasted = paste_masks(torch.ones(2, 3, 3), boxes, (2, 9))
        assert torch.equal(pasted.sum(0), torch.ones(2, 9))
        assert pasted[0, 0].sum() == (4 if edge <= 4.5 else 5)


def test_boxes_that_leave_the_image():
    masks, boxes = draw(3, 6, 6), torch.tensor([[-3.5, -2, 4, 5], [8, 3, 30, 9], [-50, -50, -40, 60]]).double()
    wide = paste_masks(masks, boxes + 60, (130, 130))[:, 60:67, 60:71]
    pasted = paste_masks(masks, boxes, (7, 11))
    torch.testing.assert_close(pasted, wide, **OPERATION[torch.float64])
    assert pasted[:2].any() and not pasted[2].any()


@pytest.mark.parametrize("legacy", [False, True])
def test_boxes_without_area_and_no_boxes(legacy):
    flat = torch.tensor([[3.0, 3, 3, 3], [2.5, 2, 2.5, 6], [5, 5, 3, 3]])
    pasted = paste_masks(torch.ones(3, 4, 4), flat, (8, 9), legacy=legacy)
    assert pasted.isfinite().all() and (legacy or not pasted.any())
    assert paste_masks(torch.ones(0, 1, 4, 4), flat[:0], (8, 9), legacy=legacy).shape == (0, 1, 8, 9)
    assert paste_masks(torch.ones(3, 0, 4, 4), flat, (8, 9), legacy=legacy).shape == (3, 0, 8, 9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("cells", [28, 14, 1])
@pytest.mark.parametrize("size", [(40, 60), (11, 13)])
def test_legacy_equals_torchvision_with_gradients(size, cells, dtype):
    masks, boxes = draw(40, 1, cells, cells, dtype=dtype).requires_grad_(), image_boxes(40, *size, dtype=dtype)
    ours, library = paste_masks(masks, boxes, size, legacy=True), paste_masks_in_image(masks, boxes, size)
    torch.testing.assert_close(ours, library, **OPERATION[dtype])
    assert ours.shape == (40, 1, *size) and ours.std() > 0.1
    weight = draw(*ours.shape, dtype=dtype, seed=5)
    mine, other = (torch.autograd.grad(out, masks, weight)[0] for out in (ours, library))
    torch.testing.assert_close(mine, other, rtol=OPERATION[dtype]["rtol"], atol=100 * OPERATION[dtype]["atol"])


def test_axes_between_are_kept():
    masks, boxes = draw(5, 2, 3, 7, 6), image_boxes(5, 20, 30)
    pasted = paste_masks(masks, boxes, (20, 30))
    assert pasted.shape == (5, 2, 3, 20, 30)
    torch.testing.assert_close(
        pasted[:, 1, 2], paste_masks(masks[:, 1, 2], boxes, (20, 30)), **OPERATION[torch.float64]
    )


def test_pasting_has_exact_gradients_and_half_precision():
    boxes = image_boxes(3, 8, 9)
    assert torch.autograd.gradcheck(lambda masks: paste_masks(masks, boxes, (8, 9)), draw(3, 4, 5).requires_grad_())
    masks = draw(3, 4, 5)
    for dtype in (torch.float16, torch.bfloat16):
        pasted = paste_masks(masks.to(dtype), boxes.float(), (8, 9))
        assert pasted.dtype == dtype
        torch.testing.assert_close(pasted.double(), paste_masks(masks, boxes, (8, 9)), rtol=0, atol=0.03)


def test_pasting_is_not_rounded_under_autocast():
    masks, boxes = draw(3, 4, 5, dtype=torch.float32), image_boxes(3, 8, 9, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        pasted = paste_masks(masks, boxes, (8, 9))
    assert torch.equal(pasted, paste_masks(masks, boxes, (8, 9)))


def test_pasting_refuses_bad_input():
    masks, boxes = torch.ones(3, 4, 4), torch.zeros(3, 4)
    for bad in (masks > 0, masks[0], masks[:, :0], masks[:2]):
        with pytest.raises(ValueError, match=r"paste_masks needs floating masks \(N, h, w\) and boxes \(N, 4\)"):
            paste_masks(bad, boxes, 5)
    with pytest.raises(ValueError, match="boxes must be floating boxes"):
        paste_masks(masks, boxes.long(), 5)
    with pytest.raises(ValueError, match="one device"):
        paste_masks(masks, boxes.to("meta"), 5)
    for size in (0, (3, -1), 2.5):
        with pytest.raises(ValueError, match="size must be an integer of 1 or more"):
            paste_masks(masks, boxes, size)
    with pytest.raises(ValueError, match="legacy must be True or False"):
        paste_masks(masks, boxes, 5, legacy=None)
    with pytest.raises(ValueError, match="masks must be a tensor, but is list"):
        paste_masks([[[1.0]]], boxes, 5)


def test_nan_in_a_box_draws_nothing():
    boxes = torch.tensor([[math.nan, 0, 3, 3], [0, 0, 3, 3]])
    pasted = paste_masks(torch.ones(2, 4, 4), boxes, 5)
    assert not pasted[0].any() and pasted[1].sum() == 9


@pytest.mark.gpu
def test_pasting_is_the_same_on_a_gpu():
    masks, boxes = draw(9, 14, 14), image_boxes(9, 30, 40)
    for legacy in (False, True):
        pasted = paste_masks(masks.cuda(), boxes.cuda(), (30, 40), legacy=legacy)
        assert pasted.is_cuda
        torch.testing.assert_close(pasted.cpu(), paste_masks(masks, boxes, (30, 40), legacy=legacy), rtol=0, atol=1e-12)
