"""U-Net's skips, U-Net beside FCN-8s at equal steps and beyond, batches of other sizes, and smp's U-Net (lesson 08)."""

from functools import partial

import torch
from study import run_study

from course_utils.models.catalogue import build
from course_utils.recipes.unets import network_on_scenes, skips_on_scenes

LENGTHS = (450, 1500)
# Six times as many steps, for FCN-8s: it takes 1.6 times as long with these as U-Net with the steps above.
SIX_TIMES = (2700, 9000)


def named(seed: int, *, name: str, steps: int) -> dict[str, float]:
    torch.manual_seed(seed)
    return network_on_scenes(build(name, 8), seed=seed, steps=steps)


VARIANTS = {
    f"U-Net, skips {skips}, {steps} steps": partial(skips_on_scenes, skips=skips, steps=steps)
    for steps in LENGTHS
    for skips in ("none", "add", "concat")
}
VARIANTS |= {f"FCN-8s, {steps} steps": partial(named, name="fcn8s", steps=steps) for steps in (*LENGTHS, *SIX_TIMES)}
VARIANTS |= {"smp.Unet, ResNet-18, 450 steps": partial(named, name="smp:unet:resnet18", steps=450)}
# As many images in other portions.
VARIANTS |= {
    f"U-Net, batches of {size}": partial(skips_on_scenes, skips="concat", steps=1800 // size, batch_size=size)
    for size in (1, 12)
}
# As many steps, with other portions.
VARIANTS |= {
    f"U-Net, batches of {size}, 450 steps": partial(skips_on_scenes, skips="concat", steps=450, batch_size=size)
    for size in (1, 12)
}

if __name__ == "__main__":
    run_study("unet", VARIANTS)
