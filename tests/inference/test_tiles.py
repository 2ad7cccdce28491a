"""Images that are predicted tile by tile: equal to the whole image at once, to MONAI's blending, and in little memory."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from losses.lazily import Lazily
from tolerances import EXACT, OPERATION
from torch import nn

from course_utils.inference.tiles import predict_in_tiles
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fcn import FCN
from course_utils.models.unet import MARGIN, UNet, padded_unet, unet_2015

monai = Lazily("monai.inferers")


def image_of(*shape, dtype=torch.float64, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def ready(network, seed=0):
    """In float64 and evaluation mode, with weights, biases and statistics that no default hides."""
    draw = torch.Generator().manual_seed(seed)
    for name, value in network.double().state_dict().items():
        if value.ndim > 1:
            value.normal_(std=(2 / value[0].numel()) ** 0.5, generator=draw)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=draw)
        elif value.is_floating_point() and value.ndim:
            value.uniform_(-0.5, 0.5, generator=draw)
    return network.eval()


def relative_difference(found, wanted):
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    return float((found - wanted).abs().max() / wanted.abs().max())


def seen_by(network):
    """The tiles that a network sees from now on; with an image whose pixels are their own numbers, also where they lie."""
    tiles = []
    network.register_forward_pre_hook(lambda _network, inputs: tiles.append(inputs[0][0, 0].clone()))
    return tiles


def numbered(height, width):
    return torch.arange(height * width, dtype=torch.float64).view(1, height, width)


# By hand

ROW = torch.tensor([[[0.0, 1.0, 2.0, 4.0]]])
ONES = torch.ones(1, 1, 6)


def assert_row(found, *wanted):
    torch.testing.assert_close(found, torch.tensor([[wanted]], dtype=torch.float32), rtol=0, atol=1e-6)


def test_borders_are_mirrored_without_the_edge_for_a_network_without_padding():
    mean = nn.AvgPool2d((1, 3), stride=1)  # of 1 | 0 1 2 4 | 2
    for width in (3, 4, 5, 6):
        found = predict_in_tiles(mean, ROW, tile=(1, width), margin=(0, 1), stride=1)
        assert_row(found, 2 / 3, 1, 7 / 3, 8 / 3)


def test_a_margin_larger_than_the_image_is_mirrored_to_and_fro():
    mean = nn.AvgPool2d((1, 7), stride=1)  # of 1 2 1 | 0 1 2 | 1 0 1
    assert_row(predict_in_tiles(mean, ROW[..., :3], tile=(1, 7), margin=(0, 3), stride=1), 8 / 7, 1, 6 / 7)
    assert_row(predict_in_tiles(mean, ROW[..., 3:], tile=(1, 9), margin=(0, 3), stride=1), 4)


def test_the_image_keeps_its_own_border_where_the_network_pads():
    mean = nn.AvgPool2d((1, 3), stride=1, padding=(0, 1))
    assert_row(predict_in_tiles(mean, ONES, tile=(1, 4), margin=(0, 1), stride=1), 2 / 3, 1, 1, 1, 1, 2 / 3)
    assert_row(predict_in_tiles(mean, ONES, tile=(1, 3), margin=(0, 0), stride=1), *[2 / 3, 1, 2 / 3] * 2)


def test_answers_are_averaged_where_tiles_overlap():
    mean = nn.AvgPool2d((1, 3), stride=1, padding=(0, 1))  # 2/3 1 1 2/3 of each tile
    ones = torch.ones(1, 1, 8)
    constant = predict_in_tiles(mean, ones, tile=(1, 4), margin=(0, 1), blend="constant")
    assert_row(constant, 2 / 3, 1, *[5 / 6] * 4, 1, 2 / 3)
    near, far = math.exp(-(0.5**2) / (2 * 0.5**2)), math.exp(-(1.5**2) / (2 * 0.5**2))
    mixed = (near * 1 + far * 2 / 3) / (near + far)
    gaussian = predict_in_tiles(mean, ones, tile=(1, 4), margin=(0, 1), blend="gaussian")
    assert_row(gaussian, 2 / 3, 1, *[mixed] * 4, 1, 2 / 3)


@pytest.mark.parametrize("blend", ["centre", "constant", "gaussian"])
def test_every_pixel_gets_its_answer_whatever_the_sizes(blend):
    """E08: with 300 pixels and tiles of 512, half of the pixels had none."""
    for height in range(1, 34):
        image = image_of(1, height, 35 - height)
        for tile, margin, stride in ((8, 0, 4), (8, 2, 1), (11, 3, 2), ((20, 9), (2, 4), 1), (40, 19, 2)):
            found = predict_in_tiles(nn.Identity(), image, tile=tile, margin=margin, blend=blend, stride=stride)
            torch.testing.assert_close(found, image, **(EXACT if blend == "centre" else OPERATION[torch.float64]))


# Where tiles lie


@pytest.mark.parametrize("stride", [1, 4, 16])
def test_tiles_lie_within_the_image_at_multiples_of_the_stride(stride):
    network = nn.Conv2d(1, 1, 3, padding=1).double()
    tiles = seen_by(network)
    predict_in_tiles(network, numbered(150, 70), tile=(61, 99), margin=5, stride=stride)
    step = (61 - 61 % stride - 10) // stride * stride
    assert len(tiles) == 1 + -(-(150 - (61 - 61 % stride)) // step)
    last = 0
    for seen in tiles:
        row, column = divmod(int(seen[0, 0]), 70)
        assert row % stride == 0 and column == 0 and seen.shape[0] > 61 - 2 * stride
        assert torch.equal(seen, numbered(150, 70)[0, row : row + len(seen)])
        assert row <= last, "no hole"
        last = row + len(seen) - 10
    assert last + 10 == 150


def test_tiles_without_padding_are_as_large_as_the_network_wants():
    network = nn.Conv2d(1, 1, 9).double()
    tiles = seen_by(network)
    predict_in_tiles(network, numbered(30, 61), tile=(40, 44), margin=4, stride=16)
    assert [seen.shape for seen in tiles] == [(40, 44)] * 2
    assert [divmod(int(seen[4, 4]), 61) for seen in tiles] == [(0, 0), (0, 32)]
    torch.testing.assert_close(tiles[1][4:34, 4:33], numbered(30, 61)[0, :, 32:], **EXACT)
    assert tiles[1][33, 33] == tiles[1][33, 31], "mirrored at the last pixel"


def test_an_image_of_one_tile_costs_one_tile():
    for network, side in ((nn.Conv2d(1, 2, 3, padding=1), 50), (nn.Conv2d(1, 2, 9), 42)):
        tiles = seen_by(network.double())
        assert predict_in_tiles(network, numbered(side, side - 3), tile=50, margin=4).shape == (2, side, side - 3)
        assert len(tiles) == 1


@pytest.mark.parametrize(
    ("network", "tile", "starts"),
    [
        (padded_unet(2, 3, widths=(2, 2, 2)), 78, [0, 68, 136, 184]),  # 4: a tile of 76 and steps of 68
        (UNet(small_resnet(widths=(2, 2, 2)), 2), 78, [0, 64, 128, 192]),  # 8: 72 and 64
        (nn.Conv2d(3, 2, 3, padding=1), 78, [0, 32, 64, 96, 128, 160, 192, 224]),  # 32: 64 and 32
        (nn.Conv2d(3, 2, 3, padding=1), 60, [0, 32, 64, 96, 128, 160, 192, 224]),  # 16: 48 and 32
    ],
)
def test_the_stride_is_that_of_the_backbone(network, tile, starts):
    tiles = seen_by(network.double())
    predict_in_tiles(network, numbered(20, 260).expand(3, -1, -1), tile=tile, margin=4)
    assert [int(seen[0, 0]) for seen in tiles] == starts


# Equal to the whole image

PADDED = {
    # Along an axis, an output sees 44 pixels or less, 3 more by its place in the windows of the poolings.
    "unet": (lambda: padded_unet(3, 1, widths=(4, 6, 8)), 24),
    "unet, residual and attention": (lambda: padded_unet(3, 1, widths=(4, 6, 8), residual=True, attention=True), 24),
    "unet, five levels": (lambda: padded_unet(3, 1, widths=(2, 3, 4, 5, 6)), 112),
    # 67 pixels, and 7 more.
    "UNet on a residual network": (lambda: UNet(small_resnet(widths=(4, 6, 8)), 3), 40),
    "FCN": (lambda: FCN(small_resnet(widths=(4, 6, 8)), 3, stride=2), 40),
}


@pytest.mark.parametrize("size", [(160, 131), (97, 278), (200, 50)])
@pytest.mark.parametrize("name", PADDED)
def test_a_padded_network_gives_in_tiles_what_it_gives_for_the_whole(name, size):
    make, margin = PADDED[name]
    network = ready(make())
    image = image_of(2, 1 if name.startswith("unet") else 3, *size)
    tile = (2 * margin + 32, 2 * margin + 50)
    for dtype, bound in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        network, image = network.to(dtype), image.to(dtype)
        with torch.no_grad():
            whole = network(image)
        assert relative_difference(predict_in_tiles(network, image, tile=tile, margin=margin), whole) < bound
    # The same without margins and off the grid: this test could fail.
    if min(size) > 2 * margin:
        assert relative_difference(predict_in_tiles(network, image, tile=tile, margin=0), whole) > 1e-2


def test_tiles_off_the_grid_of_the_poolings_give_something_else():
    network, image = ready(padded_unet(3, 1, widths=(4, 6, 8))), image_of(1, 160, 131)
    with torch.no_grad():
        whole = network(image[None])[0]
    assert relative_difference(predict_in_tiles(network, image, tile=99, margin=24, stride=4), whole) < 1e-12
    assert relative_difference(predict_in_tiles(network, image, tile=99, margin=24, stride=1), whole) > 1e-2


def mirrored(image):
    """The whole image with its margins, and at the end with what makes its sides 188 + 16n."""
    ends = [(MARGIN, MARGIN + (4 - side) % 16) for side in image.shape[2:]]
    return torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 0), *ends), mode="reflect"))


@pytest.mark.parametrize("size", [(68, 84), (101, 60), (20, 130), (3, 1)])
def test_a_network_without_padding_gives_in_tiles_what_it_gives_for_the_whole(size):
    network, image = ready(unet_2015(2, widths=(2, 3, 4, 5, 6))), image_of(1, 1, *size)
    with torch.no_grad():
        whole = network(mirrored(image))[:, :, : size[0], : size[1]]
    for tile in ((204, 252), 236):
        assert relative_difference(predict_in_tiles(network, image, tile=tile, margin=MARGIN), whole) < 1e-12


@pytest.mark.slow
def test_the_published_unet_gives_in_tiles_what_it_gives_for_the_whole():
    network, image = ready(unet_2015(2)).float(), image_of(1, 1, 60, 85, dtype=torch.float32)
    with torch.no_grad():
        whole = network(mirrored(image))[:, :, :60, :85]
    assert relative_difference(predict_in_tiles(network, image, tile=(220, 236), margin=MARGIN), whole) < 1e-6


# MONAI


@pytest.mark.slow
@pytest.mark.parametrize("blend", ["constant", "gaussian"])
@pytest.mark.parametrize("margin", [(0, 0), (4, 5), (8, 10), (12, 15)])
def test_blended_tiles_equal_monai(blend, margin):
    tile = (32, 40)
    overlap = [2 * edge / side for edge, side in zip(margin, tile, strict=True)]
    network = ready(nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1)))
    for size in ((67, 90), (32, 41), (100, 40)):
        for dtype in (torch.float64, torch.float32):
            network, images = network.to(dtype), image_of(2, 2, *size, dtype=dtype)
            with torch.no_grad():
                theirs = monai.sliding_window_inference(images, tile, 1, network, overlap=overlap, mode=blend)
            found = predict_in_tiles(network, images, tile=tile, margin=margin, blend=blend)
            torch.testing.assert_close(found, theirs, **OPERATION[dtype])


# What is left as it was


def test_evaluation_mode_within_and_all_modes_as_before_afterwards():
    network = ready(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5)))
    image = image_of(1, 70, 60)
    wanted = predict_in_tiles(network, image, tile=48, margin=1)
    network.train()
    network[1].eval()
    found = predict_in_tiles(network, image, tile=48, margin=1)
    torch.testing.assert_close(found, wanted, **EXACT)
    assert [module.training for module in network.modules()] == [True, True, False, True]
    assert not found.requires_grad and torch.is_grad_enabled()
    with pytest.raises(RuntimeError):
        predict_in_tiles(network, image_of(2, 70, 60), tile=48, margin=1)
    assert [module.training for module in network.modules()] == [True, True, False, True]


def test_the_image_stays_as_it_is_when_a_network_works_in_place():
    for tile in (16, 64):
        image = image_of(2, 1, 40, 30) - 0.5
        before = image.clone()
        found = predict_in_tiles(nn.ReLU(inplace=True), image, tile=tile, margin=0)
        torch.testing.assert_close(image, before, **EXACT)
        torch.testing.assert_close(found, before.relu(), **EXACT)


def test_one_image_and_a_batch():
    network, images = ready(padded_unet(3, 1, widths=(4, 6, 8))), image_of(2, 1, 70, 90)
    for blend in ("centre", "gaussian"):
        batch = predict_in_tiles(network, images, tile=64, margin=16, blend=blend)
        assert batch.shape == (2, 3, 70, 90)
        one = predict_in_tiles(network, images[1], tile=64, margin=16, blend=blend)
        torch.testing.assert_close(one, batch[1], **OPERATION[torch.float64])


@pytest.mark.gpu
@pytest.mark.parametrize("blend", ["centre", "constant", "gaussian"])
def test_logits_are_where_the_image_is_and_the_network_stays_on_the_gpu(blend):
    network, image = ready(padded_unet(3, 1, widths=(4, 6, 8))), image_of(1, 130, 97)
    wanted = predict_in_tiles(network, image, tile=80, margin=24, blend=blend)
    network.cuda()
    for device in ("cpu", "cuda"):
        found = predict_in_tiles(network, image.to(device), tile=80, margin=24, blend=blend)
        assert found.device.type == device
        torch.testing.assert_close(found.cpu(), wanted, rtol=0, atol=1e-9)


# Memory

MEASURED = """
import re, sys, torch
from torch import nn
from course_utils.inference.tiles import predict_in_tiles

