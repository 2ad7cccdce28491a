"""U-Net as published: its parameters, sizes and crops, and the images that it takes."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT
from torch import nn
from unet_cases import count, images_of
from unfilled import drawn

from course_utils.models.unet import MARGIN, unet_2015, valid_input_sizes

NARROW = (4, 5, 6, 7, 8)


def test_published_size():
    with torch.device("meta"):
        network = unet_2015(2)
    convolutions = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    assert count(network) == 31_030_658
    assert len(convolutions) == 23
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert all(layer.padding == (0, 0) for layer in convolutions)


def test_published_shapes():
    """572 → 568, 284 → 280, 140 → 136, 68 → 64, 32 → 28, 56 → 52, 104 → 100, 200 → 196, 392 → 388."""
    shapes = []

    def note(_layer, inputs, output):
        shapes.append((inputs[0].shape[1:3], output.shape[1:3]))

    with torch.device("meta"):
        network = unet_2015(2)
        for convolutions in (*network.down, *network.up, network.head):
            convolutions.register_forward_hook(note)
        assert network(torch.empty(1, 1, 572, 604)).shape == (1, 2, 388, 420)
    assert [(start[1], end[1]) for start, end in shapes] == [
        *((572, 568), (284, 280), (140, 136), (68, 64), (32, 28)),
        *((56, 52), (104, 100), (200, 196), (392, 388), (388, 388)),
    ]
    assert [(start[0], end[0]) for start, end in shapes] == [
        *((1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)),
        *((1024, 512), (512, 256), (256, 128), (128, 64), (64, 2)),
    ]


def test_published_crops():
    """From a skip, the middle is taken: 4, 16, 40 and 88 pixels less on each side, from the lowest to the finest."""
    network = drawn(partial(unet_2015, 2, widths=(4, 4, 4, 4, 4)))
    skips, joined = [], []
    for convolutions in network.down[:-1]:
        convolutions.register_forward_hook(lambda _layer, _inputs, output: skips.append(output))
    for convolutions in network.up:
        convolutions.register_forward_pre_hook(lambda _layer, inputs: joined.append(inputs[0][:, :4]))
    with torch.no_grad():
        network(images_of(188, 204, batch=1, channels=1))
    for skip, cropped, crop in zip(skips[::-1], joined, (4, 16, 40, 88), strict=True):
        assert skip.std() > 0
        torch.testing.assert_close(cropped, skip[:, :, crop:-crop, crop:-crop], **EXACT)


def out_of(side):
    """What is left of a side, layer by layer; None where a pooling meets an odd map or nothing is left."""
    for _ in range(4):
        side -= 4
        if side % 2:
            return None
        side //= 2
    side -= 4
    for _ in range(4):
        side = 2 * side - 4
        if side <= 0:
            return None
    return side


def test_valid_input_sizes():
    sizes = valid_input_sizes(800)
    assert sizes == [side for side in range(1, 801) if out_of(side) is not None]
    assert {188, 556, 572, 588} < set(sizes) and sizes[0] == 188
    assert all(out_of(side) == side - 2 * MARGIN for side in sizes)
    assert valid_input_sizes(572)[-1] == 572 and valid_input_sizes(571)[-1] == 556
    assert valid_input_sizes(187) == valid_input_sizes(0) == []
    assert valid_input_sizes(np.uint8(204)) == [188, 204]


@pytest.mark.parametrize("odd", [-1, 571.5, "572", True])
def test_valid_input_sizes_refuse(odd):
    with pytest.raises(ValueError, match="largest must be an integer of 0 or more"):
        valid_input_sizes(odd)


def test_the_published_network_takes_valid_sizes_and_no_others():
    with torch.device("meta"):
        network = unet_2015(2, widths=(2, 2, 2, 2, 2))
        valid = set(valid_input_sizes(300))
        for side in range(170, 300):
            if side in valid:
                assert network(torch.empty(1, 1, side, 188)).shape == (1, 2, side - 184, 4)
            else:
                with pytest.raises(ValueError, match=f"but got {side}"):
                    network(torch.empty(1, 1, side, 188))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 571, 572), "but got 571: the nearest are 556 and 572"),
        ((1, 1, 572, 573), "but got 573: the nearest are 572 and 588"),
        ((1, 1, 200, 188), "but got 200: the nearest are 188 and 204.*predict_in_tiles"),
        ((1, 1, 172, 572), "but got 172: it is too small"),
        ((1, 1, 0, 572), "but got 0: it is too small"),
        ((1, 3, 572, 572), r"floating images \(B, 1, H, W\) .* of shape \(1, 3, 572, 572\); .*in_channels"),
        ((572, 572), r"of shape \(572, 572\); .*stack images"),
    ],
)
def test_the_published_network_refuses_images(shape, message):
    with torch.device("meta"):
        network = unet_2015(2, widths=(2, 2, 2, 2, 2))
        with pytest.raises(ValueError, match=message):
            network(torch.empty(shape))


def test_the_published_network_begins_with_the_variance_of_he_and_drops_at_the_bottom():
    torch.manual_seed(0)
    network = unet_2015(2, widths=(4, 8, 16, 32, 64))
    assert network.down[4][2].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert not any(layer.bias.any() for layer in network.modules() if isinstance(layer, nn.Conv2d))
    dropped = []
    network.dropout.register_forward_hook(lambda _layer, inputs, output: dropped.append((inputs[0], output)))
    images = images_of(188, 188, channels=1).float()
    network(images)
    before, after = dropped[0]
    assert before.shape == (2, 64, 4, 4)
    zeroed = (after == 0) & (before > 0)
    assert 0.3 < zeroed.sum() / (before > 0).sum() < 0.7
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"in_channels": 0}, "in_channels must be an integer of 1 or more, but is 0"),
        ({"widths": (4, 4, 4, 4)}, "the channels of the 5 levels, but has 4 numbers"),
        ({"widths": 4}, "widths must be a tuple of integers"),
    ],
)
def test_unet_2015_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        unet_2015(**({"num_classes": 2} | settings))


@pytest.mark.gpu
def test_the_published_network_on_a_gpu():
    network, images = drawn(partial(unet_2015, 2, widths=NARROW)), images_of(204, 188, channels=1)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
