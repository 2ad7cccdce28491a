"""The region proposal network: where in the image is an object, whatever it is?"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.assignment import balanced_sample, match_boxes
from course_utils.models.detection.targets import Target
from course_utils.ops.boxes import batched_nms, clip_boxes, decode, encode
from course_utils.ops.checks import Pair, int_pair, real_number, whole_number, whole_numbers
from course_utils.ops.precision import at_least_float32

SMALLEST = 1e-3  # pixels; a proposal that is narrower or lower is none


class RPN(nn.Module):
    """From each map of a pyramid, proposals: boxes that are likely to hold an object.

    At each anchor a logit says whether there is an object, and four offsets make a proposal of the anchor.

    Source: Ren, He, Girshick and Sun 2015, section 3.1, arXiv:1506.01497; on a pyramid: Lin et al. 2017, section 4.1,
    arXiv:1612.03144.

    - `convolutions`: 3×3 ones before the two outputs, shared by all levels.
    - `high`, `low`: IoU from which on an anchor counts as an object, and below which as background; `samples` anchors an image
      are learnt from, at most `positive_share` of them objects.
    - `before_nms`, `after_nms`: how many proposals a level keeps before non-maximum suppression at `nms_threshold`, and how many
      an image keeps after it, in training and in evaluation.

    Shapes: maps (B, channels, h, w), one for each of the anchors' strides; `image_sizes` (h, w) of each image → proposals (n, 4)
    for each image, best first, in pixels of the input and constants for gradients; and with `targets`, a dict with "boxes" (m, 4)
    for each image, the losses "objectness" and "rpn_boxes".

    Differs from the paper: images of a batch share one mean; smooth L1 has its corner at 1/9, as in torchvision.

    Raises: ValueError for numbers that cannot be.
    """

    def __init__(
        self,
        channels: int,
        anchors: Anchors,
        *,
        convolutions: int = 1,
        high: float = 0.7,
        low: float = 0.3,
        samples: int = 256,
        positive_share: float = 0.5,
        before_nms: Pair = (2000, 1000),
        after_nms: Pair = (2000, 1000),
        nms_threshold: float = 0.7,
    ) -> None:
        super().__init__()
        channels, convolutions = whole_numbers(1, channels=channels, convolutions=convolutions)
        if not isinstance(anchors, Anchors):
            raise ValueError(f"anchors must be Anchors, as `Anchors((4, 8, 16, 32, 64))`, but is {anchors!r}.")
        self.anchors = anchors
        self.high = real_number(high, "high", 0, 1)
        self.low = real_number(low, "low", 0, self.high)
        self.samples = whole_number(samples, "samples", minimum=1)
        self.positive_share = real_number(positive_share, "positive_share", 0, 1)
        self.before_nms, self.after_nms = int_pair(before_nms, "before_nms"), int_pair(after_nms, "after_nms")
        self.nms_threshold = real_number(nms_threshold, "nms_threshold", 0, 1)
        layers: list[nn.Module] = []
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(inplace=True)]
        self.shared = nn.Sequential(*layers)
        self.objectness = nn.Conv2d(channels, anchors.per_cell, 1)
        self.offsets = nn.Conv2d(channels, 4 * anchors.per_cell, 1)
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter, std=0.01)

    def forward(
        self, maps: Sequence[Tensor], image_sizes: Sequence[Pair], targets: Sequence[Target] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        logits, offsets = self.predict(maps)
        anchors = self.anchors(maps)
        proposals = self.propose(logits, offsets, anchors, image_sizes)
        if targets is None:
            return proposals, {}
        return proposals, self.losses(torch.cat(logits, 1), torch.cat(offsets, 1), torch.cat(anchors), targets)

    def predict(self, maps: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """A logit and four offsets at each anchor: for each level (B, N) and (B, N, 4), N = h · w · anchors of a cell."""
        logits, offsets = [], []
        for map_ in maps:
            x = self.shared(map_)
            # (B, A, h, w) → (B, h · w · A), the order of the anchors
            logits.append(at_least_float32(self.objectness(x).permute(0, 2, 3, 1).flatten(1)))
            offsets.append(at_least_float32(self.offsets(x).permute(0, 2, 3, 1).reshape(len(x), -1, 4)))
        return logits, offsets

    @torch.no_grad()
    def propose(
        self,
        logits: Sequence[Tensor],
        offsets: Sequence[Tensor],
        anchors: Sequence[Tensor],
        image_sizes: Sequence[Pair],
    ) -> list[Tensor]:
        """The best boxes of each level, and of these what non-maximum suppression within the level leaves: (n, 4) an image."""
        before, after = (pair[0 if self.training else 1] for pair in (self.before_nms, self.after_nms))
        scores, boxes, levels = [], [], []
        for number, (score, offset, anchor) in enumerate(zip(logits, offsets, anchors, strict=True)):
            score, best = score.topk(min(before, score.shape[1]), 1)  # (B, n)
            scores.append(score)
            boxes.append(decode(offset.gather(1, best[..., None].expand(-1, -1, 4)), anchor[best]))  # (B, n, 4)
            levels.append(torch.full_like(best, number))
        score, box, level = torch.cat(scores, 1), torch.cat(boxes, 1), torch.cat(levels, 1)
        box = torch.stack([clip_boxes(some, size) for some, size in zip(box, image_sizes, strict=True)])
        large = (box[..., 2:] - box[..., :2] >= SMALLEST).all(-1)
        image = torch.arange(len(box), device=box.device)[:, None].expand_as(level)
        score, box, level, image = score[large], box[large], level[large], image[large]  # of all images in one row
        kept = batched_nms(box, score, image * len(logits) + level, self.nms_threshold)
        box, image = box[kept], image[kept]
        return [box[image == number][:after] for number in range(len(image_sizes))]

    def losses(self, logits: Tensor, offsets: Tensor, anchors: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Cross-entropy of sampled anchors, and smooth L1 of the offsets of those that are to find an object.

        Both are divided by the number of anchors that were drawn.
        """
        found, wanted, predicted, true = [], [], [], []
        for logit, offset, target in zip(logits, offsets, targets, strict=True):
            boxes = target["boxes"].to(anchors)
            matches = match_boxes(boxes, anchors, high=self.high, low=self.low, keep_best=True)
            drawn = balanced_sample(matches, self.samples, self.positive_share)
            positive = drawn[matches[drawn] >= 0]
            found.append(logit[drawn])
            wanted.append((matches[drawn] >= 0).to(logit.dtype))
            predicted.append(offset[positive])
            true.append(encode(boxes[matches[positive]], anchors[positive]))
        count = max(sum(map(len, found)), 1)
        objectness = binary_cross_entropy_with_logits(torch.cat(found), torch.cat(wanted), reduction="sum")
        boxes = smooth_l1_loss(torch.cat(predicted), torch.cat(true), beta=1 / 9, reduction="sum")
        return {"objectness": objectness / count, "rpn_boxes": boxes / count}
