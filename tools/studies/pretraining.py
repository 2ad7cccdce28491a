"""A small encoder with random weights, pretrained, and pretrained and frozen, on few and many scenes (lesson 10)."""

from functools import partial

from study import run_study
from torch import nn

from course_utils.models.backbones.contract import Frozen
from course_utils.models.backbones.small import small_resnet
from course_utils.recipes.encoders import encoder_on_scenes


def make(start: str) -> nn.Module:
    """The small residual network as it starts: from "scratch", "pretrained", or pretrained and "frozen"."""
    backbone = small_resnet(weights=None if start == "scratch" else "patterns")
    return Frozen(backbone) if start == "frozen" else backbone


LONG = 2500
"""Steps that take 300 CPU seconds."""

VARIANTS = {
    f"{start}, {images} images, {steps} steps": partial(
        encoder_on_scenes, make=partial(make, start), steps=steps, images=images, pretrained=start != "scratch"
    )
    for steps, sizes, starts in (
        (450, (16, 64, 512), ("scratch", "pretrained", "frozen")),
        (LONG, (16, 512), ("scratch", "pretrained")),
    )
    for images in sizes
    for start in starts
}

if __name__ == "__main__":
    run_study("pretraining", VARIANTS)
