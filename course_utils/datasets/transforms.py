"""Augmentation: what happens to an image happens to its labels and instances too.

Every transform is a function of a sample and a generator, so that the same generator gives the same result. A configured one
is `functools.partial(colour, hue=0.1)`; several are one with `compose`. The pixels are moved by
`torchvision.transforms.v2.functional`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from course_utils.datasets.samples import VOID, Sample, require_size

Transform = Callable[[Sample, torch.Generator], Sample]


def compose(*transforms: Transform) -> Transform:
    """The transforms one after the other, as one."""

    def transform(sample: Sample, generator: torch.Generator) -> Sample:
        for step in transforms:
            sample = step(sample, generator)
        return sample

    return transform


def flip(sample: Sample, generator: torch.Generator, *, probability: float = 0.5) -> Sample:
    """Left and right exchanged, with this probability.

    Raises: ValueError for a probability outside 0 … 1.
    """
    from torchvision.transforms.v2 import functional

    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be from 0 to 1, but is {probability!r}.")
    if _uniform(generator, 0, 1) >= probability:
        return sample
    return Sample(*(functional.horizontal_flip(layer) for layer in sample))


def scale_and_crop(
    sample: Sample, generator: torch.Generator, *, size: tuple[int, int], scales: tuple[float, float] = (0.5, 2.0)
) -> Sample:
    """Scaled by a random factor, then a window of `size` = (H, W) cut out at a random place.

    The factor is log-uniform in `scales`, so that a half is as likely as a double. Where the scaled image is smaller than the
    window, the image is black and the labels are void. The image is resized bilinearly with antialiasing, labels and
    instances take the nearest pixel.

    Raises: ValueError for a size that is not (H, W) and scales that are not 0 < low <= high.
    """
    from torchvision.transforms.v2 import InterpolationMode, functional

    require_size(size)
    if not 0 < scales[0] <= scales[1]:
        raise ValueError(f"scales must be (low, high) with 0 < low <= high, but is {scales!r}.")
    factor = math.exp(_uniform(generator, math.log(scales[0]), math.log(scales[1])))
    scaled = [max(1, round(side * factor)) for side in sample.labels.shape]
    image = functional.resize(sample.image, scaled, antialias=True).clamp(0, 1)
    # With a channel in front, as torchvision wants it; ids stay exact up to 2^24.
    masks = [
        functional.resize(mask[None], scaled, interpolation=InterpolationMode.NEAREST_EXACT)[0] for mask in sample[1:]
    ]
    top, left = (
        int(torch.randint(max(0, side - wanted) + 1, (), generator=generator))
        for side, wanted in zip(scaled, size, strict=True)
    )
    below, right = (max(0, wanted - side) for side, wanted in zip(scaled, size, strict=True))
    layers = [
        pad(layer[..., top : top + size[0], left : left + size[1]], (0, right, 0, below), value=fill)
        for layer, fill in zip((image, *masks), _outside(sample), strict=True)
    ]
    return Sample(*layers)


def colour(
    sample: Sample,
    generator: torch.Generator,
    *,
    brightness: float = 0.3,
    contrast: float = 0.3,
    saturation: float = 0.3,
    hue: float = 0.0,
) -> Sample:
    """Brightness, contrast and saturation times a factor in 1 ± their argument, hue turned by up to ± `hue` of a full circle.

    Labels and instances stay. Hue takes longer than the rest together, and is left out at 0, as each of them is.

    Raises: ValueError for an amount outside 0 … 1, and a hue outside 0 … 0.5.
    """
    from torchvision.transforms.v2 import functional

    amounts = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    for name, amount in amounts.items():
        largest = 0.5 if name == "hue" else 1.0
        if not 0 <= amount <= largest:
            raise ValueError(f"{name} must be from 0 to {largest}, but is {amount!r}.")
    image = sample.image
    if brightness:
        image = functional.adjust_brightness(image, 1 + _uniform(generator, -brightness, brightness))
    if contrast:
        image = functional.adjust_contrast(image, 1 + _uniform(generator, -contrast, contrast))
    if saturation:
        image = functional.adjust_saturation(image, 1 + _uniform(generator, -saturation, saturation))
    if hue:
        image = functional.adjust_hue(image, _uniform(generator, -hue, hue))
    return sample._replace(image=image)


def elastic(sample: Sample, generator: torch.Generator, *, spread: float = 10.0, points: int = 3) -> Sample:
    """Bent as rubber is: random displacements on a coarse grid, interpolated smoothly in between.

    Source: Ronneberger et al. 2015, section 3.1 (arXiv 1505.04597): a grid of 3 × 3 `points`, displacements that are normal
    with a standard deviation (`spread`) of 10 pixels, bicubic interpolation. What comes from outside is black and void.

    Raises: ValueError for a negative spread and fewer than 2 points.
    """
    if spread < 0 or points < 2:
        raise ValueError(f"spread must be 0 or more and points 2 or more, but they are {spread!r} and {points!r}.")
    coarse = spread * torch.randn(1, 2, points, points, generator=generator).to(sample.image)
    pixels = interpolate(coarse, tuple(sample.labels.shape), mode="bicubic", align_corners=True, antialias=False)
    return displace(sample, pixels[0])


def displace(sample: Sample, pixels: Tensor) -> Sample:
    """Each pixel takes the value that lies `pixels` = (2, H, W), right and down, from it.

    The image is interpolated bilinearly, labels and instances take the nearest pixel.
    """
    from torchvision.transforms.v2 import InterpolationMode, functional

    height, width = sample.labels.shape
    # torchvision measures in halves of the image's sides.
    halves = torch.stack([pixels[0] * (2 / width), pixels[1] * (2 / height)], dim=-1)[None]
    black, void, nothing = _outside(sample)
    image = functional.elastic(sample.image, halves, InterpolationMode.BILINEAR, [black] * 3)
    labels = functional.elastic(sample.labels[None], halves, InterpolationMode.NEAREST, [void])
    instances = functional.elastic(sample.instances[None], halves, InterpolationMode.NEAREST, [nothing])
    return Sample(image, labels[0], instances[0])


def _outside(sample: Sample) -> tuple[float, int, int]:
    """What is outside of a sample: black, void, and no instance (-1 where the data set has no instance truth)."""
    return 0.0, VOID, -1 if bool((sample.instances < 0).any()) else 0


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
