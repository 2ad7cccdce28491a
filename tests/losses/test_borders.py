"""U-Net's weights for the background between cells, and the cross-entropy that takes them."""

import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from loss_cases import assert_equal_with_gradient, random_problem, value_and_gradient
from scipy.ndimage import distance_transform_edt
from tolerances import EXACT, OPERATION

from course_utils.datasets.cells import Cells
from course_utils.losses.borders import border_weighted_cross_entropy, border_weights
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.ops.masks import boundaries

DOUBLE = OPERATION[torch.float64]
SINGLE = OPERATION[torch.float32]


def row(*ids):
    return torch.tensor([ids])


def term(d1, d2, weight=10.0, sigma=5.0):
    return weight * math.exp(-((d1 + d2) ** 2) / (2 * sigma**2))


# --- literal numbers ----------------------------------------------------------------------------------------------------


def test_touching_cells_by_hand():
    found = border_weights(row(1, 0, 2))
    assert found[0].tolist() == pytest.approx([1, 1 + term(1, 1), 1], abs=1e-6)
    assert found[0, 1].item() - 1 == pytest.approx(9.23, abs=5e-3)
    nine_apart = border_weights(row(7, 7, *[0] * 9, 9))
    assert nine_apart[0, 6].item() - 1 == pytest.approx(1.35, abs=5e-3)
    assert nine_apart[0].tolist() == pytest.approx([1, 1, *[1 + term(n, 10 - n) for n in range(1, 10)], 1], abs=1e-6)


def test_the_two_nearest_cells_count_and_no_third():
    # To the middle: cell 3 on its left is one pixel away, cell 9 below it two, cell 4 on its right three.
    cells = torch.tensor([[3, 0, 0, 0, 4], [0, 0, 0, 0, 0], [0, 9, 0, 0, 0]])
    found = border_weights(cells, weight=20, sigma=2)
    assert found[0, 1].item() == pytest.approx(1 + term(1, 2, 20, 2), abs=1e-5)
    assert found[0, 3].item() == pytest.approx(1 + term(1, math.sqrt(8), 20, 2), abs=1e-5)
    assert found[1, 4].item() == pytest.approx(1 + term(1, math.sqrt(10), 20, 2), abs=1e-5)


def test_two_pieces_of_one_cell_have_no_border_between_them():
    assert border_weights(row(5, 0, 5)).tolist() == [[1, 1, 1]]
    assert border_weights(row(5, 0, 5, 0, 0, 6))[0, 1].item() == pytest.approx(1 + term(1, 4), abs=1e-6)


@pytest.mark.parametrize("cells", [row(0, 0, 0), row(4, 4, 0), row(3, 3, 3), row(0)], ids=str)
def test_fewer_than_two_cells_have_no_border(cells):
    weights = border_weights(cells, class_weights=torch.tensor([0.5, 3.0]))
    assert torch.equal(weights, torch.where(cells > 0, 3.0, 0.5))


def test_class_weights_are_those_of_background_and_cells():
    found = border_weights(row(1, 0, 2), class_weights=torch.tensor([0.25, 4]))
    assert found[0].tolist() == pytest.approx([4, 0.25 + term(1, 1), 4], abs=1e-6)
    assert found.dtype == torch.float32


def test_cells_without_a_pixel_between_them_have_one_once_their_boundary_is_background():
    cells = torch.tensor([[1, 1, 1, 2, 2, 2]]).repeat(4, 1)
    assert border_weights(cells).unique().tolist() == [1]
    apart = cells.masked_fill(boundaries(cells, ignore_index=None), 0)
    assert border_weights(apart)[1].tolist() == pytest.approx([1, 1, 1 + term(1, 2), 1 + term(1, 2), 1, 1], abs=1e-6)


def test_255_is_a_cell_like_any_other():
    assert torch.equal(border_weights(row(255, 0, 2)), border_weights(row(1, 0, 2)))
    assert torch.equal(border_weights(row(255, 0, 2).to(torch.uint8)), border_weights(row(2**40, 0, 7)))


