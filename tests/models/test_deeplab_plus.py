"""DeepLab v3+: its decoder, smp's weights where the architectures agree, sizes of images, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT, OPERATION
from torch import nn
from torch.nn.functional import conv2d
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn, unfilled

from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.deeplab import DeepLabV3Plus
from course_utils.models.layers import separable_conv_norm
from course_utils.models.smp_weights import deeplab_v3plus_from_smp, unet_from_smp

NARROW = {"channels": 4, "low_channels": 3}


def small(output_stride=16):
    return small_resnet(widths=(4, 5, 6, 7, 8), output_stride=output_stride)


# Separable convolutions


def test_a_separable_convolution_is_two():
    layers = drawn(partial(separable_conv_norm, 2, 3, dilation=2, norm_between=False))
    depthwise, pointwise, norm = layers
    x = torch.randn(2, 2, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # The ordinary convolution with the product of both kernels: one of rank 1 for each pair of channels.
    weight = pointwise.weight * depthwise.weight.mT.mT[None, :, 0]
    torch.testing.assert_close(layers(x), norm(conv2d(x, weight, padding=2, dilation=2)), **OPERATION[torch.float64])


@pytest.mark.parametrize(("narrow", "wide", "weights"), [(256, 256, 67_840), (3, 64, 219), (512, 512, 266_752)])
def test_weights_of_a_separable_convolution(narrow, wide, weights):
    layers = separable_conv_norm(narrow, wide)
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert sum(map(count, convolutions)) == 9 * narrow + narrow * wide == weights
    assert [type(layer).__name__ for layer in layers] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]
    assert len(separable_conv_norm(narrow, wide, norm_between=False)) == 3


# The network


def test_what_it_computes():
    network = drawn(lambda: DeepLabV3Plus(small(), 3, rates=(1, 2), **NARROW))
    images = images_of(33, 41)
    maps = network.backbone(images)
    enlarge = partial(nn.functional.interpolate, mode="bilinear")
    context = enlarge(network.aspp(maps[4]), size=(9, 11))
    joined = torch.cat([context, network.low[0](maps[1]).relu()], dim=1)
    assert joined.shape == (2, 7, 9, 11) and len(network.before) == 0 and len(network.after) == 2
    first, second = (step[0] for step in network.after)
    scores = network.head(second(first(joined).relu()).relu())
    torch.testing.assert_close(network(images), enlarge(scores, size=(33, 41)), **EXACT)
    assert [branch[0].dilation[0] for branch in network.aspp.branches] == [1, 1, 2]
    assert [branch[0].groups for branch in network.aspp.branches] == [1, 8, 8]


def test_as_in_the_paper_on_resnet50():
    with torch.device("meta"):
        network = DeepLabV3Plus(resnet50(output_stride=16), 21)
        assert network.low[0][0].weight.shape == (48, 256, 1, 1) and count(network) == 26_696_133
        assert [branch[0].dilation[0] for branch in network.aspp.branches] == [1, 6, 12, 18]
        assert [step[0][0].in_channels for step in network.after] == [304, 256]
        fine = DeepLabV3Plus(resnet50(output_stride=8), 21, output_stride=8, separable=False)
        assert [branch[0].dilation[0] for branch in fine.aspp.branches] == [1, 12, 24, 36]
        numpy = DeepLabV3Plus(resnet50(output_stride=16), np.uint8(21), output_stride=np.uint8(16), after=np.int64(2))
        assert count(numpy) == count(network)


@pytest.mark.parametrize(
    "settings",
    [{"before": 1, "after": 1}, {"after": 3, "norm_between": False}, {"separable": False, "output_stride": 8}],
    ids=str,
)
def test_it_takes_images_of_every_size_and_learns(settings):
    make = partial(DeepLabV3Plus, small(settings.get("output_stride", 16)), 3, dropout=0, **NARROW, **settings)
    network = drawn(make)
    assert_takes(network, [(33, 41), (64, 16), (35, 34)], num_classes=3)
    assert_all_learn(network, images_of(41, 56))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "output_stride"),
    [
        (partial(resnet18, output_stride=8), 8),
        (partial(vgg16, output_stride=16), 16),
        (partial(timm_backbone, "mobilenetv3_small_050"), 32),
    ],
    ids=["resnet18", "vgg16", "timm"],
)
def test_on_other_backbones(backbone, output_stride):
    network = drawn(lambda: DeepLabV3Plus(backbone(), 3, output_stride=output_stride, **NARROW))
    assert_takes(network, [(33, 41)], num_classes=3)


def test_images_of_a_batch_do_not_meet_and_channels_may_come_last():
    network, images = drawn(lambda: DeepLabV3Plus(small(), 3, **NARROW)), images_of(33, 50)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


def test_coarser_maps_are_warned_of():
    with pytest.warns(UserWarning, match="but the backbone goes on to 32"):
        DeepLabV3Plus(small(32), 3, **NARROW)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"output_stride": 8}, "no map at stride 8, but at 2, 4, 16"),
        ({"output_stride": 4, "backbone": small(4)}, "refines ASPP's map by one of stride 4, but output_stride is 4"),
        ({"backbone": small_resnet(widths=(4,)), "output_stride": 2, "rates": (2,)}, "no map at stride 4, but at 2"),
        ({"low_channels": 0}, "low_channels must be an integer of 1 or more, but is 0"),
        ({"before": -1}, "before must be an integer of 0 or more, but is -1"),
        ({"after": 0}, "after must be an integer of 1 or more, but is 0"),
        ({"separable": 1}, "separable must be True or False"),
        ({"dropout": -0.1}, "dropout must be a number from 0 to 1"),
    ],
)
def test_it_refuses(settings, message):
    class Gap(nn.Module):
        channels, strides = (4, 5, 6), (2, 4, 16)

    with pytest.raises(ValueError, match=message):
        DeepLabV3Plus(**({"backbone": Gap(), "num_classes": 3} | settings))


# Weights of segmentation_models_pytorch


def smp_deeplab(encoder, **settings):
    """smp's network, which enlarges as ours does: as pixels, not corners, are aligned."""
    import segmentation_models_pytorch as smp

    network = drawn(lambda: smp.DeepLabV3Plus(encoder, encoder_weights=None, classes=21, **settings))
    for enlarging in (network.decoder.up, network.segmentation_head[1]):
        assert enlarging.align_corners
        enlarging.align_corners = False
    return network


