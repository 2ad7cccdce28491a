"""Weights of SegFormers made elsewhere under the names that they have here."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from course_utils.models.backbones.resnet import weights_of

Rules = Sequence[tuple[str, str]]

# transformers has renamed its layers: the second form is that of the published files.
_TRANSFORMERS: Rules = (
    (r"^segformer\.stages\.(\d)\.patch_embeddings\.proj\.", r"backbone.stages.\1.embed."),
    (r"^segformer\.stages\.(\d)\.patch_embeddings\.layer_norm\.", r"backbone.stages.\1.embed_norm."),
    (r"^segformer\.stages\.(\d)\.layer_norm\.", r"backbone.stages.\1.norm."),
    (r"^segformer\.stages\.", r"backbone.stages."),
    (r"^segformer\.encoder\.patch_embeddings\.(\d)\.proj\.", r"backbone.stages.\1.embed."),
    (r"^segformer\.encoder\.patch_embeddings\.(\d)\.layer_norm\.", r"backbone.stages.\1.embed_norm."),
    (r"^segformer\.encoder\.layer_norm\.(\d)\.", r"backbone.stages.\1.norm."),
    (r"^segformer\.encoder\.block\.(\d)\.", r"backbone.stages.\1.blocks."),
    (r"\.(layernorm_before|layer_norm_1)\.", ".norm1."),
    (r"\.(layernorm_after|layer_norm_2)\.", ".norm2."),
    (r"\.attention\.(q_proj|self\.query)\.", ".attention.query."),
    (r"\.attention\.(k_proj|self\.key)\.", ".attention.key."),
    (r"\.attention\.(v_proj|self\.value)\.", ".attention.value."),
    (r"\.attention\.(o_proj|output\.dense)\.", ".attention.out."),
    (r"\.attention\.(sequence_reduction\.sequence_reduction|self\.sr)\.", ".attention.reduce."),
    (r"\.attention\.(sequence_reduction|self)\.layer_norm\.", ".attention.reduce_norm."),
    (r"\.mlp\.(fc1|dense1)\.", ".mix_ffn.expand."),
    (r"\.mlp\.dwconv\.dwconv\.", ".mix_ffn.depthwise."),
    (r"\.mlp\.(fc2|dense2)\.", ".mix_ffn.contract."),
    (r"^decode_head\.(linear_projections|linear_c)\.(\d)\.proj\.", r"linears.\2."),
    (r"^decode_head\.linear_fuse\.", "fuse.0."),
    (r"^decode_head\.batch_norm\.", "fuse.1."),
    (r"^decode_head\.classifier\.", "score."),
)
_SMP: Rules = (
    (r"\.norm([12])\.", r".NORM\1."),  # those of blocks; stages have norms of the same names
    (r"^encoder\.patch_embed(\d)\.proj\.", r"backbone.stages.\1.embed."),
    (r"^encoder\.patch_embed(\d)\.norm\.", r"backbone.stages.\1.embed_norm."),
    (r"^encoder\.block(\d)\.", r"backbone.stages.\1.blocks."),
    (r"^encoder\.(?:norm|NORM)(\d)\.", r"backbone.stages.\1.norm."),
    (r"\.NORM(\d)\.", r".norm\1."),
    (r"\.attn\.q\.", ".attention.query."),
    (r"\.attn\.proj\.", ".attention.out."),
    (r"\.attn\.sr\.", ".attention.reduce."),
    (r"\.attn\.norm\.", ".attention.reduce_norm."),
    (r"\.mlp\.fc1\.", ".mix_ffn.expand."),
    (r"\.mlp\.dwconv\.dwconv\.", ".mix_ffn.depthwise."),
    (r"\.mlp\.fc2\.", ".mix_ffn.contract."),
    (r"^decoder\.mlp_stage\.(\d)\.linear\.", r"linears.\1."),
    (r"^decoder\.fuse_stage\.", "fuse."),
    (r"^segmentation_head\.0\.", "score."),
)


def segformer_from_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of transformers' `SegformerForSemanticSegmentation`, as made by it or as published, for `SegFormer(mit(…), …)`.

    Raises: ValueError for the weights of another network.
    """
    with weights_of("transformers' SegformerForSemanticSegmentation"):
        return {_renamed(name, _TRANSFORMERS): value for name, value in state.items()}


def segformer_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of smp's `Segformer` on one of its "mit_b0" … "mit_b5", for `SegFormer(mit(…), …)` of smp's width, 256.

    Raises: ValueError for the weights of another network.
    """
    found = {}
    with weights_of("smp's Segformer on a Mix Transformer"):
        for name, value in state.items():
            if ".attn.kv." in name:
                for part, rows in zip(("key", "value"), torch.chunk(value, 2), strict=True):
                    found[_counted_from_0(_renamed(name.replace(".attn.kv.", f".attention.{part}."), _SMP))] = rows
            else:
                found[_counted_from_0(_renamed(name, _SMP))] = value
    return found


def _renamed(name: str, rules: Rules) -> str:
    for pattern, ours in rules:
        name = re.sub(pattern, ours, name)
    if not name.startswith(("backbone.stages.", "linears.", "fuse.", "score.")):
        raise ValueError(f"a part of it would have the name {name!r}")
    return name


def _counted_from_0(name: str) -> str:
    """smp counts stages from 1, and the decoder's layers from the coarsest map."""
    name = re.sub(r"^backbone\.stages\.(\d)", lambda match: f"backbone.stages.{int(match[1]) - 1}", name)
    return re.sub(r"^linears\.(\d)", lambda match: f"linears.{3 - int(match[1])}", name)
