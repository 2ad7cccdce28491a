"""HRNet: an exchange by hand, timm's trunk by transplant, parameter counts, images of every size, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from map_cases import assert_same_maps
from tolerances import OPERATION
from torch import nn
from unet_cases import assert_all_learn, assert_takes, count, images_of
from unfilled import drawn, unfilled

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.hrnet import (
    Fusion,
    HRNet,
    HRNetV2,
    hrnet_from_timm,
    hrnet_w18,
    hrnet_w48,
    small_hrnet,
    small_hrnetv2,
)

tiny = partial(HRNet, 2, modules=(1, 2, 1), blocks=1, stem=3)
BACKBONES = {
    "hrnet": tiny,
    "small_resnet": partial(small_resnet, widths=(4, 5, 6)),
    "stride 1": partial(UNetEncoder, (4, 5, 6)),
    "repeated strides": partial(resnet18, output_stride=8),
}


def test_an_exchange_by_hand():
    """With 1 in the middle of each kernel and no norm: each pixel and those that lie at its place in the other resolutions."""
    exchange = nn.ModuleList(Fusion((1, 1, 1), target) for target in range(3)).eval()
    for layer in exchange.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight)
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 0
    fine = torch.arange(15.0).view(1, 1, 3, 5)
    middle = torch.tensor([[[[100.0, 200, 300], [400, 500, -6000]]]])
    coarse = torch.tensor([[[[1000.0, 2000]]]])
    found = [fusion([fine, middle, coarse]) for fusion in exchange]
    # Rows 0, 1, 2 of the fine map take rows 0, 0, 1 of the middle one, columns 0 to 4 its columns 0, 0, 1, 1, 2.
    assert found[0][0, 0].tolist() == [
        [1100, 1101, 1202, 2203, 2304],
        [1105, 1106, 1207, 2208, 2309],
        [1410, 1411, 1512, 2513, 0],
    ]
    assert found[1][0, 0].tolist() == [[1100, 1202, 2304], [1410, 1512, 0]]
    assert found[2][0, 0].tolist() == [[1100, 2304]]


def test_resolutions_begin_one_after_the_other_and_stay():
    seen = []
    network = drawn(tiny)
    for stage in network.stages:
        for module in stage:
            module.register_forward_hook(lambda _, inputs, maps: seen.append([tuple(map_.shape[1:]) for map_ in maps]))
    maps = network(images_of(64, 96))
    shapes = [(2, 16, 24), (4, 8, 12), (8, 4, 6), (16, 2, 3)]
    assert seen == [shapes[:2], shapes[:3], shapes[:3], shapes]
    assert [tuple(map_.shape[1:]) for map_ in maps] == [(3, 32, 48), *shapes]


@pytest.mark.parametrize("make", [tiny, small_hrnet])
def test_it_is_a_backbone(make):
    check_backbone(make())


@pytest.mark.slow
def test_parameter_counts():
    with torch.device("meta"):
        for make, channels, trunk, whole in (
            (hrnet_w18, (64, 18, 36, 72, 144), 9_562_260, 9_641_119),
            (hrnet_w48, (64, 48, 96, 192, 384), 65_325_120, 65_859_379),
        ):
            backbone = make()
            assert (backbone.channels, count(backbone)) == (channels, trunk)
            assert count(HRNetV2(backbone, 19)) == whole
        assert count(small_hrnetv2(8)) < 1.5e6


# timm


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [("hrnet_w18", hrnet_w18), ("hrnet_w48", hrnet_w48)])
def test_the_trunk_equals_timm(name, make):
    import timm

    theirs = drawn(lambda: timm.create_model(name, pretrained=False, features_only=True, feature_location=""))
    with unfilled():
        ours = make().double().eval()
    ours.load_state_dict(hrnet_from_timm(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs)
    assert ours.channels == tuple(theirs.feature_info.channels())
    assert ours.strides == tuple(theirs.feature_info.reduction())
    mean, std = (torch.tensor(theirs.default_cfg[key])[:, None, None] for key in ("mean", "std"))
    assert_same_maps(ours, lambda given: theirs((given - mean) / std), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_weights_of_a_classifier_load_and_others_are_refused():
    import timm

    with torch.device("meta"):
        whole = timm.create_model("hrnet_w18", pretrained=False).state_dict()
        trunk = hrnet_w18()
        others = resnet18().state_dict()
    renamed = hrnet_from_timm(whole)
    wanted = {name: value.shape for name, value in trunk.state_dict().items()}
    assert {name: value.shape for name, value in renamed.items()} == wanted
    with pytest.raises(
        ValueError, match="not the weights of timm's hrnet_w18 or hrnet_w48: there is a stem.0.0.weight"
    ):
        hrnet_from_timm(others)


# The head


def test_the_head_joins_all_maps_from_stride_4_on():
    network = drawn(lambda: HRNetV2(tiny(), 3))
    images = images_of(33, 41)
    _, finest, *coarser = network.backbone(images)
    up = partial(nn.functional.interpolate, mode="bilinear", align_corners=False)
    joined = torch.cat([finest, *(up(map_, size=(9, 11)) for map_ in coarser)], dim=1)
    assert joined.shape == (2, 15 * 2, 9, 11)
    expected = up(network.score(network.mix(joined)), size=(33, 41))
    torch.testing.assert_close(network(images), expected, **OPERATION[torch.float64])


def test_where_a_stride_repeats_the_last_map_is_taken():
    assert HRNetV2(BACKBONES["repeated strides"](), 3).levels == [1, 4]


@pytest.mark.parametrize("name", BACKBONES)
def test_it_takes_images_of_every_size(name):
    assert_takes(drawn(lambda: HRNetV2(BACKBONES[name](), 3)), [(33, 41), (57, 75), (16, 24)], num_classes=3)


def test_images_of_one_pixel():
    assert drawn(lambda: HRNetV2(tiny(), 3))(images_of(1, 1)).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("name", BACKBONES)
def test_it_learns_everywhere(name):
    # From stride 2 on, so that the stem's map of a ResNet is used as well.
    stride = min(value for value in BACKBONES[name]().strides if value >= 2)
    assert_all_learn(drawn(lambda: HRNetV2(BACKBONES[name](), 3, stride=stride)), images_of(64, 96))


def test_numbers_of_numpy_make_the_same_network():
    number = np.uint8
    found = HRNetV2(
        HRNet(number(2), modules=[number(1)] * 3, blocks=number(1), stem=number(3)), number(3), stride=number(4)
    )
    wanted = HRNetV2(HRNet(2, modules=(1, 1, 1), blocks=1, stem=3), 3)
    assert {name: value.shape for name, value in found.state_dict().items()} == {
        name: value.shape for name, value in wanted.state_dict().items()
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HRNet(0), "width must be an integer of 1 or more, but is 0"),
        (lambda: HRNet(2, blocks=0), "blocks must be an integer of 1 or more, but is 0"),
        (lambda: HRNet(2, modules=(1, 1)), "modules needs a number for each of the stages 2, 3 and 4, but has 2"),
        (lambda: HRNet(2, modules=(1, 0, 1)), r"modules\[1\] must be an integer of 1 or more, but is 0"),
        (lambda: HRNetV2(None, 3), "a backbone is an nn.Module, but this is a NoneType"),
        (lambda: HRNetV2(tiny(), 0), "num_classes must be an integer of 1 or more, but is 0"),
        (lambda: HRNetV2(tiny(), 3, stride=64), "no map at stride 64, but at 2, 4, 8, 16, 32"),
    ],
)
def test_they_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.gpu
@pytest.mark.parametrize("make", [tiny, small_hrnet, hrnet_w18])
def test_on_a_gpu(make):
    check_backbone(make().cuda())
    network, images = drawn(lambda: HRNetV2(make(), 3)), images_of(65, 97)
    expected = network(images).detach()
    found = network.cuda()(images.cuda()).detach().cpu()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * expected.abs().max().item())
