"""The explorer of atrous taps: its numbers against convolutions and by hand, its pictures and texts."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_rgb
from pictures import assert_legible, picture
from torch import nn

from course_utils.models.backbones.small import small_resnet
from course_utils.ops.atrous import atrous_conv2d, share_inside, taps_inside, zero_stuffed
from course_utils.widgets import atrous_taps
from course_utils.widgets.atrous_taps import HEIGHT, OUTPUT_STRIDES, SIZE, TAPS, WIDTH, measure, relative_cost, taps

RATES = range(1, 9)
CORNERS = [(4, 4), (4, 124), (92, 4), (92, 124)]
EXTREMES = [
    {"output_stride": "32", "rate": 8, "row": 4, "column": 4},
    {"output_stride": "16", "rate": 2, "row": 4, "column": 124},
    {"output_stride": "8", "rate": 1, "row": 92, "column": 4},
]


pytestmark = pytest.mark.usefixtures("course_style")


def read_by_a_convolution(stride: int, rate: int) -> torch.Tensor:
    """How many ones a kernel of ones reads on a map of ones, at each place: (96 / stride, 128 / stride)."""
    ones = torch.ones(1, 1, HEIGHT // stride, WIDTH // stride, dtype=torch.float64)
    return atrous_conv2d(ones, torch.ones(1, 1, 3, 3, dtype=torch.float64), rate=rate)[0, 0]


@pytest.mark.parametrize("stride", OUTPUT_STRIDES)
def test_all_places_are_counted_as_a_convolution_reads_them(stride: int) -> None:
    size = HEIGHT // stride, WIDTH // stride
    for rate in RATES:
        read = read_by_a_convolution(stride, rate)
        assert torch.equal(read.long(), taps_inside(size, rate))
        full = 0
        for y, x in product(range(size[0]), range(size[1])):
            place = y * stride + stride // 2, x * stride + stride // 2
            found, cells = measure(stride, rate, *place), taps(stride, rate, *place)
            assert found.inside == sum(tap.inside for tap in cells) == read[y, x], (rate, y, x)
            full += found.inside == 9
        assert found.share == pytest.approx(full / (size[0] * size[1])) == share_inside(size, rate)
        stuffed = zero_stuffed(torch.ones(1, 1, 3, 3), rate=rate)[0, 0].nonzero()
        assert found.span == stride * int(stuffed[-1, 0] - stuffed[0, 0])


def test_taps_by_hand() -> None:
    """Pixel (52, 44) is in cell (6, 5) of 12 × 16 cells of 8 pixels; 8 further left and 8 further down there are none."""
    assert [tap[:2] for tap in taps(8, 8, 52, 44)] == list(product((-2, 6, 14), (-3, 5, 13)))
    assert [tap.inside for tap in taps(8, 8, 52, 44)] == [False, False, False, False, True, True, False, False, False]
    assert measure(8, 8, 52, 44) == (2, 0, 128)
    assert measure(32, 1, 52, 44) == (9, 2 / 12, 64)


@pytest.mark.parametrize(("row", "column"), CORNERS)
def test_in_a_corner_four_taps_are_inside_until_the_rate_is_the_side(row: int, column: int) -> None:
    for stride, rate in product(OUTPUT_STRIDES, RATES):
        down, across = rate < HEIGHT // stride, rate < WIDTH // stride
        assert measure(stride, rate, row, column).inside == (1 + down) * (1 + across)


def test_pixels_of_one_cell_are_one_place() -> None:
    assert taps(16, 2, 16, 32) == taps(16, 2, 31, 47) != taps(16, 2, 32, 47)
    assert taps(8, 1, 0, 0)[4] == (0, 0, True) and taps(8, 1, 95, 127)[4] == (11, 15, True)


def test_the_strip_tells_that_rate_times_stride_decides() -> None:
    there = TAPS.values()["row"], TAPS.values()["column"]
    coarse, near, far, outside = (measure(int(s["output_stride"]), s["rate"], *there) for s in TAPS.settings)
    assert coarse == far == (9, pytest.approx(1 / 6), 64)
    assert near.inside == 9 and near.span == coarse.span / 4 and near.share > coarse.share
    assert outside.inside < 9 and outside.share == 0


def test_costs_are_those_of_the_convolutions_counted_one_by_one() -> None:
    counts = {}
    for stride in OUTPUT_STRIDES:
        network, counts[stride] = small_resnet(output_stride=stride).to("meta"), 0

        def count(layer: nn.Conv2d, _inputs: object, output: torch.Tensor, stride: int = stride) -> None:
            counts[stride] += output.numel() * layer.weight[0].numel()

        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(count)
        assert network(torch.zeros(1, 3, *SIZE, device="meta"))[-1].shape[2:] == (HEIGHT // stride, WIDTH // stride)
    assert relative_cost() == {stride: count / counts[32] for stride, count in counts.items()}
    assert relative_cost()[32] == 1 < relative_cost()[16] < relative_cost()[8]


def test_costs_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], atrous_taps.cost
    monkeypatch.setattr(
        atrous_taps, "cost", lambda network, size: asked.append(network.strides[-1]) or real(network, size)
    )
    relative_cost.cache_clear()
    for rate in (1, 2):
        TAPS.figure(rate=rate)
        TAPS.alt(**TAPS.values(rate=rate))
    assert asked == [32, 16, 8]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"output_stride": 4}, "output_stride must be one of 32, 16, 8, but is 4"),
        ({"output_stride": "8"}, "output_stride must be one of 32, 16, 8, but is '8'"),
        ({"rate": 0}, "rate must be an integer of 1 or more"),
        ({"rate": 1.5}, "rate must be an integer"),
        ({"row": -1}, "row must be an integer of 0 or more"),
        ({"row": 96}, r"96 rows and 128 columns, counted from 0, but the place is \(96, 44\)"),
        ({"column": 128}, r"the place is \(52, 128\)"),
        ({"column": "4"}, "column must be an integer"),
    ],
)
@pytest.mark.parametrize("function", [taps, measure])
def test_what_cannot_be_is_refused(function, odd: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(**({"output_stride": 8, "rate": 2, "row": 52, "column": 44} | odd))


def require_legible(setting: dict) -> None:
    """Every text has 12 points or more and stands within a figure of 592 pixels, and no two of them overlap."""
    figure = TAPS.figure(**setting)
    assert figure.bbox.width == 592 and figure.get_figheight() <= 4
    assert_legible(figure, more_than=15)
    plt.close(figure)


@pytest.mark.parametrize("setting", [*TAPS.settings, *EXTREMES], ids=str)
def test_all_can_be_read(setting: dict) -> None:
    require_legible(setting)


@pytest.mark.slow
@pytest.mark.parametrize("stride", OUTPUT_STRIDES)
def test_all_can_be_read_at_every_rate_in_every_corner(stride: int) -> None:
    for number, rate in enumerate(RATES):
        row, column = CORNERS[number % 4]
        require_legible({"output_stride": str(stride), "rate": rate, "row": row, "column": column})


@pytest.mark.parametrize("setting", [*TAPS.settings, *EXTREMES], ids=str)
def test_as_many_cells_are_marked_as_the_numbers_say(setting: dict) -> None:
    values = TAPS.values(**setting)
    stride, rate = int(values["output_stride"]), values["rate"]
    found = measure(stride, rate, values["row"], values["column"])
    image, numbers = TAPS.figure(**setting).axes
    inside, zeros = (
        [p for p in image.patches if p.get_facecolor()[:3] == to_rgb(colour) and p.get_width() < stride]
        for colour in (atrous_taps._INSIDE, atrous_taps._ZEROS)
    )
    assert len(inside) == found.inside and len(zeros) == 9 - found.inside
    for patch in inside:
        assert 0 <= patch.get_x() <= WIDTH - patch.get_width() and 0 <= patch.get_y() <= HEIGHT - patch.get_height()
    (left, right), (bottom, top) = image.get_xlim(), image.get_ylim()
    for patch in zeros:
        x, y = patch.get_center()
        assert not (0 <= x <= WIDTH and 0 <= y <= HEIGHT)
        assert left < x - stride / 2 and x + stride / 2 < right and top < y - stride / 2 and y + stride / 2 < bottom
    assert {p.get_width() for p in image.patches if not p.get_fill()} == {found.span}
    said = [text.get_text() for text in numbers.texts]
    assert f"{found.inside} of 9" in said and f"{found.span} px" in said and f"{100 * found.share:.0f} %" in said
    assert f"× {relative_cost()[stride]:.1f}" in said and f"taps {rate * stride} px apart" in image.get_title()


def test_the_image_is_as_large_at_stride_32_and_rate_1_as_at_stride_8_and_rates_1_to_4() -> None:
    windows = {TAPS.figure(output_stride=s, rate=r).axes[0].get_xlim() for s, r in (("32", 1), ("8", 1), ("8", 4))}
    assert len(windows) == 1


def test_the_text_says_what_is_there() -> None:
    text = TAPS.alt(output_stride="8", rate=8, row=52, column=44)
    assert "12 × 16 cells of a map of output stride 8" in text and "kernel of rate 8" in text
    assert "64 px apart, 128 px from the first to the last" in text
    assert "row 52, column 44 the kernel has 2 of 9 taps inside the map, and it has all nine inside at 0 % of" in text
    assert f"{relative_cost()[8]:.1f} times the multiply-adds of output stride 32" in text and text.count(".") == 2


@pytest.mark.slow
def test_every_setting_has_a_picture_and_a_text_of_its_own() -> None:
    settings = [
        {"output_stride": str(stride), "rate": rate, "row": 60, "column": 76}
        for stride in OUTPUT_STRIDES
        for rate in (1, 2, 5, 8)
    ]
    assert len({picture(TAPS.figure(**setting)) for setting in settings}) == len(settings)
    assert len({TAPS.alt(**setting) for setting in settings}) == len(settings)


@pytest.mark.slow
def test_the_strip_has_all_texts_and_every_control_changes_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    TAPS.strip()
    TAPS.show()
    strip, shell = shown
    assert all(TAPS.alt(**TAPS.values(**setting)) in repr(strip) for setting in TAPS.settings)
    stride, *sliders, drawn = shell.children
    seen = {drawn.value}
    stride.value = "8"
    seen.add(drawn.value)
    for slider in sliders:
        slider.value = slider.max
        seen.add(drawn.value)
    assert len(seen) == 5
    assert plt.get_fignums() == []
