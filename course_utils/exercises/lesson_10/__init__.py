"""The exercises of lesson 10: backbones."""

from course_utils.exercises.lesson_10.adapters import pyramid
from course_utils.exercises.lesson_10.freezing import frozen_training
from course_utils.exercises.lesson_10.questions import encoder_share, fair_comparison, gain_with_few, what_changes
from course_utils.exercises.lesson_10.swapping import my_backbone
from course_utils.exercises.lesson_10.top_down import top_down

TASKS = (
    pyramid,
    what_changes,
    encoder_share,
    fair_comparison,
    gain_with_few,
    frozen_training,
    top_down,
    my_backbone,
)
