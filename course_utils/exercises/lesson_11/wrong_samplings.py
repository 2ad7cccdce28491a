"""Mistakes in RoIAlign that are other programs than the solution with an edit."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.task import with_variants
from course_utils.ops import roi
from course_utils.ops.resample import bilinear_sample


def not_aligned(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """You read half a cell too far to the bottom right, and a small box as if it were a whole cell: so does the library, if it is
    not told `aligned=True`."""
    return roi.roi_align(features[None], [box[None]], bins, sampling_ratio=samples, aligned=False)[0]


@with_variants(
    lambda features, *rest: _of_whole_cells(features, *rest, largest=False),
    lambda features, box, *rest: _of_whole_cells(features, box.round(), *rest, largest=True),
    lambda features, box, bins, samples: roi.roi_pool(features[None], [box[None]], bins)[0],
)
def whole_cells_of_each_bin(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """You pool the whole cells that a bin touches: this is RoIPool. Here bins lie between the cells, and are read at points."""
    return _of_whole_cells(features, box, bins, samples, largest=True)


def _of_whole_cells(features: Tensor, box: Tensor, bins: tuple, samples: int, *, largest: bool) -> Tensor:
    def cells(start: Tensor, end: Tensor, number: int, size: int) -> list[slice]:
        edges = start + (end - start) * torch.arange(number + 1) / number
        first = [min(int(edge), size - 1) for edge in edges[:-1]]
        return [slice(a, max(int(edge.ceil()), a + 1)) for a, edge in zip(first, edges[1:], strict=True)]

    down = cells(box[1], box[3], bins[0], features.shape[1])
    across = cells(box[0], box[2], bins[1], features.shape[2])
    parts = [features[:, a, b].flatten(1) for a in down for b in across]
    found = [part.amax(1) if largest else part.mean(1) for part in parts]
    return torch.stack(found, 1).reshape(-1, *bins)


def _read_at(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """RoIAlign that reads each point's x and y where `change` puts them."""

    def version(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
        (x1, y1, x2, y2), (rows, columns) = box, bins
        x = x1 + (x2 - x1) * (torch.arange(columns * samples).to(box) + 0.5) / (columns * samples)
        y = y1 + (y2 - y1) * (torch.arange(rows * samples).to(box) + 0.5) / (rows * samples)
        points = change(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1))
        return F.avg_pool2d(bilinear_sample(features[None], points[None])[0], samples)

    return version


@with_variants(
    _read_at(lambda points: (points - 0.5).round() + 0.5),
    _read_at(lambda points: points.ceil() - 0.5),
    _read_at(torch.floor),
    _read_at(torch.round),
)
def points_rounded(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """You read the value of the cell in which a point lies, or that of the nearest one. Between the centres of cells,
    interpolate."""
    return _read_at(lambda points: points.floor() + 0.5)(features, box, bins, samples)


WRONG_SAMPLINGS = (
    not_aligned,
    whole_cells_of_each_bin,
    points_rounded,
)
