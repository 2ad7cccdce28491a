"""Windows cut out around labelled pixels: what a patch classifier is trained on."""

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.datasets.samples import VOID
from course_utils.ops.checks import require_tensor, whole_numbers


def draw_windows(
    images: Tensor, labels: Tensor, *, window: int, steps: int, batch_size: int = 64, seed: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw batches of square windows around random labelled pixels, with the classes of those pixels.

    A class is drawn with a probability proportional to the square root of its number of pixels, so that rare classes
    are seen and frequent ones still are frequent. Every window lies wholly in its image.

    Shapes: `images` (N, C, H, W), `labels` (N, H, W) int64 with void 255 → `steps` times (`batch_size`, C, window,
    window) and (`batch_size`,) int64. `window` in pixels, odd, so that it has a pixel in its middle.

    Raises: ValueError, before the first batch is asked for, for an even window, one larger than the images, images and labels
    that do not belong together, labels that are no classes, labels that are all void where the middle of a window can be,
    and numbers that are no integers.
    """
    window, batch_size = whole_numbers(1, window=window, batch_size=batch_size)
    steps, seed = whole_numbers(0, steps=steps, seed=seed)
    _check(images, labels, window)
    radius, (height, width) = window // 2, labels.shape[1:]
    inner = labels[:, radius : height - radius, radius : width - radius]
    places = (inner != VOID).nonzero()  # (P, 3): image, row and column of the window's first pixel
    if len(places) == 0:
        raise ValueError("No window has a labelled pixel in its middle: all of them are void (255). Check the labels.")
    classes = inner[places[:, 0], places[:, 1], places[:, 2]]
    places = places[classes.argsort(stable=True)]
    windows = images.unfold(2, window, 1).unfold(3, window, 1)  # a view (N, C, rows, columns, window, window)
    generator = torch.Generator().manual_seed(seed)  # of the CPU, so that every device sees the same windows
    return _batches(windows, places, torch.bincount(classes).cpu(), steps, batch_size, generator)


def _batches(
    windows: Tensor, places: Tensor, counts: Tensor, steps: int, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of the windows at places, which are sorted by class; `counts` of each class."""
    first = counts.cumsum(0) - counts
    for _ in range(steps):
        drawn = torch.multinomial(counts.double().sqrt(), batch_size, replacement=True, generator=generator)
        share = torch.rand(batch_size, generator=generator, device="cpu", dtype=torch.float64)
        chosen = first[drawn] + (share * counts[drawn]).long()
        image, row, column = places[chosen.to(places.device)].unbind(1)
        yield windows[image, :, row, column], drawn.to(places.device)


def _check(images: Tensor, labels: Tensor, window: int) -> None:
    require_tensor(images, "images")
    require_tensor(labels, "labels")
    if images.ndim != 4 or labels.shape != (len(images), *images.shape[2:]):
        raise ValueError(
            f"images (N, C, H, W) and labels (N, H, W) belong together, but are {tuple(images.shape)} and "
            f"{tuple(labels.shape)}; stack both from the same samples."
        )
    if labels.dtype != torch.int64:
        raise ValueError(f"labels are int64, but are {labels.dtype}; convert them with `.long()`.")
    if ((labels < 0) | (labels > VOID)).any():
        raise ValueError(
            f"labels are classes from 0 to {VOID - 1}, or void ({VOID}), but lie between {labels.min()} and {labels.max()}; "
            f"set what is to be left out to {VOID}."
        )
    if window % 2 == 0 or window > min(images.shape[2:]):
        raise ValueError(
            f"window is odd and at most the images' smaller side {min(images.shape[2:])}, but is {window}; a window "
            "around a pixel has as many pixels on its left as on its right."
        )
