"""SegNet: its size, its encoder's weights, its upsamplings, sizes of images, and what it hands over."""

import pytest
import torch
from tolerances import NETWORK
from torch import nn

from course_utils.models.backbones.vgg import VGG16_DEPTHS, VGG16_WIDTHS, vgg_keys
from course_utils.models.memory import decoder_memory, saved_for_backward
from course_utils.models.mirrored import (
    Pooling,
    PoolingEncoder,
    Unpool,
    renamed_vgg,
)
from course_utils.models.segnet import UPSAMPLERS, BedOfNails, FullTransposed, SegNet, segnet_from_torchvision
from course_utils.ops.unpool import max_pool_with_indices, max_unpool

WAYS = ("indices", "bed_of_nails", "bilinear", "transposed", "full_transposed")
MIB = 2**20


def small(upsample: str = "indices", **sizes: tuple[int, ...]) -> SegNet:
    torch.manual_seed(0)
    return SegNet(3, **({"widths": (4, 6, 5), "depths": (1, 2, 2)} | sizes), upsample=upsample).double().eval()


def test_ways_are_all_tested() -> None:
    assert set(UPSAMPLERS) == set(WAYS)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_published_size() -> None:
    with torch.device("meta"):
        network = SegNet(11)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert count(network) == 29_449_355
    assert sum(count(layer) for layer in convolutions[:13]) == 14_714_688
    assert len(convolutions) == 26 and sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()) == 25


def test_parameters_of_the_ways() -> None:
    small_net = {"widths": (16, 32, 48, 64, 96), "depths": (1, 1, 2, 2, 2)}
    counts = {way: count(SegNet(8, **small_net, upsample=way)) for way in WAYS}
    assert counts == {
        "indices": 487_928,
        "bed_of_nails": 487_928,
        "bilinear": 487_928,
        "transposed": 487_928 + 16 * (16 + 32 + 48 + 64 + 96),
        "full_transposed": 487_928 + 16 * (16**2 + 32**2 + 48**2 + 64**2 + 96**2),
    }


def test_all_ways_begin_with_the_same_weights() -> None:
    """Upsamplings draw nothing, so that a comparison under one seed begins with one encoder and one decoder."""
    first = small("indices").state_dict()
    for way in WAYS:
        weights = small(way).state_dict()
        assert all(torch.equal(weights[name], value) for name, value in first.items())


def test_bed_of_nails_of_an_odd_map() -> None:
    maps = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])
    nails = BedOfNails()(maps, Pooling(torch.zeros(2, 1, 1, 2, dtype=torch.int64), (3, 4)))
    assert nails[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert nails[1, 0, 0].tolist() == [3, 0, 4, 0]
    assert nails.dtype == maps.dtype


def test_full_transposed_begins_as_bilinear_and_mixes_channels_once_it_learns() -> None:
    maps = images(1, 3, 5, 7)
    for size in ((10, 14), (11, 15)):
        upsampling = FullTransposed(3).double()
        pooling = Pooling(torch.zeros(1, 3, 5, 7, dtype=torch.int64), size)
        before = upsampling(maps, pooling)
        inside = nn.functional.interpolate(maps, scale_factor=2, mode="bilinear")[..., 2:-2, 2:-2]
        assert before.shape == (1, 3, *size)
        torch.testing.assert_close(before[..., 2:8, 2:12], inside, rtol=0, atol=1e-12)
        before[:, 0].sum().backward()
        assert upsampling.kernel.grad[1, 0].abs().sum() > 0  # from channel 1 to channel 0


def test_decoder_takes_the_places_of_other_content() -> None:
    network, x = small(), images(2, 3, 16, 24)
    with torch.no_grad():
        maps, poolings = network.encoder(x)
        assert torch.equal(network.decode(maps, poolings), network(x))
        _, other = network.encoder(x.flip(0))
        displaced = network.decode(maps, other)
        assert displaced.shape == (2, 3, 16, 24) and not torch.equal(displaced, network(x))
        nails = small("bed_of_nails")
        assert torch.equal(nails.decode(maps, other), nails.decode(maps, poolings))  # asks only for the sizes


@pytest.mark.parametrize("batch_norm", [True, False])
def test_encoder_equals_torchvision_vgg16(batch_norm: bool) -> None:
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    vgg = make_layers(cfgs["D"], batch_norm=batch_norm).double().eval()  # the `features` of vgg16 and vgg16_bn
    for layer in vgg:
        if isinstance(layer, nn.BatchNorm2d):  # 0 and 1, as they begin, could be swapped unnoticed
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2)
    weights = {f"features.{name}": tensor for name, tensor in vgg.state_dict().items()}
    encoder = PoolingEncoder(VGG16_WIDTHS, VGG16_DEPTHS, batch_norm=batch_norm).double().eval()
    own = encoder.state_dict()
    encoder.load_state_dict(own | renamed_vgg(weights, vgg_keys(encoder.stages), own, unused="classifier."))
    x = images(1, 3, 37, 70)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, None, :, None, None].double()
    with torch.no_grad():
        expected = vgg((x - mean) / std)
        actual, poolings = encoder(x)
    assert expected.std() > 0
    torch.testing.assert_close(actual, expected, **NETWORK[torch.float64])
    assert [pooling.size for pooling in poolings] == [(37, 70), (18, 35), (9, 17), (4, 8), (2, 4)]


