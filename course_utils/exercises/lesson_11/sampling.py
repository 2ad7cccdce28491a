"""RoIAlign: a piece of a map, read by bilinear interpolation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_11.wrong_samplings import WRONG_SAMPLINGS
from course_utils.exercises.slips import read_slips
from course_utils.ops import roi
from course_utils.ops.resample import bilinear_sample

THINNER = "You round the box: this one is thinner than a cell, and nothing is left of it. Round nothing: read points."


def roi_align(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    """Cut a box (4,), (x1, y1, x2, y2) in cells, out of features (C, H, W), in which cell i covers [i, i + 1): divide it into
    `bins` = (rows, columns) equal parts, and each of these into samples x samples equal fields. The value of a bin is the mean
    of the bilinear samples at the centres of its fields → (C, rows, columns). Beyond the centres of the outermost cells, the
    border's value continues. The box lies in the map. Nothing is rounded. Gradients reach `features`. `bilinear_sample` takes
    points in the box's coordinates."""
    (x1, y1, x2, y2), (rows, columns) = box, bins
    x = x1 + (x2 - x1) * (torch.arange(columns * samples).to(box) + 0.5) / (columns * samples)
    y = y1 + (y2 - y1) * (torch.arange(rows * samples).to(box) + 0.5) / (rows * samples)
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (rows · samples, columns · samples, 2)
    values = bilinear_sample(features[None], points[None])[0]  # (C, rows · samples, columns · samples)
    return F.avg_pool2d(values, samples)  # (C, rows, columns)


def _by_the_package(features: Tensor, box: Tensor, bins: tuple, samples: int) -> Tensor:
    return roi.roi_align(features[None], [box[None]], bins, sampling_ratio=samples, aligned=True)[0]


def _numbered(first: float, *shape: int) -> Tensor:
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 11) % count * 0.75 + first).reshape(shape).double()


def _box(*coordinates: float) -> Tensor:
    return torch.tensor(coordinates, dtype=torch.float64)


def _draw_box(generator: torch.Generator) -> tuple[Tensor, Tensor, tuple, int]:
    features = torch.randint(-39, 40, (2, 7, 9), generator=generator).double() / 4
    low, side = (torch.randint(*range_, (2,), generator=generator).double() / 8 for range_ in ((0, 17), (5, 36)))
    return features, torch.cat([low, low + side]), (2, 3), 2


