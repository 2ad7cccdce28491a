"""The runs of lesson 05 and its study: one small network that has to find rare persons, under many losses."""

from functools import lru_cache, partial

import torch
from torch import Tensor, nn

from course_utils.datasets.memory import InMemory
from course_utils.datasets.one_class import OneClass
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.datasets.transforms import colour, compose, flip
from course_utils.devices import device
from course_utils.losses.boundary import boundary_loss
from course_utils.losses.combination import weighted_sum
from course_utils.losses.distribution import cross_entropy_loss, focal_loss
from course_utils.losses.region import dice_loss, generalised_dice_loss, tversky_loss
from course_utils.metrics.calibration import reliability
from course_utils.models.backbones.small import small_resnet
from course_utils.models.fcn import FCN
from course_utils.ops.precision import in_float64
from course_utils.training.history import History
from course_utils.training.loop import fit
from course_utils.training.objectives import Loss, label_loss, weights_of_classes


@lru_cache(maxsize=2)
def rare_persons(split: str) -> OneClass:
    """Scenes of a split with few persons, and only they to be found: one pixel in a hundred is foreground (lesson 05)."""
    samples = {"train": 768, "val": 200}[split]
    return OneClass(InMemory(Scenes(split, length=samples)), "person", at_most=0.02)


def losses_for_persons() -> dict[str, Loss]:
    """The losses that lesson 05 and its study compare, by name: functions of logits (B, 2, H, W) and labels (B, H, W)."""
    return {
        "cross-entropy": cross_entropy_loss,
        "weighted cross-entropy": _weighted_cross_entropy,
        "focal": partial(focal_loss, gamma=2.0),
        "Dice": dice_loss,
        "cross-entropy + Dice": weighted_sum((1.0, cross_entropy_loss), (1.0, dice_loss)),
        "cross-entropy + 0.2 Dice": weighted_sum((1.0, cross_entropy_loss), (0.2, dice_loss)),
        "cross-entropy + 5 Dice": weighted_sum((1.0, cross_entropy_loss), (5.0, dice_loss)),
        "Tversky, β = 0.7": partial(tversky_loss, alpha=0.3, beta=0.7),
        "Tversky, β = 0.3": partial(tversky_loss, alpha=0.7, beta=0.3),
        "generalised Dice": generalised_dice_loss,
        "boundary": boundary_loss,
        "generalised Dice + 0.01 boundary": weighted_sum((1.0, generalised_dice_loss), (0.01, boundary_loss)),
        "generalised Dice + 0.1 boundary": weighted_sum((1.0, generalised_dice_loss), (0.1, boundary_loss)),
    }


def _weighted_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return cross_entropy_loss(logits, target, weight=_inverse_weights())


@lru_cache(maxsize=1)
def _inverse_weights() -> Tensor:
    """Counted when a loss first asks for them, so that the names of the losses can be had without drawing a scene."""
    return weights_of_classes(rare_persons("train"), method="inverse")


def train_on_persons(loss: Loss, *, seed: int, steps: int = 1000) -> tuple[nn.Module, History]:
    """Train a small FCN with a loss to find rare persons (`rare_persons`), on the course's device.

    The network, on the CPU, and its history, without scores.
    """
    torch.manual_seed(seed)
    model = FCN(small_resnet(widths=(16, 24, 32, 48)), 2, stride=4, upsample="bilinear").to(device())
    train = rare_persons("train")
    objective, transform = label_loss(loss), compose(flip, colour)
    history = fit(model, train, steps=steps, objective=objective, seed=seed, transform=transform, progress=False)
    return model.cpu(), history


@torch.no_grad()
def probabilities_of_persons(model: nn.Module) -> tuple[Tensor, Tensor]:
    """The probability of "person" at every labelled pixel of `rare_persons("val")`, and whether there is one: both (N,)."""
    model.eval()
    validation = rare_persons("val")
    samples = [validation[n] for n in range(len(validation))]
    images, labels = (torch.stack([sample[layer] for sample in samples]) for layer in (0, 1))
    found = torch.cat([model(part).softmax(1)[:, 1] for part in images.split(8)])
    return found[labels != VOID], labels[labels != VOID] == 1


def score_persons(probabilities: Tensor, truth: Tensor) -> dict[str, float]:
    """Scores of what has more than one half, and what does not depend on that threshold.

    "recall", "precision" and "iou" at one half; "best_iou" and the "best_threshold" that gives it; "average_precision", the
    mean over the true pixels of the precision down to each; "calibration_error", and "mean_probability".
    """
    predicted = probabilities > 0.5
    both, either = int((predicted & truth).sum()), int((predicted | truth).sum())
    ranked, order = in_float64(probabilities).sort(descending=True, stable=True)
    true = truth[order.to(truth.device)].to(order.device)
    hits = in_float64(true).cumsum(0)
    called = torch.arange(1, len(hits) + 1, device=hits.device)
    iou_from = hits / (called + hits[-1] - hits)  # of the first so many
    best = int(iou_from.argmax())
    return {
        "recall": both / max(int(truth.sum()), 1),
        "precision": both / int(predicted.sum()) if predicted.any() else float("nan"),
        "iou": both / max(either, 1),
        "best_iou": float(iou_from[best]),
        "best_threshold": float(ranked[best]),
        "average_precision": float((hits / called)[true].mean()),
        "calibration_error": reliability(probabilities, truth).error,
        "mean_probability": float(probabilities.mean()),
    }


def persons_with_loss(seed: int, *, name: str, steps: int = 1000) -> dict[str, float]:
    """Train with one of `losses_for_persons`, and measure: a row of the study."""
    model, history = train_on_persons(losses_for_persons()[name], seed=seed, steps=steps)
    found = score_persons(*probabilities_of_persons(model))
    return {**found, "steps": steps, "training_cpu_seconds": round(history.cpu_seconds)}
