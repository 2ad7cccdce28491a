"""What came of a backbone beside what was predicted, and beside the rows of the table: numbers in, sentences out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from course_utils.exercises.lesson_10.predictions import SMALL, Predicted
from course_utils.exercises.task import Verdict
from course_utils.plots.tables import study_table
from course_utils.recipes.encoders import IMAGES, REFERENCE

if TYPE_CHECKING:
    import pandas

HELD, FAILED, OPEN = "✓", "✗", "○"
FOR_THE_LECTURER = (
    "For the lecturer, as no machine can judge it: whether the choice is a good one for these scenes{trained_on}, and whether "
    "your reason explains what came: “{because}”"
)
WITHIN = 0.1
"""How near a prediction has to be that can be computed, and"""
FACTOR = 1.5
"""by which factor a time may differ, which hangs on the machine."""
REQUIRED = 4
"""How many of the marks have to hold: contract, comparison, and the two that can be computed."""
YOURS = "yours"


class Measured(NamedTuple):
    """The rows of a backbone, one for each seed, its seconds a step, and both costs of the small residual network."""

    rows: Sequence[Mapping[str, float]]
    of_small: Mapping[str, int]
    seconds: float
    seconds_of_small: float


class Mark(NamedTuple):
    """One line of the report: whether it held, did not, or is open; its sentence; the misconception behind it, or ''."""

    sign: str
    text: str
    misconception: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"


def all_marks(predicted: Predicted, found: Measured, comparison: Mark, alike: "pandas.DataFrame") -> list[Mark]:
    """The whole report: first what has to hold, then what only a measurement tells."""
    required = [
        Mark(HELD, "contract: kept."),
        comparison._replace(text=comparison.text + _twin(found, alike)),
        of_parameters(predicted, found),
        of_multiply_adds(predicted, found),
    ]
    return [*required, of_step_time(predicted, found), of_mean_iou(predicted, found, alike)]


def _twin(found: Measured, alike: "pandas.DataFrame") -> str:
    """A question, if a network of the table costs exactly as much."""
    for _, other in alike.iterrows():
        if all(other[name] == found.rows[0][name] for name in ("encoder_parameters", "encoder_multiply_adds")):
            return f" It has as many parameters and multiply-adds as “{other.variant}” of the table: is it another network?"
    return ""


LIKE_PARAMETERS = (
    "multiply_adds_like_parameters",
    "You predicted for the multiply-adds what holds for the parameters. A weight is used once for each pixel of its map, so "
    "one at stride 2 costs 256 times as much as one at stride 32: count each layer at its own size.",
)
WITH_DECODER = (
    "with_the_decoder",
    "That is the ratio of the whole networks. The decoder, which is of one kind for all, is to be left out: count the encoder.",
)


def of_parameters(predicted: Predicted, found: Measured) -> Mark:
    """Parameters can be counted, so the prediction has to be right."""
    return _of_count("parameters", predicted.parameters, found, "encoder_parameters", "parameters")


def of_multiply_adds(predicted: Predicted, found: Measured) -> Mark:
    """So can multiply-adds."""
    mark = _of_count("multiply-adds", predicted.multiply_adds, found, "encoder_multiply_adds", "multiply_adds")
    if (
        mark.sign == FAILED
        and not mark.misconception
        and _near(predicted.multiply_adds, _ratio(found, "encoder_parameters"))
    ):
        return Mark(FAILED, f"{mark.text} {LIKE_PARAMETERS[1]}", LIKE_PARAMETERS[0])
    return mark


def _of_count(name: str, guess: float, found: Measured, of_encoder: str, of_whole: str) -> Mark:
    came = _ratio(found, of_encoder)
    numbers = f"{found.rows[0][of_encoder]:,} beside {found.of_small[of_encoder]:,}"
    text = f"{name}: you predicted {guess:.3g} times as many as {SMALL} has; there are {came:.3g} times as many ({numbers})."
    if _near(guess, came):
        return Mark(HELD, text)
    if _near(guess, _ratio(found, of_whole)):
        return Mark(FAILED, f"{text} {WITH_DECODER[1]}", WITH_DECODER[0])
    return Mark(
        FAILED, f"{text} They can be counted before anything is trained, so {WITHIN:.0%} is all they may differ."
    )


def _ratio(found: Measured, name: str) -> float:
    return found.rows[0][name] / found.of_small[name]


def _near(guess: float, came: float) -> bool:
    return abs(guess - came) <= WITHIN * came + 1e-9


def of_step_time(predicted: Predicted, found: Measured) -> Mark:
    """A time hangs on the machine and its kernels: the number is shown, and a factor of 1.5 forgiven."""
    came = found.seconds / found.seconds_of_small
    text = (
        f"time of a training step: you predicted {predicted.step_time:.3g} times as long; it took {came:.2f} times as long "
        f"({1000 * found.seconds:.0f} ms beside {1000 * found.seconds_of_small:.0f} ms, in turns on this machine)."
    )
    if came / FACTOR <= predicted.step_time <= came * FACTOR:
        return Mark(HELD, text)
    less = (
        " The decoder and the update of the weights take their time whatever the encoder, and small layers keep a processor "
        "less busy than large ones: multiply-adds do not tell the time."
    )
    return Mark(FAILED, text + less)


def of_mean_iou(predicted: Predicted, found: Measured, table: "pandas.DataFrame") -> Mark:
    """Of a difference the sign is judged, and only if it is larger than what another seed changes."""
    small = _of_small(table)
    guess = f"mean IoU: you predicted {_points(predicted.mean_iou)}"
    mine = [row["mean_iou"] for row in found.rows]
    if len(small) == 0 or spread(table, mine) is None:
        return Mark(
            OPEN, f"{guess}; the table has no rows of {SMALL} with several seeds, so that nothing can be said of it."
        )
    came, apart = 100 * (sum(mine) / len(mine) - float(small.mean_iou.mean())), 100 * (spread(table, mine) or 0)
    text = f"{guess}; it was {_points(came)} ({sum(mine) / len(mine):.3f} beside {float(small.mean_iou.mean()):.3f})."
    seeds = f"the {apart:.1f} points by which the seeds of one network differ"
    about_none = abs(predicted.mean_iou) <= apart / 2
    if abs(came) <= apart:
        sign = HELD if about_none else OPEN
        verdict = "as you predicted" if sign == HELD else "so that your prediction is neither borne out nor refuted"
        return Mark(sign, f"{text} That is not more than {seeds}: no difference that these seeds show, {verdict}.")
    if about_none:
        return Mark(FAILED, f"{text} That is more than {seeds}: there is a difference, and you predicted about none.")
    direction = "better" if came > 0 else "worse"
    if (came > 0) == (predicted.mean_iou > 0):
        return Mark(HELD, f"{text} That is more than {seeds}: it is {direction}, as you predicted.")
    return Mark(FAILED, f"{text} That is more than {seeds}: it is {direction}, and you predicted the opposite.")


def _points(value: float) -> str:
    return f"{value:+.1f} points".replace("-", "−")


def spread(table: "pandas.DataFrame", mine: Sequence[float]) -> float | None:
    """The largest difference of mean IoU between seeds of one network, in the table or among one's own; None for single ones."""
    groups = [list(runs.mean_iou) for _, runs in table.groupby("variant")] + [list(mine)]
    return max((max(values) - min(values) for values in groups if len(values) > 1), default=None)


