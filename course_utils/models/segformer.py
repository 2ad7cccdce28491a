"""SegFormer: Mix Transformers as backbones, and a decoder of linear layers. Weights from elsewhere: `segformer_weights`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import IMAGENET_MEAN, IMAGENET_STD, Normalise, positive_integers, resize
from course_utils.ops.checks import real_number, whole_numbers

SIZES = {
    "b0": ((32, 64, 160, 256), (2, 2, 2, 2)),
    "b1": ((64, 128, 320, 512), (2, 2, 2, 2)),
    "b2": ((64, 128, 320, 512), (3, 4, 6, 3)),
    "b3": ((64, 128, 320, 512), (3, 4, 18, 3)),
    "b4": ((64, 128, 320, 512), (3, 8, 27, 3)),
    "b5": ((64, 128, 320, 512), (3, 6, 40, 3)),
}
"""Channels and blocks of the four stages: Xie et al. 2021, table 6."""
HEADS, REDUCTIONS = (1, 2, 5, 8), (8, 4, 2, 1)


class ReducedAttention(nn.Module):
    """Self-attention in which keys and values come from a map that is `reduction` times coarser along both axes.

    With N = H · W pixels, the scores are N × N/R numbers, R = reduction²; without a reduction N × N. A convolution whose kernel
    equals its stride makes the coarser map, followed by a layer norm.

    Source: Xie et al. 2021, section 3.1 and equation 2, arXiv:2105.15203.

    Shapes: tokens (B, N, C) of a map of `size` (H, W) → (B, N, C).
    """

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.query, self.key, self.value = (nn.Linear(channels, channels) for _ in range(3))
        if reduction > 1:
            self.reduce = nn.Conv2d(channels, channels, reduction, stride=reduction)
            self.reduce_norm = nn.LayerNorm(channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, size: Sequence[int]) -> Tensor:
        few = tokens
        if self.reduction > 1:
            few = self.reduce_norm(to_tokens(self.reduce(to_map(tokens, size))))  # (B, N / R, C)
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, N or N / R, C / heads)
            for part in (self.query(tokens), self.key(few), self.value(few))
        )
        mixed = scaled_dot_product_attention(query, key, value)  # softmax(Q Kᵀ / √d) V
        return self.out(mixed.transpose(1, 2).flatten(2))


class MixFFN(nn.Module):
    """Two linear layers, and between them a depthwise 3×3 convolution, whose zero padding tells where a pixel is.

    Source: Xie et al. 2021, section 3.1 and equation 3, arXiv:2105.15203. With it no positional embedding is needed, so that any
    size goes in.

    Shapes: tokens (B, N, C) of a map of `size` (H, W) → (B, N, C).
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor, size: Sequence[int]) -> Tensor:
        hidden = to_tokens(self.depthwise(to_map(self.expand(tokens), size)))  # (B, N, hidden)
        return self.contract(gelu(hidden))


