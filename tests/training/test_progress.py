"""A bar where somebody looks, silence elsewhere."""

import io
import sys

import pytest

from course_utils.training.progress import progress_bar, show_values


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, wanted: bool = True) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(first=2, steps=4, wanted=wanted) as bar:
        for loss in (0.5, 0.25):
            show_values(bar, {"loss": loss, "mean_iou": 0.125})
            bar.update()
    return stream.getvalue()


def test_losses_and_scores_are_in_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    last = shown(monkeypatch, Terminal()).split("\r")[-1]
    assert "4/4" in last and "loss=0.250" in last and "mean_iou=0.125" in last


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), wanted=False) == ""
    assert shown(monkeypatch, io.StringIO()) == ""
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert shown(monkeypatch, Terminal()) == ""