# --- against the definition ---------------------------------------------------------------------------------------------


def by_definition(instances, weight, sigma, class_weights=(1.0, 1.0)):
    """Equation 2, with the distance of every pixel to every cell, in float64."""
    ids = [cell for cell in np.unique(instances) if cell > 0]
    distances = np.sort([distance_transform_edt(instances != cell) for cell in ids], axis=0)
    border = weight * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return np.where(instances > 0, class_weights[1], class_weights[0] + border)


def scattered(cells, size, seed=0):
    """Discs of different sizes and random places, some of them over others."""
    draw = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(*map(torch.arange, size), indexing="ij")
    instances = torch.zeros(size, dtype=torch.int64)
    for cell in range(1, cells + 1):
        y, x, radius = torch.rand(3, generator=draw) * torch.tensor([*size, 6])
        instances[(rows - y).square() + (columns - x).square() <= (1 + radius) ** 2] = 3 * cell
    return instances


@pytest.mark.parametrize(("weight", "sigma"), [(10.0, 5.0), (3.0, 1.0), (50.0, 30.0), (10.0, 0.3)])
def test_border_weights_equal_the_definition(weight, sigma):
    batch = torch.stack([scattered(12, (70, 95), seed=1), scattered(3, (70, 95), seed=2)])
    found = border_weights(batch, weight=weight, sigma=sigma, class_weights=torch.tensor([0.5, 2.0]))
    assert found.shape == batch.shape
    for ours, instances in zip(found, batch, strict=True):
        expected = torch.from_numpy(by_definition(instances.numpy(), weight, sigma, (0.5, 2.0)))
        assert expected.std() > 0
        torch.testing.assert_close(ours.double(), expected, **SINGLE)


def test_border_weights_of_the_courses_tissue():
    instances = Cells("val", (96, 128))[0].instances
    found = border_weights(instances)
    expected = torch.from_numpy(by_definition(instances.numpy(), 10, 5))
    torch.testing.assert_close(found.double(), expected, **SINGLE)
    membranes = instances == 0
    assert found[membranes].mean() > 5 and (found[~membranes] == 1).all()


def test_images_of_a_batch_do_not_meet():
    batch = torch.stack([scattered(5, (20, 31), seed=seed) for seed in range(6)])
    expected = torch.stack([border_weights(instances) for instances in batch])
    assert torch.equal(border_weights(batch), expected)
    assert torch.equal(border_weights(batch.view(2, 3, 20, 31)), expected.view(2, 3, 20, 31))
    assert torch.equal(border_weights(batch.transpose(1, 2)), border_weights(batch.transpose(1, 2).contiguous()))
    # A picture turned around has its weights turned around.
    torch.testing.assert_close(border_weights(batch.flip(-1)), expected.flip(-1), **EXACT)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 4, 5), (2, 0, 5), (1, 1), (3, 1, 7)])
def test_small_and_empty_maps(shape):
    assert border_weights(torch.zeros(shape, dtype=torch.int32)).shape == shape


# --- the loss -----------------------------------------------------------------------------------------------------------


