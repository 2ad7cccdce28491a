"""RoIAlign for all boxes of a batch at once, as a network is trained with it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import read_slips
from course_utils.exercises.task import with_variants
from course_utils.ops import roi


def cut_regions(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """RoIAlign for all boxes of a batch, one sample a bin. Features (B, C, h, w); boxes (N, 5): the number of an image, then
    x1, y1, x2, y2 in cells of its map, in which cell i covers [i, i + 1) and its value stands at i + ½. Divide each box into
    size x size equal bins, and read its image's map in the middle of each bin, bilinearly → (N, C, size, size). Beyond the
    outermost centres of cells, the border's value goes on. Boxes lie in the map; N may be 0. Nothing is rounded. The result
    has the type of the features. Each step of training calls this with hundreds of boxes: a loop over them makes the training
    of this lesson take two to three times as long."""
    height, width = features.shape[2:]
    image, x1, y1, x2, y2 = boxes.T[:, :, None]  # (N, 1) each
    middles = (torch.arange(size).to(boxes) + 0.5) / size  # (size,), the box from 0 to 1
    x = (x1 + (x2 - x1) * middles - 0.5).clamp(0, width - 1)[:, None, :]  # (N, 1, size), 0 at the first cell's centre
    y = (y1 + (y2 - y1) * middles - 0.5).clamp(0, height - 1)[:, :, None]  # (N, size, 1)
    cells = features.permute(0, 2, 3, 1).flatten(0, 2)  # (B · h · w, C)
    total = 0
    for row, down in ((y.floor(), 1 - y.frac()), (y.ceil(), y.frac())):
        for column, across in ((x.floor(), 1 - x.frac()), (x.ceil(), x.frac())):
            numbers = (image[:, :, None] * height + row) * width + column  # (N, size, size)
            total = total + (down * across)[..., None] * cells[numbers.long()]  # (N, size, size, C)
    return total.permute(0, 3, 1, 2)  # (N, C, size, size)


def _by_the_package(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    return roi.roi_align(features, boxes, size, sampling_ratio=1, aligned=True)


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * 0.75 + first).reshape(shape).double()


def _boxes(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)


def _draw_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    features = torch.randint(-39, 40, (3, 2, 7, 9), generator=generator).double() / 4
    low, side = (torch.randint(*range_, (5, 2), generator=generator).double() / 8 for range_ in ((0, 17), (5, 36)))
    image = torch.randint(3, (5, 1), generator=generator).double()
    return features, torch.cat([image, low, low + side], 1), 2


def _by_grid(
    features: Tensor, boxes: Tensor, size: int, *, flip: bool = False, padding: str = "border", to_corners: bool = False
) -> Tensor:
    """By grid_sample, a map for each box; `flip` gives it (y, x)."""
    extent = features.new_tensor(features.shape[:1:-1])  # (w, h)
    middles = (torch.arange(size).to(boxes) + 0.5) / size
    steps = torch.stack(torch.meshgrid(middles, middles, indexing="xy"), -1)  # (size, size, 2)
    corner, end = boxes[:, None, None, 1:3], boxes[:, None, None, 3:]
    grid = 2 * (corner + (end - corner) * steps) / extent - 1
    maps = features[boxes[:, 0].long()]
    return F.grid_sample(maps, grid.flip(-1) if flip else grid, padding_mode=padding, align_corners=to_corners)


@with_variants(lambda features, boxes, size: cut_regions._solution(features.mT, boxes, size))
def x_and_y_swapped(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """You read the points as (y, x). A point has x first, for `grid_sample` too; in an index, as in `features[..., y, x]`, the
    row comes first."""
    return _by_grid(features, boxes, size, flip=True)


def corners_aligned(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """For you, the map reaches from the centre of its first cell to that of its last. It reaches half a cell further, to the
    outer edges of both: for `grid_sample` this is `align_corners=False`."""
    return _by_grid(features, boxes, size, to_corners=True)


def zeros_outside(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Between the edge of the map and the centres of its outermost cells your values fade: what lies outside counts as 0. There
    the value of the border goes on."""
    return _by_grid(features, boxes, size, padding="zeros")


