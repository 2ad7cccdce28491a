"""FCN on any backbone, as published on VGG-16, and on the dilated ResNet; convolutionalised classifiers."""

import pytest
import torch
from tolerances import EXACT, NETWORK, OPERATION
from torch import nn
from torch.nn.functional import interpolate
from unfilled import unfilled

from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.fcn import (
    FCN,
    fcn_resnet50,
    fcn_resnet50_from_torchvision,
    fcn_vgg16,
    fcn_vgg16_from_torchvision,
)
from course_utils.models.layers import IMAGENET_MEAN, IMAGENET_STD
from course_utils.models.pretrained import IMAGENET
from course_utils.sliding.convolutional import convolutionalise

NARROW = {"widths": (4, 4, 6, 6, 8), "hidden": 10}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def images_of(height, width, *, batch=2, seed=0):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_scores(network, seed=0):
    """With scores that are not zero any more, in float64 and evaluation mode."""
    draw = torch.Generator().manual_seed(seed)
    for score in network.scores:
        nn.init.normal_(score.weight, std=0.1, generator=draw)
        nn.init.normal_(score.bias, generator=draw)
    return network.double().eval()


# FCN on any backbone


@pytest.mark.parametrize("upsample", ["transposed", "bilinear", "fixed"])
@pytest.mark.parametrize("stride", [32, 16, 8, 4])
def test_fcn_takes_images_of_every_size(stride, upsample):
    network = with_scores(FCN(small_resnet(widths=(4, 4, 4, 6, 6)), 5, stride=stride, upsample=upsample))
    for size in ((64, 64), (65, 97), (31, 45), (5, 7), (1, 1)):
        logits = network(images_of(*size))
        assert logits.shape == (2, 5, *size)
        assert min(size) < 64 or logits.std(dim=(2, 3)).min() > 0


@pytest.mark.parametrize("upsample", ["transposed", "bilinear", "fixed"])
def test_fcn_on_maps_that_are_rounded_down(upsample):
    # 95 pixels leave VGG 2 rows, of which 32 times as many are 64.
    network = with_scores(FCN(vgg16(), 3, stride=8, upsample=upsample))
    for size in ((95, 63), (33, 96)):
        with torch.no_grad():
            logits = network(images_of(*size, batch=1))
        assert logits.shape == (1, 3, *size)
        assert logits[:, :, -1].std() > 0 and logits.isfinite().all()


def test_fcn_8s_is_a_sum_of_scores():
    backbone = small_resnet(widths=(4, 4, 4, 6, 6))
    network = with_scores(FCN(backbone, 3, stride=8, upsample="bilinear"))
    images = images_of(65, 97)
    _, _, at_8, at_16, at_32 = network.backbone(images)
    scores = [score(map_) for score, map_ in zip(network.scores, (at_32, at_16, at_8), strict=True)]
    for skip in (1, 2):
        scores[skip] = scores[skip] + interpolate(scores[skip - 1], size=scores[skip].shape[2:], mode="bilinear")
    expected = interpolate(scores[2], size=(65, 97), mode="bilinear")
    torch.testing.assert_close(network(images), expected, **OPERATION[torch.float64])


@pytest.mark.parametrize("stride", [32, 8, 4])
def test_transposed_and_fixed_begin_as_bilinear(stride):
    networks = {}
    for upsample in ("transposed", "fixed", "bilinear"):
        torch.manual_seed(0)
        networks[upsample] = with_scores(FCN(small_resnet(), 3, stride=stride, upsample=upsample))
    images = images_of(64, 96)
    expected = networks["bilinear"](images)
    for upsample in ("transposed", "fixed"):
        torch.testing.assert_close(networks[upsample](images), expected, **OPERATION[torch.float64])
    learned = 3 * 4 * 4 * {32: 0, 8: 2, 4: 3}[stride]  # one 4×4 kernel for each class and doubling
    assert count(networks["transposed"]) == count(networks["fixed"]) + learned
    assert count(networks["fixed"]) == count(networks["bilinear"])


def test_fcn_scores_begin_at_zero_and_everything_learns():
    network = FCN(small_resnet(widths=(4, 4, 4, 6, 6)), 3, stride=8)
    images, labels = images_of(32, 48).float(), torch.arange(32 * 48).view(1, 32, 48).expand(2, -1, -1) % 3
    assert not network(images).any()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
    assert all(parameter.grad.any() for parameter in network.parameters())


def test_fcn_uses_the_deepest_map_of_a_stride():
    network = with_scores(FCN(resnet18(output_stride=8), 3, stride=4))
    assert network.levels == [4, 1]
    assert network(images_of(40, 56, batch=1)).shape == (1, 3, 40, 56)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"stride": 7}, "no map at stride 7, but at 2, 4, 8, 16, 32"),
        ({"upsample": "nearest"}, "upsample must be one of transposed, bilinear, fixed, but is 'nearest'"),
    ],
)
def test_fcn_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        FCN(small_resnet(), **({"num_classes": 3, "stride": 8} | settings))


