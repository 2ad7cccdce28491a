import numpy as np
import pytest
import torch
from metrics.coco_cases import HEIGHT, WIDTH, as_masks, random_boxes, rle
from pycocotools import mask as coco_masks

from course_utils.metrics.overlaps import boundary_mask_iou, mask_boundaries, mask_iou, paired_box_iou


def masks_of(*pictures: str) -> torch.Tensor:
    return torch.tensor([[[pixel == "#" for pixel in row] for row in picture.split()] for picture in pictures])


def test_mask_iou_by_hand() -> None:
    a = masks_of("##. ##.", ".#. ...", "... ...")
    b = masks_of(".## .##", "... ...")
    assert mask_iou(a, b).tolist() == [[2 / 6, 0], [1 / 4, 0], [0, 0]]
    # A crowd: what lies in it overlaps with it as far as it lies in it.
    assert mask_iou(a, b, crowd=torch.tensor([True, False])).tolist() == [[2 / 4, 0], [1, 0], [0, 0]]


@pytest.mark.parametrize("crowded", [False, True])
def test_mask_iou_equals_pycocotools(crowded: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = as_masks(random_boxes(12, draw)), as_masks(random_boxes(9, draw))
    crowd = (torch.rand(9, generator=draw) < 0.5) & crowded
    wanted = coco_masks.iou([rle(mask) for mask in a], [rle(mask) for mask in b], crowd.int().tolist())
    found = mask_iou(a, b, crowd=crowd)
    assert np.array_equal(found.numpy(), wanted) and found.dtype == torch.float64
    assert 0 < found.mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 63), (8, 8), (5, 13), (3, 40), (200, 300)])
def test_mask_iou_counts_all_pixels_of_every_size(size: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(1)
    a, b = (torch.rand(n, *size, generator=draw) < 0.5 for n in (7, 4))
    shared = torch.einsum("nhw,mhw->nm", a.double(), b.double())
    union = a.sum((1, 2))[:, None] + b.sum((1, 2)) - shared
    assert torch.equal(mask_iou(a, b), shared / union.clamp(min=1))


def test_mask_iou_of_none_and_of_masks_that_are_not_contiguous() -> None:
    masks = as_masks(random_boxes(3, torch.Generator().manual_seed(2)))
    assert mask_iou(masks[:0], masks).shape == (0, 3) and mask_iou(masks, masks[:0]).shape == (3, 0)
    assert mask_iou(masks[:, :0], masks[:, :0]).tolist() == [[0] * 3] * 3
    turned = masks.transpose(1, 2)
    assert torch.equal(mask_iou(turned, turned), mask_iou(masks, masks))
    assert torch.equal(mask_iou(masks.flip(0)[::2], masks), mask_iou(masks, masks)[[2, 0]])


def brute_force_boundaries(mask: torch.Tensor, width: int) -> torch.Tensor:
    """Every pixel against every other one and those around the image, in steps to eight neighbours: the definition."""
    height, breadth = mask.shape
    found = torch.zeros_like(mask)
    for y, x in mask.nonzero().tolist():
        for v in range(y - width, y + width + 1):
            for u in range(x - width, x + width + 1):
                inside = 0 <= v < height and 0 <= u < breadth and bool(mask[v, u])
                found[y, x] |= not inside
    return found


def test_mask_boundaries_by_hand() -> None:
    found = mask_boundaries(masks_of("##### ##### ##### ##### ####."), 1)
    assert torch.equal(found, masks_of("##### #...# #...# #..## ####."))


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_mask_boundaries_equal_brute_force(width: int) -> None:
    draw = torch.Generator().manual_seed(3)
    masks = (torch.rand(2, 5, 4, generator=draw) < 0.97).repeat_interleave(3, 1).repeat_interleave(3, 2)
    found = mask_boundaries(masks, width)
    assert torch.equal(found, torch.stack([brute_force_boundaries(mask, width) for mask in masks]))
    assert found.any()
    assert mask_boundaries(masks[:0], width).shape == (0, 15, 12)


def test_the_width_of_boundaries_is_2_percent_of_the_diagonal_and_at_least_1() -> None:
    large = torch.ones(1, 300, 400, dtype=torch.bool)  # diagonal 500, width 10
    assert int(mask_boundaries(large).sum()) == 300 * 400 - 280 * 380
    small = large[:, :6, :8]
    assert int(mask_boundaries(small).sum()) == 6 * 8 - 4 * 6


def test_boundary_mask_iou_is_the_lower_one_but_for_crowds() -> None:
    draw = torch.Generator().manual_seed(4)
    a, b = as_masks(random_boxes(9, draw)), as_masks(random_boxes(9, draw))
    b[:5] = a[:5].roll(1, 2)
    rims = mask_iou(mask_boundaries(a), mask_boundaries(b))
    found, masks = boundary_mask_iou(a, b), mask_iou(a, b)
    assert torch.equal(found, torch.minimum(rims, masks)) and (rims < masks).any() and (rims > masks).any()
    crowd = torch.arange(9) % 2 == 0
    found, masks = boundary_mask_iou(a, b, crowd=crowd), mask_iou(a, b, crowd=crowd)
    assert torch.equal(found[:, crowd], masks[:, crowd])
    assert not torch.equal(found[:, ~crowd], masks[:, ~crowd])


def test_box_iou_equals_pycocotools() -> None:
    draw = torch.Generator().manual_seed(5)
    a, b = random_boxes(30, draw).numpy() / 16, random_boxes(40, draw).numpy() / 16
    a[3] = a[3, [0, 1, 0, 1]]  # no area
    b[4] = b[4, [2, 3, 2, 3]]
    crowd = np.arange(40) % 3 == 0
    widths = [np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1) for boxes in (a, b)]
    wanted = coco_masks.iou(*widths, crowd.astype(np.uint8))
    n, m = np.indices((30, 40)).reshape(2, -1)
    found = paired_box_iou(a[n], b[m], crowd[m])
    assert np.array_equal(found.reshape(30, 40), wanted) and 0 < found[found > 0].min() < 0.01


