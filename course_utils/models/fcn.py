"""Fully convolutional networks: FCN on any backbone, as published on VGG-16, and the later one on a dilated ResNet."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d

from course_utils.models.backbones.contract import last_map_at, require_backbone
from course_utils.models.backbones.resnet import resnet50, resnet_from_torchvision
from course_utils.models.backbones.vgg import VGG16_WIDTHS, vgg_from_torchvision, vgg_stages
from course_utils.models.layers import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalise,
    TransposedUpsampling,
    conv_norm,
    resize,
    with_he_weights,
)
from course_utils.models.pretrained import IMAGENET, check_weights_name, load_pretrained
from course_utils.ops.checks import whole_number, whole_numbers
from course_utils.ops.convmatrix import bilinear_kernel

UPSAMPLING = ("transposed", "bilinear", "fixed")


class FCN(nn.Module):
    """FCN-32s, 16s, 8s and 4s on any backbone: scores of the coarsest map, refined by those of finer ones down to `stride`.

    Source: Long, Shelhamer and Darrell 2015, section 4.2 and figure 3, arXiv:1411.4038.

    `upsample` says how coarse scores reach the size of a finer map:

    - "transposed", as in the paper: transposed convolutions that begin as bilinear interpolation and learn, and at the end
      one that stays bilinear. FCN-32s has only that last one.
    - "fixed", as in the authors' code: all transposed convolutions stay bilinear.
    - "bilinear": interpolation to the size, without a kernel.

    Scores begin at 0, as in the paper, section 4.3: every class is equally likely at first.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Raises: ValueError if `backbone` is not a backbone or has no map at this stride, for another `upsample`, and for a number
    of classes below 1.
    """

    def __init__(
        self, backbone: nn.Module, num_classes: int, *, stride: int = 32, upsample: str = "transposed"
    ) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        if upsample not in UPSAMPLING:
            raise ValueError(f"upsample must be one of {', '.join(UPSAMPLING)}, but is {upsample!r}.")
        channels, strides = require_backbone(backbone)
        last_map_at(strides, stride)
        used = sorted({value for value in strides if value >= stride}, reverse=True)
        self.backbone = backbone
        self.levels = [last_map_at(strides, value) for value in used]  # coarsest first
        self.scores = _scores([channels[level] for level in self.levels], num_classes)
        factors = [coarse // fine for coarse, fine in zip(used, [*used[1:], 1], strict=True)]
        self.upsamplings = nn.ModuleList()
        if upsample != "bilinear":
            *between, last = factors
            learned = upsample == "transposed"
            self.upsamplings.extend(TransposedUpsampling(num_classes, factor, learned=learned) for factor in between)
            self.upsamplings.append(TransposedUpsampling(num_classes, last, learned=False))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images)
        coarsest, *finer = (score(maps[level]) for score, level in zip(self.scores, self.levels, strict=True))
        logits = coarsest  # (B, K, H/32, W/32)
        for step, skip in enumerate(finer):
            logits = skip + self._upsample(step, logits, skip.shape[2:])  # (B, K, H/16, W/16), then H/8, …
        return self._upsample(-1, logits, images.shape[2:])  # (B, K, H, W)

    def _upsample(self, step: int, logits: Tensor, size: Sequence[int]) -> Tensor:
        return self.upsamplings[step](logits, size) if self.upsamplings else resize(logits, size)


def _scores(channels: Sequence[int], num_classes: int) -> nn.ModuleList:
    """For each map, given by its channels, a 1×1 convolution that gives 0 before it learns."""
    scores = nn.ModuleList(nn.Conv2d(count, num_classes, 1) for count in channels)
    for parameter in scores.parameters():
        nn.init.zeros_(parameter)
    return scores


class FCNVGG16(nn.Module):
    """FCN-32s, 16s or 8s on VGG-16 as published; see `fcn_vgg16`."""

    # Rows and columns that are cut off: of the scores of pool4 and pool3, and of the logits at the end.
    SKIP_OFFSETS = (5, 9)
    LAST_OFFSETS = {32: 19, 16: 27, 8: 31}

    def __init__(self, num_classes: int, *, stride: int, widths: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        num_classes, stride, hidden = whole_numbers(1, num_classes=num_classes, stride=stride, hidden=hidden)
        if stride not in self.LAST_OFFSETS:
            raise ValueError(f"stride must be 32, 16 or 8, but is {stride!r}.")
        self.stride = stride
        self.normalise = Normalise(IMAGENET_MEAN, IMAGENET_STD)
        self.stages = vgg_stages(widths)
        # So that even the smallest image leaves fc6 a map of 7×7, and the scores reach over its border.
        first = next(layer for layer in self.stages.modules() if isinstance(layer, nn.Conv2d))
        first.padding = (100, 100)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.classifier = nn.Sequential(
            *(nn.Conv2d(widths[-1], hidden, 7), nn.ReLU(inplace=True), nn.Dropout()),
            *(nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout()),
        )
        with_he_weights(self)
        scored = {32: [hidden], 16: [hidden, widths[3]], 8: [hidden, widths[3], widths[2]]}[stride]
        self.scores = _scores(scored, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x, pooled = self.normalise(images), []
        for stage in self.stages:
            x = self.pool(stage(x))  # (B, C, H/2, W/2) of the padded image, then H/4, … H/32
            pooled.append(x)
        score, *skip_scores = self.scores
        logits = score(self.classifier(x))  # (B, K, h, w), six rows and columns less than x
        for skip_score, skip, offset in zip(skip_scores, (pooled[3], pooled[2]), self.SKIP_OFFSETS, strict=False):
            logits = _deconvolve(logits, 2)  # (B, K, 2h + 2, 2w + 2)
            logits = logits + _crop(skip_score(skip), offset, logits.shape[2:])
        return _crop(_deconvolve(logits, self.stride), self.LAST_OFFSETS[self.stride], images.shape[2:])


def _deconvolve(maps: Tensor, factor: int) -> Tensor:
    """Bilinear upsampling by a transposed convolution, uncropped: (h + 1)·factor rows, for an even factor."""
    kernel = bilinear_kernel(factor, dtype=maps.dtype, device=maps.device).expand(maps.shape[1], 1, -1, -1)
    return conv_transpose2d(maps, kernel, stride=factor, groups=maps.shape[1])


def _crop(maps: Tensor, offset: int, size: Sequence[int]) -> Tensor:
    return maps[:, :, offset : offset + size[0], offset : offset + size[1]]


def fcn_vgg16(
    num_classes: int,
    *,
    stride: int,
    weights: str | None = None,
    widths: tuple[int, ...] = VGG16_WIDTHS,
    hidden: int = 4096,
) -> FCNVGG16:
    """FCN-32s, 16s or 8s as published, on VGG-16 with its classifier convolutionalised: fc6 is 7×7, fc7 1×1.

    Source: Long, Shelhamer and Darrell 2015, sections 4.1 and 4.2, arXiv:1411.4038, and the authors' code: the image padded
    by 100 pixels, poolings that keep the last odd row, crops. 134,346,581, 134,357,354 and 134,362,751 parameters for 21
    classes. Scores begin at 0.

    `weights` is None (random) or "imagenet": torchvision's VGG-16 with fc6 and fc7 (528 MB). Smaller `widths` of the five
    stages, and `hidden` channels of fc6 and fc7, are for trials.

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W).

    Differs from the paper: all upsampling stays bilinear, as in the authors' code, where learning it gained nothing; and
    images are normalised as torchvision's weights expect.

    Raises: ValueError for another stride, other weights, and numbers of classes or channels below 1.
    """
    check_weights_name(weights)
    network = FCNVGG16(num_classes, stride=stride, widths=widths, hidden=hidden)
    if weights == "imagenet":
        scores = {name: value for name, value in network.state_dict().items() if name.startswith("scores.")}
        load_pretrained(network, IMAGENET["vgg16"], lambda state: scores | fcn_vgg16_from_torchvision(state))
    return network


def fcn_vgg16_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's VGG-16 `state_dict` under the names of `fcn_vgg16`: all but the scores, which have other classes."""
    renamed = vgg_from_torchvision(state)
    for layer, side in (("classifier.0", 7), ("classifier.3", 1)):
        renamed[f"{layer}.weight"] = state[f"{layer}.weight"].unflatten(1, (-1, side, side))
        renamed[f"{layer}.bias"] = state[f"{layer}.bias"]
    return renamed


