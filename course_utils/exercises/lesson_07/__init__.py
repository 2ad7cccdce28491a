"""The exercises of lesson 07: unpooling decoders."""

from course_utils.exercises.lesson_07.corners import indices_of_corners
from course_utils.exercises.lesson_07.decoders import decoder_layers
from course_utils.exercises.lesson_07.pairs import unpool_pair
from course_utils.exercises.lesson_07.questions import index_memory, lands_at, nonzero_share
from course_utils.exercises.lesson_07.stages import MirroredStage

TASKS = (decoder_layers, MirroredStage, lands_at, unpool_pair, nonzero_share, index_memory, indices_of_corners)
