"""A pyramid whose finest map has stride 2."""

import pytest
import torch
from quick_cases import narrow_backbone
from torch import nn
from torch.nn.functional import conv2d, interpolate, relu

from course_utils.models.backbones.contract import check_backbone
from course_utils.models.backbones.small import small_resnet
from course_utils.models.detection.fine_pyramid import FinePyramid
from course_utils.models.quick_unet import QuickResNet


def pyramid(**settings) -> FinePyramid:
    torch.manual_seed(0)
    return FinePyramid(narrow_backbone(), 6, fine_channels=4, **settings)


@pytest.mark.parametrize("size", [(64, 96), (33, 50), (5, 7)])
def test_maps_have_the_strides_2_to_16(size):
    made = pyramid().eval()
    maps = made(torch.rand(2, 3, *size))
    assert made.strides == (2, 4, 8, 16) and made.channels == (4, 6, 6, 6)
    wanted = [(2, c, -(-size[0] // s), -(-size[1] // s)) for c, s in zip(made.channels, made.strides, strict=True)]
    assert [map_.shape for map_ in maps] == wanted


def test_it_is_a_backbone():
    check_backbone(pyramid())
    check_backbone(FinePyramid(QuickResNet((4, 6, 6, 6), 1), 6, fine_channels=4))  # which ends at stride 16


def by_hand(made: FinePyramid, images: torch.Tensor) -> list[torch.Tensor]:
    """The sums written out, with the norms as the untrained network has them in evaluation mode: nearly the identity."""

    def convolved(part: nn.Module, x: torch.Tensor, **settings) -> torch.Tensor:
        return conv2d(x, part[0].weight, **settings) / (1 + part[1].eps) ** 0.5

    c2, c4, c8, c16, c32 = made.backbone(images)
    p32 = convolved(made.laterals[3], c32)
    p16 = convolved(made.laterals[2], c16) + interpolate(p32, c16.shape[2:])
    p8 = convolved(made.laterals[1], c8) + interpolate(p16, c8.shape[2:])
    p4 = convolved(made.laterals[0], c4) + interpolate(p8, c4.shape[2:])
    x = convolved(made.finest, c2) + interpolate(conv2d(relu(p4), made.narrow.weight), c2.shape[2:])
    fine = relu(convolved(made.fine[0], relu(x), padding=1))
    quarter = relu(convolved(made.quarter[0], fine, padding=1, stride=2))
    eighth, sixteenth = (
        relu(convolved(part[0], relu(p), padding=1)) for part, p in zip(made.outputs, (p8, p16), strict=True)
    )
    return [fine, quarter, eighth, sixteenth]


def test_maps_are_the_sums_written_out():
    made = pyramid().eval().double()
    images = torch.rand(2, 3, 40, 70, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        for have, want in zip(made(images), by_hand(made, images), strict=True):
            assert want.std() > 1e-3
            torch.testing.assert_close(have, want, rtol=1e-10, atol=1e-12)


def test_where_a_stride_repeats_the_last_map_is_taken():
    made = FinePyramid(small_resnet(widths=(4, 6, 8, 10, 12), output_stride=16), 6, fine_channels=4)
    assert made.levels == [0, 1, 2, 4]


def test_every_parameter_learns_and_channels_last_gives_the_same():
    made = pyramid().double()
    images = torch.rand(2, 3, 48, 64, dtype=torch.float64)
    maps = made(images)
    other = made(images.contiguous(memory_format=torch.channels_last))
    for have, want in zip(other, maps, strict=True):
        torch.testing.assert_close(have, want, rtol=1e-10, atol=1e-12)
    sum(map_.square().sum() for map_ in maps).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in made.parameters())


@pytest.mark.parametrize(
    ("backbone", "settings", "message"),
    [
        (nn.Conv2d(3, 4, 3), {}, "channels"),
        (QuickResNet((4, 6, 8), 1), {}, "no map at stride 16, but at 2, 4, 8"),
        (narrow_backbone(), {"channels": 0}, "channels must be an integer of 1"),
        (narrow_backbone(), {"fine_channels": 2.5}, "fine_channels must be an integer of 1"),
    ],
)
def test_what_is_refused(backbone, settings, message):
    with pytest.raises(ValueError, match=message):
        FinePyramid(backbone, **settings)


@pytest.mark.gpu
def test_maps_on_a_gpu():
    made = pyramid().eval()
    images = torch.rand(2, 3, 40, 64)
    with torch.no_grad():
        wanted, found = made(images), made.cuda()(images.cuda())
    for have, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(have.cpu(), want, rtol=1e-3, atol=1e-4)
