"""One step of U-Net's expanding path: enlarge, bring the skip in, convolve twice."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, relu

from course_utils.models.backbones.unet import double_convolution
from course_utils.models.layers import resize

SKIPS = ("concat", "add", "none")
UPSAMPLING = ("transposed", "bilinear", "nearest")


class DecoderStep(nn.Module):
    """Enlarge a map to the size of its skip, bring the skip in, and convolve twice; see `unet.UNet`.

    Shapes: `maps` (B, channels, h, w) and `skip` (B, skip_channels, H, W), None where `skip_channels` is 0 → (B, width, H, W).
    """

    def __init__(
        self,
        channels: int,
        skip_channels: int,
        width: int,
        middle: int,
        *,
        factor: int = 2,
        skips: str = "concat",
        upsample: str = "transposed",
        bias: bool = False,
        residual: bool = False,
        attention: bool = False,
    ) -> None:
        super().__init__()
        for name, value, known in (("skips", skips, SKIPS), ("upsample", upsample, UPSAMPLING)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, but is {value!r}.")
        self.skips = skips if skip_channels else "none"
        self.upsample = upsample
        enlarged = channels
        self.enlarge: nn.Module = nn.Identity()
        if attention and skips == "none":
            raise ValueError('attention=True puts gates on the skips, but skips="none"; take "concat" or "add".')
        if upsample == "transposed":
            enlarged = skip_channels or width
            self.enlarge = nn.ConvTranspose2d(channels, enlarged, factor, stride=factor)
        elif self.skips == "add" and channels != skip_channels:
            # Only maps with as many channels can be added.
            enlarged = skip_channels
            self.enlarge = nn.Conv2d(channels, skip_channels, 1, bias=False)
        gated = attention and self.skips != "none"
        self.gate = AttentionGate(skip_channels, enlarged, max(skip_channels // 2, 1)) if gated else None
        joined = enlarged + (skip_channels if self.skips == "concat" else 0)
        self.convolutions = double_convolution(joined, width, middle, bias=bias, residual=residual)

    def forward(self, maps: Tensor, skip: Tensor | None, size: Sequence[int]) -> Tensor:
        x = fit(self.enlarge(maps), size) if self.upsample == "transposed" else self._interpolate(maps, size)
        if skip is None or self.skips == "none":
            return self.convolutions(x)
        skip = skip if self.gate is None else self.gate(skip, x)
        joined = x + skip if self.skips == "add" else torch.cat([x, skip], dim=1)
        return self.convolutions(joined)

    def _interpolate(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        # A 1×1 convolution and an interpolation can be exchanged; on the small map it costs a quarter.
        maps = self.enlarge(maps)
        return resize(maps, size) if self.upsample == "bilinear" else interpolate(maps, size=size, mode="nearest")


def scores(channels: int, num_classes: int, kernel_size: int) -> nn.Conv2d:
    """The convolution that scores classes, at the size of its map.

    Raises: ValueError for an even kernel, which has no centre.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"head_kernel must be odd, so that the logits have the map's size, but is {kernel_size}.")
    return nn.Conv2d(channels, num_classes, kernel_size, padding=kernel_size // 2)


def fit(maps: Tensor, size: Sequence[int]) -> Tensor:
    """A map cut to a size, or its last row and column repeated: a pooling rounds 513 down to 256, and 2 · 256 is one short.

    Shapes: (B, C, h, w) → (B, C, *size).
    """
    rows, columns = (max(want - have, 0) for want, have in zip(size, maps.shape[2:], strict=True))
    if rows or columns:
        maps = pad(maps, (0, columns, 0, rows), mode="replicate")
    return maps[:, :, : size[0], : size[1]]


class AttentionGate(nn.Module):
    """A skip times a number from 0 to 1 at each pixel, found from the skip itself and from the coarser map.

    Source: Oktay et al. 2018, section 2.2 and figure 2, arXiv:1804.03999.

    Shapes: `skip` (B, C, H, W), `gating` (B, G, H, W) → (B, C, H, W).

    Differs from the paper: the gating map is enlarged before the gate, as MONAI does; there the skip is made smaller. Batch
    norm follows the convolutions.
    """

    def __init__(self, channels: int, gating_channels: int, between: int) -> None:
        super().__init__()
        self.of_gating = nn.Sequential(nn.Conv2d(gating_channels, between, 1), nn.BatchNorm2d(between))
        self.of_skip = nn.Sequential(nn.Conv2d(channels, between, 1), nn.BatchNorm2d(between))
        self.score = nn.Sequential(nn.Conv2d(between, 1, 1), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        return skip * self.score(relu(self.of_gating(gating) + self.of_skip(skip)))
