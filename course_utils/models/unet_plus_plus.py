"""U-Net++: between encoder and decoder, steps of a decoder at every depth, each with all that its level has before it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.layers import positive_integers
from course_utils.models.unet_decoder import DecoderStep, scores
from course_utils.ops.checks import whole_numbers


class UNetPlusPlus(nn.Module):
    """U-Net++ on any backbone whose maps each have half the size of the one before.

    Source: Zhou et al. 2018, section 3.1, arXiv:1807.10165: X(i, j) = H([X(i, j-1), …, X(i, 0), U(X(i+1, j-1))]), where level i
    counts from the finest map, H is two convolutions and U enlarges.

    `widths`: channels of the decoder's last steps, from the coarsest on, as in `unet.UNet`; the nodes between have those of
    their level's map. `upsample` is "bilinear" or "nearest".

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Differs from the paper: one head on the last node, without deep supervision; batch norm; backbones that begin at stride 2
    get one step more, without a skip.

    Raises: ValueError if `backbone` is not a backbone or has other strides, for another `upsample`, and for numbers of channels
    that do not fit.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        widths: Sequence[int] | None = None,
        upsample: str = "bilinear",
        head_kernel: int = 1,
    ) -> None:
        super().__init__()
        num_classes, head_kernel = whole_numbers(1, num_classes=num_classes, head_kernel=head_kernel)
        promised = require_backbone(backbone)
        strides = sorted(set(promised.strides))
        doubled = [strides[0] * 2**level for level in range(len(strides))]
        if strides != doubled or strides[0] > 2 or len(strides) < 2:
            raise ValueError(
                f"U-Net++ needs maps of strides 2, 4, 8, … or 1, 2, 4, …, but this backbone has {strides}; take another."
            )
        if upsample not in ("bilinear", "nearest"):
            raise ValueError(f'upsample must be "bilinear" or "nearest", but is {upsample!r}.')
        self.backbone = backbone
        self.levels = [last_map_at(promised.strides, stride) for stride in strides]
        channels = [promised.channels[level] for level in self.levels]  # finest first
        depth = len(channels) - 1
        last = 0 if strides[0] == 1 else 1  # a step without a skip, up to the image's size
        given = [*channels[-2::-1], *[max(channels[0] // 2, 1)] * last] if widths is None else widths
        widths = positive_integers(given, "widths")
        if len(widths) != depth + last:
            raise ValueError(f"widths needs a number for each of {depth + last} steps, but has {len(widths)}.")
        # The nodes of the last diagonal are the decoder; `out[i]` is what the node at level i gives there.
        out = {level: widths[depth - 1 - level] for level in range(depth)} | {depth: channels[depth]}
        self.nodes = nn.ModuleDict()
        for column in range(1, depth + 1):
            for level in range(depth + 1 - column):
                decoding = column + level == depth
                below = out[level + 1] if decoding else channels[level + 1]
                width = out[level] if decoding else channels[level]
                self.nodes[node_name(level, column)] = DecoderStep(
                    below, channels[level] * column, width, width, upsample=upsample
                )
        self.last = DecoderStep(out[0], 0, widths[-1], widths[-1], upsample=upsample) if last else None
        self.head = scores(widths[-1], num_classes, head_kernel)

    def forward(self, images: Tensor) -> Tensor:
        encoded = self.backbone(images)
        rows = [[encoded[level]] for level in self.levels]  # of each level, X(i, 0), X(i, 1), …
        for column in range(1, len(rows)):
            for level in range(len(rows) - column):
                before = torch.cat(rows[level][::-1], dim=1)  # X(i, j-1), …, X(i, 0)
                x = self.nodes[node_name(level, column)](rows[level + 1][column - 1], before, before.shape[2:])
                rows[level].append(x)
        x = rows[0][-1]  # (B, width, H, W), or half of it
        return self.head(x if self.last is None else self.last(x, None, images.shape[2:]))


def node_name(level: int, column: int) -> str:
    return f"{level}_{column}"
