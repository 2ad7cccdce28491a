"""Lesson 12: answers are what the package and the library give, right code in another form is taken, wrong code told why."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor
from torchvision.models.detection import roi_heads
from torchvision.ops.poolers import LevelMapper

from course_utils.exercises import lesson_12 as exercise
from course_utils.models.detection import region_targets
from course_utils.ops import roi

Answer = Callable[..., Any]


def _random_boxes(generator: torch.Generator, count: int, width: int, height: int) -> Tensor:
    extent = torch.tensor([width, height]).double()
    low = torch.rand(count, 2, generator=generator).double() * extent
    return torch.cat([low, low + torch.rand(count, 2, generator=generator).double() * (extent - low)], 1)


@pytest.mark.parametrize("seed", range(3))
def test_regions_and_their_gradient_are_the_packages_and_the_librarys(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = _random_boxes(generator, 40, 13, 11)
    boxes = torch.cat([torch.randint(3, (40, 1), generator=generator).double(), boxes], 1)
    maps = torch.randn(3, 4, 11, 13, generator=generator).double()
    weights = torch.randn(40, 4, 5, 5, generator=generator).double()
    found = []
    for cut in (
        exercise.cut_regions._solution,
        lambda *arguments: roi.roi_align(*arguments, sampling_ratio=1, aligned=True),
        lambda *arguments: torchvision.ops.roi_align(*arguments, sampling_ratio=1, aligned=True),
    ):
        features = maps.clone().requires_grad_()
        regions = cut(features, boxes, 5)
        found.append((regions.detach(), *torch.autograd.grad((regions * weights).sum(), features)))
    for other in found[1:]:
        for mine, theirs in zip(found[0], other, strict=True):
            assert torch.allclose(mine, theirs, rtol=0, atol=1e-12)


def test_regions_have_the_type_of_the_maps_and_need_no_boxes() -> None:
    features = torch.ones(2, 3, 5, 6, requires_grad=True)
    regions = exercise.cut_regions._solution(features, torch.zeros(0, 5), 7)
    assert regions.shape == (0, 3, 7, 7) and regions.dtype == torch.float32
    regions.sum().backward()
    assert not features.grad.any()


def test_regions_touch_each_side_of_a_map() -> None:
    """Beyond the centres of the outermost cells, on all four sides, lies some sample of a fixed probe."""
    beyond = set()
    for features, boxes, size in exercise.cut_regions.probes:
        middles = (torch.arange(size).double() + 0.5) / size
        for box in boxes:
            for axis, length in ((0, features.shape[3]), (1, features.shape[2])):
                places = box[1 + axis] + (box[3 + axis] - box[1 + axis]) * middles
                beyond |= {(axis, 0)} if length > 1 and (places < 0.5).any() else set()
                beyond |= {(axis, 1)} if length > 1 and (places > length - 0.5).any() else set()
    assert len(beyond) == 4


@pytest.mark.parametrize("seed", range(3))
def test_levels_are_the_librarys(seed: int) -> None:
    boxes = _random_boxes(torch.Generator().manual_seed(seed), 200, 1500, 1100)
    levels = exercise.pyramid_level._solution(boxes, 5, 2)
    assert torch.equal(levels, LevelMapper(2, 5)([boxes]) + 2) and len(levels.unique()) == 4


def test_every_level_is_asked_for_and_some_beyond() -> None:
    task = exercise.pyramid_level
    levels = {level for probe in task.probes for level in task._solution(*probe).tolist()}
    beyond = {level for boxes, _, _ in task.probes for level in task._solution(boxes, 9, -9).tolist()}
    assert {0, 2, 3, 4, 5, 6} <= levels and min(beyond) < 0 and max(beyond) > 5


def test_losses_are_the_librarys() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, 14, 14, generator=generator).double()
    boxes, masks = _random_boxes(generator, 6, 30, 20), torch.rand(6, 20, 30, generator=generator) > 0.4
    boxes[:, 2:] += 1
    labels, matches = torch.tensor([3, 0, 1, 1, 2, 0]), torch.tensor([5, 0, 2, 1, 3, 4])
    targets = torchvision.ops.roi_align(
        masks[:, None].double(), torch.cat([matches[:, None], boxes], 1), 14, 1.0, sampling_ratio=-1
    )[:, 0]
    library = roi_heads.maskrcnn_loss(logits, [boxes], [masks.double()], [labels[matches.argsort()]], [matches])
    assert exercise.mask_loss._solution(logits, labels, targets) == pytest.approx(library.item(), rel=1e-12)
    with_background = torch.where(torch.tensor([True, False, True, True, False, True]), labels, -1)
    kept = (with_background >= 0).nonzero()[:, 0]
    found = exercise.sampled_mask_loss._solution(logits, with_background, targets)
    assert found == region_targets.mask_loss(logits[kept], labels[kept], targets[kept])

    places = boxes[:, None, :2] + torch.rand(6, 4, 2, generator=generator).double() * 1.4 * (
        boxes[:, None, 2:] - boxes[:, None, :2]
    )
    keypoints = torch.cat([places, torch.randint(3, (6, 4, 1), generator=generator)], 2)
    library = roi_heads.keypointrcnn_loss(logits, [boxes], [keypoints], [torch.arange(6)])
    assert exercise.keypoint_loss._solution(logits, keypoints, boxes) == pytest.approx(library.item(), rel=1e-12)


def test_each_cause_for_a_keypoint_not_to_count_is_asked_for() -> None:
    seen, edges = set(), set()
    for _, keypoints, boxes in exercise.keypoint_loss.probes:
        places, start, end = keypoints[..., :2], boxes[:, None, :2], boxes[:, None, 2:]
        inside = ((places >= start) & (places <= end)).all(-1)
        seen |= set(zip(inside.flatten().tolist(), keypoints[..., 2].flatten().tolist(), strict=True))
        known = inside & (keypoints[..., 2] > 0)
        edges |= {(0, axis) for axis in (0, 1) if (known & (places == start)[..., axis]).any()}
        edges |= {(1, axis) for axis in (0, 1) if (known & (places == end)[..., axis]).any()}
    assert {(True, 0), (True, 1), (True, 2), (False, 2)} <= seen and len(edges) == 4


@pytest.mark.parametrize("seed", range(3))
def test_masks_are_drawn_as_in_the_package(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = _random_boxes(generator, 8, 20, 16) - 2
    masks = torch.rand(8, 7, 5, generator=generator).double()
    for mask, box, wanted in zip(masks, boxes, roi.paste_masks(masks, boxes, (15, 18)), strict=True):
        assert torch.allclose(exercise.paste_mask._solution(mask, box, (15, 18)), wanted, rtol=0, atol=1e-12)


def test_a_mask_on_whole_pixels_is_resized_to_them() -> None:
    mask = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)).double()
    wanted = torch.zeros(16, 17).double()
    wanted[2:12, 3:17] = F.interpolate(mask[None, None], size=(10, 14), mode="bilinear")[0, 0]
    found = exercise.paste_mask._solution(mask, torch.tensor([3.0, 2, 17, 12]).double(), (16, 17))
    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)


# --- Code


def at_all_corners(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Four indices of the map itself, neighbours kept in it by hand."""
    height, width = features.shape[2:]
    image, (x1, y1, x2, y2) = boxes[:, 0].long(), boxes[:, 1:].unbind(1)
    steps = (torch.arange(size, dtype=boxes.dtype) + 0.5) / size
    x = torch.lerp(x1[:, None], x2[:, None], steps).sub(0.5).clamp(0, width - 1)
    y = torch.lerp(y1[:, None], y2[:, None], steps).sub(0.5).clamp(0, height - 1)
    left, top = x.long(), y.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)

    def read(rows: Tensor, columns: Tensor) -> Tensor:
        return features[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]

    across, down = (x - left)[:, None, :, None], (y - top)[:, :, None, None]
    upper = (1 - across) * read(top, left) + across * read(top, right)
    lower = (1 - across) * read(bottom, left) + across * read(bottom, right)
    return ((1 - down) * upper + down * lower).permute(0, 3, 1, 2)


