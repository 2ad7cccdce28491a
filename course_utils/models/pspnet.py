"""PSPNet: beside each place of a map, what there is in the whole image, in its quarters, in its ninths and in its 36ths."""

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import on_resnet, resnet50, weights_of
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fcn import fcn_head, require_auxiliary
from course_utils.models.layers import conv_norm, positive_integers, resize, sees_one_value
from course_utils.ops.checks import require_bools, whole_number, whole_numbers

BINS = (1, 2, 3, 6)


class PyramidPooling(nn.Module):
    """A map beside means of itself over 1×1, 2×2, 3×3 and 6×6 bins, each convolved and enlarged to the map's size.

    Source: Zhao et al. 2017, section 3.2 and figure 3, arXiv:1612.01105.

    Bin i of N takes the rows from ⌊i·h/N⌋ to ⌈(i+1)·h/N⌉ of h, and columns likewise. So every map goes through: where N does
    not divide h, bins share a row, and a map with fewer rows than bins repeats some.

    Each branch has a 1×1 convolution to C / 4 channels (C / len(bins), rounded down), batch norm and ReLU. `align_corners`
    says how branches are enlarged, as in `torch.nn.functional.interpolate`.

    Shapes: maps (B, C, h, w) → (B, 2C, h, w), the map itself first. If len(bins) does not divide C, there are fewer channels.

    Raises: ValueError for numbers below 1, and for a single image in training: batch norm has nothing to compare it with.
    """

    def __init__(self, channels: int, bins: Sequence[int] = BINS, *, align_corners: bool = False) -> None:
        super().__init__()
        channels = whole_number(channels, "channels", minimum=1)
        require_bools(align_corners=align_corners)
        self.bins, self.align_corners = positive_integers(bins, "bins"), align_corners
        width = max(channels // max(len(self.bins), 1), 1)
        self.out_channels = channels + len(self.bins) * width
        self.branches = nn.ModuleList(
            nn.Sequential(conv_norm(channels, width, 1), nn.ReLU(inplace=True)) for _ in self.bins
        )

    def forward(self, maps: Tensor) -> Tensor:
        found = [maps]
        for bins, branch in zip(self.bins, self.branches, strict=True):
            pooled = adaptive_avg_pool2d(maps, bins)  # (B, C, bins, bins)
            if sees_one_value(pooled, branch):
                raise ValueError(
                    "In training, the batch norm after pooling to 1×1 needs 2 images or more: of a single one, each channel has "
                    "one value, and less its mean that is 0. Raise the batch size, or put the network into evaluation mode with "
                    "`.eval()`."
                )
            enlarged = resize(branch(pooled), maps.shape[2:], align_corners=self.align_corners)
            found.append(enlarged)  # (B, C/4, h, w)
        return torch.cat(found, dim=1)  # (B, 2C, h, w)


class PSPNet(nn.Module):
    """PSPNet on any backbone: pyramid pooling of one map, a convolution, and the scores.

    Source: Zhao et al. 2017, sections 3.2 and 3.3, arXiv:1612.01105.

    - `stride`: the last map of this stride is pooled, by default the last of all; layers after it learn nothing. The paper
      pools the last map of a ResNet of output stride 8.
    - `auxiliary`: a second head on the map before, for `with_auxiliary`. The paper adds 0.4 times its loss in training.
    - `width`: channels after the pyramid; by default an eighth of what the pyramid has, 512 for ResNet-50.
    - `fusion_kernel`, `head_kernel`: sides of the two convolutions after the pyramid, odd.
    - `align_corners`: how maps are enlarged. True is what the authors' code does; False is what all of this course does.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W), for every size that the backbone takes.

    Differs from the paper: corners are not aligned, unless `align_corners=True`.

    Raises: ValueError if `backbone` is not a backbone or has no map at this stride, and for other numbers; the network, for a
    single image in training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        stride: int | None = None,
        auxiliary: bool = False,
        bins: Sequence[int] = BINS,
        width: int | None = None,
        fusion_kernel: int = 3,
        head_kernel: int = 1,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        require_bools(auxiliary=auxiliary)
        channels, strides = require_backbone(backbone)
        self.backbone, self.align_corners = backbone, align_corners
        self.level = len(strides) - 1 if stride is None else last_map_at(strides, stride)
        self.pooling = PyramidPooling(channels[self.level], bins, align_corners=align_corners)
        joined = self.pooling.out_channels
        width = max(joined // 8, 1) if width is None else whole_number(width, "width", minimum=1)
        fusion_kernel, head_kernel = _odd(fusion_kernel=fusion_kernel, head_kernel=head_kernel)
        self.head = nn.Sequential(
            *(conv_norm(joined, width, fusion_kernel), nn.ReLU(inplace=True), nn.Dropout2d(0.1)),
            nn.Conv2d(width, num_classes, head_kernel, padding=head_kernel // 2),
        )
        self.auxiliary_head = None
        if auxiliary:
            if self.level == 0:
                raise ValueError(
                    "The auxiliary head looks at the map before the one that is pooled, but there is none."
                )
            self.auxiliary_head = fcn_head(channels[self.level - 1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self._logits(self.backbone(images), images)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the auxiliary head on the map before, for a second loss in training."""
        auxiliary_head = require_auxiliary(self.auxiliary_head)
        maps = self.backbone(images)
        auxiliary = resize(auxiliary_head(maps[self.level - 1]), images.shape[2:], align_corners=self.align_corners)
        return self._logits(maps, images), auxiliary

    def _logits(self, maps: Sequence[Tensor], images: Tensor) -> Tensor:
        x = self.pooling(maps[self.level])  # (B, 2C, H/8, W/8)
        logits = self.head(x)  # (B, K, H/8, W/8)
        return resize(logits, images.shape[2:], align_corners=self.align_corners)  # (B, K, H, W)


def _odd(**kernels: int) -> list[int]:
    found = whole_numbers(1, **kernels)
    for name, kernel in zip(kernels, found, strict=True):
        if kernel % 2 == 0:
            raise ValueError(f"{name} must be odd, so that a map keeps its size, but is {kernel}.")
    return found


def pspnet_resnet50(num_classes: int, *, auxiliary: bool = True, weights: str | None = None) -> PSPNet:
    """PSPNet on ResNet-50 at output stride 8. Weights of the backbone: None (random) or "imagenet".

    Source: Zhao et al. 2017, arXiv:1612.01105. 48,957,802 parameters for 21 classes, 46,592,597 without the auxiliary head.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W); `with_auxiliary` gives two of these.

    Differs from the paper: one 7×7 convolution at the beginning, where the authors' ResNet has three of 3×3; corners are not
    aligned.

    Raises: ValueError for other weights, and a number of classes below 1; the network, for a single image in training.
    """
    return PSPNet(resnet50(output_stride=8, weights=weights), num_classes, auxiliary=auxiliary)


def pspnet_small(num_classes: int) -> PSPNet:
    """PSPNet on `small_resnet` at output stride 8, for two cores; 0.7 million parameters.

    Raises: ValueError for a number of classes below 1; the network, for a single image in training.
    """
    return PSPNet(small_resnet(output_stride=8), num_classes, width=64)


def pspnet_from_smp(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of segmentation_models_pytorch's `PSPNet` on a ResNet, for a network that predicts what theirs does.

    With smp's default settings that is `PSPNet(resnet, …, stride=8, width=512, fusion_kernel=1, head_kernel=3,
    align_corners=True)`. Theirs differs from the paper in these points, and in two more:

    - `encoder_depth=3` by default: of the encoder only what comes before stride 16 is used, a map of 512 channels for
      ResNet-50. With `encoder_depth=5, upsampling=32` it is all of it at output stride 32, here `stride=32`.
    - The branch of 1×1 has a bias and no batch norm, so that theirs trains on single images. Here it gets a norm that adds
      this bias and does nothing else. That holds in evaluation mode; in training, the norm begins to learn.

    In training theirs drops a fifth of the channels before the last convolution, ours a tenth.

    Raises: ValueError for the weights of another network.
    """
    with weights_of("smp's PSPNet on a ResNet, with batch norm, as it is made by default"):
        renamed = on_resnet(state, _our_name)
        bias = renamed.pop("pooling.branches.0.0.0.bias")
        channels = renamed["pooling.branches.0.0.0.weight"].shape[1]
        # Theirs puts the map behind the branches, ours before them.
        fusion = renamed["head.0.0.weight"]
        renamed["head.0.0.weight"] = torch.cat([fusion[:, -channels:], fusion[:, :-channels]], dim=1)
    # (x - 0) / sqrt(1 - eps + eps) · 1 + bias
    norm = nn.BatchNorm2d(len(bias), device=bias.device, dtype=bias.dtype)
    norm.running_var = torch.full_like(bias, 1 - norm.eps)
    added = norm.state_dict() | {"bias": bias}
    return renamed | {f"pooling.branches.0.0.1.{name}": value for name, value in added.items()}


def _our_name(name: str) -> str:
    """Ours for smp's: decoder.psp.blocks.2.pool.1.0.weight → pooling.branches.2.0.0.weight."""
    for theirs, ours in (("decoder.conv", "head.0"), ("segmentation_head.0", "head.3")):
        if name.startswith(f"{theirs}."):
            return ours + name.removeprefix(theirs)
    found = re.fullmatch(r"decoder\.psp\.blocks\.(\d)\.pool\.1\.(.+)", name)
    if found is None:
        raise ValueError(f"there is a {name}")
    return f"pooling.branches.{found[1]}.0.{found[2]}"
