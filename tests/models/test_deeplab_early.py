"""DeepLab v1 and v2: their summed classifiers, parameter counts, sizes of images, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT
from torch import nn
from unet_cases import assert_all_learn, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.deeplab_early import MODIFIED_XCEPTION, DeepLabV2, deeplab_v1, deeplab_v2


def small():
    return small_resnet(widths=(4, 5, 6, 7, 8), output_stride=8)


def test_by_hand():
    """Each classifier adds up three values of a row, its rate apart; their sums are summed."""

    class Image(nn.Module):
        channels, strides = (3,), (1,)

        def forward(self, images):
            return [images]

    network = DeepLabV2(Image(), 1, rates=(1, 3)).double()
    with torch.no_grad():
        for number, classifier in enumerate(network.classifiers):
            classifier.weight.zero_()[0, 0, 1] = 1
            classifier.bias.fill_(0.25 + number)
        row = torch.tensor([1.0, 10, 100, 1000], dtype=torch.float64)
        logits = network(row.expand(1, 3, 1, 4))
    near, far = [11, 111, 1110, 1100], [1001, 10, 100, 1001]
    assert logits.flatten().tolist() == [a + b + 1.5 for a, b in zip(near, far, strict=True)]


@pytest.mark.parametrize("hidden", [None, 5])
def test_scores_of_all_rates_are_summed_and_enlarged(hidden):
    network = drawn(lambda: DeepLabV2(small(), 3, hidden=hidden))
    images = images_of(33, 41)
    x = network.backbone(images)[-1]
    assert x.shape == (2, 8, 5, 6)
    rates = [(classifier if hidden is None else classifier[0]).dilation[0] for classifier in network.classifiers]
    assert rates == [6, 12, 18, 24]
    expected = nn.functional.interpolate(sum(layer(x) for layer in network.classifiers), size=(33, 41), mode="bilinear")
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-12)
    # Of v2 the first classifier alone is v1's form.
    single = DeepLabV2(network.backbone, 3, rates=(6,), hidden=hidden).double().eval()
    single.classifiers[0].load_state_dict(network.classifiers[0].state_dict())
    alone = nn.functional.interpolate(network.classifiers[0](x), size=(33, 41), mode="bilinear")
    torch.testing.assert_close(single(images), alone, **EXACT)


@pytest.mark.slow
def test_parameters_are_those_of_the_papers():
    with torch.device("meta"):
        v1, v2 = deeplab_v1(21), deeplab_v2(21)
        assert count(v1) == 20_505_429  # "20.5M" in table 2 of v1
        assert (v1.backbone.strides[-1], v1.classifiers[0][0].dilation) == (8, (12, 12))
        assert count(v2) == 42_500_160 + 4 * (2048 * 9 * 21 + 21)
        assert v2.backbone.strides[-1] == 8
        on_vgg = DeepLabV2(vgg16(output_stride=8), np.uint8(21), rates=(6, np.int64(12), 18, 24), hidden=np.int64(1024))
        assert count(on_vgg) == 14_714_688 + 4 * (4_719_616 + 1_049_600 + 21_525)
        assert v2(torch.empty(1, 3, 33, 41)).shape == (1, 21, 33, 41)


@pytest.mark.parametrize("hidden", [None, 5])
def test_it_takes_images_of_every_size_and_learns(hidden):
    network = drawn(partial(DeepLabV2, small(), 3, rates=(1, 2), hidden=hidden))
    assert_takes(network, [(33, 41), (64, 16), (35, 34)], num_classes=3)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0
    assert_all_learn(network, images_of(41, 56))


def test_a_single_image_may_be_trained_on():
    DeepLabV2(small(), 3).train()(images_of(33, 41, batch=1).float()).sum().backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DeepLabV2(None, 3), "a backbone is an nn.Module, but this is a NoneType"),
        (lambda: DeepLabV2(small(), 0), "num_classes must be an integer of 1 or more, but is 0"),
        (lambda: DeepLabV2(small(), 3, rates=()), r"rates must name .* but is empty; v1 has \(12,\)"),
        (lambda: DeepLabV2(small(), 3, rates=12), "rates must be a tuple of integers"),
        (lambda: DeepLabV2(small(), 3, hidden=0), "hidden must be an integer of 1 or more, but is 0"),
        (lambda: deeplab_v1(3, weights="voc"), 'weights must be "imagenet"'),
    ],
)
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_xception_was_changed_in_three_ways():
    assert len(MODIFIED_XCEPTION) == 3 and all(len(row) == 3 and all(row) for row in MODIFIED_XCEPTION)


@pytest.mark.gpu
def test_on_a_gpu():
    network, images = drawn(lambda: DeepLabV2(small(), 3, hidden=6)), images_of(65, 97)
    expected = network(images).detach()
    found = network.cuda()(images.cuda()).detach().cpu()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * expected.abs().max().item())
