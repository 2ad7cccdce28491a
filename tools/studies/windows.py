"""Classifiers of windows of 1, 9 and 33 pixels, scored as dense networks (lesson 02)."""

from functools import partial

from study import run_study

from course_utils.recipes.patches import windows_on_scenes

VARIANTS = {f"window {window}": partial(windows_on_scenes, window=window) for window in (1, 9, 33)}
VARIANTS |= {f"{name}, 4000 steps": partial(run, steps=4000) for name, run in VARIANTS.items()}

if __name__ == "__main__":
    run_study("windows", VARIANTS)
