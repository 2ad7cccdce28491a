"""Explorer of lesson 06: what a network that knows everything can write down on a grid of a given stride."""

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from course_utils import plots
from course_utils.metrics.boundary import boundary_iou
from course_utils.metrics.semantic import confusion_matrix, scores
from course_utils.ops.checks import whole_number
from course_utils.plots.overlays import colour_labels
from course_utils.widgets.explorer import Explorer, Slider

WALL, ROAD, POLE, BALL = range(4)
SIZE = HEIGHT, WIDTH = 64, 96
STRIDES = (1, 2, 4, 8, 16, 32)

_PALETTE = ((236, 231, 219), (176, 183, 191), (213, 94, 0), (0, 114, 178))
_POLE, _BALL = plots.COLOURS[3], plots.COLOURS[0]
_GROUND = 40  # the first row of the road, where the pole ends
_ROW = 8  # only wall and pole, in all cells above it and below it
# Blue up to one half, orange above (an odd number of colours has one for the half itself): what will be drawn is seen.
_SHARES = LinearSegmentedColormap.from_list(
    "shares", [(0, "#F4F6F8"), (0.5, "#8DB6D6"), (0.5001, "#F2A86F"), (1, _POLE)], N=1025
)


def street(width: int, left: int) -> Tensor:
    """The truth: a wall above a road, a pole before the wall whose first column is `left`, a ball: labels (64, 96).

    Raises: ValueError for a pole that is no pole or reaches over the sides.
    """
    width = whole_number(width, "width", minimum=1)
    left = whole_number(left, "left", minimum=0)
    if left + width > WIDTH:
        raise ValueError(f"The street has {WIDTH} columns, but the pole reaches to {left + width}; take less.")
    labels = torch.full(SIZE, WALL)
    labels[_GROUND:] = ROAD
    labels[:_GROUND, left : left + width] = POLE
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    labels[(rows - 51.5) ** 2 + (columns - 76.5) ** 2 < 10**2] = BALL
    return labels


def shares(labels: Tensor, stride: int) -> Tensor:
    """The share of each class in each cell of the grid: (4, 64 / stride, 96 / stride).

    Raises: ValueError for a stride that is not one of `STRIDES`.
    """
    if stride not in STRIDES:
        raise ValueError(f"stride must be one of {', '.join(map(str, STRIDES))}, but is {stride!r}.")
    return F.avg_pool2d(F.one_hot(labels, 4).movedim(-1, 0).double(), stride)


def enlarge(grid: Tensor) -> Tensor:
    """Shares on a grid, bilinearly enlarged to the size of the street: (4, 64, 96)."""
    return F.interpolate(grid[None], size=SIZE, mode="bilinear")[0]


def measure(stride: int, width: int, left: int) -> dict[str, float]:
    """How well the best map of a stride shows the pole and the ball, and the pole's largest share of a cell."""
    truth = street(width, left)
    grid = shares(truth, stride)
    best = enlarge(grid).argmax(0)
    iou = scores(confusion_matrix(best, truth, 4)).iou
    return {
        "pole, IoU": float(iou[POLE]),
        "pole, boundary IoU": float(boundary_iou(best, truth, 4, width=2)[POLE]),
        "ball, IoU": float(iou[BALL]),
        "largest share": float(grid[POLE].max()),
    }


