"""What a network costs: by hand, as the libraries count, and as published; and that nothing about the network changes."""

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.segmentation import (
    DeepLabV3_ResNet50_Weights,
    FCN_ResNet50_Weights,
    deeplabv3_resnet50,
    fcn_resnet50,
)

from course_utils.models import trial
from course_utils.models.cost import cost, ledger
from course_utils.models.unet import padded_unet, unet_2015


def two_convolutions() -> nn.Sequential:
    """4 · 2 + 4 = 12 parameters, then 2 · 4 · 9 + 2 = 74."""
    return nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3))


# --- By hand


def test_two_convolutions_by_hand() -> None:
    found = cost(two_convolutions(), (8, 6))
    assert found.parameters == found.trained == 12 + 74
    assert found.multiply_adds == 8 * 6 * 4 * 2 + 6 * 4 * 2 * 4 * 9
    image, first, second = 4 * 2 * 8 * 6, 4 * 4 * 8 * 6, 4 * 2 * 6 * 4
    assert found.outputs == first + second, "the ReLU works in place"
    assert found.kept == image + first, (
        "what the two weights' gradients need; the ReLU keeps its output, which is there"
    )
    assert found.peak == image + first + second


def test_without_gradients_of_the_weights_less_is_kept() -> None:
    network = two_convolutions()
    network[0].requires_grad_(False)
    found = cost(network, (8, 6))
    assert (found.parameters, found.trained) == (12 + 74, 74)
    assert found.kept == 4 * 4 * 8 * 6, "the image is needed for the first layer's weight alone"


def test_the_peak_is_less_than_all_outputs_if_maps_are_let_go() -> None:
    layers = [nn.Conv2d(2, 2, 3, padding=1) for _ in range(6)]
    found = cost(nn.Sequential(*layers), (8, 6))
    one = 4 * 2 * 8 * 6
    assert found.outputs == 6 * one
    assert found.peak == 3 * one, "the image, which the caller holds, and a layer's input and output"


def test_the_peak_is_of_maps_alone() -> None:
    found = cost(nn.Sequential(nn.Flatten(), nn.Linear(48, 1000)), (3, 4, 4))
    assert found.peak == 4 * (48 + 1000), "and not of the 48,000 weights, whose transpose is a tensor on the way"


def test_a_batch_costs_as_many_times_as_it_has_images() -> None:
    one, three = cost(two_convolutions(), (2, 8, 6)), cost(two_convolutions(), (3, 2, 8, 6))
    assert three.parameters == one.parameters
    assert three[2:] == tuple(3 * value for value in one[2:])


def test_float64_takes_twice_the_memory() -> None:
    single, double = cost(two_convolutions(), (8, 6)), cost(two_convolutions().double(), (8, 6))
    assert double[:3] == single[:3]
    assert double[3:] == tuple(2 * value for value in single[3:])


@pytest.mark.parametrize(("stride", "kernel", "groups"), [(2, 2, 1), (4, 4, 1), (2, 4, 2), (1, 3, 1)])
def test_a_transposed_convolution_works_for_each_pixel_of_its_input(stride: int, kernel: int, groups: int) -> None:
    """Counted for each pixel of its output, which other tools do, it would be stride² times as much."""
    layer = nn.ConvTranspose2d(8, 6, kernel, stride=stride, groups=groups)
    by_pixel = kernel**2 * 8 * 6 // groups
    assert cost(layer, (8, 5, 7)).multiply_adds == 5 * 7 * by_pixel


def test_a_transposed_convolution_has_the_multiply_adds_of_the_convolution_that_it_reverses() -> None:
    down, up = nn.Conv2d(6, 8, 2, stride=2), nn.ConvTranspose2d(8, 6, 2, stride=2)
    assert cost(up, (8, 5, 7)).multiply_adds == cost(down, (6, 10, 14)).multiply_adds


# --- As published, and as the library says


