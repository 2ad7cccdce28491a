"""U-Net as published, as most people build it, and on any backbone."""

from functools import partial

import numpy as np
import pytest
import torch
from tolerances import EXACT, NETWORK, OPERATION
from torch import nn
from unet_cases import assert_all_learn, assert_same_network, assert_takes, count, drawn, images_of

from course_utils.models.backbones.contract import Frozen, check_backbone
from course_utils.models.backbones.resnet import resnet18, resnet50
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.timm import timm_backbone
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.smp_weights import unet_from_smp
from course_utils.models.unet import MARGIN, UNet, unet, unet_2015, valid_input_sizes
from course_utils.models.unet_decoder import AttentionGate, DecoderStep, fit

NARROW = (4, 5, 6, 7, 8)
DOUBLE = NETWORK[torch.float64]


# As published


def test_published_size():
    with torch.device("meta"):
        network = unet_2015(2)
    convolutions = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    assert count(network) == 31_030_658
    assert len(convolutions) == 23
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert all(layer.padding == (0, 0) for layer in convolutions)


def test_published_shapes():
    """572 → 568, 284 → 280, 140 → 136, 68 → 64, 32 → 28, 56 → 52, 104 → 100, 200 → 196, 392 → 388."""
    shapes = []

    def note(_layer, inputs, output):
        shapes.append((inputs[0].shape[1:3], output.shape[1:3]))

    with torch.device("meta"):
        network = unet_2015(2)
        for convolutions in (*network.down, *network.up, network.head):
            convolutions.register_forward_hook(note)
        assert network(torch.empty(1, 1, 572, 604)).shape == (1, 2, 388, 420)
    assert [(start[1], end[1]) for start, end in shapes] == [
        *((572, 568), (284, 280), (140, 136), (68, 64), (32, 28)),
        *((56, 52), (104, 100), (200, 196), (392, 388), (388, 388)),
    ]
    assert [(start[0], end[0]) for start, end in shapes] == [
        *((1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)),
        *((1024, 512), (512, 256), (256, 128), (128, 64), (64, 2)),
    ]


def test_published_crops():
    """From a skip, the middle is taken: 4, 16, 40 and 88 pixels less on each side, from the lowest to the finest."""
    network = drawn(partial(unet_2015, 2, widths=(4, 4, 4, 4, 4)))
    skips, joined = [], []
    for convolutions in network.down[:-1]:
        convolutions.register_forward_hook(lambda _layer, _inputs, output: skips.append(output))
    for convolutions in network.up:
        convolutions.register_forward_pre_hook(lambda _layer, inputs: joined.append(inputs[0][:, :4]))
    with torch.no_grad():
        network(images_of(188, 204, batch=1, channels=1))
    for skip, cropped, crop in zip(skips[::-1], joined, (4, 16, 40, 88), strict=True):
        assert skip.std() > 0
        torch.testing.assert_close(cropped, skip[:, :, crop:-crop, crop:-crop], **EXACT)


def out_of(side):
    """What is left of a side, layer by layer; None where a pooling meets an odd map or nothing is left."""
    for _ in range(4):
        side -= 4
        if side % 2:
            return None
        side //= 2
    side -= 4
    for _ in range(4):
        side = 2 * side - 4
        if side <= 0:
            return None
    return side


def test_valid_input_sizes():
    sizes = valid_input_sizes(800)
    assert sizes == [side for side in range(1, 801) if out_of(side) is not None]
    assert {188, 556, 572, 588} < set(sizes) and sizes[0] == 188
    assert all(out_of(side) == side - 2 * MARGIN for side in sizes)
    assert valid_input_sizes(572)[-1] == 572 and valid_input_sizes(571)[-1] == 556
    assert valid_input_sizes(187) == valid_input_sizes(0) == []
    assert valid_input_sizes(np.uint8(204)) == [188, 204]


@pytest.mark.parametrize("odd", [-1, 571.5, "572", True])
def test_valid_input_sizes_refuse(odd):
    with pytest.raises(ValueError, match="largest must be an integer of 0 or more"):
        valid_input_sizes(odd)


