"""Lesson 09, its pyramid: other layers that compute the same are right, and wrong ones are told why."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import deeplabv3

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


class WithThePackages(nn.Module):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.all = aspp.ASPP(in_channels, channels, rates=rates, dropout=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.all(x)


class OfTorchvision(deeplabv3.ASPP):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, rates, channels)
        self.project = self.project[:3]


@pytest.mark.parametrize("answer", [OfThePackage, WithThePackages, OfTorchvision])
def test_a_pyramid_of_a_library_is_told_so(answer: type[nn.Module]) -> None:
    assert ASPP.judge(answer).text.startswith("right, by the library: `ASPP`")


def test_its_own_name_is_no_library() -> None:
    cell = "class ASPP(Pyramid):\n    def __init__(self, *sizes):\n        super(ASPP, self).__init__(*sizes)"
    notebook: dict[str, Any] = {"Pyramid": Pyramid, "__name__": "__main__"}
    exec(cell, notebook)
    assert ASPP.judge(notebook["ASPP"]).text == "right."


def branch(entering: int, channels: int, rate: int = 0, **settings: Any) -> nn.Sequential:
    """A convolution of a rate, or a 1 × 1 one, with its norm and ReLU."""
    side, rate = (3, rate) if rate else (1, 1)
    convolution = nn.Conv2d(entering, channels, side, padding="same", dilation=rate, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels, **settings), nn.ReLU())


def pyramid(made: str = "one rates image last", joined: str = "one rates image", *, axis: int = 1) -> type[nn.Module]:
    """One whose parts are made and laid side by side in these orders."""

    class Named(nn.Module):
        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__()
            parts = {
                "one": lambda: branch(in_channels, channels),
                "rates": lambda: nn.ModuleList(branch(in_channels, channels, rate) for rate in rates),
                "image": lambda: branch(in_channels, channels),
                "last": lambda: branch((len(rates) + 2) * channels, channels),
            }
            for name in made.split():
                setattr(self, name, parts[name]())

        def pooled(self, x: Tensor) -> Tensor:
            return self.image(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])

        def forward(self, x: Tensor) -> Tensor:
            seen = {"one": [self.one(x)], "rates": [part(x) for part in self.rates], "image": [self.pooled(x)]}
            return self.last(torch.cat([maps for name in joined.split() for maps in seen[name]], axis))

    return Named


@pytest.mark.parametrize("made", ["image one rates last", "rates one image last", "last image rates one"])
def test_in_which_order_the_layers_are_made_is_no_mistake(made: str) -> None:
    assert ASPP.judge(pyramid(made)).text == "right."
    assert "The mean over the image comes first in your" in ASPP.judge(pyramid(made, "image one rates")).text


def test_layers_whose_order_the_judge_cannot_tell_are_told_so() -> None:
    class NormsLast(pyramid()):
        """The image's norm is made before the others."""

        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__(in_channels, channels, rates)
            self.norm, self.norms = self.image[1], nn.ModuleList([self.one[1], *(part[1] for part in self.rates)])
            del self.image[1], self.one[1]
            for part in self.rates:
                del part[1]

        def forward(self, x: Tensor) -> Tensor:
            parts = [self.one, *self.rates]
            seen = [norm(part[0](x)).relu() for norm, part in zip(self.norms, parts, strict=True)]
            image = self.norm(self.image[0](x.mean((2, 3), keepdim=True))).relu()
            return self.last(torch.cat([*seen, image.expand_as(seen[0])], 1))

    assert "Your layers are made in another order" in ASPP.judge(NormsLast).text
    assert "made in another order" not in ASPP.judge(DoubledRates).text


class ReluOnceBehindTheJoin(Pyramid):
    """Right as well: a ReLU does not mind whether it stands before or behind a concatenation."""

    def activated(self, maps: Tensor, number: int) -> Tensor:
        return self.norms[number](maps)

    def forward(self, x: Tensor) -> Tensor:
        *branches, image, project = range(len(self.norms))
        seen = [self.activated(self.convolutions[n](x), n) for n in branches]
        seen.append(self.spread(self.activated(self.convolutions[image](self.pooled(x)), image), x))
        return self.activated(self.convolutions[project](torch.cat(seen, 1).relu()), project).relu()


class DoubledRates(pyramid()):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, tuple(2 * rate for rate in rates))


class QuickNorms(Pyramid):
    """Right as well: how fast the norms forget does not matter."""

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates)
        for norm in self.norms:
            norm.momentum = 0.01


