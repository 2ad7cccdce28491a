import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist, directed_hausdorff
from tolerances import EXACT, OPERATION

from course_utils.metrics.boundary import boundary_f1, boundary_iou, boundary_matrix, hausdorff_distance
from course_utils.metrics.semantic import confusion_matrix, scores

DOUBLE = OPERATION[torch.float64]


def random_maps(*shape, classes=3, void=0.0, seed=0):
    """Blocks of labels and a prediction that is a shifted, slightly noisy copy."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, classes, (*shape[:-2], -(-shape[-2] // 4), -(-shape[-1] // 4)), generator=draw)
    target = coarse.repeat_interleave(4, -2).repeat_interleave(4, -1)[..., : shape[-2], : shape[-1]]
    noise = torch.rand(shape, generator=draw)
    pred = torch.where(noise < 0.9, target.roll((1, 1), (-2, -1)), torch.randint(0, classes, shape, generator=draw))
    return pred, target.masked_fill(noise.roll(3, -1) < void, 255)


def coordinates(mask):
    return np.argwhere(mask.numpy())


def region(mask, width):
    """The pixels of a mask within `width` of one outside it, by the distances of all pairs; the border is no boundary."""
    inside, outside = coordinates(mask), coordinates(~mask)
    if not len(inside) or not len(outside):
        return set()
    near = cdist(inside, outside).min(1) <= width + 1e-9
    return {tuple(pixel) for pixel in inside[near]}


def brute_force_boundary_iou(pred, target, num_classes, width):
    """By sets of pixels, gathered over images; void as -1 in both."""
    shared, either = np.zeros(num_classes), np.zeros(num_classes)
    for p, t in zip(pred, target, strict=True):
        for k in range(num_classes):
            a, b = region(p == k, width), region(t == k, width)
            shared[k] += len(a & b)
            either[k] += len(a | b)
    with np.errstate(invalid="ignore"):
        return torch.from_numpy(shared / either)


def brute_force_boundary_f1(pred, target, num_classes, tolerance):
    f1 = []
    for k in range(num_classes):
        found = true = right = seen = 0
        for p, t in zip(pred, target, strict=True):
            a, b = np.array(sorted(region(p == k, 1))), np.array(sorted(region(t == k, 1)))
            found, true = found + len(a), true + len(b)
            if len(a) and len(b):
                pairs = cdist(a, b) <= tolerance + 1e-9
                right, seen = right + pairs.any(1).sum(), seen + pairs.any(0).sum()
        if not found + true:
            f1.append(math.nan)
        else:
            precision, recall = (right / found if found else 0), (seen / true if true else 0)
            f1.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return torch.tensor(f1, dtype=torch.float64)


def contour(mask):
    """A mask without its erosion, as MONAI takes it: what lies beyond the image is outside."""
    return coordinates(torch.from_numpy(mask.numpy() & ~binary_erosion(mask.numpy())))


def monai_hausdorff(a, b, percentile):
    """The definition that `monai.metrics.compute_hausdorff_distance` follows, from the distances of all pairs."""
    pairs = cdist(contour(a), contour(b))
    return max(np.percentile(pairs.min(1), percentile), np.percentile(pairs.min(0), percentile))


def square(top, left, side, size=12):
    mask = torch.zeros(size, size, dtype=torch.bool)
    mask[top : top + side, left : left + side] = True
    return mask


# --- boundary IoU -------------------------------------------------------------------------------------------------------


def test_boundary_iou_of_two_literal_squares():
    # Rings of a 6 x 6 square, one pixel wide: 20 pixels each. Moved by one to the right they share 10.
    a, b = square(3, 2, 6), square(3, 3, 6)
    iou = boundary_iou(a, b, 2, width=1)
    assert iou[1] == pytest.approx(10 / 30, abs=1e-12)
    assert scores(confusion_matrix(a, b, 2)).iou[1] == pytest.approx(30 / 42, abs=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3.7, 50])
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (8, 11)])
def test_boundary_iou_equals_brute_force(size, width):
    pred, target = random_maps(2, *size)
    found = boundary_iou(pred, target, 4, width=width)
    torch.testing.assert_close(found, brute_force_boundary_iou(pred, target, 4, width), equal_nan=True, **DOUBLE)
    assert found.dtype == torch.float64 and found[3].isnan() and not found[:2].isnan().any()


def test_boundary_iou_with_a_border_equals_that_in_a_frame_of_another_class():
    """The code of the paper pads masks with zeros; here the frame's own pixels are left out as void."""
    pred, target = random_maps(2, 9, 10, classes=2)
    pred, target = (torch.nn.functional.pad(labels, (3, 3, 3, 3), value=2) for labels in (pred, target))
    inner = (..., slice(3, -3), slice(3, -3))
    expected = brute_force_boundary_iou(pred, target, 3, 2)[:2]
    found = boundary_iou(pred[inner], target[inner], 2, width=2, border=True)
    torch.testing.assert_close(found, expected, **DOUBLE)
    assert not torch.equal(found, boundary_iou(pred[inner], target[inner], 2, width=2))