AS_SMP = {"before": 1, "after": 1, "norm_between": False, "rates": (12, 24, 36)}


@pytest.mark.slow
def test_it_equals_smp():
    theirs = smp_deeplab("resnet50")
    with unfilled():
        ours = DeepLabV3Plus(resnet50(output_stride=16, multi_grid=(1, 1, 1)), 21, **AS_SMP).double().eval()
    ours.load_state_dict(deeplab_v3plus_from_smp(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs) == 26_682_725
    assert_same_network(ours, lambda given: theirs(ours.backbone.normalise(given)), images_of(48, 64, batch=1))
    # Without multi-grid the first block of the last stage is another: smp's weights alone do not make smp's network.
    with unfilled():
        other = DeepLabV3Plus(resnet50(output_stride=16), 21, **AS_SMP).double().eval()
    other.load_state_dict(ours.state_dict(), strict=True)
    images = images_of(48, 64, batch=1)
    with torch.no_grad():
        difference = (other.backbone(images)[-1] - ours.backbone(images)[-1]).abs().mean()
        assert difference > 0.05 * ours.backbone(images)[-1].abs().mean()


@pytest.mark.slow
def test_it_equals_smp_at_output_stride_8():
    theirs = smp_deeplab("resnet18", encoder_output_stride=8, decoder_channels=16)
    for stage, dilation in (("layer3", 1), ("layer4", 2)):
        first = getattr(theirs.encoder, stage)[0].conv1
        assert first.dilation == (2 * dilation, 2 * dilation)
        first.dilation = first.padding = (dilation, dilation)  # as in torchvision, and here
    make = partial(DeepLabV3Plus, resnet18(output_stride=8), 21, output_stride=8, channels=16)
    ours = make(**AS_SMP).double().eval()
    ours.load_state_dict(deeplab_v3plus_from_smp(theirs.state_dict()), strict=True)
    assert_same_network(ours, lambda given: theirs(ours.backbone.normalise(given)), images_of(48, 64, batch=1))


@pytest.mark.slow
def test_weights_of_other_networks_are_refused():
    import segmentation_models_pytorch as smp

    for other, renamed in (
        (smp.DeepLabV3, deeplab_v3plus_from_smp),
        (smp.Unet, deeplab_v3plus_from_smp),
        (smp.DeepLabV3Plus, unet_from_smp),
    ):
        state = drawn(lambda other=other: other("resnet18", encoder_weights=None)).state_dict()
        with pytest.raises(ValueError, match="not the weights of smp's network on a ResNet"):
            renamed(state)


@pytest.mark.gpu
def test_on_a_gpu():
    for settings in ({}, {"separable": False, "before": 1}):
        network, images = drawn(lambda settings=settings: DeepLabV3Plus(small(), 3, **settings)), images_of(65, 97)
        expected = network(images).detach()
        found = network.cuda()(images.cuda()).detach().cpu()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * expected.abs().max().item())
