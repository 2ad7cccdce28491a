"""What people get wrong in lesson 06 about classifiers on larger maps, and about adding scores: each docstring says what."""

import torch
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
    """The size is right now, but you average each window before the 1 × 1 convolution: where in the window something is no
    longer counts. The linear layer has a weight of its own for each place."""
    kernel = weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True)
    return _scores(F.conv2d(F.avg_pool2d(features, size, stride=1), kernel, bias1), weight2, bias2)


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


def no_biases(features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: Size) -> Tensor:
    """The kernels are right, but the biases are missing: a convolution adds one to each of its output channels, as the linear
    layer does."""
    return _convolved(features, weight1, None, weight2, None, size)


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)


def doubled_and_cropped(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores and cut off what is too much. Of 5 rows a pooling makes 3, which doubled are 6: that row less
    is no reason to cut, but to interpolate from 3 rows to 5. Ask for the size, not for a factor."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled[..., : fine.shape[-2], : fine.shape[-1]] + fine


def padded_to_the_doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores, and pad the fine ones with zeros up to that size. The fine map has the right size; the
    coarse one is to be brought to it, which need not be a factor of 2."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    rows, columns = (big - small for big, small in zip(doubled.shape[-2:], fine.shape[-2:], strict=True))
    return doubled + F.pad(fine, (0, columns, 0, rows))


def fine_brought_to_the_doubled(coarse: Tensor, fine: Tensor) -> Tensor:
    """You double the coarse scores, and stretch the fine ones to that size. The fine map has the right size; the coarse one is
    to be brought to it, which need not be a factor of 2."""
    doubled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    return doubled + _enlarged(fine, doubled)


def nearest(coarse: Tensor, fine: Tensor) -> Tensor:
    """You copy each coarse score to its nearest pixels, so that the sum has steps. `F.interpolate` does so unless you name
    another `mode`: it should be bilinear."""
    return F.interpolate(coarse, size=fine.shape[-2:]) + fine


def corners_aligned(coarse: Tensor, fine: Tensor) -> Tensor:
    """You aligned the corners (`align_corners=True`): the centres of the corner pixels are put on one another, and all between
    is shifted, by another distance at each place. Pixels are areas here: False."""
    return F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=True) + fine


def concatenated(coarse: Tensor, fine: Tensor) -> Tensor:
    """You put the two side by side, as U-Net does: 2K channels. FCN adds scores: class k of the one to class k of the other, so
    that K channels stay."""
    return torch.cat([_enlarged(coarse, fine), fine], dim=1)


def mean(coarse: Tensor, fine: Tensor) -> Tensor:
    """This is the mean of the two. FCN adds them: the fine scores correct the coarse ones, and how strongly they do is learned
    in their own weights."""
    return (_enlarged(coarse, fine) + fine) / 2


def fine_made_smaller(coarse: Tensor, fine: Tensor) -> Tensor:
    """You bring the fine scores to the coarse size, and lose just what they have and the coarse ones lack: the details. It is
    the coarse ones that change size."""
    return coarse + _enlarged(fine, coarse)


def fine_made_smaller_and_back(coarse: Tensor, fine: Tensor) -> Tensor:
    """The size is right, but you added at the coarse size: by then the details of the fine scores are lost, and no interpolation
    brings them back. It is the coarse ones that change size before the sum."""
    return _enlarged(coarse + _enlarged(fine, coarse), fine)


def coarse_only(coarse: Tensor, fine: Tensor) -> Tensor:
    """The coarse scores are enlarged rightly, but the fine ones are used for their size only. They are to be added."""
    return _enlarged(coarse, fine)


def as_probabilities(coarse: Tensor, fine: Tensor) -> Tensor:
    """You add probabilities. Scores are added before any softmax: they may be negative, so that the fine map can also take
    something away from a class."""
    return _enlarged(coarse, fine).softmax(dim=1) + fine.softmax(dim=1)


def multiplied(coarse: Tensor, fine: Tensor) -> Tensor:
    """You multiply. The two scores are added: where the fine map has no opinion its score is 0, and the coarse score has to stay
    as it is."""
    return _enlarged(coarse, fine) * fine


HEAD = [
    mean_of_the_weights,
    one_of_the_weights,
    pooled_first,
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
    no_biases,
]
FUSE = [
    doubled_and_cropped,
    padded_to_the_doubled,
    fine_brought_to_the_doubled,
    nearest,
    corners_aligned,
    concatenated,
    mean,
    fine_made_smaller,
    fine_made_smaller_and_back,
    coarse_only,
    as_probabilities,
    multiplied,
]
