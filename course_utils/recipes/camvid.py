"""What five minutes on one core can learn of real streets: CamVid at 120 × 160, with the quick recipe (lesson 10).

python -m course_utils.recipes.camvid --network pretrained --output FILE
"""

import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import nn

from course_utils.datasets import load
from course_utils.datasets.memory import InMemory
from course_utils.datasets.transforms import colour, compose, flip, scale_and_crop
from course_utils.inference.augmentation import FlipAverage
from course_utils.models.backbones.small import small_resnet
from course_utils.models.quick_unet import SmallUNet, small_unet
from course_utils.recipes.commands import make_weights, weights_parser
from course_utils.recipes.quick import train_quickly
from course_utils.recipes.scenes import measured
from course_utils.training.checkpoints import save_network
from course_utils.training.history import History
from course_utils.training.objectives import score_labels

SIZE = (120, 160)
STEPS = 2600
"""What takes 300 CPU seconds."""
CLASSES = 11


def pretrained_unet() -> SmallUNet:
    """The course's small U-Net on the small residual network, which has learnt on patterns."""
    return SmallUNet(small_resnet(weights="patterns"), CLASSES)


def scratch_unet() -> SmallUNet:
    """The same with random weights."""
    return SmallUNet(small_resnet(), CLASSES)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "small_unet": partial(small_unet, CLASSES),
    "scratch": scratch_unet,
    "pretrained": pretrained_unet,
}


@lru_cache
def camvid_in_memory(split: str) -> InMemory:
    """All frames of a split, scaled to 120 × 160 once. Raises: as `datasets.load`, where CamVid is not there."""
    frames = InMemory(load("camvid", split, size=SIZE))
    frames.read_all()
    return frames


def train_on_camvid(
    model: nn.Module, *, seed: int, steps: int, checkpoint: Path | None = None, progress: bool = True
) -> History:
    """Train with the quick recipe on all frames of "train": scaled by 0.9 to 1.4 and cropped, flipped, changed in colour."""
    transform = compose(partial(scale_and_crop, size=SIZE, scales=(0.9, 1.4)), flip, colour)
    return train_quickly(
        model,
        camvid_in_memory("train"),
        seed=seed,
        steps=steps,
        transform=transform,
        checkpoint=checkpoint,
        progress=progress,
    )


def camvid_scores(model: nn.Module) -> dict[str, float]:
    """Scores on all frames of "val", and those of the mean with the mirrored image."""
    evaluate = score_labels(camvid_in_memory("val"), boundary=True, per_class=True)
    plain, mirrored = evaluate(model), evaluate(FlipAverage(model))
    return {
        "mean_iou": plain["mean_iou"],
        "boundary_iou": plain["boundary_iou"],
        "iou_pole": plain["iou pole"],
        "iou_pedestrian": plain["iou pedestrian"],
        "mirrored_mean_iou": mirrored["mean_iou"],
        "mirrored_boundary_iou": mirrored["boundary_iou"],
    }


def network_on_camvid(seed: int, *, make: Callable[[], nn.Module], steps: int) -> dict[str, float]:
    """Train what `make` makes under the seed, on CamVid: a row of the study."""
    torch.manual_seed(seed)
    model = make()
    history = train_on_camvid(model, seed=seed, steps=steps, progress=False)
    return camvid_scores(model) | measured(history)


def main(arguments: list[str] | None = None) -> int:
    parser = weights_parser("camvid", __doc__, steps=STEPS, batches="batches of 4 frames")
    parser.add_argument("--network", choices=NETWORKS, default="pretrained")
    return make_weights(parser.parse_args(arguments), _train_and_save)


def _train_and_save(options: Namespace) -> dict[str, float]:
    model = NETWORKS[options.network]()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint.safetensors")
        train_on_camvid(model, seed=options.seed, steps=options.steps, checkpoint=checkpoint)
        save_network(checkpoint, options.output)
    return camvid_scores(model)


if __name__ == "__main__":
    sys.exit(main())