@pytest.mark.parametrize("answer", [Pyramid, ReluOnceBehindTheJoin, QuickNorms])
def test_a_right_pyramid_of_another_form_is_right(answer: type[nn.Module]) -> None:
    assert ASPP.judge(answer).text == "right."


class PaddingOfOne(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates)
        for number, rate in enumerate(rates, 1):
            self.convolutions[number] = nn.Conv2d(in_channels, channels, 3, padding=1, dilation=rate, bias=False)


class SpreadBeforeItsNorm(Pyramid):
    """Its values are right, in training as well; but the norm's variance is that of B·H·W values, and not of B."""

    def pooled(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True).expand_as(x)


class Maximum(Pyramid):
    def pooled(self, x: Tensor) -> Tensor:
        return x.amax((2, 3), keepdim=True)


class MeanAfterwards(pyramid()):
    def pooled(self, x: Tensor) -> Tensor:
        return self.image(x).mean((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:])


class NoReluInTheBranches(Pyramid):
    def activated(self, maps: Tensor, number: int) -> Tensor:
        normed = self.norms[number](maps)
        return normed.relu() if number == len(self.norms) - 1 else normed


class RatesReversed(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates[::-1])


class OwnRates(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, (6, 12, 18))


class InAList(pyramid()):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates)
        del self.rates
        self.rates = [branch(in_channels, channels, rate) for rate in rates]


class FixedNorms(Pyramid):
    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__(in_channels, channels, rates)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels, affine=False) for _ in self.norms)


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


def without_norm(*numbers: int) -> type[nn.Module]:
    class Changed(Pyramid):
        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__(in_channels, channels, rates)
            for number in numbers:
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
    (with_layer(4, kernel_size=3), "Your last convolution is 3 × 3"),
    (with_layer(0, kernel_size=3), "One of the two 1 × 1 branches"),
    (with_layer(4, bias=True), "One of your convolutions has a bias"),
    (SpreadBeforeItsNorm, "spread behind its norm"),
    (Maximum, "You take the maximum"),
    (MeanAfterwards, "The mean comes first"),
    (NoReluInTheBranches, "Your branches have no ReLU"),
    (RatesReversed, "in the reverse order"),
    (OwnRates, "for three rates, whatever was given"),
    (InAList, "Your 3 × 3 convolutions stand in a plain list"),
    (FixedNorms, "`affine=False`"),
    (pyramid(joined="image one rates"), "comes first in your concatenation"),
    (pyramid(joined="one image rates"), "comes second in your concatenation"),
    (pyramid(joined="rates one image"), "The rates come first in your concatenation. "),
    (pyramid(joined="rates image one"), "and the 1 × 1 last"),
    (pyramid(axis=0), "axis 0, which is the batch. Channels are axis 1"),
    (pyramid(axis=2), "along axis 2. Channels are axis 1"),
    (without_norm(0, 1, 2, 3), "only the last convolution has one"),
    (without_norm(0, 1, 2, 3, 4), "Your convolutions have no batch norms"),
    (without_norm(0), "One of your convolutions has no batch norm"),
    (without_norm(4), "One of your convolutions has no batch norm"),
]


@pytest.mark.parametrize(("answer", "told"), WRONG)
def test_a_wrong_pyramid_is_refused_and_told_why(answer: type[nn.Module], told: str) -> None:
    verdict = ASPP.judge(answer)
    assert verdict.status in ("wrong", "error") and told in verdict.text, verdict.text


def test_of_other_layers_only_what_differs_is_listed() -> None:
    text = ASPP.judge(with_layer(4, kernel_size=3)).text
    assert "Missing: weight (4, 16, 1, 1). Too many: weight (4, 16, 3, 3).\n" in text
    assert "Missing: nothing. Too many: bias (4,).\n" in ASPP.judge(with_layer(4, bias=True)).text

    class Renamed(with_layer(4, bias=True)):
        def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
            super().__init__(in_channels, channels, rates)
            self.kernels = nn.ParameterList([self.convolutions[0].weight])
            self.convolutions[0] = nn.Identity()

    assert "Missing: nothing. Too many: bias (4,).\n" in ASPP.judge(Renamed).text
    assert "running_mean (4,) 2 times" in ASPP.judge(without_norm(1, 2)).text


def test_a_pyramid_of_batches_learns() -> None:
    """The lesson trains it: batches of two, three rates, a map smaller than the largest rate."""
    torch.manual_seed(0)
    network = ASPP._solution(3, 4, (1, 2, 6)).train()
    network(torch.randn(2, 3, 4, 5)).square().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in network.parameters())
