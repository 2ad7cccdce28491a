"""SegFormer: attention by hand, transformers' and smp's outputs with their weights, counts, any size, and bad input."""

import pytest
import torch
from tolerances import NETWORK
from torch import Tensor, nn

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.models.segformer import (
    MixFFN,
    MixTransformer,
    ReducedAttention,
    SegFormer,
    StochasticDepth,
    mit,
    to_map,
    to_tokens,
)
from course_utils.models.segformer_weights import segformer_from_smp, segformer_from_transformers

SMALL = {"widths": (8, 16, 24, 32), "depths": (1, 2, 1, 1), "heads": (1, 2, 3, 4)}


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def shaken(network: nn.Module) -> nn.Module:
    """In float64, with all parameters and statistics moved, so that none is 0 or 1."""
    draw = torch.Generator().manual_seed(1)
    network = network.double().eval()
    with torch.no_grad():
        for value in [*network.parameters(), *network.buffers()]:
            if value.is_floating_point() and value.shape[-2:] != (1, 1):
                value += 0.05 * torch.rand(value.shape, generator=draw, dtype=torch.float64)
    return network


def assert_alike(found: Tensor, wanted: Tensor) -> None:
    scale = wanted.abs().max()
    torch.testing.assert_close(found / scale, wanted / scale, rtol=0, atol=NETWORK[torch.float64]["rtol"])


def test_attention_of_two_tokens_by_hand():
    """Queries, keys and values are the tokens themselves: the softmax of (1, 0) · k / √1."""
    attention = ReducedAttention(1, 1, 1).double()
    for layer in (attention.query, attention.key, attention.value, attention.out):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    found = attention(torch.tensor([[[0.0], [2.0]]], dtype=torch.float64), (1, 2))
    weight = torch.tensor(4.0, dtype=torch.float64).sigmoid()  # of the second for the second: e⁴ / (1 + e⁴)
    assert found.flatten().tolist() == pytest.approx([1.0, 2 * float(weight)])


def test_without_a_reduction_it_is_pytorchs_attention():
    ours, theirs = ReducedAttention(12, 3, 1).double(), nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.in_proj_weight.data = torch.cat([part.weight for part in (ours.query, ours.key, ours.value)]).data
    theirs.in_proj_bias.data = torch.cat([part.bias for part in (ours.query, ours.key, ours.value)]).data
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    tokens = images(2, 20, 12)
    assert_alike(ours(tokens, (4, 5)), theirs(tokens, tokens, tokens)[0])


def test_with_a_reduction_all_tokens_look_at_few():
    attention = ReducedAttention(8, 2, 2).double()
    seen = []
    attention.key.register_forward_hook(lambda layer, inputs, out: seen.append(out.shape))
    assert attention(images(1, 6 * 5, 8), (6, 5)).shape == (1, 30, 8)
    assert seen == [(1, 3 * 2, 8)]


def test_mix_ffn_knows_where_the_border_is():
    ffn = MixFFN(4, 8).double()
    tokens = torch.ones(1, 35, 4, dtype=torch.float64)
    found = to_map(ffn(tokens, (5, 7)), (5, 7))
    inside = found[..., 1:-1, 1:-1]
    torch.testing.assert_close(inside, inside[..., :1, :1].expand_as(inside))
    assert (found[..., 0, 0] - found[..., 2, 2]).abs().max() > 1e-3


def test_tokens_and_maps():
    maps = images(2, 3, 4, 5)
    assert torch.equal(to_map(to_tokens(maps), (4, 5)), maps)
    assert torch.equal(to_tokens(maps)[0, 7], maps[0, :, 1, 2])


