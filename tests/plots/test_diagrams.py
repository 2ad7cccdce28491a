"""Diagrams of networks."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from torch import nn
from torch.nn.functional import interpolate

from course_utils import plots
from course_utils.models.backbones.small import small_resnet
from course_utils.models.cost import ledger
from course_utils.models.fcn import FCN, fcn_resnet50
from course_utils.models.quick_unet import small_unet
from course_utils.models.segnet import SegNet
from course_utils.models.unet import UNet, padded_unet, unet_2015
from course_utils.models.unet_plus_plus import UNetPlusPlus
from course_utils.plots.diagrams import draw_network, draw_readings


@pytest.mark.parametrize(("stride", "kept"), [(1, 8), (2, 4)])
def test_a_stride_of_two_leaves_half_of_the_pooled_places(stride: int, kept: int) -> None:
    _, axes = plt.subplots()
    draw_readings(axes, stride=stride, title="")
    markers = [
        tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "o" and len(line.get_xydata()) == 1
    ]
    assert sum(y == 1 for _, y in markers) == kept
    read = {float(line.get_xydata()[0][0]) for line in axes.lines if line.get_xydata()[-1].tolist() == [0, 2]}
    assert read == {0, 2, 4}, "the output reads the same three poolings in both diagrams"
    plt.close()


def test_another_stride_is_refused() -> None:
    _, axes = plt.subplots()
    with pytest.raises(ValueError, match="strides 1 and 2"):
        draw_readings(axes, stride=3, title="")
    plt.close()


# --- Networks as a U


def drawn(make: Callable[[], nn.Module], size: object, title: str = "") -> Figure:
    with torch.device("meta"):
        network = make()
    with plt.rc_context():
        plots.apply_style()
        return draw_network(ledger(network, size), title=title)


def texts(figure: Figure) -> list[str]:
    """All that is written, but the words in the corner."""
    (axes,) = figure.axes
    return [text.get_text() for text in axes.texts if not isinstance(text, Annotation) and text.get_text()][:-1]


def arrows(figure: Figure, colour: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    (axes,) = figure.axes
    found = [text for text in axes.texts if isinstance(text, Annotation) and text.arrowprops["color"] == colour]
    return [(arrow.xyann, arrow.xy) for arrow in found]


def boxes(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], object, int, int]] = {
    "published U-Net": (lambda: unet_2015(2), 572, 11, 4),
    "U-Net": (lambda: padded_unet(19), 512, 11, 4),
    "U-Net, bilinear": (lambda: padded_unet(2, upsample="bilinear"), (360, 480), 11, 4),
    "U-Net on a backbone": (lambda: UNet(small_resnet(), 8), (96, 128), 12, 4),
    "small U-Net": (lambda: small_unet(8), (96, 128), 9, 4),
    "U-Net++": (lambda: UNetPlusPlus(small_resnet(), 8), (96, 128), 12, 4),
    "FCN-8s": (lambda: FCN(small_resnet(), 8, stride=8), (96, 128), 9, 2),
    "FCN-32s": (lambda: FCN(small_resnet(), 8, stride=32, upsample="bilinear"), (96, 128), 7, 0),
    "FCN on ResNet-50": (lambda: fcn_resnet50(21), 512, 5, 0),
    "SegNet": (lambda: SegNet(11), (360, 480), 11, 4),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_drawn_so_that_it_can_be_read(name: str) -> None:
    make, size, stations, skips = NETWORKS[name]
    figure = drawn(make, size, title=name)
    assert (len(boxes(figure)), len(arrows(figure, "black")), len(arrows(figure, "0.6"))) == (
        stations,
        stations - 1,
        skips,
    )
    assert all(start[1] == end[1] for start, end in arrows(figure, "0.6")), "skips stay at their stride"
    renderer = figure.canvas.get_renderer()
    assert round(figure.get_figwidth() * 80) == 592
    (axes,) = figure.axes
    written = [text for text in (*axes.texts, axes.title) if text.get_text()]
    assert all(text.get_fontsize() >= 12 for text in written)
    frames = [text.get_window_extent(renderer) for text in written]
    page = figure.bbox
    for number, frame in enumerate(frames):
        assert page.x0 <= frame.x0 and frame.x1 <= page.x1 and page.y0 <= frame.y0 and frame.y1 <= page.y1
        assert not any(frame.overlaps(other) for other in frames[number + 1 :]), written[number].get_text()
        assert not any(frame.padded(-1).overlaps(box.get_window_extent(renderer)) for box in boxes(figure))
    plt.close(figure)


def test_the_published_u_net_has_its_numbers() -> None:
    figure = drawn(lambda: unet_2015(2), 572)
    down = [*("1", "572", "64", "570→568", "128", "284→280", "256", "140→136", "512", "68→64"), "1024", "32→28"]
    up = ["512", "56→52", "256", "104→100", "128", "200→196", "64", "392→388", "2", "388"]
    cut = ["→392", "→200", "→104", "→56"]
    assert sorted(texts(figure)) == sorted([*down, *up, *cut])
    assert [text for text in texts(figure) if text not in cut] == [*down, *up]
    assert "grey: skips, → cut to" in figure.axes[0].texts[-1].get_text()
    heights = [box.get_height() for box in boxes(figure)]
    assert heights[1] > heights[2] > heights[3] > heights[4] > heights[5] < heights[6] < heights[7]
    widths = [box.get_width() for box in boxes(figure)]
    assert widths[0] < widths[1] < widths[2] < widths[5] and widths[4] == widths[6]
    plt.close(figure)


def test_skips_begin_at_the_map_that_they_bring() -> None:
    figure = drawn(lambda: padded_unet(2), 64)
    frames = boxes(figure)
    ends = [(frames[number], frames[10 - number]) for number in (4, 3, 2, 1)]
    found = arrows(figure, "0.6")
    for (left, right), (start, end) in zip(ends, found, strict=True):
        assert start[0] == pytest.approx(left.get_x() + left.get_width()) and end[0] == pytest.approx(right.get_x())
        assert left.get_y() < start[1] < left.get_y() + left.get_height()
    plt.close(figure)


def test_layers_on_a_skip_give_it_their_channels() -> None:
    figure = drawn(lambda: FCN(small_resnet(), 5, stride=8), (96, 128))
    assert texts(figure).count("5") == 2 + 3, "on two skips, and above three boxes"
    assert "128→5" in texts(figure)
    plt.close(figure)


def test_an_output_that_no_layer_gives_has_a_box() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine, self.coarse = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 2, stride=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fine(x) + interpolate(self.coarse(x), scale_factor=2.0)

    figure = drawn(Sum, (8, 12))
    assert texts(figure) == ["4", "3", "8×12", "4", "4×6", "4", "8×12"], "above the skip, the three boxes"
    plt.close(figure)
    figure = drawn(nn.Identity, 8)
    assert texts(figure) == ["3", "8", "3"]
    plt.close(figure)


def test_without_skips_the_picture_does_not_speak_of_them() -> None:
    with_skips, without = drawn(lambda: padded_unet(2), 64), drawn(lambda: padded_unet(2, skips="none"), 64)
    words = [figure.axes[0].texts[-1].get_text() for figure in (with_skips, without)]
    assert words == ["above: channels\nbelow: side\ngrey: skips", "above: channels\nbelow: side"]
    assert not arrows(without, "0.6")
    plt.close("all")


def test_a_network_that_returns_no_map_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    with pytest.raises(ValueError, match="none of this one's outputs"):
        draw_network(ledger(network, 8))
