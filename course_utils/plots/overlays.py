"""Drawing images, label maps and predictions on axes, always with the palette of the data set."""

from collections.abc import Sequence
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from course_utils.datasets.samples import VOID, Sample
from course_utils.ops.checks import require_tensor

VOID_COLOUR = (255, 255, 255)
ERROR_COLOUR = (123, 44, 191)


class HasClasses(Protocol):
    """What a figure needs to know of a data set: the names and colours of its classes."""

    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]


def to_picture(image: Tensor) -> np.ndarray:
    """An image (3, H, W) or (1, H, W) in [0, 1] as an array (H, W, 3) of bytes.

    Raises: ValueError for another shape or type.
    """
    require_tensor(image, "image")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or not image.is_floating_point():
        raise ValueError(
            f"Expected a floating image (3, H, W) or (1, H, W) in [0, 1], got {image.dtype} of shape {tuple(image.shape)}."
        )
    picture = image.detach().cpu().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def colour_labels(labels: Tensor, colours: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """A label map (H, W) as a picture (H, W, 3) of bytes; void is white.

    Raises: ValueError where a label has no colour, and for colours that are no bytes.
    """
    require_tensor(labels, "labels")
    labels = labels.detach().cpu().long()
    if not all(isinstance(part, int) and 0 <= part <= 255 for colour in colours for part in colour):
        raise ValueError(f"Colours are three whole numbers from 0 to 255, but these are {colours!r}.")
    valid = labels[labels != VOID]
    if len(valid) and (int(valid.min()) < 0 or int(valid.max()) >= len(colours)):
        raise ValueError(
            f"Labels must be below {len(colours)}, the number of colours, or {VOID} for void; found {int(valid.min())} "
            f"to {int(valid.max())}. Give the palette of the data set that the labels come from."
        )
    table = np.full((VOID + 1, 3), VOID_COLOUR, dtype=np.uint8)
    table[: len(colours)] = colours
    return table[labels.numpy()]


def colour_instances(instances: Tensor) -> np.ndarray:
    """Instance ids (H, W) as a picture (H, W, 3) of bytes: black where there is none, a bright colour for each id."""
    require_tensor(instances, "instances")
    ids = instances.detach().cpu().numpy()
    hues = plt.get_cmap("hsv")((ids * 0.381966) % 1.0)[..., :3]  # the golden angle keeps neighbouring ids apart
    return np.where((ids > 0)[..., None], hues * 255, 0).astype(np.uint8)


def draw(axes: Axes, picture: np.ndarray, title: str = "") -> None:
    """Draw a picture (H, W, 3) or a map (H, W) on axes without ticks."""
    axes.imshow(picture, cmap="gray")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if title:
        axes.set_title(title)


def draw_labels(axes: Axes, labels: Tensor, data: HasClasses, title: str = "") -> None:
    """Draw a label map (H, W) in the colours of its data set."""
    draw(axes, colour_labels(labels, data.colours), title)


def draw_overlay(axes: Axes, image: Tensor, labels: Tensor, data: HasClasses, *, opacity: float = 0.5) -> None:
    """Draw an image with its label map laid over it; void pixels show the image alone.

    Raises: ValueError for an opacity outside 0 to 1.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is from 0, the image alone, to 1, the labels alone; got {opacity}.")
    picture, colour = to_picture(image).astype(float), colour_labels(labels, data.colours).astype(float)
    weight = np.where(labels.cpu().numpy() == VOID, 0.0, opacity)[..., None]
    draw(axes, ((1 - weight) * picture + weight * colour).astype(np.uint8))


def draw_errors(axes: Axes, labels: Tensor, prediction: Tensor, title: str = "") -> None:
    """Draw where a prediction (H, W) is wrong: purple, which is no class's colour; right is light grey, void white.

    Raises: ValueError where the two maps differ in shape.
    """
    if labels.shape != prediction.shape:
        raise ValueError(f"Truth and prediction differ in shape: {tuple(labels.shape)}, {tuple(prediction.shape)}.")
    wrong, void = (labels != prediction).cpu().numpy(), (labels == VOID).cpu().numpy()
    picture = np.full((*wrong.shape, 3), 225, dtype=np.uint8)
    picture[wrong] = ERROR_COLOUR
    picture[void] = VOID_COLOUR
    draw(axes, picture, title)


def legend(figure: Figure, data: HasClasses, *, void: bool = True) -> None:
    """Put the names and colours of the classes under a figure."""
    named = list(zip(data.classes, data.colours, strict=True)) + ([("void", VOID_COLOUR)] if void else [])
    handles = [Patch(facecolor=np.array(colour) / 255, edgecolor="0.5", label=name) for name, colour in named]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), fontsize=12)


def prediction_rows(samples: Sequence[Sample], predictions: Sequence[Tensor], data: HasClasses) -> Figure:
    """A figure with one row a sample: image, truth, prediction, and where they differ.

    Raises: ValueError where there are not as many predictions as samples.
    """
    if len(samples) != len(predictions) or not samples:
        raise ValueError(
            f"Expected one prediction a sample, got {len(samples)} samples, {len(predictions)} predictions."
        )
    height, width = samples[0].labels.shape
    figure, grid = plt.subplots(
        len(samples), 4, figsize=(12, 12 / 4 * height / width * len(samples) + 1), squeeze=False
    )
    for row, sample, prediction in zip(grid, samples, predictions, strict=True):
        draw(row[0], to_picture(sample.image))
        draw_labels(row[1], sample.labels, data)
        draw_labels(row[2], prediction, data)
        draw_errors(row[3], sample.labels, prediction)
    for axes, title in zip(grid[0], ("image", "truth", "prediction", "errors in purple"), strict=True):
        axes.set_title(title)
    legend(figure, data)
    return figure


def picture_row(pictures: dict[str, Any], *, width: float = 12, legend_of: HasClasses | None = None) -> Figure:
    """A figure with one row of pictures, each an array (H, W, 3), an array (H, W) or an image tensor, under its title."""
    height, length = _size(pictures)
    below = 0.4 if legend_of is None else 1.1
    size = (width, width / len(pictures) * height / length + below)
    figure, row = plt.subplots(1, len(pictures), figsize=size, squeeze=False)
    for axes, (title, picture) in zip(row[0], pictures.items(), strict=True):
        draw(axes, to_picture(picture) if isinstance(picture, Tensor) and picture.ndim == 3 else picture, title)
    if legend_of is not None:
        legend(figure, legend_of)
    return figure


def _size(pictures: dict[str, Any]) -> tuple[int, int]:
    first = next(iter(pictures.values()))
    return first.shape[-2:] if isinstance(first, Tensor) else first.shape[:2]
