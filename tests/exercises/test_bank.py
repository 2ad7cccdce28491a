"""Every exercise of every lesson: its solution passes, its mistakes fail with their own sentences, its texts are there."""

from itertools import combinations

import pytest

from course_utils.exercises import Exercise, NotAttempted, tasks
from course_utils.exercises.outcomes import differ
from course_utils.exercises.parts import leaves
from course_utils.exercises.questions import Answer
from course_utils.lessons import LESSONS

ALL = [task for lesson in LESSONS for task in tasks(lesson)]
CODE = [task for task in ALL if isinstance(task, Exercise)]
ANSWERS = [task for task in ALL if isinstance(task, Answer)]


def by_name(task) -> str:
    return task.name


def test_names_are_unique_over_the_course() -> None:
    names = [task.name for task in ALL]
    assert names and len(set(names)) == len(names)


@pytest.mark.parametrize("task", ALL, ids=by_name)
def test_every_exercise_can_be_read(task) -> None:
    assert 1 <= task.difficulty <= 3 and task.minutes > 0
    assert len(task.question.split()) > 5
    assert len(task.solution_source()) > 0
    assert task.kind == "rubric" or task.hints


@pytest.mark.parametrize("task", CODE, ids=by_name)
def test_solution_passes_and_stub_is_not_attempted(task: Exercise) -> None:
    def stub(*arguments):
        raise NotAttempted

    assert task._solution.__name__ == task.name, "the student's name and the solution's are the same"
    assert task.judge(task._solution).status == "right"
    assert task.judge(task.given or stub).status == "not attempted"


@pytest.mark.parametrize("task", CODE, ids=by_name)
def test_every_misconception_fails_with_its_own_sentence(task: Exercise) -> None:
    assert len(task.misconceptions) >= 2
    for known in task.misconceptions:
        assert len(known.sentence.split()) >= 8, f"{known.name} says too little"
        verdict = task.judge(known.wrong)
        assert verdict.misconception == known.name
        assert known.sentence in verdict.text


@pytest.mark.parametrize("task", CODE, ids=by_name)
def test_solution_and_misconceptions_differ_clearly_from_one_another(task: Exercise) -> None:
    versions = {"solution": task._solution} | {known.name: known.wrong for known in task.misconceptions}
    gives = task._versions.known_outcome
    for (one, first), (other, second) in combinations(versions.items(), 2):
        apart = (
            differ(gives(first, number), gives(second, number), tolerances=10) for number in range(len(task.probes))
        )
        assert any(apart), f"{one} and {other} agree on every probe"


@pytest.mark.parametrize("task", [task for task in CODE if task.reference], ids=by_name)
def test_solution_equals_the_reference(task: Exercise) -> None:
    assert task.judge(task.reference).status == "right"


@pytest.mark.parametrize("task", CODE, ids=by_name)
def test_probes_are_asymmetric(task: Exercise) -> None:
    """A transposed or flipped probe must not be the probe itself: no square map with equal sides in all of them."""
    shapes = [leaf.values.shape for probe in task.probes for leaf in leaves(probe) if hasattr(leaf.values, "shape")]
    maps = [shape for shape in shapes if len(shape) >= 2]
    assert not maps or any(shape[-1] != shape[-2] for shape in maps) or task.name == "per_class_iou"


@pytest.mark.parametrize("task", ANSWERS, ids=by_name)
def test_answers_and_their_misconceptions(task: Answer) -> None:
    assert task.judge(task._solution).status == "right"
    assert task.misconceptions
    for known in task.misconceptions:
        given = known.wrong
        if isinstance(task._solution, dict):
            item, choice = known.wrong
            given = task._solution | {item: choice}
        verdict = task.judge(given)
        assert verdict.status == "wrong" and verdict.misconception == known.name
        assert known.sentence in verdict.text
