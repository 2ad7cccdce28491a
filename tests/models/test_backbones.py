"""Backbones: their maps against libraries, the trade of strides for dilation, weights from the network, the contract."""

import hashlib
import http.server
import threading
import warnings
from functools import partial

import pytest
import torch
from tolerances import EXACT, NETWORK, OPERATION
from torch import nn
from torch.nn.functional import interpolate
from unfilled import drawn, unfilled

from course_utils.models.backbones.contract import Frozen, check_backbone, last_map_at, set_statistics
from course_utils.models.backbones.resnet import (
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnet_from_torchvision,
)
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.vgg import vgg16, vgg_from_torchvision
from course_utils.models.fcn import FCN
from course_utils.models.layers import IMAGENET_MEAN, IMAGENET_STD, Normalise, TransposedUpsampling
from course_utils.models.pretrained import IMAGENET, load_pretrained


def images_of(height, width, *, batch=2, seed=0, dtype=torch.float64):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def normalised(images):
    # In float32 like the buffers of a network that is made in it.
    mean, std = (torch.tensor(values)[:, None, None].to(images) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def assert_same_maps(found, expected, tolerance):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.std() > 0
        torch.testing.assert_close(ours, theirs, **tolerance)


# Layers


def test_normalise_is_by_channel_and_leaves_the_state_dict_alone():
    layer = Normalise((0.5, 0.0, 1.0), (0.5, 1.0, 2.0))
    found = layer(torch.tensor([1.0, 2.0, 5.0])[None, :, None, None])
    assert found.flatten().tolist() == [1.0, 2.0, 2.0]
    assert not layer.state_dict()


@pytest.mark.parametrize("make", [lambda: small_resnet(widths=(4, 4)), resnet18, vgg16], ids=["small", "resnet", "vgg"])
@pytest.mark.parametrize(
    ("images", "found"),
    [
        (torch.rand(1, 1, 32, 32), r"torch.float32 of shape \(1, 1, 32, 32\).* repeat the channel"),
        (torch.rand(1, 4, 32, 32), r"of shape \(1, 4, 32, 32\)"),
        (torch.rand(3, 32, 32), r"of shape \(3, 32, 32\).* stack images"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "torch.uint8 .* divide bytes by 255"),
    ],
    ids=["grey", "four channels", "single", "bytes"],
)
def test_backbones_refuse_what_is_no_batch_of_images(make, images, found):
    with pytest.raises(ValueError, match=r"needs floating images \(B, 3, H, W\) in \[0, 1\], but got .*" + found):
        make()(images)


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize(
    ("factor", "dtype"), [(2, torch.float64), (3, torch.float32), (4, torch.float64), (32, torch.float64)]
)
def test_transposed_upsampling_begins_as_interpolation(factor, dtype, learned):
    maps = images_of(3, 5, dtype=dtype)
    layer = TransposedUpsampling(3, factor, learned=learned).to(dtype)
    size = (3 * factor, 5 * factor)
    torch.testing.assert_close(
        layer(maps, size), interpolate(maps, size=size, mode="bilinear"), **OPERATION[maps.dtype]
    )
    assert len(list(layer.parameters())) == len(layer.state_dict()) == learned


def test_transposed_upsampling_continues_the_edge():
    maps = torch.tensor([[[[1.0, 3.0]]]])
    found = TransposedUpsampling(1, 2, learned=False)(maps, (1, 6))
    assert found.flatten().tolist() == [1.0, 1.5, 2.5, 3.0, 3.0, 3.0]


def test_transposed_upsampling_learns_one_kernel_for_each_channel():
    layer = TransposedUpsampling(3, 2, learned=True).double()
    layer(images_of(3, 4), (5, 7))[:, 1].sum().backward()
    assert layer.kernel.shape == (3, 1, 4, 4)
    assert layer.kernel.grad.flatten(1).any(1).tolist() == [False, True, False]
    assert torch.autograd.gradcheck(lambda maps: layer(maps, (5, 7)), images_of(3, 4, batch=1).requires_grad_())


def test_transposed_upsampling_refuses_what_it_cannot_reach():
    with pytest.raises(ValueError, match=r"2 times to \(8, 10\) at most, but \(9, 10\)"):
        TransposedUpsampling(3, 2, learned=False)(torch.zeros(1, 3, 3, 4), (9, 10))


# The maps of libraries


def torchvision_resnet(name, **settings):
    import torchvision

    return drawn(partial(getattr(torchvision.models, name), weights=None, **settings))


def their_resnet_maps(network, x):
    maps = [network.relu(network.bn1(network.conv1(x)))]
    x = network.maxpool(maps[0])
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
        maps.append(x)
    return maps


def dilated(stages):
    """torchvision's name for it, in the last one or two stages."""
    return {"replace_stride_with_dilation": [False, stages == 2, True]}


@pytest.mark.parametrize(
    ("name", "make", "settings"),
    [
        pytest.param("resnet18", resnet18, {}, id="18"),
        pytest.param("resnet34", resnet34, {}, id="34", marks=pytest.mark.slow),
        pytest.param("resnet50", resnet50, {}, id="50"),
        pytest.param("resnet101", resnet101, {}, id="101", marks=pytest.mark.slow),
        pytest.param("resnet152", resnet152, {}, id="152", marks=pytest.mark.slow),
        pytest.param("resnet50", partial(resnet50, output_stride=8), dilated(2), id="50-8", marks=pytest.mark.slow),
        pytest.param("resnet50", partial(resnet50, output_stride=16), dilated(1), id="50-16", marks=pytest.mark.slow),
    ],
)
def test_resnet_equals_torchvision(name, make, settings):
    theirs = torchvision_resnet(name, **settings)
    with unfilled():
        ours = make().double().eval()
    ours.load_state_dict(resnet_from_torchvision(theirs.state_dict()), strict=True)
    images = images_of(49, 64, batch=1)
    with torch.no_grad():
        assert_same_maps(ours(images), their_resnet_maps(theirs, normalised(images)), NETWORK[torch.float64])


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [8, 16])
def test_resnet18_with_dilation_equals_timm(output_stride):
    import timm

    make = partial(timm.create_model, "resnet18", pretrained=False, output_stride=output_stride, features_only=True)
    theirs = drawn(make)
    ours = resnet18(output_stride=output_stride).double().eval()
    ours.load_state_dict(resnet_from_torchvision(theirs.state_dict()), strict=True)
    images = images_of(49, 64)
    with torch.no_grad():
        assert_same_maps(ours(images), theirs(normalised(images)), NETWORK[torch.float64])
    assert ours.strides == tuple(theirs.feature_info.reduction())
    assert ours.channels == tuple(theirs.feature_info.channels())


