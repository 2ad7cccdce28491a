"""The explorer that scatters: its sums and counts against PyTorch and by hand, its sentences, and that all can be read."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F
from pictures import picture

from course_utils.widgets import scatter

SIZES = list(product((2, 3, 4), (1, 2, 3)))
KERNEL_OF_THREE = torch.tensor([[1, 2, 1], [3, 1, 2], [0, 2, 1]])


pytestmark = pytest.mark.usefixtures("course_style")


def test_two_values_by_hand() -> None:
    """1 and 3 times the kernel, two columns apart: the third column has both, 1 + 3 · 1, 2 + 3 · 3, 1 + 3 · 0."""
    found = scatter.state(kernel=3, stride=2, step=2)
    top = torch.tensor([[1, 2, 4, 6, 3, 0, 0], [3, 1, 11, 3, 6, 0, 0], [0, 2, 1, 6, 3, 0, 0]])
    assert torch.equal(found.output, torch.cat([top, torch.zeros(2, 7, dtype=torch.int64)]))
    assert found.writes[0].tolist() == [1, 1, 2, 1, 1, 0, 0] and found.writes[4].tolist() == [0] * 7
    assert found.block == (0, 2)
    assert scatter.state(kernel=3, stride=2, step=4).block == (2, 0)


@pytest.mark.parametrize("stride", (1, 2, 3))
def test_the_last_state_is_the_transposed_convolution(stride: int) -> None:
    found = scatter.state(kernel=3, stride=stride, step=6)
    image, kernel = scatter.INPUT.double()[None, None], KERNEL_OF_THREE.double()[None, None]
    assert torch.equal(found.output.double(), F.conv_transpose2d(image, kernel, stride=stride)[0, 0])


@pytest.mark.parametrize(("kernel", "stride"), SIZES)
def test_each_step_changes_its_block_alone(kernel: int, stride: int) -> None:
    states = [scatter.state(kernel=kernel, stride=stride, step=step) for step in range(7)]
    assert states[0].block is None and not states[0].output.any() and not states[0].writes.any()
    for before, after in zip(states, states[1:], strict=False):
        top, left = after.block
        added = after.writes - before.writes
        assert added[top : top + kernel, left : left + kernel].eq(1).all() and added.sum() == kernel**2
        assert not (after.output - before.output)[added == 0].any()


def test_sentences_and_texts_say_the_right_numbers() -> None:
    four = {"kernel": 3, "stride": 2, "step": 4}
    assert scatter.sentence(**four) == "4 of 6: 5 × kernel is added at rows 2–4, columns 0–2"
    assert scatter.sentence(kernel=2, stride=3, step=0) == "0 of 6: the output begins with zeros"
    text = scatter.alt(**four, padding=1)
    assert "output of 5 × 7; up to 3 blocks overlap" in text and "keeps 3 × 5" in text
    assert "keeps" not in scatter.alt(**four, padding=0)
    assert "output of 3 × 4" in scatter.frames_alt(kernel=2, stride=1)
    assert "up to 4 blocks overlap" in scatter.frames_alt(kernel=2, stride=1)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"kernel": 5}, "kernels up to 4, but step is 3 and kernel 5"),
        ({"kernel": 0}, "kernel must be an integer of 1 or more"),
        ({"stride": 0}, "stride must be an integer of 1 or more"),
        ({"stride": 1.5}, "stride must be an integer of 1 or more"),
        ({"step": 7}, "6 values to scatter .* step is 7"),
        ({"step": -1}, "step must be an integer of 0 or more"),
        ({"padding": 3}, "padding 3 is cut off both ends .* only 3 pixels; take at most 1"),
        ({"padding": -1}, "padding must be an integer of 0 or more"),
    ],
)
def test_impossible_settings_are_refused(odd: dict, message: str) -> None:
    setting = {"kernel": 2, "stride": 1, "padding": 0, "step": 3} | odd
    figure = plt.figure()
    for function in (lambda **values: scatter.draw(figure, **values), scatter.alt):
        with pytest.raises(ValueError, match=message):
            function(**setting)
    assert not figure.axes
    if "padding" not in odd:
        setting.pop("padding")
        for function in (scatter.state, scatter.sentence):
            with pytest.raises(ValueError, match=message):
                function(**setting)


def assert_readable(figure) -> None:
    """Every text has 12 points or more and stands within the figure, and no two of them overlap."""
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in [*axes.texts, axes.title] if text.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert text.get_fontsize() >= 12, text
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for n, box in enumerate(boxes):
        for m in range(n):
            apart = box.x0 >= boxes[m].x1 or box.x1 <= boxes[m].x0 or box.y0 >= boxes[m].y1 or box.y1 <= boxes[m].y0
            assert apart, f"{texts[n]} is on top of {texts[m]}"


@pytest.mark.parametrize(
    ("kernel", "stride"), [(2, 1), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((3, 2), (4, 1), (4, 3)))]
)
def test_every_size_can_be_read(kernel: int, stride: int) -> None:
    assert_readable(scatter.SCATTER.figure(kernel=kernel, stride=stride, padding=1, step=6))
    frames = plt.figure(figsize=scatter.FRAMES_SIZE)
    scatter.draw_frames(frames, kernel=kernel, stride=stride)
    assert len(frames.axes) == 6
    assert_readable(frames)


def test_every_control_changes_the_picture() -> None:
    changes = ({}, {"kernel": 2}, {"stride": 3}, {"padding": 1}, {"step": 5})
    assert len({picture(scatter.SCATTER.figure(**changed)) for changed in changes}) == len(changes)


def test_the_output_shows_the_sums() -> None:
    """The figure's numbers below "output" are those of the state, in reading order."""
    found = scatter.state(kernel=2, stride=2, step=3)
    frames = plt.figure(figsize=scatter.FRAMES_SIZE)
    scatter.draw_frames(frames, kernel=2, stride=2)
    numbers = [int(text.get_text()) for text in frames.axes[2].texts]
    assert numbers == found.output.flatten().tolist() == [1, 2, 3, 6, 2, 4, 3, 1, 9, 3, 6, 2] + [0] * 12


def test_the_strip_and_the_moving_slider(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    scatter.SCATTER.strip()
    assert "4 of 6" in repr(shown[0])
    scatter.SCATTER.show()
    *sliders, picture = shown[1].children
    before = picture.value
    sliders[-1].value = 6
    assert picture.value != before and "6 of 6" in picture.value
