"""Linknet: a step by hand, smp's weights, images of every size, and what it refuses."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn, unfilled

from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.linknet import Linknet, LinknetStep, linknet_from_smp

BACKBONES = {
    "small_resnet": partial(small_resnet, widths=(4, 5, 6, 7, 8)),
    "one map": partial(small_resnet, widths=(4,)),
    "stride 1": partial(UNetEncoder, (4, 5, 6, 7)),
    "repeated strides": partial(resnet18, output_stride=8),
}


class FromStride(nn.Module):
    """A backbone without the finest maps of another."""

    def __init__(self, backbone, first):
        super().__init__()
        self.backbone, self.first = backbone, first
        self.channels, self.strides = backbone.channels[first:], backbone.strides[first:]

    def forward(self, images):
        return self.backbone(images)[self.first :]


BACKBONES["stride 4"] = lambda: FromStride(small_resnet(widths=(4, 5, 6, 7, 8)), 1)
BACKBONES["a gap"] = lambda: FromStride(resnet18(output_stride=16), 2)


def test_a_step_by_hand():
    """Four channels to one, each pixel to 4×4 with a stride of 2, one channel to two."""
    step = LinknetStep(4, 2, factor=2).eval()
    for layer in step.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 0
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.ones_(layer.weight)
    nn.init.zeros_(step.enlarge[0].bias)
    maps = torch.tensor([1.0, 10.0]).view(1, 1, 1, 2).expand(1, 4, 1, 2)  # 4 and 40 after the first convolution
    # The first and the last column see one pixel, the middle ones both.
    expected = torch.tensor([4.0, 44, 44, 40]).expand(1, 2, 2, 4)
    torch.testing.assert_close(step(maps, (2, 4)), expected, rtol=0, atol=1e-5)
    assert step(maps, (1, 3)).shape == (1, 2, 1, 3)


def test_maps_of_the_encoder_are_added():
    network = drawn(lambda: Linknet(BACKBONES["small_resnet"](), 3))
    images = images_of(64, 96)
    *finer, x = network.backbone(images)
    for step, skip in zip(network.steps, reversed(finer), strict=False):
        x = step(x, skip.shape[2:]) + skip
    x = network.steps[4](x, (64, 96))
    assert x.shape == (2, 32, 64, 96)
    torch.testing.assert_close(network(images), network.head(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("small_resnet", [(8, 7), (7, 6), (6, 5), (5, 4), (4, 10)]),
        ("one map", [(4, 10)]),
        ("stride 1", [(7, 6), (6, 5), (5, 4)]),
        ("stride 4", [(8, 7), (7, 6), (6, 5), (5, 10), (10, 10)]),
        ("repeated strides", [(512, 64), (64, 64), (64, 10)]),
        ("a gap", [(512, 128), (128, 10), (10, 10), (10, 10)]),
    ],
)
def test_steps_lead_to_the_size_of_the_image(name, steps):
    network = Linknet(BACKBONES[name](), np.uint8(3), width=np.uint8(10))
    found = [(step.narrow[0][0].in_channels, step.widen[0][0].out_channels) for step in network.steps]
    assert found == steps
    assert network.head.weight.shape == (3, steps[-1][1], 1, 1)


def test_a_map_of_a_quarter_of_the_size_is_enlarged_at_once():
    network = drawn(lambda: Linknet(Quarter(), 3))
    assert network.steps[0].enlarge[0].kernel_size == (8, 8)
    assert_takes(network, [(33, 41), (64, 96)], num_classes=3)


class Quarter(nn.Module):
    channels, strides = (3, 3), (2, 8)

    def forward(self, images):
        return [images[:, :, ::2, ::2], images[:, :, ::8, ::8]]


@pytest.mark.parametrize("name", BACKBONES)
def test_it_takes_images_of_every_size(name):
    assert_takes(drawn(lambda: Linknet(BACKBONES[name](), 3)), [(33, 41), (57, 75), (16, 24)], num_classes=3)


@pytest.mark.parametrize("name", BACKBONES)
def test_it_learns_everywhere(name):
    assert_all_learn(drawn(lambda: Linknet(BACKBONES[name](), 3)), images_of(41, 56))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"width": 0}, "width must be an integer of 1 or more, but is 0"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        Linknet(**({"backbone": small_resnet(widths=(4, 6)), "num_classes": 3} | settings))


# segmentation_models_pytorch


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "make"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_it_equals_smp(encoder, make):
    import segmentation_models_pytorch as smp

    theirs = drawn(lambda: smp.Linknet(encoder, encoder_weights=None, classes=5))
    with unfilled():
        ours = Linknet(make(), 5).double().eval()
    ours.load_state_dict(linknet_from_smp(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_weights_of_other_networks_are_refused():
    import segmentation_models_pytorch as smp

    for settings in ({"encoder_name": "resnet18", "arch": "unet"}, {"encoder_name": "vgg11", "arch": "linknet"}):
        state = drawn(lambda settings=settings: smp.create_model(**settings, encoder_weights=None)).state_dict()
        with pytest.raises(ValueError, match="not the weights of smp's Linknet on a ResNet"):
            linknet_from_smp(state)


@pytest.mark.gpu
@pytest.mark.parametrize("name", BACKBONES)
def test_on_a_gpu(name):
    network, images = drawn(lambda: Linknet(BACKBONES[name](), 3)), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
