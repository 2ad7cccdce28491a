"""Augmentation: what happens to an image happens to its labels and instances too.

Every transform is a function of a sample and a generator, so that the same generator gives the same result. A configured one
is `functools.partial(colour, hue=0.1)`; several are one with `compose`. The pixels are moved by
`torchvision.transforms.v2.functional`, which keeps instance ids exact up to 2^24. What is no sample is refused with a
ValueError.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from course_utils.datasets.samples import VOID, Sample, checked_size, require_one_size
from course_utils.ops.checks import is_number, real_number, whole_number

Transform = Callable[[Sample, torch.Generator], Sample]

LARGEST_SCALE = 10
"""An image 100 times as large is more than memory is for."""


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

    _require_sample(sample)
    probability = real_number(probability, "probability", 0, 1)
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

    Raises: ValueError for a size that is not (H, W) and scales that are not 0 < low <= high <= 10.
    """
    from torchvision.transforms.v2 import InterpolationMode, functional

    _require_sample(sample)
    size = checked_size(size)
    low, high = _checked_scales(scales)
    factor = math.exp(_uniform(generator, math.log(low), math.log(high)))
    scaled = [max(1, round(side * factor)) for side in sample.labels.shape]
    image = functional.resize(sample.image, scaled, antialias=True).clamp(0, 1)
    # With a channel in front, as torchvision wants it.
    masks = [
        functional.resize(mask[None], scaled, interpolation=InterpolationMode.NEAREST_EXACT)[0] for mask in sample[1:]
    ]
    top, left = (
        int(torch.randint(max(0, side - wanted) + 1, (), generator=generator, device="cpu"))
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

    _require_sample(sample)
    brightness, contrast = real_number(brightness, "brightness", 0, 1.0), real_number(contrast, "contrast", 0, 1.0)
    saturation, hue = real_number(saturation, "saturation", 0, 1.0), real_number(hue, "hue", 0, 0.5)
    image = sample.image
    with image.device:  # torchvision makes tensors where the caller's default is
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

    Differs from the paper: nothing that it says. It leaves open where the points lie (here the outer ones on the outermost
    pixels), which bicubic interpolation (here cubic convolution with a = -0.75, PyTorch's) and what is outside. Ten pixels are
    those of its images of 512 × 512; a smaller image bends more.

    Raises: ValueError for a spread that is negative or infinite, and fewer than 2 points.
    """
    _require_sample(sample)
    spread, points = real_number(spread, "spread", 0, math.inf), whole_number(points, "points", minimum=2)
    drawn = torch.randn(1, 2, points, points, generator=generator, dtype=torch.float32, device="cpu")
    coarse = spread * drawn.to(sample.image)
    pixels = interpolate(coarse, tuple(sample.labels.shape), mode="bicubic", align_corners=True, antialias=False)
    return displace(sample, pixels[0])


def displace(sample: Sample, pixels: Tensor) -> Sample:
    """Each pixel takes the value that lies `pixels` = (2, H, W), right and down, from it.

    The image is interpolated bilinearly, with black beyond its border; labels and instances take the nearest pixel.

    Raises: ValueError for displacements of another shape.
    """
    from torchvision.transforms.v2 import InterpolationMode, functional

    height, width = sample.labels.shape
    # torchvision measures in halves of the image's sides.
    halves = torch.stack([pixels[0] * (2 / width), pixels[1] * (2 / height)], dim=-1)[None]
    _, void, nothing = _outside(sample)
    # A fill, even of 0, would be faded in once more, over what is interpolated with black already.
    image = functional.elastic(sample.image, halves, InterpolationMode.BILINEAR, None)
    labels = functional.elastic(sample.labels[None], halves, InterpolationMode.NEAREST, [void])
    instances = functional.elastic(sample.instances[None], halves, InterpolationMode.NEAREST, [nothing])
    return Sample(image, labels[0], instances[0])


def _require_sample(sample: Sample) -> None:
    if not isinstance(sample, Sample):
        raise ValueError(
            f"A transform takes a Sample(image, labels, instances), but was given {type(sample).__name__}."
        )
    require_one_size(sample)


def _checked_scales(scales: tuple[float, float]) -> tuple[float, float]:
    pair = tuple(scales) if isinstance(scales, tuple | list) and all(map(is_number, scales)) else ()
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= LARGEST_SCALE:
        raise ValueError(
            f"scales must be (low, high), two numbers with 0 < low <= high <= {LARGEST_SCALE}, but is {scales!r}."
        )
    return float(pair[0]), float(pair[1])


def _outside(sample: Sample) -> tuple[float, int, int]:
    """What is outside of a sample: black, void, and no instance (-1 where the data set has no instance truth)."""
    return 0.0, VOID, -1 if bool((sample.instances < 0).any()) else 0


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64, device="cpu"))