def test_vgg_equals_torchvision():
    from torchvision.models.vgg import cfgs, make_layers

    theirs = drawn(lambda: nn.ModuleDict({"features": make_layers(cfgs["D"])}))
    with unfilled():
        ours = vgg16().double().eval()
    ours.load_state_dict(vgg_from_torchvision(theirs.state_dict()), strict=True)
    images = images_of(49, 64, batch=1)
    x, expected = normalised(images), []
    with torch.no_grad():
        for layer in theirs["features"]:
            if isinstance(layer, nn.MaxPool2d):
                expected.append(x)
            x = layer(x)
        assert_same_maps(ours(images), [*expected, x], NETWORK[torch.float64])
    assert (ours.channels, ours.strides) == ((64, 128, 256, 512, 512, 512), (1, 2, 4, 8, 16, 32))


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize(
    "make", [resnet18, *(pytest.param(make, marks=pytest.mark.slow) for make in (resnet50, vgg16))]
)
def test_dilation_computes_what_strides_do_and_more(make, output_stride):
    strided = drawn(make)
    with unfilled():
        dilated = make(output_stride=output_stride).double().eval()
    dilated.load_state_dict(strided.state_dict(), strict=True)
    images = images_of(64, 96, batch=1)
    with torch.no_grad():
        pairs = list(zip(strided(images), dilated(images), strict=True))
    steps = [coarse // fine for coarse, fine in zip(strided.strides, dilated.strides, strict=True)]
    assert max(steps) == 32 // output_stride
    for step, (few, many) in zip(steps, pairs, strict=True):
        # Other algorithms for dilated convolutions, so the bound is relative to the largest value.
        torch.testing.assert_close(many[:, :, ::step, ::step], few, rtol=0, atol=1e-9 * few.abs().max().item())


def test_parameter_counts():
    with torch.device("meta"):
        makers = (resnet18, resnet34, resnet50, resnet101, resnet152, vgg16)
        counts = {make.__name__: sum(p.numel() for p in make().parameters()) for make in makers}
        small = sum(p.numel() for p in small_resnet().parameters())
    # The encoders of segmentation_models_pytorch.
    assert counts == {
        "resnet18": 11_176_512,
        "resnet34": 21_284_672,
        "resnet50": 23_508_032,
        "resnet101": 42_500_160,
        "resnet152": 58_143_808,
        "vgg16": 14_714_688,
    }
    assert 490_000 < small < 510_000


@pytest.mark.parametrize("make", [resnet18, vgg16])
def test_output_stride_is_8_16_or_32(make):
    with pytest.raises(ValueError, match="output_stride must be 8, 16 or 32, but is 4"):
        make(output_stride=4)
    with pytest.raises(ValueError, match="output_stride must be an integer .* but is 8.0; convert it with `int`"):
        make(output_stride=8.0)


def test_small_resnet_refuses_widths():
    with pytest.raises(ValueError, match="at least one number of channels"):
        small_resnet(widths=())
    with pytest.raises(ValueError, match=r"widths\[1\] must be an integer of 1 or more, but is 0"):
        small_resnet(widths=(8, 0))
    for odd in (24, None, "ab"):
        with pytest.raises(ValueError, match=f"widths must be a tuple of integers, .* but is {odd!r}"):
            small_resnet(widths=odd)


# Weights from the network


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of the files in a folder: (the folder, its address)."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def put(state, folder, checksum=None):
    """Save a state_dict under a name with its checksum, or with another."""
    torch.save(state, folder / "file")
    checksum = checksum or hashlib.sha256((folder / "file").read_bytes()).hexdigest()[:8]
    return (folder / "file").rename(folder / f"weights-{checksum}.pth").name


def test_pretrained_weights_are_loaded_and_kept(server, monkeypatch):
    folder, address = server
    theirs = torchvision_resnet("resnet18").float()
    name = put(theirs.state_dict(), folder)
    monkeypatch.setitem(IMAGENET, "resnet18", f"{address}/{name}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = resnet18(weights="imagenet")
        (folder / name).unlink()
        again = resnet18(weights="imagenet")
    for network in (first, again):
        torch.testing.assert_close(network.stages[3][1].branch[2][0].weight, theirs.layer4[1].conv2.weight, **EXACT)


@pytest.mark.parametrize("trouble", ["no such file", "another file", "no server"])
def test_without_the_network_one_warning_says_what_was_done(server, trouble):
    folder, address = server
    network, other = small_resnet(widths=(4, 8)), small_resnet(widths=(4, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    url = {
        "no such file": f"{address}/none-12345678.pth",
        "another file": f"{address}/{put(other.state_dict(), folder, checksum='12345678')}",
        "no server": "http://127.0.0.1:9/none-12345678.pth",
    }[trouble]
    with pytest.warns(UserWarning, match=r"could not be fetched.*keeps the random weights") as caught:
        load_pretrained(network, url, dict)
    assert len(caught) == 1
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], **EXACT)
    assert not list(folder.parent.glob("cache/**/*.pth*"))


@pytest.mark.parametrize("content", [None, b"", b"<html>Please log in</html>"], ids=["another", "empty", "page"])
def test_a_damaged_file_in_the_cache_is_not_loaded(tmp_path, monkeypatch, content):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    network, other = small_resnet(widths=(4, 8)), small_resnet(widths=(4, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    file = cache / put(other.state_dict(), cache, checksum="12345678")
    if content is not None:
        file.write_bytes(content)
    with pytest.warns(
        UserWarning, match=r"weights-12345678.pth is damaged .* delete it.*keeps the random weights"
    ) as caught:
        load_pretrained(network, f"https://nowhere.invalid/{file.name}", dict)
    assert len(caught) == 1
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], **EXACT)


@pytest.mark.parametrize("make", [resnet18, vgg16])
def test_weights_have_a_name(make):
    with pytest.raises(ValueError, match="weights must be \"imagenet\", or None for random ones, but is 'coco'"):
        make(weights="coco")


def test_weights_are_those_of_torchvision():
    from torchvision import models

    theirs = {name: models.get_model_weights(name).IMAGENET1K_V1.url for name in IMAGENET}
    assert theirs == IMAGENET


# timm


@pytest.mark.parametrize("name", ["convnext_atto", "mobilenetv3_small_050"])
def test_timm_backbones_keep_the_contract(name):
    backbone = timm_backbone(name)
    check_backbone(backbone)
    assert backbone.strides[-4:] == (4, 8, 16, 32)


@pytest.mark.slow
def test_timm_backbone_normalises_and_puts_channels_first():
    import timm

    name = "swin_tiny_patch4_window7_224"
    theirs = drawn(lambda: timm.create_model(name, pretrained=False, features_only=True))
    with unfilled():
        ours = timm_backbone(name).double().eval()
    ours.network.load_state_dict(theirs.state_dict())
    images = images_of(224, 224, batch=1)
    with torch.no_grad():
        expected = [map_.permute(0, 3, 1, 2) for map_ in theirs(normalised(images))]
        assert_same_maps(ours(images), expected, NETWORK[torch.float64])
    with pytest.raises(ValueError, match=r"on images \(2, 3, 64, 64\) in evaluation mode it raises AssertionError"):
        check_backbone(ours)


@pytest.mark.parametrize("arguments", [("no_such_network",), ("resnet18", "no_such_tag")])
def test_timm_backbone_refuses_what_timm_does_not_have(arguments):
    with pytest.raises(ValueError, match="timm cannot make a backbone of .*no_such"):
        timm_backbone(*arguments)


def test_timm_backbone_without_the_network(monkeypatch, tmp_path):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.warns(UserWarning, match="has random weights instead") as caught:
        backbone = timm_backbone("mobilenetv3_small_050", "default")
    assert len(caught) == 1
    assert backbone.channels == (16, 8, 16, 24, 288)


# The contract


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(small_resnet, id="small"),
        pytest.param(resnet18, id="resnet18"),
        pytest.param(partial(resnet18, output_stride=8), id="resnet18-8"),
        pytest.param(vgg16, id="vgg16", marks=pytest.mark.slow),
        pytest.param(partial(vgg16, output_stride=16), id="vgg16-16", marks=pytest.mark.slow),
    ],
)
def test_our_backbones_keep_the_contract(make):
    backbone = make()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    check_backbone(backbone)
    assert backbone.training
    for name, value in backbone.state_dict().items():
        torch.testing.assert_close(value, before[name], **EXACT)
    assert all(parameter.grad is None for parameter in backbone.parameters())


