"""U-Net's skips, and U-Net beside FCN-8s at equal steps and at equal time (lesson 08)."""

from functools import partial

import torch
from study import run_study

from course_utils.models.catalogue import build
from course_utils.recipes.unets import network_on_scenes, skips_on_scenes

LENGTHS = (450, 1500)
# FCN-8s takes a sixth of the time of a step.
EQUAL_TIME = {2700: 450, 9000: 1500}


def named(seed: int, *, name: str, steps: int) -> dict[str, float]:
    torch.manual_seed(seed)
    return network_on_scenes(build(name, 8), seed=seed, steps=steps)


VARIANTS = {
    f"U-Net, skips {skips}, {steps} steps": partial(skips_on_scenes, skips=skips, steps=steps)
    for steps in LENGTHS
    for skips in ("none", "add", "concat")
}
VARIANTS |= {f"FCN-8s, {steps} steps": partial(named, name="fcn8s", steps=steps) for steps in (*LENGTHS, *EQUAL_TIME)}
VARIANTS |= {
    f"small U-Net, {steps} steps": partial(named, name="small_unet", steps=steps) for steps in (*LENGTHS, 4500)
}
# As many images in other portions.
VARIANTS |= {
    f"U-Net, batches of {size}": partial(skips_on_scenes, skips="concat", steps=1800 // size, batch_size=size)
    for size in (1, 2, 12)
}

if __name__ == "__main__":
    run_study("unet", VARIANTS)
