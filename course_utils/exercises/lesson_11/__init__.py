"""The exercises of lesson 11: from boxes to masks."""

from course_utils.exercises.lesson_11.anchors import match_anchors
from course_utils.exercises.lesson_11.curves import average_precision
from course_utils.exercises.lesson_11.overlap import box_iou
from course_utils.exercises.lesson_11.permutations import best_permutation
from course_utils.exercises.lesson_11.questions import faulty_reports, two_poolings
from course_utils.exercises.lesson_11.sampling import roi_align
from course_utils.exercises.lesson_11.suppression import nms

TASKS = (
    box_iou,
    match_anchors,
    nms,
    two_poolings,
    roi_align,
    average_precision,
    best_permutation,
    faulty_reports,
)
