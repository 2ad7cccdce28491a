"""The runs that lesson 02 and its study share: classifiers of windows, and what they make of whole scenes."""

import time
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.windows import draw_windows
from course_utils.metrics.semantic import confusion_matrix, scores
from course_utils.ops.masks import boundaries
from course_utils.sliding.windows import to_dense

MARGIN = 16
"""Pixels at the image's rim that the largest window, of 33 pixels, has no answer for."""


def window_classifier(window: int) -> nn.Sequential:
    """A classifier of windows of 1, 9 or 33 pixels into 8 classes, each with 24,000 to 30,000 weights.

    Shapes: (N, 3, window, window) → (N, 8).

    Raises: ValueError for another window.
    """
    scale = nn.BatchNorm2d(3)
    if window == 1:
        hidden = [nn.Linear(3, 150), nn.ReLU(), nn.Linear(150, 150), nn.ReLU()]
        return nn.Sequential(scale, nn.Flatten(), *hidden, nn.Linear(150, 8))
    if window == 9:
        widths = [(3, 24), (24, 32), (32, 48)]
        convolutions = [layer for pair in widths for layer in (nn.Conv2d(*pair, 3), nn.ReLU())]
        return nn.Sequential(scale, *convolutions, nn.Flatten(), nn.Linear(48 * 3 * 3, 8))  # 9 → 7 → 5 → 3
    if window == 33:
        first = [nn.Conv2d(3, 16, 4), nn.ReLU(), nn.MaxPool2d(2)]  # 33 → 30 → 15
        second = [nn.Conv2d(16, 32, 4), nn.ReLU(), nn.MaxPool2d(2)]  # 15 → 12 → 6
        third = [nn.Conv2d(32, 48, 3), nn.ReLU()]  # 6 → 4
        return nn.Sequential(scale, *first, *second, *third, nn.Flatten(), nn.Linear(48 * 4 * 4, 8))
    raise ValueError(f"The windows of lesson 02 have 1, 9 or 33 pixels, but window is {window!r}; take one of these.")


def train_on_windows(images: Tensor, labels: Tensor, *, window: int, seed: int, steps: int = 1000) -> nn.Sequential:
    """Train a `window_classifier` to name the class of the pixel in the middle; it is in evaluation mode.

    Shapes: images (N, 3, H, W), labels (N, H, W).

    Raises: ValueError as `window_classifier` and `draw_windows`.
    """
    torch.manual_seed(seed)
    classifier = window_classifier(window)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=steps)
    for patches, classes in draw_windows(images, labels, window=window, steps=steps, seed=seed):
        loss = cross_entropy(classifier(patches), classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return classifier.eval()


@lru_cache(maxsize=2)
def scenes_of_windows(split: str) -> tuple[Tensor, Tensor]:
    """The 200 scenes to train on and the 30 to score: images (N, 3, 96, 128) and labels (N, 96, 128)."""
    scenes = Scenes(split)
    samples = [scenes[n] for n in range({"train": 200, "val": 30}[split])]
    images, labels = (torch.stack([sample[layer] for sample in samples]) for layer in (0, 1))
    return images, labels


def windows_on_scenes(seed: int, *, window: int, steps: int = 1000) -> dict[str, float]:
    """Train a classifier of windows, turn it into a dense network, and score that: a row of the study.

    "mean_iou", and the share of the pixels that are right, "inside" regions and "near" borders (within 3 pixels of one); all
    of the pixels that windows of 33 pixels can answer for.
    """
    start = time.process_time()
    classifier = train_on_windows(*scenes_of_windows("train"), window=window, seed=seed, steps=steps)
    seconds = time.process_time() - start
    images, truth = scenes_of_windows("val")
    rest = MARGIN - window // 2
    height, width = (side - 2 * MARGIN for side in truth.shape[1:])
    with torch.no_grad():
        maps = torch.cat([to_dense(classifier, window=window)(part).argmax(1) for part in images.split(5)])
    maps = maps[:, rest : rest + height, rest : rest + width]
    near, truth = (m[:, MARGIN:-MARGIN, MARGIN:-MARGIN] for m in (boundaries(truth, 3), truth))
    right, valid = maps == truth, truth != VOID
    return {
        "mean_iou": scores(confusion_matrix(maps, truth, 8)).mean_iou,
        "inside": float(right[~near & valid].float().mean()),
        "near": float(right[near & valid].float().mean()),
        "steps": steps,
        "training_cpu_seconds": round(seconds),
    }
