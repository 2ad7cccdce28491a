"""The exercises of lesson 06: fully convolutional networks and skip connections."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import (
    Exercise,
    mistakes_06 as mistakes,
    mistakes_06_networks as mistakes_in_networks,
    mistakes_06_skips as mistakes_in_skips,
    mistakes_06_start as mistakes_at_the_start,
    probes_06 as probes,
)
from course_utils.exercises.kinds import Answer, Prediction
from course_utils.models.convolutional import convolutionalise
from course_utils.models.layers import resize
from course_utils.ops import convmatrix

fc6_parameters = Answer(
    "fc6_parameters",
    "fc6, the first linear layer of VGG-16, takes the last map, 512 channels of 7 x 7, and gives 4096 values. Written as a "
    "convolution that computes the same: how many parameters has it, biases included? The exact number, or a product in Python.",
    512 * 7 * 7 * 4096 + 4096,
    [
        (
            "one_by_one",
            512 * 4096 + 4096,
            "This is a 1 x 1 convolution, as has been taught of all fully connected layers. But fc6 looks at 7 x 7 places, with "
            "a weight of its own for each: no layer with so few weights can compute the same.",
        ),
        (
            "one_by_one_without_biases",
            512 * 4096,
            "This is a 1 x 1 convolution without biases. But fc6 looks at 7 x 7 places, with a weight of its own for each.",
        ),
        ("no_biases", 512 * 7 * 7 * 4096, "The weights are right; each output channel has a bias, too."),
        (
            "a_bias_for_each_input",
            512 * 7 * 7 * 4096 + 512,
            "The weights are right. Biases are added to what comes out: count the output channels, not the input's.",
        ),
        (
            "one_bias",
            512 * 7 * 7 * 4096 + 1,
            "The weights are right. There is a bias for each output channel, not one.",
        ),
        ("one_side", 512 * 7 * 4096 + 4096, "A kernel has two sides: 7 rows of 7 weights for each pair of channels."),
        (
            "three_by_three",
            512 * 3 * 3 * 4096 + 4096,
            "This is a 3 x 3 convolution, as VGG-16 has before. fc6 looks at all 7 x 7 places of the last map at once.",
        ),
        (
            "one_input_channel",
            7 * 7 * 4096 + 4096,
            "You forgot the input channels: each output reads all 512 of them, at 7 x 7 places.",
        ),
        ("fc7", 4096 * 4096 + 4096, "This is fc7, the next layer: its input is one place with 4096 channels."),
        (
            "all_linear_layers",
            512 * 7 * 7 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000,
            "These are all three linear layers of VGG-16. The question is about the first.",
        ),
    ],
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
    "numbers, channel by channel. The second one sees a single place: two axes of length 1 at the end make its weight."
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


skip_gain = Prediction(
    "skip_gain",
    "FCN-32s reaches a mean IoU of 59.4 % in the paper, and FCN-16s, with one skip, 62.4 %: 3.0 points more. How many points "
    "more than FCN-16s does FCN-8s reach, with a second skip?",
    [
        "Mean IoU counts pixels. How many of them change when borders that are right to within 16 pixels get right to within 8?"
    ],
    explanation=(
        "FCN-8s reaches 62.7 %. A second skip sharpens borders that the first has brought near already, and mean IoU counts "
        "areas, of which borders are a small part: the authors speak of diminishing returns, and stop. A metric that looks at "
        "borders only, such as boundary IoU, sees more of it."
    ),
    limits=(0, 10),
    digits=1,
    minutes=2,
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
    mistakes_in_networks.NETWORKS,
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
        "but are [none]": "A list hides its layers from the module, which so has no parameters: `nn.ModuleList` does not, nor "
        "do attributes of their own, `self.fine = nn.Conv2d(...)`.",
        "parameters should have the shapes": "Three 1 × 1 convolutions with biases, in the order of `channels`, each to "
        "`num_classes`, and nothing else. (Sums keep the number of channels; if you concatenate, it grows.)",
        "channels, but got": "A map has met another map's convolution. Both `maps` and `channels` begin with the finest; if you "
        "run through one of them from the coarsest, run through the other so, too. Only scores are fused, not the maps.",
        "must match the size of tensor": "Sizes differ where you add: interpolate to the `size` of the finer map, not by a "
        "factor. If it is the number of channels that differs, score the maps first.",
        "cannot assign module before": "The first line of `__init__` is `super().__init__()`.",
        "positional argument": "`__init__` takes `channels` and `num_classes`, `forward` takes `maps` and `size`; both have "
        "`self` before.",
        "missing the required": "Is the method called `forward`, and indented as `__init__` is?",
    },
    difficulty=3,
    minutes=15,
)


score_parameters = Answer(
    "score_parameters",
    "FCN-16s on VGG-16, 21 classes: how many parameters has it more than FCN-32s? It scores pool4, a map of 512 channels; "
    "upsampling kernels are fixed, and do not count.",
    512 * 21 + 21,
    [
        ("no_biases", 512 * 21, "The weights are right; each of the 21 scores has a bias, too."),
        ("pool3", 256 * 21 + 21, "This is the score of pool3, with 256 channels, which FCN-8s adds."),
        ("two_skips", (512 + 256) * 21 + 42, "These are two skips, and FCN-8s. FCN-16s has the one from pool4 only."),
        (
            "fc7",
            4096 * 21 + 21,
            "This is the score of fc7, with 4096 channels: FCN-32s has it already.",
        ),
        (
            "sum_is_free",
            0,
            "The sum itself has no parameters. But pool4 has 512 channels, and 21 are needed to add: which layer makes them?",
        ),
        ("twenty_classes", 512 * 20 + 20, "21 classes include the background already: it is scored as the others are."),
        (
            "three_by_three",
            512 * 9 * 21 + 21,
            "A score is a 1 x 1 convolution: it reads one place of the map. Yours has nine times the weights.",
        ),
        (
            "concatenated",
            (512 + 21) * 21 + 21,
            "This would be a convolution of pool4 beside the 21 coarse scores. FCN adds the coarse scores as they are; only "
            "pool4 goes through weights.",
        ),
        (
            "upsampling_counted",
            512 * 21 + 21 + 21 * 21 * 4 * 4,
            "You counted a 4 x 4 kernel for each pair of classes. Upsampling kernels are fixed here, and do not count.",
        ),
        (
            "upsampling_of_each_class_counted",
            512 * 21 + 21 + 21 * 4 * 4,
            "You counted a 4 x 4 kernel for each class. Upsampling kernels are fixed here, and do not count.",
        ),
    ],
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


add_or_concatenate = Answer(
    "add_or_concatenate",
    "On skips, on training and on FCN's place in history: 'true' or 'false'?",
    {
        "to add two maps, they need equally many channels": "true",
        "the sum has weights of its own": "false",
        "concatenation, then 1 x 1, can give what score and sum give": "true",
        "no gradient gets through a fixed bilinear upsampling": "false",
        "FCN-32s-fixed: all is trained but the upsampling": "false",
        "FCN-VGG16 (56.0) and FCN-32s (59.4) are the same network": "true",
        "VGG-16 halves its maps five times": "true",
        "a unit of VGG-16's 7 x 7 map sees all of the 224 x 224 image": "false",
        "FCN was the first network used for segmentation": "false",
    },
    [
        (
            "broadcast_channels",
            ("to add two maps, they need equally many channels", "false"),
            "a sum pairs channel k with channel k: 512 and 21 do not pair. This is why FCN scores first. To concatenate, "
            "any two numbers will do.",
        ),
        (
            "sum_learns",
            ("the sum has weights of its own", "true"),
            "plus has none. What is learned stands before it, in the 1 x 1 convolutions that make the scores.",
        ),
        (
            "concatenation_cannot_add",
            ("concatenation, then 1 x 1, can give what score and sum give", "false"),
            "a 1 x 1 convolution of maps side by side adds up weighted channels of both. With the score's weights for the one "
            "and 1 or 0 for the other, that is FCN's sum: concatenation can do more, never less.",
        ),
        (
            "fixed_stops_the_gradient",
            ("no gradient gets through a fixed bilinear upsampling", "true"),
            "fixed means that its own kernel is not changed. It is a linear map, and its transpose carries the gradient on to "
            "what came before (lesson 04).",
        ),
        (
            "fixed_upsampling",
            ("FCN-32s-fixed: all is trained but the upsampling", "true"),
            "the paper's 'fixed' means the opposite: only the last layer, the classifier, was trained. That is why it has 45.4 "
            "where FCN-32s has 59.4: learning all of it is worth 14 points.",
        ),
        (
            "another_network",
            ("FCN-VGG16 (56.0) and FCN-32s (59.4) are the same network", "false"),
            "the difference is in the training: 1,112 images for the one, 8,498 for the other. Ask of two scores how they were "
            "trained before you ask what was trained.",
        ),
        (
            "four_halvings",
            ("VGG-16 halves its maps five times", "false"),
            "from 224 to 7 it is a factor of 32, and 32 is 2 to the power of five: VGG-16 has five poolings.",
        ),
        (
            "sees_everything",
            ("a unit of VGG-16's 7 x 7 map sees all of the 224 x 224 image", "true"),
            "that has been taught, but its receptive field is 212 pixels wide (lesson 02), and of a corner unit's only a third "
            "lies in the image. It is fc6 that joins all 49 units.",
        ),
        (
            "first_network",
            ("FCN was the first network used for segmentation", "true"),
            "Ciresan (2012), Farabet (2013) and Pinheiro (2014), each with others, had classified each pixel with "
            "convolutional networks. FCN was the first to be trained end to end, from images to label maps, from a pretrained "
            "classifier.",
        ),
    ],
    [
        "Four are true. For those about skips, count channels: FCN adds 21 scores to 21 scores.",
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
