"""AdamW or Muon: three networks, two rates each; the better rate of each for a longer time (lesson 08)."""

from functools import partial

from study import run_study

from course_utils.recipes.quick import quickly_on_scenes

NETWORKS = {"FCN-8s": "fcn8s", "SegNet": "segnet_small", "U-Net": "small_unet"}
RATES = {"AdamW": (1.5e-3, 3e-3), "Muon": (4e-3, 8e-3)}
BETTER = {"AdamW": (3e-3,), "Muon": (8e-3,)}
LENGTHS = {450: RATES, 4000: BETTER}

VARIANTS = {
    f"{network}, {optimiser} {rate:g}, {steps} steps": partial(
        quickly_on_scenes, make=name, optimiser=optimiser.lower(), learning_rate=rate, lovasz=False, steps=steps
    )
    for steps, rates_of in LENGTHS.items()
    for network, name in NETWORKS.items()
    for optimiser, rates in rates_of.items()
    for rate in rates
}

if __name__ == "__main__":
    run_study("optimisers", VARIANTS)
