"""One SegNet, three ways up: the noted indices, bilinear interpolation, transposed convolution (lesson 07)."""

from functools import partial

from study import run_study

from course_utils.training.recipes import segnet_on_scenes

VARIANTS = {way: partial(segnet_on_scenes, upsample=way) for way in ("indices", "bilinear", "transposed")}

if __name__ == "__main__":
    run_study("upsampling", VARIANTS)
