"""The exercises of lesson 08: U-Net."""

from course_utils.exercises.lesson_08.blocks import UNetBlock
from course_utils.exercises.lesson_08.joining import join
from course_utils.exercises.lesson_08.mirroring import mirrored
from course_utils.exercises.lesson_08.questions import parameter_counts, poles_without_skips, where_sizes_part
from course_utils.exercises.lesson_08.sizes import output_side
from course_utils.exercises.lesson_08.summaries import activation_megabytes

TASKS = (
    output_side,
    UNetBlock,
    join,
    where_sizes_part,
    parameter_counts,
    activation_megabytes,
    poles_without_skips,
    mirrored,
)
