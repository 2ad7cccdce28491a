"""Class weights against imbalance, from how many pixels each class has."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from course_utils.ops.checks import real_number, require_tensor, whole_number
from course_utils.ops.labels import require_label_type, void_label
from course_utils.ops.precision import in_float64

Method = Literal["inverse", "square_root", "median_frequency", "enet", "effective_number"]


class PixelCounts(NamedTuple):
    """For each class (K,) int64: its pixels, and the labelled pixels of the images in which it occurs."""

    pixels: Tensor
    image_pixels: Tensor


def count_pixels(label_maps: Iterable[Tensor], num_classes: int, *, ignore_index: int | None = 255) -> PixelCounts:
    """Count the pixels of each class over label maps of any shape, one for each image.

    Raises: ValueError for labels outside 0 … K - 1 that are not `ignore_index`, and for maps that hold no integers.
    """
    num_classes, ignore_index = whole_number(num_classes, "num_classes", minimum=1), void_label(ignore_index)
    pixels, image_pixels = torch.zeros(2, num_classes, dtype=torch.int64, device="cpu")
    for labels in label_maps:
        require_label_type(labels, "A label map")
        labels = labels.flatten().long()
        labels = labels if ignore_index is None else labels[labels != ignore_index]
        if ((labels < 0) | (labels >= num_classes)).any():
            raise ValueError(
                f"Label maps must hold 0 … {num_classes - 1} or void ({ignore_index}), but one holds labels from "
                f"{int(labels.min())} to {int(labels.max())}; correct num_classes or ignore_index."
            )
        counts = torch.bincount(labels, minlength=num_classes).cpu()
        pixels += counts
        image_pixels += (counts > 0) * counts.sum()
    return PixelCounts(pixels, image_pixels)


def class_weights(
    counts: Tensor,
    *,
    method: Method = "inverse",
    image_counts: Tensor | None = None,
    constant: float = 1.02,
    beta: float = 0.9999,
) -> Tensor:
    """Weights of classes of which there are n_k pixels, N in all; a class without pixels has weight 0 and counts nowhere.

    "inverse": N / (K n_k), with which every class has the same share of a weighted cross-entropy of equal terms;
    "square_root": √(N / (K n_k)), the middle between that and no weights;
    "median_frequency": median(f) / f_k, where f_k = n_k / `image_counts`_k, the pixels of those images in which the class
    occurs (`count_pixels` gives both); Eigen and Fergus 2015 (arXiv 1411.4734);
    "enet": 1 / ln(c + n_k / N), c = `constant`, at most 1 / ln c ≈ 50; Paszke et al. 2016, section 5 (arXiv 1606.02147);
    "effective_number": (1 - β) / (1 - β^n_k), nearly the same for all classes with many more than 1 / (1 - β) pixels; Cui et
    al. 2019, section 4 (arXiv 1901.05555).

    A factor common to all weights changes nothing in `cross_entropy_loss`, so that none is normalised any further.

    Shapes: `counts` and `image_counts` (K,), integer or floating → (K,) float32.

    Raises: ValueError for counts that are negative or all 0, for an unknown method, and for arguments out of their range.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {get_args(Method)}, but is {method!r}.")
    n = _checked(counts, "counts")
    present = n > 0
    if not present.any():
        raise ValueError("counts hold no pixel of any class, so that no class has a weight; look at what was counted.")
    shares, known = n / n.sum(), present.sum()
    if method in ("inverse", "square_root"):
        weights = 1 / (known * shares)
        weights = weights.sqrt() if method == "square_root" else weights
    elif method == "median_frequency":
        frequencies = n / _image_counts(image_counts, n)
        weights = frequencies[present].quantile(0.5) / frequencies
    elif method == "enet":
        constant = real_number(constant, "constant", 1, math.inf, exclusive=True)  # or weights are infinite or negative
        weights = 1 / (constant + shares).log()
    else:
        beta = real_number(beta, "beta", 0, math.nextafter(1, 0))
        # β^n - 1 in one step: where β is nearly 1, so is its power, and the difference has no digits left.
        weights = (1 - beta) / -torch.expm1(n * math.log(beta)) if beta > 0 else torch.ones_like(n)
    return torch.where(present, weights, 0).float().to(counts.device)


def _image_counts(image_counts: Tensor | None, n: Tensor) -> Tensor:
    if image_counts is None:
        raise ValueError(
            'method "median_frequency" needs image_counts, the pixels of the images in which each class occurs; '
            "`count_pixels` gives them. With those of all images instead it would be inverse frequency."
        )
    image_counts = _checked(image_counts, "image_counts")
    if image_counts.shape != n.shape or (image_counts < n).any():
        raise ValueError(
            "image_counts must hold, for each class, at least as many pixels as counts, but they are "
            f"{image_counts.tolist()} for {n.tolist()}."
        )
    return image_counts


def _checked(counts: Tensor, name: str) -> Tensor:
    require_tensor(counts, name)
    if counts.ndim != 1 or counts.is_complex() or not (counts.isfinite() & (counts >= 0)).all():
        raise ValueError(f"{name} must be finite numbers of pixels (K,), 0 or more, but are {counts}.")
    return in_float64(counts)
