"""Mask R-CNN on scenes, cars and persons: the quick one, and it with one part changed, at two lengths; beside it YOLACT, and the
usual form of Mask R-CNN, torchvision's and this course's (lesson 12)."""

from functools import partial

from study import run_study

from course_utils.models.catalogue import build
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
USUAL_STEPS = 450
"""What takes torchvision's detector about 120 CPU seconds, and this course's class in its form about half of that."""
USUALLY_MADE = {"torchvision's class": torchvision_mask_rcnn, "this course's MaskRCNN": usual_mask_rcnn}
RECIPES = {"usual recipe": USUAL, "Muon": MUON}

VARIANTS = {
    f"{name}, {steps} steps": partial(instances_on_scenes, steps=steps, make=make)
    for steps in LENGTHS
    for name, make in QUICK.items()
}
VARIANTS["YOLACT, 1300 steps"] = partial(instances_on_scenes, steps=1300, make=partial(build, "yolact", CLASSES))
VARIANTS |= {
    f"{name}, {called}, {USUAL_STEPS} steps": partial(
        instances_on_scenes, steps=USUAL_STEPS, make=partial(make, CLASSES), recipe=recipe
    )
    for called, recipe in RECIPES.items()
    for name, make in USUALLY_MADE.items()
}

if __name__ == "__main__":
    run_study("instances", VARIANTS)
