"""The soft skeleton and the clDice loss: a bar by hand, MONAI's, gaps against rims, gradients and bad input."""

import pytest
import torch
from tolerances import OPERATION

from course_utils.losses.region import dice_loss
from course_utils.losses.skeleton import cl_dice_loss, soft_skeleton


def mask(*rows: str) -> torch.Tensor:
    return torch.tensor([[[[float(letter == "x") for letter in row] for row in rows]]], dtype=torch.float64)


def logits_of(p: torch.Tensor, sure: float = 40.0) -> torch.Tensor:
    return sure * (2 * p - 1)


BAR = mask(".........", ".xxxxxxx.", ".xxxxxxx.", ".xxxxxxx.", ".........")


def test_a_bar_by_hand():
    """Three rows thick: one erosion leaves the middle row without its ends, and no opening brings that back."""
    wanted = mask(".........", ".........", "..xxxxx..", ".........", ".........")
    assert torch.equal(soft_skeleton(BAR, iterations=1), wanted)
    line = mask(".....", ".xxx.", ".....")
    assert torch.equal(soft_skeleton(line, iterations=3), line), "a line is its own skeleton"
    assert not soft_skeleton(BAR, iterations=0).any(), "an opening removes nothing of a bar as thick as its window"


def test_a_gap_costs_and_a_rim_does_not():
    gap, thin = BAR.clone(), mask(".........", ".........", ".xxxxxxx.", ".........", ".........")
    gap[..., 4] = 0
    losses = {
        name: [float(loss(logits_of(p), BAR.long(), multilabel=True)) for p in (gap, thin)]
        for name, loss in (("Dice", dice_loss), ("clDice", cl_dice_loss))
    }
    assert losses["Dice"][0] < losses["Dice"][1], "the gap has 3 pixels, the rim 14"
    assert losses["clDice"][0] > 0.05 > losses["clDice"][1]


@pytest.mark.parametrize("iterations", [0, 1, 3, 5])
def test_equals_monai(iterations: int):
    from monai.losses.cldice import SoftclDiceLoss, soft_skel

    draw = torch.Generator().manual_seed(iterations)
    p = torch.rand(1, 1, 19, 23, generator=draw, dtype=torch.float64)
    g = (torch.rand(1, 1, 19, 23, generator=draw) < 0.4).long()
    torch.testing.assert_close(
        soft_skeleton(p, iterations=iterations), soft_skel(p, iterations), **OPERATION[torch.float64]
    )
    ours, theirs = p.logit().requires_grad_(), p.logit().requires_grad_()
    loss = cl_dice_loss(ours, g, iterations=iterations, multilabel=True)
    other = SoftclDiceLoss(iter_=iterations, sigmoid=True, smooth=1e-300)(theirs, g.double())
    torch.testing.assert_close(loss, other, **OPERATION[torch.float64])
    loss.backward()
    other.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, **OPERATION[torch.float64])
    assert loss > 0.1 and ours.grad.any()


def test_gradient():
    draw = torch.Generator().manual_seed(2)
    z = torch.randn(2, 3, 5, 6, generator=draw, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 3, (2, 5, 6), generator=draw)
    target[:, :2, :2] = 255
    assert torch.autograd.gradcheck(lambda x: cl_dice_loss(x, target, iterations=2), z)


def test_void_has_no_part_and_absent_classes_follow_the_rule():
    draw = torch.Generator().manual_seed(3)
    z, target = torch.randn(1, 3, 6, 7, generator=draw), torch.zeros(1, 6, 7, dtype=torch.int64)
    target[:, :, 5:] = 255
    other = z.clone()
    other[..., 5:] = 1e9
    assert cl_dice_loss(z, target) == cl_dice_loss(other, target)
    assert cl_dice_loss(z, torch.full_like(target, 255)) == 0
    assert cl_dice_loss(z, target, absent="zero") == pytest.approx(float(cl_dice_loss(z, target)) / 3)


def test_edge_sizes():
    assert soft_skeleton(torch.ones(1, 1, 1, 1), iterations=2).tolist() == [[[[0]]]]
    assert soft_skeleton(torch.ones(0, 2, 4, 5), iterations=2).shape == (0, 2, 4, 5)
    assert cl_dice_loss(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1).long(), multilabel=True) >= 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: soft_skeleton(BAR[0], iterations=1), r"masks must be floating point \(B, C, H, W\)"),
        (lambda: soft_skeleton(BAR.long(), iterations=1), "masks must be floating point"),
        (lambda: soft_skeleton(BAR, iterations=-1), "iterations must be an integer of 0 or more"),
        (lambda: cl_dice_loss(BAR, BAR.long(), multilabel=True, smooth=-1), "smooth must be"),
        (lambda: cl_dice_loss(BAR, BAR.long(), multilabel=True, absent="no"), "absent must be one of"),
    ],
)
def test_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_on_a_gpu():
    z, target = logits_of(BAR), BAR.long()
    found = cl_dice_loss(z.cuda(), target.cuda(), multilabel=True)
    torch.testing.assert_close(found.cpu(), cl_dice_loss(z, target, multilabel=True))