def test_weights_of_torchvision_have_the_published_names_and_shapes() -> None:
    from torchvision.models import vgg16, vgg16_bn

    with torch.device("meta"):
        network = SegNet(11)
        network.load_state_dict(network.state_dict() | segnet_from_torchvision(vgg16_bn().state_dict()))
        with pytest.raises(ValueError, match="take `vgg16_bn`"):
            segnet_from_torchvision(vgg16().state_dict())


def weights_of_two_layers() -> dict[str, torch.Tensor]:
    """As torchvision names and numbers them: convolution, batch norm, ReLU, pooling, and the next stage."""
    weights = {"classifier.0.weight": torch.ones(2, 2)}
    for layer, (after, before) in {0: (4, 3), 4: (6, 4)}.items():
        weights |= {
            f"features.{layer}.weight": torch.ones(after, before, 3, 3),
            f"features.{layer}.bias": torch.ones(after),
        }
        weights |= {
            f"features.{layer + 1}.{name}": torch.ones(after)
            for name in ("weight", "bias", "running_mean", "running_var")
        }
        weights[f"features.{layer + 1}.num_batches_tracked"] = torch.tensor(7)
    return weights


def test_weights_are_loaded_into_the_encoder_only() -> None:
    sizes = {"widths": (4, 6), "depths": (1, 1)}
    network = small(**sizes)
    decoder = [parameter.clone() for parameter in network.decoder.parameters()]
    network.load_state_dict(network.state_dict() | segnet_from_torchvision(weights_of_two_layers(), **sizes))
    assert all(parameter.unique().tolist() == [1] for parameter in network.encoder.parameters())
    assert all(torch.equal(a, b) for a, b in zip(decoder, network.decoder.parameters(), strict=True))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"features.4.bias": None}, "missing are .'features.4.bias'.*take `vgg16_bn`"),
        ({"features.8.weight": torch.zeros(1)}, "left over .'features.8.weight'"),
        ({"features.4.weight": torch.zeros(6, 5, 3, 3)}, r"features.4.weight has the shape \(6, 5, 3, 3\)"),
        ({"features.4.weight": torch.zeros(4, 6, 3, 3)}, r"features.4.weight has the shape \(4, 6, 3, 3\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(changed: dict, message: str) -> None:
    weights = {name: value for name, value in (weights_of_two_layers() | changed).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        segnet_from_torchvision(weights, widths=(4, 6), depths=(1, 1))


@pytest.mark.parametrize("upsample", WAYS)
@pytest.mark.parametrize("size", [(8, 8), (9, 15), (16, 23), (41, 10)])
def test_logits_have_the_images_size(upsample: str, size: tuple[int, int]) -> None:
    network = small(upsample)
    logits = network(images(2, 3, *size))
    assert logits.shape == (2, 3, *size) and logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.encoder.stages[0].parameters())


def test_images_of_a_batch_do_not_meet() -> None:
    network, x = small(), images(2, 3, 17, 12)
    together = network(x)
    torch.testing.assert_close(together[1:], network(x[1:]), rtol=0, atol=1e-12)
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), together, rtol=0, atol=1e-12)


