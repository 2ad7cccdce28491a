"""The explorer of receptive fields: its numbers against the library's recursion and against gradients, its pictures."""

import matplotlib.pyplot as plt
import pytest
import torch
from pictures import picture
from torch import nn

from course_utils.sliding.fields import receptive_field
from course_utils.widgets import receptive
from course_utils.widgets.receptive import DILATIONS, PLAIN, RECEPTIVE, STRIDES, fields, paths

EVERY_SETTING = [
    {"every_layer": every_layer, "kernel": kernel, "layers": layers}
    for every_layer in (PLAIN, STRIDES, DILATIONS)
    for kernel in (3, 5)
    for layers in (1, 3, 5)
]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def _network(every_layer: str, kernel: int, layers: int) -> nn.Sequential:
    stride = 2 if every_layer == STRIDES else 1
    dilations = [2**n if every_layer == DILATIONS else 1 for n in range(layers)]
    network = nn.Sequential(
        *(nn.Conv2d(1, 1, (1, kernel), (1, stride), dilation=(1, d), bias=False) for d in dilations)
    )
    for weight in network.parameters():
        nn.init.ones_(weight)
    return network.double()


def test_fields_by_hand() -> None:
    """Three layers with a kernel of 3: 1 + 2 + 2 + 2; with strides or dilations 1 + 2 + 4 + 8."""
    assert [(layer.size, layer.jump) for layer in fields(PLAIN, 3, 3)] == [(3, 1), (5, 1), (7, 1)]
    assert [(layer.size, layer.jump) for layer in fields(STRIDES, 3, 3)] == [(3, 2), (7, 4), (15, 8)]
    assert [(layer.size, layer.jump) for layer in fields(DILATIONS, 3, 3)] == [(3, 1), (7, 1), (15, 1)]


@pytest.mark.parametrize("setting", EVERY_SETTING, ids=str)
def test_fields_are_those_of_the_network(setting: dict) -> None:
    size, stride, _ = receptive_field(_network(**setting))
    last = fields(**setting)[-1]
    assert ((1, last.size), last.jump) == (size, stride if isinstance(stride, int) else stride[1])


@pytest.mark.parametrize("setting", EVERY_SETTING, ids=str)
def test_ways_are_the_gradient_of_a_network_of_ones(setting: dict) -> None:
    levels = paths(**setting)
    size = fields(**setting)[-1].size
    pixels = torch.zeros(1, 1, 1, size, dtype=torch.float64, requires_grad=True)
    output = _network(**setting)(pixels)
    assert output.numel() == 1
    output.sum().backward()
    assert [levels[0][place - size // 2] for place in range(size)] == pixels.grad.flatten().tolist()
    assert len(levels[0]) == size, "no pixel of the field is left out"
    assert levels[-1] == {0: 1} and len(levels) == setting["layers"] + 1


def test_two_plain_layers_by_hand() -> None:
    assert paths(PLAIN, 3, 2)[0] == {-2: 1, -1: 2, 0: 3, 1: 2, 2: 1}


def test_even_kernels_are_refused() -> None:
    for kernel in (2, 4):
        with pytest.raises(ValueError, match="kernel must be odd"):
            fields(PLAIN, kernel, 3)
    with pytest.raises(ValueError, match="kernel goes from 3 to 5 in steps of 2, but is 4"):
        RECEPTIVE.figure(kernel=4)


@pytest.mark.parametrize("function", [fields, paths])
def test_what_is_no_network_is_refused(function) -> None:
    with pytest.raises(ValueError, match="every_layer must be one of plain, stride 2, .* but is 'strides'"):
        function("strides", 3, 3)
    for kernel in (-1, 0, 3.0, "3"):
        with pytest.raises(ValueError, match="kernel must be an integer of 1 or more"):
            function(PLAIN, kernel, 3)
    for layers in (0, -1, 2.5):
        with pytest.raises(ValueError, match="layers must be an integer of 1 or more"):
            function(PLAIN, 3, layers)
    for words in (receptive.alt, receptive.alt_paths):
        with pytest.raises(ValueError, match="layers must be"):
            words(every_layer=PLAIN, kernel=3, layers=0)
    figure = plt.figure()
    for draw in (receptive.draw, receptive.draw_paths):
        with pytest.raises(ValueError, match="layers must be"):
            draw(figure, every_layer=PLAIN, kernel=3, layers=0)
    assert not figure.axes


@pytest.mark.parametrize("setting", EVERY_SETTING, ids=str)
def test_as_many_pixels_are_lit_as_the_title_says(setting: dict) -> None:
    axes = RECEPTIVE.figure(**setting).axes[0]
    lit = [line for line in axes.lines if line.get_color() == receptive._SEEN]
    assert len(lit) == 1
    size, jump = fields(**setting)[-1][1:]
    assert sorted(lit[0].get_xdata()) == list(range(-(size // 2), size // 2 + 1))
    assert f"sees {size} pixels" in axes.get_title() and f" {jump} further on" in axes.get_title()
    low, high = axes.get_xlim()
    assert low < -(size // 2) and size // 2 < high, "the whole field is in the picture"


def test_labels_say_field_and_jump_of_each_layer() -> None:
    left, right = RECEPTIVE.figure(every_layer=STRIDES, layers=3).axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["pixels", "layer 1", "layer 2", "layer 3"]
    found = [text.get_text() for text in right.get_yticklabels()]
    assert found == ["r = 1, j = 1", "r = 3, j = 2", "r = 7, j = 4", "r = 15, j = 8"]
    assert left.get_ylim() == right.get_ylim()


@pytest.mark.slow
def test_every_setting_has_a_picture_and_a_text_of_its_own() -> None:
    deep = [setting for setting in EVERY_SETTING if setting["layers"] > 1]  # a single layer has nothing to double
    pictures = {picture(RECEPTIVE.figure(**setting)) for setting in deep}
    assert len(pictures) == len(deep)
    assert len({RECEPTIVE.alt(**setting) for setting in EVERY_SETTING}) == len(EVERY_SETTING)
    assert "size of 31 pixels and a stride of 16" in RECEPTIVE.alt(every_layer=STRIDES, kernel=3, layers=4)


def test_strip_and_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    RECEPTIVE.strip()
    assert all(text in repr(shown[0]) for text in ("size of 9 pixels", "stride of 16", "dilation doubles"))
    RECEPTIVE.show()
    every_layer, _, layers, picture = shown[1].children
    seen = {picture.value}
    layers.value = 1
    seen.add(picture.value)
    every_layer.value = STRIDES
    seen.add(picture.value)
    assert len(seen) == 3


def test_figure_of_ways() -> None:
    figure = plt.figure()
    receptive.draw_paths(figure, every_layer=PLAIN, kernel=3, layers=4)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([100 * ways / 81 for ways in (1, 4, 10, 16, 19, 16, 10, 4, 1)])
    text = receptive.alt_paths(every_layer=PLAIN, kernel=3, layers=4)
    assert "of 81 ways to the unit 19 begin" in text and "1 at each of the outermost" in text
