"""What mask and keypoint heads are to draw: by hand, against torchvision, and without regions."""

import pytest
import torch
from tolerances import OPERATION, SINGLE_INSIDE

from course_utils.models.detection.region_targets import (
    keypoint_loss,
    keypoint_targets,
    mask_loss,
    mask_targets,
    read_keypoints,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_mask_targets_by_hand():
    mask = torch.zeros(2, 6, 8, dtype=torch.bool)
    mask[1, 2:4, 2:6] = True
    boxes = torch.tensor([[2.0, 2, 6, 4], [0, 0, 8, 6], [0, 2, 4, 4]])
    whole, half, left = mask_targets(mask, boxes, torch.tensor([1, 1, 1]), 2)
    assert whole.tolist() == [[1, 1], [1, 1]]
    torch.testing.assert_close(half, torch.full((2, 2), 2 / 12))  # two pixels of 3 × 4
    assert left.tolist() == [[0, 1], [0, 1]]
    assert not mask_targets(mask, boxes, torch.tensor([0, 0, 0]), 2).any(), "the mask is that of the object"
    # Half a pixel too far to the bottom right, a quarter of the lower cells is outside.
    assert mask_targets(mask, boxes[:1], torch.tensor([1]), (2, 4), legacy=True)[0, 1].max() < 1


def test_mask_loss_by_hand():
    logits, labels = torch.zeros(2, 3, 1, 2), torch.tensor([1, 2])
    logits[0, 1, 0, 0], logits[1, 0] = 100.0, 55.0  # the last belongs to a class that does not matter
    targets = torch.tensor([[[1.0, 0]], [[1, 0]]])
    assert mask_loss(logits, labels, targets).item() == pytest.approx(3 * torch.log(torch.tensor(2.0)).item() / 4)


def test_mask_loss_refuses_maps_of_another_size():
    with pytest.raises(
        ValueError, match=r"targets \(N, m, m\), but the shapes are \(2, 3, 4, 4\), \(2,\) and \(2, 5, 5\)"
    ):
        mask_loss(torch.zeros(2, 3, 4, 4), torch.tensor([1, 2]), torch.zeros(2, 5, 5))


def test_only_the_true_class_learns_from_a_mask():
    logits = random(3, 5, 4, 4).requires_grad_()
    mask_loss(logits, torch.tensor([4, 1, 2]), torch.rand(3, 4, 4).double()).backward()
    assert logits.grad.flatten(2).abs().sum(2).nonzero().tolist() == [[0, 4], [1, 1], [2, 2]]


def test_keypoint_targets_by_hand():
    boxes = torch.tensor([[10.0, 20, 18, 24]])
    keypoints = torch.tensor([[[10.0, 20, 1], [13.9, 23.9, 2], [18, 24, 2], [18.1, 24, 2], [9.9, 22, 1], [12, 22, 0]]])
    cells, inside = keypoint_targets(keypoints, boxes, 4)
    assert inside.tolist() == [[True, True, True, False, False, False]]
    assert cells[0, :3].tolist() == [0, 3 * 4 + 1, 3 * 4 + 3]  # the lower right corner belongs to the last cell


def test_keypoint_targets_and_loss_equal_torchvision():
    from torchvision.models.detection.roi_heads import keypointrcnn_loss, keypoints_to_heatmap

    corner = random(6, 2).abs() * 20
    boxes = torch.cat([corner, corner + 5 + random(6, 2, seed=1).abs() * 20], 1)
    places = boxes[:, None, :2] + random(6, 4, 2, seed=2).abs() * 15
    places[0, 0] = boxes[0, 2:]
    keypoints = torch.cat([places, torch.arange(24).view(6, 4, 1) % 3], 2)
    cells, inside = keypoint_targets(keypoints, boxes, 7)
    wanted, valid = keypoints_to_heatmap(keypoints, boxes, 7)
    assert torch.equal(cells, wanted) and torch.equal(inside, valid.bool()) and 0 < inside.sum() < 24
    found, expected = (random(6, 4, 7, 7, seed=3).requires_grad_() for _ in range(2))
    ours = keypoint_loss(found, cells, inside)
    theirs = keypointrcnn_loss(expected, [boxes], [keypoints], [torch.arange(6)])
    torch.testing.assert_close(ours, theirs, **OPERATION[torch.float64])
    ours.backward(), theirs.backward()
    torch.testing.assert_close(found.grad, expected.grad, **OPERATION[torch.float64])


def test_a_keypoint_is_read_where_its_map_is_largest():
    logits = torch.full((1, 2, 8, 8), -5.0)
    logits[0, 0, 3, 6], logits[0, 1, 0, 0] = 9, 7
    places, scores = read_keypoints(logits, torch.tensor([[10.0, 20, 18, 28]]))  # a cell is a pixel
    assert places.tolist() == [[[16.5, 23.5, 1], [10.5, 20.5, 1]]]
    assert scores.tolist() == [[9, 7]]


def test_reading_keypoints_equals_torchvision():
    from torchvision.models.detection.roi_heads import heatmaps_to_keypoints

    corner = random(5, 2).abs() * 20
    boxes = torch.cat([corner, corner + random(5, 2, seed=1).abs() * 30], 1)
    boxes[0, 2:] = boxes[0, :2]  # without area
    logits = random(5, 3, 14, 14, seed=3)
    found, scores = read_keypoints(logits, boxes)
    wanted, wanted_scores = heatmaps_to_keypoints(logits, boxes)
    torch.testing.assert_close(found, wanted.double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(scores, wanted_scores.double(), **SINGLE_INSIDE)
    assert found[..., :2].std() > 1 and found.dtype == torch.float64


def test_no_regions():
    none = torch.zeros(0, 4)
    logits = torch.zeros(0, 3, 4, 4, requires_grad=True)
    matches = torch.zeros(0, dtype=torch.int64)
    for masks in (torch.zeros(0, 6, 8, dtype=torch.bool), torch.zeros(2, 6, 8, dtype=torch.bool)):
        targets = mask_targets(masks, none, matches, 4)
        assert targets.shape == (0, 4, 4)
    assert mask_loss(logits, matches, targets).item() == 0
    cells, inside = keypoint_targets(torch.zeros(0, 3, 3), none, 4)
    loss = keypoint_loss(logits, cells, inside)
    loss.backward()
    assert loss.item() == 0 and logits.grad.shape == (0, 3, 4, 4)
    places, scores = read_keypoints(logits, none)
    assert (places.shape, scores.shape) == ((0, 3, 3), (0, 3))


def test_keypoints_of_which_none_is_labelled_cost_nothing():
    logits = random(2, 3, 4, 4).requires_grad_()
    loss = keypoint_loss(logits, *keypoint_targets(torch.zeros(2, 3, 3), torch.tensor([[0.0, 0, 9, 9]] * 2), 4))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_a_box_without_area_has_finite_targets():
    box = torch.tensor([[3.0, 3, 3, 3]])
    cells, inside = keypoint_targets(torch.tensor([[[3.0, 3, 2], [4, 4, 2]]]), box, 4)
    assert cells.min() >= 0 and cells.max() < 16
    assert mask_targets(torch.ones(1, 6, 8, dtype=torch.bool), box, torch.tensor([0]), 4).isfinite().all()