def test_check_backbone_leaves_the_generator_and_works_in_inference_mode():
    backbone = changed(lambda maps, _: [nn.functional.dropout(map_, 0.1) for map_ in maps])
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with torch.inference_mode():
        check_backbone(backbone)
        check_backbone(small_resnet(widths=(4, 8)))  # its parameters are made in this mode, too
    torch.manual_seed(0)
    check_backbone(backbone)
    assert torch.equal(torch.get_rng_state(), before)


def changed(change):
    """The small backbone with another `forward`."""
    backbone = small_resnet(widths=(4, 8, 8))
    original = type(backbone).forward

    class Changed(type(backbone)):
        def forward(self, images):
            return change(original(self, images), images)

    backbone.__class__ = Changed
    return backbone


def with_attributes(**attributes):
    backbone = small_resnet(widths=(4, 8, 8))
    for name, value in attributes.items():
        setattr(backbone, name, value)
    return backbone


def fails_in_training():
    # One value for each channel, of which no batch norm can tell the deviation.
    squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8))
    return changed(lambda maps, images: [*maps[:-1], maps[-1] + squeeze.train(len(images) == 1)(maps[-1])])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (with_attributes(channels=[4, 8, 8]), r"`channels` is a tuple of positive integers.*\[4, 8, 8\]"),
        (with_attributes(strides=None), "`strides` is a tuple of positive integers.*None"),
        (with_attributes(strides=(2, 4)), "one value for each map, but there are 3 and 2"),
        (with_attributes(strides=(2, 8, 4)), "strides never fall, but `strides` is"),
        (
            changed(lambda maps, _: [maps[0], maps[1] + 0j, maps[2]]),
            "each map is floating, but map 1 .* is torch.complex64",
        ),
        (with_attributes(channels=(4, 8, 9)), r"map 2 \(stride 8\).* shape \(2, 8, 8, 8\), but.* 9 `channels`"),
        (with_attributes(strides=(2, 4, 4)), r"map 2 \(stride 4\).* 8 rows, but of 64 pixels .* 16 to 16"),
        (changed(lambda maps, _: tuple(maps)), "returns a list of maps, but .* a tuple"),
        (changed(lambda maps, _: maps[:2]), "as many maps as `channels`, 3, but .* returns 2"),
        (changed(lambda maps, _: [maps[0].flatten(2), *maps[1:]]), r"map 0 .* is a tensor \(2, 4, 1024\)"),
        (changed(lambda maps, _: [maps[0], None, maps[2]]), "map 1 .* is a NoneType"),
        (changed(lambda maps, _: [maps[0], maps[1].detach(), maps[2]]), "none does from map 1"),
        (changed(lambda maps, _: [maps[0], maps[1] * 0, maps[2]]), "none does from map 1"),
        (changed(lambda maps, _: [maps[0] / 0, *maps[1:]]), "map 0 .* holds NaN or infinity"),
        (changed(lambda maps, _: [maps[0][..., :32], *maps[1:]]), r"map 0 .* 65, 97\).* 32 columns, but .* 48 to 49"),
        (fails_in_training(), r"on images \(1, 3, 64, 64\) in training mode it raises ValueError"),
    ],
)
def test_check_backbone_says_what_is_broken(broken, message):
    with pytest.raises(ValueError, match=message):
        check_backbone(broken)


