"""A region proposal network without sampling: the cells near an object's centre answer for it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.targets import Target
from course_utils.ops.boxes import batched_nms, box_iou, clip_boxes, decode, generalised_box_iou
from course_utils.ops.checks import Pair, int_pair, real_number, whole_number
from course_utils.ops.precision import at_least_float32

FIRST_LOGIT = -4.0  # an untrained network says of each anchor, with a probability of 0.98, that there is nothing


class CentreRPN(nn.Module):
    """Propose boxes from a score and four offsets at each anchor, learnt from all anchors at once.

    An anchor answers for an object if its centre is nearer to the object's than one stride, in both directions, and its shape
    fits: laid on one centre, the two have an IoU of at least `fit`. Each object has its best anchor of those near, whatever the
    fit. The score is to be the IoU of the predicted box with the object, and 0 at all other anchors (quality focal loss, Li et al.
    2020, section 3, arXiv:2006.04388); the box is learnt with 1 - generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630).

    - `channels`: those of the maps; `anchors`: for the last of the maps that are given to `forward`, those before are left out.
    - `candidates`: how many of an image's best boxes NMS chooses from, in training and in evaluation; `kept`: how many it keeps.

    Shapes: maps (B, channels, h, w); `image_sizes` (h, w) of each image → proposals (n, 5) for each image, a box and its score
    from 0 to 1, best first; and with `targets` the losses "objectness" and "rpn_boxes", otherwise none.

    Differs from Ren et al. 2015, section 3.1 (arXiv:1506.01497): which anchors answer (there by IoU; those between two thresholds
    are left out); no sampling; both losses; no convolution of its own before the output.

    Raises: ValueError for numbers that cannot be.
    """

    def __init__(
        self,
        channels: int,
        anchors: Anchors,
        *,
        fit: float = 0.4,
        candidates: Pair = (150, 500),
        kept: Pair = (48, 160),
        nms_threshold: float = 0.7,
    ) -> None:
        super().__init__()
        if not isinstance(anchors, Anchors):
            raise ValueError(f"anchors must be Anchors, as `Anchors((4, 8, 16))`, but is {anchors!r}.")
        channels = whole_number(channels, "channels", minimum=1)
        self.candidates, self.kept = int_pair(candidates, "candidates"), int_pair(kept, "kept")
        self.anchors = anchors
        self.fit, self.nms_threshold = real_number(fit, "fit", 0, 1), real_number(nms_threshold, "nms_threshold", 0, 1)
        self.output = nn.Conv2d(channels, 5 * anchors.per_cell, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)
        with torch.no_grad():
            self.output.bias[::5] = FIRST_LOGIT

    def forward(
        self, maps: Sequence[Tensor], image_sizes: Sequence[Pair], targets: Sequence[Target] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        maps = maps[-len(self.anchors.strides) :]
        # (B, 5A, h, w) → (B, h · w · A, 5), the order of the anchors
        found = [self.output(map_).permute(0, 2, 3, 1).reshape(len(map_), -1, 5) for map_ in maps]
        logits, offsets = at_least_float32(torch.cat(found, 1)).split((1, 4), 2)
        anchors = self.anchors(maps)
        strides = torch.cat(
            [a.new_full((len(a), 1), s) for a, s in zip(anchors, self.anchors.strides, strict=True)]
        )
        boxes = torch.cat(anchors)
        proposals = self.propose(logits[..., 0], offsets, boxes, image_sizes)
        if targets is None:
            return proposals, {}
        return proposals, self.losses(logits[..., 0], offsets, boxes, strides, targets)

    @torch.no_grad()
    def propose(
        self, logits: Tensor, offsets: Tensor, anchors: Tensor, image_sizes: Sequence[Pair]
    ) -> list[Tensor]:
        """The best boxes of each image with their scores, less those that overlap a better one: (n, 5) an image."""
        candidates, most = (pair[0 if self.training else 1] for pair in (self.candidates, self.kept))
        scores, best = logits.sigmoid().topk(min(candidates, logits.shape[1]), 1)  # (B, n)
        boxes = decode(offsets.gather(1, best[..., None].expand(-1, -1, 4)), anchors[best])  # (B, n, 4)
        boxes = torch.stack([clip_boxes(some, size) for some, size in zip(boxes, image_sizes, strict=True)])
        image = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(scores).flatten()
        rows = torch.cat([boxes, scores[..., None]], 2).flatten(0, 1)
        kept = batched_nms(rows[:, :4], rows[:, 4], image, self.nms_threshold)
        rows, image = rows[kept], image[kept]
        return [rows[image == number][:most] for number in range(len(image_sizes))]

    def losses(
        self, logits: Tensor, offsets: Tensor, anchors: Tensor, strides: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The losses of all anchors; both are divided by the sum of what scores are to be."""
        truth = pad_sequence([target["boxes"].to(anchors) for target in targets], batch_first=True)  # (B, M, 4)
        fit = self.fit_of(anchors, strides, truth)  # (B, N, M)
        image, anchor, number = fit.nonzero(as_tuple=True)
        # An anchor near two objects answers for the one that it fits best.
        alone = fit[image, anchor, number] == fit.amax(2)[image, anchor]
        image, anchor, number = image[alone], anchor[alone], number[alone]
        boxes, own = decode(offsets[image, anchor], anchors[anchor]), truth[image, number]
        iou = box_iou(boxes.detach(), own, paired=True)
        wanted = torch.zeros_like(logits).index_put((image, anchor), iou)
        total = wanted.sum().clamp(min=1)
        surprise = (logits.detach().sigmoid() - wanted).abs() ** 2
        focal = surprise * binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        weight = iou.clamp(min=0.1)
        missed = weight * (1 - generalised_box_iou(boxes, own, paired=True))
        return {"objectness": focal.sum() / total, "rpn_boxes": missed.sum() / weight.sum().clamp(min=1)}

    def fit_of(self, anchors: Tensor, strides: Tensor, truth: Tensor) -> Tensor:
        """How well each anchor's shape fits each object that it answers for, 0 for others.

        Shapes: `anchors` (N, 4), `strides` (N, 1), `truth` (B, M, 4), of no area where there are fewer → (B, N, M).
        """
        centre, size = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
        true_centre, true_size = (truth[..., :2] + truth[..., 2:]) / 2, truth[..., 2:] - truth[..., :2]
        near = ((centre[:, None] - true_centre[:, None]).abs() < strides[:, None]).all(-1)  # (B, N, M)
        shared = torch.minimum(size[:, None], true_size[:, None]).prod(-1)  # of two boxes with one centre
        union = size.prod(-1)[:, None] + true_size.prod(-1)[:, None] - shared
        fit = near * shared / union
        best = fit == fit.amax(1, keepdim=True)
        return torch.where((fit >= self.fit) | best, fit, 0)


def small_anchors() -> Anchors:
    """Two shapes for each of three sizes: upright as persons and wide as cars, of 8 to 60 pixels."""
    return Anchors((4, 8, 16), sizes=((10,), (20,), (40,)), ratios=(2.86, 0.625))
