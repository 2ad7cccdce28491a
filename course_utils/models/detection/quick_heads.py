"""The second stage for small images and short trainings: all images of a batch in one row, and jittered true boxes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from course_utils.models.detection.quick_targets import (
    Sampling,
    clip_regions,
    in_one_row,
    read_masks,
    sample_regions,
    true_objects,
)
from course_utils.models.detection.region_targets import mask_loss as average_mask_loss, own_maps
from course_utils.models.detection.targets import Target
from course_utils.models.layers import conv_norm
from course_utils.ops.boxes import Weights, batched_nms, decode, generalised_box_iou
from course_utils.ops.checks import Pair, real_number, require_bools, whole_number, whole_numbers
from course_utils.ops.precision import at_least_float32
from course_utils.ops.roi import roi_align

Pooling = Callable[[Tensor, Tensor, int], Tensor]
"""(map (B, C, h, w), regions (N, 5): the image and a box in cells of the map, size) → (N, C, size, size)."""
MaskLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (N, K, m, m), labels int64 (N,), targets (N, m, m) of 0 and 1) → scalar; N is at least 1."""


def one_sample(features: Tensor, regions: Tensor, size: int) -> Tensor:
    """RoIAlign with one sample in the middle of each bin: the default `Pooling`."""
    return roi_align(features, regions, size, sampling_ratio=1, aligned=True)


