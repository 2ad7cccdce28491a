"""The exercises of lesson 02: sliding windows, dense networks, receptive fields."""

import torch
import torch.nn as nn
from torch import Tensor

from course_utils.exercises import (
    Exercise,
    mistakes_02 as of_windows,
    mistakes_02_fields as of_fields,
    mistakes_02_layers as of_layers,
    mistakes_02_shifts as of_shifts,
    mistakes_02_strips as of_strips,
    probes_02 as probes,
)
from course_utils.exercises.questions import Prediction
from course_utils.sliding import fields, windows as windows_of_images


def count_windows(height: int, width: int, window: int, stride: int) -> int:
    """Count the positions of a square window that stays in the image and moves by `stride` pixels, across and down."""
    rows = (height - window) // stride + 1
    columns = (width - window) // stride + 1
    return rows * columns


count_windows = Exercise(
    "count_windows",
    count_windows,
    [(4, 6, 3, 1), (6, 9, 2, 3), (11, 8, 5, 2), (5, 12, 5, 3), (720, 1280, 65, 1)],
    of_windows.COUNT_WINDOWS,
    [
        "One row first: where does the leftmost window begin, and where the rightmost one that still fits?",
        "The window can go width - window pixels to the right. How many whole steps of `stride` are that?",
        "Steps + 1 positions in a row; the same for the columns; `//` divides and rounds down.",
    ],
    draw=probes.draw_sizes,
    difficulty=1,
    minutes=4,
)


