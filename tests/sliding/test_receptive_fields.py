from itertools import pairwise

import numpy as np
import pytest
import torch
from tolerances import EXACT, OPERATION
from torch import nn

from course_utils.sliding.fields import ReceptiveField, effective_receptive_field, receptive_field
from course_utils.sliding.windows import to_dense

CONV3 = nn.Conv2d(1, 1, 3)
POOL = nn.MaxPool2d(2)


def on_meta(build):
    """A library's network without its weights."""
    with torch.device("meta"):
        return build()


def vgg16():
    from torchvision.models import vgg16

    return on_meta(lambda: vgg16(weights=None, init_weights=False))


# --- the recursion ---


def test_receptive_field_of_three_convolutions():
    fields = [receptive_field([CONV3] * depth) for depth in range(4)]
    assert fields == [(1, 1, 0.5), (3, 1, 1.5), (5, 1, 2.5), (7, 1, 3.5)]
    assert isinstance(fields[0], ReceptiveField) and type(fields[3].size) is type(fields[3].stride) is int


@pytest.mark.parametrize(
    ("layers", "size", "stride", "offset"),
    [
        (nn.Conv2d(1, 1, 3, padding=1), 3, 1, 0.5),
        (nn.Conv2d(1, 1, 3, dilation=4, padding=4), 9, 1, 0.5),
        (nn.Conv2d(1, 1, 4, padding="same"), 4, 1, 1.0),
        (nn.Conv2d(1, 1, 4, dilation=2, padding="same"), 7, 1, 0.5),
        (nn.Conv2d(1, 1, 3, padding="valid"), 3, 1, 1.5),
        (nn.Conv2d(1, 1, 7, stride=2, padding=3), 7, 2, 0.5),
        (nn.MaxPool2d(3, stride=2, padding=1, dilation=2), 5, 2, 1.5),
        (nn.AvgPool2d(4), 4, 4, 2.0),
        ([POOL, POOL, CONV3, nn.ReLU(), nn.BatchNorm2d(1), nn.Dropout(), nn.Softmax(dim=1)], 12, 4, 6.0),
        (nn.Conv2d(1, 1, (1, 5), stride=(2, 1), padding=(0, 2)), (1, 5), (2, 1), 0.5),
        (nn.AvgPool2d((2, 3)), (2, 3), (2, 3), (1.0, 1.5)),
        ([CONV3, {"wide": [CONV3, CONV3], "narrow": nn.Sequential(CONV3), "none": nn.Identity()}, CONV3], 9, 1, 4.5),
        ([{"a": POOL, "b": nn.Conv2d(1, 1, 5, stride=2)}, CONV3], 9, 2, 4.5),
        (nn.ModuleDict({"a": CONV3, "b": nn.ModuleList([CONV3, CONV3])}), 5, 1, 2.5),
        ([nn.Sequential(nn.Sequential(CONV3), (CONV3,)[0])], 5, 1, 2.5),
    ],
)
def test_receptive_field_of_literal_layers(layers, size, stride, offset):
    assert receptive_field(layers) == (size, stride, offset)


def test_receptive_field_of_vgg16():
    network = vgg16()
    pools = [number + 1 for number, layer in enumerate(network.features) if isinstance(layer, nn.MaxPool2d)]
    found = [receptive_field(network.features[:end])[:2] for end in pools]
    assert found == [(6, 2), (16, 4), (44, 8), (100, 16), (212, 32)]
    fully_convolutional = nn.Sequential(network.features, on_meta(lambda: nn.Conv2d(512, 4096, 7)), nn.Conv2d(1, 1, 1))
    assert receptive_field(fully_convolutional)[:2] == (404, 32)
    # As it is in the library, but for the adaptive pooling, which does nothing at 224×224.
    assert receptive_field([network.features, nn.Flatten(), network.classifier]) == receptive_field(fully_convolutional)


def test_receptive_field_of_alexnet():
    from torchvision.models import alexnet

    network = on_meta(lambda: alexnet(weights=None))
    assert receptive_field(network.features)[:2] == (195, 32)
    assert receptive_field([network.features, nn.Flatten(), network.classifier])[:2] == (355, 32)


def inception(channels=1):
    return {
        "1×1": nn.Conv2d(channels, 1, 1),
        "3×3": [nn.Conv2d(channels, 1, 1), nn.Conv2d(1, 1, 3, padding=1)],
        "5×5": [nn.Conv2d(channels, 1, 1), nn.Conv2d(1, 1, 5, padding=2)],
        "pool": [nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(channels, 1, 1)],
    }


