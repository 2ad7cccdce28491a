"""Diagrams of FPN and HRNet: one box a map, and an arrow wherever one map is made from another."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from course_utils.models.backbones.small import small_resnet
from course_utils.models.fpn import FPN
from course_utils.models.hrnet import hrnet_w18, small_hrnet
from course_utils.plots.pyramids import draw_fpn, draw_hrnet


@pytest.fixture
def axes() -> Iterator[Axes]:
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def boxes(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if not isinstance(text, Annotation)]


def arrows(axes: Axes) -> set[tuple[tuple[float, float], tuple[float, float]]]:
    """From where to where: column, and minus the number of halvings after the finest map."""
    found = [(text.get_position(), text.xy) for text in axes.texts if isinstance(text, Annotation)]
    assert len(set(found)) == len(found), "no arrow is drawn twice"
    return set(found)


def test_fpn_reads_each_map_and_adds_from_coarse_to_fine(axes: Axes) -> None:
    draw_fpn(axes, FPN(small_resnet(), 48))
    assert sorted(boxes(axes)) == sorted(["40", "64", "96", "128"] + 8 * ["48"])
    found = arrows(axes)
    assert len(found) == 3 + 8 + 3
    assert ((1, -3), (1, -2)) in found, "from the coarsest sum to the next finer"
    assert ((1, -2), (1, -3)) not in found
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["stride 4", "stride 8", "stride 16", "stride 32"]


def test_fpn_from_another_stride(axes: Axes) -> None:
    draw_fpn(axes, FPN(small_resnet(), 8, stride=16))
    assert sorted(boxes(axes)) == sorted(["96", "128"] + 4 * ["8"])


def test_a_pyramid_with_further_levels_is_refused(axes: Axes) -> None:
    with pytest.raises(ValueError, match='extra="none"'):
        draw_fpn(axes, FPN(small_resnet(), 8, extra="pool"))
    assert not axes.texts


@pytest.mark.parametrize(("make", "widths"), [(small_hrnet, (16, 32, 64, 128)), (hrnet_w18, (18, 36, 72, 144))])
def test_the_streams_of_hrnet_exchange_at_the_end_of_each_stage(axes: Axes, make, widths) -> None:
    draw_hrnet(axes, make())
    columns = [1, 2, 3, 4, 4]
    assert sorted(boxes(axes)) == sorted(str(width) for streams in columns for width in widths[:streams])
    found = arrows(axes)
    assert len(found) == sum(streams**2 for streams in (1, 2, 3, 4)) + 3
    for stage in range(3):
        begun = {start for start, end in found if end == (stage + 1, -stage - 1)}
        assert begun == {(stage, -stage)}, "a new stream begins from the coarsest alone"
