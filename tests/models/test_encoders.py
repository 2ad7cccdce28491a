"""Every encoder, ours and timm's, serves every decoder through the same one argument."""

import re

import pytest
import torch
from unet_cases import images_of

from course_utils.models.backbones import resnet
from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.hrnet import HRNetV2, small_hrnet
from course_utils.models.linknet import Linknet
from course_utils.models.nas_fpn import NASFPN
from course_utils.models.semantic_fpn import SemanticFPN
from course_utils.models.unet import UNet

OURS = {name: make for name, make in vars(resnet).items() if re.fullmatch(r"resnet\d+", name)}
OURS |= {"vgg16": vgg16, "small_hrnet": small_hrnet}
# Channels at strides 2 to 32; a ConvNeXt has no map at stride 2.
TIMM = {
    "efficientnet_b0": (16, 24, 40, 112, 320),
    "mobilenetv3_small_050": (16, 8, 16, 24, 288),
    "convnext_atto": (40, 80, 160, 320),
    "resnext50_32x4d": (64, 256, 512, 1024, 2048),
    "dpn68": (10, 144, 320, 704, 832),
}
NARROW = {"channels": 12, "width": 8, "groups": 4}
DECODERS = {
    "UNet": lambda backbone, classes: UNet(backbone, classes, skips="add", upsample="nearest"),
    "Linknet": Linknet,
    "SemanticFPN": lambda backbone, classes: SemanticFPN(backbone, classes, **NARROW),
    "HRNetV2": HRNetV2,
    "NASFPN": lambda backbone, classes: SemanticFPN(NASFPN(backbone, 8, repeats=1), classes, stride=8, **NARROW),
}


def assert_serves(backbone):
    """Every decoder gives logits of the image's size that differ from pixel to pixel."""
    for name, make in DECODERS.items():
        network = make(backbone, 3).eval()
        with torch.no_grad():
            for size in ((33, 41), (64, 48)):
                logits = network(images_of(*size).float())
                assert logits.shape == (2, 3, *size) and logits.isfinite().all(), name
                assert logits.std(dim=(2, 3)).min() > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_our_encoders_serve_every_decoder(name):
    assert_serves(OURS[name]())


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_encoders_of_timm_serve_every_decoder(name):
    backbone = timm_backbone(name)
    assert backbone.channels == TIMM[name]
    assert backbone.strides == (2, 4, 8, 16, 32)[-len(TIMM[name]) :]
    check_backbone(backbone)
    assert_serves(backbone)
