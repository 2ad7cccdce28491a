"""How fast the procedural data are drawn, and how much there is to learn in them: `pytest -s tests/benchmarks/world_scenes.py`.

The goals: 150 scenes and 100 stages a second on one core; colour alone below 0.35 mIoU; a small FCN-8s between 0.5 and
0.75 after 30 core-seconds. They hold for a version of the world and a quiet machine, so that they do not gate the tests.
"""

import time

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, relu

from course_utils.datasets.cells import Cells
from course_utils.datasets.puppets import Puppets
from course_utils.datasets.samples import VOID
from course_utils.datasets.scenes import Scenes
from course_utils.metrics.semantic import confusion_matrix, scores

CLASSES = 8
CORE_SECONDS = 30.0
LEARNING_RATE = 1.5e-3


@pytest.mark.parametrize(("data", "goal"), [(Scenes(), 150), (Cells(), 50), (Puppets(), 100)])
def test_samples_a_second(data: Scenes | Cells | Puppets, goal: int) -> None:
    data[0]
    rates = []
    for _ in range(7):
        start = time.process_time()
        for i in range(20):
            data[i]
        rates.append(20 / (time.process_time() - start))
    rates.sort()
    print(f"\n{type(data).__name__}: {rates[3]:.0f} a second (of seven runs {rates[0]:.0f} to {rates[-1]:.0f})")
    assert rates[-1] >= goal


@pytest.fixture(scope="module")
def drawn() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels of 2000 scenes to learn from and 120 to judge by."""
    tensors = []
    for split, count in (("train", 2000), ("val", 120)):
        samples = [Scenes(split)[i] for i in range(count)]
        tensors += [torch.stack([s.image for s in samples]), torch.stack([s.labels for s in samples])]
    return tuple(tensors)


def mean_iou(pred: Tensor, target: Tensor) -> float:
    return scores(confusion_matrix(pred, target, CLASSES)).mean_iou


@pytest.mark.parametrize("weighted", [False, True])
def test_colour_alone_does_not_solve_the_scenes(drawn: tuple[Tensor, ...], weighted: bool) -> None:
    images, labels, test_images, test_labels = drawn
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    pixels, classes = images.permute(0, 2, 3, 1).reshape(-1, 3), labels.flatten()
    chosen = torch.randint(len(classes), (600_000,), generator=draw)
    chosen = chosen[classes[chosen] != VOID]
    pixels, classes = 4 * pixels[chosen] - 1.8, classes[chosen]
    weight = (len(classes) / torch.bincount(classes, minlength=CLASSES)).sqrt() if weighted else None
    net = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, CLASSES))
    optimiser = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=4 * (len(classes) // 2048))
    for _ in range(4):
        for batch in torch.randperm(len(classes), generator=draw).split(2048)[:-1]:
            optimiser.zero_grad()
            cross_entropy(net(pixels[batch]), classes[batch], weight).backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        pred = net(4 * test_images.permute(0, 2, 3, 1) - 1.8).argmax(-1)
    score = mean_iou(pred, test_labels)
    print(f"\ncolour alone, {'weighted' if weighted else 'unweighted'}: mIoU {score:.3f}")
    assert score < 0.35


class Block(nn.Module):
    """Two convolutions with a shortcut, at half the resolution."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first, self.second = convolution(n_in, n_out, 2), convolution(n_out, n_out, 1)
        self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, 2, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.second(relu(self.first(x))) + self.shortcut(x))


def convolution(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out))


class SmallFCN8s(nn.Module):
    """Scores at strides 8, 16 and 32, summed after bilinear upsampling: 0.5 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 40, 64, 96, 128)
        self.stem = convolution(3, widths[0], 2)
        self.blocks = nn.ModuleList(Block(*pair) for pair in zip(widths, widths[1:], strict=False))
        self.scores = nn.ModuleList(nn.Conv2d(width, CLASSES, 1) for width in widths[2:])

    def forward(self, x: Tensor) -> Tensor:
        size, features = x.shape[-2:], []
        x = relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
            features.append(x)
        at_8, at_16, at_32 = (score(f) for score, f in zip(self.scores, features[1:], strict=True))
        total = at_8 + interpolate(
            at_16 + interpolate(at_32, at_16.shape[-2:], mode="bilinear"), at_8.shape[-2:], mode="bilinear"
        )
        return interpolate(total, size, mode="bilinear")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_network_learns_in_30_core_seconds(drawn: tuple[Tensor, ...], seed: int) -> None:
    images, labels, test_images, test_labels = drawn
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    net = SmallFCN8s().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE)
    steps, start = 0, time.process_time()
    while (done := (time.process_time() - start) / CORE_SECONDS) < 1:
        # One cycle over the budget: up for three tenths, then down along a cosine.
        falling = 0.5 + 0.5 * torch.cos(torch.tensor(torch.pi * (done - 0.3) / 0.7))
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * float(done / 0.3 if done < 0.3 else falling)
        chosen = torch.randint(len(images), (4,), generator=draw)
        x, y = images[chosen], labels[chosen]
        if torch.rand((), generator=draw) < 0.5:
            x, y = x.flip(3), y.flip(2)
        gain, shift = torch.rand(4, 3, 1, 1, generator=draw), torch.rand(4, 1, 1, 1, generator=draw)
        x = (x * (0.8 + 0.4 * gain) + 0.1 * (shift - 0.5)).clamp(0, 1)
        loss = cross_entropy(net((4 * x - 1.8).to(memory_format=torch.channels_last)), y, ignore_index=VOID)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        steps += 1
    net.eval()
    with torch.no_grad():
        pred = torch.cat([net(4 * batch - 1.8).argmax(1) for batch in test_images.split(8)])
    score = mean_iou(pred, test_labels)
    print(f"\nFCN-8s, seed {seed}: {steps} steps of 4 images in {CORE_SECONDS:.0f} core-seconds, mIoU {score:.3f}")
    assert 0.5 < score < 0.75
