"""Proposals from cells near objects' centres, on cases that can be followed by hand."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.centre_rpn import CentreRPN
from course_utils.ops.boxes import box_iou, decode, encode, generalised_box_iou

SQUARES = Anchors((4, 8), sizes=((8,), (16,)), ratios=(1,))
SIZE = (16, 24)  # 4 × 6 cells of stride 4 and 2 × 3 of stride 8


def maps_of(count: int = 1, *, size: tuple[int, int] = SIZE, channels: int = 3, dtype=torch.float32) -> list:
    draw = torch.Generator().manual_seed(0)
    shapes = [(count, channels, -(-size[0] // stride), -(-size[1] // stride)) for stride in SQUARES.strides]
    return [torch.rand(shape, generator=draw, dtype=dtype) for shape in shapes]


def rpn_of(**settings) -> CentreRPN:
    torch.manual_seed(0)
    return CentreRPN(3, SQUARES, **settings)


def anchors_of(size: tuple[int, int] = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
    levels = SQUARES(maps_of(size=size))
    strides = [level.new_full((len(level),), s) for level, s in zip(levels, SQUARES.strides, strict=True)]
    return torch.cat(levels), torch.cat(strides)


def boxes(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32).view(-1, 4)


# Which anchors answer


def test_the_cells_around_the_centre_answer():
    """A square of side 8 around (8, 8), the corner of four cells of stride 4: their centres are 2 away, all others 6 or more.

    Of the centres of stride 8 only (4, 4), (4, 12), (12, 4), (12, 12) are 4 away, but their shape fits with 64 / 256 only.
    """
    fit = rpn_of().fit_of(*anchors_of(), boxes((4, 4, 12, 12))[None])[0, :, 0]
    cells = fit[:24].view(4, 6)
    assert torch.equal(cells.nonzero(), torch.tensor([[1, 1], [1, 2], [2, 1], [2, 2]]))
    assert cells[1, 1] == 1 and not fit[24:].any()


def test_a_centre_that_is_a_whole_stride_away_is_not_near():
    fit = rpn_of().fit_of(*anchors_of(), boxes((2, 2, 10, 10))[None])[
        0, :, 0
    ]  # around (6, 6), the centre of cell (1, 1)
    assert torch.equal(fit[:24].view(4, 6).nonzero(), torch.tensor([[1, 1]]))


def test_a_lower_threshold_lets_other_shapes_answer():
    fit = rpn_of(fit=0.25).fit_of(*anchors_of(), boxes((4, 4, 12, 12))[None])[0, :, 0]
    assert torch.equal(fit[24:].view(2, 3), torch.tensor([[0.25, 0.25, 0], [0.25, 0.25, 0]]))


def test_the_best_answers_whatever_its_fit():
    """A box of one pixel at (9, 9): the best of the near ones is at stride 4, with 1 / 64."""
    fit = rpn_of().fit_of(*anchors_of(), boxes((9, 9, 10, 10))[None])[0, :, 0]
    places = fit.nonzero()[:, 0]
    assert len(places) and (places < 24).all() and torch.allclose(fit[places], torch.tensor(1 / 64))


@pytest.mark.parametrize("corners", [(-0.0, 0, 3, 3), (20, 12, 24, 16), (0, 0, 24, 16), (23, 0, 24, 16)])
def test_an_object_at_the_border_has_an_anchor(corners):
    assert rpn_of().fit_of(*anchors_of(), boxes(corners)[None]).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9)])
def test_an_image_smaller_than_a_cell_has_anchors_near_every_object(size):
    height, width = size
    assert rpn_of().fit_of(*anchors_of(size), boxes((width - 1, height - 1, width, height))[None]).any()


def test_what_has_no_area_has_no_anchor():
    assert not rpn_of().fit_of(*anchors_of(), torch.zeros(2, 3, 4)).any()


# What they are to learn


def learnt(rpn: CentreRPN, logits: torch.Tensor, offsets: torch.Tensor, *targets: torch.Tensor) -> dict:
    return rpn.losses(logits, offsets, *anchors_of(), [{"boxes": target} for target in targets])


def test_the_score_is_to_be_the_iou_of_the_predicted_box():
    """Four anchors of 64 pixels answer, each 2 pixels off in both directions: IoU 36 / 92. All logits are 0."""
    losses = learnt(rpn_of(), torch.zeros(1, 30), torch.zeros(1, 30, 4), boxes((4, 4, 12, 12)))
    iou = 36 / 92
    ln2 = math.log(2)  # the cross-entropy at a logit of 0, whatever the score is to be
    objectness = (26 * 0.5**2 * ln2 + 4 * (0.5 - iou) ** 2 * ln2) / max(4 * iou, 1)
    assert losses["objectness"].item() == pytest.approx(objectness, rel=1e-5)
    # The smallest box around both has 100 pixels, of which neither covers 8.
    assert losses["rpn_boxes"].item() == pytest.approx(1 - (iou - 8 / 100), rel=1e-5)


def test_what_the_score_is_to_be_is_a_constant():
    """Otherwise boxes would move towards what is easily scored, and the weight of a box could be lowered to lower its loss."""
    logits, offsets = torch.zeros(1, 30), torch.zeros(1, 30, 4, requires_grad=True)
    losses = learnt(rpn_of(), logits.requires_grad_(), offsets, boxes((4, 4, 12, 12)))
    (gradient,) = torch.autograd.grad(losses["objectness"], offsets, allow_unused=True, retain_graph=True)
    assert gradient is None or not gradient.any()
    (gradient,) = torch.autograd.grad(losses["rpn_boxes"], offsets)
    anchors, strides = anchors_of()
    places = rpn_of().fit_of(anchors, strides, boxes((4, 4, 12, 12))[None])[0, :, 0].nonzero()[:, 0]
    free = torch.zeros(4, 4, requires_grad=True)
    missed = 1 - generalised_box_iou(decode(free, anchors[places]), boxes((4, 4, 12, 12)).expand(4, 4), paired=True)
    (wanted,) = torch.autograd.grad(missed.mean(), free)  # all four have one weight
    torch.testing.assert_close(gradient[0, places], wanted)


def test_a_network_that_knows_has_no_loss():
    anchors, strides = anchors_of()
    truth, rpn = boxes((4, 4, 12, 12), (14, 2, 22, 10)), rpn_of()
    fit, number = rpn.fit_of(anchors, strides, truth[None])[0].max(1)
    offsets = torch.where(fit[:, None] > 0, encode(truth[number], anchors), 0)[None]
    logits = torch.where(fit > 0, 40.0, -40.0)[None]
    losses = learnt(rpn, logits, offsets, truth)
    assert losses["objectness"] < 1e-6 and losses["rpn_boxes"] < 1e-5


def test_an_anchor_near_two_objects_answers_for_the_one_that_it_fits():
    """At cell (1, 1), centre (6, 6): a square of side 8 and one of side 7. Only the other's box is learnt elsewhere."""
    anchors, strides = anchors_of()
    truth = boxes((2.5, 2.5, 9.5, 9.5), (2, 2, 10, 10))
    number = rpn_of().fit_of(anchors, strides, truth[None])[0].argmax(1)
    assert number[7] == 1  # row 1 · 6 columns + 1
    alone = learnt(rpn_of(), torch.zeros(1, 30), torch.zeros(1, 30, 4), truth[1:])
    both = learnt(rpn_of(), torch.zeros(1, 30), torch.zeros(1, 30, 4), truth)
    assert all(torch.equal(both[name], alone[name]) for name in alone)


