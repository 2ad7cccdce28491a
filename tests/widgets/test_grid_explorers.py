"""The explorers of lessons 06 and 07: what a grid can show, and what comes back from pooling, by hand and in pictures."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from pictures import assert_legible, picture

from course_utils.widgets import grids, unpooling
from course_utils.widgets.grids import BALL, GRID, POLE, STRIDES, enlarge, shares, street
from course_utils.widgets.unpooling import BILINEAR, INDICES, NEAREST, UNPOOLING, line, pooled, restore

EXPLORERS = {"grid": GRID, "unpooling": UNPOOLING}
EXTREMES = {
    "grid": [
        {"halvings": 0, "width": 1, "left": 8},
        {"halvings": 5, "width": 24, "left": 20},
        {"halvings": 5, "width": 24, "left": 40},
        {"halvings": 1, "width": 24, "left": 40},
    ],
    "unpooling": [
        {"poolings": 1, "x": 8, "slope": 0.0},
        {"poolings": 3, "x": 8, "slope": 1.0},
        {"poolings": 3, "x": 24, "slope": 1.0},
    ],
}
ALL = [(name, setting) for name, explorer in EXPLORERS.items() for setting in [*explorer.settings, *EXTREMES[name]]]


pytestmark = pytest.mark.usefixtures("course_style")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_every_setting_has_a_picture_and_a_text_of_its_own(name: str) -> None:
    explorer = EXPLORERS[name]
    settings = [*explorer.settings, *EXTREMES[name]]
    pictures = {picture(explorer.figure(**setting)) for setting in settings}
    texts = {explorer.alt(**explorer.values(**setting)) for setting in settings}
    assert len(pictures) == len(texts) == len(settings)


@pytest.mark.parametrize(("name", "setting"), ALL, ids=str)
def test_all_can_be_read(name: str, setting: dict) -> None:
    """Every text has 12 points or more and stands within the figure, and no two of them overlap."""
    figure = EXPLORERS[name].figure(**setting)
    assert figure.get_figwidth() <= 9 and figure.get_figheight() <= 4
    assert_legible(figure, more_than=12)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_the_strip_has_all_texts_and_every_slider_changes_the_picture(name: str, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    EXPLORERS[name].strip()
    EXPLORERS[name].show()
    strip, shell = shown
    assert all(EXPLORERS[name].alt(**EXPLORERS[name].values(**s)) in repr(strip) for s in EXPLORERS[name].settings)
    *sliders, picture = shell.children
    seen = {picture.value}
    for slider in sliders:
        slider.value = slider.max
        seen.add(picture.value)
    assert len(seen) == 1 + len(sliders)
    assert plt.get_fignums() == []


def test_the_street_and_its_shares_by_hand() -> None:
    """A pole of 6 pixels from column 29 covers 3 of 8 columns of one cell, and 3 of 8 of the next."""
    labels = street(6, 29)
    assert int((labels == POLE).sum()) == 40 * 6 and labels[0, 28:36].tolist() == [0] + [POLE] * 6 + [0]
    grid = shares(labels, 8)
    assert grid.shape == (4, 8, 12) and torch.equal(grid.sum(0), torch.ones(8, 12, dtype=torch.float64))
    assert grid[POLE, 0].tolist() == [0, 0, 0, 3 / 8, 3 / 8, 0, 0, 0, 0, 0, 0, 0]
    assert not grid[POLE, 5:].any()
    assert int((labels == BALL).sum()) == round(64 * float(grid[BALL].sum()))


def test_stride_1_loses_nothing() -> None:
    assert grids.measure(1, 1, 8) == {"pole, IoU": 1, "pole, boundary IoU": 1, "ball, IoU": 1, "largest share": 1}


@pytest.mark.parametrize("stride", STRIDES)
def test_a_pole_is_drawn_where_it_has_more_than_half_a_cell(stride: int) -> None:
    """Up to half a stride it never is, wider than the stride always, and between the two the place decides."""
    places = [*range(8, 9 + stride), 40] if stride < 8 else range(8, 41, 3)  # small cells repeat soon
    for width in range(1, 25, 1 if stride < 8 else 2):
        drawn = []
        for left in places:
            grid = shares(street(width, left), stride)
            drawn.append(bool((enlarge(grid).argmax(0) == POLE).any()))
            assert drawn[-1] == bool((grid[POLE] > 0.5).any()), (width, left)
        assert any(drawn) == (width > stride / 2), width
        assert all(drawn) or width <= stride, width


def test_the_strip_of_the_grid_shows_place_and_stride() -> None:
    aligned, moved, finer = (grids.measure(2 ** s["halvings"], s["width"], s["left"]) for s in GRID.settings)
    assert aligned["pole, IoU"] > 0.6 and aligned["largest share"] == 6 / 8
    assert moved["pole, IoU"] == moved["pole, boundary IoU"] == 0 and moved["largest share"] == 3 / 8
    assert finer["pole, IoU"] == 1 and aligned["pole, boundary IoU"] < aligned["pole, IoU"]
    assert aligned["ball, IoU"] == moved["ball, IoU"] < finer["ball, IoU"]


def test_half_a_cell_is_shown_as_too_little() -> None:
    """The colours change above one half, not at it, down to the smallest step of a share."""
    low, half, above = (grids._SHARES(share) for share in (0.49, 0.5, 0.5 + 1 / 32**2))
    assert low[2] > low[0] and half[2] > half[0], "blue"
    assert above[0] > above[2], "orange"


def test_texts_say_what_is_there() -> None:
    text = GRID.alt(halvings=3, width=6, left=29)
    assert (
        "A pole 6 px wide from column 29 on cells of 8" in text
        and "share of a cell is 0.38, and it is gone: IoU 0.00" in text
    )
    assert "0.75, and it is drawn: IoU 1.00" in GRID.alt(halvings=2, width=6, left=29)
    text = UNPOOLING.alt(poolings=3, x=17, slope=0.0)
    assert "column 17, slope 0, pooled three times" in text
    assert "nearest copy, 32 of 32 pixels of the line, 224 beside it, 25.0 %" in text
    assert "with indices, 4 of 32 pixels of the line, 0 beside it, 0.4 %" in text


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"stride": 3}, "stride must be one of 1, 2, 4, 8, 16, 32, but is 3"),
        ({"stride": 64}, "stride must be one of"),
        ({"width": 0}, "width must be an integer of 1 or more"),
        ({"left": -1}, "left must be an integer of 0 or more"),
        ({"left": 95}, "96 columns, but the pole reaches to 99"),
    ],
)
def test_impossible_streets_are_refused(odd: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grids.measure(**({"stride": 8, "width": 4, "left": 24} | odd))


def test_an_upright_line_by_hand() -> None:
    """Pooled twice it is a column of 8 windows; each comes back as 4 × 4 copies, or as the one pixel at its upper end."""
    image = line(17, 0.0)
    assert image.sum() == 32 and image[:, 17].all()
    small, places = pooled(image, 2)
    assert torch.equal(small, torch.eye(8)[4].expand(8, 8)) and len(places) == 2
    back = restore(image, 2)
    assert back[NEAREST][:, 16:20].all() and back[NEAREST].sum() == 32 * 4
    assert back[INDICES].nonzero().tolist() == [[row, 17] for row in range(0, 32, 4)]
    assert unpooling.measure(2, 17, 0.0)[INDICES] == (8, 24, 0, 8 / 1024)
    assert unpooling.measure(2, 17, 0.0)[NEAREST] == (32, 0, 96, 128 / 1024)


@pytest.mark.parametrize("poolings", (1, 2, 3))
def test_the_ways_back_are_those_of_pytorch(poolings: int) -> None:
    image = line(13, 0.75)
    noted, small = [], image[None, None]
    for _ in range(poolings):
        small, indices = F.max_pool2d(small, 2, return_indices=True)
        noted.append(indices)
    unpooled = small
    for indices in reversed(noted):
        unpooled = F.max_unpool2d(unpooled, indices, 2)
    back = restore(image, poolings)
    assert torch.equal(back[INDICES], unpooled[0, 0])
    assert torch.equal(back[NEAREST], small[0, 0].repeat_interleave(2**poolings, 0).repeat_interleave(2**poolings, 1))
    assert torch.equal(back[BILINEAR], F.interpolate(small, scale_factor=2**poolings, mode="bilinear")[0, 0])


@pytest.mark.parametrize("slope", (0.0, 0.25, 0.5, 0.75, 1.0))
def test_indices_bring_back_one_pixel_of_each_window_and_none_beside_the_line(slope: float) -> None:
    for poolings in (1, 2, 3):
        for x in (8, 13, 24):
            small, _ = pooled(line(x, slope), poolings)
            found = unpooling.measure(poolings, x, slope)
            assert found[INDICES].on_line == int(small.sum()) and found[INDICES].beside == 0
            assert all(back.on_line + back.lost == int(line(x, slope).sum()) for back in found.values())
            assert found[NEAREST].lost == found[BILINEAR].lost == 0
            assert found[BILINEAR].beside > found[NEAREST].beside > 0


def test_only_indices_follow_a_line_that_moves_within_its_window() -> None:
    backs = [restore(line(x, 0.0), 3) for x in range(16, 24)]
    for way in (NEAREST, BILINEAR):
        assert all(torch.equal(back[way], backs[0][way]) for back in backs)
    assert [back[INDICES].nonzero()[0, 1].item() for back in backs] == list(range(16, 24))


def test_a_slope_leaves_the_picture_where_it_must() -> None:
    image = line(8, 1.0)
    assert image.sum() == 24 and image[8, 0] == image[31, 23] == 1 and not image[:8].any()


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"poolings": 0}, "poolings must be an integer of 1 or more"),
        ({"poolings": 4}, "poolings must be at most 3, but is 4"),
        ({"x": 32}, "x is at most 31"),
        ({"x": 1.5}, "x must be an integer"),
        ({"slope": 1.5}, "slope from -1 to 1"),
    ],
)
def test_impossible_lines_are_refused(odd: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpooling.measure(**({"poolings": 2, "x": 17, "slope": 0.5} | odd))


def test_the_numbers_in_the_figure_are_the_measured_ones() -> None:
    table = UNPOOLING.figure(poolings=3, x=22, slope=0.0).axes[-1]
    texts = [text.get_text() for text in table.texts]
    assert texts[:4] == ["pixels on the line", "32", "32", "4"]
    assert texts[4:] == [
        *("pixels lost from it", "0", "0", "28"),
        *("pixels beside it", "224", "480", "0"),
        *("share not zero (%)", "25.0", "50.0", "0.4"),
    ]
    bars = GRID.figure(halvings=3, width=6, left=24).axes[-1]
    found = grids.measure(8, 6, 24)
    assert [bar.get_width() for bar in bars.patches] == [
        found[name] for name in ("pole, IoU", "pole, boundary IoU", "ball, IoU")
    ]


def test_lost_pixels_are_grey_and_those_beside_the_line_orange() -> None:
    picture = UNPOOLING.figure(poolings=1, x=17, slope=0.0).axes[4].images[0].get_array()
    green, grey = unpooling._rgb(unpooling._LIT), unpooling._rgb(unpooling._LOST)
    assert torch.equal(torch.as_tensor(picture[0::2, 17]), green.expand(16, 3))
    assert torch.equal(torch.as_tensor(picture[1::2, 17]), grey.expand(16, 3))
    copied = UNPOOLING.figure(poolings=1, x=17, slope=0.0).axes[2].images[0].get_array()
    assert torch.equal(torch.as_tensor(copied[:, 16]), unpooling._rgb(unpooling._BESIDE).expand(32, 3))