def sliding_window(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Classify the w × w window whose top left pixel is (y, x), for every window that lies in the image.

    classifier: (N, C, w, w) -> (N, K); image: (C, H, W); result: logits (K, H-w+1, W-w+1), for (y, x) at [:, y, x].
    """
    rows = []
    for y in range(image.shape[1] - window + 1):
        windows = [image[:, y : y + window, x : x + window] for x in range(image.shape[2] - window + 1)]
        logits = classifier(torch.stack(windows))
        rows.append(logits.T)
    return torch.stack(rows, dim=1)


sliding_window = Exercise(
    "sliding_window",
    sliding_window,
    [
        # Odd and even windows; K is 2, rows and columns are 3 and 4, or 4 and 3.
        (
            probes.ReadsWindow(1, 3),
            probes.digits(
                [1, 2, 3, 4, 5, 6], [7, 8, 9, 1, 3, 2], [4, 6, 5, 9, 7, 8], [2, 9, 1, 8, 6, 3], [5, 3, 8, 2, 4, 7]
            ),
            3,
        ),
        (
            probes.ReadsWindow(2, 2),
            torch.cat(
                [
                    probes.digits([3, 1, 6, 2], [4, 5, 8, 9], [9, 2, 7, 5], [6, 7, 1, 8], [2, 8, 4, 3]),
                    probes.digits([8, 2, 9, 4], [7, 1, 3, 6], [5, 9, 2, 1], [3, 6, 8, 7], [4, 5, 1, 9]),
                ]
            ),
            2,
        ),
    ],
    of_windows.SLIDING_WINDOW,
    [
        "One window is `image[:, y : y + window, x : x + window]`. Which values does y take, and which x?",
        "`torch.stack` makes a batch of a list of windows: one call of the classifier for each row is enough.",
        "A row of windows gives logits (W-w+1, K). Transpose each row, and `torch.stack(rows, dim=1)`.",
    ],
    common_errors={
        "takes a batch of windows": "The batch axis is missing: `windows[None]` makes a batch of one window.",
        "classifier takes windows": "A window has w rows and w columns, for odd and even w; the whole image does not fit. "
        "`y : y + w` are w rows, but `y - w // 2 : y + w // 2 + 1` only for odd w, and without the + 1 only for even w. A window "
        "that is too small sticks out of the image, or y and x have changed places: rows come first, `image[:, rows, columns]`.",
        "mat1 and mat2": "Is the batch axis there, (N, C, w, w)? Does a window stick out of the image?",
        "stack expects each tensor": "What you stack differs in size. Either a window sticks out of the image (the last begins "
        "at row H - w, column W - w), or y and x have changed places: rows come first, `image[:, rows, columns]`.",
        "non-empty": "A list is empty: there are H - w + 1 rows of windows, not H - w.",
        "out of bounds": "The result has H - w + 1 rows and W - w + 1 columns.",
        "must match the existing size": "How many logits there are is the classifier's affair: K is `logits.shape[1]`.",
    },
    reference=lambda network, image, size: windows_of_images.sliding_window_logits(network, image[None], window=size)[
        0
    ],
    draw=probes.draw_classifier,
    difficulty=2,
    minutes=12,
)


def linear_to_convolution(weight: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Turn the weight (K, C·h·w) of a linear layer that follows `nn.Flatten` on maps (C, h, w) into a convolution's kernel.

    Result: (K, C, h, w), with which `F.conv2d` gives for each window what the linear layer gives for it.
    """
    return weight.reshape(-1, channels, height, width)


linear_to_convolution = Exercise(
    "linear_to_convolution",
    linear_to_convolution,
    [
        # K, C, h and w all differ: axes that have changed places show in the shape.
        (probes.counting(2, 12), 3, 1, 4),
        (probes.counting(1, 24), 4, 3, 2),
    ],
    of_layers.LINEAR_TO_CONVOLUTION,
    [
        "Each row of the weight is one output of the layer. How many numbers has it, and which pixel does each belong to?",
        "`nn.Flatten` takes channel 0 row by row, then channel 1. Which call undoes that?",
        "No number has to move: a `reshape` to four axes is all.",
    ],
    common_errors={"is invalid for input of size": "The four axes are (K, C, h, w); K can be left to `reshape` as -1."},
    draw=probes.draw_weight,
    difficulty=1,
    minutes=5,
)


def shift_and_stitch(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """Compute what a strided network would give at every pixel, from its outputs for stride² shifted images.

    network: fully convolutional without padding, (B, C, H, W) -> (B, K, h, w), in steps of `stride` pixels; H-window+1 and
    W-window+1 are multiples of `stride`; result: (B, K, H-window+1, W-window+1), for the window from (y, x) at [..., y, x].
    """
    batch, classes, rows, columns = network(image).shape
    result = image.new_empty(batch, classes, rows * stride, columns * stride)
    for dy in range(stride):
        for dx in range(stride):
            result[:, :, dy::stride, dx::stride] = network(image[:, :, dy:, dx:])
    return result


SHIFTED_TOO_FAR = (
    "What is left of the image is smaller than one window. Shifts run from 0 to stride - 1, whatever the stride is, and only cut "
    "off rows and columns in front, `image[:, :, dy:, dx:]`: the steps of `stride` pixels are in the network already."
)


def _stitched_in_the_package(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    window = image.shape[-2] - stride * network(image).shape[-2] + 1
    return windows_of_images.shift_and_stitch(network, image, stride=stride, window=window)


shift_and_stitch = Exercise(
    "shift_and_stitch",
    shift_and_stitch,
    [
        (
            probes.ReadsDigits((2, 2), stride=2),
            probes.digits([1, 2, 3, 4, 5], [6, 7, 8, 9, 1], [4, 8, 3, 7, 2])[None],
            2,
        ),
        probes.draw_stride_three(torch.Generator().manual_seed(3)),
    ],
    of_shifts.SHIFT_AND_STITCH,
    [
        "The image without its first row: for which windows does the network now give its outputs?",
        "`network(image[:, :, dy:, dx:])` gives the windows that begin at dy, dy + stride, … and dx, dx + stride, …",
        "Make an empty result and write each output into `result[:, :, dy::stride, dx::stride]`.",
    ],
    common_errors={
        "must match the existing size": "Source and target differ in size. The result is (B, K, h·stride, w·stride), each output "
        "fills every stride-th row and column of it, and the image is cut, not padded.",
        "stack expects each tensor": "The outputs differ in size: shift by cutting off dy rows and dx columns, not by padding.",
        "Kernel size can't be greater": SHIFTED_TOO_FAR,
        "Output size is too small": SHIFTED_TOO_FAR,
    },
    reference=_stitched_in_the_package,
    draw=probes.draw_strided,
    difficulty=3,
    minutes=15,
)


def dilations(strides: list[int]) -> list[int]:
    """Say which dilation each layer needs, once all strides are 1, so that the network gives its numbers at every pixel.

    strides: those that the layers had, pooling included, the layer next to the image first; result: one for each layer.
    """
    result, product = [], 1
    for stride in strides:
        result.append(product)
        product *= stride
    return result


dilations = Exercise(
    "dilations",
    dilations,
    [([3, 1],), ([2, 3, 1, 4],), ([1, 2, 2, 2, 3],)],
    of_layers.DILATIONS,
    [
        "Two layers, the first with stride 2. The second one's neighbours were 2 pixels apart. Where are they at stride 1?",
        "The first layer looks at the image, of which nothing has changed: its dilation is 1.",
        "Go through the strides with a product that begins at 1: first it is the layer's dilation, then multiply its stride in.",
    ],
    draw=probes.draw_strides,
    difficulty=2,
    minutes=6,
)


def receptive_field(layers: list[tuple[int, int, int]]) -> tuple[int, int]:
    """How many pixels across does one unit of the last layer see, and how many pixels apart are two neighbouring units?

    layers: (kernel_size, stride, dilation), the one next to the image first; result: (size, jump).
    """
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return size, jump


receptive_field = Exercise(
    "receptive_field",
    receptive_field,
    [
        ([(3, 1, 1), (3, 1, 1)],),
        ([(3, 2, 1), (5, 1, 1)],),
        ([(5, 1, 2), (2, 3, 1)],),
        ([(7, 2, 1), (3, 2, 1), (3, 1, 4), (2, 3, 1)],),
    ],
    of_fields.RECEPTIVE_FIELD,
    [
        "Begin with size 1 and jump 1, a pixel, and go through the layers. What does a kernel of 3 add at jump 1?",
        "A kernel has k - 1 steps between its inputs. Each step is `dilation` units of the layer before, `jump` pixels each.",
        "In each layer: `size += dilation * (kernel_size - 1) * jump`, and only then `jump *= stride`.",
    ],
    reference=lambda layers: fields.receptive_field(
        [nn.MaxPool2d(size, stride, dilation=dilation) for size, stride, dilation in layers]
    )[:2],
    draw=probes.draw_layers,
    difficulty=1,
    minutes=6,
)


vgg_sees = Prediction(
    "vgg_sees",
    "VGG-16 has 13 convolutions of 3 × 3 and five poolings of 2 × 2, and an image of 224 × 224 pixels comes out as 7 × 7 "
    "units. How many pixels wide is the square that one of these units sees?",
    ["13 layers look one unit to either side, but a unit is 16 pixels wide in the last of them. Guess from 1 to 500."],
    explanation=(
        "So not even the unit in the middle sees the whole image, though that has been taught; of the square of a corner unit "
        "two thirds lie outside the image. It is the fully connected layer behind them that joins all 49."
    ),
    limits=(1, 500),
    digits=0,
    minutes=2,
)


def predict_in_strips(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Run a network on strips of at most width + 2 * margin columns, so that the result is that for the whole image.

    network: (B, C, H, W) -> (B, K, H, W), pads with zeros; each output sees `margin` columns to its left and right.
    """
    columns = []
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        columns.append(strip[..., x - left : x - left + width])
    return torch.cat(columns, dim=-1)


predict_in_strips = Exercise(
    "predict_in_strips",
    predict_in_strips,
    [
        (
            probes.ReadsDigits((1, 3), padding=(0, 1), widest=6),
            probes.digits([1, 2, 3, 4, 5, 6, 7], [8, 9, 4, 6, 2, 7, 3])[None],
            3,
            1,
        ),
        (
            probes.ReadsDigits((1, 5), padding=(0, 2), widest=10),
            probes.digits([7, 3, 1, 9, 4, 2, 8, 6, 5, 1, 3])[None],
            4,
            2,
        ),
    ],
    of_strips.PREDICT_IN_STRIPS,
    [
        "Look at the two columns on either side of a cut: which strip saw all their neighbours?",
        "Which columns of a strip are right? Nothing is wrong at the border of the image: there, a strip has no margin.",
        "Keep `width` columns of each strip, from x - left on, and join them with `torch.cat(..., dim=-1)`.",
    ],
    common_errors={
        "do not fit into memory": "The exercise is about images that are too large for one run: a strip has at most "
        "width + 2 * margin columns. A margin that is wider than what the network sees is not needed.",
        "Calculated padded input size": "A strip is empty or too narrow: a negative start counts from the end of the image.",
        "must match the existing size": "The result has the network's K channels, not the image's C: join the strips instead.",
        "Sizes of tensors must match": "Strips are joined along the columns, the last axis: `dim=-1`. The last may be narrower.",
        "supported for 4D input": "To reflect columns only, PyTorch wants to know about rows, too. But is a reflection what the "
        "network sees at the border of the whole image?",
    },
    draw=probes.draw_padded,
    given=of_strips.given_predict_in_strips,
    difficulty=2,
    minutes=8,
)
