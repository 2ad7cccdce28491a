"""ASPP and DeepLab v3: torchvision's weights, outputs and gradients, what the output stride changes, and what is refused."""

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT, OPERATION
from torch import nn
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn, unfilled

from course_utils.models.aspp import ASPP, aspp_rates
from course_utils.models.backbones.contract import Frozen, set_statistics
from course_utils.models.backbones.resnet import resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.deeplab import (
    DeepLabV3,
    deeplabv3_resnet50,
    deeplabv3_resnet50_from_torchvision,
    deeplabv3_resnet101,
)

DOUBLE = OPERATION[torch.float64]


def maps_of(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def small(output_stride=8):
    return small_resnet(widths=(4, 5, 6, 7, 8), output_stride=output_stride)


# ASPP


def test_rates_double_at_output_stride_8():
    assert [aspp_rates(stride) for stride in (32, 16, 8, 4)] == [(3, 6, 9), (6, 12, 18), (12, 24, 36), (24, 48, 72)]
    for network, rates in (
        (DeepLabV3(small(16), 3), (6, 12, 18)),
        (DeepLabV3(small(8), 3, output_stride=8), (12, 24, 36)),
        (DeepLabV3(small(8), 3, output_stride=8, rates=(1, 5)), (1, 5)),
    ):
        dilations = [branch[0].dilation for branch in network.head[0].branches]
        assert dilations == [(1, 1), *((rate, rate) for rate in rates)]


def test_aspp_by_hand():
    """One row of one channel; every norm passes its input on, and the projection weighs its inputs with powers of ten."""
    aspp = ASPP(1, 1, rates=(1, 2)).double().eval()
    with torch.no_grad():
        for layer in aspp.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0
        for branch in (*aspp.branches, aspp.image):
            branch[0].weight.fill_(1)
        aspp.project[0][0].weight.copy_(torch.tensor([1, 10, 100, 1000]).view(1, 4, 1, 1))
        x = torch.tensor([1.0, 2, -4, 8, 3], dtype=torch.float64).view(1, 1, 1, 5)
        # Of each place, what the branches see, negative sums cut off: itself, itself and its neighbours, itself and
        # those two further, and the mean of all, 2.
        seen = [[1, 2, 0, 8, 3], [3, 0, 6, 7, 11], [0, 10, 0, 10, 0], [2, 2, 2, 2, 2]]
        expected = [sum(10**power * row[place] for power, row in enumerate(seen)) for place in range(5)]
        assert aspp(x).flatten().tolist() == expected
        without = ASPP(1, 1, rates=(1, 2), image_pooling=False).double().eval()
        assert without.image is None and without.project[0][0].weight.shape == (1, 3, 1, 1)


def test_aspp_parameters():
    with torch.device("meta"):
        kinds = ({}, {"separable": True}, {"separable": True, "norm_between": False})
        counts = [count(ASPP(2048, 256, rates=(6, 12, 18), **kind)) for kind in kinds]
        assert counts == [15_535_104, 3_019_776, 3_007_488]
        aspp = ASPP(2048, 256, rates=(6, 12, 18))
        parts = [*(count(branch) for branch in aspp.branches), count(aspp.image), count(aspp.project)]
        assert parts == [524_800, 4_719_104, 4_719_104, 4_719_104, 524_800, 328_192]
        assert aspp(torch.empty(2, 2048, 65, 65)).shape == (2, 256, 65, 65)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("library", ["torchvision", "smp", "smp, separable"])
def test_aspp_equals_the_libraries(library, training):
    """Outputs, gradients of the map and of all parameters, and running statistics."""
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPP as SmpASPP
    from torchvision.models.segmentation.deeplabv3 import ASPP as TorchvisionASPP

    separable = library.endswith("separable")
    theirs = drawn(
        {
            "torchvision": lambda: TorchvisionASPP(6, [2, 3, 5], 4),
            "smp": lambda: SmpASPP(6, 4, (2, 3, 5), separable=False, dropout=0.5),
            "smp, separable": lambda: SmpASPP(6, 4, (2, 3, 5), separable=True, dropout=0.5),
        }[library]
    ).train(training)
    theirs.project[3].p = 0
    ours = ASPP(6, 4, rates=(2, 3, 5), separable=separable, norm_between=False, dropout=0).double().train(training)
    # The same tensors in the same order.
    pairs = dict(zip(ours.state_dict(), theirs.state_dict(), strict=True))
    ours.load_state_dict({name: theirs.state_dict()[pairs[name]] for name in pairs}, strict=True)
    given = maps_of(2, 6, 9, 11)
    results = []
    for network in (ours, theirs):
        x = given.clone().requires_grad_()
        out = network(x)
        assert out.shape == (2, 4, 9, 11) and out.std() > 0
        (out * maps_of(*out.shape, seed=1)).sum().backward()
        results.append([out, x.grad, *(value.grad for value in network.parameters()), *network.buffers()])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, **DOUBLE)


