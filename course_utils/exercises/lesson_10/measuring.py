"""Measuring a student's backbone as the rows of the table were measured: what it costs, how long it takes, what it learns."""

from collections.abc import Callable, Mapping, Sequence

from course_utils.exercises.lesson_10.predictions import SMALL
from course_utils.exercises.lesson_10.trials import Make, built, steps_counted, weights_are_fixed
from course_utils.exercises.lesson_10.verdicts import Measured
from course_utils.exercises.neutral import calling_itself, neutral_state
from course_utils.exercises.task import Verdict
from course_utils.messages import show_message
from course_utils.models.backbones.small import small_resnet
from course_utils.recipes.encoders import costs, on_scenes, seconds_a_step

Train = Callable[..., Mapping[str, float]]


def problem_of_declaration(make: Make, *, pretrained: bool) -> str | None:
    """What is wrong with what a student says of the weights; None if nothing is."""
    fixed = weights_are_fixed(make)
    if fixed and not pretrained:
        return (
            "most of its weights are the same under two seeds, as pretrained ones are, but you have not declared that: "
            "`predict(..., pretrained=True)`. If nothing is pretrained, does your class set a seed? Leave that to the course."
        )
    if fixed is False and pretrained:
        return (
            "you declare pretrained weights, but under two seeds most of them differ, as random ones do. Could they not be "
            "fetched? Then it is `pretrained=False`, and compared with others that begin at random."
        )
    return None


def measure(
    make: Make, *, pretrained: bool, steps: int, seeds: Sequence[int], most_minutes: float, train: Train
) -> Measured | Verdict:
    """What a backbone costs, and what it learns with each seed; or the verdict that says why it was not measured.

    How long the training will take is said before it begins. More than `most_minutes` is refused.
    """
    trained = steps * len(seeds)
    most = 60 * most_minutes / trained
    with neutral_state(), calling_itself(make):
        try:
            small, network = on_scenes(small_resnet()), on_scenes(built(make, 0))
            parameters = sum(value.numel() for value in network.backbone.parameters())
            seconds_of_small, seconds = seconds_a_step([small, network], most=most)
            of_small = costs(small)
            del small, network  # their memory, before another is trained
            if seconds > most:
                return Verdict(
                    "wrong",
                    f"not yet. With {parameters / 1e6:,.1f} M parameters a step takes {seconds:.2g} s, "
                    f"beside {seconds_of_small:.2g} s of {SMALL}. {trained} steps would take about "
                    f"{_duration(trained * seconds)}, and more than {most_minutes:g} minutes are not begun unasked. Choose a "
                    f"smaller one, or allow it: `judge(..., most_minutes={trained * seconds / 60 + 1:.0f})`.",
                )
            show_message(
                f"{trained} steps of {1000 * seconds:.0f} ms each: about {_duration(trained * seconds)}, and some seconds to "
                "measure what was learnt."
            )
            with steps_counted() as made:
                rows = [train(seed, make=make, steps=steps, pretrained=pretrained) for seed in seeds]
        except Exception as error:  # whatever a student's code raises
            return Verdict("error", f"while it was measured and trained: {type(error).__name__}: {error}")
    if len(made) > trained:
        return Verdict(
            "wrong",
            f"not yet. The comparison is not fair: {trained} steps were given, but optimisers made {len(made)}. Your backbone "
            "trains itself beside the course.",
        )
    return Measured(rows, of_small, seconds, seconds_of_small)


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return (
        f"{seconds:.0f} s"
        if minutes < 2
        else f"{minutes:.0f} minutes"
        if minutes < 120
        else f"{minutes / 60:.0f} hours"
    )
