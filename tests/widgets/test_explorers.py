"""Explorers without a browser: the figure functions, the shell's sliders, the strips."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.widgets import overlap, threshold, unet_paths
from course_utils.widgets.explorer import Choice, Explorer, Slider

EXPLORERS = {"overlap": overlap.OVERLAP, "threshold": threshold.THRESHOLD, "U-Net": unet_paths.PATHS}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_explorer_draws_all_its_settings_and_the_ends_of_its_sliders(name: str) -> None:
    explorer = EXPLORERS[name]
    sliders = {n: c for n, c in explorer.controls.items() if isinstance(c, Slider)}
    ends = [{n: c.low for n, c in sliders.items()}, {n: c.high for n, c in sliders.items()}]
    for setting in [*explorer.settings, *ends]:
        assert explorer.figure(**setting).axes
        assert len(explorer.alt(**explorer.values(**setting)).split()) > 5


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_strip_is_one_figure_with_a_text(name: str, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    EXPLORERS[name].strip()
    assert len(shown) == 1 and len(repr(shown[0]).split()) > 20


@pytest.mark.parametrize("name", EXPLORERS)
def test_moving_a_slider_draws_another_figure(name: str, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    EXPLORERS[name].show()
    *sliders, picture = shown[0].children
    before = picture.value
    assert before.startswith('<img src="data:image/png;base64,') and 'alt="' in before
    sliders[-1].value = sliders[-1].min
    assert picture.value != before
    assert plt.get_fignums() == []


def test_overlap_counts_by_hand() -> None:
    """A 4-pixel square moved by 2: intersection 8, union 24, and 4080 of 4096 pixels right."""
    found = overlap.measure(side=4, shift=2)
    assert found["IoU"] == pytest.approx(8 / 24) and found["Dice"] == pytest.approx(0.5)
    assert found["accuracy"] == pytest.approx(4080 / 4096)
    assert overlap.measure(side=4, shift=4)["IoU"] == 0 and overlap.measure(side=4, shift=0)["IoU"] == 1


def test_threshold_at_the_ends_takes_all_or_nothing_for_membrane() -> None:
    assert threshold.measure(0, 0.0) + threshold.measure(0, 1.01) == pytest.approx(1)


def test_unknown_controls_are_refused() -> None:
    with pytest.raises(ValueError, match="no control \\['size'\\]"):
        overlap.OVERLAP.figure(size=3)
    for odd in ({"side": 100}, {"shift": -1}, {"shift": float("nan")}):
        with pytest.raises(ValueError, match="goes from"):
            overlap.OVERLAP.figure(**odd)
    for odd in ("3", None, 2.5, 3.0, True, [3]):
        with pytest.raises(ValueError, match="side goes from 2 to 48 in steps of 1, but is"):
            overlap.OVERLAP.values(side=odd)
    for odd in ("0.4", None, True):
        with pytest.raises(ValueError, match="threshold goes from 0.0 to 1.0"):
            threshold.THRESHOLD.values(threshold=odd)
    assert threshold.THRESHOLD.values(threshold=0.123)["threshold"] == 0.123
    assert overlap.OVERLAP.values(side=np.int64(3))["side"] == 3
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="Settings name"):
        Explorer(lambda figure: None, lambda: "", {}, [{"size": 3}])


def test_a_choice_starts_with_its_first_option() -> None:
    explorer = Explorer(lambda figure, way: None, lambda way: way, {"way": Choice("the way", ("left", "right"))}, [])
    assert explorer.values() == {"way": "left"}
    with pytest.raises(ValueError, match="one of left, right"):
        explorer.values(way="up")
