"""The U-Net for two cores: its size and shapes, its parts by hand, and that everything learns."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import OPERATION
from torch.nn.functional import avg_pool2d, interpolate, relu
from unet_cases import assert_all_learn, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fcn import FCN
from course_utils.models.layers import basic_block
from course_utils.models.quick_unet import PyramidPooling, QuickResNet, SmallUNet, small_unet

DOUBLE = OPERATION[torch.float64]
NARROW = {"widths": (4, 5, 6, 8), "detail": 3}


def narrow(seed=0, **settings):
    return drawn(partial(small_unet, 3, **(NARROW | settings)), seed)


def test_parameters():
    with torch.device("meta"):
        assert count(small_unet(8)) == 800_544
        stages = [(16, 32), (32, 64), (64, 128)]
        stage = [
            9 * a * b + 3 * 9 * b * b + a * b + 5 * 2 * b for a, b in stages
        ]  # four 3×3 convolutions, one 1×1, five norms
        assert count(small_unet(8).backbone) == 27 * 16 + 2 * 16 + sum(stage)
        assert count(small_unet(19)) - count(small_unet(8)) == 11 * (9 * 8 + 1)


@pytest.mark.parametrize("settings", [{}, {"blocks": 1}, {"widths": (4, 8)}, {"widths": (6, 6, 6), "blocks": 3}])
def test_it_takes_images_of_every_size(settings):
    assert_takes(narrow(**settings), [(64, 48), (65, 97), (33, 16), (31, 47)], num_classes=3)
    with torch.no_grad():
        for size in ((1, 1), (2, 9), (5, 7)):
            assert narrow(**settings)(images_of(*size)).shape == (2, 3, *size)


@pytest.mark.parametrize("settings", [{}, {"blocks": 1}, {"widths": (4, 8)}, {"widths": (6, 6, 6), "blocks": 3}])
def test_it_learns_everywhere(settings):
    assert_all_learn(narrow(**settings), images_of(41, 56))


def test_it_stands_on_other_backbones():
    on_small = drawn(lambda: SmallUNet(small_resnet(widths=(3, 4, 5, 6, 8)), 3, detail=2), 0)
    assert_takes(on_small, [(64, 48), (33, 70)], num_classes=3)
    assert_all_learn(on_small, images_of(70, 56))
    dense = small_resnet(widths=(3, 4, 5, 6), output_stride=4)
    assert dense.strides == (2, 4, 4, 4)
    network = drawn(lambda: SmallUNet(dense, 3), 0)
    assert [layer.in_channels for layer in network.narrow] == [6], "of a stride that repeats, the last map"
    assert_takes(network, [(33, 20)], num_classes=3)
    with pytest.raises(ValueError, match="backbone"):
        SmallUNet(torch.nn.Identity(), 3)
    with pytest.raises(ValueError, match="detail must be an integer of 1 or more, but is 0"):
        SmallUNet(dense, 3, detail=0)


def test_images_of_a_batch_do_not_meet_and_channels_may_come_last():
    network, images = narrow(), images_of(33, 50)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


@pytest.mark.parametrize("widths", [(4, 5, 6, 8), (4, 4, 4), (7,)])
def test_its_encoder_is_a_backbone(widths):
    backbone = QuickResNet(widths, 2)
    check_backbone(backbone)
    assert backbone.strides == (2, 4, 8, 16)[: len(widths)]
    assert FCN(backbone, 3, stride=2)(images_of(33, 20).float()).shape == (2, 3, 33, 20)


def test_the_shortcut_takes_the_mean_of_the_pixels_that_there_are():
    block = QuickResNet((1, 1), 1).double().eval().stages[0][0]
    with torch.no_grad():
        block.branch[2][1].weight.zero_()  # the branch gives nothing
        block.shortcut[1][0].weight.fill_(1)
        block.shortcut[1][1].eps = 0
    image = torch.tensor([[1.0, 3, 8], [5, 7, 2], [4, 6, 9]], dtype=torch.float64)
    found = block(image[None, None])
    torch.testing.assert_close(found[0, 0], torch.tensor([[4.0, 5], [5, 9]]).double(), **DOUBLE)
    assert str(block.branch) == str(basic_block(1, 1, stride=2).branch)


def test_pyramid_pooling_by_hand():
    pooling = PyramidPooling(1).double().eval()
    with torch.no_grad():
        for factor, convolution in zip((1, 10, 100), pooling.convolutions, strict=True):
            convolution.weight.fill_(factor)
        pooling.merge[0].eps = 0
    maps = images_of(4, 8, channels=1) - 0.5
    quarters = interpolate(avg_pool2d(maps, (2, 4)), size=(4, 8), mode="bilinear")
    bins = interpolate(avg_pool2d(maps, (1, 2)), size=(4, 8), mode="bilinear")
    expected = maps + maps.mean((2, 3), keepdim=True) + 10 * quarters + 100 * bins
    assert (expected < 0).any()
    torch.testing.assert_close(pooling(maps), relu(expected), **DOUBLE)
    # Of a map smaller than its bins, a pixel is in several.
    small = images_of(1, 2, channels=1)
    expected = small + small.mean((2, 3), keepdim=True) + (10 + 100) * small
    torch.testing.assert_close(pooling(small), expected, **DOUBLE)


def test_without_the_coarse_maps_the_logits_come_from_the_image_beside():
    """The last part looks at 3×3 pixels, and scores what it sees with another 3×3."""
    network = narrow()
    with torch.no_grad():
        network.coarse.weight.zero_()
        images = images_of(20, 30, batch=1)
        seen = relu(network.detail(network.normalise(images)))
        torch.testing.assert_close(network(images), network.head(seen), **DOUBLE)
        other = images.clone()
        other[:, :, 10, 15] += 0.5
        changed = (network(other) - network(images)).abs().amax(1)[0] > 0
    rows, columns = changed.nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 12, 13, 17)


def test_skips_are_added():
    """With a decoder that hands on what it gets, the sum of what comes from below and of the skip."""
    network = narrow()
    images = images_of(32, 48)
    merged = []
    for merge in network.merge:
        merge.register_forward_pre_hook(lambda _layer, inputs: merged.append(inputs[0]))
    with torch.no_grad():
        network(images)
        *finer, coarsest = network.backbone(images)
        below = network.context(coarsest)
        for narrowed, merge, skip, found in zip(network.narrow, network.merge, finer[::-1], merged[:3], strict=True):
            larger = interpolate(narrowed(below), size=skip.shape[2:], mode="bilinear")
            torch.testing.assert_close(found, larger + skip, **DOUBLE)
            below = merge(found)
            assert below.min() == 0 < below.max()


def test_numbers_of_numpy():
    found = small_unet(np.uint8(3), widths=(np.uint8(4), np.int64(8)), blocks=np.int8(2), detail=np.uint8(3))
    assert count(found) == count(small_unet(3, widths=(4, 8), blocks=2, detail=3))
    assert found.backbone.channels == (4, 8) and all(type(width) is int for width in found.backbone.channels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"num_classes": 2.0}, "num_classes must be an integer .*convert it with `int`"),
        ({"widths": (8,)}, "widths must name the channels of two levels at least"),
        ({"widths": (8, 0)}, r"widths\[1\] must be an integer of 1 or more, but is 0"),
        ({"widths": 8}, "widths must be a tuple of integers"),
        ({"blocks": 0}, "blocks must be an integer of 1 or more, but is 0"),
        ({"detail": 0}, "detail must be an integer of 1 or more, but is 0"),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        small_unet(**({"num_classes": 3} | NARROW | settings))


def test_it_refuses_what_is_no_batch_of_images():
    for images in (torch.zeros(1, 1, 32, 32), torch.zeros(3, 32, 32), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"needs floating images \(B, 3, H, W\) in \[0, 1\]"):
            small_unet(3, **NARROW)(images)


@pytest.mark.gpu
def test_on_a_gpu():
    network, images = narrow(), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