def test_boundary_iou_of_a_wide_width_is_iou():
    pred, target = random_maps(2, 10, 12)
    expected = scores(confusion_matrix(pred, target, 3)).iou
    torch.testing.assert_close(boundary_iou(pred, target, 3, width=100), expected, **DOUBLE)


def test_boundary_iou_defaults_to_two_hundredths_of_the_diagonal():
    pred, target = random_maps(90, 120)  # diagonal 150
    torch.testing.assert_close(boundary_iou(pred, target, 3), boundary_iou(pred, target, 3, width=3), **EXACT)
    assert not torch.equal(boundary_iou(pred, target, 3), boundary_iou(pred, target, 3, width=2))
    small = random_maps(5, 6)
    torch.testing.assert_close(boundary_iou(*small, 3), boundary_iou(*small, 3, width=1), **EXACT)


def test_boundary_matrices_add_up_over_batches():
    pred, target = random_maps(5, 10, 12, void=0.1)
    whole = boundary_matrix(pred, target, 3, width=1)
    parts = sum(boundary_matrix(p, t, 3, width=1) for p, t in zip(pred, target, strict=True))
    assert torch.equal(whole, parts) and whole.shape == (4, 4)
    assert whole.sum() == (target != 255).sum()
    torch.testing.assert_close(scores(parts).iou[:3], boundary_iou(pred, target, 3, width=1), **EXACT)


# --- boundary F1 --------------------------------------------------------------------------------------------------------


def test_boundary_f1_of_a_literal_edge():
    target = torch.tensor([[0, 0, 0, 1, 1, 1]] * 4)
    pred = torch.tensor([[0, 0, 0, 0, 0, 1]] * 4)  # the edge is two pixels too far to the right
    assert boundary_f1(pred, target, 2, tolerance=1).tolist() == [0, 0]
    assert boundary_f1(pred, target, 2, tolerance=2).tolist() == [1, 1]
    pred[:2] = target[:2]  # now half of it is right
    for n, expected in enumerate(boundary_f1(pred, target, 2, tolerance=0).tolist()):
        found, true = region(pred == n, 1), region(target == n, 1)
        assert expected == pytest.approx(2 * len(found & true) / (len(found) + len(true)), abs=1e-12)


@pytest.mark.parametrize("tolerance", [0, 1, 2**0.5, 3.3, 40])
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (8, 11)])
def test_boundary_f1_equals_brute_force(size, tolerance):
    pred, target = random_maps(2, *size)
    found = boundary_f1(pred, target, 4, tolerance=tolerance)
    torch.testing.assert_close(found, brute_force_boundary_f1(pred, target, 4, tolerance), equal_nan=True, **DOUBLE)
    assert found.dtype == torch.float64 and found[3].isnan() and not found[:2].isnan().any()


def test_boundary_f1_of_a_class_in_only_one_map_is_zero():
    target = torch.zeros(6, 6, dtype=torch.int64)
    pred = target.clone()
    pred[2:4, 2:4] = 1
    assert boundary_f1(pred, target, 3, tolerance=3).nan_to_num(-1).tolist() == [0, 0, -1]
    assert boundary_f1(target, pred, 3, tolerance=3).nan_to_num(-1).tolist() == [0, 0, -1]
    assert boundary_f1(target, target, 2, tolerance=3).isnan().all()


