"""The exercises of lesson 09: DeepLab."""

from course_utils.exercises.lesson_09.mean_field import mean_field_step
from course_utils.exercises.lesson_09.pyramids import ASPP
from course_utils.exercises.lesson_09.questions import dearer_grid, separable_counts, what_a_chain_sees
from course_utils.exercises.lesson_09.rates import rates_for
from course_utils.exercises.lesson_09.rows import atrous_row
from course_utils.exercises.lesson_09.strides import without_stride

TASKS = (
    atrous_row,
    what_a_chain_sees,
    without_stride,
    rates_for,
    ASPP,
    separable_counts,
    dearer_grid,
    mean_field_step,
)
