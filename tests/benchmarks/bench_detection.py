"""A training step of Mask R-CNN against torchvision's class on the same backbone, see `tools/bench.py`.

Four scenes of 96 × 128 pixels with their cars and persons. Both have the same anchors, the same numbers of samples and proposals,
and heads of the same size; forward and backward, without the update.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.datasets import load
from course_utils.datasets.objects import objects_of
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection.anchors import Anchors
from course_utils.models.detection.heads import box_head, mask_head
from course_utils.models.detection.mask_rcnn import MaskRCNN
from course_utils.models.detection.roi_heads import RoIHeads
from course_utils.models.detection.rpn import RPN
from course_utils.models.fpn import FPN

Comparison = tuple[Callable[[], object], Callable[[], object], float | None]
CHANNELS, BOX_WIDTH, MASK_WIDTH, CLASSES = 48, 128, 48, 9
SIZES = ((12.0,), (24.0,), (48.0,), (96.0,), (192.0,))


class Named(nn.Module):
    """A pyramid in the form that torchvision's detectors take."""

    out_channels = CHANNELS

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.pyramid = pyramid

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        return OrderedDict((str(level), map_) for level, map_ in enumerate(self.pyramid(images)))


def _batch() -> tuple[Tensor, list[dict[str, Tensor]]]:
    scenes = load("scenes", "val", (96, 128))
    samples = [scenes[n] for n in range(4)]
    images = torch.stack([sample.image for sample in samples]).contiguous(memory_format=torch.channels_last)
    return images, [objects_of(sample).target() for sample in samples]


def _ours(pyramid: FPN) -> MaskRCNN:
    heads = RoIHeads(
        CHANNELS,
        pyramid.strides[:4],
        CLASSES,
        box=box_head(CHANNELS, CLASSES, width=BOX_WIDTH),
        mask=mask_head(CHANNELS, CLASSES, width=MASK_WIDTH, convolutions=2),
    )
    rpn = RPN(CHANNELS, Anchors(pyramid.strides, sizes=SIZES))
    return MaskRCNN(pyramid, CLASSES, rpn=rpn, roi_heads=heads)


def _library(pyramid: FPN) -> nn.Module:
    from torchvision.models.detection import mask_rcnn
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead

    return mask_rcnn.MaskRCNN(
        Named(pyramid),
        rpn_anchor_generator=AnchorGenerator(SIZES, ((0.5, 1.0, 2.0),) * len(SIZES)),
        box_head=TwoMLPHead(CHANNELS * 49, BOX_WIDTH),
        box_predictor=FastRCNNPredictor(BOX_WIDTH, CLASSES),
        mask_head=mask_rcnn.MaskRCNNHeads(CHANNELS, (MASK_WIDTH,) * 2, 1),
        mask_predictor=mask_rcnn.MaskRCNNPredictor(MASK_WIDTH, MASK_WIDTH, CLASSES),
        image_mean=[0, 0, 0],
        image_std=[1, 1, 1],
        _skip_resize=True,
    )


def bench_training_step_mask_rcnn_4_scenes_96x128() -> Comparison:
    torch.manual_seed(0)
    pyramid = FPN(small_resnet(), CHANNELS, extra="pool").to(memory_format=torch.channels_last)
    ours, library = _ours(pyramid).to(memory_format=torch.channels_last), _library(pyramid)
    images, targets = _batch()

    def step(model: nn.Module, images: Tensor | list[Tensor]) -> None:
        model.zero_grad()
        sum(model(images, targets).values()).backward()

    return (lambda: step(ours, images), lambda: step(library, list(images)), 0.5)