@pytest.mark.parametrize(
    ("name", "size", "parameters", "giga"),
    [("vgg16", 224, 138_357_544, "15.47"), ("resnet50", 224, 25_557_032, "4.09")],
)
def test_classifiers(name: str, size: int, parameters: int, giga: str) -> None:
    with torch.device("meta"):
        network = getattr(torchvision.models, name)()
    found = cost(network, size)
    assert found.parameters == parameters
    assert f"{found.multiply_adds / 1e9:.2f}" == giga


@pytest.mark.parametrize(
    ("build", "weights"),
    [
        (fcn_resnet50, FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1),
        (deeplabv3_resnet50, DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1),
    ],
    ids=["FCN", "DeepLabV3"],
)
def test_segmentation_networks_as_torchvision_counts_them(build: object, weights: object) -> None:
    """Its figure is for 520 × 520, with the auxiliary head."""
    with torch.device("meta"):
        network = build(weights_backbone=None, aux_loss=True)
    found = cost(network, 520)
    assert found.parameters == weights.meta["num_params"]
    assert round(found.multiply_adds / 1e9, 3) == weights.meta["_ops"]


def test_u_nets() -> None:
    with torch.device("meta"):
        published, padded = unet_2015(2), padded_unet(2)
    assert cost(published, 572).parameters == 31_030_658
    found = cost(padded, 512)
    assert (found.parameters, f"{found.multiply_adds / 1e9:.1f}") == (31_037_698, "192.7")


# --- E24: a summary tool said 26 terabytes for this U-Net