@pytest.mark.gpu
@pytest.mark.parametrize("upsample", ["transposed", "bilinear", "fixed"])
def test_fcn_on_a_gpu(upsample):
    network = with_scores(FCN(small_resnet(), 3, stride=8, upsample=upsample))
    images = images_of(65, 97)
    expected = network(images)
    torch.testing.assert_close(network.cuda()(images.cuda()).cpu(), expected, rtol=0, atol=1e-9)


# As published


@pytest.mark.parametrize(("stride", "parameters"), [(32, 134_346_581), (16, 134_357_354), (8, 134_362_751)])
def test_fcn_vgg16_has_as_many_parameters_as_published(stride, parameters):
    with torch.device("meta"):
        network = fcn_vgg16(21, stride=stride)
        assert count(network) == parameters
        assert network.classifier[0].weight.numel() + 4096 == 102_764_544
        # The score map of 500 pixels is 16 × 16.
        assert network.classifier(network.stages[4](torch.empty(1, 512, 22, 22))).shape[2:] == (16, 16)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_vgg16_takes_images_of_every_size(stride):
    network = with_scores(fcn_vgg16(2, stride=stride, **NARROW))
    with torch.no_grad():
        for size in ((1, 1), (31, 32), (33, 65), (64, 50), (100, 7)):
            logits = network(images_of(*size, batch=1))
            assert logits.shape == (1, 2, *size)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_vgg16_gives_its_logits_where_the_image_is(stride):
    """Layers that hand on what is at their centre give a ramp back as it was, if all crops are right."""
    network = fcn_vgg16(1, stride=stride, **NARROW).double().eval()
    network.normalise = nn.Identity()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.zero_()
                layer.bias.zero_()
                layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
        rows, columns = torch.arange(180.0, dtype=torch.float64), torch.arange(230.0, dtype=torch.float64)
        ramp = 1000 + 3 * rows[:, None] + columns
        both = torch.stack([ramp, 3000 - ramp])[:, None].expand(2, 3, -1, -1)
        rising, falling = network(both)[:, 0] / len(network.scores)
    # Pooling takes the largest value under it, of the falling ramp the smallest: the mean of both is that in the centre.
    centre = (rising + 3000 - falling) / 2
    inside = (slice(72, -72), slice(72, -72))
    torch.testing.assert_close(centre[inside], ramp[inside], rtol=1e-12, atol=0)
    assert (rising - ramp)[inside].abs().max() > 1


@pytest.fixture
def narrow_vgg():
    """VGG-16 from torchvision, narrowed, with linear layers."""
    from torchvision.models.vgg import VGG, make_layers

    a, b, c, d, e = NARROW["widths"]
    layout = [a, a, "M", b, b, "M", c, c, c, "M", d, d, d, "M", e, e, e, "M"]
    features = make_layers(layout)
    with unfilled():  # 119 million weights of layers that are replaced
        network = VGG(features, num_classes=5, init_weights=False)
    hidden = NARROW["hidden"]
    network.classifier[0], network.classifier[3] = nn.Linear(e * 49, hidden), nn.Linear(hidden, hidden)
    network.classifier[6] = nn.Linear(hidden, 5)
    return network


def test_fcn_vgg16_scores_what_the_classifier_sees_in_its_window(narrow_vgg):
    """fc6 is 7×7, and so the scores are those of 7×7 windows."""
    theirs = narrow_vgg.double().eval()
    ours = with_scores(fcn_vgg16(5, stride=32, **NARROW))
    scores = {name: value for name, value in ours.state_dict().items() if name.startswith("scores")}
    ours.load_state_dict(scores | fcn_vgg16_from_torchvision(theirs.state_dict()), strict=True)

    images = images_of(90, 122, batch=1)
    mean, std = (torch.tensor(values)[:, None, None].double() for values in (IMAGENET_MEAN, IMAGENET_STD))
    # 288 and 320 pixels with the published padding: all poolings come out even.
    theirs.features[0].padding = (100, 100)
    with torch.no_grad():
        pooled = theirs.features((images - mean) / std)
        assert pooled.shape[2:] == (9, 10)
        windows = pooled.unfold(2, 7, 1).unfold(3, 7, 1).movedim(1, 3)  # (1, 3, 4, C, 7, 7)
        expected = theirs.classifier[:6](windows.flatten(3))
        found = ours.classifier(pooled)
        torch.testing.assert_close(found.movedim(1, 3), expected, rtol=0, atol=1e-12)
        logits = ours.scores[0](found)
        upsampled = nn.functional.conv_transpose2d(logits, _tent(64, 5), stride=32)
        torch.testing.assert_close(ours(images), upsampled[:, :, 19:109, 19:141], **NETWORK[torch.float64])


