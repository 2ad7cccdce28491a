"""What people get wrong in lesson 02 when they stitch the outputs for shifted images: each docstring says what."""

from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def _shifted_outputs(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """The outputs of all shifts: (dy, dx, B, K, h, w)."""
    shifts = range(stride)
    return torch.stack([torch.stack([network(image[..., dy:, dx:]) for dx in shifts]) for dy in shifts])


def _blown_up(output: Tensor, stride: int) -> Tensor:
    """Each value repeated in a block."""
    return output.repeat_interleave(stride, dim=-2).repeat_interleave(stride, dim=-1)


def shifts_swapped(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You swapped the two shifts: what was shifted by dy rows belongs into rows dy, dy + stride, …; you put it into these
    columns."""
    parts = _shifted_outputs(network, image, stride)
    return parts.permute(2, 3, 4, 1, 5, 0).flatten(4, 5).flatten(2, 3)


def side_by_side(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You put the outputs side by side, as tiles: stride² small pictures of the same scene. Neighbours in the result come from
    different shifts: interleave, `[dy::stride, dx::stride]`."""
    parts = _shifted_outputs(network, image, stride)
    return parts.permute(2, 3, 0, 4, 1, 5).flatten(4, 5).flatten(2, 3)


def stacked_and_reshaped(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You stack the outputs and reshape the stack. A reshape moves no number, and here each has to move to its place between
    the others: `[dy::stride, dx::stride]`."""
    parts = _shifted_outputs(network, image, stride)
    _, _, batch, classes, rows, columns = parts.shape
    return parts.permute(2, 3, 0, 1, 4, 5).reshape(batch, classes, rows * stride, columns * stride)


def shifted_forwards_with_zeros(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You push the image down and to the right, with zeros in front. Then the first window begins *before* the image; cut
    off dy rows and dx columns instead, and it begins at (dy, dx)."""
    height, width = image.shape[-2:]
    return _stitched(network, image, stride, lambda dy, dx: F.pad(image, (dx, 0, dy, 0))[..., :height, :width])


def rolled_forwards(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """`torch.roll` with (dy, dx) moves the image down and to the right, and its end to the front. The first window is to
    begin at (dy, dx): the image has to move up and to the left."""
    return _stitched(network, image, stride, lambda dy, dx: image.roll((dy, dx), dims=(-2, -1)))


def _stitched(network: nn.Module, image: Tensor, stride: int, shifted: Callable[[int, int], Tensor]) -> Tensor:
    """The outputs of images that `shifted(dy, dx)` gives, interleaved."""
    result = _blown_up(network(image), stride)
    for dy in range(stride):
        for dx in range(stride):
            result[:, :, dy::stride, dx::stride] = network(shifted(dy, dx))
    return result


def not_shifted(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You blow up the one coarse output: all pixels of a block have the same logits. Those in between are there to be
    computed: from shifted images."""
    return _blown_up(network(image), stride)


def mean_of_shifts(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You average the outputs of all shifts. Each of them belongs to other windows: put them into their places instead."""
    return _blown_up(_shifted_outputs(network, image, stride).mean(dim=(0, 1)), stride)


def rows_only(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You shift down but not across: the columns of your result come in groups of equal ones. All stride² pairs (dy, dx) are
    needed."""
    return _stitched(network, image, stride, lambda dy, dx: image[..., dy:, :])


def columns_only(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You shift across but not down: the rows of your result come in groups of equal ones. All stride² pairs (dy, dx) are
    needed."""
    return _stitched(network, image, stride, lambda dy, dx: image[..., dx:])


def shifts_before_classes(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """`F.pixel_shuffle` makes one map of each stride² channels that follow one another: these have to be the shifts of one
    class. `torch.cat` put all classes of the first shift in front, which is right for a single class only."""
    outputs = [network(image[..., dy:, dx:]) for dy in range(stride) for dx in range(stride)]
    return F.pixel_shuffle(torch.cat(outputs, dim=1), stride)


def interpolated(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You interpolate the one coarse output. What comes out lies between the network's answers for two windows; the network's
    answer for the window in between is another one, and is computed from a shifted image."""
    return F.interpolate(network(image), scale_factor=stride, mode="bilinear")


def diagonal_only(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You shift down and across by the same number, which fills one place in `stride` only. All stride² pairs (dy, dx) are
    needed."""
    result = torch.zeros_like(_blown_up(network(image), stride))
    for shift in range(stride):
        result[:, :, shift::stride, shift::stride] = network(image[..., shift:, shift:])
    return result


def interleaved_backwards(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """You fill the places from the far end: what was shifted by dy rows stands in row stride - 1 - dy. Cutting off dy rows
    makes the first window begin in row dy, and there its answer belongs."""
    return _shifted_outputs(network, image, stride).flip(0, 1).permute(2, 3, 4, 0, 5, 1).flatten(4, 5).flatten(2, 3)


def rows_in_blocks(network: nn.Module, image: Tensor, stride: int) -> Tensor:
    """Your columns are interleaved, but your rows are not: they stand in blocks, one block for each dy. Rows dy, dy + stride, …
    are those of the shift by dy."""
    return _shifted_outputs(network, image, stride).permute(2, 3, 0, 4, 5, 1).flatten(4, 5).flatten(2, 3)


SHIFT_AND_STITCH = [
    shifts_swapped,
    side_by_side,
    rows_in_blocks,
    stacked_and_reshaped,
    shifts_before_classes,
    interleaved_backwards,
    shifted_forwards_with_zeros,
    rolled_forwards,
    not_shifted,
    interpolated,
    mean_of_shifts,
    rows_only,
    columns_only,
    diagonal_only,
]
