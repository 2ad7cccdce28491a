import math

import pytest
import torch
import torchvision.ops
from tolerances import EXACT, OPERATION
from torchvision.models.detection._utils import BoxCoder

from course_utils.ops.boxes import (
    LARGEST_GROWTH,
    box_area,
    box_iou,
    clip_boxes,
    decode,
    encode,
    generalised_box_iou,
    masks_to_boxes,
)

DTYPES = [torch.float64, torch.float32]


def draw_boxes(*shape, dtype=torch.float64, seed=0, side=60):
    """Boxes up to `side` wide, most of which overlap some others."""
    random = torch.Generator().manual_seed(seed)
    corner = torch.rand(*shape, 2, generator=random, dtype=torch.float64) * 100 - 10
    size = torch.rand(*shape, 2, generator=random, dtype=torch.float64) * side + 2
    return torch.cat([corner, corner + size], -1).to(dtype)


def gradients(function, *inputs):
    """Of a weighted sum of what the function gives."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    out = function(*leaves)
    weight = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).reshape(out.shape)
    return torch.autograd.grad(out, leaves, weight)


def test_iou_of_boxes_that_can_be_counted():
    a = torch.tensor([[0.0, 0, 4, 2], [0, 0, 1, 1]])
    b = torch.tensor([[2.0, 0, 6, 2], [0, 0, 4, 2], [9, 9, 10, 10]])
    assert box_area(b).tolist() == [8, 8, 1]
    torch.testing.assert_close(box_iou(a, b), torch.tensor([[4 / 12, 1, 0], [0, 1 / 8, 0]]))
    assert box_iou(a, b[:2], paired=True).tolist() == pytest.approx([1 / 3, 1 / 8])


def test_generalised_iou_tells_near_from_far():
    """Side by side, the hull has the columns between the boxes in addition."""
    still = torch.tensor([0.0, 0, 2, 2])
    moved = torch.tensor([[0.0, 0, 2, 2], [2, 0, 4, 2], [4, 0, 6, 2], [98, 0, 100, 2]])
    assert box_iou(moved, still, paired=True).tolist() == [1, 0, 0, 0]
    expected = [1, 0, -1 / 3, -0.96]
    assert generalised_box_iou(moved, still, paired=True).tolist() == pytest.approx(expected)
    (gradient,) = gradients(lambda box: generalised_box_iou(box, still, paired=True), moved[2])
    assert gradient[0] > 0  # the sum's only weight is -1: a loss, which falls as the box moves left


@pytest.mark.parametrize("dtype", DTYPES)
def test_iou_equals_torchvision_with_gradients(dtype):
    a, b = draw_boxes(40, dtype=dtype), draw_boxes(30, dtype=dtype, seed=1)
    for ours, library in (
        (box_iou, torchvision.ops.box_iou),
        (generalised_box_iou, torchvision.ops.generalized_box_iou),
    ):
        out = ours(a, b)
        torch.testing.assert_close(out, library(a, b), **OPERATION[dtype])
        assert out.shape == (40, 30) and (out > 0.3).sum() > 10 and out.std() > 0.05
        for mine, other in zip(gradients(ours, a, b), gradients(library, a, b), strict=True):
            torch.testing.assert_close(mine, other, **OPERATION[dtype])
    torch.testing.assert_close(box_area(a), torchvision.ops.box_area(a), **OPERATION[dtype])


def test_generalised_iou_of_pairs_equals_the_loss_of_torchvision():
    a, b = draw_boxes(200), draw_boxes(200, seed=1)
    ours = gradients(lambda a, b: 1 - generalised_box_iou(a, b, paired=True), a, b)
    library = gradients(lambda a, b: torchvision.ops.generalized_box_iou_loss(a, b, eps=0), a, b)
    for mine, other in zip(ours, library, strict=True):
        torch.testing.assert_close(mine, other, **OPERATION[torch.float64])


def test_iou_takes_batches_and_broadcasts():
    a, b = draw_boxes(3, 5), draw_boxes(3, 4, seed=1)
    for function in (box_iou, generalised_box_iou):
        out = function(a, b)
        assert out.shape == (3, 5, 4)
        for n in range(3):
            assert torch.equal(out[n], function(a[n], b[n]))
        assert torch.equal(function(a, b[0]), torch.stack([function(one, b[0]) for one in a]))
        assert torch.equal(function(a, a[0], paired=True)[2], function(a[2], a[0], paired=True))
        assert function(a[0], b[0, :0]).shape == (5, 0) and function(a[:0], b[:0]).shape == (0, 5, 4)


def test_boxes_without_area_share_nothing_and_have_finite_gradients():
    flat = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 5], [4, 4, 2, 2], [4, 1, 2, 3]])  # a point, a line, two reversed
    assert box_area(flat).tolist() == [0, 0, 0, 0]
    others = torch.cat([flat, torch.tensor([[0.0, 0, 6, 6]])])
    assert not box_iou(flat, others).any()
    assert generalised_box_iou(flat[:2], flat[:2], paired=True).tolist() == [0, 0]
    for function in (box_iou, generalised_box_iou):
        for gradient in gradients(function, flat, others):
            assert gradient.isfinite().all()


def test_clipping():
    boxes = torch.tensor([[-3.0, -2, 5, 4], [1, 2, 30, 40], [-5, -5, -1, -1], [20, 3, 25, 4], [1, 2, 3, 4]])
    expected = [[0, 0, 5, 4], [1, 2, 12, 10], [0, 0, 0, 0], [12, 3, 12, 4], [1, 2, 3, 4]]
    assert clip_boxes(boxes, (10, 12)).tolist() == expected
    boxes = draw_boxes(50)
    torch.testing.assert_close(
        clip_boxes(boxes, (30, 50)), torchvision.ops.clip_boxes_to_image(boxes, (30, 50)), **EXACT
    )
    assert torch.equal(clip_boxes(boxes.view(5, 10, 4), (30, 50)).view(50, 4), clip_boxes(boxes, (30, 50)))


def test_encoding_by_hand():
    """The box is twice as wide as the proposal, as high, and its centre is a quarter of the width to the right."""
    proposal, box = torch.tensor([[0.0, 0, 4, 8]]), torch.tensor([[-1.0, 2, 7, 10]])
    assert encode(box, proposal).tolist() == [pytest.approx([0.25, 0.25, math.log(2), 0])]
    assert encode(box, proposal, weights=(10, 10, 5, 5)).tolist() == [pytest.approx([2.5, 2.5, 5 * math.log(2), 0])]
    torch.testing.assert_close(decode(encode(box, proposal), proposal), box)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_encode_and_decode_equal_torchvision_with_gradients(weights, dtype):
    boxes, proposals = draw_boxes(60, dtype=dtype), draw_boxes(60, dtype=dtype, seed=1)
    coder = BoxCoder(weights)
    ours = encode(boxes, proposals, weights=weights)
    torch.testing.assert_close(ours, coder.encode_single(boxes, proposals), **OPERATION[dtype])
    back = decode(ours, proposals, weights=weights)
    torch.testing.assert_close(back, boxes, rtol=OPERATION[dtype]["rtol"], atol=100 * OPERATION[dtype]["atol"])

    offsets = torch.randn(60, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64).to(dtype)
    offsets[::7] *= 30  # some are clamped
    scale = 100 * OPERATION[dtype]["atol"]  # of boxes of up to 60 · 62.5 pixels
    decoded = decode(offsets, proposals, weights=weights)
    library = coder.decode_single(offsets.flatten(1), proposals).view(60, 3, 4)
    torch.testing.assert_close(decoded, library, rtol=OPERATION[dtype]["rtol"], atol=scale)
    assert (decoded[..., 2] - decoded[..., 0]).amax() > 40 * 60 if weights[2] == 1 else True
    mine = gradients(lambda o, p: decode(o, p, weights=weights), offsets, proposals)
    other = gradients(lambda o, p: coder.decode_single(o.flatten(1), p).view(60, 3, 4), offsets, proposals)
    for one, two in zip(mine, other, strict=True):
        torch.testing.assert_close(one, two, rtol=max(1e-12, OPERATION[dtype]["rtol"]), atol=scale)


def test_decode_is_clamped_and_takes_batches():
    proposal = torch.tensor([[10.0, 10, 26, 26]])
    wide = decode(torch.tensor([[0.0, 0, 1e4, 1e4]]), proposal)
    assert (wide[0, 2:] - wide[0, :2]).tolist() == pytest.approx([1000, 1000])
    assert pytest.approx(62.5) == math.exp(LARGEST_GROWTH)
    narrow = decode(torch.tensor([[0.0, 0, 3, 3]]), proposal, largest_growth=math.log(2))
    assert (narrow[0, 2:] - narrow[0, :2]).tolist() == pytest.approx([32, 32])
    offsets, proposals = draw_boxes(2, 5, 3) / 100, draw_boxes(2, 5)
    batched = decode(offsets, proposals)
    for n in range(2):
        for k in range(3):
            assert torch.equal(batched[n, :, k], decode(offsets[n, :, k], proposals[n]))
    assert decode(offsets[:, :0], proposals[:, :0]).shape == (2, 0, 3, 4)
    assert decode(torch.zeros(4), torch.tensor([1.0, 2, 3, 4])).tolist() == [1, 2, 3, 4]


def test_a_box_without_width_is_encoded_as_documented():
    flat = encode(torch.tensor([[3.0, 3, 3, 5]]), torch.tensor([[2.0, 2, 4, 4]]))
    assert flat.tolist() == [[0, 0.5, -math.inf, 0]]


def test_boxes_of_masks_hold_the_last_pixel():
    masks = torch.zeros(4, 6, 9, dtype=torch.bool)
    masks[0, 2:4, 3:6] = True
    masks[1, 5, 8] = masks[2, 0, 0] = masks[2, 5, 4] = True
    expected = [[3, 2, 6, 4], [8, 5, 9, 6], [0, 0, 5, 6], [0, 0, 0, 0]]
    boxes = masks_to_boxes(masks)
    assert boxes.tolist() == expected and boxes.dtype == torch.float32
    assert box_area(boxes).tolist() == [6, 1, 30, 0]
    assert torch.equal(masks_to_boxes(masks.view(2, 2, 6, 9)), boxes.view(2, 2, 4))


def test_boxes_of_masks_are_one_larger_than_those_of_torchvision():
    draw = torch.rand(20, 17, 23, generator=torch.Generator().manual_seed(0)) < 0.02
    draw = draw[draw.any(-1).any(-1)]
    library = torchvision.ops.masks_to_boxes(draw)
    assert len(draw) > 15 and library.std() > 1
    assert torch.equal(masks_to_boxes(draw), library + torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize("shape", [(0, 5, 6), (3, 0, 6), (3, 5, 0), (2, 0, 4, 4)])
def test_boxes_of_no_masks(shape):
    boxes = masks_to_boxes(torch.ones(shape, dtype=torch.bool))
    assert boxes.shape == (*shape[:-2], 4) and boxes.dtype == torch.float32 and not boxes.any()


def test_boxes_have_exact_gradients():
    a, b = draw_boxes(4).requires_grad_(), draw_boxes(3, seed=5).requires_grad_()
    for function in (box_iou, generalised_box_iou):
        assert torch.autograd.gradcheck(function, (a, b))
    offsets = (draw_boxes(4, seed=2) / 100).requires_grad_()
    assert torch.autograd.gradcheck(decode, (offsets, a))
    assert torch.autograd.gradcheck(encode, (a, draw_boxes(4, seed=7).requires_grad_()))


def test_bad_boxes_are_refused():
    good = torch.zeros(3, 4)
    for function in (box_area, lambda boxes: clip_boxes(boxes, 5), lambda boxes: box_iou(good, boxes)):
        for bad in (good.long(), torch.zeros(3, 5), torch.zeros(0), torch.tensor(1.0)):
            with pytest.raises(ValueError, match=r"must be floating boxes \(…, 4\), each \(x1, y1, x2, y2\)"):
                function(bad)
        with pytest.raises(ValueError, match="must be a tensor, but is list"):
            function([[0.0, 0, 1, 1]])
    with pytest.raises(ValueError, match=r"All pairs are formed of boxes .* pass paired=True"):
        box_iou(good[0], good)
    with pytest.raises(ValueError, match=r"do not fit each other: \(3, 4\) and \(2, 4\)"):
        box_iou(good, good[:2], paired=True)
    with pytest.raises(ValueError, match=r"do not fit each other: \(2, 3, 4\) and \(5, 3, 4\)"):
        generalised_box_iou(good.expand(2, 3, 4), good.expand(5, 3, 4))
    with pytest.raises(ValueError, match="paired must be True or False"):
        box_iou(good, good, paired=1)
    with pytest.raises(ValueError, match="one device, but there are a on cpu, b on meta"):
        box_iou(good, good.to("meta"))


def test_bad_arguments_of_encode_decode_and_masks_to_boxes_are_refused():
    good = torch.zeros(3, 4)
    with pytest.raises(ValueError, match=r"one box for each proposal, but the shapes are \(2, 4\) and \(3, 4\)"):
        encode(good[:2], good)
    with pytest.raises(ValueError, match=r"reshape \(N, K · 4\) with `\.view\(N, -1, 4\)`"):
        decode(torch.zeros(3, 8), good)
    for offsets in (torch.zeros(2, 4), torch.zeros(2, 2, 4), torch.zeros(3, 4, 1)):
        with pytest.raises(ValueError, match="decode needs offsets"):
            decode(offsets, good)
    with pytest.raises(ValueError, match="offsets must be floating, but are torch.int64"):
        decode(good.long(), good)
    for weights in ((1, 1, 1), (1, 1, 1, 0), 10, ("1",) * 4, (1, 1, 1, math.nan)):
        with pytest.raises(ValueError, match="weights must be four positive numbers"):
            encode(good, good, weights=weights)
        with pytest.raises(ValueError, match="weights must be four positive numbers"):
            decode(good, good, weights=weights)
    with pytest.raises(ValueError, match="largest_growth must be a number"):
        decode(good, good, largest_growth=-1)
    for bad in (torch.zeros(2, 3), torch.zeros(3, dtype=torch.bool)):
        with pytest.raises(ValueError, match="masks_to_boxes needs bool masks"):
            masks_to_boxes(bad)


@pytest.mark.gpu
def test_boxes_are_the_same_on_a_gpu():
    a, b = draw_boxes(40), draw_boxes(40, seed=1)
    masks = torch.rand(9, 20, 30, generator=torch.Generator().manual_seed(0)) < 0.01
    for function, inputs in (
        (box_iou, (a, b)),
        (generalised_box_iou, (a, b)),
        (encode, (a, b)),
        (decode, (a / 100, b)),
        (masks_to_boxes, (masks,)),
        (lambda boxes: clip_boxes(boxes, (30, 40)), (a,)),
    ):
        out = function(*(tensor.cuda() for tensor in inputs))
        assert out.is_cuda
        torch.testing.assert_close(out.cpu(), function(*inputs), rtol=1e-12, atol=1e-12)
