"""The explorer of encoders: its numbers against the table of the study, the front by hand, its pictures and texts."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
from pictures import assert_legible, picture

from course_utils.plots.tables import read_results
from course_utils.widgets.encoder_choice import COSTS, ENCODERS, SCORES, Encoder, encoders, unbeaten

ALL = [{"cost": cost, "score": score} for cost, score in product(COSTS, SCORES)]


pytestmark = pytest.mark.usefixtures("course_style")


def one(name: str, cost: float, score: float) -> Encoder:
    return Encoder(name, cost, score, score, score)


def test_what_no_other_beats_by_hand() -> None:
    found = (
        one("best", 9, 0.8),
        one("as good, dearer", 10, 0.8),
        one("middle", 4, 0.7),
        one("beaten", 5, 0.6),
        one("as dear, worse", 4, 0.5),
        one("cheapest", 1, 0.1),
    )
    assert [e.name for e in unbeaten(found)] == ["cheapest", "middle", "best"]
    assert [e.name for e in unbeaten(found[::-1])] == ["cheapest", "middle", "best"]
    assert unbeaten(()) == []
    twins = (one("a", 1, 0.5), one("b", 1, 0.5))
    assert len(unbeaten(twins)) == 2, "neither of two equals beats the other"


@pytest.mark.parametrize(("cost", "score"), [tuple(setting.values()) for setting in ALL])
def test_the_numbers_are_those_of_the_study(cost: str, score: str) -> None:
    found = encoders(cost, score)
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)
    runs = read_results("encoders")
    for encoder in found:
        rows = runs[runs.variant == f"{encoder.name}, 450 steps"]
        assert len(rows) == 3
        scores = rows[SCORES[score]]
        assert encoder.low == scores.min() and encoder.high == scores.max()
        assert encoder.score == pytest.approx(sum(scores) / 3) and encoder.cost == pytest.approx(
            rows[COSTS[cost]].mean()
        )
    assert len(found) == 7, "all that began with random weights, at one number of steps"


@pytest.mark.parametrize("setting", ALL, ids=str)
def test_all_can_be_read(setting: dict) -> None:
    figure = ENCODERS.figure(**setting)
    (axes,) = figure.axes
    figure.canvas.draw()
    assert sum(bool(label.get_text()) for label in axes.get_xticklabels()) >= 2
    assert_legible(figure, more_than=10)


@pytest.mark.slow
def test_every_setting_has_a_picture_and_a_text_of_its_own() -> None:
    assert len({picture(ENCODERS.figure(**setting)) for setting in ALL}) == len(ALL)
    assert len({ENCODERS.alt(**setting) for setting in ALL}) == len(ALL)


@pytest.mark.slow
def test_the_strip_has_all_texts_and_each_control_changes_the_picture(monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    ENCODERS.strip()
    ENCODERS.show()
    strip, shell = shown
    assert all(ENCODERS.alt(**setting) in repr(strip) for setting in ENCODERS.settings)
    cost, score, drawn = shell.children
    seen = {drawn.value}
    cost.value = list(COSTS)[1]
    seen.add(drawn.value)
    score.value = list(SCORES)[3]
    seen.add(drawn.value)
    assert len(seen) == 3
    assert plt.get_fignums() == []


def test_another_word_is_refused() -> None:
    with pytest.raises(ValueError, match="score is one of mean IoU"):
        ENCODERS.figure(score="accuracy")
