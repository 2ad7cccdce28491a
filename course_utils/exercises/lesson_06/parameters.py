"""How many parameters layers of FCN have."""

from typing import Any

from course_utils.exercises.questions import Answer

FC6_PARAMETERS: list[tuple[str, Any, str]] = [
    (
        "one_by_one",
        512 * 4096 + 4096,
        "This is a 1 x 1 convolution, a common mistake with fully connected layers. But fc6 looks at 7 x 7 places, with "
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
    (
        "one_output",
        512 * 7 * 7 + 4096,
        "512 · 7 · 7 weights make one output. Each of the 4096 has as many of its own.",
    ),
    (
        "one_output_and_one_bias",
        512 * 7 * 7 + 1,
        "This is one output, with its bias. There are 4096, each with weights of its own.",
    ),
    (
        "a_bias_for_each_weight_of_an_output",
        512 * 7 * 7 * 4096 + 512 * 7 * 7,
        "The weights are right. Biases are added to what comes out: 4096 values, not 512 · 7 · 7.",
    ),
    (
        "a_bias_for_each_place",
        512 * 7 * 7 * 4096 + 4096 * 7 * 7,
        "The weights are right. An output channel has one bias for all places, not one for each.",
    ),
    (
        "two_layers",
        512 * 7 * 7 * 4096 + 4096 + 4096 * 4096 + 4096,
        "This is fc6 and fc7. The question is about the first of them.",
    ),
    ("bytes", 4 * (512 * 7 * 7 * 4096 + 4096), "These are bytes, four for each parameter. Count the parameters."),
    *(
        (
            f"in_millions_{digits}",
            round(102.764544, digits),
            "In millions this is right. Give the exact number, as a product.",
        )
        for digits in (0, 1, 2, 3, 6)
    ),
]

fc6_parameters = Answer(
    "fc6_parameters",
    "fc6, the first linear layer of VGG-16, takes the last map, 512 channels of 7 x 7, and gives 4096 values. Written as a "
    "convolution that computes the same: how many parameters has it, biases included? The exact number, or a product in Python.",
    512 * 7 * 7 * 4096 + 4096,
    FC6_PARAMETERS,
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


SCORE_PARAMETERS: list[tuple[str, Any, str]] = [
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
    (
        "a_bias_for_each_input",
        512 * 21 + 512,
        "The weights are right. Biases are added to what comes out: 21 scores, not 512 channels.",
    ),
    (
        "added_up",
        512 + 21,
        "You added the channels. Each of the 21 scores reads all 512 channels, with a weight for each.",
    ),
    ("one_bias", 512 * 21 + 1, "The weights are right. There is a bias for each of the 21 scores, not one."),
    (
        "scored_twice",
        512 * 21 * 21,
        "One 1 x 1 convolution makes the scores of pool4, 512 to 21. The sum that follows has no weights.",
    ),
    (
        "as_many_channels",
        512 * 512 + 512,
        "This convolution keeps pool4's 512 channels. What is added are scores, one for each of 21 classes.",
    ),
    (
        "classes_of_imagenet",
        512 * 1000 + 1000,
        "1000 classes are those of the classifier that VGG-16 was pretrained as. Here there are 21.",
    ),
    ("all_of_it", 134_357_354, "These are all parameters of FCN-16s. How many has it more than FCN-32s?"),
]

score_parameters = Answer(
    "score_parameters",
    "FCN-16s on VGG-16, 21 classes: how many parameters has it more than FCN-32s? It scores pool4, a map of 512 channels; "
    "upsampling kernels are fixed, and do not count.",
    512 * 21 + 21,
    SCORE_PARAMETERS,
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
