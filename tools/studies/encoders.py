"""One decoder and one recipe on many encoders (lesson 10)."""

from collections.abc import Callable
from functools import partial

from study import run_study
from torch import nn

from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.hrnet import small_hrnet
from course_utils.recipes.encoders import encoder_on_scenes

TIMM = ("mobilenetv3_small_100", "mobilenetv2_050", "efficientnet_b0", "convnext_atto")
ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "small_resnet": small_resnet,
    "small_hrnet": small_hrnet,
    **{name: partial(timm_backbone, name) for name in TIMM},
    "resnet18": resnet18,
}

VARIANTS = {f"{name}, 450 steps": partial(encoder_on_scenes, make=make, steps=450) for name, make in ENCODERS.items()}
VARIANTS["small_resnet pretrained, 450 steps"] = partial(
    encoder_on_scenes, make=partial(small_resnet, weights="patterns"), steps=450, pretrained=True
)

if __name__ == "__main__":
    run_study("encoders", VARIANTS)
