"""Feature pyramids: by hand, as a backbone, against torchvision, and what is refused."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from map_cases import BACKBONES, assert_same_maps, small
from torch import nn
from unet_cases import count, images_of
from unfilled import drawn, unfilled

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.fpn import FPN, fpn_from_torchvision


class Given(nn.Module):
    """A backbone whose maps are given."""

    def __init__(self, maps, strides):
        super().__init__()
        self.maps, self.strides = maps, strides
        self.channels = tuple(map_.shape[1] for map_ in maps)

    def forward(self, images):
        return self.maps


def that_changes_nothing(pyramid):
    """The pyramid of one channel with 1 in every 1×1 convolution and in the middle of every 3×3 one."""
    for layer in (*pyramid.laterals, *pyramid.outputs):
        nn.init.dirac_(layer.weight)
    return pyramid


def test_a_pyramid_by_hand():
    fine, coarse = torch.zeros(1, 1, 3, 5), torch.tensor([[[[10.0, 20, 30], [40, 50, 60]]]])
    fine[0, 0, 2, 4] = 7
    pyramid = that_changes_nothing(FPN(Given([fine, coarse], (4, 8)), 1, extra="pool"))
    found = pyramid(torch.empty(1, 3, 12, 20))
    # Row 1 of 3 lies at 2/3 of a row of the coarser map, rounded down; column 3 of 5 at 9/5.
    assert found[0][0, 0].tolist() == [[10, 10, 20, 20, 30], [10, 10, 20, 20, 30], [40, 40, 50, 50, 67]]
    assert found[1][0, 0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert found[2][0, 0].tolist() == [[10, 30]]
    assert (pyramid.channels, pyramid.strides) == ((1, 1, 1), (4, 8, 16))


def test_every_level_knows_the_coarser_ones_and_no_finer_one():
    maps = [torch.rand(1, 2, 8, 8), torch.rand(1, 3, 4, 4), torch.rand(1, 4, 2, 2)]
    maps = [map_.double().requires_grad_() for map_ in maps]
    pyramid = drawn(lambda: FPN(Given(maps, (4, 8, 16)), 5))
    for level, found in enumerate(pyramid(torch.empty(1, 3, 32, 32))):
        gradients = torch.autograd.grad(found.sum(), maps, retain_graph=True, allow_unused=True)
        assert [gradient is not None for gradient in gradients] == [place >= level for place in range(3)]


@pytest.mark.parametrize(
    ("settings", "strides"),
    [
        ({}, (4, 8, 16, 32)),
        ({"stride": 2}, (2, 4, 8, 16, 32)),
        ({"stride": 8, "extra": "pool"}, (8, 16, 32, 64)),
        ({"extra": "convolutions"}, (4, 8, 16, 32, 64, 128)),
        ({"norm": True}, (4, 8, 16, 32)),
    ],
)
def test_a_pyramid_is_a_backbone(settings, strides):
    pyramid = FPN(small(), 6, **settings)
    assert (pyramid.channels, pyramid.strides) == ((6,) * len(strides), strides)
    check_backbone(pyramid)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_pyramid_on_every_backbone(name):
    backbone = BACKBONES[name]()
    pyramid = FPN(backbone, np.uint8(6))
    assert pyramid.strides == tuple(sorted({stride for stride in backbone.strides if stride >= 4}))
    check_backbone(pyramid)


def test_where_a_stride_repeats_the_last_map_is_taken():
    assert FPN(BACKBONES["repeated strides"]()).levels == [1, 4]


def test_first_weights_keep_the_size_of_maps():
    torch.manual_seed(0)
    maps = [torch.randn(1, 256, 40, 40)]
    (found,) = FPN(Given(maps, (4,)), 256)(torch.empty(1, 3, 160, 160))
    assert found.std().item() == pytest.approx(1, abs=0.1)


# torchvision


@pytest.mark.parametrize(("extra", "norm"), [("none", False), ("pool", False), ("convolutions", False), ("pool", True)])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 41)])
def test_fpn_equals_torchvision_feature_pyramid_network(extra, norm, size):
    from torchvision.ops import FeaturePyramidNetwork
    from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

    blocks = {"none": None, "pool": LastLevelMaxPool(), "convolutions": LastLevelP6P7(10, 10)}[extra]
    theirs = drawn(lambda: FeaturePyramidNetwork([5, 6, 7, 8], 10, blocks, nn.BatchNorm2d if norm else None))
    backbone = drawn(small)
    ours = FPN(backbone, 10, extra=extra, norm=norm).double().eval()
    state = {f"fpn.{name}": value for name, value in theirs.state_dict().items()}
    own = {f"backbone.{name}": value for name, value in backbone.state_dict().items()}
    ours.load_state_dict(fpn_from_torchvision(state) | own, strict=True)
    assert count(ours) == count(theirs) + count(backbone)

    def reference(images):
        _, *maps = backbone(images)
        return list(theirs(OrderedDict((str(level), map_) for level, map_ in enumerate(maps))).values())

    assert_same_maps(ours, reference, images_of(*size))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_fpn_on_a_resnet_takes_torchvisions_weights(name, make):
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    theirs = drawn(lambda: resnet_fpn_backbone(backbone_name=name, weights=None, norm_layer=nn.BatchNorm2d))
    for parameter in theirs.parameters():
        parameter.requires_grad_(True)
    with unfilled():
        ours = FPN(make(), extra="pool").double().eval()
    ours.load_state_dict(fpn_from_torchvision(theirs.state_dict()), strict=True)
    assert_same_maps(ours, lambda images: list(theirs(ours.backbone.normalise(images)).values()), images_of(65, 97))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FPN(None), "a backbone is an nn.Module, but this is a NoneType"),
        (lambda: FPN(small(), 0), "channels must be an integer of 1 or more, but is 0"),
        (lambda: FPN(small(), stride=3), "no map at stride 3, but at 2, 4, 8, 16, 32"),
        (lambda: FPN(small(), extra="p6"), "extra must be one of 'none', 'pool', 'convolutions', but is 'p6'"),
        (lambda: FPN(small(), norm="batch"), "norm must be True or False, but is 'batch'"),
    ],
)
def test_it_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="not the weights of torchvision's pyramid on a ResNet: there is a stem"):
        fpn_from_torchvision(small().state_dict())


@pytest.mark.gpu
@pytest.mark.parametrize("extra", ["none", "pool", "convolutions"])
def test_a_pyramid_on_a_gpu(extra):
    check_backbone(FPN(small(), 6, extra=extra).cuda())
