"""U-Net: as published, with padding, and with any backbone as its encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.unet import UNetEncoder, levels, require_images
from course_utils.models.layers import positive_integers, with_he_weights
from course_utils.models.unet_decoder import DecoderStep, scores
from course_utils.ops.checks import require_bools, whole_number, whole_numbers

WIDTHS = (64, 128, 256, 512, 1024)
SMALLEST, STEP = 188, 16
"""The sides that the published network takes are 188, 188 + 16, …; of the smallest, 4 pixels come out."""
MARGIN = 92
"""Pixels on each side that the published network sees, but gives no answer for."""


class UNet(nn.Module):
    """A U-Net on any backbone: from the coarsest map up, each finer map brought in by a skip, up to the image's size.

    Source: Ronneberger, Fischer and Brox 2015, section 2 and figure 1, arXiv:1505.04597.

    - `skips`: "concat", as in the paper, beside the upsampled map; "add" on it, as FCN and LinkNet do; or "none".
    - `widths`: channels after each step of the decoder, one for each map but the coarsest, and one more for each halving
      down to stride 1; those of the maps if not given, and half as many where there is no map.
    - `middle`: channels between the two convolutions of each step, where they are not those after it.
    - `upsample`: "transposed", as in the paper (2×2, stride 2), "bilinear" or "nearest".
    - `residual`: each step's two convolutions beside a shortcut (Zhang, Liu and Wang 2018, arXiv:1711.10684).
    - `attention`: a gate on each skip (Oktay et al. 2018, arXiv:1804.03999). Both are the attention-residual U-Net.
    - `head_kernel`: side of the last convolution, odd.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Differs from the paper: padding and batch norm, and no cropping; `unet_2015` is the paper's.

    Raises: ValueError if `backbone` is not a backbone, for other names, for numbers of channels that do not fit, and for gates
    on skips that are not there.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        skips: str = "concat",
        widths: Sequence[int] | None = None,
        middle: Sequence[int] | None = None,
        upsample: str = "transposed",
        bias: bool = False,
        residual: bool = False,
        attention: bool = False,
        head_kernel: int = 1,
    ) -> None:
        super().__init__()
        num_classes, head_kernel = whole_numbers(1, num_classes=num_classes, head_kernel=head_kernel)
        require_bools(bias=bias, residual=residual, attention=attention)
        channels, strides = require_backbone(backbone)
        self.backbone = backbone
        used = sorted(set(strides))
        self.levels = [last_map_at(strides, stride) for stride in used]  # finest first
        coarsest, *skip_channels = (channels[level] for level in reversed(self.levels))
        factors = [coarse // fine for fine, coarse in zip(used, used[1:], strict=False)][::-1]
        # Where no map has the image's size, two rows for one until it is reached.
        halvings = (used[0] - 1).bit_length()
        skip_channels += [0] * halvings
        factors += [2] * halvings
        widths = _widths(widths, coarsest, skip_channels)
        middle = widths if middle is None else _one_for_each_step(middle, "middle", len(widths))
        self.steps = nn.ModuleList()
        for before, skip, width, between, factor in zip(
            [coarsest, *widths[:-1]], skip_channels, widths, middle, factors, strict=True
        ):
            self.steps.append(
                DecoderStep(
                    before, skip, width, between,
                    factor=factor, skips=skips, upsample=upsample, bias=bias, residual=residual, attention=attention,
                )
            )  # fmt: skip
        self.head = scores(widths[-1], num_classes, head_kernel)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        x, *finer = (maps[level] for level in reversed(self.levels))  # (B, C, H/16, W/16); then H/8, …
        halvings = len(self.steps) - len(finer)
        sizes = [*(skip.shape[2:] for skip in finer), *_halvings(images.shape[2:], halvings)]
        for step, skip, size in zip(self.steps, [*finer, *[None] * halvings], sizes, strict=True):
            x = step(x, skip, size)  # (B, width, H/8, W/8), then H/4, …
        return self.head(x)  # (B, K, H, W)


def _widths(widths: Sequence[int] | None, coarsest: int, skip_channels: Sequence[int]) -> tuple[int, ...]:
    """Channels after each step: those given, or those of its skip, or half of those before where it has none."""
    if not skip_channels:
        raise ValueError(
            "A U-Net needs a step to take, but this backbone has a single map, of the image's size; take one with more maps."
        )
    if widths is not None:
        return _one_for_each_step(widths, "widths", len(skip_channels))
    found = [coarsest]
    for channels in skip_channels:
        found.append(channels or max(found[-1] // 2, 1))
    return tuple(found[1:])


def _one_for_each_step(values: Sequence[int], name: str, steps: int) -> tuple[int, ...]:
    values = positive_integers(values, name)
    if len(values) != steps:
        raise ValueError(f"{name} needs a number for each of the {steps} steps of the decoder, but has {len(values)}.")
    return values


def _halvings(size: Sequence[int], steps: int) -> list[Sequence[int]]:
    """The sizes of the maps that a backbone does not have: …, a quarter and half of the image, rounded up, and the image's."""
    return [tuple(-(-side // 2**step) for side in size) for step in reversed(range(steps))]


def padded_unet(
    num_classes: int,
    in_channels: int = 3,
    *,
    upsample: str = "transposed",
    bias: bool = False,
    skips: str = "concat",
    residual: bool = False,
    attention: bool = False,
    widths: Sequence[int] = WIDTHS,
) -> UNet:
    """U-Net as most people build it: the paper's widths, padded convolutions, batch norm, any size from 16 × 16 on.

    - `bias=True`, one class: 31,043,521 parameters.
    - `upsample="transposed"`, 19 classes: 31,038,803; "bilinear": 17,264,147, since its lowest maps have 512 channels, and
      each step halves the channels in its first convolution.

    Shapes: images (B, in_channels, H, W) in [0, 1] → logits (B, num_classes, H, W). Images are not normalised.

    Raises: ValueError as `UNet`.
    """
    widths = levels(widths)
    decoder, middle = widths[-2::-1], widths[-2::-1]
    if upsample != "transposed":
        # Not even the lowest map has more channels than the skip beside which it comes. A step halves them, but has as many as
        # that skip between its convolutions.
        widths = (*widths[:-1], widths[-2])
        decoder = (*widths[-3::-1], widths[0])
    network = UNet(
        UNetEncoder(widths, in_channels, bias=bias, residual=residual),
        num_classes,
        skips=skips,
        widths=decoder,
        middle=middle,
        upsample=upsample,
        bias=bias,
        residual=residual,
        attention=attention,
    )
    return with_he_weights(network)


class UNet2015(nn.Module):
    """U-Net as published: no padding, so that each side loses 92 pixels; see `unet_2015`."""

    def __init__(self, num_classes: int, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        num_classes, in_channels = whole_numbers(1, num_classes=num_classes, in_channels=in_channels)
        self.in_channels = in_channels
        down = zip((in_channels, *widths), widths, strict=False)
        self.down = nn.ModuleList(_unpadded(narrow, wide) for narrow, wide in down)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.5)
        turned = list(widths[::-1])
        steps = list(zip(turned, turned[1:], strict=False))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, stride=2) for wide, narrow in steps)
        self.up = nn.ModuleList(_unpadded(2 * narrow, narrow) for _, narrow in steps)
        self.head = nn.Conv2d(widths[0], num_classes, 1)
        with_he_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        require_images(images, self.in_channels)
        _require_valid_sides(images)
        x, maps = images, []
        for level, convolutions in enumerate(self.down):
            x = convolutions(x if level == 0 else self.pool(x))  # 568 of 572 rows, then 280, 136, 64, 28
            maps.append(x)
        x = self.dropout(x)
        for enlarge, convolutions, skip in zip(self.enlarge, self.up, maps[-2::-1], strict=True):
            x = enlarge(x)  # 56 rows, then 104, 200, 392
            x = convolutions(torch.cat([_centre(skip, x.shape[2:]), x], dim=1))  # 52, then 100, 196, 388
        return self.head(x)


def _require_valid_sides(images: Tensor) -> None:
    for side in images.shape[2:]:
        past = (side - SMALLEST) % STEP
        if side < SMALLEST or past:
            nearest = (
                f"the nearest are {side - past} and {side - past + STEP}" if side > SMALLEST else "it is too small"
            )
            raise ValueError(
                f"The published U-Net takes sides of {SMALLEST} + {STEP}n pixels, since each pooling needs an even map, but got "
                f"{side}: {nearest}. Mirror the image at its borders, or use `inference.tiles.predict_in_tiles`."
            )


def _unpadded(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(in_channels, out_channels, 3), nn.ReLU(inplace=True)),
        *(nn.Conv2d(out_channels, out_channels, 3), nn.ReLU(inplace=True)),
    )


def _centre(maps: Tensor, size: Sequence[int]) -> Tensor:
    """The middle of a map: what the paper crops, 4, 16, 40 and 88 pixels from each side."""
    top, left = ((have - want) // 2 for have, want in zip(maps.shape[2:], size, strict=True))
    return maps[:, :, top : top + size[0], left : left + size[1]]


def unet_2015(num_classes: int, in_channels: int = 1, *, widths: Sequence[int] = WIDTHS) -> UNet2015:
    """The published U-Net: 23 convolutions, none padded, no batch norm; 31,030,658 parameters from 1 channel to 2 classes.

    Source: Ronneberger, Fischer and Brox 2015, figure 1 and section 3 (first weights of variance 2/N, dropout at the end of
    the way down), arXiv:1505.04597.

    Shapes: images (B, in_channels, H, W), sides as `valid_input_sizes` → logits (B, num_classes, H - 184, W - 184). The paper's
    572 × 572 gives 388 × 388. For other sizes see `inference.tiles.predict_in_tiles`.

    Differs from the paper: N is the number of outgoing connections, see `layers.with_he_weights`. Smaller `widths` are for
    trials.

    Raises: ValueError for numbers below 1; the network, for other channels and sides.
    """
    widths = positive_integers(widths, "widths")
    if len(widths) != 5:
        raise ValueError(f"widths must name the channels of the 5 levels, but has {len(widths)} numbers.")
    return UNet2015(num_classes, in_channels, widths)


def valid_input_sizes(largest: int) -> list[int]:
    """The sides, up to `largest`, that the published U-Net takes: 188, 204, … 556, 572, 588, …; it gives back 184 less.

    Two convolutions take 4 pixels from a side, and a pooling needs an even one. So a side above a pooling is twice the one below
    plus 4, from n at the bottom to 16 n + 60 of the image. On the way up, n has to be 8 at least for anything to be left.

    Raises: ValueError if `largest` is not a whole number of 0 or more.
    """
    return list(range(SMALLEST, whole_number(largest, "largest", minimum=0) + 1, STEP))
