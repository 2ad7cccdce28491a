"""YOLACT: masks in one stage, as sums of prototypes that the whole image shares."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.detection.yolact_losses import LOSS_WEIGHTS, MATCHING, four_losses
from course_utils.models.detection.yolact_parts import (
    BOX_WEIGHTS,
    Outputs,
    PredictionHead,
    ProtoNet,
    assemble_masks,
    grid_anchors,
    positive_numbers,
)
from course_utils.models.detection.yolact_targets import Target
from course_utils.models.fpn import FPN
from course_utils.ops.boxes import clip_boxes, decode
from course_utils.ops.checks import Pair, real_number, require_bools, whole_number, whole_numbers
from course_utils.ops.precision import at_least_float32
from course_utils.ops.suppression import fast_nms


class YOLACT(nn.Module):
    """You Only Look At CoefficienTs: a detector that says of each object how to sum up a few masks of the whole image.

    Source: Bolya, Zhou, Xiao and Lee 2019 (arXiv:1904.02689). A feature pyramid; at each of its cells and for each of three
    anchors, a class, a box and k coefficients (`PredictionHead`); from its finest level, k prototypes (`ProtoNet`). A mask is
    σ(P Cᵀ), cut off at the box (`assemble_masks`). What is found twice is dropped by `fast_nms`. The losses: `four_losses`.

    - `num_classes`: classes of objects, K. Their labels are 1 to K and 0 is background, as in Mask R-CNN; but this number does
      not count the background. `metrics.instance.AveragePrecision` takes K + 1.
    - `channels`: of the pyramid and the head; `prototype_channels`: of the convolutions before the prototypes (None: as many);
      `prototypes`: k.
    - `stride` and `extra`: of the pyramid, see `FPN`; the paper's P3 to P7 have strides 8 to 128. Prototypes have half of it.
    - `sides`: the anchors' square root of area in pixels, one for each level; the paper's are for images of 550 pixels.
      `ratios`: width to height.
    - `batch_norm`: in the head and the prototypes, for training from nothing.
    - `score_threshold`, `nms_threshold`; `candidates`: boxes a class and image that `fast_nms` compares; `max_detections`: an
      image. `matching`, `loss_weights` and `masks_per_image`: see `four_losses`.

    With 80 classes: 31,164,943 parameters on `resnet50`, 50,157,071 on `resnet101`; 20,560 of these, the semantic scores, are for
    training only.

    Shapes: images (B, 3, H, W) in [0, 1], for every size that the backbone takes. In training, with targets → a dict of scalar
    losses, "classes", "boxes", "masks", "semantic", whose sum is to be minimised. In evaluation → a dict for each image:
    "boxes" (n, 4), "labels" (n,) int64, "scores" (n,), "masks" bool (n, H, W), and "coefficients" (n, k), best first.

    Differs from the paper: the pyramid is this course's `FPN`, which repeats pixels where theirs interpolates; see also
    `grid_anchors`, `assemble_masks` and `four_losses`.

    Raises: ValueError as `FPN`; if there is not one side for each level; for numbers out of range; in training as
    `four_losses`, and without targets.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        *,
        channels: int = 256,
        prototypes: int = 32,
        prototype_channels: int | None = None,
        stride: int = 8,
        extra: str = "convolutions",
        sides: Sequence[float] = (24, 48, 96, 192, 384),
        ratios: Sequence[float] = (1, 1 / 2, 2),
        batch_norm: bool = False,
        score_threshold: float = 0.05,
        nms_threshold: float = 0.5,
        candidates: int = 200,
        max_detections: int = 100,
        matching: tuple[float, float] = MATCHING,
        loss_weights: tuple[float, ...] = LOSS_WEIGHTS,
        masks_per_image: int = 100,
    ) -> None:
        super().__init__()
        num_classes, channels, prototypes = whole_numbers(
            1, num_classes=num_classes, channels=channels, prototypes=prototypes
        )
        width = channels if prototype_channels is None else prototype_channels
        width = whole_number(width, "prototype_channels", minimum=1)
        require_bools(batch_norm=batch_norm)
        self.sides, self.ratios = positive_numbers(sides, "sides"), positive_numbers(ratios, "ratios")
        self.score_threshold = real_number(score_threshold, "score_threshold", 0, 1)
        self.nms_threshold = real_number(nms_threshold, "nms_threshold", 0, 1)
        self.candidates, self.max_detections = whole_numbers(1, candidates=candidates, max_detections=max_detections)
        self.matching, self.loss_weights, self.masks_per_image = (
            matching,
            loss_weights,
            masks_per_image,
        )  # checked there
        self.pyramid = FPN(backbone, channels, stride=stride, extra=extra)
        if len(self.sides) != len(self.pyramid.strides):
            raise ValueError(
                f"sides must be a number for each level of the pyramid, whose strides are {self.pyramid.strides}, but is "
                f"{self.sides}; change `sides`, `stride` or `extra`."
            )
        self.head = PredictionHead(
            channels,
            1 + num_classes,
            prototypes,
            anchors=len(self.ratios),
            levels=len(self.sides),
            batch_norm=batch_norm,
        )
        self.protonet = ProtoNet(channels, prototypes, width=width, batch_norm=batch_norm)
        self.semantic = nn.Conv2d(channels, num_classes, 1)
        for part in (self.head, self.protonet, self.semantic):
            for layer in part.modules():
                if isinstance(layer, nn.Conv2d):
                    nn.init.xavier_uniform_(layer.weight)
                    if layer.bias is not None:
                        nn.init.zeros_(layer.bias)

    def forward(
        self, images: Tensor, targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        if self.training and targets is None:
            raise ValueError("In training, YOLACT needs targets; call `.eval()` for detections, `.outputs` for maps.")
        outputs, size = self.outputs(images), (images.shape[2], images.shape[3])
        if not self.training or targets is None:
            return self.detections(outputs, size)
        return four_losses(
            outputs,
            targets,
            size,
            matching=self.matching,
            loss_weights=self.loss_weights,
            masks_per_image=self.masks_per_image,
        )

    def outputs(self, images: Tensor) -> Outputs:
        """What the network says of each anchor, and its prototypes (B, k, H/4, W/4), for images (B, 3, H, W)."""
        maps = [x.relu() for x in self.pyramid(images)]  # (B, channels, H/8, W/8), then H/16, …
        classes, offsets, coefficients = self.head(maps)  # (B, N, 1 + K), (B, N, 4), (B, N, k)
        # In 16 bits, the corners of an anchor would be rounded to half pixels.
        classes, offsets, coefficients = map(at_least_float32, (classes, offsets, coefficients))
        height, width = images.shape[2:]
        anchors = [
            grid_anchors((x.shape[2], x.shape[3]), (height, width), side, self.ratios, like=offsets)
            for x, side in zip(maps, self.sides, strict=True)
        ]
        return Outputs(
            classes=classes,
            offsets=offsets,
            coefficients=coefficients,
            anchors=torch.cat(anchors),  # (N, 4)
            prototypes=at_least_float32(self.protonet(maps[0])),  # (B, k, H/4, W/4)
            semantic=at_least_float32(self.semantic(maps[0])),  # (B, K, H/8, W/8)
        )

    def detections(self, outputs: Outputs, size: Pair) -> list[dict[str, Tensor]]:
        """The instances of each image of `size` (H, W), best first."""
        anchors = outputs.anchors.expand_as(outputs.offsets)
        boxes = clip_boxes(decode(outputs.offsets, anchors, weights=BOX_WEIGHTS), size)  # (B, N, 4)
        scores = outputs.classes.softmax(-1)[..., 1:].mT  # (B, K, N)
        scores, place = scores.topk(min(self.candidates, scores.shape[-1]))  # (B, K, c), best first
        image = torch.arange(len(boxes), device=boxes.device)[:, None, None]
        kept = fast_nms(boxes[image, place], scores, self.nms_threshold)  # (B, K, c)
        scores = scores * (kept & (scores > self.score_threshold))
        found = []
        for n in range(len(boxes)):
            values, order = scores[n].flatten().topk(min(self.max_detections, scores[n].numel()))
            order = order[values > 0]
            chosen = place[n].flatten()[order]
            coefficients = outputs.coefficients[n, chosen]  # (n, k)
            found.append(
                {
                    "boxes": boxes[n, chosen],
                    "labels": order // scores.shape[-1] + 1,
                    "scores": scores[n].flatten()[order],
                    "masks": assemble_masks(outputs.prototypes[n], coefficients, boxes[n, chosen], size),
                    "coefficients": coefficients,
                }
            )
        return found
