"""DeconvNet: its size, VGG's weights up to fc7, images of any size, and the maps of its stages."""

import pytest
import torch
from tolerances import NETWORK
from torch import nn

from course_utils.models.backbones.vgg import vgg_keys
from course_utils.models.deconvnet import DeconvNet, deconvnet_from_torchvision

SMALL = {"widths": (4, 6, 5), "depths": (1, 2, 2), "hidden": 7, "hidden_kernel": 3}


def small(**arguments) -> DeconvNet:
    torch.manual_seed(0)
    return DeconvNet(3, **(SMALL | arguments)).double().eval()


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("batch_norm", "parameters"), [(False, 251_772_245), (True, 251_805_653)])
def test_published_size(batch_norm: bool, parameters: int) -> None:
    with torch.device("meta"):
        network = DeconvNet(21, batch_norm=batch_norm)
        maps = network.activations(torch.rand(2, 3, 224, 224))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    sizes = {name: tuple(value.shape[1:]) for name, value in maps.items()}
    assert sizes["encode 5"] == (512, 14, 14)
    assert sizes["fc6"] == sizes["fc7"] == (4096, 1, 1)
    assert sizes["deconv6"] == (512, 7, 7)
    assert [sizes[f"decode {n}"] for n in (5, 4, 3, 2, 1)] == [
        (512, 14, 14),
        (256, 28, 28),
        (128, 56, 56),
        (64, 112, 112),
        (64, 224, 224),
    ]
    assert sizes["logits"] == (21, 224, 224)


