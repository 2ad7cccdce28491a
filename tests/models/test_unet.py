"""U-Net as most people build it: its parameters, a network by hand, and the variants, on images of every size."""

from functools import partial

import pytest
import torch
from tolerances import EXACT, NETWORK, OPERATION
from torch import nn
from unet_cases import EVERY_VARIANT, assert_all_learn, assert_same_network, assert_takes, count, images_of
from unfilled import drawn

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.unet import UNetEncoder
from course_utils.models.unet import MARGIN, padded_unet, unet_2015
from course_utils.models.unet_decoder import AttentionGate, fit

NARROW = (4, 5, 6, 7, 8)
DOUBLE = NETWORK[torch.float64]


def test_parameters_of_the_padded_variants():
    with torch.device("meta"):
        counts = {
            "biases, one class": count(padded_unet(1, bias=True)),
            "19 classes": count(padded_unet(19)),
            "19 classes, bilinear": count(padded_unet(19, upsample="bilinear")),
            "2 classes": count(padded_unet(2)),
            "2 classes, bilinear": count(padded_unet(2, upsample="bilinear")),
            "published, with batch norm": count(padded_unet(2, 1, bias=True)),
        }
        saved = count(padded_unet(19)) - count(padded_unet(19, skips="add"))
        assert count(padded_unet(19, skips="none")) == count(padded_unet(19, skips="add"))
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
        plain = count(padded_unet(19))
        residual, attention = (
            count(padded_unet(19, residual=True)) - plain,
            count(padded_unet(19, attention=True)) - plain,
        )
        assert count(padded_unet(19, residual=True, attention=True)) == plain + residual + attention
        # With as many channels below as in the skip, adding needs no convolution.
        bilinear = count(padded_unet(19, upsample="bilinear")) - count(
            padded_unet(19, upsample="bilinear", skips="add")
        )
    # A shortcut is a 1×1 convolution and its norm.
    blocks += [(2 * width, width) for width in skips]
    assert residual == sum(narrow * wide + 2 * wide for narrow, wide in blocks)
    # A gate has a 1×1 convolution with bias and norm of each of its maps to half as many channels, and one of these to one.
    assert attention == sum(2 * (width + 3) * width // 2 + width // 2 + 3 for width in skips)
    assert bilinear == 9 * sum(width**2 for width in skips)


def test_parameter_table():
    """Convolution, batch norm, convolution, batch norm, transposed convolution: (k² · C_in + 1) · C_out and 2 · C_out."""
    with torch.device("meta"):
        network = padded_unet(1, bias=True)
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
        network, images = padded_unet(19, upsample=upsample), torch.empty(1, 3, side, side)
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
    network = padded_unet(1, 1, widths=(1, 1), skips=skips, upsample=upsample).double().eval()
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
    padded = drawn(partial(padded_unet, 3, bias=True, widths=NARROW))
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


def variant(settings, **others):
    return drawn(partial(padded_unet, 3, widths=NARROW, **settings, **others))


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
        network = padded_unet(2).eval()
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
        padded_unet(**({"num_classes": 3, "widths": (4, 4)} | settings))


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
        padded_unet(3, widths=NARROW)(images)


@pytest.mark.gpu
@EVERY_VARIANT
def test_every_variant_on_a_gpu(settings):
    network, images = variant(settings), images_of(65, 97)
    expected = network(images).detach()
    torch.testing.assert_close(network.cuda()(images.cuda()).detach().cpu(), expected, rtol=0, atol=1e-9)
    assert_all_learn(network, images.cuda())
