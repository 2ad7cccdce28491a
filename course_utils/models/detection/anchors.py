"""Anchors: the boxes of fixed sizes and shapes from which proposals are predicted."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.layers import positive_integers
from course_utils.ops.checks import is_number, require_bools
from course_utils.ops.precision import at_least_float32


class Anchors:
    """Boxes of a few sizes and shapes around each cell of each map of a pyramid.

    Source: Ren, He, Girshick and Sun 2015, section 3.1.1, arXiv:1506.01497; one size a level: Lin et al. 2017, section 4.1,
    arXiv:1612.03144.

    - `strides`: those of the maps. The anchors of cell i are centred in its middle, at (i + ½) · stride.
    - `sizes`: a tuple for each map, by default one size, 8 · stride. An anchor of size s has the area s².
    - `ratios`: height to width.
    - `legacy`: as in torchvision, anchors are centred at i · stride, corners around a cell are rounded to whole pixels, and the
      stride of a map is the image's size divided by the map's, rounded down: a map of 13 rows of an image of 800 then has stride
      61, not 64.

    `per_cell` is the number of anchors of each cell.

    Shapes: maps (B, C, h, w), one for each stride → boxes (h · w · per_cell, 4) for each map, in pixels of the input; those of
    a cell stand together, shape by shape, and within each size by size.

    Raises: ValueError for strides that are not positive integers, sizes and ratios that are not positive numbers, another
    number of sizes for one map than for the next, and another number of maps.
    """

    def __init__(
        self,
        strides: Sequence[int],
        *,
        sizes: Sequence[Sequence[float]] | None = None,
        ratios: Sequence[float] = (0.5, 1, 2),
        legacy: bool = False,
    ) -> None:
        self.strides = positive_integers(strides, "strides")
        require_bools(legacy=legacy)
        given = tuple((8 * stride,) for stride in self.strides) if sizes is None else sizes
        if not isinstance(given, (tuple, list)) or len(given) != len(self.strides):
            raise ValueError(
                f"sizes must be a tuple with a tuple of numbers for each of {len(self.strides)} strides, but is {sizes!r}."
            )
        self.sizes = tuple(_positive(level, f"sizes[{place}]") for place, level in enumerate(given))
        self.ratios, self.legacy = _positive(ratios, "ratios"), legacy
        if len({len(level) for level in self.sizes}) > 1:
            raise ValueError(
                f"Each map needs as many sizes as the others, since one head serves all of them, but sizes is {sizes!r}."
            )
        self.per_cell = len(self.sizes[0]) * len(self.ratios)

    def __call__(self, maps: Sequence[Tensor]) -> list[Tensor]:
        if len(maps) != len(self.strides):
            raise ValueError(f"There must be a map for each of the strides {self.strides}, but there are {len(maps)}.")
        return [
            self._of_map(map_, sizes, *self._steps(map_, stride, maps[0]))
            for map_, sizes, stride in zip(maps, self.sizes, self.strides, strict=True)
        ]

    def _of_map(self, map_: Tensor, sizes: Sequence[float], row_step: int, column_step: int) -> Tensor:
        height, width = map_.shape[2:]
        around_zero = self._around_zero(sizes, at_least_float32(map_.new_empty(0)))
        first = 0 if self.legacy else 0.5  # where the first cell's centre is, in cells
        x, y = (torch.arange(cells, device=map_.device).to(around_zero) + first for cells in (width, height))
        y, x = torch.meshgrid(y * row_step, x * column_step, indexing="ij")
        centres = torch.stack([x, y, x, y], -1)  # (h, w, 4)
        return (centres[:, :, None] + around_zero).view(-1, 4)  # (h · w · per_cell, 4)

    def _around_zero(self, sizes: Sequence[float], like: Tensor) -> Tensor:
        """The anchors of a cell whose centre is at 0: (per_cell, 4)."""
        root, size = like.new_tensor(self.ratios).sqrt()[:, None], like.new_tensor(sizes)
        width, height = (size / root).flatten(), (size * root).flatten()
        corners = torch.stack([-width, -height, width, height], 1) / 2
        return corners.round() if self.legacy else corners

    def _steps(self, map_: Tensor, stride: int, finest: Tensor) -> tuple[int, int]:
        """How far apart cells are, vertically and horizontally."""
        if not self.legacy:
            return stride, stride
        (height, width), (rows, columns) = map_.shape[2:], finest.shape[2:]
        return rows * self.strides[0] // height, columns * self.strides[0] // width


def _positive(numbers: Sequence[float], name: str) -> tuple[float, ...]:
    if not isinstance(numbers, (tuple, list)) or not numbers or not all(is_number(n) and n > 0 for n in numbers):
        raise ValueError(f"{name} must be a tuple of positive numbers, but is {numbers!r}.")
    return tuple(map(float, numbers))