def weights_for(target, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return 11 * torch.rand(target.shape, generator=draw, dtype=torch.float64)


def test_loss_of_three_pixels_by_hand():
    p = torch.tensor([0.8, 0.3, 0.5], dtype=torch.float64)
    logits = torch.stack([torch.zeros_like(p), p.logit()]).view(1, 2, 1, 3)
    weights = torch.tensor([[[1.0, 10.23, 2.0]]], dtype=torch.float64)
    expected = -(math.log(0.8) + 10.23 * math.log(0.7) + 2 * math.log(0.5)) / 3
    found = border_weighted_cross_entropy(logits, torch.tensor([[[1, 0, 1]]]), weights)
    assert found.item() == pytest.approx(expected, abs=1e-12)
    found = border_weighted_cross_entropy(logits, torch.tensor([[[1, 255, 1]]]), weights)
    assert found.item() == pytest.approx(-(math.log(0.8) + 2 * math.log(0.5)) / 2, abs=1e-12)


@pytest.mark.parametrize("void", [0, 0.2])
def test_loss_equals_torch(void):
    logits, target = random_problem(void=void)
    weights, valid = weights_for(target), target != 255
    assert_equal_with_gradient(
        lambda z: border_weighted_cross_entropy(z, target, weights),
        lambda z: (weights * F.cross_entropy(z, target, reduction="none", ignore_index=255))[valid].mean(),
        logits,
        DOUBLE,
    )
    assert torch.autograd.gradcheck(
        partial(border_weighted_cross_entropy, target=target[:, :2, :3], weights=weights[:, :2, :3]),
        (logits[..., :2, :3].detach().requires_grad_(),),
    )


def test_equal_weights_change_nothing_and_twice_as_large_ones_double_it():
    logits, target = random_problem()
    ones = torch.ones(target.shape)
    plain = cross_entropy_loss(logits, target)
    torch.testing.assert_close(border_weighted_cross_entropy(logits, target, ones), plain, **DOUBLE)
    torch.testing.assert_close(border_weighted_cross_entropy(logits, target, 2 * ones), 2 * plain, **DOUBLE)
    assert border_weighted_cross_entropy(logits, target, 0 * ones) == 0


def test_void_is_in_no_mean_and_has_no_gradient():
    logits, target = random_problem()
    weights, valid = weights_for(target), target != 255
    value, gradient = value_and_gradient(lambda z: border_weighted_cross_entropy(z, target, weights), logits)
    assert (gradient.movedim(1, -1)[~valid] == 0).all() and (~valid).any()
    for anything in (1e30, math.inf, math.nan):
        other = torch.where(valid[:, None], logits, anything).detach().requires_grad_()
        found = value_and_gradient(lambda z: border_weighted_cross_entropy(z, target, weights.where(valid, 7)), other)
        torch.testing.assert_close(found, (value, gradient), **EXACT)
    moved = torch.where(valid, target, -1)
    assert border_weighted_cross_entropy(logits, moved, weights, ignore_index=-1) == value
    for nothing, at in ((logits, torch.full_like(target, 255)), (logits[:0], target[:0])):
        value, gradient = value_and_gradient(
            lambda z, at=at: border_weighted_cross_entropy(z, at, weights[: len(at)]), nothing
        )
        assert value == 0 and not gradient.any()
    with torch.no_grad():
        logits[valid[:, None].expand_as(logits)] = math.nan
    assert border_weighted_cross_entropy(logits, target, weights).isnan()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_as_single(dtype):
    logits, target = random_problem(dtype=torch.float32)
    half, weights = (20 * logits).to(dtype).detach().requires_grad_(), weights_for(target)
    value, gradient = value_and_gradient(lambda z: border_weighted_cross_entropy(z, target, weights), half)
    expected = border_weighted_cross_entropy(half.float(), target, weights)
    assert value.dtype == torch.float32 and gradient.dtype == dtype
    torch.testing.assert_close(value, expected.detach(), **EXACT)
    in_half = border_weighted_cross_entropy(half.float(), target, weights.to(dtype))
    torch.testing.assert_close(in_half, expected, rtol=1e-2, atol=0)


def test_arguments_stay_as_they_were():
    logits, target = random_problem()
    instances, weights = scattered(4, (9, 11)), weights_for(target)
    before = [value.clone() for value in (logits, target, weights, instances)]
    border_weighted_cross_entropy(logits, target, weights)
    border_weights(instances)
    for value, was in zip((logits, target, weights, instances), before, strict=True):
        assert torch.equal(value, was)


# --- bad input ----------------------------------------------------------------------------------------------------------

CELLS = torch.tensor([[1, 0, 2], [0, 0, 2]])


@pytest.mark.parametrize(
    ("instances", "settings", "message"),
    [
        (CELLS.tolist(), {}, "instances must be a tensor, but is list"),
        (CELLS / 2, {}, "instances must hold integer labels, but is torch.float32"),
        (CELLS - 1, {}, "hold negative numbers. .* has -1 there; .*connected_components"),
        (CELLS > 0, {}, r"an id for each cell .* torch.bool of shape \(2, 3\); .*connected_components"),
        (CELLS[0], {}, r"an id for each cell .* of shape \(3,\)"),
        (CELLS, {"weight": -1}, "weight must be a number from 0"),
        (CELLS, {"weight": math.inf}, "weight must be a number from 0 .* give a finite one"),
        (CELLS, {"sigma": 0}, "sigma must be above 0, but is 0"),
        (CELLS, {"sigma": "5"}, "sigma must be a number from 0 .* but is '5'"),
        (CELLS, {"class_weights": (1, 2)}, "class_weights must be a tensor, but is tuple"),
        (CELLS, {"class_weights": torch.ones(3)}, r"two finite numbers of 0 or more, .* are \[1.0, 1.0, 1.0\]"),
        (CELLS, {"class_weights": torch.tensor([1.0, -1.0])}, r"two finite numbers .* are \[1.0, -1.0\]"),
        (CELLS, {"class_weights": torch.tensor([1.0, math.nan])}, r"two finite numbers .* are \[1.0, nan\]"),
    ],
)
def test_border_weights_refuse(instances, settings, message):
    with pytest.raises(ValueError, match=message):
        border_weights(instances, **settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.tolist(), "weights must be a tensor, but is list"),
        (lambda weights: weights[:, None], r"floating \(2, 6, 7\) on cpu, .* torch.float64 \(2, 1, 6, 7\) on cpu"),
        (lambda weights: weights[0], r"floating \(2, 6, 7\) .* `border_weights` makes them"),
        (lambda weights: weights.long(), r"floating \(2, 6, 7\) .* torch.int64 \(2, 6, 7\)"),
        (lambda weights: weights - 5, "finite and 0 or more at every pixel"),
        (lambda weights: weights / 0, "finite and 0 or more at every pixel"),
        (lambda weights: weights.fill_(math.nan), "finite and 0 or more at every pixel"),
    ],
)
def test_the_loss_refuses(change, message):
    logits, target = random_problem()
    with pytest.raises(ValueError, match=message):
        border_weighted_cross_entropy(logits, target, change(weights_for(target)))


