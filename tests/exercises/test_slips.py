"""Slips: edits found by tokens, once each; the wrong versions made of them, alone and two at once."""

import traceback
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from course_utils.exercises import Exercise
from course_utils.exercises.slips import Slip, edited, pairs, read_slips, source_of, spans, tokens, wrong_version


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


# --- As they are written down

WRITTEN = """
    no_weight
        The second has a weight, too:
        it is what is left of 1.
        - (1 - weight) * b
        + b

    negative
        Nothing below 0.
        - if mixed < 0:
        -     mixed = 0.0
        + pass
        - weight * a
        + a

    nothing_of_a
        The first is left out.
        - weight * a +
        +
"""


def test_slips_are_read() -> None:
    slips = read_slips(WRITTEN)
    assert slips[0] == Slip(
        "no_weight", (("(1 - weight) * b", "b"),), "The second has a weight, too: it is what is left of 1."
    )
    assert slips[1].edits == (("if mixed < 0:\n    mixed = 0.0", "pass"), ("weight * a", "a"))
    assert slips[2].edits == (("weight * a +", ""),)
    assert wrong_version(blend, slips[1])(-2, -4)["mean"] == -4
    assert wrong_version(blend, slips[2])(2, 4)["mean"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "lonely\n    - a\n    + b",
        "lonely\n    Words.",
        "lonely\n    Words.\n    + b\n    - a",
        "lonely\n    Words.\n    - a",
    ],
)
def test_a_slip_without_a_sentence_or_an_edit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="The slip lonely needs a sentence, and an edit"):
        read_slips(text)


def test_a_name_stands_for_one_slip() -> None:
    with pytest.raises(ValueError, match="two slips called one"):
        read_slips("one\n    Words.\n    - a\n    + b\none\n    Words.\n    - a\n    + c")


# --- In an exercise


def scaled_mean(x: Tensor, weight: float) -> Tensor:
    """The mean of x along its last axis, times the weight, with nothing below zero: (B, N) to (B,)."""
    mean = x.mean(dim=1)
    scaled = weight * mean
    return scaled.clamp(min=0)


SLIPS = (
    Slip("wrong_axis", (("dim=1", "dim=0"),), "The mean is taken along the last axis, not over the batch."),
    Slip("no_weight", (("weight * mean", "mean"),), "The weight is missing: each mean is to be multiplied by it."),
    Slip("no_clamp", (("scaled.clamp(min=0)", "scaled"),), "Values below zero are to become zero."),
)


def exercise(*more: Callable[..., Tensor]) -> Exercise:
    probes = [(torch.tensor([[1.0, -2.5, 3.0], [-4.0, 0.5, -6.0]]), 0.5), (torch.tensor([[2.0], [-7.0]]), 3.0)]
    return Exercise("scaled_mean", scaled_mean, probes, [*SLIPS, *more], ["Take the mean first."])


def test_a_slip_gets_its_sentence_and_two_at_once_get_both() -> None:
    task = exercise()
    assert task.judge(lambda x, weight: (weight * x.mean(1)).clamp(min=0)).status == "right"
    one = task.judge(lambda x, weight: x.mean(1).clamp(min=0))
    assert (one.misconception, one.status) == ("no_weight", "wrong") and SLIPS[1].sentence in one.text
    both = task.judge(lambda x, weight: x.mean(1))
    assert both.misconception == "no_weight+no_clamp"
    assert SLIPS[1].sentence in both.text and SLIPS[2].sentence in both.text
    neither = task.judge(lambda x, weight: x.amax(1))
    assert neither.misconception == "" and neither.status == "wrong"


def test_a_pair_that_is_like_a_single_mistake_gets_the_sentence_of_that() -> None:
    def mean_alone(x: Tensor, weight: float) -> Tensor:
        """This is the mean and nothing else: weigh it, and cut off what is below zero."""
        return x.mean(1)

    assert exercise(mean_alone).judge(lambda x, weight: x.mean(1)).misconception == "mean_alone"
