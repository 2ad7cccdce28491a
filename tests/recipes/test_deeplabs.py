"""What lesson 09 trains: all its networks run, and what is right of things of five sizes is counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from course_utils.datasets.samples import VOID, Sample
from course_utils.models.crf import DenseCRF
from course_utils.recipes.deeplabs import CRF, SHORT, SIZES, WHOLE, Refined, make, right_by_size


@pytest.mark.parametrize(
    ("name", "output_stride", "widths"),
    [(n, 8, WHOLE) for n in ("one place", "one rate", "three rates", "ASPP", "pyramid pooling", "decoder")]
    + [(f"ASPP, {n}", 8, WHOLE) for n in ("no dropout", "dropout 0.5", "no batch norm")]
    + [
        ("one place", 32, WHOLE),
        ("one place", 16, WHOLE),
        ("ASPP", 8, SHORT),
        ("three of rate 1", 8, SHORT),
        ("pyramid pooling", 8, SHORT),
    ],
)
def test_every_network_of_the_study_gives_logits_and_learns(
    name: str, output_stride: int, widths: tuple[int, ...]
) -> None:
    network = make(name, output_stride, widths=widths)
    logits = network(torch.rand(2, 3, 33, 41))
    assert logits.shape == (2, 8, 33, 41)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_settings_within_aspp() -> None:
    dropouts = {
        name: [part.p for part in make(name, 8).modules() if isinstance(part, nn.Dropout)]
        for name in ("ASPP, no dropout", "ASPP, dropout 0.5", "ASPP")
    }
    assert dropouts == {"ASPP, no dropout": [0.0], "ASPP, dropout 0.5": [0.5], "ASPP": [0.1]}
    context = make("ASPP, no batch norm", 8).context
    assert not any(isinstance(part, nn.BatchNorm2d) for part in context.modules())
    assert sum(isinstance(part, nn.Conv2d) for part in context.modules()) == 6


class AlwaysClass5(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        logits = torch.zeros(len(images), 8, *images.shape[2:])
        logits[:, 5] = 1
        return logits


def test_right_pixels_of_things_by_hand() -> None:
    """A thing of each group, on a row of its own: of each the share that has the class which is always predicted."""
    lengths, right = [32 - 1, 32, 70, 125, 265], [0, 8, 7, 25, 265]
    assert [low < high for low, high in zip(lengths, [*SIZES, 10**6], strict=True)] == [True] * 5
    labels, instances = torch.zeros(2, 5, 300, dtype=torch.int64)
    for row, (length, correct) in enumerate(zip(lengths, right, strict=True)):
        instances[row, :length] = row + 1
        labels[row, :length] = 6
        labels[row, :correct] = 5
    instances[4, 280:290], labels[4, 280:290] = 5, VOID  # what is void counts for no thing
    shares = right_by_size(AlwaysClass5(), [Sample(torch.rand(3, 5, 300), labels, instances)])
    assert shares == pytest.approx([have / length for have, length in zip(right, lengths, strict=True)])


def test_a_refined_network_gives_logits() -> None:
    images = torch.rand(1, 3, 9, 12)
    refined = Refined(AlwaysClass5(), DenseCRF(8, **CRF))(images)
    assert refined.shape == (1, 8, 9, 12) and (refined.argmax(1) == 5).all()
