"""Explorer of lesson 10: which encoder is best depends on what one pays with, and on what is to be found."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import LogLocator

from course_utils import plots
from course_utils.plots.tables import read_results
from course_utils.widgets.explorer import Choice, Explorer

COSTS = {
    "CPU seconds of the training": "training_cpu_seconds",
    "parameters of the encoder": "encoder_parameters",
    "multiply-adds of the encoder": "encoder_multiply_adds",
}
SCORES = {
    "mean IoU": "mean_iou",
    "boundary IoU": "boundary_iou",
    "IoU of persons": "iou_person",
    "IoU of poles": "iou_pole",
}
STEPS = 450


class Encoder(NamedTuple):
    """One encoder of the study: what it costs, its mean score over the seeds, and the lowest and highest."""

    name: str
    cost: float
    score: float
    low: float
    high: float


@cache
def encoders(cost: str, score: str) -> tuple[Encoder, ...]:
    """The encoders of the study that began with random weights, the best first; `cost` and `score` as on the screen."""
    runs = read_results("encoders")
    runs = runs[(runs.pretrained == 0) & (runs.steps == STEPS)]
    found = []
    for variant, rows in runs.groupby("variant"):
        scores = rows[SCORES[score]]
        name = str(variant).split(",")[0]
        found.append(Encoder(name, rows[COSTS[cost]].mean(), scores.mean(), scores.min(), scores.max()))
    return tuple(sorted(found, key=lambda encoder: -encoder.score))


def unbeaten(found: tuple[Encoder, ...]) -> list[Encoder]:
    """Those to which there is no other that costs no more and scores higher, or costs less and scores no less; cheapest first.

    This is the Pareto front.
    """
    kept = [
        one
        for one in found
        if not any(
            (other.cost <= one.cost and other.score > one.score) or (other.cost < one.cost and other.score >= one.score)
            for other in found
        )
    ]
    return sorted(kept, key=lambda encoder: encoder.cost)


def draw(figure: Figure | SubFigure, *, cost: str, score: str) -> None:
    """Draw each encoder with its range over the seeds, its name at the right, and the Pareto front."""
    found = encoders(cost, score)
    front = unbeaten(found)
    axes = figure.subplots()
    axes.step([e.cost for e in front], [e.score for e in front], where="post", color=plots.COLOURS[3], zorder=1)
    for encoder in found:
        axes.plot([encoder.cost] * 2, [encoder.low, encoder.high], color="0.6", zorder=2)
        colour = plots.COLOURS[3] if encoder in front else plots.COLOURS[0]
        axes.plot(encoder.cost, encoder.score, "o", color=colour, markersize=8, zorder=3)
    axes.set(xscale="log", xlabel=cost, ylabel=score)
    axes.margins(x=0.08)
    ticks = LogLocator(subs=(1, 2, 5)).tick_values(*axes.get_xlim())
    axes.set_xticks(*_inside(ticks, axes.get_xlim(), _number))
    axes.minorticks_off()
    axes.set_yticks(*_inside(axes.get_yticks(), axes.get_ylim(), "{:.2f}".format))
    _write_names(axes, found, front)


def _write_names(axes: Axes, found: tuple[Encoder, ...], front: list[Encoder]) -> None:
    """The names right of the axes, in the order of the scores, evenly spread, each with a line to its point."""
    for place, encoder in enumerate(found):
        height = 1 - (place + 0.5) / len(found)
        colour = plots.COLOURS[3] if encoder in front else "black"
        axes.text(1.07, height, encoder.name, transform=axes.transAxes, va="center", color=colour)
        line = {"arrowstyle": "-", "color": "0.8", "shrinkB": 5}
        point = (encoder.cost, encoder.score)
        axes.annotate("", xy=point, xytext=(1.06, height), textcoords="axes fraction", arrowprops=line)


def _inside(
    ticks: Iterable[float], limits: tuple[float, float], write: Callable[[float], str]
) -> tuple[list[float], list[str]]:
    kept = [tick for tick in ticks if limits[0] <= tick <= limits[1]]
    return kept, [write(tick) for tick in kept]


def _number(value: float) -> str:
    for unit, sign in ((1e9, " G"), (1e6, " M")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:,.0f}"


def alt(*, cost: str, score: str) -> str:
    """What there is to see: all encoders in order, and those on the Pareto front."""
    found = encoders(cost, score)
    listed = ", ".join(f"{e.name} {e.score:.2f} for {_number(float(f'{e.cost:.2g}'))}" for e in found)
    front = ", ".join(e.name for e in unbeaten(found))
    return (
        f"{score} of {len(found)} encoders against {cost}: {listed}. On the Pareto front, the cheapest first: {front}."
    )


ENCODERS = Explorer(
    draw,
    alt,
    {"cost": Choice("what it costs", tuple(COSTS)), "score": Choice("what counts", tuple(SCORES))},
    [
        {"cost": "CPU seconds of the training", "score": "mean IoU"},
        {"cost": "parameters of the encoder", "score": "mean IoU"},
        {"cost": "multiply-adds of the encoder", "score": "IoU of poles"},
    ],
    size=(9.0, 3.8),
)