def test_of_two_equal_objects_one_is_learnt():
    truth = boxes((2, 2, 10, 10))
    alone = learnt(rpn_of(), torch.zeros(1, 30), torch.zeros(1, 30, 4), truth)
    twice = learnt(rpn_of(), torch.zeros(1, 30), torch.zeros(1, 30, 4), truth.repeat(2, 1))
    assert all(torch.equal(twice[name], alone[name]) for name in alone)


def test_losses_of_a_batch_are_divided_by_what_all_images_have():
    logits, offsets = torch.randn(2, 2, 30), torch.randn(2, 2, 30, 4) / 4
    truth = [boxes((4, 4, 12, 12)), boxes((1, 1, 9, 7), (10, 3, 22, 15), (0, 10, 6, 16))]
    rpn, (anchors, strides) = rpn_of(), anchors_of()
    found = rpn.losses(logits[0], offsets[0], anchors, strides, [{"boxes": some} for some in truth])
    focal, total, missed, weight = 0.0, 0.0, 0.0, 0.0
    for image, some in enumerate(truth):
        fit, number = rpn.fit_of(anchors, strides, some[None])[0].max(1)
        for n in range(30):
            wanted = torch.tensor(0.0)
            if fit[n] > 0:
                box, own = decode(offsets[0, image, n], anchors[n]), some[number[n]]
                wanted = box_iou(box, own, paired=True)
                share = wanted.clamp(min=0.1)
                weight, missed = weight + share, missed + share * (1 - generalised_box_iou(box, own, paired=True))
            logit = logits[0, image, n]
            focal += (logit.sigmoid() - wanted) ** 2 * binary_cross_entropy_with_logits(logit, wanted)
            total += wanted
    assert weight > 1
    torch.testing.assert_close(found["objectness"], focal / max(total, 1))
    torch.testing.assert_close(found["rpn_boxes"], missed / weight)