def test_the_published_network_takes_valid_sizes_and_no_others():
    with torch.device("meta"):
        network = unet_2015(2, widths=(2, 2, 2, 2, 2))
        valid = set(valid_input_sizes(300))
        for side in range(170, 300):
            if side in valid:
                assert network(torch.empty(1, 1, side, 188)).shape == (1, 2, side - 184, 4)
            else:
                with pytest.raises(ValueError, match=f"but got {side}"):
                    network(torch.empty(1, 1, side, 188))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 571, 572), "but got 571: the nearest are 556 and 572"),
        ((1, 1, 572, 573), "but got 573: the nearest are 572 and 588"),
        ((1, 1, 200, 188), "but got 200: the nearest are 188 and 204.*predict_in_tiles"),
        ((1, 1, 172, 572), "but got 172: it is too small"),
        ((1, 1, 0, 572), "but got 0: it is too small"),
        ((1, 3, 572, 572), r"floating images \(B, 1, H, W\) .* of shape \(1, 3, 572, 572\); .*in_channels"),
        ((572, 572), r"of shape \(572, 572\); .*stack images"),
    ],
)
def test_the_published_network_refuses_images(shape, message):
    with torch.device("meta"):
        network = unet_2015(2, widths=(2, 2, 2, 2, 2))
        with pytest.raises(ValueError, match=message):
            network(torch.empty(shape))


def test_the_published_network_begins_with_the_variance_of_he_and_drops_at_the_bottom():
    torch.manual_seed(0)
    network = unet_2015(2, widths=(4, 8, 16, 32, 64))
    assert network.down[4][2].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert not any(layer.bias.any() for layer in network.modules() if isinstance(layer, nn.Conv2d))
    dropped = []
    network.dropout.register_forward_hook(lambda _layer, inputs, output: dropped.append((inputs[0], output)))
    images = images_of(188, 188, channels=1).float()
    network(images)
    before, after = dropped[0]
    assert before.shape == (2, 64, 4, 4)
    zeroed = (after == 0) & (before > 0)
    assert 0.3 < zeroed.sum() / (before > 0).sum() < 0.7
    network.eval()
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"in_channels": 0}, "in_channels must be an integer of 1 or more, but is 0"),
        ({"widths": (4, 4, 4, 4)}, "the channels of the 5 levels, but has 4 numbers"),
        ({"widths": 4}, "widths must be a tuple of integers"),
    ],
)
def test_unet_2015_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        unet_2015(**({"num_classes": 2} | settings))


# As most people build it


def test_parameters_of_the_padded_variants():
    with torch.device("meta"):
        counts = {
            "biases, one class": count(unet(1, bias=True)),
            "19 classes": count(unet(19)),
            "19 classes, bilinear": count(unet(19, upsample="bilinear")),
            "2 classes": count(unet(2)),
            "2 classes, bilinear": count(unet(2, upsample="bilinear")),
            "published, with batch norm": count(unet(2, 1, bias=True)),
        }
        saved = count(unet(19)) - count(unet(19, skips="add"))
        assert count(unet(19, skips="none")) == count(unet(19, skips="add"))
    assert counts == {
        "biases, one class": 31_043_521,
        "19 classes": 31_038_803,
        "19 classes, bilinear": 17_264_147,
        "2 classes": 31_037_698,
        "2 classes, bilinear": 17_263_042,
        "published, with batch norm": 31_042_434,
    }
    assert saved == 3_133_440 == 9 * sum(width**2 for width in (64, 128, 256, 512))