SLIPS = read_slips("""
half_a_cell_too_far
    You read half a cell too far to the bottom right. The value of cell i stands at its centre, i + ½, and `bilinear_sample`
    knows that.
    - bilinear_sample(features[None], points[None])
    + bilinear_sample(features[None], points[None] + 0.5)

half_a_cell_too_little
    You read half a cell too far to the top left: `bilinear_sample` takes the half off by itself, as cell i covers [i, i + 1).
    - bilinear_sample(features[None], points[None])
    + bilinear_sample(features[None], points[None] - 0.5)

zeros_outside
    Between the edge of the map and the centres of its outermost cells your values fade: what lies outside counts as 0. There
    the value of the border goes on.
    - points[None])[0]
    + points[None], padding="zeros")[0]

box_rounded
    You round the box to whole cells. That is what RoIAlign was made to avoid: all its numbers stay as they are.
    - = box, bins
    + = box.round(), bins

box_rounded_down
    You cut the box's coordinates down to whole cells. That is what RoIAlign was made to avoid: all its numbers stay as they are.
    - = box, bins
    + = box.floor(), bins

divided_by_the_stride
    You divide the box by a stride of 16. It is in cells already.
    - = box, bins
    + = box / 16, bins

one_added
    You add 1 to the second corner. Coordinates are continuous: from 2 to 5 it is 3.
    - = box, bins
    + = box + box.new_tensor([0, 0, 1, 1]), bins

box_made_square
    You make a square of the box. Its width is x2 - x1, and its height y2 - y1.
    - = box, bins
    + = torch.cat([box[:2], box[:2] + (box[2:] - box[:2]).min()]), bins

corners_of_the_fields
    You read at the first corners of the fields. Each field is read at its centre, half a field further on.
    - (torch.arange(columns * samples).to(box) + 0.5)
    + torch.arange(columns * samples).to(box)
    - (torch.arange(rows * samples).to(box) + 0.5)
    + torch.arange(rows * samples).to(box)

from_edge_to_edge
    Your points reach from one edge of the box to the other. Each lies in the centre of its field: the first one half a field
    from the edge.
    - (torch.arange(columns * samples).to(box) + 0.5) / (columns * samples)
    + torch.linspace(0, 1, columns * samples).to(box)
    - (torch.arange(rows * samples).to(box) + 0.5) / (rows * samples)
    + torch.linspace(0, 1, rows * samples).to(box)

one_sample
    You read each bin at one point, its centre. It has samples x samples fields, each with a point of its own.
    - (x1, y1, x2, y2), (rows, columns) = box, bins
    + (x1, y1, x2, y2), (rows, columns) = box, bins
    + samples = 1

two_samples
    You always read 2 x 2 points in a bin. `samples` says how many there are along each side.
    - (x1, y1, x2, y2), (rows, columns) = box, bins
    + (x1, y1, x2, y2), (rows, columns) = box, bins
    + samples = 2

taken_apart_in_another_order
    You put samples of different bins together. From left to right there are the samples of the first bin, then those of the
    second: the axes are (C, rows, samples, columns, samples).
    - F.avg_pool2d(values, samples)
    + values.reshape(len(values), samples, rows, samples, columns).mean((1, 3))

channels_mixed
    You take the mean over the channels as well. Each is a map of its own.
    - return F.avg_pool2d(values, samples)
    + return F.avg_pool2d(values, samples).mean(0, keepdim=True).expand(len(features), -1, -1)

x_and_y_of_the_points_swapped
    Your points are (y, x). `bilinear_sample` takes them as (x, y).
    - indexing="xy"), dim=-1)
    + indexing="xy"), dim=-1).flip(-1)

box_read_as_y_x
    You read the box as (y1, x1, y2, x2). x comes first.
    - (x1, y1, x2, y2)
    + (y1, x1, y2, x2)

rows_and_columns_swapped
    You swap rows and columns of the bins: `bins` says how many rows there are, that is along y, and then how many columns.
    - (rows, columns)
    + (columns, rows)

transposed
    Your result has x before y: it is (C, columns, rows). Rows come first, as in every map.
    - indexing="xy"
    + indexing="ij"

sum
    You add the samples up. A bin is their mean: otherwise its value would grow with the number of samples.
    - F.avg_pool2d(values, samples)
    + F.avg_pool2d(values, samples) * samples**2

maximum
    You take the largest of the samples. A bin is their mean.
    - F.avg_pool2d
    + F.max_pool2d

width_and_height
    You take the last two numbers of the box for its width and height. They are its second corner, (x2, y2).
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

samples_not_pooled
    You give all the samples. Those of one bin become one number, their mean.
    - return F.avg_pool2d(values, samples)
    + return values
""")


roi_align = Exercise(
    "roi_align",
    roi_align,
    [
        (torch.arange(12).reshape(1, 3, 4).double(), _box(0.5, 1, 2.5, 2), (1, 2), 1),
        (_numbered(-11.25, 2, 4, 5), _box(1.25, 0.75, 4.5, 2.25), (2, 1), 2),
        (_numbered(-23.75, 3, 5, 4), _box(0.25, 0.5, 3.75, 5), (3, 2), 3),
        (_numbered(-2.5, 1, 6, 3), _box(0, 0, 3, 6), (2, 2), 1),
        (_numbered(-7.75, 1, 1, 7), _box(5.125, 0.375, 5.375, 0.875), (1, 3), 2),
        (_numbered(-16.25, 2, 6, 8), _box(6.75, 2.25, 6.75, 4.625), (3, 1), 2),
    ],
    [*SLIPS, *WRONG_SAMPLINGS],
    [
        "Along x the box has columns · samples equal fields. Where is the centre of the first one, and how far is it to the "
        "next?",
        "`torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1)` makes a table of points (x, y). "
        "`bilinear_sample(features[None], points[None])` reads them, in continuous coordinates.",
        "Field k of n has its centre at x1 + (x2 - x1) · (k + ½) / n. Then blocks of samples x samples values become one each.",
    ],
    reference=_by_the_package,
    common_errors={
        "out of bounds": "Between the edge of the map and the centres of its outermost cells, there is no next cell: there the "
        "value of the border goes on.",
        "non-zero size": THINNER,
        "sizes should be greater than 0": THINNER,
        "points must be a tensor": "`bilinear_sample` takes one tensor of points (B, ..., 2), x first.",
        "bilinear_sample needs": "`bilinear_sample` takes maps (B, C, H, W) and points (B, ..., 2): add an axis to "
        "both, `[None]`.",
        "only one element tensors": "The box's coordinates are numbers in a tensor: `x1, y1, x2, y2 = box`.",
    },
    draw=_draw_box,
    library=("roi_align", "multiscale_roi_align", "RoIAlign", "MultiScaleRoIAlign"),
    differentiable=["features"],
    difficulty=3,
    minutes=12,
)