def test_receptive_field_of_googlenet_as_in_the_paper():
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    stem = [nn.Conv2d(3, 1, 7, stride=2, padding=3), pool, nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1), pool]
    modules = [*[inception()] * 2, pool, *[inception()] * 5, pool, *[inception()] * 2]
    assert receptive_field([stem, modules])[:2] == (715, 32)
    assert receptive_field([stem, modules, nn.AvgPool2d(7)])[:2] == (907, 32 * 7)


def test_receptive_field_of_torchvisions_googlenet_is_smaller():
    """Its 5×5 branches have a kernel of 3, and its last max pooling one of 2."""
    from torchvision.models import googlenet

    network = on_meta(lambda: googlenet(weights=None, init_weights=False, aux_logits=False))

    def unpacked(module):
        kind = type(module).__name__
        if kind == "BasicConv2d":
            return [module.conv, module.bn]
        if kind == "Inception":
            return {name: unpacked(branch) for name, branch in module.named_children()}
        return [unpacked(child) for child in module] if isinstance(module, nn.Sequential) else module

    layers = [unpacked(module) for name, module in network.named_children() if name not in ("avgpool", "dropout", "fc")]
    assert receptive_field([*layers, nn.AvgPool2d(7)]).size == 571
    kernels = {branch.conv.kernel_size for name, branch in network.inception3a.branch3.named_children()}
    assert kernels == {(1, 1), (3, 3)} and network.maxpool4.kernel_size == 2


def test_receptive_field_of_the_bottleneck_of_a_unet():
    level = [nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Conv2d(1, 1, 3), nn.ReLU()]
    assert receptive_field([*[level, POOL] * 4, level])[:2] == (140, 16)


@pytest.mark.parametrize("dilate", [(False, False, False), (False, False, True), (False, True, True)])
def test_dilation_instead_of_stride_leaves_the_field_of_a_resnet_as_it_is(dilate):
    from torchvision.models import resnet50

    network = on_meta(lambda: resnet50(weights=None, replace_stride_with_dilation=dilate))
    blocks = [block for number in range(1, 5) for block in network.get_submodule(f"layer{number}")]
    bottlenecks = [
        {"body": [block.conv1, block.conv2, block.conv3], "shortcut": block.downsample or nn.Identity()}
        for block in blocks
    ]
    field = receptive_field([network.conv1, network.bn1, network.relu, network.maxpool, *bottlenecks])
    assert (field.size, field.stride) == (427, 32 // 2 ** sum(dilate))


def test_receptive_field_is_the_window_of_a_classifier():
    classifier = nn.Sequential(
        nn.Conv2d(3, 4, 3), POOL, nn.Conv2d(4, 5, 3), POOL, nn.Flatten(), nn.Linear(5 * 9, 8), nn.Linear(8, 2)
    )
    assert receptive_field(classifier) == (18, 4, 9.0)
    assert to_dense(classifier)(torch.zeros(1, 3, 18, 18)).shape == (1, 2, 1, 1)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([CONV3, [nn.AdaptiveAvgPool2d(1)]], r"layers\.1\.0 is a AdaptiveAvgPool2d.*effective_receptive_field"),
        ([nn.GroupNorm(1, 1)], r"layers\.0 is a GroupNorm"),
        ([nn.ConvTranspose2d(1, 1, 2)], r"layers\.0 is a ConvTranspose2d"),
        ([nn.Upsample(2)], r"layers\.0 is a Upsample"),
        ([nn.Softmax(dim=-1)], r"layers\.0 is a Softmax"),
        ([{"a": nn.LSTM(1, 1), "b": CONV3}], r"layers\.0\.a is a LSTM"),
        (iter([CONV3]), "layers is a list_iterator.* in a list"),
        ("conv", "layers is a str"),
        (None, "layers is a NoneType"),
        ([{"a": POOL, "b": CONV3}], r"one stride.*layers\.0 have \{'a': 2, 'b': 1\}"),
        ([{}], r"one stride.*layers\.0 have no branch at all"),
        ([nn.MaxPool2d(2, stride=0)], r"stride of layers\.0 must be an integer of 1 or more"),
        ([nn.MaxPool2d("3")], r"kernel_size of layers\.0 must be an integer of 1 or more"),
        ([nn.Linear(9, 2)], r"9 inputs of layers\.0 are no square map of an unknown number"),
        ([nn.Conv2d(1, 4, 3), nn.Linear(24, 2)], r"24 inputs of layers\.1 are no square map of 4 channels"),
    ],
)
def test_receptive_field_refuses_what_it_cannot_follow(layers, message):
    with pytest.raises(ValueError, match=message):
        receptive_field(layers)


def test_receptive_field_refuses_a_resnet_and_points_to_the_effective_one():
    from torchvision.models import resnet50

    with pytest.raises(ValueError, match=r"layers is a ResNet with a forward .*effective_receptive_field"):
        receptive_field(on_meta(lambda: resnet50(weights=None)))