def memory(what):
    return int(re.search(rf"{what}:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

padding, blend, side = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=padding), nn.ReLU(), nn.Conv2d(8, 2, 1))
image = torch.rand(1, side, side)
predict_in_tiles(network, image[:, :300, :300], tile=256, margin=1, blend=blend)
before = memory("VmRSS")
logits = predict_in_tiles(network, image, tile=256, margin=1, blend=blend)
print(memory("VmHWM") - before, logits.nbytes / 2**20, logits.mean().item())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the largest memory is read from /proc")
@pytest.mark.parametrize(
    ("padding", "blend", "side"), [(1, "centre", 8192), (0, "centre", 4096), (1, "gaussian", 4096)]
)
def test_memory_holds_the_logits_and_a_tile(padding, blend, side):
    command = [sys.executable, "-c", MEASURED, str(padding), blend, str(side)]
    # What a tile leaves behind is kept for the next one; what is as large as an image has memory of its own.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    grown, logits, _ = map(float, result.stdout.split())
    image = side**2 * 4 / 2**20  # MiB
    assert logits == 2 * image
    expected = logits + image if blend == "gaussian" else logits  # with a weight for each pixel
    assert 0.9 * expected < grown < expected + 32


# Refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": len}, "model must be an nn.Module, but is a builtin_function_or_method"),
        ({"image": torch.zeros(40, 40)}, r"\(C, H, W\) or \(B, C, H, W\).* but is torch.float32 of shape \(40, 40\)"),
        ({"image": torch.zeros(1, 40, 40, dtype=torch.uint8)}, "image must be floating.*divide bytes by 255"),
        ({"image": torch.zeros(1, 0, 40)}, r"have pixels, but is .* \(1, 0, 40\)"),
        ({"tile": 0}, "tile must be an integer of 1 or more, or two of them"),
        ({"margin": -1}, "margin must be an integer of 0 or more, or two of them"),
        ({"margin": (4, 16)}, r"larger than its two margins, but a tile of 32 has margins of \(4, 16\)"),
        (
            {"margin": 12},
            "needs at least as many pixels as that, 16, but there are 8; take a larger tile, or name `stride`",
        ),
        ({"stride": 0}, "stride must be an integer of 1 or more"),
        ({"stride": 2.0}, "stride must be an integer of 1 or more, but is 2.0; convert it with `int`"),
        ({"blend": "mean"}, "blend must be one of 'centre', 'constant', 'gaussian', but is 'mean'"),
        (
            {"model": nn.Conv2d(1, 2, 5)},
            r"For a tile \(1, 1, 32, 32\), .* as large or 8×8 pixels smaller, but this one gave a tensor \(1, 2, 28, 28\)",
        ),
        ({"model": nn.Conv2d(1, 2, 9), "blend": "constant"}, "that are as large, but .*blend='centre'"),
        ({"model": nn.Flatten()}, r"but this one gave a tensor \(1, 1024\)"),
        ({"model": nn.MaxPool2d(2, return_indices=True)}, "but this one gave a tuple"),
    ],
)
def test_refused(settings, message):
    given = {"model": nn.Conv2d(1, 2, 3, padding=1), "image": torch.zeros(1, 40, 40), "tile": 32, "margin": 4}
    with pytest.raises(ValueError, match=message):
        predict_in_tiles(**(given | settings))


class UpToEight(nn.Module):
    """A network that rounds the sides of its answers up."""

    def forward(self, images):
        return nn.functional.interpolate(images, size=[-(-side // 8) * 8 for side in images.shape[2:]])


def test_each_answer_is_looked_at():
    with pytest.raises(ValueError, match=r"\(1, 1, 32, 20\).* that are as large, but .*\(1, 1, 32, 24\)"):
        predict_in_tiles(UpToEight(), torch.zeros(1, 32, 36), tile=32, margin=0, stride=16)
