"""A data set of a few noisy images and a network of two layers, on which every run takes milliseconds."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from course_utils.datasets.samples import VOID, Sample
from course_utils.training.batches import Batch


class Squares(Dataset[Sample]):
    """`length` images of 3 classes, each with its own number of void pixels."""

    classes = ("ground", "left", "right")
    num_classes = 3
    things = ()
    colours = ((0, 0, 0), (230, 159, 0), (0, 114, 178))

    def __init__(self, length: int = 10, size: tuple[int, int] = (8, 12)) -> None:
        self.names = tuple(f"square-{index}" for index in range(length))
        self.size = size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(256, (3, *self.size), generator=generator) / 255  # as from a file of 8 bits
        labels = image.argmax(0)
        labels[: index % self.size[0]] = VOID
        return Sample(image, labels, torch.full_like(labels, -1))


class Tiny(nn.Module):
    """Batch norm has buffers, dropout has random numbers: both have to come back after a break."""

    def __init__(self, *, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(6, 3, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def tiny(*, dropout: float = 0.3) -> Tiny:
    torch.manual_seed(1)
    return Tiny(dropout=dropout)


def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    logits = model(batch.images)
    return {"labels": cross_entropy(logits, batch.labels, ignore_index=VOID), "size": 0.01 * logits.square().mean()}
