"""Mask R-CNN on scenes, cars and persons: the quick one, and it with one part changed, at two lengths; beside it the usual one of
torchvision and of this course, for as many steps as take two minutes (lesson 12)."""

from functools import partial

from study import run_study

from course_utils.models.detection.quick_mask_rcnn import quick_mask_rcnn
from course_utils.recipes.instances import MUON, USUAL, competing_masks, instances_on_scenes, rounded_regions
from course_utils.recipes.whole_detectors import torchvision_mask_rcnn, usual_mask_rcnn

LENGTHS = (1300, 3300)
"""What takes the quick one 120 and 300 CPU seconds."""
CLASSES = 8

QUICK = {
    "Mask R-CNN": partial(quick_mask_rcnn, CLASSES),
    "RoIPool instead of RoIAlign": partial(quick_mask_rcnn, CLASSES, pooling=rounded_regions),
    "softmax instead of sigmoid masks": partial(
        quick_mask_rcnn, CLASSES, mask_loss=competing_masks, softmax_masks=True
    ),
    "without moved true boxes": partial(quick_mask_rcnn, CLASSES, jittered=0),
}
# What makes it, the recipe, and the steps that take 120 CPU seconds.
USUALLY_MADE = {
    "torchvision, usual recipe": (torchvision_mask_rcnn, USUAL, 560),
    "torchvision, our recipe": (torchvision_mask_rcnn, MUON, 560),
    "our MaskRCNN class in torchvision's form, usual recipe": (usual_mask_rcnn, USUAL, 900),
}

VARIANTS = {
    f"{name}, {steps} steps": partial(instances_on_scenes, steps=steps, make=make)
    for steps in LENGTHS
    for name, make in QUICK.items()
}
VARIANTS |= {
    f"{name}, {steps} steps": partial(instances_on_scenes, steps=steps, make=partial(make, CLASSES), recipe=recipe)
    for name, (make, recipe, steps) in USUALLY_MADE.items()
}

if __name__ == "__main__":
    run_study("instances", VARIANTS)