def draw(figure: Figure | SubFigure, *, halvings: int, width: int, left: int) -> None:
    """Draw the truth below the grid, the pole's shares, the best map, one row through the pole, and the scores."""
    stride, truth = 2**halvings, street(width, left)
    grid = shares(truth, stride)
    enlarged, found = enlarge(grid), measure(stride, width, left)
    above, below = figure.subfigures(2, 1, height_ratios=(2.4, 1.7))
    pictures = above.subplots(1, 3)
    titles = (
        f"truth, stride {stride}",
        f"pole's share of a cell: up to {found['largest share']:.2f}",
        "best map of this stride",
    )
    for axes, title in zip(pictures, titles, strict=True):
        axes.set(xticks=[], yticks=[])
        axes.set_title(title)
        axes.spines[:].set_visible(True)
    extent = (0, WIDTH, HEIGHT, 0)
    pictures[0].imshow(colour_labels(truth, _PALETTE), extent=extent)
    pictures[1].imshow(grid[POLE].numpy(), extent=extent, cmap=_SHARES, vmin=0, vmax=1)
    pictures[2].imshow(colour_labels(enlarged.argmax(0), _PALETTE), extent=extent)
    for axes in pictures[:2]:
        _draw_grid(axes, stride)
    cut, bars = below.subplots(1, 2, width_ratios=(1.9, 1))
    _draw_cut(cut, grid[POLE, _ROW // stride], enlarged[POLE, _ROW], stride, (left, left + width))
    _draw_scores(bars, found)


def _draw_grid(axes: Axes, stride: int) -> None:
    """Draw the borders of the cells, the fainter the closer they are; none of single pixels."""
    if stride > 1:
        across = [((x, 0), (x, HEIGHT)) for x in range(stride, WIDTH, stride)]
        down = [((0, y), (WIDTH, y)) for y in range(stride, HEIGHT, stride)]
        axes.add_collection(LineCollection(across + down, colors="#404040", linewidths=min(0.8, 0.15 + 0.06 * stride)))


def _draw_cut(axes: Axes, cells: Tensor, line: Tensor, stride: int, pole: tuple[int, int]) -> None:
    """Draw a row of the picture: where the pole is, its shares of the cells, and the line that they are enlarged to."""
    axes.barh(-0.2, pole[1] - pole[0], height=0.22, left=pole[0], color=_POLE)
    edges = range(0, WIDTH, stride)
    axes.bar(
        edges,
        cells.numpy(),
        width=stride,
        align="edge",
        color=_SHARES(cells.numpy()),
        edgecolor="#404040",
        linewidth=0.5,
    )
    centres = np.arange(WIDTH) + 0.5
    axes.plot(centres, line.numpy(), color="black", linewidth=1.8)
    drawn = (line > 0.5).numpy()
    axes.plot(centres[drawn], line.numpy()[drawn], "o", color=_POLE, markeredgecolor="black", markersize=6)
    axes.axhline(0.5, color="black", linestyle="--", linewidth=1)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlim=(0, 72), ylim=(-0.36, 1.1), xticks=range(0, 73, 8))
    axes.set_yticks([-0.2, 0.5, 1], ["truth", "½", "1"])
    axes.set_title("columns of one row: pole where the line is above ½")


def _draw_scores(axes: Axes, found: dict[str, float]) -> None:
    names = ["pole: IoU", "boundary IoU", "ball: IoU"]
    values = [found[name] for name in ("pole, IoU", "pole, boundary IoU", "ball, IoU")]
    bars = axes.barh(names, values, color=[_POLE, _POLE, _BALL])
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=4)
    axes.set(xlim=(0, 1.35), xticks=[])
    axes.set_title("scores of the best map")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False)
    axes.invert_yaxis()


def alt(*, halvings: int, width: int, left: int) -> str:
    """What there is to see for one setting."""
    found = measure(2**halvings, width, left)
    seen = "is drawn" if found["pole, IoU"] else "is gone"
    return (
        f"A pole {width} px wide from column {left} on cells of {2**halvings}: its largest share of a cell is "
        f"{found['largest share']:.2f}, and it {seen}: IoU {found['pole, IoU']:.2f}, boundary IoU "
        f"{found['pole, boundary IoU']:.2f}; the ball's IoU is {found['ball, IoU']:.2f}."
    )


GRID = Explorer(
    draw,
    alt,
    {
        "halvings": Slider("times halved", 0, 5, 1, 3),
        "width": Slider("width of the pole", 1, 24, 1, 6),
        "left": Slider("its first column", 8, 40, 1, 24),
    },
    [
        {"halvings": 3, "width": 6, "left": 24},
        {"halvings": 3, "width": 6, "left": 29},
        {"halvings": 2, "width": 6, "left": 29},
    ],
    size=(9.0, 4.0),
)
