"""The loss of a keypoint head: where each keypoint is, as one cell among all."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_12.keypoint_slips import SLIPS
from course_utils.exercises.task import with_variants
from course_utils.models.detection import region_targets


def keypoint_loss(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """The keypoint loss of Mask R-CNN. Logits (N, K, m, m): for each of N regions a map for each of K keypoints, a grid that
    divides the region's box evenly. Keypoints (N, K, 3): x, y in pixels of the image, and 0 if it is unknown where the point
    is, 1 if it is known and hidden, 2 if it is seen. Boxes (N, 4), (x1, y1, x2, y2), with an area. A keypoint counts if its
    place is known and in the box, the edges included. Then exactly one of the m · m cells is right: the one in which it lies
    (on the right or lower edge, the last one). Its loss is the cross-entropy of this choice. Give the mean over all keypoints
    that count, and if none does, a 0 that depends on the logits. Logits may be large: the loss stays finite."""
    m = logits.shape[-1]
    places, start, end = keypoints[..., :2], boxes[:, None, :2], boxes[:, None, 2:]
    counts = (keypoints[..., 2] > 0) & ((places >= start) & (places <= end)).all(-1)  # (N, K)
    cells = ((places - start) / (end - start) * m).long().clamp(max=m - 1)  # (N, K, 2)
    x, y = cells[counts].unbind(-1)  # (n,) each
    total = F.cross_entropy(logits[counts].flatten(1), y * m + x, reduction="sum")
    return total / max(len(x), 1)


def _by_the_package(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    return region_targets.keypoint_loss(logits, *region_targets.keypoint_targets(keypoints, boxes, logits.shape[-1]))


def _numbered(first: float, step: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * step + first).reshape(shape).double()


def _points(*regions: tuple[tuple[float, float, int], ...]) -> Tensor:
    return torch.tensor(regions, dtype=torch.float64)


def _boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def _draw_regions(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    low, side = (torch.randint(*range_, (3, 2), generator=generator).double() / 8 for range_ in ((-40, 40), (50, 90)))
    places = low[:, None] + side[:, None] * (torch.rand(3, 2, 2, generator=generator).double() * 1.25 - 0.125)
    seen = torch.randint(3, (3, 2, 1), generator=generator).double()
    logits = torch.randn(3, 2, 4, 4, generator=generator).double() * 2
    return logits, torch.cat([places, seen], -1), torch.cat([low, low + side], 1)


@with_variants(
    lambda *arguments: _of_one_hot_maps(*arguments, F.binary_cross_entropy_with_logits),
    lambda *arguments: _of_one_hot_maps(*arguments, lambda maps, true: F.mse_loss(maps.sigmoid(), true)),
)
def each_cell_alone(logits: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """You ask each cell on its own whether the keypoint is there. That is for masks, in which many cells are right. Of a keypoint
    exactly one is: the cells of a map compete, by one softmax over all of them."""

    def summed(maps: Tensor, true: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(maps, true, reduction="sum") / max(len(maps), 1)

    return _of_one_hot_maps(logits, keypoints, boxes, summed)


def _of_one_hot_maps(
    logits: Tensor, keypoints: Tensor, boxes: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    cells, counts = region_targets.keypoint_targets(keypoints, boxes, logits.shape[-1])
    maps = logits[counts].flatten(1)  # (n, m · m)
    return loss(maps, F.one_hot(cells[counts], maps.shape[1]).to(maps)) if len(maps) else logits.sum() * 0


keypoint_loss = Exercise(
    "keypoint_loss",
    keypoint_loss,
    [
        (_numbered(-1.5, 1, 1, 1, 2, 2), _points(((5, 3, 2),)), _boxes((2, 1, 6, 7))),
        (torch.zeros(0, 2, 3, 3, dtype=torch.float64), torch.zeros(0, 2, 3).double(), torch.zeros(0, 4).double()),
        (
            _numbered(-3.25, 0.5, 2, 1, 3, 3),
            _points(((4.25, 2.5, 0),), ((-3.5, 9.75, 2),)),
            _boxes((0.5, 1.25, 8, 5.5), (-2, 6.5, 4, 12)),
        ),
        (
            _numbered(-7.25, 0.25, 2, 4, 3, 3),
            _points(
                ((10.5, 4.25, 2), (15.75, 5.125, 1), (9, 8.625, 2), (13.25, 3.5, 0)),
                ((-4.5, 0.75, 1), (-6.125, 2.5, 2), (1.25, 2.25, 2), (-3.5, -3.375, 2)),
            ),
            _boxes((9, 3, 15.75, 9.75), (-6.5, -2.25, 0.25, 6.75)),
        ),
        (
            _numbered(-9.5, 0.25, 1, 5, 4, 4),
            _points(
                ((2.25, 11.5, 2), (7.25, 20.25, 1), (7.125, 10.75, 1), (5.5, 20.5, 2), (4.875, 15.25, 0)),
            ),
            _boxes((2.25, 10.75, 7.25, 20.25)),
        ),
        (
            torch.tensor([[[[900, -750], [3.5, 60]], [[0.5, 800], [-45, 2.25]]]], dtype=torch.float64),
            _points(((0.75, 6.5, 2), (1.25, 4.25, 1))),
            _boxes((0.25, 3.75, 2, 7.5)),
        ),
    ],
    [*SLIPS, each_cell_alone],
    [
        "Where does a keypoint lie in its box, in cells? The left edge is 0, the right one m; a whole number is left if the "
        "fraction is cut off. Which number has that cell if the map is flattened?",
        "`logits[counts].flatten(1)` are the maps that count, (n, m · m), and `F.cross_entropy` takes the number of the right "
        "one among m · m classes.",
        'If none counts, `reduction="sum"` gives 0. Divide by the number of those that count, or by 1. On the right or lower '
        "edge the number of the cell would be m: `clamp(max=m - 1)`.",
    ],
    reference=_by_the_package,
    common_errors={
        "out of bounds": "The cells of a map have the numbers 0 to m · m - 1. A keypoint outside the box has no cell, and one on "
        "its right or lower edge lies in the last one.",
        "expected scalar type Long": "`cross_entropy` takes the number of a cell as a whole number, and a decimal number for a "
        "probability: `.long()`.",
        "must match the size of tensor": "There are N boxes and N · K keypoints: `boxes[:, None]` is the box of each keypoint.",
        "Expected input batch_size": "`cross_entropy` takes (n, m · m) logits and n numbers: flatten each map, and nothing more.",
        "Expected target size": "`cross_entropy` takes (n, m · m) logits and n numbers: one row for each keypoint that counts.",
        "ZeroDivisionError": "It may be that no keypoint counts: what do you divide by then?",
    },
    draw=_draw_regions,
    library=("keypoint_loss", "keypointrcnn_loss", "keypoint_targets", "keypoints_to_heatmap"),
    differentiable=["logits"],
    unaffected={"cross-entropy is never negative": ["absolute result", "nothing below 0 result"]},
    difficulty=2,
    minutes=12,
)
