"""A guess: what rounding costs."""

from course_utils.exercises.questions import Prediction

roi_pool_cost = Prediction(
    "roi_pool_cost",
    "The course's study has trained this Mask R-CNN in two forms, with the same data, seeds and 1300 steps: one cuts "
    "regions out by RoIAlign, the other by RoIPool, which rounds each box to whole cells of the map. By how many points of "
    "mask AP is RoIPool worse, in the mean over the seeds? (Do you think that it is better? Then a number below 0.)",
    [
        "Rounding moves each edge of a box by up to half a cell. How many pixels is that on the finest map, and how large are "
        "the objects?",
        "AP is a mean over ten thresholds. An outline that is off by a pixel does little harm at an IoU of 0.5, and much at 0.9. "
        "A point is a hundredth of AP.",
    ],
    explanation="With RoIPool the mask head sees a box whose edges have been moved by a fraction of a cell, and it cannot know "
    "by how much. The true mask, by contrast, is cut out exactly, and what the head draws does not fit it. That costs most at "
    "high thresholds, and where a cell is large beside the objects: in the paper it was about 7 points of mask AP at stride 32.",
    limits=(-50, 50),
    digits=1,
    remarks=[
        (
            -50,
            0,
            "You expected RoIPool to be no worse. It is the one of the two that loses something: the fractions of a cell.",
        ),
        (0.01, 0.5, "That is less than a point. A point is a hundredth: from an AP of 0.47 to one of 0.46."),
    ],
)
