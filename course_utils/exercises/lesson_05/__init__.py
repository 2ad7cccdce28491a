"""The exercises of lesson 05: losses and imbalance."""

from course_utils.exercises.lesson_05.choosing import which_loss
from course_utils.exercises.lesson_05.cross_entropy import cross_entropy_of_pixels
from course_utils.exercises.lesson_05.dice import dice_loss
from course_utils.exercises.lesson_05.distances import signed_distance
from course_utils.exercises.lesson_05.focal import focal_loss
from course_utils.exercises.lesson_05.questions import prior_bias, rare_share
from course_utils.exercises.lesson_05.weights_off import without_weights

TASKS = (
    cross_entropy_of_pixels,
    rare_share,
    focal_loss,
    dice_loss,
    signed_distance,
    prior_bias,
    without_weights,
    which_loss,
)
