"""Slips: edits found by tokens, once each; the wrong versions made of them, alone and two at once."""

import traceback

import pytest

from course_utils.exercises.slips import Slip, edited, pairs, source_of, spans, tokens, wrong_version


# fmt: off
def blend(a: float, b: float, weight: float = 0.5) -> dict[str, float]:
    """A mean with weights."""
    # A comment that is not looked at.
    mixed = (
        weight * a  # the first
        + (1 - weight) * b
    )
    if mixed < 0:
        mixed = 0.0
    return {"mean": mixed, 'of': a}
# fmt: on


NO_WEIGHT = Slip("no_weight", (("(1 - weight) * b", "b"),), "The second has a weight, too.")
NEGATIVE = Slip("negative", (("if mixed < 0:\n    mixed = 0.0", "pass"),), "Nothing below 0.")
OTHER_NAME = Slip("other_name", (("'mean'", '"Mean"'),), "Small letters.")


def test_an_edit_is_found_over_line_breaks_comments_and_quotes() -> None:
    assert wrong_version(blend, NO_WEIGHT)(2, 4) == {"mean": 5.0, "of": 2}
    across = Slip("across", (("weight * a + (1 - weight) * b", "a"),), "…")
    assert wrong_version(blend, across)(2, 4)["mean"] == 2
    assert wrong_version(blend, NEGATIVE)(-2, -4)["mean"] == -3
    assert list(wrong_version(blend, OTHER_NAME)(2, 4)) == ["Mean", "of"]
    assert blend(2, 4) == {"mean": 3.0, "of": 2} and blend(-2, -4)["mean"] == 0


def test_several_lines_are_indented_as_the_line_that_they_stand_in() -> None:
    longer = Slip("longer", (("mixed = 0.0", "mixed = -mixed\nmixed = 2 * mixed"),), "…")
    assert wrong_version(blend, longer)(-2, -4)["mean"] == 6


def test_two_slips_at_once_unless_they_overlap() -> None:
    assert wrong_version(blend, NO_WEIGHT, OTHER_NAME)(2, 4) == {"Mean": 5.0, "of": 2}
    first = Slip("first", (("weight * a + (1 - weight)", "1"),), "…")
    found = {frozenset((one.name, other.name)) for one, other in pairs(blend, [NO_WEIGHT, NEGATIVE, first])}
    assert found == {frozenset(("no_weight", "negative")), frozenset(("first", "negative"))}
    with pytest.raises(ValueError, match="no_weight and first overlap"):
        wrong_version(blend, NO_WEIGHT, first)


@pytest.mark.parametrize(
    ("old", "complaint"),
    [
        ("(1 - weigt) * b", r"stands there nowhere; the nearest line is `\+ \(1 - weight\) \* b`"),
        ("mixed", "stands there 4 times"),
        ("  ", "has no old text"),
    ],
)
def test_an_old_text_stands_there_once(old: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"slip bad.*{complaint}"):
        wrong_version(blend, Slip("bad", ((old, "1"),), "…"))


def test_edits_of_one_slip_do_not_overlap_and_give_python() -> None:
    with pytest.raises(ValueError, match="Two edits of the slip bad overlap"):
        spans(source_of(blend), Slip("bad", (("(1 - weight) * b", "b"), ("weight) * b", "b")), "…"))
    with pytest.raises(ValueError, match="With the slip bad line .* is no Python"):
        wrong_version(blend, Slip("bad", (("mixed = 0.0", "mixed = ="),), "…"))


def test_a_traceback_shows_the_edited_line() -> None:
    raising = wrong_version(blend, Slip("raising", (("mixed = 0.0", "raise KeyError(mixed)"),), "…"))
    with pytest.raises(KeyError) as caught:
        raising(-2, -4)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.line == "raise KeyError(mixed)" and "raising" in last.filename


class Scaled:
    """A class is edited as a function is."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: float) -> float:
        return self.factor * x


def test_a_class_is_edited_too() -> None:
    added = wrong_version(Scaled, Slip("added", (("self.factor * x", "self.factor + x"),), "…"))
    assert added(3)(4) == 7 and Scaled(3)(4) == 12


def test_tokens_know_their_places() -> None:
    source = "a = 'x'  # c\nb = [1,\n     2]\n"
    assert [source[token.start : token.end] for token in tokens(source)] == [
        "a",
        "=",
        "'x'",
        "b",
        "=",
        "[",
        "1",
        ",",
        "2",
        "]",
    ]
    assert edited("a = 1\n", []) == "a = 1\n"