def of_comparison(
    kind: Mapping[str, float], seeds: int, table: "pandas.DataFrame | None"
) -> tuple[Mark, "pandas.DataFrame"]:
    """Whether there are rows that it may be compared with, and these rows: of as many steps and images, and of its kind.

    `kind`: its "steps", and whether it is "pretrained" and "frozen", as a row of the table says it.
    """
    import pandas

    steps, none = kind["steps"], pandas.DataFrame({"variant": [], "mean_iou": []})
    if table is None:
        return Mark(OPEN, "comparison: there is no table yet; `python tools/studies/encoders.py` makes it."), none
    as_many = table[table.images == IMAGES]
    as_long = as_many[as_many.steps == steps]
    if len(as_long) == 0:
        there = " or ".join(map(str, sorted(set(as_many.steps))))
        text = (
            f"comparison: {steps} steps would not be fair, since the networks of the table had {there}, and what is trained for "
            f"longer knows more. Give `judge` as many."
        )
        return Mark(FAILED, text), none
    alike = as_long[(as_long.pretrained == kind["pretrained"]) & (as_long.frozen == kind["frozen"])]
    if len(alike) == 0:
        others = " or ".join(dict.fromkeys(kind_of(row) for _, row in as_long.iterrows()))
        text = (
            f"comparison: the table has no network with {kind_of(kind)} after {steps} steps, but with {others}. These begin with "
            "something else, so that it would not be fair, and nothing is compared."
        )
        return Mark(OPEN, text), none
    networks = _some(alike.variant.nunique(), "network")
    if kind["pretrained"]:
        text = (
            f"comparison: as many steps and scenes as the {networks} of the table with {kind_of(kind)}. But on what weights were "
            "pretrained, and for how long, belongs to the comparison, too, and nobody can read it off them. Theirs come from "
            "drawn patterns: say in your reason where yours come from."
        )
        return Mark(OPEN, text), alike
    text = (
        f"comparison: fair. The same kind of decoder, the same scenes, recipe and {steps} steps as the {networks} of the table "
        f"with {kind_of(kind)}; yours has {_some(seeds, 'seed')}."
    )
    if len(alike) < len(as_long):
        text += " Those of another kind are left out: to compare with them would not be fair."
    return Mark(HELD, text), alike