class QuickRoIHeads(nn.Module):
    """Look at each proposal on one fine map: classify it, refine its box, draw its mask.

    Source: He et al. 2017, section 3, arXiv:1703.06870.

    - `channels`, `stride`: of the finest map, from which all regions are cut.
    - `hidden`: of the two linear layers that see a region of 7 × 7 cells. Two convolutions of `mask_channels` see one of 14 × 14,
      and a transposed one doubles it, for a mask of 28 × 28.
    - `pooling`: what cuts regions out of the map, `one_sample` by default. `mask_loss`: `region_targets.mask_loss` by default; it
      is not asked where no region has an object, and the loss is 0.
    - `softmax_masks`: for a mask loss that lets classes compete pixel by pixel. In evaluation the map of a class is then its
      softmax over all classes, background included, not its sigmoid.
    - `jittered`, `jitter`: so many copies of each true box join the proposals in training, each coordinate moved by a normal
      number of standard deviation `jitter` times the side.
    - `positives`, `negatives`, `masked`: how many regions an image are learnt from, on average: with an object, without one, and
      of the former with a mask.
    - `twice`: in evaluation, look at each refined box once more.
    - `min_score`, `nms_threshold`, `detections`: as in `RoIHeads`.

    Shapes: maps, the finest first, and no other is looked at; proposals (n, 5) of `CentreRPN` for each image; `image_sizes`
    (h, w). Without targets → a dict of detections for each image, best first: "boxes" (n, 4), "labels" (n,), "scores" (n,) and
    "mask_grids" (n, 28, 28), probabilities. With targets → the losses "classes", "boxes", "masks"; their masks have one size.

    Differs from the paper, where it is not slow on small images or in short trainings: regions read from one map, not from one of
    four; jittered true boxes; one box for all classes, not one for each; layer norm and batch norm; 1 - generalised IoU for the
    box; a score is the class's probability times the root of the proposal's score; mask targets take the nearest pixel.

    Raises: ValueError for numbers that cannot be; in training, for masks that are missing or differ in size.
    """

    box_weights: Weights = (10, 10, 5, 5)
    box_size, grid_size, mask_size = 7, 14, 28

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        stride: int = 2,
        hidden: int = 128,
        mask_channels: int = 32,
        pooling: Pooling | None = None,
        mask_loss: MaskLoss | None = None,
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
        channels, hidden, mask_channels, positives, negatives = whole_numbers(
            1, channels=channels, hidden=hidden, mask_channels=mask_channels, positives=positives, negatives=negatives
        )
        self.num_classes = num_classes = whole_number(num_classes, "num_classes", minimum=2)
        self.stride, self.masked, self.most = whole_numbers(1, stride=stride, masked=masked, detections=detections)
        jittered = whole_number(jittered, "jittered", minimum=0)
        self.sampling = Sampling(jittered, real_number(jitter, "jitter", 0, 1), positives, negatives)
        self.min_score = real_number(min_score, "min_score", 0, 1)
        self.nms_threshold = real_number(nms_threshold, "nms_threshold", 0, 1)
        require_bools(softmax_masks=softmax_masks, twice=twice)
        self.softmax_masks, self.twice = softmax_masks, twice
        self.pooling = one_sample if pooling is None else pooling
        self.mask_loss = average_mask_loss if mask_loss is None else mask_loss
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
        x = self.shared(self.pooling(fine, self._in_cells(regions), self.box_size))  # (N, hidden)
        return at_least_float32(self.classes(x)), at_least_float32(self.offsets(x))

    def draw_masks(self, fine: Tensor, regions: Tensor) -> Tensor:
        """Logits of masks of regions (N, 5): (N, K, 28, 28)."""
        return at_least_float32(self.mask(self.pooling(fine, self._in_cells(regions), self.grid_size)))

    def _in_cells(self, regions: Tensor) -> Tensor:
        return torch.cat([regions[:, :1], regions[:, 1:] / self.stride], 1)

    def losses(
        self, fine: Tensor, proposals: Sequence[Tensor], image_sizes: Sequence[Pair], targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        """The losses of sampled regions. Classes count all of them, boxes and masks those that are to find an object."""
        objects = true_objects(targets, proposals[0].dtype)
        regions, match = sample_regions(proposals, objects, image_sizes, self.sampling)
        match = match[match >= 0]  # of the first regions; the others are background
        labels, positive, drawn = objects.labels[match], len(match), self.masked * len(targets)
        logits, offsets = self.look_at_boxes(fine, regions)
        wanted = pad(labels, (0, len(regions) - positive))
        boxes = regions[:positive, 1:]
        found = decode(offsets[:positive], boxes, weights=self.box_weights)
        missed = 1 - generalised_box_iou(found, objects.boxes[match], paired=True)
        seen = read_masks(objects.masks, match[:drawn], boxes[:drawn], self.mask_size)
        return {
            "classes": cross_entropy(logits, wanted, reduction="sum") / max(len(regions), 1),
            "boxes": missed.sum() / max(positive, 1),
            "masks": self._loss_of_masks(fine, regions[: len(seen)], labels[:drawn], seen),
        }

    def _loss_of_masks(self, fine: Tensor, regions: Tensor, labels: Tensor, seen: Tensor) -> Tensor:
        # Batch norm has nothing to average without regions, and a mean over none would be NaN.
        return self.mask_loss(self.draw_masks(fine, regions), labels, seen) if len(seen) else seen.new_zeros(())

    @torch.no_grad()
    def detect(self, fine: Tensor, proposals: Sequence[Tensor], image_sizes: Sequence[Pair]) -> list[dict[str, Tensor]]:
        """The detections of each image, best first, with "mask_grids" (n, 28, 28)."""
        rows = in_one_row(proposals)
        regions, confidence = rows[:, :5], rows[:, 5]
        probabilities = []
        for _ in range(2 if self.twice else 1):
            logits, offsets = self.look_at_boxes(fine, regions)
            boxes = decode(offsets, regions[:, 1:], weights=self.box_weights)
            regions = clip_regions(torch.cat([regions[:, :1], boxes], 1), image_sizes)
            probabilities.append(logits.softmax(1))
        scores = torch.stack(probabilities).mean(0)[:, 1:] * confidence.sqrt()[:, None]  # (N, K - 1)
        large = (regions[:, 3:] > regions[:, 1:3]).all(1)
        place, label = ((scores > self.min_score) & large[:, None]).nonzero(as_tuple=True)
        scores, regions, label = scores[place, label], regions[place], label + 1
        image = regions[:, 0].long()
        kept = batched_nms(regions[:, 1:], scores, image * self.num_classes + label, self.nms_threshold)
        kept = torch.cat([kept[image[kept] == number][: self.most] for number in range(len(proposals))])
        regions, scores, label = regions[kept], scores[kept], label[kept]
        grids = self.grids(self.draw_masks(fine, regions), label)
        counts = torch.bincount(image[kept], minlength=len(proposals)).tolist()
        parts = zip(*(row.split(counts) for row in (regions[:, 1:], label, scores, grids)), strict=True)
        return [dict(zip(("boxes", "labels", "scores", "mask_grids"), part, strict=True)) for part in parts]

    def grids(self, masks: Tensor, labels: Tensor) -> Tensor:
        """Of masks (N, K, m, m), the probabilities of one class each: (N, m, m)."""
        probabilities = masks.softmax(1) if self.softmax_masks else masks.sigmoid()
        return own_maps(probabilities, labels)