def by_grid_sample(features: Tensor, boxes: Tensor, size: int, **options: Any) -> Tensor:
    """Image by image, and put back in the order of the boxes."""
    options = {"padding_mode": "border", "align_corners": False} | options
    result = features.new_zeros(len(boxes), features.shape[1], size, size)
    extent = features.new_tensor([features.shape[3], features.shape[2]])
    steps = (torch.arange(size) + 0.5) / size
    steps = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).to(boxes)
    for number, one in enumerate(features):
        mine = (boxes[:, 0] == number).nonzero()[:, 0]
        corner, end = boxes[mine, None, None, 1:3], boxes[mine, None, None, 3:]
        grid = 2 * (corner + steps * (end - corner)) / extent - 1  # (n, size, size, 2)
        regions = F.grid_sample(one.expand(len(mine), *one.shape), grid, **options)
        result = result.index_copy(0, mine, regions)
    return result


def by_matrices(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Each region is a product with a matrix on either side."""

    def tents(start: Tensor, end: Tensor, length: int) -> Tensor:
        steps = (torch.arange(size).double() + 0.5) / size
        places = (start[:, None] + (end - start)[:, None] * steps - 0.5).clamp(0, length - 1)
        return F.relu(1 - (places[..., None] - torch.arange(length)).abs())  # (N, size, length)

    rows = tents(boxes[:, 2], boxes[:, 4], features.shape[2])
    columns = tents(boxes[:, 1], boxes[:, 3], features.shape[3])
    return torch.einsum("nyh,nchw,nxw->ncyx", rows, features[boxes[:, 0].long()], columns)


def sample_by_sample(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    result = features.new_zeros(len(boxes), features.shape[1], size, size)
    height, width = features.shape[2:]
    for n, (image, x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for i, j in itertools.product(range(size), repeat=2):
            y = min(max(y1 + (y2 - y1) * (i + 0.5) / size - 0.5, 0), height - 1)
            x = min(max(x1 + (x2 - x1) * (j + 0.5) / size - 0.5, 0), width - 1)
            for row, column in itertools.product((int(y), int(y) + 1), (int(x), int(x) + 1)):
                weight = (1 - abs(y - row)) * (1 - abs(x - column))
                if weight > 0:
                    result[n, :, i, j] += weight * features[int(image), :, row, column]
    return result


def as_many_halvings(boxes: Tensor, coarsest: int, finest: int) -> list:
    levels = []
    for x1, y1, x2, y2 in boxes.tolist():
        level, area = coarsest, (x2 - x1) * (y2 - y1)
        while level > finest and area < (224 * 2 ** (level - 4)) ** 2:
            level -= 1
        levels.append(level)
    return levels


def in_numpy(boxes: Tensor, coarsest: int, finest: int) -> Any:
    sides = np.sqrt(torchvision.ops.box_area(boxes).numpy())
    with np.errstate(divide="ignore"):
        return np.clip(np.floor(4 + np.log2(sides / 224)), finest, coarsest).astype(int)


def gathered(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    index = labels[:, None, None, None].expand(-1, 1, *logits.shape[2:])
    own = logits.gather(1, index)[:, 0]
    cells = F.softplus(own) - targets * own
    return cells.mean() if len(labels) else 0 * logits.sum()


def region_by_region(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    losses = [
        F.binary_cross_entropy_with_logits(maps[label], target)
        for maps, label, target in zip(logits, labels, targets, strict=True)
    ]
    return sum(losses, logits.sum() * 0) / max(len(losses), 1)


def weighted(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    positive = labels >= 0
    own = logits[torch.arange(len(labels)), labels.clamp(min=0)]
    cells = F.binary_cross_entropy_with_logits(own, targets, reduction="none").mean((1, 2))
    return (cells * positive).sum() / positive.sum().clamp(min=1)


def from_pixel_to_pixel(mask: Tensor, box: Tensor, size: tuple) -> Tensor:
    x1, y1, x2, y2 = box.tolist()
    image = torch.zeros(size).double()
    for row, column in itertools.product(*map(range, size)):
        y, x = row + 0.5, column + 0.5
        if y1 <= y < y2 and x1 <= x < x2:
            weights = [
                F.relu(1 - (min(max(place, 0), length - 1) - torch.arange(length).double()).abs())
                for place, length in (
                    ((y - y1) / (y2 - y1) * mask.shape[0] - 0.5, mask.shape[0]),
                    ((x - x1) / (x2 - x1) * mask.shape[1] - 0.5, mask.shape[1]),
                )
            ]
            image[row, column] = weights[0] @ mask @ weights[1]
    return image


def pasted_by_grid_sample(mask: Tensor, box: Tensor, size: tuple, *, padding: str = "border") -> Tensor:
    x, y = torch.arange(size[1]).to(box) + 0.5, torch.arange(size[0]).to(box) + 0.5
    inside = ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))
    x, y = 2 * (x - box[0]) / (box[2] - box[0]) - 1, 2 * (y - box[1]) / (box[3] - box[1]) - 1
    grid = torch.stack([x.expand(size), y[:, None].expand(size)], -1)
    values = F.grid_sample(mask[None, None], grid[None], padding_mode=padding, align_corners=False)[0, 0]
    return values.where(inside, torch.zeros_like(values))


def with_an_ignored_class(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    cells, inside = region_targets_of(keypoints, boxes, logits.shape[-1])
    wanted = torch.where(inside, cells, -100).flatten()
    total = F.cross_entropy(logits.flatten(2).flatten(0, 1), wanted, reduction="sum")
    return total / inside.sum().clamp(min=1)


def region_targets_of(keypoints: Tensor, boxes: Tensor, m: int) -> tuple[Tensor, Tensor]:
    start, side = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    share = (keypoints[..., :2] - start) / side
    inside = (share >= 0).all(-1) & (share <= 1).all(-1) & (keypoints[..., 2] != 0)
    column, row = (share * m).floor().clamp(0, m - 1).long().unbind(-1)
    return row * m + column, inside


def keypoint_by_keypoint(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    losses, m = [logits.sum() * 0], logits.shape[-1]
    for maps, points, (x1, y1, x2, y2) in zip(logits, keypoints.tolist(), boxes.tolist(), strict=True):
        for scores, (x, y, known) in zip(maps, points, strict=True):
            if known and x1 <= x <= x2 and y1 <= y <= y2:
                row, column = int((y - y1) / (y2 - y1) * m), int((x - x1) / (x2 - x1) * m)
                losses.append(-scores.flatten().log_softmax(0)[min(row, m - 1) * m + min(column, m - 1)])
    return sum(losses) / max(len(losses) - 1, 1)


def by_matrix_product(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    masks = (coefficients @ prototypes.flatten(1)).reshape(-1, *prototypes.shape[1:]) > 0
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
        cut = torch.zeros_like(mask)
        rows, columns = (
            slice(max(int(np.floor(y1)), 0), int(np.ceil(y2))),
            slice(max(int(np.floor(x1)), 0), int(np.ceil(x2))),
        )
        cut[rows, columns] = True
        mask &= cut
    return masks


RIGHT: list[tuple[str, Answer]] = [
    ("cut_regions", at_all_corners),
    ("cut_regions", by_grid_sample),
    ("cut_regions", by_matrices),
    ("pyramid_level", as_many_halvings),
    ("pyramid_level", in_numpy),
    ("mask_loss", gathered),
    ("mask_loss", region_by_region),
    ("sampled_mask_loss", weighted),
    ("paste_mask", from_pixel_to_pixel),
    ("paste_mask", pasted_by_grid_sample),
    ("keypoint_loss", with_an_ignored_class),
    ("keypoint_loss", keypoint_by_keypoint),
    ("assemble_masks", by_matrix_product),
]
LIBRARY: list[tuple[str, Answer, str]] = [
    (
        "cut_regions",
        lambda *arguments: torchvision.ops.roi_align(*arguments, sampling_ratio=1, aligned=True),
        "roi_align",
    ),
    ("pyramid_level", lambda boxes, coarsest, finest: roi.fpn_levels(boxes, finest, coarsest), "fpn_levels"),
    ("mask_loss", region_targets.mask_loss, "mask_loss"),
    ("paste_mask", lambda mask, box, size: roi.paste_masks(mask[None], box[None], size)[0], "paste_masks"),
]
WRONG: list[tuple[str, Answer, str]] = [
    ("cut_regions", lambda *arguments: by_grid_sample(*arguments, align_corners=True), "`align_corners=False`"),
    ("cut_regions", lambda *arguments: by_grid_sample(*arguments, padding_mode="zeros"), "your values fade"),
    ("cut_regions", lambda maps, boxes, size: by_grid_sample(maps, boxes.round(), size), "You round the boxes"),
    ("cut_regions", lambda *arguments: at_all_corners(*arguments).detach(), "no gradient gets back to"),
    (
        "cut_regions",
        lambda *arguments: torchvision.ops.roi_align(*arguments, sampling_ratio=1),
        "half a cell too far to the bottom right",
    ),
    ("cut_regions", lambda *arguments: torchvision.ops.roi_align(*arguments, aligned=True), "several samples in a bin"),
    (
        "cut_regions",
        lambda maps, boxes, size: torch.stack([by_grid_sample(maps, box[None], size)[0] for box in boxes]),
        "There may be no boxes",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: gathered(logits, labels, targets).detach(),
        "no gradient gets back to",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: F.binary_cross_entropy_with_logits(logits[:, labels], targets),
        "the maps of *all* labels",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: region_by_region(logits, labels + 1, targets),
        "each is the number of its map",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: gathered(logits, labels, targets) if len(labels) else 0.0,
        "plays no part in the answer",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: F.binary_cross_entropy(
            logits[torch.arange(len(labels)), labels].sigmoid(), targets
        ),
        "a function that takes logits does both at once",
    ),
    (
        "mask_loss",
        lambda logits, labels, targets: F.binary_cross_entropy_with_logits(logits, targets[:, None].expand_as(logits)),
        "You compare every map with the region's mask",
    ),
    ("sampled_mask_loss", region_by_region, "-1 counts from the end"),
    ("sampled_mask_loss", lambda *arguments: weighted(*arguments) * 2, "expected"),
    ("paste_mask", lambda *arguments: pasted_by_grid_sample(*arguments, padding="zeros"), "your mask fades"),
    (
        "paste_mask",
        lambda mask, box, size: from_pixel_to_pixel((mask > 0.5).double(), box, size),
        "before you draw it",
    ),
    (
        "paste_mask",
        lambda mask, box, size: roi_heads.paste_masks_in_image(mask[None, None], box[None], size)[0, 0],
        "one pixel too large",
    ),
    ("keypoint_loss", lambda logits, *rest: with_an_ignored_class(logits.mT, *rest), "down the columns"),
    ("keypoint_loss", lambda *arguments: with_an_ignored_class(*arguments).detach(), "no gradient gets back to"),
    ("assemble_masks", lambda *arguments: by_matrix_product(*arguments).double(), "Expected truth values"),
    ("assemble_masks", lambda p, c, b: (c @ p.flatten(1)).unflatten(1, p.shape[1:]) > 0, "reach beyond their boxes"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_of_another_form_is_right(name: str, answer: Answer) -> None:
    assert getattr(exercise, name).judge(answer).text == "right."


def test_an_answer_that_goes_through_all_samples_is_told_so() -> None:
    assert exercise.cut_regions.judge(sample_by_sample).text.startswith("right, pixel by pixel")


@pytest.mark.parametrize(("name", "answer", "called"), LIBRARY)
def test_an_answer_of_the_library_is_right_and_told_so(name: str, answer: Answer, called: str) -> None:
    assert getattr(exercise, name).judge(answer).text.startswith(f"right, by the library: `{called}`")


@pytest.mark.parametrize(("name", "answer", "told"), WRONG)
def test_a_wrong_answer_is_refused_and_told_why(name: str, answer: Answer, told: str) -> None:
    verdict = getattr(exercise, name).judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text
