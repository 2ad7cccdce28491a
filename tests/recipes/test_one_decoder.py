"""What lesson 10 trains: one decoder on any backbone, rows that say what they are, and times that are taken in turns."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.backbones.contract import Frozen
from course_utils.models.backbones.resnet import resnet18
from course_utils.models.backbones.small import small_resnet
from course_utils.models.backbones.vgg import vgg16
from course_utils.models.unet import UNet
from course_utils.recipes import encoders, unets


class Means(nn.Module):
    """Means over blocks of pixels, at these strides: no parameters."""

    def __init__(self, *strides: int) -> None:
        super().__init__()
        self.channels, self.strides = (3,) * len(strides), strides

    def forward(self, images: Tensor) -> list[Tensor]:
        return [F.avg_pool2d(images, stride, ceil_mode=True) for stride in self.strides]


class Stem(Means):
    """One convolution to 4 channels at half the size."""

    def __init__(self) -> None:
        super().__init__(2)
        self.channels, self.stem = (4,), nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.stem(images)]


@pytest.mark.parametrize(
    ("backbone", "widths"),
    [
        (lambda: small_resnet(), (96, 64, 40, 24, 16)),
        (lambda: vgg16(), (96, 64, 40, 24, 16)),
        (lambda: small_resnet(output_stride=8), (40, 24, 16)),
        (lambda: Means(32), (96, 64, 40, 24, 16)),
        (lambda: Means(4, 16), (40, 24, 16)),
        (lambda: Means(1, 2, 2), (16,)),
    ],
)
def test_the_decoder_has_the_same_channels_at_each_stride(
    backbone: Callable[[], nn.Module], widths: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        shapes = [value.shape for value in encoders.on_scenes(backbone()).parameters()]
        assert shapes == [value.shape for value in UNet(backbone(), 8, widths=widths).parameters()]


def test_any_size_goes_through_it() -> None:
    for backbone in (small_resnet(), Means(4, 16), Means(1, 2)):
        assert encoders.on_scenes(backbone).eval()(torch.rand(1, 3, 33, 41)).shape == (1, 8, 33, 41)


def test_a_coarser_map_is_refused() -> None:
    encoders.on_scenes(Means(2, 32))
    with pytest.raises(ValueError, match=r"stride 32 at most, but the strides of this backbone are \(2, 32, 64\)"):
        encoders.on_scenes(Means(2, 32, 64))


def test_what_is_counted_is_known() -> None:
    """A multiply-add for each weight and pixel of its map; parameters as published."""
    network = encoders.on_scenes(resnet18())
    found = encoders.costs(network)
    assert found["encoder_parameters"] == 11_176_512
    assert found["parameters"] == sum(value.numel() for value in network.parameters())
    assert encoders.costs(encoders.on_scenes(Stem()))["encoder_multiply_adds"] == 4 * 27 * 48 * 64
    assert encoders.costs(encoders.on_scenes(Means(2, 4)))["encoder_multiply_adds"] == 0


def test_frozen_is_what_has_parameters_and_learns_none() -> None:
    found = [encoders.is_frozen(backbone) for backbone in (small_resnet(), Frozen(small_resnet()), Means(2))]
    assert found == [False, True, False]


def test_a_row_says_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def training(model: nn.Module, **settings: int) -> dict[str, float]:
        asked.update(settings)
        asked["first weight"] = next(model.backbone.parameters()).flatten()[0].item()
        return {"mean_iou": 0.5, "steps": settings["steps"]}

    monkeypatch.setattr(encoders, "network_on_scenes", training)
    row = encoders.encoder_on_scenes(3, make=small_resnet, steps=7, images=32, pretrained=True)
    torch.manual_seed(3)
    weight = next(small_resnet().parameters()).flatten()[0].item()
    assert asked == {"seed": 3, "steps": 7, "images": 32, "first weight": weight}
    assert {name: row[name] for name in ("mean_iou", "steps", "images", "pretrained", "frozen")} == {
        "mean_iou": 0.5, "steps": 7, "images": 32, "pretrained": 1, "frozen": 0
    }  # fmt: skip
    assert row["encoder_parameters"] == 503_848
    assert not any(isinstance(value, bool) for value in row.values()), "the study writes numbers"


def test_only_so_many_scenes_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(unets, "scenes_in_memory", lambda split, number: (split, number))
    monkeypatch.setattr(unets, "score_labels", lambda data, **settings: data)
    monkeypatch.setattr(unets, "train_quickly", lambda model, train, **settings: seen.append(train))
    monkeypatch.setattr(unets, "measured", lambda history: dict.fromkeys(
        ("mean_iou", "boundary_iou", "iou pole", "iou person", "steps", "training_cpu_seconds"), 0
    ))  # fmt: skip
    for settings in ({}, {"images": 32}):
        unets.network_on_scenes(nn.Identity(), seed=0, steps=1, **settings)
    assert seen == [("train", 512), ("train", 32)]


class Slow(nn.Module):
    """As much work again for each `times`."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 8, 3, padding=1) for _ in range(times))

    def forward(self, images: Tensor) -> Tensor:
        return sum(layer(images) for layer in self.layers)


def test_networks_are_timed_in_turns_and_the_first_step_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, times = [], iter([9, 9, 1, 5, 2, 6, 30, 7])
    monkeypatch.setattr(
        encoders, "_seconds_of_a_step", lambda network, updates, *batch: calls.append(network) or next(times)
    )
    one, other = Slow(1), Slow(2)
    assert encoders.seconds_a_step([one, other], rounds=3) == [2, 6]
    assert calls == [one, other] * 4
    times = iter([9, 50])
    assert encoders.seconds_a_step([one, other], rounds=3, most=40) == [9, 50]
    with pytest.raises(ValueError, match="rounds must be an integer of 1 or more"):
        encoders.seconds_a_step([one], rounds=0)


def test_more_work_takes_more_time() -> None:
    little, much = encoders.seconds_a_step([Slow(1), Slow(12)], rounds=3)
    assert 0 < little < much


@pytest.mark.gpu
def test_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unets, "VALIDATION", 4)
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    times = encoders.seconds_a_step([encoders.on_scenes(small_resnet()), encoders.on_scenes(small_resnet())], rounds=2)
    assert all(0 < seconds < 10 for seconds in times)
    row = encoders.encoder_on_scenes(0, make=small_resnet, steps=2, images=8)
    assert 0 <= row["mean_iou"] <= 1
