"""What a figure shows, to tell figures apart; whether its texts can be read; and whether an explorer shows and moves."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from course_utils.widgets.explorer import Explorer


def picture(figure: Figure) -> bytes:
    """The figure drawn small, no room made for its texts, which takes half of the time; closes it."""
    figure.set_layout_engine("none")
    figure.set_dpi(30)
    figure.canvas.draw()
    drawn = bytes(figure.canvas.buffer_rgba())
    plt.close(figure)
    return drawn


def assert_legible(figure: Figure, *, more_than: int) -> None:
    """More than so many texts, each of 12 points or more and within the figure, and no two of them overlap."""
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert len(texts) > more_than
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert text.get_fontsize() >= 12, text
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (one, box), (other, another) in combinations(zip(texts, boxes, strict=True), 2):
        assert not box.overlaps(another), f"{one} is on top of {other}"


def assert_shown_and_moved(explorer: Explorer, monkeypatch: pytest.MonkeyPatch, *, to: float) -> None:
    """The strip has the text of each setting; and once the first slider has moved, another picture is there."""
    shown: list = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    explorer.strip()
    explorer.show()
    assert all(explorer.alt(**explorer.values(**setting)) in repr(shown[0]) for setting in explorer.settings)
    slider, *_, drawn = shown[1].children
    before = drawn.value
    slider.value = to
    assert drawn.value != before
    plt.close("all")


def assert_legible_strip(explorer: Explorer, monkeypatch: pytest.MonkeyPatch, *, more_than: int) -> None:
    """The strip is legible: its titles are above the figures."""
    shown: list[Figure] = []
    monkeypatch.setattr("course_utils.plots.show", lambda figure, alt: shown.append(figure))
    explorer.strip()
    assert_legible(shown[0], more_than=more_than)
