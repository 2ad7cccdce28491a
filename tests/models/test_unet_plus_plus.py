"""U-Net++: its nodes against the paper's recursion, smp's weights, sizes of images, and what it refuses."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT, NETWORK
from torch import nn
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.smp_weights import unet_from_smp, unet_plus_plus_from_smp
from course_utils.models.unet import UNet
from course_utils.models.unet_plus_plus import UNetPlusPlus

DOUBLE = NETWORK[torch.float64]
BACKBONES = {
    "small_resnet": partial(small_resnet, widths=(4, 5, 6, 7, 8)),
    "two maps": partial(small_resnet, widths=(4, 6)),
    "unet": partial(UNetEncoder, (4, 5, 6)),
}
LARGE = {
    "resnet18": resnet18,
    "resnet18, output stride 8": partial(resnet18, output_stride=8),
    "vgg16": partial(vgg16, output_stride=16),
    "timm": partial(timm_backbone, "mobilenetv3_small_050"),
}


@pytest.mark.parametrize("upsample", ["bilinear", "nearest"])
@pytest.mark.parametrize("backbone", [UNetEncoder((4, 5, 6, 7)), small_resnet(widths=(4, 5, 6, 7))], ids=["1", "2"])
def test_nodes_are_those_of_the_paper(backbone, upsample):
    """X(i, j) = H([X(i, j-1), …, X(i, 0), U(X(i+1, j-1))]): equation 1, by recursion."""
    network = drawn(lambda: UNetPlusPlus(backbone, 3, upsample=upsample))
    assert set(network.nodes) == {"0_1", "1_1", "2_1", "0_2", "1_2", "0_3"}
    images = images_of(45, 58)
    maps = network.backbone(images)
    enlarge = partial(nn.functional.interpolate, mode=upsample)

    def x(i, j):
        if j == 0:
            return maps[i]
        at_level = [x(i, k) for k in reversed(range(j))]
        enlarged = enlarge(x(i + 1, j - 1), size=maps[i].shape[2:])
        return network.nodes[f"{i}_{j}"].convolutions(torch.cat([enlarged, *at_level], dim=1))

    finest = x(0, 3)
    if backbone.strides[0] == 2:  # a step without a skip
        finest = network.last.convolutions(enlarge(finest, size=(45, 58)))
    torch.testing.assert_close(network(images), network.head(finest), **EXACT)


def test_channels_of_the_nodes():
    """Those of a level's map, on the last diagonal those of `widths`; each takes all that its level has before it."""
    network = UNetPlusPlus(small_resnet(widths=(4, 6, 8)), 3, widths=(20, 10, 2))
    channels = {name: (step.convolutions[0].in_channels, step.convolutions[3].out_channels)
                for name, step in network.nodes.items()}  # fmt: skip
    assert channels == {"0_1": (6 + 4, 4), "1_1": (8 + 6, 20), "0_2": (20 + 2 * 4, 10)}
    assert network.last.convolutions[0].weight.shape == (2, 10, 3, 3) and network.head.weight.shape == (3, 2, 1, 1)
    default = UNetPlusPlus(small_resnet(widths=(4, 6, 8)), 3)
    assert default.nodes["1_1"].convolutions[3].out_channels == 6
    assert default.last.convolutions[3].out_channels == 2
    assert UNetPlusPlus(UNetEncoder((4, 6, 8)), 3).last is None
    numpy = UNetPlusPlus(small_resnet(widths=(4, 6, 8)), np.uint8(3), widths=(np.uint8(20), 10, 2))
    assert count(numpy) == count(network)


def test_with_two_levels_it_is_a_unet():
    backbone = partial(UNetEncoder, (4, 6))
    plain = drawn(lambda: UNet(backbone(), 3, upsample="bilinear"))
    nested = UNetPlusPlus(backbone(), 3).double().eval()
    nested.load_state_dict(
        {name.replace("steps.0.", "nodes.0_1."): value for name, value in plain.state_dict().items()}, strict=True
    )
    images = images_of(21, 34)
    torch.testing.assert_close(nested(images), plain(images), **EXACT)


