"""The outputs for shifted images, stitched together."""

import torch
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_02.networks import Drawn, ReadsDigits, channel, drawn_image
from course_utils.exercises.slips import read_slips
from course_utils.sliding import windows as windows_of_images


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


def _draw_strided(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    """Stride 4, window 7: 10 × 18 pixels have 4 × 12 windows."""
    layers = nn.Conv2d(3, 4, 3, stride=2), nn.Tanh(), nn.MaxPool2d(2, stride=1), nn.Conv2d(4, 3, 2, stride=2)
    return Drawn(generator, *layers), drawn_image(generator, 2, 3, 10, 18), 4


def _draw_stride_three(generator: torch.Generator) -> tuple[nn.Module, Tensor, int]:
    """Stride 3, window 4: 9 × 6 pixels have 6 × 3 windows."""
    return Drawn(generator, nn.Conv2d(2, 3, 4, stride=3)), drawn_image(generator, 2, 2, 9, 6), 3


SLIPS = read_slips("""
shifts_swapped
    You swapped the two shifts: what was shifted by dy rows belongs in rows dy, dy + stride, …; you put it into
    these columns.
    - dy::stride, dx::stride
    + dx::stride, dy::stride

side_by_side
    You put the outputs side by side, as tiles: stride² small pictures of the same scene. Neighbours in the result
    come from different shifts: interleave, `[dy::stride, dx::stride]`.
    - dy::stride, dx::stride
    + dy * rows : (dy + 1) * rows, dx * columns : (dx + 1) * columns

rows_in_blocks
    Your columns are interleaved, but your rows are not: they stand in blocks, one block for each dy. Rows dy,
    dy + stride, … are those of the shift by dy.
    - dy::stride
    + dy * rows : (dy + 1) * rows

stacked_and_reshaped
    You stack the outputs and reshape the stack. A reshape moves no number, and here each has to move to its place
    between the others: `[dy::stride, dx::stride]`.
    - rows * stride, columns * stride
    + stride, stride, rows, columns
    - dy::stride, dx::stride
    + dy, dx
    - return result
    + return result.reshape(batch, classes, rows * stride, columns * stride)

shifts_before_classes
    `F.pixel_shuffle` makes one map of each stride² channels that follow one another: these have to be the shifts of
    one class. `torch.cat` put all classes of the first shift in front, which is right for a single class only.
    - classes, rows * stride, columns * stride
    + stride, stride, classes, rows, columns
    - [:, :, dy::stride, dx::stride
    + [:, dy, dx
    - return result
    + return nn.functional.pixel_shuffle(result.flatten(1, 3), stride)

interleaved_backwards
    You fill the places from the far end: what was shifted by dy rows stands in row stride - 1 - dy. Cutting off dy
    rows makes the first window begin in row dy, and there its answer belongs.
    - dy::stride, dx::stride
    + stride - 1 - dy :: stride, stride - 1 - dx :: stride

shifted_forwards_with_zeros
    You push the image down and to the right, with zeros in front. Then the first window begins *before* the image;
    cut off dy rows and dx columns instead, and it begins at (dy, dx).
    - image[:, :, dy:, dx:]
    + nn.functional.pad(image, (dx, -dx, dy, -dy))

rolled_forwards
    `torch.roll` with (dy, dx) moves the image down and to the right, and its end to the front. The first window is
    to begin at (dy, dx): the image has to move up and to the left.
    - image[:, :, dy:, dx:]
    + image.roll((dy, dx), dims=(-2, -1))

not_shifted
    You blow up the one coarse output: all pixels of a block have the same logits. Those in between are there to be
    computed: from shifted images.
    - image[:, :, dy:, dx:]
    + image

interpolated
    You interpolate the one coarse output. What comes out lies between the network's answers for two windows; the
    network's answer for the window in between is another one, and is computed from a shifted image.
    - return result
    + return nn.functional.interpolate(network(image), scale_factor=stride, mode="bilinear")

mean_of_shifts
    You average the outputs of all shifts. Each of them belongs to other windows: put them into their places
    instead.
    - new_empty
    + new_zeros
    - rows * stride, columns * stride
    + rows, columns
    - result[:, :, dy::stride, dx::stride] =
    + result +=
    - return result
    + return (result / stride**2).repeat_interleave(stride, dim=2).repeat_interleave(stride, dim=3)

rows_only
    You shift down but not across: the columns of your result come in groups of equal ones. All stride² pairs (dy,
    dx) are needed.
    - dx:]
    + :]

columns_only
    You shift across but not down: the rows of your result come in groups of equal ones. All stride² pairs (dy, dx)
    are needed.
    - dy:,
    + :,

diagonal_only
    You shift down and across by the same number, which fills one place in `stride` only. All stride² pairs (dy, dx)
    are needed.
    - new_empty
    + new_zeros
    - dx in range(stride)
    + dx in [dy]
""")


shift_and_stitch = Exercise(
    "shift_and_stitch",
    shift_and_stitch,
    [
        (
            ReadsDigits((2, 2), stride=2),
            channel([1, 2, 3, 4, 5], [6, 7, 8, 9, 1], [4, 8, 3, 7, 2])[None],
            2,
        ),
        (
            ReadsDigits((2, 2), stride=2),
            channel([-0.75, 2.5, 1.25], [3.5, -4.25, 0.5], [6.75, -1.5, 7.25], [-2.25, 5.5, 8.75], [4.75, 9.5, -3.5])[
                None
            ],
            2,
        ),
        _draw_stride_three(torch.Generator().manual_seed(3)),
    ],
    SLIPS,
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
    draw=_draw_strided,
    unaffected={"it is for predictions, which no gradient goes through": ["detached"]},
    difficulty=3,
    minutes=15,
)
