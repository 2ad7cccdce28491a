"""Images of several sizes: to the size at which a detector looks at them, into one batch, and its results back."""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from course_utils.models.detection.targets import Target
from course_utils.models.layers import Normalise, resize
from course_utils.ops.checks import Pair


def checked_images(images: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
    """Images as they are given, if they are such.

    Raises: ValueError where they are neither floating (B, 3, H, W) nor a list of floating (3, h, w), or there are none.
    """
    batch = isinstance(images, Tensor) and images.ndim == 4
    some = isinstance(images, (list, tuple)) and all(isinstance(image, Tensor) and image.ndim == 3 for image in images)
    if not (batch or some) or not len(images) or not all(len(i) == 3 and i.is_floating_point() for i in images):
        what = f"{images.dtype} of shape {tuple(images.shape)}" if isinstance(images, Tensor) else repr(images)[:100]
        raise ValueError(
            "images must be floating (B, 3, H, W) in [0, 1], or a list of (3, h, w), but got "
            f"{what}; divide bytes by 255, and put a single image into a list, `[image]`."
        )
    return images if isinstance(images, Tensor) else list(images)


def size_of(image: Tensor) -> Pair:
    return image.shape[-2], image.shape[-1]


def resized_size(size: Pair, min_size: int, max_size: int) -> Pair:
    """The size at which the shorter side is `min_size`, or less where the longer one would exceed `max_size`."""
    scale = min(min_size / min(size), max_size / max(size))
    return max(math.floor(size[0] * scale), 1), max(math.floor(size[1] * scale), 1)


def resize_images(images: Sequence[Tensor], sizes: Sequence[Pair]) -> list[Tensor]:
    """Each image (3, h, w) at another size, by bilinear interpolation."""
    return [
        image if size_of(image) == size else resize(image[None], size)[0]
        for image, size in zip(images, sizes, strict=True)
    ]


def scale_target(target: Target, before: Pair, after: Pair) -> dict[str, Tensor]:
    """Boxes, keypoints and masks of an image that is resized; masks by the nearest pixel."""
    scaled = dict(target)
    if before == after:
        return scaled
    y, x = after[0] / before[0], after[1] / before[1]
    for name, factors in (("boxes", (x, y, x, y)), ("keypoints", (x, y, 1))):
        if name in target:
            scaled[name] = target[name] * target[name].new_tensor(factors)
    if "masks" in target:
        scaled["masks"] = interpolate(target["masks"][:, None].byte(), size=after, mode="nearest")[:, 0].bool()
    return scaled


def batch_images(images: Tensor | Sequence[Tensor], divisor: int, network: nn.Module) -> Tensor:
    """Images of several sizes as one batch (B, 3, H, W), H and W multiples of `divisor`; padding is at the bottom and right.

    It has the colour that the network takes for 0, the mean that its `Normalise` subtracts, or 0 where it has none.
    """
    height, width = (max(sides) for sides in zip(*map(size_of, images), strict=True))
    height, width = -(-height // divisor) * divisor, -(-width // divisor) * divisor
    if isinstance(images, Tensor) and size_of(images) == (height, width):
        return images
    colour = next((layer.mean for layer in network.modules() if isinstance(layer, Normalise)), images[0].new_zeros(()))
    batch = colour.to(images[0]).expand(len(images), len(images[0]), height, width).clone()
    for place, image in zip(batch, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    return batch
