"""What lesson 09 and its studies train: one network at several output strides, with contexts, with a decoder, with a CRF."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from functools import lru_cache

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
from course_utils.recipes.scenes import VALIDATION, scenes_in_memory
from course_utils.recipes.unets import network_on_scenes
from course_utils.training.objectives import score_labels

RATES, CHANNELS = (2, 4, 6), 64
"""Of ASPP on a map of 12 × 16: they span as much of it as 6, 12 and 18 do of 33 × 33."""
SIZES = (32, 70, 125, 265)
"""Pixels that part the things of the scenes into five groups of about as many, from a far person to a near car."""
WHOLE, SHORT = (24, 40, 64, 96, 128), (24, 40, 64)
"""Channels of the whole small network, whose last map sees 183 pixels a side, and of its first three strides: 39 pixels."""
REFINED = 24
"""Scenes on which a CRF is measured: it takes a second for each."""
CRF = {"steps": 5, "position_std": 8.0, "colour_std": 0.05, "appearance_weight": 5.0, "smoothness_weight": 1.0}


class OnOneMap(nn.Module):
    """The small residual network at an output stride, a `context` on its last map, scores, and bilinear interpolation."""

    def __init__(self, backbone: nn.Module, context: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.context, self.head = context, nn.Conv2d(CHANNELS, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.context(self.backbone(images)[-1])  # (B, 64, H/8, W/8)
        return resize(self.head(x), images.shape[2:])  # (B, K, H, W)


def context(name: str, channels: int = WHOLE[-1]) -> nn.Module:
    """What stands between the last map, of so many channels, and the scores."""
    if name == "pyramid pooling":
        pooling = PyramidPooling(channels)
        return nn.Sequential(pooling, *conv_norm(pooling.out_channels, CHANNELS), nn.ReLU())
    rates: Sequence[int] = {"one place": (), "one rate": (2,), "three of rate 1": (1, 1, 1)}.get(name, RATES)
    dropout = {"ASPP, no dropout": 0.0, "ASPP, dropout 0.5": 0.5}.get(name, 0.1)
    found = ASPP(channels, CHANNELS, rates=rates, dropout=dropout, image_pooling=name.startswith("ASPP"))
    return without_norms(found) if name == "ASPP, no batch norm" else found


def without_norms(network: nn.Module) -> nn.Module:
    """The network with nothing where its batch norms were; its convolutions keep no bias."""
    for part in network.modules():
        for name, layer in part.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    return network


def make(name: str, output_stride: int, *, widths: tuple[int, ...] = WHOLE) -> nn.Module:
    """A network of the study, with 8 classes: "decoder" is DeepLab v3+, the others are contexts."""
    if name == "decoder":
        backbone = small_resnet(output_stride=output_stride)
        settings = {"output_stride": output_stride, "rates": RATES, "channels": CHANNELS, "low_channels": 24}
        return DeepLabV3Plus(backbone, 8, **settings, dropout=0.1, separable=False)
    backbone = small_resnet(widths=widths, output_stride=output_stride)
    return OnOneMap(backbone, context(name, widths[-1]), 8)


@lru_cache(maxsize=1)
def trained_on_scenes(
    seed: int, name: str, output_stride: int, steps: int, widths: tuple[int, ...] = WHOLE
) -> tuple[nn.Module, Mapping[str, float]]:
    """One of these networks, trained on street scenes, and its scores; kept for whoever asks for the same one next."""
    torch.manual_seed(seed)
    model = make(name, output_stride, widths=widths)
    return model, network_on_scenes(model, seed=seed, steps=steps)


def deeplab_on_scenes(
    seed: int, *, name: str, output_stride: int, steps: int, widths: tuple[int, ...] = WHOLE
) -> dict[str, float]:
    """Scores of one of these networks after its training, and how much of things of five sizes is right."""
    model, found = trained_on_scenes(seed, name, output_stride, steps, widths)
    shares = right_by_size(model, scenes_in_memory("val", VALIDATION))
    return {**found, **{f"right_{n}": share for n, share in enumerate(shares, 1)}}


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
    """Scores of one of these networks on 24 scenes: of its logits, or of what a dense CRF makes of them."""
    model, found = trained_on_scenes(seed, name, output_stride, steps)
    scored = score_labels(scenes_in_memory("val", REFINED), boundary=True)(
        Refined(model, DenseCRF(8, **CRF)) if crf else model
    )
    kept = {score: scored[score] for score in ("mean_iou", "boundary_iou")}
    return kept | {"steps": steps, "training_cpu_seconds": found["training_cpu_seconds"]}
