"""What a context brings to a backbone whose last map sees 39 pixels a side of an image of 96 × 128 (lesson 09)."""

from functools import partial

from study import run_study

from course_utils.recipes.deeplabs import SHORT, deeplab_on_scenes

NAMES = ("one place", "three of rate 1", "one rate", "three rates", "ASPP", "pyramid pooling")

VARIANTS = {
    f"{name}, {steps} steps": partial(deeplab_on_scenes, name=name, output_stride=8, steps=steps, widths=SHORT)
    for names, steps in ((NAMES, 450), (("one place", "three of rate 1", "ASPP"), 4000))
    for name in names
}

if __name__ == "__main__":
    run_study("contexts", VARIANTS)
