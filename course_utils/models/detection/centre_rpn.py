"""A region proposal network without sampling: the cells near an object's centre answer for it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad
from torch.nn.utils.rnn import pad_sequence

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.targets import Target
from course_utils.ops.boxes import batched_nms, box_iou, clip_boxes, decode, generalised_box_iou
from course_utils.ops.checks import Pair, int_pair, real_number, whole_number
from course_utils.ops.precision import at_least_float32

FIRST_LOGIT = -4.0  # an untrained network says of each anchor, with a probability of 0.98, that there is nothing
LEAST_WEIGHT = 0.1  # of a box's loss, however badly the box lies


class CentreRPN(nn.Module):
    """Propose boxes from a score and four offsets at each anchor, learnt from all anchors at once.

    An anchor answers for an object if its centre is nearer to the object's than one stride, in both directions, and its shape
    fits: laid on one centre, the two have an IoU of at least `fit`. Of those that are near, the best answers whatever its fit.
    An anchor near several objects answers for the one that it fits best. Its score is to be the IoU of its predicted box with
    the object, and 0 at all other anchors (quality focal loss, Li et al. 2020, section 3, arXiv:2006.04388). The box is learnt
    with 1 - generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630), weighted by that IoU.

    - `channels`: of the maps. `anchors`: for the last of the maps that `forward` is given; those before them are left out.
    - `candidates`: how many of an image's best boxes NMS chooses from, in training and in evaluation. `kept`: how many of them
      become proposals. `nms_threshold`: the IoU from which on a better box drops a worse one.

    Shapes: maps (B, channels, h, w); `image_sizes` (h, w) of each image → proposals (n, 5) for each image, a box and its score
    from 0 to 1, best first; and with `targets`, a dict with "boxes" (m, 4) for each image, the losses "objectness" and
    "rpn_boxes", otherwise none. Proposals are constants for gradients.

    Differs from Ren et al. 2015, section 3.1 (arXiv:1506.01497): which anchors answer (there by IoU with the object, and anchors
    between two thresholds are left out); no sampling; both losses; no convolution of its own before the output.

    Raises: ValueError for numbers that cannot be, and for fewer maps than the anchors have strides.
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
        with torch.no_grad():
            bias = self.output.get_parameter("bias").zero_()
            bias[::5] = FIRST_LOGIT

    def forward(
        self, maps: Sequence[Tensor], image_sizes: Sequence[Pair], targets: Sequence[Target] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        maps = maps[-len(self.anchors.strides) :]
        # (B, 5A, h, w) → (B, h · w · A, 5), the order of the anchors
        found = [self.output(map_).permute(0, 2, 3, 1).reshape(len(map_), -1, 5) for map_ in maps]
        logits, offsets = at_least_float32(torch.cat(found, 1)).split((1, 4), 2)
        logits = logits[..., 0]  # (B, N), N anchors of all levels
        levels = self.anchors(maps)
        anchors = torch.cat(levels)  # (N, 4)
        proposals = self.propose(logits, offsets, anchors, image_sizes)
        if targets is None:
            return proposals, {}
        strides = [logits.new_full((len(level),), s) for level, s in zip(levels, self.anchors.strides, strict=True)]
        return proposals, self.losses(logits, offsets, anchors, torch.cat(strides), targets)

    @torch.no_grad()
    def propose(self, logits: Tensor, offsets: Tensor, anchors: Tensor, image_sizes: Sequence[Pair]) -> list[Tensor]:
        """The best boxes of each image with their scores, less those that overlap a better one: (n, 5) an image."""
        candidates, most = (pair[0 if self.training else 1] for pair in (self.candidates, self.kept))
        scores, best = logits.sigmoid().topk(min(candidates, logits.shape[1]), 1)  # (B, n)
        boxes = decode(offsets.gather(1, best[..., None].expand(-1, -1, 4)), anchors[best])  # (B, n, 4)
        boxes = torch.stack([clip_boxes(some, size) for some, size in zip(boxes, image_sizes, strict=True)])
        image = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(scores).flatten()
        rows = torch.cat([boxes, scores[..., None]], 2).flatten(0, 1)  # (B · n, 5), of all images in one row
        kept = batched_nms(rows[:, :4], rows[:, 4], image, self.nms_threshold)
        rows, image = rows[kept], image[kept]
        return [rows[image == number][:most] for number in range(len(image_sizes))]

    def losses(
        self, logits: Tensor, offsets: Tensor, anchors: Tensor, strides: Tensor, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The losses of all anchors: the first is divided by the sum of what scores are to be, the second by that of weights."""
        truth = pad_sequence([target["boxes"].to(anchors) for target in targets], batch_first=True)
        truth = pad(truth, (0, 0, 0, 1))  # (B, M, 4): with a box of no area, so that there is one
        fit, number = self.fit_of(anchors, strides, truth).max(2)  # (B, N)
        image, anchor = fit.nonzero(as_tuple=True)
        boxes, own = decode(offsets[image, anchor], anchors[anchor]), truth[image, number[image, anchor]]
        iou = box_iou(boxes.detach(), own, paired=True)
        wanted = torch.zeros_like(logits).index_put((image, anchor), iou)
        surprise = (logits.detach().sigmoid() - wanted).abs() ** 2
        focal = surprise * binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        weight = iou.clamp(min=LEAST_WEIGHT)
        missed = weight * (1 - generalised_box_iou(boxes, own, paired=True))
        return {
            "objectness": focal.sum() / wanted.sum().clamp(min=1),
            "rpn_boxes": missed.sum() / weight.sum().clamp(min=1),
        }

    def fit_of(self, anchors: Tensor, strides: Tensor, truth: Tensor) -> Tensor:
        """How well each anchor's shape fits each object that it answers for, 0 for others.

        Shapes: `anchors` (N, 4), `strides` (N,), `truth` (B, M, 4), of no area where an image has fewer objects → (B, N, M).
        """
        centre, size = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
        true_centre, true_size = (truth[..., :2] + truth[..., 2:]) / 2, truth[..., 2:] - truth[..., :2]
        apart = (centre[:, None] - true_centre[:, None]).abs()  # (B, N, M, 2)
        near = (apart < strides[:, None, None]).all(-1)  # (B, N, M)
        shared = torch.minimum(size[:, None], true_size[:, None]).prod(-1)  # of two boxes with one centre
        union = size.prod(-1)[:, None] + true_size.prod(-1)[:, None] - shared
        fit = near * shared / union
        best = fit == fit.amax(1, keepdim=True)
        return torch.where((fit >= self.fit) | best, fit, 0)