# --- by gradients ---


def positive(*layers, seed=0):
    """Average for max pooling, no activation, all weights positive: every pixel of the field counts."""
    network, draw = nn.Sequential(*layers).double(), torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.data.uniform_(0.1, 1, generator=draw)
    return network


def extent(field):
    """Rows and columns of the smallest rectangle around what is not zero: first and one past the last."""
    rows, columns = field.any(1).nonzero().flatten(), field.any(0).nonzero().flatten()
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def theoretical_extent(layers, input_size):
    """The same of the theoretical field of the centre output, cut at the image's border."""
    field, outputs = receptive_field(layers), layers(torch.zeros(1, 3, *input_size, dtype=torch.float64)).shape[2:]
    size, stride, offset = (setting if isinstance(setting, tuple) else (setting,) * 2 for setting in field)
    found = []
    for axis in (0, 1):
        centre = offset[axis] + outputs[axis] // 2 * stride[axis]
        first, end = centre - size[axis] / 2, centre + size[axis] / 2
        assert first == int(first)  # fields are made of whole pixels
        found.append((max(int(first), 0), min(int(end), input_size[axis])))
    return tuple(found)


def test_effective_receptive_field_of_literal_layers():
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Conv2d(1, 1, 3, padding=1, bias=False))
    for parameter in network.parameters():
        nn.init.constant_(parameter, -1)
    tent = torch.tensor([0.0, 1, 2, 3, 2, 1, 0])
    found = effective_receptive_field(network, 7, in_channels=1)
    torch.testing.assert_close(found, tent[:, None] * tent, **EXACT)
    found = effective_receptive_field(network[0], (3, 4), in_channels=1, samples=2)
    torch.testing.assert_close(found, torch.tensor([[0.0, 1, 1, 1]]).expand(3, 4), **EXACT)


def test_effective_receptive_field_is_the_mean_of_absolute_gradients():
    """Of a ReLU half of the samples give nothing; the mean of two input channels with weights 3 and -1 is 2."""
    network = nn.Sequential(nn.Conv2d(2, 1, 1, bias=False), nn.ReLU())
    network[0].weight.data = torch.tensor([3.0, -1.0]).view(1, 2, 1, 1)
    found = effective_receptive_field(network, 1, in_channels=2, samples=400)
    assert 0.9 < found.item() < 1.1
    single = {effective_receptive_field(network, 1, in_channels=2, samples=1, seed=seed).item() for seed in range(8)}
    assert single == {0.0, 2.0}


LINEAR_NETWORKS = {
    "padded": lambda: positive(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 5, padding=2)),
    "unpadded": lambda: positive(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 4)),
    "dilated without gaps": lambda: positive(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3, dilation=3, padding=4)),
    "lower resolution": lambda: positive(
        nn.Conv2d(3, 4, 7, stride=2, padding=3),
        nn.BatchNorm2d(4),
        nn.AvgPool2d(3, 2, padding=1),
        nn.Conv2d(4, 4, 3, padding=1),
    ).eval(),
    "unequal axes": lambda: positive(nn.Conv2d(3, 2, (3, 6), stride=(3, 1)), nn.AvgPool2d((2, 3), padding=(1, 0))),
    "larger than the image": lambda: positive(*[nn.Conv2d(3, 3, 5, stride=2, padding=2) for _ in range(4)]),
}


@pytest.mark.parametrize("name", LINEAR_NETWORKS)
@pytest.mark.parametrize("input_size", [(33, 40), (30, 31)])
def test_effective_equals_theoretical_where_every_weight_is_positive(name, input_size):
    network = LINEAR_NETWORKS[name]()
    found = effective_receptive_field(network, input_size, samples=1)
    assert found.shape == input_size and found.dtype == torch.float64
    (top, bottom), (left, right) = expected = theoretical_extent(network, input_size)
    assert extent(found) == expected and (found[top:bottom, left:right] > 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_effective_lies_inside_the_theoretical_field(seed):
    torch.manual_seed(seed)
    channels, layers = (3, 6, 6, 6), []
    for before, after in pairwise(channels):
        kernel, stride = int(torch.randint(2, 6, ())), int(torch.randint(1, 3, ()))
        layers += [
            nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, dilation=stride),
            nn.ReLU(),
            nn.BatchNorm2d(after),
        ]
    network = nn.Sequential(*layers, nn.MaxPool2d(2)).double().eval()
    found = effective_receptive_field(network, (48, 57))
    expected = theoretical_extent(network, (48, 57))
    for (first, end), (limit, last) in zip(extent(found), expected, strict=True):
        assert limit <= first < end <= last
    assert found.max() > 0


