"""The shape ledger: by hand, against the recursion for layers in a row, and against gradients for everything else."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from unfilled import unfilled

from course_utils.models.backbones.resnet import resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.cost import ledger
from course_utils.models.fcn import FCN
from course_utils.models.quick_unet import small_unet
from course_utils.models.segnet import SegNet
from course_utils.models.unet import UNet, padded_unet, unet_2015
from course_utils.models.unet_plus_plus import UNetPlusPlus
from course_utils.sliding.fields import receptive_field

NARROW = (2, 2, 2, 2, 2)


class Wired(nn.Module):
    """Layers, and a function that says how they are put together."""

    def __init__(self, forward: Callable[..., object], **layers: nn.Module) -> None:
        super().__init__()
        self.wiring = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> object:
        return self.wiring(self, x)


def conv(kernel: int = 3, channels: int = 1, out: int = 1, **settings: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, **settings)


def rows_seen(network: nn.Module, shape: tuple[int, ...], rows: int) -> set[int]:
    """How many rows of the image each of `rows` rows in the middle of the output sees, by its gradient.

    With positive weights no path cancels another, and poolings are means, whose gradient reaches all that they read.
    """
    network.double().eval()
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding))
    for value in network.parameters():
        nn.init.constant_(value, 0.0 if value.ndim == 1 else 0.1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
    image = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    output = network(image)
    output = output[-1] if isinstance(output, list) else output
    start = (output.shape[2] - rows) // 2
    found = set()
    for row in range(start, start + rows):
        (gradient,) = torch.autograd.grad(output[:, :, row].sum(), image, retain_graph=True)
        seen = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
        found.add(int(seen[-1] - seen[0]) + 1)
    return found


# --- The published network, line by line


def test_the_published_u_net() -> None:
    with torch.device("meta"):
        found = ledger(unet_2015(2), 572)
    assert found.image == (1, 572, 572)
    sides = [layer.shape[1] for layer in found.layers if layer.kind in ("Conv2d", "MaxPool2d", "ConvTranspose2d")]
    down = [570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388, 388]
    assert sides == down + up
    ends = [found.layers[number] for number, layer in enumerate(found.layers) if layer.kind == "MaxPool2d"]
    assert [(layer.shape[0], layer.stride, layer.receptive_field) for layer in ends] == [
        *((64, 2, 6), (128, 4, 16)),
        *((256, 8, 36), (512, 16, 76)),
    ]
    bottleneck = next(layer for layer in found.layers if layer.name == "dropout")
    assert (bottleneck.shape, bottleneck.stride, bottleneck.receptive_field) == ((1024, 28, 28), 16, 140)
    assert sum(layer.parameters for layer in found.layers) == 31_030_658
    head = found.layers[-1]
    assert (head.name, head.shape, head.stride, head.receptive_field) == ("head", (2, 388, 388), 1, 204)
    assert found.outputs == (
        head._replace(name="output", kind="", parameters=0, bytes=0, reads=(len(found.layers) - 1,)),
    )


def test_its_skips_are_in_the_ledger() -> None:
    with torch.device("meta"):
        layers = ledger(unet_2015(2), 188).layers
    joined = [layer for layer in layers if len(layer.reads) > 1]
    sources = [[layers[number].name for number in layer.reads] for layer in joined]
    assert [layer.name for layer in joined] == ["up.0.0", "up.1.0", "up.2.0", "up.3.0"]
    assert sources == [[f"down.{3 - step}.3", f"enlarge.{step}"] for step in range(4)]
    assert all(layer.reads == (number - 1,) for number, layer in enumerate(layers) if layer not in joined)


def test_the_table_has_the_names_as_its_index() -> None:
    network = nn.Sequential(conv(stride=2, padding=1), nn.Flatten(), nn.Linear(16, 3))
    table = ledger(network, 8).table()
    assert list(table.index) == ["0", "1", "2"]
    assert list(table.loc["0", ["kind", "channels", "rows", "columns", "stride"]]) == ["Conv2d", 1, 4, 4, 2]
    assert list(table["parameters"]) == [10, 0, 51]
    assert table.loc["2", ["rows", "columns", "stride"]].isna().all()
    assert str(table["rows"].dtype) == "Int64"


# --- Receptive fields: the recursion, and gradients


@pytest.mark.parametrize(
    "layers",
    [
        [conv(3), conv(5, stride=2, padding=1), nn.ReLU(), conv(3, dilation=3)],
        [nn.MaxPool2d(3, 2, 1), conv(7), nn.AvgPool2d(2), nn.BatchNorm2d(1), conv((2, 3), padding=(1, 0))],
        [conv(1), nn.MaxPool2d(2, ceil_mode=True), nn.MaxPool2d(3, stride=1, dilation=2), nn.Dropout(), conv(2)],
    ],
)
def test_layers_in_a_row_have_the_field_of_the_recursion(layers: list[nn.Module]) -> None:
    wanted = receptive_field(layers)
    found = ledger(nn.Sequential(*layers), 65).layers[-1]
    rows = wanted.size[0] if isinstance(wanted.size, tuple) else wanted.size
    assert (found.receptive_field, found.stride) == (rows, wanted.stride)


SMALL: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: conv(3, stride=2, padding=1, dilation=2),
    "transposed, 2 by 2": lambda: nn.Sequential(conv(2, stride=2), nn.ConvTranspose2d(1, 1, 2, 2), conv(3), conv(3)),
    "transposed, 3 by 2": lambda: nn.Sequential(conv(2, stride=2), nn.ConvTranspose2d(1, 1, 3, 2, 1), conv(3)),
    "transposed, 4 by 2": lambda: nn.Sequential(conv(4, stride=4), nn.ConvTranspose2d(1, 1, 4, 2, 1), conv(3)),
    "transposed, with gaps": lambda: nn.Sequential(conv(3), nn.ConvTranspose2d(1, 1, 2, 3), conv(3)),
    "nearest": lambda: nn.Sequential(conv(2, stride=2), nn.Upsample(scale_factor=2), conv(3), conv(3)),
    "nearest, 1.5 times": lambda: nn.Sequential(conv(3, stride=3), nn.Upsample(scale_factor=1.5), conv(3)),
    "bilinear": lambda: nn.Sequential(conv(4, stride=4), nn.Upsample(scale_factor=4, mode="bilinear"), conv(3)),
    "bilinear, 3 times": lambda: nn.Sequential(conv(3), nn.Upsample(scale_factor=3, mode="bilinear")),
    "bilinear, smaller": lambda: nn.Sequential(conv(3), nn.Upsample(scale_factor=0.5, mode="bilinear"), conv(2)),
    "bilinear, a third": lambda: nn.Sequential(conv(4), nn.Upsample(size=(15, 15), mode="bilinear"), conv(2)),
    "bicubic": lambda: nn.Sequential(conv(2, stride=2), nn.Upsample(scale_factor=2, mode="bicubic"), conv(3)),
    "padded and cut": lambda: Wired(lambda net, x: net.b(F.pad(net.a(x), (0, 0, 5, -1))[:, :, 2:-1:2]), a=conv(), b=conv()),
    "repeated edge": lambda: Wired(lambda net, x: net.b(F.pad(net.a(x), (1, 1, 2, 1), mode="replicate")), a=conv(), b=conv()),
    "sum": lambda: Wired(lambda net, x: net.a(x) + net.b(x), a=conv(3, padding=1), b=conv(7, padding=3)),
    "beside each other": lambda: Wired(
        lambda net, x: net.c(torch.cat([net.a(x), x], 1)), a=conv(5, padding=2), c=conv(3, channels=2)
    ),
    "halves": lambda: Wired(
        lambda net, x: torch.mul(*net.a(x).chunk(2, dim=1)) + 1, a=conv(3, out=2, padding=1)
    ),
    "fields that lie apart": lambda: Wired(
        lambda net, x: net.a(F.pad(x, (0, 0, 6, 0))[:, :, :40]) + net.a(x[:, :, :40]), a=conv(3)
    ),
    "phases of 2 and of 3": lambda: Wired(
        lambda net, x: F.interpolate(F.avg_pool2d(x, 2), scale_factor=2) + F.interpolate(F.avg_pool2d(x, 3), scale_factor=3)
    ),
    "phases of two ways up": lambda: Wired(
        lambda net, x: net.up(net.down(x)) + F.interpolate(net.pool(x), scale_factor=4),
        down=conv(2, stride=2), up=nn.ConvTranspose2d(1, 1, 4, 2, 1), pool=nn.AvgPool2d(4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_field_is_what_gradients_reach(name: str) -> None:
    (output,) = ledger(SMALL[name](), (1, 48, 48)).outputs
    assert output.receptive_field == max(rows_seen(SMALL[name](), (1, 1, 48, 48), rows=12))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, set[int]]] = {
    "published U-Net": (lambda: unet_2015(2, 3, widths=NARROW), 508, {188, 204}),
    "U-Net": (lambda: padded_unet(2, widths=NARROW), 256, {188, 204}),
    "U-Net, odd size": (lambda: padded_unet(2, widths=NARROW), 257, {188, 204}),
    "U-Net, sums": (lambda: padded_unet(2, widths=NARROW, skips="add", residual=True), 256, {188, 204}),
    "U-Net, gates": (lambda: padded_unet(2, widths=NARROW, attention=True), 256, {188, 204}),
    "U-Net, bilinear": (lambda: padded_unet(2, widths=NARROW, upsample="bilinear"), 288, {220, 236}),
    "U-Net++": (lambda: UNetPlusPlus(small_resnet(widths=NARROW), 2), 448, {343, 375}),
    "FCN-8s": (lambda: FCN(small_resnet(widths=NARROW), 2, stride=8), 320, {215, 247}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_field_of_a_network_is_what_gradients_reach(name: str) -> None:
    make, size, wanted = NETWORKS[name]
    width = 188 if name == "published U-Net" else 16
    assert rows_seen(make(), (1, 3, size, width), rows=32) == wanted
    (output,) = ledger(make(), (3, size, width)).outputs
    assert output.receptive_field == max(wanted)


def test_vgg_sees_212_and_its_classifier_404() -> None:
    with torch.device("meta"):
        layers = ledger(torchvision.models.vgg16(), 224).layers
    by_name = {layer.name: layer for layer in layers}
    assert (by_name["features.30"].stride, by_name["features.30"].receptive_field) == (32, 212)
    assert by_name["avgpool"].shape == (512, 7, 7) and by_name["avgpool"].receptive_field == 212
    assert {by_name[f"classifier.{number}"].receptive_field for number in (0, 3, 6)} == {404}
    assert by_name["classifier.0"].stride is None


def test_alexnet_as_published() -> None:
    """Araujo, Norris and Sim 2019: 195; a classifier of 6 × 6 sees 5 strides of 32 more."""
    with torch.device("meta"):
        layers = ledger(torchvision.models.alexnet(), 224).layers
    assert [layer.receptive_field for layer in layers if layer.kind in ("MaxPool2d", "Linear")][2:] == [
        195,
        355,
        355,
        355,
    ]


@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_resnet_50_sees_427_at_every_output_stride(output_stride: int) -> None:
    with torch.device("meta"):
        (*_, output) = ledger(resnet50(output_stride=output_stride), 224).outputs
    assert (output.stride, output.receptive_field) == (output_stride, 427)


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [32, 8])
def test_gradients_of_resnet_50_reach_427(output_stride: int) -> None:
    with unfilled():
        network = resnet50(output_stride=output_stride)
    assert rows_seen(network, (1, 3, 480, 16), rows=1) == {427}


# --- What has no rows of its own, and what is not known


def test_what_is_pooled_as_a_whole_sees_all_rows() -> None:
    # After the convolution, 16 rows at stride 2, of 3 each: together 3 + 15 · 2.
    excite = Wired(
        lambda net, x: net.a(x) * net.b(net.pool(net.a(x))),
        a=conv(3, stride=2),
        b=conv(1),
        pool=nn.AdaptiveAvgPool2d(1),
    )
    layers = ledger(excite, (1, 33, 33)).layers
    assert [(layer.name, layer.stride, layer.receptive_field) for layer in layers] == [
        *(("a", 2, 3), ("a", 2, 3)),
        *(("pool", None, 33), ("b", None, 33)),
    ]
    (output,) = ledger(excite, (1, 33, 33)).outputs
    assert (output.stride, output.receptive_field) == (2, 33)


@pytest.mark.parametrize(
    "squeeze", [lambda x: x.mean((2, 3), keepdim=True), lambda x: x.flatten(1), lambda x: x.amax(2)]
)
def test_other_ways_to_pool_as_a_whole(squeeze: Callable[[Tensor], Tensor]) -> None:
    (output,) = ledger(Wired(lambda net, x: squeeze(net.a(x)), a=conv(3)), (1, 20, 20)).outputs
    assert (output.stride, output.receptive_field) == (None, 20)


def test_pyramid_pooling_has_no_stride_and_the_map_around_it_keeps_its_own() -> None:
    layers = {layer.name: layer for layer in ledger(small_unet(8), (120, 160)).layers}
    bins = [layers[f"context.convolutions.{number}"] for number in range(3)]
    assert [(layer.shape, layer.stride) for layer in bins] == [
        ((128, 1, 1), None),
        ((128, 2, 2), None),
        ((128, 4, 4), None),
    ]
    assert (layers["context.merge.0"].stride, layers["context.merge.0"].receptive_field) == (16, 199 + 7 * 16)
    assert layers["head"].stride == 1


def test_norms_and_statistics_do_not_count() -> None:
    network = nn.Sequential(conv(3, out=4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.BatchNorm2d(4), nn.Softmax2d())
    assert {layer.receptive_field for layer in ledger(network, 16).layers} == {3}


@pytest.mark.parametrize(
    "unknown",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x.flip(2),
        lambda x: torch.cat([x, x], dim=2),
        lambda x: x.flatten(2),
        lambda x: F.conv2d(x, x[:, :, :1, :1]),
        lambda x: F.conv_transpose2d(x, torch.ones(1, 1, 2, 3, device=x.device), dilation=2),
        lambda x: torch.zeros_like(x).slice_scatter(x[:, :, :3], 2, 0, 3),
        lambda x: x + F.interpolate(x, scale_factor=2)[:, :, : x.shape[2], : x.shape[3]],
    ],
)
def test_an_unknown_operation_gives_no_wrong_number(unknown: Callable[[Tensor], Tensor]) -> None:
    network = Wired(lambda net, x: net.b(_as_map(unknown(net.a(x)))), a=conv(3), b=conv(1))
    layers = ledger(network, (1, 14, 14)).layers
    assert (layers[0].receptive_field, layers[0].stride) == (3, 1)
    assert (layers[1].receptive_field, layers[1].stride, layers[1].reads) == (None, None, (0,))


def _as_map(x: Tensor) -> Tensor:
    return x if x.ndim == 4 else x[..., None]


def test_a_single_row_that_is_repeated_is_seen_by_all_rows() -> None:
    network = Wired(lambda net, x: x * net.row(x), row=conv((20, 1)))
    (row,), (output,) = ledger(network, (1, 20, 8))[1:]
    assert (row.shape, row.receptive_field) == ((1, 1, 8), 20)
    assert (output.shape, output.stride, output.receptive_field) == ((1, 20, 8), 1, 20)


def test_what_has_only_the_shape_of_a_map_does_not_depend_on_it() -> None:
    network = Wired(lambda net, x: net.b(x + torch.zeros_like(net.a(x))), a=conv(3, padding=1), b=conv(1))
    assert ledger(network, (1, 8, 8)).layers[1].reads == (-1,)


def test_what_is_written_into_a_part_of_a_map_is_not_forgotten() -> None:
    network = SegNet(2, widths=(2, 2), depths=(1, 1), upsample="bed_of_nails")
    layers = ledger(network, 16).layers
    number = next(number for number, layer in enumerate(layers) if layer.name == "upsamplers.0")
    assert layers[number].reads and layers[number].receptive_field is None
    assert layers[number + 1].reads == (number,)


def test_a_constant_reads_nothing() -> None:
    network = Wired(lambda net, x: net.a(x) + net.b(torch.ones(1, 1, 9, 9, device=x.device)), a=conv(1), b=conv(1))
    first, second = ledger(network, (1, 9, 9)).layers
    assert (first.reads, first.receptive_field) == ((-1,), 1)
    assert (second.reads, second.receptive_field) == ((), None)


# --- Strides where sizes do not divide


@pytest.mark.parametrize("size", [(130, 165), (97, 65), (33, 31)])
def test_strides_are_whole_for_odd_sizes(size: tuple[int, int]) -> None:
    for upsample in ("transposed", "bilinear", "nearest"):
        layers = ledger(UNet(small_resnet(widths=NARROW), 3, upsample=upsample), size).layers
        assert {layer.stride for layer in layers} <= {1, 2, 4, 8, 16, 32}
        assert (layers[-1].stride, layers[-1].shape) == (1, (3, *size))
    (output,) = ledger(FCN(small_resnet(widths=NARROW), 3, stride=32, upsample="bilinear"), size).outputs
    assert output.stride == 1


def test_a_finer_map_than_the_image_has_a_fraction() -> None:
    network = nn.Sequential(conv(3), nn.Upsample(scale_factor=2), nn.ConvTranspose2d(1, 1, 2, stride=2))
    found = ledger(network, 8)
    assert [layer.stride for layer in found.layers] == [1, 0.5, 0.25]
    assert list(found.table()["stride"]) == [1, 0.5, 0.25]


# --- Layers, calls and outputs


def test_a_layer_that_is_called_twice_has_two_lines_and_its_parameters_once() -> None:
    network = Wired(lambda net, x: net.a(net.a(x)), a=conv(3))
    first, second = ledger(network, (1, 9, 9)).layers
    assert (first.name, first.parameters, first.receptive_field) == ("a", 10, 3)
    assert (second.name, second.parameters, second.receptive_field) == ("a", 0, 5)


def test_a_layer_that_returns_several_tensors_has_a_line_for_each() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1, 2, 2))

        def forward(self, x: Tensor) -> dict[str, object]:
            return {"same": [x], "coarse": F.conv2d(x, self.weight, stride=2)}

    network = Wired(lambda net, x: net.b(net.fork(x)["coarse"]), fork=Fork(), b=conv(3))
    same, coarse, last = ledger(network, (1, 12, 10)).layers
    assert (same.name, same.shape, same.parameters, same.bytes) == ("fork[0]", (1, 12, 10), 4, 0)
    assert (coarse.name, coarse.shape, coarse.parameters, coarse.bytes) == ("fork[1]", (1, 6, 5), 0, 4 * 6 * 5)
    assert (last.reads, last.stride, last.receptive_field) == ((1,), 2, 6)


def test_pooling_with_indices() -> None:
    values, indices = ledger(nn.MaxPool2d(2, return_indices=True), (2, 6, 4)).layers
    assert (values.bytes, indices.bytes) == (2 * 3 * 2 * 4, 2 * 3 * 2 * 8)
    assert values.shape == indices.shape == (2, 3, 2)


def test_parameters_of_a_module_with_layers_in_it_have_a_line() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = conv(3)
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.scale * self.layer(x)

    layer, scaled = ledger(nn.Sequential(Scaled()), (1, 9, 9)).layers
    assert (layer.name, layer.parameters, scaled.name, scaled.parameters) == ("0.layer", 10, "0", 1)
    assert scaled.reads == (0,)


def test_an_output_that_no_layer_gives_is_described() -> None:
    network = Wired(lambda net, x: {"out": F.interpolate(net.a(x), size=x.shape[2:]), "aux": x}, a=conv(2, stride=2))
    found = ledger(network, (1, 10, 8))
    assert [(output.name, output.shape, output.stride, output.reads) for output in found.outputs] == [
        ("output[0]", (1, 10, 8), 1, (0,)),
        ("output[1]", (1, 10, 8), 1, (-1,)),
    ]


def test_a_layer_in_place_adds_no_bytes() -> None:
    network = nn.Sequential(conv(1), nn.ReLU(inplace=True), nn.ReLU(), nn.Identity(), nn.Dropout(), nn.Flatten())
    assert [layer.bytes for layer in ledger(network, (1, 5, 4)).layers] == [80, 0, 80, 0, 0, 0]


def test_every_parameter_stands_in_the_ledger_once() -> None:
    for network in (small_unet(8), UNetPlusPlus(small_resnet(), 3), padded_unet(2, widths=NARROW, attention=True)):
        layers = ledger(network, 64).layers
        assert sum(layer.parameters for layer in layers) == sum(value.numel() for value in network.parameters())


@pytest.mark.gpu
def test_a_ledger_is_the_same_for_a_network_on_a_gpu() -> None:
    network = small_unet(8)
    assert ledger(network.cuda(), (65, 48)) == ledger(network.cpu(), (65, 48))