class EncoderBlock(nn.Module):
    """Two convolutions, and the map before and after pooling: a module that returns a tuple."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.layers = double(narrow, wide)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.layers(x)
        return x, self.pool(x)


def double(narrow: int, wide: int) -> nn.Sequential:
    def layers(channels: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU()]

    return nn.Sequential(*layers(narrow), *layers(wide))


class UNetOfBlocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = (64, 128, 256, 512)
        self.down = nn.ModuleList(
            EncoderBlock(narrow, wide) for narrow, wide in zip((3, *widths), widths, strict=False)
        )
        self.bottom = double(512, 1024)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * wide, wide, 2, stride=2) for wide in widths[::-1])
        self.up = nn.ModuleList(double(2 * wide, wide) for wide in widths[::-1])
        self.head = nn.Conv2d(64, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            skip, x = block(x)
            skips.append(skip)
        x = self.bottom(x)
        for enlarge, layers, skip in zip(self.enlarge, self.up, skips[::-1], strict=True):
            x = layers(torch.cat([enlarge(x), skip], dim=1))
        return self.head(x)


def test_modules_that_return_tuples_are_counted_once() -> None:
    with torch.device("meta"):
        network = UNetOfBlocks()
    found = cost(network, (3, 224, 224))
    assert found.parameters == 31_043_521
    assert f"{found.outputs / 2**20:.1f}" == "309.1"
    assert found.kept < found.outputs, "what the norms give out is needed by nobody, once the ReLU has seen it"


def test_e23_parameters_stand_in_the_row_of_their_layer() -> None:
    with torch.device("meta"):
        network = UNetOfBlocks()
    layers = ledger(network, 224).layers
    for layer in layers:
        own = network.get_submodule(layer.name).parameters(recurse=False)
        assert layer.parameters == sum(value.numel() for value in own), layer.name
    assert sum(layer.parameters for layer in layers) == 31_043_521
    assert [layer.parameters for layer in layers if layer.name == "down.1.layers.0"] == [73_856]


# --- Networks that do not run on "meta", and what is left of a run


class WithTensor(nn.Module):
    """Holds a tensor that is neither a parameter nor a buffer."""

    def __init__(self, *, buffer: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(two_convolutions(), nn.BatchNorm2d(2), nn.Dropout())
        values = torch.arange(2.0)[:, None, None]
        if buffer:
            self.register_buffer("values", values)
        else:
            self.values = values

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * self.values


class LooksAtValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = two_convolutions()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x + 1) if bool(x.sum() > 1) else self.layers(x)


def test_a_network_that_holds_a_tensor_costs_the_same() -> None:
    wanted, found = cost(WithTensor(buffer=True), (8, 6)), cost(WithTensor(buffer=False), (8, 6))
    assert found[:4] == wanted[:4]
    # The tensor itself is kept, but no means of the norm's, which "meta" has in evaluation mode as well.
    assert found.kept == wanted.kept + 4 * 2 - 2 * 4 * 2
    assert ledger(WithTensor(buffer=False), (8, 6)) == ledger(WithTensor(buffer=True), (8, 6))


def test_a_network_that_looks_at_values_runs_where_it_is() -> None:
    assert cost(LooksAtValues(), (8, 6)) == cost(two_convolutions(), (8, 6))


@pytest.mark.parametrize("buffer", [True, False], ids=["on meta", "where it is"])
def test_a_network_is_left_as_it_was(buffer: bool) -> None:
    network = WithTensor(buffer=buffer)
    network.layers[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    cost(network, (8, 6))
    ledger(network, (8, 6))
    assert [module.training for module in (network, network.layers[1], network.layers[2])] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_no_value_is_computed_where_sizes_will_do() -> None:
    seen = []
    network = two_convolutions()
    network[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.device.type))
    cost(network, (8000, 8000))
    assert set(seen) == {"meta"}


def test_what_a_network_refuses_is_told_by_itself() -> None:
    with torch.device("meta"):
        network = unet_2015(2)
    with pytest.raises(ValueError, match="188 \\+ 16n"):
        cost(network, 512)


# --- Sizes


@pytest.mark.parametrize("size", [8, (8, 8), (2, 8, 8), (1, 2, 8, 8), [8, 8]])
def test_sizes(size: object) -> None:
    assert cost(two_convolutions(), size) == cost(two_convolutions(), (1, 2, 8, 8))


def test_channels_that_are_not_given_are_those_of_the_first_convolution() -> None:
    assert trial.image_shape(two_convolutions(), (8, 6)) == (1, 2, 8, 6)
    assert trial.image_shape(nn.ReLU(), 8) == (1, 3, 8, 8)
    with torch.device("meta"):
        assert ledger(unet_2015(2), 188).image == (1, 188, 188)
        assert ledger(padded_unet(2), 32).image == (3, 32, 32)


def test_a_single_pixel() -> None:
    assert cost(nn.Conv2d(1, 1, 1, bias=False), 1)[:4] == (1, 1, 1, 4)


@pytest.mark.parametrize("size", ["8", True, 8.0, 0, (8,), (8, -1), (1, 1, 1, 8, 8), (8, None), torch.Size([1] * 5)])
def test_other_sizes_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match="size must be a positive integer"):
        cost(two_convolutions(), size)


def test_what_is_no_network_is_refused() -> None:
    for ask in (cost, ledger):
        with pytest.raises(ValueError, match="must be an nn.Module, but is a list"):
            ask([nn.Conv2d(3, 3, 1)], 8)


# --- Tables


def test_the_table_is_one_row_of_text() -> None:
    with torch.device("meta"):
        table = cost(padded_unet(2), 512).table("U-Net")
    assert table.loc["U-Net", "parameters"] == "31,037,698"
    assert table.loc["U-Net", "multiply-adds"] == "192.69 G"
    assert table.loc["U-Net", "all outputs"] == "1,128.0 MiB"
    assert list(table.columns[-2:]) == ["kept for training", "peak"]


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    for buffer in (True, False):
        network = WithTensor(buffer=buffer)
        wanted = cost(network, (64, 48))
        network.cuda()
        if not buffer:
            network.values = network.values.cuda()
        assert cost(network, (64, 48))[:4] == wanted[:4]
        assert ledger(network, (64, 48)) == ledger(WithTensor(buffer=True), (64, 48))
