"""The exercises of lesson 03: interpolation."""

from course_utils.exercises.lesson_03.coordinates import source_coordinates
from course_utils.exercises.lesson_03.gradients import resize_gradient
from course_utils.exercises.lesson_03.matrices import interpolation_matrix
from course_utils.exercises.lesson_03.nails import bed_of_nails
from course_utils.exercises.lesson_03.points import upsample_points
from course_utils.exercises.lesson_03.questions import wrong_labels
from course_utils.exercises.lesson_03.unpooling import max_unpool
from course_utils.exercises.lesson_03.weights import bilinear_weights

TASKS = (
    bed_of_nails,
    max_unpool,
    bilinear_weights,
    source_coordinates,
    upsample_points,
    interpolation_matrix,
    resize_gradient,
    wrong_labels,
)
