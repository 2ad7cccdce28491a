"""NAS-FPN: a pyramid that is given as a list of merging cells, and so can be rewired."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, interpolate, max_pool2d

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import conv_norm
from course_utils.ops.checks import whole_number, whole_numbers

OPERATIONS = ("sum", "global pooling attention")

# Each cell: the level of the map that it makes, the two maps that it joins, and how. Maps 0 to 4, P3 to P7, come in.
NAS_FPN = (
    (4, 1, 3, "global pooling attention"),  # map 5, from P4 and P6
    (4, 1, 5, "sum"),  # map 6
    (3, 0, 6, "sum"),  # map 7, the new P3
    (4, 6, 7, "sum"),  # map 8, the new P4
    (5, 7, 8, "global pooling attention"),  # map 9, the new P5
    (7, 6, 9, "global pooling attention"),  # map 10, the new P7
    (6, 9, 10, "global pooling attention"),  # map 11, the new P6
)


class NASFPN(nn.Module):
    """A pyramid that is wired by merging cells, and is a backbone: one map for each level that the cells make.

    Source: Ghiasi, Lin, Pang and Le 2019, section 3.1, arXiv:1904.07392.

    - `cells`: tuples (level, first input, second input, operation), as in `NAS_FPN`, which the paper's search found. Level l has
      stride 2^l. Inputs are numbers of maps: first those that come in, one for each level, finest first; then those that the
      cells make, in their order. Each input is brought to the level's size: by the nearest pixel, or by max pooling.
    - `repeats`: how many pyramids stand on one another.

    At each level, the last map that is made comes out. A map that no cell takes is added to the one that comes out at its
    level. Where the backbone has no map so coarse, its coarsest is pooled.

    Shapes: images (B, 3, H, W) in [0, 1] → a list of maps; for `NAS_FPN` (B, channels, H/8, W/8), then H/16, … H/128.

    Differs from the paper: any size of image, for which max pooling goes to the size of the level and not by a factor. Which of
    two maps the attention weighs is taken from the authors' code.

    Raises: ValueError if `backbone` is not a backbone or has no map of a level, for cells that do not make a pyramid, and for
    numbers below 1. In training, PyTorch's batch norm refuses a single image whose coarsest map is one pixel.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: int = 256,
        *,
        cells: Sequence[Sequence[object]] = NAS_FPN,
        repeats: int = 7,
    ) -> None:
        super().__init__()
        channels, repeats = whole_numbers(1, channels=channels, repeats=repeats)
        checked = checked_cells(cells)
        promised = require_backbone(backbone)
        wanted = sorted({2**cell.level for cell in checked})
        there = [stride for stride in wanted if stride <= promised.strides[-1]] or wanted[:1]
        self.levels = [last_map_at(promised.strides, stride) for stride in there]  # finest first
        self.strides = tuple(wanted)
        self.channels = (channels,) * len(wanted)
        self.backbone = backbone
        self.laterals = nn.ModuleList(conv_norm(promised.channels[level], channels, 1) for level in self.levels)
        self.pyramids = nn.ModuleList(MergingPyramid(channels, checked) for _ in range(repeats))

    def forward(self, images: Tensor) -> list[Tensor]:
        found = self.backbone(images)
        maps = [lateral(found[level]) for lateral, level in zip(self.laterals, self.levels, strict=True)]
        while len(maps) < len(self.strides):
            maps.append(max_pool2d(maps[-1], 2, ceil_mode=True))  # (B, channels, H/64, W/64), then H/128
        for pyramid in self.pyramids:
            maps = pyramid(maps)
        return maps


class Cell(NamedTuple):
    """A merging cell: the level of the map that it makes, the two maps that it joins, and how."""

    level: int
    first: int
    second: int
    operation: str


