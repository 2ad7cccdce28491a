"""Whether probabilities can be trusted: of the pixels that got 0.7, are seven in ten foreground?"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.checks import require_bools, require_tensor, whole_number
from course_utils.ops.precision import in_float64


class Reliability(NamedTuple):
    """A reliability diagram as numbers, one entry a bin of probabilities: all (bins,) float64, NaN where a bin is empty.

    They are on the device of the probabilities, or on the CPU if that has no float64.

    `predicted`: the mean probability of its pixels; `true`: the share of them that is foreground; `weight`: the share of all
    pixels that is in the bin.
    """

    predicted: Tensor
    true: Tensor
    weight: Tensor

    @property
    def error(self) -> float:
        """The expected calibration error: Σ weight · |predicted - true| over the bins (Guo et al. 2017, equation 3).

        Differs from the paper: of the probability of foreground, not of the most probable class.
        """
        return float((self.weight * (self.predicted - self.true).abs()).nansum())


def reliability(probabilities: Tensor, truth: Tensor, *, bins: int = 10, equal_counts: bool = False) -> Reliability:
    """Compare predicted probabilities with what is true, in `bins` equal steps from 0 to 1 (Guo et al. 2017, arXiv 1706.04599).

    With `equal_counts` the bins hold equally many pixels, as nearly as can be, from the lowest probabilities to the highest
    (adaptive bins: Nguyen and O'Connor 2015, section 3, arXiv 1508.05154). Pixels of one probability may then be split.

    Shapes: `probabilities` of foreground, and `truth`, bool, or 0 and 1, of the same shape, without void. A probability
    on the border of two bins is in the upper one, 1 in the last.

    Raises: ValueError for shapes that do not match, no pixels at all, probabilities outside 0 to 1, and other truths.
    """
    bins = whole_number(bins, "bins", minimum=1)
    require_bools(equal_counts=equal_counts)
    p, t = _checked(probabilities, truth)
    if equal_counts:
        order = p.argsort(stable=True)
        p, t = p[order], t[order]
        bin_ = torch.arange(len(p), device=p.device) * bins // len(p)
    else:
        bin_ = (p * bins).long().clamp(max=bins - 1)
    count = torch.bincount(bin_, minlength=bins).double()
    return Reliability(
        torch.bincount(bin_, p, minlength=bins) / count,
        torch.bincount(bin_, t, minlength=bins) / count,
        count / count.sum(),
    )


def brier_score(probabilities: Tensor, truth: Tensor) -> float:
    """The mean of (p - t)²: small only where probabilities are true *and* tell pixels apart.

    Source: Brier 1950, Verification of forecasts expressed in terms of probability. Differs from it: one term for the
    foreground, where the paper has one for each class, which doubles it.

    Shapes and Raises: as `reliability`.
    """
    p, t = _checked(probabilities, truth)
    return float((p - t).square().mean())


def _checked(probabilities: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both flat, in float64."""
    require_tensor(probabilities, "probabilities")
    require_tensor(truth, "truth")
    if probabilities.shape != truth.shape or probabilities.numel() == 0:
        raise ValueError(
            f"probabilities and truth must be of one shape and not empty, but are {tuple(probabilities.shape)} and "
            f"{tuple(truth.shape)}."
        )
    p, t = in_float64(probabilities.detach().flatten()), in_float64(truth.flatten())
    if not ((p >= 0) & (p <= 1)).all() or not ((t == 0) | (t == 1)).all():
        raise ValueError(
            f"Expected probabilities from 0 to 1 and a truth of 0 and 1, got {float(p.min())} to {float(p.max())} and "
            f"{float(t.min())} to {float(t.max())}; apply `sigmoid` to logits, and leave void out."
        )
    return p, t
