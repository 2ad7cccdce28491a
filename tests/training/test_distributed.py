"""Two processes that share every batch are one process with the whole batch."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from training_cases import Squares

from course_utils.datasets.samples import VOID, Sample
from course_utils.training.batches import draw_batch
from course_utils.training.distributed import processes, rank_and_size, share_of_pixels
from course_utils.training.loop import fit
from course_utils.training.objectives import label_loss, predict_matrices

WEIGHTS = torch.tensor([0.5, 3.0, 1.25], dtype=torch.float64)


class Double(nn.Module):
    """In float64, so that two orders of one sum agree in 12 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 3, 1)).double()
        self.auxiliary = nn.Conv2d(5, 3, 1).double()  # which `forward` does not use

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.double())


def noisy(sample: Sample, generator: torch.Generator) -> Sample:
    return sample._replace(image=sample.image + torch.rand(sample.image.shape, generator=generator))


def train(*, weighted: bool, steps: int, checkpoint: Path | None = None) -> tuple[dict[str, Tensor], list[float]]:
    """Weights after gradient descent at a rate of 1: after one step their change is the gradient."""
    torch.manual_seed(0)
    model, weights = Double(), WEIGHTS if weighted else None
    loss = partial(cross_entropy, weight=weights, ignore_index=VOID)
    history = fit(
        model, Squares(), steps=steps, objective=label_loss(loss, class_weights=weights), seed=0, batch_size=6,
        optimiser="sgd", momentum=0, weight_decay=0, learning_rate=1.0, schedule="constant", transform=noisy,
        checkpoint=checkpoint,
    )  # fmt: skip
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    return weights, [row["loss"] for row in history.steps]


def matrices() -> dict[str, Tensor]:
    torch.manual_seed(0)
    region, edge = predict_matrices(Double(), Squares(length=7), boundary=True)
    return {"region": region.matrix, "edge": edge.matrix}


def main(folder: Path) -> None:
    """What each of the processes does."""
    with processes(torch.device("cpu")):
        rank = rank_and_size()[0]
        found = matrices()
        for weighted in (False, True):
            for steps in (1, 5):
                path = folder / f"{weighted}{steps}.safetensors"
                weights, losses = train(weighted=weighted, steps=steps, checkpoint=path)
                found |= {f"{weighted}/{steps}/{name}": value for name, value in weights.items()}
                found[f"{weighted}/{steps}/losses"] = torch.tensor(losses, dtype=torch.float64)
        save_file(found, folder / f"rank{rank}.safetensors")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("ranks")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        __file__,
        str(folder),
    ]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [load_file(folder / f"rank{rank}.safetensors") for rank in range(2)]


def test_the_parts_of_the_batch_differ_in_their_void() -> None:
    """Otherwise the tests below would hold for a plain mean of means."""
    labels = [draw_batch(Squares(), batch_size=6, seed=0, step=0, part=(rank, 2)).labels for rank in range(2)]
    valid = [int((part != VOID).sum()) for part in labels]
    assert abs(valid[0] - valid[1]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_gradients_are_those_of_the_joined_batch(ranks: list[dict[str, Tensor]], weighted: bool, steps: int) -> None:
    weights, losses = train(weighted=weighted, steps=steps)
    for found in ranks:
        for name, value in weights.items():
            torch.testing.assert_close(found[f"{weighted}/{steps}/{name}"], value, rtol=0, atol=1e-12)
        torch.testing.assert_close(found[f"{weighted}/{steps}/losses"].tolist(), losses, rtol=1e-6, atol=0)


@pytest.mark.slow
def test_confusion_matrices_merge_exactly(ranks: list[dict[str, Tensor]]) -> None:
    """Seven samples, of which one process has four and the other three."""
    alone = matrices()
    for found in ranks:
        assert torch.equal(found["region"], alone["region"]) and torch.equal(found["edge"], alone["edge"])


def test_alone() -> None:
    with processes(torch.device("cpu")) as device:
        assert device == torch.device("cpu") and rank_and_size() == (0, 1)
    assert share_of_pixels(torch.full((1, 2, 2), VOID)) == 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