def test_parameters_that_variants_add():
    skips, blocks = (512, 256, 128, 64), [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    with torch.device("meta"):
        plain = count(unet(19))
        residual, attention = count(unet(19, residual=True)) - plain, count(unet(19, attention=True)) - plain
        assert count(unet(19, residual=True, attention=True)) == plain + residual + attention
        # With as many channels below as in the skip, adding needs no convolution.
        bilinear = count(unet(19, upsample="bilinear")) - count(unet(19, upsample="bilinear", skips="add"))
    # A shortcut is a 1×1 convolution and its norm.
    blocks += [(2 * width, width) for width in skips]
    assert residual == sum(narrow * wide + 2 * wide for narrow, wide in blocks)
    # A gate has a 1×1 convolution with bias and norm of each of its maps to half as many channels, and one of these to one.
    assert attention == sum(2 * (width + 3) * width // 2 + width // 2 + 3 for width in skips)
    assert bilinear == 9 * sum(width**2 for width in skips)


def test_parameter_table():
    """Convolution, batch norm, convolution, batch norm, transposed convolution: (k² · C_in + 1) · C_out and 2 · C_out."""
    with torch.device("meta"):
        network = unet(1, bias=True)
    encoder = [[count(layer) for layer in level if count(layer)] for level in network.backbone.levels]
    assert encoder == [
        [1_792, 128, 36_928, 128],
        [73_856, 256, 147_584, 256],
        [295_168, 512, 590_080, 512],
        [1_180_160, 1_024, 2_359_808, 1_024],
        [4_719_616, 2_048, 9_438_208, 2_048],
    ]
    assert [sum(level) for level in encoder] == [38_976, 221_952, 886_272, 3_542_016, 14_161_920]
    decoder = [
        [*(count(layer) for layer in step.convolutions if count(layer)), count(step.enlarge)] for step in network.steps
    ]
    assert decoder == [
        [4_719_104, 1_024, 2_359_808, 1_024, 2_097_664],
        [1_179_904, 512, 590_080, 512, 524_544],
        [295_040, 256, 147_584, 256, 131_200],
        [73_792, 128, 36_928, 128, 32_832],
    ]
    assert [sum(step) for step in decoder] == [9_178_624, 2_295_552, 574_336, 143_808]
    assert count(network.head) == 65
    assert round(4 * count(network) / 2**20, 2) == 118.42


@pytest.mark.parametrize(
    ("upsample", "side", "down", "up"),
    [
        ("transposed", 224, [(64, 224), (128, 112), (256, 56), (512, 28), (1024, 14)], [512, 256, 128, 64]),
        ("bilinear", 512, [(64, 512), (128, 256), (256, 128), (512, 64), (512, 32)], [256, 128, 64, 64]),
    ],
)
def test_shapes_of_the_padded_variants(upsample, side, down, up):
    with torch.device("meta"):
        network, images = unet(19, upsample=upsample), torch.empty(1, 3, side, side)
        assert [(map_.shape[1], map_.shape[2]) for map_ in network.backbone(images)] == down
        found = []
        for step in network.steps:
            step.register_forward_hook(lambda _layer, _inputs, output: found.append(tuple(output.shape[1:3])))
        network(images)
    assert found == list(zip(up, [size for _, size in down[-2::-1]], strict=True))


def by_hand(skips, *, up, skip, upsample="transposed"):
    """A U-Net of one channel whose convolutions hand on what is at their centre.

    Those of its step begin with `up` times the larger map plus `skip` times its skip.
    """
    network = unet(1, 1, widths=(1, 1), skips=skips, upsample=upsample).double().eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.zero_()
                layer.weight[:, :, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
            elif isinstance(layer, nn.ConvTranspose2d):
                layer.weight.fill_(1)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0
        first = network.steps[0].convolutions[0]
        first.weight[0, :, 1, 1] = torch.tensor([up, skip] if skips == "concat" else [up])
    return network


IMAGE = torch.tensor([[1.0, 5, 2, 0, 7], [3, 0, 8, 4, 6], [2, 9, 1, 1, 3]], dtype=torch.float64)
LARGER = {
    "transposed": [5.0, 5, 8, 8, 8],  # twice as large; the last column, which pooling leaves out, is repeated
    "nearest": [5.0, 5, 5, 8, 8],
    "bilinear": [5, 5.3, 6.5, 7.7, 8],
}
"""Each row of 5 and 8, the largest of 2×2 pixels, at the image's size."""


@pytest.mark.parametrize("upsample", LARGER)
def test_a_tiny_network_by_hand(upsample):
    larger = torch.tensor([LARGER[upsample]] * 3, dtype=torch.float64)
    for skips, expected in (("concat", 2 * larger + 3 * IMAGE), ("add", 2 * (larger + IMAGE)), ("none", 2 * larger)):
        found = by_hand(skips, up=2.0, skip=3.0, upsample=upsample)(IMAGE[None, None])
        torch.testing.assert_close(found[0, 0], expected, **OPERATION[torch.float64])


def test_a_map_is_fitted_to_its_skip():
    maps = torch.tensor([[1.0, 2], [3, 4]])[None, None]
    assert fit(maps, (3, 4))[0, 0].tolist() == [[1, 2, 2, 2], [3, 4, 4, 4], [3, 4, 4, 4]]
    assert fit(maps, (1, 3))[0, 0].tolist() == [[1, 2, 2]]
    assert torch.equal(fit(maps, (2, 2)), maps)


def without_padding(padded):
    """The published network with the weights of a padded one, whose batch norms are made to do nothing."""
    published = unet_2015(3, 3, widths=NARROW).double().eval()
    state = {}
    for level, convolutions in enumerate(padded.backbone.levels):
        for theirs, ours in ((0, 0), (2, 3)):
            for kind, value in convolutions[ours].state_dict().items():
                state[f"down.{level}.{theirs}.{kind}"] = value
    for number, step in enumerate(padded.steps):
        for kind, value in step.enlarge.state_dict().items():
            state[f"enlarge.{number}.{kind}"] = value
        for theirs, ours in ((0, 0), (2, 3)):
            for kind, value in step.convolutions[ours].state_dict().items():
                state[f"up.{number}.{theirs}.{kind}"] = value
        weight = state[f"up.{number}.0.weight"]
        state[f"up.{number}.0.weight"] = weight.roll(weight.shape[1] // 2, dims=1)  # there, the skip comes first
    published.load_state_dict(state | {f"head.{kind}": value for kind, value in padded.head.state_dict().items()})
    return published


def test_away_from_the_border_the_padded_network_is_the_published_one():
    padded = drawn(partial(unet, 3, bias=True, widths=NARROW))
    for layer in padded.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.eps = 0
    published, images = without_padding(padded), images_of(192, 208)
    # Two pixels in, its poolings take the same pairs of rows: its first map begins at 2 + 2, all later ones at 4 / 2 + 2.
    first = 2
    with torch.no_grad():
        expected = published(images[:, :, first : first + 188, first : first + 204])
        found = padded(images)
    start = first + MARGIN
    assert expected.shape == (2, 3, 4, 20) and expected.std() > 0
    torch.testing.assert_close(found[:, :, start : start + 4, start : start + 20], expected, **DOUBLE)
    # One pixel off, it is another network.
    with torch.no_grad():
        other = published(images[:, :, first + 1 : first + 189, first : first + 204])
    assert (found[:, :, start + 1 : start + 5, start : start + 20] - other).abs().max() > 1e-3


VARIANTS = {
    **{f"{skips}, {up}": {"skips": skips, "upsample": up}
       for skips in ("concat", "add", "none") for up in ("transposed", "bilinear", "nearest")},
    "residual": {"residual": True},
    "attention": {"attention": True},
    "attention-residual": {"residual": True, "attention": True},
    "attention, add, bilinear": {"attention": True, "skips": "add", "upsample": "bilinear"},
    "biases": {"bias": True},
}  # fmt: skip
EVERY_VARIANT = pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)


def variant(settings, **others):
    return drawn(partial(unet, 3, widths=NARROW, **settings, **others))


@EVERY_VARIANT
def test_every_variant_takes_images_of_every_size(settings):
    assert_takes(variant(settings), [(64, 48), (65, 97), (33, 16), (31, 47)], num_classes=3)
    assert_takes(variant(settings, in_channels=1), [(16, 17)], num_classes=3, channels=1)


@EVERY_VARIANT
def test_every_variant_learns_everywhere(settings):
    assert_all_learn(variant(settings), images_of(35, 48))


@EVERY_VARIANT
def test_images_of_a_batch_do_not_meet_and_channels_may_come_last(settings):
    network, images = variant(settings), images_of(33, 50)
    with torch.no_grad():
        together = network(images)
        torch.testing.assert_close(network(images[1:]), together[1:], rtol=0, atol=1e-11)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, together, rtol=0, atol=1e-11)


def test_sizes_that_people_stumble_over():
    with torch.device("meta"):
        network = unet(2).eval()
        for size in ((513, 513), (500, 500), (375, 500), (16, 16)):
            assert network(torch.empty(1, 3, *size)).shape == (1, 2, *size)


def test_skips_decide_what_a_step_sees():
    """Without skips nothing but the coarsest map counts; with them, each map does."""
    for skips, counting in (("none", [False] * 4 + [True]), ("add", [True] * 5), ("concat", [True] * 5)):
        network = variant({"skips": skips})
        maps = [map_.detach().requires_grad_() for map_ in network.backbone(images_of(32, 48))]
        network.backbone.forward = lambda _images, maps=maps: maps
        network(images_of(32, 48)).sum().backward()
        assert [map_.grad is not None and bool(map_.grad.any()) for map_ in maps] == counting


def test_gates_multiply_skips():
    gate = drawn(partial(AttentionGate, 3, 5, 2))
    skip, gating = images_of(6, 7), images_of(6, 7, channels=5, seed=1)
    ratio = (gate(skip, gating) / skip).detach()
    assert ((ratio > 0) & (ratio < 1)).all() and ratio.std() > 0
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), **OPERATION[torch.float64])
    with torch.no_grad():
        gate.score[1].bias.fill_(1000)
    torch.testing.assert_close(gate(skip, gating), skip, **EXACT)