def test_transformers_outputs_and_gradients_with_its_weights():
    transformers = pytest.importorskip("transformers")
    settings = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 2, 1, 1], "num_attention_heads": [1, 2, 3, 4]}
    config = transformers.SegformerConfig(num_labels=5, decoder_hidden_size=20, **settings)
    theirs = shaken(transformers.SegformerForSemanticSegmentation(config))
    ours = SegFormer(MixTransformer(**SMALL), 5, channels=20).double().eval()
    ours.load_state_dict(segformer_from_transformers(theirs.state_dict()))
    mine, other = (images(2, 3, 65, 97).requires_grad_() for _ in range(2))
    found = ours(mine)
    wanted = nn.functional.interpolate(theirs(ours.backbone.normalise(other)).logits, size=(65, 97), mode="bilinear")
    assert_alike(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    assert_alike(mine.grad, other.grad)
    assert_alike(
        ours.backbone.stages[0].embed.weight.grad, theirs.segformer.stages[0].patch_embeddings.proj.weight.grad
    )


def test_the_names_of_published_files():
    """transformers has renamed its layers since they were published; the files have these."""
    ours = SegFormer(MixTransformer(**SMALL), 5, channels=20)
    published = {
        "segformer.encoder.patch_embeddings.0.proj.weight": "backbone.stages.0.embed.weight",
        "segformer.encoder.patch_embeddings.3.layer_norm.bias": "backbone.stages.3.embed_norm.bias",
        "segformer.encoder.block.1.1.layer_norm_1.weight": "backbone.stages.1.blocks.1.norm1.weight",
        "segformer.encoder.block.0.0.attention.self.query.weight": "backbone.stages.0.blocks.0.attention.query.weight",
        "segformer.encoder.block.0.0.attention.self.sr.weight": "backbone.stages.0.blocks.0.attention.reduce.weight",
        "segformer.encoder.block.0.0.attention.self.layer_norm.bias": "backbone.stages.0.blocks.0.attention.reduce_norm.bias",
        "segformer.encoder.block.2.0.attention.output.dense.bias": "backbone.stages.2.blocks.0.attention.out.bias",
        "segformer.encoder.block.2.0.mlp.dense1.weight": "backbone.stages.2.blocks.0.mix_ffn.expand.weight",
        "segformer.encoder.block.2.0.mlp.dwconv.dwconv.bias": "backbone.stages.2.blocks.0.mix_ffn.depthwise.bias",
        "segformer.encoder.layer_norm.1.weight": "backbone.stages.1.norm.weight",
        "decode_head.linear_c.2.proj.weight": "linears.2.weight",
        "decode_head.linear_fuse.weight": "fuse.0.weight",
        "decode_head.batch_norm.running_var": "fuse.1.running_var",
        "decode_head.classifier.bias": "score.bias",
    }
    found = segformer_from_transformers(dict.fromkeys(published, torch.zeros(1)))
    assert list(found) == list(published.values()) and set(found) <= set(ours.state_dict())


def test_smp_with_its_weights():
    """smp has 1e-6 in its layer norms, as the authors' code has, and enlarges with aligned corners: scores are compared."""
    import segmentation_models_pytorch as smp

    theirs = shaken(smp.Segformer("mit_b0", encoder_weights=None, classes=5))
    ours = SegFormer(mit("b0"), 5).double().eval()
    ours.load_state_dict(segformer_from_smp(theirs.state_dict()))
    for layer in theirs.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.eps = 1e-5
    scores: list[Tensor] = []
    for layer in (ours.score, theirs.segmentation_head[0]):
        layer.register_forward_hook(lambda layer, inputs, out: scores.append(out))
    x = images(1, 3, 64, 96)
    ours(x)
    theirs(ours.backbone.normalise(x))
    assert_alike(*scores)


@pytest.mark.parametrize(
    ("name", "channels", "millions"),
    [("b0", 256, 3.753), ("b1", 256, 13.716), ("b2", 768, 27.462), ("b3", 768, 47.338), ("b4", 768, 64.108), ("b5", 768, 84.709)],
)  # fmt: skip
def test_parameters_with_150_classes(name: str, channels: int, millions: float):
    with torch.device("meta"):
        network = SegFormer(mit(name), 150, channels=channels)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 3) == millions


def test_it_is_a_backbone_and_takes_any():
    check_backbone(MixTransformer(**SMALL, drop=0.5))
    backbone = small_resnet(widths=(4, 6, 8, 10))
    network = SegFormer(backbone, 3, channels=12)
    assert network(torch.rand(2, 3, 33, 47)).shape == (2, 3, 33, 47)
    assert [layer.in_features for layer in network.linears] == [
        width for width, stride in zip(backbone.channels, backbone.strides, strict=True) if stride >= 4
    ]


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_stochastic_depth_is_torchvisions(p: float):
    import torchvision

    x, found = images(50, 2, 3), []
    for layer in (StochasticDepth(p), torchvision.ops.StochasticDepth(p, "row")):
        torch.manual_seed(4)
        found.append(layer(x))
    torch.testing.assert_close(*found)
    assert (found[0].flatten(1) == 0).all(1).any() == (p > 0)


def test_depth_is_left_out_in_training_only():
    torch.manual_seed(0)
    backbone = MixTransformer(**SMALL, drop=0.9)
    x = torch.rand(2, 3, 32, 32)
    assert [block.drop.p for stage in backbone.stages for block in stage.blocks] == pytest.approx(
        [0, 0.225, 0.45, 0.675, 0.9]
    )
    assert not torch.equal(backbone(x)[-1], backbone(x)[-1])
    backbone.eval()
    assert torch.equal(backbone(x)[-1], backbone(x)[-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mit("b6"), "There is no MiT 'b6'; choose one of b0, b1"),
        (lambda: MixTransformer((8, 16), (1, 1)), "has four stages"),
        (lambda: MixTransformer((9, 16, 24, 32), (1, 1, 1, 1), heads=(2, 2, 3, 4)), "heads of a stage must divide its width"),
        (lambda: MixTransformer((8, 16, 24, 32), (1, 1, 1, 0)), "depths"),
        (lambda: MixTransformer(**SMALL, drop=1.5), "drop must be"),
        (lambda: SegFormer(nn.Conv2d(3, 4, 1), 3), "`channels` is a tuple"),
        (lambda: SegFormer(MixTransformer(**SMALL), 0), "num_classes must be"),
        (lambda: SegFormer(MixTransformer(**SMALL), 3, dropout=2), "dropout must be"),
        (lambda: MixTransformer(**SMALL)(torch.rand(1, 1, 32, 32)), "images"),
        (lambda: segformer_from_transformers({"conv.weight": torch.zeros(1)}), "not the weights of transformers' Segformer"),
        (lambda: segformer_from_smp({"encoder.conv1.weight": torch.zeros(1)}), "not the weights of smp's Segformer"),
    ],
)  # fmt: skip
def test_it_refuses(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.gpu
def test_on_a_gpu():
    torch.manual_seed(0)
    network = SegFormer(MixTransformer(**SMALL), 3, channels=12).eval()
    x = torch.rand(1, 3, 40, 56)
    torch.testing.assert_close(network.cuda()(x.cuda()).cpu(), network.cpu()(x), rtol=1e-3, atol=1e-3)