@pytest.mark.parametrize("counts", [(0, 2), (0, 0)])
def test_images_without_objects(counts):
    rpn = rpn_of()
    truth = boxes((4, 4, 12, 12), (14, 2, 22, 10))
    proposals, losses = rpn(maps_of(2), [SIZE, SIZE], [{"boxes": truth[:count]} for count in counts])
    assert len(proposals) == 2 and all(loss.isfinite() for loss in losses.values())
    assert (losses["rpn_boxes"] == 0) == (sum(counts) == 0)
    sum(losses.values()).backward()
    assert rpn.output.weight.grad.isfinite().all() and rpn.output.weight.grad.any()


def test_500_objects():
    draw = torch.Generator().manual_seed(0)
    corner = torch.rand(500, 2, generator=draw) * torch.tensor([20.0, 12.0])
    truth = torch.cat([corner, corner + 0.5 + 3 * torch.rand(500, 2, generator=draw)], 1)
    _, losses = rpn_of()(maps_of(), [SIZE], [{"boxes": truth}])
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())


# What is proposed


def test_proposals_are_the_best_boxes_in_the_image_less_doubles():
    rpn = rpn_of(candidates=(4, 5), kept=(2, 3)).eval()
    anchors, _ = anchors_of()
    logits = torch.full((1, 30), -9.0)
    logits[0, [0, 7, 8, 20, 24]] = torch.tensor([1.0, 3.0, 2.0, 0.0, -1.0])
    offsets = torch.zeros(1, 30, 4)
    offsets[0, 8] = encode(anchors[7], anchors[8])  # the same box as that of anchor 7
    (found,) = rpn.propose(logits, offsets, anchors, [SIZE])
    wanted = anchors[[7, 0, 20]].clone()
    wanted[1, :2] = 0  # anchor 0 begins at -2
    wanted[2, 3] = 16  # anchor 20 ends at 18
    torch.testing.assert_close(found[:, :4], wanted)
    torch.testing.assert_close(found[:, 4], torch.tensor([3.0, 1.0, 0.0]).sigmoid())
    assert len(rpn.train().propose(logits, offsets, anchors, [SIZE])[0]) == 2


def test_each_image_has_its_own_proposals_inside_its_size():
    sizes = [SIZE, (9, 11)]
    found, losses = rpn_of(kept=(48, 10)).eval()(maps_of(2), sizes)
    assert losses == {} and [some.shape for some in found] == [(10, 5), (10, 5)]
    for some, (height, width) in zip(found, sizes, strict=True):
        assert (some[:, :2] >= 0).all() and (some[:, 2] <= width).all() and (some[:, 3] <= height).all()
        assert torch.equal(some[:, 4], some[:, 4].sort(descending=True)[0]) and not some.requires_grad


def test_only_the_last_maps_are_looked_at():
    rpn = rpn_of().eval()
    maps = maps_of()
    (found,), (wanted,) = rpn([torch.rand(1, 7, 8, 12), *maps], [SIZE])[0], rpn(maps, [SIZE])[0]
    assert torch.equal(found, wanted)


def test_float64_and_channels_last():
    truth = [{"boxes": boxes((4, 4, 12, 12))}]
    maps = maps_of(dtype=torch.float64)
    rpn = rpn_of().double()
    (found,), losses = rpn(maps, [SIZE], truth)
    (again,), others = rpn([map_.contiguous(memory_format=torch.channels_last) for map_ in maps], [SIZE], truth)
    assert found.dtype == losses["objectness"].dtype == torch.float64
    torch.testing.assert_close(again, found)
    assert all(torch.allclose(others[name], losses[name]) for name in losses)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, "channels must be"),
        ({"anchors": (4, 8)}, "anchors must be Anchors"),
        ({"fit": 1.5}, "fit must be a number from 0 to 1"),
        ({"kept": (0, 3)}, "kept must be"),
        ({"candidates": "many"}, "candidates must be"),
        ({"nms_threshold": None}, "nms_threshold must be"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CentreRPN(**{"channels": 3, "anchors": SQUARES} | settings)


def test_fewer_maps_than_strides_are_refused():
    with pytest.raises(ValueError, match="a map for each of the strides"):
        rpn_of()(maps_of()[1:], [SIZE])


@pytest.mark.gpu
def test_losses_and_proposals_on_a_gpu():
    truth = boxes((4, 4, 12, 12), (14, 2, 22, 10))
    rpn, maps = rpn_of().double(), maps_of(dtype=torch.float64)
    (want,), losses = rpn(maps, [SIZE], [{"boxes": truth}])
    (have,), found = rpn.cuda()([map_.cuda() for map_ in maps], [SIZE], [{"boxes": truth.cuda()}])
    torch.testing.assert_close(have.cpu(), want)
    assert all(torch.allclose(found[name].cpu(), losses[name]) for name in losses)