def test_pooling_and_unpooling_equal_the_readable_ones() -> None:
    encoder, x = small().encoder, images(2, 3, 13, 18)
    expected = encoder.normalise(x)
    with torch.no_grad():
        _, poolings = encoder(x)
        for stage, pooling in zip(encoder.stages, poolings, strict=True):
            maps = stage(expected)
            expected, indices = max_pool_with_indices(maps, 2)
            assert torch.equal(pooling.indices, indices) and pooling.size == maps.shape[-2:]
            restored = Unpool()(expected, pooling)
            assert torch.equal(restored, max_unpool(expected, indices, maps.shape[-2:]))


def test_unpooling_puts_a_line_back_where_it_was() -> None:
    """A line of one pixel, in an odd column: indices keep its place, nearest neighbours smear it over two columns."""
    line = torch.zeros(1, 1, 6, 9)
    line[..., 5] = 1
    pooled, indices = torch.nn.functional.max_pool2d(line, 2, return_indices=True)
    nearest = torch.nn.functional.interpolate(pooled, scale_factor=2)
    unpooled = Unpool()(pooled, Pooling(indices, (6, 9)))
    assert unpooled[0, 0, :, 5].tolist() == [1, 0, 1, 0, 1, 0]  # of two equal rows, the first is the maximum
    assert unpooled.sum() == 3 and unpooled[..., 4].sum() == 0
    assert nearest[..., 4:6].sum() == 12 and nearest[..., 4].sum() == 6


def test_activations_stage_by_stage() -> None:
    network, x = small(depths=(2, 2, 2)), images(1, 3, 16, 24)
    with torch.no_grad():
        maps = network.activations(x)
        logits = network(x)
    expected = ["encode 1", "encode 2", "encode 3"]
    expected += [f"{what} {stage}" for stage in (3, 2, 1) for what in ("upsample", "convolve", "decode")]
    assert list(maps) == [*expected, "logits"]
    assert torch.equal(maps["logits"], logits)
    assert maps["upsample 2"].shape == maps["encode 2"].shape == (1, 6, 8, 12)
    for stage in (1, 2, 3):
        assert 0 < (maps[f"upsample {stage}"] != 0).double().mean() <= 0.25
        assert (maps[f"convolve {stage}"] != 0).double().mean() > 0.9  # zero only where a whole window is
    assert not any(module._forward_hooks for module in network.modules())