def _tent(size, channels):
    """The kernel as the authors fill it in."""
    ramp = 1 - (torch.arange(size, dtype=torch.float64) - (size / 2 - 0.5)).abs() / (size / 2)
    kernel = torch.zeros(channels, channels, size, size, dtype=torch.float64)
    kernel[range(channels), range(channels)] = ramp[:, None] * ramp
    return kernel


def test_fcn_vgg16_with_pretrained_weights(tmp_path, monkeypatch, narrow_vgg):
    theirs = narrow_vgg
    torch.save(theirs.state_dict(), tmp_path / "narrow.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(IMAGENET, "vgg16", (tmp_path / "narrow.pth").as_uri())
    ours = fcn_vgg16(3, stride=8, weights="imagenet", **NARROW)
    torch.testing.assert_close(ours.stages[4][4].weight, theirs.features[28].weight, **EXACT)
    torch.testing.assert_close(ours.classifier[0].weight.flatten(1), theirs.classifier[0].weight, **EXACT)
    assert not any(parameter.any() for parameter in ours.scores.parameters())


def test_fcn_vgg16_takes_all_of_torchvisions_shapes():
    import torchvision

    with torch.device("meta"):
        theirs, ours = torchvision.models.vgg16(weights=None), fcn_vgg16(21, stride=8)
    renamed = fcn_vgg16_from_torchvision(theirs.state_dict())
    wanted = {name: value.shape for name, value in ours.state_dict().items() if not name.startswith("scores")}
    assert {name: value.shape for name, value in renamed.items()} == wanted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stride": 4}, "stride must be 32, 16 or 8, but is 4"),
        ({"weights": "voc"}, 'weights must be "imagenet"'),
        ({"num_classes": True}, "num_classes must be an integer"),
        ({"stride": 8.0}, "stride must be an integer .* but is 8.0"),
        ({"stride": [8]}, r"stride must be an integer .* but is \[8\]"),
        ({"hidden": 0}, "hidden must be an integer of 1 or more, but is 0"),
        ({"widths": 4}, "widths must be a tuple of integers"),
        ({"widths": (4, 4)}, r"five stages, .* widths are \(4, 4\)"),
        ({"widths": (4, 4, 4, 4, 0)}, r"widths\[4\] must be an integer of 1 or more, but is 0"),
    ],
)
def test_fcn_vgg16_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        fcn_vgg16(**({"num_classes": 3, "stride": 8} | NARROW | settings))


# The later FCN


@pytest.fixture(scope="module")
def torchvision_fcn():
    """torchvision's network in float64, with statistics and biases that are not what they begin as."""
    import torchvision

    with unfilled():
        theirs = torchvision.models.segmentation.fcn_resnet50(weights=None, weights_backbone=None, aux_loss=True)
    draw = torch.Generator().manual_seed(0)
    for value in theirs.state_dict().values():
        if value.ndim > 1:
            value.uniform_(-1, 1, generator=draw).mul_((6 / value[0].numel()) ** 0.5)
        elif value.ndim == 1:
            value.copy_(0.5 + torch.rand(value.shape, generator=draw))
    return theirs.double().eval()


