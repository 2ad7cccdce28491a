"""What the tests of YOLACT share: a small network, rectangles as objects, outputs that are given."""

from functools import partial
from typing import Any

import torch
from map_cases import small
from torch import Tensor

from course_utils.models.detection.yolact import YOLACT
from course_utils.models.detection.yolact_parts import Outputs, grid_anchors

TINY: dict[str, Any] = {"channels": 6, "prototypes": 4, "extra": "none", "sides": (8, 16, 32)}
tiny = partial(YOLACT, num_classes=2, **TINY)


def tiny_network(**settings: Any) -> YOLACT:
    torch.manual_seed(0)
    return tiny(small(), **settings)


def rectangles(
    *boxes: tuple[float, ...], labels: list[int] | None = None, size: tuple[int, int] = (32, 48)
) -> dict[str, Tensor]:
    """A target whose objects fill their boxes, whose corners are whole numbers."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, box in zip(masks, boxes, strict=True):
        x1, y1, x2, y2 = map(int, box)
        mask[y1:y2, x1:x2] = True
    corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return {"boxes": corners, "labels": torch.tensor(labels or [1] * len(boxes), dtype=torch.int64), "masks": masks}


def drawn_outputs(
    batch: int = 2, *, classes: int = 2, prototypes: int = 3, size: tuple[int, int] = (32, 48)
) -> Outputs:
    """Random ones of one level at stride 8, with gradients."""
    draw = torch.Generator().manual_seed(0)
    h, w = size[0] // 8, size[1] // 8
    anchors = grid_anchors((h, w), size, 12, (1, 0.5, 2), like=torch.zeros(1, dtype=torch.float64))
    n = len(anchors)
    shapes = {
        "classes": (batch, n, 1 + classes),
        "offsets": (batch, n, 4),
        "coefficients": (batch, n, prototypes),
        "prototypes": (batch, prototypes, 2 * h, 2 * w),
        "semantic": (batch, classes, h, w),
    }
    found = {
        name: torch.randn(shape, generator=draw, dtype=torch.float64).requires_grad_() for name, shape in shapes.items()
    }
    return Outputs(anchors=anchors, **found)
