"""Logits of images that are too large to go through a network at once."""

import math
from collections.abc import Sequence
from itertools import chain, product
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.models.modes import modes_kept
from course_utils.ops.checks import IntPair, Pair, int_pair, require_tensor, whole_number

BLENDS = ("centre", "constant", "gaussian")


class _Span(NamedTuple):
    """A tile along one axis: the network sees the pixels from `start` to `stop`, and is believed from `first` to `last`."""

    start: int
    stop: int
    first: int
    last: int


def predict_in_tiles(
    model: nn.Module,
    image: Tensor,
    *,
    tile: IntPair,
    margin: IntPair,
    blend: str = "centre",
    stride: int | None = None,
) -> Tensor:
    """Logits of a large image, tile by tile: in evaluation mode, without gradients, on the device of the model.

    Source: Ronneberger, Fischer and Brox 2015, section 2 and figure 2 (the overlap-tile strategy), arXiv:1505.04597.

    The network sees `tile` pixels at once: one number, or (vertical, horizontal). Within `margin` pixels of the line where a
    tile is cut off, its answers may differ from those for the whole image. `blend` says what becomes of them:

    - "centre": they are thrown away. The result equals that for the whole image if the margin is at least the radius of the
      receptive field. It does not if the network pools over the whole map, or if it interpolates to the image's size and this
      is not a multiple of the stride.
    - "constant", "gaussian": tiles overlap by 2 · margin, and the mean of all answers is taken. With "gaussian", those in
      the middle of a tile weigh more: its standard deviation is an eighth of the tile. This smooths seams, and is not equal
      to the whole image. It is what `monai.inferers.sliding_window_inference` does.

    The first answer tells two kinds of networks apart:

    - If it is as large as the tile, tiles lie within the image, and nothing is thrown away at the image's own border. Along
      an axis where the image is no larger than the tile, it is taken whole.
    - If it is smaller by 2 · margin on each axis, as that of `unet_2015` with margin 92, the image is mirrored at its border,
      as often as the tile wants. Only "centre" takes such networks.

    For "centre", tiles begin at multiples of `stride`, the total stride of the network, so that its poolings take the same
    pixels together as in the whole image. By default this is the largest of the model's `strides`, which backbones have. If
    there are none, it is 32, or 16 for a small tile.

    The image may be on another device than the model; the logits are where the image is. Beside them, memory holds what the
    network makes of one tile and, unless `blend` is "centre", one number for each pixel.

    Shapes: `image` (C, H, W) or (B, C, H, W), floating → logits (K, H, W) or (B, K, H, W).

    Differs from the paper: tiles overlap by a few pixels more, up to a multiple of the stride. Differs from MONAI: an image
    smaller than the tile is taken whole, where MONAI fills it up with zeros.

    Raises: ValueError for other images, a tile that is nothing but margin or smaller than the stride without it, another
    `blend`, and a network whose answers are neither as large as the tile nor smaller by 2 · margin.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"model must be an nn.Module, but is a {type(model).__name__}; put its layers in nn.Sequential."
        )
    images = _as_batch(image)
    size, border = int_pair(tile, "tile"), int_pair(margin, "margin", minimum=0)
    if min(side - 2 * edge for side, edge in zip(size, border, strict=True)) < 1:
        raise ValueError(f"A tile must be larger than its two margins, but a tile of {tile} has margins of {margin}.")
    if blend not in BLENDS:
        raise ValueError(f"blend must be one of {', '.join(map(repr, BLENDS))}, but is {blend!r}.")
    step = _total_stride(model, size, border) if stride is None else whole_number(stride, "stride", minimum=1)
    with modes_kept(model), torch.no_grad():
        model.eval()
        if blend == "centre":
            logits = _centres(model, images, size, border, step)
        else:
            logits = _means(model, images, size, border, blend)
    return logits if image.ndim == 4 else logits[0]


def _as_batch(image: Tensor) -> Tensor:
    require_tensor(image, "image")
    if image.ndim not in (3, 4) or not image.is_floating_point() or image.numel() == 0:
        raise ValueError(
            f"image must be floating, (C, H, W) or (B, C, H, W), and have pixels, but is {image.dtype} of shape "
            f"{tuple(image.shape)}; divide bytes by 255, and give a grey image one channel."
        )
    return image if image.ndim == 4 else image[None]


def _total_stride(model: nn.Module, tile: Pair, margin: Pair) -> int:
    """What backbones say about themselves, or a multiple of what most networks have."""
    strides = [getattr(module, "strides", None) for module in model.modules()]
    found = [max(values) for values in strides if isinstance(values, tuple) and values]
    has_room = all(size - size % 32 - 2 * edge >= 32 for size, edge in zip(tile, margin, strict=True))
    return max(found, default=32 if has_room else 16)


def _centres(model: nn.Module, images: Tensor, tile: Pair, margin: Pair, stride: int) -> Tensor:
    """What remains of each tile without its margins, side by side."""
    # The first answer tells whether the network pads. Its layers let us guess, so that this tile is rarely in vain.
    guess = any(margin) and not _has_padding(model)
    rows, columns = _spans(images, tile, margin, stride, mirrored=guess)
    missing = (2 * margin[0], 2 * margin[1])
    first = _answer(model, images, rows[0], columns[0], [(0, 0), missing])
    lost = _lost(first, rows[0], columns[0])
    mirrored = any(margin) and lost == missing
    if mirrored != guess:
        rows, columns = _spans(images, tile, margin, stride, mirrored=mirrored)
    found = first.new_empty(*first.shape[:2], *images.shape[2:])
    for number, (row, column) in enumerate(product(rows, columns)):
        is_known = number == 0 and mirrored == guess
        logits = first if is_known else _answer(model, images, row, column, [lost])
        top, left = row.start + lost[0] // 2, column.start + lost[1] // 2  # where the answers begin
        believed = logits[:, :, row.first - top : row.last - top, column.first - left : column.last - left]
        found[:, :, row.first : row.last, column.first : column.last] = believed
    return found


def _has_padding(model: nn.Module) -> bool:
    convolutions = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    return any(convolution.padding not in ((0, 0), "valid") for convolution in convolutions)


def _spans(images: Tensor, tile: Pair, margin: Pair, stride: int, *, mirrored: bool) -> list[list[_Span]]:
    """The tiles along both axes."""
    axes = zip(images.shape[2:], tile, margin, strict=True)
    return [_spans_of_axis(side, size, edge, stride, mirrored) for side, size, edge in axes]


def _spans_of_axis(side: int, tile: int, margin: int, stride: int, mirrored: bool) -> list[_Span]:
    """Tiles from the beginning of the image on, or from a margin before it, each a multiple of the stride further on."""
    if side > tile and not mirrored:
        tile -= tile % stride  # within the image, a tile ends where a pooling window does
    begin = -margin if mirrored else 0
    last = math.ceil(max(side - 2 * begin - tile, 0) / stride) * stride  # from there on, a tile reaches the end
    room = tile - 2 * margin
    if last and room < stride:
        raise ValueError(
            f"Tiles begin at multiples of the network's stride, so that a tile without its margins needs at least as many pixels "
            f"as that, {stride}, but there are {max(room, 0)}; take a larger tile, or name `stride` if the network's is smaller."
        )
    starts = [begin + place for place in (*range(0, last, max(room - room % stride, 1)), last)]
    firsts = [0, *(start + margin for start in starts[1:])]
    lasts = [*firsts[1:], side]
    stops = [start + tile if mirrored else min(start + tile, side) for start in starts]
    return [_Span(*span) for span in zip(starts, stops, firsts, lasts, strict=True)]


def _means(model: nn.Module, images: Tensor, tile: Pair, margin: Pair, blend: str) -> Tensor:
    """The weighted mean of all answers for each pixel."""
    rows, columns = (
        _overlapping(side, min(size, side), size - 2 * edge)
        for side, size, edge in zip(images.shape[2:], tile, margin, strict=True)
    )
    first = _answer(model, images, rows[0], columns[0], [(0, 0)])
    weight = torch.ones(first.shape[2:], dtype=torch.float32, device=first.device)
    if blend == "gaussian":
        weight = _bell(len(weight), first.device)[:, None] * _bell(weight.shape[1], first.device)
        weight = weight.clamp(min=weight.min().clamp(min=1e-3))  # as MONAI does
    total = first.new_zeros(*first.shape[:2], *images.shape[2:])
    weights = first.new_zeros(images.shape[2:])
    for number, (row, column) in enumerate(product(rows, columns)):
        logits = first if number == 0 else _answer(model, images, row, column, [(0, 0)])
        total[:, :, row.first : row.last, column.first : column.last] += logits * weight
        weights[row.first : row.last, column.first : column.last] += weight
    return total.div_(weights)


def _overlapping(side: int, tile: int, step: int) -> list[_Span]:
    """Tiles a step apart, each believed as a whole; the last is shifted back to the end of the image."""
    starts = (*range(0, side - tile, step), side - tile)
    return [_Span(start, start + tile, start, start + tile) for start in starts]


def _bell(size: int, device: torch.device) -> Tensor:
    """A Gaussian around the middle, with a standard deviation of an eighth of the size; in float32, as MONAI has it."""
    places = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    return torch.exp(places**2 / (-2 * (size / 8) ** 2))


def _answer(model: nn.Module, images: Tensor, row: _Span, column: _Span, allowed: Sequence[Pair]) -> Tensor:
    """What the network gives for a tile, on the device of the images; it may be smaller by the `allowed` numbers of pixels."""
    height, width = images.shape[2:]
    # By index, and so a copy: the network may work in place.
    seen = images[:, :, _mirrored(row, height, images.device)[:, None], _mirrored(column, width, images.device)]
    device = next(chain(model.parameters(), model.buffers()), images).device
    logits = model(seen.to(device))
    is_map = isinstance(logits, Tensor) and logits.ndim == 4 and len(logits) == len(images)
    if not is_map or _lost(logits, row, column) not in allowed:
        smaller = " or ".join(f"{less[0]}×{less[1]} pixels smaller" if any(less) else "as large" for less in allowed)
        what = f"a tensor {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise ValueError(
            f"For a tile {tuple(seen.shape)}, a network must give logits (B, K, h, w) that are {smaller}, but this one gave "
            f"{what}. The margin of a network without padding is half of what it takes off, and it needs blend='centre'."
        )
    return logits.to(images.device)


def _lost(logits: Tensor, row: _Span, column: _Span) -> Pair:
    """By how many rows and columns an answer is smaller than its tile."""
    return row.stop - row.start - logits.shape[2], column.stop - column.start - logits.shape[3]


def _mirrored(span: _Span, side: int, device: torch.device) -> Tensor:
    """The pixels of a tile, mirrored at the image's first and last: … 2 1 0 1 2 … and so on to and fro."""
    period = max(2 * (side - 1), 1)
    places = torch.arange(span.start, span.stop, device=device) % period
    return torch.minimum(places, period - places)