def test_boundary_f1_defaults_to_three_quarters_of_a_hundredth_of_the_diagonal():
    pred, target = random_maps(300, 400)  # diagonal 500
    default = boundary_f1(pred, target, 3)
    torch.testing.assert_close(default, boundary_f1(pred, target, 3, tolerance=3.75), **EXACT)
    for other in (3.6, 4):
        assert not torch.equal(default, boundary_f1(pred, target, 3, tolerance=other))


# --- both ---------------------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("metric", [boundary_iou, boundary_f1])


@BOTH
def test_boundary_metrics_with_void_equal_brute_force(metric):
    pred, target = random_maps(2, 9, 11, void=0.15)
    void = target == 255
    brute_force = {boundary_iou: brute_force_boundary_iou, boundary_f1: brute_force_boundary_f1}[metric]
    expected = brute_force(pred.masked_fill(void, -1), target.masked_fill(void, -1), 3, 2)
    distance = {boundary_iou: {"width": 2}, boundary_f1: {"tolerance": 2}}[metric]
    torch.testing.assert_close(metric(pred, target, 3, **distance), expected, **DOUBLE)
    anything = pred.masked_fill(void, 255)
    torch.testing.assert_close(metric(anything, target, 3, **distance), expected, **DOUBLE)
    as_void = metric(pred, target.masked_fill(void, 3), 3, ignore_index=3, **distance)  # void may be the number K
    torch.testing.assert_close(as_void, expected, **DOUBLE)


@BOTH
def test_a_perfect_prediction_scores_one_with_void_too(metric):
    pred, target = random_maps(2, 9, 11, void=0.15)
    assert metric(torch.where(target == 255, pred, target), target, 3).tolist() == [1, 1, 1]


@BOTH
def test_boundary_metrics_take_logits_and_no_images(metric):
    pred, target = random_maps(2, 9, 11)
    logits = torch.nn.functional.one_hot(pred, 3).movedim(-1, 1).float()
    torch.testing.assert_close(metric(logits, target, 3), metric(pred, target, 3), **EXACT)
    for shape in [(0, 4, 5), (1, 1), (2, 0, 3)]:
        assert metric(torch.zeros(shape).long(), torch.zeros(shape).long(), 3).isnan().all()


@BOTH
def test_boundary_metrics_refuse_bad_input(metric):
    pred, target = random_maps(9, 11)
    with pytest.raises(ValueError, match="one shape"):
        metric(pred[1:], target, 3)
    with pytest.raises(ValueError, match="pred must hold labels in 0 … 2"):
        metric(pred.masked_fill(pred == 0, 3), target, 3)
    with pytest.raises(ValueError, match=r"label maps .* shape \(9,\)"):
        metric(pred[:, 0], target[:, 0], 3)


def test_boundary_metrics_refuse_bad_distances():
    pred, target = random_maps(9, 11)
    with pytest.raises(ValueError, match="width must be a number from 1 to inf"):
        boundary_iou(pred, target, 3, width=0)
    with pytest.raises(ValueError, match="tolerance must be"):
        boundary_f1(pred, target, 3, tolerance=-1)


# --- Hausdorff distance -------------------------------------------------------------------------------------------------


def test_hausdorff_distance_of_literal_masks():
    a, b = square(2, 2, 3), square(2, 2, 3)
    b[10, 2] = True  # one stray pixel, six below the lowest row of the square
    assert hausdorff_distance(a, a) == 0
    assert hausdorff_distance(a, b) == hausdorff_distance(b, a) == 6
    # Of the nine distances of b's contour eight are 0 and one is 6; linear between the last two: 0.6 · 6.
    assert hausdorff_distance(a, b, percentile=95) == pytest.approx(0.6 * 6, abs=1e-12)
    assert hausdorff_distance(a, b, percentile=50) == 0