def test_activations_without_a_convolution_at_full_size() -> None:
    maps = small(widths=(4, 6), depths=(1, 1)).activations(images(1, 3, 8, 12))
    assert "decode 1" not in maps and maps["upsample 1"].shape == (1, 4, 8, 12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegNet(3, upsample="nearest"), "upsample must be one of indices, bed_of_nails.*but is 'nearest'"),
        (lambda: SegNet(0), "num_classes must be an integer of 1"),
        (lambda: SegNet(3, widths=(4, 5)), r"widths \(4, 5\) and depths \(2, 2, 3, 3, 3\)"),
        (lambda: SegNet(3, widths=(), depths=()), "one width and one depth"),
        (lambda: SegNet(3, widths=(4, 0), depths=(1, 1)), r"widths\[1\] must be"),
        (lambda: SegNet(3, widths=(4,), depths=(0,)), r"depths\[0\] must be"),
        (lambda: small()(images(1, 3, 7, 8)), "at least 8 x 8 pixels"),
        (lambda: small()(images(1, 1, 8, 8)), r"\(1, 1, 8, 8\)"),
        (lambda: small()(images(3, 8, 8)), r"\(3, 8, 8\)"),
        (lambda: small()("image"), "images must be a tensor"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.slow
def test_small_net_learns_to_separate_two_halves() -> None:
    """Forty steps on one picture whose left half is darker: the network must be able to fit it, whichever way it upsamples."""
    torch.manual_seed(0)
    x = torch.rand(2, 3, 16, 24) * 0.4
    x[..., 11:] += 0.6
    target = torch.zeros(2, 16, 24, dtype=torch.int64)
    target[..., 11:] = 1
    for upsample in WAYS:
        network = small(upsample, widths=(8, 8), depths=(1, 1)).float().train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
        for _ in range(40):
            loss = torch.nn.functional.cross_entropy(network(x), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert (network(x).argmax(dim=1) == target).double().mean() > 0.97


@pytest.mark.gpu
@pytest.mark.parametrize("upsample", WAYS)
def test_gpu_equals_cpu(upsample: str) -> None:
    network, x = small(upsample), images(2, 3, 17, 26)
    expected = network(x).detach()
    actual = network.cuda()(x.cuda())
    actual.sum().backward()
    torch.testing.assert_close(actual.detach().cpu(), expected, rtol=1e-9, atol=1e-9)


def test_memory_of_the_syllabus() -> None:
    memory = decoder_memory((360, 480))
    assert [round(value / MIB, 2) for value in memory] == [80.39, 1.25, 40.14]
    assert 64 <= memory.features / memory.packed_indices < 64.2  # 4 pixels of 32 bits to 2 bits; odd rows add a little
    assert decoder_memory((5, 6), (3,)) == (5 * 6 * 3 * 4, 5, 2 * 3 * 3 * 8)  # 18 indices of 2 bits: 4.5 bytes
    assert decoder_memory(8, (1, 2), bytes_per_value=2) == (2 * (64 + 32), 6, 8 * (16 + 8))


def test_memory_that_is_measured_equals_the_computed() -> None:
    widths, depths, size = (4, 6, 5), (1, 2, 2), (19, 26)
    network, x = small(widths=widths, depths=depths).float().train(), images(1, 3, *size).float()
    _, poolings = network.encoder(x)
    computed = decoder_memory(size, widths).int64_indices
    assert sum(pooling.indices.nbytes for pooling in poolings) == computed
    measured = saved_for_backward(lambda: network(x), leave_out=network.parameters())
    # Batch norm counts its batches in int64 too; the rest are the indices, the same that the encoder handed over.
    assert measured[torch.int64] == computed
    assert measured[torch.float32] > decoder_memory(size, widths).features


def test_memory_on_the_meta_device_is_the_same() -> None:
    network, x = small().float().train(), images(2, 3, 16, 24).float()
    expected = saved_for_backward(lambda: network(x), leave_out=network.parameters())
    network, x = network.to("meta"), x.to("meta")
    assert saved_for_backward(lambda: network(x), leave_out=network.parameters()) == expected


def test_saved_memory_of_one_product() -> None:
    a, b = torch.rand(10, requires_grad=True), torch.rand(10)
    assert saved_for_backward(lambda: a * b) == {torch.float32: 40}  # b alone: a's gradient needs no a
    assert saved_for_backward(lambda: a * a) == {torch.float32: 40}  # twice the same storage
    assert saved_for_backward(lambda: a * a, leave_out=[a]) == {}
    assert saved_for_backward(lambda: (a * a).detach().view(2, 5)) == {torch.float32: 40}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decoder_memory((0, 4)), "size must be"),
        (lambda: decoder_memory((4, 4), (2, 0)), r"widths\[1\] must be"),
        (lambda: decoder_memory((4, 4), bytes_per_value=0), "bytes_per_value must be"),
    ],
)
def test_bad_sizes(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