def not_aligned(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """You read half a cell too far to the bottom right, and a small box as if it were a whole cell: so does the library, if it is
    not told `aligned=True`."""
    return roi.roi_align(features, boxes, size, sampling_ratio=1, aligned=False)


def as_many_samples_as_cells(features: Tensor, boxes: Tensor, size: int) -> Tensor:
    """You take several samples in a bin that is larger than a cell, as the library does if it is not told how many. Here each bin
    has one, in its middle."""
    return roi.roi_align(features, boxes, size, aligned=True)


SLIPS = read_slips("""
half_a_cell_too_far
    You read half a cell too far to the bottom right. The value of cell i stands at its centre, i + ½, not at i.
    - middles - 0.5).clamp(0, width - 1)
    + middles).clamp(0, width - 1)
    - middles - 0.5).clamp(0, height - 1)
    + middles).clamp(0, height - 1)

half_a_cell_too_little
    You read half a cell too far to the top left. The half of a cell is to be taken off once; do two places do it?
    - middles - 0.5).clamp(0, width - 1)
    + middles - 1).clamp(0, width - 1)
    - middles - 0.5).clamp(0, height - 1)
    + middles - 1).clamp(0, height - 1)

box_rounded
    You round the boxes to whole cells. That is what RoIAlign was made to avoid: all their numbers stay as they are.
    - boxes.T[:, :, None]
    + boxes.round().T[:, :, None]

box_rounded_down
    You cut the boxes' coordinates down to whole cells. That is what RoIAlign was made to avoid: all their numbers stay as they
    are.
    - boxes.T[:, :, None]
    + boxes.floor().T[:, :, None]

first_image_only
    You read all boxes from the first image of the batch. Which image a box is in, its first number says.
    - (image[:, :, None] * height + row) * width + column
    + row * width + column

in_the_order_of_images
    Your regions are sorted by image. They are to come in the order of the boxes, which may change from image to image.
    - boxes.T[:, :, None]
    + boxes[boxes[:, 0].argsort(stable=True)].T[:, :, None]

corners_of_the_bins
    You read at the first corners of the bins. Each is read in its middle, half a bin further on.
    - (torch.arange(size).to(boxes) + 0.5) / size
    + torch.arange(size).to(boxes) / size

from_edge_to_edge
    Your points reach from one edge of the box to the other. Each lies in the middle of its bin: the first one half a bin from the
    edge.
    - (torch.arange(size).to(boxes) + 0.5) / size
    + torch.linspace(0, 1, size).to(boxes)

nearest_cell
    You read the value of the cell in which a point lies. Between the centres of cells, interpolate.
    - .clamp(0, width - 1)
    + .clamp(0, width - 1).round()
    - .clamp(0, height - 1)
    + .clamp(0, height - 1).round()

cell_of_the_middle
    You take the value of the cell in which the middle of a bin lies. Between the centres of four cells, mix the four: that is
    bilinear interpolation.
    - (x1 + (x2 - x1) * middles - 0.5).clamp(0, width - 1)
    + (x1 + (x2 - x1) * middles).floor().clamp(0, width - 1)
    - (y1 + (y2 - y1) * middles - 0.5).clamp(0, height - 1)
    + (y1 + (y2 - y1) * middles).floor().clamp(0, height - 1)

weights_swapped
    Your weights are the wrong way round: the nearer a point is to a cell, the *more* this cell counts.
    - ((y.floor(), 1 - y.frac()), (y.ceil(), y.frac()))
    + ((y.floor(), y.frac()), (y.ceil(), 1 - y.frac()))
    - ((x.floor(), 1 - x.frac()), (x.ceil(), x.frac()))
    + ((x.floor(), x.frac()), (x.ceil(), 1 - x.frac()))

box_read_as_y_x
    You read the boxes as (y1, x1, y2, x2). x comes first.
    - image, x1, y1, x2, y2
    + image, y1, x1, y2, x2

transposed
    Your regions have x before y: rows come first, as in every map.
    - total.permute(0, 3, 1, 2)
    + total.permute(0, 3, 2, 1)

channels_last
    Your channels come last. A region is a map like any other: (N, C, size, size).
    - total.permute(0, 3, 1, 2)
    + total

width_and_height
    You take the last two numbers of a box for its width and height. They are its second corner, (x2, y2).
    - (x2 - x1)
    + x2
    - (y2 - y1)
    + y2

from_the_first_cell
    Your points have the right distances, but begin at the corner of the map. They begin at (x1, y1).
    - x1 + (x2 - x1)
    + (x2 - x1)
    - y1 + (y2 - y1)
    + (y2 - y1)
""")


cut_regions = Exercise(
    "cut_regions",
    cut_regions,
    [
        (torch.arange(6).reshape(1, 1, 2, 3).double(), _boxes((0, 0.5, 0.5, 2.5, 1.5)), 2),
        (_numbered(-1.75, 2, 1, 3, 2), _boxes(), 3),
        (_numbered(-11.25, 2, 2, 4, 5), _boxes((1, 1.25, 0.75, 4.5, 2.25)), 3),
        (_numbered(-2.5, 1, 1, 1, 7), _boxes((0, 5.125, 0.375, 5.375, 0.875), (0, 0, 0, 7, 1)), 2),
        (
            _numbered(-23.75, 3, 3, 5, 4),
            _boxes(
                (2, 0.25, 0.5, 3.75, 5), (0, 0.0625, 1.125, 2.875, 1.625), (2, 1.5, 0, 4, 0.75), (1, 3.25, 3.625, 4, 5)
            ),
            2,
        ),
        (_numbered(-16.25, 2, 2, 6, 8), _boxes((1, 6.75, 2.25, 6.75, 4.625), (0, 2.25, 1.125, 4.5, 1.125)), 1),
    ],
    [
        *SLIPS,
        x_and_y_swapped,
        corners_aligned,
        zeros_outside,
        not_aligned,
        as_many_samples_as_cells,
    ],
    [
        "First the places alone: of size bins from x1 to x2, where is the middle of each? `x1`, `x2` for all boxes are (N, 1), "
        "the bins (size,), and together they are (N, size). The same for y.",
        "Counted from the first cell's centre a place is x - ½, at least 0, at most w - 1. `floor()` and `ceil()` are the cells "
        "beside it, and `frac()` says how far it is from the first to the second.",
        "With x as (N, 1, size) and y as (N, size, 1), each corner is one index for all regions at once. "
        "`features.permute(0, 2, 3, 1).flatten(0, 2)` has cell (y, x) of image b in row (b · h + y) · w + x. Or, image by image, "
        "`F.grid_sample(..., padding_mode='border', align_corners=False)`.",
    ],
    reference=_by_the_package,
    common_errors={
        "out of bounds": "The last cell has no next one: beyond its centre the value of the border goes on. And the boxes' first "
        "number is the image.",
        "out of range": "The last cell has no next one: beyond its centre the value of the border goes on.",
        "tensors used as indices": "An index is a whole number: the first column of `boxes`, and what `floor()` gives, are "
        "decimal numbers until `.long()`.",
        "expected grid and input to have same batch size": "`grid_sample` reads one grid from each map: go through the images, "
        "or give it a map for each box.",
        "non-empty": "There may be no boxes, N = 0: then there is nothing to stack.",
        "values to unpack": "Take the boxes apart by columns, `boxes.unbind(1)` or `boxes.T`: these are five.",
        "only one element tensors": "There are N boxes: their coordinates are tensors (N,), not single numbers.",
        "must match the size of tensor": "Along a row of bins x changes, along a column y: x can be (N, 1, size) and y "
        "(N, size, 1).",
    },
    draw=_draw_boxes,
    library=("roi_align", "multiscale_roi_align", "RoIAlign", "MultiScaleRoIAlign"),
    differentiable=["features"],
    without_loops=True,
    difficulty=3,
    minutes=15,
)
