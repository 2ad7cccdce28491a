"""A guess about labels that are resized bilinearly."""

from course_utils.exercises.questions import Prediction

wrong_labels = Prediction(
    "wrong_labels",
    "Label maps of street scenes, 8 classes numbered from 0 to 7, are halved bilinearly: each new number is the mean of four "
    "old ones, rounded. Where the four are not all of one class (void left out): how many per cent of the new pixels have a "
    "class that none of the four had?",
    ["From 0 to 100. Sky is 0 and vegetation 4: half of each is 2, and 2 is road."],
    explanation=(
        "The mean of sky (0) and vegetation (4) is road (2): there is a road along the tree tops now. Class numbers are names; "
        "there is nothing between two names. (The share is that of this numbering: it changes with the order of the classes.) "
        "Resize labels with nearest, which takes one of the four as it is."
    ),
    limits=(0, 100),
    digits=0,
    minutes=3,
)
