"""FCN on street scenes (lesson 06): strides and what they allow, learnt or fixed upsampling, frozen or pretrained encoder."""

from functools import partial

from study import run_study

from course_utils.recipes.scenes import fcn_on_scenes, fitted_grid_on_scenes

VARIANTS = {
    "FCN-32s": partial(fcn_on_scenes, stride=32),
    "FCN-16s": partial(fcn_on_scenes, stride=16),
    "FCN-8s": partial(fcn_on_scenes, stride=8),
    "FCN-4s": partial(fcn_on_scenes, stride=4),
    "FCN-8s, upsampling fixed": partial(fcn_on_scenes, stride=8, upsample="fixed"),
    "FCN-8s, interpolated": partial(fcn_on_scenes, stride=8, upsample="bilinear"),
    "FCN-8s, head of the lesson": partial(fcn_on_scenes, stride=8, upsample="bilinear", random_scores=True),
    "FCN-8s, 900 steps": partial(fcn_on_scenes, stride=8, steps=900),
    "FCN-8s, pretrained encoder": partial(fcn_on_scenes, stride=8, pretrained=True),
    "FCN-8s, pretrained encoder, frozen": partial(fcn_on_scenes, stride=8, pretrained=True, frozen=True),
    "FCN-8s, random encoder, frozen": partial(fcn_on_scenes, stride=8, frozen=True),
    "FCN-8s, random encoder, frozen, statistics set": partial(fcn_on_scenes, stride=8, frozen=True, statistics=True),
    **{f"fitted grid, stride {stride}": partial(fitted_grid_on_scenes, stride=stride) for stride in (32, 16, 8, 4)},
}
LONG = ("FCN-32s", "FCN-16s", "FCN-8s", "FCN-4s", "FCN-8s, upsampling fixed")
LONG += (
    "FCN-8s, pretrained encoder",
    "FCN-8s, pretrained encoder, frozen",
    "FCN-8s, random encoder, frozen, statistics set",
)
VARIANTS |= {f"{name}, 4000 steps": partial(VARIANTS[name], steps=4000) for name in LONG}

if __name__ == "__main__":
    run_study("fcn_skips", VARIANTS)
