"""Distances of contours, ASSD and the surface Dice: by hand, against MONAI, in millimetres, and where a mask is empty."""

import math

import pytest
import torch
from tolerances import OPERATION

from course_utils.metrics.boundary import boundary_f1, boundary_iou, hausdorff_distance
from course_utils.metrics.surface import average_surface_distance, contour_distances, surface_dice

DOUBLE = OPERATION[torch.float64]


def square(row: int, column: int, side: int = 4, size: tuple[int, int] = (12, 14)) -> torch.Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[row : row + side, column : column + side] = True
    return mask


def test_a_square_moved_by_hand():
    """A single pixel against one three to the right: both distances are 3, or 3 pixel widths."""
    a, b = square(5, 5, 1), square(5, 8, 1)
    assert [part.tolist() for part in contour_distances(a, b)] == [[3], [3]]
    assert average_surface_distance(a, b, spacing=(2.0, 0.5)) == 1.5
    assert surface_dice(a, b, tolerance=3) == 1 and surface_dice(a, b, tolerance=2.9) == 0
    both = square(3, 3, 2) | square(3, 9, 1)
    assert average_surface_distance(square(3, 3, 2), both) == pytest.approx(5 / 9), "only the stray pixel is 5 away"
    assert surface_dice(square(3, 3, 2), both, tolerance=1) == pytest.approx(8 / 9)


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, 1, 6, 7, generator=draw)
    both = torch.nn.functional.interpolate(coarse, size=(30, 37), mode="bilinear")[:, 0] > 0.5
    return both[0], both[1]


@pytest.mark.parametrize("spacing", [1.0, 2.5, (0.7, 2.0)])
@pytest.mark.parametrize("seed", range(4))
def test_equals_monai(seed: int, spacing):
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice

    a, b = drawn(seed)
    pairs = [mask[None, None].float() for mask in (a, b)]
    settings = {"include_background": True, "spacing": spacing if isinstance(spacing, tuple) else (spacing, spacing)}
    theirs = float(compute_average_surface_distance(*pairs, symmetric=True, **settings))
    assert average_surface_distance(a, b, spacing=spacing) == pytest.approx(theirs, rel=1e-6)
    theirs = float(compute_hausdorff_distance(*pairs, percentile=95, **settings))
    assert float(hausdorff_distance(a, b, percentile=95, spacing=spacing)) == pytest.approx(theirs, rel=1e-6)
    for tolerance in (0.0, 1.0, 3.3):
        theirs = float(compute_surface_dice(*pairs, class_thresholds=[tolerance], **settings))
        assert surface_dice(a, b, tolerance=tolerance, spacing=spacing) == pytest.approx(theirs, rel=1e-6)
    assert 0 < theirs < 1


def test_empty_masks():
    a, nothing = square(3, 3), torch.zeros(12, 14, dtype=torch.bool)
    assert average_surface_distance(nothing, nothing) == 0 and surface_dice(nothing, nothing, tolerance=1) == 1
    for pair in ((a, nothing), (nothing, a)):
        assert average_surface_distance(*pair) == math.inf and surface_dice(*pair, tolerance=100) == 0
        assert hausdorff_distance(*pair, spacing=(1.0, 2.0)) == math.inf
    assert average_surface_distance(a[:0], a[:0]) == 0


def test_per_image_is_the_mean_of_the_images_that_have_one():
    draw = torch.Generator().manual_seed(5)
    pred, target = torch.randint(0, 3, (2, 3, 16, 18), generator=draw)
    target[2], pred[2] = 0, 0  # no boundary at all in the third
    target[0, :2] = 255
    for score, setting in ((boundary_iou, {"width": 2}), (boundary_f1, {"tolerance": 1})):
        one_by_one = torch.stack([score(p, t, 3, **setting) for p, t in zip(pred, target, strict=True)])
        assert one_by_one[2].isnan().all()
        torch.testing.assert_close(score(pred, target, 3, per_image=True, **setting), one_by_one[:2].mean(0), **DOUBLE)
        assert not torch.allclose(score(pred, target, 3, **setting), one_by_one[:2].mean(0))
        assert score(pred[:0], target[:0], 3, per_image=True).isnan().all()
        torch.testing.assert_close(score(pred[1], target[1], 3, per_image=True, **setting), one_by_one[1], **DOUBLE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: average_surface_distance(a, a[1:]), r"two bool masks \(H, W\)"),
        (lambda a: average_surface_distance(a.float(), a), "compare labels with a class"),
        (lambda a: average_surface_distance(a[None], a[None]), r"two bool masks \(H, W\)"),
        (lambda a: average_surface_distance(a, a, spacing=0), "spacing must be above 0"),
        (lambda a: hausdorff_distance(a, a, spacing=(1.0, -1.0)), "spacing must be"),
        (lambda a: surface_dice(a, a, tolerance=-1), "tolerance must be"),
        (lambda a: boundary_iou(a.long(), a.long(), 2, per_image=1), "per_image must be True or False"),
    ],
)
def test_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call(square(3, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("spacing", [1.0, (0.7, 2.0)])
def test_on_a_gpu(spacing):
    a, b = drawn(1)
    assert average_surface_distance(a.cuda(), b.cuda(), spacing=spacing) == average_surface_distance(
        a, b, spacing=spacing
    )
