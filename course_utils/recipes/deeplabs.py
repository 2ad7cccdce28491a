"""What lesson 09 and its studies train: one network at several output strides, with contexts, with a decoder, with a CRF."""

from bisect import bisect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import VOID, Sample
from course_utils.models.aspp import ASPP
from course_utils.models.backbones.small import small_resnet
from course_utils.models.crf import DenseCRF
from course_utils.models.deeplab import DeepLabV3Plus
from course_utils.models.layers import conv_norm, resize
from course_utils.models.pspnet import PyramidPooling
from course_utils.recipes.quick import train_quickly
from course_utils.recipes.scenes import VALIDATION, scenes_in_memory
from course_utils.recipes.unets import network_on_scenes
from course_utils.training.objectives import score_labels

RATES, CHANNELS = (2, 4, 6), 64
"""Of ASPP on a map of 12 × 16: they span as much of it as 6, 12 and 18 do of 33 × 33."""
SIZES = (32, 70, 125, 265)
"""Pixels that part the things of the scenes into five groups of about as many, from a far person to a near car."""
REFINED = 24
"""Scenes on which a CRF is measured: it takes a second for each."""
CRF = {"steps": 5, "position_std": 8.0, "colour_std": 0.05, "appearance_weight": 5.0, "smoothness_weight": 1.0}


class OnOneMap(nn.Module):
    """The small residual network at an output stride, a `context` on its last map, scores, and bilinear interpolation."""

    def __init__(self, context: nn.Module, num_classes: int, *, output_stride: int) -> None:
        super().__init__()
        self.backbone = small_resnet(output_stride=output_stride)
        self.context, self.head = context, nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.context(self.backbone(images)[-1])  # (B, 64, H/8, W/8)
        return resize(self.head(x), images.shape[2:])  # (B, K, H, W)


def context(name: str) -> nn.Module:
    """What stands between the last map, of 128 channels, and the scores."""
    if name == "pyramid pooling":
        pooling = PyramidPooling(128)
        return nn.Sequential(pooling, *conv_norm(pooling.out_channels, CHANNELS), nn.ReLU())
    rates: Sequence[int] = {"one place": (), "one rate": (2,)}.get(name, RATES)
    return ASPP(128, CHANNELS, rates=rates, dropout=0.1, image_pooling=name == "ASPP")


def make(name: str, output_stride: int) -> nn.Module:
    """A network of the study, with 8 classes: "decoder" is DeepLab v3+, the others are contexts."""
    if name == "decoder":
        backbone = small_resnet(output_stride=output_stride)
        settings = {"output_stride": output_stride, "rates": RATES, "channels": CHANNELS, "low_channels": 24}
        return DeepLabV3Plus(backbone, 8, **settings, dropout=0.1, separable=False)
    return OnOneMap(context(name), 8, output_stride=output_stride)


def deeplab_on_scenes(seed: int, *, name: str, output_stride: int, steps: int) -> dict[str, float]:
    """Train one of these networks on street scenes; scores, and how much of things of five sizes is right."""
    torch.manual_seed(seed)
    return trained_on_scenes(make(name, output_stride), seed=seed, steps=steps)


def trained_on_scenes(model: nn.Module, *, seed: int, steps: int) -> dict[str, float]:
    """As `network_on_scenes`, and how much of things of five sizes is right."""
    found = network_on_scenes(model, seed=seed, steps=steps)
    shares = right_by_size(model, scenes_in_memory("val", VALIDATION))
    return found | {f"right_{n}": share for n, share in enumerate(shares, 1)}


@torch.no_grad()
def right_by_size(model: nn.Module, data: InMemory | Sequence[Sample]) -> list[float]:
    """The share of its pixels that have the right class, on the mean over the things of each of five groups of sizes."""
    groups: list[list[float]] = [[] for _ in range(len(SIZES) + 1)]
    for n in range(len(data)):
        sample = data[n]
        right = (model(sample.image[None])[0].argmax(0) == sample.labels).double()
        things = sample.instances.where(sample.labels != VOID, 0)
        for thing in things.unique()[1:]:
            its_own = right[things == thing]
            groups[bisect(SIZES, len(its_own))].append(float(its_own.mean()))
    return [sum(group) / len(group) for group in groups]


class Refined(nn.Module):
    """A network, and a dense CRF on its logits and the image."""

    def __init__(self, network: nn.Module, crf: DenseCRF) -> None:
        super().__init__()
        self.network, self.crf = network, crf

    def forward(self, images: Tensor) -> Tensor:
        return self.crf(self.network(images), images)


def refined_on_scenes(seed: int, *, name: str, output_stride: int, steps: int, crf: bool) -> dict[str, float]:
    """Train one of these networks; scores on 24 scenes of its logits, or of what a dense CRF makes of them."""
    torch.manual_seed(seed)
    model = make(name, output_stride)
    train = scenes_in_memory("train", 512)
    history = train_quickly(model, train, seed=seed, steps=steps, lovasz=False, progress=False)
    scored = score_labels(scenes_in_memory("val", REFINED), boundary=True)(
        Refined(model, DenseCRF(8, **CRF)) if crf else model
    )
    kept = {score: scored[score] for score in ("mean_iou", "boundary_iou")}
    return kept | {"steps": steps, "training_cpu_seconds": round(history.cpu_seconds)}
