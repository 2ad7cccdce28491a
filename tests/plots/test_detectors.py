"""The diagram of Mask R-CNN."""

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch
from torch import nn

from course_utils.models.detection.quick_heads import QuickRoIHeads
from course_utils.plots.detectors import draw_mask_rcnn


class Wider(QuickRoIHeads):
    box_size, grid_size, mask_size = 5, 9, 18


def test_the_sizes_are_those_of_the_heads_and_no_text_lies_on_another() -> None:
    figure = draw_mask_rcnn(Wider(8, 3))
    axes = figure.axes[0]
    written = [text.get_text() for text in axes.texts]
    for size in ("5 × 5", "9 × 9", "18 × 18"):
        assert sum(size in text for text in written) == 1
    for loss in ("objectness, boxes", "classes, boxes", "masks"):
        assert loss in written
    figure.canvas.draw()
    places = [text.get_window_extent() for text in axes.texts if text.get_text()]
    frame = figure.bbox
    assert all(frame.x0 <= place.x0 and place.x1 <= frame.x1 for place in places), "no text is cut off"
    assert not any(a.overlaps(b) for a, b in combinations(places, 2))
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 9, "the image, four networks, two RoIAligns and two outputs"
    plt.close(figure)


def test_other_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="roi_heads"):
        draw_mask_rcnn(nn.Linear(2, 2))  # type: ignore[arg-type]