@pytest.mark.slow
def test_attention_gate_equals_monai():
    from monai.networks.nets.attentionunet import AttentionBlock

    theirs = drawn(partial(AttentionBlock, spatial_dims=2, f_int=4, f_g=5, f_l=6))
    ours = AttentionGate(6, 5, 4).double().eval()
    names = {"of_gating": "W_g", "of_skip": "W_x", "score": "psi"}
    state = {}
    for name, value in theirs.state_dict().items():
        part, rest = name.split(".", 1)
        # Theirs wraps each convolution once more.
        state[{other: own for own, other in names.items()}[part] + "." + rest.replace("0.conv.", "0.")] = value
    ours.load_state_dict(state, strict=True)
    skip, gating = images_of(9, 12, channels=6), images_of(9, 12, channels=5, seed=1)
    assert_same_network(lambda x: ours(x, gating), lambda x: theirs(g=gating, x=x), skip)
    assert_same_network(lambda g: ours(skip, g), lambda g: theirs(g=g, x=skip), gating)


def test_encoder_is_a_backbone():
    for settings in ({}, {"residual": True}, {"bias": True}):
        check_backbone(UNetEncoder(NARROW, **settings))
    encoder = UNetEncoder((4, 6))
    assert (encoder.channels, encoder.strides) == ((4, 6), (1, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"in_channels": 0}, "in_channels must be an integer of 1 or more, but is 0"),
        ({"skips": "cat"}, "skips must be one of 'concat', 'add', 'none', but is 'cat'"),
        ({"upsample": "cubic"}, "upsample must be one of 'transposed', 'bilinear', 'nearest', but is 'cubic'"),
        ({"widths": (8,)}, r"widths must name the channels of two levels at least, but is \(8,\)"),
        ({"widths": (8,), "upsample": "bilinear"}, "two levels at least"),
        ({"widths": (8, 0)}, r"widths\[1\] must be an integer of 1 or more, but is 0"),
        ({"widths": 8}, "widths must be a tuple of integers"),
        ({"bias": 1}, "bias must be True or False, but is 1"),
        ({"residual": "yes"}, "residual must be True or False, but is 'yes'"),
        ({"attention": None}, "attention must be True or False, but is None"),
        ({"attention": True, "skips": "none"}, 'gates on the skips, but skips="none"; take "concat" or "add"'),
    ],
)
def test_unet_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        unet(**({"num_classes": 3, "widths": (4, 4)} | settings))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 15, 32), "After 4 poolings nothing is left of 15 pixels; .* sides of at least 16"),
        (torch.zeros(1, 3, 32, 0), "nothing is left of 0 pixels"),
        (
            torch.zeros(1, 1, 32, 32),
            r"floating images \(B, 3, H, W\) in \[0, 1\], .* of shape \(1, 1, 32, 32\); .*in_channels",
        ),
        (torch.zeros(3, 32, 32), r"of shape \(3, 32, 32\); .*stack images"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "got torch.uint8 .*divide bytes by 255"),
        ([[1.0]], "images must be a tensor, but is list"),
    ],
)
def test_unet_refuses_images(images, message):
    with pytest.raises(ValueError, match=message):
        unet(3, widths=NARROW)(images)


