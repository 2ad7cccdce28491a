"""What a figure shows, to tell figures apart; and whether its texts can be read."""

from itertools import combinations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text


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
