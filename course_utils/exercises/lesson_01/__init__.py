"""The exercises of lesson 01: metrics."""

from course_utils.exercises.lesson_01.counting import confusion_matrix
from course_utils.exercises.lesson_01.data_sets import data_set_iou
from course_utils.exercises.lesson_01.outlines import boundary_f1_of
from course_utils.exercises.lesson_01.overlap import per_class_iou
from course_utils.exercises.lesson_01.questions import diagonal_iou, micro_f1, sky_share, thin_metric

TASKS = (
    confusion_matrix,
    per_class_iou,
    micro_f1,
    data_set_iou,
    diagonal_iou,
    sky_share,
    boundary_f1_of,
    thin_metric,
)
