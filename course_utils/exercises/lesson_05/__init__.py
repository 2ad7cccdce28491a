"""The exercises of lesson 05: losses and imbalance."""

from course_utils.exercises.lesson_05.choosing import which_loss
from course_utils.exercises.lesson_05.cross_entropy import cross_entropy_of_pixels
from course_utils.exercises.lesson_05.dice import dice_loss
from course_utils.exercises.lesson_05.distances import signed_distance
from course_utils.exercises.lesson_05.focal import focal_loss
from course_utils.exercises.lesson_05.jaccard import jaccard_loss
from course_utils.exercises.lesson_05.questions import positive_weight, rare_share

TASKS = (
    cross_entropy_of_pixels,
    positive_weight,
    rare_share,
    focal_loss,
    dice_loss,
    jaccard_loss,
    signed_distance,
    which_loss,
)
