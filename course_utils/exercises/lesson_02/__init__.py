"""The exercises of lesson 02: sliding windows, dense networks, receptive fields."""

from course_utils.exercises.lesson_02.counting import count_windows
from course_utils.exercises.lesson_02.dilated import dilations
from course_utils.exercises.lesson_02.kernels import linear_to_convolution
from course_utils.exercises.lesson_02.questions import vgg_sees
from course_utils.exercises.lesson_02.receptive_fields import receptive_field
from course_utils.exercises.lesson_02.stitching import shift_and_stitch
from course_utils.exercises.lesson_02.strips import predict_in_strips
from course_utils.exercises.lesson_02.windows import sliding_window

TASKS = (
    count_windows,
    sliding_window,
    linear_to_convolution,
    shift_and_stitch,
    dilations,
    receptive_field,
    vgg_sees,
    predict_in_strips,
)
