"""U-Net's loss: cross-entropy with a weight for each pixel, high on the thin background between cells that touch."""

import math

import numpy as np
import torch
from torch import Tensor

from course_utils.losses.masking import mean_of_sum, without_void
from course_utils.ops.checks import real_number, require_tensor
from course_utils.ops.known import recall, remember
from course_utils.ops.labels import label_range, require_label_type

REACH = 9
"""Where d1 + d2 is above 9 σ, the second term is below 3e-18 w_0: nothing beside the first."""


def border_weights(
    instances: Tensor, *, weight: float = 10.0, sigma: float = 5.0, class_weights: Tensor | None = None
) -> Tensor:
    """A weight for each pixel, high on background that has two cells near.

    w(x) = w_c(x) + w_0 exp(-(d1(x) + d2(x))² / 2σ²), where d1 and d2 are the distances of x to the nearest cell and to the
    second nearest, and w_0 is `weight`. Only the background has the second term, and only where there are two cells.

    Source: Ronneberger, Fischer and Brox 2015, equation 2 and figure 3d (arXiv 1505.04597).

    - Distances are in pixels, from centre to centre: beside a cell, 1. In a gap of one pixel between two cells the second
      term is 9.23, and where both are 5 pixels away 1.35. Between cells that leave no pixel free it is nowhere: the paper puts
      a border there first, by morphology; `instances.masked_fill(boundaries(instances, ignore_index=None), 0)` makes one of two
      pixels.
    - `class_weights` (2,) holds w_c of the background, then of all cells, whatever labels they have; 1 and 1 if not given.
    - There is no void among ids: 255 is a cell as well. What is void is left out by the loss.

    Shapes: `instances` integer (…, H, W), 0 for the background and an id for each cell → float32 (…, H, W), on their device.
    SciPy does the work, on the CPU, so that weights are best made while data are prepared.

    Differs from the paper: its equation is for every pixel; here cells keep the weight of their class. Its distances run to the
    borders of the cells, ours to their nearest pixels.

    Raises: ValueError for ids that are negative or not integers, for a negative `weight`, a `sigma` of 0 or less, and for
    class weights that are not two finite numbers of 0 or more.
    """
    _require_ids(instances)
    weight = real_number(weight, "weight", 0, math.inf)
    sigma = real_number(sigma, "sigma", 0, math.inf, exclusive=True)
    height, width = instances.shape[-2:]
    reach = min(REACH * sigma, height + width)
    images = instances.cpu().reshape(math.prod(instances.shape[:-2]), height, width)
    distances = torch.empty(images.shape, dtype=torch.float64, device="cpu")
    for image, out in zip(images, distances, strict=True):
        out.copy_(torch.from_numpy(_to_two_cells(image.numpy(), reach)))
    border = weight * torch.exp(-((distances / sigma) ** 2) / 2).view(instances.shape)
    cells = instances > 0
    return _of_classes(cells, class_weights) + border.to(cells.device, torch.float32).masked_fill(cells, 0)


def border_weighted_cross_entropy(
    logits: Tensor, target: Tensor, weights: Tensor, *, ignore_index: int | None = 255
) -> Tensor:
    """Mean of -w log p of the true class over the valid pixels, with a weight w for each pixel, see `border_weights`.

    The mean divides by the number of pixels, not by the sum of their weights as `cross_entropy_loss` does with class weights.
    So it is the paper's sum times a constant, and an image with many borders counts for more than one with few.

    Shapes: `logits` (B, K, H, W); `target` (B, H, W); `weights` floating (B, H, W), finite and 0 or more → a scalar. What
    else holds for losses, `course_utils.losses` says.

    Source: Ronneberger, Fischer and Brox 2015, equation 1 (arXiv 1505.04597).

    Differs from the paper: a mean and not a sum, so that the learning rate does not depend on the image's size; and the
    minus sign, which is missing there.

    Raises: ValueError for weights of another shape or type, and for those that are negative, infinite or not a number.
    """
    logits, labels, valid = without_void(logits, target, ignore_index=ignore_index)
    _require_weights(weights, labels)
    losses = -logits.log_softmax(1).gather(1, labels[:, None])[:, 0]
    return mean_of_sum((losses * weights.to(losses.dtype) * valid).sum(), valid.sum())


def _to_two_cells(instances: np.ndarray, reach: float) -> np.ndarray:
    """d1 + d2 of every pixel (H, W), in float64; infinite where there are no two cells within `reach`."""
    from scipy.ndimage import distance_transform_edt, find_objects

    first, second = np.full((2, *instances.shape), np.inf)
    ids = np.unique(instances[instances > 0])
    if len(ids) < 2:
        return first + second
    # 0 for the background, then 1, 2, … without gaps: `find_objects` makes room for every number up to the largest.
    numbered = np.searchsorted(ids, instances, side="right")
    margin = math.ceil(reach)
    for cell, box in enumerate(find_objects(numbered), start=1):
        # All other pixels are out of the cell's reach.
        near = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
        distance = distance_transform_edt(numbered[near] != cell)
        second[near] = np.minimum(second[near], np.maximum(first[near], distance))
        first[near] = np.minimum(first[near], distance)
    return first + second


def _of_classes(cells: Tensor, class_weights: Tensor | None) -> Tensor:
    """w_c at every pixel."""
    if class_weights is None:
        return torch.ones(cells.shape, dtype=torch.float32, device=cells.device)
    require_tensor(class_weights, "class_weights")
    if class_weights.shape != (2,) or class_weights.is_complex() or not _are_weights(class_weights):
        raise ValueError(
            "class_weights must be two finite numbers of 0 or more, for the background and for the cells, but are "
            f"{class_weights.tolist()}."
        )
    return class_weights.to(device=cells.device, dtype=torch.float32)[cells.long()]


def _are_weights(values: Tensor) -> bool:
    return bool((values.isfinite() & (values >= 0)).all())


def _require_ids(instances: Tensor) -> None:
    require_label_type(instances, "instances")
    if instances.ndim < 2 or instances.dtype == torch.bool:
        raise ValueError(
            f"border_weights needs a map with an id for each cell (…, H, W), but got {instances.dtype} of shape "
            f"{tuple(instances.shape)}; `ops.masks.connected_components` numbers the cells of a mask."
        )
    if label_range(instances, None).low < 0:
        raise ValueError(
            "instances must be 0 for the background and 1 or more for cells, but hold negative numbers. A data set without "
            "instance truth has -1 there; `ops.masks.connected_components` numbers the cells of a mask."
        )


def _require_weights(weights: Tensor, labels: Tensor) -> None:
    require_tensor(weights, "weights")
    if weights.shape != labels.shape or not weights.is_floating_point() or weights.device != labels.device:
        raise ValueError(
            f"weights must be floating {tuple(labels.shape)} on {labels.device}, one for each pixel of the target, but are "
            f"{weights.dtype} {tuple(weights.shape)} on {weights.device}; `border_weights` makes them from instances."
        )
    # Looked at once for a map, since a GPU has to be waited for.
    if not recall(weights, "weights"):
        if not _are_weights(weights):
            raise ValueError(
                "weights must be finite and 0 or more at every pixel; look at what they were computed from."
            )
        remember(weights, "weights", True)
