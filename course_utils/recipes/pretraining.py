"""Pretraining without a download: the small residual network learns to name shapes and textures, and its weights are kept.

python -m course_utils.recipes.pretraining --output FILE
"""

import sys
from argparse import Namespace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.datasets.figures.shapes import SHAPES
from course_utils.datasets.figures.textures import TEXTURES
from course_utils.datasets.patterns import draw_patterns
from course_utils.models.backbones.contract import require_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.recipes.commands import make_weights, save_halved, weights_parser
from course_utils.training.optimisers import Muon
from course_utils.training.progress import progress_bar, show_values
from course_utils.training.schedules import warm_up_cosine

STEPS = 4500
"""Of the weights that the course has: 5.5 CPU minutes on one core."""
HELD_OUT = 32
"""Batches of the split "val" on which accuracies are measured."""
ANSWERS = {"shapes": len(SHAPES), "textures": len(TEXTURES), "backgrounds": len(TEXTURES)}
"""The questions about a pattern, and how many answers each has."""


class Classifier(nn.Module):
    """A backbone, the mean of its last map, and a linear layer for each question."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        channels = require_backbone(backbone).channels[-1]
        self.backbone = backbone
        self.heads = nn.ModuleDict({name: nn.Linear(channels, answers) for name, answers in ANSWERS.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        pooled = self.backbone(images)[-1].mean((2, 3))  # (B, C)
        return {name: head(pooled) for name, head in self.heads.items()}  # (B, answers) each


def pretrain(model: Classifier, *, seed: int, steps: int, progress: bool = True) -> list[float]:
    """Train a classifier with Muon, on the CPU, on patterns, each of which it sees once; the loss of every step."""
    model.to(memory_format=torch.channels_last).train()
    optimiser = Muon(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: warm_up_cosine(min(step, steps - 1), steps))
    losses = []
    with progress_bar(first=0, steps=steps, wanted=progress) as bar:
        for number in range(steps):
            batch = draw_patterns("train", number, seed=seed)
            answers = model(batch.images)
            loss = torch.stack([cross_entropy(answers[name], getattr(batch, name)) for name in ANSWERS]).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            show_values(bar, {"loss": losses[-1]})
            bar.update()
    return losses


@torch.no_grad()
def accuracies(model: Classifier, *, batches: int) -> dict[str, float]:
    """The share of patterns of the split "val" about which each question is answered rightly."""
    model.eval()
    right = dict.fromkeys(ANSWERS, 0.0)
    for number in range(batches):
        batch = draw_patterns("val", number)
        for name, scores in model(batch.images).items():
            right[name] += float((scores.argmax(1) == getattr(batch, name)).double().mean()) / batches
    return right


def main(arguments: list[str] | None = None) -> int:
    parser = weights_parser("pretraining", __doc__, steps=STEPS, batches="batches of 32 patterns")
    return make_weights(parser.parse_args(arguments), _pretrain_and_save)


def _pretrain_and_save(options: Namespace) -> dict[str, object]:
    model = Classifier(small_resnet())
    pretrain(model, seed=options.seed, steps=options.steps)
    made = {"steps": options.steps, "seed": options.seed, "accuracy": accuracies(model, batches=HELD_OUT)}
    save_halved(model.backbone, options.output, made)
    return made


if __name__ == "__main__":
    sys.exit(main())