@pytest.mark.parametrize("use", [check_backbone, Frozen, lambda odd: FCN(odd, 3)], ids=["check", "Frozen", "FCN"])
def test_what_is_no_backbone_is_refused(use):
    class Described:
        channels, strides = (4,), (32,)

    for odd in (None, Described()):
        with pytest.raises(ValueError, match=f"a backbone is an nn.Module, but this is a {type(odd).__name__}"):
            use(odd)
    with pytest.raises(ValueError, match="`channels` is a tuple of positive integers, .* but is None"):
        use(nn.Conv2d(3, 4, 1))


def test_last_map_at():
    assert [last_map_at((2, 4, 8, 8, 8), stride) for stride in (2, 4, 8)] == [0, 1, 4]
    with pytest.raises(ValueError, match="no map at stride 16, but at 2, 4, 8"):
        last_map_at((2, 4, 8, 8, 8), 16)
    with pytest.raises(ValueError, match="stride must be an integer of 1 or more, but is 8.0"):
        last_map_at((2, 4, 8, 8, 8), 8.0)


@pytest.mark.gpu
@pytest.mark.parametrize("make", [small_resnet, partial(resnet18, output_stride=8), vgg16])
def test_backbones_on_a_gpu(make):
    check_backbone(make().cuda())
    backbone, images = drawn(make), images_of(65, 97)
    with torch.no_grad():
        expected = backbone(images)
        found = [map_.cpu() for map_ in backbone.cuda()(images.cuda())]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9 * theirs.abs().max().item())