def test_the_centre_of_a_deep_network_counts_most():
    torch.manual_seed(0)
    network = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())])
    found = effective_receptive_field(network, 21, samples=16)
    assert extent(found) == ((4, 17), (4, 17))
    field, inner = found[4:17, 4:17], found[6:15, 6:15]
    rim = (field.sum() - inner.sum()) / (field.numel() - inner.numel())
    assert found[8:13, 8:13].mean() > 5 * rim


def test_effective_receptive_field_of_a_module_that_the_recursion_refuses():
    from torchvision.models.resnet import BasicBlock

    torch.manual_seed(0)
    block = BasicBlock(3, 3).double().eval()
    assert extent(effective_receptive_field(block, (11, 12))) == ((3, 8), (4, 9))


def test_effective_receptive_field_depends_on_the_seed_and_on_nothing_else():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.Dropout(0.5)).eval()
    network[0].weight.grad = torch.ones_like(network[0].weight)
    first = effective_receptive_field(network, 9)
    torch.manual_seed(5)
    with torch.no_grad():
        torch.testing.assert_close(effective_receptive_field(network, 9, seed=0), first, **EXACT)
    assert not torch.equal(effective_receptive_field(network, 9, seed=1), first)
    torch.testing.assert_close(network[0].weight.grad, torch.ones_like(network[0].weight), **EXACT)
    assert network[2].weight.grad is None and not first.requires_grad
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    torch.testing.assert_close(effective_receptive_field(network, 9), first, **EXACT)


@pytest.mark.parametrize(
    ("module", "settings", "message"),
    [
        (nn.Conv2d(3, 1, 3), {"input_size": 0}, "input_size must be an integer"),
        (nn.Conv2d(3, 1, 3), {"input_size": 8, "samples": 0}, "samples must be an integer of 1 or more, but is 0"),
        (nn.Conv2d(3, 1, 3), {"input_size": 8, "in_channels": (3, 3)}, "in_channels must be an integer of 1"),
        (nn.Conv2d(3, 1, 3), {"input_size": 8, "seed": 0.5}, "seed must be an integer of 0 or more"),
        (nn.Conv2d(3, 1, 3), {"input_size": 8, "seed": None}, "seed must be an integer of 0 or more"),
        ([nn.Conv2d(3, 1, 3)], {"input_size": 8}, "module must be an nn.Module, but is a list"),
        (nn.BatchNorm2d(3), {"input_size": 8}, "this BatchNorm2d is in training mode"),
        (
            nn.Sequential(nn.Conv2d(3, 1, 3), nn.Dropout()),
            {"input_size": 8},
            r"layer 1 \(Dropout\) is in training mode",
        ),
        (nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten()), {"input_size": 8}, r"gave a tensor \(1, 36\)"),
    ],
)
def test_effective_receptive_field_refuses(module, settings, message):
    with pytest.raises(ValueError, match=message):
        effective_receptive_field(module, **settings)


def test_effective_receptive_field_refuses_an_output_without_gradient():
    class Decision(nn.Module):
        def forward(self, x):
            return x.argmax(1, keepdim=True)

    with pytest.raises(
        ValueError, match=r"differentiable maps \(1, K, h, w\), but it gave a tensor \(1, 1, 4, 4\).*argmax"
    ):
        effective_receptive_field(Decision(), 4)


def test_effective_receptive_field_refuses_an_output_that_does_not_depend_on_the_image():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.ones(1, 2, 3, 3))

        def forward(self, x):
            return self.value * 2

    with pytest.raises(ValueError, match="whose output depends on the image"):
        effective_receptive_field(Constant(), 4)


def test_effective_receptive_field_of_a_network_that_begins_in_place():
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 2, 3)
    found = effective_receptive_field(nn.Sequential(nn.LeakyReLU(0.1, inplace=True), convolution), 5)
    expected = effective_receptive_field(nn.Sequential(nn.LeakyReLU(0.1), convolution), 5)
    torch.testing.assert_close(found, expected, **EXACT)


def test_effective_receptive_field_takes_integers_of_numpy():
    module = nn.Conv2d(3, 1, 3)
    found = effective_receptive_field(module, 5, in_channels=np.int64(3), samples=np.int32(2), seed=np.int64(7))
    torch.testing.assert_close(found, effective_receptive_field(module, 5, samples=2, seed=7), **EXACT)


@pytest.mark.gpu
def test_effective_receptive_field_on_a_gpu():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).double()
    expected = effective_receptive_field(network, (9, 10))
    found = effective_receptive_field(network.cuda(), (9, 10))
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, **OPERATION[torch.float64])