MASKS = torch.ones(2, HEIGHT, WIDTH, dtype=torch.bool)


@pytest.mark.parametrize(
    ("arguments", "named", "told"),
    [
        ((MASKS.float(), MASKS), {}, r"a must be bool .* compare probabilities with a threshold"),
        ((MASKS, MASKS[0]), {}, r"b must be bool \(N, H, W\), but is torch.bool \(60, 70\)"),
        ((MASKS, MASKS.byte()), {}, r"b must be bool .* convert them with `.bool\(\)`"),
        ((MASKS, MASKS[:, 1:]), {}, "a and b must be masks of one image, .* resize"),
        ((MASKS, MASKS), {"crowd": torch.ones(2)}, "crowd must be bool, one for each mask of b"),
        ((MASKS, MASKS), {"crowd": torch.ones(3).bool()}, "crowd must be bool, one for each mask of b"),
    ],
)
def test_mask_iou_refuses(arguments, named, told: str) -> None:
    for function in (mask_iou, boundary_mask_iou):
        with pytest.raises(ValueError, match=told):
            function(*arguments, **named)


@pytest.mark.parametrize("width", [0, 1.5])
def test_mask_boundaries_refuse_a_width(width) -> None:
    with pytest.raises(ValueError, match="width must be an integer of 1 or more"):
        mask_boundaries(MASKS, width)


@pytest.mark.gpu
def test_overlaps_on_a_gpu() -> None:
    masks = as_masks(random_boxes(5, torch.Generator().manual_seed(6)))
    crowd = torch.arange(5) < 2
    for function in (mask_iou, boundary_mask_iou):
        found = function(masks.cuda(), masks.cuda(), crowd=crowd.cuda())
        assert found.is_cuda and torch.equal(found.cpu(), function(masks, masks, crowd=crowd))
    assert torch.equal(mask_boundaries(masks.cuda()).cpu(), mask_boundaries(masks))
