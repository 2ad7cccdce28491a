"""What people get wrong in lesson 02 with windows, strips and shifts: each docstring says what."""

import math
from collections.abc import Callable

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def steps_not_positions(height: int, width: int, window: int, stride: int) -> int:
    """You count the steps. The window stands somewhere before its first step: there is one position more than steps, in
    both directions."""
    return ((height - window) // stride) * ((width - window) // stride)


def sticks_out(height: int, width: int, window: int, stride: int) -> int:
    """You round up: your last window of a row sticks out of the image where the stride does not divide what is left."""
    return (math.ceil((height - window) / stride) + 1) * (math.ceil((width - window) / stride) + 1)


def divided_after_adding_one(height: int, width: int, window: int, stride: int) -> int:
    """You divide the positions of stride 1 by the stride. Divide the way that the window can go, and then add the position
    at which it starts."""
    return ((height - window + 1) // stride) * ((width - window + 1) // stride)


def product_divided(height: int, width: int, window: int, stride: int) -> int:
    """You count all positions of stride 1 and take every stride²-th. Rows and columns are rounded on their own: do each
    direction first, and multiply last."""
    return (height - window + 1) * (width - window + 1) // stride**2


def stride_one(height: int, width: int, window: int, stride: int) -> int:
    """These are the positions of stride 1: your stride has no effect."""
    return (height - window + 1) * (width - window + 1)


def strides_across_only(height: int, width: int, window: int, stride: int) -> int:
    """The stride is in your columns but not in your rows: the window moves by it across and down."""
    return (height - window + 1) * ((width - window) // stride + 1)


def every_pixel(height: int, width: int, window: int, stride: int) -> int:
    """You let the window start at every stride-th pixel, wherever that is: near the right and lower border it would stick
    out of the image."""
    return math.ceil(height / stride) * math.ceil(width / stride)


def tiles(height: int, width: int, window: int, stride: int) -> int:
    """These are tiles, side by side. Windows overlap where the stride is smaller than the window."""
    return (height // window) * (width // window)


def rows_plus_columns(height: int, width: int, window: int, stride: int) -> int:
    """You add rows and columns of positions. In each row there are as many windows as columns: multiply."""
    return (height - window) // stride + 1 + (width - window) // stride + 1


def _all_windows(image: Tensor, window: int) -> Tensor:
    """The windows row by row: (N, C, w, w)."""
    found = image.unfold(1, window, 1).unfold(2, window, 1)
    return found.permute(1, 2, 0, 3, 4).flatten(0, 1)


def _all_logits(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """The right answer: (K, rows, columns)."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    return classifier(_all_windows(image, window)).T.reshape(-1, rows, columns)


def classes_not_moved(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """You `reshape` (N, K) straight to (K, rows, columns). A reshape moves no number: logits of different classes land in one
    map. Transpose to (K, N) first."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    return classifier(_all_windows(image, window)).reshape(-1, rows, columns)


def columns_first(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Your windows are listed column by column but laid out row by row. Let y be the outer loop and x the inner one."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    listed = _all_windows(image, window).unflatten(0, (rows, columns)).transpose(0, 1).flatten(0, 1)
    return classifier(listed).T.reshape(-1, rows, columns)


def last_row_and_column_missing(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """The last row and column of your result are 0: a window that ends at the border is still inside. There are H - w + 1
    rows, and `range` already leaves out its end."""
    found = _all_logits(classifier, image, window).clone()
    found[:, -1], found[:, :, -1] = 0, 0
    return found


def centred_with_zeros(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Your window has pixel (y, x) in its middle, and zeros where it sticks out. Here (y, x) is the window's top left
    pixel, and no window leaves the image."""
    before = window // 2
    padded = F.pad(image, (before, window - 1 - before, before, window - 1 - before))
    rows, columns = (side - window + 1 for side in image.shape[1:])
    return _all_logits(classifier, padded, window)[:, :rows, :columns]


def columns_of_unfold_not_transposed(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """`F.unfold` gives each window as a *column*, (C·w·w, N), and your reshape cuts rows. Transpose before you reshape to
    (N, C, w, w)."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    found = F.unfold(image[None], window)[0].reshape(-1, image.shape[0], window, window)
    return classifier(found).T.reshape(-1, rows, columns)


def channels_not_moved(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """`image.unfold` keeps the channels in front, (C, rows, columns, w, w), and your reshape makes windows of one channel
    only. Permute the channel axis behind rows and columns first."""
    rows, columns = (side - window + 1 for side in image.shape[1:])
    found = image.unfold(1, window, 1).unfold(2, window, 1).reshape(-1, image.shape[0], window, window)
    return classifier(found).T.reshape(-1, rows, columns)


def probabilities(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """These are probabilities: the classifier's logits were asked for, as they are, without a softmax."""
    return _all_logits(classifier, image, window).softmax(dim=0)


def given_predict_in_strips(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """This is still the version given. A strip's outermost columns have seen zeros where the image goes on: does averaging
    them with good ones make them good?"""
    total, count = 0, 0
    for x in range(0, image.shape[-1], width):
        left = max(x - margin, 0)
        strip = network(image[..., left : x + width + margin])
        place = (left, image.shape[-1] - left - strip.shape[-1])
        total = total + F.pad(strip, place)
        count = count + F.pad(torch.ones_like(strip), place)
    return total / count


def _in_strips(network: nn.Module, image: Tensor, width: int, before: int, after: int) -> Tensor:
    """Strips with `before` columns more on the left and `after` on the right, which are cut off again."""
    columns = []
    for x in range(0, image.shape[-1], width):
        left = max(x - before, 0)
        columns.append(network(image[..., left : x + width + after])[..., x - left : x - left + width])
    return torch.cat(columns, dim=-1)


def no_margin(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have no margin: at every cut the network sees zeros where the image goes on. Nothing is averaged any
    more, but the seams are there."""
    return _in_strips(network, image, width, 0, 0)


def margin_on_the_left(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have their margin on the left only: the last columns of each still see zeros behind the cut."""
    return _in_strips(network, image, width, margin, 0)


def margin_on_the_right(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your strips have their margin on the right only: the first columns of each still see zeros before the cut."""
    return _in_strips(network, image, width, 0, margin)


def half_the_margin(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Your margin is half as wide as it has to be. `margin` is the radius of the receptive field already: so many columns
    are spoilt on *either* side of a strip."""
    return _in_strips(network, image, width, margin // 2, margin // 2)


def first_strip_cut_like_the_others(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You cut `margin` columns off the left of every strip. The first strip has none to give: nothing is to the left of the
    image, so its first columns are good and must stay."""
    columns = []
    for x in range(0, image.shape[-1], width):
        strip = network(image[..., max(x - margin, 0) : x + width + margin])
        columns.append(strip[..., margin : margin + width])
    return torch.cat(columns, dim=-1)


def last_strip_wins(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """Where strips overlap, you keep the later one. Its first columns are the spoilt ones: the good values were there, and
    have been overwritten."""
    result = network(image[..., : width + margin])
    for x in range(width, image.shape[-1], width):
        left = max(x - margin, 0)
        result = torch.cat([result[..., :left], network(image[..., left : x + width + margin])], dim=-1)
    return result


def image_padded_first(network: nn.Module, image: Tensor, width: int, margin: int) -> Tensor:
    """You pad the image with zeros, so that every strip has its margin. The network pads the *input of each layer*: what its
    first layer makes of your zeros is not zero. At the border of the image there is to be no margin."""
    padded = F.pad(image, (margin, margin))
    strips = [network(padded[..., x : x + width + 2 * margin]) for x in range(0, image.shape[-1], width)]
    columns = torch.cat([strip[..., margin : margin + width] for strip in strips], dim=-1)
    return columns[..., : image.shape[-1]]


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