def kind_of(row: Mapping[str, float]) -> str:
    """With which weights an encoder began, and whether it learnt."""
    return ("pretrained weights" if row["pretrained"] else "random weights") + (
        " that stay frozen" if row["frozen"] else ""
    )


def _some(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _of_small(table: "pandas.DataFrame") -> "pandas.DataFrame":
    return table[table.variant.astype(str).str.split(",").str[0] == REFERENCE]


def report_table(found: Measured, alike: "pandas.DataFrame") -> "pandas.DataFrame":
    """The rows that it is compared with and its own, as text: costs, seconds a step where measured just now, and scores."""
    import pandas

    mine = pandas.DataFrame([{"variant": YOURS} | dict(row) for row in found.rows])
    rows = pandas.concat([alike, mine]) if len(alike) else mine
    first = rows.groupby("variant", sort=False).first()
    table = study_table(rows, ["mean_iou", "boundary_iou"])
    table.insert(0, "encoder's parameters", [f"{count / 1e6:.2f} M" for count in first.encoder_parameters])
    table.insert(1, "encoder's multiply-adds", [f"{count / 1e6:,.1f} M" for count in first.encoder_multiply_adds])
    times = {YOURS: found.seconds}
    if not found.rows[0]["frozen"]:  # the small residual network was timed while all of it learnt
        times |= {name: found.seconds_of_small for name in _of_small(alike).variant}
    table.insert(2, "ms a step", [f"{1000 * times[name]:.0f}" if name in times else "–" for name in table.index])
    return table


def verdict_of(marks: Sequence[Mark], predicted: Predicted, *, changed: bool) -> Verdict:
    """Right if the comparison is not unfair, and what can be computed was; what only a measurement tells is marked.

    `changed`: whether the prediction of the latter is another than before the measurement.
    """
    failed = [mark for mark in marks[:REQUIRED] if mark.sign == FAILED]
    told = ["not yet." if failed else "right.", *map(str, marks)]
    if changed:
        told.append(
            "You have changed what you predicted of time or mean IoU since it was measured: the first one stands."
        )
    if not failed and any(mark.sign == FAILED for mark in marks):
        told.append(
            "A wrong guess at what only a measurement can tell costs nothing. What of your reason does it refute?"
        )
    trained_on = ", on what its weights were trained before" if predicted.pretrained else ""
    told.append(FOR_THE_LECTURER.format(trained_on=trained_on, because=predicted.because))
    known = next((mark.misconception for mark in failed if mark.misconception), "")
    return Verdict("wrong" if failed else "right", "\n".join(told), known)
