"""The exercises of lesson 00: tasks and data."""

from course_utils.exercises.lesson_00.coco_ids import decode_panoptic
from course_utils.exercises.lesson_00.painted_truth import decode_colours
from course_utils.exercises.lesson_00.panoptic_ids import encode_panoptic
from course_utils.exercises.lesson_00.questions import name_the_task, person_in_box, warm_up

TASKS = (warm_up, person_in_box, encode_panoptic, decode_panoptic, name_the_task, decode_colours)
