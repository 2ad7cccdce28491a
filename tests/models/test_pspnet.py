"""PSPNet: its bins by hand and by their definition, smp's weights, the auxiliary head, sizes of images, and what it refuses."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT, NETWORK, OPERATION
from torch import nn
from torch.nn.functional import interpolate
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import Frozen
from course_utils.models.backbones.resnet import ResNet, bottleneck_block, resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.pspnet import PSPNet, PyramidPooling, pspnet_from_smp, pspnet_resnet50, pspnet_small

DOUBLE = OPERATION[torch.float64]
WIDTHS = (4, 5, 6, 7, 8)
BACKBONES = {
    "small_resnet": partial(small_resnet, widths=WIDTHS),
    "small_resnet, output stride 8": partial(small_resnet, widths=WIDTHS, output_stride=8),
    "frozen": lambda: Frozen(small_resnet(widths=(4, 5, 6))),
    "one map": partial(small_resnet, widths=(6,)),
}
LARGE = {
    "resnet18, output stride 8": partial(resnet18, output_stride=8),
    "vgg16": partial(vgg16, output_stride=8),
    "timm": partial(timm_backbone, "mobilenetv3_small_050"),
}


# The pyramid


def pooling_that_hands_on(bins, **settings):
    """One channel, whose branches multiply by 1."""
    pooling = PyramidPooling(1, bins, **settings).double().eval()
    for branch in pooling.branches:
        nn.init.ones_(branch[0][0].weight)
        branch[0][1].eps = 0
    return pooling


def test_bins_by_hand():
    """Of 3 columns, two bins take 0 and 1, and 1 and 2: they share the one in the middle."""
    maps = torch.tensor([[[[0.0, 1, 2], [3, 4, 5]]]]).double()
    found = pooling_that_hands_on((1, 2))(maps)
    assert found.shape == (1, 3, 2, 3)
    torch.testing.assert_close(found[:, :1], maps, **EXACT)
    torch.testing.assert_close(found[0, 1], torch.full((2, 3), 2.5).double(), **DOUBLE)
    # The means are 0.5 and 1.5, 3.5 and 4.5. The middle column lies half-way between them.
    torch.testing.assert_close(found[0, 2], torch.tensor([[0.5, 1, 1.5], [3.5, 4, 4.5]]).double(), **DOUBLE)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(12, 18), (7, 5), (1, 4), (33, 41)], ids=str)
def test_a_bin_is_the_mean_from_its_first_row_to_its_last(size, align_corners):
    maps = images_of(*size, channels=1)
    found = pooling_that_hands_on((1, 2, 3, 6), align_corners=align_corners)(maps)
    for place, bins in enumerate((1, 2, 3, 6)):
        first, last = (
            [[round_(i * side / bins) for i in range(shift, bins + shift)] for side in size]
            for round_, shift in ((math.floor, 0), (math.ceil, 1))
        )
        means = torch.stack([
            maps[:, 0, first[0][i] : last[0][i], first[1][j] : last[1][j]].mean((1, 2))
            for i in range(bins) for j in range(bins)
        ], dim=1).view(-1, 1, bins, bins)  # fmt: skip
        wanted = interpolate(means, size=size, mode="bilinear", align_corners=align_corners)
        torch.testing.assert_close(found[:, place + 1], wanted[:, 0], **DOUBLE)


def test_channels_of_the_pyramid():
    assert PyramidPooling(2048).out_channels == 4096
    assert PyramidPooling(10).out_channels == 18  # 10 and four branches of 2
    assert PyramidPooling(2).out_channels == 6
    assert PyramidPooling(8, (1, 4)).out_channels == 16
    # 1×1 convolutions and batch norms, from the paper's 2048 channels.
    assert count(PyramidPooling(2048)) == 4 * (2048 * 512 + 2 * 512)
    assert PyramidPooling(6, [np.uint8(2)])(torch.zeros(2, 6, 3, 5)).shape == (2, 12, 3, 5)


def test_it_sees_the_whole_image():
    """One pixel in a corner changes the answer in the corner across, at the size of the map."""
    maps = images_of(12, 16, channels=16, batch=1).requires_grad_()
    for bins, across in (((1, 2, 3, 6), True), ((6,), False)):
        pooling = drawn(lambda bins=bins: PyramidPooling(16, bins))
        (gradient,) = torch.autograd.grad(pooling(maps)[0, 16:, -1, -1].sum(), maps)
        assert gradient[..., -1, -1].any() and gradient[..., 0, 0].any() == across


# The network


@pytest.mark.parametrize(
    ("auxiliary", "resnet50s", "resnet101s"), [(False, 46_592_597, 65_584_725), (True, 48_957_802, 67_949_930)]
)
def test_parameters(auxiliary, resnet50s, resnet101s):
    with torch.device("meta"):
        assert count(pspnet_resnet50(21, auxiliary=auxiliary)) == resnet50s
        resnet101 = ResNet(bottleneck_block, (3, 4, 23, 3), (256, 512, 1024, 2048), output_stride=8)
        network = PSPNet(resnet101, 21, auxiliary=auxiliary)
    assert count(network) == resnet101s
    assert network.head[3].weight.shape == (21, 512, 1, 1)
    assert network.head[0][0].weight.shape == (512, 4096, 3, 3)


@pytest.mark.parametrize("name", [*BACKBONES, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_it_takes_images_of_every_size(name):
    network = drawn(lambda: PSPNet((BACKBONES | LARGE)[name](), 3, width=6))
    assert_takes(network, [(33, 41), (64, 96)] + ([(9, 16)] if name in BACKBONES else []), num_classes=3)


@pytest.mark.parametrize(
    "settings", [{}, {"bins": (2, 5), "align_corners": True, "fusion_kernel": 1, "head_kernel": 3}]
)
def test_it_learns_everywhere(settings):
    for name in ("small_resnet", "small_resnet, output stride 8", "one map"):
        assert_all_learn(drawn(lambda name=name: PSPNet(BACKBONES[name](), 3, width=6, **settings)), images_of(33, 41))


def test_images_of_a_batch_do_not_meet_and_channels_may_come_last():
    network, images = drawn(lambda: PSPNet(BACKBONES["small_resnet"](), 3, width=6)), images_of(33, 41)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


def test_which_map_is_pooled():
    backbone = partial(small_resnet, widths=WIDTHS, output_stride=8)
    assert PSPNet(backbone(), 3).level == 4
    assert PSPNet(backbone(), 3, stride=8).level == 4
    network = PSPNet(backbone(), 3, stride=4, width=6)
    assert network.level == 1 and network.pooling.out_channels == 5 + 4 * 1
    assert PSPNet(resnet18(), 3, stride=8).level == 2
    assert PSPNet(backbone(), 3).head[3].in_channels == (8 + 4 * 2) // 8
    numpy = PSPNet(backbone(), np.uint8(3), stride=np.int64(4), width=np.uint8(6), head_kernel=np.uint8(1))
    assert {name: value.shape for name, value in numpy.state_dict().items()} == {
        name: value.shape for name, value in network.state_dict().items()
    }


def test_the_auxiliary_head_sees_the_map_before():
    network = drawn(lambda: PSPNet(small_resnet(widths=WIDTHS, output_stride=8), 3, width=6, auxiliary=True))
    images = images_of(33, 41)
    logits, auxiliary = network.with_auxiliary(images)
    torch.testing.assert_close(logits, network(images), **EXACT)
    scores = network.auxiliary_head(network.backbone(images)[3])
    torch.testing.assert_close(auxiliary, interpolate(scores, size=(33, 41), mode="bilinear"), **EXACT)
    assert auxiliary.shape == (2, 3, 33, 41) and auxiliary.std() > 0
    # Both losses train: the paper adds 0.4 times the second.
    network.train()
    logits, auxiliary = network.with_auxiliary(images)
    (logits.square().mean() + 0.4 * auxiliary.square().mean()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    with pytest.raises(ValueError, match="no auxiliary head; make it with auxiliary=True"):
        PSPNet(small_resnet(), 3).with_auxiliary(images)


def test_pspnet_small():
    network = pspnet_small(8)
    assert 6.6e5 < count(network) < 6.8e5
    assert network.backbone.strides == (2, 4, 8, 8, 8)
    assert network.eval()(torch.rand(1, 3, 33, 41)).shape == (1, 8, 33, 41)


# A single image


def test_a_single_image_in_training_is_told_what_is_wrong():
    network, images = PSPNet(small_resnet(widths=WIDTHS), 3, width=6), images_of(33, 41, batch=1).float()
    with pytest.raises(ValueError, match="the batch norm after pooling to 1×1 needs 2 images or more") as raised:
        network(images)
    assert raised.value.__cause__ is None and "Expected more than 1 value" not in str(raised.value)
    with pytest.raises(ValueError, match="Expected more than 1 value"):  # PyTorch's, on the same map
        network.pooling.branches[0](torch.zeros(1, 8, 1, 1))
    assert network.eval()(images).shape == (1, 3, 33, 41)
    network.train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    assert network(images).requires_grad  # batch norm set, the rest trains
    assert PSPNet(small_resnet(widths=WIDTHS), 3, width=6, bins=(2, 3))(images).requires_grad


# Weights of segmentation_models_pytorch


def smp_pspnet(encoder, **settings):
    import segmentation_models_pytorch as smp

    return drawn(lambda: smp.PSPNet(encoder, encoder_weights=None, classes=5, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "make", "stride", "settings"),
    [
        ("resnet18", resnet18, 8, {}),
        ("resnet50", resnet50, 8, {}),
        ("resnet18", resnet18, 32, {"encoder_depth": 5, "upsampling": 32, "psp_out_channels": 40}),
    ],
)
def test_it_equals_smp(encoder, make, stride, settings):
    theirs = smp_pspnet(encoder, **settings)
    width = settings.get("psp_out_channels", 512)
    pspnet = partial(PSPNet, width=width, fusion_kernel=1, head_kernel=3, align_corners=True, stride=stride)
    ours = drawn(lambda: pspnet(make(), 5), seed=1)
    ours.load_state_dict(pspnet_from_smp(theirs.state_dict()), strict=True)
    # Theirs has a bias for each channel of the first branch, ours a factor as well.
    assert count(ours) == count(theirs) + ours.pooling.branches[0][0][1].num_features
    if encoder == "resnet50":
        assert count(theirs) == 24_319_429  # the anchor's 24.39 million have 21 classes
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(64, 96))


@pytest.mark.slow
def test_smps_branches_equal_ours():
    """The pyramids alone, on maps of odd sides, in training too but for the branch without a norm."""
    network = smp_pspnet("resnet18")
    theirs, renamed = network.decoder.psp, pspnet_from_smp(network.state_dict())
    ours = PyramidPooling(128, align_corners=True).double().eval()
    names = [name.removeprefix("pooling.") for name in renamed if name.startswith("pooling.")]
    ours.load_state_dict({name: renamed[f"pooling.{name}"] for name in names}, strict=True)
    maps = images_of(7, 9, channels=128)
    for first in (0, 32):  # in evaluation all branches, in training those after the first
        found, wanted = ours(maps), theirs(maps)
        torch.testing.assert_close(found[:, 128 + first :], wanted[:, first:-128], **NETWORK[torch.float64])
        torch.testing.assert_close(found[:, :128], wanted[:, -128:], **EXACT)
        ours.train()
        theirs.train()


def test_weights_of_other_networks_are_refused():
    import segmentation_models_pytorch as smp

    with torch.device("meta"):
        others = [
            smp.Unet("resnet18", encoder_weights=None),
            smp.PSPNet("resnet18", encoder_weights=None, decoder_use_norm=False),
            smp.PSPNet("mobilenet_v2", encoder_weights=None),
        ]
    for other in others[::2]:
        with pytest.raises(ValueError, match="not the weights of smp's PSPNet on a ResNet"):
            pspnet_from_smp(other.state_dict())
    with torch.device("meta"), pytest.raises(RuntimeError, match="Unexpected key"):
        PSPNet(resnet18(), 1, stride=8).load_state_dict(pspnet_from_smp(others[1].state_dict()))


class Odd(nn.Module):
    channels, strides = (4,), (4,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"stride": 64}, "no map at stride 64, but at 2, 4, 8; choose one of these"),
        ({"auxiliary": 1}, "auxiliary must be True or False, but is 1"),
        ({"backbone": Odd(), "auxiliary": True}, "map before the one that is pooled, but there is none"),
        ({"bins": 6}, "bins must be a tuple of integers"),
        ({"bins": (1, 0)}, r"bins\[1\] must be an integer of 1 or more, but is 0"),
        ({"width": 0}, "width must be an integer of 1 or more, but is 0"),
        ({"fusion_kernel": 2}, "fusion_kernel must be odd, so that a map keeps its size, but is 2"),
        ({"head_kernel": 4}, "head_kernel must be odd, .* but is 4"),
        ({"align_corners": None}, "align_corners must be True or False, but is None"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        PSPNet(**({"backbone": small_resnet(widths=(4, 4, 4)), "num_classes": 3} | settings))


def test_weights_by_name():
    with pytest.raises(ValueError, match='weights must be "imagenet"'):
        pspnet_resnet50(3, weights="voc")


@pytest.mark.gpu
@pytest.mark.parametrize("name", BACKBONES)
def test_on_a_gpu(name):
    network, images = drawn(lambda: PSPNet(BACKBONES[name](), 3, width=6)), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
