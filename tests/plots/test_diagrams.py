"""Diagrams of networks."""

import matplotlib.pyplot as plt
import pytest

from course_utils.plots.diagrams import draw_readings


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
