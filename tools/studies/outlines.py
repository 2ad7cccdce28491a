"""What a CRF and a decoder bring to outlines, on the same 24 street scenes (lesson 09)."""

from functools import partial

from study import run_study

from course_utils.recipes.deeplabs import refined_on_scenes

VARIANTS = {
    f"{name}{' and CRF' if crf else ''}, {steps} steps": partial(
        refined_on_scenes, name=name, output_stride=8, steps=steps, crf=crf
    )
    for steps in (450, 4000)
    for name in ("ASPP", "decoder")
    for crf in (False, True)
}

if __name__ == "__main__":
    run_study("outlines", VARIANTS)