def test_image_pooling_sees_the_whole_map_and_kernels_degenerate():
    """On 9 × 9 a kernel of rate 9 has its centre alone inside, and what changes far away reaches ASPP by image pooling only."""
    x = maps_of(1, 3, 9, 9)
    changed = x.clone()
    changed[:, :, 8, 8] += 5
    for pooling in (True, False):
        aspp = drawn(partial(ASPP, 3, 4, rates=(9,), image_pooling=pooling))
        assert (aspp(x)[:, :, 0, 0] != aspp(changed)[:, :, 0, 0]).any() == pooling
        branch = aspp.branches[1]
        torch.testing.assert_close(
            branch(x), branch[1](nn.functional.conv2d(x, branch[0].weight[:, :, 1:2, 1:2])), **DOUBLE
        )


def test_aspp_learns_everywhere_and_drops_out():
    for settings in ({}, {"separable": True}, {"image_pooling": False}, {"separable": True, "norm_between": False}):
        assert_all_learn(drawn(partial(ASPP, 3, 4, rates=(1, 2), dropout=0, **settings)), maps_of(2, 3, 7, 8))
    torch.manual_seed(0)
    dropped = drawn(partial(ASPP, 3, 4, rates=(2,), dropout=np.float32(0.75))).train()(maps_of(2, 3, 20, 20))
    kept = drawn(partial(ASPP, 3, 4, rates=(2,), dropout=0)).train()(maps_of(2, 3, 20, 20))
    assert ((dropped != 0).sum() / (kept != 0).sum()).item() == pytest.approx(0.25, abs=0.05)


def test_a_single_image_in_training_gets_a_sentence():
    aspp, x = drawn(partial(ASPP, 3, 4, rates=(2,))), maps_of(1, 3, 7, 8)
    assert aspp(x).shape == (1, 4, 7, 8)
    with pytest.raises(ValueError, match="image pooling leaves one for each image, and this batch has a single image"):
        aspp.train()(x)
    with pytest.raises(ValueError, match="two or more, also at the end of the data"):
        DeepLabV3(small(), 3, output_stride=8).train()(images_of(40, 48, batch=1).float())
    aspp(maps_of(2, 3, 7, 8))
    aspp.image[1].eval()
    aspp(x)  # its norm is in evaluation mode
    ASPP(3, 4, rates=(2,), image_pooling=False).double().train()(x)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((0, 4), {"rates": (2,)}, "in_channels must be an integer of 1 or more, but is 0"),
        ((3, 4.0), {"rates": (2,)}, "channels must be an integer .* convert it with `int`"),
        ((3, 4), {"rates": 6}, "rates must be a tuple of integers"),
        ((3, 4), {"rates": (6, 0)}, r"rates\[1\] must be an integer of 1 or more, but is 0"),
        ((3, 4), {"rates": (2,), "dropout": 1.5}, "dropout must be a number from 0 to 1, but is 1.5"),
        ((3, 4), {"rates": (2,), "separable": "no"}, "separable must be True or False"),
    ],
)
def test_aspp_refuses(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        ASPP(*arguments, **settings)


# DeepLab v3


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_it_takes_images_of_every_size(output_stride):
    for settings in ({}, {"separable": True}):
        make = partial(DeepLabV3, small(output_stride), 3, output_stride=output_stride, channels=4, **settings)
        assert_takes(drawn(make), [(33, 41), (64, 16), (35, 34)], num_classes=3)


def test_what_it_computes():
    network = drawn(lambda: DeepLabV3(small(16), 3, channels=4, auxiliary=True))
    images = images_of(33, 41)
    maps = network.backbone(images)
    assert maps[-1].shape == (2, 8, 3, 3)
    logits, auxiliary = network.with_auxiliary(images)
    for found, scores in ((logits, network.head(maps[-1])), (auxiliary, network.auxiliary_head(maps[-2]))):
        expected = nn.functional.interpolate(scores, size=(33, 41), mode="bilinear")
        torch.testing.assert_close(found, expected, **EXACT)
    torch.testing.assert_close(network(images), logits, **EXACT)
    with pytest.raises(ValueError, match="make it with auxiliary=True"):
        DeepLabV3(small(16), 3).with_auxiliary(images)


def test_it_learns_everywhere():
    network = drawn(lambda: DeepLabV3(small(8), 3, output_stride=8, rates=(1, 2), channels=4, dropout=0))
    assert_all_learn(network, images_of(41, 56))


def test_images_of_a_batch_do_not_meet_and_channels_may_come_last():
    network, images = drawn(lambda: DeepLabV3(small(8), 3, output_stride=8, channels=4)), images_of(33, 50)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


def test_it_says_which_layers_learn_nothing():
    with pytest.warns(
        UserWarning, match=r"of stride 16, but the backbone goes on to 32: .*`resnet50\(output_stride=16\)`"
    ):
        network = DeepLabV3(small(32), 3, channels=4)
    assert network.level == 3 and network.head[0].branches[0][0].in_channels == 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeepLabV3(small(32), 3, output_stride=32, channels=4)
        backbone = small(8)
        set_statistics(backbone, torch.rand(2, 3, 32, 32))
        DeepLabV3(Frozen(backbone), np.uint8(3), output_stride=np.uint8(8), channels=np.uint8(4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"output_stride": 16}, "no map at stride 16, but at 2, 4, 8; choose one of these"),
        ({"output_stride": 2}, "output_stride must be 4, 8, 16 or 32, but is 2; for others give `rates`"),
        ({"output_stride": 8.0}, "output_stride must be an integer"),
        ({"channels": 0}, "channels must be an integer of 1 or more, but is 0"),
        ({"auxiliary": 1}, "auxiliary must be True or False"),
        (
            {"backbone": small_resnet(widths=(4,)), "output_stride": 2, "rates": (2,), "auxiliary": True},
            "needs a map before",
        ),
    ],
)
def test_it_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        DeepLabV3(**({"backbone": small(8), "num_classes": 3, "output_stride": 8} | settings))


