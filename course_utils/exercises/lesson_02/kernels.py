"""A linear layer as a convolution."""

import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_02.networks import drawn_image
from course_utils.exercises.slips import read_slips


def linear_to_convolution(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Turn the weight (K, C·h·w) of a linear layer that follows `nn.Flatten` on maps (C, h, w) into a convolution's kernel.

    Result: (K, C, h, w), with which `F.conv2d` gives for each window what the linear layer gives for it.
    """
    return weight.reshape(-1, channels, height, width)


def _draw_weight(generator: torch.Generator) -> tuple[Tensor, int, int, int]:
    return drawn_image(generator, 5, 3 * 2 * 4), 3, 2, 4


def _counting(rows: int, columns: int) -> Tensor:
    """1, 2, 3, … row by row: (rows, columns) float64."""
    return torch.arange(1, rows * columns + 1, dtype=torch.float64).reshape(rows, columns)


SLIPS = read_slips("""
channels_last
    You read a row of the weight as (h, w, C). `nn.Flatten` runs over (C, h, w): the last axis fastest, the channel
    slowest.
    - -1, channels, height, width)
    + -1, height, width, channels).permute(0, 3, 1, 2)

channels_axis_last
    Your kernel is (K, h, w, C), which is another library's order. In PyTorch the channels come before rows and
    columns, in the kernel and in the maps that were flattened.
    - channels, height, width)
    + height, width, channels)

sides_swapped
    You read each channel as w rows of h numbers, and turn it afterwards. It was flattened row by row: h rows of w.
    - height, width)
    + width, height).transpose(2, 3)

width_before_height
    Your kernel is (K, C, w, h): width and height have changed places. In PyTorch rows come before columns.
    - height, width)
    + width, height)

flipped
    Your kernel is flipped, as in the convolution of mathematics. `nn.Conv2d` does not flip: it multiplies the first
    weight by the first pixel of the window, just as the linear layer does.
    - height, width)
    + height, width).flip(2, 3)

averaged_over_places
    Each place of your kernel has the same weight, the mean over all places. The linear layer has a weight of its
    own for each place, so it is no 1 × 1 convolution, and no average before one either.
    - weight.reshape(-1, channels, height, width)
    + weight.reshape(-1, channels, height, width).mean(dim=(2, 3), keepdim=True).expand(-1, -1, height, width)

weight_transposed
    You transposed the weight first. `nn.Linear` stores it as (out, in): a row has all the weights of one output,
    and that is one kernel.
    - weight.reshape
    + weight.T.reshape

channels_before_outputs
    You cut the weight into channels first and into outputs second. A row of the weight belongs to one output: the
    axis K comes first, in the weight and in the kernel.
    - -1, channels, height, width)
    + channels, -1, height, width).transpose(0, 1)

cut_into_channels_first
    You let C be the first axis. A row of the weight belongs to one output, so that the axis K comes first, in the
    weight and in the kernel: (K, C, h, w).
    - -1, channels
    + channels, -1

inputs_first
    Your kernel is (C, K, h, w). `nn.Conv2d` stores the outputs first, (K, C, h, w), as `nn.Linear` does: the other
    way round is the order of the *transposed* convolution.
    - height, width)
    + height, width).transpose(0, 1)

one_by_one
    This is a 1 × 1 kernel on C·h·w channels, a common mistake with fully connected layers. But the maps have
    C channels, and the layer looks at h × w places of them: its kernel is as large as that. Only a layer whose
    input is a single place becomes a 1 × 1 convolution.
    - weight.reshape(-1, channels, height, width)
    + weight[:, :, None, None]
""")


linear_to_convolution = Exercise(
    "linear_to_convolution",
    linear_to_convolution,
    [
        # K, C, h and w all differ: axes that have changed places show in the shape.
        (_counting(2, 12), 3, 1, 4),
        (2.5 - 0.75 * _counting(1, 24), 4, 3, 2),
    ],
    SLIPS,
    [
        "Each row of the weight is one output of the layer. How many numbers has it, and which pixel does each belong to?",
        "`nn.Flatten` takes channel 0 row by row, then channel 1. Which call undoes that?",
        "No number has to move: a `reshape` to four axes is all.",
    ],
    common_errors={"is invalid for input of size": "The four axes are (K, C, h, w); K can be left to `reshape` as -1."},
    draw=_draw_weight,
    unaffected={"a trained weight is moved, and no gradient goes through that": ["detached"]},
    difficulty=1,
    minutes=5,
)
