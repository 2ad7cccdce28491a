"""The exercises of lesson 12: Mask R-CNN."""

from course_utils.exercises.lesson_12.cutting import cut_regions
from course_utils.exercises.lesson_12.keypoints import keypoint_loss
from course_utils.exercises.lesson_12.levels import pyramid_level
from course_utils.exercises.lesson_12.mask_losses import mask_loss
from course_utils.exercises.lesson_12.pasting import paste_mask
from course_utils.exercises.lesson_12.prototypes import assemble_masks
from course_utils.exercises.lesson_12.questions import roi_pool_cost
from course_utils.exercises.lesson_12.samples import sampled_mask_loss

TASKS = (
    pyramid_level,
    cut_regions,
    mask_loss,
    sampled_mask_loss,
    paste_mask,
    roi_pool_cost,
    keypoint_loss,
    assemble_masks,
)