class FCNResNet50(nn.Module):
    """The later FCN: one head on a dilated ResNet-50, without skips; see `fcn_resnet50`."""

    def __init__(self, num_classes: int, *, auxiliary: bool, weights: str | None) -> None:
        super().__init__()
        num_classes = whole_number(num_classes, "num_classes", minimum=1)
        self.backbone = resnet50(output_stride=8, weights=weights)
        *_, auxiliary_channels, channels = self.backbone.channels
        self.head = fcn_head(channels, num_classes)
        self.auxiliary_head = fcn_head(auxiliary_channels, num_classes) if auxiliary else None

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.backbone(images)[-1])  # (B, K, H/8, W/8)
        return resize(logits, images.shape[2:])  # (B, K, H, W)

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the auxiliary head on the map before the last, for a second loss in training."""
        auxiliary_head = require_auxiliary(self.auxiliary_head)
        maps, size = self.backbone(images), images.shape[2:]
        return resize(self.head(maps[-1]), size), resize(auxiliary_head(maps[-2]), size)


def require_auxiliary(head: nn.Module | None) -> nn.Module:
    """The auxiliary head of a network. Raises: ValueError if it has none."""
    if head is None:
        raise ValueError("This network has no auxiliary head; make it with auxiliary=True.")
    return head


def fcn_head(channels: int, num_classes: int) -> nn.Sequential:
    """A 3×3 convolution to a quarter of the channels, and the scores."""
    width = channels // 4
    return nn.Sequential(
        conv_norm(channels, width), nn.ReLU(inplace=True), nn.Dropout(0.1), nn.Conv2d(width, num_classes, 1)
    )


def fcn_resnet50(num_classes: int, *, auxiliary: bool = True, weights: str | None = None) -> FCNResNet50:
    """The FCN that libraries mean today: ResNet-50 at output stride 8, one head, bilinear interpolation to the image's size.

    Source: torchvision's `fcn_resnet50`; no paper has just this network. 35,322,218 parameters for 21 classes, 32,957,013
    without the auxiliary head. Weights of the backbone: None (random) or "imagenet".

    Shapes: images (B, 3, H, W) in [0, 1] → logits (B, num_classes, H, W); `with_auxiliary` gives two of these.

    Raises: ValueError for other weights, and a number of classes below 1.
    """
    return FCNResNet50(num_classes, auxiliary=auxiliary, weights=weights)


def fcn_resnet50_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's `fcn_resnet50` `state_dict` under the names that it has here."""
    backbone = {name.removeprefix("backbone."): value for name, value in state.items() if name.startswith("backbone.")}
    renamed = {f"backbone.{name}": value for name, value in resnet_from_torchvision(backbone).items()}
    for theirs, ours in (("classifier", "head"), ("aux_classifier", "auxiliary_head")):
        for their_layer, our_layer in (("0", "0.0"), ("1", "0.1"), ("4", "3")):
            prefix = f"{theirs}.{their_layer}."
            layer = {name: value for name, value in state.items() if name.startswith(prefix)}
            renamed |= {f"{ours}.{our_layer}.{name.removeprefix(prefix)}": value for name, value in layer.items()}
    return renamed
