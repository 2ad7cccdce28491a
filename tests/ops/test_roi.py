import math

import pytest
import torch
import torchvision.ops
from tolerances import OPERATION

from course_utils.ops import pasting, roi, roi_pooling
from course_utils.ops.roi import fpn_levels, multiscale_roi_align, roi_align

FORMATS = {
    "contiguous": lambda x: x.contiguous(),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "neither": lambda x: x.mT.contiguous().mT,
}


def draw(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def draw_regions(count, images, height, width, *, dtype=torch.float64, seed=0):
    """Boxes (N, 5) of all kinds: within the map, partly and wholly outside, on whole cells and borders, points and lines."""
    random = torch.Generator().manual_seed(seed)
    size = torch.tensor([width, height])
    corner = (1.4 * torch.rand(count, 2, generator=random, dtype=torch.float64) - 0.3) * size
    boxes = torch.cat([corner, corner + torch.rand(count, 2, generator=random, dtype=torch.float64) * size], 1)
    boxes[::4] = boxes[::4].round()
    boxes[1::9, 2] = boxes[1::9, 0]
    boxes[2::9, 2:] = boxes[2::9, :2]
    boxes[3] = torch.tensor([-1, -1, width + 1, height + 1])  # samples exactly at the limits, where they turn to 0
    boxes[5] = torch.tensor([-2, -2, 2 * width, 2 * height])
    boxes[6] = torch.tensor([-9, -9, -5, -3])
    image = torch.randint(images, (count, 1), generator=random)
    return torch.cat([image, boxes], 1).to(dtype)


def assert_same_gradients(ours, library, inputs):
    """In float32, where hundreds of terms meet in a cell of a small map, relative to the largest gradient."""
    weight = draw(*ours.shape, dtype=ours.dtype, seed=9)
    found, expected = (torch.autograd.grad(out, inputs, weight) for out in (ours, library))
    for mine, other in zip(found, expected, strict=True):
        scale = other.abs().amax() if ours.dtype == torch.float32 else 1
        torch.testing.assert_close(mine / scale, other / scale, **OPERATION[ours.dtype])
        assert mine.any()


RAMP = torch.arange(12.0).expand(1, 1, 12, 12)  # the value of a cell is its column
BOX = 16 * torch.tensor([[3.4, 2.6, 8.1, 7.3]])  # in pixels, at stride 16


def test_roi_align_reads_a_ramp_without_rounding():
    """The middles of the two bins are at 4.575 and 6.925 cells; cell i's value stands at i + ½."""
    for ratio in (-1, 1, 2, 4):
        for aligned, expected in ((True, [4.075, 6.425]), (False, [4.575, 6.925])):
            pooled = roi_align(RAMP, [BOX], 2, spatial_scale=1 / 16, sampling_ratio=ratio, aligned=aligned)
            assert pooled.shape == (1, 1, 2, 2)
            torch.testing.assert_close(pooled[0, 0], torch.tensor([expected, expected]))


def test_roi_align_follows_a_box_by_fractions_of_a_cell():
    shift = torch.arange(0, 1.25, 0.25)[:, None]
    boxes = torch.tensor([[3.0, 3, 7, 7]]) + shift * torch.tensor([1, 0, 1, 0])
    pooled = roi_align(RAMP, [boxes], 2, sampling_ratio=2, aligned=True)
    assert pooled[:, 0, 0, 0].tolist() == [3.5, 3.75, 4.0, 4.25, 4.5]


def test_a_bin_that_is_a_cell_is_that_cell():
    """In continuous coordinates: box (2, 1, 5, 5) is columns 2 to 4 and rows 1 to 4."""
    x = draw(1, 3, 6, 7)
    pooled = roi_align(x, [torch.tensor([[2.0, 1, 5, 5]], dtype=torch.float64)], (4, 3), sampling_ratio=1, aligned=True)
    torch.testing.assert_close(pooled, x[:, :, 1:5, 2:5], **OPERATION[torch.float64])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling_ratio", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("output_size", [7, (2, 3), 1])
def test_roi_align_equals_torchvision_with_gradients(output_size, sampling_ratio, aligned, dtype):
    for (height, width), scale, layout in (
        ((9, 13), 1, "contiguous"),
        ((16, 5), 0.3, "channels last"),
        ((1, 4), 0.25, "neither"),
    ):
        boxes = draw_regions(60, 2, height / scale, width / scale, dtype=dtype)
        x = FORMATS[layout](draw(2, 3, height, width, dtype=dtype)).requires_grad_()
        ours = roi_align(x, boxes, output_size, spatial_scale=scale, sampling_ratio=sampling_ratio, aligned=aligned)
        library = torchvision.ops.roi_align(x, boxes, output_size, scale, sampling_ratio, aligned)
        torch.testing.assert_close(ours, library, **OPERATION[dtype])
        assert ours.std() > 0.1 and (library == 0).flatten(1).all(1).any()
        assert_same_gradients(ours, library, [x])


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("images", [1, 3])
def test_roi_align_is_the_same_in_every_memory_format(images, layout):
    x, boxes = draw(images, 4, 6, 8), draw_regions(30, images, 6, 8)
    expected = torchvision.ops.roi_align(x, boxes, (2, 3), 1, 2, True)
    pooled = roi_align(FORMATS[layout](x), boxes, (2, 3), sampling_ratio=2, aligned=True)
    torch.testing.assert_close(pooled, expected, **OPERATION[torch.float64])
    assert pooled.is_contiguous(memory_format=torch.channels_last)


def test_roi_align_takes_a_list_of_boxes():
    x, boxes = draw(3, 4, 6, 8), draw_regions(30, 3, 6, 8)
    boxes = boxes[boxes[:, 0].argsort(stable=True)]
    boxes = boxes[boxes[:, 0] != 1]  # the second image has none
    some = [boxes[boxes[:, 0] == n, 1:] for n in range(3)]
    for ratio in (2, -1):
        assert torch.equal(roi_align(x, some, 3, sampling_ratio=ratio), roi_align(x, boxes, 3, sampling_ratio=ratio))
    torch.testing.assert_close(
        roi_align(x, tuple(some), 3), torchvision.ops.roi_align(x, some, 3), **OPERATION[torch.float64]
    )


def test_a_list_may_be_long_and_its_boxes_of_half_precision():
    """Which does not hold 257, the index of an image."""
    x = torch.arange(300.0).view(300, 1, 1, 1)
    some = [torch.tensor([[0, 0, 1, 1]], dtype=torch.bfloat16)] * 300
    assert torch.equal(roi_align(x, some, 1, sampling_ratio=1), x)


@pytest.mark.parametrize("sampling_ratio", [-1, 2])
def test_no_boxes_give_no_regions_and_a_gradient_of_zeros(sampling_ratio):
    for boxes in ([torch.zeros(0, 4)] * 2, torch.zeros(0, 5)):
        x = draw(2, 3, 5, 6).requires_grad_()
        pooled = roi_align(x, boxes, (2, 4), sampling_ratio=sampling_ratio)
        assert pooled.shape == (0, 3, 2, 4) and pooled.dtype == torch.float64
        assert not torch.autograd.grad(pooled.sum(), x)[0].any()
    assert roi_align(draw(2, 0, 5, 6), [torch.ones(1, 4)] * 2, 3, sampling_ratio=sampling_ratio).shape == (2, 0, 3, 3)
    assert roi_align(draw(0, 3, 5, 6), [], 3, sampling_ratio=sampling_ratio).shape == (0, 3, 3, 3)


def test_nan_in_a_box_gives_nan_and_infinity_does_not_stop():
    boxes = torch.tensor([[0.0, math.nan, 0, 3, 3], [0, 1, 1, 3, 3], [0, 0, 0, math.inf, 2]])
    pooled = roi_align(RAMP, boxes, 2, sampling_ratio=2)
    assert pooled[0].isnan().all() and pooled[1].isfinite().all()
    with pytest.raises(ValueError, match="must be finite, but at least one holds NaN or infinity"):
        roi_align(RAMP, boxes, 2)


def test_boxes_get_no_gradient_and_may_have_another_type():
    x = draw(1, 2, 6, 7)
    boxes = draw_regions(20, 1, 6, 7, dtype=torch.float32)
    single = roi_align(x, boxes.requires_grad_(), 2, sampling_ratio=2)
    assert not single.requires_grad
    assert torch.equal(single, roi_align(x, boxes.double(), 2, sampling_ratio=2)) and single.dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_features_and_weights_only(dtype):
    x, boxes = draw(1, 2, 60, 70, dtype=dtype), draw_regions(20, 1, 60, 70, dtype=torch.float32)
    for ratio in (2, -1):
        pooled = roi_align(x, boxes, 3, sampling_ratio=ratio)
        assert pooled.dtype == dtype
        expected = roi_align(x.float(), boxes, 3, sampling_ratio=ratio)
        torch.testing.assert_close(pooled.float(), expected, rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_roi_align_has_exact_gradients():
    boxes = draw_regions(8, 1, 4, 5)
    for ratio in (2, -1):
        x = draw(1, 2, 4, 5).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, ratio=ratio: roi_align(x, boxes, 2, sampling_ratio=ratio), x)


# --- Pyramids


def pyramid(dtype=torch.float64, images=2):
    return [draw(images, 3, 64 // s, 96 // s, dtype=dtype, seed=s) for s in (1, 2, 4, 8)]


def image_boxes(count, seed=0, dtype=torch.float64):
    """Boxes of 5 to 600 pixels, of all four levels."""
    random = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=random, dtype=torch.float64) * torch.tensor([300, 200])
    size = 5 * 120 ** torch.rand(count, 2, generator=random, dtype=torch.float64)
    size[::9], size[1::9] = 450, 300
    return torch.cat([corner, corner + size], 1).to(dtype)


def test_the_level_doubles_where_the_box_does():
    side = torch.tensor([1.0, 55, 56, 111, 112, 223, 224, 447, 448, 5000])
    boxes = torch.stack([side * 0, side * 0, side, side], 1)
    assert fpn_levels(boxes, 2, 5).tolist() == [2, 2, 2, 2, 3, 3, 4, 4, 5, 5]
    assert fpn_levels(boxes[6], 2, 5) == 4 and fpn_levels(boxes[:0], 2, 5).shape == (0,)
    oblong = torch.tensor([0.0, 0, 448, 112])  # of the same area as 224 × 224
    assert fpn_levels(oblong, 2, 5) == 4
    assert fpn_levels(boxes, 0, 9, canonical_size=1, canonical_level=0).tolist() == [0, 5, 5, 6, 6, 7, 7, 8, 8, 9]
    rounded = torch.tensor([0, 0, 1, 1], dtype=torch.float64) * 224 * (1 - 1e-9)
    assert fpn_levels(rounded, 2, 5) == 4
    odd = torch.tensor([[5.0, 5, 5, 5], [5, 5, 2, 9], [0, 0, math.nan, 1], [0, 0, math.inf, 1]])
    assert fpn_levels(odd, 2, 5).tolist() == [2, 2, 2, 5]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_levels_equal_those_of_torchvision(dtype):
    from torchvision.ops.poolers import LevelMapper

    boxes = image_boxes(500, dtype=dtype)
    boxes[:40, 2:] = boxes[:40, :2] + torch.tensor([28, 56, 112, 224]).repeat_interleave(10)[:, None]
    for canonical in (224, 100):
        levels = fpn_levels(boxes, 2, 5, canonical_size=canonical)
        assert torch.equal(levels, LevelMapper(2, 5, canonical)([boxes]) + 2) and len(levels.unique()) == 4


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_multiscale_roi_align_equals_torchvision_with_gradients(dtype):
    maps = [one.requires_grad_() for one in pyramid(dtype)]
    boxes = [image_boxes(30, dtype=dtype), image_boxes(20, seed=1, dtype=dtype)]
    ours = multiscale_roi_align(maps, boxes, (3, 2), strides=(4, 8, 16, 32))
    pooler = torchvision.ops.MultiScaleRoIAlign(["0", "1", "2", "3"], (3, 2), 2)
    library = pooler({str(n): one for n, one in enumerate(maps)}, boxes, [(256, 384)] * 2)
    torch.testing.assert_close(ours, library, **OPERATION[dtype])
    assert ours.shape == (50, 3, 3, 2) and ours.std() > 0.1
    assert_same_gradients(ours, library, maps)


def test_a_single_map_serves_all_boxes():
    (x,), boxes = pyramid()[:1], image_boxes(30)
    pooled = multiscale_roi_align([x[:1]], [boxes], 2, strides=[6], aligned=True)
    expected = roi_align(x[:1], [boxes], 2, spatial_scale=1 / 6, sampling_ratio=2, aligned=True)
    assert torch.equal(pooled, expected)
    assert multiscale_roi_align(pyramid(), torch.zeros(0, 5), 2, strides=(4, 8, 16, 32)).shape == (0, 3, 2, 2)


# --- Bad input


def test_roi_align_refuses_bad_input():
    x, boxes = draw(2, 3, 5, 6), torch.zeros(4, 5)
    for bad in (x.long(), x[0], x[:, :, :0]):
        with pytest.raises(ValueError, match=r"features must be a floating map \(B, C, H, W\)"):
            roi_align(bad, boxes, 2)
    for bad in (boxes.long(), boxes[:, :4], boxes[0]):
        with pytest.raises(ValueError, match=r"boxes must be floating \(N, 5\), .* a single image go into a list"):
            roi_align(x, bad, 2)
    for bad in ("boxes", [[0.0, 0, 1, 1]], None, boxes.numpy()):
        with pytest.raises(ValueError, match=r"boxes must be a tensor \(N, 5\), or a list with a tensor"):
            roi_align(x, bad, 2)
    for bad in ([boxes[:, 1:]], [boxes[0, 1:]] * 2, []):
        with pytest.raises(ValueError, match=r"a tensor \(L, 4\) for each of 2 images"):
            roi_align(x, bad, 2)
    with pytest.raises(ValueError, match=r"boxes\[1\] must be floating boxes"):
        roi_align(x, [boxes[:, 1:], boxes], 2)
    for index in (2.0, -1.0, 0.5, math.nan):
        with pytest.raises(ValueError, match=f"index of one of 2 images, from 0 on, but holds {index}"):
            roi_align(x, boxes.index_fill(0, torch.tensor(3), index), 2)
    for bad in (boxes.to("meta"), [boxes[:, 1:], boxes[:, 1:].to("meta")]):
        with pytest.raises(ValueError, match="All tensors must be on one device"):
            roi_align(x, bad, 2)
    for settings, message in (
        ({"output_size": 0}, "output_size must be an integer of 1 or more"),
        ({"spatial_scale": 0}, "spatial_scale must be above 0"),
        ({"spatial_scale": -1}, "spatial_scale must be a number"),
        ({"sampling_ratio": -2}, "sampling_ratio must be an integer of -1 or more"),
        ({"sampling_ratio": 1.5}, "sampling_ratio must be an integer of -1 or more"),
        ({"aligned": 1}, "aligned must be True or False"),
    ):
        with pytest.raises(ValueError, match=message):
            roi_align(x, boxes, **{"output_size": 2, **settings})


def test_multiscale_roi_align_refuses_bad_input():
    maps, boxes = pyramid(), [image_boxes(3)] * 2
    for bad in (maps[0], [], "maps"):
        with pytest.raises(ValueError, match="features must be a list with one entry for each level"):
            multiscale_roi_align(bad, boxes, 2, strides=(4, 8, 16, 32))
    with pytest.raises(ValueError, match="a map of features must be a tensor"):
        multiscale_roi_align([maps[0].numpy()], boxes, 2, strides=(4,))
    with pytest.raises(ValueError, match="strides must be a list with one entry"):
        multiscale_roi_align(maps, boxes, 2, strides=4)
    for strides in ((4, 8, 16), (4, 8, 16, 32, 64)):
        with pytest.raises(ValueError, match="and a stride for each, but the strides are"):
            multiscale_roi_align(maps, boxes, 2, strides=strides)
    with pytest.raises(ValueError, match="needs maps of one batch and number of channels"):
        multiscale_roi_align([maps[0], maps[1][:, :2]], boxes, 2, strides=(4, 8))
    for strides in ((4, 8, 16, 64), (3, 6, 12, 24), (32, 16, 8, 4)):
        with pytest.raises(ValueError, match="strides must be powers of 2, each twice the one before"):
            multiscale_roi_align(maps, boxes, 2, strides=strides)
    with pytest.raises(ValueError, match="highest must be the level 3 of lowest or above, but is 2"):
        fpn_levels(image_boxes(3), 3, 2)
    with pytest.raises(ValueError, match="canonical_size must be above 0"):
        fpn_levels(image_boxes(3), 2, 3, canonical_size=0)


def test_the_other_functions_of_regions_are_found_here_too():
    assert roi.roi_pool is roi_pooling.roi_pool and roi.paste_masks is pasting.paste_masks


@pytest.mark.gpu
def test_roi_align_is_the_same_on_a_gpu():
    x, boxes = draw(2, 3, 9, 13), draw_regions(40, 2, 9, 13)
    for ratio in (2, -1):
        leaves = [tensor.detach().requires_grad_() for tensor in (x, x.cuda())]
        pooled = [roi_align(leaf, boxes.to(leaf.device), 3, sampling_ratio=ratio) for leaf in leaves]
        assert pooled[1].is_cuda
        torch.testing.assert_close(pooled[1].cpu(), pooled[0], **OPERATION[torch.float64])
        (on_cpu,), (on_gpu,) = (
            torch.autograd.grad(p.square().sum(), leaf) for p, leaf in zip(pooled, leaves, strict=True)
        )
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, **OPERATION[torch.float64])
    maps, boxes = pyramid(), [image_boxes(20), image_boxes(9, seed=1)]
    expected = multiscale_roi_align(maps, boxes, 3, strides=(4, 8, 16, 32))
    on_gpu = [[tensor.cuda() for tensor in tensors] for tensors in (maps, boxes)]
    pooled = multiscale_roi_align(*on_gpu, 3, strides=(4, 8, 16, 32))
    torch.testing.assert_close(pooled.cpu(), expected, **OPERATION[torch.float64])
