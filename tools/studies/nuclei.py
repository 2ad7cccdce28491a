"""Nuclei after 300 CPU seconds: the quick Mask R-CNN, and torchvision's with its usual recipe and with ours (lesson 12).

It needs the images: `COURSE_DATA` names the folder that has them, or `python -m course_utils.datasets nuclei` fetches them.
"""

from functools import partial

from study import run_study

from course_utils.recipes.instances import MUON, USUAL
from course_utils.recipes.nuclei import CLASSES, STEPS, instances_on_nuclei
from course_utils.recipes.whole_detectors import torchvision_mask_rcnn

THEIR_STEPS = 1350
"""Takes torchvision's detector a third more time than `STEPS` take ours."""

VARIANTS = {f"ours, {STEPS} steps": partial(instances_on_nuclei, steps=STEPS)}
VARIANTS |= {
    f"torchvision, {name}, {THEIR_STEPS} steps": partial(
        instances_on_nuclei, steps=THEIR_STEPS, make=partial(torchvision_mask_rcnn, CLASSES), recipe=recipe
    )
    for name, recipe in (("usual recipe", USUAL), ("our recipe", MUON))
}

if __name__ == "__main__":
    run_study("nuclei", VARIANTS)
