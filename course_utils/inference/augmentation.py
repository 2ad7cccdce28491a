"""Test-time augmentation: an image is looked at more than once, and the answers are averaged."""

import math

import torch
from torch import Tensor, nn

from course_utils.ops.checks import require_tensor


class FlipAverage(nn.Module):
    """A network that looks at each image and at its mirror image, and averages the two probabilities of each pixel.

    It takes twice as long. The answer for the mirror image is mirrored back before the mean is taken. The mean is of
    probabilities, and given as its logarithm: `argmax` and `softmax` work on it as on logits.

    Shapes: as those of `network`, which gives logits (B, K, H, W), K classes, for images (B, C, H, W).

    Raises: ValueError if the images are not a batch, and what `network` raises.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        require_tensor(images, "images")
        if images.ndim != 4:
            raise ValueError(
                f"Images are a batch (B, C, H, W), but the shape is {tuple(images.shape)}; of one image, take image[None]."
            )
        straight = self.network(images).log_softmax(1)
        mirrored = self.network(images.flip(3)).log_softmax(1).flip(3)
        return torch.logaddexp(straight, mirrored) - math.log(2)  # (B, K, H, W)
