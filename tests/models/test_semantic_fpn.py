"""The semantic head on a pyramid: against the paper's figure and smp, images of every size, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from map_cases import BACKBONES, small
from tolerances import OPERATION
from torch import nn
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn, unfilled

from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.fpn import FPN
from course_utils.models.semantic_fpn import SemanticFPN, SemanticHead, semantic_fpn_from_smp

NARROW = {"channels": 12, "width": 8, "groups": 4}


def test_the_head_is_the_papers_where_every_level_has_half_the_size():
    """Figure 3: convolution, group norm, ReLU, twice the size, until stride 4 is reached; then the sum."""
    head = drawn(lambda: SemanticHead((3, 4, 5, 6), 7, width=8, groups=2))
    assert [len(branch.steps) for branch in head.branches] == [1, 1, 2, 3]
    maps = [torch.randn(2, 3 + level, 16 >> level, 24 >> level).double() for level in range(4)]
    total = torch.zeros(2, 8, 16, 24).double()
    for level, x in enumerate(maps):
        for step in range(max(level, 1)):
            convolution, norm, _ = head.branches[level].steps[step]
            x = nn.functional.group_norm(convolution(x), 2, norm.weight, norm.bias).clamp(min=0)
            if level:
                x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
        total += x
    torch.testing.assert_close(head(maps), head.score(total), **OPERATION[torch.float64])


@pytest.mark.parametrize("name", BACKBONES)
def test_it_takes_images_of_every_size(name):
    for align_corners in (False, True):
        network = drawn(lambda align=align_corners: SemanticFPN(BACKBONES[name](), 3, **NARROW, align_corners=align))
        assert_takes(network, [(33, 41), (57, 75), (16, 24)], num_classes=3)


def test_images_of_one_pixel():
    assert drawn(lambda: SemanticFPN(small(), 3, **NARROW))(images_of(1, 1)).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("name", BACKBONES)
def test_it_learns_everywhere(name):
    assert_all_learn(drawn(lambda: SemanticFPN(BACKBONES[name](), 3, **NARROW)), images_of(41, 56))


def test_a_pyramid_may_stand_on_a_pyramid():
    pyramid = partial(FPN, small(), 6, stride=8, extra="pool")
    assert_takes(drawn(lambda: SemanticFPN(pyramid(), 3, stride=8, **NARROW)), [(33, 41)], num_classes=3)


def test_numbers_of_numpy_make_the_same_network():
    number = np.uint8
    found = SemanticFPN(small(), number(3), channels=number(12), width=number(8), groups=number(4))
    wanted = SemanticFPN(small(), 3, **NARROW)
    assert {name: value.shape for name, value in found.state_dict().items()} == {
        name: value.shape for name, value in wanted.state_dict().items()
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SemanticFPN(small(), 3, stride=3), "no map at stride 3, but at 2, 4, 8, 16, 32"),
        (lambda: SemanticFPN(small(), 0), "num_classes must be an integer of 1 or more, but is 0"),
        (lambda: SemanticFPN(small(), 3, width=20, groups=8), "8 groups do not divide a width of 20; change"),
        (lambda: SemanticFPN(small(), 3, align_corners="no"), "align_corners must be True or False, but is 'no'"),
        (lambda: SemanticHead(256, 3), "channels must be a tuple of integers"),
    ],
)
def test_they_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# segmentation_models_pytorch


def smp_fpn(encoder, **settings):
    import segmentation_models_pytorch as smp

    return drawn(lambda: smp.FPN(encoder, encoder_weights=None, classes=5, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "make", "channels", "width"), [("resnet18", resnet18, 256, 128), ("resnet50", resnet50, 20, 32)]
)
def test_semantic_fpn_equals_smp(encoder, make, channels, width):
    theirs = smp_fpn(encoder, decoder_pyramid_channels=channels, decoder_segmentation_channels=width)
    with unfilled():
        ours = SemanticFPN(make(), 5, channels=channels, width=width, align_corners=True).double().eval()
    ours.load_state_dict(semantic_fpn_from_smp(theirs.state_dict()), strict=True)
    # smp has no 3×3 convolutions at the end of its pyramid.
    assert count(ours) == count(theirs) + sum(count(layer) for layer in ours.pyramid.outputs)
    normalise = ours.pyramid.backbone.normalise
    assert_same_network(ours, lambda images: theirs(normalise(images)), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_weights_of_other_networks_are_refused():
    import segmentation_models_pytorch as smp

    unet = drawn(lambda: smp.Unet("resnet18", encoder_weights=None, classes=5)).state_dict()
    with pytest.raises(ValueError, match="not the weights of smp's FPN on a ResNet, .*there is a decoder"):
        semantic_fpn_from_smp(unet)


@pytest.mark.gpu
@pytest.mark.parametrize("name", BACKBONES)
def test_on_a_gpu(name):
    network, images = drawn(lambda: SemanticFPN(BACKBONES[name](), 3, **NARROW)), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
