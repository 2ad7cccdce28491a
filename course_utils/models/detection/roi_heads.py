"""The second stage of a detector: what is in each proposal, where exactly, and how it looks."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from course_utils.models.detection.assignment import balanced_sample, match_boxes
from course_utils.models.detection.heads import box_head
from course_utils.models.detection.images import size_of
from course_utils.models.detection.region_targets import (
    keypoint_loss,
    keypoint_targets,
    mask_loss as average_mask_loss,
    mask_targets,
    own_maps,
    read_keypoints,
)
from course_utils.models.detection.targets import Target
from course_utils.models.layers import positive_integers
from course_utils.ops.boxes import Weights, batched_nms, clip_boxes, decode, encode
from course_utils.ops.checks import Pair, int_pair, real_number, require_bools, whole_number
from course_utils.ops.precision import at_least_float32
from course_utils.ops.roi import multiscale_roi_align

Pooling = Callable[[Sequence[Tensor], Sequence[Tensor], Pair], Tensor]
"""(maps, boxes, output_size): maps finest first, boxes (n, 4) for each image → (N, C, *output_size)."""
MaskLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (N, K, m, m), labels (N,), targets (N, m, m)) → scalar."""

SMALLEST = 1e-2  # pixels; a detection that is narrower or lower is none


class RoIHeads(nn.Module):
    """Look at the features of each proposal: classify it, refine its box, draw its mask and its keypoints.

    Source: Girshick 2015, section 2 (arXiv:1504.08083), for the box head; He et al. 2017, section 3 (arXiv:1703.06870), for the
    others.

    - `strides`: those of the maps that regions read from, the first of those given to `forward`.
    - `box`, `mask`, `keypoints`: the heads, see `heads`. `box` is `box_head(channels, num_classes)` by default; without the
      others there are no masks and no keypoints.
    - `box_size`, `grid_size`: of the regions that `box` gets, and that `mask` and `keypoints` get.
    - `pooling`: what cuts regions out of maps, `multiscale_roi_align` by default.
    - `mask_loss`: `region_targets.mask_loss` by default.
    - `threshold`: IoU from which on a proposal is to find an object. `samples` proposals an image are learnt from, at most
      `positive_share` of them with an object. True boxes count as proposals, too.
    - `min_score`, `nms_threshold`, `detections`: a detection has this score at least, overlaps no better one of its class by
      more, and is one of so many an image.
    - `legacy`: regions are cut out half a cell too far to the bottom right, as in torchvision's detectors.

    Shapes: maps (B, channels, h, w); `proposals` (n, 4) for each image, in pixels of the input; `image_sizes` (h, w) of each.
    Without `targets` → detections, see `MaskRCNN`, and no losses. With them → no detections, and the losses "classes", "boxes",
    "masks" (targets need "masks", bool (m, h, w)) and "keypoints" (targets need "keypoints" (m, K, 3)).

    Differs from the papers: smooth L1 has its corner at 1/9, as in torchvision; all offsets are divided by (10, 10, 5, 5).

    Raises: ValueError for numbers that cannot be, and targets without the masks or keypoints that are to be learnt.
    """

    box_weights: Weights = (10, 10, 5, 5)

    def __init__(
        self,
        channels: int,
        strides: Sequence[int],
        num_classes: int,
        *,
        box: nn.Module | None = None,
        mask: nn.Module | None = None,
        keypoints: nn.Module | None = None,
        box_size: int = 7,
        grid_size: int = 14,
        pooling: Pooling | None = None,
        mask_loss: MaskLoss = average_mask_loss,
        threshold: float = 0.5,
        samples: int = 512,
        positive_share: float = 0.25,
        min_score: float = 0.05,
        nms_threshold: float = 0.5,
        detections: int = 100,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        self.strides = positive_integers(strides, "strides")
        self.box_size, self.grid_size = int_pair(box_size, "box_size"), int_pair(grid_size, "grid_size")
        self.threshold = real_number(threshold, "threshold", 0, 1)
        self.samples = whole_number(samples, "samples", minimum=1)
        self.positive_share = real_number(positive_share, "positive_share", 0, 1)
        self.min_score = real_number(min_score, "min_score", 0, 1)
        self.nms_threshold = real_number(nms_threshold, "nms_threshold", 0, 1)
        self.most = whole_number(detections, "detections", minimum=1)
        require_bools(legacy=legacy)
        self.legacy = legacy
        self.box = box_head(channels, num_classes, size=box_size) if box is None else box
        self.mask, self.keypoints, self.mask_loss = mask, keypoints, mask_loss
        aligned = partial(multiscale_roi_align, strides=self.strides, aligned=not legacy)
        self.pooling = aligned if pooling is None else pooling

    def forward(
        self,
        maps: Sequence[Tensor],
        proposals: Sequence[Tensor],
        image_sizes: Sequence[Pair],
        targets: Sequence[Target] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        maps = maps[: len(self.strides)]
        if targets is None:
            return self.detect(maps, proposals, image_sizes), {}
        return [], self.losses(maps, proposals, targets)

    # Training

    def losses(
        self, maps: Sequence[Tensor], proposals: Sequence[Tensor], targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The losses of sampled proposals. Classes count all of them, the others those that are to find an object."""
        for name, head in (("masks", self.mask), ("keypoints", self.keypoints)):
            if head is not None and not all(name in target for target in targets):
                raise ValueError(f'The head for {name} needs "{name}" in every target, but at least one has none.')
        boxes, matches = self.sample(proposals, targets)
        logits, offsets = self._look_at_boxes(maps, boxes)
        labels = torch.cat([_labels(match, target) for match, target in zip(matches, targets, strict=True)])
        positive = labels.nonzero()[:, 0]
        # For each image, the boxes that are to find an object, the number of that object, and what is true of it.
        regions = [box[match >= 0] for box, match in zip(boxes, matches, strict=True)]
        objects = [match[match >= 0] for match in matches]
        parts = list(zip(targets, regions, objects, strict=True))
        all_regions, own_labels = torch.cat(regions), labels[positive]
        true = torch.cat([target["boxes"].to(box)[number] for target, box, number in parts])
        wanted = encode(true, all_regions, weights=self.box_weights)
        missed = smooth_l1_loss(offsets[positive, own_labels], wanted, beta=1 / 9, reduction="sum")
        count = max(len(labels), 1)
        losses = {"classes": cross_entropy(logits, labels, reduction="sum") / count, "boxes": missed / count}
        if self.mask is not None:
            drawn = self.mask(self.pooling(maps, regions, self.grid_size))  # (N, K, m, m)
            size = size_of(drawn)
            masks = [mask_targets(target["masks"], box, n, size, legacy=self.legacy) for target, box, n in parts]
            losses["masks"] = self.mask_loss(drawn, own_labels, torch.cat(masks))
        if self.keypoints is not None:
            drawn = self.keypoints(self.pooling(maps, regions, self.grid_size))  # (N, K, m, m)
            keypoints = torch.cat([target["keypoints"][number] for target, _, number in parts])
            losses["keypoints"] = keypoint_loss(drawn, *keypoint_targets(keypoints, all_regions, drawn.shape[3]))
        return losses

    @torch.no_grad()
    def sample(self, proposals: Sequence[Tensor], targets: Sequence[Target]) -> tuple[list[Tensor], list[Tensor]]:
        """Boxes (n, 4) to learn from, for each image, and the number of the object (n,) that each is to find; -1 for none."""
        boxes, matches = [], []
        for proposed, target in zip(proposals, targets, strict=True):
            true = target["boxes"].to(proposed)
            candidates = torch.cat([proposed, true])
            match = match_boxes(true, candidates, high=self.threshold, low=self.threshold)
            drawn = balanced_sample(match, self.samples, self.positive_share)
            boxes.append(candidates[drawn])
            matches.append(match[drawn])
        return boxes, matches

    def _look_at_boxes(self, maps: Sequence[Tensor], boxes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        logits, offsets = self.box(self.pooling(maps, boxes, self.box_size))
        return at_least_float32(logits), at_least_float32(offsets)  # (N, K), (N, K, 4)

    # Evaluation

    @torch.no_grad()
    def detect(
        self, maps: Sequence[Tensor], proposals: Sequence[Tensor], image_sizes: Sequence[Pair]
    ) -> list[dict[str, Tensor]]:
        """The detections of each image, best first."""
        logits, offsets = self._look_at_boxes(maps, proposals)
        boxes = decode(offsets, torch.cat(list(proposals)), weights=self.box_weights)  # (N, K, 4)
        counts = [len(proposed) for proposed in proposals]
        by_image = zip(boxes.split(counts), logits.softmax(1).split(counts), image_sizes, strict=True)
        detections = [self.best(box, score, size) for box, score, size in by_image]
        regions = [found["boxes"] for found in detections]
        counts = [len(region) for region in regions]
        if self.mask is not None:
            drawn = self.mask(self.pooling(maps, regions, self.grid_size))  # (N, K, m, m)
            labels = torch.cat([found["labels"] for found in detections])
            grids = own_maps(drawn, labels).sigmoid()  # (N, m, m)
            for found, grid in zip(detections, grids.split(counts), strict=True):
                found["mask_grids"] = grid
        if self.keypoints is not None:
            drawn = self.keypoints(self.pooling(maps, regions, self.grid_size))  # (N, K, m, m)
            places, scores = read_keypoints(drawn, torch.cat(regions))
            for found, place, score in zip(detections, places.split(counts), scores.split(counts), strict=True):
                found |= {"keypoints": place, "keypoint_scores": score}
        return detections

    def best(self, boxes: Tensor, scores: Tensor, size: Pair) -> dict[str, Tensor]:
        """Of an image's boxes (n, K, 4), one for each class, and their scores (n, K): those that are detections."""
        boxes, scores = clip_boxes(boxes[:, 1:], size), scores[:, 1:]  # all classes but background
        large = (boxes[..., 2:] - boxes[..., :2] >= SMALLEST).all(-1)
        place, label = ((scores > self.min_score) & large).nonzero(as_tuple=True)
        boxes, scores = boxes[place, label], scores[place, label]
        kept = batched_nms(boxes, scores, label, self.nms_threshold)[: self.most]
        return {"boxes": boxes[kept], "labels": label[kept] + 1, "scores": scores[kept]}


def _labels(matches: Tensor, target: Target) -> Tensor:
    """The class of the object that each box is to find, 0 (background) for none."""
    labels = target["labels"]
    return torch.cat([labels.new_zeros(1), labels])[matches + 1]
