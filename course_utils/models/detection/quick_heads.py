"""The second stage for small images and short trainings: all images of a batch in one row, and jittered true boxes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from course_utils.models.detection.region_targets import mask_loss as average_mask_loss
from course_utils.models.detection.targets import Target
from course_utils.models.layers import conv_norm
from course_utils.ops.boxes import Weights, batched_nms, box_iou, clip_boxes, decode, generalised_box_iou
from course_utils.ops.checks import Pair, real_number, require_bools, whole_number, whole_numbers
from course_utils.ops.precision import at_least_float32
from course_utils.ops.roi import roi_align

Pooling = Callable[[Tensor, Tensor, int], Tensor]
"""(map of stride 2 (B, C, h, w), boxes (N, 5) in its cells, size) → (N, C, size, size)."""


class Objects(NamedTuple):
    """The objects of a batch in one row: image (G,), boxes (G, 4), labels (G,), masks (G, H, W)."""

    image: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor


class QuickRoIHeads(nn.Module):
    """Look at each proposal on one fine map: classify it, refine its box, draw its mask.

    Source: He et al. 2017, section 3, arXiv:1703.06870.

    - `channels`, `stride`: those of the finest map, from which all regions are cut.
    - `hidden`: of the two linear layers that see a region of 7 × 7 cells. Two convolutions of `mask_channels` see one of 14 × 14,
      and a transposed one doubles it, for a mask of 28 × 28.
    - `pooling`: what cuts regions out of the map, `roi_align` with one sample a bin by default.
    - `mask_loss`: `region_targets.mask_loss` by default. `softmax_masks`: its maps compete, pixel by pixel, so that in evaluation
      the map of a class is its softmax over all classes, background included.
    - `jittered`: copies of each true box, each corner moved by a normal number of standard deviation `jitter` times the side, that
      join the proposals in training.
    - `positives`, `negatives`, `masked`: how many regions an image, on average, are learnt from: with an object, without, with a mask.
    - `twice`: in evaluation, look at each refined box once more.
    - `min_score`, `nms_threshold`, `detections`: as in `RoIHeads`.

    Shapes: maps, the finest first, and no other is looked at; proposals (n, 5) of `CentreRPN` for each image. Otherwise as
    `RoIHeads`. In training, images of a batch have one size.

    Differs from the paper, where it is not slow on small images or in short trainings: regions read from one map, not from one of
    four; jittered true boxes; one box for all classes, not one for each; layer and batch norm; 1 - generalised IoU for the box; a
    score is the class's probability times the root of the proposal's score; mask targets take the nearest pixel.

    Raises: ValueError for numbers that cannot be.
    """

    box_weights: Weights = (10, 10, 5, 5)
    box_size, grid_size = 7, 14

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        stride: int = 2,
        hidden: int = 128,
        mask_channels: int = 32,
        pooling: Pooling | None = None,
        mask_loss: Callable[[Tensor, Tensor, Tensor], Tensor] = average_mask_loss,
        softmax_masks: bool = False,
        jittered: int = 3,
        jitter: float = 0.075,
        positives: int = 16,
        negatives: int = 32,
        masked: int = 8,
        twice: bool = True,
        min_score: float = 0.02,
        nms_threshold: float = 0.5,
        detections: int = 100,
    ) -> None:
        super().__init__()
        channels, hidden, mask_channels = whole_numbers(
            1, channels=channels, hidden=hidden, mask_channels=mask_channels
        )
        self.num_classes = num_classes = whole_number(num_classes, "num_classes", minimum=2)
        self.stride, self.positives, self.negatives, self.masked, self.most = whole_numbers(
            1, stride=stride, positives=positives, negatives=negatives, masked=masked, detections=detections
        )
        self.jittered, self.jitter = whole_number(jittered, "jittered", minimum=0), real_number(jitter, "jitter", 0, 1)
        self.min_score = real_number(min_score, "min_score", 0, 1)
        self.nms_threshold = real_number(nms_threshold, "nms_threshold", 0, 1)
        require_bools(softmax_masks=softmax_masks, twice=twice)
        self.softmax_masks, self.twice = softmax_masks, twice
        self.pooling, self.mask_loss = _one_sample if pooling is None else pooling, mask_loss
        self.shared = nn.Sequential(
            *(nn.Flatten(), nn.Linear(channels * self.box_size**2, hidden), nn.LayerNorm(hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU()),
        )
        self.classes, self.offsets = nn.Linear(hidden, num_classes), nn.Linear(hidden, 4)
        nn.init.normal_(self.offsets.weight, std=0.001)
        nn.init.zeros_(self.offsets.bias)
        self.mask = nn.Sequential(
            *(conv_norm(channels, mask_channels), nn.ReLU(inplace=True)),
            *(conv_norm(mask_channels, mask_channels), nn.ReLU(inplace=True)),
            *(nn.ConvTranspose2d(mask_channels, mask_channels, 2, stride=2), nn.ReLU(inplace=True)),
            nn.Conv2d(mask_channels, num_classes, 1),
        )

    def forward(
        self,
        maps: Sequence[Tensor],
        proposals: Sequence[Tensor],
        image_sizes: Sequence[Pair],
        targets: Sequence[Target] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        if targets is None:
            return self.detect(maps[0], proposals, image_sizes), {}
        return [], self.losses(maps[0], proposals, image_sizes, targets)

    def look_at_boxes(self, fine: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the classes (N, K) and offsets (N, 4) of regions (N, 5): the image and a box."""
        x = self.shared(self.pooling(fine, self._cells(regions), self.box_size))
        return at_least_float32(self.classes(x)), at_least_float32(self.offsets(x))

    def draw_masks(self, fine: Tensor, regions: Tensor) -> Tensor:
        """Logits of masks of regions (N, 5): (N, K, 28, 28)."""
        return self.mask(self.pooling(fine, self._cells(regions), self.grid_size))

    def _cells(self, regions: Tensor) -> Tensor:
        return torch.cat([regions[:, :1], regions[:, 1:] / self.stride], 1)

    # Training

    def losses(
        self, fine: Tensor, proposals: Sequence[Tensor], image_sizes: Sequence[Pair], targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The losses of sampled proposals. Classes count all of them, boxes and masks those that are to find an object."""
        objects = _objects(targets, fine)
        regions, match = self.sample(proposals, objects, image_sizes)
        positive = match >= 0  # these come first
        match = match[positive]
        own = objects.labels[match]
        logits, offsets = self.look_at_boxes(fine, regions)
        labels = pad(own, (0, len(regions) - len(own)))  # the others are background
        boxes = regions[: len(own), 1:]
        found = decode(offsets[: len(own)], boxes, weights=self.box_weights)
        missed = 1 - generalised_box_iou(found, objects.boxes[match], paired=True)
        drawn = min(len(own), self.masked * len(targets))
        masks = self.draw_masks(fine, regions[:drawn]) if drawn else fine.new_zeros(0, 1, 28, 28)
        goals = read_masks(objects.masks, match[:drawn], boxes[:drawn], masks.shape[-1])
        return {
            "classes": cross_entropy(logits, labels, reduction="sum") / max(len(labels), 1),
            "boxes": missed.sum() / max(len(own), 1),
            "masks": self.mask_loss(masks, own[:drawn], goals),
        }

    @torch.no_grad()
    def sample(
        self, proposals: Sequence[Tensor], objects: Objects, image_sizes: Sequence[Pair]
    ) -> tuple[Tensor, Tensor]:
        """Regions (N, 5) to learn from, and the object (N,) that each is to find, -1 for none; those with one come first."""
        boxes = objects.boxes.repeat(self.jittered, 1)
        sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        near = boxes + self.jitter * sides * torch.randn_like(boxes)
        image = objects.image.repeat(self.jittered)
        proposed = _in_one_row(proposals)
        regions = torch.cat([torch.cat([image[:, None].to(near), near], 1), proposed[:, :5].to(near)])
        regions = _clipped(regions, image_sizes)
        regions = regions[(regions[:, 3:] > regions[:, 1:3]).all(1)]
        iou = box_iou(regions[:, 1:], objects.boxes) * (regions[:, :1] == objects.image)
        iou = pad(iou, (0, 1))  # a column of zeros, so that there is a largest
        best, match = iou.max(1)
        with_object, without = (best >= 0.5).nonzero()[:, 0], (best < 0.5).nonzero()[:, 0]
        with_object = _some_of(with_object, self.positives * len(image_sizes))
        without = _some_of(without, self.negatives * len(image_sizes))
        return regions[torch.cat([with_object, without])], pad(match[with_object], (0, len(without)), value=-1)

    # Evaluation

    @torch.no_grad()
    def detect(
        self, fine: Tensor, proposals: Sequence[Tensor], image_sizes: Sequence[Pair]
    ) -> list[dict[str, Tensor]]:
        """The detections of each image, best first, with "mask_grids" (n, 28, 28)."""
        rows = _in_one_row(proposals)
        regions, confidence = rows[:, :5], rows[:, 5]
        probabilities = []
        for _ in range(2 if self.twice else 1):
            logits, offsets = self.look_at_boxes(fine, regions)
            boxes = decode(offsets, regions[:, 1:], weights=self.box_weights)
            regions = _clipped(torch.cat([regions[:, :1], boxes], 1), image_sizes)
            probabilities.append(logits.softmax(1))
        scores = torch.stack(probabilities).mean(0)[:, 1:] * confidence.sqrt()[:, None]  # (N, K - 1)
        place, label = (scores > self.min_score).nonzero(as_tuple=True)
        scores, regions, label = scores[place, label], regions[place], label + 1
        image = regions[:, 0].long()
        kept = batched_nms(regions[:, 1:], scores, image * self.num_classes + label, self.nms_threshold)
        kept = torch.cat([kept[image[kept] == n][: self.most] for n in range(len(proposals))])
        regions, scores, label = regions[kept], scores[kept], label[kept]
        grids = self.grids(self.draw_masks(fine, regions), label) if len(kept) else scores.new_zeros(0, 28, 28)
        counts = torch.bincount(image[kept], minlength=len(proposals)).tolist()
        parts = zip(*(row.split(counts) for row in (regions[:, 1:], label, scores, grids)), strict=True)
        return [dict(zip(("boxes", "labels", "scores", "mask_grids"), part, strict=True)) for part in parts]

    def grids(self, masks: Tensor, labels: Tensor) -> Tensor:
        """Of masks (N, K, m, m), the probabilities of one class each: (N, m, m)."""
        probabilities = masks.softmax(1) if self.softmax_masks else masks.sigmoid()
        return probabilities[torch.arange(len(labels), device=labels.device), labels]


def read_masks(masks: Tensor, match: Tensor, boxes: Tensor, size: int) -> Tensor:
    """What each box sees of its object's mask: the pixel in which the middle of each cell of a grid lies.

    Shapes: `masks` bool (G, H, W), `match` int64 (N,), `boxes` (N, 4) → float (N, size, size).
    """
    height, width = masks.shape[1:]
    step = (torch.arange(size, device=boxes.device) + 0.5) / size
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (N, 1)
    x, y = x1 + step * (x2 - x1), y1 + step * (y2 - y1)  # (N, size)
    x, y = x.long().clamp(0, width - 1), y.long().clamp(0, height - 1)
    return masks[match[:, None, None], y[:, :, None], x[:, None]].to(boxes.dtype)


def _one_sample(fine: Tensor, regions: Tensor, size: int) -> Tensor:
    return roi_align(fine, regions, size, sampling_ratio=1, aligned=True)


def _objects(targets: Sequence[Target], like: Tensor) -> Objects:
    """The objects of all images; their masks have one size."""
    image = torch.cat([torch.full_like(target["labels"], n) for n, target in enumerate(targets)])
    boxes, labels, masks = (torch.cat([target[name] for target in targets]) for name in ("boxes", "labels", "masks"))
    return Objects(image, boxes.to(at_least_float32(like.new_empty(0))), labels, masks)


def _in_one_row(proposals: Sequence[Tensor]) -> Tensor:
    """Proposals (n, 5) of each image → (N, 6), the number of the image in front."""
    rows = [pad(some, (1, 0), value=float(n)) for n, some in enumerate(proposals)]
    return torch.cat(rows)


def _clipped(regions: Tensor, image_sizes: Sequence[Pair]) -> Tensor:
    """Regions (N, 5) with their boxes inside their images."""
    sizes = regions.new_tensor([(width, height, width, height) for height, width in image_sizes])
    limits = sizes[regions[:, 0].long()]
    return torch.cat([regions[:, :1], regions[:, 1:].clamp(min=0).minimum(limits)], 1)


def _some_of(indices: Tensor, count: int) -> Tensor:
    return indices[torch.randperm(len(indices), device=indices.device)[:count]]
