"""The clDice loss: are thin things found along their whole length?"""

import math

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, relu

from course_utils.losses.masking import Absent, mean_over_classes, require_absent, soft_masks
from course_utils.ops.checks import real_number, require_tensor, whole_number


def cl_dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    iterations: int = 3,
    ignore_index: int | None = 255,
    absent: Absent = "left_out",
    smooth: float = 1.0,
    multilabel: bool = False,
) -> Tensor:
    """Mean over classes of 1 - clDice: the Dice of how much of each centre line lies in the other mask.

    With S(m) the soft skeleton of a mask m: precision T_p = (Σ S(p) g + ε) / (Σ S(p) + ε), sensitivity
    T_s = (Σ S(g) p + ε) / (Σ S(g) + ε), and clDice = 2 T_p T_s / (T_p + T_s); all sums over the valid pixels of the batch.
    A gap in a thin thing costs as much as its share of the length, however thin it is. `iterations` has to be at least half
    of the width of the widest thing, in pixels. On its own it does not care how wide things are: add a region loss.

    Source: Shit et al. 2021, equations 1 and 2 and algorithm 1, arXiv:2003.07311; smoothed as in the authors' code.

    Raises: ValueError as the other losses, see `course_utils.losses`.
    """
    require_absent(absent)
    smooth = real_number(smooth, "smooth", 0, math.inf)
    p, g, _ = soft_masks(logits, target, ignore_index=ignore_index, multilabel=multilabel)
    of_prediction, of_truth = soft_skeleton(p, iterations=iterations), soft_skeleton(g, iterations=iterations)
    pixels = (0, 2, 3)
    precision = _share((of_prediction * g).sum(pixels), of_prediction.sum(pixels), smooth)
    sensitivity = _share((of_truth * p).sum(pixels), of_truth.sum(pixels), smooth)
    both = precision + sensitivity
    cl_dice = 2 * precision * sensitivity / torch.where(both == 0, 1, both)
    return mean_over_classes(1 - cl_dice, g.sum(pixels) > 0, absent)


def _share(part: Tensor, whole: Tensor, smooth: float) -> Tensor:
    """(part + ε) / (whole + ε), and 1 where both are 0."""
    empty = whole + smooth == 0
    return torch.where(empty, 1, (part + smooth) / torch.where(empty, 1, whole + smooth))


def soft_skeleton(masks: Tensor, *, iterations: int) -> Tensor:
    """The centre lines of soft masks: what an opening removes, collected while the masks are eroded (differentiable).

    Erosion takes the smallest of the pixel and its four neighbours, dilation the largest of 3 × 3; what is outside the image
    plays no part.

    Source: Shit et al. 2021, algorithm 1, arXiv:2003.07311.

    Shapes: (B, C, H, W) in [0, 1] → the same. Raises: ValueError for another shape or type, and a negative number of iterations.
    """
    require_tensor(masks, "masks")
    iterations = whole_number(iterations, "iterations", minimum=0)
    if masks.ndim != 4 or not masks.is_floating_point():
        raise ValueError(f"masks must be floating point (B, C, H, W), but are {masks.dtype} {tuple(masks.shape)}.")
    if masks.numel() == 0:
        return masks.clone()
    skeleton = torch.zeros_like(masks)
    for step in range(iterations + 1):
        masks = _eroded(masks) if step else masks
        ends = relu(masks - max_pool2d(_eroded(masks), 3, stride=1, padding=1))  # what an opening removes
        skeleton = skeleton + ends * (1 - skeleton)
    return skeleton


def _eroded(masks: Tensor) -> Tensor:
    upright = -max_pool2d(-masks, (3, 1), stride=1, padding=(1, 0))
    level = -max_pool2d(-masks, (1, 3), stride=1, padding=(0, 1))
    return torch.minimum(upright, level)