def test_a_frozen_backbone_without_statistics_warns_and_set_statistics_sets_them():
    torch.manual_seed(0)
    backbone = small_resnet(widths=(4, 6))
    with pytest.warns(UserWarning, match="have the statistics of a new layer.*set_statistics"):
        Frozen(backbone)
    weights = {name: value.clone() for name, value in backbone.named_parameters()}
    images = torch.rand(12, 3, 32, 32)
    backbone.train()
    set_statistics(backbone, images, batch_size=12)
    assert backbone.training and all(torch.equal(value, weights[name]) for name, value in backbone.named_parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frozen = Frozen(backbone)
    first = next(layer for layer in backbone.modules() if isinstance(layer, nn.BatchNorm2d))
    found = []
    first.register_forward_hook(lambda layer, inputs, output: found.append(output.clone()))
    frozen(images)
    assert found[0].mean((0, 2, 3)).abs().max() < 1e-5, "what comes out of the first batch norm has mean 0 here"
    assert (found[0].var((0, 2, 3)) - 1).abs().max() < 0.01
    with pytest.raises(ValueError, match="N at least 1, but images are"):
        set_statistics(backbone, images[:0])


def test_a_frozen_backbone_does_not_change_in_training():
    torch.manual_seed(0)
    frozen = Frozen(small_resnet(widths=(4, 6)))
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    score = nn.Conv2d(6, 2, 1)
    frozen.train()
    images = torch.rand(2, 3, 32, 32)
    score(frozen(images)[-1]).sum().backward()
    assert score.weight.grad is not None and all(p.grad is None for p in frozen.parameters())
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items()), "batch norm moved"
    assert (frozen.channels, frozen.strides) == ((4, 6), (2, 4))
