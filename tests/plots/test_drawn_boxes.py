"""Boxes and tints on pictures: where they are, by hand, and what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils.plots.boxes import draw_boxes, tinted


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_box_surrounds_its_pixels() -> None:
    """Matplotlib draws pixel i from i - ½ to i + ½; the box of pixels 2 to 4 across and 1 down is drawn around these."""
    axes = plt.figure().subplots()
    draw_boxes(
        axes, torch.tensor([[2.0, 1.0, 5.0, 2.0]]), colour="blue", texts=["0.9"], dashes=(0, (3, 1)), ground="black"
    )
    below, box = axes.patches
    for patch in (below, box):
        assert patch.get_bbox().extents.tolist() == [1.5, 0.5, 4.5, 1.5] and not patch.get_fill()
    assert below.get_linewidth() > box.get_linewidth() and box.get_linestyle() == (0, (3, 1))
    assert [text.get_text() for text in axes.texts] == ["0.9"]


def test_no_boxes_and_no_texts() -> None:
    axes = plt.figure().subplots()
    draw_boxes(axes, torch.zeros(0, 4), colour="blue")
    assert not axes.patches and not axes.texts
    draw_boxes(axes, torch.ones(3, 4), colour="blue")
    assert len(axes.patches) == 6 and not axes.texts


def test_tints_are_mixed_once() -> None:
    picture = np.full((2, 3, 3), 100, dtype=np.uint8)
    masks = torch.zeros(2, 2, 3, dtype=torch.bool)
    masks[0, 0, 0] = masks[0, 0, 1] = masks[1, 0, 1] = True
    mixed = tinted(picture, masks, "#0000FF", opacity=0.5)
    assert mixed.dtype == np.uint8 and (picture == 100).all()
    assert mixed[0, 0].tolist() == mixed[0, 1].tolist() == [50, 50, 177]
    assert (mixed[1] == 100).all() and (mixed[0, 2] == 100).all()
    assert np.array_equal(tinted(picture, masks[:0], "red"), picture)


def test_other_arguments_are_refused() -> None:
    axes = plt.figure().subplots()
    with pytest.raises(ValueError, match="a text for each or none, but got .* 1 texts"):
        draw_boxes(axes, torch.ones(2, 4), colour="blue", texts=["a"])
    with pytest.raises(ValueError, match=r"boxes \(N, 4\)"):
        draw_boxes(axes, torch.ones(2, 2, 4), colour="blue")
    with pytest.raises(ValueError, match="boxes"):
        draw_boxes(axes, torch.ones(2, 3), colour="blue")
    picture, masks = np.zeros((2, 3, 3), dtype=np.uint8), torch.ones(1, 2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="opacity from 0 to 1, but got .* 1.5"):
        tinted(picture, masks, "red", opacity=1.5)
    with pytest.raises(ValueError, match=r"a picture \(2, 4, 3\)"):
        tinted(picture, torch.ones(1, 2, 4, dtype=torch.bool), "red")
    with pytest.raises(ValueError, match="masks must be bool"):
        tinted(picture, masks.float(), "red")
    assert not axes.patches
