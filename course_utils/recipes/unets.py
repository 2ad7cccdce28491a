"""What lesson 08 and its studies train: U-Nets that differ in their skips, and U-Nets on thirty images."""

from functools import lru_cache, partial

import torch
from torch import Tensor, nn

from course_utils.datasets.cells import Cells
from course_utils.datasets.memory import InMemory
from course_utils.datasets.transforms import compose, elastic, flip
from course_utils.metrics.rand import adapted_rand, thin_borders
from course_utils.metrics.semantic import confusion_matrix, scores
from course_utils.models.unet import padded_unet
from course_utils.ops.masks import connected_components
from course_utils.recipes.quick import train_quickly
from course_utils.recipes.scenes import VALIDATION, measured, scenes_in_memory
from course_utils.training.objectives import score_labels

WIDTHS = (16, 32, 64, 128)
"""Of a U-Net that two cores can train: a fortieth of the published one."""
BENT = 2.5
"""Standard deviation of elastic displacements, in pixels."""
TISSUE, CHECKED = 30, 40
"""Sections of tissue to train on, as many as U-Net had, and others to measure on."""


def skips_on_scenes(seed: int, *, skips: str, steps: int, batch_size: int = 4) -> dict[str, float]:
    """Train a U-Net with these skips on street scenes; scores, those of poles and persons among them."""
    torch.manual_seed(seed)
    return network_on_scenes(padded_unet(8, widths=WIDTHS, skips=skips), seed=seed, steps=steps, batch_size=batch_size)


def network_on_scenes(
    model: nn.Module, *, seed: int, steps: int, batch_size: int = 4, images: int = 512
) -> dict[str, float]:
    """Train a network of 8 classes on so many scenes with Muon and a weighted cross-entropy; scores on 120 others."""
    history = train_quickly(
        model,
        scenes_in_memory("train", images),
        seed=seed,
        steps=steps,
        batch_size=batch_size,
        evaluate=score_labels(scenes_in_memory("val", VALIDATION), boundary=True, per_class=True),
        lovasz=False,
        progress=False,
    )
    found = measured(history)
    kept = ("mean_iou", "boundary_iou", "iou pole", "iou person", "steps", "training_cpu_seconds")
    return {name.replace("iou ", "iou_"): found[name] for name in kept}


@lru_cache(maxsize=2)
def tissue(split: str) -> InMemory:
    """Thirty sections to train on ("train"), or forty others to measure on ("val"), of 96 × 128 pixels."""
    return InMemory(Cells(split, length=TISSUE if split == "train" else CHECKED))


def unet_on_tissue(seed: int, *, bent: bool, steps: int) -> dict[str, float]:
    """Train a U-Net on thirty sections, mirrored, and `bent` by elastic deformation or not."""
    torch.manual_seed(seed)
    model = padded_unet(2, widths=WIDTHS)
    # Sections of 96 × 128 show what the paper's of 512 × 512 show: 10 pixels there are 2 to 3 here.
    transform = compose(flip, partial(elastic, spread=BENT)) if bent else flip
    history = train_quickly(
        model, tissue("train"), seed=seed, steps=steps, transform=transform, lovasz=False, progress=False
    )
    return score_tissue(model) | {"steps": steps, "training_cpu_seconds": round(history.cpu_seconds)}


@torch.no_grad()
def score_tissue(model: nn.Module) -> dict[str, float]:
    """Membranes' IoU over the sections to measure on, and the mean adapted Rand F of the cells that they enclose."""
    sections = tissue("val")
    matrix, f_scores = torch.zeros(2, 2, dtype=torch.int64), []
    for n in range(len(sections)):
        sample = sections[n]
        labels = model(sample.image[None])[0].argmax(0)
        matrix += confusion_matrix(labels, sample.labels, 2)
        f_scores.append(rand_f(labels, sample.labels))
    return {"membrane_iou": float(scores(matrix).iou[1]), "rand_f": sum(f_scores) / len(f_scores)}


def rand_f(labels: Tensor, truth: Tensor) -> float:
    """Adapted Rand F of the cells in a label map (H, W): connected pieces of class 0, and what is nearest to each."""
    cells, true_cells = (connected_components(part == 0) for part in (labels, truth))
    return adapted_rand(thin_borders(cells), true_cells).f_score
