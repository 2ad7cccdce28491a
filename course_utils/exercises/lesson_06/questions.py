"""What is true of skips, training and history; and a guess about the second skip."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

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

ADD_OR_CONCATENATE: list[tuple[str, Any, str]] = [
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
        "that is a common mistake: its receptive field is 212 pixels wide (lesson 02), and of a corner unit's only a third "
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
    ADD_OR_CONCATENATE,
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
