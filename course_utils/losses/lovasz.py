"""The Lovász-Softmax loss: IoU of the hard prediction, extended to a function that has a gradient."""

import torch
from torch import Tensor

from course_utils.losses.masking import Absent, mean_over_classes, require_absent, soft_masks
from course_utils.ops.checks import require_bools
from course_utils.ops.known import on_host


def lovasz_softmax_loss(
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    per_image: bool = False,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of the Lovász extension of 1 - IoU at the errors |g - p| of the valid pixels.

    With `per_image=True` each image has an IoU of its own. With `multilabel=True` p comes from sigmoids.

    Source: Berman et al. 2018, section 2 and algorithm 1 (arXiv 1705.08790).
    Differs from the paper: the differences of algorithm 1 are written out, which loses no digits where there are many
    pixels.
    """
    require_absent(absent)
    require_bools(per_image=per_image)
    p, g, _ = soft_masks(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    p, g = _rows(p, per_image), _rows(g, per_image)
    present = g.any(-1)
    if absent == "counted" or not on_host(p):
        losses = _extension(p, g)
    else:
        # Sorting takes the time, so only what is present is sorted. How much that is, a GPU would have to be asked.
        losses = (0 * p.sum(-1)).masked_scatter(
            present, _extension(p[present], g[present])
        )  # 0, and NaN where p is NaN
    return mean_over_classes(losses, present, absent)


def _extension(p: Tensor, g: Tensor) -> Tensor:
    """The Lovász extension of 1 - IoU at the errors |g - p| of each row."""
    # Void, where both are 0, comes last and adds nothing.
    errors, order = (g - p).abs().sort(-1, descending=True)
    return (errors * _steps(g.gather(-1, order))).sum(-1)


def _rows(maps: Tensor, per_image: bool) -> Tensor:
    """(B, K, H, W) → a row for each class, (K, B · H · W), or for each image and class, (B · K, H · W)."""
    return maps.flatten(2).flatten(0, 1) if per_image else maps.movedim(1, 0).flatten(1)


def _steps(truth: Tensor) -> Tensor:
    """How much 1 - IoU grows as each pixel is added to those that are wrong, worst first; `truth` 0 or 1, as sorted.

    With I true pixels still right and U in the union, a true pixel takes I to I - 1, and 1 - I / U grows by 1 / U. Another
    takes U - 1 to U, and 1 - I / U grows by I / (U - 1) - I / U = I / (U (U - 1)). Where nothing is true, IoU falls from 1 to
    0 with the first wrong pixel.
    """
    rank = torch.arange(1, truth.shape[-1] + 1, dtype=torch.int32, device=truth.device)
    total, wrong = truth.sum(-1, keepdim=True, dtype=torch.int32), truth.cumsum(-1, dtype=torch.int32)
    intersection, union = (total - wrong).to(truth), (total + rank - wrong).to(truth)
    steps = torch.where(truth > 0, 1 / union, intersection / (union * (union - 1)).clamp_min(1))
    return torch.where((rank == 1) & (total == 0), 1, steps)
