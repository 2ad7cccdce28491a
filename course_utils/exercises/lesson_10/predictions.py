"""What a student predicts of a backbone before it is measured: numbers, and a reason."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from course_utils.exercises import judging

SMALL = "the small residual network"
LIMITS = {"parameters": (0, 1000), "multiply_adds": (0, 1000), "step_time": (0, 1000), "mean_iou": (-100, 100)}
FEWEST_WORDS = 8
TOO_LITTLE = (
    f"`because` is a sentence of at least {FEWEST_WORDS} different words: what does your backbone do otherwise than the small "
    "residual network, and what should that change?"
)


class Predicted(NamedTuple):
    """Times as many as the small residual network has, points of mean IoU above it, and why."""

    parameters: float
    multiply_adds: float
    step_time: float
    mean_iou: float
    because: str
    pretrained: bool


def read_prediction(numbers: Mapping[str, Any], because: Any, pretrained: Any) -> Predicted | str:
    """A prediction, or the sentence that says what is wrong with one of its parts, or still missing."""
    for name, value in numbers.items():
        low, high = LIMITS[name]
        if value is not ... and not (judging.is_number(value) and low <= float(value) <= high):
            what = "points" if name == "mean_iou" else f"times as many as {SMALL} has"
            return f"{name}: predict one number from {low} to {high}, {what}; got {value!r}."
    if not isinstance(pretrained, bool):
        return f"pretrained is True or False; got {pretrained!r}."
    if because is not ... and not _is_a_sentence(because):
        return TOO_LITTLE
    missing = [name for name, value in ({**numbers, "because": because}).items() if value is ...]
    if missing:
        return f"still to predict: {', '.join(missing)}."
    return Predicted(
        **{name: float(value) for name, value in numbers.items()}, because=because.strip(), pretrained=pretrained
    )


def _is_a_sentence(because: Any) -> bool:
    return isinstance(because, str) and len(set(re.findall(r"[^\W\d_]+", because.lower()))) >= FEWEST_WORDS


def in_words(predicted: Predicted) -> str:
    points = f"{predicted.mean_iou:+g} points of mean IoU"
    if 0 < abs(predicted.mean_iou) < 1:
        points += f" (if you meant {100 * predicted.mean_iou:+g}, write that: a mean IoU of 1 has 100 points)"
    return (
        f"you predict {predicted.parameters:g} times the parameters, {predicted.multiply_adds:g} times the multiply-adds, "
        f"{predicted.step_time:g} times the time of a step and {points}, with "
        f"{'pretrained' if predicted.pretrained else 'random'} weights, because: {predicted.because}"
    )
