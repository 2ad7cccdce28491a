"""The record of a run as a table and as a figure."""

import math

import matplotlib.pyplot as plt
import pytest

from course_utils.training.history import History

HISTORY = History(
    steps=[{"step": n, "learning_rate": 0.1 * n, "mask": 1.0 / n, "box": 2.0} for n in (1, 2, 3, 4)],
    evaluations=[{"step": 2, "mean_iou": 0.25}, {"step": 4, "mean_iou": 0.5}],
)


def test_table() -> None:
    table = HISTORY.table()
    assert list(table.columns) == ["learning_rate", "mask", "box", "sum of losses", "mean_iou"]
    assert table.index.tolist() == [1, 2, 3, 4]
    assert table["sum of losses"].tolist() == pytest.approx([3, 2.5, 2 + 1 / 3, 2.25])
    assert table["mean_iou"].tolist() == pytest.approx([math.nan, 0.25, math.nan, 0.5], nan_ok=True)


def test_one_loss_has_no_sum_and_no_evaluation_no_scores() -> None:
    history = History(steps=[{"step": 1, "learning_rate": 0.1, "loss": 2.0}])
    assert list(history.table().columns) == ["learning_rate", "loss"]
    assert history.scores == {}
    figure = history.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss"]
    plt.close(figure)


@pytest.mark.parametrize("name", ["loss", "learning_rate"])
def test_a_score_that_is_named_as_another_column(name: str) -> None:
    history = History([{"step": 1, "learning_rate": 0.1, "loss": 2.0}], [{"step": 1, name: 0.5}])
    table = history.table()
    assert list(table.columns) == ["learning_rate", "loss", f"{name} (score)"]
    assert table["loss"].tolist() == [2.0] and table[f"{name} (score)"].tolist() == [0.5]
    assert history.scores == {name: 0.5}
    figure = history.plot()
    assert [list(line.get_ydata()) for line in figure.axes[1].get_lines()] == [[0.5]]
    plt.close(figure)


def test_a_run_without_steps_is_an_empty_table() -> None:
    assert History().table().empty


def test_scores_are_the_last() -> None:
    assert HISTORY.scores == {"mean_iou": 0.5}


def test_plot_names_everything() -> None:
    figure = HISTORY.plot()
    losses, scores = figure.axes
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["mask", "box", "sum of losses"]
    assert [text.get_text() for text in scores.get_legend().get_texts()] == ["mean_iou"]
    (line,) = scores.get_lines()
    assert list(line.get_xdata()) == [2, 4] and list(line.get_ydata()) == [0.25, 0.5]
    assert (losses.get_xlabel(), losses.get_ylabel(), scores.get_ylabel()) == ("step", "loss", "score")
    plt.close(figure)