def checked_cells(cells: Sequence[Sequence[object]]) -> list[Cell]:
    """The cells of a pyramid: they make every level from the finest to the coarsest, and take maps that are there.

    Raises: ValueError that says which cell is wrong, and how to mend it.
    """
    if not isinstance(cells, (tuple, list)) or not cells:
        raise ValueError(
            f"cells must be a list of (level, first input, second input, operation), as `NAS_FPN` is, but is {cells!r}."
        )
    found = [_checked(cell, f"cell {number}") for number, cell in enumerate(cells)]
    levels = sorted({cell.level for cell in found})
    for level in range(levels[0], levels[-1]):
        if level not in levels:
            raise ValueError(
                f"The cells make maps of levels {levels}, but none of level {level}; add a cell for each level between the "
                "finest and the coarsest."
            )
    for number, cell in enumerate(found):
        there = len(levels) + number
        if max(cell.first, cell.second) >= there:
            raise ValueError(
                f"Cell {number} takes map {max(cell.first, cell.second)}, but before it there are only maps 0 to {there - 1}: "
                f"0 to {len(levels) - 1} come in, of levels {levels}, and each cell adds one."
            )
    return found


def _checked(cell: Sequence[object], name: str) -> Cell:
    if not isinstance(cell, (tuple, list)) or len(cell) != 4:
        raise ValueError(f"{name} must be (level, first input, second input, operation), but is {cell!r}.")
    *numbers, operation = cell
    parts = zip(("level", "first input", "second input"), numbers, strict=True)
    level, first, second = (whole_number(value, f"the {part} of {name}", minimum=0) for part, value in parts)
    if first == second:
        raise ValueError(f"{name} takes map {first} twice; choose two maps.")
    if operation not in OPERATIONS:
        known = " or ".join(f'"{known}"' for known in OPERATIONS)
        raise ValueError(f"The operation of {name} must be {known}, but is {operation!r}.")
    return Cell(level, first, second, str(operation))


class MergingPyramid(nn.Module):
    """Merging cells one after the other; see `NASFPN`.

    Shapes: maps (B, channels, h, w), one for each level, finest first → as many, of the same sizes.
    """

    def __init__(self, channels: int, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.cells = tuple(cells)
        levels = sorted({cell.level for cell in cells})
        self.finest = levels[0]
        self.level_of = [*levels, *(cell.level for cell in cells)]  # of every map
        maps = range(len(self.level_of))
        self.out = [max(map_ for map_ in maps if self.level_of[map_] == level) for level in levels]
        taken = {map_ for cell in cells for map_ in (cell.first, cell.second)}
        self.left = [map_ for map_ in maps if map_ not in taken and map_ not in self.out]
        self.convolutions = nn.ModuleList(nn.Sequential(nn.ReLU(), conv_norm(channels, channels)) for _ in cells)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        found = list(maps)
        for cell, convolve in zip(self.cells, self.convolutions, strict=True):
            size = maps[cell.level - self.finest].shape[2:]
            inputs = sorted((cell.first, cell.second), key=lambda map_: -self.level_of[map_])  # coarser first
            coarser, finer = (_at_size(found[map_], size) for map_ in inputs)
            x = coarser + finer if cell.operation == "sum" else attend(coarser, finer)
            if len(found) in self.out:
                x = sum((found[map_] for map_ in self.left if self.level_of[map_] == cell.level), x)
            found.append(convolve(x))  # (B, channels, h, w) of its level
        return [found[map_] for map_ in self.out]


def attend(coarser: Tensor, finer: Tensor) -> Tensor:
    """Global pooling attention: the coarser map plus the finer one, whose channels are weighed by numbers from 0 to 1.

    Source: Ghiasi et al. 2019, section 3.1, arXiv:1904.07392. The number of a channel is the sigmoid of its largest value in
    the coarser map.

    Shapes: both (B, C, h, w) → the same.
    """
    return coarser + finer * torch.sigmoid(coarser.amax(dim=(2, 3), keepdim=True))


def _at_size(maps: Tensor, size: torch.Size) -> Tensor:
    """A map enlarged to a size by the nearest pixel, or reduced to it by max pooling."""
    if maps.shape[2] < size[0] or maps.shape[3] < size[1]:
        return interpolate(maps, size=size, mode="nearest")
    return maps if maps.shape[2:] == size else adaptive_max_pool2d(maps, size)
