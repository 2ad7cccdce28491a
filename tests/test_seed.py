"""The seeds of lessons: moved by one environment variable, read in one place."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import seed, start

PACKAGE = Path(__file__).parents[1] / "course_utils"


def test_a_seed_is_moved_by_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_SEED", raising=False)
    assert (seed(0), seed(7), seed(np.int64(7))) == (0, 7, 7)
    for value, moved in (("0", 7), ("", 7), (" 3 ", 3007)):
        monkeypatch.setenv("COURSE_SEED", value)
        assert seed(7) == moved


@pytest.mark.parametrize("odd", ["-1", "1.5", "one", "1e3"])
def test_a_nonsense_seed_is_a_sentence(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setenv("COURSE_SEED", odd)
    with pytest.raises(ValueError, match=f"COURSE_SEED must be a whole number of 0 or more, but is '{odd}'; unset it"):
        seed(0)


@pytest.mark.parametrize("odd", [-1, 1.0, True, "0", None])
def test_only_whole_numbers_are_seeds(odd: object) -> None:
    with pytest.raises(ValueError, match="seed needs a whole number of 0 or more"):
        seed(odd)


def test_a_lesson_begins_with_a_seed_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for value in ("0", "0", "1"):
        monkeypatch.setenv("COURSE_SEED", value)
        start(lesson=0)
        drawn.append(float(torch.rand(())))
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_else_in_the_package_reads_it() -> None:
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"""environ.*COURSE_SEED|getenv.*COURSE_SEED|import.*\bseed\b""", path.read_text())
    }
    assert readers == {"__init__.py"}
