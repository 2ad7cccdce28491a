"""AdamW or Muon: three networks, two rates each, two lengths (lesson 08)."""

from functools import partial

from study import run_study

from course_utils.recipes.quick import quickly_on_scenes

NETWORKS = {"FCN-8s": "fcn8s", "SegNet": "segnet_small", "U-Net": "small_unet"}
RATES = {"AdamW": (1.5e-3, 3e-3), "Muon": (4e-3, 8e-3)}
LENGTHS = (450, 4000)

VARIANTS = {
    f"{network}, {optimiser} {rate:g}, {steps} steps": partial(
        quickly_on_scenes, make=name, optimiser=optimiser.lower(), learning_rate=rate, lovasz=False, steps=steps
    )
    for steps in LENGTHS
    for network, name in NETWORKS.items()
    for optimiser, rates in RATES.items()
    for rate in rates
}

if __name__ == "__main__":
    run_study("optimisers", VARIANTS)