class StochasticDepth(nn.Module):
    """In training, the images' rows are set to 0 with probability `p`, and the others divided by 1 - p.

    Source: Huang et al. 2016, section 3, arXiv:1603.09382; torchvision's "row" mode.

    Shapes: (B, …) → the same.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty(len(x), *[1] * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * (kept if self.p == 1 else kept / (1 - self.p))


class Block(nn.Module):
    """Attention and Mix-FFN, each normalised before and added to what came in; in training, left out with probability `drop`."""

    def __init__(self, channels: int, heads: int, reduction: int, drop: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = ReducedAttention(channels, heads, reduction)
        self.mix_ffn = MixFFN(channels, 4 * channels)
        self.drop = StochasticDepth(drop)

    def forward(self, tokens: Tensor, size: Sequence[int]) -> Tensor:
        tokens = tokens + self.drop(self.attention(self.norm1(tokens), size))
        return tokens + self.drop(self.mix_ffn(self.norm2(tokens), size))


class Stage(nn.Module):
    """Overlapping patches, made tokens by a strided convolution; blocks; a layer norm.

    Shapes: maps (B, C_in, H, W) → (B, channels, ⌈H / stride⌉, ⌈W / stride⌉).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        kernel: int,
        stride: int,
        heads: int,
        reduction: int,
        drops: list[float],
    ) -> None:
        super().__init__()
        self.embed = nn.Conv2d(in_channels, channels, kernel, stride=stride, padding=kernel // 2)
        self.embed_norm, self.norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(Block(channels, heads, reduction, drop) for drop in drops)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.embed(maps)  # (B, C, H / stride, W / stride)
        size = maps.shape[2:]
        tokens = self.embed_norm(to_tokens(maps))  # (B, N, C)
        for block in self.blocks:
            tokens = block(tokens, size)
        return to_map(self.norm(tokens), size)


class MixTransformer(nn.Module):
    """A Mix Transformer (MiT), a backbone with maps at strides 4, 8, 16 and 32; see `mit`.

    `widths`, `depths`: channels and blocks of the stages; `heads`, `reductions`: of their attention; `drop`: how often the last
    block is left out in training (stochastic depth; earlier blocks less often, in proportion).

    Shapes: images (B, 3, H, W) in [0, 1] → four maps. An image has to be so large that each map has at least one place for
    keys: with the reductions 8, 4, 2, 1 that is 32 pixels on both sides, up to three fewer.

    Raises: ValueError for sequences that are not of four positive integers, widths that the heads do not divide, and a drop
    outside 0 … 1.
    """

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        *,
        heads: Sequence[int] = HEADS,
        reductions: Sequence[int] = REDUCTIONS,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        named = {"widths": widths, "depths": depths, "heads": heads, "reductions": reductions}
        widths, depths, heads, reductions = (positive_integers(value, name) for name, value in named.items())
        if not len(widths) == len(depths) == len(heads) == len(reductions) == 4:
            raise ValueError(f"A Mix Transformer has four stages, but the settings are for others: {named}.")
        if any(width % count for width, count in zip(widths, heads, strict=True)):
            raise ValueError(f"The heads of a stage must divide its width, but widths are {widths} and heads {heads}.")
        drop = real_number(drop, "drop", 0, 1)
        self.channels, self.strides = tuple(widths), (4, 8, 16, 32)
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        drops = iter([drop * n / max(sum(depths) - 1, 1) for n in range(sum(depths))])
        self.stages = nn.ModuleList(
            Stage(
                *(before, width),
                **({"kernel": 7, "stride": 4} if n == 0 else {"kernel": 3, "stride": 2}),
                heads=heads[n],
                reduction=reductions[n],
                drops=[next(drops) for _ in range(depths[n])],
            )
            for n, (before, width) in enumerate(zip((3, *widths), widths, strict=False))
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, x = [], self.normalise(images)
        for stage in self.stages:
            x = stage(x)  # (B, C, H/4, W/4), then H/8, H/16, H/32
            maps.append(x)
        return maps


def mit(name: str, *, drop: float = 0.1) -> MixTransformer:
    """The backbones of SegFormer, "b0" to "b5", with random weights.

    Source: Xie et al. 2021, table 6, arXiv:2105.15203. Raises: ValueError for another name.
    """
    if name not in SIZES:
        raise ValueError(f"There is no MiT {name!r}; choose one of {', '.join(SIZES)}.")
    return MixTransformer(*SIZES[name], drop=drop)


class SegFormer(nn.Module):
    """SegFormer: a linear layer brings every map of a backbone to one width; enlarged to the finest, they are fused and scored.

    Source: Xie et al. 2021, section 3.2, arXiv:2105.15203. `channels` is 256 with B0 and B1, 768 with the others. Maps finer
    than stride 4 are not used; of maps of one stride the deepest is.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Raises: ValueError for a backbone without a map at stride 4, numbers below 1, and a dropout outside 0 … 1.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, *, channels: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        promised = require_backbone(backbone)
        num_classes, channels = whole_numbers(1, num_classes=num_classes, channels=channels)
        dropout = real_number(dropout, "dropout", 0, 1)
        last_map_at(promised.strides, 4)
        self.levels = [last_map_at(promised.strides, stride) for stride in sorted(set(promised.strides)) if stride >= 4]
        self.backbone = backbone
        self.linears = nn.ModuleList(nn.Linear(promised.channels[level], channels) for level in self.levels)
        self.fuse = nn.Sequential(
            nn.Conv2d(len(self.levels) * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.dropout = nn.Dropout2d(dropout)
        self.score = nn.Conv2d(channels, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        maps = [maps[level] for level in self.levels]
        size = maps[0].shape[2:]
        alike = [
            resize(to_map(linear(to_tokens(x)), x.shape[2:]), size)  # (B, channels, H/4, W/4)
            for linear, x in zip(self.linears, maps, strict=True)
        ]
        fused = self.fuse(torch.cat(alike[::-1], 1))  # (B, channels, H/4, W/4), the coarsest map first
        return resize(self.score(self.dropout(fused)), images.shape[2:])  # (B, K, H, W)


def small_segformer(num_classes: int) -> SegFormer:
    """A SegFormer that two cores can train: 0.8 million parameters, one block a stage, drawn from no paper.

    Raises: ValueError for a number of classes below 1.
    """
    backbone = MixTransformer((24, 48, 96, 160), (1, 1, 1, 1), heads=(1, 2, 3, 5), drop=0.0)
    return SegFormer(backbone, num_classes, channels=64)


def to_tokens(maps: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H · W, C), row by row."""
    return maps.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, size: Sequence[int]) -> Tensor:
    """(B, H · W, C) → (B, C, H, W)."""
    return tokens.transpose(1, 2).unflatten(2, tuple(size))
