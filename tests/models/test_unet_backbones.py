"""U-Net on any backbone, and with the weights of segmentation_models_pytorch."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from unet_cases import EVERY_VARIANT, assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import Frozen
from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.smp_weights import unet_from_smp
from course_utils.models.unet import UNet
from course_utils.models.unet_decoder import DecoderStep

BACKBONES = {
    "small_resnet": partial(small_resnet, widths=(4, 5, 6, 7, 8)),
    "one map": partial(small_resnet, widths=(8,)),
    "resnet18": resnet18,
    "resnet18, output stride 8": partial(resnet18, output_stride=8),
    "unet": partial(UNetEncoder, (4, 6, 8)),
    "unet, one pooling": partial(UNetEncoder, (4, 6)),
    "frozen": lambda: Frozen(small_resnet(widths=(4, 5, 6))),
    "timm, from stride 2": partial(timm_backbone, "mobilenetv3_small_050"),
    "timm, from stride 4": partial(timm_backbone, "convnext_atto"),
    "vgg16": vgg16,
    "vgg16, output stride 8": partial(vgg16, output_stride=8),
}
SLOW = ("resnet18", "resnet18, output stride 8", "timm, from stride 2", "timm, from stride 4")
NEEDS_32 = ("vgg16", "timm, from stride 4")  # smaller images leave nothing of the last map


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW or "vgg" in name else name for name in BACKBONES],
)
def test_unet_on_every_backbone_takes_images_of_every_size(name):
    sizes = [(35, 49) if "vgg" in name else (65, 97), (33, 32)] + ([] if name.startswith(NEEDS_32) else [(33, 16)])
    for settings in ({}, {"skips": "add", "upsample": "bilinear"}, {"residual": True, "attention": True}):
        network = drawn(partial(UNet, BACKBONES[name](), 3, **settings))
        assert_takes(network, sizes, num_classes=3)
        with torch.no_grad():
            channels_last = network.to(memory_format=torch.channels_last)
            found = channels_last(images_of(33, 32).to(memory_format=torch.channels_last))
            torch.testing.assert_close(found, network(images_of(33, 32)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["small_resnet", "one map", "unet"])
@EVERY_VARIANT
def test_unet_on_a_backbone_learns_everywhere(name, settings):
    assert_all_learn(drawn(partial(UNet, BACKBONES[name](), 3, **settings)), images_of(41, 56))


def test_a_frozen_backbone_stays_as_it_is():
    network = drawn(lambda: UNet(Frozen(small_resnet(widths=(4, 5, 6))), 3))
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    network.train()(images_of(33, 32)).sum().backward()
    assert not any(parameter.grad is not None for parameter in network.backbone.parameters())
    assert all(parameter.grad.any() for parameter in network.head.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.backbone.state_dict().items())


def test_unet_takes_the_deepest_map_of_a_stride():
    with torch.device("meta"):
        network = UNet(resnet18(output_stride=8), 3)
    assert network.levels == [0, 1, 4]
    assert [step.convolutions[3].out_channels for step in network.steps] == [64, 64, 32]


class FromStride4(nn.Module):
    """Maps of strides 4 and 8, rounded up."""

    channels, strides = (12, 20), (4, 8)

    def forward(self, images):
        sizes = [[-(-side // stride) for side in images.shape[2:]] for stride in self.strides]
        pairs = zip(self.channels, sizes, strict=True)
        return [
            nn.functional.adaptive_avg_pool2d(images, size).repeat(1, width // 3 + 1, 1, 1)[:, :width]
            for width, size in pairs
        ]


@pytest.mark.parametrize("upsample", ["transposed", "bilinear"])
def test_steps_without_a_skip_double_the_size_until_it_is_the_images(upsample):
    network = drawn(lambda: UNet(FromStride4(), 3, upsample=upsample))
    sizes = []
    for step in network.steps:
        step.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[2:])))
    assert network(images_of(65, 98)).shape == (2, 3, 65, 98)
    assert sizes == [(17, 25), (33, 49), (65, 98)]
    if upsample == "transposed":
        assert [step.enlarge.kernel_size[0] for step in network.steps] == [2, 2, 2]
    assert_all_learn(network, images_of(33, 48))


@pytest.mark.parametrize(("skips", "upsample"), [("concat", "nearest"), ("add", "transposed"), ("add", "bilinear")])
def test_steps_may_have_other_channels_than_the_skips(skips, upsample):
    backbone = partial(small_resnet, widths=(4, 5, 6))
    network = drawn(lambda: UNet(backbone(), 3, skips=skips, upsample=upsample, widths=(7, 9, 2)))
    assert_takes(network, [(33, 16)], num_classes=3)
    assert_all_learn(network, images_of(33, 48))


def test_channels_of_the_steps():
    """Those of the finer map, and half as many where there is none; or what one asks for."""

    def between_and_after(network):
        return [(step.convolutions[0].out_channels, step.convolutions[3].out_channels) for step in network.steps]

    backbone = partial(small_resnet, widths=(6, 10, 14))
    assert between_and_after(UNet(backbone(), 3)) == [(10, 10), (6, 6), (3, 3)]
    assert between_and_after(UNet(small_resnet(widths=(9,)), 3)) == [(4, 4)]
    assert between_and_after(UNet(FromStride4(), 3)) == [(12, 12), (6, 6), (3, 3)]
    asked = UNet(backbone(), 3, widths=(5, 4, 2), middle=(8, 7, 6), head_kernel=5)
    assert between_and_after(asked) == [(8, 5), (7, 4), (6, 2)]
    assert asked.head.weight.shape == (3, 2, 5, 5)
    numpy = UNet(backbone(), np.uint8(3), widths=(np.int64(5), np.uint8(4), 2), head_kernel=np.int32(5))
    assert between_and_after(numpy) == [(5, 5), (4, 4), (2, 2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"backbone": nn.Conv2d(3, 4, 1)}, "`channels` is a tuple of positive integers"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"num_classes": 2.0}, "num_classes must be an integer .* but is 2.0; convert it with `int`"),
        ({"skips": "cat"}, "skips must be one of 'concat', 'add', 'none', but is 'cat'"),
        ({"widths": (4, 4)}, "widths needs a number for each of the 3 steps of the decoder, but has 2"),
        ({"widths": (4, 4, 4, 4)}, "the 3 steps of the decoder, but has 4"),
        ({"middle": (4,)}, "middle needs a number for each of the 3 steps of the decoder, but has 1"),
        ({"head_kernel": 2}, "head_kernel must be odd, so that the logits have the map's size, but is 2"),
        ({"head_kernel": 0}, "head_kernel must be an integer of 1 or more, but is 0"),
        ({"attention": 1}, "attention must be True or False, but is 1"),
    ],
)
def test_unet_on_a_backbone_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        UNet(**({"backbone": small_resnet(widths=(4, 4, 4)), "num_classes": 3} | settings))


def test_a_backbone_with_nothing_to_refine_is_refused():
    backbone = UNetEncoder((4, 6))
    backbone.channels, backbone.strides = (4,), (1,)
    with pytest.raises(ValueError, match="a single map, of the image's size; take one with more maps"):
        UNet(backbone, 3)


def test_an_unpaired_step_is_one_without_a_skip():
    step = drawn(partial(DecoderStep, 4, 0, 3, 5, attention=True))
    assert step.gate is None
    assert step(images_of(3, 4, channels=4), None, (6, 7)).shape == (2, 3, 6, 7)


# Weights of segmentation_models_pytorch


def smp_unet(encoder, **settings):
    import segmentation_models_pytorch as smp

    return drawn(lambda: smp.Unet(encoder, encoder_weights=None, classes=5, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "make"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_unet_equals_smp(encoder, make):
    theirs = smp_unet(encoder)
    ours = UNet(make(), 5, widths=(256, 128, 64, 32, 16), upsample="nearest", head_kernel=3).double().eval()
    ours.load_state_dict(unet_from_smp(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_unet_equals_smp_with_other_channels():
    theirs = smp_unet("resnet18", decoder_channels=(20, 16, 12, 8, 4))
    ours = UNet(resnet18(), 5, widths=(20, 16, 12, 8, 4), upsample="nearest", head_kernel=3).double().eval()
    ours.load_state_dict(unet_from_smp(theirs.state_dict()), strict=True)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(32, 64))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "settings"),
    [("resnet18", {"decoder_attention_type": "scse"}), ("vgg11", {}), ("se_resnet50", {}), ("mobilenet_v2", {})],
)
def test_weights_of_other_networks_are_refused(encoder, settings):
    with pytest.raises(ValueError, match="not the weights of smp's network on a ResNet"):
        unet_from_smp(smp_unet(encoder, **settings).state_dict())
