"""Explorer of lesson 04: a transposed convolution, one input value after the other scattered into the output."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_utils import plots
from course_utils.ops.checks import whole_number, whole_numbers
from course_utils.ops.convsizes import transposed_output_size
from course_utils.widgets.explorer import Explorer, Slider

INPUT = torch.tensor([[1, 3, 2], [5, 4, 6]], device="cpu")
_TAPS = torch.tensor([[1, 2, 1, 0], [3, 1, 2, 1], [0, 2, 1, 3], [1, 0, 2, 1]], device="cpu")

_CURRENT, _CURRENT_FILL = plots.COLOURS[3], "#FBE3D3"
# By how many input values have written a cell: none, one, and from two on the darker the more.
_FILLS = ("white", "#E4F0F8", "#FCE9BF", "#F9D27F", "#F5BC45", "#EFAC1F", "#E69F00")
_GREY = "#767676"
FRAMES_SIZE = (9.5, 5.4)


class State(NamedTuple):
    """What the output holds after some input values: the sums, how many values wrote each, the last block's place."""

    output: Tensor
    writes: Tensor
    block: tuple[int, int] | None


def state(*, kernel: int, stride: int, step: int) -> State:
    """The output after the first `step` values of the input, which are scattered in reading order.

    Raises: ValueError if an argument is not an integer or is too small, for a kernel of more than 4, and for a step past the
    last value.
    """
    kernel, stride = whole_numbers(1, kernel=kernel, stride=stride)
    step = whole_number(step, "step", minimum=0)
    if kernel > len(_TAPS) or step > INPUT.numel():
        raise ValueError(
            f"There are {INPUT.numel()} values to scatter and kernels up to {len(_TAPS)}, but step is {step} and kernel "
            f"{kernel}; take less."
        )
    scattered = (torch.arange(INPUT.numel()) < step).reshape(INPUT.shape)
    ones = torch.ones(kernel, kernel, dtype=torch.int64)
    block = ((step - 1) // INPUT.shape[1] * stride, (step - 1) % INPUT.shape[1] * stride) if step else None
    return State(
        _transposed(INPUT * scattered, _TAPS[:kernel, :kernel], stride),
        _transposed(scattered.long(), ones, stride),
        block,
    )


def _transposed(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    # PyTorch has no such convolution of whole numbers; in float64 these small ones are exact.
    out = F.conv_transpose2d(x[None, None].double(), kernel[None, None].double(), stride=stride)
    return out[0, 0].long()


def sentence(*, kernel: int, stride: int, step: int) -> str:
    """What the last step did, in words."""
    block = state(kernel=kernel, stride=stride, step=step).block
    if block is None:
        return f"0 of {INPUT.numel()}: the output begins with zeros"
    top, left = block
    return (
        f"{step} of {INPUT.numel()}: {int(INPUT.flatten()[step - 1])} × kernel is added at rows {top}–{top + kernel - 1}, "
        f"columns {left}–{left + kernel - 1}"
    )


def _kept(*, kernel: int, stride: int, padding: int) -> str:
    """The size of what padding leaves of the output, in words."""
    return " × ".join(str(transposed_output_size(n, kernel, stride=stride, padding=padding)) for n in INPUT.shape)


def _grid(axes: Axes, values: Tensor, fills: list[list[str]], left: float, *, size: float, greys: Tensor) -> None:
    """Write numbers into a grid of unit cells whose upper left corner is at (left, 0)."""
    for row, numbers in enumerate(values.tolist()):
        for column, number in enumerate(numbers):
            place = (left + column, row)
            axes.add_patch(Rectangle(place, 1, 1, facecolor=fills[row][column], edgecolor="#9A9A9A", linewidth=0.8))
            colour = _GREY if greys[row, column] else "black"
            middle = (place[0] + 0.5, row + 0.5)
            axes.annotate(str(number), middle, ha="center", va="center_baseline", fontsize=size, color=colour, zorder=4)


def _outline(axes: Axes, left: float, top: float, width: float, height: float, colour: str) -> None:
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=colour, linewidth=3, zorder=5))


def _output(axes: Axes, found: State, left: float, *, kernel: int, padding: int, size: float) -> None:
    """Draw the output: tinted by the number of writes, the last block outlined, what the padding cuts off hatched."""
    rows, columns = found.output.shape
    fills = [[_FILLS[n] for n in line] for line in found.writes.tolist()]
    kept = torch.zeros_like(found.writes, dtype=torch.bool)
    kept[padding : rows - padding, padding : columns - padding] = True
    for row, column in (~kept).nonzero().tolist():
        fills[row][column] = "#D0D0D0"
    _grid(axes, found.output, fills, left, size=size, greys=(found.writes == 0) & kept)
    if padding:
        _outline(axes, left + padding, padding, columns - 2 * padding, rows - 2 * padding, "black")
    if found.block:
        _outline(axes, left + found.block[1], found.block[0], kernel, kernel, _CURRENT)


