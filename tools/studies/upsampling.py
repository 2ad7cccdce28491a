"""One SegNet, five ways up: indices, a bed of nails, bilinear interpolation, two transposed convolutions (lesson 07)."""

from functools import partial

from study import run_study

from course_utils.models.segnet import UPSAMPLERS
from course_utils.recipes.scenes import segnet_on_scenes

VARIANTS = {way: partial(segnet_on_scenes, upsample=way) for way in UPSAMPLERS}
VARIANTS |= {f"{way}, 4000 steps": partial(segnet_on_scenes, upsample=way, steps=4000) for way in UPSAMPLERS}

if __name__ == "__main__":
    run_study("upsampling", VARIANTS)
