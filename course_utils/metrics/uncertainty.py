"""How much a score hangs on the images that happen to be in the test set: the bootstrap, and a test of two models."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.ops.checks import real_number, require_tensor, whole_number

Score = Callable[[Tensor], float]
"""A score of a confusion matrix (K, K), such as `lambda matrix: scores(matrix).mean_iou`."""


def bootstrap_scores(matrices: Tensor, score: Score, *, samples: int = 1000, seed: int = 0) -> Tensor:
    """The score of many data sets that might have been: each has as many images as this one, drawn from it with replacement.

    Images from one film, or of one patient, are not drawn independently; give one matrix a film or patient then.

    Source: Efron 1979, Bootstrap methods: another look at the jackknife.

    Shapes: confusion matrices (N, K, K), one an image → (samples,) float64. Raises: ValueError for other shapes and numbers.
    """
    drawn = _drawn(_checked(matrices, "matrices"), samples, seed)
    return torch.tensor([score(matrix) for matrix in _summed(drawn, matrices)], dtype=torch.float64, device="cpu")


def bootstrap_differences(first: Tensor, second: Tensor, score: Score, *, samples: int = 1000, seed: int = 0) -> Tensor:
    """The score of a first model minus that of a second on the same drawn data sets: what is hard for both cancels out.

    Shapes: confusion matrices (N, K, K) of each model on the same images → (samples,) float64. Raises: as `bootstrap_scores`.
    """
    drawn = _drawn(_paired(first, second), samples, seed)
    pairs = zip(_summed(drawn, first), _summed(drawn, second), strict=True)
    return torch.tensor([score(one) - score(other) for one, other in pairs], dtype=torch.float64, device="cpu")


def interval(values: Tensor, *, confidence: float = 0.95) -> tuple[float, float]:
    """The middle share of the values, from one quantile to the other: a percentile interval.

    Raises: ValueError for no values, and a confidence outside 0 … 1.
    """
    confidence = real_number(confidence, "confidence", 0, 1)
    require_tensor(values, "values")
    if values.numel() == 0:
        raise ValueError("An interval needs values, but there are none.")
    rest = (1 - confidence) / 2
    quantiles = torch.tensor([rest, 1 - rest], dtype=torch.float64, device="cpu")
    low, high = torch.quantile(values.cpu().double(), quantiles).tolist()
    return low, high


def permutation_test(first: Tensor, second: Tensor, score: Score, *, samples: int = 1000, seed: int = 0) -> float:
    """How often models that are equally good would differ by as much as these two, or more: a p-value, two-sided.

    If they were equally good, it would not matter which of the two made which map: image by image a coin decides.

    Source: Good 2005, Permutation, parametric and bootstrap tests of hypotheses; (1 + hits) / (1 + samples), never 0.

    Shapes and Raises: as `bootstrap_differences`.
    """
    _paired(first, second)
    samples, seed = whole_number(samples, "samples", minimum=1), whole_number(seed, "seed", minimum=0)
    found = abs(score(first.sum(0)) - score(second.sum(0)))
    draw = torch.Generator(device="cpu").manual_seed(seed)
    swapped = torch.rand(samples, len(first), generator=draw, device="cpu") < 0.5
    hits = 0
    for swap in swapped.to(first.device):
        one = torch.where(swap[:, None, None], second, first).sum(0)
        hits += abs(score(one) - score(first.sum(0) + second.sum(0) - one)) >= found - 1e-12
    return (1 + hits) / (1 + samples)


def _checked(matrices: Tensor, name: str) -> Tensor:
    require_tensor(matrices, name)
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or not matrices.numel():
        raise ValueError(
            f"{name} must be confusion matrices (N, K, K), one an image, but have the shape {tuple(matrices.shape)}; stack "
            "what `confusion_matrix` gives for each image."
        )
    return matrices


def _paired(first: Tensor, second: Tensor) -> Tensor:
    if _checked(first, "first").shape != _checked(second, "second").shape:
        raise ValueError(
            "Both models must have a matrix for each of the same images, but have the shapes "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    return first


def _drawn(matrices: Tensor, samples: int, seed: int) -> Tensor:
    """How often each image is in each drawn data set: (samples, N) int64."""
    samples, seed = whole_number(samples, "samples", minimum=1), whole_number(seed, "seed", minimum=0)
    count = len(matrices)
    draw = torch.Generator(device="cpu").manual_seed(seed)
    images = torch.randint(count, (samples, count), generator=draw, device="cpu")
    return torch.zeros(samples, count, dtype=torch.int64, device="cpu").scatter_add_(1, images, torch.ones_like(images))


def _summed(drawn: Tensor, matrices: Tensor) -> Tensor:
    """The matrix of each drawn data set: (samples, K, K)."""
    matrices = matrices.cpu().long()
    return (drawn @ matrices.flatten(1)).view(-1, *matrices.shape[1:])