@pytest.mark.slow
@pytest.mark.parametrize("auxiliary", [True, False])
def test_fcn_resnet50_equals_torchvision(torchvision_fcn, auxiliary):
    with unfilled():
        ours = fcn_resnet50(21, auxiliary=auxiliary).double().eval()
    state = fcn_resnet50_from_torchvision(torchvision_fcn.state_dict())
    if not auxiliary:
        state = {name: value for name, value in state.items() if not name.startswith("auxiliary_head.")}
    ours.load_state_dict(state, strict=True)
    assert count(ours) == (35_322_218 if auxiliary else 32_957_013)
    images = images_of(49, 64, batch=1)
    mean, std = (torch.tensor(values)[:, None, None].double() for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        theirs = torchvision_fcn((images - mean) / std)
        logits = ours(images)
        torch.testing.assert_close(logits, theirs["out"], **NETWORK[torch.float64])
        assert logits.shape == (1, 21, 49, 64) and logits.std() > 0
        if auxiliary:
            found = ours.with_auxiliary(images)
            torch.testing.assert_close(found[0], logits, **EXACT)
            torch.testing.assert_close(found[1], theirs["aux"], **NETWORK[torch.float64])
        else:
            with pytest.raises(ValueError, match="auxiliary=True"):
                ours.with_auxiliary(images)


# Classifiers as convolutions


def digits():
    """A classifier of 28×28 pixels with 28,938 parameters."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 7 * 7, 10)),
    )


def test_convolutionalised_digits():
    classifier = digits().double().eval()
    network = convolutionalise(classifier)
    images = torch.rand(3, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(images)[..., 0, 0], classifier(images), **OPERATION[torch.float64])
    assert network[-1].weight.shape == (10, 32, 7, 7)
    assert count(network) == count(classifier) == 28_938 + 32  # with the batch norm
    assert network(torch.zeros(1, 1, 36, 44, dtype=torch.float64)).shape == (1, 10, 3, 5)
    assert not network.training


def test_convolutionalised_without_padding_gives_the_windows_scores():
    classifier = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4)).double()
    image = torch.rand(1, 2, 12, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = convolutionalise(classifier)(image)
    assert found.shape == (1, 4, 3, 4)
    for row in range(3):
        for column in range(4):
            window = image[:, :, 2 * row : 2 * row + 8, 2 * column : 2 * column + 8]
            torch.testing.assert_close(found[..., row, column], classifier(window), **OPERATION[torch.float64])


def test_convolutionalised_classifier_of_vgg():
    """The layers of VGG-16's classifier, narrower: one 7×7 convolution, two of 1×1."""
    classifier = nn.Sequential(
        *(nn.Linear(6 * 49, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5)),
    ).double()
    network = convolutionalise(classifier.eval(), map_size=7)
    assert [tuple(layer.weight.shape) for layer in network[::3]] == [(12, 6, 7, 7), (8, 12, 1, 1), (5, 8, 1, 1)]
    maps = torch.rand(2, 6, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(maps)[..., 0, 0], classifier(maps.flatten(1)), **OPERATION[torch.float64])


def test_convolutionalise_copies_and_keeps_modes():
    classifier = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Flatten(), nn.Linear(2 * 12, 3, bias=False))
    network = convolutionalise(classifier, map_size=(4, 3))
    assert network.training and network[-1].bias is None
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(parameter.any() for parameter in classifier.parameters())


def test_convolutionalise_keeps_what_is_frozen():
    classifier = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 2))
    classifier[2].requires_grad_(False)
    classifier[4].bias.requires_grad_(False)
    found = [parameter.requires_grad for parameter in convolutionalise(classifier).parameters()]
    assert found == [parameter.requires_grad for parameter in classifier.parameters()]


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    linear = nn.Linear(4, 2)
    linear.register_forward_hook(lambda _layer, _inputs, output: 2 * output)
    return linear


def test_convolutionalise_takes_normed_weights():
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(8, 3))
    classifier = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), linear)
    images = torch.rand(2, 1, 4, 4)
    torch.testing.assert_close(convolutionalise(classifier)(images)[..., 0, 0], classifier(images))


@pytest.mark.parametrize(
    ("classifier", "map_size", "message"),
    [
        (nn.Linear(4, 2), None, "takes the layers of an nn.Sequential, but got a Linear"),
        (
            nn.Sequential(nn.Linear(12, 2)),
            None,
            "takes 12 numbers, .* unknown channels and unknown size; pass map_size",
        ),
        (nn.Sequential(nn.Linear(12, 2)), 5, "takes 12 numbers, .* size 5×5"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(12, 2)), None, "no map of 2 channels"),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(7)),
            None,
            "AdaptiveAvgPool2d.* depends on the image's",
        ),
        (nn.Sequential(nn.Flatten(0), nn.Linear(4, 2)), 2, "Flatten.* does not flatten channels"),
        (nn.Sequential(nn.Linear(4, 2), nn.LayerNorm(2)), 2, "LayerNorm.* has no convolutional form"),
        (nn.Sequential(nn.Linear(4, 2), nn.Softmax(-1)), 2, "Softmax.* has no convolutional form"),
        (nn.Sequential(nn.Linear(4, 2), nn.Conv2d(2, 2, 1)), 2, "Conv2d.* has no convolutional form"),
        (nn.Sequential(Doubled(4, 2)), 2, "Doubled.* has a forward of its own, which would be lost"),
        (nn.Sequential(hooked()), 2, "Linear.* has forward hooks, which would be lost"),
        (nn.Sequential(nn.Flatten(), nn.Softmax(1), nn.Linear(4, 2)), 2, "Softmax.* stands after Flatten"),
        (nn.Sequential(nn.Flatten(), nn.PReLU(4), nn.Linear(4, 2)), 2, "PReLU.* stands after Flatten"),
        (nn.Sequential(nn.Flatten(), nn.MaxPool2d(2), nn.Linear(4, 2)), 2, "MaxPool2d.* stands after Flatten"),
    ],
)
def test_convolutionalise_refuses(classifier, map_size, message):
    with pytest.raises(ValueError, match=message):
        convolutionalise(classifier, map_size=map_size)
