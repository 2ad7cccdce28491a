"""What people get wrong in lesson 02 with windows: each docstring says what."""

import math

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


def rows_only(height: int, width: int, window: int, stride: int) -> int:
    """You count the positions from top to bottom only. At each of these heights the window also moves across: multiply by the
    positions in a row."""
    return (height - window) // stride + 1


def height_squared(height: int, width: int, window: int, stride: int) -> int:
    """You square the positions from top to bottom. The image is not a square: there are others from left to right, which the
    width gives."""
    return ((height - window) // stride + 1) ** 2


def last_position_missing(height: int, width: int, window: int, stride: int) -> int:
    """Where the stride leads exactly to the border, your last window is missing: it ends at the border, which is still inside.
    (`range` leaves out its end; and rounding up makes no difference where there is nothing to round.)"""
    return len(range(0, height - window, stride)) * len(range(0, width - window, stride))


def window_forgotten(height: int, width: int, window: int, stride: int) -> int:
    """Your count does not depend on the size of the window. It has to fit: a window that begins in the last pixel of a row
    would stick out of the image."""
    return (height // stride) * (width // stride)


def strides_down_only(height: int, width: int, window: int, stride: int) -> int:
    """The stride is in your rows but not in your columns: the window moves by it down and across."""
    return ((height - window) // stride + 1) * (width - window + 1)


def product_divided_once(height: int, width: int, window: int, stride: int) -> int:
    """You count all positions of stride 1 and take every stride-th. The window moves by the stride in both directions, and
    each is rounded on its own: do each direction first, and multiply last."""
    return (height - window + 1) * (width - window + 1) // stride


def rounded_last(height: int, width: int, window: int, stride: int) -> int:
    """You round the product. Part of a step is no position, in either direction: round each direction down before you
    multiply."""
    return int(((height - window) / stride + 1) * ((width - window) / stride + 1))


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


def last_row_and_column_left_out(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Your result is one row and one column too small: a window that ends at the border is still inside. There are H - w + 1
    rows, and `range` already leaves out its end."""
    return _all_logits(classifier, image, window)[:, :-1, :-1]


def padded_to_the_same_size(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """You pad the image, so that there is an answer for each pixel; near the border it is one for zeros that nobody took a
    picture of. Only windows that lie in the image are asked for: (K, H-w+1, W-w+1)."""
    padded = F.pad(image, (window // 2,) * 4)
    return _all_logits(classifier, padded, window)[:, : image.shape[1], : image.shape[2]]


def classes_last(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Your classes are the last axis, (H-w+1, W-w+1, K). In PyTorch the classes come before rows and columns: (K, H-w+1,
    W-w+1), a map for each class."""
    return _all_logits(classifier, image, window).permute(1, 2, 0)


def rows_before_classes(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Each of your rows is (K, W-w+1), as it should be, but the rows are stacked in front: (H-w+1, K, W-w+1). The classes come
    first: on which axis do the rows have to go?"""
    return _all_logits(classifier, image, window).transpose(0, 1)


def columns_before_rows(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """Your result is (K, columns, rows): the window from (y, x) stands at [:, x, y]. Let y be the outer loop and x the inner
    one."""
    return _all_logits(classifier, image, window).transpose(1, 2)


def labels_not_logits(classifier: nn.Module, image: Tensor, window: int) -> Tensor:
    """This is the label of each window. All K logits are asked for: the lesson takes the argmax later, and compares the
    logits themselves."""
    return _all_logits(classifier, image, window).argmax(dim=0)


COUNT_WINDOWS = [
    steps_not_positions,
    sticks_out,
    divided_after_adding_one,
    product_divided,
    product_divided_once,
    rounded_last,
    stride_one,
    strides_across_only,
    strides_down_only,
    every_pixel,
    window_forgotten,
    last_position_missing,
    tiles,
    rows_plus_columns,
    rows_only,
    height_squared,
]
SLIDING_WINDOW = [
    classes_not_moved,
    classes_last,
    rows_before_classes,
    columns_first,
    columns_before_rows,
    last_row_and_column_missing,
    last_row_and_column_left_out,
    centred_with_zeros,
    padded_to_the_same_size,
    columns_of_unfold_not_transposed,
    channels_not_moved,
    probabilities,
    labels_not_logits,
]
