"""Thirty sections of tissue, with and without elastic deformation (lesson 08)."""

from functools import partial

from study import run_study

from course_utils.recipes.unets import unet_on_tissue

VARIANTS = {
    f"{'flips and elastic' if bent else 'flips'}, {steps} steps": partial(unet_on_tissue, bent=bent, steps=steps)
    for steps in (300, 1500)
    for bent in (False, True)
}

if __name__ == "__main__":
    run_study("elastic", VARIANTS)
