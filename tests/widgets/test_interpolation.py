"""The explorers of lesson 03: corner weights and source coordinates, checked against numbers worked out by hand."""

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from pictures import picture

from course_utils.widgets import corner_weights, source_pixels

EXPLORERS = {"weights": corner_weights.WEIGHTS, "coordinates": source_pixels.COORDINATES}
EXTREMES = {
    "weights": [{"x": 0.0, "y": 0.0, "last": 0}, {"x": 1.0, "y": 0.0}, {"x": 1.0, "y": 1.0, "last": 8}],
    "coordinates": [{"n_in": 2, "n_out": 2}, {"n_in": 2, "n_out": 24}, {"n_in": 8, "n_out": 2}],
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_every_setting_and_extreme_gives_a_figure_and_a_text_of_its_own(name: str) -> None:
    explorer = EXPLORERS[name]
    settings = [*explorer.settings, *EXTREMES[name]]
    pictures = {picture(explorer.figure(**setting)) for setting in settings}
    texts = {explorer.alt(**explorer.values(**setting)) for setting in settings}
    assert len(pictures) == len(texts) == len(settings)


@pytest.mark.parametrize("name", EXPLORERS)
def test_no_text_is_cut_off_by_the_edge_of_the_figure(name: str) -> None:
    explorer = EXPLORERS[name]
    for setting in EXTREMES[name]:
        figure = explorer.figure(**setting)
        figure.canvas.draw()
        texts = [text for axes in figure.axes for text in (*axes.texts, axes.title) if text.get_text()]
        assert texts
        for text in texts:
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1, text


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_strip_and_shell(name: str, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    EXPLORERS[name].strip()
    EXPLORERS[name].show()
    strip, shell = shown
    assert len(repr(strip).split()) > 20
    *sliders, picture = shell.children
    before = picture.value
    sliders[0].value = sliders[0].max
    assert picture.value != before


def test_weights_of_the_lecture_s_examples() -> None:
    assert corner_weights.weights_and_value(0.5, 0.5, 4) == ([0.25] * 4, 2.5)
    assert corner_weights.weights_and_value(0.25, 0.75, 4) == ([0.1875, 0.0625, 0.5625, 0.1875], 2.25)


@pytest.mark.parametrize(("corner", "value"), [((0, 0), 1), ((1, 0), 3), ((0, 1), 2), ((1, 1), 7)])
def test_a_corner_has_all_the_weight_at_itself(corner: tuple[int, int], value: int) -> None:
    weights, found = corner_weights.weights_and_value(*corner, 7)
    assert found == value
    assert sorted(weights) == [0, 0, 0, 1]


def test_points_outside_the_square_and_impossible_sizes_are_refused() -> None:
    figure = plt.figure()
    for odd in (1.5, -1.0, float("nan"), "a", None):
        with pytest.raises(ValueError, match="x must be a number between 0 and 1"):
            corner_weights.weights_and_value(odd, 0.5, 4)
        with pytest.raises(ValueError, match="y must be a number between 0 and 1"):
            corner_weights.draw(figure, x=0.5, y=odd, last=4)
    with pytest.raises(ValueError, match="last must be an integer of 0 or more, but is 2.5"):
        corner_weights.alt(x=0.5, y=0.5, last=2.5)
    for n_in, n_out, name in ((0, 3, "n_in"), (2.5, 3, "n_in"), (3, 0, "n_out")):
        with pytest.raises(ValueError, match=f"{name} must be an integer of 1 or more"):
            source_pixels.draw(figure, n_in=n_in, n_out=n_out)
        with pytest.raises(ValueError, match=f"{name} must be an integer of 1 or more"):
            source_pixels.alt(n_in=n_in, n_out=n_out)
    assert not figure.axes


def test_alt_of_the_weights_says_the_sum_of_products() -> None:
    text = corner_weights.WEIGHTS.alt(x=0.25, y=0.75, last=8)
    assert "0.1875, 0.0625, 0.5625, 0.1875" in text and "1, 3, 2, 8" in text and "is 3." in text


def test_sources_by_hand() -> None:
    assert source_pixels.sources(4, 8, align_corners=False) == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert source_pixels.sources(8, 4, align_corners=False) == [0.5, 2.5, 4.5, 6.5]
    assert source_pixels.sources(4, 7, align_corners=True) == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("n_in", "n_out"), [(2, 24), (5, 7), (8, 3)])
def test_sources_are_where_pytorch_looks(n_in: int, n_out: int, align_corners: bool) -> None:
    """A ramp has the value j at pixel j, so that PyTorch's interpolation of it says where it looked."""
    ramp = torch.arange(n_in, dtype=torch.float64)[None, None]
    looked = F.interpolate(ramp, n_out, mode="linear", align_corners=align_corners)[0, 0].tolist()
    assert source_pixels.sources(n_in, n_out, align_corners=align_corners) == pytest.approx(looked)


def test_alt_of_the_coordinates_says_both_rules() -> None:
    text = source_pixels.COORDINATES.alt(n_in=4, n_out=8)
    assert "align_corners=False the first five look at 0, 0.25, 0.75, 1.25, 1.75" in text
    assert "align_corners=True the first five look at 0, 0.4286, 0.8571, 1.286, 1.714" in text
