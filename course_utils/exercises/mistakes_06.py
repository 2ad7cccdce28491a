"""What people get wrong in lesson 06 about classifiers on larger maps: each function makes one mistake."""

import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]


def _scores(hidden: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
    return F.conv2d(F.relu(hidden), weight2[:, :, None, None], bias2)


def _convolved(
    features: Tensor,
    weight1: Tensor,
    bias1: Tensor | None,
    weight2: Tensor,
    bias2: Tensor | None,
    size: Size,
    stride: Size = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Tensor:
    """The classifier on all windows, as it should be."""
    kernel = weight1.unflatten(1, (-1, *size))
    return _scores(F.conv2d(F.pad(features, padding), kernel, bias1, stride=stride), weight2, bias2)


def given_convolutional_head(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """This is still the version given. Give it a map of one window, for which the classifier has one vector of scores: how
    many come out, and at how many places has each of them looked?"""
    # Every fully connected layer becomes a 1 × 1 convolution.
    kernel1 = weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True)
    kernel2 = weight2[:, :, None, None]
    hidden = F.relu(F.conv2d(features, kernel1, bias1))
    return F.conv2d(hidden, kernel2, bias2)


def mean_of_the_weights(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The sum has become a mean, but the kernel is still 1 × 1: it looks at one place, where the linear layer looks at h · w,
    with a weight of its own for each."""
    kernel = weight1.unflatten(1, (-1, *size)).mean(dim=(2, 3), keepdim=True)
    return _scores(F.conv2d(features, kernel, bias1), weight2, bias2)


def one_of_the_weights(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """You keep the first of h · w weights for each channel, and drop the others, so that the kernel is still 1 × 1. The linear
    layer looks at all places of its window, and uses all its weights."""
    kernel = weight1.unflatten(1, (-1, *size))[:, :, :1, :1]
    return _scores(F.conv2d(features, kernel, bias1), weight2, bias2)


def pooled_first(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The size is right now, but you average each window, or give all its places the same weight: where in the window something
    is no longer counts. The linear layer has a weight of its own for each place."""
    kernel = weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True)
    return _scores(F.conv2d(F.avg_pool2d(features, size, stride=1), kernel, bias1), weight2, bias2)


def same_sum_at_all_places(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel is as large as the window now, but you give all its places the same weight, the sum. The linear layer has a
    weight of its own for each place."""
    kernel = weight1.unflatten(1, (-1, *size))
    kernel = kernel.sum(dim=(2, 3), keepdim=True).expand_as(kernel)
    return _scores(F.conv2d(features, kernel, bias1), weight2, bias2)


def mean_of_features_and_weights(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The size is right now, but you average each window, and the weights as well: where in the window something is no longer
    counts. The linear layer has a weight of its own for each place."""
    kernel = weight1.unflatten(1, (-1, *size)).mean(dim=(2, 3), keepdim=True)
    return _scores(F.conv2d(F.avg_pool2d(features, size, stride=1), kernel, bias1), weight2, bias2)


def pooled_to_one_window(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """You shrink the whole map to one window, as library classifiers do so that they take any image: one vector of scores for
    all of it. Here every window is to have its own."""
    return _convolved(F.adaptive_avg_pool2d(features, size), weight1, bias1, weight2, bias2, size)


def first_window_only(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """You give the scores of the window in the upper left corner, and of no other. A map of H × W has (H - h + 1) · (W - w + 1)
    windows."""
    return _convolved(features[:, :, : size[0], : size[1]], weight1, bias1, weight2, bias2, size)


def channels_last(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel is as large as the window, but you read a row of the weight as (h, w, C). `nn.Flatten` runs over (C, h, w): the
    channel changes slowest."""
    reordered = weight1.unflatten(1, (*size, -1)).permute(0, 3, 1, 2).flatten(1)
    return _convolved(features, reordered, bias1, weight2, bias2, size)


def sides_swapped(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel covers a window, but one of w rows and h columns. In `size`, as everywhere in PyTorch, rows come first."""
    return _convolved(features, weight1, bias1, weight2, bias2, size[::-1])


def flipped(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size) -> Tensor:
    """Your kernel is flipped, as in the convolution of mathematics. PyTorch's does not flip: the first weight meets the first
    pixel of the window, as in the linear layer."""
    kernel = weight1.unflatten(1, (-1, *size)).flip(2, 3).flatten(1)
    return _convolved(features, kernel, bias1, weight2, bias2, size)


def windows_side_by_side(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel is right, but its stride is the window's size, so that windows stand side by side. They overlap: each begins
    one pixel after the last."""
    return _convolved(features, weight1, bias1, weight2, bias2, size, stride=size)


def padded_to_the_same_size(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel is right, but you pad the map to keep its size. At the border the classifier then sees zeros that no window
    has: there are H - h + 1 windows above one another, not H."""
    rows, columns = size
    padding = ((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2)
    return _convolved(features, weight1, bias1, weight2, bias2, size, padding=padding)


def padded_by_half(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernel is right, but you pad by half of it. At the border the classifier then sees zeros that no window has: there are
    H - h + 1 windows above one another."""
    rows, columns = size
    padding = (columns // 2, columns // 2, rows // 2, rows // 2)
    return _convolved(features, weight1, bias1, weight2, bias2, size, padding=padding)


def no_relu(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size) -> Tensor:
    """The first kernel is right now, but the ReLU between the layers is gone: without it two linear layers are one."""
    hidden = F.conv2d(features, weight1.unflatten(1, (-1, *size)), bias1)
    return F.conv2d(hidden, weight2[:, :, None, None], bias2)


def relu_at_the_end(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernels are right, but a ReLU stands behind the last layer too. Scores may be negative: the classifier has a ReLU
    between its layers only."""
    return F.relu(_convolved(features, weight1, bias1, weight2, bias2, size))


def second_kernel_as_large(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The first kernel is right now, but the second one is as large, with the same weights at each place. The second layer sees
    what the first one makes of a single window: one place. A 1 × 1 kernel was right for it."""
    hidden = F.relu(F.conv2d(features, weight1.unflatten(1, (-1, *size)), bias1))
    return F.conv2d(hidden, weight2[:, :, None, None].expand(-1, -1, *size), bias2)


def relu_moved_to_the_end(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernels are right now, but the ReLU has moved to the end. It stands between the layers: without it there two linear
    layers are one, and scores may be negative."""
    return F.relu(no_relu(features, weight1, bias1, weight2, bias2, size))


def no_biases(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size) -> Tensor:
    """The kernels are right, but both biases are missing: a convolution adds one to each of its output channels, as the linear
    layer does."""
    return _convolved(features, weight1, None, weight2, None, size)


def first_bias_missing(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernels are right, but the first layer's bias is missing: `bias1` is added to its D outputs, before the ReLU. It is an
    argument of `F.conv2d`."""
    return _convolved(features, weight1, None, weight2, bias2, size)


def second_bias_missing(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The kernels are right, but the second layer's bias is missing: `bias2` is added to the K scores. It is an argument of
    `F.conv2d`."""
    return _convolved(features, weight1, bias1, weight2, None, size)


def sigmoid(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size) -> Tensor:
    """The kernels are right, but a sigmoid stands between the layers. This classifier has a ReLU there."""
    hidden = F.conv2d(features, weight1.unflatten(1, (-1, *size)), bias1)
    return F.conv2d(hidden.sigmoid(), weight2[:, :, None, None], bias2)


def probabilities(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The scores are right, but you give their softmax. The classifier ends in its second linear layer: what comes out are
    scores, of any sign."""
    return _convolved(features, weight1, bias1, weight2, bias2, size).softmax(dim=1)


def windows_in_one_row(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size
) -> Tensor:
    """The scores are right, but the windows stand in one row. They are to lie as in the map, (H - h + 1) rows of (W - w + 1)."""
    return _convolved(features, weight1, bias1, weight2, bias2, size).flatten(2)


HEAD = [
    mean_of_the_weights,
    one_of_the_weights,
    pooled_first,
    same_sum_at_all_places,
    mean_of_features_and_weights,
    pooled_to_one_window,
    first_window_only,
    channels_last,
    sides_swapped,
    flipped,
    windows_side_by_side,
    padded_to_the_same_size,
    padded_by_half,
    no_relu,
    relu_at_the_end,
    relu_moved_to_the_end,
    second_kernel_as_large,
    no_biases,
    first_bias_missing,
    second_bias_missing,
    sigmoid,
    probabilities,
    windows_in_one_row,
]
