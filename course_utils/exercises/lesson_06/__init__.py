"""The exercises of lesson 06: fully convolutional networks and skip connections."""

from course_utils.exercises.lesson_06.fcn import FCNHead
from course_utils.exercises.lesson_06.heads import convolutional_head
from course_utils.exercises.lesson_06.parameters import fc6_parameters, score_parameters
from course_utils.exercises.lesson_06.questions import add_or_concatenate, skip_gain
from course_utils.exercises.lesson_06.skips import fuse
from course_utils.exercises.lesson_06.upsampling import bilinear_start

TASKS = (
    fc6_parameters,
    convolutional_head,
    fuse,
    FCNHead,
    score_parameters,
    skip_gain,
    bilinear_start,
    add_or_concatenate,
)
