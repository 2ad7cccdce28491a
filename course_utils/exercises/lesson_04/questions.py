"""A guess about noise that is enlarged."""

from course_utils.exercises.questions import Prediction

noise_power = Prediction(
    "noise_power",
    "White noise is enlarged bilinearly by 4. There are 16 phases of outputs. How many times as large is the power of the "
    "strongest phase as that of the weakest?",
    [
        "An output is a weighted sum of old pixels. Its power is the sum of the squares of the weights.",
        "Along one axis the weights of the phases are 1/8 and 7/8, or 3/8 and 5/8. In two dimensions the powers multiply.",
    ],
    explanation=(
        "Along one axis (49 + 1) / 64 against (25 + 9) / 64, which is 1.47; squared, 2.16. An output near an old pixel is nearly "
        "a copy of it; one between four is their mean, and a mean has less noise."
    ),
    limits=(1, 100),
    digits=2,
    minutes=3,
)
