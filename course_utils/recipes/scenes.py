"""The runs that lessons and studies share, so that both speak of the same training."""

import time
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.datasets.memory import InMemory
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.transforms import colour, compose, flip
from course_utils.datasets.windows import draw_windows
from course_utils.losses.distribution import cross_entropy_loss
from course_utils.losses.region import jaccard_loss
from course_utils.losses.weights import class_weights
from course_utils.metrics.boundary import boundary_iou
from course_utils.metrics.semantic import confusion_matrix, scores
from course_utils.models.backbones.contract import Frozen, set_statistics
from course_utils.models.backbones.small import small_resnet
from course_utils.models.catalogue import SMALL
from course_utils.models.fcn import FCN
from course_utils.models.layers import resize
from course_utils.models.segnet import SegNet
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.objectives import Loss, label_loss, score_labels, weights_of_classes

VALIDATION = 120
"""Scenes of the split "val" to evaluate on."""


def train_on_scenes(
    model: nn.Module,
    *,
    seed: int,
    steps: int,
    loss: Loss | None = None,
    weighted: bool = True,
    samples: int = 512,
    evaluate_every: int | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: int | None = None,
    progress: bool = True,
) -> History:
    """Train a network that gives logits of 8 classes on street scenes of 96 × 128; scores on 120 that it has not seen.

    The recipe that learns most per second on two cores: batches of 4, AdamW with one cycle up to 1.5e-3, flips and changes of
    colour. `samples`: how many scenes to train on. The loss is the cross-entropy, `weighted` by the square root of inverse
    frequency (without it, poles and persons stay near zero for long), or `loss`, a function of (logits, labels).

    The scores are "mean_iou", "pixel_accuracy" and "boundary_iou". Raises: as `loop.fit`.
    """
    train = scenes_in_memory("train", samples)
    weights = weights_of_classes(train) if weighted and loss is None else None
    if weights is not None:
        weights = weights.to(next(model.parameters()))
    return fit(
        model,
        train,
        steps=steps,
        objective=label_loss(loss or partial(cross_entropy_loss, weight=weights), class_weights=weights),
        evaluate=score_labels(scenes_in_memory("val", VALIDATION), boundary=True),
        seed=seed,
        transform=compose(flip, colour),
        evaluate_every=evaluate_every,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )


@lru_cache(maxsize=4)
def scenes_in_memory(split: str, samples: int) -> InMemory:
    """Scenes, drawn once and kept for the next run of the lesson."""
    return InMemory(Scenes(split, length=samples))


def fcn_on_scenes(
    seed: int,
    *,
    stride: int,
    upsample: str = "transposed",
    random_scores: bool = False,
    pretrained: bool = False,
    frozen: bool = False,
    statistics: bool = False,
    steps: int = 450,
) -> dict[str, float]:
    """Train an FCN on the small backbone with `train_on_scenes`; scores, steps and CPU seconds of the training.

    Its score layers begin at 0, or as PyTorch draws them (`random_scores`), as those of a student's head in lesson 06 do. The
    encoder begins with random weights, or `pretrained` as a classifier of windows (`pretrained_backbone`). It learns with the
    rest, or stays `frozen`, so that only the scores are learnt; with `statistics`, its batch norm has those of 160 scenes.

    Raises: ValueError as `FCN`.
    """
    torch.manual_seed(seed)
    backbone = pretrained_backbone(seed) if pretrained else small_resnet()
    if statistics:
        scenes = scenes_in_memory("train", 512)
        set_statistics(backbone, torch.stack([scenes[n].image for n in range(160)]))
    model = FCN(Frozen(backbone) if frozen else backbone, 8, stride=stride, upsample=upsample)
    if random_scores:
        for score in model.scores:
            score.reset_parameters()
    return measured(train_on_scenes(model, seed=seed, steps=steps, progress=False))


