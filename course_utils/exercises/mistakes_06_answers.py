"""Wrong answers to the questions of lesson 06, each with its name, what was answered, and the sentence for the student."""

from typing import Any

Known = list[tuple[str, Any, str]]

FC6_PARAMETERS: Known = [
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

SCORE_PARAMETERS: Known = [
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

ADD_OR_CONCATENATE: Known = [
    (
        "broadcast_channels",
        ("to add two maps channel by channel, they need equally many channels", "false"),
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
]
