"""What YOLACT is trained with: which anchor stands for which object, and the four losses."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits, smooth_l1_loss

from course_utils.models.detection.yolact_parts import (
    BOX_WEIGHTS,
    Outputs,
    positive_numbers,
    touched,
    weighted_sums,
)
from course_utils.models.detection.yolact_targets import Target, Truth, require_targets, stack_targets
from course_utils.ops.boxes import box_iou, encode
from course_utils.ops.checks import Pair, int_pair, real_number, require_tensor, whole_number

MATCHING = (0.5, 0.4)
"""The IoU from which on an anchor is positive, and the one below which it is negative."""
LOSS_WEIGHTS = (1.0, 1.5, 6.125, 1.0)
"""Of classes, boxes, masks and semantics."""


class Matches(NamedTuple):
    """What each of N anchors is to predict.

    Shapes: `objects` (B, N) index of the object that it overlaps most; `overlaps` (B, N) their IoU, above 1 for the best anchor
    of an object; `positive` and `negative` bool (B, N): to be this object, to be background. An anchor may be neither.
    """

    objects: Tensor
    overlaps: Tensor
    positive: Tensor
    negative: Tensor


def four_losses(
    outputs: Outputs,
    targets: Sequence[Target],
    size: Pair,
    *,
    matching: tuple[float, float] = MATCHING,
    loss_weights: tuple[float, ...] = LOSS_WEIGHTS,
    masks_per_image: int = 100,
) -> dict[str, Tensor]:
    """The four losses of YOLACT, already weighted, so that their sum is what is minimised.

    - "classes": cross-entropy of positive anchors and of the hardest negative ones, three for each positive
      (`hard_negative_loss`);
    - "boxes": smooth L1 of the offsets of positive anchors;
    - "masks": cross-entropy of σ(P Cᵀ), the mean over the pixels that the true box touches, so that a small object counts as
      much as a large one;
    - "semantic": cross-entropy of each class on its own, everywhere, summed over classes; only for training.
    The first three are sums over the batch, divided by the number of positive anchors in it. So what several processes make
    together of their shares of a batch differs from what one makes of it all: each divides by its own number.

    Source: Bolya, Zhou, Xiao and Lee 2019, sections 3.3, 4 and 5 (arXiv:1904.02689).

    `targets`: for each image "boxes" (M, 4), "labels" (M,) from 1 to K, "masks" bool (M, H, W), and perhaps "iscrowd" (M,);
    crowds and boxes without area are left out. `size`: (H, W) of the images. `matching`: see `match`. `masks_per_image`: of so
    many positive anchors, those with the largest IoU, masks are learnt.

    Differs from the paper: a mask's target is the share of a prototype's pixel that the object covers, not rounded to 0 or 1,
    and the box is cut off at whole pixels; an image without positive anchors still gives its three hardest negatives.

    Shapes: → scalars. Differentiable in `outputs`. No value of a tensor is looked at on a GPU.

    Raises: ValueError for targets that are not like this.
    """
    size, masks_per_image = int_pair(size, "size"), whole_number(masks_per_image, "masks_per_image", minimum=1)
    if len(weights := positive_numbers(loss_weights, "loss_weights")) != 4:
        raise ValueError(f"loss_weights must be four numbers, {' '.join(map(str, LOSS_WEIGHTS))}, but is {weights}.")
    require_targets(targets, outputs, size)
    truth = stack_targets(targets, outputs.prototypes)
    matches = match(outputs.anchors, truth.boxes, matching=matching)
    count = matches.positive.sum().clamp(min=1)
    by_name = {
        "classes": _class_loss(outputs.classes, truth.labels, matches) / count,
        "boxes": _box_loss(outputs, truth.boxes, matches) / count,
        "masks": _mask_loss(outputs, truth, matches, size, masks_per_image) / count,
        "semantic": _semantic_loss(outputs.semantic, truth),
    }
    return {name: weight * loss for weight, (name, loss) in zip(weights, by_name.items(), strict=True)}


def match(anchors: Tensor, boxes: Tensor, *, matching: tuple[float, float] = MATCHING) -> Matches:
    """An anchor is positive if its IoU with some object is 0.5 or more, and negative if all are below 0.4, or as `matching` says.

    So that no object goes without, the best anchor of each is positive too. If it is the best of two, it takes the object that
    it overlaps more.

    Source: Liu et al. 2016, section 2.2 (arXiv:1512.02325), with the thresholds of YOLACT's code.

    Shapes: `anchors` (N, 4), `boxes` (B, M, 4), with N and M of 1 or more; boxes without area match nothing.

    Raises: ValueError for other shapes and types, tensors on two devices, and thresholds that are not two falling numbers from 0
    to 1.
    """
    if not isinstance(matching, (tuple, list)) or len(matching) != 2:
        raise ValueError(
            f"matching must be two numbers, the IoU of positive and of negative anchors, but is {matching!r}."
        )
    from_here = real_number(matching[0], "matching[0]", 0, 1, exclusive=True)
    below = real_number(matching[1], "matching[1]", 0, from_here)
    iou = box_iou(boxes, anchors)  # (B, M, N), 0 for boxes without area
    if iou.ndim != 3 or iou.numel() == 0:
        raise ValueError(
            f"match needs anchors (N, 4) and boxes (B, M, 4), with an anchor and a box at least, but got "
            f"{tuple(anchors.shape)} and {tuple(boxes.shape)}; where an image has no object, give a box of zeros."
        )
    best = iou.argmax(-1, keepdim=True)  # (B, M, 1)
    is_best = (torch.arange(len(anchors), device=anchors.device) == best) & (iou > 0)
    overlaps, objects = (iou + 2 * is_best).max(1)  # (B, N)
    return Matches(objects, overlaps, overlaps >= from_here, overlaps < below)


def hard_negative_loss(losses: Tensor, positive: Tensor, negative: Tensor, *, ratio: int = 3) -> Tensor:
    """The losses of all positive anchors, and of the negative ones the largest, `ratio` for each positive of its image.

    Nearly all anchors are background, and nearly all of these easy: without a choice they would drown the rest.

    Source: Liu et al. 2016, section 2.2, "hard negative mining" (arXiv:1512.02325). Differs from the paper: an image without
    positives gives as many negatives as one with a single positive.

    Shapes: `losses` (B, N) of 0 and above, `positive` and `negative` bool (B, N) → their sum, a scalar. Differentiable.

    Raises: ValueError for other shapes and types, and a ratio below 1.
    """
    for name, values in {"losses": losses, "positive": positive, "negative": negative}.items():
        require_tensor(values, name)
    ratio = whole_number(ratio, "ratio", minimum=1)
    if (
        losses.ndim != 2
        or not losses.shape == positive.shape == negative.shape
        or not positive.dtype == negative.dtype == torch.bool
    ):
        raise ValueError(
            f"hard_negative_loss needs losses (B, N) and two bool masks of that shape, but got {tuple(losses.shape)}, "
            f"{positive.dtype} {tuple(positive.shape)} and {negative.dtype} {tuple(negative.shape)}."
        )
    hardest = losses.masked_fill(~negative, 0).sort(1, descending=True).values  # (B, N)
    wanted = ratio * positive.sum(1, keepdim=True).clamp(min=1)  # (B, 1)
    mined = torch.arange(losses.shape[1], device=losses.device) < wanted  # (B, N)
    return (losses * positive).sum() + (hardest * mined).sum()


def _class_loss(logits: Tensor, labels: Tensor, matches: Matches) -> Tensor:
    wanted = labels.gather(1, matches.objects) * matches.positive  # (B, N), 0 for background
    losses = -logits.log_softmax(-1).gather(-1, wanted[..., None])[..., 0]  # (B, N)
    return hard_negative_loss(losses, matches.positive, matches.negative)


def _box_loss(outputs: Outputs, boxes: Tensor, matches: Matches) -> Tensor:
    positive = matches.positive[..., None]
    wanted = boxes.gather(1, matches.objects[..., None].expand(-1, -1, 4))  # (B, N, 4)
    anchors = outputs.anchors.expand_as(wanted)
    offsets = encode(torch.where(positive, wanted, anchors), anchors, weights=BOX_WEIGHTS)
    return (smooth_l1_loss(outputs.offsets, offsets, reduction="none") * positive).sum()


def _mask_loss(outputs: Outputs, truth: Truth, matches: Matches, size: Pair, most: int) -> Tensor:
    order = matches.overlaps.topk(min(most, matches.overlaps.shape[1]), 1).indices  # (B, m), m anchors
    chosen = matches.positive.gather(1, order)  # (B, m)
    objects = matches.objects.gather(1, order)  # (B, m)
    image = torch.arange(len(order), device=order.device)[:, None]  # (B, 1)
    logits = weighted_sums(outputs.prototypes, outputs.coefficients[image, order])  # (B, m, h, w)
    grid = logits.shape[2:]
    inside = touched(truth.boxes * _scale(size, grid, like=truth.boxes), (grid[0], grid[1])).to(logits.dtype)
    weight = inside / inside.sum((2, 3), keepdim=True).clamp(min=1)  # (B, M, h, w), of sum 1
    weight = weight[image, objects] * chosen[..., None, None]  # (B, m, h, w)
    return binary_cross_entropy_with_logits(logits, truth.masks[image, objects], weight, reduction="sum")


def _semantic_loss(logits: Tensor, truth: Truth) -> Tensor:
    classes = torch.arange(1, logits.shape[1] + 1, device=logits.device)
    is_class = (truth.labels[..., None] == classes).to(truth.masks.dtype)  # (B, M, K)
    wanted = (is_class.mT @ truth.masks.flatten(2)).clamp(max=1)  # (B, K, h · w)
    grid = (logits.shape[2], logits.shape[3])
    wanted = adaptive_avg_pool2d(wanted.unflatten(2, truth.masks.shape[2:]), grid)  # (B, K, h/2, w/2)
    return binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1).mean()


def _scale(size: Pair, grid: Sequence[int], *, like: Tensor) -> Tensor:
    """What takes boxes in an image's pixels to those of a map: (4,)."""
    y, x = grid[0] / size[0], grid[1] / size[1]
    return torch.tensor([x, y, x, y], dtype=like.dtype, device=like.device)