@pytest.mark.parametrize("percentile", [0, 50, 95, 100])
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (8, 11), (23, 17)])
def test_hausdorff_distance_equals_monais_definition(size, percentile):
    pred, target = random_maps(3, *size, classes=2)
    pred[..., 0, 0], target[..., -1, -1] = 1, 1
    found = hausdorff_distance(pred == 1, target == 1, percentile=percentile)
    pairs = zip(pred == 1, target == 1, strict=True)
    expected = torch.tensor([monai_hausdorff(a, b, percentile) for a, b in pairs], dtype=torch.float64)
    torch.testing.assert_close(found, expected, **DOUBLE)
    assert percentile < 95 or found.any()


def test_hausdorff_distance_equals_scipy_on_contours():
    a, b = square(1, 2, 4), square(5, 6, 6)
    a[0, 11] = True
    expected = max(directed_hausdorff(contour(a), contour(b))[0], directed_hausdorff(contour(b), contour(a))[0])
    assert float(hausdorff_distance(a, b)) == pytest.approx(expected, abs=1e-12)
    assert expected > 5


def test_a_hole_counts_although_every_pixel_around_it_is_inside():
    """As sets the two are 1 apart; the contour of the hole is far from the outer one."""
    whole = torch.ones(13, 13, dtype=torch.bool)
    holed = whole.clone()
    holed[6, 6] = False
    assert hausdorff_distance(whole, holed) == 5


def test_hausdorff_distance_of_empty_masks():
    empty, full = torch.zeros(4, 5, dtype=torch.bool), torch.ones(4, 5, dtype=torch.bool)
    found = hausdorff_distance(torch.stack([empty, empty, full, full]), torch.stack([empty, full, empty, full]))
    assert found.tolist() == [0, math.inf, math.inf, 0]
    assert hausdorff_distance(empty, full, percentile=95) == math.inf
    assert hausdorff_distance(full[:1, :1], full[:1, :1]) == 0
    for shape in [(0, 4, 5), (2, 3, 4, 5), (2, 0, 4)]:
        assert hausdorff_distance(torch.zeros(shape).bool(), torch.zeros(shape).bool()).shape == shape[:-2]


def test_hausdorff_distance_refuses_bad_input():
    mask = square(1, 1, 3)
    with pytest.raises(ValueError, match=r"two bool masks .* torch.int64 \(12, 12\)"):
        hausdorff_distance(mask, mask.long())
    with pytest.raises(ValueError, match=r"\(11, 12\) and torch.bool \(12, 12\)"):
        hausdorff_distance(mask[1:], mask)
    with pytest.raises(ValueError, match="bool masks"):
        hausdorff_distance(mask[0], mask[0])
    for percentile in (-1, 101, math.nan):
        with pytest.raises(ValueError, match="percentile must be a number from 0 to 100"):
            hausdorff_distance(mask, mask, percentile=percentile)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_hausdorff_distance_is_a_metric_of_contours(seed):
    draw = torch.Generator().manual_seed(seed)
    a, b, c = torch.rand(3, 7, 9, generator=draw) < 0.3
    ab, ba, bc, ac = (float(hausdorff_distance(*pair)) for pair in ((a, b), (b, a), (b, c), (a, c)))
    assert ab == ba and ac <= ab + bc + 1e-9
    turned = hausdorff_distance(a.T.flip(0), b.T.flip(0))
    assert float(turned) == ab


@pytest.mark.gpu
def test_boundary_metrics_are_the_same_on_a_gpu():
    pred, target = random_maps(2, 30, 41, void=0.1)
    torch.testing.assert_close(boundary_iou(pred.cuda(), target.cuda(), 3), boundary_iou(pred, target, 3), **EXACT)
    torch.testing.assert_close(boundary_f1(pred.cuda(), target.cuda(), 3), boundary_f1(pred, target, 3), **EXACT)
    on_gpu = hausdorff_distance(pred.cuda() == 1, target.cuda() == 1, percentile=95)
    assert on_gpu.is_cuda
    torch.testing.assert_close(on_gpu.cpu(), hausdorff_distance(pred == 1, target == 1, percentile=95), **DOUBLE)
