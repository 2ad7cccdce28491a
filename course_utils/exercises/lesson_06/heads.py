"""A classifier's linear layers as convolutions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import Exercise
from course_utils.exercises.lesson_06.numbers import drawn
from course_utils.exercises.slips import read_slips
from course_utils.sliding.convolutional import convolutionalise


def convolutional_head(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: tuple[int, int]
) -> Tensor:
    """Flatten, linear layer, ReLU, linear layer: what this classifier gives for each window of `size` = (h, w) in the features
    (B, C, H, W), with convolutions: (B, K, H - h + 1, W - w + 1).

    weight1 (D, C·h·w) and bias1 (D,) take a flattened window, weight2 (K, D) and bias2 (K,) what comes of it.
    """
    kernel1 = weight1.unflatten(1, (-1, *size))
    kernel2 = weight2[:, :, None, None]
    hidden = F.relu(F.conv2d(features, kernel1, bias1))
    return F.conv2d(hidden, kernel2, bias2)


def _head_in_the_package(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: tuple[int, int]
) -> Tensor:
    first, second = (nn.Linear(*weight.T.shape) for weight in (weight1, weight2))
    with torch.no_grad():
        for layer, weight, bias in ((first, weight1, bias1), (second, weight2, bias2)):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return convolutionalise(nn.Sequential(nn.Flatten(), first, nn.ReLU(), second), map_size=size)(features)


_WEIGHT_AXES = (
    "A convolution's weight is (C_out, C_in, kh, kw). Those of the first are all in weight1: D rows, each with C · h · w "
    "numbers, channel by channel; h and w are what `size` says, which is another in each check. The second one sees a single "
    "place: two axes of length 1 at the end make its weight."
)


def _classifier(generator: torch.Generator, batch: int, map_size: tuple[int, int], size: tuple[int, int]) -> tuple:
    channels, hidden, classes = 3, 5, 2
    return (
        drawn(generator, batch, channels, *map_size),
        drawn(generator, hidden, channels * size[0] * size[1]),
        drawn(generator, hidden),
        drawn(generator, classes, hidden),
        drawn(generator, classes),
        size,
    )


def _draw_classifier(generator: torch.Generator) -> tuple:
    """Features, two weights and biases, and the window's size: odd and even sides, never a square."""
    return _classifier(generator, 2, (7, 9), (3, 4))


def given_convolutional_head(
    features: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, size: tuple[int, int]
) -> Tensor:
    """This is still the version given. Give it a map of one window, for which the classifier has one vector of scores: how
    many come out, and at how many places has each of them looked?"""
    # Every fully connected layer becomes a 1 × 1 convolution.
    kernel1 = weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True)
    kernel2 = weight2[:, :, None, None]
    hidden = F.relu(F.conv2d(features, kernel1, bias1))
    return F.conv2d(hidden, kernel2, bias2)