def fit_grid(
    labels: Tensor, *, stride: int, seed: int = 0, steps: int = 60, further: int = 60, num_classes: int = 8
) -> Tensor:
    """Label maps from scores on a coarse grid that are fitted to the truth itself: lesson 06.

    Each place of the grid has a free score for each class. Enlarged bilinearly, they are fitted to the labels by Adam: `steps`
    steps on the cross-entropy, classes weighted as in `train_on_scenes`, then `further` steps on the soft Jaccard loss of all
    images together, which is nearer to a mean IoU. A fit, no bound: with more steps it is still a little better.

    Shapes: labels (N, H, W), void 255, whose sides the stride divides → label maps (N, H, W).

    Raises: ValueError for a stride that does not divide the sides.
    """
    size = labels.shape[-2:]
    if any(side % stride for side in size):
        raise ValueError(f"The stride must divide the sides of the labels, but {stride} does not divide {tuple(size)}.")
    counts = torch.bincount(labels[labels != VOID], minlength=num_classes)
    weights = class_weights(counts, method="square_root").to(torch.float32)
    draw = torch.Generator().manual_seed(seed)
    grid = torch.randn(len(labels), num_classes, size[0] // stride, size[1] // stride, generator=draw).requires_grad_()
    updates = torch.optim.Adam([grid], lr=1.0)
    for step in range(steps + further):
        logits = resize(grid, size)
        if step < steps:
            loss = cross_entropy(logits, labels, weights, ignore_index=VOID)
        else:
            loss = jaccard_loss(logits, labels)
        updates.zero_grad()
        loss.backward()
        updates.step()
    return resize(grid.detach(), size).argmax(1)


def fitted_grid_on_scenes(seed: int, *, stride: int, steps: int = 120, further: int = 120) -> dict[str, float]:
    """Scores of `fit_grid` on the scenes that `train_on_scenes` evaluates on, a row of the study."""
    start = time.process_time()
    validation = scenes_in_memory("val", VALIDATION)
    labels = torch.stack([validation[n].labels for n in range(len(validation))])
    maps = fit_grid(labels, stride=stride, seed=seed, steps=steps, further=further)
    region = scores(confusion_matrix(maps, labels, 8))
    return {
        "mean_iou": region.mean_iou,
        "pixel_accuracy": region.pixel_accuracy,
        "boundary_iou": float(boundary_iou(maps, labels, 8).nanmean()),
        "steps": steps + further,
        "training_cpu_seconds": round(time.process_time() - start),
    }


def pretrained_backbone(seed: int, *, steps: int = 450, window: int = 65) -> nn.Module:
    """The small backbone, trained to name the class of the pixel in the middle of windows of scenes: a classifier's encoder.

    The scenes are others than those that `train_on_scenes` takes first.
    """
    torch.manual_seed(seed)
    scenes = Scenes("train", length=1024)
    samples = [scenes[index] for index in range(512, 1024)]
    images, labels = (torch.stack([sample[layer] for sample in samples]) for layer in (0, 1))
    backbone = small_resnet()
    classes = nn.Linear(backbone.channels[-1], scenes.num_classes)
    parameters = [*backbone.parameters(), *classes.parameters()]
    updates = torch.optim.AdamW(parameters, lr=1.5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(updates, max_lr=1.5e-3, total_steps=steps)
    for windows, middle in draw_windows(images, labels, window=window, steps=steps, batch_size=16, seed=seed):
        loss = cross_entropy(classes(backbone(windows)[-1].mean((2, 3))), middle)
        updates.zero_grad()
        loss.backward()
        updates.step()
        schedule.step()
    return backbone


def segnet_on_scenes(seed: int, *, upsample: str, steps: int = 900) -> dict[str, float]:
    """Train a small SegNet with one of its ways of upsampling, with `train_on_scenes`; as `fcn_on_scenes` otherwise."""
    torch.manual_seed(seed)
    model = SegNet(8, **SMALL, upsample=upsample)
    return measured(train_on_scenes(model, seed=seed, steps=steps, progress=False))


def measured(history: History) -> dict[str, float]:
    """A row of a study: scores, steps, CPU seconds of the training."""
    return {**history.scores, "steps": len(history.steps), "training_cpu_seconds": round(history.cpu_seconds)}