def _legend(axes: Axes, *, kernel: int, stride: int) -> None:
    """Say below the input what the tints mean, up to the darkest of the finished output."""
    most = int(state(kernel=kernel, stride=stride, step=INPUT.numel()).writes.max())
    axes.annotate("written … times", (0, INPUT.shape[0] + 1.05), va="bottom", fontsize=12)
    for count in range(1, most + 1):
        place = (0.72 * (count - 1), INPUT.shape[0] + 1.2)
        axes.add_patch(Rectangle(place, 0.66, 0.66, facecolor=_FILLS[count], edgecolor="#9A9A9A", linewidth=0.8))
        middle = (place[0] + 0.33, place[1] + 0.33)
        axes.annotate(str(count), middle, ha="center", va="center_baseline", fontsize=12)


def draw(figure: Figure | SubFigure, *, kernel: int, stride: int, padding: int, step: int) -> None:
    """Draw the input, the kernel times its current value, the output so far, and a sentence."""
    found, kept = state(kernel=kernel, stride=stride, step=step), _kept(kernel=kernel, stride=stride, padding=padding)
    width, (rows, columns) = INPUT.shape[1], found.output.shape
    axes, gap = figure.subplots(), 1.8
    middle, right = width + gap, width + kernel + 2 * gap
    tall = max(rows, kernel, 4)

    order = torch.arange(1, INPUT.numel() + 1).reshape(INPUT.shape)
    fills = [[_CURRENT_FILL if n == step else "white" for n in line] for line in order.tolist()]
    _grid(axes, INPUT, fills, 0, size=14, greys=order < step)
    value = int(INPUT.flatten()[step - 1]) if step else 1
    block_fill = _CURRENT_FILL if step else "white"
    none = torch.zeros(kernel, kernel, dtype=torch.bool)
    _grid(axes, value * _TAPS[:kernel, :kernel], [[block_fill] * kernel] * kernel, middle, size=14, greys=none)
    _output(axes, found, right, kernel=kernel, padding=padding, size=14)
    _legend(axes, kernel=kernel, stride=stride)
    if step:
        _outline(axes, (step - 1) % width, (step - 1) // width, 1, 1, _CURRENT)
        _outline(axes, middle, 0, kernel, kernel, _CURRENT)

    for n in range(rows):
        axes.annotate(str(n), (right - 0.35, n + 0.5), ha="center", va="center_baseline", fontsize=12, color=_GREY)
    for n in range(columns):
        axes.annotate(str(n), (right + n + 0.5, -0.3), ha="center", va="center_baseline", fontsize=12, color=_GREY)
    size = f"output {rows} × {columns}"
    if padding:
        size += f", kept {kept}"
    for left, title in ((0, "input"), (middle, f"{value} × kernel" if step else "kernel"), (right, size)):
        axes.annotate(title, (left, -0.85), ha="left", va="bottom", fontsize=13)
    axes.annotate(sentence(kernel=kernel, stride=stride, step=step), (0, tall + 0.75), va="center", fontsize=14)
    axes.set(xlim=(-0.1, right + columns + 0.1), ylim=(tall + 1.3, -1.7), aspect="equal")
    axes.axis("off")


def draw_frames(figure: Figure | SubFigure, *, kernel: int, stride: int) -> None:
    """Draw the output after each of the six input values: the explorer as a strip; for figures of `FRAMES_SIZE`."""
    for step, axes in enumerate(figure.subplots(*INPUT.shape).flat, start=1):
        found = state(kernel=kernel, stride=stride, step=step)
        rows, columns = found.output.shape
        _output(axes, found, 0, kernel=kernel, padding=0, size=12)
        axes.set_title(f"{step}: add {int(INPUT.flatten()[step - 1])} × kernel")
        axes.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1), aspect="equal")
        axes.axis("off")


def alt(*, kernel: int, stride: int, padding: int, step: int) -> str:
    """What there is to see for one setting."""
    found, kept = state(kernel=kernel, stride=stride, step=step), _kept(kernel=kernel, stride=stride, padding=padding)
    rows, columns = found.output.shape
    cut = f" Padding {padding} keeps {kept} of it." if padding else ""
    return (
        f"Kernel {kernel} × {kernel}, stride {stride}, step {sentence(kernel=kernel, stride=stride, step=step)} of an output "
        f"of {rows} × {columns}; {_overlap(found)}.{cut}"
    )


def frames_alt(*, kernel: int, stride: int) -> str:
    """What there is to see in the strip of frames."""
    last = state(kernel=kernel, stride=stride, step=INPUT.numel())
    shape = " × ".join(map(str, last.output.shape))
    return (
        f"Six frames of an output of {shape}, kernel {kernel} × {kernel}, stride {stride}: each adds one block; in the last, "
        f"{_overlap(last)}."
    )


def _overlap(found: State) -> str:
    most = int(found.writes.max())
    return f"up to {most} blocks overlap" if most > 1 else "no blocks overlap"


SCATTER = Explorer(
    draw,
    alt,
    {
        "kernel": Slider("kernel", 2, 4, 1, 3),
        "stride": Slider("stride", 1, 3, 1, 2),
        "padding": Slider("padding", 0, 1, 1, 0),
        "step": Slider("values scattered", 0, INPUT.numel(), 1, 4),
    },
    [{"step": 1}, {"step": 4}, {"step": 6, "padding": 1}],
    size=(9.5, 4.0),
)
