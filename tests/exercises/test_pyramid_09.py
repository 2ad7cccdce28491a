"""Lesson 09, its pyramid: other layers that compute the same are right, and wrong ones are told why."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises.lesson_09 import ASPP
from course_utils.models import aspp


def test_the_pyramid_is_that_of_the_package() -> None:
    mine, ours = ASPP._solution(3, 4, (2, 3)), aspp.ASPP(3, 4, rates=(2, 3), dropout=0)
    ours.load_state_dict(dict(zip(ours.state_dict(), mine.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, 5, 7)
    for training in (False, True):
        torch.testing.assert_close(mine.train(training)(x), ours.train(training)(x))


class Pyramid(nn.Module):
    """A right answer in parts that can be replaced, with other layers than the solution's."""

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        sides = [1, *[3] * len(rates), 1]
        convolutions = [
            nn.Conv2d(in_channels, channels, side, padding="same", dilation=rate, bias=False)
            for side, rate in zip(sides, (1, *rates, 1), strict=True)
        ]
        self.convolutions = nn.ModuleList(convolutions)
        self.convolutions.append(nn.Conv2d(len(sides) * channels, channels, 1, bias=False))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in self.convolutions)

    def spread(self, pooled: Tensor, x: Tensor) -> Tensor:
        return F.interpolate(pooled, size=x.shape[2:], mode="bilinear", align_corners=False)

    def pooled(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, 1)

    def activated(self, maps: Tensor, number: int) -> Tensor:
        return self.norms[number](maps).relu()

    def forward(self, x: Tensor) -> Tensor:
        *branches, image, project = range(len(self.norms))
        seen = [self.activated(self.convolutions[n](x), n) for n in branches]
        pooled = self.activated(self.convolutions[image](self.pooled(x)), image)
        joined = torch.cat([*seen, self.spread(pooled, x)], 1)
        return self.activated(self.convolutions[project](joined), project)


class OfThePackage(aspp.ASPP):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates=rates, dropout=0)


class ReluOnceBehindTheJoin(Pyramid):
    """Right as well: a ReLU does not mind whether it stands before or behind a concatenation."""

    def activated(self, maps: Tensor, number: int) -> Tensor:
        return self.norms[number](maps)

    def forward(self, x: Tensor) -> Tensor:
        *branches, image, project = range(len(self.norms))
        seen = [self.activated(self.convolutions[n](x), n) for n in branches]
        seen.append(self.spread(self.activated(self.convolutions[image](self.pooled(x)), image), x))
        return self.activated(self.convolutions[project](torch.cat(seen, 1).relu()), project).relu()


@pytest.mark.parametrize("answer", [Pyramid, OfThePackage, ReluOnceBehindTheJoin])
def test_a_right_pyramid_of_another_form_is_right(answer: type[nn.Module]) -> None:
    assert ASPP.judge(answer).text == "right."


class PaddingOfOne(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates)
        for number, rate in enumerate(rates, 1):
            self.convolutions[number] = nn.Conv2d(in_channels, channels, 3, padding=1, dilation=rate, bias=False)


class NotSpread(Pyramid):
    def spread(self, pooled: Tensor, x: Tensor) -> Tensor:
        return pooled


class SpreadOverASquare(Pyramid):
    def spread(self, pooled: Tensor, x: Tensor) -> Tensor:
        return F.interpolate(pooled, size=x.shape[2])


class WithoutKeepdim(Pyramid):
    def pooled(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class ThreeRates(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        small, middle, large = rates
        super().__init__(in_channels, channels, (small, middle, large))


class Dropping(Pyramid):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), training=self.training)


class Detached(Pyramid):
    def pooled(self, x: Tensor) -> Tensor:
        return x.detach().mean((2, 3), keepdim=True)


class OfVersion2(nn.Module):
    """A 3 × 3 convolution for each rate, added up."""

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, channels, 3, padding=rate, dilation=rate) for rate in rates
        )

    def forward(self, x: Tensor) -> Tensor:
        return sum(branch(x) for branch in self.branches)


def with_layer(number: int, **changes: Any) -> type[nn.Module]:
    """The right answer, one of its convolutions made anew with other settings."""

    class Changed(Pyramid):
        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__(in_channels, channels, rates)
            old = self.convolutions[number]
            settings = {"kernel_size": old.kernel_size, "dilation": old.dilation, "bias": False} | changes
            self.convolutions[number] = nn.Conv2d(old.in_channels, channels, padding="same", **settings)

    return Changed


def without_norm(number: int) -> type[nn.Module]:
    class Changed(Pyramid):
        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__(in_channels, channels, rates)
            self.norms[number] = nn.Identity()

    return Changed


WRONG: list[tuple[type[nn.Module], str]] = [
    (PaddingOfOne, "keeps the size with `padding=rate`"),
    (NotSpread, "the mean over the image is spread"),
    (SpreadOverASquare, "the mean over the image is spread"),
    (WithoutKeepdim, "keepdim=True"),
    (ThreeRates, "There may be any number of rates"),
    (Dropping, "in training they are not"),
    (Detached, "another gradient gets back to `x`"),
    (OfVersion2, "There are to be these convolutions"),
    (with_layer(1, dilation=3), "expected"),
    (with_layer(4, kernel_size=3), "1 × 1 from the channels of all of these"),
    (with_layer(4, bias=True), "There are to be these convolutions, all without biases"),
    (without_norm(0), "One of your convolutions has no batch norm"),
    (without_norm(4), "One of your convolutions has no batch norm"),
]


@pytest.mark.parametrize(("answer", "told"), WRONG)
def test_a_wrong_pyramid_is_refused_and_told_why(answer: type[nn.Module], told: str) -> None:
    verdict = ASPP.judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text


def test_a_pyramid_of_batches_learns() -> None:
    """The lesson trains it: batches of two, three rates, a map smaller than the largest rate."""
    torch.manual_seed(0)
    network = ASPP._solution(3, 4, (1, 2, 6)).train()
    network(torch.randn(2, 3, 4, 5)).square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in network.parameters())
