"""What five minutes on one core can learn of real streets: CamVid at 120 × 160, with the quick recipe (lesson 10).

python -m course_utils.recipes.camvid --network pretrained --output FILE
"""

import argparse
import json
import sys
import tempfile
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
from course_utils.ops.checks import whole_number
from course_utils.recipes.quick import train_quickly
from course_utils.recipes.scenes import measured
from course_utils.training.checkpoints import require_writable, save_network
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
    parser = argparse.ArgumentParser(prog="python -m course_utils.recipes.camvid", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="the file to write, FILE.safetensors")
    parser.add_argument("--network", choices=NETWORKS, default="pretrained")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"batches of 4 frames; {STEPS} if not given")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        steps = whole_number(options.steps, "--steps", minimum=1)
        seed = whole_number(options.seed, "--seed", minimum=0)
        require_writable(options.output)
        torch.manual_seed(seed)
        model = NETWORKS[options.network]()
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder, "checkpoint.safetensors")
            train_on_camvid(model, seed=seed, steps=steps, checkpoint=checkpoint)
            save_network(checkpoint, options.output)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(camvid_scores(model)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
