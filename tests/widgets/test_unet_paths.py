"""Explorer of lesson 08: what it says that a pixel has seen is what a U-Net's pixel has seen."""

import matplotlib.pyplot as plt
import pytest
import torch

from course_utils.models.unet import padded_unet
from course_utils.widgets.unet_paths import PATHS, missing, sizes, ways


def seen_by_a_network(pixel: int, width: int, *, alone: int | None = None) -> list[int]:
    """The columns of an image that move an output pixel of a U-Net whose weights are all positive.

    With `alone`, only what goes through the map of this level, on its way down and no deeper.
    """
    network = padded_unet(1, 1, widths=(1, 1, 1, 1)).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0)
    if alone is not None:
        for level, block in enumerate(network.backbone.levels):
            if level > alone:  # what the deeper levels give no longer hangs on the image
                block.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
        for level in range(alone):
            step = network.steps[len(network.steps) - 1 - level]
            step.register_forward_pre_hook(lambda module, inputs: (inputs[0], torch.zeros_like(inputs[1]), inputs[2]))
    images = torch.zeros(width + 1, 1, 8, width, dtype=torch.float64)
    images[torch.arange(width), 0, :, torch.arange(width)] = 100.0
    with torch.no_grad():
        answers = network(images)[:, 0, 4, pixel]
    return (answers[:-1] - answers[-1]).abs().gt(1e-9).nonzero().flatten().tolist()


@pytest.mark.parametrize("width", [40, 43, 46, 47, 48, 61])
def test_the_pixels_are_those_of_a_network(width: int) -> None:
    for pixel in (0, 1, 7, 20, width - 2, width - 1):
        for level, way in enumerate(ways(pixel, width)):
            assert seen_by_a_network(pixel, width, alone=level) == list(way.pixels), (pixel, level)
        together = sorted({column for way in ways(pixel, width) for column in way.pixels})
        assert seen_by_a_network(pixel, width) == together


def test_sizes_and_missing_columns_by_hand() -> None:
    assert sizes(69) == [69, 34, 17, 8] and missing(69) == [1, 0, 1]
    assert sizes(64) == [64, 32, 16, 8] and missing(64) == [0, 0, 0]
    assert [len(way.pixels) for way in ways(37, 64)] == [9, 26, 58, 64]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [((0, 7), "width must"), ((64, 64), "pixel must be one of the 64"), ((-1, 64), "pixel must"), ((0.5, 64), "pixel")],
)
def test_what_cannot_be_is_refused(arguments: tuple, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ways(*arguments)


def test_a_pixel_beyond_a_narrower_image_is_its_last() -> None:
    assert PATHS.alt(pixel=71, width=40) == PATHS.alt(pixel=39, width=40)
    assert PATHS.figure(pixel=71, width=40).axes
    plt.close("all")