SLIPS = read_slips("""
mean_of_the_weights
    The sum has become a mean, but the kernel is still 1 × 1: it looks at one place, where the linear layer looks at
    h · w, with a weight of its own for each.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size)).mean(dim=(2, 3), keepdim=True)

one_of_the_weights
    You keep the first of h · w weights for each channel, and drop the others, so that the kernel is still 1 × 1.
    The linear layer looks at all places of its window, and uses all its weights.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size))[:, :, :1, :1]

pooled_first
    The size is right now, but you average each window, or give all its places the same weight: where in the window
    something is no longer counts. The linear layer has a weight of its own for each place.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True)
    - F.conv2d(features
    + F.conv2d(F.avg_pool2d(features, size, stride=1)

same_sum_at_all_places
    The kernel is as large as the window now, but you give all its places the same weight, the sum. The linear layer
    has a weight of its own for each place.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size)).sum(dim=(2, 3), keepdim=True).expand(-1, -1, *size)

mean_of_features_and_weights
    The size is right now, but you average each window, and the weights as well: where in the window something is no
    longer counts. The linear layer has a weight of its own for each place.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size)).mean(dim=(2, 3), keepdim=True)
    - F.conv2d(features
    + F.conv2d(F.avg_pool2d(features, size, stride=1)

pooled_to_one_window
    You shrink the whole map to one window, as library classifiers do so that they take any image: one vector of
    scores for all of it. Here every window is to have its own.
    - F.conv2d(features
    + F.conv2d(F.adaptive_avg_pool2d(features, size)

first_window_only
    You give the scores of the window in the upper left corner, and of no other. A map of H × W has (H - h + 1) ·
    (W - w + 1) windows.
    - F.conv2d(features
    + F.conv2d(features[:, :, : size[0], : size[1]]

channels_last
    The kernel is as large as the window, but you read a row of the weight as (h, w, C). `nn.Flatten` runs over (C,
    h, w): the channel changes slowest.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (*size, -1)).permute(0, 3, 1, 2)

sides_swapped
    The kernel covers a window, but one of w rows and h columns. In `size`, as everywhere in PyTorch, rows come
    first.
    - *size
    + *size[::-1]

flipped
    Your kernel is flipped, as in the convolution of mathematics. PyTorch's does not flip: the first weight meets
    the first pixel of the window, as in the linear layer.
    - weight1.unflatten(1, (-1, *size))
    + weight1.unflatten(1, (-1, *size)).flip(2, 3)

windows_side_by_side
    The kernel is right, but its stride is the window's size, so that windows stand side by side. They overlap: each
    begins one pixel after the last.
    - kernel1, bias1
    + kernel1, bias1, stride=size

padded_to_the_same_size
    The kernel is right, but you pad the map to keep its size. At the border the classifier then sees zeros that no
    window has: there are H - h + 1 windows above one another, not H.
    - hidden = F.relu(F.conv2d(features, kernel1, bias1))
    + rows, columns = size
    + padding = ((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2)
    + hidden = F.relu(F.conv2d(F.pad(features, padding), kernel1, bias1))

padded_by_half
    The kernel is right, but you pad by half of it. At the border the classifier then sees zeros that no window has:
    there are H - h + 1 windows above one another.
    - kernel1, bias1
    + kernel1, bias1, padding=(size[0] // 2, size[1] // 2)

no_relu
    The first kernel is right now, but the ReLU between the layers is gone: without it two linear layers are one.
    - F.relu(F.conv2d(features, kernel1, bias1))
    + F.conv2d(features, kernel1, bias1)

relu_at_the_end
    The kernels are right, but a ReLU stands behind the last layer too. Scores may be negative: the classifier has a
    ReLU between its layers only.
    - F.conv2d(hidden, kernel2, bias2)
    + F.relu(F.conv2d(hidden, kernel2, bias2))

second_kernel_as_large
    The first kernel is right now, but the second one is as large, with the same weights at each place. The second
    layer sees what the first one makes of a single window: one place. A 1 × 1 kernel was right for it.
    - weight2[:, :, None, None]
    + weight2[:, :, None, None].expand(-1, -1, *size)

no_biases
    The kernels are right, but both biases are missing: a convolution adds one to each of its output channels, as
    the linear layer does.
    - kernel1, bias1)
    + kernel1)
    - kernel2, bias2)
    + kernel2)

first_bias_missing
    The kernels are right, but the first layer's bias is missing: `bias1` is added to its D outputs, before the
    ReLU. It is an argument of `F.conv2d`.
    - kernel1, bias1)
    + kernel1)

second_bias_missing
    The kernels are right, but the second layer's bias is missing: `bias2` is added to the K scores. It is an
    argument of `F.conv2d`.
    - kernel2, bias2)
    + kernel2)

sigmoid
    The kernels are right, but a sigmoid stands between the layers. This classifier has a ReLU there.
    - F.relu
    + torch.sigmoid

probabilities
    The scores are right, but you give their softmax. The classifier ends in its second linear layer: what comes out
    are scores, of any sign.
    - F.conv2d(hidden, kernel2, bias2)
    + F.conv2d(hidden, kernel2, bias2).softmax(dim=1)

windows_in_one_row
    The scores are right, but the windows stand in one row. They are to lie as in the map, (H - h + 1) rows of
    (W - w + 1).
    - F.conv2d(hidden, kernel2, bias2)
    + F.conv2d(hidden, kernel2, bias2).flatten(2)
""")


convolutional_head = Exercise(
    "convolutional_head",
    convolutional_head,
    [
        # Maps have room for a window of w × h, too, and for two of h × w after one another.
        _classifier(torch.Generator().manual_seed(10), 1, (4, 6), (2, 3)),
        _classifier(torch.Generator().manual_seed(11), 2, (6, 5), (3, 2)),
    ],
    SLIPS,
    [
        "Give it a map of one window, h x w: the classifier has one vector of scores for it. What comes out here?",
        "A linear layer behind `nn.Flatten` has a weight for each channel and each place. How large is a kernel that has as "
        "many? What happens to them in the line with `sum`?",
        "`weight1.unflatten(1, (-1, *size))` is the first kernel already, (D, C, h, w): nothing is to be added up. The second "
        "layer sees one place; its kernel is right.",
    ],
    reference=_head_in_the_package,
    draw=_draw_classifier,
    differentiable=["features"],  # weights may be copied into layers
    library=["convolutionalise"],
    common_errors={
        "Given groups=1": _WEIGHT_AXES,
        "should have at least three dimensions": _WEIGHT_AXES,
        "shapes cannot be multiplied": "A linear layer takes vectors of one length only, so that a larger map does not fit: let "
        "convolutions do it, or take the windows one by one.",
        "is invalid for input of size": _WEIGHT_AXES,
        "don't multiply up to the size": _WEIGHT_AXES,
        "expected bias to be 1-dimensional": "There is a bias for each output: the first layer has D and `bias1`, the second K "
        "and `bias2`. A first kernel of another D than that of `weight1` has taken its h and w from elsewhere than from `size`.",
        "Kernel size can't be greater": "The kernel is larger than the map. It has h rows and w columns, as `size` says.",
    },
    given=given_convolutional_head,
    difficulty=2,
    minutes=8,
)
