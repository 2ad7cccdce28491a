"""The exercises of lesson 06: fully convolutional networks and skip connections."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import (
    Exercise,
    mistakes_06 as mistakes,
    mistakes_06_answers as answers,
    mistakes_06_layers as mistakes_in_layers,
    mistakes_06_networks as mistakes_in_networks,
    mistakes_06_skips as mistakes_in_skips,
    mistakes_06_start as mistakes_at_the_start,
    probes_06 as probes,
)
from course_utils.exercises.questions import Answer, Prediction
from course_utils.models.layers import resize
from course_utils.ops import convmatrix
from course_utils.sliding.convolutional import convolutionalise

fc6_parameters = Answer(
    "fc6_parameters",
    "fc6, the first linear layer of VGG-16, takes the last map, 512 channels of 7 x 7, and gives 4096 values. Written as a "
    "convolution that computes the same: how many parameters has it, biases included? The exact number, or a product in Python.",
    512 * 7 * 7 * 4096 + 4096,
    answers.FC6_PARAMETERS,
    [
        "Turning a linear layer into a convolution moves its weights; it makes none and loses none.",
        "A convolution has C_out · C_in · kh · kw weights and C_out biases. Which size must the kernel have, to look at all "
        "that the linear layer looks at?",
        "The kernel is 7 x 7, from 512 channels to 4096.",
    ],
    explanation=(
        "102,764,544: as many as the linear layer has, and nearly three quarters of all of VGG-16's. A 1 x 1 kernel would have "
        "2,101,248; only fc7 and fc8, whose input is a single place, become 1 x 1 convolutions."
    ),
    tolerance=1e-9,
    difficulty=1,
    minutes=4,
)


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

convolutional_head = Exercise(
    "convolutional_head",
    convolutional_head,
    probes.CLASSIFIERS,
    mistakes.HEAD,
    [
        "Give it a map of one window, h x w: the classifier has one vector of scores for it. What comes out here?",
        "A linear layer behind `nn.Flatten` has a weight for each channel and each place. How large is a kernel that has as "
        "many? What happens to them in the line with `sum`?",
        "`weight1.unflatten(1, (-1, *size))` is the first kernel already, (D, C, h, w): nothing is to be added up. The second "
        "layer sees one place; its kernel is right.",
    ],
    reference=_head_in_the_package,
    draw=probes.draw_classifier,
    common_errors={
        "Given groups=1": _WEIGHT_AXES,
        "should have at least three dimensions": _WEIGHT_AXES,
        "shapes cannot be multiplied": "A linear layer takes vectors of one length only, so that a larger map does not fit: let "
        "convolutions do it, or take the windows one by one.",
        "is invalid for input of size": _WEIGHT_AXES,
        "don't multiply up to the size": _WEIGHT_AXES,
        "Kernel size can't be greater": "The kernel is larger than the map. It has h rows and w columns, as `size` says.",
    },
    given=mistakes.given_convolutional_head,
    difficulty=2,
    minutes=8,
)


def fuse(coarse: Tensor, fine: Tensor) -> Tensor:
    """One skip of FCN: enlarge the coarse scores (B, K, h, w) bilinearly to the size of the fine ones (B, K, H, W), which is
    about twice as large, and add: (B, K, H, W)."""
    size = fine.shape[-2:]
    return fine + F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)


_SIZES_DIFFER = (
    "What you add differs in size. Twice the coarse size is not always the fine one (of 5 rows, pooling makes 3): take "
    "the size that `fine` has, rows first, and ask `F.interpolate` for that `size`, not for a factor."
)
_SIZE_OF_TWO = "`size` wants the rows and the columns only, the last two of a map's four axes."

fuse = Exercise(
    "fuse",
    fuse,
    probes.SCORES,
    mistakes_in_skips.FUSE,
    [
        "Which of the two sizes has the result? Both may be odd: can a factor always lead there?",
        "`F.interpolate` takes a `size` instead of a factor, and a `mode`. The fine map knows the size: its last two axes.",
        '`F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)`, and the fine scores added to it.',
    ],
    reference=lambda coarse, fine: fine + resize(coarse, fine.shape[-2:]),
    draw=probes.draw_scores,
    differentiable=True,
    common_errors={
        "must match the size of tensor": _SIZES_DIFFER,
        "doesn't match the broadcast shape": _SIZES_DIFFER,
        "linear mode needs": 'Linear is for signals; along both axes of a map it is "bilinear".',
        "output size must match": _SIZE_OF_TWO,
        "same number of spatial dimensions": _SIZE_OF_TWO,
        "either size or scale_factor should be defined": "`F.interpolate` wants to know how large: `size=` the fine map's.",
        "only one of size or scale_factor": "A size and a factor are one answer too many: the size is enough.",
    },
    difficulty=2,
    minutes=8,
)


class FCNHead(nn.Module):
    """FCN-8s behind a backbone: `maps` are three, at strides 8, 16 and 32, with `channels` channels, the finest first. A 1 × 1
    convolution with bias scores each; from the coarsest on, scores are fused; at the end, interpolated bilinearly to `size`:
    logits (B, num_classes, *size)."""

    def __init__(self, channels: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, num_classes, kernel_size=1) for width in channels)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        fine, middle, coarse = (score(features) for score, features in zip(self.scores, maps, strict=True))
        logits = coarse
        for skip in (middle, fine):
            logits = skip + F.interpolate(logits, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


FCNHead = Exercise(
    "FCNHead",
    FCNHead,
    probes.MAPS,
    mistakes_in_networks.NETWORKS + mistakes_in_layers.LAYERS,
    [
        "`__init__` makes three convolutions, one for each number in `channels`; `forward` scores each map with its own.",
        "Begin with the coarsest scores, which come last, and fuse twice: with the middle ones, then with the finest. What size "
        "has the result, and what size is asked for?",
        "`logits = fuse(fuse(coarse, middle), fine)`, where each is a map's scores; then "
        '`F.interpolate(logits, size=size, mode="bilinear", align_corners=False)`.',
    ],
    draw=probes.draw_maps,
    build=((3, 4, 5), 2),
    common_errors={
        "running_mean": "Scores are no features: no batch norm follows them, and no ReLU.",
        "parameters should have the shapes": "The head is three 1 × 1 convolutions with biases, one for each of `channels`, to "
        "`num_classes`, and nothing else. (Upsampling is interpolation here: it has no weights.)",
        "channels, but got": "A map has met another map's convolution. Both `maps` and `channels` begin with the finest; if you "
        "run through one of them from the coarsest, run through the other so, too. Only scores are fused, not the maps.",
        "must match the size of tensor": "Sizes differ where you add: interpolate to the `size` of the finer map, not by a "
        "factor. If it is the number of channels that differs, score the maps first.",
        "positional argument": "`__init__` takes `channels` and `num_classes`, `forward` takes `maps` and `size`; both have "
        "`self` before.",
    },
    difficulty=3,
    minutes=15,
)


score_parameters = Answer(
    "score_parameters",
    "FCN-16s on VGG-16, 21 classes: how many parameters has it more than FCN-32s? It scores pool4, a map of 512 channels; "
    "upsampling kernels are fixed, and do not count.",
    512 * 21 + 21,
    answers.SCORE_PARAMETERS,
    [
        "What does FCN-16s have that FCN-32s has not? Does a sum have parameters? What has to happen to pool4 before it?",
        "A 1 x 1 convolution turns the 512 channels of pool4 into 21 scores; it has a bias for each.",
    ],
    explanation=(
        "512 · 21 + 21, of 134 million in all, for 3.0 points of mean IoU: from 134,346,581 to 134,357,354. A skip costs next "
        "to nothing, for the map is there already."
    ),
    tolerance=1e-6,
    difficulty=1,
    minutes=5,
)


skip_gain = Prediction(
    "skip_gain",
    "FCN-32s reaches a mean IoU of 59.4 % in the paper, and FCN-16s, with one skip, 62.4 %: 3.0 points more. How many points "
    "more than FCN-16s does FCN-8s reach, with a second skip?",
    [
        "Mean IoU counts pixels. How many of them change when borders that are right to within 16 pixels get right to within 8?"
    ],
    explanation=(
        "FCN-8s reaches 62.7 %: after +3.0 points, +0.3. The authors speak of diminishing returns, and stop. Mean IoU counts "
        "areas, of which borders are a small part. In this lesson's study the second skip brings boundary IoU nearly as much as "
        "the first: +0.068 after +0.072."
    ),
    limits=(-10, 10),
    digits=1,
    minutes=2,
)


def bilinear_start(num_classes: int, factor: int) -> Tensor:
    """Weight (K, K, k, k) of an `nn.ConvTranspose2d` of stride f = `factor` without groups that begins as bilinear upsampling of
    each of the K = `num_classes` classes, k = 2f - f % 2."""
    size = 2 * factor - factor % 2
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    tent = 1 - distance / factor
    return torch.eye(num_classes)[:, :, None, None] * torch.outer(tent, tent)


bilinear_start = Exercise(
    "bilinear_start",
    bilinear_start,
    probes.FACTORS,
    mistakes_at_the_start.START,
    [
        "weight[a, b] is the kernel with which class a writes into class b. Which pairs of classes should have to do with each "
        "other at the beginning?",
        "Begin with zeros, (K, K, k, k), and put the kernel of lesson 04 on the pairs (c, c).",
        "`weight[c, c] = torch.outer(tent, tent)` for each class c, with tent[i] = 1 - |i - (k - 1) / 2| / f.",
    ],
    reference=lambda num_classes, factor: torch.einsum(
        "ab, yx -> abyx", torch.eye(num_classes), convmatrix.bilinear_kernel(factor)
    ),
    common_errors={
        "for -: 'range' and": "`range` cannot be computed with; `torch.arange(k)` gives the same numbers as a tensor.",
        "Expected 1-D": "`torch.outer` takes two vectors: one tent along each axis.",
        "expanded size of the tensor": "The kernel is (k, k) with k = 2 * factor - factor % 2, and so is each weight[c, c].",
        "must match the size of tensor": "To multiply (K, K) by (k, k) for each pair, add two axes: `[:, :, None, None]`.",
    },
    difficulty=2,
    minutes=8,
)


add_or_concatenate = Answer(
    "add_or_concatenate",
    "On skips, on training and on FCN's place in history: 'true' or 'false'?",
    {
        "to add two maps channel by channel, they need equally many channels": "true",
        "the sum has weights of its own": "false",
        "concatenation, then 1 x 1, can give what score and sum give": "true",
        "no gradient gets through a fixed bilinear upsampling": "false",
        "FCN-32s-fixed: all is trained but the upsampling": "false",
        "FCN-VGG16 (56.0) and FCN-32s (59.4) are the same network": "true",
        "VGG-16 halves its maps five times": "true",
        "a unit of VGG-16's 7 x 7 map sees all of the 224 x 224 image": "false",
        "FCN was the first network used for segmentation": "false",
    },
    answers.ADD_OR_CONCATENATE,
    [
        "For those about skips, count channels: FCN adds 21 scores to 21 scores.",
        "The scores in brackets are those of the paper's two tables; the rows beside them tell how each network was trained.",
    ],
    options=("true", "false"),
    explanation=(
        "A sum costs nothing, but wants the same channels with the same meaning; a concatenation costs weights, and lets the "
        "network choose. U-Net (lesson 08) concatenates."
    ),
    difficulty=2,
    minutes=4,
)
