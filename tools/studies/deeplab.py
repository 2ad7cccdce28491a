"""Output strides, contexts and a decoder on one small residual network (lesson 09)."""

from functools import partial

from study import run_study

from course_utils.recipes.deeplabs import deeplab_on_scenes

CONTEXTS = ("one place", "one rate", "three rates", "ASPP", "pyramid pooling")
WITHIN_ASPP = ("ASPP, no dropout", "ASPP, dropout 0.5", "ASPP, no batch norm")
LONG = 4000


def variant(name: str, output_stride: int, steps: int):
    return {
        f"{name}, output stride {output_stride}, {steps} steps": partial(
            deeplab_on_scenes, name=name, output_stride=output_stride, steps=steps
        )
    }


VARIANTS = {}
for stride in (32, 16, 8):
    VARIANTS |= variant("one place", stride, 450)
for name in (*CONTEXTS[1:], *WITHIN_ASPP, "decoder"):
    VARIANTS |= variant(name, 8, 450)
for name, stride in (("one place", 32), ("one place", 8), ("ASPP", 8), ("decoder", 8)):
    VARIANTS |= variant(name, stride, LONG)

if __name__ == "__main__":
    run_study("deeplab", VARIANTS)
