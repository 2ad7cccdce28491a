"""All networks of the course so far with one recipe and one number of steps on street scenes (lessons 09 and 10)."""

from functools import partial

import torch
from study import run_study

from course_utils.models.catalogue import build
from course_utils.recipes.unets import network_on_scenes

NAMES = {
    "FCN-32s": "fcn32s",
    "FCN-16s": "fcn16s",
    "FCN-8s": "fcn8s",
    "DeconvNet": "deconvnet_small",
    "SegNet": "segnet_small",
    "U-Net++": "unet_plus_plus",
    "DeepLab v3": "deeplab_v3_small",
    "DeepLab v3+": "deeplab_v3plus_small",
    "PSPNet": "pspnet_small",
    "FPN": "fpn_small",
    "Linknet": "linknet_small",
    "HRNet": "hrnet_small",
    "small U-Net": "small_unet",
    "smp.DeepLabV3Plus, MobileNetV2": "smp:deeplabv3plus:mobilenet_v2",
}


def network(seed: int, *, name: str, steps: int) -> dict[str, float]:
    torch.manual_seed(seed)
    model = build(name, 8)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return network_on_scenes(model, seed=seed, steps=steps) | {"parameters": parameters}


VARIANTS = {called: partial(network, name=name, steps=450) for called, name in NAMES.items()}

if __name__ == "__main__":
    run_study("networks", VARIANTS)