# On any backbone

BACKBONES = {
    "small_resnet": partial(small_resnet, widths=(4, 5, 6, 7, 8)),
    "one map": partial(small_resnet, widths=(8,)),
    "resnet18": resnet18,
    "resnet18, output stride 8": partial(resnet18, output_stride=8),
    "unet": partial(UNetEncoder, (4, 6, 8)),
    "unet, one pooling": partial(UNetEncoder, (4, 6)),
    "frozen": lambda: Frozen(small_resnet(widths=(4, 5, 6))),
    "timm, from stride 2": partial(timm_backbone, "mobilenetv3_small_050"),
    "timm, from stride 4": partial(timm_backbone, "convnext_atto"),
    "vgg16": vgg16,
    "vgg16, output stride 8": partial(vgg16, output_stride=8),
}
SLOW = ("resnet18", "resnet18, output stride 8", "timm, from stride 2", "timm, from stride 4")
NEEDS_32 = ("vgg16", "timm, from stride 4")  # smaller images leave nothing of the last map


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW or "vgg" in name else name for name in BACKBONES],
)
def test_unet_on_every_backbone_takes_images_of_every_size(name):
    sizes = [(35, 49) if "vgg" in name else (65, 97), (33, 32)] + ([] if name.startswith(NEEDS_32) else [(33, 16)])
    for settings in ({}, {"skips": "add", "upsample": "bilinear"}, {"residual": True, "attention": True}):
        network = drawn(partial(UNet, BACKBONES[name](), 3, **settings))
        assert_takes(network, sizes, num_classes=3)
        with torch.no_grad():
            channels_last = network.to(memory_format=torch.channels_last)
            found = channels_last(images_of(33, 32).to(memory_format=torch.channels_last))
            torch.testing.assert_close(found, network(images_of(33, 32)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["small_resnet", "one map", "unet"])
@EVERY_VARIANT
def test_unet_on_a_backbone_learns_everywhere(name, settings):
    assert_all_learn(drawn(partial(UNet, BACKBONES[name](), 3, **settings)), images_of(41, 56))


def test_a_frozen_backbone_stays_as_it_is():
    network = drawn(lambda: UNet(Frozen(small_resnet(widths=(4, 5, 6))), 3))
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    network.train()(images_of(33, 32)).sum().backward()
    assert not any(parameter.grad is not None for parameter in network.backbone.parameters())
    assert all(parameter.grad.any() for parameter in network.head.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.backbone.state_dict().items())


def test_unet_takes_the_deepest_map_of_a_stride():
    with torch.device("meta"):
        network = UNet(resnet18(output_stride=8), 3)
    assert network.levels == [0, 1, 4]
    assert [step.convolutions[3].out_channels for step in network.steps] == [64, 64, 32]


class FromStride4(nn.Module):
    """Maps of strides 4 and 8, rounded up."""

    channels, strides = (12, 20), (4, 8)

    def forward(self, images):
        sizes = [[-(-side // stride) for side in images.shape[2:]] for stride in self.strides]
        pairs = zip(self.channels, sizes, strict=True)
        return [
            nn.functional.adaptive_avg_pool2d(images, size).repeat(1, width // 3 + 1, 1, 1)[:, :width]
            for width, size in pairs
        ]


@pytest.mark.parametrize("upsample", ["transposed", "bilinear"])
def test_steps_without_a_skip_double_the_size_until_it_is_the_images(upsample):
    network = drawn(lambda: UNet(FromStride4(), 3, upsample=upsample))
    sizes = []
    for step in network.steps:
        step.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[2:])))
    assert network(images_of(65, 98)).shape == (2, 3, 65, 98)
    assert sizes == [(17, 25), (33, 49), (65, 98)]
    if upsample == "transposed":
        assert [step.enlarge.kernel_size[0] for step in network.steps] == [2, 2, 2]
    assert_all_learn(network, images_of(33, 48))


@pytest.mark.parametrize(("skips", "upsample"), [("concat", "nearest"), ("add", "transposed"), ("add", "bilinear")])
def test_steps_may_have_other_channels_than_the_skips(skips, upsample):
    backbone = partial(small_resnet, widths=(4, 5, 6))
    network = drawn(lambda: UNet(backbone(), 3, skips=skips, upsample=upsample, widths=(7, 9, 2)))
    assert_takes(network, [(33, 16)], num_classes=3)
    assert_all_learn(network, images_of(33, 48))


def test_channels_of_the_steps():
    """Those of the finer map, and half as many where there is none; or what one asks for."""

    def between_and_after(network):
        return [(step.convolutions[0].out_channels, step.convolutions[3].out_channels) for step in network.steps]

    backbone = partial(small_resnet, widths=(6, 10, 14))
    assert between_and_after(UNet(backbone(), 3)) == [(10, 10), (6, 6), (3, 3)]
    assert between_and_after(UNet(small_resnet(widths=(9,)), 3)) == [(4, 4)]
    assert between_and_after(UNet(FromStride4(), 3)) == [(12, 12), (6, 6), (3, 3)]
    asked = UNet(backbone(), 3, widths=(5, 4, 2), middle=(8, 7, 6), head_kernel=5)
    assert between_and_after(asked) == [(8, 5), (7, 4), (6, 2)]
    assert asked.head.weight.shape == (3, 2, 5, 5)
    numpy = UNet(backbone(), np.uint8(3), widths=(np.int64(5), np.uint8(4), 2), head_kernel=np.int32(5))
    assert between_and_after(numpy) == [(5, 5), (4, 4), (2, 2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": None}, "a backbone is an nn.Module, but this is a NoneType"),
        ({"backbone": nn.Conv2d(3, 4, 1)}, "`channels` is a tuple of positive integers"),
        ({"num_classes": 0}, "num_classes must be an integer of 1 or more, but is 0"),
        ({"num_classes": 2.0}, "num_classes must be an integer .* but is 2.0; convert it with `int`"),
        ({"skips": "cat"}, "skips must be one of 'concat', 'add', 'none', but is 'cat'"),
        ({"widths": (4, 4)}, "widths needs a number for each of the 3 steps of the decoder, but has 2"),
        ({"widths": (4, 4, 4, 4)}, "the 3 steps of the decoder, but has 4"),
        ({"middle": (4,)}, "middle needs a number for each of the 3 steps of the decoder, but has 1"),
        ({"head_kernel": 2}, "head_kernel must be odd, so that the logits have the map's size, but is 2"),
        ({"head_kernel": 0}, "head_kernel must be an integer of 1 or more, but is 0"),
        ({"attention": 1}, "attention must be True or False, but is 1"),
    ],
)
def test_unet_on_a_backbone_refuses(settings, message):
    with pytest.raises(ValueError, match=message):
        UNet(**({"backbone": small_resnet(widths=(4, 4, 4)), "num_classes": 3} | settings))


def test_a_backbone_with_nothing_to_refine_is_refused():
    backbone = UNetEncoder((4, 6))
    backbone.channels, backbone.strides = (4,), (1,)
    with pytest.raises(ValueError, match="a single map, of the image's size; take one with more maps"):
        UNet(backbone, 3)


def test_an_unpaired_step_is_one_without_a_skip():
    step = drawn(partial(DecoderStep, 4, 0, 3, 5, attention=True))
    assert step.gate is None
    assert step(images_of(3, 4, channels=4), None, (6, 7)).shape == (2, 3, 6, 7)


# Weights of segmentation_models_pytorch


def smp_unet(encoder, **settings):
    import segmentation_models_pytorch as smp

    return drawn(lambda: smp.Unet(encoder, encoder_weights=None, classes=5, **settings))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "make"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_unet_equals_smp(encoder, make):
    theirs = smp_unet(encoder)
    ours = UNet(make(), 5, widths=(256, 128, 64, 32, 16), upsample="nearest", head_kernel=3).double().eval()
    ours.load_state_dict(unet_from_smp(theirs.state_dict()), strict=True)
    assert count(ours) == count(theirs)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(64, 96, batch=1))


@pytest.mark.slow
def test_unet_equals_smp_with_other_channels():
    theirs = smp_unet("resnet18", decoder_channels=(20, 16, 12, 8, 4))
    ours = UNet(resnet18(), 5, widths=(20, 16, 12, 8, 4), upsample="nearest", head_kernel=3).double().eval()
    ours.load_state_dict(unet_from_smp(theirs.state_dict()), strict=True)
    assert_same_network(ours, lambda images: theirs(ours.backbone.normalise(images)), images_of(32, 64))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "settings"),
    [("resnet18", {"decoder_attention_type": "scse"}), ("vgg11", {}), ("se_resnet50", {}), ("mobilenet_v2", {})],
)
def test_weights_of_other_networks_are_refused(encoder, settings):
    with pytest.raises(ValueError, match="not the weights of smp's network on a ResNet"):
        unet_from_smp(smp_unet(encoder, **settings).state_dict())


# On a GPU


@pytest.mark.gpu
@EVERY_VARIANT
def test_every_variant_on_a_gpu(settings):
    network, images = variant(settings), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
    assert_all_learn(network, images.cuda())


@pytest.mark.gpu
def test_the_published_network_on_a_gpu():
    network, images = drawn(partial(unet_2015, 2, widths=NARROW)), images_of(204, 188, channels=1)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