@pytest.mark.parametrize("name", [*BACKBONES, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_it_takes_images_of_every_size(name):
    for upsample in ("bilinear", "nearest") if name in BACKBONES else ("nearest",):
        network = drawn(lambda upsample=upsample: UNetPlusPlus((BACKBONES | LARGE)[name](), 3, upsample=upsample))
        assert_takes(network, [(35, 49), (33, 16)], num_classes=3)


@pytest.mark.parametrize("name", BACKBONES)
def test_it_learns_everywhere(name):
    assert_all_learn(drawn(lambda: UNetPlusPlus(BACKBONES[name](), 3)), images_of(41, 56))


@pytest.mark.parametrize("name", BACKBONES)
def test_images_of_a_batch_do_not_meet_and_channels_may_come_last(name):
    network, images = drawn(lambda: UNetPlusPlus(BACKBONES[name](), 3)), images_of(33, 50)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


class Odd(nn.Module):
    def __init__(self, *strides):
        super().__init__()
        self.strides, self.channels = strides, (4,) * len(strides)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"backbone": Odd(4, 8, 16)}, r"needs maps of strides 2, 4, 8, … or 1, 2, 4, …, .* has \[4, 8, 16\]"),
        ({"backbone": Odd(1, 2, 8)}, r"has \[1, 2, 8\]; take another"),
        ({"backbone": Odd(1)}, r"has \[1\]"),
        ({"backbone": Odd(2)}, r"has \[2\]"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"widths": (4, 4)}, "widths needs a number for each of 3 steps, but has 2"),
        ({"widths": (4, 0, 4)}, r"widths\[1\] must be an integer of 1 or more, but is 0"),
        ({"upsample": "transposed"}, 'upsample must be "bilinear" or "nearest", but is \'transposed\''),
        ({"head_kernel": 4}, "head_kernel must be odd"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        UNetPlusPlus(**({"backbone": small_resnet(widths=(4, 4, 4)), "num_classes": 3} | settings))


# Weights of segmentation_models_pytorch


def smp_unet_plus_plus(encoder, **settings):
    import segmentation_models_pytorch as smp

    return drawn(lambda: smp.UnetPlusPlus(encoder, encoder_weights=None, classes=5, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "make", "widths"),
    [
        ("resnet18", resnet18, (256, 128, 64, 32, 16)),
        ("resnet18", resnet18, (20, 16, 12, 8, 4)),
        ("resnet50", resnet50, (256, 128, 64, 32, 16)),
    ],
)
def test_it_equals_smp(encoder, make, widths):
    theirs = smp_unet_plus_plus(encoder, decoder_channels=widths)
    ours = UNetPlusPlus(make(), 5, widths=widths, upsample="nearest", head_kernel=3).double().eval()
    ours.load_state_dict(unet_plus_plus_from_smp(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_weights_of_other_networks_are_refused():
    import segmentation_models_pytorch as smp

    nested = smp_unet_plus_plus("resnet18").state_dict()
    plain = drawn(lambda: smp.Unet("resnet18", encoder_weights=None, classes=5)).state_dict()
    attentive = smp_unet_plus_plus("resnet18", decoder_attention_type="scse").state_dict()
    for renamed, state in (
        (unet_plus_plus_from_smp, plain),
        (unet_plus_plus_from_smp, attentive),
        (unet_from_smp, nested),
    ):
        with pytest.raises(ValueError, match="not the weights of smp's network on a ResNet"):
            renamed(state)


@pytest.mark.gpu
@pytest.mark.parametrize("name", BACKBONES)
def test_on_a_gpu(name):
    network, images = drawn(lambda: UNetPlusPlus(BACKBONES[name](), 3)), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
