"""Figures: colours, alternative texts, refusals; what they look like was looked at, what they say is tested."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_utils import plots
from course_utils.datasets.samples import Sample
from course_utils.plots import curves, overlays, tables

DATA = SimpleNamespace(classes=("ground", "thing"), colours=((10, 20, 30), (200, 100, 50)))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_labels_are_painted_in_their_colours_and_void_white() -> None:
    picture = overlays.colour_labels(torch.tensor([[0, 1, 255]]), DATA.colours)
    assert picture.tolist() == [[[10, 20, 30], [200, 100, 50], [255, 255, 255]]]


def test_a_label_without_a_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="below 2"):
        overlays.colour_labels(torch.tensor([[0, 2]]), DATA.colours)


def test_instances_are_black_where_there_are_none_and_differ_from_one_another() -> None:
    picture = overlays.colour_instances(torch.tensor([[0, 1, 2, 3]]))[0]
    assert picture[0].tolist() == [0, 0, 0]
    assert len({tuple(colour) for colour in picture.tolist()}) == 4


def test_images_become_bytes_and_grey_ones_three_channels() -> None:
    assert overlays.to_picture(torch.tensor([[[0.0, 1.0, 0.5]]])).tolist() == [[[0] * 3, [255] * 3, [128] * 3]]


def test_errors_are_purple_right_is_grey_and_void_is_white() -> None:
    _, axes = plt.subplots()
    overlays.draw_errors(axes, torch.tensor([[0, 1, 255]]), torch.tensor([[0, 0, 0]]))
    assert axes.images[0].get_array().tolist() == [[[225] * 3, list(overlays.ERROR_COLOUR), [255] * 3]]


def test_an_overlay_shows_the_image_alone_on_void() -> None:
    _, axes = plt.subplots()
    overlays.draw_overlay(axes, torch.full((3, 1, 2), 1.0), torch.tensor([[1, 255]]), DATA, opacity=0.5)
    assert axes.images[0].get_array().tolist() == [[[227, 177, 152], [255] * 3]]


def test_prediction_rows_have_four_pictures_a_sample_and_the_classes_below() -> None:
    labels = torch.zeros(4, 6, dtype=torch.int64)
    sample = Sample(torch.rand(3, 4, 6), labels, labels)
    figure = overlays.prediction_rows([sample, sample], [labels, labels], DATA)
    assert len(figure.axes) == 8
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ground", "thing", "void"]
    with pytest.raises(ValueError, match="one prediction a sample"):
        overlays.prediction_rows([sample], [], DATA)


def test_show_needs_words_that_say_something() -> None:
    with pytest.raises(ValueError, match="alt must say"):
        plots.show(plt.figure(), alt="a figure")


def test_show_gives_picture_and_text_and_closes(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure = plt.figure()
    plots.show(figure, alt="An empty figure for this test.")
    assert repr(shown[0]) == "An empty figure for this test."
    bundle = shown[0]._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == repr(shown[0])
    assert not plt.fignum_exists(figure.number)


def test_an_image_element_carries_its_text_escaped() -> None:
    element = plots.image_element(plt.figure(), alt='A figure that says "nothing" at all.')
    assert element.startswith('<img src="data:image/png;base64,')
    assert element.endswith('alt="A figure that says &quot;nothing&quot; at all.">')
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="alt must say"):
        plots.image_element(plt.figure(), alt="")


def test_a_figure_like_a_photograph_is_stored_as_jpeg(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, axes = plt.subplots()
    axes.imshow(np.random.default_rng(0).random((200, 300, 3)))
    plots.show(figure, alt="Noise in all colours, which PNG cannot make small.")
    bundle = shown[0]._repr_mimebundle_()
    assert set(bundle) == {"image/jpeg", "text/plain"} and bundle["image/jpeg"].startswith(b"\xff\xd8")


def test_a_large_drawing_stays_a_png(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, axes = plt.subplots(figsize=(30, 22))
    axes.plot(np.random.default_rng(0).random((12, 2)))
    plots.show(figure, alt="Two lines on much white, which JPEG makes no smaller.")
    bundle = shown[0]._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and len(bundle["image/png"]) > plots._LARGE_PNG


def test_confusion_table_writes_counts_for_few_classes_and_per_cent_for_many() -> None:
    few = tables.confusion_table(torch.tensor([[13, 1], [2, 5]]), ["ground", "thing"])
    assert [text.get_text() for text in few.axes[0].texts] == ["13", "1", "2", "5"]
    many = tables.confusion_table(torch.eye(5, dtype=torch.int64) * 7, list("abcde"))
    assert [text.get_text() for text in many.axes[0].texts][:2] == ["100", "0"]
    with pytest.raises(ValueError, match="shape \\(3, 3\\)"):
        tables.confusion_table(torch.zeros(2, 2), list("abc"))


def test_odd_input_to_figures_is_refused() -> None:
    labels = torch.zeros(2, 3, dtype=torch.int64)
    _, axes = plt.subplots()
    with pytest.raises(ValueError, match="floating image"):
        overlays.to_picture(torch.zeros(3, 2, 2, dtype=torch.uint8))
    with pytest.raises(ValueError, match="from 0 to 255"):
        overlays.colour_labels(labels, ((0.5, 0.1, 0.2),))
    with pytest.raises(ValueError, match="below 2"):
        overlays.colour_labels(labels.to(torch.int8) - 1, DATA.colours)
    with pytest.raises(ValueError, match="differ in shape"):
        overlays.draw_errors(axes, labels, labels[:1])
    with pytest.raises(ValueError, match="opacity"):
        overlays.draw_overlay(axes, torch.zeros(3, 2, 3), labels, DATA, opacity=2)
    with pytest.raises(ValueError, match="not shares"):
        tables.confusion_table(torch.eye(2) / 2, ["a", "b"])
    with pytest.raises(ValueError, match="each of the 2 rows"):
        tables.score_table({"IoU": [1.0]}, ["x", "y"])
    curves.draw_curves(axes, [1, 2], {str(n): [n, n] for n in range(12)}, xlabel="x", ylabel="y")
    assert len(axes.lines) == 12


def test_score_table_shows_a_dash_for_nan() -> None:
    frame = tables.score_table({"IoU": torch.tensor([0.12345, float("nan")])}, ["one", "two"])
    assert frame["IoU"].tolist() == ["0.123", "–"]


def test_leaderboards_are_read_by_name() -> None:
    assert "source" in tables.read_leaderboard("datasets").columns
    with pytest.raises(ValueError, match="the tables are"):
        tables.read_leaderboard("nothing")


def test_bars_and_curves_are_named() -> None:
    figure = curves.class_bars([0.5, float("nan")], DATA.classes, DATA.colours, ylabel="IoU")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["ground", "thing"]
    assert {text.get_text() for text in figure.axes[0].texts} == {"0.50", "–"}
    with pytest.raises(ValueError, match="one value and one colour"):
        curves.class_bars([0.5], DATA.classes, DATA.colours, ylabel="IoU")
    _, axes = plt.subplots()
    curves.draw_curves(axes, [1, 2], {"a": [1, 2], "b": [2, 1]}, xlabel="x", ylabel="y")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_palette_of_the_course_is_told_apart_by_lightness_or_hue() -> None:
    """No two colours of the course's palette come closer than 40 in RGB, by which they would look alike to anybody."""
    colours = np.array([[int(c[n : n + 2], 16) for n in (1, 3, 5)] for c in plots.COLOURS])
    distances = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distances[np.triu_indices(len(colours), 1)].min() > 40


def test_a_study_is_summed_up_by_variant(tmp_path, monkeypatch):
    import pandas

    runs = pandas.DataFrame(
        {"variant": ["b", "b", "a", "a"], "seed": [0, 1, 0, 1], "mean_iou": [0.2, 0.4, 0.5, 0.6], "steps": [9, 9, 9, 9]}
    )
    table = tables.study_table(runs, ["mean_iou"])
    assert table.index.tolist() == ["b", "a"]
    assert table.loc["b"].tolist() == ["0.300 (0.200 – 0.400)", "2"]
    runs.loc[0, "mean_iou"] = float("nan")
    assert tables.study_table(runs, ["mean_iou"]).mean_iou.tolist() == ["–", "0.550 (0.500 – 0.600)"]
    with pytest.raises(ValueError, match="has no .'dice'"):
        tables.study_table(runs, ["dice"])
    with pytest.raises(ValueError, match="There is no study 'nothing'"):
        tables.read_results("nothing")
