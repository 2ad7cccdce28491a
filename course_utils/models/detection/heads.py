"""What looks at the features of a region: heads for its class and box, its mask, its keypoints."""

from torch import Tensor, nn

from course_utils.models.layers import conv_norm, with_he_weights
from course_utils.ops.checks import require_bools, whole_number, whole_numbers


class BoxPredictor(nn.Module):
    """Logits of the classes, and for each class the four offsets that make its box of the region.

    Source: Girshick 2015, section 2.1 and figure 1, arXiv:1504.08083.

    Shapes: features (N, F), or (N, F, h, w), of which the mean is taken → logits (N, K) and offsets (N, K, 4), K classes.
    """

    def __init__(self, features: int, num_classes: int) -> None:
        super().__init__()
        features, num_classes = whole_numbers(1, features=features, num_classes=num_classes)
        self.classes, self.offsets = nn.Linear(features, num_classes), nn.Linear(features, 4 * num_classes)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        if features.ndim == 4:
            features = features.mean((2, 3))  # (N, F)
        return self.classes(features), self.offsets(features).unflatten(1, (-1, 4))  # (N, K), (N, K, 4)


def box_head(
    channels: int, num_classes: int, *, size: int = 7, width: int = 1024, convolutions: int = 0
) -> nn.Sequential:
    """The head that tells what a region holds and where exactly: two linear layers, then `BoxPredictor`.

    With `convolutions`, that many 3×3 ones with batch norm, and a single linear layer.

    Source: Lin et al. 2017, section 4.2, arXiv:1612.03144; with convolutions: He et al. 2019 (arXiv:1811.08883) and Li et al.
    2021, section 3.1 (arXiv:2111.11429), torchvision's "v2".

    Shapes: regions (N, channels, size, size) → logits (N, K) and offsets (N, K, 4). Raises: ValueError for numbers below 1.
    """
    channels, num_classes, size, width = whole_numbers(
        1, channels=channels, num_classes=num_classes, size=size, width=width
    )
    layers: list[nn.Module] = []
    for _ in range(whole_number(convolutions, "convolutions", minimum=0)):
        layers.append(with_he_weights(nn.Sequential(*conv_norm(channels, channels), nn.ReLU(inplace=True))))
    layers += [nn.Flatten(), nn.Linear(channels * size**2, width), nn.ReLU(inplace=True)]
    if not convolutions:
        layers += [nn.Linear(width, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, BoxPredictor(width, num_classes))


def mask_head(
    channels: int, num_classes: int, *, width: int = 256, convolutions: int = 4, norm: bool = False
) -> nn.Sequential:
    """The head that draws a mask for each class: 3×3 convolutions, a transposed one that doubles the size, and a 1×1 one.

    Source: He et al. 2017, figure 4 right, arXiv:1703.06870. With `norm`, batch norm after the 3×3 convolutions, as in
    torchvision's "v2".

    Shapes: regions (N, channels, h, w), 14 × 14 in the paper → logits (N, K, 2h, 2w), of each class its own map, to be seen
    through a sigmoid: classes do not compete. Raises: ValueError for numbers below 1.
    """
    channels, num_classes, width = whole_numbers(1, channels=channels, num_classes=num_classes, width=width)
    require_bools(norm=norm)
    layers: list[nn.Module] = []
    for _ in range(whole_number(convolutions, "convolutions", minimum=0)):
        convolution = conv_norm(channels, width) if norm else [nn.Conv2d(channels, width, 3, padding=1)]
        layers.append(nn.Sequential(*convolution, nn.ReLU(inplace=True)))
        channels = width
    return with_he_weights(nn.Sequential(*layers, *_doubling(channels, width, num_classes)))


def _doubling(channels: int, width: int, num_classes: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(channels, width, 2, stride=2), nn.ReLU(inplace=True), nn.Conv2d(width, num_classes, 1)]


def c4_heads(stage: nn.Module, features: int, num_classes: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Box head and mask head of a detector without a pyramid, which share the last stage of the backbone.

    The maps of the backbone end at its fourth stage, "C4", with stride 16. `stage`, res5 of a ResNet, is applied to each region.

    Source: He et al. 2017, figure 4 left, arXiv:1703.06870, where `stage` keeps 7 × 7 cells and `features` is 2048.

    Shapes: regions → box head: logits (N, K) and offsets (N, K, 4); mask head: logits (N, K, 2h, 2w) where `stage` gives maps
    (N, features, h, w). Raises: ValueError for numbers below 1.
    """
    features, num_classes = whole_numbers(1, features=features, num_classes=num_classes)
    box = nn.Sequential(stage, BoxPredictor(features, num_classes))
    return box, nn.Sequential(stage, with_he_weights(nn.Sequential(*_doubling(features, 256, num_classes))))


def keypoint_head(channels: int, num_keypoints: int, *, width: int = 512, convolutions: int = 8) -> nn.Sequential:
    """The head that draws a map for each keypoint: 3×3 convolutions, a transposed one and bilinear interpolation double the size.

    Source: He et al. 2017, section 5, arXiv:1703.06870.

    Shapes: regions (N, channels, h, w), 14 × 14 in the paper → logits (N, num_keypoints, 4h, 4w), to be seen through a softmax
    over positions. Raises: ValueError for numbers below 1.
    """
    channels, num_keypoints, width = whole_numbers(1, channels=channels, num_keypoints=num_keypoints, width=width)
    layers: list[nn.Module] = []
    for _ in range(whole_number(convolutions, "convolutions", minimum=0)):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        channels = width
    doubling = nn.ConvTranspose2d(channels, num_keypoints, 4, stride=2, padding=1)
    return with_he_weights(nn.Sequential(*layers, doubling, nn.Upsample(scale_factor=2.0, mode="bilinear")))