def test_weights_are_looked_at_again_once_they_have_changed():
    logits, target = random_problem()
    weights = weights_for(target)
    border_weighted_cross_entropy(logits, target, weights)
    weights[0, 0, 0] = -1
    with pytest.raises(ValueError, match="finite and 0 or more"):
        border_weighted_cross_entropy(logits, target, weights)


# --- on a GPU -----------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_on_a_gpu():
    instances = torch.stack([scattered(9, (40, 51), seed=seed) for seed in (0, 1)])
    weights = border_weights(instances)
    on_gpu = border_weights(instances.cuda(), class_weights=torch.ones(2))
    assert on_gpu.device.type == "cuda"
    torch.testing.assert_close(on_gpu.cpu(), weights, **EXACT)
    logits, target = random_problem(size=(40, 51), dtype=torch.float32)
    value, gradient = value_and_gradient(lambda z: border_weighted_cross_entropy(z, target, weights), logits)
    found = value_and_gradient(
        lambda z: border_weighted_cross_entropy(z, target.cuda(), on_gpu), logits.detach().cuda().requires_grad_()
    )
    torch.testing.assert_close([part.cpu() for part in found], [value, gradient], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"on cuda:0, one for each pixel .* on cpu"):
        border_weighted_cross_entropy(logits.cuda(), target.cuda(), weights)