def test_small_size_of_the_lessons() -> None:
    network = DeconvNet(8, widths=(16, 32, 48, 64, 96), depths=(1, 1, 2, 2, 2), hidden=128, hidden_kernel=3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 727_880


@pytest.mark.parametrize("batch_norm", [True, False])
def test_hidden_layers_equal_torchvision_vgg16(batch_norm: bool) -> None:
    """A narrow VGG-16 of torchvision's layers: its fully connected ones see 7 x 7 maps of a picture of 224 x 224."""
    from torchvision.models.vgg import make_layers

    torch.manual_seed(0)
    layers = [4, 4, "M", 8, 8, "M", 16, 16, 16, "M", 32, 32, 32, "M", 64, 64, 64, "M"]
    features = make_layers(layers, batch_norm=batch_norm)
    classifier = nn.Sequential(
        nn.Linear(64 * 7 * 7, 40), nn.ReLU(), nn.Dropout(), nn.Linear(40, 40), nn.ReLU(), nn.Dropout(), nn.Linear(40, 9)
    )
    vgg = nn.ModuleDict({"features": features, "classifier": classifier}).double().eval()
    sizes = {"widths": (4, 8, 16, 32, 64), "hidden": 40, "batch_norm": batch_norm}
    network = DeconvNet(5, **sizes).double().eval()
    network.load_state_dict(network.state_dict() | deconvnet_from_torchvision(vgg.state_dict(), **sizes))
    if batch_norm:  # VGG has none after these two
        network.fc6[1], network.fc7[1] = nn.Identity(), nn.Identity()
    x = images(1, 3, 224, 224)
    with torch.no_grad():
        maps = network.activations(x)
        fc6 = classifier[:2](features(network.encoder.normalise(x)).flatten(1))
        fc7 = classifier[3:5](fc6)
    for name, expected in (("fc6", fc6), ("fc7", fc7)):
        assert expected.std() > 0
        torch.testing.assert_close(maps[name].flatten(1), expected, **NETWORK[torch.float64] | {"atol": 1e-12})


@pytest.mark.parametrize("batch_norm", [True, False])
def test_weights_of_torchvision_have_the_published_names_and_shapes(batch_norm: bool) -> None:
    from torchvision.models import vgg16, vgg16_bn

    with torch.device("meta"):
        fitting, other = (vgg16_bn(), vgg16()) if batch_norm else (vgg16(), vgg16_bn())
        network = DeconvNet(21, batch_norm=batch_norm)
        part = deconvnet_from_torchvision(fitting.state_dict(), batch_norm=batch_norm)
        network.load_state_dict(network.state_dict() | part)
        with pytest.raises(ValueError, match="take `vgg16_bn`"):
            deconvnet_from_torchvision(other.state_dict(), batch_norm=batch_norm)


def test_weights_that_do_not_fit_are_refused() -> None:
    sizes = SMALL | {"widths": (4,), "depths": (1,), "batch_norm": False}
    weights = {"features.0.weight": torch.ones(4, 3, 3, 3), "features.0.bias": torch.ones(4)}
    weights |= {"classifier.0.weight": torch.ones(7, 4 * 3 * 3), "classifier.0.bias": torch.ones(7)}
    weights |= {"classifier.3.weight": torch.ones(7, 7), "classifier.3.bias": torch.ones(7)}
    network = small(**sizes)
    part = deconvnet_from_torchvision(weights | {"classifier.6.bias": torch.ones(2)}, **sizes)
    network.load_state_dict(network.state_dict() | part)
    assert network.fc6[0].weight.shape == (7, 4, 3, 3) and network.fc6[0].weight.unique().tolist() == [1]
    assert network.fc7[0].weight.unique().tolist() == [1]
    for name, tensor in (("classifier.0.weight", torch.ones(7, 4 * 7 * 7)), ("classifier.3.weight", torch.ones(9, 7))):
        with pytest.raises(ValueError, match=f"{name} has the shape"):
            deconvnet_from_torchvision(weights | {name: tensor}, **sizes)
    with pytest.raises(ValueError, match="missing are .'classifier.3.bias'"):
        without = {name: tensor for name, tensor in weights.items() if name != "classifier.3.bias"}
        deconvnet_from_torchvision(without, **sizes)
    with pytest.raises(ValueError, match="left over .'features.1.running_mean'"):
        deconvnet_from_torchvision(weights | {"features.1.running_mean": torch.ones(4)}, **sizes)


@pytest.mark.parametrize("size", [(24, 24), (25, 31), (8, 8), (9, 40), (40, 13), (64, 47)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_logits_have_the_images_size(size: tuple[int, int], batch_norm: bool) -> None:
    network = small(batch_norm=batch_norm, hidden=24)
    logits = network(images(2, 3, *size))
    assert logits.shape == (2, 3, *size) and logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.fc6[0].parameters())


def test_a_map_of_the_kernels_size_is_not_padded() -> None:
    network, maps = small(), images(2, 5, 3, 4)
    seen = []
    network.fc6.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    network._through_the_hidden_layers(maps)
    network._through_the_hidden_layers(maps[..., :2, :])
    assert torch.equal(seen[0], maps)
    assert seen[1].shape == (2, 5, 3, 4)
    assert torch.equal(seen[1][..., :2, :], maps[..., :2, :]) and (seen[1][..., 2, :] == 0).all()


def test_hidden_layers_give_back_the_size_and_place() -> None:
    """With kernels that copy the middle pixel, the way through the hidden layers is the identity, padded or not."""
    network = small(widths=(4, 6, 7), depths=(1, 1, 1), batch_norm=False)
    for layer in (network.fc6[0], network.fc7[0], network.deconv6[0]):
        nn.init.zeros_(layer.weight)
        middle = layer.kernel_size[0] // 2
        layer.weight.data[range(7), range(7), middle, middle] = 1
    for size in ((1, 1), (2, 1), (1, 2), (2, 2)):
        maps = images(2, 7, *size)
        assert network._through_the_hidden_layers(maps).shape == maps.shape
    maps = images(1, 7, 1, 1)
    assert torch.equal(network._through_the_hidden_layers(maps), maps)
    larger = images(1, 7, 5, 6)  # a border of one pixel is never in the middle of a window
    expected = torch.zeros_like(larger)
    expected[..., 1:-1, 1:-1] = larger[..., 1:-1, 1:-1]
    assert torch.equal(network._through_the_hidden_layers(larger), expected)


def test_activations_are_sparse_then_dense() -> None:
    network, x = small(), images(1, 3, 24, 40)
    with torch.no_grad():
        maps = network.activations(x)
        logits = network(x)
    expected = ["encode 1", "encode 2", "encode 3", "fc6", "fc7", "deconv6"]
    expected += [f"{what} {stage}" for stage in (3, 2, 1) for what in ("upsample", "convolve", "decode")]
    assert list(maps) == [*expected, "logits"]
    assert torch.equal(maps["logits"], logits)
    for stage in (1, 2, 3):
        before, after = maps[f"upsample {stage}"], maps[f"convolve {stage}"]
        assert 0 < (before != 0).double().mean() <= 0.25
        assert (after != 0).double().mean() > 2 * (before != 0).double().mean()


def keys_of_vgg(network) -> list[str]:
    fully_connected = [f"classifier.{layer}.{tensor}" for layer in (0, 3) for tensor in ("weight", "bias")]
    return [*vgg_keys(network.encoder.stages).values(), *fully_connected]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small(hidden=0), "hidden must be an integer of 1"),
        (lambda: small(hidden_kernel=2.5), "hidden_kernel must be an integer"),
        (lambda: DeconvNet(0), "num_classes must be an integer of 1"),
        (lambda: small(depths=(1, 2)), r"widths \(4, 6, 5\) and depths \(1, 2\)"),
        (lambda: small()(images(1, 3, 8, 7)), "at least 8 x 8 pixels"),
        (lambda: small()(images(1, 4, 8, 8)), r"\(1, 4, 8, 8\)"),
        (lambda: small()(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), "torch.uint8 .* divide bytes by 255"),
        (lambda: small(widths=8), "widths must be a tuple of integers, one for each stage, but is 8"),
        (lambda: small(depths=1), "depths must be a tuple of integers"),
        (lambda: deconvnet_from_torchvision(None, **SMALL), "weights must be a state_dict, .* but is NoneType"),
        (
            lambda: deconvnet_from_torchvision(dict.fromkeys(keys_of_vgg(small()), 1), **SMALL),
            "features.0.weight must be a tensor, but is int",
        ),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_small_net_learns_to_separate_two_halves() -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 16, 24) * 0.4
    x[..., 11:] += 0.6
    target = torch.zeros(2, 16, 24, dtype=torch.int64)
    target[..., 11:] = 1
    network = small(widths=(8, 8), depths=(1, 1), hidden=8).float().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(network(x), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (network(x).argmax(dim=1) == target).double().mean() > 0.97


@pytest.mark.gpu
def test_gpu_equals_cpu() -> None:
    network, x = small(), images(2, 3, 25, 34)
    expected = network(x).detach()
    actual = network.cuda()(x.cuda())
    actual.sum().backward()
    torch.testing.assert_close(actual.detach().cpu(), expected, rtol=1e-9, atol=1e-9)
