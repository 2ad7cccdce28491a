"""An output stride for the small network, ResNet-101, and multi-grid: dilations, and what is computed with them."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT
from unet_cases import count, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.resnet import resnet50, resnet101, resnet_from_torchvision
from course_utils.models.backbones.small import small_resnet

WIDTHS = (4, 5, 6, 7, 8)


def dilations(stage):
    """Of the 3×3 convolutions of each block."""
    layers = [
        [layer for layer in block.branch.modules() if getattr(layer, "kernel_size", 1) == (3, 3)] for block in stage
    ]
    return [tuple(layer.dilation[0] for layer in block) for block in layers]


@pytest.mark.parametrize("output_stride", [2, 4, 8, 16])
def test_the_small_network_computes_what_strides_do_and_more(output_stride):
    strided = drawn(partial(small_resnet, widths=WIDTHS))
    dilated = small_resnet(widths=WIDTHS, output_stride=output_stride).double().eval()
    dilated.load_state_dict(strided.state_dict(), strict=True)
    assert dilated.strides == tuple(min(stride, output_stride) for stride in (2, 4, 8, 16, 32))
    check_backbone(dilated)
    images = images_of(64, 96)
    with torch.no_grad():
        maps = list(zip(strided(images), dilated(images), strict=True))
    for (few, many), coarse, fine in zip(maps, strided.strides, dilated.strides, strict=True):
        step = coarse // fine
        assert few.std() > 0
        torch.testing.assert_close(many[:, :, ::step, ::step], few, rtol=0, atol=1e-9 * few.abs().max().item())


def test_the_small_network_is_as_it_was_without_an_output_stride():
    networks = []
    for settings in ({}, {"output_stride": 32}, {"output_stride": np.uint8(32)}):
        torch.manual_seed(0)
        networks.append(small_resnet(**settings).eval())
    assert [dilations(networks[0].blocks), networks[0].strides] == [[(1, 1)] * 4, (2, 4, 8, 16, 32)]
    images = images_of(33, 41).float()
    for network in networks[1:]:
        torch.testing.assert_close(network(images), networks[0](images), **EXACT)
    assert dilations(small_resnet(output_stride=8).blocks) == [(1, 1), (1, 1), (1, 2), (2, 4)]


@pytest.mark.parametrize("odd", [3, 64, 1])
def test_the_small_network_refuses_other_output_strides(odd):
    with pytest.raises(ValueError, match=f"must be one of the strides 2, 4, 8, 16, 32 of these widths, but is {odd}"):
        small_resnet(output_stride=odd)
    with pytest.raises(ValueError, match="output_stride must be an integer"):
        small_resnet(output_stride=8.0)


def test_resnet101_takes_torchvisions_weights():
    import torchvision

    with torch.device("meta"):
        theirs, ours = torchvision.models.resnet101(weights=None), resnet101()
        ours.load_state_dict(resnet_from_torchvision(theirs.state_dict()), strict=True, assign=True)
        assert count(ours) == 42_500_160 and ours.channels == resnet50().channels
        assert list(map(len, ours.stages)) == [3, 4, 23, 3]


@pytest.mark.parametrize(
    ("output_stride", "multi_grid", "expected"),
    [
        (32, None, [(1,), (1,), (1,)]),
        (16, None, [(1,), (2,), (2,)]),
        (8, None, [(2,), (4,), (4,)]),
        (16, (1, 2, 4), [(2,), (4,), (8,)]),  # the example in section 3.2.1
        (8, (1, 2, 4), [(4,), (8,), (16,)]),
        (16, (1, 1, 1), [(2,), (2,), (2,)]),
        (32, [1, np.int64(2), 1], [(1,), (2,), (1,)]),
    ],
)
def test_multi_grid_multiplies_the_dilations_of_the_last_stage(output_stride, multi_grid, expected):
    with torch.device("meta"):
        network = resnet50(output_stride=output_stride, multi_grid=multi_grid)
        plain = resnet50(output_stride=output_stride)
        assert dilations(network.stages[3]) == expected
        assert list(map(dilations, network.stages[:3])) == list(map(dilations, plain.stages[:3]))
        assert [map_.shape for map_ in network(torch.empty(1, 3, 33, 41))] == [
            map_.shape for map_ in plain(torch.empty(1, 3, 33, 41))
        ]


@pytest.mark.slow
def test_multi_grid_keeps_the_contract():
    check_backbone(drawn(partial(resnet50, output_stride=16, multi_grid=(1, 2, 4))))


@pytest.mark.parametrize("odd", [(1, 2), 2, (1, 0, 1)])
def test_multi_grid_has_a_number_for_each_block(odd):
    with torch.device("meta"), pytest.raises(ValueError, match="multi_grid"):
        resnet101(multi_grid=odd)


@pytest.mark.gpu
def test_on_a_gpu():
    for make in (partial(small_resnet, output_stride=8), partial(resnet50, output_stride=16, multi_grid=(1, 2, 4))):
        backbone, images = drawn(make), images_of(65, 97)
        with torch.no_grad():
            expected = backbone(images)
            found = [map_.cpu() for map_ in backbone.cuda()(images.cuda())]
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * theirs.abs().max().item())