# torchvision's weights


@pytest.mark.parametrize(
    ("name", "make", "parameters", "without"),
    [
        ("deeplabv3_resnet50", deeplabv3_resnet50, 42_004_074, 39_638_869),
        ("deeplabv3_resnet101", deeplabv3_resnet101, 60_996_202, 58_630_997),
    ],
)
def test_every_tensor_of_torchvision_has_its_place(name, make, parameters, without):
    import torchvision

    with torch.device("meta"):
        for auxiliary, expected in ((True, parameters), (False, without)):
            ours = make(21, auxiliary=auxiliary)
            theirs = getattr(torchvision.models.segmentation, name)(
                weights=None, weights_backbone=None, aux_loss=auxiliary
            )
            assert count(ours) == count(theirs) == expected
            renamed = deeplabv3_resnet50_from_torchvision(theirs.state_dict())
            ours.load_state_dict(renamed, strict=True, assign=True)


@pytest.mark.slow
def test_deeplabv3_resnet50_equals_torchvision():
    import torchvision

    make = partial(torchvision.models.segmentation.deeplabv3_resnet50, weights=None, weights_backbone=None)
    theirs = drawn(lambda: make(aux_loss=True))
    with unfilled():
        ours = deeplabv3_resnet50(21).double().eval()
    ours.load_state_dict(deeplabv3_resnet50_from_torchvision(theirs.state_dict()), strict=True)
    images = images_of(33, 41, batch=1)
    assert_same_network(ours, lambda given: theirs(ours.backbone.normalise(given))["out"], images)
    assert_same_network(
        lambda given: ours.with_auxiliary(given)[1], lambda given: theirs(ours.backbone.normalise(given))["aux"], images
    )


def test_weights_of_other_networks_are_refused():
    import torchvision

    with torch.device("meta"):
        for other in ("fcn_resnet50", "deeplabv3_mobilenet_v3_large"):
            state = getattr(torchvision.models.segmentation, other)(weights=None, weights_backbone=None).state_dict()
            if other == "fcn_resnet50":  # whose auxiliary head and backbone are the same
                state = {name: value for name, value in state.items() if not name.startswith("aux")}
            with pytest.raises(ValueError, match="not the weights of torchvision's DeepLab v3 on a ResNet"):
                deeplabv3_resnet50_from_torchvision(state)


def test_weights_have_a_name():
    with pytest.raises(ValueError, match='weights must be "imagenet"'):
        deeplabv3_resnet50(3, weights="voc")


@pytest.mark.gpu
def test_on_a_gpu():
    for make in (
        lambda: DeepLabV3(small(8), 3, output_stride=8, channels=4),
        lambda: DeepLabV3(resnet50(output_stride=16, multi_grid=(1, 2, 4)), 3, separable=True),
        lambda: DeepLabV3(UNetEncoder((4, 5, 6)), 3, output_stride=4),
    ):
        network, images = drawn(make), images_of(65, 97)
        expected = network(images).detach()
        found = network.cuda()(images.cuda()).detach().cpu()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * expected.abs().max().item())
