"""How far VGG-16 sees: a guess."""

from course_utils.exercises.questions import Prediction

vgg_sees = Prediction(
    "vgg_sees",
    "VGG-16 has 13 convolutions of 3 × 3 and five poolings of 2 × 2, and an image of 224 × 224 pixels comes out as 7 × 7 "
    "units. How many pixels wide is the square that one of these units sees?",
    ["13 layers look one unit to either side, but a unit is 16 pixels wide in the last of them. Guess from 1 to 500."],
    explanation=(
        "So not even the unit in the middle sees the whole image; that it does is a common mistake. Of the square of a corner "
        "unit two thirds lie outside the image. It is the fully connected layer behind them that joins all 49."
    ),
    limits=(1, 500),
    digits=0,
    minutes=2,
)
