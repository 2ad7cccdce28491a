"""FCN on street scenes: how many skips, learnt or fixed upsampling, frozen or fine-tuned encoder (lesson 06)."""

from functools import partial

from study import run_study

from course_utils.training.recipes import fcn_on_scenes

VARIANTS = {
    "FCN-32s": partial(fcn_on_scenes, stride=32),
    "FCN-16s": partial(fcn_on_scenes, stride=16),
    "FCN-8s": partial(fcn_on_scenes, stride=8),
    "FCN-8s, upsampling fixed": partial(fcn_on_scenes, stride=8, upsample="fixed"),
    "FCN-8s, pretrained encoder": partial(fcn_on_scenes, stride=8, encoder="fine-tuned"),
    "FCN-8s, pretrained encoder, frozen": partial(fcn_on_scenes, stride=8, encoder="frozen"),
}

if __name__ == "__main__":
    run_study("fcn_skips", VARIANTS)
