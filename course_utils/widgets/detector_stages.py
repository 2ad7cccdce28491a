"""What a Mask R-CNN computes on its way from an image to masks, kept at every stage so that it can be drawn."""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.models.detection.centre_rpn import CentreRPN
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.quick_heads import QuickRoIHeads
from course_utils.models.modes import modes_kept
from course_utils.ops.checks import require_tensor

NAMES = ("image", "maps", "scores", "proposals", "boxes", "grids", "masks")
"""What each stage makes; the first is stage 1."""
BEST_ANCHORS = 30


class Found(NamedTuple):
    """N detections of an image, best first: `boxes` (N, 4), `labels` (N,), `scores` (N,), `grids` (N, m, m), probabilities."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    grids: Tensor

    def above(self, threshold: float) -> "Found":
        """Those with this score or a higher one."""
        return Found(*(part[self.scores >= threshold] for part in self))


class Stages(NamedTuple):
    """Everything that a Mask R-CNN makes of one image, on the CPU.

    - `image` (3, H, W); `classes`: the names of the labels;
    - `maps`: for each stride the mean over the channels of its map (h, w), the finest first;
    - `scores`: for each stride where there are anchors, the score of the best one at each cell (h, w);
    - `anchors` (n, 5): the best of all `anchor_count`, each with its score;
    - `candidates` (n, 5): the boxes that the RPN makes of the best anchors, each with its score; `proposals` (m, 5): those that
      NMS leaves;
    - `before`, `found`: the detections before and after NMS, class by class.
    """

    image: Tensor
    classes: tuple[str, ...]
    maps: dict[int, Tensor]
    scores: dict[int, Tensor]
    anchors: Tensor
    anchor_count: int
    candidates: Tensor
    proposals: Tensor
    before: Found
    found: Found


@torch.no_grad()
def stages(model: nn.Module, image: Tensor, classes: Sequence[str]) -> Stages:
    """All stages of a network as from `quick_mask_rcnn`, in evaluation mode, for one image (3, H, W) in [0, 1].

    `classes` are the names of the labels, background among them.

    Raises: ValueError for another network or image, and another number of names.
    """
    if not (
        isinstance(model, MaskRCNN)
        and isinstance(model.rpn, CentreRPN)
        and isinstance(model.roi_heads, QuickRoIHeads)
        and model.min_size is None
    ):
        raise ValueError(
            "stages needs a network as from `quick_mask_rcnn`: a MaskRCNN with CentreRPN and QuickRoIHeads that resizes no "
            f"image, but got {type(model).__name__}."
        )
    require_tensor(image, "image")
    if not image.is_floating_point() or image.ndim != 3 or len(image) != 3:
        raise ValueError(f"stages needs one floating image (3, H, W), but got {image.dtype} {tuple(image.shape)}.")
    if len(classes) != model.num_classes:
        raise ValueError(
            f"stages needs a name for each of the {model.num_classes} labels of the network, but got {len(classes)}."
        )
    with modes_kept(model):
        model.eval()
        return _compute(model, model.rpn, model.roi_heads, image.detach(), tuple(classes))


def _compute(model: MaskRCNN, rpn: CentreRPN, heads: QuickRoIHeads, image: Tensor, classes: tuple[str, ...]) -> Stages:
    size = [(image.shape[1], image.shape[2])]
    maps = model.backbone(image[None].to(next(model.parameters())))
    strides = rpn.anchors.strides
    scored = maps[-len(strides) :]
    scores = [rpn.output(map_)[0, ::5].sigmoid() for map_ in scored]  # (A, h, w) each
    anchors = torch.cat(rpn.anchors(scored))
    every = torch.cat([score.permute(1, 2, 0).flatten() for score in scores])  # the order of the anchors
    best = every.argsort(descending=True, stable=True)[:BEST_ANCHORS]

    # The same networks, but nothing is left out: no two boxes overlap by more than 1.
    all_candidates = copy(rpn)
    all_candidates.nms_threshold, all_candidates.kept = 1.0, rpn.candidates
    all_detections = copy(heads)
    all_detections.nms_threshold, all_detections.most = 1.0, len(every) * len(classes)

    (candidates,), _ = all_candidates(maps, size)
    proposals, _ = rpn(maps, size)
    (before,), _ = all_detections(maps, proposals, size)
    (found,), _ = heads(maps, proposals, size)
    return Stages(
        image=image.cpu(),
        classes=classes,
        maps={s: map_[0].mean(0).cpu() for s, map_ in zip(model.backbone.strides, maps, strict=True)},
        scores={s: score.amax(0).cpu() for s, score in zip(strides, scores, strict=True)},
        anchors=torch.cat([anchors[best], every[best, None]], 1).cpu(),
        anchor_count=len(anchors),
        candidates=candidates.cpu(),
        proposals=proposals[0].cpu(),
        before=_found(before),
        found=_found(found),
    )


def _found(detections: dict[str, Tensor]) -> Found:
    return Found(*(detections[name].cpu() for name in ("boxes", "labels", "scores", "mask_grids")))


def sentence(all_stages: Stages, stage: int, threshold: float) -> str:
    """What happens in a stage, 1 to 7, in a sentence or two."""
    height, width = all_stages.image.shape[1:]
    rows, columns = all_stages.found.grids.shape[1:]
    maps, finest = len(all_stages.maps), min(all_stages.maps)
    told = (
        f"The network gets three numbers for each of the {height} × {width} pixels: how red, green and blue it is.",
        f"The backbone makes {maps} maps of the image, the finest with a cell for every {finest} × {finest} pixels; shown is the "
        "mean over the channels of each.",
        f"The RPN scores {all_stages.anchor_count} anchors, boxes of fixed shapes around each cell; right, the best score of "
        "each cell.",
        f"The best {len(all_stages.candidates)} anchors are moved to fit what they see; NMS drops boxes that overlap a better "
        f"one, and the best {len(all_stages.proposals)} are the proposals.",
        "The box head tells the class of each proposal and moves it again; NMS drops those that overlap a better one of their "
        f"class. Shown are scores of at least {threshold:.2f}.",
        f"For each box, the mask head draws the map of its class on {rows} × {columns} cells, whatever the size of the box; the "
        "white line is 0.5.",
        "Each grid is stretched over its box in the image; where it is above 0.5 is the mask.",
    )
    return told[stage - 1]
